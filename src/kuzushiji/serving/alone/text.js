// A page as plain text: a line a column, ruby in 《》, notes within a column in 〈〉; as kuzushiji/document/formats/text.py.

/** What a page { characters, lines } says; characters are in reading order, each with its `text` and `line`. */
export function textOf(page) {
  const runs = [];
  for (const { text, line } of page.characters)
    if (runs.length && runs.at(-1).line === line) runs.at(-1).text += text;
    else runs.push({ line, text });
  const written = [];
  let column = -1, isAfterNote = false;
  runs.forEach(({ line, text }, place) => {
    const { role } = page.lines[line];
    if (role === "neighbour") return;
    const host = role === "note" ? hostOf(page, line, column, runs.slice(place + 1)) : -1;
    if (role === "ruby") written.push(`《${text}》`);
    else if (host >= 0) {
      if (host !== column) {
        written.push("\n");
        [column, isAfterNote] = [host, false];
      }
      if (isAfterNote) written[written.length - 1] = `${written.at(-1).slice(0, -1)}／${text}〉`;
      else written.push(`〈${text}〉`);
      isAfterNote = true;
      return;
    } else {
      if (place && line !== column) written.push("\n");
      written.push(text);
      column = line;
    }
    isAfterNote = false;
  });
  return written.join("").replace(/^\n+/, "");
}

/** The column that a note stands in: that which is being read, or the next one; -1 if it stands by itself. */
function hostOf(page, note, column, later) {
  const following = later.find(({ line }) => !["note", "ruby"].includes(page.lines[line].role))?.line ?? -1;
  return [column, following].find(each => each >= 0 && standsIn(page.lines[note].box, page.lines[each].box)) ?? -1;
}

function standsIn([left, top, width, height], [left2, top2, width2, height2]) {
  const x = left + width / 2, y = top + height / 2, aside = width2 / 2;
  return x >= left2 - aside && x <= left2 + width2 + aside && y >= top2 - height && y <= top2 + height2 + height;
}
