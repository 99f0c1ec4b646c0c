// What each header is, who adds it, why, and where it is written. In the order: what, who, why, clause.

export const SIP = {
  via: [
    "The way back for the response: each node on the way puts itself on top.",
    "Every node that forwards the request, its sender first.",
    "The response takes the same hops in reverse. A WIC has no address of its own, so its entry names a host under .invalid that nobody may look up; the response goes back over the WebSocket.",
    "RFC 3261 §18.2, §20.42; RFC 7118 §5.2",
  ],
  "max-forwards": [
    "How many more hops the request may take.",
    "The sender sets 70, each proxy takes one off.",
    "A request that runs in a circle ends with 483 instead of going on for ever.",
    "RFC 3261 §16.6 step 3, §20.22",
  ],
  from: [
    "Whom the sender says it is, with a tag that tells its side of the dialog.",
    "The sender.",
    "Nobody in IMS trusts it: the network goes by P-Asserted-Identity. In a REGISTER it must be the same as To, or somebody registers for somebody else.",
    "RFC 3261 §8.1.1.3; TS 24.229 §5.1.1.2",
  ],
  to: [
    "Whom it is for. In a REGISTER: the public identity (IMPU) to be registered.",
    "The sender; the far end adds its tag to the response.",
    "In flows 2 and 3 it must be one of the IMPUs that the token names. The HSS alone would not see that a user authenticated for one identity registers another of theirs.",
    "RFC 3261 §8.1.1.2; TS 33.203 Annex X, REQ 2.4",
  ],
  "call-id": [
    "Names the registration or call on all its hops.",
    "The sender.",
    "All REGISTERs of one client keep it, so that the registrar sees which is the newer. The console groups messages by it.",
    "RFC 3261 §8.1.1.4, §10.2",
  ],
  cseq: [
    "A number that goes up with each request, and the request’s method.",
    "The sender.",
    "It puts requests in order and ties a response to its request. An older number for the same Call-ID is refused.",
    "RFC 3261 §8.1.1.5, §10.3 step 7",
  ],
  contact: [
    "Where this client is reached. A WIC’s is random, under .invalid, and always says transport=ws.",
    "The client; the registrar returns it with the lifetime granted.",
    "reg-id and +sip.instance say which connection of which browser it is, so that a new connection takes the place of the old one. Nobody resolves the host: requests go down the flow that Path names.",
    "RFC 3261 §20.10; RFC 5626 §4.1; RFC 7118 §5.2, App. B.1",
  ],
  expires: [
    "For how many seconds the registration or subscription is to live; 0 ends it.",
    "The client asks, the other side grants that or less.",
    "In flows 2 and 3 the grant never outlives the token.",
    "RFC 3261 §20.19; TS 23.228 U.2.1.3",
  ],
  "min-expires": ["The shortest lifetime that is accepted.", "The registrar, with 423.", "The client asks again with at least this much.", "RFC 3261 §20.23"],
  supported: [
    "Extensions that the sender can use.",
    "Every sender.",
    "A WIC says path (its registration may name hops), outbound (its flow can be kept and found again) and gruu.",
    "RFC 3261 §20.37; RFC 3327; RFC 5626; RFC 5627",
  ],
  require: [
    "Extensions that the receiver must know, or refuse with 420.",
    "The eP-CSCF asks for path; the registrar answers outbound when it kept the flow.",
    "A registrar that forgot the Path could not reach a client behind a WebSocket.",
    "RFC 3261 §20.32; RFC 3327 §5.1; RFC 5626 §6",
  ],
  "proxy-require": ["Extensions that every proxy on the way must know.", "The sender.", "A proxy that does not know one answers 420 and names it.", "RFC 3261 §16.3 step 5, §20.29"],
  unsupported: ["The extensions that were asked for and are not known.", "Who answers 420.", "The client can try without them.", "RFC 3261 §20.40"],
  allow: ["Methods that the sender understands.", "Any sender.", "Tells the other side what it may ask.", "RFC 3261 §20.5"],
  accept: ["Body types that the sender understands.", "Any sender.", "A SUBSCRIBE for registration state asks for application/reginfo+xml.", "RFC 3261 §20.1; RFC 3680 §4.4"],
  "content-type": ["What the body is.", "Who sends the body.", "application/sdp describes media, application/reginfo+xml registration state.", "RFC 3261 §20.15"],
  "content-length": [
    "How many octets the body has.",
    "The sender.",
    "On WebSocket a message is framed already, so it may be left out; when it is there and wrong the eP-CSCF answers 400, since the two ends would not agree where the message ends.",
    "RFC 3261 §20.14; RFC 7118 §5",
  ],
  "content-disposition": ["How the body is meant.", "Who sends the body.", "handling=required makes a type that is not known an error (415).", "RFC 3261 §20.11"],
  "user-agent": ["The sender’s product.", "Client or server.", "For fault finding; it decides nothing.", "RFC 3261 §20.41"],
  server: ["The answering product.", "The server.", "For fault finding; it decides nothing.", "RFC 3261 §20.35"],
  "authorization:bearer": [
    "The security token that the WWSF issued: a signed statement of who this is.",
    "The WIC, in flows 2 and 3.",
    "The eP-CSCF checks signature, audience, lifetime, scope and identities, then takes the header away: no token reaches the core. Stage 3 puts it on every request of the WIC.",
    "TS 24.371 §7.2.1, A.3.2; RFC 8898 §2; TS 33.203 X.3.2.3 step 4",
  ],
  "authorization:tna": [
    "Trusted Node Authentication: the eP-CSCF’s word that it has authenticated these identities itself.",
    "The eP-CSCF, in the place of the token.",
    "auth-done with an empty response tells the S-CSCF to skip the challenge and go straight to SAR. It holds only because the sender is a trusted node of the home network; the same header from a WIC is removed.",
    "TS 33.203 Annex U, X.3.2.3 step 5",
  ],
  "authorization:empty": [
    "Digest credentials without an answer: they name the private identity (IMPI).",
    "The WIC, in the first REGISTER of flow 1.",
    "The core needs the IMPI to find the subscriber. Without this header it is derived from the IMPU, which works only when that is not shared.",
    "TS 24.229 §5.1.1.2; TS 33.203 N.2.1.1",
  ],
  "authorization:digest": [
    "The answer to the challenge: proof of the password without sending it.",
    "The WIC; the eP-CSCF adds integrity-protected.",
    "response hashes HA1 with nonce, nc and cnonce. The S-CSCF computes the same from the HA1 that the HSS gave it and compares.",
    "RFC 7616 §3.4; RFC 8760; TS 33.203 N.2.1.1",
  ],
  "www-authenticate:digest": [
    "The challenge: prove that you know the password, using this nonce. One line for each algorithm, the preferred one first.",
    "The S-CSCF, with 401.",
    "The nonce is fresh, so an answer that was overheard is of no use later. MD5 is offered beside SHA-256 for clients that know no better.",
    "RFC 8760 §2.3; TS 33.203 N.2.1.1",
  ],
  "www-authenticate:bearer": [
    "Get a token there and come again; error says what was wrong with the one that came.",
    "The eP-CSCF, with 401.",
    "authz_server names the WAF or WWSF that issues tokens. A client must compare it with the list it was given before it goes there.",
    "RFC 8898 §2.1.1, §4",
  ],
  "proxy-authenticate": ["A challenge by a proxy, for a request other than REGISTER.", "The S-CSCF, with 407.", "The same secret, a nonce of its own.", "TS 33.203 N.2.1.2; RFC 3261 §22.3"],
  "proxy-authorization": ["The answer to a proxy’s challenge.", "The WIC.", "Sent ahead on later requests, with nc counted up.", "TS 33.203 N.2.1.2; RFC 3261 §22.3"],
  "authentication-info": [
    "The network’s own proof: rspauth shows that it knows HA1 as well.",
    "The S-CSCF, in the 200.",
    "A client must check it and give the registration up when it is wrong: whoever answered is not its home network.",
    "RFC 7616 §3.5; TS 33.203 N.2.1.1",
  ],
  route: [
    "Nodes that the request must still visit, in order.",
    "Client or proxy, from Service-Route, Path or Record-Route.",
    "Each node takes its own entry off the top. The user part orig tells the S-CSCF that this is the caller’s side.",
    "RFC 3261 §16.4, §20.34; TS 24.229 §5.4.3.2",
  ],
  "record-route": [
    "Nodes that want to see the later requests of this dialog too.",
    "eP-CSCF (twice, once for each side) and S-CSCF; the I-CSCF stays out.",
    "The WebSocket side needs its own entry, with the flow token and transport=ws, since the two sides differ in transport.",
    "RFC 3261 §16.6 step 4; RFC 7118 §8.2",
  ],
  path: [
    "The way from the registrar back to the client.",
    "The eP-CSCF.",
    "The user part is the flow token: it names the WebSocket connection and carries a MAC, so that nobody else can make one up. Requests for the client come back with it as Route.",
    "RFC 3327 §5; RFC 5626 §5.2",
  ],
  "service-route": [
    "The way that the client’s own requests must take.",
    "The S-CSCF, in the 200; in flow 3 the eP-CSCF.",
    "The WIC sends it as Route on everything it originates; the eP-CSCF checks that it did.",
    "RFC 3608; TS 24.229 §5.2.6.3",
  ],
  "p-associated-uri": [
    "The public identities that became registered together; the first is the default.",
    "The S-CSCF, from the implicit set that the HSS gave it.",
    "The eP-CSCF keeps them: it will assert no identity that is not in the list. Barred ones are left out.",
    "RFC 7315 §4.1; TS 24.229 §5.4.1.2.2F",
  ],
  "p-asserted-identity": [
    "Who the sender is, as the network vouches for it.",
    "The eP-CSCF, from the registration of the connection.",
    "The WIC may wish for one (P-Preferred-Identity), but what it writes here itself is removed.",
    "RFC 3325 §9.1; TS 33.203 O.2.3; TS 24.229 §5.2.6.3",
  ],
  "p-preferred-identity": [
    "Which of its identities the client would like to be shown as.",
    "The WIC.",
    "Taken if it is one of its registered ones, else the default is asserted. It never reaches the core.",
    "RFC 3325 §9.2; TS 24.229 §5.2.6.3",
  ],
  "p-access-network-info": [
    "What kind of access the client uses.",
    "The eP-CSCF, marked network-provided.",
    "Only the mark makes it trustworthy, so one that a WIC sends with it is removed. For a REGISTER without Authorization it also keeps the S-CSCF from taking this for another scheme.",
    "RFC 7315 §4.4; TS 33.203 P.3",
  ],
  "p-visited-network-id": [
    "The network that the client came in by.",
    "The eP-CSCF.",
    "The I-CSCF copies it to the UAR, and the HSS decides whether the user may roam there. An eP-CSCF is always in the home network.",
    "RFC 7315 §4.3; TS 24.229 §5.2.2; TS 29.228 §6.1.1.1",
  ],
  "p-charging-vector": [
    "Ties all records of this registration or call together for charging.",
    "The eP-CSCF makes the icid; S-CSCF adds its operator’s name.",
    "It is for the operator: the eP-CSCF removes it towards the client, and what a client sends.",
    "RFC 7315 §4.6; TS 24.229 §5.2.2",
  ],
  "p-charging-function-addresses": ["Where charging records go.", "The S-CSCF.", "Stays in the home network.", "RFC 7315 §4.5"],
  "p-called-party-id": [
    "Which of the callee’s identities was called.",
    "The S-CSCF, when it replaces the Request-URI by the Contact.",
    "The WIC needs it to know which of its identities was meant, and in flow 3 the eP-CSCF to find the WIC.",
    "RFC 7315 §4.2; TS 24.229 §5.4.3.3",
  ],
  "p-profile-key": [
    "The wildcarded identity whose profile serves this user.",
    "In flow 3 the eP-CSCF; on the way to the callee the I-CSCF, from the LIA.",
    "The S-CSCF keeps one profile for the whole range and must not match patterns itself.",
    "RFC 5002; TS 29.228 §6.1.2.1",
  ],
  "p-served-user": ["Whom an S-CSCF or application server is serving.", "A node of the core.", "Names the user and the session case where P-Asserted-Identity would not do.", "RFC 5502"],
  "p-preferred-service": ["The service that the client wants.", "The WIC.", "The network may assert it, or not.", "RFC 6050"],
  "p-asserted-service": ["The service as the network asserts it.", "The S-CSCF.", "Not taken from a WIC.", "RFC 6050"],
  "p-early-media": ["Whether media before the answer is allowed.", "Network nodes.", "For ring tones and announcements.", "RFC 5009"],
  privacy: ["What is to be kept from the other side.", "The sender.", "With id, P-Asserted-Identity is removed before the callee sees it.", "RFC 3323; RFC 3325 §9.3"],
  "feature-caps": ["What a node on the way can do.", "A network node.", "Not taken from a WIC.", "RFC 6809"],
  "flow-timer": [
    "How many seconds may pass without a sign of life on this connection.",
    "The eP-CSCF, in the 200.",
    "The WIC sends an empty ping (CRLFCRLF) in time and gives the flow up when no pong comes.",
    "RFC 5626 §4.4, §5.4",
  ],
  event: ["What is subscribed to; reg is registration state.", "Subscriber and notifier.", "The client learns that the network ended its registration.", "RFC 6665 §8.2.1; RFC 3680"],
  "subscription-state": ["Whether the subscription lives, and for how long.", "The notifier.", "terminated says that no more will come.", "RFC 6665 §4.1.3"],
  reason: ["Why the call or registration ended.", "Who ends it.", "480 after a WebSocket that did not come back, for example.", "RFC 3326"],
  warning: ["More about the status, for people.", "Who answers.", "399 is free text.", "RFC 3261 §20.43"],
  "retry-after": ["How long to wait.", "Who answers 503 or the like.", "A client that comes at once makes it worse.", "RFC 3261 §20.33"],
  "session-expires": ["The session must be refreshed within this time.", "Both ends.", "So that a call whose ends vanished does not stay in the proxies.", "RFC 4028"],
  "min-se": ["The shortest session interval that is accepted.", "Proxies and callee.", "Answered with 422 when the offer is below.", "RFC 4028 §5"],
  rseq: ["Number of a reliable provisional response.", "The callee.", "The caller acknowledges it with PRACK.", "RFC 3262 §7.1"],
  rack: ["Which provisional response is acknowledged.", "The caller, in PRACK.", "So that it is not sent again.", "RFC 3262 §7.2"],
  "accept-contact": ["What the caller would like the callee’s device to be.", "The caller.", "The S-CSCF picks among several Contacts by it.", "RFC 3841"],
  "refer-to": ["Whom to contact instead.", "Who transfers.", "The heart of a call transfer.", "RFC 3515"],
  replaces: ["The dialog that this call takes the place of.", "Who transfers or comes back.", "A client that lost its connection can take its call up again.", "RFC 3891"],
  "security-client": ["Security agreement of classic IMS access.", "A UE on IPsec.", "TLS is there already: it has no place on a WebSocket and is removed.", "TS 33.203 P.3; RFC 3329"],
  date: ["The sender’s time of day.", "Any sender.", "Clients without a clock.", "RFC 3261 §20.17"],
};

