// Parts of a page that the server renders anew when something changed: <section data-fragment="/fragments/orders">.
// data-on says what they follow: "account" (own account changed), "price" (any price came), or both; data-every-ms
// is for what no event tells.

import { learnTime } from "./clock.js";
import { tick } from "./ticking.js";

const PRICE_PAUSE_MS = 1_000;
const RETRY_MS = 3_000;
const states = new WeakMap();

export function startFragments() {
  // Also when a page comes back from the browser's back-forward cache: what it shows is old.
  addEventListener("pageshow", (event) => event.persisted && refresh("account"));
  for (const element of document.querySelectorAll("[data-every-ms]")) {
    setInterval(() => document.hidden || load(element), Number(element.dataset.everyMs));
  }
}

export function refresh(reason) {
  const wanted = [...document.querySelectorAll("[data-fragment]")].filter((element) => follows(element, reason));
  return Promise.all(wanted.map(load));
}

let priceTimer = null;

// Prices come in bursts, and a figure that depends on ten of them need not be drawn ten times.
export function refreshForPrice() {
  priceTimer ??= setTimeout(() => {
    priceTimer = null;
    refresh("price");
  }, PRICE_PAUSE_MS);
}

function follows(element, reason) {
  return (element.dataset.on ?? "account").split(" ").includes(reason);
}

// One request at a time per fragment; a wish that comes meanwhile is served by one more afterwards.
async function load(element) {
  const state = states.get(element) ?? { busy: false, again: false };
  states.set(element, state);
  if (state.busy) {
    state.again = true;
    return;
  }
  state.busy = true;
  try {
    do {
      state.again = false;
      await loadOnce(element);
    } while (state.again);
  } finally {
    state.busy = false;
  }
}

async function loadOnce(element) {
  const response = await fetch(element.dataset.fragment, { redirect: "manual" }).catch(() => null);
  if (response?.ok) {
    learnTime(response);
    swap(element, await response.text());
  } else if (!response || response.status >= 500) {
    // Away for a moment. What was to be shown is still to be shown.
    setTimeout(load, RETRY_MS, element);
  }
}

// A field that is being filled in is left alone until it is done with.
function swap(element, html) {
  const active = element.contains(document.activeElement) ? document.activeElement : null;
  if (active?.matches("input:not([type=hidden])") && active.value !== active.defaultValue) {
    return;
  }
  const key = active?.dataset.key;
  const parsed = new DOMParser().parseFromString(html, "text/html");
  element.replaceChildren(...parsed.body.childNodes);
  tick(element);
  dispatchEvent(new Event("daytrade:drawn"));
  if (active) {
    const again = key && element.querySelector(`[data-key="${CSS.escape(key)}"]`);
    (again || element.querySelector("h2, h3"))?.focus();
  }
}
