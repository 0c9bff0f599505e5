// The server's time in the browser: countdowns must not depend on the clock of somebody's laptop.

let offsetMs = 0;

const rendered = Number(document.documentElement.dataset.serverTimeMs);
const arrival = performance.getEntriesByType("navigation")[0];
if (rendered && arrival) {
  offsetMs = rendered - (performance.timeOrigin + arrival.responseStart);
}

export function serverNowMs() {
  return Date.now() + offsetMs;
}

// Takes the server's time from an answer: a laptop may sleep, or its clock may be set.
export function learnTime(response) {
  const serverMs = Number(response.headers.get("X-Server-Time-Ms"));
  if (serverMs) {
    offsetMs = serverMs - Date.now();
  }
}
