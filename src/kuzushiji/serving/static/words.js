// What the page says, in both languages.

const WORDS = {
  ja: {
    title: "くずし字閲覧室", skip: "本文へ", search: "全文を検索", theme: "明暗を切り替える", key: "暗証または鍵", name: "名前（鍵だけなら空のまま）", enter: "入る", out: "退室", outNamed: n => `${n} 退室`,
    drop: "画像をここへ", choose: "画像を選ぶ", dropMore: "ドロップ、貼り付け、撮影でも。PNG、JPEG、TIFF、PDF など",
    empty: "書棚はまだ空です。", shelf: "書棚", queued: "待機中", reading: "解読中", read: "解読済", corrected: "校訂済",
    failed: "読めません", ahead: n => `前に ${n} 枚`, characters: n => `${n} 字`, sure: n => `確信度 ${n}%`,
    back: "書棚へ戻る", undo: "元に戻す", download: "書き出し", remove: "書棚から除く", removeAsk: "この頁を書棚から除きますか。",
    scan: "画像", text: "翻刻", candidates: "候補", parent: "字母", type: "正しい字", take: "決定", remove1: "字を消す",
    zoomIn: "拡大", zoomOut: "縮小", fit: "全体", turn: "回転", unsure: "次の不確かな字",
    nothingToUndo: "元に戻すものはありません", conflict: "ほかの人が先に直しました。最新の頁を表示します。",
    saved: (a, b) => `「${a}」を「${b}」に直しました`, undone: "元に戻しました", removed: a => `「${a}」を消しました`,
    none: "見つかりません", found: n => `${n} 件`, by: "校訂", left: n => `不確かな字 ${n}`, select: "字を選んでください",
    redo: "やり直す", redone: "やり直しました", keysShort: "キー操作", print: "印刷", erase: "字を消す", split: "上下に分ける", join: "次の字と合わせる",
    add: "枠を描く", draw: "手で書く", moved: "枠を動かしました", splitDone: "二字に分けました", joined: "一字に合わせました", added: "字を加えました",
    columnMoved: "行を移しました", close: "閉じる", noneLeft: "不確かな字はありません", strokeBack: "一画戻す", clear: "消す", copied: a => `「${a}」を写しました`,
    drawHere: "ここに字を書く", drawTold: "マウス、ペン、指で一字を書くと、候補が出ます。", "of-page": "この頁の字", "of-book": "この本の字", "of-data": "資料の字",
    "k-arrows": "次の字・前の字・隣の行", "k-candidates": "候補を採る", "k-type": "正しい字を入力する", "k-unsure": "次・前の不確かな字", "k-add": "下に字を加える",
    "k-move": "枠を動かす", "k-size": "枠の大きさを変える", "k-column": "行を後へ・前へ", "k-undo": "元に戻す・やり直す", book: "書名", noBook: "書名なし",
    bookSure: n => `確信度 ${n}%`, bookState: (done, all) => `${all} 枚のうち校訂済 ${done}`,
    "f-txt": "テキスト", "f-pdf": "PDF（検索できる）", "f-json": "JSON", "f-pagexml": "PAGE XML", "f-alto": "ALTO XML", "f-tei": "TEI", "f-iiif": "IIIF 注釈",
  },
  en: {
    title: "Kuzushiji Reading Room", skip: "To the content", search: "Search all texts", theme: "Light or dark",
    key: "Password or key", name: "Name (none with a key alone)", enter: "Enter", out: "Leave", outNamed: n => `${n}: leave`, drop: "Drop a page here", choose: "Choose an image",
    dropMore: "or paste it, or photograph it. PNG, JPEG, TIFF, PDF and others", empty: "The shelf is still empty.",
    shelf: "Shelf", queued: "waiting", reading: "being read", read: "read", corrected: "corrected", failed: "unreadable",
    ahead: n => `${n} before it`, characters: n => `${n} characters`, sure: n => `${n}% sure`, back: "To the shelf",
    undo: "Undo", download: "Download", remove: "Take off the shelf", removeAsk: "Take this page off the shelf?",
    scan: "Scan", text: "Text", candidates: "Candidates", parent: "parent kanji", type: "What it is", take: "Take",
    remove1: "Delete the character", zoomIn: "Closer", zoomOut: "Further", fit: "Whole page", turn: "Turn",
    unsure: "Next unsure one",
    nothingToUndo: "There is nothing to undo", conflict: "Somebody else corrected this page first; here it is as it stands now.",
    saved: (a, b) => `${a} is now ${b}`, undone: "Undone", removed: a => `${a} is deleted`, none: "Nothing found",
    found: n => `${n} found`, by: "corrected", left: n => `${n} unsure`, select: "Choose a character",
    redo: "Redo", redone: "Made again", keysShort: "Keys", print: "Print", erase: "Delete", split: "Split", join: "Join with next",
    add: "Draw a box", draw: "Draw it", moved: "The box is moved", splitDone: "Split in two", joined: "Joined", added: "Added",
    columnMoved: "The column is moved", close: "Close", noneLeft: "none unsure", strokeBack: "Stroke back", clear: "Clear", copied: a => `${a} is copied`,
    drawHere: "Draw a character here", drawTold: "Draw one character with mouse, pen or finger; what it may be appears as you draw.", "of-page": "from this page", "of-book": "from this book", "of-data": "from the data set",
    "k-arrows": "next, previous character; next column", "k-candidates": "take a candidate", "k-type": "type what it is", "k-unsure": "next, previous unsure one", "k-add": "add a character below",
    "k-move": "move the box", "k-size": "change its size", "k-column": "column later, earlier", "k-undo": "undo, redo", book: "Book", noBook: "No book",
    bookSure: n => `${n}% sure`, bookState: (done, all) => `${done} of ${all} corrected`,
    "f-txt": "Text", "f-pdf": "PDF, searchable", "f-json": "JSON", "f-pagexml": "PAGE XML", "f-alto": "ALTO XML", "f-tei": "TEI", "f-iiif": "IIIF annotations",
  },
};

let language = localStorage.getItem("language") || (navigator.language.startsWith("ja") ? "ja" : "en");

export const word = (name, ...values) => {
  const found = WORDS[language][name] ?? name;
  return typeof found === "function" ? found(...values) : found;
};

export function label(root = document) {
  document.documentElement.lang = language;
  for (const each of root.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
  for (const each of root.querySelectorAll("[data-label]")) each.setAttribute("aria-label", word(each.dataset.label));
  for (const each of root.querySelectorAll("[data-hint]")) each.placeholder = word(each.dataset.hint);
}

export function otherLanguage() {
  language = language === "ja" ? "en" : "ja";
  localStorage.setItem("language", language);
}

export const languageOffered = () => (language === "ja" ? ["en", "English"] : ["ja", "日本語"]);
