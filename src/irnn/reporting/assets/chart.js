// Shared by all charts: SVG elements, scales, axes, the value box that follows the pointer.
let DATA = JSON.parse(document.getElementById("data").textContent);
// One for each task: what its charts show; `mark` ends the names of its elements.
let PARTS = [];
// What a chart keeps when the page around it is made anew, as it is while runs go on.
const MEMORY = new Map();
function remembered(part, chart, initial) {
  const name = `${chart}${part.mark}`;
  if (!MEMORY.has(name)) MEMORY.set(name, initial);
  return MEMORY.get(name);
}
const within = (part, name) => document.getElementById(`${name}${part.mark}`);
const COLOURS = 7;
const DASHES = ["", "8 3", "2 3"];
const colour = (index) => `var(--c${index % COLOURS})`;
const SHAPES = ["dot", "square", "diamond", "down"];
const shape = (index) => SHAPES[index % SHAPES.length];
const dash = (index) => DASHES[Math.floor(index / COLOURS) % DASHES.length];

function element(parent, name, attributes = {}, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text) node.textContent = text;
  parent?.append(node);
  return node;
}

const count = (value) => Math.round(value).toLocaleString("en");
const loss = (value) => (value === null ? "not finite" : String(Number(value.toPrecision(3))));
const score = (value) => (value === null ? "not finite" : String(Number(value.toPrecision(4))));

// A number on an axis: whole ones with commas, small ones in a few digits.
const tick = (value) => (Math.abs(value) >= 1000 ? count(value) : String(Number(value.toPrecision(3))));

function linearTicks([low, high], wanted) {
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((m) => m * power >= raw) * power;
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) ticks.push(at);
  return ticks;
}

function logTicks([low, high], wanted) {
  const decades = Math.log10(high / low);
  const steps = decades > wanted / 2 ? [1] : decades > wanted / 3 ? [1, 3] : [1, 2, 5];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    for (const step of steps) {
      const at = Number((step * 10 ** power).toPrecision(2));
      if (at >= low * 0.999 && at <= high * 1.001) ticks.push(at);
    }
  }
  return ticks;
}

// A scale maps a domain to pixels; `ticks` may be given when the data has few distinct values.
function scale(domain, range, { log = false, ticks = null, wanted = 6 } = {}) {
  const f = log ? Math.log : (value) => value;
  const inverse = log ? Math.exp : (value) => value;
  const [low, high] = domain.map(f);
  const ratio = (range[1] - range[0]) / (high - low || 1);
  const map = (value) => range[0] + (f(value) - low) * ratio;
  map.invert = (pixel) => inverse(low + (pixel - range[0]) / ratio);
  map.domain = domain;
  map.ticks = ticks ?? (log ? logTicks : linearTicks)(domain, wanted);
  return map;
}

// Clear the figure's SVG, fit it to the width of the page and draw axes; give back where to draw.
function frame(figure, { x, y, xLabel, yLabel, xText = count, yText = loss }) {
  const svg = figure.querySelector("svg.chart");
  svg.replaceChildren();
  const width = paper || Math.max(280, Math.min(1100, figure.clientWidth || 720));
  const height = Math.round(Math.min(440, 210 + width * 0.24));
  const box = { left: 70, right: width - 22, top: 12, bottom: height - 42 };
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const wide = (box.right - box.left) / 95;
  const sx = scale(x.domain, [box.left, box.right], { wanted: wide, ...x });
  const sy = scale(y.domain, [box.bottom, box.top], { wanted: 6, ...y });
  let free = -Infinity;
  for (const at of sx.ticks) {
    element(svg, "line", { class: "grid", x1: sx(at), x2: sx(at), y1: box.top, y2: box.bottom });
    const half = xText(at).length * 3.6 + 4;
    if (sx(at) - half < free || sx(at) + half > width + 4) continue;
    free = sx(at) + half;
    const place = { x: sx(at), y: box.bottom + 16, "text-anchor": "middle" };
    element(svg, "text", place, xText(at));
  }
  for (const at of sy.ticks) {
    element(svg, "line", { class: "grid", x1: box.left, x2: box.right, y1: sy(at), y2: sy(at) });
    element(svg, "text", { x: box.left - 6, y: sy(at) + 4, "text-anchor": "end" }, yText(at));
  }
  const middle = (box.left + box.right) / 2;
  element(svg, "text", { x: middle, y: height - 6, "text-anchor": "middle" }, xLabel);
  const turn = `translate(11 ${(box.top + box.bottom) / 2}) rotate(-90)`;
  element(svg, "text", { transform: turn, "text-anchor": "middle" }, yLabel);
  return { svg, box, x: sx, y: sy, width, height };
}

