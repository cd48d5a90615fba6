// The runs of a task as the page knows them: grouped by chosen settings, filtered, summed up over seeds.
//
// A run is {id, seed, status, v: its values of part.keys, b: sequences an update, p: epochs an update, n: updates
// made, at: first update past each of part.thresholds, s: updates evaluated at and there h: held-out score,
// l: held-out loss (where the score is none), t: training loss, x: seconds; e: [update, reason] of divergences}.
const UNITS = { s: "updates", p: "epochs", b: "sequences seen", x: "seconds" };
const MEDIAN_POINTS = 300;

const runsOf = (part) => part.groups.flatMap((group) => group.runs);
const shownValue = (value) => (value === null ? "none" : String(value));

// Where the points of a run lie along the axis.
function along(run, unit) {
  if (unit === "s" || unit === "x") return run[unit];
  const factor = run[unit];
  return run.s.map((step) => (factor === null ? null : step * factor));
}

// Numbers by size, then text, then none: as the tables are ordered.
function compareValues(a, b) {
  const rank = (value) => (value === null ? 2 : typeof value === "string" ? 1 : 0);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  return a === b ? 0 : a < b ? -1 : 1;
}

// Groups of the runs that agree in the chosen keys (numbers of part.keys; `part.keys.length` stands for the seed).
// A group's name says only what differs between those that have a run to show.
function grouped(part, chosen, keep) {
  const valueOf = (run, key) => (key < part.keys.length ? run.v[key] : run.seed);
  const labelOf = (key) => (key < part.keys.length ? part.keys[key].label : "seed");
  const usual = part.keys.every(({ on }, key) => on === chosen.includes(key)) && !chosen.includes(part.keys.length);
  const found = new Map();
  if (usual) for (const group of part.groups) found.set(group.index, [...group.runs]);
  else for (const run of runsOf(part)) {
    const key = JSON.stringify(chosen.map((each) => valueOf(run, each)));
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(run);
  }
  const groups = [...found].map(([index, runs]) => ({ index, all: runs, values: chosen.map((key) => valueOf(runs[0], key)) }));
  if (!usual) groups.sort((a, b) => a.values.reduce((so, value, i) => so || compareValues(value, b.values[i]), 0));
  groups.forEach((group, place) => {
    if (!usual) group.index = place;
    group.runs = group.all.filter(keep);
  });
  const shown = groups.filter((group) => group.runs.length);
  const differs = chosen.map((_, i) => new Set(shown.map((group) => JSON.stringify(group.values[i]))).size > 1);
  for (const group of groups) {
    const words = chosen.map((key, i) => (differs[i] ? `${labelOf(key)}=${shownValue(group.values[i])}` : ""));
    group.name = words.filter(Boolean).join(", ") || (part.groups.length === 1 && part.groups[0].runs.length === 1 ? "this run" : "all runs");
  }
  return shown;
}

// Words that runs must all meet: setting=value (several with commas), or a part of the run's id or status.
function filterOf(part, text) {
  const tests = text.trim().split(/\s+/).filter(Boolean).map((word) => {
    const at = word.indexOf("=");
    const name = word.slice(0, at);
    const wanted = word.slice(at + 1).toLowerCase().split(",");
    const key = part.keys.findIndex((each) => each.label === name || each.key === name);
    const meets = (value) => wanted.includes(shownValue(value).toLowerCase());
    if (at > 0 && key >= 0) return (run) => meets(run.v[key]);
    if (at > 0 && (name === "seed" || name === "status")) return (run) => meets(run[name]);
    return (run) => `${run.id} ${run.status}`.toLowerCase().includes(word.toLowerCase());
  });
  return (run) => tests.every((test) => test(run));
}

// Median and quartiles over runs, those that diverged worse than any; they end where the first run was given up
// on or has not got to yet. Give {x, low, middle, high}; Infinity beyond what is known.
function quartiles(runs, unit, name, higher) {
  const known = runs.map((run) => ({ run, x: along(run, unit), y: run[name] ?? [] })).filter(({ x, y }) => x.length && y.length);
  const last = ({ x }) => x[x.length - 1];
  const open = known.filter(({ run }) => run.status === "exhausted" || run.status === "unfinished").map(last);
  const end = open.length ? Math.min(...open) : Math.max(...known.map(last), 0);
  let grid = [...new Set(known.flatMap(({ x }) => x))].filter((x) => x !== null && x <= end).sort((a, b) => a - b);
  if (grid.length > MEDIAN_POINTS) {
    const step = (grid.length - 1) / (MEDIAN_POINTS - 1);
    grid = Array.from({ length: MEDIAN_POINTS }, (_, i) => grid[Math.round(i * step)]);
  }
  const turn = higher ? -1 : 1;
  const columns = known.map((one) => held(one, grid, turn));
  const told = { x: grid, low: [], middle: [], high: [] };
  grid.forEach((_, i) => {
    const sorted = columns.map((column) => column[i]).sort((a, b) => a - b);
    told.low.push(turn * quantile(sorted, higher ? 0.75 : 0.25));
    told.middle.push(turn * quantile(sorted, 0.5));
    told.high.push(turn * quantile(sorted, higher ? 0.25 : 0.75));
  });
  return told;
}

// The latest value of a run at each place of the grid; Infinity once it has blown up.
function held({ run, x, y }, grid, turn) {
  let i = 0;
  return grid.map((at) => {
    while (i + 1 < x.length && x[i + 1] !== null && x[i + 1] <= at) i += 1;
    if (y[i] === null || (run.status === "diverged" && at > x[x.length - 1])) return Infinity;
    return turn * y[i];
  });
}

// Type 7 of Hyndman and Fan where both neighbours are known, else unknown.
function quantile(sorted, q) {
  const place = q * (sorted.length - 1);
  const low = sorted[Math.floor(place)];
  const high = sorted[Math.ceil(place)];
  return high === Infinity ? Infinity : low + (place - Math.floor(place)) * (high - low);
}
