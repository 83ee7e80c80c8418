// Configuration: the effective one, as YAML, to look at and to copy.

import { byId, el, patch, soft } from "./elements.js";
import { get } from "./relay.js";

// Keys and comments apart from values, line by line; what looks otherwise is left as it is.
function yamlLine(line) {
  const [, before, key, rest] = line.match(/^([\s-]*)([\w.'"-]+:)(?=\s|$)(.*)$/) ?? [];
  if (key) return [before, el("b", key), `${rest}\n`];
  return line.trim().startsWith("#") ? soft(`${line}\n`) : `${line}\n`;
}
const show = (text) => patch(byId("config-answer"),
  el("pre", { id: "yaml", tabindex: 0 }, text.trimEnd().split("\n").map(yamlLine)));

export const configurationTab = {
  place: "config-answer",
  isSlow: true,
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
