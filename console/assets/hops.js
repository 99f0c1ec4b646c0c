// The same message at its other hops.

import { kindOf } from "./nodes.js";
import { parse, value } from "./sip.js";

/** How far back one looks. */
const WINDOW = 2_000;

/** What makes two messages the same one at different hops. */
function key(arrow) {
  if (!arrow.call) return undefined;
  if (arrow.hopKey === undefined) {
    const message = parse(arrow.text);
    arrow.hopKey = message.kind === "other" ? null : `${arrow.call} ${value(message, "cseq")} ${message.status ?? message.method}`;
  }
  return arrow.hopKey ?? undefined;
}

/** All hops of a message, in the order in which they happened. */
export function hops(arrows, arrow) {
  const same = key(arrow);
  if (!same) return [arrow];
  const at = indexOf(arrows, arrow);
  const near = arrows.slice(Math.max(0, at - WINDOW), at + WINDOW);
  return near.filter((other) => other.call === arrow.call && key(other) === same);
}

/** The hop that brought it to the node that sent this one; none where it began. */
export function previous(arrows, arrow) {
  const way = hops(arrows, arrow);
  const before = way.slice(0, way.indexOf(arrow));
  return before.findLast((other) => kindOf(other.to) === kindOf(arrow.from));
}

/** The request that a response answers, or the response to a request, on the same hop. */
export function counterpart(arrows, arrow) {
  const branch = topBranch(arrow);
  if (!branch) return undefined;
  const at = indexOf(arrows, arrow);
  const response = arrow.text.startsWith("SIP/2.0");
  const near = response ? arrows.slice(Math.max(0, at - WINDOW), at).reverse() : arrows.slice(at + 1, at + WINDOW);
  return near.find((other) => other.call === arrow.call && other.text.startsWith("SIP/2.0") !== response && topBranch(other) === branch);
}

function topBranch(arrow) {
  return /^(?:Via|v)\s*:[^\n]*?;branch=([^;,\s]+)/im.exec(arrow.text)?.[1];
}

/** Arrows are in the order of `seq`. */
export function indexOf(arrows, arrow) {
  let [low, high] = [0, arrows.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (arrows[middle].seq === arrow.seq) return middle;
    if (arrows[middle].seq < arrow.seq) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
