// The lines of a message: coloured, explained, with what changed since the hop before.

import { body as showBody, token } from "./bodies.js";
import { cx } from "./cx.js";
import { headerDiff, lineDiff, lost, runs } from "./diff.js";
import { clause, el } from "./dom.js";
import { explain, explainChange, explainParam } from "./headers.js";
import { kindOf, label } from "./nodes.js";
import { params, pieces, value } from "./sip.js";

const SIGNS = { "+": "added", "-": "removed", "~": "rewritten" };

/** A SIP message. `before` is the same message at the hop before, parsed, or nothing. */
export function sipLines(message, before, by, problems) {
  const at = (line) => problems.filter((problem) => problem.line === line);
  const marks = before ? headerDiff(before, message) : message.headers.map((header) => ({ sign: " ", header, name: header.name, value: header.value }));
  return el("div", { class: "lines", data: { testid: "lines" } },
    start(message, before, by, at(0)),
    marks.map((mark) => header(mark, by, mark.sign === "-" ? [] : range(mark.header).flatMap(at))),
    content(message, before, at("body")));
}

/** Cx, HTTP, and what is no SIP. */
export function otherLines(arrow) {
  if (arrow.leg === "cx") return el("div", { class: "lines" }, cx(arrow.text));
  const text = arrow.text || arrow.summary;
  return el("div", { class: "lines" }, text.split(/\r?\n/).map((line) => el("div", { class: "ml bare" }, line || "\u200b")));
}

const range = (header) => Array.from({ length: header.to - header.from + 1 }, (_, at) => header.from + at);

function start(message, before, by, problems) {
  const changed = before && before.start !== message.start;
  const why = changed && explainChange(kindOf(by), "start line", "");
  const cut = message.start.split(" ");
  const shown = message.kind === "response"
    ? [el("span", { class: "muted" }, cut[0]), " ", el("b", { class: "status" }, cut.slice(1).join(" "))]
    : message.kind === "request" ? [el("b", { class: "method" }, cut[0]), " ", changed ? run(before.start.split(" ")[1] ?? "", cut[1] ?? "") : cut[1], " ", el("span", { class: "muted" }, cut.slice(2).join(" "))] : [message.start];
  return el("div", { class: "ml start", data: { sign: changed ? "~" : " " } },
    gutter(changed ? "~" : " "), el("span", { class: "content" }, shown), was(changed ? before.start : undefined), notes(problems), why && el("p", { class: "why-changed" }, why));
}

function header(mark, by, problems) {
  const { name } = mark;
  const change = mark.sign !== " " && explainChange(kindOf(by), name, mark.value);
  const known = name && explain(name, mark.value);
  const said = SIGNS[mark.sign];
  const summary = el("summary", { aria: said ? { label: `${name}, ${said} by ${label(by)}: ${mark.value}` } : {} },
    gutter(mark.sign),
    el("span", { class: "content" }, el("span", { class: "name" }, name), name ? ": " : "", mark.sign === "~" ? run(mark.before, mark.value) : valueOf(name, mark.value)),
    mark.sign === "~" && replaced(mark) ? was(mark.before.replace(/^(Bearer\s+).*$/i, "$1‹token›")) : "",
    notes(problems));
  const gone = mark.sign === "~" ? lost(mark.before, mark.value) : [];
  return el("details", { class: "ml hl", data: { sign: mark.sign, header: name.toLowerCase() } }, summary,
    el("div", { class: "why" },
      known ? [el("p", {}, known.what), el("dl", {}, el("dt", {}, "Added by"), el("dd", {}, known.who), el("dt", {}, "Why"), el("dd", {}, known.why)), clause(known.clause)] : el("p", {}, "Not a header that the console knows; proxies pass it on unchanged (RFC 3261 §16.6)."),
      said && el("p", { class: "change", data: { sign: mark.sign } }, el("strong", {}, `${said[0].toUpperCase()}${said.slice(1)} by ${label(by)}. `), change, gone.length ? [" Gone: ", gone.map((part, at) => [at ? ", " : "", el("code", {}, part)]), "."] : ""),
      parts(name, mark.value)));
}

function parts(name, text) {
  const rows = params(name, text).map(([key, given]) => [key, given, explainParam(name, text, key)]).filter(([, , meaning]) => meaning);
  if (!rows.length) return undefined;
  return el("table", { class: "parts" }, el("tbody", {}, rows.map(([key, given, meaning]) => el("tr", {}, el("th", { scope: "row" }, key), el("td", {}, el("code", {}, given.replace(/^"(.*)"$/, "$1") || "–")), el("td", {}, meaning)))));
}

/** A value with its parts in colour; tokens without their signature. */
function valueOf(name, text) {
  const bearer = /^(Bearer\s+(?:access_token=")?)([\w-]+\.[\w-]+\.[\w-]+)("?.*)$/i.exec(text);
  if (bearer) return [el("b", {}, bearer[1]), token(bearer[2]), bearer[3]];
  return pieces(text, ";,").map((piece, at) => [at ? el("span", { class: "muted" }, text[piece.at - 1]) : "", piece.text.includes("<") ? colourUri(piece.text) : el("span", { class: at && piece.text.includes("=") ? "param" : "plain-value" }, piece.text)]);
}

function colourUri(text) {
  const cut = /^(.*?)<([^>]*)>(.*)$/s.exec(text);
  return cut ? [cut[1], el("span", { class: "muted" }, "<"), el("span", { class: "uri" }, cut[2]), el("span", { class: "muted" }, ">"), cut[3]] : text;
}

function run(before, after) {
  if (/^Bearer\s/i.test(after)) return valueOf("", after);
  return runs(before, after).map(([text, isNew]) => (isNew ? el("ins", {}, text) : text));
}

/** Nothing of the value is left. */
const replaced = ({ before, value: after }) => runs(before, after).every(([text, isNew]) => isNew || text.trim().length < 2);

function gutter(sign) {
  return el("span", { class: "sign", aria: { hidden: "true" } }, sign === "-" ? "−" : sign);
}

const was = (text) => text && el("span", { class: "was" }, el("span", { class: "visually-hidden" }, "was "), el("del", {}, text));

function notes(problems) {
  return problems.map((problem) => el("span", { class: "problem", data: { testid: "problem" } }, "⚠ ", problem.text, " ", clause(problem.clause)));
}

function content(message, before, problems) {
  if (!message.body && !before?.body) return undefined;
  const type = value(message, "content-type") ?? (before && value(before, "content-type"));
  const changed = before && before.body !== message.body;
  const { title, node } = showBody(type, message.body);
  return el("section", { class: "body", aria: { label: title } },
    el("h3", {}, title, before && el("small", {}, changed ? "changed at this hop" : "unchanged")),
    notes(problems),
    changed ? el("div", { class: "plain" }, lineDiff(before.body, message.body).map(([sign, text]) => el("div", { class: "ml", data: { sign } }, gutter(sign), el("span", { class: "content" }, text || "\u200b")))) : node);
}
