"use strict";

// The theme: the reader's choice, else the address (?theme=dark), else the system's.
const root = document.documentElement;
const toggle = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const remembered = () => { try { return localStorage.getItem("kuzushiji-theme"); } catch { return null; } };
const remember = (theme) => { try { localStorage.setItem("kuzushiji-theme", theme); } catch { /* private window */ } };
const current = () => root.dataset.theme || (system.matches ? "dark" : "light");
const asked = new URLSearchParams(location.search).get("theme") || remembered();
const show = () => { toggle.textContent = current() === "dark" ? "Light" : "Dark"; };
if (asked === "dark" || asked === "light") root.dataset.theme = asked;
toggle.hidden = false;
toggle.addEventListener("click", () => {
  root.dataset.theme = current() === "dark" ? "light" : "dark";
  remember(root.dataset.theme);
  show();
});
system.addEventListener("change", show);
show();

// Tables whose head is clicked are sorted by that column, and the other way round when it is clicked again.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "descending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => Number(row.cells[column].dataset.sort);
    const rows = [...table.tBodies[0].rows].sort((one, other) => (value(other) - value(one)) * (down ? 1 : -1));
    table.tBodies[0].append(...rows);
  }));
}

// What is wider than its place says that it can be moved sideways.
const watched = new ResizeObserver((entries) => {
  for (const { target } of entries) target.classList.toggle("wide", target.scrollWidth > target.clientWidth + 1);
});
for (const place of document.querySelectorAll(".scroll")) watched.observe(place);
