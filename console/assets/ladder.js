// The ladder: every message an arrow between its nodes. Only the rows in sight are in the document,
// so that ten thousand messages cost what thirty do.

import { $, count, eachFrame, el } from "./dom.js";
import { does, kindOf, label, place } from "./nodes.js";
import { Row } from "./row.js";

/** Rows drawn beyond the edges, so that a scroll shows no blank. */
const MARGIN = 8;
/** A silence that gets a row of its own, in microseconds. */
const GAP = 500_000;
/** Below this many pixels a column, the ladder folds. */
const NARROW = 66;
const FOLDED_PITCH = 20;
/** More WICs than this share one column. */
const WICS = 3;
/** Columns that are always there, so that what does not happen is seen as well. */
const ALWAYS = ["browser", "wic", "wwsf", "epcscf", "icscf", "scscf", "hss"];

export class Ladder extends EventTarget {
  items = [];
  /** What each row's time counts from: the first message, or the first after a silence. */
  #starts = [];
  #start = 0;
  paused = false;
  cursor = -1;
  #store;
  #filter;
  #list = $("ladder-list");
  #space = $("space");
  #rows = [];
  #columns = [];
  #anchor = -1;
  #waiting = 0;
  #shown = 0;
  #seen = new Set();
  #cleared = 0;
  #last;
  #follow = true;
  #printing = false;
  #named = -1;
  #geometry = { folded: false, pitch: 100, gutter: 130, row: 28, columns: new Map() };
  #draw = eachFrame(() => this.#paint());

