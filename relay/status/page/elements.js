// Elements and how they get into the page. Names, labels and errors are strangers' text: they
// become text nodes here and nothing else.

export const byId = (id) => document.getElementById(id);

// el("p.soft", {title: "…"}, "text", el("b", …), [more], null)
export function el(kind, ...parts) {
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
export function patch(parent, ...wanted) {
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

export const code = (text) => el("code", text);
// A name that is broken, where it has to be, after its dots and underscores.
export const name = (text) => el("code",
  text.split(/(?<=[._])/).map((part, i) => [i ? el("wbr") : null, part]));
export const soft = (...parts) => el("span.soft", ...parts);
export const table = (columns, rows) => el("table",
  el("thead", el("tr", columns.map((column) => el("th", { scope: "col" }, column)))),
  el("tbody", rows));
// A row whose cells name their column, for phones.
export const row = (columns, cells) => el("tr", cells.map((cell, i) =>
  el("td", { "data-column": columns[i] }, el("div", cell))));
export const facts = (kind, pairs) => el(`dl.${kind}`, pairs.map(([what, value]) =>
  el("div", el("dt", what), el("dd", value))));
export const state = (level, text) => [el(`span.state.${level}`, text), " "];
