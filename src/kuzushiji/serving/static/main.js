// Which view is shown, and what all of them share: language, theme, search, the key.

import { ask, say } from "./api.js";
import { showFound, showShelf } from "./shelf.js";
import { showDrawing } from "./drawing.js";
import { showPage } from "./reading.js";
import { label, languageOffered, otherLanguage } from "./words.js";

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
const key = document.getElementById("key");
document.addEventListener("locked", () => { if (!key.open) key.showModal(); });
key.addEventListener("close", async () => {
  const token = new FormData(key.querySelector("form")).get("token");
  try {
    const body = JSON.stringify({ token });
    await ask("/api/login", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    show();
  } catch (error) {
    say(error.message);
  }
});
addEventListener("hashchange", show);
theme();
show();
