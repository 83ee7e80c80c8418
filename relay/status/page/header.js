// The header: is all well? If not, what needs whom. It is on every tab.

import { link } from "./address.js";
import { byId, code, el, facts, patch } from "./elements.js";
import { clockText, many, rateText, time } from "./figures.js";
import { relay } from "./relay.js";
import { lastTime, podText, sentence } from "./words.js";

const old = () => (relay.heardMs
  ? el("p", "What stands below is old, from ", el("b", clockText(relay.heardMs)), ".") : null);

// A command at its end is to be copied, so nothing comes after it.
function advised(advice) {
  const [, before, command] = advice.match(/^(.*: )(fedwave .*)$/s) ?? [];
  return command ? [sentence(before.trim()), " ", code(command)] : sentence(advice);
}
const problems = (health) => el("ul.problems", health.problems.map((problem) =>
  el(problem.level === "error" ? "li.error" : "li",
    el("b", sentence(problem.what)), el("p", advised(problem.advice)))));
const notes = (health) => health.notes.map((note) =>
  el("p", sentence(note.replace(/^standing by: /, ""))));  // the title says it

// [level, words, more] of a relay that answers and has no problems.
function calm({ health, rates, series, waiting, election, shard, ...status }) {
  if (election.state === "standby") {
    return [health.level, "Standing by", notes(health)];
  }
  if (!series && !rates.read) {
    return ["none", shard.count > 1 && health.notes.length ? "Nothing to do here"
      : "Waiting for the first scrape",
    health.notes.length ? notes(health) : el("p", "Nothing is wrong so far.")];
  }
  if (status.now_ms - status.started_ms < 1000 * rates.interval_s) {
    return [health.level, "All is well",
      [el("p", "The relay has just started; its first figures come in a few seconds."),
        notes(health)]];
  }
  return [health.level, "All is well", [el("p", `${rateText(rates.read)} samples read and `,
    `${rateText(rates.delivered)} points delivered per second over the ${lastTime(rates)}; `,
    waiting ? [many(waiting, "point waits", "points wait"), "."] : "nothing waits."),
  notes(health)]];
}

// [level, words, more]
function verdict() {
  const { status, heardMs } = relay;
  if (relay.isLocked) {
    return ["locked", "Sign in again", [
      el("p", "The relay no longer takes the user name and password of this page: ",
        "they were changed, or the browser has forgotten them."), old()]];
  }
  if (relay.awaySinceMs) {
    return ["away", "The relay cannot be reached", [
      el("p", relay.away && `${sentence(relay.away)} `, "Away since ",
        el("b", clockText(relay.awaySinceMs)), "; this page goes on trying."),
      heardMs ? old() : el("p", "Is fedwave running, and is this its status address?")]];
  }
  const { health } = status;
  const n = health.problems.length;
  if (status.stopping) {
    return ["warning", "The relay is stopping", el("p", "It delivers what it can.")];
  }
  if (n) {
    const title = n === 1 ? "One thing needs you" : `${n} things need you`;
    return [health.level, title, [problems(health), notes(health)]];
  }
  return calm(status);
}

// Its place among its replicas; nothing of one that is alone.
function role({ election, shard }) {
  const { state, since_ms: since, holder, identity } = election;
  const about = `${podText(identity)}, lease ${election.lease}`;
  if (state === "leading") {
    return [["Leads", [el("span", { title: about }, "for "), time("for", since)]]];
  }
  if (state === "standby") {
    return [["Stands by", el("span", { title: about },
      holder ? `${podText(holder)} leads` : "nobody leads")]];
  }
  return shard.count > 1 ? [["Shard", `${shard.ordinal} of 0…${shard.count - 1}`]] : [];
}

export function showHeader() {
  const { status } = relay;
  const [level, title, more] = verdict();
  document.body.dataset.state = relay.isLocked ? "locked" : relay.awaySinceMs ? "away" : "live";
  byId("verdict").dataset.level = level;
  if (byId("verdict-words").textContent !== title) byId("verdict-words").textContent = title;
  patch(byId("verdict-more"), more);
  byId("sign-in").hidden = !relay.isLocked;
  const mark = { ok: "", warning: "! ", error: "!! " }[level] ?? "? ";
  document.title = `${mark}fedwave ${status?.cluster ?? ""}`.trim();
  if (!status) return;
  byId("cluster").textContent = status.cluster;
  patch(byId("facts"), ...facts("facts", [["Version", status.version],
    ["Up for", time("for", status.started_ms)], ...role(status),
    ["Configuration", [link("config", {}, status.config.file || "built in"),
      status.config.current ? null : el("span.refused", " edit refused")]]]).children);
}

// The browser asks for them when the page is loaded.
byId("sign-in").addEventListener("click", () => location.reload());
