// Which of the candidates of characters that follow each other is meant; see kuzushiji/reading/language.py and ngrams.py.

import { below, range, sorted } from "./numbers.js";

const STEP = 1 / 16, BEAM = 16;

export class Language {
  /** `facts` as site.json has them, and the bytes of language.bin: of each level followers, last, costs and backoffs. */
  constructor(facts, bytes) {
    Object.assign(this, facts);
    let at = 0;
    const take = (Kind, count) => {
      const found = new Kind(bytes.slice(at, at + count * Kind.BYTES_PER_ELEMENT));
      at += count * Kind.BYTES_PER_ELEMENT;
      return found;
    };
    this.levels = facts.sizes.map((size, number) => {
      const followers = take(Uint16Array, number ? facts.sizes[number - 1] : 1), last = take(Uint16Array, size);
      const costs = take(Uint8Array, size), backoffs = take(Uint8Array, size), keys = new Float64Array(size);
      let place = 0;
      followers.forEach((count, before) => { for (let each = 0; each < count; each++, place++) keys[place] = before * facts.characters + last[place]; });
      return { keys, costs, backoffs };
    });
  }

  /** Which candidate each of some characters is that are read one after the other: its place among its candidates. */
  choose(characters) {
    let readings = [{ context: this.levels.slice(1).map(() => -1), score: 0, path: null }];
    for (const { candidates } of characters) {
      const best = candidates[0].probability, next = [];
      const possible = range(candidates.length).filter(each => each === 0 || (best < this.sure && candidates[each].probability >= this.least * best));
      for (const reading of readings)
        for (const choice of possible) {
          const { label, probability } = candidates[choice], [log, context] = this.after(reading.context, this.numbers[label]);
          const score = reading.score + Math.log(Math.max(probability, 1e-30)) + this.weight * Math.max(log, this.floor);
          next.push({ context, score, path: { choice, before: reading.path } });
        }
      const different = new Map();
      for (const reading of sorted(next, each => -each.score)) {
        const key = reading.context.join();
        if (!different.has(key)) different.set(key, reading);
        if (different.size === BEAM) break;
      }
      readings = [...different.values()];
    }
    const found = [];
    for (let step = readings[0].path; step; step = step.before) found.unshift(step.choice);
    return found;
  }

  /** The logarithm of the probability of a character after a context, and the context that it leaves. */
  after(context, character) {
    let steps = this.levels[0].costs[character];
    const nodes = [character];
    this.levels.slice(1).forEach(({ keys, costs }, shorter) => {
      const before = context[shorter];
      let found = -1;
      if (before >= 0) {
        const key = before * this.characters + character, place = below(keys, key);
        if (keys[place] === key) found = place;
        steps = found >= 0 ? costs[found] : steps + this.levels[shorter].backoffs[before];
      }
      nodes.push(found);
    });
    return [-STEP * steps, nodes.slice(0, -1)];
  }
}
