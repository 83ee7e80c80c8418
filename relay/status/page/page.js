// The status page. It asks the relay's own API every few seconds and shows the answers; nothing is
// changed from here. What is shown (tab, question, sorting) stands in the address after the #, so
// that links, the back button and sharing work, and nothing that is redrawn needs a listener.
// Names, labels and errors are strangers' text: they get into the page as text nodes only.

const POLL_MS = 5000;
const RETRY_MS = 2000;       // while the relay cannot be reached
const SLOW_POLL_MS = 30000;  // for what seldom changes or costs the relay some work
const ANSWER_MS_MAX = 10000;
const HISTORY_MS = 3600000;
const PLOT_LINES_MAX = 6;
const ROWS = 50;             // of Cost at a time
const TOKEN = "fedwave-token";

const byId = (id) => document.getElementById(id);

// ---- Elements

// el("p.soft", {title: "…"}, "text", el("b", …), [more], null)
function el(kind, ...parts) {
  const [tag, ...classes] = kind.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  if (parts[0]?.constructor === Object) {
    for (const [name, value] of Object.entries(parts.shift())) {
      if (name === "share") node.style.setProperty("--share", value);
      else if (value !== null && value !== false) node.setAttribute(name, value);
    }
  }
  node.append(...parts.flat(Infinity).filter((part) => part != null && part !== ""));
  return node;
}

// Makes `parent` contain `wanted`, changing as little as possible: focus, selected text, opened
// details and scrolling survive.
function patch(parent, ...wanted) {
  const nodes = [...el("div", wanted).childNodes];
  const had = [...parent.childNodes];
  nodes.forEach((node, i) => {
    const old = had[i];
    if (!old) parent.append(node);
    else if (old.nodeName !== node.nodeName || old.id !== node.id) old.replaceWith(node);
    else if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== node.data) old.data = node.data;
    } else {
      patchAttributes(old, node);
      patch(old, ...node.childNodes);
    }
  });
  had.slice(nodes.length).forEach((node) => node.remove());
}

