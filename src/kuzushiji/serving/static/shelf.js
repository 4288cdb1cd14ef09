// The shelf: pages, how far each is; what is dropped, pasted or chosen goes onto it.  And what a search found.

import { json, make, say, upload } from "./api.js";
import { word } from "./words.js";

export async function showShelf(room) {
  const watched = new Map();
  const list = make("ul", { className: "pages" });
  const empty = make("p", { className: "quiet", textContent: word("empty"), hidden: true });
  const file = make("input", { type: "file", accept: "image/*,.tif,.tiff,.jp2", multiple: true, id: "file" });
  const drop = make("label", { className: "drop", htmlFor: "file" }, file,
    make("b", { textContent: word("drop") }), make("span", { className: "main", textContent: word("choose") }),
    make("small", { textContent: word("dropMore") }));

  function card(entry) {
    const facts = entry.state === "queued" && entry.ahead ? [word("ahead", entry.ahead)]
      : ["read", "corrected"].includes(entry.state)
        ? [word("characters", entry.characters), word("sure", Math.round(entry.sureness * 100))] : [];
    const ready = ["read", "corrected"].includes(entry.state);
    const picture = ready
      ? make("img", { src: `/api/pages/${entry.id}/image?size=thumbnail`, alt: "", loading: "lazy" })
      : make("span", { className: "blank", ariaHidden: "true" }, entry.state === "failed" ? "×" : "");
    return make("li", { id: `page-${entry.id}`, className: entry.state },
      make("a", ready ? { href: `#/page/${entry.id}` } : {}, make("span", { className: "frame" }, picture),
        make("b", { textContent: entry.name }),
        make("small", {}, make("i", { className: "state", textContent: word(entry.state) }),
          ...facts.map(each => ` · ${each}`)),
        entry.failure ? make("small", { className: "failure", textContent: entry.failure }) : null));
  }

  function put(entry) {
    const made = card(entry);
    const there = document.getElementById(`page-${entry.id}`);
    if (there) there.replaceWith(made); else list.prepend(made);
    empty.hidden = true;
    if (["queued", "reading"].includes(entry.state)) watch(entry.id);
  }

  function watch(id) {
    if (watched.has(id)) return;
    const events = new EventSource(`/api/pages/${id}/events`);
    watched.set(id, events);
    events.addEventListener("state", event => {
      const entry = JSON.parse(event.data);
      if (!["queued", "reading"].includes(entry.state)) { events.close(); watched.delete(id); }
      put(entry);
    });
  }

  async function take(files) {
    for (const each of files) {
      try { put(await upload(each)); } catch (error) { say(`${each.name}: ${error.message}`); }
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
  const paste = event => { if (event.clipboardData?.files.length) take([...event.clipboardData.files]); };
  document.addEventListener("paste", paste);
  room.append(drop, make("h1", { textContent: word("shelf") }), empty, list);
  const entries = await json("/api/pages");
  empty.hidden = entries.length > 0;
  // A browser has few connections to a server: of a long queue only the first pages are watched.
  let free = 3;
  for (const entry of entries) {
    list.prepend(card(entry));
    if (["queued", "reading"].includes(entry.state) && free-- > 0) watch(entry.id);
  }
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
