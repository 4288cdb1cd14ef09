// What NumPy does with lists of numbers.

export const range = n => Array.from({ length: n }, (_, number) => number);
export const sum = values => values.reduce((total, value) => total + value, 0);
export const clip = (value, low, high) => Math.min(Math.max(value, low), high);
export const sorted = (values, key) => [...values].sort((a, b) => key(a) - key(b));

/** Rounded, halves to the even number. */
export function round(value) {
  const low = Math.floor(value), rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

/** The value that `share` percent of the values are below, between two of them as it falls. */
export function percentile(values, share) {
  const ordered = [...values].sort((a, b) => a - b), at = (share / 100) * (ordered.length - 1);
  const low = Math.floor(at), rest = at - low, before = ordered[low], after = ordered[Math.min(low + 1, ordered.length - 1)];
  return rest < 0.5 ? before + (after - before) * rest : after - (after - before) * (1 - rest);
}

export function median(values) {
  const ordered = [...values].sort((a, b) => a - b), half = ordered.length >> 1;
  return ordered.length % 2 ? ordered[half] : (ordered[half - 1] + ordered[half]) / 2;
}

/** The place of the lowest, or of the highest value; of equal ones the first. */
export function lowest(values) {
  let place = 0;
  for (let each = 1; each < values.length; each++) if (values[each] < values[place]) place = each;
  return place;
}
export const highest = values => lowest(values.map(value => -value));

/** How many of sorted values are below a value. */
export function below(values, value) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Numbers that hang together, in groups; `related` is asked of two of them. */
export function groups(related, numbers) {
  const left = new Set(numbers), found = [];
  while (left.size) {
    const [first] = left, group = [first];
    left.delete(first);
    for (const number of group)
      for (const other of [...left]) if (related(number, other)) { group.push(other); left.delete(other); }
    found.push(group.sort((a, b) => a - b));
  }
  return found;
}