function patchAttributes(old, node) {
  for (const { name } of [...old.attributes]) {
    if (!node.hasAttribute(name) && name !== "open" && name !== "style") old.removeAttribute(name);
  }
  for (const { name, value } of node.attributes) {
    if (name !== "style" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  // By way of the object model, which the content security policy leaves alone.
  if (old.style.cssText !== node.style.cssText) old.style.cssText = node.style.cssText;
}

const code = (text) => el("code", text);
const soft = (...parts) => el("span.soft", ...parts);
const link = (tab, params, ...parts) => el("a", { href: address(tab, params) }, ...parts);
const table = (columns, rows) => el("table",
  el("thead", el("tr", columns.map((column) => el("th", { scope: "col" }, column)))),
  el("tbody", rows));
// A row whose cells name their column, for phones.
const row = (columns, cells) => el("tr", cells.map((cell, i) =>
  el("td", { "data-column": columns[i] }, el("div", cell))));
const facts = (kind, pairs) => el(`dl.${kind}`, pairs.filter((pair) => pair).map(([name, value]) =>
  el("div", el("dt", name), el("dd", value))));
const state = (level, text) => [el(`span.state.${level}`, text), " "];

// ---- Figures: the same in every country, exact on pointing

const THIN = "\u202f";

function grouped(number, digits) {
  const [whole, rest] = number.toFixed(digits).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, THIN) + (rest ? `.${rest}` : "");
}
function short(number, step, units) {
  let unit = 0;
  for (; Math.abs(number) >= step * 0.9995 && unit + 1 < units.length; ++unit) number /= step;
  const digits = unit === 0 ? 0 : Math.abs(number) < 9.995 ? 2 : Math.abs(number) < 99.95 ? 1 : 0;
  return grouped(number, digits) + (units[unit] ? THIN + units[unit] : "");
}
const countText = (n) => (n < 99999.5 ? grouped(n, 0) : short(n, 1000, ["", "k", "M", "G", "T"]));
const bytesText = (n) => short(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
const rateText = (x) => (x >= 999.5 ? countText(x) : grouped(x, x === 0 || x >= 99.95 ? 0
  : x < 9.995 ? 2 : 1));
const percentText = (part, whole) => {
  const percent = whole > 0 ? 100 * part / whole : 0;
  const digits = percent === 0 || percent === 100 || (percent >= 9.95 && percent < 99.5) ? 0 : 1;
  return `${Math.min(percent, part < whole ? 99.9 : 100).toFixed(digits)}${THIN}%`;
};
function durationText(ms) {
  if (ms < 999.5) return `${Math.round(ms)}${THIN}ms`;
  if (ms < 9950) return `${grouped(ms / 1000, 1)}${THIN}s`;
  let left = Math.floor(ms / 1000);
  const parts = [];
  for (const [unit, seconds] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    if (left >= seconds) parts.push(`${Math.floor(left / seconds)}${THIN}${unit}`);
    else if (parts.length) break;
    left %= seconds;
  }
  return parts.slice(0, 2).join(" ");
}
const two = (number) => String(number).padStart(2, "0");
function clockText(ms, withSeconds = true) {
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}` +
    (withSeconds ? `:${two(date.getSeconds())}` : "");
}
function stampText(ms) {
  const date = new Date(ms);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${clockText(ms)}`;
}

// A source without a name of its own goes by its URL, of which host and path tell enough.
function nameText(name) {
  const url = /^https?:/.test(name) && URL.canParse(name) ? new URL(name) : null;
  return url ? url.host + url.pathname : name;
}
// As people write it, not as it travels.
function urlText(url) {
  try {
    return decodeURI(url);
  } catch {
    return url;
  }
}

const exact = (text, title) => el("span", { title }, text);
const count = (n) => exact(countText(n), grouped(n, 0));
const bytes = (n) => exact(bytesText(n), `${grouped(n, 0)} bytes`);
const rate = (x) => exact([rateText(x), THIN, "/s"].join(""), `${grouped(x, 3)} per second`);
const many = (n, one, more) => [count(n), " ", n === 1 ? one : more];

// Ages go on by themselves, but not past the relay's last answer when it is away.
const relayNow = () => (page.awaySinceMs ? page.heardMs : Date.now()) + page.skewMs;
function ageText(kind, ms) {
  const age = Math.max(0, relayNow() - ms);
  const text = age < 1000 ? `0${THIN}s` : durationText(Math.max(10000, age));
  const words = age < 10000 ? `${Math.floor(age / 1000)}${THIN}s` : text;
  return kind === "ago" ? `${words} ago` : words;
}
const time = (kind, ms, never) => (ms ? el("time",
  { "data-kind": kind, "data-ms": ms, title: stampText(ms) }, ageText(kind, ms)) : soft(never));
const ago = (ms, never = "not yet") => time("ago", ms, never);

// ---- Reasons in words

const WORDS = {
  source_not_in_allow_list: "not on the source’s metricAllowList",
  source_deny_list: "on the source’s metricDenyList",
  source_not_in_tag_allow_list: "no tag on the source’s metricTagAllowList",
  source_tag_deny_list: "a tag on the source’s metricTagDenyList",
  sink_not_in_allow_list: "not on the sink’s metricAllowList",
  sink_deny_list: "on the sink’s metricDenyList",
  sink_not_in_tag_allow_list: "no tag on the sink’s metricTagAllowList",
  sink_tag_deny_list: "a tag on the sink’s metricTagDenyList",
  empty_name: "nothing is left of the name",
  name_too_long: "the name is too long",
  empty_source: "the point’s source is empty",
  line_too_long: "the line is too long",
  not_a_number: "the value is not a number (NaN)",
  infinite: "the value is infinite",
  bad_value: "the value cannot be read",
  tags_over_limit: "more than 20 tags",
  tag_value_truncated: "a tag was too long",
  unreachable: "could not be reached",
  timeout: "took too long",
  tls: "TLS failed",
  io: "the connection broke",
  http_status: "answered with an error",
  content_type: "answered something else than metrics",
  truncated: "the page was cut off",
  bad_encoding: "the compression was broken",
  body_limit: "the page was too large",
  sample_limit: "too many samples",
  full: "the spool was full",
  old: "too old",
  damaged: "damaged on disk",
  at_end: "not delivered before the end",
};
const words = (reason) => WORDS[reason] ?? reason.replaceAll("_", " ");
// {"reason": 3} as "in words 3", the most frequent first.
function reasons(by) {
  const parts = Object.entries(by ?? {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  return el("div.reasons", parts.map(([reason, n]) =>
    el("span.reason", `${words(reason)} `, el("b", count(n)))));
}

// ---- What is shown, and what the relay said

const page = {
  tab: "", params: {},           // from the address
  last: {},                      // each tab's params, for going back to it
  status: null, heardMs: 0, skewMs: 0,
  awaySinceMs: 0, away: "",      // set while the relay cannot be reached
  locked: "",                    // set while it wants credentials
  dueMs: 0,                      // when the tab's own figures are to be asked for again
  turn: 0, timer: 0,
};

function address(tab, params = {}) {
  const given = Object.entries(params).filter(([, value]) => value !== "" && value != null);
  return `#${tab}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
}

function followAddress() {
  const [tab, query] = location.hash.slice(1).split(/\?(.*)/s);
  const byPath = { config: "config", targets: "sources" }[location.pathname.split("/").pop()];
  page.tab = tab in views ? tab : page.tab || byPath || "overview";
  page.params = Object.fromEntries(new URLSearchParams(tab in views ? query : ""));
  page.last[page.tab] = page.params;
  for (const name of Object.keys(views)) {
    const isShown = name === page.tab;
    byId(`panel-${name}`).hidden = !isShown;
    byId(`tab-${name}`).setAttribute("aria-selected", isShown);
    byId(`tab-${name}`).tabIndex = isShown ? 0 : -1;
    byId(`tab-${name}`).href = address(name, page.last[name]);
  }
  byId(`tab-${page.tab}`).scrollIntoView({ block: "nearest", inline: "nearest" });
  views[page.tab].enter?.(page.params);
  page.dueMs = 0;
  refresh();
}

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function get(path, params, accept = "application/json") {
  const headers = { Accept: accept };
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  const query = address("", params).slice(1);
  const response = await fetch(path + query,
    { headers, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  const text = await response.text();
  if (response.ok) return accept === "application/json" ? JSON.parse(text) : text;
  let message = `The relay answers with ${response.status}.`;
  try {
    message = JSON.parse(text).error ?? message;
  } catch { /* whoever answered, it was not the relay's API */ }
  throw new Refused(response.status, message);
}
async function together(questions) {
  const answers = await Promise.all(Object.values(questions));
  return Object.fromEntries(Object.keys(questions).map((name, i) => [name, answers[i]]));
}

// The relay's state, and what the tab shows where that is due; or what the tab was refused.
async function ask(view, params) {
  const status = await get("api/v1/status");
  const isAnother = page.status && page.status.started_ms !== status.started_ms;
  if (Date.now() < page.dueMs && !page.awaySinceMs && !page.locked && !isAnother) return { status };
  try {
    return { status, answer: await view.load(params) };
  } catch (error) {
    if (!(error instanceof Refused) || error.status === 401) throw error;
    return { status, refusal: error.message };
  }
}

async function refresh() {
  clearTimeout(page.timer);
  const turn = ++page.turn;
  const view = views[page.tab];
  const params = page.params;
  let heard = null, trouble = null;
  try {
    heard = await ask(view, params);
  } catch (error) {
    trouble = error;
  }
  if (turn !== page.turn) return;  // another tab or question has come in between
  if (!document.hidden) page.timer = setTimeout(refresh, trouble ? RETRY_MS : POLL_MS);
  if (trouble) noteTrouble(trouble);
  else noteAnswer(heard.status);
  showHeader();
  if (heard?.refusal) patch(byId(view.place), el("p.trouble", sentence(heard.refusal)));
  if (heard?.answer !== undefined) view.show(heard.answer, params);
  if (heard?.refusal || heard?.answer !== undefined) page.dueMs = Date.now() + view.everyMs - 1000;
}

function noteAnswer(status) {
  const heardMs = Date.now();
  const skewMs = status.now_ms - heardMs;
  Object.assign(page, { status, heardMs, skewMs, awaySinceMs: 0, locked: "" });
}

function noteTrouble(error) {
  page.locked = error.status === 401 ? error.message : "";
  if (page.locked) sessionStorage.removeItem(TOKEN);
  else page.awaySinceMs ||= Date.now();
  page.away = error instanceof Refused ? error.message
    : error.name === "TimeoutError" ? `There is no answer within ${ANSWER_MS_MAX / 1000} seconds.`
      : "";
}

// ---- Header

// As the beginning and the end of a sentence have it.
const sentence = (text) => text &&
  text[0].toUpperCase() + text.slice(1) + (/[.?!…]$/.test(text) ? "" : ".");

const lastTime = (rates) => (rates.interval_s >= 60 ? "last minute"
  : `last ${durationText(rates.interval_s * 1000)}`);

// [level, words, more]
function verdict() {
  const { status, heardMs } = page;
  if (page.locked) {
    return ["locked", "This relay wants to know who you are", el("p", sentence(page.locked))];
  }
  if (page.awaySinceMs) {
    return ["away", "The relay cannot be reached", [
      el("p", page.away && `${sentence(page.away)} `, "Away since ",
        el("b", clockText(page.awaySinceMs)), "; this page goes on trying."),
      heardMs ? el("p", "What stands below is old, from ", el("b", clockText(heardMs)), ".")
        : el("p", "Is fedwave running, and is this its status address?")]];
  }
  const { health, rates, series, waiting } = status;
  const n = health.problems.length;
  if (status.stopping) {
    return ["warning", "The relay is stopping", el("p", "It delivers what it can.")];
  }
  if (n) {
    const title = n === 1 ? "One thing needs you" : `${n} things need you`;
    return [health.level, title, problems(health)];
  }
  if (!series && !rates.read) {
    return ["none", "Waiting for the first scrape", el("p", "Nothing is wrong so far.")];
  }
  return [health.level, "All is well", el("p", `${rateText(rates.read)} samples read and `,
    `${rateText(rates.delivered)} points delivered per second over the ${lastTime(rates)}; `,
    waiting ? [many(waiting, "point waits", "points wait"), "."] : "nothing waits.")];
}

const problems = (health) => el("ul.problems", health.problems.map((problem) =>
  el(problem.level === "error" ? "li.error" : "li",
    el("b", sentence(problem.what)), el("p", sentence(problem.advice)))));

function showHeader() {
  const { status } = page;
  const [level, title, more] = verdict();
  document.body.dataset.state = page.locked ? "locked" : page.awaySinceMs ? "away" : "live";
  byId("verdict").dataset.level = level;
  if (byId("verdict-words").textContent !== title) byId("verdict-words").textContent = title;
  patch(byId("verdict-more"), more);
  byId("token-form").hidden = !page.locked;
  const mark = { ok: "", warning: "! ", error: "!! " }[level] ?? "? ";
  document.title = `${mark}fedwave ${status?.cluster ?? ""}`.trim();
  if (!status) return;
  byId("cluster").textContent = status.cluster;
  patch(byId("facts"), ...facts("facts", [["Version", status.version],
    ["Up for", time("for", status.started_ms)],
    ["Configuration", link("config", {}, status.config)]]).children);
}

// ---- Overview

const isOwn = (source) => !source.url;  // the relay's own figures
const OWN = "the relay’s own figures";
function sourceState(source) {
  if (!source.last_start_ms && !source.last_error) return state("none", "waiting");
  return source.up ? state("ok", "up") : state("error", "down");
}

// What became of the samples of a source on the way to one sink.
function fate(sink, hasName) {
  const sent = sink.written + sink.converted;
  const bar = [["kept", sent], ["repeated", sink.repeated],
    ["lost", sink.filtered + sink.rejected]];
  return el("div.fate",
    hasName ? el("div.soft", sink.name) : null,
    el("div.bar2", { "aria-hidden": "true" },
      bar.map(([kind, share]) => el(`i.${kind}`, { share }))),
    el("div.reasons", el("span.reason.kept", "sent ", el("b", count(sent))),
      sink.repeated ? el("span.reason.repeated", "repeated, sent before ",
        el("b", count(sink.repeated))) : null,
      [...reasons({ ...sink.filtered_by, ...sink.rejected_by }).children]));
}

const SOURCE_COLUMNS = ["Source", "Last scrape", "Series", "Samples since the start"];
const sourceRow = (source) => row(SOURCE_COLUMNS, [
  [el("div.name", sourceState(source), link("sources", { source: source.name },
    nameText(source.name))),
    el("div.soft.clip", { title: source.url }, isOwn(source) ? OWN : urlText(source.url)),
    source.last_error ? el("div.trouble.clip", source.last_error) : null],
  [el("div", ago(source.last_start_ms)), isOwn(source) || !source.last_start_ms ? null
    : el("div.soft", "took ", durationText(source.last_duration_ms))],
  [count(source.series)],
  [source.sinks.map((sink) => fate(sink, source.sinks.length > 1)),
    source.malformed
      ? el("div.soft", many(source.malformed, "line", "lines"), " not understood") : null],
]);

function sinkState(sink) {
  if (sink.trouble || sink.disk_trouble) return state("error", "trouble");
  return sink.accepted_at_ms ? state("ok", "delivers") : state("none", "idle");
}
const sinkTrouble = (sink) => [
  sink.trouble ? el("div.trouble", sink.trouble, " (for ",
    time("for", sink.trouble_since_ms, "a moment"), ")") : null,
  sink.disk_trouble ? el("div.trouble", sink.disk_trouble) : null];
const backlog = (sink) => (sink.waiting ? [
  el("div", many(sink.waiting, "point", "points"), ", ", bytes(sink.waiting_bytes)),
  el("div.soft", "oldest from ", ago(sink.oldest_waiting_ms, "just now")),
  el("div.soft", sink.spool_directory || "in memory", ", at most ", bytes(sink.spool_bytes_max)),
] : soft("nothing"));

const SINK_COLUMNS = ["Sink", "Points per second", "Waiting", "Last answer",
  "Points since the start"];
const sinkRow = (sink) => row(SINK_COLUMNS, [
  [el("div.name", sinkState(sink), sink.name),
    sink.endpoints.map((endpoint) => el("div.soft.clip", { title: endpoint }, endpoint)),
    sinkTrouble(sink)],
  [el("div", rate(sink.out_per_s), " out"), el("div.soft", rate(sink.in_per_s), " in")],
  [backlog(sink)],
  [el("div", sink.accepted_at_ms ? ["accepted ", ago(sink.accepted_at_ms)] : soft("none yet")),
    sink.retries ? el("div.soft", many(sink.retries, "retry", "retries")) : null,
    reasons(sink.retries_by)],
  [el("div", count(sink.delivered), " delivered"),
    sink.quarantined ? el("div.trouble", count(sink.quarantined), " set aside") : null,
    reasons(sink.quarantined_by),
    sink.expired ? el("div.trouble", count(sink.expired), " lost") : null,
    reasons(sink.expired_by)],
]);

function showOverview({ history, sources, sinks }) {
  const { rates, series, waiting } = page.status;
  const oldest = Math.min(...sinks.sinks.map((sink) => sink.oldest_waiting_ms || Infinity));
  const scraped = sources.sources.filter((source) => !isOwn(source));
  const up = scraped.filter((source) => source.up).length;
  patch(byId("figures"), ...facts("figures", [
    ["Read", [rate(rates.read), soft("samples, ", lastTime(rates))]],
    ["Delivered", [rate(rates.delivered), soft("points, ", lastTime(rates))]],
    ["Waiting", [count(waiting), waiting && oldest < Infinity ? soft("oldest from ", ago(oldest))
      : soft("points")]],
    ["Series", [count(series), soft(`${up} of ${scraped.length} `,
      scraped.length === 1 ? "source up" : "sources up")]]]).children);
  patch(byId("overview-answer"),
    el("h2", "Sources"), table(SOURCE_COLUMNS, sources.sources.map(sourceRow)),
    el("h2", "Sinks"), table(SINK_COLUMNS, sinks.sinks.map(sinkRow)));
  drawPlots(history);
}

// ---- Plots

const sums = (all, field, length) => Array.from({ length }, (_, i) =>
  all.reduce((sum, one) => sum + (one[field][i] ?? 0), 0));
const each = (all, field) => all.map((one) =>
  ({ name: nameText(one.name), values: one[field], up: one.up }));
const perSecond = (x) => `${rateText(x)}${THIN}/s`;
const PLOTS = [
  { title: "Samples read", text: perSecond,
    lines: ({ sources }) => each(sources, "read_per_s") },
  { title: "Points in and out", text: perSecond,
    lines: ({ sinks, at_ms: at }) => [{ name: "in", values: sums(sinks, "in_per_s", at.length) },
      { name: "out", values: sums(sinks, "out_per_s", at.length) }] },
  { title: "Points waiting", text: countText, lines: ({ sinks }) => each(sinks, "waiting") },
  // The relay's own figures take no time.
  { title: "Scrape time", text: durationText, lines: ({ sources }) =>
    each(sources.filter(({ scrape_ms: all }) => all.some((ms) => ms > 0)), "scrape_ms") },
];
const charts = [];
let lastHistory = null;

function drawPlots(history) {
  lastHistory = history;
  const hasPlots = typeof Chart !== "undefined";
  byId("plots").hidden = !hasPlots;
  byId("no-plots").hidden = hasPlots;
  if (hasPlots) PLOTS.forEach((plot, i) => drawPlot(plot, i, history));
}

function drawPlot(plot, i, history) {
  const lines = plot.lines(history).slice(0, PLOT_LINES_MAX);
  const [caption, box] = byId("plots").children[i].children;
  const canvas = box.firstElementChild;
  const now = lines.map((line) => [line.name, plot.text(line.values.at(-1) ?? 0)]);
  patch(caption, el("b", plot.title), el("span.legend", now.map(([name, text], k) =>
    el("span", el(`i.line${k}`), lines.length > 1 ? `${name} ` : "", el("b", text)))));
  canvas.setAttribute("aria-label", `${plot.title}, the last hour; now ` +
    now.map((pair) => pair.join(" ")).join(", "));
  const chart = charts[i] ??= newChart(canvas, plot.text);
  const [first, last] = [history.at_ms[0] ?? 0, history.at_ms.at(-1) ?? 0];
  chart.options.scales.x.min = Math.max(last - HISTORY_MS, Math.min(first, last - HISTORY_MS / 12));
  chart.options.scales.x.max = last;
  chart.data.datasets = lines.map((line, k) => dataset(line, k, history.at_ms));
  chart.update("none");
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
}

// Failed scrapes are dots.
function dataset(line, k, at) {
  const colour = colours();
  const own = colour(`--line${k}`);
  return { label: line.name, borderColor: own, backgroundColor: own, borderWidth: 1.75,
    pointRadius: line.up ? line.up.map((up) => (up === 0 ? 2 : 0)) : 0, pointHitRadius: 0,
    pointBorderColor: colour("--bad"), pointBackgroundColor: colour("--bad"),
    data: line.values.map((y, i) => ({ x: at[i], y })) };
}

// Round times of day, few enough for the width.
function timeTicks(axis) {
  const span = axis.max - axis.min;
  const minutes = [1, 5, 10, 20].find((step) => span / step <= 4 * 60000) ?? 60;
  const step = minutes * 60000;
  axis.ticks = [];
  for (let at = Math.ceil(axis.min / step) * step; at <= axis.max; at += step) {
    axis.ticks.push({ value: at });
  }
}

function newChart(canvas, text) {
  const colour = colours();
  const family = getComputedStyle(document.body).fontFamily;
  const ticks = { color: colour("--soft"), font: { family, size: 11 }, maxRotation: 0 };
  const rule = colour("--rule");
  return new Chart(canvas, { type: "line", data: { datasets: [] }, options: {
    animation: false, responsive: true, maintainAspectRatio: false, parsing: false,
    normalized: true, interaction: { mode: "index", intersect: false, axis: "x" },
    scales: {
      x: { type: "linear", afterBuildTicks: timeTicks, grid: { display: false, borderColor: rule },
        ticks: { ...ticks, callback: (at) => clockText(at, false) } },
      y: { beginAtZero: true, suggestedMax: 1,
        grid: { color: rule, drawBorder: false, drawTicks: false },
        ticks: { ...ticks, maxTicksLimit: 4, padding: 6,
          precision: text === countText ? 0 : undefined,
          callback: (y) => text(y).replace(/\.0+(?!\d)/, "") } } },
    plugins: { legend: { display: false }, tooltip: { callbacks: {
      title: (items) => clockText(items[0].parsed.x),
      label: (item) => `${item.dataset.label}: ${text(item.parsed.y)}` } } } } });
}

function redrawPlots() {
  charts.splice(0).forEach((chart) => chart.destroy());
  if (lastHistory) drawPlots(lastHistory);
}

// ---- Sources

const TARGET_COLUMNS = ["Target", "Last scrape", "Took", "Samples", "Series", "Scrapes"];
const targetRow = (target) => row(TARGET_COLUMNS, [
  [el("div.name", sourceState(target), target.address || "as the name resolves"),
    target.last_error ? el("div.trouble", target.last_error, target.failing_since_ms
      ? [" (for ", time("for", target.failing_since_ms), ")"] : null) : null],
  [ago(target.last_start_ms)], [durationText(target.last_duration_ms)],
  [count(target.last_samples)], [count(target.series)], [count(target.scrapes)]]);

const some = (n, ...more) => (n ? [count(n), more] : soft("none"));

function sourceFigures(source) {
  const repaired = Object.values(source.repaired_by).reduce((sum, n) => sum + n, 0);
  return facts("details", [
    ["Scraped every", [el("span", durationText(source.interval_ms)),
      soft("at most ", durationText(source.timeout_ms), " long")]],
    ["Last scrape", [ago(source.last_start_ms),
      soft(durationText(source.last_duration_ms), " long")]],
    ["Samples in it", count(source.last_samples)],
    ["Series", [count(source.series), soft(count(source.new_series), " new since the start")]],
    ["Scrapes", count(source.scrapes)],
    ["Failed", some(source.failures, reasons(source.failures_by))],
    ["Left out", some(source.missed, soft("the one before took too long"))],
    ["Read", [count(source.read), soft("samples, ", bytes(source.body_bytes))]],
    ["Not understood", some(source.malformed, reasons(source.malformed_by))],
    ["Repaired", some(repaired, reasons(source.repaired_by))]]);
}

const sourceSection = (source, isPicked) => el(`article.card${isPicked ? ".picked" : ""}`,
  el("h2.name", sourceState(source), nameText(source.name)),
  isOwn(source) ? el("p.soft", sentence(OWN)) : el("p.mono", urlText(source.url)),
  source.last_error ? el("p.trouble", source.last_error) : null,
  sourceFigures(source),
  source.sinks.map((sink) => [el("h3", "To ", sink.name), fate(sink, false)]),
  source.targets.some((target) => target.address)
    ? table(TARGET_COLUMNS, source.targets.map(targetRow)) : null,
  el("p", link("cost", { source: source.name }, "What it costs")));

function showSources({ sources }, params) {
  patch(byId("sources-answer"),
    sources.map((source) => sourceSection(source, source.name === params.source)));
  if (params.source && params !== page.scrolledFor) {
    page.scrolledFor = params;
    document.querySelector("article.picked")?.scrollIntoView();
  }
}

// ---- Why?

const ruleText = (rule) => el("span.rule", rule.where && el("b.where", rule.where),
  ` ${rule.list} `, rule.tag_key ? [code(rule.tag_key), ": "] : null,
  rule.pattern ? code(rule.pattern) : soft("has no pattern that matches"));
const isKept = (stage) => stage.verdict === "kept";
const decider = (stage) => stage.decided_by ?? stage.tags_rule ?? stage.rule;
const stageText = (stage) => (!isKept(stage) ? stage.verdict_text ?? stage.text
  : decider(stage) ? `kept by ${decider(stage).list}` : "kept; no rule drops it");

// A stage of the path; `level`: ok, error, or none for what decides nothing.
const step = (level, title, ...more) => el(`li.${level}`, el("h4", title), more);
const filterStep = (title, stage) => step(isKept(stage) ? "ok" : "error", title,
  el("p", sentence(stageText(stage))),
  stage.rule ? el("p", soft("name: "), ruleText(stage.rule)) : null,
  stage.tags_rule ? el("p", soft("tags: "), ruleText(stage.tags_rule)) : null);

const tagChange = (tag) => el(`li.${tag.what}`, el("b", tag.what), " ",
  code(`${tag.key}="${tag.value}"`), tag.why && soft(" ", tag.why),
  tag.rule ? [" ", ruleText(tag.rule)] : null);
const tagsStep = (title, stage) => (stage.tags.length
  ? step("none", title, el("ul.tags", stage.tags.map(tagChange))) : null);

const parsedStep = (why) => (why.malformed
  ? step("error", "Parsed", el("p", sentence(why.malformed)))
  : step("none", "Parsed",
    el("p.labels", code(why.name), ` ${why.type}`,
      why.value ? [", value ", code(why.value)] : null),
    el("p.labels", Object.entries(why.labels).map(([key, value]) =>
      el("code.label", key, "=", el("span", `"${value}"`))))));

const sinkSteps = (sink) => [
  filterStep(`Filters of sink ${sink.sink}`, sink), tagsStep("Tags of the sink", sink),
  sink.line ? step("ok", sink.distribution ? "Sent as part of a distribution"
    : `Sent as ${sink.sent_as}`, el("pre", sink.line)) : null];

const path = (why) => el("ol.path", parsedStep(why),
  why.named ? step("none", "Named", el("p", code(why.named))) : null,
  why.source_stage ? [filterStep(`Filters of source ${nameText(why.source)}`, why.source_stage),
    tagsStep("Tags of the source", why.source_stage)] : null,
  why.source_stage && isKept(why.source_stage) ? why.sinks.map(sinkSteps) : null,
  why.verdict === "kept" ? null
    : step("error", "Not sent", why.value_text ? el("p", sentence(why.value_text)) : null));

// The stage that answers the question: the first that drops it, else the source's.
function tellingStage(why) {
  const source = why.source_stage;
  return source && isKept(source) ? why.sinks.find((sink) => !isKept(sink)) ?? source : source;
}

function explanation(why) {
  const isSent = why.verdict === "kept";
  const stage = tellingStage(why);
  const rule = stage && decider(stage);
  const lines = (why.sinks ?? []).filter((sink) => sink.line).length;
  const title = why.malformed ? "Not understood" : !isSent ? "Dropped"
    : lines < why.sinks.length ? `Sent to ${lines} of ${why.sinks.length} sinks` : "Sent";
  const reason = why.malformed ?? ((!isSent && why.value_text) || stageText(stage));
  return el(`article.card.why.${isSent ? "kept" : "lost"}`,
    el("h2", state(isSent ? "ok" : "error", title),
      why.series_count === null ? null : soft(count(why.series_count), " series like this")),
    el("p.reason-large", sentence(reason)),
    rule ? el("p.rule-large", ruleText(rule)) : null,
    why.hint && el("p.hint", sentence(why.hint)),
    el("p.mono.series", why.series),
    path(why));
}

const suggestions = (list, kind, level) => list.metrics.map((metric) => el("li",
  state(level, kind), link("why", { series: metric.name }, code(metric.name))));

function showWhy({ answer, kept, dropped }) {
  if (!answer) {
    patch(byId("why-answer"),
      el("p", "Ask for a name of either side (", code("istio_requests_total"), " or ",
        code("istio.requests.total.value"), "), or paste a series as a metrics page has it."),
      el("h2", "For instance"), el("ul.suggestions", suggestions(dropped, "dropped", "error"),
        suggestions(kept, "kept", "ok")));
    return;
  }
  const { note, explanations } = answer;
  patch(byId("why-answer"), note && el("p.note", sentence(note)), explanations.map(explanation),
    note || explanations.length ? null : el("p.note", "Nothing is known by that name."));
}

// ---- Cost

const METRIC_COLUMNS = ["Metric", "Points per second", "Share", "Series", "Dropped of them"];
const METRIC_SORTS = ["name", "points", "", "series", ""];
const TAG_COLUMNS = ["Tag", "Points per second", "Share", "Series", "Values"];
const TAG_SORTS = ["name", "", "", "series", "values"];
const defaultSort = (params) => (params.by ? "series" : "points");

const priced = (points, answer) => el("div.priced", rate(points), el("div.share",
  { "aria-hidden": "true", share: answer.points_per_s > 0 ? points / answer.points_per_s : 0 }));
const shareText = (points, answer) => soft(percentText(points, answer.points_per_s));
const perScrape = (series, answer) => rate(series * 1000 / answer.interval_ms);

const metricRow = (metric, answer) => row(METRIC_COLUMNS, [
  [el("div", link("why", { series: metric.name, source: answer.source }, code(metric.name))),
    metric.sent_as ? el("div.soft", metric.sent_as) : null],
  [priced(metric.points_per_s, answer)], [shareText(metric.points_per_s, answer)],
  [count(metric.series)],
  metric.dropped ? [el("div", count(metric.dropped), soft(", would be ",
    perScrape(metric.dropped, answer))), reasons(metric.dropped_by)] : [soft("none")]]);
const tagRow = (tag, answer) => row(TAG_COLUMNS, [[code(tag.key)],
  [priced(tag.points_per_s, answer)], [shareText(tag.points_per_s, answer)],
  [count(tag.series)], [count(tag.values)]]);

function costTable(params, answer) {
  const sorted = params.sort ?? defaultSort(params);
  const heads = (columns, sorts) => columns.map((column, i) => (sorts[i]
    ? [link("cost", { ...params, sort: sorts[i], offset: "" }, column),
      sorts[i] === sorted
        ? el("span", { role: "img", "aria-label": "sorted by this" }, " ↓") : null]
    : column));
  return params.by
    ? el("div.cost", table(heads(TAG_COLUMNS, TAG_SORTS),
      answer.tags.map((tag) => tagRow(tag, answer))))
    : el("div.cost.metrics", table(heads(METRIC_COLUMNS, METRIC_SORTS),
      answer.metrics.map((metric) => metricRow(metric, answer))));
}

function pager(params, { offset, total }) {
  if (total <= ROWS && !offset) return null;
  const turn = (isThere, to, text) => (isThere
    ? link("cost", { ...params, offset: to || "" }, text) : soft(text));
  const last = Math.min(total, offset + ROWS);
  return el("p.pager", turn(offset > 0, Math.max(0, offset - ROWS), "← before"),
    ` ${grouped(offset + 1, 0)}–${grouped(last, 0)} of ${grouped(total, 0)} `,
    turn(last < total, last, "after →"));
}

function showChoice(id, all, chosen) {
  patch(byId(id), all.map((one) => el("option", { value: one.name }, urlText(one.name))));
  byId(id).value = chosen;
  byId(id).closest("p").hidden = all.length < 2;
}

const costFigures = (answer) => facts("figures", [
  // What repeats is not sent again, so it may be less.
  ["Costs at most", [rate(answer.points_per_s), soft("points")]],
  ["Series kept", [count(answer.kept), soft(percentText(answer.kept, answer.series))]],
  ["Series dropped", [count(answer.dropped), soft("saves ", perScrape(answer.dropped, answer))]],
  ["Scraped every", [durationText(answer.interval_ms),
    soft("counted ", ago(answer.surveyed_ms))]]]);

function showCost({ answer, sources, sinks }, params) {
  showChoice("cost-source", sources.sources, answer.source);
  showChoice("cost-sink", sinks.sinks, answer.sink);
  byId("cost-show").closest("p").hidden = params.by === "tags";
  patch(byId("cost-answer"), answer.surveyed_ms ? [costFigures(answer), answer.total
    ? costTable(params, answer) : el("p.note", "Nothing has that in its name."),
  pager(params, answer)]
    : el("p.note", "What the source costs is known after its first complete scrape."));
}

// ---- Configuration

// Keys and comments apart from values, line by line; what looks otherwise is left as it is.
function yamlLine(line) {
  const [, before, key, rest] = line.match(/^([\s-]*)([\w.'"-]+:)(?=\s|$)(.*)$/) ?? [];
  if (key) return [before, el("b", key), `${rest}\n`];
  return line.trim().startsWith("#") ? soft(`${line}\n`) : `${line}\n`;
}
const showConfig = (text) => patch(byId("config-answer"),
  el("pre", { id: "yaml", tabindex: 0 }, text.trimEnd().split("\n").map(yamlLine)));

// ---- The tabs

const costParams = ({ source, sink, q, sort, show, by, offset }) => ({ source, sink, q,
  sort: sort ?? defaultSort({ by }), show: by ? "" : show, offset, limit: ROWS });
const example = (show) => get("api/v1/series", { show, limit: 4 });
const views = {
  overview: { place: "overview-answer", everyMs: POLL_MS, show: showOverview,
    load: () => together({ history: get("api/v1/history"), sources: get("api/v1/sources"),
      sinks: get("api/v1/sinks") }) },
  sources: { place: "sources-answer", everyMs: POLL_MS, show: showSources,
    load: () => get("api/v1/sources") },
  why: { place: "why-answer", everyMs: SLOW_POLL_MS, show: showWhy,
    load: ({ series, source }) => together(series
      ? { answer: get("api/v1/explain", { series, source }) }
      : { kept: example("kept"), dropped: example("dropped") }),
    enter: ({ series }) => {
      byId("why-series").value = series ?? "";
      patch(byId("why-answer"), el("p.soft", series ? "Asking…" : ""));
    } },
  cost: { place: "cost-answer", everyMs: SLOW_POLL_MS, show: showCost,
    load: (params) => together({ sources: get("api/v1/sources"), sinks: get("api/v1/sinks"),
      answer: get(params.by ? "api/v1/tags" : "api/v1/series", costParams(params)) }),
    enter: ({ q, by, show }) => {
      byId("cost-q").value = q ?? "";
      byId("cost-by").value = by ?? "";
      byId("cost-show").value = show ?? "";
    } },
  config: { place: "config-answer", everyMs: SLOW_POLL_MS, show: showConfig,
    load: () => get("config", {}, "text/yaml, text/plain") },
};

// As the pattern for tabs has it: the arrows go from one to the next, Tab leaves them.
document.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
  const tabs = [...event.currentTarget.children];
  const at = tabs.indexOf(event.target);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
  if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const tab = tabs.at(to % tabs.length);
  tab.focus();
  location.hash = tab.hash;
});

byId("why-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = address("why", { series: byId("why-series").value.trim() });
  if (location.hash === wanted) followAddress();
  else location.hash = wanted;
});

function findCost() {
  const form = Object.fromEntries(new FormData(byId("cost-form")));
  const isSameKind = (page.params.by ?? "") === form.by;
  location.hash = address("cost", { ...form, sort: isSameKind ? page.params.sort : "" });
}
byId("cost-form").addEventListener("submit", (event) => {
  event.preventDefault();
  findCost();
});
byId("cost-form").addEventListener("change", findCost);

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, byId("token").value);
  byId("token").value = "";
  refresh();
});

byId("copy").addEventListener("click", async () => {
  const yaml = byId("yaml");
  if (!yaml) return;
  try {
    await navigator.clipboard.writeText(yaml.textContent);
  } catch {  // without TLS there is no such clipboard, except on this machine
    getSelection().selectAllChildren(yaml);
    document.execCommand("copy");
  }
  byId("copy").textContent = "Copied";
  setTimeout(() => { byId("copy").textContent = "Copy"; }, 2000);
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
