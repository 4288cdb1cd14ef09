// In which order the characters of a page are read, and which of them make a line; as kuzushiji/document/order.py, where
// the reasons stand.  Boxes are left, top, width and height; a strand is numbers of characters, from the top down.

import { fields, isHeadnote, onAnotherPage } from "./fields.js";
import { clip, groups, highest, lowest, median, percentile, range, sorted, sum } from "./numbers.js";

const AROUND = 9, ASIDE = 0.4, FAR = 3, GAP = 0.35, USUAL_GAPS = 2, SAME = 0.35, BESIDE = 0.8, NEAR = 2.5, SHARED = 0.25;
const BELOW = 0.5, OVERLAP = 0.3, RUBY = 0.62, RUBY_SIZE = 0.6, RUBY_DISTANCE = 1.2, RUBY_GAP = 0.5, FILLED = 0.7;
const SLACK = 0.4, NOTE = 0.85;

/** Lines { role, members } and the order in which characters are read; `ruby` says which are known to be ruby. */
export function arrange(boxes, ruby, width, rules) {
  const beside = onAnotherPage(boxes, ruby.map(each => !each), width, rules), all = range(boxes.length);
  const main = all.filter(each => !ruby[each] && !beside[each]), lines = [], order = [];
  const own = main.map(each => boxes[each]);
  for (const part of fields(own, rules)) {
    const field = part.map(each => main[each]), [found, read] = columnsOf(field.map(each => boxes[each]));
    const isAbove = isHeadnote(own, part);
    for (const { role, members } of found) lines.push({ role: isAbove && role === "main" ? "note" : role, members: members.map(each => field[each]) });
    order.push(...read.map(each => field[each]));
  }
  for (const strand of rubyStrands(boxes, all.filter(each => ruby[each] && !beside[each]))) {
    lines.push({ role: "ruby", members: strand });
    order.splice(afterWord(strand, boxes, order, ruby), 0, ...strand);
  }
  const strip = all.filter(each => beside[each]);
  if (strip.length) {
    const [found, read] = columnsOf(strip.map(each => boxes[each]));
    for (const { members } of found) lines.push({ role: "neighbour", members: members.map(each => strip[each]) });
    order.push(...read.map(each => strip[each]));
  }
  return { lines, order };
}

const middleX = box => box[0] + box[2] / 2;
const middleY = box => box[1] + box[3] / 2;
const longer = box => Math.max(box[2], box[3]);
/** A list cut before these places. */
const split = (list, places) => [0, ...places].map((start, number) => list.slice(start, places[number] ?? list.length));

// Strands

function strandsOf(boxes, usual) {
  const strands = linked(boxes, usual), facts = factsOf(strands, boxes, usual);
  const isSame = (one, other) => facts.share(one, other) > 0 && Math.abs(facts.aside(one, other)) < SAME * Math.min(facts.usual[one], facts.usual[other]);
  const joined = groups(isSame, range(strands.length)).map(group => sorted(group.flatMap(number => strands[number]), each => middleY(boxes[each])));
  return interrupted(joined, boxes, usual);
}

/** Each character with the nearest below it of which it is the nearest above, but for long gaps. */
function linked(boxes, usual) {
  const all = range(boxes.length), scale = (one, other) => Math.min(usual[one], usual[other]);
  const gap = (one, other) => boxes[other][1] - (boxes[one][1] + boxes[one][3]);
  const distance = (one, other) => {
    const aside = Math.abs(middleX(boxes[other]) - middleX(boxes[one])), down = middleY(boxes[other]) - middleY(boxes[one]);
    const fits = (down > 0 || (down === 0 && other > one)) && aside <= ASIDE * scale(one, other) && gap(one, other) < FAR * scale(one, other);
    return fits ? down + aside : Infinity;
  };
  const nearest = all.map(one => lowest(all.map(other => distance(one, other))));
  const back = all.map(other => lowest(all.map(one => distance(one, other))));
  const follower = new Map();
  nearest.forEach((after, number) => { if (distance(number, after) < Infinity && back[after] === number) follower.set(number, after); });
  const followers = new Set(follower.values());
  return all.filter(first => !followers.has(first)).flatMap(first => {
    const strand = [first];
    while (follower.has(strand.at(-1))) strand.push(follower.get(strand.at(-1)));
    const gaps = range(strand.length - 1).map(place => gap(strand[place], strand[place + 1]));
    const most = USUAL_GAPS * Math.max(0, gaps.length ? median(gaps) : 0);
    const isLong = place => gaps[place] > GAP * scale(strand[place], strand[place + 1]) + most;
    return split(strand, range(gaps.length).filter(isLong).map(place => place + 1));
  });
}

