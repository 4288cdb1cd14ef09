// What a person sees: an image is dropped, and what it says stands beside it.

const WORDS = {
  ja: {
    title: "くずし字を読む", other: "English", drop: "頁の画像をここへ", stays: "画像はこの端末の中だけで読まれ、どこにも送られません。",
    open: "準備しています（初回は数十 MB を読み込みます）", find: "字を探しています", name: "字を読んでいます", order: "並べています",
    read: page => `${page.characters.length} 字、${page.seconds.toFixed(1)} 秒`, failed: "読めませんでした：", copy: "写す", copied: "写しました",
    text: "テキスト", samples: "見本：", scan: "頁の画像",
    credit: "答えは機械によるもので、誤りを含みます。薄赤い字ほど不確かです。字形は KMNIST データセットほか（CODH、CC BY-SA 4.0）に学びました。",
  },
  en: {
    title: "Read kuzushiji", other: "日本語", drop: "Drop an image of a page here", stays: "It is read on this device alone, and is sent nowhere.",
    open: "Getting ready (the first time some tens of MB are loaded)", find: "Finding the characters", name: "Reading them", order: "Putting them in order",
    read: page => `${page.characters.length} characters, ${page.seconds.toFixed(1)} s`, failed: "It could not be read: ", copy: "Copy", copied: "Copied",
    text: "Text", samples: "To try it with: ", scan: "The page",
    credit: "A machine answers, and is wrong at times; the redder a character, the less sure. It learnt from the KMNIST Dataset and others (CODH, CC BY-SA 4.0).",
  },
};
const one = id => document.getElementById(id);
const make = (kind, more = {}, ...children) => {
  const made = Object.assign(document.createElement(kind), more);
  made.append(...children);
  return made;
};

let language = navigator.language.startsWith("ja") ? "ja" : "en", samples = [], page, chosen;
const word = name => WORDS[language][name];
const worker = new Worker("worker.js", { type: "module" });

function label() {
  document.documentElement.lang = language;
  document.title = word("title");
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
  one("language").textContent = word("other");
  one("language").lang = language === "ja" ? "en" : "ja";
  one("copy").textContent = word("copy");
  one("scan").setAttribute("aria-label", word("scan"));
  one("samples").replaceChildren(...(samples.length ? [word("samples")] : []), ...samples.map(name =>
    make("button", { textContent: name, onclick: async () => read(await (await fetch(`pages/${encodeURIComponent(name)}`)).blob()) })));
  if (page) one("said").textContent = word("read")(page);
}

function read(file) {
  page = undefined;
  one("page").hidden = true;
  const shown = URL.createObjectURL(file);
  worker.onerror = event => { one("said").textContent = word("failed") + (event.message ?? ""); };
  worker.onmessage = ({ data }) => {
    if (data.step) one("said").textContent = `${word(data.step)} …`;
    if (data.failure) one("said").textContent = word("failed") + data.failure;
    if (data.page) show(data.page, shown);
  };
  worker.postMessage({ file });
}

function show(said, address) {
  page = said;
  chosen = undefined;
  label();
  const doubt = each => Math.max(0, 0.55 * (1 - each.candidates[0].probability)).toFixed(2);
  const svg = (kind, facts) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [name, value] of Object.entries(facts)) made.setAttribute(name, value);
    return made;
  };
  one("scan").setAttribute("viewBox", `0 0 ${page.width} ${page.height}`);
  const rects = page.characters.map((each, number) => {
    const [x, y, width, height] = each.box, rect = svg("rect", { x, y, width, height });
    rect.style.setProperty("--doubt", doubt(each));
    rect.onclick = () => choose(number);
    return rect;
  });
  one("scan").replaceChildren(svg("image", { href: address, width: page.width, height: page.height }), ...rects);
  const buttons = page.characters.map((each, number) => {
    const button = make("button", { textContent: each.text, tabIndex: number ? -1 : 0, onclick: () => choose(number), className: page.lines[each.line].role });
    button.style.setProperty("--doubt", doubt(each));
    return button;
  });
  const columns = [];
  page.characters.forEach((each, number) => {
    const isAside = ["ruby", "note"].includes(page.lines[each.line].role);
    if (!columns.length || (!isAside && columns.at(-1).line !== each.line)) columns.push({ line: isAside ? -1 : each.line, members: [] });
    columns.at(-1).members.push(buttons[number]);
  });
  one("text").replaceChildren(...columns.map(({ members }) => make("p", {}, ...members)));
  one("candidates").replaceChildren();
  one("txt").href = URL.createObjectURL(new Blob([page.text + "\n"], { type: "text/plain" }));
  one("json").href = URL.createObjectURL(new Blob([JSON.stringify(page)], { type: "application/json" }));
  one("page").hidden = false;

  function choose(number) {
    if (chosen !== undefined) {
      rects[chosen].classList.remove("chosen");
      buttons[chosen].classList.remove("chosen");
      buttons[chosen].tabIndex = -1;
    }
    chosen = number;
    rects[number].classList.add("chosen");
    buttons[number].classList.add("chosen");
    buttons[number].tabIndex = 0;
    buttons[number].focus();
    one("candidates").replaceChildren(...page.characters[number].candidates.map(({ text, probability }) =>
      make("div", {}, make("b", { textContent: text, lang: "ja" }), `${(100 * probability).toFixed(1)} %`)));
  }
  one("text").onkeydown = event => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], next = (chosen ?? -1) + (step ?? 0);
    if (!step || next < 0 || next >= buttons.length) return;
    event.preventDefault();
    choose(next);
  };
}

one("file").onchange = ({ target }) => { if (target.files[0]) read(target.files[0]); };
one("language").onclick = () => { language = language === "ja" ? "en" : "ja"; label(); };
one("copy").onclick = async () => { await navigator.clipboard.writeText(page.text); one("said").textContent = word("copied"); };
document.ondragover = event => { event.preventDefault(); one("drop").classList.add("over"); };
document.ondragleave = () => one("drop").classList.remove("over");
document.ondrop = event => {
  event.preventDefault();
  one("drop").classList.remove("over");
  if (event.dataTransfer.files[0]) read(event.dataTransfer.files[0]);
};
document.onpaste = event => { if (event.clipboardData.files[0]) read(event.clipboardData.files[0]); };
label();
samples = (await (await fetch("site.json")).json()).pages;
label();
