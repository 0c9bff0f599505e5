// The trade ticket's estimate: while the fields are filled in, asks the server, which does the arithmetic.

import { redraw, whenStillnessEnds } from "./calm.js";
import { learnTime } from "./clock.js";
import { tick } from "./ticking.js";

const PAUSE_MS = 150;

export function startEstimates() {
  for (const form of document.querySelectorAll("form[data-estimate]")) {
    follow(form);
  }
}

function follow(form) {
  const target = document.getElementById(form.dataset.estimateTarget);
  let timer = null;
  let asking = null;

  const ask = async () => {
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    const fields = new FormData(form);
    const query = new URLSearchParams();
    for (const name of ["side", "symbol", "amount"]) {
      query.set(name, fields.get(name) ?? "");
    }
    try {
      const response = await fetch(`${form.dataset.estimate}?${query}`, { signal: mine.signal });
      if (response.ok) {
        learnTime(response);
        const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
        await whenStillnessEnds();
        mine.signal.throwIfAborted();
        redraw(() => target.replaceChildren(...parsed.body.childNodes));
        tick(target);
        dispatchEvent(new Event("daytrade:drawn"));
      }
    } catch {
      // a newer request has aborted this one, or the server is unreachable, which the live mark shows
    }
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  };
  form.addEventListener("input", later);
  addEventListener("daytrade:refresh", later);
  addEventListener("daytrade:price", (event) => {
    if (event.detail.symbol === form.elements.symbol.value.trim().toUpperCase()) {
      later();
    }
  });
}
