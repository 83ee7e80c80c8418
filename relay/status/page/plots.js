// The plots of the last hour, by Chart.js, which the relay serves too (a plain script: `Chart`).

import { byId, el, patch } from "./elements.js";
import { THIN, clockText, countText, durationText, rateText } from "./figures.js";
import { nameText } from "./words.js";

const HISTORY_MS = 3600000;
const PLOT_LINES_MAX = 6;

const sums = (all, field, length) => Array.from({ length }, (_, i) =>
  all.reduce((sum, one) => sum + (one[field][i] ?? 0), 0));
const each = (all, field) => all.map((one) =>
  ({ name: nameText(one.name), values: one[field], up: one.up }));
const perSecond = (x) => `${rateText(x)}${THIN}/s`;
const PLOTS = [
  { title: "Samples read", text: perSecond,
    lines: ({ sources }) => each(sources, "read_per_s") },
  { title: "Points in and out", text: perSecond,
    lines: ({ sinks, at_ms: at }) => [
      // An area, for the two are mostly the same.
      { name: "in", isArea: true, values: sums(sinks, "in_per_s", at.length) },
      { name: "out", values: sums(sinks, "out_per_s", at.length) }] },
  { title: "Points waiting", text: countText, lines: ({ sinks }) => each(sinks, "waiting") },
  // The relay's own figures take no time.
  { title: "Scrape time", text: durationText, lines: ({ sources }) =>
    each(sources.filter(({ scrape_ms: all }) => all.some((ms) => ms > 0)), "scrape_ms") },
];
const charts = [];
let lastHistory = null;

export function drawPlots(history) {
  lastHistory = history;
  const hasPlots = typeof Chart !== "undefined";
  byId("plots").hidden = !hasPlots;
  byId("no-plots").hidden = hasPlots;
  if (hasPlots) PLOTS.forEach((plot, i) => drawPlot(plot, i, history));
}

function drawPlot(plot, i, history) {
  const lines = plot.lines(history).slice(0, PLOT_LINES_MAX);
  const [caption, box] = byId("plots").children[i].children;
  const canvas = box.firstElementChild;
  const now = lines.map((line) => [line.name, plot.text(line.values.at(-1) ?? 0)]);
  patch(caption, el("b", plot.title), el("span.legend", now.map(([name, text], k) =>
    el("span", el(`i.line${k}`), lines.length > 1 ? `${name} ` : "", el("b", text)))));
  canvas.setAttribute("aria-label", `${plot.title}, the last hour; now ` +
    now.map((pair) => pair.join(" ")).join(", "));
  const chart = charts[i] ??= newChart(canvas, plot.text);
  const [first, last] = [history.at_ms[0] ?? 0, history.at_ms.at(-1) ?? 0];
  chart.options.scales.x.min = Math.max(last - HISTORY_MS, Math.min(first, last - HISTORY_MS / 12));
  chart.options.scales.x.max = last;
  chart.data.datasets = lines.map((line, k) => dataset(line, k, history.at_ms));
  chart.update("none");
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
}

// Failed scrapes are dots.
function dataset(line, k, at) {
  const colour = colours();
  const own = colour(`--line${k}`);
  return { label: line.name, borderColor: own, borderWidth: 1.75,
    fill: Boolean(line.isArea), backgroundColor: line.isArea ? `${own}38` : own,
    pointRadius: line.up ? line.up.map((up) => (up === 0 ? 2 : 0)) : 0, pointHitRadius: 0,
    pointBorderColor: colour("--bad"), pointBackgroundColor: colour("--bad"),
    data: line.values.map((y, i) => ({ x: at[i], y })) };
}

// Round times of day, few enough for the width.
function timeTicks(axis) {
  const span = axis.max - axis.min;
  const minutes = [1, 5, 10, 20].find((step) => span / step <= 4 * 60000) ?? 60;
  const step = minutes * 60000;
  axis.ticks = [];
  for (let at = Math.ceil(axis.min / step) * step; at <= axis.max; at += step) {
    axis.ticks.push({ value: at });
  }
}

function newChart(canvas, text) {
  const colour = colours();
  const family = getComputedStyle(document.body).fontFamily;
  const ticks = { color: colour("--soft"), font: { family, size: 11 }, maxRotation: 0 };
  const rule = colour("--rule");
  return new Chart(canvas, { type: "line", data: { datasets: [] }, options: {
    animation: false, responsive: true, maintainAspectRatio: false, parsing: false,
    normalized: true, interaction: { mode: "index", intersect: false, axis: "x" },
    scales: {
      x: { type: "linear", afterBuildTicks: timeTicks, grid: { display: false, borderColor: rule },
        ticks: { ...ticks, callback: (at) => clockText(at, false) } },
      y: { beginAtZero: true, suggestedMax: 1,
        grid: { color: rule, drawBorder: false, drawTicks: false },
        ticks: { ...ticks, maxTicksLimit: 4, padding: 6,
          precision: text === perSecond ? undefined : 0,
          callback: (y) => text(y).replace(/\.0+(?!\d)/, "") } } },
    plugins: { legend: { display: false }, tooltip: { callbacks: {
      title: (items) => clockText(items[0].parsed.x),
      label: (item) => `${item.dataset.label}: ${text(item.parsed.y)}` } } } } });
}

export function redrawPlots() {
  charts.splice(0).forEach((chart) => chart.destroy());
  if (lastHistory) drawPlots(lastHistory);
}
