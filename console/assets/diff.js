// What one hop made of a message: lines added, removed, rewritten.

import { long, pieces } from "./sip.js";

/** `[{sign: " " | "+" | "-" | "~", name, value, before, header}]` in the new message's order. */
export function headerDiff(before, after) {
  const left = before.headers.map((header) => ({ header, used: false }));
  const marks = after.headers.map((header) => ({ sign: "+", header, name: header.name, value: header.value, before: undefined }));
  const open = (name) => left.filter((old) => !old.used && long(old.header.name) === name);
  const pair = (mark, old) => {
    old.used = true;
    mark.sign = old.header.value === mark.value ? " " : "~";
    mark.before = old.header.value;
    mark.old = old;
  };
  for (const mark of marks) {
    const same = open(long(mark.header.name)).find((old) => old.header.value === mark.value);
    if (same) pair(mark, same);
  }
  // Of what is left, the likest go together first: a Via with `received` added is no new Via.
  const likely = marks
    .filter((mark) => mark.sign === "+")
    .flatMap((mark) => open(long(mark.header.name)).map((old) => ({ mark, old, like: likeness(old.header.value, mark.value) })))
    .sort((a, b) => b.like - a.like);
  for (const { mark, old, like } of likely) if (mark.sign === "+" && !old.used && like > 0.5) pair(mark, old);
  for (const mark of marks) {
    const name = long(mark.header.name);
    const rest = open(name);
    if (mark.sign === "+" && rest.length === 1 && !LISTS.has(name)) pair(mark, rest[0]);
  }
  return withRemoved(marks, left);
}

/** Removed lines stand where they stood: after the line that they followed. */
function withRemoved(marks, left) {
  const result = [...marks];
  let anchor;
  for (const old of left) {
    if (old.used) {
      anchor = old;
      continue;
    }
    const line = { sign: "-", header: old.header, name: old.header.name, value: old.header.value };
    const at = anchor ? result.findIndex((mark) => mark.old === anchor || mark.own === anchor) + 1 : 0;
    line.own = old;
    result.splice(at, 0, line);
    anchor = old;
  }
  return result;
}

/** Headers that grow and shrink by whole entries. */
const LISTS = new Set(["via", "route", "record-route", "path"]);

/** How much of two values is the same, from 0 to 1. */
function likeness(a, b) {
  const [left, right] = [parts(a), parts(b)];
  const same = right.filter((part) => left.includes(part)).length;
  return same / Math.max(1, Math.min(left.length, right.length));
}

const parts = (text) => pieces(text, ";,").flatMap((piece) => piece.text.trim().split(/\s+/)).filter(Boolean);

/** A rewritten value as `[text, isNew]` runs. */
export function runs(before, after) {
  const old = new Set(tokens(before));
  const result = [];
  for (const token of tokens(after)) {
    const isNew = !old.has(token);
    const last = result.at(-1);
    if (last && last[1] === isNew) last[0] += token;
    else result.push([token, isNew]);
  }
  return result;
}

/** What a rewritten value lost. */
export function lost(before, after) {
  if (/^Bearer\s/i.test(before) && !/^Bearer\s/i.test(after)) return ["the token"];
  const now = new Set(tokens(after));
  return tokens(before).filter((token) => !now.has(token) && token.trim().length > 1).map((token) => token.replace(/^[;,\s]+/, ""));
}

function tokens(text) {
  return text.match(/[;,]?\s*(?:"(?:\\.|[^"])*"|[^;,"\s]|=")+"?|\s+|[;,]/g) ?? [];
}

/** Lines of two bodies, by their longest common part. */
export function lineDiff(before, after) {
  const [a, b] = [before.split(/\r?\n/), after.split(/\r?\n/)];
  if (a.length * b.length > 250_000) return [...a.map((text) => ["-", text]), ...b.map((text) => ["+", text])];
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  }
  const result = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      result.push([" ", a[i]]);
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && table[i + 1][j] >= table[i][j + 1])) result.push(["-", a[i++]]);
    else result.push(["+", b[j++]]);
  }
  return result;
}