/** Strands cut where another of the same size runs beside a part of them, within their column. */
function interrupted(strands, boxes, usual) {
  const facts = factsOf(strands, boxes, usual), places = strands.map(() => new Set());
  for (let other = 0; other < strands.length; other++)
    strands.forEach((strand, number) => {
      if (other === number || facts.share(other, number) <= OVERLAP) return;
      if (Math.abs(facts.aside(other, number)) >= BESIDE * facts.scale(other, number)) return;
      const isBeside = each => middleY(boxes[each]) >= facts.top[other] && middleY(boxes[each]) <= facts.bottom[other];
      const beside = range(strand.length).filter(place => isBeside(strand[place]));
      if (!beside.length || facts.width[other] < RUBY * percentile(beside.map(place => boxes[strand[place]][2]), 75)) return;
      for (const place of [beside[0], beside.at(-1) + 1]) if (place > 0 && place < strand.length) places[number].add(place);
    });
  return strands.flatMap((strand, number) => split(strand, sorted(places[number], place => place)));
}

/** What is to be known of strands, by their numbers; see `_Facts`. */
function factsOf(strands, boxes, usual) {
  const of = key => strands.map(strand => key(strand.map(each => boxes[each])));
  const top = of(own => Math.min(...own.map(box => box[1]))), bottom = of(own => Math.max(...own.map(box => box[1] + box[3])));
  const firstX = of(own => middleX(own[0])), lastX = of(own => middleX(own.at(-1)));
  const firstY = of(own => middleY(own[0])), lastY = of(own => middleY(own.at(-1)));
  const width = of(own => percentile(own.map(box => box[2]), 75)), size = of(own => percentile(own.map(longer), 75));
  const own = strands.map(strand => median(strand.map(each => usual[each])));
  const at = (one, other) => { // strands may be slanted: each is taken for a straight line
    const middle = (Math.max(top[one], top[other]) + Math.min(bottom[one], bottom[other])) / 2;
    const length = lastY[one] > firstY[one] ? lastY[one] - firstY[one] : 1;
    return firstX[one] + clip((middle - firstY[one]) / length, 0, 1) * (lastX[one] - firstX[one]);
  };
  const isAbove = (one, other) => firstY[one] < firstY[other];
  return {
    top, bottom, width, size, usual: own,
    x: of(each => sum(each.map(middleX)) / each.length),
    scale: (one, other) => Math.max(own[one], own[other]),
    share: (one, other) => (Math.min(bottom[one], bottom[other]) - Math.max(top[one], top[other])) / Math.max(1, Math.min(bottom[one] - top[one], bottom[other] - top[other])),
    aside: (one, other) => at(one, other) - at(other, one),
    gap: (one, other) => isAbove(one, other) ? top[other] - bottom[one] : top[one] - bottom[other],
    step: (one, other) => isAbove(one, other) ? lastX[one] - firstX[other] : firstX[one] - lastX[other],
  };
}

// Columns

/** The lines of a field, and its characters in reading order. */
function columnsOf(boxes) {
  const away = (one, other) => Math.abs(middleX(one) - middleX(other)) + Math.abs(middleY(one) - middleY(other));
  const usual = boxes.map(box => percentile(sorted(boxes, other => away(box, other)).slice(0, AROUND).map(near => near[2]), 75));
  const strands = strandsOf(boxes, usual), facts = factsOf(strands, boxes, usual), hosts = small(strands, facts, boxes);
  const isTogether = (one, other) => {
    if (facts.share(one, other) > OVERLAP) return Math.abs(facts.aside(one, other)) < BESIDE * facts.scale(one, other);
    const step = Math.abs(facts.step(one, other));
    return facts.gap(one, other) < NEAR * facts.scale(one, other)
      ? (facts.width[one] + facts.width[other]) / 2 - step > SHARED * Math.min(facts.width[one], facts.width[other])
      : step < BELOW * facts.scale(one, other);
  };
  const place = column => sum(column.map(each => facts.x[each] * strands[each].length)) / sum(column.map(each => strands[each].length));
  const columns = sorted(groups(isTogether, range(strands.length).filter(each => !hosts.has(each))), column => -place(column));
  const lines = [], order = [], putIn = new Set();
  for (const column of columns) {
    const [found, read] = columnOf(column, strands, facts, boxes);
    lines.push(...found);
    order.push(...read);
  }
  for (const number of sorted(hosts.keys(), each => facts.top[each])) {
    let [role, at] = placeOf(strands[number], strands[hosts.get(number)], order, boxes);
    while (at < order.length && putIn.has(order[at])) at++;
    order.splice(at, 0, ...strands[number]);
    strands[number].forEach(each => putIn.add(each));
    lines.push({ role, members: strands[number] });
  }
  return [lines, order];
}

