// One message, taken apart: what it is, what each line says, what changed since the hop before.

import { about } from "./about.js";
import { title } from "./conversations.js";
import { $, clause, clock, el, say, span } from "./dom.js";
import { counterpart, hops, previous } from "./hops.js";
import { otherLines, sipLines } from "./lines.js";
import { problems } from "./lint.js";
import { kindOf, label, short, transport } from "./nodes.js";
import { parse, value, values } from "./sip.js";

export class MessageView extends EventTarget {
  #store;
  #ladder;
  #panel = $("message");
  #changes = true;
  #explained = false;
  arrow;

  constructor(store, ladder) {
    super();
    this.#store = store;
    this.#ladder = ladder;
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  show(arrow) {
    this.arrow = arrow;
    const top = this.#panel.scrollTop;
    const { arrows } = this.#store;
    const way = hops(arrows, arrow);
    const before = this.#changes ? previous(arrows, arrow) : undefined;
    const sip = arrow.leg === "wss" || arrow.leg === "mw";
    const found = problems(arrow);
    const message = sip ? parse(arrow.text) : undefined;
    this.#panel.replaceChildren(
      this.#head(arrow, way),
      this.#about(arrow, found),
      way.length > 1 ? this.#way(arrow, way) : "",
      sip ? this.#controls(arrow, message, way) : this.#copies(arrow),
      sip ? sipLines(message, before && parse(before.text), arrow.from, found) : otherLines(arrow),
    );
    for (const details of this.#panel.querySelectorAll("details.hl")) details.open = this.#explained;
    const wasOpen = this.isOpen;
    this.#panel.hidden = false;
    document.body.classList.add("with-message");
    if (wasOpen && this.#shownCall === arrow.call) this.#panel.scrollTop = top;
    else this.#panel.scrollTop = 0;
    this.#shownCall = arrow.call;
  }

  #shownCall;

  close() {
    this.#panel.hidden = true;
    document.body.classList.remove("with-message");
    this.#ladder.focus();
  }

  focus() {
    this.#panel.focus({ preventScroll: false });
  }

  /** Goes to the hop before (-1) or after (1). */
  step(by) {
    const way = hops(this.#store.arrows, this.arrow);
    const next = way[way.indexOf(this.arrow) + by];
    if (next) this.#go(next);
  }

  #go(arrow) {
    if (!this.#ladder.selectArrow(arrow)) this.show(arrow);
    say(`${arrow.summary}, from ${label(arrow.from)} to ${label(arrow.to)}`);
  }

  #head(arrow, way) {
    const at = way.indexOf(arrow);
    const name = (end) => label(this.#store.conversations.node(arrow, end));
    const move = (by, text, sign) => el("button", { type: "button", class: "small", disabled: !way[at + by], title: `${text} (${by < 0 ? "[" : "]"})`, aria: { label: text }, onclick: () => this.#go(way[at + by]) }, sign);
    return el("header", { class: "message-head" },
      el("h2", { data: { testid: "message-title" } }, arrow.summary),
      el("div", { class: "message-moves" },
        move(-1, "The hop before", "‹"), move(1, "The hop after", "›"),
        el("button", { type: "button", class: "small", data: { testid: "message-close" }, aria: { label: "Close the message" }, title: "Close (Esc)", onclick: () => this.close() }, "✕")),
      el("p", { class: "message-ends" }, el("b", {}, name(arrow.from)), " → ", el("b", {}, name(arrow.to)), el("span", { class: "leg-name", data: { leg: arrow.leg } }, el("span", { class: "sample", aria: { hidden: "true" } }), transport(arrow.transport))),
      el("p", { class: "message-facts" },
        el("time", {}, clock(arrow.time)),
        arrow.otherTime !== undefined && arrow.otherTime !== arrow.time ? ` · arrived after ${span(Math.abs(arrow.otherTime - arrow.time))}` : "",
        arrow.flow || arrow.step ? ` · ${[arrow.flow && `flow ${arrow.flow}`, arrow.step && `step ${arrow.step}`].filter(Boolean).join(", ")}` : arrow.half ? ` · ${arrow.half}` : "",
        arrow.conversation ? ` · ${title(arrow.conversation)}` : "",
        ` · ${arrow.text.length.toLocaleString("en")} octets`));
  }

  #about(arrow, found) {
    const said = about(arrow);
    const late = found.filter((problem) => problem.line !== "body").length;
    return el("div", { class: "message-about", data: { failed: String(arrow.failed) } },
      said && el("p", {}, said[0], " ", clause(said[1])),
      found.length ? el("p", { class: "problem-count" }, `⚠ ${late} ${late === 1 ? "place is" : "places are"} marked below`) : "");
  }

  /** The hops of this message as a path. */
  #way(arrow, way) {
    return el("ol", { class: "way", aria: { label: "Hops of this message" } }, way.map((hop) =>
      el("li", {}, el("button", { type: "button", class: "hop", data: { leg: hop.leg }, aria: hop === arrow ? { current: "step" } : {}, onclick: () => this.#go(hop) }, `${short(hop.from)} → ${short(hop.to)}`))));
  }

  #controls(arrow, message, way) {
    const before = previous(this.#store.arrows, arrow);
    const other = counterpart(this.#store.arrows, arrow);
    const toggle = (text, on, testid, change, disabled) => el("button", { type: "button", class: "small", disabled, data: { testid }, aria: { pressed: String(on) }, onclick: () => { change(); this.show(this.arrow); } }, text);
    return el("div", { class: "message-tools" },
      before
        ? toggle(`Changes by ${label(arrow.from)}`, this.#changes, "changes", () => (this.#changes = !this.#changes))
        : el("span", { class: "muted" }, way.indexOf(arrow) === 0 && kindOf(arrow.from) !== "wic" ? `${label(arrow.from)} wrote it` : "First hop: nothing to compare with"),
      toggle("Explain every header", this.#explained, "explain", () => (this.#explained = !this.#explained)),
      other && el("button", { type: "button", class: "small", onclick: () => this.#go(other) }, message.kind === "response" ? "Its request" : "Its response"),
      this.#copy(arrow),
      takeApart(message, arrow).map(([tool, text, given]) => el("button", { type: "button", class: "small take", data: { testid: `take-${tool}` }, onclick: () => this.dispatchEvent(new CustomEvent("take-apart", { detail: { tool, given } })) }, text)));
  }

  #copies(arrow) {
    const origin = arrow.leg === "upgrade" && /https?:\/\/\S+/.exec(arrow.text)?.[0];
    return el("div", { class: "message-tools" }, this.#copy(arrow),
      origin && el("button", { type: "button", class: "small take", onclick: () => this.dispatchEvent(new CustomEvent("take-apart", { detail: { tool: "origin", given: { origin } } })) }, "Compare the Origin"));
  }

  #copy(arrow) {
    return el("button", { type: "button", class: "small", onclick: async () => {
      await navigator.clipboard.writeText(arrow.text.replace(/(Bearer\s+(?:access_token=")?[\w-]+\.[\w-]+\.)[\w-]+/gi, "$1‹signature›"));
      say("Copied, without secrets");
    } }, "Copy");
  }
}

/** What of a message can be taken apart: `[tool, label, what to fill in]`. */
function takeApart(message, arrow) {
  const found = [];
  const credentials = value(message, "authorization") ?? "";
  // The trace holds no token: one has to be issued anew.
  if (/^Bearer\b/i.test(credentials)) found.push(["token", "Check a token", {}]);
  if (/^Digest\b/i.test(credentials) && /response="[0-9a-f]+"/i.test(credentials)) {
    const given = Object.fromEntries([...credentials.matchAll(/([\w-]+)=(?:"([^"]*)"|([^,\s]+))/g)].map(([, key, quoted, bare]) => [key, quoted ?? bare]));
    found.push(["digest", "Compute the digest", { ...given, method: message.method }]);
  }
  const flow = [...values(message, "path"), ...values(message, "route"), ...values(message, "record-route")].join(" ");
  const flowToken = /<sips?:([\w-]{20,})@/.exec(flow)?.[1];
  if (flowToken) found.push(["flow-token", "Read the flow token", { token: flowToken }]);
  const impu = /<?(sip:[^;>\s]+)/.exec(value(message, "to") ?? "")?.[1];
  if (arrow.flow === 3 && impu) found.push(["wildcard", "Match the range", { impu }]);
  return found;
}
