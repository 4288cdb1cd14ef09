// What a character may be: candidates, each with examples of it that look most alike, and a field for anything else.

import { json, make } from "./api.js";
import { word } from "./words.js";

const points = name => [...name].map(each => `U+${each.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`).join(" ");

export function row(number, name, probable, parent, take) {
  const meter = make("meter", { value: probable, max: 1, ariaHidden: "true" });
  const examples = make("span", { className: "examples" });
  const button = make("button", { onclick: () => take(name), className: number ? "" : "best" },
    make("kbd", { textContent: number + 1 }), make("b", { lang: "ja", textContent: name }),
    make("span", { className: "told" }, make("span", { textContent: points(name) }),
      parent ? make("span", { lang: "ja", textContent: `${word("parent")} ${parent}` }) : null),
    examples, meter, make("span", { className: "number", textContent: `${Math.round(probable * 100)}%` }));
  return { item: make("li", {}, button), examples };
}

export function showPanel(panel, { path, character, picture, parents, take, actions }) {
  if (!character) {
    panel.replaceChildren(make("p", { className: "quiet", textContent: word("select") }));
    return;
  }
  const rows = new Map(character.candidates.slice(0, 5).map(([name, probable], number) =>
    [name, row(number, name, probable, parents[name], take)]));
  const input = make("input", { id: "typed", maxLength: 8, lang: "ja", ariaLabel: word("type"), placeholder: word("type"), autocomplete: "off" });
  const form = make("form", { className: "typing", onsubmit: event => {
    event.preventDefault();
    take(input.value.trim());
  } }, input, make("button", { className: "main", textContent: word("take") }));
  const tools = make("div", { className: "acts" }, ...actions.map(([name, act, key]) =>
    make("button", { className: "plain", onclick: act, title: `${word(name)} (${key})`, ariaKeyShortcuts: key }, word(name))));
  panel.replaceChildren(make("div", { className: "picture" }, picture),
    make("div", { className: "choice" }, make("ol", {}, ...[...rows.values()].map(each => each.item)), form, tools));
  showExamples(path, character.id, rows);
}

let asked;
async function showExamples(path, id, rows) {
  const mine = asked = Symbol(id);
  await new Promise(resolve => setTimeout(resolve, 200));
  if (mine !== asked) return;
  const found = await json(`${path}/examples/${id}`).catch(() => ({}));
  if (mine !== asked) return;
  for (const [name, { examples }] of rows) {
    const some = (found[name] ?? []).slice(0, 4);
    examples.replaceChildren(...some.map(each => make("img", { src: each.picture, alt: "", width: 32, height: 32, title: word(`of-${each.of}`) })));
  }
}