/** The lines of a column, and its characters in reading order. */
function columnOf(column, strands, facts, boxes) {
  const bands = []; // strands side by side
  let reach = -Infinity;
  for (const number of sorted(column, each => facts.top[each])) {
    if (facts.top[number] > reach - SLACK * facts.usual[number]) bands.push([]);
    bands.at(-1).push(number);
    reach = Math.max(reach, facts.bottom[number]);
  }
  const alone = bands.filter(band => band.length === 1).map(([number]) => facts.width[number]), lines = [], main = [], order = [];
  for (const band of bands) {
    if (band.length === 1 || band.every(number => strands[number].length === 1)) {
      const members = sorted(band.flatMap(number => strands[number]), each => middleY(boxes[each]));
      main.push(...members);
      order.push(...members);
      continue;
    }
    for (const number of sorted(band, each => -facts.x[each])) {
      const role = alone.length && facts.width[number] < NOTE * Math.max(...alone) ? "note" : "main";
      lines.push({ role, members: strands[number] });
      order.push(...strands[number]);
    }
  }
  return [main.length ? [{ role: "main", members: main }, ...lines] : lines, order];
}

/** The strands of small characters, each with the strand that they stand beside. */
function small(strands, facts, boxes) {
  const hosts = new Map();
  strands.forEach((strand, number) => strands.forEach((host, other) => {
    const scale = facts.scale(number, other), aside = Math.abs(facts.aside(number, other)) / scale;
    const isEnd = aside > BELOW && facts.gap(number, other) < RUBY_GAP * scale;
    if (number === other || !(facts.share(number, other) > OVERLAP || isEnd) || aside >= RUBY_DISTANCE) return;
    if (host.length < strand.length || facts.size[number] >= RUBY_SIZE * scale) return;
    const slack = RUBY_GAP * scale;
    const beside = host.map(each => boxes[each]).filter(box => box[1] + box[3] > facts.top[number] - slack && box[1] < facts.bottom[number] + slack);
    if (!beside.length || facts.size[number] >= RUBY * percentile(beside.map(longer), 75)) return;
    const before = hosts.get(number);
    if (before === undefined || Math.abs(facts.aside(number, other)) < Math.abs(facts.aside(number, before))) hosts.set(number, other);
  }));
  return new Map([...hosts].filter(([, host]) => !hosts.has(host)));
}

/** What small characters beside others are, and where in the order they are read. */
function placeOf(strand, host, order, boxes) {
  const top = Math.min(...strand.map(each => boxes[each][1])), bottom = Math.max(...strand.map(each => boxes[each][1] + boxes[each][3]));
  const filled = sum(host.map(each => Math.max(0, Math.min(bottom, boxes[each][1] + boxes[each][3]) - Math.max(top, boxes[each][1]))));
  const isRuby = filled >= FILLED * (bottom - top);
  const before = host.filter(each => isRuby ? boxes[each][1] + 0.4 * boxes[each][3] <= bottom : boxes[each][1] + 0.5 * boxes[each][3] <= top);
  return [isRuby ? "ruby" : "note", before.length ? order.indexOf(before.at(-1)) + 1 : order.indexOf(host[0])];
}

// Ruby that is known as such

function rubyStrands(boxes, ruby) {
  if (!ruby.length) return [];
  const own = ruby.map(each => boxes[each]), usual = percentile(own.map(box => box[2]), 75);
  const strands = strandsOf(own, own.map(() => usual)).map(strand => strand.map(each => ruby[each]));
  return sorted(strands, strand => boxes[strand[0]][1]);
}

/** Where in the order ruby is read: after the last character beside it, and after ruby that is there already. */
function afterWord(strand, boxes, order, apart) {
  const main = order.filter(number => !apart[number]);
  if (!main.length) return order.length;
  const left = Math.min(...strand.map(each => boxes[each][0])), top = Math.min(...strand.map(each => boxes[each][1]));
  const bottom = Math.max(...strand.map(each => boxes[each][1] + boxes[each][3]));
  const aside = main.map(each => {
    const box = boxes[each], isBeside = box[1] < bottom && box[1] + box[3] > top && middleX(box) < left + box[2] / 2;
    return isBeside ? Math.abs(left - middleX(box) - box[2] / 2) / box[2] : Infinity;
  });
  const least = Math.min(...aside);
  let word;
  if (least > RUBY_DISTANCE) word = main[lowest(main.map(each => Math.hypot(middleX(boxes[each]) - left, middleY(boxes[each]) - bottom)))];
  else {
    const column = main.filter((_, place) => aside[place] <= least + BELOW);
    word = column[highest(column.map(each => middleY(boxes[each]) - 0.1 * boxes[each][3]))];
  }
  let place = order.indexOf(word) + 1;
  while (place < order.length && apart[order[place]]) place++;
  return place;
}
