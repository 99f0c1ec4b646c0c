// Where messages come from: what the hub kept, then what it sees.

import * as api from "./api.js";

/** The most that one answer has. */
const PAGE = 10_000;

/** Fills the store, says how it goes (`state`), and hands on what lessons do (`run`). */
export class Feed extends EventTarget {
  #store;
  #source;
  #pending = [];
  #timer = 0;
  #reading = 0;

  constructor(store) {
    super();
    this.#store = store;
  }

  async start() {
    this.#state("connecting");
    await this.#read(() => api.newest(PAGE));
    this.#listen();
  }

  #listen() {
    const source = (this.#source = api.events(this.#store.lastSeq));
    const json = (event) => JSON.parse(event.data);
    source.addEventListener("record", (event) => this.#later(json(event)));
    source.addEventListener("lost", (event) => this.#gap(json(event).count));
    source.addEventListener("run", (event) => {
      // The records that a run speaks of came before.
      this.#flush();
      this.dispatchEvent(new CustomEvent("run", { detail: json(event) }));
    });
    let first = true;
    source.addEventListener("open", async () => {
      this.#state("live");
      if (!first && (await this.#isNew())) this.#again();
      first = false;
    });
    source.addEventListener("error", () => {
      this.#state("lost");
      // The browser tries again by itself, unless the server answered with an error.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.#again(), 2_000);
    });
  }

  /** A testbed that was restarted counts from 1 again. */
  async #isNew() {
    const [newest] = await api.newest(1).catch(() => []);
    return newest !== undefined && newest.seq < this.#store.lastSeq;
  }

  async #again() {
    this.#source.close();
    if (await this.#isNew()) this.#store.reset();
    await this.start();
  }

  /** What was sent too fast for this page is read afterwards, unless the hub forgot it. */
  async #gap(count) {
    this.#flush();
    const before = this.#store.lastSeq;
    await this.#read(() => api.trace(before, PAGE));
    if (this.#store.lastSeq === before) this.#store.missed(count);
  }

  /** What comes meanwhile waits, so that the store sees everything in order. */
  async #read(ask) {
    this.#reading += 1;
    try {
      this.#store.add(await ask());
    } catch {
      this.#state("lost");
    } finally {
      this.#reading -= 1;
    }
    this.#flush();
  }

  #later(record) {
    this.#pending.push(record);
    this.#timer ||= setTimeout(() => this.#flush(), 30);
  }

  #flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#pending.length && !this.#reading) this.#store.add(this.#pending.splice(0));
  }

  #state(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
