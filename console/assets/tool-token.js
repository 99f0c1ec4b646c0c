// A security token: its parts, and what the eP-CSCF checks, in its order.

import * as api from "./api.js";
import { clause, el } from "./dom.js";
import { check, facts, tool } from "./tool-form.js";

const CLAIMS = {
  iss: "who issued it: the WAF",
  aud: "for whom: this eP-CSCF must be named",
  sub: "the web user, or an opaque name; never an IMS identity",
  client_id: "the WWSF; must be the one that the page’s Origin belongs to",
  iat: "issued at",
  nbf: "not before",
  exp: "not after; the registration ends with it",
  jti: "this token’s own name: one live connection at a time",
  scope: "what it is good for; TS 33.203’s own placeholder",
  impi: "the private identity",
  impu: "the public identities that may be registered",
  reg: "tna (flow 2) or range (flow 3)",
};

const HEADER = {
  typ: "kind of token; at+jwt is an access token (RFC 9068)",
  alg: "how it is signed; none and secret keys are refused (RFC 8725)",
  kid: "which of the issuer’s keys",
};

const DEMO = [["alice", "alice-web"], ["bob", "bob-web"], ["carol", "carol-web"]];

export const token = {
  id: "token",
  title: "Token",
  short: "header, claims, checks T0–T9",
  make() {
    const note = el("span", { class: "muted", role: "status" });
    const issue = (fill, username, password) => async () => {
      note.textContent = "asking the WWSF…";
      try {
        const issued = await api.issueToken(username, password);
        note.textContent = `issued for ${issued.impi}, good for ${issued.expires_in} s`;
        await fill({ token: issued.token, to: issued.impu[0] });
      } catch (error) {
        note.textContent = `not issued: ${error.message}`;
      }
    };
    return tool({
      title: "Token",
      lead: "What a WIC of flow 2 or 3 shows instead of a password. The eP-CSCF goes through the checks in this order and stops at the first that fails.",
      source: "TS 33.203 X.3.2.3 step 4; TS 24.371 §7.2.1; RFC 8898",
      above: (fill) => el("p", { class: "tool-above" }, "Issue one for ", DEMO.map(([name, password]) => el("button", { type: "button", class: "small", data: { testid: `issue-${name}` }, onclick: issue(fill, name, password) }, name)), note),
      fields: [
        { name: "token", label: "Token", hint: "stays on this machine", kind: "area" },
        { name: "to", label: "To of the REGISTER", hint: "the IMPU; empty takes the token’s" },
        { name: "from", label: "From", hint: "empty is as To" },
        { name: "impi", label: "IMPI elsewhere in the REGISTER", hint: "may stay empty" },
        { name: "wwsf", label: "WWSF of the connection", hint: "by the page’s Origin; empty takes the token’s" },
        { name: "now", label: "Judge it at", hint: "Unix seconds; empty is now" },
      ],
      compute: ({ token: text, to, from, impi, wwsf, now }) => api.compute("token", { token: text.trim(), to: given(to), from: given(from), impi: given(impi), wwsf: given(wwsf), now: given(now) && Number(now) }),
      render: (found, { token: text }) => [
        text.trim() === "" ? el("p", { class: "muted" }, "Paste a token, or have one issued.") : el("div", { class: "outcome", data: { ok: String(found.flow !== null), testid: "token-outcome" } },
          found.flow ? `Good: it lets in by flow ${found.flow}, from ${found.wwsf}.` : `Refused on a connection of ${found.wwsf}.`),
        el("ol", { class: "checks" }, found.checks.map(({ id, title, verdict, why, clause: source, status }) =>
          check(id, verdict === "skipped" ? undefined : verdict === "pass", title, why && (status ? `${why}. It is answered ${status}.` : why), source))),
        found.header || found.claims ? parts(found, text.trim()) : undefined,
      ],
    });
  },
};

const given = (text) => (text.trim() === "" ? undefined : text.trim());

function parts(found, text) {
  const [header, claims] = text.split(".");
  const { signature } = found;
  return el("section", {},
    el("h2", {}, "Its three parts"),
    el("p", { class: "jws" }, el("span", { class: "jwt-header" }, header), ".", el("span", { class: "jwt-payload" }, claims ?? ""), ".", el("span", { class: "jwt-signature" }, "‹signature, kept back›")),
    found.header && [el("h3", { class: "jwt-header" }, "Header"), rows(found.header, HEADER)],
    found.claims && [el("h3", { class: "jwt-payload" }, "Claims"), rows(found.claims, CLAIMS)],
    el("h3", {}, "Signature"), el("p", {}, signature.valid === true ? "✓ " : signature.valid === false ? "✕ " : "", signature.why, " ", clause("RFC 7515 §5.2")));
}

function rows(json, meanings) {
  return facts(Object.entries(json).map(([name, value]) => [name, ["iat", "nbf", "exp"].includes(name) && Number.isFinite(value) ? `${value} (${new Date(value * 1000).toLocaleString()})` : typeof value === "string" ? value : JSON.stringify(value), meanings[name] ?? ""]));
}
