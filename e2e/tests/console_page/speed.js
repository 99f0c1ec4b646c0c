// Puts ten thousand messages into the console's ladder and measures. Its value is `Figures`.
(async () => {
  const { app } = await import(document.querySelector("script[type=module]").src);
  const { store, ladder, filter } = app;
  const kept = await (await fetch("/console/api/trace?last=1000")).json();
  const seed = kept.filter((record) => store.arrows.includes(store.bySeq(record.seq)) && store.bySeq(record.seq).seq === record.seq);
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  let seq = store.lastSeq;
  let time = seed.at(-1).time_us;
  const more = (count) =>
    Array.from({ length: count }, (_, at) => {
      const record = seed[at % seed.length];
      const round = Math.floor(seq / seed.length);
      seq += 1;
      time += 150;
      return { ...record, seq, time_us: time, call_id: record.call_id && `${record.call_id}-${round}` };
    });

  const all = more(10_000 - store.arrows.length);
  let from = performance.now();
  store.add(all);
  await frame();
  const append_all_ms = performance.now() - from;
  const messages = store.arrows.length;

  const appending = [];
  for (let batch = 0; batch < 20; batch += 1) {
    const fifty = more(50);
    from = performance.now();
    store.add(fifty);
    appending.push(performance.now() - from);
    await frame();
  }

  const list = document.getElementById("ladder-list");
  list.scrollTop = 0;
  await frame();
  const frames = [];
  let last = performance.now();
  for (let at = 0; at < 120; at += 1) {
    await new Promise((done) => requestAnimationFrame(done));
    const now = performance.now();
    frames.push(now - last);
    last = now;
    list.scrollTop += 900;
  }

  from = performance.now();
  filter.set({ text: "register" });
  await frame();
  const filter_ms = performance.now() - from;
  return {
    messages,
    rows_in_document: document.querySelectorAll(".row").length,
    append_all_ms,
    append_50_ms: median(appending),
    scroll_frame_ms: median(frames),
    filter_ms,
  };
})()
