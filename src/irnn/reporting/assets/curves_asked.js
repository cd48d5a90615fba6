// What of the groups the controls of the learning curves ask for: columns, medians and quartiles, the stretch shown.
// Args: the metric; the controls; the stretch zoomed to, if any, as `kept.range`; gives the groups that are visible.
function curvesAsked(metric, { kind, unit, lines, logX, logY }, kept, visible) {
  const TOP = 10;
  const both = metric.higher ? ["l", "t"] : ["h", "t"]; // never two metrics on one axis
  const columns = () => (kind.value === "both" ? both : [kind.value]);
  const isLoss = () => ["both", "l", "t"].includes(kind.value) || (kind.value === "h" && !metric.higher);
  const isHigher = () => metric.higher && kind.value === "h";
  const baselines = () => (kind.value === "h" || (isLoss() && !metric.higher) ? metric.baselines : []);
  const limit = (value) => (isLoss() ? Math.min(value, TOP) : value);
  const drawsSeeds = () => lines.value === "all" || lines.value === "seeds";
  const drawsMedian = () => lines.value !== "seeds";
  const usable = (value) => value !== null && value !== undefined && (value > 0 || !logY.checked);

  function lastPlace() {
    const ends = visible().flatMap(({ runs }) => runs.map((run) => run.place[run.place.length - 1] ?? 0));
    return ends.reduce((one, other) => Math.max(one, other), 0) || 1;
  }

  function firstPlace() {
    if (!logX.checked) return 0;
    const places = visible().flatMap(({ runs }) => runs.map((run) => run.place.find((at) => at > 0) ?? Infinity));
    return Math.min(lastPlace() / 2, ...places);
  }

  // Median and quartiles of a group, made once for what is shown.
  function quarters(group, name) {
    const key = `${kind.value} ${name}`;
    group.told ??= {};
    group.told[key] ??= quartiles(group.runs, unit.value, name, isHigher());
    return group.told[key];
  }

  // The lines that are drawn of a group, each as places and values; medians lie between the seeds.
  function linesOf(group, name) {
    if (drawsSeeds()) return group.runs.filter((run) => run[name]).map((run) => [run.place, run[name]]);
    const { x, low, middle, high } = quarters(group, name);
    return (lines.value === "band" ? [low, middle, high] : [middle]).map((values) => [x, values]);
  }

  // The stretch shown, and the values there; of the evaluations around it too, whose lines cross the chart.
  function extent() {
    const linear = !logY.checked;
    let low = Infinity;
    let high = isHigher() ? 1 : 0;
    for (const { at } of baselines()) high = Math.max(high, 1.2 * at);
    for (const group of visible()) for (const name of columns()) for (const [places, values] of linesOf(group, name)) {
      values.forEach((value, i) => {
        const at = places[i];
        if (kept.range && ((places[i + 1] ?? at) < kept.range[0] || (places[i - 1] ?? at) > kept.range[1])) return;
        if (!usable(value) || !Number.isFinite(value)) return;
        low = Math.min(low, value);
        high = Math.max(high, limit(value));
      });
    }
    const x = kept.range ?? [firstPlace(), lastPlace()];
    if (low === Infinity) low = 0.1;
    if (linear) {
      const floor = isHigher() || isLoss() ? Math.min(0, low) : low - 0.05 * (high - low);
      return { x, y: [floor, (high > floor ? high : floor + 1) + 0.03 * (high - floor)] };
    }
    for (const { at } of baselines()) low = Math.min(low, 0.6 * at);
    return { x, y: [Math.max(1e-9, low * 0.8), Math.max(high, low) * 1.7] };
  }

  // Where the chart marks an event of a run: the evaluation that followed, and the last value before.
  function placeOf(run, step) {
    const i = run.s.findIndex((at) => at >= step);
    return run.place[i < 0 ? run.place.length - 1 : i] ?? 0;
  }

  function lastFinite(run, step) {
    const values = run[columns()[0]] ?? [];
    for (let i = run.s.length - 1; i >= 0; i -= 1) {
      if (run.s[i] <= step && usable(values[i])) return values[i];
    }
    return TOP;
  }

  return {
    columns, isHigher, baselines, limit, drawsSeeds, drawsMedian, usable,
    lastPlace, firstPlace, quarters, extent, placeOf, lastFinite,
  };
}
