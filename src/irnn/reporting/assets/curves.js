// Learning curves: seeds, medians and quartiles of the groups chosen; divergences crossed; zoom, values, downloads.
function setupCurves(part) {
  const figure = within(part, "curves-figure");
  if (!figure) return;
  const control = (name) => within(part, `curves-${name}`);
  const svg = figure.querySelector("svg.chart");
  const [kind, unit, lines, logX, logY, filter] = ["kind", "unit", "lines", "logx", "logy", "filter"].map(control);
  const keys = [...control("groups").querySelectorAll("input")];
  const legend = control("legend");
  const kept = remembered(part, "curves", { range: null, shown: {} });
  const { metric } = part;
  let groups = [];
  let plot = null;
  let focus = null;
  let dragFrom = null;

  const isShown = (group) => kept.shown[group.name] ?? group.index < part.drawn;
  const visible = () => groups.filter(isShown);
  const asked = curvesAsked(metric, { kind, unit, lines, logX, logY }, kept, visible);
  const { columns, isHigher, baselines, limit, drawsSeeds, drawsMedian, usable } = asked;
  const { lastPlace, firstPlace, quarters, extent, placeOf, lastFinite } = asked;

  // What `draw` and the pointer need of each group, made once for every change of what is shown.
  function regroup() {
    const chosen = keys.flatMap((box, index) => (box.checked ? [index] : []));
    groups = grouped(part, chosen, filterOf(part, filter.value));
    for (const group of groups) for (const run of group.runs) run.place = along(run, unit.value);
    const count = groups.reduce((sum, group) => sum + group.runs.length, 0);
    const all = runsOf(part).length;
    control("told").textContent = count === all ? "" : `${count} of ${all} runs meet the filter`;
    fillLegend();
  }

  const clampY = (value) => plot.y(Math.min(Math.max(value, plot.y.domain[0]), plot.y.domain[1]));
  const clampX = (at) => plot.x(Math.max(at, logX.checked ? plot.x.domain[0] : 0));

  // What is not known breaks the line; a value above the chart runs along its upper edge.
  function path(places, values) {
    const { left, right } = plot.box;
    let d = "";
    let pen = "M";
    for (let i = 0; i < places.length; i += 1) {
      const px = places[i] === null ? NaN : clampX(places[i]);
      const next = i + 1 < places.length && places[i + 1] !== null ? clampX(places[i + 1]) : px;
      const value = values[i];
      if (value === null || !Number.isFinite(value) || Number.isNaN(px) || (next < left && px < left)) {
        pen = "M";
        continue;
      }
      d += `${pen}${px.toFixed(1)} ${clampY(value).toFixed(1)}`;
      pen = "L";
      if (px > right) break;
    }
    return d;
  }

  function band({ x, low, high }) {
    const known = x.map((_, i) => i).filter((i) => Number.isFinite(Math.min(Math.abs(low[i]), Math.abs(high[i]))));
    const finite = (value) => (Number.isFinite(value) ? value : plot.y.domain[value > 0 ? 1 : 0]);
    const edge = (values, order) => order.map((i) => `${clampX(x[i]).toFixed(1)} ${clampY(finite(values[i])).toFixed(1)}`);
    if (!known.length) return "";
    return `M${[...edge(high, known), ...edge(low, [...known].reverse())].join("L")}Z`;
  }

  function labels() {
    const { name: said, loss: lost } = metric;
    const words = { h: `held-out ${said}`, l: `held-out ${lost}`, t: `training ${lost}`, both: lost };
    return { xLabel: UNITS[unit.value], yLabel: words[kind.value] ?? kind.selectedOptions[0].textContent };
  }

  function draw() {
    const { x, y } = extent();
    const axes = { x: { domain: x, log: logX.checked }, y: { domain: y, log: logY.checked } };
    plot = frame(figure, { ...axes, ...labels(), xText: tick, yText: tick });
    const { box } = plot;
    const clip = element(svg, "clipPath", { id: `curves-clip${part.mark}` });
    element(clip, "rect", { x: box.left, y: 0, width: box.right - box.left, height: box.bottom });
    const layer = element(svg, "g", { "clip-path": `url(#curves-clip${part.mark})` });
    for (const { at } of baselines()) {
      element(layer, "line", { class: "baseline", x1: box.left, x2: box.right, y1: clampY(at), y2: clampY(at) });
    }
    for (const group of visible()) for (const name of columns()) drawGroup(layer, group, name);
    for (const { runs, index } of visible()) for (const run of runs) for (const [step] of run.e) {
      const d = marker("cross", clampX(placeOf(run, step)), clampY(limit(lastFinite(run, step))), 5);
      element(layer, "path", { class: "divergence", "data-group": index, d, stroke: colour(index), "stroke-width": 2.5 });
    }
    for (const { at, label } of baselines()) {
      if (at < y[0] || at > y[1]) continue;
      const place = { class: "halo", x: box.right - 4, y: plot.y(at) - 12, "text-anchor": "end" };
      element(svg, "text", place, label);
    }
    svg.setAttribute("aria-label", inWords());
    hideTip(figure);
  }

  // The chart for those who do not see it: where the median of each group begins and ends.
  function inWords() {
    const { xLabel, yLabel } = labels();
    const groupsTold = visible().slice(0, part.drawn).map((group) => {
      const { x, middle } = quarters(group, columns()[0]);
      const known = x.map((_, i) => i).filter((i) => Number.isFinite(middle[i]));
      const at = (i) => `${tick(middle[i])} at ${tick(x[i])}`;
      return known.length ? `${group.name} from ${at(known[0])} to ${at(known.at(-1))}` : `${group.name}: no median`;
    });
    return `${yLabel} against ${xLabel}, medians: ${groupsTold.join("; ")}. Arrow keys read values, Enter leads to the run.`;
  }

  function drawGroup(layer, group, name) {
    const stroke = colour(group.index);
    const training = kind.value === "both" && name === "t";
    const dashes = training ? "2 3" : dash(group.index);
    const of = { "data-group": group.index };
    if (drawsSeeds() && !(training && drawsMedian())) {
      const d = group.runs.map((run) => path(run.place, run[name] ?? [])).join("");
      element(layer, "path", { class: drawsMedian() ? "seed" : "seed alone", stroke, d, ...of });
    }
    if (!drawsMedian()) return;
    const told = quarters(group, name);
    if (lines.value === "band") element(layer, "path", { class: "band", fill: stroke, d: band(told), ...of });
    element(layer, "path", { class: "median", stroke, "stroke-dasharray": dashes, ...of, d: path(told.x, told.middle) });
  }

  function nearest(at) {
    let best = null;
    let least = 40 ** 2;
    for (const group of visible()) for (const run of group.runs) for (const name of columns()) {
      for (let i = 0; i < run.s.length; i += 1) {
        if (run.place[i] === null || !usable(run[name]?.[i])) continue;
        const dx = clampX(run.place[i]) - at.x;
        if (dx * dx >= least) continue;
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
    const said = { h: `held-out ${metric.name}`, l: `held-out ${metric.loss}`, t: `training ${metric.loss}` };
    const what = said[name] ?? kind.selectedOptions[0].textContent;
    const also = unit.value === "s" ? "" : ` (${tick(run.place[i])} ${UNITS[unit.value]})`;
    const value = `update ${count(run.s[i])}${also}: ${what} ${(isHigher() ? score : loss)(run[name][i])}`;
    return [value, `${group.name}, seed ${run.seed}`, `${run.id} (${run.status})`, ...ends];
  }

  // Fade all groups but one while the pointer rests on its name.
  function single(index) {
    for (const each of svg.querySelectorAll("[data-group]")) {
      each.classList.toggle("away", index !== null && Number(each.dataset.group) !== index);
    }
  }

  function show(point) {
    focus = point;
    if (!point) return hideTip(figure);
    const { run, name, i } = point;
    return showTip(figure, plot, clampX(run.place[i]), clampY(run[name][i]), describe(point));
  }

  function zoom(low, high) {
    const from = Math.max(firstPlace(), Math.min(low, high));
    const to = Math.min(lastPlace(), Math.max(low, high));
    const least = unit.value === "s" ? 1 : lastPlace() / 1e5; // what is narrower shows no update: stay
    if (to - from >= least) kept.range = [from, to];
    draw();
  }

  function scaleBy(factor) {
    const { left, right } = plot.box;
    const middle = focus ? clampX(focus.run.place[focus.i]) : (left + right) / 2;
    zoom(plot.x.invert(middle - (middle - left) * factor), plot.x.invert(middle + (right - middle) * factor));
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
    if (event.key === "Enter" && focus) openRun(focus.run.id);
    if (!step) return null;
    event.preventDefault();
    const [group] = visible();
    if (!group?.runs[0].s.length) return null;
    const from = focus ?? { group, run: group.runs[0], name: columns()[0], i: -step };
    const i = Math.min(from.run.s.length - 1, Math.max(0, from.i + step));
    return usable(from.run[from.name]?.[i]) ? show({ ...from, i }) : null;
  });

  function reset() {
    kept.range = null;
    focus = null;
    draw();
  }

  function fillLegend() {
    const inOrder = [...groups].sort((a, b) => a.index - b.index);  // as the key figures
    legend.replaceChildren(...inOrder.map((group) => {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: isShown(group) });
      box.addEventListener("change", () => {
        kept.shown[group.name] = box.checked;
        reset();
      });
      label.append(box);
      swatch(label, group.index);
      const diverged = group.runs.filter((run) => run.e.length).length;
      label.append(group.name, diverged ? ` (✕ in ${diverged} of ${group.runs.length})` : "");
      label.addEventListener("pointerenter", () => single(group.index));
      label.addEventListener("pointerleave", () => single(null));
      return label;
    }));
  }

  function drawnRows() {
    const { xLabel, yLabel } = labels();
    const rows = [["group", "run", "seed", "line", xLabel, yLabel]];
    const words = { h: "held-out", l: "held-out", t: "training" };
    for (const group of visible()) for (const name of columns()) {
      const what = words[name] ?? name;
      if (drawsSeeds()) for (const run of group.runs) {
        run.place.forEach((at, i) => rows.push([group.name, run.id, run.seed, what, at, run[name]?.[i]]));
      }
      if (!drawsMedian()) continue;
      const told = quarters(group, name);
      const drawn = { [`median ${what}`]: told.middle };
      if (lines.value === "band") Object.assign(drawn, { [`lower quartile ${what}`]: told.low, [`upper quartile ${what}`]: told.high });
      for (const [line, values] of Object.entries(drawn)) {
        told.x.forEach((at, i) => rows.push([group.name, "", "", line, at, values[i]]));
      }
    }
    return rows;
  }

  const redo = () => {
    regroup();
    reset();
  };
  kind.addEventListener("change", () => {
    logY.checked = kind.selectedOptions[0].dataset.log === "yes";
    reset();
  });
  for (const each of [lines, logX, logY]) each.addEventListener("change", reset);
  for (const each of [unit, ...keys]) each.addEventListener("change", redo);
  filter.addEventListener("input", redo);
  svg.addEventListener("dblclick", reset);
  const name = `learning_curves${part.mark}`;
  const buttons = {
    in: () => scaleBy(0.5), out: () => scaleBy(2), reset, svg: () => saveSvg(figure, name), png: () => savePng(figure, name),
    csv: () => saveCsv(drawnRows(), name),
  };
  for (const [id, act] of Object.entries(buttons)) control(id).addEventListener("click", act);
  for (const [id, on] of [["all", true], ["none", false]]) {
    control(id).addEventListener("click", () => {
      for (const group of groups) kept.shown[group.name] = on;
      fillLegend();
      reset();
    });
  }
  redraws.push(draw);
  regroup();
  draw();
}
