// What a message is for, in a sentence or two, with the clause.

import { kindOf } from "./nodes.js";

/** `[text, clause]`, or nothing when there is nothing to say. */
export function about(arrow) {
  if (arrow.leg === "https") return web(arrow);
  if (arrow.leg === "upgrade") return upgrade(arrow);
  if (arrow.leg === "cx") return CX[arrow.summary.slice(0, 3)];
  const status = /^SIP\/2\.0 (\d{3})/.exec(arrow.text)?.[1];
  return status ? response(arrow, status) : request(arrow);
}

function web({ summary }) {
  if (summary.includes("/api/login")) return ["The user logs in to the web site. IMS has no part in it: any web login will do.", "TS 23.228 X.2.1.3 step 1"];
  if (summary.includes("/api/token")) return ["The WWSF says which IMS identities are the user’s and signs a token that says so. A WWSF with a range may do it for users it does not know.", "TS 23.228 U.2.1.3, X.2.1.4 step 1"];
  if (summary.includes("jwks.json")) return ["The eP-CSCF fetches the public keys that tokens are verified with. 3GPP leaves the token’s form open; this is how the testbed does it.", "TS 33.203 X.3.2.3; RFC 7517"];
  return ["The browser loads the page and the WIC’s code. The server shows a certificate, the user none.", "TS 23.228 X.2.1.2 step 1"];
}

function upgrade({ summary }) {
  if (summary.startsWith("101")) return ["The connection carries SIP from now on. The eP-CSCF keeps the page’s Origin with it, and so the WWSF that it belongs to.", "RFC 6455 §4.2.2; RFC 7118 §4.1"];
  if (/^[45]/.test(summary)) return ["The connection is refused before any SIP: no WIC of a page that is not authorised gets a word in.", "TS 33.203 X.3.2.3; RFC 6455 §10.2"];
  return ["The WIC asks to speak SIP over WebSocket. The browser itself adds the Origin of the page, which the page can’t change: by it the eP-CSCF tells authorised WWSFs from others.", "RFC 7118 §4.1; TS 23.228 X.2.1.2 step 2"];
}

const CX = {
  UAR: ["The I-CSCF asks whether this user may register and which S-CSCF is to serve.", "TS 29.228 §6.1.1"],
  UAA: ["Known and allowed or not; the S-CSCF that serves already, or what a new one must be able to do.", "TS 29.228 §6.1.1.1"],
  MAR: ["The S-CSCF asks for what it needs to challenge the user. By TNA there is no such question: the edge has authenticated already.", "TS 29.228 §6.3.1"],
  MAA: ["Realm, qop and HA1. The password itself never leaves the HSS.", "TS 29.228 §6.3.1; TS 33.203 N.2.1.1"],
  SAR: ["The S-CSCF says that it serves this user now (or no longer) and asks for the profile.", "TS 29.228 §6.1.2"],
  SAA: ["The profile: the identities that go together, the default one, and which WAFs and WWSFs may act for the user.", "TS 29.228 §6.1.2.1"],
  LIR: ["Which S-CSCF serves the one who is called?", "TS 29.228 §6.1.4"],
  LIA: ["The S-CSCF’s name. A distinct identity is matched before any wildcard.", "TS 29.228 §6.1.4.1"],
  RTR: ["The HSS ends the registration.", "TS 29.228 §6.1.3"],
  RTA: ["The registration is ended.", "TS 29.228 §6.1.3"],
  PPR: ["The profile has changed, or who may act for the user.", "TS 29.228 §6.2.1"],
  PPA: ["The change is taken over.", "TS 29.228 §6.2.1"],
};

function request({ text, summary, to, from, step, flow, half }) {
  const method = summary.split(" ", 1)[0];
  if (method === "REGISTER") return register(kindOf(from), kindOf(to), text, flow, step);
  const [what, source] = METHODS[method] ?? ["A request.", "RFC 3261 §7.1"];
  const hop = half === "origination" || half === "termination" ? HOPS[`${kindOf(from)} ${kindOf(to)}`] : undefined;
  return hop && !["ACK", "CANCEL"].includes(method) ? [`${what} ${hop[0]}`, `${source}; ${hop[1]}`] : [what, source];
}

