// What is drawn, as files: a chart as SVG or PNG with its legend, and its numbers as CSV.
const DRAWN = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family",
  "text-anchor", "paint-order", "fill-opacity"];
const LEGEND = { left: 70, line: 18, letter: 6.9, swatch: 36, gap: 18 };

function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// The chart with its styles written into it, and below it what its lines are.
function standalone(figure) {
  const svg = figure.querySelector("svg.chart");
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  svg.querySelectorAll(".cursor, .selection").forEach((node) => node.remove());
  const copy = svg.cloneNode(true);
  const originals = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((node, index) => inline(node, originals[index]));
  for (const name of ["class", "tabindex", "aria-label", "role"]) copy.removeAttribute(name);
  const body = getComputedStyle(document.body);
  const tall = height + addLegend(copy, figure, width, height, body);
  const back = element(null, "rect", { width, height: tall, fill: body.backgroundColor });
  copy.prepend(back);
  copy.setAttribute("viewBox", `0 0 ${width} ${tall}`);
  copy.setAttribute("width", width);
  copy.setAttribute("height", tall);
  return { text: new XMLSerializer().serializeToString(copy), width, height: tall };
}

// Give a copy the looks that style sheet and theme give its original.
function inline(copy, original) {
  const style = getComputedStyle(original);
  for (const name of ["fill", "stroke", "class"]) copy.removeAttribute(name);
  copy.setAttribute("style", DRAWN.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
}

function addLegend(copy, figure, width, top, body) {
  let [x, y] = [LEGEND.left, top + LEGEND.line];
  for (const entry of figure.querySelectorAll(".legend > *")) {
    const box = entry.querySelector("input");
    if (box && !box.checked) continue;
    const text = entry.textContent;
    const wide = LEGEND.swatch + text.length * LEGEND.letter;
    if (x > LEGEND.left && x + wide > width) [x, y] = [LEGEND.left, y + LEGEND.line];
    const line = entry.querySelector("svg > *");
    const mark = line.cloneNode();
    inline(mark, line);
    element(copy, "g", { transform: `translate(${x} ${y - 10})` }).append(mark);
    const words = { x: x + LEGEND.swatch, y, style: `font:12px ${body.fontFamily};fill:${body.color}` };
    element(copy, "text", words, text);
    x += wide + LEGEND.gap;
  }
  return y - top + LEGEND.line / 2;
}

function saveSvg(figure, name) {
  save(`${name}.svg`, standalone(figure).text, "image/svg+xml");
}

function savePng(figure, name) {
  const { text, width, height } = standalone(figure);
  const image = new Image();
  image.addEventListener("load", () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 2 * width, height: 2 * height });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(`${name}.png`, blob));
  });
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}

// Text that a spreadsheet would take for a formula has an apostrophe in front, as in summary.csv.
function csvField(value) {
  if (value === null || value === undefined || value === Infinity || value === -Infinity) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function saveCsv(rows, name) {
  save(`${name}.csv`, `${rows.map((row) => row.map(csvField).join(",")).join("\r\n")}\r\n`, "text/csv");
}