// Position of a pointer event in the units of the SVG's viewBox.
function pointer(svg, event) {
  const bounds = svg.getBoundingClientRect();
  const zoom = svg.viewBox.baseVal.width / bounds.width;
  return { x: (event.clientX - bounds.left) * zoom, y: (event.clientY - bounds.top) * zoom };
}

// Show `lines` in the figure's value box beside the point at (px, py) of its SVG.
function showTip(figure, plot, px, py, lines) {
  const tip = figure.querySelector(".tip");
  plot.svg.querySelector(".cursor")?.remove();
  element(plot.svg, "circle", { class: "cursor", cx: px, cy: py, r: 6 });
  tip.replaceChildren(...lines.map((line) => {
    const row = document.createElement("div");
    row.textContent = line;
    return row;
  }));
  tip.hidden = false;
  const shown = plot.svg.getBoundingClientRect();
  const zoom = shown.width / plot.width;
  const left = px * zoom + (px > plot.width / 2 ? -tip.offsetWidth - 14 : 14);
  tip.style.left = `${Math.max(0, Math.min(left, shown.width - tip.offsetWidth))}px`;
  tip.style.top = `${plot.svg.offsetTop + Math.max(0, py * zoom - tip.offsetHeight - 8)}px`;
}

function hideTip(figure) {
  figure.querySelector(".tip").hidden = true;
  figure.querySelector(".cursor")?.remove();
}

function swatch(parent, index, outline = "", stroke = "var(--dim)") {
  const svg = element(parent, "svg", { viewBox: "0 0 28 12", "aria-hidden": "true" });
  const line = { x1: 0, x2: 28, y1: 6, y2: 6, "stroke-width": 3, "stroke-dasharray": dash(index) };
  if (outline) element(svg, "path", { d: marker(outline, 14, 6, 4), fill: "none", stroke, "stroke-width": 1.6 });
  else element(svg, "line", { ...line, stroke: colour(index) });
}

// Outline of a marker; shapes tell series apart where colours do not.
function marker(shape, x, y, r) {
  if (shape === "down") return `M${x - r} ${y - r}L${x + r} ${y - r}L${x} ${y + r}Z`;
  if (shape === "square") return `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}Z`;
  if (shape === "up") return `M${x - r} ${y + r}L${x + r} ${y + r}L${x} ${y - r}Z`;
  if (shape === "diamond") return `M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}Z`;
  if (shape === "tick") return `M${x} ${y - r}v${2 * r}`;
  if (shape === "cross") return `M${x - r} ${y - r}L${x + r} ${y + r}M${x - r} ${y + r}L${x + r} ${y - r}`;
  return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
}

// The line of each group beside its name in a table.
function setupSwatches() {
  for (const svg of document.querySelectorAll("svg.swatch")) {
    const index = Number(svg.dataset.group);
    const line = { x1: 0, x2: 28, y1: 6, y2: 6, "stroke-width": 3, "stroke-dasharray": dash(index) };
    element(svg, "line", { ...line, stroke: colour(index) });
  }
}

const redraws = [];
let pending = 0;
// On paper charts are drawn anew: one that was drawn for a wide screen would shrink, and its words with it.
const PAPER = 600;
let paper = 0;
for (const [moment, width] of [["beforeprint", PAPER], ["afterprint", 0]]) {
  addEventListener(moment, () => {
    paper = width;
    redraws.forEach((draw) => draw());
  });
}
addEventListener("resize", () => {
  clearTimeout(pending);
  pending = setTimeout(() => redraws.forEach((draw) => draw()), 120);
});