  constructor(store, filter) {
    super();
    this.#store = store;
    this.#filter = filter;
    store.addEventListener("added", (event) => this.#added(event.detail));
    store.addEventListener("reset", () => this.rebuild());
    filter.addEventListener("changed", () => this.rebuild());
    this.#list.addEventListener("scroll", () => {
      this.#follow = this.#list.scrollTop + this.#list.clientHeight >= this.#list.scrollHeight - this.#geometry.row;
      this.#draw();
    });
    this.#list.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row?.dataset.index) this.select(Number(row.dataset.index), event.shiftKey);
    });
    new ResizeObserver(() => this.#resize()).observe(this.#list);
    addEventListener("beforeprint", () => this.#print(true));
    addEventListener("afterprint", () => this.#print(false));
    this.rebuild();
  }

  /** Filters everything anew. */
  rebuild() {
    const kept = this.current;
    this.items = [];
    this.#last = undefined;
    this.#waiting = 0;
    this.#shown = 0;
    this.#starts = [];
    this.#seen.clear();
    const limit = this.paused ? this.#heldAt : Infinity;
    for (const arrow of this.#store.arrows) {
      if (arrow.seq > limit) break;
      this.#push(arrow);
    }
    this.cursor = kept ? this.items.indexOf(kept) : -1;
    this.#anchor = this.cursor;
    this.#layOut();
    if (this.cursor >= 0) this.reveal(this.cursor);
    else if (this.#follow) this.#toEnd();
    this.#draw();
    this.#tell();
  }

  #heldAt = Infinity;

  /** Holds the picture still, or lets it run on. */
  pause(on) {
    this.paused = on;
    this.#heldAt = on ? (this.#store.arrows.at(-1)?.seq ?? 0) : Infinity;
    if (!on) {
      this.#follow = true;
      this.rebuild();
    }
    this.#tell();
  }

  /** Shows only what comes from now on. */
  clear() {
    this.#cleared = this.#store.lastSeq;
    this.#follow = true;
    this.rebuild();
  }

  /** Undoes [`clear`]. */
  unclear() {
    this.#cleared = 0;
    this.rebuild();
  }

  get isCleared() {
    return this.#cleared > 0;
  }

  get waiting() {
    return this.#waiting;
  }

  /** The arrow under the cursor. */
  get current() {
    const item = this.items[this.cursor];
    return item?.gap ? undefined : item;
  }

  /** The chosen arrows: a range, else all that are shown. */
  get chosen() {
    const [first, last] = this.#range();
    const items = last > first ? this.items.slice(first, last + 1) : this.items;
    return items.filter((item) => !item.gap);
  }

  get hasRange() {
    const [first, last] = this.#range();
    return last > first;
  }

  /** Moves the cursor; with `extend` the range grows to there. */
  select(index, extend = false) {
    let at = Math.max(0, Math.min(index, this.items.length - 1));
    const down = at >= this.cursor;
    while (this.items[at]?.gap) at += down && at + 1 < this.items.length ? 1 : -1;
    if (!this.items[at]) return;
    this.cursor = at;
    if (!extend) this.#anchor = at;
    this.reveal(at);
    this.#draw();
    this.dispatchEvent(new CustomEvent("selected", { detail: this.items[at] }));
  }

  /** Selects a message wherever it is, if the filter lets it. */
  selectArrow(arrow) {
    const at = this.items.indexOf(arrow);
    if (at >= 0) this.select(at);
    return at >= 0;
  }

  selectAll() {
    this.#anchor = 0;
    this.cursor = this.items.length - 1;
    this.#draw();
    this.#tell();
  }

  deselect() {
    this.cursor = this.#anchor = -1;
    this.#draw();
  }

  focus() {
    this.#list.focus({ preventScroll: true });
  }

  /** Scrolls as little as it takes to show a row. */
  reveal(index) {
    const { row } = this.#geometry;
    const top = index * row;
    const list = this.#list;
    if (top < list.scrollTop + row) list.scrollTop = top - 2 * row;
    else if (top + 2 * row > list.scrollTop + list.clientHeight) list.scrollTop = top + 3 * row - list.clientHeight;
  }

  /** Scrolls so that this row is the first. */
  scrollTo(index) {
    this.#follow = false;
    this.#list.scrollTop = index * this.#geometry.row;
  }

  /** Which rows are in sight. */
  get sight() {
    const { row } = this.#geometry;
    const first = Math.floor(this.#list.scrollTop / row);
    return [first, Math.min(this.items.length - 1, first + Math.ceil(this.#list.clientHeight / row))];
  }

  /** The node an end of an arrow is drawn at. */
  node(arrow, end) {
    const node = this.#store.conversations.node(arrow, end);
    return this.#geometry.columns.has(node) ? node : kindOf(node);
  }

  #range() {
    return [Math.min(this.#anchor, this.cursor), Math.max(this.#anchor, this.cursor)];
  }

  #added({ from, dropped }) {
    if (dropped) return this.rebuild();
    const before = this.items.length;
    for (let at = from; at < this.#store.arrows.length; at += 1) {
      const arrow = this.#store.arrows[at];
      if (arrow.seq > this.#heldAt) this.#waiting += 1;
      else this.#push(arrow);
    }
    if (this.items.length !== before || this.#named !== this.#store.conversations.version) this.#layOut();
    if (this.#follow && !this.paused) this.#toEnd();
    this.#draw();
    this.#tell();
  }

  #push(arrow) {
    if (arrow.seq <= this.#cleared || !this.#filter.admits(arrow)) return;
    const before = this.#last;
    if (before && arrow.time - before.time > GAP) {
      this.items.push({ gap: arrow.time - before.time });
      this.#starts.push(arrow.time);
      this.#start = arrow.time;
    }
    if (!before) this.#start = arrow.time;
    this.items.push(arrow);
    this.#starts.push(this.#start);
    this.#shown += 1;
    this.#see(arrow);
    this.#last = arrow;
  }

  #toEnd() {
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #resize() {
    this.#layOut();
    if (this.#follow) this.#toEnd();
    this.#draw();
  }

  /** Decides columns and sizes. */
  #layOut() {
    const nodes = this.#nodes();
    const width = this.#list.clientWidth || 900;
    const gutter = 132;
    const wide = (width - gutter) / nodes.length;
    const folded = wide < NARROW;
    const pitch = folded ? FOLDED_PITCH : Math.min(wide, 230);
    const columns = new Map(nodes.map((node, at) => [node, (at + 0.5) * pitch]));
    const row = folded ? 46 : 28;
    this.#geometry = { folded, pitch, gutter: folded ? 8 : gutter, row, columns, width };
    this.#heads(nodes);
    const ladder = $("ladder");
    ladder.classList.toggle("folded", folded);
    ladder.style.setProperty("--pitch", `${pitch}px`);
    ladder.style.setProperty("--columns", nodes.length);
    ladder.style.setProperty("--row", `${row}px`);
    this.#space.style.height = `${this.items.length * row}px`;
    $("nothing").hidden = this.items.length > 0;
  }

  #see(arrow) {
    this.#seen.add(this.#store.conversations.node(arrow, arrow.from));
    this.#seen.add(this.#store.conversations.node(arrow, arrow.to));
  }

  #nodes() {
    const { version } = this.#store.conversations;
    if (this.#named !== version) {
      // A WIC got its name: messages before it move to its column.
      this.#named = version;
      this.#seen.clear();
      for (const item of this.items) if (!item.gap) this.#see(item);
    }
    const unnamed = this.#seen.has("wic");
    const seen = new Set([...ALWAYS, ...this.#seen]);
    const wics = [...seen].filter((node) => node.startsWith("wic "));
    if (wics.length > WICS) for (const node of wics) seen.delete(node);
    else if (wics.length > 0 && !unnamed) seen.delete("wic");
    return [...seen].sort((a, b) => place(a) - place(b));
  }

  #heads(nodes) {
    const key = nodes.join("\n");
    const pressed = this.#filter.node;
    for (const button of $("heads").children) button.setAttribute("aria-pressed", String(kindOf(button.dataset.node) === pressed));
    if (this.#columns.join("\n") === key) return;
    this.#columns = nodes;
    $("heads").replaceChildren(
      ...nodes.map((node) =>
        el(
          "button",
          {
            type: "button",
            class: "head",
            title: does(node),
            data: { node },
            aria: { pressed: String(kindOf(node) === pressed) },
            onclick: () => this.#filter.set({ node: this.#filter.node === kindOf(node) ? "" : kindOf(node) }),
          },
          el("span", {}, label(node)),
        ),
      ),
    );
  }

  /** Puts the rows in sight into the document. */
  #paint() {
    const [first, last] = this.#printing ? [0, Math.min(this.items.length, 500) - 1] : this.sight;
    const from = Math.max(0, first - MARGIN);
    const to = Math.min(this.items.length - 1, last + MARGIN);
    const wanted = Math.max(0, to - from + 1);
    while (this.#rows.length < wanted) {
      const row = new Row();
      this.#rows.push(row);
      this.#space.append(row.node);
    }
    const [begin, end] = this.#range();
    for (let at = 0; at < this.#rows.length; at += 1) {
      // A row keeps its place in the pool while it stays in sight, so that a scroll changes few.
      const index = at < wanted ? from + ((at - (from % wanted) + wanted) % wanted) : -1;
      const item = this.items[index];
      if (!item) {
        this.#rows[at].hide();
        continue;
      }
      const mark = index === this.cursor ? "cursor" : index >= begin && index <= end && end > begin ? "range" : "";
      this.#rows[at].show(item, index, mark, this.#starts[index], this.#geometry, this, this.items.length);
    }
    const active = this.cursor >= from && this.cursor <= to ? `row-${this.cursor}` : undefined;
    if (active) this.#list.setAttribute("aria-activedescendant", active);
    else this.#list.removeAttribute("aria-activedescendant");
    this.dispatchEvent(new CustomEvent("scrolled"));
  }

  #print(on) {
    this.#printing = on;
    this.#paint();
  }

  #key(event) {
    const { row } = this.#geometry;
    const page = Math.max(1, Math.floor(this.#list.clientHeight / row) - 2);
    const moves = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      return this.selectAll();
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) {
      event.preventDefault();
      const from = this.cursor < 0 ? this.sight[0] - 1 : this.cursor;
      return this.select(Math.max(0, from + moves[event.key]), event.shiftKey);
    }
    if (event.key === "Enter" && this.current) {
      event.preventDefault();
      this.dispatchEvent(new CustomEvent("opened", { detail: this.current }));
    }
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("counted", { detail: count(this.shown, "message") }));
  }

  /** How many messages the filter lets through. */
  get shown() {
    return this.#shown;
  }
}
