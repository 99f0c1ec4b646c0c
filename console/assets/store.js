// All messages: records become arrows, each drawn once though both its ends recorded it.

import { Conversations } from "./conversations.js";
import { kindOf, legOf } from "./nodes.js";

/** As many as the hub keeps; the oldest go first. */
const CAPACITY = 50_000;
/** How many messages wait for their other end's record. */
const UNMATCHED = 4_096;

const FAILED = /^[456]\d\d\b/;
const CX_FAILED = /_ERROR_|UNABLE_TO|\([45]\d{3}\)/;

export class Store extends EventTarget {
  arrows = [];
  lastSeq = 0;
  lost = 0;
  #unmatched = new Map();
  #bySeq = new Map();
  #presented = new Set();
  conversations = new Conversations();

  /** Takes records, oldest first; those seen before are passed over. */
  add(records) {
    const before = this.arrows.length;
    for (const record of records) {
      if (record.seq <= this.lastSeq) continue;
      this.lastSeq = record.seq;
      this.#take(record);
    }
    const dropped = this.arrows.length > CAPACITY ? this.#drop(CAPACITY / 10) : 0;
    if (this.arrows.length !== before || dropped) {
      this.dispatchEvent(new CustomEvent("added", { detail: { from: before - dropped, dropped } }));
    }
  }

  /** The hub began anew: a testbed that was restarted counts from 1. */
  reset() {
    this.arrows = [];
    this.lastSeq = 0;
    this.#unmatched.clear();
    this.#bySeq.clear();
    this.#presented.clear();
    this.conversations = new Conversations();
    this.dispatchEvent(new CustomEvent("reset"));
  }

  missed(count) {
    this.lost += count;
    this.dispatchEvent(new CustomEvent("lost", { detail: this.lost }));
  }

  /** The arrow that a record became part of. */
  bySeq(seq) {
    return this.#bySeq.get(seq);
  }

  #take(record) {
    const { from, to } = ends(record);
    const key = `${kindOf(from)}>${kindOf(to)}>${record.summary}>${record.text}`;
    const other = this.#unmatched.get(key);
    if (other && other.direction !== record.direction) {
      // Sent here and received there: one arrow. What named its ends better wins.
      this.#unmatched.delete(key);
      other.seqs.push(record.seq);
      other.otherTime = record.time_us;
      if (from.length > other.from.length) other.from = from;
      if (to.length > other.to.length) other.to = to;
      other.run ??= record.run;
      this.#bySeq.set(record.seq, other);
      return;
    }
    const arrow = {
      seq: record.seq,
      seqs: [record.seq],
      time: record.time_us,
      otherTime: undefined,
      direction: record.direction,
      from,
      to,
      leg: legOf(record.leg),
      transport: record.leg,
      local: record.local,
      remote: record.remote,
      summary: record.summary,
      call: record.call_id,
      subject: record.subject,
      flow: record.scenario,
      step: record.step,
      half: record.procedure,
      trace: record.trace_id,
      run: record.run,
      text: record.text,
      failed: this.#failed(record),
      conversation: undefined,
    };
    this.#unmatched.set(key, arrow);
    if (this.#unmatched.size > UNMATCHED) this.#unmatched.delete(this.#unmatched.keys().next().value);
    this.arrows.push(arrow);
    this.#bySeq.set(record.seq, arrow);
    this.conversations.place(arrow, record);
  }

  /** A 401 or 407 is what flow 1 expects, unless the request that it answers brought credentials (RFC
   *  3261 §22.1); 487 is what a CANCEL asks for. */
  #failed(record) {
    if (record.leg === "cx") return CX_FAILED.test(record.summary);
    const transaction = `${record.call_id} ${/^CSeq:\s*(.*)$/im.exec(record.text)?.[1]}`;
    if (/^(?:Proxy-)?Authorization:\s*(?:Bearer|.*\bresponse="?[0-9a-f])/im.test(record.text)) {
      this.#presented.add(transaction);
      if (this.#presented.size > UNMATCHED) this.#presented.delete(this.#presented.values().next().value);
    }
    if (/^40[17]\b/.test(record.summary) && record.call_id) return this.#presented.has(transaction);
    return FAILED.test(record.summary) && !record.summary.startsWith("487");
  }

  #drop(count) {
    for (const arrow of this.arrows.splice(0, count)) {
      for (const seq of arrow.seqs) this.#bySeq.delete(seq);
      this.conversations.forget(arrow);
    }
    return count;
  }
}

/** Who sent a record's message to whom. A WIC has no tap of its own: the record of its peer names it. */
function ends(record) {
  let peer = record.peer;
  if (peer === "wic" && record.leg === "https") {
    // The eP-CSCF fetches the keys; everything else on W1 is the page's doing.
    peer = record.summary.endsWith("/.well-known/jwks.json") ? "epcscf" : "browser";
  }
  return record.direction === "out" ? { from: record.node, to: peer } : { from: peer, to: record.node };
}
