// A page: the scan with a box a character, the text beside it in columns, and what each character may be.

import { ask, change, json, make, say } from "./api.js";
import { doubt } from "./doubt.js";
import { sheet } from "./drawing.js";
import { listen, showKeys } from "./keys.js";
import { showPanel } from "./panel.js";
import { boxOf, showScan } from "./scan.js";
import { word } from "./words.js";

const FORMATS = ["txt", "pdf", "json", "pagexml", "alto", "tei", "iiif"];
const PAUSE = 600;
const listed = ({ x, y, width, height }) => [x, y, width, height].map(each => Math.round(each * 10) / 10);

export async function showPage(room, id, place) {
  const path = `/api/pages/${id}`;
  const answer = await ask(path);
  let [page, version] = [await answer.json(), answer.headers.get("ETag")];
  const parents = await json("/api/parents");
  let order, columns, chosen, writing = Promise.resolve();

  const title = make("h1", { textContent: page.image.name });
  const left = make("span", { className: "left" });
  const text = make("div", { className: "columns", lang: "ja", role: "group", ariaLabel: word("text"), tabIndex: 0 });
  const panel = make("section", { className: "panel", ariaLabel: word("candidates") });
  const scanned = make("div", { className: "scan" });
  const tools = make("div", { className: "tools" });
  const downloads = make("details", { className: "downloads" }, make("summary", { textContent: word("download") }),
    make("div", {}, ...FORMATS.map(each => make("a", { href: `${path}/export/${each}`, download: "", textContent: word(`f-${each}`) }))));
  const bar = (name, act, key) => make("button", { id: name, className: "plain", textContent: word(name), title: `${word(name)} (${key})`, onclick: act });
  const dialog = make("dialog", { className: "drawing" });
  room.append(
    make("div", { className: "bar" }, make("a", { className: "back", href: "#/", ariaLabel: word("back"), textContent: "←" }),
      title, left, make("span", { className: "gap" }), bar("undo", () => undo(false), "Ctrl+Z"), bar("redo", () => undo(true), "Ctrl+Y"),
      bar("keysShort", () => showKeys(), "?"), bar("print", () => window.print(), "Ctrl+P"), bar("remove", remove, ""), downloads),
    make("div", { className: "desk" },
      make("div", { className: "sheet" }, scanned, tools, make("img", { className: "printed", src: `${path}/image`, alt: "", loading: "lazy" })),
      make("div", { className: "script" }, text, panel)), dialog);

  const scan = showScan(scanned, `${path}/image`, page.image,
    { choose: each => choose(each, "scan"), move: (each, box) => patch([{ id: each, box: listed(box) }], word("moved"), each), drawn: add });
  for (const [name, sign] of [["zoomIn", "+"], ["zoomOut", "−"], ["fit", "□"], ["turn", "↻"]]) {
    tools.append(make("button", { ariaLabel: word(name), title: word(name), textContent: sign, onclick: scan[name] }));
  }

  const at = () => order.findIndex(each => each.id === chosen);
  const here = () => order[at()];
  const element = character => document.getElementById(`c-${character}`);

  function draw() {
    const all = [...page.lines.flatMap(line => line.characters), ...page.others];
    order = page.order.map(number => all[number]);
    columns = [...page.lines.map(line => ({ role: line.role, characters: line.characters })),
      { role: "others", characters: page.others }].filter(each => each.characters.length);
    const rank = new Map(order.map((each, number) => [each.id, number]));
    columns.sort((one, other) => rank.get(one.characters[0].id) - rank.get(other.characters[0].id));
    text.replaceChildren(...columns.map(({ role, characters }, number) => make("p", { className: `line-${role}`, draggable: true, id: `l-${number}` },
      ...characters.map(each => make("button", {
        id: `c-${each.id}`, className: `d${doubt(each)}`, tabIndex: -1, textContent: each.candidates[0]?.[0] || "〓",
      })))));
    const unsure = order.filter(each => doubt(each) === 3).length;
    left.textContent = unsure ? word("left", unsure) : word("noneLeft");
    scan.draw(order);
    const first = order.find(each => each.id === chosen) ?? order[0];
    if (first) element(first.id).tabIndex = 0;
  }

  function choose(character, from) {
    if (!order.some(each => each.id === character)) return;
    if (chosen && element(chosen)) { element(chosen).tabIndex = -1; element(chosen).removeAttribute("aria-current"); }
    chosen = character;
    const there = element(character);
    there.tabIndex = 0;
    there.setAttribute("aria-current", "true");
    there.focus({ preventScroll: true });
    there.scrollIntoView({ block: "nearest", inline: "nearest" });
    scan.choose(character, from !== "scan");
    panelNow();
  }

  function panelNow() {
    const character = here();
    const actions = [["erase", erase, "Del"], ["split", split, "S"], ["join", join, "J"], ["add", () => scan.startDrawing(), "A"], ["draw", drawIt, "D"]];
    showPanel(panel, { path, character, parents, take, actions, picture: character && scan.picture(character) });
  }

  async function received(answer) {
    page = await answer.json();
    version = answer.headers.get("ETag");
    draw();
  }

  // One after the other: each correction names the version that the one before it made.
  function send(work, done, next) {
    writing = writing.then(async () => {
      const before = new Set(order.map(each => each.id));
      try {
        await received(await work());
        if (done) say(done);
      } catch (error) {
        say(error.status === 412 ? word("conflict") : error.message);
        await received(await ask(path));
      }
      const fresh = order.find(each => !before.has(each.id));
      choose(order.some(each => each.id === next) ? next : (fresh ?? order[0])?.id);
    }).catch(error => say(error.message));
    return writing;
  }
  const patch = (changes, done, next) => send(() => change("PATCH", path, version, { changes }), done, next);

  function take(name) {
    const [character, next] = [here(), order[at() + 1] ?? here()];
    if (!character) return;
    dialog.close();
    if (!name) { element(chosen).focus(); return; }
    patch([{ id: character.id, text: name }], word("saved", character.candidates[0]?.[0] ?? "〓", name), next.id);
  }

  function erase() {
    const [character, next] = [here(), order[at() + 1] ?? order[at() - 1]];
    if (character) patch([{ id: character.id, delete: true }], word("removed", character.candidates[0]?.[0] ?? "〓"), next?.id);
  }

  function split() {
    if (!here()) return;
    const { x, y, width, height } = boxOf(here().polygon);
    const [upper, lower] = [{ x, y, width, height: height / 2 }, { x, y: y + height / 2, width, height: height / 2 }];
    const after = here().id;
    patch([{ after, box: listed(lower) }, { after, box: listed(upper) }, { id: after, delete: true }], word("splitDone"));
  }

  function join() {
    const [one, other] = [here(), order[at() + 1]];
    if (!one || !other) return;
    const [a, b] = [boxOf(one.polygon), boxOf(other.polygon)];
    const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
    const box = { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
    patch([{ after: other.id, box: listed(box) }, { id: one.id, delete: true }, { id: other.id, delete: true }], word("joined"));
  }

  function add(box) {
    patch([{ after: chosen ?? null, box: listed(box) }], word("added"));
  }

  function addBelow() {
    if (!here()) return;
    const { x, y, width, height } = boxOf(here().polygon);
    add({ x, y: Math.min(y + height, page.image.height - height), width, height });
  }

  let nudging;
  function nudge(dx, dy, dw, dh) {
    const box = scan.at(chosen);
    if (!box) return;
    const unit = Math.max(1, Math.round(page.image.height / 600));
    const [which, moved] = [chosen, { x: box.x + dx * unit, y: box.y + dy * unit, width: Math.max(4, box.width + dw * unit), height: Math.max(4, box.height + dh * unit) }];
    scan.moveTo(moved);
    clearTimeout(nudging);
    nudging = setTimeout(() => patch([{ id: which, box: listed(moved) }], word("moved"), which), PAUSE);
  }

  // A column with all that interrupts it: ruby beside its words, notes within it.
  function moveColumn(from, to) {
    const [moved, before] = [columns[from], columns[to]];
    if (!moved || from === to) return;
    const ranks = moved.characters.map(each => order.findIndex(one => one.id === each.id));
    const block = order.slice(Math.min(...ranks), Math.max(...ranks) + 1);
    const rest = order.filter(each => !block.includes(each));
    const place = before ? rest.findIndex(each => each.id === before.characters[0].id) : rest.length;
    if (place < 0) return;
    const ids = [...rest.slice(0, place), ...block, ...rest.slice(place)].map(each => each.id);
    patch([{ order: ids }], word("columnMoved"), chosen);
  }
  const columnOf = () => columns.findIndex(each => each.characters.some(one => one.id === chosen));

  function undo(again) {
    const before = version;
    send(() => change("POST", `${path}/undo${again ? "?again=true" : ""}`, version), "", chosen)
      .then(() => say(word(version === before ? "nothingToUndo" : again ? "redone" : "undone")));
  }

  async function remove() {
    if (!confirm(word("removeAsk"))) return;
    await ask(path, { method: "DELETE" });
    location.hash = "#/";
  }

  function drawIt() {
    dialog.replaceChildren(make("h2", { textContent: word("draw") }), sheet(parents, take),
      make("button", { type: "button", textContent: word("close"), onclick: () => dialog.close() }));
    dialog.showModal();
  }

  function step(number) {
    const next = order[Math.min(order.length - 1, Math.max(0, at() + number))];
    if (next) choose(next.id);
  }

  function column(number) {
    const now = columnOf();
    const next = columns[now + number];
    if (!next) return;
    const along = columns[now].characters.findIndex(each => each.id === chosen);
    choose(next.characters[Math.min(along, next.characters.length - 1)].id);
  }

  function unsure(number) {
    const n = order.length;
    for (let k = 1; k <= n; k++) {
      const next = order[(at() + number * k + n * n) % n];
      if (next && doubt(next) === 3) { choose(next.id); return; }
    }
  }

  const candidate = number => { const found = here()?.candidates[number - 1]; if (found) take(found[0]); };
  const stop = listen(text, () => element(chosen)?.focus(), {
    candidate, step, column, unsure, erase, split, join, addBelow, drawIt, nudge, undo,
    moveColumn: number => moveColumn(columnOf(), number < 0 ? columnOf() - 1 : columnOf() + 2),
    type: () => document.getElementById("typed")?.focus(),
    escape: () => { scan.stopDrawing(); dialog.close(); element(chosen)?.focus(); },
  });

  text.addEventListener("click", event => {
    const button = event.target.closest("button");
    if (button) choose(button.id.slice(2));
  });
  text.addEventListener("pointerover", event => scan.point(event.target.closest("button")?.id.slice(2)));
  let dragging;
  text.addEventListener("dragstart", event => { dragging = event.target.closest("p"); event.dataTransfer.effectAllowed = "move"; });
  text.addEventListener("dragover", event => { if (dragging && event.target.closest("p")) event.preventDefault(); });
  text.addEventListener("drop", event => {
    const onto = event.target.closest("p");
    if (dragging && onto) { event.preventDefault(); moveColumn(Number(dragging.id.slice(2)), Number(onto.id.slice(2))); }
    dragging = undefined;
  });
  draw();
  scan.opened.then(() => { if (place) choose(place); });
  if (!place && order.length) choose(order[0].id, "scan");
  if (!order.length) panelNow();
  text.scrollLeft = 0;
  return () => { stop(); clearTimeout(nudging); scan.close(); };
}
