// Ruled lines divide a page into fields, and show where the page beside it begins; see kuzushiji/document/order.py and
// neighbour.py.  Boxes are left, top, width and height.

import { below, clip, median, range, sorted } from "./numbers.js";

const COVERED = 0.85, INSIDE = 0.25, HEADNOTE = 0.8;
const WIDEST = 0.2, NEAR = 2, GAP = 1, USUAL_GAPS = 1.6, FRAMED = 0.5, GAPS = 3, INNER = 0.25;

const centre = (box, axis) => box[axis] + box[2 + axis] / 2;

/** The numbers of the boxes in each field, the fields in reading order. */
export function fields(boxes, rules) {
  const divide = field => {
    for (const [axis, lines] of [[0, rules.vertical], [1, rules.horizontal]]) {
      const places = cuts(field.map(each => boxes[each]), lines, axis);
      const part = each => below(places, centre(boxes[each], axis));
      const numbers = sorted(new Set(field.map(part)), number => axis ? number : -number);
      if (numbers.length > 1) return numbers.flatMap(number => divide(field.filter(each => part(each) === number)));
    }
    return [field];
  };
  return boxes.length ? divide(range(boxes.length)) : [];
}

function cuts(boxes, lines, axis) {
  if (boxes.length < 2) return [];
  const along = boxes.map(box => centre(box, axis)), across = boxes.map(box => centre(box, 1 - axis));
  const first = Math.min(...across), last = Math.max(...across), low = Math.min(...along), high = Math.max(...along);
  lines = lines.filter(([place, start, stop]) => place > low && place < high && stop > first && start < last);
  const same = 0.2 * median(boxes.map(box => box[2]));
  return sorted(new Set(lines.map(line => line[0])), place => place).filter(place => {
    const parts = sorted(
      lines.filter(line => Math.abs(line[0] - place) < same).map(([, start, stop]) => [clip(start, first, last), clip(stop, first, last)]),
      part => part[0]);
    let covered = 0, end = first;
    for (const [start, stop] of parts) {
      covered += Math.max(0, stop - Math.max(start, end));
      end = Math.max(end, stop);
    }
    const isThrough = box => box[axis] + box[2 + axis] * INSIDE < place && place < box[axis] + box[2 + axis] * (1 - INSIDE);
    return covered >= COVERED * (last - first) && !boxes.some(isThrough);
  });
}

/** Whether a field is the smaller part of a page, stands above all else, and has smaller characters. */
export function isHeadnote(boxes, field) {
  const own = new Set(field), others = range(boxes.length).filter(each => !own.has(each));
  return field.length < others.length
    && Math.max(...field.map(each => centre(boxes[each], 1))) < Math.min(...others.map(each => boxes[each][1]))
    && median(field.map(each => boxes[each][2])) < HEADNOTE * median(others.map(each => boxes[each][2]));
}

/** Which boxes stand on the page beside the one that was scanned; `text` says which are of its text. */
export function onAnotherPage(boxes, text, width, rules) {
  const [start, stop] = ends(boxes.filter((_, number) => text[number]), width, rules);
  return boxes.map(box => centre(box, 0) < start || centre(box, 0) > stop);
}

function ends(boxes, width, rules) {
  const found = [0, width], between = gaps(boxes);
  if (between.length < GAPS) return found;
  const usual = median(boxes.map(box => box[2])), usualGap = median(between.map(([start, stop]) => stop - start));
  const written = Math.max(...boxes.map(box => box[1] + box[3])) - Math.min(...boxes.map(box => box[1]));
  const upright = rules.vertical.filter(([, start, stop]) => stop - start >= FRAMED * written);
  for (const [start, stop] of between) {
    const isFramed = upright.some(([place]) => place >= start && place <= stop);
    if (!isFramed || stop - start < Math.max(GAP * usual, USUAL_GAPS * usualGap)) continue;
    const middle = (start + stop) / 2;
    const before = boxes.filter(box => centre(box, 0) < middle), behind = boxes.filter(box => centre(box, 0) > middle);
    if (middle <= WIDEST * width && median(before.map(box => box[0])) <= NEAR * usual) found[0] = middle;
    else if (middle >= (1 - WIDEST) * width && median(behind.map(box => width - box[0] - box[2])) <= NEAR * usual) return [found[0], middle];
  }
  return found;
}

function gaps(boxes) {
  const found = [];
  let reached = Infinity;
  for (const box of sorted(boxes, each => each[0] + INNER * each[2])) {
    const start = box[0] + INNER * box[2], stop = box[0] + (1 - INNER) * box[2];
    if (start > reached) found.push([reached, start]);
    reached = reached === Infinity ? stop : Math.max(reached, stop);
  }
  return found;
}
