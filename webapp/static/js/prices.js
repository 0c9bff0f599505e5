// Prices in place: every [data-price-of="SYM"] and [data-asked-of="SYM"] follows the stream.

import { refreshForPrice } from "./fragments.js";
import { tick } from "./ticking.js";

export function startPrices() {
  addEventListener("daytrade:price", (event) => show(event.detail));
}

export function dollars(cents) {
  const whole = Math.floor(cents / 100).toLocaleString("en-US");
  return `$${whole}.${String(cents % 100).padStart(2, "0")}`;
}

function show({ symbol, price_cents: cents, asked_at_ms: askedAtMs }) {
  let isNews = false;
  for (const element of document.querySelectorAll(`[data-asked-of="${CSS.escape(symbol)}"]`)) {
    isNews ||= Number(element.dataset.askedAtMs) !== askedAtMs;
    element.dataset.askedAtMs = askedAtMs;
    tick(element.parentElement);
  }
  for (const element of document.querySelectorAll(`[data-price-of="${CSS.escape(symbol)}"]`)) {
    const before = Number(element.dataset.cents);
    element.dataset.cents = cents;
    element.textContent = dollars(cents);
    if (before && before !== cents) {
      flash(element, cents > before ? "flash-up" : "flash-down");
    }
  }
  // A stream begins by telling what the page knows already.
  if (isNews) {
    refreshForPrice();
  }
}

function flash(element, name) {
  element.classList.remove("flash-up", "flash-down");
  void element.offsetWidth; // makes the animation begin anew
  element.classList.add(name);
}