/** Compact forms (RFC 3261 §7.3.3 and later). */
const COMPACT = { v: "via", f: "from", t: "to", i: "call-id", m: "contact", k: "supported", c: "content-type", l: "content-length", o: "event", e: "content-encoding", r: "refer-to", s: "subject", x: "session-expires" };

/** What parameters mean, by header. `*` counts everywhere. */
export const PARAMS = {
  "*": {
    lr: "loose routing: the next hop keeps the Request-URI (RFC 3261 §16.12)",
    ob: "outbound: this hop keeps the flow to the client (RFC 5626 §5.1)",
    transport: "always ws, on TLS too (RFC 7118 §5.2)",
    gr: "a GRUU: one device of this identity (RFC 5627)",
    tag: "this side’s half of the dialog’s name (RFC 3261 §19.3)",
    expires: "lifetime in seconds",
  },
  via: {
    branch: "names the transaction; z9hG4bK marks RFC 3261 (§8.1.1.7)",
    rport: "answer to the port that this came from (RFC 3581)",
    received: "the address it really came from (RFC 3261 §18.2.1)",
  },
  contact: {
    "reg-id": "which of the client’s flows this is (RFC 5626 §4.2)",
    "+sip.instance": "this browser, the same after a restart (RFC 5626 §4.1)",
    "+g.3gpp.icsi-ref": "the IMS service: multimedia telephony (TS 24.229 §7.2A.8)",
    "pub-gruu": "an address of this device alone, public (RFC 5627)",
    "temp-gruu": "the same, without giving the identity away (RFC 5627)",
    q: "preference among several Contacts",
  },
  digest: {
    username: "the private identity, IMPI (TS 23.003 §13.3)",
    realm: "whose password it is: the home domain",
    nonce: "the challenge; fresh each time",
    uri: "what the request is for; part of HA2",
    response: "the proof; empty means none was given",
    algorithm: "hash in use; not quoted (RFC 8760)",
    cnonce: "the client’s own random text",
    qop: "auth: method and URI are covered (RFC 7616 §3.4)",
    nc: "how often this nonce was used; must go up",
    opaque: "to be returned unchanged",
    stale: "the nonce is old, the password may be right: answer again",
    nextnonce: "the nonce to use next time",
    rspauth: "the network’s proof that it knows HA1",
    "integrity-protected": "what the edge vouches for: tls-pending (digest on a TLS connection not bound yet), tls-yes (bound), auth-done (authenticated by the edge: TNA). Only the network may set it (TS 33.203 P.3)",
    "authorization-entity": "the foreign WAF that authenticated the user (draft-holmberg-sipcore-auth-id)",
    "wwsf-entity": "the foreign WWSF; a private name, stage 3 gives none",
  },
  bearer: {
    access_token: "the token, as TS 24.371 A.3.2 writes it",
    realm: "the home domain",
    authz_server: "who issues tokens (RFC 8898 §4)",
    scope: "what the token must be good for; TS 33.203’s own placeholder",
    error: "invalid_token or invalid_scope (RFC 8898 §4)",
  },
  "p-charging-vector": {
    "icid-value": "the same for all records of this session",
    "icid-generated-at": "who made it",
    "orig-ioi": "the operator it comes from; Type 1 is between P-CSCF and home (TS 24.229 §7.2A.5)",
    "term-ioi": "the operator it goes to",
  },
  "p-access-network-info": { "network-provided": "the network’s word, not the client’s" },
  "p-associated-uri": {},
  "subscription-state": { expires: "seconds left", reason: "why it ended" },
};

