// What is paper and what is ink, as kuzushiji/imaging/ink.py has it, where the reasons stand.

import { below, clip, round, sorted } from "./numbers.js";
import { crop, histogram, image, reduce, resize, scaled } from "./pixels.js";

const LEAST_CONTRAST = 32, EDGE = 0.02, MARGIN = 0.25, EXTREME = 0.005, INK = 0.97, GRAIN = 2, MOST_GRAIN = 0.35;
export const STAINED = 0.2, FULL = 0.75, CHARACTER = 26;
const LOOK = 256;

/** Paper and ink in each of some boxes. */
export function tones(page, boxes, leastGrain, full = 1) {
  let looks = boxes.map(box => look(page, box));
  const darkInk = looks.reduce((total, each) => total + 2 * each.paper - each.darkest - each.brightest, 0) > 0;
  if (darkInk) looks = looks.map(inverted);
  const usual = Math.max(middle(looks.map(each => each.bright - each.paper)), LEAST_CONTRAST);
  const stained = middle(looks.map(each => each.paper)) + usual / 2;
  return looks.map(each => {
    const paper = Math.min(each.paper, stained), contrast = Math.max(each.bright - each.paper, usual / 2, LEAST_CONTRAST);
    const grain = Math.min(MOST_GRAIN, Math.max(leastGrain, GRAIN * deviation(each.around, Math.trunc(paper)) / contrast));
    return { darkInk, paper, contrast, grain, full };
  });
}

function look(page, box) {
  const [left, top, right, bottom] = box, { width, height } = page;
  const margin = Math.max(1, round(MARGIN * Math.max(right - left, bottom - top)));
  const edge = Math.max(1, round(EDGE * Math.min(right - left, bottom - top)));
  const around = histogram(page, [Math.max(0, left - margin), Math.max(0, top - margin), Math.min(width, right + margin), Math.min(height, bottom + margin)]);
  const within = histogram(page, box);
  const inner = histogram(page, [left + edge, top + edge, Math.max(left + edge, right - edge), Math.max(top + edge, bottom - edge)]);
  const [paper] = quantiles(around.map((count, tone) => count - inner[tone]), [0.5]);
  const [darkest, dark, bright, brightest] = quantiles(within, [EXTREME, 1 - INK, INK, 1 - EXTREME]);
  return { around, darkest, dark, paper, bright, brightest };
}

const inverted = ({ around, darkest, dark, paper, bright, brightest }) => ({
  around: around.slice().reverse(), darkest: 255 - brightest, dark: 255 - bright, paper: 255 - paper, bright: 255 - dark, brightest: 255 - darkest,
});

function quantiles(counts, shares) {
  const sums = counts.slice();
  for (let tone = 1; tone < 256; tone++) sums[tone] += sums[tone - 1];
  return shares.map(share => below(sums, sums[255] * share));
}

function deviation(counts, paper) {
  let total = 0, squares = 0;
  for (let tone = 0; tone <= paper; tone++) {
    total += counts[tone];
    squares += counts[tone] * (paper - tone) ** 2;
  }
  return Math.sqrt(squares / Math.max(1, total));
}

const middle = values => sorted(values, value => value)[values.length >> 1];

/** The page so many times as large, its paper black and its ink white, each measured in every part of it. */
export function inkForDetector(whole, scale) {
  const page = scaled(whole, scale), { width, height } = page, cell = 6 * CHARACTER;
  const rows = marks(height, cell), columns = marks(width, cell), boxes = [];
  for (let row = 1; row < rows.length; row++)
    for (let column = 1; column < columns.length; column++) boxes.push([columns[column - 1], rows[row - 1], columns[column], rows[row]]);
  const found = tones(page, boxes, STAINED);
  const [paper, contrast, grain] = ["paper", "contrast", "grain"].map(what =>
    resize(image(columns.length - 1, rows.length - 1, Float32Array.from(found, each => each[what])), width, height, "bilinear").data);
  const single = Math.fround, out = image(width, height);
  for (let at = 0; at < out.data.length; at++) {
    const tone = found[0].darkInk ? 255 - page.data[at] : page.data[at];
    const share = single(single(single(single(tone - paper[at]) / contrast[at]) - grain[at]) / single(1 - grain[at]));
    out.data[at] = round(single(255 * clip(share, 0, 1)));
  }
  return out;
}

const marks = (side, cell) => {
  const parts = Math.max(1, Math.floor(side / cell));
  return Array.from({ length: parts + 1 }, (_, number) => number === parts ? side : round(number * (side / parts)));
};

/** Characters cut out of a page, boxes left, top, width, height: Uint8Array of height x width, ink bright on black. */
export function cut(page, boxes, [height, width]) {
  if (!boxes.length) return [];
  const corners = boxes.map(([left, top, wide, high]) => [left, top, left + wide, top + high]);
  const factor = Math.max(1, Math.floor(Math.max(...boxes.flatMap(([, , wide, high]) => [wide, high])) / LOOK));
  const lookedAt = factor > 1 ? reduce(page, factor) : page;
  const reduced = corners.map(([left, top, right, bottom]) => [Math.floor(left / factor), Math.floor(top / factor), Math.ceil(right / factor), Math.ceil(bottom / factor)]);
  return tones(lookedAt, reduced, STAINED, FULL).map((found, number) => inTheMiddle(inkOf(crop(page, corners[number]), found), width, height));
}

function inkOf(part, { darkInk, paper, contrast, grain, full }) {
  const table = Uint8Array.from({ length: 256 }, (_, tone) => round(255 * clip(((tone - paper) / contrast - grain) / (full - grain), 0, 1)));
  if (darkInk) table.reverse();
  return image(part.width, part.height, part.data.map(tone => table[tone]));
}

function inTheMiddle(part, width, height) {
  const scale = Math.min(width / part.width, height / part.height), out = new Uint8Array(width * height);
  const fitted = resize(part, Math.max(1, round(scale * part.width)), Math.max(1, round(scale * part.height)), "bicubic", 3);
  const x = Math.floor((width - fitted.width) / 2), y = Math.floor((height - fitted.height) / 2);
  for (let row = 0; row < fitted.height; row++)
    out.set(fitted.data.subarray(row * fitted.width, (row + 1) * fitted.width), (y + row) * width + x);
  return out;
}
