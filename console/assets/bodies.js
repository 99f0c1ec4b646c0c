// Bodies as people read them: SDP, registration information, JSON, Cx.

import { el } from "./dom.js";

/** What a body is shown as: `{title, node}`. */
export function body(type, text) {
  const kind = (type ?? "").split(";", 1)[0].trim().toLowerCase();
  if (kind === "application/sdp") return { title: "Session description (SDP)", node: sdp(text) };
  if (kind.endsWith("xml")) return { title: kind === "application/reginfo+xml" ? "Registration information (RFC 3680)" : "XML", node: xml(text) };
  if (kind.endsWith("json")) return { title: "JSON", node: json(text) };
  if (kind === "application/jwt") return { title: "Security token", node: el("p", { class: "ml" }, token(text.trim())) };
  return { title: kind || "Body", node: el("div", { class: "plain" }, lines(text)) };
}

const lines = (text) => text.split(/\r?\n/).map((line) => el("div", { class: "ml" }, line || "\u200b"));

/** A compact JWS without its secret part. */
export function token(text) {
  const [header, payload, signature] = text.split(".");
  if (signature === undefined) return [text];
  return [
    el("span", { class: "jwt-header", title: "header" }, brief(header)),
    ".",
    el("span", { class: "jwt-payload", title: "claims" }, brief(payload)),
    ".",
    el("span", { class: "jwt-signature", title: "The signature is kept back" }, `‹signature, ${signature.length} characters›`),
  ];
}

const brief = (part) => (part.length > 44 ? `${part.slice(0, 28)}…${part.slice(-8)}` : part);

const SDP = {
  v: "version of SDP",
  o: "who made the session, its id and version",
  s: "name of the session",
  c: "address for media",
  t: "from when until when; 0 0 is open",
  m: "media: kind, port, transport, payload types",
  b: "bandwidth",
};

const ATTRIBUTES = {
  group: "m-lines bundled on one port; the eP-CSCF may not let IMS see it (TS 23.228 U.1.1)",
  mid: "name of this m-line",
  msid: "which stream and track of the page",
  "msid-semantic": "how msid is meant",
  candidate: "an address to try (ICE, RFC 8839)",
  "end-of-candidates": "no more addresses will come",
  "ice-ufrag": "ICE’s user name part",
  "ice-pwd": "ICE’s password; proves connectivity checks",
  "ice-options": "ICE extensions",
  "ice-lite": "answers checks, makes none",
  fingerprint: "hash of the DTLS certificate: ties the media to the signalling (RFC 8122)",
  setup: "who opens DTLS (RFC 5763)",
  "tls-id": "names the DTLS association (RFC 8842)",
  "rtcp-mux": "RTP and RTCP share a port (RFC 5761)",
  "rtcp-rsize": "RTCP may be shorter (RFC 5506)",
  "rtcp-fb": "feedback that is understood (RFC 4585)",
  rtcp: "where RTCP goes (RFC 3605)",
  rtpmap: "payload type to codec",
  fmtp: "the codec’s parameters",
  ptime: "milliseconds of sound in a packet",
  maxptime: "at most so many milliseconds",
  ssrc: "names the sender’s stream",
  "ssrc-group": "streams that belong together",
  extmap: "RTP header extension",
  "extmap-allow-mixed": "one- and two-byte extensions may mix",
  sendrecv: "both ways",
  sendonly: "from here only: hold, when re-offered",
  recvonly: "to here only",
  inactive: "no media",
};

function sdp(text) {
  return el("div", { class: "plain sdp" }, text.split(/\r?\n/).filter(Boolean).map((line) => {
    const [key, rest] = [line[0], line.slice(2)];
    const attribute = key === "a" ? rest.split(":", 1)[0] : "";
    const meaning = attribute ? ATTRIBUTES[attribute] : SDP[key];
    const shown = attribute === "ice-pwd" ? `${attribute}:‹kept back›` : rest;
    return el("div", { class: key === "m" ? "ml media" : "ml" },
      el("b", {}, key), "=", attribute ? [el("i", {}, attribute), shown.slice(attribute.length)] : shown,
      meaning && el("small", {}, meaning));
  }));
}

function json(text) {
  try {
    return pretty(JSON.stringify(JSON.parse(text), undefined, 2), /("(?:\\.|[^"])*")(\s*:)?|\b(true|false|null|-?\d[\d.eE+-]*)\b/g, ([whole, string, colon, word]) =>
      string ? [el("span", { class: colon ? "key" : "string" }, string), colon ?? ""] : [el("span", { class: "word" }, word ?? whole)]);
  } catch {
    return el("div", { class: "plain" }, lines(text));
  }
}

function xml(text) {
  return pretty(indent(text), /<[^>]*>/g, ([tag]) => [el("span", { class: "tag-name" }, tag)]);
}

function indent(text) {
  let depth = 0;
  const parts = text.replace(/>\s*</g, ">\n<").split("\n");
  return parts.map((part) => {
    if (/^<\//.test(part)) depth = Math.max(0, depth - 1);
    const line = "  ".repeat(depth) + part.trim();
    if (/^<[^!?/]/.test(part) && !/\/>$/.test(part) && !/<\//.test(part)) depth += 1;
    return line;
  }).join("\n");
}

function pretty(text, pattern, render) {
  const node = el("div", { class: "plain pre" });
  let done = 0;
  for (const match of text.matchAll(pattern)) {
    node.append(text.slice(done, match.index), ...render(match));
    done = match.index + match[0].length;
  }
  node.append(text.slice(done));
  return node;
}
