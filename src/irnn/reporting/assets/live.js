// A served page follows its runs: what is new comes without a reload, and what the reader chose stays.
const RUNS = new Map();

// Put the runs that the server told into the groups that name them.
function adopt(data) {
  if (!data.runs) return data;
  for (const run of data.runs) RUNS.set(run.id, run);
  for (const part of data.tasks ?? [data]) for (const group of part.groups) {
    group.runs = group.runs.map((each) => ({ ...RUNS.get(each.id), ...each }));
  }
  return data;
}

// What the reader has set: controls by their id or place, what is open, where the focus is.
function chosen() {
  const named = [...document.querySelectorAll("main [id] input, main select[id], main input[id]")];
  const controls = named.map((each) => [placeOf(each), each.type === "checkbox" ? each.checked : each.value]);
  const open = [...document.querySelectorAll("details[open]")].map(placeOf);
  const sorted = [...document.querySelectorAll("[aria-sort]")].map((head) => [placeOf(head), head.getAttribute("aria-sort")]);
  const focus = document.activeElement && document.activeElement !== document.body ? placeOf(document.activeElement) : "";
  return { controls, open, sorted, focus };
}

// A selector that finds an element again after the page's content was made anew.
function placeOf(node) {
  if (node.id) return `#${CSS.escape(node.id)}`;
  const same = [...node.parentElement.children].filter((each) => each.tagName === node.tagName);
  const own = `${node.tagName.toLowerCase()}:nth-of-type(${same.indexOf(node) + 1})`;
  return node.parentElement === document.documentElement ? own : `${placeOf(node.parentElement)} > ${own}`;
}

function choose({ controls, open, sorted, focus }) {
  for (const [place, value] of controls) {
    const node = document.querySelector(place);
    if (!node || (node.tagName === "SELECT" && ![...node.options].some((option) => option.value === value))) continue;
    if (node.type === "checkbox") node.checked = value;
    else node.value = value;
  }
  for (const place of open) document.querySelector(place)?.setAttribute("open", "");
  start();
  for (const [place, order] of sorted) {
    const button = document.querySelector(place)?.querySelector("button");
    button?.click();
    if (order === "descending") button?.click();
  }
  if (focus) document.querySelector(focus)?.focus({ preventScroll: true });
}

function refresh(news) {
  const before = chosen();
  const top = scrollY;
  document.title = `irnn report: ${news.title}`;
  document.querySelector("header").innerHTML = news.head;
  document.querySelector("main").innerHTML = news.main;
  DATA = adopt(news.data);
  PARTS = DATA.tasks ?? [DATA];
  choose(before);
  scrollTo({ top, behavior: "instant" });
}

let dragging = false;
addEventListener("pointerdown", () => { dragging = true; }, true);
addEventListener("pointerup", () => { dragging = false; }, true);
addEventListener("pointercancel", () => { dragging = false; }, true);
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function follow() {
  const told = document.getElementById("live");
  let { version } = DATA;
  for (;;) {
    try {
      const answer = await fetch(`state?since=${version}`, { cache: "no-store" });
      if (answer.status === 200) {
        const news = await answer.json();
        while (dragging) await pause(100); // a drag goes on with what it began
        if (news.version !== version) refresh(news);
        ({ version } = news);
      }
      told.textContent = "live: new runs and points appear by themselves";
      if (!answer.ok) await pause(2000);
    } catch {
      told.textContent = "the server does not answer; what is shown is from before";
      await pause(2000);
    }
  }
}
