// Why?: what becomes of a series, stage by stage, and the rule that decides it.

import { go, link } from "./address.js";
import { byId, code, el, name, patch, soft, state } from "./elements.js";
import { count } from "./figures.js";
import { get, together } from "./relay.js";
import { nameText, sentence } from "./words.js";

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

const sinkSteps = (why, sink) => [
  filterStep(`Filters of sink ${sink.sink}`, sink), tagsStep("Tags of the sink", sink),
  sink.line ? step("ok", `${why.hypothetical ? "Would be sent" : "Sent"} as ${
    sink.distribution ? "part of a distribution" : sink.sent_as}`, el("pre", sink.line)) : null];

const path = (why) => el("ol.path", parsedStep(why),
  why.named ? step("none", "Named", el("p", code(why.named))) : null,
  why.source_stage ? [filterStep(`Filters of source ${nameText(why.source)}`, why.source_stage),
    tagsStep("Tags of the source", why.source_stage)] : null,
  why.source_stage && isKept(why.source_stage)
    ? why.sinks.map((sink) => sinkSteps(why, sink)) : null,
  why.verdict === "kept" ? null
    : step("error", why.hypothetical ? "Would not be sent" : "Not sent",
      why.value_text ? el("p", sentence(why.value_text)) : null));

// The stage that answers the question: the first that drops it, else the source's.
function tellingStage(why) {
  const source = why.source_stage;
  return source && isKept(source) ? why.sinks.find((sink) => !isKept(sink)) ?? source : source;
}

function verdictTitle(why) {
  if (why.malformed) return "Not understood";
  const [dropped, sent] = why.hypothetical ? ["Would be dropped", "Would be sent"]
    : ["Dropped", "Sent"];
  if (why.verdict !== "kept") return dropped;
  const lines = why.sinks.filter((sink) => sink.line).length;
  return lines < why.sinks.length ? `${sent} to ${lines} of ${why.sinks.length} sinks` : sent;
}

function explanation(why) {
  const isSent = why.verdict === "kept";
  // What would become of a series that nobody has seen is no verdict: neither green nor red.
  const fate = why.hypothetical ? "hypothetical" : isSent ? "kept" : "lost";
  const level = { hypothetical: "none", kept: "ok", lost: "error" }[fate];
  const stage = tellingStage(why);
  const rule = stage && decider(stage);
  const reason = why.malformed ?? ((!isSent && why.value_text) || stageText(stage));
  return el(`article.card.why.${fate}`,
    el("h2", state(level, verdictTitle(why)),
      why.series_count === null ? null : soft(count(why.series_count), " series like this")),
    el("p.reason-large", sentence(reason)),
    rule ? el("p.rule-large", ruleText(rule)) : null,
    why.hint && el("p.hint", sentence(why.hint)),
    el("p.mono.series.clip", { title: why.series }, why.series),
    path(why));
}

const suggestion = (metric) => el("li",
  metric.dropped ? state("error", metric.kept ? "partly dropped" : "dropped") : state("ok", "kept"),
  link("why", { series: metric.name }, name(metric.name)));

// What is dropped is what people ask about.
const inOrder = (explanations) => [...explanations].sort((a, b) =>
  (a.verdict === "kept") - (b.verdict === "kept") || b.series_count - a.series_count);

function show({ answer, kept, dropped }) {
  if (!answer) {
    patch(byId("why-answer"),
      el("p", "Ask for a name of either side (", code("istio_requests_total"), " or ",
        code("istio.requests.total.value"), "), or paste a series as a metrics page has it."),
      el("h2", "For instance"), el("ul.suggestions", [...dropped.metrics,
        ...kept.metrics.filter((metric) => !metric.dropped)].map(suggestion)));
    return;
  }
  const { matched_by: matchedBy, note, explanations } = answer;
  patch(byId("why-answer"),
    note && el(matchedBy === "none" ? "p.note.warning" : "p.note", sentence(note)),
    inOrder(explanations).map(explanation));
}

const example = (kind) => get("api/v1/series", { show: kind, limit: 4 });
export const whyTab = {
  place: "why-answer",
  isSlow: true,
  load: ({ series, source }) => together(series
    ? { answer: get("api/v1/explain", { series, source }) }
    : { kept: example("kept"), dropped: example("dropped") }),
  show,
  enter: ({ series }) => {
    byId("why-series").value = series ?? "";
    patch(byId("why-answer"), el("p.soft", series ? "Asking…" : ""));
  },
};

byId("why-form").addEventListener("submit", (event) => {
  event.preventDefault();
  go("why", { series: byId("why-series").value.trim() });
});
