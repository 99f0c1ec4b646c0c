// Digest, from its parts to the response and to the network's own proof.

import * as api from "./api.js";
import { clause, el } from "./dom.js";
import { tool } from "./tool-form.js";

const EXAMPLES = [
  ["A REGISTER of flow 1", { username: "alice-wic@ims.example", realm: "ims.example", password: "correct horse battery", method: "REGISTER", uri: "sip:ims.example", nonce: "4d0f2c9b7a1e4f6f8a3b5c7d9e0f1a2b", nc: "00000001", cnonce: "0a4f113b5e6d", sent: "" }],
  ["The next one, nc 2", { username: "alice-wic@ims.example", realm: "ims.example", password: "correct horse battery", method: "REGISTER", uri: "sip:ims.example", nonce: "4d0f2c9b7a1e4f6f8a3b5c7d9e0f1a2b", nc: "00000002", cnonce: "0a4f113b5e6d", sent: "" }],
  ["RFC 7616 §3.9.1", { username: "Mufasa", realm: "http-auth@example.org", password: "Circle of Life", method: "GET", uri: "/dir/index.html", nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc: "00000001", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", sent: "" }],
];

const [, FIRST] = EXAMPLES[0];

export const digest = {
  id: "digest",
  title: "Digest",
  short: "HA1, HA2, response, rspauth",
  make() {
    return tool({
      title: "Digest",
      lead: "How the WIC proves that it knows the password without sending it, and how the S-CSCF proves the same in return. H is MD5 or SHA-256; change any part and see what follows.",
      source: "RFC 7616 §3.4; RFC 8760; TS 33.203 Annex N",
      above: (fill) => el("p", { class: "tool-above" }, "Fill in: ", EXAMPLES.map(([name, given]) => el("button", { type: "button", class: "small", onclick: () => fill(given) }, name))),
      fields: [
        { name: "username", label: "username", hint: "the IMPI", value: FIRST.username },
        { name: "realm", label: "realm", hint: "home domain", value: FIRST.realm },
        { name: "password", label: "Password", hint: "of the IMS subscription", value: FIRST.password },
        { name: "method", label: "Method", value: FIRST.method },
        { name: "uri", label: "uri", value: FIRST.uri },
        { name: "nonce", label: "nonce", hint: "from the 401", value: FIRST.nonce },
        { name: "nc", label: "nc", hint: "eight hexadecimal digits", value: FIRST.nc },
        { name: "cnonce", label: "cnonce", hint: "the client’s own", value: FIRST.cnonce },
        { name: "sent", label: "The response that was sent", hint: "to compare; may stay empty", value: "" },
      ],
      compute: ({ sent, ...parts }) => Promise.all(["MD5", "SHA-256"].map((algorithm) => api.compute("digest", { ...parts, qop: "auth", algorithm }))),
      render: ([md5, sha], { sent, password }) => [
        sent.trim() ? compare(sent.trim(), md5, sha, password) : undefined,
        el("div", { class: "two" }, column("MD5", md5), column("SHA-256", sha)),
      ],
    });
  },
};

function column(name, found) {
  return el("section", { data: { algorithm: name }, aria: { label: name } },
    el("h2", {}, name),
    step("HA1", "H(username:realm:password)", found.ha1_input, found.ha1, "The HSS stores this in the password’s place: whoever has it can answer as the user."),
    step("HA2", "H(method:uri)", found.ha2_input, found.ha2, "Ties the answer to this request."),
    step("response", "H(HA1:nonce:nc:cnonce:qop:HA2)", found.response_input, found.response, "What the WIC sends. A new nonce or nc makes it another one.", true),
    step("HA2 of the network", "H(:uri)", found.rspauth_ha2_input, found.rspauth_ha2, "The same without the method, so that nobody can send the WIC’s own response back."),
    step("rspauth", "H(HA1:nonce:nc:cnonce:qop:HA2 of the network)", found.rspauth_input, found.rspauth, "What the 200 brings in Authentication-Info. The WIC gives up if it is wrong.", true));
}

function step(name, formula, input, output, why, key = false) {
  return el("div", { class: key ? "computed key-value" : "computed", data: { step: name } },
    el("h3", {}, name), el("p", { class: "formula" }, formula), el("p", { class: "formula" }, "= H(", el("b", {}, input), ")"), el("code", { class: "value" }, output), el("p", {}, why));
}

function compare(sent, md5, sha, password) {
  const hit = sent === md5.response ? "MD5" : sent === sha.response ? "SHA-256" : undefined;
  return el("div", { class: "outcome", data: { ok: String(Boolean(hit)), testid: "compared" } },
    hit ? `The same: the ${hit} response from this password.` : "Not the same: some part differs.",
    el("p", {}, hit ? "So would the S-CSCF find, and register the user." : password ? ["The S-CSCF answers 403, or challenges again. ", clause("TS 33.203 N.2.2.1")] : "The password is not in the trace: fill it in."));
}
