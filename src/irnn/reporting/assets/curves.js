// Learning curves: every seed thin, the group's median thick, divergences crossed, zoom and hover.
PARTS.forEach((part) => {
  const figure = within(part, "curves-figure");
  if (!figure) return;
  const svg = figure.querySelector("svg.chart");
  const kind = within(part, "curves-kind");
  const shown = part.groups.map((_, index) => index < part.drawn);
  const TOP = 10;
  let range = null;
  let plot = null;
  let focus = null;
  let dragFrom = null;

  const { metric } = part;
  const both = metric.higher ? ["l", "t"] : ["h", "t"]; // never two metrics on one axis
  const columns = () => (kind.value === "both" ? both : [kind.value]);
  const isScore = () => metric.higher && kind.value === "h"; // linear, and no loss
  const baselines = () => (metric.higher && !isScore() ? [] : metric.baselines);
  const visible = () => part.groups.map((g, i) => [g, i]).filter(([, i]) => shown[i]);

  function lastUpdate() {
    const ends = visible().flatMap(([group]) => group.runs.map((run) => run.s[run.s.length - 1] ?? 1));
    return ends.reduce((one, other) => Math.max(one, other), 1);
  }

  // The updates shown, and the losses there; of the evaluations around them too, whose lines cross the chart.
  function extent() {
    let low = Infinity;
    let high = isScore() ? 1 : 0;
    for (const { at } of baselines()) high = Math.max(high, 1.2 * at);
    for (const [group] of visible()) for (const run of group.runs) {
      run.s.forEach((step, i) => {
        if (range && ((run.s[i + 1] ?? step) < range[0] || (run.s[i - 1] ?? step) > range[1])) return;
        for (const name of columns()) {
          const value = run[name][i];
          if (value === null || (value <= 0 && !isScore())) continue;
          low = Math.min(low, value);
          high = Math.max(high, isScore() ? value : Math.min(value, TOP));
        }
      });
    }
    const x = range ?? [0, lastUpdate()];
    if (isScore()) return { x, y: [Math.min(0, low), high * 1.03] };
    for (const { at } of baselines()) low = Math.min(low, 0.6 * at);
    if (!Number.isFinite(low)) low = 0.1;
    return { x, y: [Math.max(1e-9, low * 0.8), Math.max(high, low) * 1.7] };
  }

  const clampY = (value) => plot.y(Math.min(Math.max(value, plot.y.domain[0]), plot.y.domain[1]));

  // NaN breaks the line; a value above the chart runs along its upper edge.
  function path(steps, values) {
    const { left, right } = plot.box;
    let d = "";
    let pen = "M";
    for (let i = 0; i < steps.length; i += 1) {
      const px = plot.x(steps[i]);
      const next = i + 1 < steps.length ? plot.x(steps[i + 1]) : px;
      if (values[i] === null || (next < left && px < left)) {
        pen = "M";
        continue;
      }
      d += `${pen}${px.toFixed(1)} ${clampY(values[i]).toFixed(1)}`;
      pen = "L";
      if (px > right) break;
    }
    return d;
  }

  function draw() {
    const { x, y } = extent();
    const { name: said, loss: lost } = metric;
    const yLabel = { h: `held-out ${said}`, l: `held-out ${lost}`, t: `training ${lost}`, both: lost }[kind.value];
    plot = frame(figure, { x: { domain: x }, y: { domain: y, log: !isScore() }, xLabel: "updates", yLabel });
    const { box } = plot;
    const clip = element(svg, "clipPath", { id: `curves-clip${part.mark}` });
    const size = { x: box.left, y: 0, width: box.right - box.left, height: box.bottom };
    element(clip, "rect", size);
    const layer = element(svg, "g", { "clip-path": `url(#curves-clip${part.mark})` });
    for (const { at } of baselines()) {
      element(layer, "line", { class: "baseline", x1: box.left, x2: box.right, y1: plot.y(at), y2: plot.y(at) });
    }
    for (const [group, index] of visible()) for (const name of columns()) {
      const training = kind.value === "both" && name === "t";
      const style = { stroke: colour(index), "stroke-dasharray": training ? "2 3" : dash(index) };
      const seeds = group.runs.map((run) => path(run.s, run[name])).join("");
      const of = { "data-group": index };
      if (!training) element(layer, "path", { class: "seed", stroke: colour(index), d: seeds, ...of });
      element(layer, "path", { class: "median", ...style, ...of, d: path(group.median.s, group.median[name]) });
    }
    for (const [group, index] of visible()) for (const run of group.runs) for (const event of run.e) {
      const at = lastFinite(run, event[0]);
      const d = marker("cross", plot.x(event[0]), clampY(at), 5);
      element(layer, "path", { class: "divergence", "data-group": index, d, stroke: colour(index), "stroke-width": 2.5 });
    }
    for (const { at, label } of baselines()) {
      const place = { class: "halo", x: box.right - 4, y: plot.y(at) - 12, "text-anchor": "end" };
      element(svg, "text", place, label);
    }
    hideTip(figure);
  }

  function lastFinite(run, step) {
    const name = columns()[0];
    for (let i = run.s.length - 1; i >= 0; i -= 1) {
      if (run.s[i] <= step && run[name][i] !== null) return run[name][i];
    }
    return TOP;
  }

  function nearest(at) {
    let best = null;
    let least = 40 ** 2;
    for (const [group] of visible()) for (const run of group.runs) for (const name of columns()) {
      for (let i = 0; i < run.s.length; i += 1) {
        const dx = plot.x(run.s[i]) - at.x;
        if (dx * dx >= least || run[name][i] === null) continue;
        const dy = clampY(run[name][i]) - at.y;
        const distance = dx * dx + dy * dy;
        if (distance < least) {
          least = distance;
          best = { group, run, name, i };
        }
      }
    }
    return best;
  }

  function describe({ group, run, name, i }) {
    const ends = run.e.map((event) => `${event[1]} at ${count(event[0])}`);
    const words = name === "t" ? "training" : "held-out";
    const what = name === "h" ? metric.name : metric.loss;
    const value = `update ${count(run.s[i])}: ${words} ${what} ${(isScore() ? score : loss)(run[name][i])}`;
    return [value, `${group.name}, seed ${run.seed}`, `${run.id} (${run.status})`, ...ends];
  }

  // Fade all groups but one while the pointer rests on its name.
  function single(index) {
    for (const path of svg.querySelectorAll("[data-group]")) {
      path.classList.toggle("away", index !== null && Number(path.dataset.group) !== index);
    }
  }

  function show(point) {
    focus = point;
    if (!point) return hideTip(figure);
    const { run, name, i } = point;
    return showTip(figure, plot, plot.x(run.s[i]), clampY(run[name][i]), describe(point));
  }

  function zoom(low, high) {
    const from = Math.max(0, Math.min(low, high));
    const to = Math.min(lastUpdate(), Math.max(low, high));
    if (to - from >= 1) range = [from, to]; // what is narrower shows no update: stay
    draw();
  }

  function scaleBy(factor) {
    const [low, high] = plot.x.domain;
    const middle = focus ? focus.run.s[focus.i] : (low + high) / 2;
    zoom(middle - (middle - low) * factor, middle + (high - middle) * factor);
  }

  // Where a drag is: the margins beside the chart stand for its edges.
  const across = (event) => Math.min(plot.box.right, Math.max(plot.box.left, pointer(svg, event).x));

  svg.addEventListener("pointermove", (event) => {
    const at = pointer(svg, event);
    if (dragFrom === null) return show(nearest(at));
    svg.querySelector(".selection")?.remove();
    const { top, bottom } = plot.box;
    const to = across(event);
    const size = { x: Math.min(to, dragFrom), width: Math.abs(to - dragFrom) };
    return element(svg, "rect", { class: "selection", y: top, height: bottom - top, ...size });
  });
  svg.addEventListener("pointerdown", (event) => {
    dragFrom = across(event);
  });
  svg.addEventListener("pointerup", (event) => {
    const to = across(event);
    const dragged = dragFrom !== null && Math.abs(to - dragFrom) > 8;
    if (dragged) zoom(plot.x.invert(dragFrom), plot.x.invert(to));
    else if (dragFrom !== null && focus) openRun(focus.run.id);
    dragFrom = null;
    svg.querySelector(".selection")?.remove();
  });
  svg.addEventListener("pointerleave", () => {
    dragFrom = null;
    hideTip(figure);
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Enter" && focus) return openRun(focus.run.id);
    if (!step) return null;
    event.preventDefault();
    const first = visible()[0]?.[0].runs[0];
    if (!first?.s.length) return null;
    const from = focus ?? { group: visible()[0][0], run: first, name: columns()[0], i: -step };
    const i = Math.min(from.run.s.length - 1, Math.max(0, from.i + step));
    return from.run[from.name][i] === null ? null : show({ ...from, i });
  });

  function reset() {
    range = null;
    focus = null;
    draw();
  }
  svg.addEventListener("dblclick", reset);
  within(part, "curves-in").addEventListener("click", () => scaleBy(0.5));
  within(part, "curves-out").addEventListener("click", () => scaleBy(2));
  within(part, "curves-reset").addEventListener("click", reset);
  kind.addEventListener("change", reset);

  const legend = within(part, "curves-legend");
  const boxes = part.groups.map((group, index) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: shown[index] });
    box.addEventListener("change", () => {
      shown[index] = box.checked;
      reset();
    });
    label.append(box);
    swatch(label, index);
    const diverged = group.runs.filter((run) => run.e.length).length;
    label.append(group.name, diverged ? ` (✕ in ${diverged} of ${group.runs.length})` : "");
    label.addEventListener("pointerenter", () => single(index));
    label.addEventListener("pointerleave", () => single(null));
    legend.append(label);
    return box;
  });
  for (const [id, on] of [["curves-all", true], ["curves-none", false]]) {
    within(part, id).addEventListener("click", () => {
      boxes.forEach((box, index) => {
        box.checked = on;
        shown[index] = on;
      });
      reset();
    });
  }
  redraws.push(draw);
  draw();
});
