// What test_report_controls.py asks of a page from inside.

// Use every control; name those that change nothing. `before`: what must have been pressed for one to act.
window.useEveryControl = async (before) => {
  window.saved = 0;
  HTMLAnchorElement.prototype.click = function () { saved += 1; };
  for (const each of document.querySelectorAll("details")) each.open = true;
  const look = () => `${saved} ${document.querySelector("main").innerHTML}`;
  const settled = () => new Promise((done) => setTimeout(done, 0));
  const idle = [];
  const called = (node) => node.id || `${node.tagName} ${node.textContent.trim().slice(0, 40)}`;
  const controls = "main select, main input, main button, header summary, main summary";
  const inLists = "#curves-legend, #survival-legend, fieldset";
  const names = [...document.querySelectorAll(controls)].filter((node) => node.id || !node.closest(inLists));
  for (const node of names) {
    document.getElementById(before[node.id])?.click();
    let was = look();
    const acts = async (name) => {
      for (let wait = 0; wait < 40 && look() === was; wait += 1) await new Promise((done) => setTimeout(done, 50));
      if (look() === was) idle.push(name);
      was = look();
    };
    if (node.tagName === "SELECT") {
      const first = node.value;
      const others = [...node.options].map((option) => option.value).filter((value) => value !== first);
      for (const value of [...others, first]) {
        node.value = value;
        node.dispatchEvent(new Event("change", { bubbles: true }));
        if (value !== first) await acts(`${called(node)}=${value}`);
      }
    } else if (node.type === "search") {
      for (const text of ["optim=adam", ""]) {
        node.value = text;
        node.dispatchEvent(new Event("input", { bubbles: true }));
        await acts(`${called(node)}=${text}`);
      }
    } else if (node.tagName === "SUMMARY") {
      node.click();
      await settled();
      await acts(called(node));
      node.parentElement.open = true;
    } else {
      for (const time of node.type === "checkbox" ? [1, 2] : [1]) {
        node.click();
        await acts(called(node));
      }
    }
  }
  for (const place of ["#curves-legend", "#survival-legend", "#curves-groups"]) {
    const boxes = document.querySelectorAll(`${place} input`).length;
    for (let i = 0; i < boxes; i += 1) for (const time of [1, 2]) {
      const was = look();
      document.querySelectorAll(`${place} input`)[i].click();
      if (look() === was) idle.push(`${place} ${i}`);
    }
  }
  return { idle, tried: names.length };
};

// Every element that a pointer can use must be one that the keyboard stops at.
window.listenToFocus = () => {
  for (const each of document.querySelectorAll("details")) each.open = true;
  const all = [...document.querySelectorAll("a[href], button, select, input, summary, svg.chart, .scroll")];
  window.wanted = all.filter((node) => node.getClientRects().length);
  window.reached = new Set();
  document.addEventListener("focusin", (event) => reached.add(event.target));
  document.activeElement.blur();
  return wanted.length;
};

// What a screen reader would not be told.
window.unheard = () => {
  const wrong = [];
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption?.textContent.trim()) wrong.push("a table has no caption");
    for (const head of table.querySelectorAll("th")) {
      if (!["col", "row"].includes(head.scope)) wrong.push(`${table.caption?.textContent}: ${head.textContent} has no scope`);
    }
    for (const row of table.tBodies[0].rows) {
      if (row.cells[0].tagName !== "TH") wrong.push(`${table.caption?.textContent}: a row has no head`);
    }
  }
  for (const chart of document.querySelectorAll("svg.chart")) {
    if (chart.getAttribute("role") !== "img" || (chart.getAttribute("aria-label") ?? "").length < 30) {
      wrong.push(`${chart.parentElement.id} has no words`);
    }
  }
  for (const node of document.querySelectorAll("select, input")) {
    if (!node.labels.length) wrong.push(`${node.id} has no label`);
  }
  return wrong;
};

// What ends beyond the right edge of the window.
window.cutOff = () => [...document.querySelectorAll("main select, main input, main h2, main .note, header *")]
  .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
  .map((node) => node.outerHTML.slice(0, 90));
