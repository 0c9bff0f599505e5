// Messages to the person: outcomes of commands, fills, expiries. The list is an aria-live region, so they are spoken.

const STAY_MS = 9_000;
const SHOWN_MAX = 4;
const SHOWN_ON_PHONE_MAX = 2;
const phone = matchMedia("(width < 60rem)");

const list = () => document.getElementById("messages");

export function startMessages() {
  list()?.addEventListener("click", (event) => {
    event.target.closest("[data-dismiss]")?.closest(".message").remove();
  });
}

// kind: done, rejected, pending or error. Rejections and errors stay until dismissed or pushed out.
export function say({ kind, title, text }) {
  const template = document.getElementById("message-template");
  const message = template.content.firstElementChild.cloneNode(true);
  message.dataset.kind = kind;
  message.querySelector("strong").textContent = title;
  message.querySelector("[data-text]").textContent = text;
  list().append(message);
  while (list().children.length > (phone.matches ? SHOWN_ON_PHONE_MAX : SHOWN_MAX)) {
    list().firstElementChild.remove();
  }
  if (kind === "done" || kind === "pending") {
    setTimeout(() => message.matches(":hover, :focus-within") || message.remove(), STAY_MS);
  }
}
