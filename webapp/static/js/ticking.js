// Texts that change with the clock: countdowns of pending orders and ages of quotes, all on one timer.

import { serverNowMs } from "./clock.js";

const TICK_MS = 250;
const SOON_MS = 10_000;
const QUOTE_LIFETIME_MS = 60_000;

function tickCountdown(element, nowMs) {
  const leftMs = Number(element.dataset.expiresAtMs) - nowMs;
  const seconds = Math.ceil(leftMs / 1000);
  const text = leftMs > 0 ? `${Math.min(seconds, 60)} s` : "Expired";
  const label = element.querySelector("[data-countdown-text]");
  if (label.textContent !== text) {
    label.textContent = text;
  }
  const bar = element.querySelector("progress");
  if (bar) {
    bar.value = Math.max(0, leftMs);
  }
  element.dataset.state = leftMs <= 0 ? "over" : leftMs <= SOON_MS ? "soon" : "running";
}

export function ageText(ageMs) {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 120) {
    return `${seconds} s ago`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) {
    return `${minutes} min ago`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} days ago`;
}

function tickAge(element, nowMs) {
  const ageMs = nowMs - Number(element.dataset.askedAtMs);
  const text = ageText(ageMs);
  if (element.textContent !== text) {
    element.textContent = text;
  }
  element.dataset.state = ageMs >= QUOTE_LIFETIME_MS ? "old" : "fresh";
}

export function tick(root = document) {
  const nowMs = serverNowMs();
  for (const element of root.querySelectorAll("[data-expires-at-ms]")) {
    tickCountdown(element, nowMs);
  }
  for (const element of root.querySelectorAll("[data-asked-at-ms]")) {
    tickAge(element, nowMs);
  }
}

export function startTicking() {
  tick();
  setInterval(tick, TICK_MS);
}
