// A tool: fields on the left, what comes of them on the right, again with each change.

import { clause, el } from "./dom.js";

/** Makes a tool's view. `fields` are `{name, label, hint, value, kind}`; `compute(values)` asks the server
 *  and `render(result, values)` gives nodes. `above` stands between the lead and the fields. */
export function tool({ title, lead, source, fields, compute, render, above }) {
  const inputs = new Map();
  const result = el("div", { class: "tool-result", aria: { live: "polite" }, data: { testid: "tool-result" } });
  const form = el("form", { class: "tool-form", novalidate: true });
  let asked = 0;
  let timer = 0;

  const values = () => Object.fromEntries([...inputs].map(([name, input]) => [name, input.value]));
  const run = async () => {
    const mine = (asked += 1);
    const given = values();
    try {
      const found = await compute(given);
      if (mine === asked) result.replaceChildren(...[render(found, given)].flat(Infinity).filter(Boolean));
    } catch (error) {
      if (mine === asked) result.replaceChildren(el("p", { class: "side-failure", role: "alert" }, error.message));
    }
    result.dataset.computed = String(mine);
  };
  const fill = (given) => {
    for (const [name, value] of Object.entries(given)) if (inputs.has(name)) inputs.get(name).value = value;
    clearTimeout(timer);
    return run();
  };

  for (const { name, label, hint, value = "", kind = "text", options } of fields) {
    const id = `tool-${title}-${name}`.replaceAll(" ", "-");
    const shared = { id, name, data: { testid: `field-${name}` }, spellcheck: "false", autocomplete: "off", autocapitalize: "none" };
    const input = kind === "area" ? el("textarea", { rows: 5, ...shared }) : kind === "choice" ? el("select", shared, options.map(([key, text]) => el("option", { value: key }, text))) : el("input", { type: kind, ...shared });
    input.value = value;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(run, 150);
    });
    inputs.set(name, input);
    form.append(el("div", { class: "field" }, el("label", { for: id }, label, hint && el("small", {}, hint)), input));
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });

  const node = el("div", { class: "tool" },
    el("header", {}, el("h1", {}, title), el("p", {}, lead, " ", clause(source))),
    el("div", { class: "tool-columns" }, el("div", {}, above?.(fill), form), result));
  run();
  return { node, fill, run };
}

/** A check with its verdict: `ok` true, false, or undefined when it was not reached. */
export function check(name, ok, title, why, source) {
  const state = ok === undefined ? "skipped" : ok ? "passed" : "failed";
  return el("li", { class: "check-line", data: { state, check: name } },
    el("span", { class: "check-mark", aria: { hidden: "true" } }, ok === undefined ? "–" : ok ? "✓" : "✕"),
    el("div", {}, el("strong", {}, name && `${name} `, title), el("span", { class: "visually-hidden" }, `: ${state === "skipped" ? "not reached" : state}. `), why && el("p", {}, why), clause(source)));
}

/** Names and values, each with what it means. */
export function facts(rows) {
  return el("table", { class: "fact-table" }, el("tbody", {}, rows.filter(Boolean).map(([name, value, meaning]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, el("code", {}, value === "" ? "(empty)" : String(value))), el("td", {}, meaning)))));
}
