// Figures derived from prices: worth and profit of a position, the totals over all of them, and how far the price still
// has to move for a trigger order. It uses the arithmetic of webapp/reads, on figures that
// the server puts into data- attributes.

import { dollars, percent, plainPercent, signedDollars } from "./formats.js";

// `newest`: the prices that the page shows, by symbol. All figures are updated in one step.
export function drawDerived(newest) {
  document.querySelectorAll("tr[data-position]").forEach((row) => drawPosition(row, newest));
  document.querySelectorAll("[data-holdings]").forEach((tiles) => drawTotals(tiles, newest));
  document.querySelectorAll("tr[data-trigger-cents]").forEach((row) => drawDistance(row, newest));
}

function drawPosition(row, newest) {
  const price = newest.get(row.dataset.position);
  if (!price) {
    return;
  }
  const cost = BigInt(row.dataset.costCents);
  const worth = BigInt(row.dataset.shares) * price.cents;
  put(row.querySelector("[data-worth]"), dollars(worth));
  putChange(row.querySelector("[data-profit]"), worth - cost);
  put(row.querySelector("[data-profit-percent]"), cost ? percent(worth - cost, cost) : "");
}

function drawTotals(tiles, newest) {
  let worth = 0n;
  let cost = 0n;
  const unpriced = [];
  for (const [symbol, shares, paid] of JSON.parse(tiles.dataset.holdings)) {
    const price = newest.get(symbol);
    if (price) {
      worth += BigInt(shares) * price.cents;
      cost += BigInt(paid);
    } else {
      unpriced.push(symbol);
    }
  }
  const note = unpriced.length ? `without ${unpriced.join(", ")}: no price known` : "at the newest prices";
  put(tiles.querySelector("[data-figure=total]"), dollars(BigInt(tiles.dataset.moneyCents) + worth));
  put(tiles.querySelector("[data-figure=worth]"), dollars(worth));
  put(tiles.querySelector("[data-worth-note]"), note);
  putChange(tiles.querySelector("[data-figure=profit] > span"), worth - cost);
  const gained = cost ? `${percent(worth - cost, cost)} of their cost` : "of open positions";
  put(tiles.querySelector("[data-profit-note]"), gained);
}

function drawDistance(row, newest) {
  const [symbol, side] = row.dataset.trigger.split("-");
  const price = newest.get(symbol);
  if (!price) {
    return;
  }
  const above = price.cents - BigInt(row.dataset.triggerCents);
  const left = side === "buy" ? above : -above;
  const distance = row.querySelector("[data-distance]");
  const note = row.querySelector("[data-distance-note]");
  distance.classList.toggle("up", left <= 0n);
  put(distance, left > 0n ? dollars(left) : "reached");
  put(note, left > 0n ? `${note.dataset.words}, ${plainPercent(left, price.cents)}` : "");
}

function putChange(element, cents) {
  element.className = cents > 0n ? "up" : cents < 0n ? "down" : "muted";
  put(element, signedDollars(cents));
}

function put(element, text) {
  if (element.textContent.trim() !== text) {
    element.textContent = text;
  }
}
