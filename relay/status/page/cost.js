// Cost: what a source sends to a sink, in points per second, which is what is billed; by metric and
// by tag; and what the filters save.

import { address, link } from "./address.js";
import { byId, el, facts, name, patch, row, soft, state, table } from "./elements.js";
import { ago, count, durationText, grouped, percentText, rate } from "./figures.js";
import { get, together } from "./relay.js";
import { reasons, urlText } from "./words.js";

const ROWS = 25;         // at a time
const DROPPED_ROWS = 4;  // before all others
const MONTH_S = 30 * 86400;
const NEARLY_ALL = 0.99;

const METRIC_COLUMNS = ["Metric", "Points per second", "Share", "Series", "Dropped"];
const METRIC_SORTS = ["name", "points", "", "series", ""];
const TAG_COLUMNS = ["Tag", "Points per second", "Share", "Series", "Values"];
const TAG_SORTS = ["name", "", "", "series", "values"];
const defaultSort = (params) => (params.by ? "series" : "points");

const priced = (points, answer) => el("div.priced", rate(points), points > 0
  ? el("div.share", { "aria-hidden": "true", share: points / answer.points_per_s }) : null);
const shareText = (points, answer) => soft(percentText(points, answer.points_per_s));
// What dropped series would be, were they sent like the others.
const saved = (series, answer) => rate(answer.new_share * series * 1000 / answer.interval_ms);
const why = (metric, answer, text) =>
  link("why", { series: metric.name, source: answer.source }, text);

// They have become the same as another one: name, source and tags.
const overwrites = (series) => (series === 1 ? " overwrites another" : " overwrite others");

const droppedCell = (metric, answer) => (metric.dropped ? [
  el("div", metric.kept ? count(metric.dropped) : "all", soft(", saves ",
    saved(metric.dropped, answer)), " ", why(metric, answer, "Why?")),
  reasons(metric.dropped_by)] : soft("0"));
const metricRow = (metric, answer) => row(METRIC_COLUMNS, [
  [el("div", metric.kept ? null : state("error", "dropped"),
    why(metric, answer, name(metric.name))),
  metric.sent_as ? el("div.soft", name(metric.sent_as)) : null],
  [priced(metric.points_per_s, answer)], [shareText(metric.points_per_s, answer)],
  [count(metric.series), metric.collided ? el("div.soft.collided", count(metric.collided),
    overwrites(metric.collided)) : null], [droppedCell(metric, answer)]]);
const tagRow = (tag, answer) => row(TAG_COLUMNS, [[name(tag.key)],
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

// The dropped metrics with the most series: who misses one should not have to look for it.
function droppedList(params, answer, dropped) {
  if (!dropped?.total) return null;
  const { total, metrics } = dropped;
  return el("section.card.dropped",
    el("h2", "Dropped ", soft(count(answer.dropped), " series of ", count(total),
      total === 1 ? " metric" : " metrics")),
    el("ul", metrics.map((metric) => el("li", el("div", why(metric, answer, name(metric.name))),
      el("div.soft", metric.kept ? [count(metric.dropped), " of "] : "all ",
        count(metric.series), " series"),
      reasons(metric.dropped_by), why(metric, answer, "Why?")))),
    total > metrics.length
      ? el("p", link("cost", { ...params, show: "dropped" }, `All ${grouped(total, 0)} of them`))
      : null);
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

const costFigures = (params, answer) => [facts("figures", [
  ["Costs about", [rate(answer.points_per_s),
    soft("points, ", count(answer.points_per_s * MONTH_S), " a month")]],
  ["Series kept", [count(answer.kept), soft(percentText(answer.kept, answer.series))]],
  ["Series dropped", [answer.dropped && !params.by
    ? link("cost", { ...params, show: "dropped", offset: "" }, count(answer.dropped))
    : count(answer.dropped), soft("saves ", saved(answer.dropped, answer))]],
  ["Scraped every", [durationText(answer.interval_ms),
    soft("counted ", ago(answer.surveyed_ms))]]]),
answer.new_share < NEARLY_ALL
  ? el("p.soft", percentText(answer.new_share, 1), " of the samples are new. Prometheus repeats ",
    "the others from scrape to scrape; repeats are not sent again, so they cost nothing.")
  : null,
answer.of_other_shards
  ? el("p.soft", count(answer.of_other_shards), " more series of the page are other shards', and ",
    "not counted here.")
  : null,
answer.collided ? el("p.note.warning", count(answer.collided), " series",
  overwrites(answer.collided), ": too many tags left out.") : null];

function show({ answer, dropped, sources, sinks }, params) {
  showChoice("cost-source", sources.sources, answer.source);
  showChoice("cost-sink", sinks.sinks, answer.sink);
  byId("cost-show").closest("p").hidden = params.by === "tags";
  if (!answer.surveyed_ms) {
    patch(byId("cost-answer"),
      el("p.note", "What the source costs is known after its first complete scrape."));
    return;
  }
  const nothing = params.q ? "Nothing has that in its name."
    : params.show === "dropped" ? "Nothing is dropped." : "There is nothing.";
  patch(byId("cost-answer"), costFigures(params, answer), droppedList(params, answer, dropped),
    answer.total ? costTable(params, answer) : el("p.note", nothing), pager(params, answer));
}

function load(params) {
  const { source, sink, q, by, offset, show: shown, sort = defaultSort(params) } = params;
  const isBeginning = !by && !shown && !q && !offset;
  return together({
    sources: get("api/v1/sources"), sinks: get("api/v1/sinks"),
    answer: get(by ? "api/v1/tags" : "api/v1/series",
      { source, sink, q, sort, show: by ? "" : shown, offset, limit: ROWS }),
    dropped: isBeginning ? get("api/v1/series",
      { source, sink, show: "dropped", sort: "series", limit: DROPPED_ROWS }) : null });
}

let entered = {};
function enter(params) {
  entered = params;
  byId("cost-q").value = params.q ?? "";
  byId("cost-by").value = params.by ?? "";
  byId("cost-show").value = params.show ?? "";
}

export const costTab = { place: "cost-answer", isSlow: true, load, show, enter };

function find() {
  const form = Object.fromEntries(new FormData(byId("cost-form")));
  const isSameKind = (entered.by ?? "") === form.by;
  location.hash = address("cost", { ...form, sort: isSameKind ? entered.sort : "" });
}
byId("cost-form").addEventListener("submit", (event) => {
  event.preventDefault();
  find();
});
byId("cost-form").addEventListener("change", find);
