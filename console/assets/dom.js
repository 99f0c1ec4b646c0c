// What every view needs of the document.

/** Makes an element. `on…` are listeners, `data` and `aria` are maps, the rest attributes. */
export function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") node.className = value;
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key === "aria") for (const [name, said] of Object.entries(value)) node.setAttribute(`aria-${name}`, said);
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

export const $ = (id) => document.getElementById(id);

/** A specification's clause, set apart. */
export const clause = (text) => (text ? el("cite", { class: "clause" }, text) : undefined);

/** Tells what changed to who cannot see it. */
export function say(text) {
  $("say").textContent = text;
}

/** Calls `run` at most once a frame. */
export function eachFrame(run) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      run();
    });
  };
}

/** Microseconds as people read them. */
export function span(us) {
  if (us < 1_000) return `${us} µs`;
  if (us < 10_000) return `${(us / 1_000).toFixed(2)} ms`;
  if (us < 1_000_000) return `${(us / 1_000).toFixed(1)} ms`;
  if (us < 60_000_000) return `${(us / 1_000_000).toFixed(2)} s`;
  const minutes = Math.floor(us / 60_000_000);
  if (minutes < 60) return `${minutes} min ${Math.floor(us / 1_000_000) % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The time of day, to the millisecond. */
export function clock(us) {
  const date = new Date(us / 1_000);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** Hands a file to the person. */
export function download(name, blob) {
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
