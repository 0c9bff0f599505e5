// The price chart of a symbol, with the person's own trades on it (uPlot, vendored). Loaded on the Symbol page only.

import { dollars } from "./formats.js";

const HEIGHT_PX = 340;
const holder = document.querySelector("[data-chart]");

// Labels of the time axis, in uPlot's format: the least step in seconds, the label, and an addition where a day begins.
const NEW_DAY = "\n{MMM} {D}";
const TIMES = [
  [86_400, "{MMM} {D}", null, null, null, null, null, null, 1],
  [60, "{HH}:{mm}", null, null, NEW_DAY, null, null, null, 1],
  [0.001, "{HH}:{mm}:{ss}", null, null, NEW_DAY, null, null, null, 1],
];

// Possible steps between two marks of the time axis, in seconds.
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS_S = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((days) => days * DAY),
];

let chart = null;
let data = null;

// An element's computed colour: a custom property would return the text light-dark(…) unresolved.
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  holder.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function triangle(up) {
  return (self, seriesIndex) => {
    const context = self.ctx;
    const size = 7 * devicePixelRatio;
    context.save();
    context.fillStyle = colour(up ? "--up" : "--down");
    context.strokeStyle = colour("--surface");
    context.lineWidth = 1.5 * devicePixelRatio;
    self.data[seriesIndex].forEach((value, index) => {
      if (value == null) {
        return;
      }
      const x = self.valToPos(self.data[0][index], "x", true);
      const y = self.valToPos(value, "y", true);
      const tip = up ? -size : size;
      context.beginPath();
      context.moveTo(x, y + tip);
      context.lineTo(x - size, y - tip);
      context.lineTo(x + size, y - tip);
      context.closePath();
      context.fill();
      context.stroke();
    });
    context.restore();
    return false;
  };
}

// Columns as uPlot needs them: all times, then for each series a value per time, null where it has none.
function columns() {
  const rows = new Map();
  const put = (atMs, slot, cents) => {
    const key = atMs / 1000;
    const row = rows.get(key) ?? [key, null, null, null];
    row[slot] = cents / 100;
    rows.set(key, row);
  };
  data.prices.forEach((price) => put(price.at_ms, 1, price.price_cents));
  data.trades.forEach((trade) => put(trade.at_ms, trade.side === "buy" ? 2 : 3, trade.price_cents));
  const newest = data.prices.at(-1);
  if (newest && newest.at_ms < data.now_ms) {
    put(data.now_ms, 1, newest.price_cents); // no quote since then: extends the line up to now
  }
  const sorted = [...rows.values()].sort((left, right) => left[0] - right[0]);
  return [0, 1, 2, 3].map((slot) => sorted.map((row) => row[slot]));
}

// Room at both ends, so that the newest price and trade do not touch the frame.
function padded(self, from, to) {
  const room = Math.max((to - from) * 0.03, 1);
  return [from - room, to + room];
}

// Room above and below, so that the line of a constant price is in the middle.
function aired(self, from, to) {
  const room = Math.max((to - from) * 0.1, to * 0.05);
  return [Math.max(0, from - room), to + room];
}

function options() {
  const axis = {
    stroke: colour("--text-muted"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
  };
  const money = (self, value) => (value == null ? "–" : dollars(BigInt(Math.round(value * 100))));
  // The legend shows the value under the cursor, or the newest value if the cursor is elsewhere.
  const shown = (self, value, series, index) => money(self, index == null ? self.data[series].findLast((cents) => cents != null) : value);
  const moment = (seconds) => (seconds ? `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC` : "–");
  const trades = (label, up, name) => ({
    label,
    stroke: colour(name),
    paths: () => null,
    points: { show: triangle(up) },
    value: shown,
  });
  return {
    width: holder.clientWidth,
    height: HEIGHT_PX,
    padding: [null, 24, null, null], // room for the last label, which is centred under its mark
    // UTC, like all times on the site.
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { x: { range: padded }, y: { range: aired } },
    cursor: { points: { size: 7 } },
    axes: [{ ...axis, values: TIMES, incrs: STEPS_S, space: 64 }, { ...axis, size: 78, values: (self, values) => values.map((value) => money(self, value)) }],
    series: [
      { label: "Time", value: (self, seconds, series, index) => moment(index == null ? data.now_ms / 1000 : seconds) },
      {
        label: "Price",
        stroke: colour("--accent"),
        width: 2,
        spanGaps: true,
        paths: uPlot.paths.stepped({ align: 1 }),
        points: { show: data.prices.length < 60, size: 5 },
        value: shown,
      },
      trades("You bought", true, "--up"),
      trades("You sold", false, "--down"),
    ],
  };
}

function draw() {
  chart?.destroy();
  chart = new uPlot(options(), columns(), holder);
  chart.root.setAttribute("aria-hidden", "true");
  holder.dataset.drawn = data.prices.length;
}

async function load() {
  const response = await fetch(holder.dataset.chart).catch(() => null);
  if (response?.ok) {
    data = await response.json();
    holder.hidden = data.prices.length === 0;
    document.querySelector("[data-chart-empty]").hidden = !holder.hidden;
    if (!holder.hidden) {
      draw();
    }
  }
}

// Adds a price at once, so that the chart ends at the price that the page shows.
function add({ price_cents, asked_at_ms: at_ms }) {
  if (!data?.prices.length) {
    load();
  } else if (at_ms > data.prices.at(-1).at_ms) {
    data.prices.push({ at_ms, price_cents });
    data.now_ms = Math.max(data.now_ms, at_ms);
    draw();
  }
}

if (holder) {
  load();
  addEventListener("daytrade:theme", () => data && draw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => data && draw());
  addEventListener("daytrade:account", load);
  addEventListener("daytrade:price", (event) => event.detail.symbol === holder.dataset.symbol && add(event.detail));
  new ResizeObserver(() => chart?.setSize({ width: holder.clientWidth, height: HEIGHT_PX })).observe(holder);
}
