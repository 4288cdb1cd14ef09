// The keys of a page, and the list of them.

import { make } from "./api.js";
import { word } from "./words.js";

const ARROWS = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const LIST = [["↑ ↓ ← →", "k-arrows"], ["1 – 5", "k-candidates"], ["Enter", "k-type"], ["D", "draw"], ["N · Shift N", "k-unsure"],
  ["Del", "erase"], ["S", "split"], ["J", "join"], ["A", "k-add"], ["Shift ↑ ↓ ← →", "k-move"], ["Alt ↑ ↓ ← →", "k-size"],
  ["< >", "k-column"], ["Ctrl Z · Ctrl Y", "k-undo"], ["/", "search"], ["?", "keysShort"]];

export function listen(text, back, acts) {
  function keys(event) {
    if (event.isComposing || document.querySelector("dialog[open]:not(.drawing)")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const typing = event.target.matches("input");
    if (typing && event.target.id === "typed" && event.key === "Escape") { back(); return; }
    if (event.ctrlKey || event.metaKey) {
      if (typing && event.target.value) return;
      if (key === "z" || key === "y") { event.preventDefault(); acts.undo(key === "y" || event.shiftKey); }
      return;
    }
    if (event.key === "Escape") { acts.escape(); return; }
    if (typing || document.querySelector("dialog[open]")) return;
    const inText = text.contains(event.target) || event.target === document.body;
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) acts.nudge(...arrow, 0, 0);
    else if (arrow && event.altKey) acts.nudge(0, 0, ...arrow);
    else if (event.altKey) return;
    else if (/^[1-5]$/.test(key)) acts.candidate(Number(key));
    else if (key === "n") acts.unsure(event.shiftKey ? -1 : 1);
    else if (key === "?") showKeys();
    else if (key === "/") document.querySelector("#search input").focus();
    else if (!inText) return;
    else if (event.key === "ArrowDown") acts.step(1);
    else if (event.key === "ArrowUp") acts.step(-1);
    else if (event.key === "ArrowLeft") acts.column(1);
    else if (event.key === "ArrowRight") acts.column(-1);
    else if (event.key === "Delete" || event.key === "Backspace") acts.erase();
    else if (event.key === "Enter") acts.type();
    else if (key === "s") acts.split();
    else if (key === "j") acts.join();
    else if (key === "a") acts.addBelow();
    else if (key === "d") acts.drawIt();
    else if (key === "<") acts.moveColumn(1);
    else if (key === ">") acts.moveColumn(-1);
    else return;
    event.preventDefault();
  }
  document.addEventListener("keydown", keys);
  return () => document.removeEventListener("keydown", keys);
}

export function showKeys() {
  const dialog = make("dialog", { className: "keys" }, make("h2", { textContent: word("keysShort") }),
    make("dl", {}, ...LIST.flatMap(([key, name]) => [make("dt", {}, make("kbd", { textContent: key })), make("dd", { textContent: word(name) })])),
    make("form", { method: "dialog" }, make("button", { className: "main", textContent: word("close") })));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
