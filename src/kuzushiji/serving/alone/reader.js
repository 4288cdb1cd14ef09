// An image of a page in, what it says out, as kuzushiji/reading/reader.py does it.  Nothing leaves the browser.

import * as runtime from "./runtime/ort.wasm.min.mjs";
import { findCharacters, RUBY } from "./finding.js";
import { Language } from "./language.js";
import { nameBoxes, wholeBox } from "./naming.js";
import { arrange } from "./order.js";
import { image } from "./pixels.js";
import { findRules } from "./rules.js";
import { textOf } from "./text.js";

/** The pixels of a file as gray; what is transparent is white. */
export async function grayOf(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  const { width, height } = bitmap, canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height), gray = image(width, height);
  for (let at = 0; at < gray.data.length; at++)
    gray.data[at] = (data[4 * at] * 19595 + data[4 * at + 1] * 38470 + data[4 * at + 2] * 7471 + 0x8000) >> 16;
  return gray;
}

export class Reader {
  /** Fetches the networks, which lie beside this file. */
  static async open() {
    const fetched = async (name, what) => {
      const answer = await fetch(new URL(name, import.meta.url));
      if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
      return answer[what]();
    };
    runtime.env.wasm.wasmPaths = new URL("runtime/", import.meta.url).href;
    runtime.env.wasm.numThreads = 1; // more need headers that many hosts of static files don't send
    const session = async name => runtime.InferenceSession.create(new Uint8Array(await fetched(name, "arrayBuffer")));
    const reader = new Reader();
    const [facts, bytes] = await Promise.all([fetched("site.json", "json"), fetched("language.bin", "arrayBuffer")]);
    reader.facts = facts;
    reader.language = new Language(facts.language, bytes);
    reader.detector = await session("detector.onnx");
    reader.namer = await session("page.onnx");
    return reader;
  }

  /** Reads a page of gray pixels; `tell` is told what is being done: find, name, order. */
  async read(page, tell = () => {}) {
    tell("find");
    const found = await findCharacters(page, (...tile) => this.detect(...tile), this.facts.foundAbove);
    tell("name");
    const named = await nameBoxes(page, found.map(({ box }) => box), (...images) => this.name(...images), this.facts);
    const characters = found.map(({ box, score, role }, number) => ({ box: wholeBox(box, page), found: score, role, candidates: named[number] }))
      .filter(({ candidates }) => candidates.length);
    tell("order");
    const { lines, order } = arrange(characters.map(each => each.box), characters.map(each => each.role === RUBY), page.width, findRules(page));
    lines.forEach(({ members }, line) => members.forEach(each => { characters[each].line = line; }));
    const main = lines.filter(({ role }) => role === "main").flatMap(({ members }) => members);
    for (const part of [main, ...lines.filter(({ role }) => role !== "main").map(({ members }) => members)]) this.weigh(part.map(each => characters[each]));
    const said = {
      width: page.width, height: page.height,
      lines: lines.map(({ role, members }) => ({ role, box: around(members.map(each => characters[each].box)) })),
      characters: order.map(each => characters[each]).map(({ box, candidates, line, changed, found: sureness }) => ({
        box, line, changed, found: sureness, text: candidates[0].text, candidates: candidates.slice(0, this.facts.top),
      })),
    };
    return { ...said, text: textOf(said) };
  }

  async detect(pixels, height, width) {
    const { heat, boxes } = await this.detector.run({ images: new runtime.Tensor("float32", pixels, [1, 1, height, width]) });
    return { heat: heat.data, boxes: boxes.data };
  }

  async name(pixels, count) {
    const { logits } = await this.namer.run({ images: new runtime.Tensor("float32", pixels, [count, 1, ...this.facts.imageSize]) }, ["logits"]);
    return logits.data;
  }

  /** Puts that candidate first which is meant, of characters that are read one after the other. */
  weigh(characters) {
    this.language.choose(characters).forEach((choice, number) => {
      const { candidates } = characters[number];
      candidates.unshift(...candidates.splice(choice, 1));
      characters[number].changed = choice > 0;
    });
  }
}

function around(boxes) {
  const left = Math.min(...boxes.map(box => box[0])), top = Math.min(...boxes.map(box => box[1]));
  return [left, top, Math.max(...boxes.map(box => box[0] + box[2])) - left, Math.max(...boxes.map(box => box[1] + box[3])) - top];
}
