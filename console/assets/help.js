// The keys, and a word on how to read the ladder.

import { $, el } from "./dom.js";

const KEYS = [
  ["/", "Filter"],
  ["↑ ↓ · j k", "Message before, after"],
  ["Page Up · Page Down · Home · End", "Further"],
  ["Shift + ↑ ↓", "Select several, for export"],
  ["Enter", "Read the message"],
  ["[ ]", "Same message, hop before and after"],
  ["x", "Explain every header"],
  ["Space", "Pause, go on"],
  ["f", "Failures alone"],
  ["c", "Clear"],
  ["r", "Show everything again"],
  ["e", "Export"],
  ["n", "Next step of a lesson"],
  ["1 2 3 4", "Ladder, lessons, break it, take apart"],
  ["Esc", "Close"],
  ["?", "This help"],
];

export function openHelp() {
  const dialog = $("help");
  if (!dialog.children.length) {
    dialog.append(
      el("form", { method: "dialog" },
        el("header", {}, el("h2", { id: "help-title" }, "Keys"), el("button", { class: "small", aria: { label: "Close" } }, "✕")),
        el("dl", { class: "keys" }, KEYS.map(([key, what]) => [el("dt", {}, key.split(" ").map((part) => (/^[·+]$/.test(part) ? ` ${part} ` : [el("kbd", {}, part), " "]))), el("dd", {}, what)])),
        el("h2", {}, "The filter"),
        el("p", {}, "Words must all occur somewhere in a message. ", el("code", {}, "leg:cx"), ", ", el("code", {}, "node:hss"), ", ", el("code", {}, "from:wic"), ", ", el("code", {}, "to:scscf"), ", ", el("code", {}, "step:3"), ", ", el("code", {}, "flow:2"), ", ", el("code", {}, "call:…"), ", ", el("code", {}, "seq:10-20"), " and ", el("code", {}, "is:failed"), " look at one thing; a minus turns a term round, quotes keep words together."),
        el("h2", {}, "Reading the ladder"),
        el("p", {}, "Time runs down. The number at the left is flow and step as the specification counts them (1·4 is flow 1, step 4); orig, term and dialog are the parts of a call, which has no numbers there. Each leg has its own colour and its own kind of line. Vermilion with a cross is a refusal.")));
  }
  dialog.showModal();
}
