// Ruled lines of a page, as kuzushiji/imaging/rules.py finds them: [place, start, stop] each.

import { round } from "./numbers.js";
import { blurred, resize } from "./pixels.js";

const LOOK = 1000, AROUND = 12, CONTRAST = 18, SHORTEST = 60, THICKEST = 14, TILT = 0.03, BREAK = 4;

/** The lines that are level, and those that are upright. */
export function findRules(page) {
  const scale = Math.min(1, LOOK / Math.max(page.width, page.height));
  const small = resize(page, Math.max(1, round(scale * page.width)), Math.max(1, round(scale * page.height)), "box");
  const around = blurred(small, AROUND), { width, height } = small;
  const dark = small.data.map((tone, at) => around.data[at] - tone > CONTRAST);
  const back = lines => lines.map(line => line.map(place => place / scale));
  return {
    horizontal: back(level((row, column) => dark[row * width + column], height, width)),
    vertical: back(level((row, column) => dark[column * width + row], width, height)),
  };
}

function level(dark, rows, columns) {
  const found = []; // first and last row, left and right end
  for (let row = 0; row < rows; row++) {
    const isThick = column => dark(row, column) || (row > 0 && dark(row - 1, column)) || (row < rows - 1 && dark(row + 1, column));
    let start = -1, since = BREAK;
    for (let column = 0; column <= columns; column++) {
      since = column < columns && isThick(column) ? 0 : since + 1;
      const isLine = column < columns && since < BREAK;
      if (isLine && start < 0) start = column;
      if (isLine || start < 0) continue;
      if (column - start >= SHORTEST) join(found, row, start, column);
      start = -1;
    }
  }
  return found
    .filter(([first, last, left, right]) => last - first < THICKEST + TILT * (right - left))
    .map(([first, last, left, right]) => [(first + last) / 2, left, right]);
}

function join(found, row, start, end) {
  const line = found.find(([, last, left, right]) => row - last <= 2 && start < right + BREAK && end > left - BREAK);
  if (line) [line[1], line[2], line[3]] = [row, Math.min(line[2], start), Math.max(line[3], end)];
  else found.push([row, row, start, end]);
}
