// Sorting by column, and opening the list of runs that a number links to.
function setupTables() {
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button")?.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [sortKey(row.cells[column]), row]);
        rows.sort((a, b) => (up ? 1 : -1) * compareKeys(a[0], b[0]));
        body.append(...rows.map((row) => row[1]));
      });
    });
  }
}

function sortKey(cell) {
  const text = cell.dataset.sort ?? cell.textContent.trim();
  return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
}

function compareKeys(a, b) {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === "number" ? -1 : 1;
}

function openTarget() {
  const target = location.hash ? document.getElementById(location.hash.slice(1)) : null;
  const details = target?.closest("details");
  if (details) {
    details.open = true;
    target.scrollIntoView();
  }
}
// Go to a run's row, from which a link leads to its folder.
function openRun(id) {
  location.hash = `run-${encodeURIComponent(id)}`;
}
