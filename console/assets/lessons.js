// Guided lessons: the steps of a flow down the side, each lighting up as its messages pass.

import * as api from "./api.js";
import { $, clause, count, el, say } from "./dom.js";

const STATES = {
  idle: "Not begun",
  starting: "Starting",
  running: "Running",
  waiting: "Halted: press Next to let the step happen",
  done: "Done: every step is lit",
  failed: "Failed",
  cancelled: "Ended before its end",
};

const OVER = ["done", "failed", "cancelled"];

export async function lessons(app) {
  const view = new Lessons(app);
  await view.load();
  return view;
}

class Lessons {
  #app;
  #all = [];
  #failure;
  #lesson;
  /** The newest run of each lesson. */
  #runs = new Map();
  #picked;

  constructor(app) {
    this.#app = app;
    app.feed.addEventListener("run", ({ detail }) => this.#happened(detail));
  }

  async load() {
    try {
      this.#all = await api.lessons();
    } catch (error) {
      this.#failure = error.message;
    }
  }

  show([id]) {
    this.#lesson = this.#all.find((lesson) => lesson.id === id);
    this.#picked = undefined;
    if (this.#lesson) this.#look();
    this.#draw();
    $("side").scrollTop = 0;
  }

  #draw() {
    if (document.body.dataset.view !== "lessons") return;
    const side = $("side");
    side.setAttribute("aria-label", "Lessons");
    if (this.#lesson) side.replaceChildren(...this.#one(this.#lesson));
    else side.replaceChildren(...this.#list());
  }

  #list() {
    if (this.#failure) return [el("h2", {}, "Lessons"), el("p", { class: "side-failure", role: "alert" }, `The lessons can’t be read: ${this.#failure}`)];
    return [
      el("h2", {}, "Lessons"),
      el("p", { class: "muted" }, this.#all.length ? "Each runs against the nodes of this testbed; you see its real messages, all at once or step by step." : "This process runs no lessons: start them with testbed up."),
      el("ol", { class: "lesson-list" }, this.#all.map((lesson) => el("li", {}, el("a", { class: "card", href: `#lessons/${lesson.id}`, data: { testid: `lesson-${lesson.id}` } },
        el("strong", {}, lesson.title), el("span", {}, lesson.about), el("span", { class: "card-foot" }, clause(lesson.clause), el("small", {}, count(lesson.steps.length, "step"))))))),
    ];
  }

  #one(lesson) {
    const run = this.#runs.get(lesson.id);
    const state = run?.state ?? "idle";
    const active = run && !OVER.includes(state);
    const button = (text, testid, act, more = {}) => el("button", { type: "button", data: { testid }, onclick: act, ...more }, text);
    return [
      el("p", { class: "back" }, el("a", { href: "#lessons" }, "‹ All lessons")),
      el("h2", {}, lesson.title),
      el("p", { class: "muted" }, lesson.about, " ", clause(lesson.clause)),
      el("div", { class: "side-actions" },
        active
          ? [button("Next", "next-step", () => this.#next(run), { class: "primary", disabled: state !== "waiting", title: "Next step (N)" }), button("End it", "cancel-run", () => this.#cancel(run))]
          : [button("Run through", "run-through", () => this.#start(lesson, false), { class: "primary" }), button("Step by step", "run-steps", () => this.#start(lesson, true))]),
      el("p", { class: "run-state", role: "status", data: { state, testid: "run-state" } }, STATES[state], run?.why ? `: ${run.why}` : "", state === "waiting" && run.held ? el("code", { class: "run-held", data: { testid: "run-held" } }, run.held) : ""),
      el("ol", { class: "steps", data: { testid: "steps" } }, lesson.steps.map((step, at) => this.#step(step, at, run))),
    ];
  }

  #step(step, at, run) {
    const state = run?.steps[at]?.state ?? "pending";
    const records = run?.steps[at]?.records ?? [];
    const picked = this.#picked === at;
    return el("li", { class: "lesson-step", data: { state, testid: `step-${at}` }, aria: picked ? { current: "step" } : {} },
      el("span", { class: "step-number", aria: { hidden: "true" } }, step.number),
      el("div", {},
        el("h3", {}, el("span", { class: "visually-hidden" }, `Step ${step.number}, ${state}: `), step.title),
        el("p", {}, step.text), el("p", {}, clause(step.clause)),
        records.length ? el("button", { type: "button", class: "small", aria: { pressed: String(picked) }, onclick: () => this.#pick(at) }, picked ? "Show the whole run" : `Show its ${count(records.length, "message")}`) : undefined));
  }

  async #start(lesson, stepByStep) {
    const run = { lesson: lesson.id, state: "starting", from: this.#app.store.lastSeq, steps: lesson.steps.map(() => ({ state: "pending", records: [] })) };
    this.#runs.set(lesson.id, run);
    this.#picked = undefined;
    this.#look();
    this.#draw();
    try {
      const { run: id } = await api.startLesson(lesson.id, stepByStep);
      run.id = id;
      if (run.state === "starting") run.state = "running";
    } catch (error) {
      run.state = "failed";
      run.why = error.message;
    }
    this.#draw();
  }

  async #next(run) {
    await this.#ask(run, () => api.nextStep(run.id));
  }

  async #cancel(run) {
    await this.#ask(run, () => api.cancelRun(run.id));
  }

  async #ask(run, ask) {
    try {
      await ask();
    } catch (error) {
      run.why = error.message;
      this.#draw();
    }
  }

  /** A run that another page or a script began is shown as well. */
  #happened({ run: id, lesson, state, step, records, held, why }) {
    let run = this.#runs.get(lesson);
    if (!run || (run.id !== undefined && run.id !== id)) {
      const known = this.#all.find((one) => one.id === lesson);
      if (!known) return;
      run = { lesson, from: this.#app.store.lastSeq, steps: known.steps.map(() => ({ state: "pending", records: [] })) };
      this.#runs.set(lesson, run);
    }
    run.id = id;
    run.state = state === "lit" ? "running" : state;
    run.held = held;
    if (why) run.why = why;
    const at = run.steps[step];
    if (at) {
      at.state = state;
      if (records?.length) at.records = [...new Set([...at.records, ...records])];
    }
    if (OVER.includes(run.state)) {
      run.to = this.#app.store.lastSeq;
      if (run.state !== "failed") for (const one of run.steps) if (one.state === "waiting" || one.state === "running") one.state = "pending";
      say(STATES[run.state]);
    }
    if (this.#lesson?.id !== lesson) return;
    this.#draw();
    if (document.body.dataset.view !== "lessons") return;
    $("side").querySelector(`[data-testid="step-${step}"]`)?.scrollIntoView({ block: "nearest" });
  }

  #pick(at) {
    this.#picked = this.#picked === at ? undefined : at;
    this.#look();
    this.#draw();
  }

  /** The ladder shows the run, or the picked step of it. */
  #look() {
    if (document.body.dataset.view !== "lessons") return;
    const run = this.#runs.get(this.#lesson.id);
    if (!run) return this.#app.filter.set({ within: undefined });
    const records = this.#picked === undefined ? undefined : new Set(run.steps[this.#picked].records);
    const within = records ? (arrow) => arrow.seqs.some((seq) => records.has(seq)) : (arrow) => arrow.seq > run.from && arrow.seq <= (run.to ?? Infinity);
    this.#app.filter.set({ within });
    const first = records && this.#app.ladder.items.findIndex((item) => !item.gap);
    if (records && first >= 0) this.#app.ladder.select(first);
  }
}
