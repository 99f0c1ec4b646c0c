// Which messages are shown.

import { kindOf, label } from "./nodes.js";

/** What the filter's prefixes mean. */
const FIELDS = {
  leg: (arrow, value) => arrow.leg === value || arrow.transport === value,
  node: (arrow, value) => [arrow.from, arrow.to].some((node) => node.startsWith(value) || label(node).toLowerCase().startsWith(value)),
  from: (arrow, value) => arrow.from.startsWith(value),
  to: (arrow, value) => arrow.to.startsWith(value),
  step: (arrow, value) => String(arrow.step ?? "") === value || (arrow.half ?? "").startsWith(value),
  flow: (arrow, value) => String(arrow.flow ?? arrow.conversation?.flow ?? "") === value,
  call: (arrow, value) => (arrow.call ?? "").toLowerCase().includes(value),
  is: (arrow, value) => value === "failed" && arrow.failed,
  seq: (arrow, value) => {
    const [first, last] = value.split("-").map(Number);
    return arrow.seqs.some((seq) => seq >= first && seq <= (last ?? first));
  },
};

export class Filter extends EventTarget {
  text = "";
  conversation = "";
  step = "";
  failures = false;
  /** Legs that are hidden. */
  hidden = new Set();
  /** The node whose messages alone are shown. */
  node = "";
  /** Set by a lesson or a fault: its messages alone. */
  within = undefined;
  #terms = [];

  /** Changes what is given and tells of it. */
  set(changes) {
    Object.assign(this, changes);
    if ("text" in changes) this.#terms = parse(this.text);
    this.dispatchEvent(new CustomEvent("changed"));
  }

  reset() {
    this.hidden.clear();
    this.set({ text: "", conversation: "", step: "", failures: false, node: "", within: undefined });
  }

  get active() {
    return Boolean(this.#terms.length || this.conversation || this.step || this.failures || this.hidden.size || this.node || this.within);
  }

  admits(arrow) {
    if (this.hidden.has(arrow.leg)) return false;
    if (this.failures && !arrow.failed) return false;
    if (this.conversation && arrow.conversation?.id !== this.conversation) return false;
    if (this.step && String(arrow.step ?? arrow.half ?? "") !== this.step) return false;
    if (this.node && kindOf(arrow.from) !== this.node && kindOf(arrow.to) !== this.node) return false;
    if (this.within && !this.within(arrow)) return false;
    return this.#terms.every((term) => term(arrow));
  }
}

/** Words must all occur; `field:value` looks at one thing; `-` before either turns it round. */
export function parse(text) {
  const words = text.match(/-?(?:\w+:)?"[^"]*"|\S+/g) ?? [];
  return words.map((word) => {
    const not = word.startsWith("-") && word.length > 1;
    const bare = not ? word.slice(1) : word;
    const [, field, value] = /^(\w+):(.*)$/.exec(bare) ?? [];
    const test = field in FIELDS && value ? (arrow) => FIELDS[field](arrow, unquote(value).toLowerCase()) : holds(unquote(bare).toLowerCase());
    return not ? (arrow) => !test(arrow) : test;
  });
}

function holds(word) {
  if (word === "failed") return (arrow) => arrow.failed;
  return (arrow) => arrow.summary.toLowerCase().includes(word) || (arrow.subject ?? "").toLowerCase().includes(word) || arrow.text.toLowerCase().includes(word);
}

const unquote = (text) => text.replaceAll('"', "");
