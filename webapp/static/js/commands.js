// Forms that give a command (form[data-command]), sent without leaving the page. The outcome becomes a message, and the
// parts of the page that the command changed are redrawn. data-command says what a second press means:
// with "keep" it is the same intention (intentions.js), with "repeat" a new one. data-repeat on a button means "repeat"
// for that button. data-clear empties the form when its command was done.

import { press, settle } from "./calm.js";
import { learnTime } from "./clock.js";
import { refresh } from "./fragments.js";
import { begin, doneAlready, end, startIntentions } from "./intentions.js";
import { say } from "./messages.js";

const NO_ANSWER = {
  kind: "error",
  title: "No answer from the server",
  text: "We do not know yet whether this was done. Press again: it will not be done twice.",
};

// When many requests wait, the server answers "pending" at once, although the outcome follows shortly. So ask early.
const FIRST_ASK_MS = 300;
const ASK_MS = 1_500;
const ASK_TIMES_MAX = 40;

export function startCommands() {
  startIntentions((form, button) => send(form, button, true));
  addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("form[data-command]")) {
      event.preventDefault();
      send(form, event.submitter ?? form.querySelector("button:not([type=button])"));
    }
  });
}

async function send(form, button, again = false) {
  if (form.dataset.busy) {
    return;
  }
  const once = form.dataset.command === "keep" && !("repeat" in button.dataset);
  const already = once && !again && doneAlready(form);
  if (already) {
    press(button)();
    say(already);
    return;
  }
  const intention = once ? begin(form, again) : null;
  const body = new URLSearchParams(new FormData(form));
  form.dataset.busy = "1";
  button.setAttribute("aria-busy", "true");
  const answered = press(button);
  try {
    const response = await fetch(button.getAttribute("formaction") || form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body,
    });
    learnTime(response);
    if (response.redirected) {
      location.assign(response.url); // the session has ended: log in again
      return;
    }
    conclude(form, button, await response.json(), intention);
  } catch {
    say(NO_ANSWER);
  } finally {
    delete form.dataset.busy;
    button.removeAttribute("aria-busy");
    answered();
  }
}

function conclude(form, button, answer, intention) {
  // If the first request got no answer, its outcome is new to the person, although the server says "repeated".
  say(answer.repeated && !intention?.unanswered ? answer.again : answer);
  if (intention) {
    end(form, intention, answer);
  } else if (form.dataset.command === "repeat" && answer.token) {
    form.elements.form_token.value = answer.token;
  }
  if (answer.kind === "done" && button.dataset.done) {
    settle(button);
  }
  if (answer.later) {
    askLater(form, answer.later, intention, ASK_TIMES_MAX, FIRST_ASK_MS);
  }
  dispatchEvent(new Event("daytrade:refresh"));
  refresh();
}

// Polls for an outcome: a slow quote can delay a command for longer than its form waits.
function askLater(form, address, intention, times, pauseMs = ASK_MS) {
  setTimeout(async () => {
    const response = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
    const answer = response?.ok && !response.redirected ? await response.json() : null;
    if (answer && answer.kind !== "pending") {
      say(answer);
      if (intention) {
        end(form, intention, answer);
      }
      refresh();
    } else if (times > 1) {
      askLater(form, address, intention, times - 1);
    }
  }, pauseMs);
}
