// Cx messages: the trace has their fields, the console says which AVP each is (TS 29.229 §6.3).

import { el } from "./dom.js";

/** AVPs by the names that the trace gives their fields: name, code, meaning (TS 29.229 §6.3). */
const AVPS = {
  user_name: ["User-Name", 1, "the private identity (IMPI)"],
  public_identity: ["Public-Identity", 601, "the public identity (IMPU) that it is about"],
  public_identities: ["Public-Identity", 601, "the public identities that it is about"],
  visited_network: ["Visited-Network-Identifier", 600, "where the user came in"],
  authorization_type: ["User-Authorization-Type", 623, "register, de-register, or capabilities alone"],
  server_name: ["Server-Name", 602, "the S-CSCF that serves the user"],
  capabilities: ["Server-Capabilities", 603, "what an S-CSCF must have, to choose one"],
  scheme: ["SIP-Authentication-Scheme", 608, "how the S-CSCF means to authenticate; TNA has none"],
  auth: ["SIP-Auth-Data-Item", 612, "what the S-CSCF needs to challenge: realm, qop, HA1"],
  realm: ["Digest-Realm", 104, "whose password"],
  ha1: ["Digest-HA1", 121, "H(IMPI:realm:password); the console keeps it back"],
  alternate: ["Alternate-Digest-HA1", 663, "the same with SHA-256"],
  assignment_type: ["Server-Assignment-Type", 614, "why the S-CSCF asks"],
  user_data_already_available: ["User-Data-Already-Available", 624, "whether the profile must be sent"],
  user_data: ["User-Data", 606, "the service profile"],
  wildcarded: ["Wildcarded-Public-Identity", 634, "the range that the identity falls in"],
  loose_route: ["Loose-Route-Indication", 638, "whether the Request-URI is kept towards the callee"],
  allowed_wafs: ["Allowed-WAF-WWSF-Identities / WAF", 657, "WAFs that may authenticate this user"],
  allowed_wwsfs: ["Allowed-WAF-WWSF-Identities / WWSF", 658, "WWSFs that may serve this user"],
  associated: ["Associated-Identities", 632, "the private identities of the subscription"],
  originating: ["Originating-Request", 633, "asked for the caller’s side"],
  result: ["Result-Code / Experimental-Result", 268, "how it went"],
  impi: ["Private identity", undefined, "whose profile it is"],
  profile: ["Service profile", undefined, "what the S-CSCF is to know of this set of identities"],
  impus: ["Public identities", undefined, "registered together, as one implicit set"],
  identity: ["Identity", undefined, ""],
  barred: ["Barring-Indication", undefined, "may be registered, used for nothing else"],
  default: ["Default identity", undefined, "the first of P-Associated-URI"],
  reason: ["Deregistration-Reason", 615, "why the network ends the registration"],
};

/** A Cx message as a table of AVPs; as it is, when it can't be read. */
export function cx(text) {
  const read = reader(text);
  let fields;
  try {
    fields = read();
  } catch {
    fields = undefined;
  }
  if (!fields || typeof fields !== "object") return el("pre", { class: "plain pre" }, text);
  return el("table", { class: "avps" }, el("tbody", {}, rows(fields, 0)));
}

function rows(fields, depth) {
  return Object.entries(fields).flatMap(([name, value]) => {
    const [avp, code, meaning] = AVPS[name] ?? [name.replaceAll("_", "-"), undefined, ""];
    const absent = value === null || (Array.isArray(value) && value.length === 0);
    const nested = !absent && typeof value === "object" && !(Array.isArray(value) && value.every((one) => typeof one !== "object"));
    const shown = absent ? "absent" : nested ? "" : [value].flat().map((one, at) => [at ? ", " : "", el("code", {}, String(one))]);
    const row = el("tr", { class: absent ? "absent" : "", data: { depth } }, el("th", { scope: "row" }, avp, code && el("small", {}, ` (${code})`)), el("td", {}, shown), el("td", {}, meaning));
    if (!nested) return [row];
    return [row, ...[value].flat().flatMap((one) => (typeof one === "object" ? rows(one, depth + 1) : []))];
  });
}

/** Reads `Name { field: value, … }`, `Name(value)`, `[…]`, texts and words, as the trace writes them.
 *  A name around one value is left out; nothing is null. */
function reader(text) {
  const tokens = text.match(/"(?:\\.|[^"\\])*"|[{}()[\],:]|[^\s{}()[\],:"]+/g) ?? [];
  let at = 0;
  const list = (end) => {
    const found = [];
    while (tokens[at] !== end) {
      found.push(value());
      if (tokens[at] === ",") at += 1;
      if (at >= tokens.length) throw new Error("cut off");
    }
    at += 1;
    return found;
  };
  const fields = () => {
    const found = {};
    while (tokens[at] !== "}") {
      const name = tokens[at];
      at += 2;
      found[name] = value();
      if (tokens[at] === ",") at += 1;
      if (at >= tokens.length) throw new Error("cut off");
    }
    at += 1;
    // An identity in canonical form says it all.
    return found.canonical ?? found;
  };
  function value() {
    const token = tokens[at];
    at += 1;
    if (token === "[") return list("]");
    if (token === "(") return list(")");
    if (token === "{") return fields();
    if (token.startsWith('"')) return JSON.parse(token);
    if (tokens[at] === "{") return (at += 1), fields();
    if (tokens[at] === "(") {
      at += 1;
      const inner = list(")");
      return inner.length === 1 ? inner[0] : inner;
    }
    return token === "None" ? null : token;
  }
  return value;
}
