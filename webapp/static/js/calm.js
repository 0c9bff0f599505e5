// Protection against double presses. For a second after a press, the pressed button is disabled (it "rests"), and the
// page does not move another button under the pointer or the focus, so that a second press cannot hit another order.

const REST_MS = 1_000;
const ACTS = "form[data-command] button, [data-again-of]";

// Number of reasons for which each button is disabled now, by its data-key, which outlives a redrawing of its row.
const reasons = new Map();
let stillUntilMs = 0;
let pointer = null;
let lostFocus = null;

export function startCalm() {
  for (const kind of ["pointerdown", "pointermove"]) {
    addEventListener(kind, (event) => (pointer = [event.clientX, event.clientY]), { capture: true, passive: true });
  }
  // A button redrawn between pointerdown and pointerup would miss the press, so pointerdown holds redrawing back.
  const held = (target) => target.closest(ACTS)?.disabled === false && keepStill(target);
  addEventListener("pointerdown", ({ target }) => held(target), { capture: true });
  // Some browsers restore a page with the buttons disabled that were disabled when the person left it.
  addEventListener("pageshow", () => document.querySelectorAll(ACTS).forEach(show));
}

// Call this when a button was pressed. It returns a function: call that when the answer has come. All buttons of a row
// rest together.
export function press(button) {
  const names = rowOf(button).map(nameOf);
  keepStill(button);
  add(names, 1);
  setTimeout(add, REST_MS, names, -1);
  add(names, 1);
  return () => add(names, -1);
}

// Marks a button's action as done: the button says so until its row is redrawn.
export function settle(button) {
  button.textContent = button.dataset.done;
  for (const other of rowOf(button)) {
    other.dataset.settled = other === button ? "here" : "";
    show(other);
  }
}

// Whether the page has to stay as it is for now.
export function isStill() {
  return performance.now() < stillUntilMs;
}

export async function whenStillnessEnds() {
  while (isStill()) {
    await new Promise((resolve) => setTimeout(resolve, stillUntilMs - performance.now()));
  }
}

// Every change of the page's content goes through here. A button that the change brings under the pointer rests for a
// second, because the person may have meant to press what was there before.
export function redraw(change) {
  const before = nameUnderPointer();
  change();
  for (const name of reasons.keys()) {
    buttonsNamed(name).forEach(show);
  }
  const after = nameUnderPointer();
  if (after && after !== before) {
    add([after], 1);
    setTimeout(add, REST_MS, [after], -1);
  }
}

function keepStill(element) {
  if (element.closest("[data-fragment]")) {
    stillUntilMs = performance.now() + REST_MS;
  }
}

function nameUnderPointer() {
  const button = pointer && document.elementFromPoint(...pointer)?.closest(ACTS);
  return button ? nameOf(button) : null;
}

function nameOf(button) {
  return button.dataset.key ?? button;
}

function rowOf(button) {
  return button.closest("tr, li") ? [...button.closest("tr, li").querySelectorAll(ACTS)] : [button];
}

function buttonsNamed(name) {
  return name instanceof Element ? [name] : document.querySelectorAll(`[data-key="${CSS.escape(name)}"]`);
}

function add(names, number) {
  for (const name of names) {
    const left = (reasons.get(name) ?? 0) + number;
    if (left) {
      reasons.set(name, left);
    } else {
      reasons.delete(name);
    }
    buttonsNamed(name).forEach(show);
  }
}

// A disabled button loses the focus. It gets the focus back when it is enabled, unless the focus has gone elsewhere.
function show(button) {
  const rests = reasons.has(nameOf(button)) || "settled" in button.dataset;
  if (rests && document.activeElement === button) {
    lostFocus = nameOf(button);
  }
  button.disabled = rests;
  if (!rests && lostFocus === nameOf(button)) {
    lostFocus = null;
    if (document.activeElement === document.body) {
      button.focus({ preventScroll: true });
    }
  }
}

// The button in this part of the page that had the focus until it was disabled, if there is one.
export function restingFocusIn(element) {
  const focused = document.activeElement === document.body && typeof lostFocus === "string" ? lostFocus : null;
  return focused && element.querySelector(`[data-key="${CSS.escape(focused)}"]`);
}
