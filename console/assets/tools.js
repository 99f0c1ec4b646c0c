// Take apart: what the nodes compute, step by step, with values of one's own. The server computes, with
// the code that the nodes run.

import { $, el } from "./dom.js";
import { digest } from "./tool-digest.js";
import { flowToken } from "./tool-flow-token.js";
import { origin } from "./tool-origin.js";
import { token } from "./tool-token.js";
import { wildcard } from "./tool-wildcard.js";

const TOOLS = [digest, token, wildcard, flowToken, origin];

export async function tools() {
  const views = new Map();
  const content = el("div", { class: "tool-content" });
  const tabs = TOOLS.map((tool) => el("a", { href: `#tools/${tool.id}`, data: { testid: `tool-${tool.id}` } }, el("strong", {}, tool.title), el("small", {}, tool.short)));
  $("tools").append(el("nav", { class: "tool-tabs", aria: { label: "What to take apart" } }, tabs), content);
  return {
    show([id], given) {
      const tool = TOOLS.find((one) => one.id === id) ?? TOOLS[0];
      for (const [at, tab] of tabs.entries()) {
        if (TOOLS[at] === tool) tab.setAttribute("aria-current", "page");
        else tab.removeAttribute("aria-current");
      }
      if (!views.has(tool)) views.set(tool, tool.make());
      const view = views.get(tool);
      content.replaceChildren(view.node);
      if (given) view.fill(given);
    },
  };
}
