"use strict";
// Without this script the page shows every board; with it, one at a time, sorted and filtered.
const controls = document.querySelector("#controls");
const boards = [...document.querySelectorAll(".board")];
const shown = document.querySelector("#shown");

const chosen = (name) => controls.elements[name]?.value ?? "";

function show() {
  const only = (board) => ["dataset", "representation", "level"].every((k) => board.dataset[k] === chosen(k));
  const words = chosen("text").toLowerCase().split(/\s+/).filter(Boolean);
  let told = "There is no such board.";
  for (const board of boards) {
    board.hidden = !only(board);
    if (board.hidden) continue;
    const rows = [...board.querySelectorAll("tbody tr")];
    for (const row of rows) {
      const text = row.cells[0].textContent.toLowerCase();
      const kept = words.every((word) => text.includes(word));
      row.hidden = !kept || (chosen("model") !== "" && row.dataset.model !== chosen("model"));
    }
    told = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  }
  shown.textContent = told;
}

function sort(header) {
  const table = header.closest("table");
  const position = header.cellIndex;
  const text = header.dataset.first === "text";
  const first = text ? "ascending" : header.dataset.first;
  const other = first === "ascending" ? "descending" : "ascending";
  const order = header.getAttribute("aria-sort") === first ? other : first;
  const sign = order === "ascending" ? 1 : -1;
  const value = (row) => (text ? row.dataset.model : row.cells[position].dataset.value);
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined); // missing ones stay last
    return sign * (text ? x.localeCompare(y) : x - y);
  };
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort(compare));
  table.querySelectorAll("[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", order);
}

document.querySelectorAll("thead button").forEach((b) => b.addEventListener("click", () => sort(b.closest("th"))));
controls.addEventListener("input", show);
controls.addEventListener("submit", (event) => event.preventDefault());
controls.hidden = false;
show();
