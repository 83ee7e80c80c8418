// Sources: everything that is known of each, target by target.

import { link } from "./address.js";
import { byId, code, el, facts, patch, row, soft, table } from "./elements.js";
import { ago, bytes, count, durationText, time } from "./figures.js";
import { get } from "./relay.js";
import { OWN, isOwn, nameText, reasons, sentence, sourceState, urlText } from "./words.js";

// What became of the samples of a source on the way to one sink. What the filters dropped leads to
// the metrics it was.
export function fate(source, sink, hasName) {
  const sent = sink.written + sink.converted;
  const elsewhere = sink.filtered_by.other_shard ?? 0;  // nothing is lost of it
  const bar = [["kept", sent], ["repeated", sink.repeated + elsewhere],
    ["lost", sink.filtered + sink.rejected - elsewhere]];
  const toCost = (text, reason) => (reason in sink.filtered_by
    ? link("cost", { source: source.name, sink: sink.name, show: "dropped" }, text) : text);
  return el("div.fate",
    hasName ? el("div.soft", sink.name) : null,
    el("div.bar2", { "aria-hidden": "true" },
      bar.map(([kind, share]) => el(`i.${kind}`, { share }))),
    el("div.reasons", el("span.reason.kept", "sent ", el("b", count(sent))),
      sink.repeated ? el("span.reason.repeated", "repeated, sent before ",
        el("b", count(sink.repeated))) : null,
      [...reasons({ ...sink.filtered_by, ...sink.rejected_by, before: sink.before },
        toCost).children]));
}

// The requests of a source, where it has several or other relays have some of them.
const JOB_COLUMNS = ["Request", "Scraped by", "Targets up"];
const isShared = (source) => source.jobs.length > 1 || source.jobs.some((job) => !job.ours);
function jobRow(job, i, { targets }) {
  const own = targets.filter((target) => target.job === i);
  const up = own.filter((target) => target.up).length;
  return row(JOB_COLUMNS, [
    [job.match ? code(job.match) : soft("all of the source")],
    [job.ours ? "this relay" : soft(`shard ${job.shard}`)],
    [job.ours && own.length ? `${up} of ${own.length}` : soft("none here")]]);
}

const TARGET_COLUMNS = ["Target", "Last scrape", "Took", "Samples", "Series", "Scrapes"];
const targetRow = (target, match) => row(TARGET_COLUMNS, [
  [el("div.name", sourceState(target), target.address || "as the name resolves"),
    match ? el("div.soft", code(match)) : null,
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
  source.sinks.map((sink) => [el("h3", "To ", sink.name), fate(source, sink, false)]),
  isShared(source)
    ? table(JOB_COLUMNS, source.jobs.map((job, i) => jobRow(job, i, source))) : null,
  source.targets.some((target) => target.address) || source.targets.length > 1
    ? table(TARGET_COLUMNS, source.targets.map((target) =>
      targetRow(target, source.jobs.length > 1 ? source.jobs[target.job].match : ""))) : null,
  el("p", link("cost", { source: source.name }, "What it costs")));

let scrolledFor = null;
function show({ sources }, params) {
  patch(byId("sources-answer"),
    sources.map((source) => sourceSection(source, source.name === params.source)));
  if (params.source && params !== scrolledFor) {
    scrolledFor = params;
    document.querySelector("article.picked")?.scrollIntoView();
  }
}

export const sourcesTab = {
  place: "sources-answer",
  load: () => get("api/v1/sources"),
  show,
};
