// The relay at the other end: asking it, and what is known of it. Nothing is changed from here.

import { queryText } from "./address.js";

const ANSWER_MS_MAX = 10000;

export const relay = {
  status: null, heardMs: 0, skewMs: 0,
  awaySinceMs: 0, away: "",  // set while it cannot be reached
  isLocked: false,           // it takes our credentials no longer
};

// Ages go on by themselves, but not past the relay's last answer when it is away.
export const relayNow = () => relay.skewMs +
  (relay.awaySinceMs || relay.isLocked ? relay.heardMs : Date.now());

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function get(path, params, accept = "application/json") {
  // Beside this page, but without the user:password@ that may stand before it: fetch wants none.
  const url = new URL(path, location.origin + location.pathname);
  url.search = queryText(params);
  // With X-Requested-With a refusal comes here, and not to the browser's dialog.
  const response = await fetch(url,
    { headers: { Accept: accept, "X-Requested-With": "fedwave" }, cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  const text = await response.text();
  if (response.ok) return accept === "application/json" ? JSON.parse(text) : text;
  let message = `The relay answers with ${response.status}.`;
  try {
    message = JSON.parse(text).error ?? message;
  } catch { /* whoever answered, it was not the relay's API */ }
  throw new Refused(response.status, message);
}

// {name: promise} as {name: answer}.
export async function together(questions) {
  const answers = await Promise.all(Object.values(questions));
  return Object.fromEntries(Object.keys(questions).map((name, i) => [name, answers[i]]));
}

export function noteAnswer(status) {
  const heardMs = Date.now();
  const skewMs = status.now_ms - heardMs;
  Object.assign(relay, { status, heardMs, skewMs, awaySinceMs: 0, isLocked: false });
}

export function noteTrouble(error) {
  relay.isLocked = error.status === 401;
  if (!relay.isLocked) relay.awaySinceMs ||= Date.now();
  relay.away = error instanceof Refused ? error.message
    : error.name === "TimeoutError" ? `There is no answer within ${ANSWER_MS_MAX / 1000} seconds.`
      : "";
}
