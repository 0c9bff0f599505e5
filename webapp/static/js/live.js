// The stream of events: keeps it open, shows whether the page is live or stale, and passes news on as events on window:
// daytrade:price {symbol, price_cents, asked_at_ms}, and daytrade:account {seq} when there are newer rows than the page
// shows.

import { refresh } from "./fragments.js";
import { leaveIfLoggedOut, tellNews } from "./news.js";

// The server sends a heartbeat, or something else, more often than this. So longer silence means a broken connection.
const SILENCE_MS_MAX = 25_000;
const RETRY_MS = [1_000, 2_000, 5_000, 10_000];
const HIDDEN_MS_MAX = 30_000;
const SUSPICIOUS_FAILURES = 2;
const WORDS = { live: "Live", stale: "Stale", starting: "Connecting" };

let source = null;
let failures = 0;
let lastHeardMs = 0;
// Number of the newest history row that the page shows or is loading. Only events of the stream raise it.
let shownSeq = 0;
let symbols = new Set();
let retryTimer = null;
let restTimer = null;
let resting = false;

export function startLive() {
  if (!document.body.dataset.stream) {
    return;
  }
  shownSeq = Number(document.body.dataset.seq);
  connect();
  addEventListener("daytrade:drawn", follow);
  setInterval(() => source && Date.now() - lastHeardMs > SILENCE_MS_MAX && retry(), 1_000);
  addEventListener("online", retry);
  document.addEventListener("visibilitychange", rest);
  rest(); // the page may have been opened in a hidden tab
  // A page in the back-forward cache must not keep a stream open; a page that the person leaves must not show "stale".
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && retry());
}

function connect() {
  clearTimeout(retryTimer);
  source?.close();
  lastHeardMs = Date.now();
  symbols = shownSymbols();
  const address = new URL(document.body.dataset.stream, location.href);
  const named = [...symbols].slice(0, Number(document.body.dataset.streamSymbolsMax));
  if (named.length) {
    address.searchParams.set("symbols", named.join(","));
  }
  // The stream may come from another port of this host, which needs the session cookie too.
  source = new EventSource(address, { withCredentials: true });
  source.addEventListener("open", welcome);
  source.addEventListener("error", () => retry());
  for (const name of ["heartbeat", "status", "price", "account"]) {
    source.addEventListener(name, (event) => hear(name, event));
  }
}

// Browsers open at most six connections to one address. So a hidden tab closes its stream after a while, and opens a
// new one, which begins with the current state, when it is shown again.
function rest() {
  clearTimeout(restTimer);
  if (document.hidden) {
    restTimer = setTimeout(() => {
      resting = true;
      source?.close();
      source = null;
      clearTimeout(retryTimer);
      mark("stale");
    }, HIDDEN_MS_MAX);
  } else if (resting) {
    resting = false;
    connect();
  }
}

// The stream brings the prices of all symbols that the person held, watched or had a trigger order on when it began,
// and of those that the page named. When the page begins to show another symbol, it has to open a new stream.
function follow() {
  if (source && [...shownSymbols()].some((symbol) => !symbols.has(symbol))) {
    connect();
  }
}

// Symbols that the person may neither hold nor watch come first. Only the others, whose prices the stream brings
// anyway, can then exceed the limit.
function shownSymbols() {
  const followed = [...document.querySelectorAll("[data-follows]")].map((element) => element.dataset.follows);
  const priced = [...document.querySelectorAll("[data-price-of]")].map((element) => element.dataset.priceOf);
  return new Set([...followed, ...priced]);
}

// The stream begins with the current state, so nothing that happened while it was closed is missed.
function welcome() {
  lastHeardMs = Date.now();
  failures = 0;
}

function hear(name, event) {
  lastHeardMs = Date.now();
  const detail = JSON.parse(event.data);
  if (name === "status" && !detail.live) {
    mark("stale"); // this connection works, but the server has lost its connection to the broker
  } else if (name === "status") {
    mark("live");
  }
  if (name === "price") {
    dispatchEvent(new CustomEvent("daytrade:price", { detail }));
  }
  if (name === "account" && detail.seq > shownSeq) {
    shownSeq = detail.seq;
    dispatchEvent(new CustomEvent("daytrade:account", { detail }));
    refresh();
    tellNews();
  }
}

function retry() {
  if (resting) {
    return;
  }
  mark("stale");
  source?.close();
  clearTimeout(retryTimer);
  lastHeardMs = Date.now();
  if (failures === SUSPICIOUS_FAILURES) {
    leaveIfLoggedOut();
  }
  retryTimer = setTimeout(connect, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
}

function mark(state) {
  for (const element of document.querySelectorAll("[data-live-mark]")) {
    if (element.dataset.state !== state) {
      element.dataset.state = state;
      element.querySelector("[data-text]").textContent = WORDS[state];
    }
  }
}
