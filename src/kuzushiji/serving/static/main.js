// Which view is shown, and what all of them share: language, theme, search, the key.

import { ask, greet, say } from "./api.js";
import { showFound, showShelf } from "./shelf.js";
import { showDrawing } from "./drawing.js";
import { showPage } from "./reading.js";
import { label, languageOffered, otherLanguage, word } from "./words.js";

const room = document.getElementById("room");
let leave = () => {};

async function show() {
  leave();
  leave = () => {};
  label();
  const [code, name] = languageOffered();
  const button = document.getElementById("language");
  button.lang = code;
  button.textContent = name;
  const [, view, id, place] = location.hash.split("/").map(decodeURIComponent);
  room.className = view || "shelf";
  room.replaceChildren();
  try {
    if (view === "page") leave = await showPage(room, id, place);
    else if (view === "draw") await showDrawing(room);
    else if (view === "search") await showFound(room, id);
    else leave = await showShelf(room);
  } catch (error) {
    say(error.message);
  }
}

function theme(next) {
  if (next) localStorage.setItem("theme", next);
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
}

document.getElementById("language").addEventListener("click", () => { otherLanguage(); show(); });
document.getElementById("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
  theme(now === "dark" ? "light" : "dark");
});
document.getElementById("search").addEventListener("submit", event => {
  event.preventDefault();
  const words = new FormData(event.target).get("q").trim();
  if (words) location.hash = `#/search/${encodeURIComponent(words)}`;
});

// The door: a name and a password, or the token of the room alone.
const key = document.getElementById("key");
const out = document.getElementById("out");
document.addEventListener("locked", () => { if (!key.open) key.showModal(); });
key.addEventListener("close", async () => {
  const body = JSON.stringify(Object.fromEntries(new FormData(key.querySelector("form"))));
  key.querySelector("form").reset();
  try {
    await ask("/api/login", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    await enter();
  } catch (error) {
    say(error.message);
  }
});
out.addEventListener("click", async () => { await ask("/api/logout", { method: "POST" }); location.reload(); });

async function enter() {
  const person = await greet();
  out.hidden = person.open || !person.known;
  out.textContent = person.name ? word("outNamed", person.name) : word("out");
  await show();
}
addEventListener("hashchange", show);
theme();
enter();
