// A page: the scan with a box a character, the text beside it in columns, and what each character may be.

import { ask, change, json, make, say } from "./api.js";
import { showScan } from "./scan.js";
import { word } from "./words.js";

const FORMATS = ["txt", "pdf", "json", "pagexml", "alto", "tei", "iiif"];
const UNSURE = 0.5;
export const doubt = character => {
  const sure = character.candidates[0]?.[1] ?? 0;
  return sure >= 0.9 ? 0 : sure >= 0.7 ? 1 : sure >= UNSURE ? 2 : 3;
};

export async function showPage(room, id, place) {
  const path = `/api/pages/${id}`;
  let answer = await ask(path);
  let [page, version] = [await answer.json(), answer.headers.get("ETag")];
  const parents = await json("/api/parents");
  let order, columns, chosen, writing = Promise.resolve();

  const title = make("h1", { textContent: page.image.name });
  const left = make("span", { className: "left" });
  const text = make("div", { className: "columns", lang: "ja", role: "group", ariaLabel: word("text") });
  const panel = make("section", { className: "panel", ariaLabel: word("candidates") });
  const scanned = make("div", { className: "scan" });
  const tools = make("div", { className: "tools" });
  const downloads = make("details", { className: "downloads" }, make("summary", { textContent: word("download") }),
    make("div", {}, ...FORMATS.map(each => make("a", { href: `${path}/export/${each}`, download: "", textContent: each }))));
  room.append(
    make("div", { className: "bar" }, make("a", { className: "back", href: "#/", ariaLabel: word("back"), textContent: "←" }),
      title, left, make("span", { className: "gap" }),
      make("button", { id: "undo", textContent: word("undo"), onclick: undo }), downloads,
      make("button", { textContent: word("remove"), className: "plain", onclick: remove })),
    make("div", { className: "desk" }, make("div", { className: "sheet" }, scanned, tools),
      make("div", { className: "script" }, text, panel)),
    make("p", { className: "keys", textContent: word("keys") }));

  const scan = showScan(scanned, `${path}/image`, page.image, character => choose(character, "scan"));
  for (const [name, sign] of [["zoomIn", "+"], ["zoomOut", "−"], ["fit", "▢"], ["turn", "↻"]]) {
    tools.append(make("button", { ariaLabel: word(name), title: word(name), textContent: sign, onclick: scan[name] }));
  }

  const at = () => order.findIndex(each => each.id === chosen);
  const element = character => document.getElementById(`c-${character}`);

  function draw() {
    const all = [...page.lines.flatMap(line => line.characters), ...page.others];
    order = page.order.map(number => all[number]);
    columns = [...page.lines.map(line => ({ role: line.role, characters: line.characters })),
      { role: "others", characters: page.others }].filter(each => each.characters.length);
    const rank = new Map(order.map((each, number) => [each.id, number]));
    columns.sort((one, other) => rank.get(one.characters[0].id) - rank.get(other.characters[0].id));
    text.replaceChildren(...columns.map(({ role, characters }) => make("p", { className: `line-${role}` },
      ...characters.map(each => make("button", {
        id: `c-${each.id}`, className: `d${doubt(each)}`, tabIndex: -1, textContent: each.candidates[0]?.[0] || "〓",
      })))));
    const unsure = order.filter(each => doubt(each) === 3).length;
    left.textContent = unsure ? word("left", unsure) : "";
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
    showPanel();
  }

  function showPanel() {
    const character = order[at()];
    if (!character) { panel.replaceChildren(make("p", { className: "quiet", textContent: word("select") })); return; }
    const input = make("input", { id: "typed", maxLength: 8, lang: "ja", ariaLabel: word("type"), placeholder: word("type"), autocomplete: "off" });
    const candidates = character.candidates.slice(0, 5).map(([name, probable], number) => {
      const meter = make("meter", { value: probable, max: 1, ariaHidden: "true" });
      return make("li", {}, make("button", { onclick: () => take(name), className: number ? "" : "best" },
        make("kbd", { textContent: number + 1 }), make("b", { lang: "ja", textContent: name }),
        make("span", { className: "told" }, make("span", { textContent: [...name].map(each => `U+${each.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`).join(" ") }),
          parents[name] ? make("span", { lang: "ja", textContent: `${word("parent")} ${parents[name]}` }) : ""),
        meter, make("span", { className: "number", textContent: `${Math.round(probable * 100)}%` })));
    });
    const form = make("form", { className: "typing", onsubmit: event => {
      event.preventDefault();
      const typed = input.value.trim();
      if (typed) take(typed); else element(chosen).focus();
    } }, input, make("button", { className: "main", textContent: word("take") }));
    panel.replaceChildren(make("div", { className: "picture" }, scan.picture(character)),
      make("div", { className: "choice" }, make("ol", {}, ...candidates), form,
        make("button", { className: "plain", textContent: word("remove1"), onclick: erase })));
  }

  async function received(answer) {
    page = await answer.json();
    version = answer.headers.get("ETag");
    draw();
  }

  // One after the other: each correction names the version that the one before it made.
  function send(work, done, next) {
    writing = writing.then(async () => {
      try {
        await received(await work());
        say(done);
      } catch (error) {
        say(error.status === 412 ? word("conflict") : error.message);
        if (error.status === 412) await received(await ask(path));
      }
      choose(order.some(each => each.id === next) ? next : order[0]?.id);
    });
    return writing;
  }

  function take(name) {
    const [character, next] = [order[at()], order[at() + 1] ?? order[at()]];
    if (!character) return;
    const body = { changes: [{ id: character.id, text: name }] };
    send(() => change("PATCH", path, version, body), word("saved", character.candidates[0]?.[0] ?? "〓", name), next.id);
  }

  function erase() {
    const [character, next] = [order[at()], order[at() + 1] ?? order[at() - 1]];
    if (!character) return;
    const body = { changes: [{ id: character.id, delete: true }] };
    send(() => change("PATCH", path, version, body), word("removed", character.candidates[0]?.[0] ?? "〓"), next?.id);
  }

  function undo() {
    const before = version;
    send(async () => {
      const answer = await change("POST", `${path}/undo`, version);
      return answer;
    }, word("undone"), chosen).then(() => { if (version === before) say(word("nothingToUndo")); });
  }

  async function remove() {
    if (!confirm(word("removeAsk"))) return;
    await ask(path, { method: "DELETE" });
    location.hash = "#/";
  }

  function step(number) {
    const next = order[Math.min(order.length - 1, Math.max(0, at() + number))];
    if (next) choose(next.id);
  }

  function column(number) {
    const now = columns.findIndex(each => each.characters.some(one => one.id === chosen));
    const next = columns[now + number];
    if (!next) return;
    const place = columns[now].characters.findIndex(each => each.id === chosen);
    choose(next.characters[Math.min(place, next.characters.length - 1)].id);
  }

  function nextUnsure() {
    const rest = [...order.slice(at() + 1), ...order.slice(0, at() + 1)];
    const next = rest.find(each => doubt(each) === 3);
    if (next) choose(next.id);
  }

  function keys(event) {
    if (event.isComposing || event.altKey) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && event.target.id !== "typed") { event.preventDefault(); undo(); return; }
    if (event.ctrlKey || event.metaKey) return;
    if (event.target.matches("input")) {
      if (event.key === "Escape" && chosen) element(chosen).focus();
      return;
    }
    const inText = text.contains(event.target) || event.target === document.body;
    const character = order[at()];
    if (/^[1-5]$/.test(event.key) && character?.candidates[event.key - 1]) take(character.candidates[event.key - 1][0]);
    else if (event.key === "n" || event.key === "N") nextUnsure();
    else if (!inText) return;
    else if (event.key === "ArrowDown") step(1);
    else if (event.key === "ArrowUp") step(-1);
    else if (event.key === "ArrowLeft") column(1);
    else if (event.key === "ArrowRight") column(-1);
    else if (event.key === "Delete") erase();
    else if (event.key === "Enter") document.getElementById("typed")?.focus();
    else return;
    event.preventDefault();
  }

  text.addEventListener("click", event => {
    const button = event.target.closest("button");
    if (button) choose(button.id.slice(2));
  });
  text.addEventListener("pointerover", event => scan.point(event.target.closest("button")?.id.slice(2)));
  document.addEventListener("keydown", keys);
  draw();
  scan.opened.then(() => { if (!place) return; choose(place); });
  if (!place && order.length) choose(order[0].id, "scan");
  if (!order.length) showPanel();
  text.scrollLeft = 0;
  return () => { document.removeEventListener("keydown", keys); scan.close(); };
}
