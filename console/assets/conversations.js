// Which registration, call or message a message belongs to. SIP has its Call-ID; what has none (HTTP,
// the upgrade, Cx) is told by connection, trace context and identity.

import { clock } from "./dom.js";
import { kindOf } from "./nodes.js";

/** How far back an HTTP request may be tied to the REGISTER that its token was for. */
const LOOK_BACK = 200;

const NAMES = {
  REGISTER: "Registration",
  INVITE: "Call",
  MESSAGE: "Message",
  SUBSCRIBE: "Subscription",
  OPTIONS: "Query",
};

export class Conversations {
  /** By id, the newest last. */
  all = new Map();
  /** How often names or members changed: whoever shows them compares. */
  version = 0;
  /** The newest registration, and the newest of everything else, by identity. */
  #registrations = new Map();
  #calls = new Map();
  #connections = new Map();
  #recentHttp = [];

  /** Gives an arrow its conversation, and its WIC a name. */
  place(arrow, record) {
    const remote = client(arrow, record);
    if (remote) arrow.connection = remote;
    if (arrow.leg === "https") {
      this.#recentHttp.push(arrow);
      if (this.#recentHttp.length > LOOK_BACK) this.#recentHttp.shift();
      return;
    }
    if (arrow.call) return this.#sip(arrow);
    if (arrow.leg === "upgrade") {
      const connection = this.#connection(remote);
      if (connection.conversation) connection.conversation = undefined; // The port is used again.
      connection.waiting = (connection.waiting ?? []).concat(arrow).slice(-4);
      return;
    }
    // Who is called is looked up for the call; everything else on Cx is about a registration.
    const located = /^LI[RA]\b/.test(arrow.summary);
    const known = arrow.subject && (located ? this.#calls : this.#registrations).get(arrow.subject);
    if (known) this.#join(arrow, known);
  }

  forget(arrow) {
    const conversation = arrow.conversation;
    if (!conversation) return;
    conversation.size -= 1;
    if (conversation.size > 0) return;
    this.all.delete(conversation.id);
    this.version += 1;
  }

  /** The node that an end of an arrow is: a WIC whose name is known has it behind "wic". */
  node(arrow, end) {
    if (end !== "wic" || !arrow.connection) return end;
    const name = this.#connections.get(arrow.connection)?.name;
    return name ? `wic ${name}` : end;
  }

  #sip(arrow) {
    let conversation = this.all.get(arrow.call);
    if (!conversation) {
      conversation = { id: arrow.call, kind: method(arrow), who: who(arrow), flow: arrow.flow, time: arrow.time, size: 0, failed: false };
      this.all.set(arrow.call, conversation);
      this.version += 1;
    }
    conversation.flow ??= arrow.flow;
    this.#join(arrow, conversation);
    const known = conversation.kind === "REGISTER" ? this.#registrations : this.#calls;
    const impi = /username="([^"]+)"/.exec(arrow.text)?.[1];
    for (const identity of [arrow.subject, impi]) if (identity) known.set(identity, conversation);
    if (known.size > 20_000) known.clear();
    if (conversation.kind === "REGISTER" && arrow.leg === "wss") this.#registers(arrow, conversation);
  }

  /** A REGISTER names its connection, and claims the upgrade and the token before it. */
  #registers(arrow, conversation) {
    const connection = this.#connection(arrow.connection);
    const name = user(arrow.subject);
    if (name && connection.name !== name) {
      connection.name = name;
      this.version += 1;
    }
    if (connection.conversation === conversation) return;
    connection.conversation = conversation;
    for (const waiting of connection.waiting ?? []) this.#join(waiting, conversation);
    connection.waiting = undefined;
    const token = this.#recentHttp.findLast((http) => !http.conversation && http.subject && http.subject === arrow.subject);
    if (!token) return;
    const together = (http) => http.remote === token.remote || (token.trace && http.trace === token.trace);
    for (const http of this.#recentHttp) if (!http.conversation && together(http)) this.#join(http, conversation);
  }

  #join(arrow, conversation) {
    if (arrow.conversation) return;
    arrow.conversation = conversation;
    conversation.size += 1;
    conversation.failed ||= arrow.failed;
  }

  #connection(remote) {
    let connection = this.#connections.get(remote);
    if (!connection) {
      connection = {};
      this.#connections.set(remote, connection);
      if (this.#connections.size > 20_000) this.#connections.delete(this.#connections.keys().next().value);
    }
    return connection;
  }
}

/** How a conversation is called in a list. */
export function title(conversation) {
  const what = NAMES[conversation.kind] ?? conversation.kind;
  const flow = conversation.flow ? ` · flow ${conversation.flow}` : "";
  return `${what} · ${conversation.who}${flow}${conversation.failed ? " · failed" : ""}`;
}

/** The same with its time, for a list where several are alike. */
export const entry = (conversation) => `${title(conversation)} · ${clock(conversation.time).slice(0, 8)}`;

/** The WIC's end of its connection, which the eP-CSCF's record names. */
function client(arrow, record) {
  const wic = kindOf(arrow.from) === "wic" || kindOf(arrow.to) === "wic";
  if (!wic) return undefined;
  return kindOf(record.node) === "wic" ? record.local : record.remote;
}

function method(arrow) {
  return /^CSeq:\s*\d+\s+(\S+)/im.exec(arrow.text)?.[1] ?? arrow.summary.split(" ", 1)[0];
}

function who(arrow) {
  const from = user(/^(?:From|f)\s*:\s*(.*)$/im.exec(arrow.text)?.[1]);
  const to = user(/^(?:To|t)\s*:\s*(.*)$/im.exec(arrow.text)?.[1]);
  return from === to || !from ? (to ?? "?") : `${from} → ${to}`;
}

/** The user part of a SIP or tel URI. */
function user(value) {
  return /(?:sips?|tel):([^@;>\s]+)/i.exec(value ?? "")?.[1];
}
