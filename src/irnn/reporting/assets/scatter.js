// Charts of single points: updates against T beside published rows, training against held-out loss.
function hoverPoints(figure, state) {
  const svg = figure.querySelector("svg.chart");
  let current = -1;
  function show(index) {
    current = index;
    const point = state.points[index];
    if (!point) return hideTip(figure);
    return showTip(figure, state.plot, point.x, point.y, point.lines);
  }
  svg.addEventListener("pointermove", (event) => {
    const at = pointer(svg, event);
    const far = state.points.map((point) => (point.x - at.x) ** 2 + (point.y - at.y) ** 2);
    const index = far.indexOf(Math.min(...far));
    show(far[index] < 900 ? index : -1);
  });
  svg.addEventListener("pointerleave", () => {
    current = -1;
    hideTip(figure);
  });
  const open = () => state.points[current]?.id && openRun(state.points[current].id);
  svg.addEventListener("click", open);
  svg.addEventListener("keydown", (event) => {
    if (event.key === "Enter") open();
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !state.points.length) return;
    event.preventDefault();
    show((current + step + state.points.length) % state.points.length);
  });
}

function key(legend, index, outline, text, stroke) {
  const span = document.createElement("span");
  swatch(span, index, outline, stroke);
  span.append(text);
  legend.append(span);
}

function padded(values, by) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return [low / by, high * by];
}

function setupLengths(part) {
  const figure = within(part, "length-figure");
  if (!figure) return;
  const choice = within(part, "length-threshold");
  const published = within(part, "length-published");
  const legend = within(part, "length-legend");
  const state = { points: [], plot: null };


  function draw() {
    const chart = part.lengths[choice.value];
    const span = chart.length ? [chart[0], ...chart].map((p) => p.T) : [0];
    const low = Math.min(...span) / part.near;
    const high = Math.max(...span) * part.near;
    const close = (row) => published?.value === "all" || (row.T >= low && row.T <= high);
    const theirs = !published || published.value === "none" ? []
      : part.published.filter((row) => row.threshold === choice.value && close(row));
    const all = [...chart.map((p) => p), ...theirs];
    const updates = all.flatMap((p) => [p.median, p.low, p.high, ...(p.runs ?? []).map((r) => r.at)]);
    const known = updates.filter((value) => typeof value === "number" && value > 0);
    const x = padded(all.length ? all.map((p) => p.T) : [100, 1000], 1.15);
    const isRate = choice.value === "rate";
    const y = isRate ? [-0.03, 1.03] : padded(known.length ? known : [100, 10000], 1.4);
    if (!isRate) y[1] *= 1.5;
    const ticks = [...new Set(all.map((p) => p.T))].sort((a, b) => a - b);
    const axes = { x: { domain: x, log: true, ticks }, y: { domain: y, log: !isRate } };
    const yLabel = isRate ? part.success : `updates to ${part.metric.name} ${part.metric.sign} ${choice.value}`;
    const yText = isRate ? (value) => `${Math.round(100 * value)} %` : count;
    state.plot = frame(figure, { ...axes, xLabel: "sequence length T", yLabel, yText });
    state.points = [];
    legend.replaceChildren();
    const { svg, box } = state.plot;
    const never = box.top + 7;
    const put = (T, at, lines, outline, r, style, shift = 0, id = "") => {
      const px = state.plot.x(T) + shift;
      const py = at === null ? never : state.plot.y(at);
      element(svg, "path", { d: marker(at === null ? "up" : outline, px, py, r), ...style });
      state.points.push({ x: px, y: py, lines, id });
    };
    const series = [...new Set(chart.map((p) => p.series))];
    series.forEach((name, index) => {
      const own = chart.filter((p) => p.series === name);
      const shift = (index - (series.length - 1) / 2) * Math.min(9, 60 / series.length);
      const stroke = colour(index);
      const joined = own.filter((p) => p.median !== null)
        .map((p) => `${state.plot.x(p.T) + shift} ${state.plot.y(p.median)}`);
      const line = { stroke, "stroke-dasharray": dash(index) };
      if (joined.length > 1) element(svg, "path", { class: "median", ...line, d: `M${joined.join("L")}` });
      for (const p of own) {
        const px = state.plot.x(p.T) + shift;
        const ends = { y1: state.plot.y(p.low ?? y[0]), y2: p.high === null ? never : state.plot.y(p.high ?? y[0]) };
        if (p.low !== null) element(svg, "line", { x1: px, x2: px, ...ends, stroke, "stroke-width": 2 });
        for (const run of p.runs) {
          const lines = [`${name}, T = ${p.T}, seed ${run.seed}`, run.words, run.id];
          put(p.T, run.at, lines, shape(index), 2.6, { fill: "var(--bg)", stroke }, shift, run.id);
        }
        const lines = [`${name}, T = ${p.T}`, p.words, `${p.crossed} of ${p.of} runs`];
        put(p.T, p.median, lines, shape(index), 5, { fill: stroke, stroke }, shift);
      }
      key(legend, index, shape(index), name, stroke);
    });
    const models = [...new Set(theirs.map((row) => `${row.model} (${row.source})`))];
    models.forEach((name) => {
      const own = theirs.filter((row) => `${row.model} (${row.source})` === name);
      const solved = own.filter((row) => row.median !== null);
      const d = solved.map((row) => `${state.plot.x(row.T)} ${state.plot.y(row.median)}`).join("L");
      if (solved.length > 1) element(svg, "path", { class: "published", d: `M${d}` });
      const [last] = solved.slice(-1);
      if (last) {
        const end = state.plot.x(last.T) > box.right - 70;
        const place = { x: state.plot.x(last.T) + (end ? -9 : 9), y: state.plot.y(last.median) - 6 };
        const style = { "text-anchor": end ? "end" : "start", class: "name" };
        element(svg, "text", { ...place, ...style }, last.model);
      }
      own.forEach((row) => put(row.T, row.median, row.lines, "diamond", 5, { fill: "var(--bg)", stroke: "var(--dim)" }));
    });
    if (theirs.length) key(legend, 0, "diamond", "published (sources below)");
    if (all.some((p) => p.median === null)) key(legend, 0, "up", "not within the budget, or never");
    hideTip(figure);
  }
  choice.addEventListener("change", draw);
  published?.addEventListener("change", draw);
  hoverPoints(figure, state);
  redraws.push(draw);
  draw();
}

