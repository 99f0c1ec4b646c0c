// Break it: one thing goes wrong on purpose, and what the network makes of it.

import * as api from "./api.js";
import { $, clause, count, el, say } from "./dom.js";

export async function faults(app) {
  const view = new Faults(app);
  await view.load();
  return view;
}

class Faults {
  #app;
  #all = [];
  #failure;
  /** What came of each, by id: `{state: "running" | "done" | "error", …}`. */
  #outcomes = new Map();
  #running = false;
  #stop = false;

  constructor(app) {
    this.#app = app;
  }

  async load() {
    try {
      this.#all = await api.faults();
    } catch (error) {
      this.#failure = error.message;
    }
  }

  show([id]) {
    this.#draw();
    if (id) document.getElementById(`fault-${id}`)?.scrollIntoView();
  }

  #draw() {
    if (document.body.dataset.view !== "faults") return;
    const side = $("side");
    side.setAttribute("aria-label", "Break it");
    const top = side.scrollTop;
    side.replaceChildren(...this.#page());
    side.scrollTop = top;
  }

  #page() {
    const heading = el("h2", {}, "Break it");
    if (this.#failure) return [heading, el("p", { class: "side-failure", role: "alert" }, `The faults can’t be read: ${this.#failure}`)];
    const groups = Map.groupBy(this.#all, (fault) => fault.group);
    return [
      heading,
      el("p", { class: "muted" }, this.#all.length ? "Each breaks one thing in this demo, looks at what happens, and mends it again." : "This process has nothing to break: start it with testbed up."),
      this.#all.length ? this.#summary() : "",
      ...[...groups].map(([group, list]) => el("section", { class: "fault-group", aria: { label: group } }, el("h3", {}, group), list.map((fault) => this.#fault(fault)))),
    ];
  }

  #summary() {
    const done = [...this.#outcomes.values()].filter((outcome) => outcome.state === "done");
    const right = done.filter((outcome) => outcome.as_expected).length;
    return el("div", { class: "side-actions" },
      this.#running && this.#all.length > 1
        ? el("button", { type: "button", data: { testid: "stop-faults" }, disabled: this.#stop, onclick: () => { this.#stop = true; this.#draw(); } }, "Stop")
        : el("button", { type: "button", data: { testid: "run-all-faults" }, onclick: () => this.#each() }, `Run all ${this.#all.length}`),
      el("span", { class: "muted", role: "status", data: { testid: "faults-summary" } }, done.length ? `${right} of ${done.length} as expected` : ""));
  }

  #fault(fault) {
    const outcome = this.#outcomes.get(fault.id);
    const state = outcome?.state ?? "idle";
    const verdict = state === "done" ? (outcome.as_expected ? "as-expected" : "otherwise") : state;
    const line = (term, text, more) => [el("dt", {}, term), el("dd", more ?? {}, text)];
    return el("article", { class: "fault", id: `fault-${fault.id}`, data: { verdict, testid: `fault-${fault.id}` } },
      el("header", {}, el("h4", {}, fault.title), el("button", { type: "button", class: "small", disabled: this.#running, data: { testid: `run-${fault.id}` }, aria: { label: `Break it: ${fault.title}` }, onclick: () => this.#run(fault) }, state === "running" ? "Running" : state === "idle" ? "Break it" : "Again")),
      el("dl", {},
        line("Breaks", fault.breaks),
        line("Should", [fault.expected, " ", clause(fault.clause)]),
        state === "done" ? line("Did", outcome.observed) : "",
        state === "error" ? line("Did", `not run: ${outcome.why}`) : ""),
      el("p", { class: "verdict", data: { testid: "verdict" } },
        verdict === "as-expected" ? "✓ As expected" : verdict === "otherwise" ? "✗ Otherwise" : verdict === "error" ? "! Could not be run" : "",
        state === "done" && outcome.records.length ? el("button", { type: "button", class: "small", data: { testid: "show-messages" }, onclick: () => this.#reveal(outcome) }, `Show ${count(outcome.records.length, "message")}`) : ""));
  }

  async #run(fault) {
    this.#running = true;
    await this.#one(fault);
    this.#running = false;
    this.#draw();
  }

  async #one(fault) {
    this.#outcomes.set(fault.id, { state: "running" });
    this.#draw();
    try {
      const outcome = { state: "done", ...(await api.runFault(fault.id)) };
      this.#outcomes.set(fault.id, outcome);
      say(`${fault.title}: ${outcome.as_expected ? "as expected" : "otherwise"}. ${outcome.observed}`);
      this.#reveal(outcome);
    } catch (error) {
      this.#outcomes.set(fault.id, { state: "error", why: error.message });
    }
    this.#draw();
  }

  async #each() {
    this.#running = true;
    this.#stop = false;
    for (const fault of this.#all) {
      if (this.#stop) break;
      document.getElementById(`fault-${fault.id}`)?.scrollIntoView({ block: "nearest" });
      await this.#one(fault);
    }
    this.#running = false;
    this.#draw();
  }

  /** Shows the messages of a fault, the one that tells at the top. */
  #reveal(outcome) {
    if (document.body.dataset.view !== "faults") return;
    const records = new Set(outcome.records);
    this.#app.filter.set({ within: (arrow) => arrow.seqs.some((seq) => records.has(seq)) });
    const { items } = this.#app.ladder;
    const telling = items.findLastIndex((item) => item.failed);
    if (items.length) this.#app.ladder.reveal(telling >= 0 ? telling : items.length - 1);
  }
}