/** Why a header differs from the hop before, by the node that changed it. */
export const CHANGES = {
  epcscf: {
    "authorization:tna": "Token out, TNA in: the eP-CSCF verified the token and now vouches for the identities itself (TS 33.203 X.3.2.3 step 5).",
    "authorization:digest": "Whatever the WIC claimed of integrity-protected is gone; the eP-CSCF wrote its own (TS 33.203 P.3).",
    authorization: "Taken out at the trust boundary: no token reaches the core.",
    "p-charging-vector": "Charging data starts and ends at the edge of the operator’s network.",
    "p-asserted-identity": "The edge asserts the identity of the registration on this connection, whatever the client wrote.",
    "flow-timer": "The edge keeps the flow, so it says how often it wants a sign of life (RFC 5626 §5.4).",
    "p-associated-uri": "Wildcarded identities are kept from the client.",
  },
  icscf: {
    "start line": "The I-CSCF asked the HSS (UAR) and addresses the S-CSCF that serves the user (TS 24.229 §5.3.1).",
    route: "The I-CSCF was the route’s end and took itself off.",
    "p-profile-key": "The LIA said which wildcarded identity matches (RFC 5002).",
  },
  scscf: {
    "start line": "Towards the callee the Request-URI becomes the Contact that was registered (TS 24.229 §5.4.3.3).",
    "p-called-party-id": "The identity that was called, saved before the Request-URI was replaced.",
    route: "Its own entry is off; the callee’s Path is the new route.",
  },
};

