// Puts the console together.

import { $, say } from "./dom.js";
import { exportMenu } from "./exports.js";
import { Feed } from "./feed.js";
import { filterBar } from "./filter-bar.js";
import { Filter } from "./filter.js";
import { openHelp } from "./help.js";
import { Ladder } from "./ladder.js";
import { MessageView } from "./message.js";
import { scrub } from "./scrub.js";
import { Store } from "./store.js";

const store = new Store();
const filter = new Filter();
const feed = new Feed(store);
const ladder = new Ladder(store, filter);
const message = new MessageView(store, ladder);
const exporting = exportMenu(ladder);
/** What the views share, and what a test may reach for. */
export const app = { store, filter, feed, ladder, message };

filterBar(store, filter);
scrub(store, ladder);

ladder.addEventListener("selected", (event) => message.show(event.detail));
ladder.addEventListener("opened", () => message.focus());
message.addEventListener("take-apart", (event) => {
  given = event.detail.given;
  location.hash = `tools/${event.detail.tool}`;
});

feed.addEventListener("state", ({ detail }) => {
  $("feed").dataset.state = detail;
  $("feed-text").textContent = { connecting: "connecting", live: "live", lost: "connection lost; trying again" }[detail];
});

$("pause").addEventListener("click", () => pause(!ladder.paused));
$("clear").addEventListener("click", clear);
$("help-open").addEventListener("click", openHelp);

function pause(on) {
  ladder.pause(on);
  $("pause").setAttribute("aria-pressed", String(on));
  $("pause").textContent = on ? "Go on" : "Pause";
  say(on ? "Paused" : "Live");
}

function clear() {
  ladder.clear();
  message.arrow && message.isOpen && message.close();
  say("Cleared");
}

/** Shows everything: no filter, nothing cleared. */
function everything() {
  ladder.unclear();
  filter.reset();
}

// Views. Those that are not needed at first are loaded when they are asked for.

let given;
const opened = {};

async function view(name) {
  opened[name] ??= {
    lessons: () => import("./lessons.js").then((module) => module.lessons(app)),
    faults: () => import("./faults.js").then((module) => module.faults(app)),
    tools: () => import("./tools.js").then((module) => module.tools(app)),
    ladder: async () => undefined,
  }[name]();
  return opened[name];
}

async function route() {
  const [path, query] = location.hash.slice(1).split("?");
  const [first, ...rest] = path.split("/");
  const name = ["lessons", "faults", "tools"].includes(first) ? first : "ladder";
  const before = document.body.dataset.view;
  document.body.dataset.view = name;
  for (const link of document.querySelectorAll(".views a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  $("tools").hidden = name !== "tools";
  $("trace").hidden = name === "tools";
  $("side").hidden = name !== "lessons" && name !== "faults";
  $("message").hidden = name === "tools" || !document.body.classList.contains("with-message");
  if (before !== name && before !== "tools" && name !== "tools" && message.isOpen) message.close();
  if (before !== name && filter.within) filter.set({ within: undefined });
  const shown = await view(name).catch((error) => {
    delete opened[name];
    $(name === "tools" ? "tools" : "side").replaceChildren(`This view can’t be loaded: ${error.message}`);
  });
  if (document.body.dataset.view !== name) return;
  shown?.show(rest.map(decodeURIComponent), given);
  given = undefined;
  const wanted = new URLSearchParams(query ?? "");
  if (wanted.has("q")) filter.set({ text: wanted.get("q") });
}

addEventListener("hashchange", route);

// Keys that work everywhere but where one writes.

const KEYS = {
  "/": () => $("filter").focus(),
  "?": openHelp,
  " ": () => pause(!ladder.paused),
  f: () => filter.set({ failures: !filter.failures }),
  c: clear,
  r: everything,
  e: () => exporting.open(),
  x: () => $("message").querySelector("[data-testid=explain]")?.click(),
  "[": () => message.isOpen && message.step(-1),
  "]": () => message.isOpen && message.step(1),
  n: () => $("side").querySelector("[data-testid=next-step]:not(:disabled)")?.click(),
  1: () => (location.hash = "ladder"),
  2: () => (location.hash = "lessons"),
  3: () => (location.hash = "faults"),
  4: () => (location.hash = "tools"),
};

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("help").open) {
    if (event.target === $("filter") && $("filter").value) filter.set({ text: ($("filter").value = "") });
    else if (message.isOpen) message.close();
    return;
  }
  const writing = event.target.closest("input:not([type=range]), select, textarea, [contenteditable]");
  if (writing || event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (event.key === " " && event.target.closest("button, summary, a")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

route();
feed.start();
