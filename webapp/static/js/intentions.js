// One idempotency key for each intention. A form keeps its key as long as its content stays the same, except after a
// rejection: then nothing was done, and the next press is a new intention. When the command was done, the script sends
// the same content again only if the person presses the button [data-again-of] with the form's id.

const NOT_CONTENT = new Set(["csrf_token", "form_token", "next"]);

// By form: its content when it was sent, how that ended ("done", "rejected", null while unknown), the message for
// sending the same again, and the key for the next intention.
const sent = new WeakMap();

export function startIntentions(sendAgain) {
  addEventListener("input", (event) => event.target.form && offerAgain(event.target.form));
  addEventListener("click", (event) => {
    const button = event.target.closest("[data-again-of]");
    if (button) {
      sendAgain(document.getElementById(button.dataset.againOf), button);
    }
  });
}

// The message to show instead of sending a form whose content was done already; null if the form is to be sent.
export function doneAlready(form) {
  const before = sent.get(form);
  if (before?.ending !== "done" || before.content !== contentOf(form)) {
    return null;
  }
  const button = againButton(form);
  const hint = button ? ` To do it once more, press “${button.textContent}”.` : "";
  return { ...before.again, text: before.again.text + hint };
}

// Whether a part of the page holds a form that was filled in and sent, and whose outcome is unknown. A redrawing would
// empty the form and change its key. Then the person could fill it in again, and the command would run twice.
export function awaitsAnswer(element) {
  const forms = [...element.querySelectorAll("form")].filter((form) => form.querySelector("input:not([type=hidden])"));
  return forms.some((form) => sent.get(form)?.ending === null);
}

// Call this before sending the form: it sets the intention's key in the form and returns the intention. `unanswered`
// says that the same content was sent before and its outcome is unknown.
export function begin(form, again) {
  const before = sent.get(form);
  const content = contentOf(form);
  const unanswered = before?.content === content && before.ending === null;
  if (before?.key && (again || !unanswered)) {
    form.elements.form_token.value = before.key;
  }
  const intention = { content, unanswered, ending: null, again: null, key: null };
  sent.set(form, intention);
  offerAgain(form);
  return intention;
}

// Records the answer to an intention, even if the form holds another one by now.
export function end(form, intention, answer) {
  intention.key = answer.token ?? intention.key;
  intention.again = answer.again;
  intention.ending = answer.kind === "done" || answer.kind === "rejected" ? answer.kind : null;
  const isCurrent = sent.get(form) === intention && intention.content === contentOf(form);
  if (isCurrent && intention.ending === "done" && "clear" in form.dataset) {
    clear(form);
    form.elements.form_token.value = intention.key;
    sent.delete(form);
  }
  offerAgain(form);
}

// Blanks around a text, and the case of a symbol, mean nothing: the server ignores them as well.
function contentOf(form) {
  const fields = [...new FormData(form)].filter(([name]) => !NOT_CONTENT.has(name));
  return JSON.stringify(fields.map(([name, text]) => [name, name === "symbol" ? text.trim().toUpperCase() : text.trim()]));
}

function clear(form) {
  for (const field of form.querySelectorAll("input:not([type=hidden], [type=radio])")) {
    field.value = "";
  }
}

function againButton(form) {
  return form.id ? document.querySelector(`[data-again-of="${form.id}"]`) : null;
}

function offerAgain(form) {
  const button = againButton(form);
  if (button) {
    button.hidden = doneAlready(form) === null;
  }
}
