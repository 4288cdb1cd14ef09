// A sheet to draw a character on with mouse, pen or finger: what it may be is asked while one draws.

import { json, make, say } from "./api.js";
import { row } from "./panel.js";
import { word } from "./words.js";

const SIDE = 320;

export function sheet(parents, take) {
  const canvas = make("canvas", { width: SIDE, height: SIDE, className: "pad", role: "img", ariaLabel: word("drawHere") });
  const list = make("ol", { ariaLive: "polite" });
  let strokes = [], asking = 0, later;

  function paint() {
    const ink = canvas.getContext("2d");
    ink.fillStyle = "#fff";
    ink.fillRect(0, 0, SIDE, SIDE);
    Object.assign(ink, { strokeStyle: "#111", lineWidth: 13, lineCap: "round", lineJoin: "round" });
    for (const stroke of strokes) {
      ink.beginPath();
      stroke.forEach(([x, y], number) => (number ? ink.lineTo(x, y) : ink.moveTo(x, y)));
      if (stroke.length === 1) ink.lineTo(stroke[0][0] + 0.1, stroke[0][1]);
      ink.stroke();
    }
  }

  async function ask() {
    const mine = ++asking;
    if (!strokes.length) { list.replaceChildren(); return; }
    const blob = await new Promise(resolve => canvas.toBlob(resolve, "image/png"));
    const form = new FormData();
    form.append("images", blob, "drawing.png");
    try {
      const [said] = await json("/api/recognize", { method: "POST", body: form });
      if (mine !== asking) return;
      list.replaceChildren(...said.candidates.slice(0, 5).map((each, number) =>
        row(number, each.character, each.probability, parents[each.character], take).item));
    } catch (error) { say(error.message); }
  }

  const changed = () => { paint(); clearTimeout(later); later = setTimeout(ask, 120); };
  const place = event => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height];
  };
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    strokes.push([place(event)]);
    changed();
  });
  canvas.addEventListener("pointermove", event => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    strokes.at(-1).push(place(event));
    changed();
  });
  paint();
  return make("div", { className: "sheet-to-draw" },
    make("div", {}, canvas, make("div", { className: "acts" },
      make("button", { type: "button", className: "plain", textContent: word("strokeBack"), onclick: () => { strokes.pop(); changed(); } }),
      make("button", { type: "button", className: "plain", textContent: word("clear"), onclick: () => { strokes = []; changed(); } }))),
    make("div", { className: "choice" }, list));
}

export async function showDrawing(room) {
  const parents = await json("/api/parents");
  const copied = async name => { await navigator.clipboard?.writeText(name).catch(() => {}); say(word("copied", name)); };
  room.append(make("h1", { textContent: word("draw") }), make("p", { className: "quiet", textContent: word("drawTold") }), sheet(parents, copied));
}