const METHODS = {
  INVITE: ["A call is offered.", "RFC 3261 §13; TS 23.228 U.2.2"],
  ACK: ["The caller has the answer. There is no response to it.", "RFC 3261 §13.2.2.4, §17.1.1.3"],
  BYE: ["One side hangs up.", "RFC 3261 §15"],
  CANCEL: ["The caller gives up before the answer.", "RFC 3261 §9"],
  MESSAGE: ["A message on its own, outside any call.", "RFC 3428; TS 23.228 U.2.2"],
  SUBSCRIBE: ["Tell me when the registration changes.", "RFC 3680; TS 24.229 §5.2.3"],
  NOTIFY: ["The registration is now like this.", "RFC 3680; TS 24.229 §5.4.2.1"],
  PRACK: ["A provisional response arrived.", "RFC 3262"],
  UPDATE: ["The session is changed before it is answered, or refreshed.", "RFC 3311; RFC 4028"],
  REFER: ["Call somebody else instead.", "RFC 3515"],
  OPTIONS: ["What can you do?", "RFC 3261 §11"],
  INFO: ["Something for the application within the dialog.", "RFC 6086"],
};

/** What each hop of a request outside a dialog is there for. */
const HOPS = {
  "wic epcscf": ["The WIC sends it over its own connection; its Route is the Service-Route of its registration.", "TS 24.229 §5.1.2A"],
  "epcscf scscf": ["The edge asserts who is asking, by the registration of the connection, and passes it on to the S-CSCF that serves them.", "TS 24.229 §5.2.6.3"],
  "scscf icscf": ["Whom it is for is in the home domain: its entry point is asked.", "TS 24.229 §5.4.3.2"],
  "icscf scscf": ["The HSS has named the S-CSCF that serves whom it is for.", "TS 24.229 §5.3.2"],
  "scscf epcscf": ["That S-CSCF knows the Contact and the Path: the way back to the client.", "TS 24.229 §5.4.3.3"],
  "epcscf wic": ["The flow token of the Path named this connection. What is the core’s own business is taken out.", "RFC 5626 §5.3"],
};

function register(from, to, text, flow, step) {
  const ends = /^Expires:\s*0\s*$|;expires=0\b/im.test(text);
  if (ends) return ["The registration is given up: lifetime 0.", "RFC 3261 §10.2.2; TS 23.228 §5.3.2"];
  if (from === "wic" && /^Authorization:\s*Bearer/im.test(text)) return ["The WIC registers the identity of its token and shows the token. The eP-CSCF checks it before anything goes further.", flow === 3 ? "TS 23.228 X.2.1.4 step 3" : "TS 23.228 X.2.1.3 step 3"];
  if (from === "wic" && step === 5) return ["The same again, with the answer to the challenge.", "TS 33.203 N.2.1.1"];
  if (from === "wic") return ["The WIC asks to be registered. It can’t prove yet who it is: it does not know the nonce.", "TS 23.228 X.2.1.2 step 3"];
  if (from === "epcscf" && /auth-done/.test(text)) return ["The same registration without the token, in the eP-CSCF’s own name: Trusted Node Authentication.", "TS 33.203 Annex U, X.3.2.3 step 5"];
  if (from === "epcscf") return ["The edge writes down the way back (Path), where the client came in, and what it vouches for, and passes it on.", "TS 24.229 §5.2.2"];
  if (from === "icscf") return ["On to the S-CSCF that the HSS named.", "TS 24.229 §5.3.1"];
  return undefined;
}

function response({ text, from, to, failed }, status) {
  const method = /^CSeq:\s*\d+\s+(\S+)/im.exec(text)?.[1];
  const reason = /^SIP\/2\.0 \d{3} ?(.*)/.exec(text)?.[1];
  if (status === "401" && /^WWW-Authenticate:\s*Bearer/im.test(text)) return ["No good token. The header says where to get one and what was wrong.", "RFC 8898 §2.2, §4"];
  if (status === "401") return ["Prove that you know the password: here is a nonce. Nothing has failed yet.", "RFC 7616 §3.3; TS 33.203 N.2.1.1"];
  if (failed) return [`Refused: ${reason.replace(BY_CLAUSE, "").trim() || status}.`, BY_CLAUSE.exec(reason)?.[1]];
  if (method === "REGISTER" && status === "200") {
    if (kindOf(from) === "epcscf" && !/^Service-Route:.*scscf/im.test(text) && kindOf(to) === "wic") return ["Registered, by the eP-CSCF itself: the range is registered with IMS already, by configuration, so nothing goes to the core.", "TS 23.228 X.2.1.4 step 4"];
    return ["Registered. Service-Route says how to send requests, P-Associated-URI which identities are the user’s.", "TS 24.229 §5.4.1.2.2F"];
  }
  return { 100: ["It is being worked on; do not send it again.", "RFC 3261 §21.1.1"], 180: ["It rings.", "RFC 3261 §21.1.2"], 183: ["On the way; media before the answer may come.", "RFC 3261 §21.1.5"], 200: ["Done.", "RFC 3261 §21.2.1"], 487: ["The request was cancelled, as asked.", "RFC 3261 §21.4.25"] }[status];
}

/** A reason names its clause at its end. */
const BY_CLAUSE = /\(([^()]*(?:TS|RFC)[^()]*)\)\s*$/;
