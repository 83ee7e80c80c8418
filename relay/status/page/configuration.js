// Configuration: since when it is in force, what became of the last edit of its file, and the
// effective one, as YAML, to look at and to copy.

import { byId, code, el, facts, patch, soft } from "./elements.js";
import { ago, count, many } from "./figures.js";
import { get, relay } from "./relay.js";
import { sentence } from "./words.js";

// Keys and comments apart from values, line by line; what looks otherwise is left as it is.
function yamlLine(line) {
  const [, before, key, rest] = line.match(/^([\s-]*)([\w.'"-]+:)(?=\s|$)(.*)$/) ?? [];
  if (key) return [before, el("b", key), `${rest}\n`];
  return line.trim().startsWith("#") ? soft(`${line}\n`) : `${line}\n`;
}

// What stands in the file now and is not in force.
const refusal = ({ refused_ms: at, problems }) => el("section.card.refusal",
  el("h2", "The last edit is refused"),
  el("p", "Read ", ago(at), ". What stands below goes on until this is put right:"),
  el("ul.mono", { tabindex: 0, "aria-label": "What is wrong with it" },
    problems.map((problem) => el("li", problem))));

function edits({ reloads, last_change: change }) {
  const { applied, unchanged, refused } = reloads;
  const read = applied + unchanged + refused;
  const shares = [[applied, "taken"], [refused, "refused"], [unchanged, "unchanged"]];
  return [
    ["Last change", change ? sentence(change) : soft("none since the start")],
    ["Read again", read ? [many(read, "time", "times"), soft(shares.filter(([n]) => n)
      .map(([n, what], i) => [i ? ", " : "", count(n), ` ${what}`]))] : soft("not yet")]];
}

function show(text) {
  const { config } = relay.status;
  patch(byId("config-state"),
    config.current ? null : refusal(config),
    facts("details", [["In force since", ago(config.loaded_ms)],
      ["Hash", config.hash ? code(config.hash) : soft("none")], ...edits(config)]));
  patch(byId("config-answer"),
    el("pre", { id: "yaml", tabindex: 0 }, text.trimEnd().split("\n").map(yamlLine)));
}

export const configurationTab = {
  place: "config-answer",
  load: () => get("config", {}, "text/yaml, text/plain"),
  show,
};

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
