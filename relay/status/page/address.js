// What is shown (tab, question, sorting) stands in the address after the #, so that links, the back
// button and sharing work, and nothing that is redrawn needs a listener.

import { el } from "./elements.js";

// Without what is empty.
export const queryText = (params = {}) => new URLSearchParams(Object.entries(params).filter(
  ([, value]) => value !== "" && value != null)).toString();

export function address(tab, params) {
  const query = queryText(params);
  return `#${tab}${query ? `?${query}` : ""}`;
}

export const link = (tab, params, ...parts) => el("a", { href: address(tab, params) }, ...parts);

// Asks again where that is shown already.
export function go(tab, params) {
  const wanted = address(tab, params);
  if (location.hash === wanted) dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = wanted;
}

export function addressed() {
  const [tab, query] = location.hash.slice(1).split(/\?(.*)/s);
  return { tab, params: Object.fromEntries(new URLSearchParams(query ?? "")) };
}
