// Nodes and legs: their order, names and looks.

/** What a node is called, in wide and narrow columns, and what it does. */
const NODES = {
  browser: ["Browser page", "Page", "The page that a WWSF serves: it logs the user in and downloads the WIC (W1)."],
  wic: ["WIC", "WIC", "WebRTC IMS Client: the SIP user agent in the page (W2)."],
  wwsf: ["WWSF", "WWSF", "The operator’s WebRTC Web Server Function: page, login, token."],
  "partner-wwsf": ["Partner WWSF", "Part.", "A third party’s WWSF with a range of identities of its own (flow 3)."],
  "rogue-wwsf": ["Rogue WWSF", "Rogue", "A WWSF that no operator authorised."],
  epcscf: ["eP-CSCF", "eP", "The edge: Origin, tokens, trust boundary, TNA; in flow 3 the registrar."],
  icscf: ["I-CSCF", "I", "Asks the HSS which S-CSCF serves a user, and checks who may vouch (TNA)."],
  scscf: ["S-CSCF", "S", "The registrar of the home network: authenticates, keeps bindings, routes calls."],
  hss: ["HSS", "HSS", "Keeps subscribers, credentials and which S-CSCF serves them (Cx)."],
  gateway: ["eIMS-AGW", "AGW", "The media gateway: ICE and DTLS-SRTP towards the WIC, RTP towards the core (Iq)."],
};

export const ORDER = Object.keys(NODES);

/** `wic alice` is a WIC; a foreign node is its own kind. */
export function kindOf(node) {
  const first = node.split(" ", 1)[0];
  return first in NODES ? first : node;
}

export function label(node) {
  const kind = kindOf(node);
  const name = NODES[kind]?.[0] ?? kind;
  return node === kind ? name : `${name} ${node.slice(kind.length + 1)}`;
}

export function short(node) {
  const kind = kindOf(node);
  return node === kind ? (NODES[kind]?.[1] ?? node.slice(0, 5)) : node.slice(kind.length + 1, kind.length + 7);
}

export const does = (node) => NODES[kindOf(node)]?.[2] ?? "A node of somebody else, reported by HEPv3.";

export function place(node) {
  const at = ORDER.indexOf(kindOf(node));
  return at < 0 ? ORDER.length : at;
}

/** The legs as the legend tells them apart; UDP and TCP are both Mw. */
export const LEGS = {
  https: ["HTTPS", "W1: page, login, token"],
  upgrade: ["WebSocket upgrade", "W2: Origin and sub-protocol (RFC 6455, RFC 7118)"],
  wss: ["SIP over WSS", "W2: SIP between WIC and eP-CSCF (RFC 7118)"],
  mw: ["SIP on Mw", "UDP or TCP between the CSCFs (TS 24.229)"],
  cx: ["Cx", "Diameter between CSCFs and HSS (TS 29.228)"],
  other: ["Other", "Reported by somebody else’s node (HEPv3)"],
};

export function legOf(leg) {
  if (leg === "udp" || leg === "tcp") return "mw";
  return leg in LEGS ? leg : "other";
}

/** What travelled, for the message's head. */
export const transport = (leg) =>
  ({ https: "HTTPS (W1)", upgrade: "WebSocket upgrade (W2)", wss: "SIP over WSS (W2)", udp: "SIP over UDP (Mw)", tcp: "SIP over TCP (Mw)", cx: "Cx" })[leg] ?? leg;
