// Two groups side by side: what differs in their settings, their numbers, and the differences.
function setupSides(part) {
  const table = within(part, "sides-table");
  if (!table) return;
  const [one, other] = [within(part, "sides-a"), within(part, "sides-b")];
  const { rows, groups, pairs } = part.sides;

  function cells(row, kinds) {
    const line = document.createElement("tr");
    row.forEach((text, index) => {
      const cell = document.createElement(kinds === "head" || index === 0 ? "th" : "td");
      if (kinds === "head" || index === 0) cell.scope = kinds === "head" ? "col" : "row";
      if (index === 0) cell.className = "text";
      cell.textContent = text;
      line.append(cell);
    });
    return line;
  }

  function difference(a, b) {
    if (a.n === null || b.n === null || a.n === undefined || b.n === undefined) return "";
    const value = Number((b.n - a.n).toPrecision(3));
    return value === 0 ? "0" : `${value > 0 ? "+" : "\u2212"}${tick(Math.abs(value))}${b.u ?? ""}`;
  }

  function draw() {
    const [a, b] = [Number(one.value), Number(other.value)];
    const named = [part.groups[a].name, part.groups[b].name];
    table.tHead.replaceChildren(cells(["", ...named, "second minus first"], "head"));
    const body = rows.flatMap((name, index) => {
      const [left, right] = [groups[a][index], groups[b][index]];
      return left.s && left.w === right.w ? [] : [cells([name, left.w, right.w, difference(left, right)])];
    });
    table.tBodies[0].replaceChildren(...body);
    const known = pairs[`${Math.min(a, b)}-${Math.max(a, b)}`];
    within(part, "sides-told").textContent = a === b ? "Choose two different settings." : known?.[a > b ? 1 : 0] ?? "";
  }
  for (const each of [one, other]) each.addEventListener("change", draw);
  draw();
}
