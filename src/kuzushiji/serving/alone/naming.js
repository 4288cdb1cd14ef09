// Boxes on a page -> the candidates for what stands in each, as kuzushiji/reading/naming.py and recognizer.py.

import { range } from "./numbers.js";
import { cut } from "./ink.js";

const UNSURE = 0.9, EDGES = [[0, 0, 0, 0], [-0.08, -0.08, -0.08, -0.08], [0.08, 0.08, 0.08, 0.08], [0, 0.12, 0, 0]];
const BATCH = 64, CHOICES = 12;
const single = Math.fround;

/** The candidates { label, text, probability } of each box, the best first; none of what is blank. */
export async function nameBoxes(page, boxes, compute, { imageSize, classes, temperature }) {
  const cuts = some => cut(page, some.map(box => wholeBox(box, page)), imageSize);
  const probabilities = async images => {
    const rows = [], side = imageSize[0] * imageSize[1];
    for (let start = 0; start < images.length; start += BATCH) {
      const some = images.slice(start, start + BATCH), pixels = new Float32Array(some.length * side);
      some.forEach((image, place) => { for (let at = 0; at < side; at++) pixels[place * side + at] = image[at] / 255; });
      const logits = await compute(pixels, some.length);
      for (const place of range(some.length)) rows.push(softmax(logits.subarray(place * classes.length, (place + 1) * classes.length), temperature));
    }
    return rows;
  };
  const candidates = row => best(row).map(label => ({ label, text: classes[label], probability: row[label] }));

  const found = boxes.map(() => []), images = cuts(boxes), inked = range(boxes.length).filter(each => images[each].some(tone => tone));
  const rows = await probabilities(inked.map(each => images[each]));
  inked.forEach((number, place) => { found[number] = candidates(rows[place]); });

  const unsure = inked.filter(each => found[each][0].probability < UNSURE), sums = unsure.map(() => new Float32Array(classes.length));
  for (const edges of unsure.length ? EDGES : []) {
    const again = await probabilities(cuts(unsure.map(each => moved(boxes[each], edges))));
    again.forEach((row, place) => row.forEach((probability, label) => { sums[place][label] += probability; }));
  }
  unsure.forEach((number, place) => { found[number] = candidates(sums[place].map(total => total / EDGES.length)); });
  return found;
}

/** A box of whole pixels around one of an image, within it. */
export function wholeBox([left, top, width, height], page) {
  const start = [Math.max(0, Math.floor(left)), Math.max(0, Math.floor(top))];
  const stop = [Math.min(page.width, Math.ceil(single(left + width))), Math.min(page.height, Math.ceil(single(top + height)))];
  return [...start, stop[0] - start[0], stop[1] - start[1]];
}

/** A box whose left, upper, right and lower edge are so far outwards, in its widths and heights. */
function moved([left, top, width, height], edges) {
  const [before, above, behind, under] = edges.map(single);
  const grown = (one, other) => single(single(1 + one) + other);
  return [single(left - single(before * width)), single(top - single(above * height)), single(width * grown(before, behind)), single(height * grown(above, under))];
}

function softmax(logits, temperature) {
  const most = logits.reduce((one, other) => Math.max(one, other), -Infinity);
  const shares = logits.map(logit => Math.exp((logit - most) / temperature)), total = shares.reduce((one, other) => one + other, 0);
  return shares.map(share => share / total);
}

/** The places of the highest values, the highest first; of equal ones the first. */
function best(row) {
  const found = [];
  row.forEach((value, place) => {
    if (found.length === CHOICES && value <= row[found.at(-1)]) return;
    const before = found.findIndex(each => value > row[each]);
    found.splice(before < 0 ? found.length : before, 0, place);
    found.length = Math.min(found.length, CHOICES);
  });
  return found;
}
