// Prices on the page: every [data-price-of="SYM"] and [data-asked-of="SYM"] shows the symbol's newest price or its
// time, whether the stream or a redrawn part brought it. All figures derived from a price change in the same step.

import { drawDerived } from "./derived.js";
import { dollars } from "./formats.js";
import { tick } from "./ticking.js";

// A new stream brings the prices of all symbols at once. The page is updated once for prices that come together: to
// update it for each of a thousand would hold the browser up for many seconds.
const GATHER_MS = 20;

// By symbol: {cents, askedAtMs}.
const newest = new Map();
// Symbols whose newest price is not shown yet.
const changed = new Set();

export function startPrices() {
  showPrices();
  addEventListener("daytrade:price", ({ detail }) => {
    if (learn(detail.symbol, { cents: BigInt(detail.price_cents), askedAtMs: detail.asked_at_ms })) {
      if (!changed.size) {
        setTimeout(update, GATHER_MS);
      }
      changed.add(detail.symbol);
    }
  });
}

function update() {
  changed.forEach(show);
  changed.clear();
  drawDerived(newest);
}

// Call this after a part was redrawn: it learns the part's prices, and updates the whole page to the newest.
export function showPrices() {
  for (const element of document.querySelectorAll("[data-price-of][data-cents]")) {
    const { priceOf, cents, pricedAtMs } = element.dataset;
    learn(priceOf, { cents: BigInt(cents), askedAtMs: Number(pricedAtMs) });
  }
  [...newest.keys()].forEach(show);
  drawDerived(newest);
}

function learn(symbol, price) {
  if (price.askedAtMs <= (newest.get(symbol)?.askedAtMs ?? -1)) {
    return false;
  }
  newest.set(symbol, price);
  return true;
}

function show(symbol) {
  const { cents, askedAtMs } = newest.get(symbol);
  for (const element of document.querySelectorAll(`[data-asked-of="${symbol}"]`)) {
    if (Number(element.dataset.askedAtMs) !== askedAtMs) {
      element.dataset.askedAtMs = askedAtMs;
      tick(element.parentElement);
    }
  }
  for (const element of document.querySelectorAll(`[data-price-of="${symbol}"]`)) {
    const before = element.dataset.cents ? BigInt(element.dataset.cents) : null;
    element.dataset.pricedAtMs = askedAtMs;
    if (before !== cents) {
      element.dataset.cents = cents;
      element.textContent = dollars(cents);
      if (before !== null) {
        flash(element, cents > before ? "flash-up" : "flash-down");
      }
    }
  }
}

function flash(element, name) {
  element.classList.remove("flash-up", "flash-down");
  void element.offsetWidth; // makes the animation begin anew
  element.classList.add(name);
}
