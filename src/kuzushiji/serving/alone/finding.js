// A page, however large and at whatever scale -> the boxes of its characters; see kuzushiji/reading/finding.py and
// detector.py.  What is found is a list of { box: [left, top, width, height], score, role }, the surest first.

import { clip, highest, median, round, sum } from "./numbers.js";
import { crop, image, resize } from "./pixels.js";
import { CHARACTER, inkForDetector } from "./ink.js";

const LOOKED_AT = 900, ENOUGH = 1.15, TRIES = 4, LEAP = 3, FINER = 3, MORE = 2.5, FEW = 4, PART = 640, LARGEST = 2;
const TILE = 1024, OVERLAP = 128, STRIDE = 4, MAIN = 0, COMMON = 0.5;
export const RUBY = 1;
const single = Math.fround;

/** Finds the characters of a page; `detect` takes pixels 0 to 1, their height and width, and gives heat and boxes. */
export async function findCharacters(page, detect, least) {
  let scale = Math.min(1, LOOKED_AT / Math.max(page.width, page.height)), found;
  [scale, found] = await settled(page, scale, detect, least);
  while (FINER * scale <= LARGEST) {
    if (await isFiner(page, scale, found, detect, least)) [scale, found] = await settled(page, FINER * scale, detect, least);
    else if (found.length) break;
    else scale *= FINER;
  }
  return found;
}

async function settled(page, scale, detect, least) {
  let found = await findAt(page, scale, detect, least);
  for (let turn = 0; turn < TRIES && found.length; turn++) {
    const wanted = Math.min(scale * clip(CHARACTER / usualSize(found, scale), 1 / LEAP, LEAP), LARGEST);
    if (1 / ENOUGH <= wanted / scale && wanted / scale <= ENOUGH) break;
    const again = await findAt(page, wanted, detect, least);
    if (!again.length) break;
    [scale, found] = [wanted, again];
  }
  return [scale, found];
}

async function isFiner(page, scale, found, detect, least) {
  const reach = PART / (2 * FINER * scale);
  const centres = found.map(({ box: [left, top, width, height] }) => [left + width / 2, top + height / 2]);
  const middle = found.length ? [0, 1].map(axis => median(centres.map(each => each[axis]))) : inkiest(page, scale, reach);
  const [left, top] = middle.map(place => Math.trunc(Math.max(0, place - reach)));
  const right = Math.trunc(Math.min(middle[0] + reach, page.width)), bottom = Math.trunc(Math.min(middle[1] + reach, page.height));
  const part = await findAt(crop(page, [left, top, right, bottom]), FINER * scale, detect, least);
  const before = found.filter((_, number) => {
    const [x, y] = centres[number];
    return x >= left && x < right && y >= top && y < bottom;
  });
  return sum(part.map(each => each.score)) > Math.max(FEW, MORE * sum(before.map(each => each.score)));
}

function inkiest(page, scale, reach) {
  const ink = inkForDetector(page, scale), step = Math.max(1, round(reach * scale));
  const cells = resize(ink, Math.max(1, Math.floor(ink.width / step)), Math.max(1, Math.floor(ink.height / step)), "box");
  const place = highest([...cells.data]), row = Math.floor(place / cells.width), column = place % cells.width;
  return [(column + 0.5) * page.width / cells.width, (row + 0.5) * page.height / cells.height];
}

async function findAt(page, scale, detect, least) {
  const { heat, boxes, rows, columns } = await maps(inkForDetector(page, scale), detect);
  const found = [];
  for (const each of decode(heat, boxes, rows, columns, least)) {
    const [left, top, width, height] = each.box, factor = single(scale);
    const start = [single(left / factor), single(top / factor)], stop = [single(single(left + width) / factor), single(single(top + height) / factor)];
    const low = [clip(start[0], 0, page.width), clip(start[1], 0, page.height)], high = [clip(stop[0], 0, page.width), clip(stop[1], 0, page.height)];
    const box = [...low, single(high[0] - low[0]), single(high[1] - low[1])];
    if (Math.min(box[2], box[3]) >= 1) found.push({ ...each, box });
  }
  return found;
}

