// A wildcarded identity: which range an IMPU falls in, and which part of it where.

import * as api from "./api.js";
import { clause, el } from "./dom.js";
import { check, tool } from "./tool-form.js";

const TRY = ["sip:guest-042@partner.ims.example", "sip:guest-@PARTNER.ims.example", "sip:alice@ims.example", "sip:guest-042@ims.example", "tel:+15551234567"];

export const wildcard = {
  id: "wildcard",
  title: "Wildcard",
  short: "which range an IMPU falls in",
  make() {
    return tool({
      title: "Wildcarded identity",
      lead: "One subscription can stand for a whole range of identities: a regular expression between two exclamation marks in the user part. A distinct identity always comes before a range.",
      source: "TS 23.003 §13.4A; TS 23.228 §4.3.3.2b",
      above: (fill) => el("p", { class: "tool-above" }, "Try ", TRY.map((impu) => el("button", { type: "button", class: "small", onclick: () => fill({ impu }) }, impu.replace(/^sip:/, "")))),
      fields: [
        { name: "impu", label: "IMPU", hint: "any", value: TRY[0] },
        { name: "ranges", label: "Ranges", hint: "one a line; empty takes those of the demo’s WWSFs", kind: "area" },
      ],
      compute: ({ impu, ranges }) => api.compute("wildcard", { impu: impu.trim(), ranges: ranges.trim() ? ranges.trim().split(/\s*\n\s*/) : undefined }),
      render: (found) => [
        el("div", { class: "outcome", data: { ok: String(Boolean(found.winner)), testid: "wildcard-outcome" } }, `${found.impu} ${found.why}`,
          found.distinct ? el("p", {}, "A WWSF with a range may not give it away: the eP-CSCF refuses it with 403. ", clause("TS 23.228 §4.3.3.2b")) : undefined),
        el("ul", { class: "checks" }, found.ranges.map((range) => check("", range.matched || !found.winner ? range.matched : undefined, range.range, [range.wwsf ? `Assigned to ${range.wwsf}. ` : "", range.why ?? "", range.pieces ? spread(range) : pattern(range)]))),
        found.ranges.length ? undefined : el("p", { class: "muted" }, "The eP-CSCF has no range."),
      ],
    });
  },
};

function spread({ pieces, ...range }) {
  const piece = (text, kind, of) => el("span", { class: kind }, text || "\u200b", el("small", {}, of || "nothing"));
  return el("span", { class: "spread", data: { testid: "pieces" } }, piece(pieces.prefix, "prefix", range.prefix), piece(pieces.expression, "matched", range.expression), piece(pieces.suffix, "suffix", range.suffix), pieces.host && piece(`@${pieces.host}`, "suffix", range.host));
}

function pattern(range) {
  return el("span", { class: "spread" }, el("span", { class: "prefix" }, range.prefix || "\u200b", el("small", {}, "literally")), el("span", { class: "matched" }, range.expression, el("small", {}, "matched")), el("span", { class: "suffix" }, range.suffix || "\u200b", el("small", {}, "literally")), range.host && el("span", { class: "suffix" }, `@${range.host}`, el("small", {}, "host")));
}
