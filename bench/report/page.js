"use strict";
// Without this script the page shows every board; with it, one at a time, sorted and filtered by the address.
const controls = document.querySelector("#controls");
const boards = [...document.querySelectorAll(".board")];
const shown = document.querySelector("#shown");
const fields = controls ? [...controls.elements].filter((field) => field.name && field.type !== "hidden") : [];
const first = { sort: "rank", order: "ascending" };
let sorted = { ...first };

const chosen = (name) => controls.elements[name]?.value ?? "";
const initial = (field) => (field.options ? field.options[0].value : "");

function show() {
  const only = (board) => ["dataset", "representation", "level"].every((k) => board.dataset[k] === chosen(k));
  const words = chosen("text").toLowerCase().split(/\s+/).filter(Boolean);
  let message = "There is no such board.";
  for (const board of boards) {
    board.hidden = !only(board);
    if (board.hidden) continue;
    for (const part of board.querySelectorAll("[data-ranks]")) part.hidden = part.dataset.ranks !== chosen("ranks");
    sort(board.querySelector("table"));
    const rows = [...board.querySelectorAll("tbody tr")];
    for (const row of rows) {
      const text = `${row.cells[0].textContent} ${row.dataset.model}`.toLowerCase();
      const kept = words.every((word) => text.includes(word));
      row.classList.toggle("unranked", row.querySelector(".no-rank:not([hidden])") !== null);
      row.hidden = !kept || (chosen("model") !== "" && row.dataset.model !== chosen("model"));
    }
    message = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
    hint(board);
  }
  shown.textContent = message;
}

function sort(table) {
  const headers = [...table.tHead.rows[table.tHead.rows.length - 1].cells].filter((th) => !th.hidden);
  const header = headers.find((th) => th.dataset.name === sorted.sort);
  const [by, order] = header ? [header, sorted.order] : [headers.find((th) => th.dataset.name === first.sort), first.order];
  const text = by.dataset.first === "text";
  const sign = order === "ascending" ? 1 : -1;
  const value = (row) => (text ? row.dataset.model : row.cells[by.cellIndex].dataset.value);
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined); // missing ones stay last
    return sign * (text ? x.localeCompare(y) : x - y);
  };
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort(compare));
  table.tHead.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
  by.setAttribute("aria-sort", order);
}

function turn(header) {
  const best = header.dataset.first === "descending" ? "descending" : "ascending";
  const other = best === "ascending" ? "descending" : "ascending";
  sorted = { sort: header.dataset.name, order: header.getAttribute("aria-sort") === best ? other : best };
  show();
  keep();
}

// Shows above the board how many columns are beyond its edges, if there are any.
function hint(board) {
  const box = board.querySelector(".scroll");
  const heads = [...box.querySelectorAll("thead tr:last-child th:not(.name, [hidden])")];
  const left = box.getBoundingClientRect().left + (box.querySelector("th.name")?.offsetWidth ?? 0);
  const right = box.getBoundingClientRect().right + 1;
  const beyond = heads.filter((th) => th.getBoundingClientRect().right > right).length;
  const before = heads.filter((th) => th.getBoundingClientRect().left < left - 1).length;
  const sides = [before && `${before} to the left`, beyond && `${beyond} to the right`].filter(Boolean);
  board.querySelector(".more").textContent = sides.length ? `Columns out of sight: ${sides.join(", ")}. The board scrolls sideways.` : "";
}

// Writes what differs from the first view into the address, so that a reload and a copied link show the same.
function keep() {
  const kept = new URLSearchParams();
  for (const field of fields) if (field.value !== initial(field)) kept.set(field.name, field.value);
  if (sorted.sort !== first.sort || sorted.order !== first.order) for (const k of Object.keys(first)) kept.set(k, sorted[k]);
  history.replaceState(null, "", location.pathname + (kept.size ? `?${kept}` : "") + location.hash);
}

function restore() {
  const query = new URLSearchParams(location.search);
  for (const field of fields) {
    const value = query.get(field.name) ?? initial(field);
    field.value = !field.options || [...field.options].some((o) => o.value === value) ? value : initial(field);
  }
  sorted = { sort: query.get("sort") ?? first.sort, order: query.get("order") === "descending" ? "descending" : "ascending" };
  show();
}

if (controls) {
  document.querySelectorAll("thead button").forEach((b) => b.addEventListener("click", () => turn(b.closest("th"))));
  controls.addEventListener("input", () => (show(), keep()));
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("reset", () => setTimeout(() => ((sorted = { ...first }), show(), keep())));
  boards.forEach((board) => board.querySelector(".scroll").addEventListener("scroll", () => hint(board), { passive: true }));
  window.addEventListener("resize", () => boards.filter((board) => !board.hidden).forEach(hint));
  window.addEventListener("popstate", restore);
  window.addEventListener("pageshow", restore); // after the browser has put its own values into the fields
  controls.hidden = false;
  restore();
}
