// A clock that a test moves, put into a page before its own scripts. It stands still but for
// `clock.pass`, in which timers run out in order and promises run between them. What the page does on
// the network is counted; the network itself is real.

(() => {
  const real = { setTimeout: window.setTimeout.bind(window), clearTimeout: window.clearTimeout.bind(window) };
  const { Date, WebSocket } = window;
  const fetch = window.fetch.bind(window);
  const began = Date.now();
  const moment = performance.now.bind(performance);

  let now = 0;
  let last = 0;
  const timers = new Map();
  const set = (again) => (run, delay, ...args) => {
    const every = Math.max(again ? 1 : 0, Number(delay) || 0);
    timers.set(++last, { id: last, at: now + every, every: again && every, run: () => run(...args) });
    return last;
  };
  const first = () => [...timers.values()].reduce((a, b) => (a && a.at <= b.at ? a : b), undefined);
  const runOut = (timer) => {
    if (timer.every) timer.at += timer.every;
    else timers.delete(timer.id);
    try {
      timer.run();
    } catch (error) {
      reportError(error);
    }
  };
  window.setTimeout = set(false);
  window.setInterval = set(true);
  window.clearTimeout = window.clearInterval = (id) => timers.delete(id);
  performance.now = () => now;
  window.Date = class extends Date {
    constructor(...args) {
      args.length ? super(...args) : super(began + now);
    }
    static now = () => Math.floor(began + now);
  };

  const did = { connects: 0, sent: 0, received: 0, closes: 0, closed: 0, fetches: 0, tokens: [] };
  let fetching = 0;
  const sockets = new Set();
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      did.connects++;
      sockets.add(this);
      this.addEventListener("message", () => did.received++);
      this.addEventListener("close", () => (sockets.delete(this), did.closed++));
    }
    send(data) {
      if (this.readyState === WebSocket.OPEN) did.sent++;
      super.send(data);
    }
    close(...args) {
      did.closes++;
      super.close(...args);
    }
  };
  window.fetch = async (...args) => {
    did.fetches++;
    fetching++;
    try {
      const answer = await fetch(...args);
      const { token } = await answer.clone().json().catch(() => ({}));
      if (token) did.tokens.push(token);
      return answer;
    } finally {
      fetching--;
    }
  };

  const acts = () => did.connects + did.sent + did.closes + did.fetches;
  const channel = new MessageChannel();
  const turn = () =>
    new Promise((resolve) => {
      channel.port1.onmessage = resolve;
      channel.port2.postMessage(0);
    });
  const rest = (millis) => new Promise((resolve) => real.setTimeout(resolve, millis));
  const busy = (socket) => socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > 0;

  window.clock = {
    real,
    // Until the page does nothing more at once, `received` messages have come and `closed` connections
    // have ended; at most 5 s.
    async settle(received, closed) {
      const until = moment() + 5000;
      for (let quiet = 0; quiet < 3 && moment() < until; ) {
        await rest(1);
        const due = [...timers.values()].filter((timer) => timer.at <= now);
        due.sort((a, b) => a.at - b.at).forEach((timer) => timers.has(timer.id) && runOut(timer));
        const waits = (sockets.size && did.received < received) || did.closed < closed;
        quiet = due.length || fetching || waits || [...sockets].some(busy) ? 0 : quiet + 1;
      }
      return did;
    },
    // Moves on until the page acts on the network, at most `limit` ms; gives how far that was.
    async pass(limit) {
      const [from, before] = [now, acts()];
      for (let timer; (timer = first()) && timer.at <= from + limit; ) {
        now = Math.max(now, timer.at);
        runOut(timer);
        await turn();
        if (acts() !== before) return now - from;
      }
      now = from + limit;
      return limit;
    },
    // Clicks an element once it is there; gives whether it was within 5 s.
    async press(selector) {
      for (const until = moment() + 5000; moment() < until; await rest(5)) {
        const element = document.querySelector(selector);
        if (element && !element.disabled) return element.click(), true;
      }
      return false;
    },
  };
})();