function setupOverfitting(part) {
  const figure = within(part, "overfit-figure");
  if (!figure) return;
  const state = { points: [], plot: null };

  function draw() {
    const values = part.overfit.flatMap((run) => [run.train, run.test]);
    const domain = padded(values.length ? values : [0.001, 0.2], 1.3);
    const axis = { domain, log: true };
    const labels = { xLabel: `final training ${part.metric.loss}`, yLabel: `final held-out ${part.metric.loss}` };
    state.plot = frame(figure, { x: axis, y: axis, xText: loss, ...labels });
    const { svg, x, y } = state.plot;
    const ends = { x1: x(domain[0]), x2: x(domain[1]), y1: y(domain[0]), y2: y(domain[1]) };
    element(svg, "line", { class: "baseline", ...ends });
    state.points = part.overfit.map((run) => {
      const px = x(run.train);
      const py = y(run.test);
      const { index } = part.groups[run.group];
      const stroke = colour(index);
      element(svg, "path", { d: marker(shape(index), px, py, 4), fill: "none", stroke, "stroke-width": 2 });
      const lines = [`training ${loss(run.train)}, held-out ${loss(run.test)}`];
      lines.push(`${part.groups[run.group].name}, seed ${run.seed}`, run.id);
      return { x: px, y: py, lines, id: run.id };
    });
    const legend = within(part, "overfit-legend");
    legend.replaceChildren();
    for (const number of new Set(part.overfit.map((run) => run.group))) {
      const { index, name } = part.groups[number];
      key(legend, index, shape(index), name, colour(index));
    }
    hideTip(figure);
  }
  hoverPoints(figure, state);
  redraws.push(draw);
  draw();
}
