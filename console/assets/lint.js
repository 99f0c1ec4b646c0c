// What is wrong with a message, and where: on which line, by which rule.

import { long, parse, value, values } from "./sip.js";

/** `[{line, text, clause}]`; line 0 is the first, "body" the body. */
export function problems(arrow) {
  if (!["wss", "mw"].includes(arrow.leg)) return [];
  const message = parse(arrow.text);
  const found = [];
  const at = (line, text, clause) => found.push({ line, text, clause });
  if (message.kind === "other") {
    at(0, arrow.text.trim() === "" ? "Nothing but line ends: a keep-alive." : "Neither a request line nor a status line of SIP/2.0.", "RFC 3261 §7.1, §7.2");
    return found;
  }
  if (!message.complete) at(message.headers.at(-1)?.to ?? 0, "No empty line ends the headers.", "RFC 3261 §7");
  for (const header of message.headers) {
    if (!header.name) at(header.from, "Not a header: there is no colon.", "RFC 3261 §7.3.1");
    else if (/[^\w.!%*+`'~-]/.test(header.name)) at(header.from, "A header’s name has characters that no token has.", "RFC 3261 §25.1");
    if (header.value.includes("\uFFFD")) at(header.from, "Octets here are not UTF-8.", "RFC 3261 §7.3.1");
  }
  mandatory(message, at);
  body(message, arrow, at);
  if (arrow.leg === "wss") edge(message, arrow, at);
  return found;
}

function mandatory(message, at) {
  for (const name of ["Via", "From", "To", "Call-ID", "CSeq"]) {
    const there = values(message, name.toLowerCase());
    if (there.length === 0) at(0, `${name} is missing.`, "RFC 3261 §8.1.1");
    if (there.length > 1 && name !== "Via") at(line(message, name, 1), `${name} may stand once only.`, "RFC 3261 §7.3.1");
  }
  const cseq = /^(\d+)\s+(\S+)$/.exec(value(message, "cseq") ?? "");
  if (value(message, "cseq") && !cseq) at(line(message, "CSeq"), "CSeq is a number and a method.", "RFC 3261 §20.16");
  else if (cseq && message.method && cseq[2] !== message.method) at(line(message, "CSeq"), `CSeq’s method is not ${message.method}.`, "RFC 3261 §8.1.1.5");
  const hops = value(message, "max-forwards");
  if (message.kind === "request" && hops === undefined) at(0, "Max-Forwards is missing.", "RFC 3261 §8.1.1.6");
  if (hops !== undefined && !/^\d{1,3}$/.test(hops)) at(line(message, "Max-Forwards"), "Max-Forwards is a number from 0 to 255.", "RFC 3261 §20.22");
}

function body(message, arrow, at) {
  const said = value(message, "content-length");
  const has = new TextEncoder().encode(message.body).length;
  if (said !== undefined && Number(said) !== has) {
    const second = /^(?:SIP\/2\.0 \d{3}|[A-Z]+ \S+ SIP\/2\.0)/m.test(message.body);
    const text = second ? "A second SIP message follows in the same frame." : `Content-Length says ${said}, the body has ${has} octets.`;
    at(line(message, "Content-Length"), text, arrow.leg === "wss" ? "RFC 7118 §5" : "RFC 3261 §18.3");
  }
}

/** What a WIC may not write: it is removed at the trust boundary, or refused. */
function edge(message, arrow, at) {
  if (!arrow.from.startsWith("wic")) return;
  const NETWORK = [
    "p-asserted-identity", "p-asserted-service", "p-associated-uri", "p-called-party-id", "p-charging-vector",
    "p-charging-function-addresses", "p-profile-key", "p-served-user", "p-visited-network-id", "path",
    "service-route", "feature-caps", "record-route",
  ];
  for (const header of message.headers) {
    const name = long(header.name);
    const response = message.kind === "response";
    if (NETWORK.includes(name) && !(response && name === "record-route")) at(header.from, "Only the network writes this: the eP-CSCF takes it out.", "TS 24.229 §4.4");
    if (/integrity-protected/i.test(header.value)) at(header.from, "A client can’t vouch for itself: integrity-protected is taken out.", "TS 33.203 P.3");
    if (name === "p-access-network-info" && /network-provided/i.test(header.value)) at(header.from, "network-provided is the network’s to say.", "TS 24.229 §4.4");
  }
  const via = value(message, "via");
  if (message.kind === "request" && via && !/^SIP\/2\.0\/WSS?\s/i.test(via)) at(line(message, "Via"), "Over WebSocket the transport is WS or WSS.", "RFC 7118 §5.2");
  if (message.method !== "REGISTER") return;
  const schemes = values(message, "authorization").map((v) => v.split(" ", 1)[0].toLowerCase());
  if (schemes.includes("bearer") && schemes.includes("digest")) at(line(message, "Authorization"), "Token and digest at once: refused, so that neither can weaken the other.", "the testbed’s policy");
  if (uri(value(message, "from")) !== uri(value(message, "to"))) at(line(message, "From"), "From is not To: somebody registers for somebody else.", "TS 33.203 Annex X, REQ 2.4");
}

const uri = (text) => /<([^;>]*)/.exec(text ?? "")?.[1] ?? text;

function line(message, name, nth = 0) {
  return message.headers.filter((header) => long(header.name) === name.toLowerCase())[nth]?.from ?? 0;
}
