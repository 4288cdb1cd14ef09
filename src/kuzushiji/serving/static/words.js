// What the page says, in both languages.

const WORDS = {
  ja: {
    title: "くずし字閲覧室", skip: "本文へ", search: "全文を検索", theme: "明暗を切り替える", key: "鍵", enter: "入る",
    drop: "画像をここへ", choose: "画像を選ぶ", dropMore: "ドロップ、貼り付け、撮影でも。PNG、JPEG、TIFF など",
    empty: "書棚はまだ空です。", shelf: "書棚", queued: "待機中", reading: "解読中", read: "解読済", corrected: "校訂済",
    failed: "読めません", ahead: n => `前に ${n} 枚`, characters: n => `${n} 字`, sure: n => `確信度 ${n}%`,
    back: "書棚へ戻る", undo: "元に戻す", download: "書き出し", remove: "書棚から除く", removeAsk: "この頁を書棚から除きますか。",
    scan: "画像", text: "翻刻", candidates: "候補", parent: "字母", type: "正しい字", take: "決定", remove1: "字を消す",
    zoomIn: "拡大", zoomOut: "縮小", fit: "全体", turn: "回転", unsure: "次の不確かな字",
    keys: "矢印で移動・1〜5 で候補・Enter で入力・N で次の不確かな字・Del で消す・Ctrl+Z で元に戻す",
    nothingToUndo: "元に戻すものはありません", conflict: "ほかの人が先に直しました。最新の頁を表示します。",
    saved: (a, b) => `「${a}」を「${b}」に直しました`, undone: "元に戻しました", removed: a => `「${a}」を消しました`,
    none: "見つかりません", found: n => `${n} 件`, by: "校訂", left: n => `不確かな字 ${n}`, select: "字を選んでください",
  },
  en: {
    title: "Kuzushiji Reading Room", skip: "To the content", search: "Search all texts", theme: "Light or dark",
    key: "Key", enter: "Enter", drop: "Drop a page here", choose: "Choose an image",
    dropMore: "or paste it, or photograph it. PNG, JPEG, TIFF and others", empty: "The shelf is still empty.",
    shelf: "Shelf", queued: "waiting", reading: "being read", read: "read", corrected: "corrected", failed: "unreadable",
    ahead: n => `${n} before it`, characters: n => `${n} characters`, sure: n => `${n}% sure`, back: "To the shelf",
    undo: "Undo", download: "Download", remove: "Take off the shelf", removeAsk: "Take this page off the shelf?",
    scan: "Scan", text: "Text", candidates: "Candidates", parent: "parent kanji", type: "What it is", take: "Take",
    remove1: "Delete the character", zoomIn: "Closer", zoomOut: "Further", fit: "Whole page", turn: "Turn",
    unsure: "Next unsure one",
    keys: "Arrows move · 1–5 take a candidate · Enter types · N next unsure · Del deletes · Ctrl+Z undoes",
    nothingToUndo: "There is nothing to undo", conflict: "Somebody else corrected this page first; here it is as it stands now.",
    saved: (a, b) => `${a} is now ${b}`, undone: "Undone", removed: a => `${a} is deleted`, none: "Nothing found",
    found: n => `${n} found`, by: "corrected", left: n => `${n} unsure`, select: "Choose a character",
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
