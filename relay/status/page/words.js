// What things are called: reasons, states and names, in words that people use.

import { el, state } from "./elements.js";
import { count, durationText } from "./figures.js";
import { relay } from "./relay.js";

// A source without a name of its own goes by its URL, of which host and path tell enough.
export function nameText(name) {
  const url = /^https?:/.test(name) && URL.canParse(name) ? new URL(name) : null;
  return url ? url.host + url.pathname : name;
}
// As people write it, not as it travels.
export function urlText(url) {
  try {
    return decodeURI(url);
  } catch {
    return url;
  }
}

const WORDS = {
  other_shard: "for another shard to send",
  other_shard: "another shard sends them",
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
  before: "read before the sink was there",
  unreachable: "could not be reached",
  timeout: "took too long",
  tls: "TLS failed",
  not_ready: "waited for certificates",
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
// {"reason": 3} as "in words 3", the most frequent first; `linked` makes the words a link.
export function reasons(by, linked = (text) => text) {
  const parts = Object.entries(by ?? {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  return el("div.reasons", parts.map(([reason, n]) =>
    el("span.reason", linked(words(reason), reason), " ", el("b", count(n)))));
}

// As the beginning and the end of a sentence have it.
export const sentence = (text) => text &&
  text[0].toUpperCase() + text.slice(1) + (/[.?!…:]$/.test(text) ? "" : ".");

// Who takes part in an election is called POD_UID.
export const podText = (identity) => identity.split("_")[0];

export const isOwn = (source) => !source.url;  // the relay's own figures
export const OWN = "the relay’s own figures";
// Whether this relay scrapes it: not as a standby, nor where it belongs to another shard.
export const isOurs = (source) => relay.status.election.state !== "standby" &&
  source.jobs.some((job) => job.ours);
export function sourceState(source) {
  if (!isOwn(source) && !isOurs(source)) return state("none", "elsewhere");
  if (!source.last_start_ms && !source.last_error) return state("none", "waiting");
  return source.up ? state("ok", "up") : state("error", "down");
}

export const lastTime = (rates) => (rates.interval_s >= 60 ? "last minute"
  : `last ${durationText(rates.interval_s * 1000)}`);
