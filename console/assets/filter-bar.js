// The controls above the ladder.

import { entry } from "./conversations.js";
import { $, eachFrame, el } from "./dom.js";
import { LEGS } from "./nodes.js";

/** How many conversations the list offers. */
const OFFERED = 200;

export function filterBar(store, filter) {
  const text = $("filter");
  const conversation = $("conversation");
  const step = $("step");
  const failures = $("failures");

  $("filter-bar").addEventListener("submit", (event) => event.preventDefault());
  let typing = 0;
  text.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => filter.set({ text: text.value }), 120);
  });
  conversation.addEventListener("change", () => filter.set({ conversation: conversation.value }));
  step.addEventListener("change", () => filter.set({ step: step.value }));
  failures.addEventListener("click", () => filter.set({ failures: !filter.failures }));
  legend(filter);

  filter.addEventListener("changed", () => {
    if (text.value !== filter.text && document.activeElement !== text) text.value = filter.text;
    conversation.value = filter.conversation;
    step.value = filter.step;
    failures.setAttribute("aria-pressed", String(filter.failures));
  });

  let shown = -1;
  const offer = eachFrame(() => {
    if (store.conversations.version === shown) return;
    shown = store.conversations.version;
    const newest = [...store.conversations.all.values()].slice(-OFFERED).reverse();
    conversation.replaceChildren(
      el("option", { value: "" }, "All registrations and calls"),
      ...newest.map((c) => el("option", { value: c.id }, entry(c))),
    );
    conversation.value = filter.conversation;
    if (filter.conversation && conversation.value !== filter.conversation) filter.set({ conversation: "" });
  });
  store.addEventListener("added", offer);
  store.addEventListener("reset", offer);
  offer();
}

function legend(filter) {
  for (const [leg, [name, what]] of Object.entries(LEGS)) {
    const button = el(
      "button",
      {
        type: "button",
        class: "leg",
        title: what,
        data: { leg, testid: `leg-${leg}` },
        aria: { pressed: "true" },
        onclick: () => {
          if (!filter.hidden.delete(leg)) filter.hidden.add(leg);
          filter.set({});
        },
      },
      el("span", { class: "sample", aria: { hidden: "true" } }),
      name,
    );
    $("legend").append(el("li", { hidden: leg === "other" }, button));
    filter.addEventListener("changed", () => button.setAttribute("aria-pressed", String(!filter.hidden.has(leg))));
  }
  $("legend").append(el("li", { class: "failure-key" }, el("span", { aria: { hidden: "true" } }, "✕"), "failed"));
}