/** The dictionary's name of a header: lower case, long, and told apart by what it carries. */
export function entryKey(name, value = "") {
  const low = name.toLowerCase();
  const key = COMPACT[low] ?? low;
  if (key === "authorization") {
    if (/^bearer\b/i.test(value)) return "authorization:bearer";
    if (/integrity-protected="?auth-done/i.test(value)) return "authorization:tna";
    return /\bresponse=""/.test(value) || !/\bresponse=/.test(value) ? "authorization:empty" : "authorization:digest";
  }
  if (key === "www-authenticate") return /^bearer\b/i.test(value) ? "www-authenticate:bearer" : "www-authenticate:digest";
  return key;
}

/** The long, lower-case name alone. */
export const plain = (name) => COMPACT[name.toLowerCase()] ?? name.toLowerCase();

/** `{what, who, why, clause}` of a header, or nothing when it is none that the console knows. */
export function explain(name, value) {
  const entry = SIP[entryKey(name, value)] ?? SIP[plain(name)];
  if (!entry) return undefined;
  const [what, who, why, clause] = entry;
  return { what, who, why, clause };
}

/** What a parameter of a header means. */
export function explainParam(name, value, param) {
  const key = plain(name);
  const scheme = /^(digest|bearer)\b/i.exec(value)?.[1].toLowerCase();
  const own = key === "authentication-info" ? PARAMS.digest : scheme && key.includes("auth") ? PARAMS[scheme] : PARAMS[key];
  return own?.[param.toLowerCase()] ?? PARAMS["*"][param.toLowerCase()];
}

/** Why `node` changed this header, where there is more to say than the header's own entry. */
export function explainChange(node, name, value) {
  const changes = CHANGES[node];
  return changes?.[entryKey(name, value)] ?? changes?.[plain(name)];
}
