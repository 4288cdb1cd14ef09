// Gray pixels, { width, height, data }, and what Pillow does with them, to the bit.  A box is left, top, right, bottom.

import { round } from "./numbers.js";

export const image = (width, height, data = new Uint8Array(width * height)) => ({ width, height, data });

const BICUBIC = { support: 2, of: x => (x = Math.abs(x)) < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0 };
const BILINEAR = { support: 1, of: x => (x = Math.abs(x)) < 1 ? 1 - x : 0 };
const BOX = { support: 0.5, of: x => x > -0.5 && x <= 0.5 ? 1 : 0 };
const FILTERS = { bicubic: BICUBIC, bilinear: BILINEAR, box: BOX };
const PRECISION = 2 ** 22;

/** The image so large; if `gap` is given it is first reduced by whole numbers to so many times that size. */
export function resize(whole, width, height, filter, gap = 0) {
  let part = whole, right = whole.width, bottom = whole.height;
  if (width === right && height === bottom) return whole;
  if (gap) {
    const wide = Math.floor(right / width / gap) || 1, high = Math.floor(bottom / height / gap) || 1;
    if (wide > 1 || high > 1) {
      part = reduce(whole, wide, high);
      right /= wide;
      bottom /= high;
    }
  }
  const pass = part.data instanceof Float32Array ? passOfFloats : passOfBytes;
  const across = one => width === one.width && right === width ? one : pass(one, weights(one.width, right, width, FILTERS[filter]), width);
  const down = one => height === one.height && bottom === height ? one
    : turned(pass(turned(one), weights(one.height, bottom, height, FILTERS[filter]), height));
  // Each way rounds; Pillow 13 begins with rows that shall be far fewer.
  const gone = part.height - height;
  return gone > 0 && gone > 2 * (part.width - width) ? across(down(part)) : down(across(part));
}

/** For each pixel that comes out, from which pixel on it is made, and the share of each. */
function weights(side, end, wanted, filter) {
  const scale = end / wanted, wide = Math.max(scale, 1), support = filter.support * wide, found = [];
  for (let to = 0; to < wanted; to++) {
    const centre = (to + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5)), last = Math.min(side, Math.trunc(centre + support + 0.5));
    const shares = [];
    for (let from = first; from < last; from++) shares.push(filter.of((from - centre + 0.5) * (1 / wide)));
    const total = shares.reduce((one, other) => one + other, 0);
    found.push({ first, shares: shares.map(share => total ? share / total : share) });
  }
  return found;
}

function passOfBytes({ width: before, height, data }, found, width) {
  const out = image(width, height);
  found.forEach(({ first, shares }, to) => {
    const whole = Int32Array.from(shares, share => Math.trunc(share * PRECISION + (share < 0 ? -0.5 : 0.5)));
    for (let row = 0; row < height; row++) {
      let total = PRECISION / 2;
      for (let each = 0, from = row * before + first; each < whole.length; each++, from++) total += data[from] * whole[each];
      out.data[row * width + to] = Math.min(Math.max(total >> 22, 0), 255);
    }
  });
  return out;
}

function passOfFloats({ width: before, height, data }, found, width) {
  const out = image(width, height, new Float32Array(width * height));
  found.forEach(({ first, shares }, to) => {
    for (let row = 0; row < height; row++) {
      let total = 0;
      for (let each = 0, from = row * before + first; each < shares.length; each++, from++) total += data[from] * shares[each];
      out.data[row * width + to] = total;
    }
  });
  return out;
}

/** Rows as columns. */
export function turned({ width, height, data }) {
  const out = image(height, width, new data.constructor(data.length));
  for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) out.data[column * height + row] = data[row * width + column];
  return out;
}

/** Means of blocks of pixels; those at the right and at the bottom may be smaller. */
export function reduce({ width: before, height: above, data }, across, down = across) {
  const width = Math.ceil(before / across), height = Math.ceil(above / down), out = image(width, height);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const right = Math.min(before, (column + 1) * across), bottom = Math.min(above, (row + 1) * down);
      const count = (right - column * across) * (bottom - row * down);
      let total = count >> 1;
      for (let y = row * down; y < bottom; y++) for (let x = column * across; x < right; x++) total += data[y * before + x];
      out.data[row * width + column] = Math.floor(total * Math.floor(2 ** 24 / count) / 2 ** 24);
    }
  return out;
}

export function crop({ width: before, data }, [left, top, right, bottom]) {
  const out = image(right - left, bottom - top);
  for (let row = top; row < bottom; row++) out.data.set(data.subarray(row * before + left, row * before + right), (row - top) * out.width);
  return out;
}

/** How many pixels in a box have each tone. */
export function histogram({ width, data }, [left, top, right, bottom]) {
  const counts = new Float64Array(256);
  for (let row = top; row < bottom; row++) for (let at = row * width + left, end = row * width + right; at < end; at++) counts[data[at]]++;
  return counts;
}

/** The mean of the pixels around each, `reach` to each side; those at the edge go on beyond it. */
export function blurred(whole, reach) {
  return turned(blurredRows(turned(blurredRows(whole, reach)), reach));
}

function blurredRows({ width, height, data }, reach) {
  const out = image(width, height), share = Math.floor(2 ** 24 / (2 * reach + 1));
  const far = Math.floor((2 ** 24 - (2 * reach + 1) * share) / 2), last = width - 1;
  for (let row = 0; row < height; row++) {
    const tone = at => data[row * width + Math.min(Math.max(at, 0), last)];
    let total = 0;
    for (let at = -reach - 1; at < reach; at++) total += tone(at);
    for (let at = 0; at < width; at++) {
      total += tone(at + reach) - tone(at - reach - 1);
      out.data[row * width + at] = Math.floor((total * share + (tone(at - reach - 1) + tone(at + reach + 1)) * far + 2 ** 23) / 2 ** 24);
    }
  }
  return out;
}

/** So many times as large, a pixel at least. */
export const scaled = (whole, scale) =>
  resize(whole, Math.max(1, round(scale * whole.width)), Math.max(1, round(scale * whole.height)), "bicubic", 3);
