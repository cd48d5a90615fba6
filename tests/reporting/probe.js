const found = {};
try {
  const point = (svg, x, y, type) => {
    const box = svg.getBoundingClientRect();
    const zoom = box.width / svg.viewBox.baseVal.width;
    const at = { clientX: box.left + x * zoom, clientY: box.top + y * zoom, bubbles: true };
    svg.dispatchEvent(new PointerEvent(type, at));
  };
  const figure = (name) => document.getElementById(`${name}-figure`);
  const chart = (name) => figure(name).querySelector("svg.chart");
  const tip = (name) => (figure(name).querySelector(".tip").hidden ? "" :
    [...figure(name).querySelectorAll(".tip div")].map((row) => row.textContent).join("|"));
  const ticks = () => [...chart("curves").querySelectorAll("text")].map((t) => t.textContent);
  const column = (n) => [...document.querySelector("#groups tbody").rows].map(
    (row) => row.cells[n].childNodes[0].textContent);

  found.seeds = chart("curves").querySelectorAll(".seed").length;
  found.medians = chart("curves").querySelectorAll(".median").length;
  found.crosses = chart("curves").querySelectorAll(".divergence").length;
  const names = [...document.querySelectorAll("#curves-legend label")].map((label) => label.textContent);
  found.crossed = names.map((name) => +(/✕ in ([0-9]+) of/.exec(name) ?? [0, 0])[1]);
  found.baseline = chart("curves").querySelectorAll(".baseline").length;
  const path = chart("curves").querySelector(".median").getAttribute("d").match(/[\d.]+/g);
  point(chart("curves"), Number(path[2]), Number(path[3]), "pointermove");
  found.hover = tip("curves");
  point(chart("curves"), 0, 0, "pointerleave");
  found.away = tip("curves");

  found.before = ticks();
  point(chart("curves"), 200, 100, "pointerdown");
  point(chart("curves"), 400, 100, "pointermove");
  point(chart("curves"), 400, 100, "pointerup");
  found.zoomed = ticks();
  document.getElementById("curves-reset").click();
  found.reset = ticks();
  const drag = (from, to) => {
    for (const [type, x] of [["pointerdown", from], ["pointermove", to], ["pointerup", to]]) {
      point(chart("curves"), x, 100, type);
    }
    const drawn = [...chart("curves").querySelectorAll(".median")].filter((p) => p.getAttribute("d")).length;
    return { ticks: ticks(), drawn };
  };
  found.margin = drag(12, 60);
  found.fromMargin = drag(12, 400);
  found.inMargin = drag(12, 60);
  document.getElementById("curves-reset").click();
  found.toRight = drag(400, 5000);
  for (let times = 0; times < 6; times += 1) document.getElementById("curves-out").click();
  found.out = ticks();
  document.getElementById("curves-reset").click();
  document.getElementById("curves-none").click();
  found.hidden = chart("curves").querySelectorAll(".median").length;
  document.getElementById("curves-all").click();
  chart("curves").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  found.keyboard = tip("curves");

  const dot = chart("length").querySelector("path[d^=M]:not(.published):not(.median)");
  const box = dot.getBBox();
  point(chart("length"), box.x + box.width / 2, box.y + box.height / 2, "pointermove");
  found.length = tip("length");
  found.published = chart("length").querySelectorAll(".published").length;
  const choose = (value) => {
    const choice = document.getElementById("length-published");
    choice.value = value;
    choice.dispatchEvent(new Event("change"));
    return chart("length").querySelectorAll(".published").length;
  };
  found.all = choose("all");
  found.unpublished = choose("none");
  found.overfit = chart("overfit").querySelectorAll("path").length;

  const control = (name) => document.getElementById(`curves-${name}`);
  const labels = () => [...chart("curves").querySelectorAll("text")].slice(-3).map((t) => t.textContent);
  const change = (name, value, type = "change") => {
    const at = control(name);
    if (at.type === "checkbox") at.checked = value;
    else at.value = value;
    at.dispatchEvent(new Event(type));
    return chart("curves").querySelector(".median, .seed")?.getAttribute("d") ?? "";
  };
  const legend = () => [...document.querySelectorAll("#curves-legend label")].map((each) => each.textContent);
  found.units = ["p", "b", "x", "s"].map((unit) => (change("unit", unit), ticks()));
  found.lines = ["band", "median", "seeds", "all"].map((lines) => {
    change("lines", lines);
    return [".band", ".median", ".seed"].map((each) => chart("curves").querySelectorAll(each).length);
  });
  found.kinds = [...control("kind").options].map((option) => {
    change("kind", option.value);
    const drawn = !!chart("curves").querySelector(".seed")?.getAttribute("d");
    return [option.value, control("logy").checked, drawn, ticks()];
  });
  change("kind", "h");
  const logs = () => [control("logx").checked, control("logy").checked];
  found.logs = [[false, false], [true, false], [true, true], [false, true]].map(([x, y]) => {
    change("logx", x);
    return [change("logy", y), ...logs(), ticks()];
  });
  const boxes = [...control("groups").querySelectorAll("input")];
  const press = (box) => {
    box.checked = !box.checked;
    box.dispatchEvent(new Event("change"));
    return legend();
  };
  found.keys = [...control("groups").querySelectorAll("label")].map((each) => each.textContent.trim());
  found.byOptim = press(boxes[0]);
  found.pooled = press(boxes[1]);
  found.bySeed = press(boxes[boxes.length - 1]);
  for (const box of [boxes[0], boxes[1], boxes[boxes.length - 1]]) press(box);
  found.filtered = ["optim=adam seed=0,1", "status=diverged", "nothing-is-called-this", ""].map((text) => {
    change("filter", text, "input");
    return [legend(), control("told").textContent];
  });
  const saved = [];
  const link = HTMLAnchorElement.prototype.click;
  HTMLAnchorElement.prototype.click = function () { saved.push(this.download); };
  const blobs = [];
  const RealBlob = Blob;
  window.Blob = class extends RealBlob {
    constructor(parts, ...rest) {
      super(parts, ...rest);
      blobs.push(parts[0]);
    }
  };
  change("lines", "band");
  for (const name of ["svg", "csv"]) control(name).click();
  change("lines", "all");
  HTMLAnchorElement.prototype.click = link;
  window.Blob = RealBlob;
  found.texts = blobs;
  found.saved = saved;
  HTMLAnchorElement.prototype.click = function () { saved.push(this.download); };

  const heads = [...document.querySelectorAll("#groups th button")];
  const rate = heads.findIndex((head) => head.textContent === "updates to 0.001");
  heads[rate].click();
  found.up = column(rate);
  found.sort = heads[rate].parentElement.getAttribute("aria-sort");
  heads[rate].click();
  found.down = column(rate);
  const median = chart("curves").querySelector(".median").getAttribute("d").match(/[\d.]+/g);
  for (const type of ["pointermove", "pointerdown", "pointerup"]) {
    point(chart("curves"), Number(median[2]), Number(median[3]), type);
  }
  found.clicked = location.hash;
  dispatchEvent(new HashChangeEvent("hashchange"));
  found.row = document.getElementById(location.hash.slice(1))?.closest("details").open;
  const entry = document.querySelector("#curves-legend label");
  entry.dispatchEvent(new PointerEvent("pointerenter"));
  found.faded = chart("curves").querySelectorAll(".median.away").length;
  entry.dispatchEvent(new PointerEvent("pointerleave"));
  found.back = chart("curves").querySelectorAll(".away").length;
  location.hash = "#runs-2";
  dispatchEvent(new HashChangeEvent("hashchange"));
  found.opened = document.getElementById("runs-2").open;
  found.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  found.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
} catch (error) {
  found.error = String(error.stack);
}
const out = document.createElement("pre");
out.id = "found";
out.textContent = JSON.stringify(found);
document.body.append(out);
