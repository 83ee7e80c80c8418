// Overview: the last minute in four figures, the last hour in plots, and what every source and sink
// does.

import { link } from "./address.js";
import { byId, el, facts, patch, row, soft, state, table } from "./elements.js";
import { ago, bytes, count, durationText, many, rate, time } from "./figures.js";
import { drawPlots } from "./plots.js";
import { get, relay, together } from "./relay.js";
import { fate } from "./sources.js";
import { OWN, isOurs, isOwn, lastTime, nameText, reasons, sourceState, urlText } from "./words.js";

const SOURCE_COLUMNS = ["Source", "Last scrape", "Series", "Samples since the start"];
const sourceRow = (source) => row(SOURCE_COLUMNS, [
  [el("div.name", sourceState(source), link("sources", { source: source.name },
    nameText(source.name))),
    el("div.soft.clip", { title: source.url }, isOwn(source) ? OWN : urlText(source.url)),
    source.last_error ? el("div.trouble.clip", source.last_error) : null],
  [el("div", ago(source.last_start_ms)), isOwn(source) || !source.last_start_ms ? null
    : el("div.soft", "took ", durationText(source.last_duration_ms))],
  [count(source.series)],
  [source.sinks.map((sink) => fate(source, sink, source.sinks.length > 1)),
    source.malformed
      ? el("div.soft", many(source.malformed, "line", "lines"), " not understood") : null],
]);

function sinkState(sink) {
  if (sink.isLeaving) return state("none", "leaves");
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
  sink.isLeaving ? null : el("div.soft", sink.spool_directory || "in memory", ", at most ",
    bytes(sink.spool_bytes_max)),
] : soft("nothing"));

const SINK_COLUMNS = ["Sink", "Points per second", "Waiting", "Last answer",
  "Points since the start"];
const sinkRow = (sink) => row(SINK_COLUMNS, [
  [el("div.name", sinkState(sink), sink.name),
    sink.isLeaving ? el("div.soft", "no longer in the configuration") : null,
    sink.endpoints.map((endpoint) => el("div.soft.clip", { title: endpoint }, endpoint)),
    sinkTrouble(sink)],
  [sink.isLeaving ? soft("nothing new")
    : [el("div", rate(sink.out_per_s), " out"), el("div.soft", rate(sink.in_per_s), " in")]],
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

const leaving = (sink) => ({ ...sink, isLeaving: true, endpoints: [] });

function show({ history, sources, sinks }) {
  const { rates, series, waiting } = relay.status;
  const oldest = Math.min(...sinks.sinks.map((sink) => sink.oldest_waiting_ms || Infinity));
  const scraped = sources.sources.filter((source) => !isOwn(source) && isOurs(source));
  const up = scraped.filter((source) => source.up).length;
  patch(byId("figures"), ...facts("figures", [
    ["Read", [rate(rates.read), soft("samples, ", lastTime(rates))]],
    ["Delivered", [rate(rates.delivered), soft("points, ", lastTime(rates))]],
    ["Waiting", [count(waiting), waiting && oldest < Infinity ? soft("oldest from ", ago(oldest))
      : soft("points")]],
    ["Series", [count(series), soft(scraped.length
      ? `${up} of ${scraped.length} ${scraped.length === 1 ? "source" : "sources"} up`
      : "none is scraped here")]]]).children);
  patch(byId("overview-answer"),
    el("h2", "Sources"), table(SOURCE_COLUMNS, sources.sources.map(sourceRow)),
    el("h2", "Sinks"),
    table(SINK_COLUMNS, [...sinks.sinks, ...sinks.leaving.map(leaving)].map(sinkRow)));
  drawPlots(history);
}

export const overviewTab = {
  place: "overview-answer",
  load: () => together({ history: get("api/v1/history"), sources: get("api/v1/sources"),
    sinks: get("api/v1/sinks") }),
  show,
};
