// Announces fills and expiries: they happen without a command of this page, so nobody waits for their outcome.

import { learnTime } from "./clock.js";
import { say } from "./messages.js";

let toldSeq = null;

export async function tellNews() {
  toldSeq ??= Number(document.body.dataset.seq);
  const response = await ask();
  if (!response?.ok) {
    return;
  }
  const news = await response.json();
  if (news.seq > toldSeq) {
    toldSeq = news.seq;
    news.messages.forEach(say);
  }
}

export function leaveIfLoggedOut() {
  ask();
}

async function ask() {
  const { news, seq } = document.body.dataset;
  const response = await fetch(`${news}?after=${toldSeq ?? seq}`).catch(() => null);
  if (response?.redirected) {
    location.reload(); // the session has ended: to the login page
    return null;
  }
  if (response) {
    learnTime(response);
  }
  return response;
}
