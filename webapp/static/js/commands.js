// Forms that give a command, sent without leaving the page: form[data-command]. The outcome is a message, and what the
// command changed is drawn anew. The form's one-time token makes it safe to press again when no answer came.

import { learnTime } from "./clock.js";
import { refresh } from "./fragments.js";
import { say } from "./messages.js";

const NO_ANSWER = {
  kind: "error",
  title: "No answer from the server",
  text: "It is not known yet whether this was done. Press again: it will not be done twice.",
};

// Where many wait, an order is told to be on its way at once, though its outcome comes a moment later.
const FIRST_ASK_MS = 300;
const ASK_MS = 1_500;
const ASK_TIMES_MAX = 40;

export function startCommands() {
  addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("form[data-command]")) {
      event.preventDefault();
      send(form, event.submitter);
    }
  });
}

async function send(form, button) {
  if (form.dataset.busy) {
    return;
  }
  form.dataset.busy = "1";
  button?.setAttribute("aria-busy", "true");
  try {
    const body = new URLSearchParams(new FormData(form, button));
    const response = await fetch(button?.getAttribute("formaction") || form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body,
    });
    learnTime(response);
    if (response.redirected) {
      location.assign(response.url); // the session has ended: log in again
      return;
    }
    await conclude(form, await response.json());
  } catch {
    say(NO_ANSWER);
  } finally {
    delete form.dataset.busy;
    button?.removeAttribute("aria-busy");
  }
}

async function conclude(form, answer) {
  if (answer.token) {
    form.elements.form_token.value = answer.token;
  }
  if (answer.kind === "done" && form.dataset.command === "clear") {
    for (const field of form.querySelectorAll("input:not([type=hidden], [type=radio])")) {
      field.value = "";
    }
  }
  say(answer);
  if (answer.later) {
    askLater(answer.later, ASK_TIMES_MAX, FIRST_ASK_MS);
  }
  dispatchEvent(new Event("daytrade:refresh"));
  await refresh("account");
}

// A slow quote can keep a command for longer than its form waits.
function askLater(address, times, pauseMs = ASK_MS) {
  setTimeout(async () => {
    const response = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
    const answer = response?.ok && !response.redirected ? await response.json() : null;
    if (answer && answer.kind !== "pending") {
      say(answer);
      refresh("account");
    } else if (times > 1) {
      askLater(address, times - 1);
    }
  }, pauseMs);
}
