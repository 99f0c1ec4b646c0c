// One row of the ladder. Rows are used again for other messages as the list scrolls.

import { clock, el, span } from "./dom.js";
import { LEGS, label, short } from "./nodes.js";

/** Pixels that a character of a label takes. */
const CHARACTER = 6.9;

const HALVES = { origination: "orig", termination: "term", dialog: "dialog" };

export class Row {
  #step = el("span", { class: "step" });
  #time = el("span", { class: "time" });
  #text = el("span", { class: "text" });
  #shaft = el("span", { class: "shaft" }, el("span", { class: "stroke" }), this.#text);
  #reason = el("span", { class: "reason" });
  #lane = el("span", { class: "lane" }, this.#shaft, this.#reason);
  #words = el("span", { class: "words" });
  #ends = el("span", { class: "ends" });
  #state = "";
  node = el("div", { class: "row", role: "option" }, this.#step, this.#time, this.#lane, this.#words, this.#ends);

  hide() {
    if (this.#state === "hidden") return;
    this.#state = "hidden";
    this.node.hidden = true;
  }

  show(item, index, mark, start, geometry, ladder, size) {
    this.node.hidden = false;
    this.#mark(mark);
    this.node.setAttribute("aria-setsize", size);
    const from = item.gap ? "" : ladder.node(item, item.from);
    const to = item.gap ? "" : ladder.node(item, item.to);
    const state = `${index} ${item.seq ?? item.gap} ${start} ${geometry.width} ${geometry.pitch} ${geometry.folded} ${from} ${to} ${item.step} ${item.half}`;
    if (state === this.#state) return;
    this.#state = state;
    const node = this.node;
    node.style.transform = `translateY(${index * geometry.row}px)`;
    node.id = `row-${index}`;
    node.setAttribute("aria-posinset", index + 1);
    if (item.gap) return this.#gap(item);
    node.dataset.index = index;
    node.dataset.seq = item.seq;
    node.dataset.leg = item.leg;
    node.classList.remove("gap");
    node.classList.toggle("failed", item.failed);
    this.#step.textContent = step(item);
    this.#step.dataset.flow = item.flow ?? "";
    this.#time.textContent = `+${span(item.time - start)}`;
    this.#time.title = clock(item.time);
    this.#arrow(item, from, to, geometry);
    const said = [item.summary, `from ${label(from)} to ${label(to)}`, LEGS[item.leg][0], step(item) && `step ${step(item)}`, item.failed && "failed"];
    node.setAttribute("aria-label", said.filter(Boolean).join(", "));
  }

  #mark(mark) {
    this.node.classList.toggle("cursor", mark === "cursor");
    this.node.classList.toggle("range", mark === "range");
    this.node.setAttribute("aria-selected", String(mark !== ""));
  }

  #gap(item) {
    const { node } = this;
    delete node.dataset.index;
    delete node.dataset.seq;
    node.dataset.leg = "";
    node.classList.add("gap");
    node.classList.remove("failed");
    this.#step.textContent = "";
    this.#time.textContent = span(item.gap);
    this.#time.title = "nothing happened";
    this.#words.textContent = "";
    this.#ends.textContent = `${span(item.gap)} later`;
    this.#reason.textContent = "";
    node.setAttribute("aria-label", `${span(item.gap)} without a message`);
  }

  #arrow(item, from, to, geometry) {
    const [a, b] = [geometry.columns.get(from) ?? 0, geometry.columns.get(to) ?? 0];
    const [left, right] = [Math.min(a, b), Math.max(a, b)];
    const shaft = this.#shaft;
    shaft.dataset.way = a === b ? "self" : a < b ? "right" : "left";
    shaft.style.left = `${left}px`;
    shaft.style.width = `${Math.max(right - left, 1)}px`;
    const words = brief(item.summary);
    if (geometry.folded) {
      this.#text.textContent = "";
      this.#reason.textContent = "";
      this.#words.textContent = words;
      this.#ends.textContent = `${short(from)} → ${short(to)} · ${this.#time.textContent}`;
      return;
    }
    const room = a === b ? 40 : Math.floor((right - left - 30) / CHARACTER);
    this.#words.textContent = "";
    this.#ends.textContent = "";
    this.#text.textContent = this.#beside(item, words, room, left, right, geometry) ?? fit(words, room, item.leg);
  }

  /** The reason of a failure stands beside the arrow when it does not fit on it; gives what is left to
   *  write on the arrow. */
  #beside(item, words, room, left, right, geometry) {
    const reason = this.#reason;
    reason.textContent = "";
    if (!item.failed || words.length <= room) return undefined;
    const after = geometry.width - geometry.gutter - right - 24;
    const onRight = after >= left;
    if (Math.max(after, left) < 150) return undefined;
    const [first, ...rest] = words.split(" ");
    reason.textContent = rest.join(" ");
    reason.title = item.summary;
    reason.style.left = onRight ? `${right + 6}px` : "";
    reason.style.right = onRight ? "" : `calc(100% - ${left - 6}px)`;
    reason.style.maxWidth = `${onRight ? after : left - 12}px`;
    return first;
  }
}

export function step(item) {
  if (item.step) return item.flow ? `${item.flow}·${item.step}` : String(item.step);
  return HALVES[item.half] ?? "";
}

/** The summary without what everybody knows. */
function brief(summary) {
  return summary.replace(/\bDIAMETER_/, "").replace(/"SIP Digest"/, "SIP-Digest").replace(/ (?:impi|visited|server|realm)=.*$/, "").replace(/ impu=/, " ").replace(/^([A-Z]+ sips?:[^;?]+)[;?].*$/, "$1");
}

/** The summary, or as many of its first words as there is room for. */
function fit(summary, room, leg) {
  if (summary.length <= room) return summary;
  let words = "";
  for (const word of summary.split(" ")) {
    const next = words ? `${words} ${word}` : word;
    if (next.length > room) break;
    words = next;
  }
  if (words && leg !== "https") return words;
  const first = summary.split(" ", 1)[0];
  return first.length <= room + 3 ? first : `${summary.slice(0, Math.max(room, 3))}…`;
}