function usualSize(found, scale) {
  const main = found.filter(each => each.role === MAIN);
  return single(median((main.length ? main : found).map(({ box }) => single(Math.sqrt(single(box[2] * box[3])))))) * scale;
}

/** The maps of a whole page, put together from those of tiles, of which each gives what is not near its edge. */
async function maps(ink, detect) {
  const width = Math.ceil(ink.width / 32) * 32, height = Math.ceil(ink.height / 32) * 32, padded = image(width, height);
  for (let row = 0; row < ink.height; row++) padded.data.set(ink.data.subarray(row * ink.width, (row + 1) * ink.width), row * width);
  const rows = height / STRIDE, columns = width / STRIDE, boxes = new Float32Array(4 * rows * columns);
  let heat;
  for (const [top, bottom, above, under] of spans(height))
    for (const [left, right, before, behind] of spans(width)) {
      const tile = crop(padded, [before, above, behind, under]);
      const seen = await detect(Float32Array.from(tile.data, tone => tone / 255), tile.height, tile.width);
      heat ??= new Float32Array(seen.heat.length / (tile.height / STRIDE) / (tile.width / STRIDE) * rows * columns);
      for (const [whole, part] of [[heat, seen.heat], [boxes, seen.boxes]])
        for (let map = 0; map < whole.length / (rows * columns); map++)
          for (let row = top / STRIDE; row < bottom / STRIDE; row++) {
            const from = (map * tile.height / STRIDE + row - above / STRIDE) * tile.width / STRIDE + (left - before) / STRIDE;
            whole.set(part.subarray(from, from + (right - left) / STRIDE), (map * rows + row) * columns + left / STRIDE);
          }
    }
  return { heat, boxes, rows, columns };
}

function* spans(side) {
  for (let start = 0; start < side; start += TILE) {
    const stop = Math.min(side, start + TILE);
    yield [start, stop, Math.max(0, start - OVERLAP), Math.min(side, stop + OVERLAP)];
  }
}

/** Finds the characters that the maps of one image show. */
export function decode(heat, boxes, rows, columns, least) {
  const cells = rows * columns, found = [];
  for (let at = 0; at < heat.length; at++) {
    const row = Math.floor(at % cells / columns), column = at % columns;
    if (heat[at] < least || !isPeak(heat, at, row, column, rows, columns)) continue;
    const [right, down, wide, high] = [0, 1, 2, 3].map(map => boxes[map * cells + row * columns + column]);
    const width = single(Math.exp(clip(wide, -3, 6))), height = single(Math.exp(clip(high, -3, 6)));
    const box = [column + 0.5 + right - width / 2, row + 0.5 + down - height / 2, width, height].map(side => single(side * STRIDE));
    found.push({ box, score: heat[at], role: Math.floor(at / cells) });
  }
  found.sort((one, other) => other.score - one.score);
  return kept(found);
}

/** Whether no neighbour, diagonal ones included, is higher; of equal ones the first counts. */
function isPeak(heat, at, row, column, rows, columns) {
  for (let down = -1; down <= 1; down++)
    for (let right = -1; right <= 1; right++) {
      if (row + down < 0 || row + down >= rows || column + right < 0 || column + right >= columns || (!down && !right)) continue;
      const neighbour = heat[at + down * columns + right], isBefore = down < 0 || (down === 0 && right < 0);
      if (isBefore ? heat[at] <= neighbour : heat[at] < neighbour) return false;
    }
  return true;
}

/** Of two boxes that share too much the surer one. */
function kept(found) {
  const left = [];
  for (const each of found) {
    const [x, y, width, height] = each.box, area = single(width * height);
    const isCovered = left.some(({ box: [x2, y2, width2, height2] }) => {
      const across = single(Math.min(single(x + width), single(x2 + width2)) - Math.max(x, x2));
      const down = single(Math.min(single(y + height), single(y2 + height2)) - Math.max(y, y2));
      const common = single(Math.max(0, across) * Math.max(0, down));
      return common > single(COMMON * single(single(area + single(width2 * height2)) - common));
    });
    if (!isCovered) left.push(each);
  }
  return left;
}
