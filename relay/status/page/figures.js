// Figures: written the same in every country, short, and exact on pointing.

import { el, soft } from "./elements.js";
import { relayNow } from "./relay.js";

export const THIN = "\u202f";

export function grouped(number, digits) {
  const [whole, rest] = number.toFixed(digits).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, THIN) + (rest ? `.${rest}` : "");
}
function short(number, step, units) {
  let unit = 0;
  for (; Math.abs(number) >= step * 0.9995 && unit + 1 < units.length; ++unit) number /= step;
  const digits = unit === 0 ? 0 : Math.abs(number) < 9.995 ? 2 : Math.abs(number) < 99.95 ? 1 : 0;
  return grouped(number, digits) + (units[unit] ? THIN + units[unit] : "");
}
export const countText = (n) => (n < 99999.5 ? grouped(n, 0)
  : short(n, 1000, ["", "k", "M", "G", "T"]));
const bytesText = (n) => short(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
export const rateText = (x) => (x >= 999.5 ? countText(x) : grouped(x, x === 0 || x >= 99.95 ? 0
  : x < 9.995 ? 2 : 1));
export const percentText = (part, whole) => {
  const percent = whole > 0 ? 100 * part / whole : 0;
  const digits = percent === 0 || percent === 100 || (percent >= 9.95 && percent < 99.5) ? 0 : 1;
  return `${Math.min(percent, part < whole ? 99.9 : 100).toFixed(digits)}${THIN}%`;
};
export function durationText(ms) {
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
export function clockText(ms, withSeconds = true) {
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}` +
    (withSeconds ? `:${two(date.getSeconds())}` : "");
}
function stampText(ms) {
  const date = new Date(ms);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${clockText(ms)}`;
}

const exact = (text, title) => el("span", { title }, text);
export const count = (n) => exact(countText(n), grouped(n, 0));
export const bytes = (n) => exact(bytesText(n), `${grouped(n, 0)} bytes`);
export const rate = (x) => exact([rateText(x), THIN, "/s"].join(""), `${grouped(x, 3)} per second`);
export const many = (n, one, more) => [count(n), " ", n === 1 ? one : more];

export function ageText(kind, ms) {
  const age = Math.max(0, relayNow() - ms);
  // Young ones to the second: tenths would flicker.
  const text = age < 10000 ? `${Math.floor(age / 1000)}${THIN}s` : durationText(age);
  return kind === "ago" ? `${text} ago` : text;
}
export const time = (kind, ms, never) => (ms ? el("time",
  { "data-kind": kind, "data-ms": ms, title: stampText(ms) }, ageText(kind, ms)) : soft(never));
export const ago = (ms, never = "not yet") => time("ago", ms, never);
