// The status page. It asks the relay's own API every few seconds and shows the answers; this file
// is the tabs and the asking, the others beside it are what the tabs show. A tab has a `place` for
// its answer, `load` asks for what it shows, `show` shows it, and `enter` is told of the address.

import { address, addressed } from "./address.js";
import { configurationTab } from "./configuration.js";
import { costTab } from "./cost.js";
import { byId, el, patch } from "./elements.js";
import { ageText } from "./figures.js";
import { showHeader } from "./header.js";
import { overviewTab } from "./overview.js";
import { redrawPlots } from "./plots.js";
import { Refused, get, noteAnswer, noteTrouble, relay } from "./relay.js";
import { sourcesTab } from "./sources.js";
import { whyTab } from "./why.js";
import { sentence } from "./words.js";

const POLL_MS = 5000;
const RETRY_MS = 2000;       // while the relay cannot be reached
const SLOW_POLL_MS = 30000;  // for what seldom changes or costs the relay some work

// By what stands in the address.
const tabs = { overview: overviewTab, sources: sourcesTab, why: whyTab, cost: costTab,
  config: configurationTab };

const page = {
  tab: "", params: {},  // from the address
  last: {},             // each tab's params, for going back to it
  dueMs: 0,             // when the tab's own figures are to be asked for again
  turn: 0, timer: 0,
};

function followAddress() {
  const { tab, params } = addressed();
  const byPath = { config: "config", targets: "sources" }[location.pathname.split("/").pop()];
  page.tab = tab in tabs ? tab : page.tab || byPath || "overview";
  page.params = tab in tabs ? params : {};
  page.last[page.tab] = page.params;
  for (const name of Object.keys(tabs)) {
    const isShown = name === page.tab;
    byId(`panel-${name}`).hidden = !isShown;
    byId(`tab-${name}`).setAttribute("aria-selected", isShown);
    byId(`tab-${name}`).tabIndex = isShown ? 0 : -1;
    byId(`tab-${name}`).href = address(name, page.last[name]);
  }
  byId(`tab-${page.tab}`).scrollIntoView({ block: "nearest", inline: "nearest" });
  tabs[page.tab].enter?.(page.params);
  page.dueMs = 0;
  refresh();
}

// The relay's state, and what the tab shows where that is due; or what the tab was refused.
async function ask(tab, params) {
  const status = await get("api/v1/status");
  const isAnother = relay.status && (relay.status.started_ms !== status.started_ms
    || relay.status.config.loaded_ms !== status.config.loaded_ms);
  if (Date.now() < page.dueMs && !relay.awaySinceMs && !isAnother) return { status };
  try {
    return { status, answer: await tab.load(params) };
  } catch (error) {
    if (!(error instanceof Refused) || error.status === 401) throw error;
    return { status, refusal: error.message };
  }
}

async function refresh() {
  clearTimeout(page.timer);
  const turn = ++page.turn;
  const tab = tabs[page.tab];
  const params = page.params;
  let heard = null, trouble = null;
  try {
    heard = await ask(tab, params);
  } catch (error) {
    trouble = error;
  }
  if (turn !== page.turn) return;  // another tab or question has come in between
  if (trouble) noteTrouble(trouble);
  else noteAnswer(heard.status);
  // Without credentials, asking again would only count as guessing.
  if (!document.hidden && !relay.isLocked) {
    page.timer = setTimeout(refresh, trouble ? RETRY_MS : POLL_MS);
  }
  showHeader();
  if (heard?.refusal) patch(byId(tab.place), el("p.trouble", sentence(heard.refusal)));
  if (heard?.answer !== undefined) tab.show(heard.answer, params);
  if (heard?.refusal || heard?.answer !== undefined) {
    page.dueMs = Date.now() + (tab.isSlow ? SLOW_POLL_MS : POLL_MS) - 1000;
  }
}

// As the pattern for tabs has it: the arrows go from one to the next, Tab leaves them.
document.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
  const all = [...event.currentTarget.children];
  const at = all.indexOf(event.target);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
  if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const tab = all.at(to % all.length);
  tab.focus();
  location.hash = tab.hash;
});

setInterval(() => {
  for (const node of document.querySelectorAll("time[data-ms]")) {
    const text = ageText(node.dataset.kind, Number(node.dataset.ms));
    if (node.textContent !== text) node.textContent = text;
  }
}, 1000);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(page.timer);
  else refresh();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawPlots);
addEventListener("hashchange", followAddress);
followAddress();
