// Questions to the server; an answer that is an error is thrown, with its status.

export class Refusal extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

// Who asks, and what must come with a change that a cookie stands for.
export let me = {};
export async function greet() {
  me = await (await fetch("/api/me")).json();
  return me;
}

export async function ask(path, options = {}) {
  if (options.method && me.proof) options.headers = { ...options.headers, "X-Kuzushiji": me.proof };
  const answer = await fetch(path, options);
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  const text = typeof said.detail === "string" ? said.detail : answer.statusText || answer.status;
  if (answer.status === 401) document.dispatchEvent(new Event("locked"));
  throw new Refusal(answer.status, text);
}

export const json = async (path, options) => (await ask(path, options)).json();

export async function upload(file, book = "") {
  const form = new FormData();
  if (typeof file === "string") form.append("url", file); else form.append("image", file, file.name || "photo.jpg");
  form.append("book", book);
  return json("/api/pages", { method: "POST", body: form });
}

export const change = (method, path, version, body) => ask(path, {
  method, headers: { "If-Match": version, "Content-Type": "application/json" }, body: body && JSON.stringify(body),
});

export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "list" && name !== "role") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter(each => each !== null && each !== undefined));
  return made;
}

let quiet;
export function say(text) {
  const said = document.getElementById("said");
  said.textContent = text;
  clearTimeout(quiet);
  quiet = setTimeout(() => { said.textContent = ""; }, 5000);
}
