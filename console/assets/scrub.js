// The strip below the ladder: where one is in the trace, and what is where.

import { $, count, eachFrame } from "./dom.js";

export function scrub(store, ladder) {
  const canvas = $("density");
  const slider = $("scrubber");
  const position = $("position");
  let drawnFor = "";

  slider.addEventListener("input", () => ladder.scrollTo(Number(slider.value)));

  const draw = eachFrame(() => {
    const [first, last] = ladder.sight;
    const items = ladder.items;
    const visible = Math.max(0, last - first);
    slider.max = String(Math.max(0, items.length - visible));
    slider.value = String(first);
    slider.disabled = items.length <= visible;
    slider.setAttribute("aria-valuetext", items.length ? `message ${first + 1} of ${items.length}` : "no message");
    const waiting = ladder.waiting ? ` · ${count(ladder.waiting, "new one", "new ones")} waiting` : "";
    const lost = store.lost ? ` · ${store.lost.toLocaleString("en")} missed by this page` : "";
    position.textContent = `${count(ladder.shown, "message")}${waiting}${lost}`;
    const key = `${items.length} ${items.at(-1)?.seq} ${canvas.clientWidth} ${getComputedStyle(canvas).color}`;
    if (key !== drawnFor) paint(canvas, items);
    drawnFor = key;
    canvas.style.setProperty("--first", String(items.length ? first / items.length : 0));
    canvas.style.setProperty("--part", String(items.length ? Math.min(1, (visible + 1) / items.length) : 1));
  });

  for (const event of ["scrolled", "counted"]) ladder.addEventListener(event, draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(draw).observe(canvas);
}

/** One bar a pixel: how many messages of which leg, failures on top. */
function paint(canvas, items) {
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  if (!items.length || !width) return;
  // The legend has the colours as the scheme has them.
  const colours = new Map([...$("legend").querySelectorAll(".leg")].map((leg) => [leg.dataset.leg, getComputedStyle(leg.querySelector(".sample")).borderTopColor]));
  const failed = getComputedStyle($("legend").querySelector(".failure-key")).color;
  const bar = Math.max(1, Math.min(6, width / items.length - 1));
  const each = width / items.length;
  let lastX = -1;
  for (let at = 0; at < items.length; at += 1) {
    const item = items[at];
    const x = Math.floor(at * each);
    if (item.gap || (x === lastX && !item.failed)) continue;
    lastX = x;
    context.fillStyle = item.failed ? failed : colours.get(item.leg);
    const tall = item.failed ? height - 2 : item.leg === "cx" ? height * 0.35 : item.leg === "wss" ? height * 0.7 : height * 0.5;
    context.fillRect(x, height - tall, bar, tall);
  }
}
