// The share of runs that have solved by each update; those that ended before count until then, those that
// diverged never solve (Kaplan and Meier 1958).
function shareSolved(runs, reached) {
  const times = runs.filter((run) => run.status !== "unfinished").map((run) => {
    const at = reached(run);
    return { run, at, left: at === null ? (run.status === "diverged" ? Infinity : run.n) : at };
  });
  const steps = [{ x: 0, y: 0, solved: 0, open: times.length }];
  let still = 1;
  for (const x of [...new Set(times.flatMap(({ at }) => (at === null ? [] : [at])))].sort((a, b) => a - b)) {
    const open = times.filter(({ left }) => left >= x).length;
    const now = times.filter(({ at }) => at === x).length;
    still *= 1 - now / open;
    steps.push({ x, y: 1 - still, solved: times.filter(({ at }) => at !== null && at <= x).length, open });
  }
  const ends = times.map(({ run }) => run.n);
  return { steps, end: Math.max(0, ...ends), given: times.filter(({ at, left }) => at === null && left < Infinity), of: times.length };
}

function setupSurvival(part) {
  const figure = within(part, "survival-figure");
  if (!figure) return;
  const [level, published, logX, legend] = ["threshold", "published", "logx", "legend"].map((name) => within(part, `survival-${name}`));
  const kept = remembered(part, "survival", { shown: {} });
  const state = { points: [], plot: null };
  const isShown = (group) => kept.shown[group.name] ?? group.index < part.drawn;

  function reachedOf() {
    const index = part.thresholds.indexOf(level.value);
    return index < 0 ? (run) => (run.status === "solved" ? run.n : null) : (run) => run.at[index];
  }

  function theirs() {
    if (!published || published.value === "none") return [];
    const lengths = Object.values(part.lengths).flat().map((point) => point.T);
    const low = Math.min(...lengths) / part.near;
    const high = Math.max(...lengths) * part.near;
    const isNear = (row) => published.value === "all" || (row.T >= low && row.T <= high);
    const chosen = level.value === "goal" ? part.goal : level.value;
    return part.published.filter((row) => row.of === chosen && row.median !== null && isNear(row));
  }

  function draw() {
    const reached = reachedOf();
    const drawn = part.groups.map((group) => ({ group, index: group.index, ...shareSolved(group.runs, reached) }))
      .filter(({ group, of }) => of && isShown(group));
    const rows = theirs();
    const updates = rows.filter((row) => row.threshold !== "rate").map((row) => row.median);
    const last = Math.max(1, ...drawn.map(({ end }) => end), ...updates) * 1.02;
    const first = Math.min(last / 10, ...drawn.flatMap(({ steps }) => steps.slice(1).map(({ x }) => x)), ...updates) * 0.8;
    const x = { domain: [logX.checked ? Math.max(1, first) : 0, last], log: logX.checked };
    const percent = (value) => `${Math.round(100 * value)} %`;
    const words = { xLabel: "updates", yLabel: `share of runs that ${level.selectedOptions[0].textContent}`, yText: percent };
    state.plot = frame(figure, { x, y: { domain: [-0.02, 1.03] }, ...words });
    state.points = [];
    const { svg, box } = state.plot;
    const put = (px, py, outline, r, style, lines, id = "") => {
      element(svg, "path", { d: marker(outline, px, py, r), ...style });
      state.points.push({ x: px, y: py, lines, id });
    };
    const clampX = (value) => state.plot.x(Math.max(value, x.domain[0]));
    for (const { group, index, steps, end, given, of } of drawn) {
      const stroke = colour(index);
      let d = `M${clampX(steps[0].x)} ${state.plot.y(0)}`;
      for (const step of steps.slice(1)) d += `H${clampX(step.x)}V${state.plot.y(step.y)}`;
      element(svg, "path", { class: "median", stroke, "stroke-dasharray": dash(index), "data-group": index, d: `${d}H${clampX(end)}` });
      for (const step of steps.slice(1)) {
        const lines = [group.name, `by update ${count(step.x)}: ${step.solved} of ${of} runs (${percent(step.y)})`];
        put(clampX(step.x), state.plot.y(step.y), "dot", 2.5, { fill: stroke, stroke }, lines);
      }
      for (const { run, left } of given) {
        const y = steps.filter((step) => step.x <= left).at(-1).y;
        const lines = [`${group.name}, seed ${run.seed}`, `ended after ${count(left)} updates`, run.id];
        put(clampX(left), state.plot.y(y), "tick", 5, { fill: "none", stroke, "stroke-width": 1.6 }, lines, run.id);
      }
    }
    const grey = { fill: "var(--bg)", stroke: "var(--dim)" };
    for (const row of rows) {
      const isShare = row.threshold === "rate";
      put(isShare ? box.right : clampX(row.median), state.plot.y(isShare ? row.median : 0), "diamond", 5, grey, row.lines);
    }
    fillLegend(rows.length > 0);
    hideTip(figure);
  }

  function fillLegend(hasTheirs) {
    legend.replaceChildren(...part.groups.map((group) => {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: isShown(group) });
      box.addEventListener("change", () => {
        kept.shown[group.name] = box.checked;
        draw();
      });
      label.append(box);
      swatch(label, group.index);
      label.append(group.name);
      return label;
    }));
    if (hasTheirs) key(legend, 0, "diamond", "published: updates of one run, or at the right the share of several");
  }

  for (const each of [level, published, logX]) each?.addEventListener("change", draw);
  for (const [id, act] of Object.entries({ svg: saveSvg, png: savePng })) {
    within(part, `survival-${id}`).addEventListener("click", () => act(figure, `share_solved${part.mark}`));
  }
  hoverPoints(figure, state);
  redraws.push(draw);
  draw();
}
