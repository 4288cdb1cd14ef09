// The shelf: pages, how far each is; what is dropped, pasted or chosen goes onto it.  And what a search found.

import { json, make, say, upload } from "./api.js";
import { word } from "./words.js";

const ready = entry => ["read", "corrected"].includes(entry.state);
const waits = entry => ["queued", "reading"].includes(entry.state);
const FORMATS = ["txt", "pdf", "json", "pagexml", "alto", "tei", "iiif"];

export async function showShelf(room) {
  const watched = new Map();
  const entries = new Map();
  const books = make("div", { className: "books" });
  const empty = make("p", { className: "quiet", textContent: word("empty"), hidden: true });
  const file = make("input", { type: "file", accept: "image/*,.tif,.tiff,.jp2,.pdf", multiple: true, id: "file" });
  const book = make("input", { id: "book", maxLength: 200, autocomplete: "off", placeholder: word("book"), ariaLabel: word("book") });
  const drop = make("div", { className: "drop" }, make("label", { htmlFor: "file" }, file,
    make("b", { textContent: word("drop") }), make("span", { className: "main", textContent: word("choose") }),
    make("small", { textContent: word("dropMore") })), book);

  function card(entry) {
    const facts = entry.state === "queued" && entry.ahead ? [word("ahead", entry.ahead)]
      : ready(entry) ? [word("characters", entry.characters), word("sure", Math.round(entry.sureness * 100))] : [];
    const picture = ready(entry)
      ? make("img", { src: `/api/pages/${entry.id}/image?size=thumbnail`, alt: "", loading: "lazy" })
      : make("span", { className: "blank", ariaHidden: "true" }, entry.state === "failed" ? "×" : "");
    const by = entry.state === "corrected" && entry.changed_by ? ` · ${entry.changed_by}` : "";
    return make("li", { id: `page-${entry.id}`, className: entry.state },
      make("a", ready(entry) ? { href: `#/page/${entry.id}` } : {}, make("span", { className: "frame" }, picture),
        make("b", { textContent: entry.name }),
        make("small", {}, make("i", { className: "state", textContent: word(entry.state) }), by,
          ...facts.map(each => ` · ${each}`)),
        entry.failure ? make("small", { className: "failure", textContent: entry.failure }) : null));
  }

  // How sure a book is and how far people are with it, at a glance.
  function head(name, pages) {
    const done = pages.filter(ready);
    const letters = done.reduce((sum, each) => sum + each.characters, 0);
    const sure = letters && done.reduce((sum, each) => sum + each.sureness * each.characters, 0) / letters;
    const corrected = pages.filter(each => each.state === "corrected").length;
    const query = `?book=${encodeURIComponent(name)}`;
    return make("div", { className: "book" }, make("h2", { textContent: name || word("noBook") }),
      done.length ? make("small", { textContent: `${word("bookState", corrected, pages.length)} · ${word("bookSure", Math.round(sure * 100))}` }) : null,
      done.length ? make("meter", { value: sure, max: 1, ariaHidden: "true" }) : null,
      make("span", { className: "gap" }),
      done.length ? make("details", { className: "downloads" }, make("summary", { textContent: word("download") }),
        make("div", {}, ...FORMATS.map(each => make("a", { href: `/api/export/${each}${query}`, download: "", textContent: word(`f-${each}`) })))) : null);
  }

  function draw() {
    empty.hidden = entries.size > 0;
    const grouped = new Map();
    for (const entry of entries.values()) grouped.set(entry.book, [...grouped.get(entry.book) ?? [], entry]);
    books.replaceChildren(...[...grouped].reverse().map(([name, pages]) =>
      make("section", {}, head(name, pages), make("ul", { className: "pages" }, ...pages.map(card)))));
  }

  // A browser has few connections to a server: of a long queue only the first pages are watched.
  function watch() {
    for (const { id } of [...entries.values()].filter(waits).slice(0, 3)) {
      if (watched.has(id)) continue;
      const events = new EventSource(`/api/pages/${id}/events`);
      watched.set(id, events);
      events.addEventListener("state", event => {
        const entry = JSON.parse(event.data);
        entries.set(entry.id, entry);
        if (!waits(entry)) { events.close(); watched.delete(id); watch(); }
        draw();
      });
    }
  }

  async function take(files) {
    for (const each of files) {
      try {
        for (const entry of await upload(each, book.value)) entries.set(entry.id, entry);
        draw();
        watch();
      } catch (error) { say(`${each.name ?? each}: ${error.message}`); }
    }
  }

  file.addEventListener("change", () => take([...file.files]));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(kind, event => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop") take([...event.dataTransfer.files]);
    });
  }
  // An image that was copied, or the address of one or of a IIIF manifest.
  const paste = event => {
    if (event.target.matches("input")) return;
    const address = event.clipboardData.getData("text").trim();
    if (event.clipboardData.files.length) take([...event.clipboardData.files]);
    else if (/^https?:/.test(address)) take([address]);
  };
  document.addEventListener("paste", paste);
  room.append(make("h1", { textContent: word("shelf") }), drop, empty, books);
  for (const entry of await json("/api/pages")) entries.set(entry.id, entry);
  draw();
  watch();
  return () => {
    document.removeEventListener("paste", paste);
    for (const each of watched.values()) each.close();
  };
}

export async function showFound(room, words) {
  const pages = await json(`/api/search?q=${encodeURIComponent(words)}`);
  const places = pages.flatMap(page => page.found.map(found => ({ page, found })));
  room.append(make("h1", { textContent: `${words} — ${places.length ? word("found", places.length) : word("none")}` }),
    make("ol", { className: "found" }, ...places.map(({ page, found }) => make("li", {},
      make("a", { href: `#/page/${page.page}/${found.characters[0]}` },
        make("span", { lang: "ja", className: "context" }, found.before, make("mark", { textContent: found.text }), found.after),
        make("small", { textContent: page.name }))))));
}
