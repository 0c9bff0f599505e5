// Parts of a page that the server renders anew when something changes: <section data-fragment="orders">, with
// data-query if the part depends on the page's address. Parts wanted at the same time come in one answer and are
// swapped in one step, so that all show the same moment. data-every-ms reloads a part regularly, without an event.

import { isStill, redraw, restingFocusIn, whenStillnessEnds } from "./calm.js";
import { learnTime } from "./clock.js";
import { awaitsAnswer } from "./intentions.js";
import { showPrices } from "./prices.js";
import { tick } from "./ticking.js";

const RETRY_MS = 3_000;
const wanted = new Set();
let loading = false;

export function startFragments() {
  // A page that comes back from the browser's back-forward cache shows old data.
  addEventListener("pageshow", (event) => event.persisted && refresh());
  for (const element of document.querySelectorAll("[data-every-ms]")) {
    setInterval(() => document.hidden || load([element]), Number(element.dataset.everyMs));
  }
}

// All parts of the page.
export function refresh() {
  load(document.querySelectorAll("[data-fragment]"));
}

// Sends one request at a time; parts that are wanted meanwhile are loaded by the next one.
function load(elements) {
  elements.forEach((element) => wanted.add(element));
  if (!loading) {
    loadWanted();
  }
}

async function loadWanted() {
  loading = true;
  while (wanted.size) {
    await whenStillnessEnds();
    const elements = [...wanted];
    wanted.clear();
    const response = await fetch(addressOf(elements), { redirect: "manual" }).catch(() => null);
    const parts = response?.ok ? await response.json().catch(() => null) : null;
    if (!parts && response && response.status < 500) {
      continue; // the session has ended; the stream of live updates notices it too
    }
    if (!parts) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS)); // the server is unreachable for a moment
    }
    if (!parts || isStill()) {
      elements.forEach((element) => wanted.add(element));
      continue;
    }
    learnTime(response);
    redraw(() => {
      elements.forEach((element) => swap(element, parts[element.dataset.fragment]));
      showPrices();
    });
    dispatchEvent(new Event("daytrade:drawn"));
  }
  loading = false;
}

function addressOf(elements) {
  const names = elements.map((element) => element.dataset.fragment).join(",");
  const query = elements.map((element) => element.dataset.query).filter(Boolean).join("&");
  return `${document.body.dataset.fragments.replace("NAMES", names)}?${query}`;
}

// Replaces a part, unless a field in it is being filled in or a form in it awaits its outcome.
function swap(element, html) {
  if (awaitsAnswer(element)) {
    return;
  }
  const active = element.contains(document.activeElement) ? document.activeElement : restingFocusIn(element);
  if (active?.matches("input:not([type=hidden])") && active.value !== active.defaultValue) {
    return;
  }
  const key = active?.dataset.key;
  const parsed = new DOMParser().parseFromString(html, "text/html");
  element.replaceChildren(...parsed.body.childNodes);
  tick(element);
  if (active) {
    const again = key && element.querySelector(`[data-key="${CSS.escape(key)}"]`);
    (again || element.querySelector("h2, h3"))?.focus({ preventScroll: true });
  }
}
