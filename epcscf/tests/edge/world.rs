//! One edge, its WICs and a core that is played by the test.

use std::collections::VecDeque;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use epcscf::config::{Core, CoreTransport, IssuerConfig, WwsfConfig};
use epcscf::policy::{Policy, RegEventTable};
use epcscf::{Config, Edge, Event, FlowIds, KeySet, KeysAnswer, KeysAsk, KeysUnavailable, upgrade};
use serde_json::{Value, json};
use sip::node::{Node, Output};
use sip::{FlowId, Framing, HeaderName, Instant, Message, Now, Peer, Request, Response, SeededEntropy, Transport};

/// The origins of the two WWSFs, and of one that is not known.
pub(crate) const OPERATOR: &str = "https://wwsf.ims.example";
pub(crate) const PARTNER: &str = "https://wwsf.partner.example";
pub(crate) const ROGUE: &str = "https://rogue.example";

/// The time at which the composed tokens are valid.
pub(crate) const START: u64 = 1_700_000_100;

/// Composed with the test key of RFC 8037 A.1: flow 2, and flow 3.
pub(crate) const F2: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6IndhZi0yMDI1LTEifQ.eyJpc3MiOiJodHRwczovL3dhZi5pbXMuZXhhbXBsZSIsImF1ZCI6InNpcDplcGNzY2YxLmltcy5leGFtcGxlIiwic3ViIjoid2VifGFsaWNlIiwiY2xpZW50X2lkIjoid3dzZi5pbXMuZXhhbXBsZSIsImlhdCI6MTcwMDAwMDAwMCwibmJmIjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDM2MDAsImp0aSI6InQtMDAwMSIsInNjb3BlIjoid2VicnRjLWltcy1jbGllbnQtYWNjZXNzLXRvLWltcyIsImltcGkiOiJhbGljZS13aWNAaW1zLmV4YW1wbGUiLCJpbXB1IjpbInNpcDphbGljZUBpbXMuZXhhbXBsZSJdfQ.iMM6r37e2WEYrbR1Ijgk1ueMrs919Q6N_H_E47zdHtrhJhEhe4V_N_xmZOvP4BMoF7aTM82PUyg8LjajBBRuAA";
pub(crate) const F3: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6IndhZi0yMDI1LTEifQ.eyJpc3MiOiJodHRwczovL3dhZi5wYXJ0bmVyLmV4YW1wbGUiLCJhdWQiOiJzaXA6ZXBjc2NmMS5pbXMuZXhhbXBsZSIsInN1YiI6ImFub24tN2YzYSIsImNsaWVudF9pZCI6Ind3c2YucGFydG5lci5leGFtcGxlIiwiaWF0IjoxNzAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMzYwMCwianRpIjoidC0wMDAyIiwic2NvcGUiOiJ3ZWJydGMtaW1zLWNsaWVudC1hY2Nlc3MtdG8taW1zIiwiaW1waSI6Imd1ZXN0LTA0MkBwYXJ0bmVyLmltcy5leGFtcGxlIiwiaW1wdSI6WyJzaXA6Z3Vlc3QtMDQyQHBhcnRuZXIuaW1zLmV4YW1wbGUiXX0.Qn0VD4429MoSrzfk9jAHvPG4fJr8j8VPyel6e7CousUUsB9Gjjjfp19AQqbwQLTZ9jt0fSxx68DhkcYdWGtcCw";

/// RFC 8037 A.1 and A.2.
const TEST_KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
pub(crate) const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"waf-2025-1","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

pub(crate) struct World {
    pub(crate) edge: Edge,
    pub(crate) now: Now,
    ids: FlowIds,
    /// What each WIC got and has not looked at yet.
    to_wic: VecDeque<(FlowId, Bytes)>,
    to_core: VecDeque<Request>,
    /// What the core was answered and has not looked at yet.
    answers_to_core: VecDeque<Response>,
    branches: u32,
    pub(crate) closed: Vec<(FlowId, u16, String)>,
    pub(crate) asked: Vec<KeysAsk>,
    /// Whether key servers answer by themselves.
    pub(crate) keys_answer: bool,
    /// All that went to the core, as it was sent.
    pub(crate) mw: Vec<Bytes>,
    pub(crate) ladder: Vec<String>,
}

pub(crate) fn config() -> Config {
    let wwsf = |mut wwsf: WwsfConfig, origin: &str, issuer: &str| {
        wwsf.origins = vec![origin.into()];
        wwsf.issuers = vec![IssuerConfig {
            issuer: issuer.into(),
            jwks_url: format!("{issuer}/.well-known/jwks.json"),
            entity: None,
        }];
        wwsf.authz_server = Some(format!("{origin}/api/token"));
        wwsf
    };
    Config {
        wwsf: vec![
            wwsf(WwsfConfig::operator(), OPERATOR, "https://waf.ims.example"),
            wwsf(WwsfConfig::partner(), PARTNER, "https://waf.partner.example"),
        ],
        core: Core { transport: CoreTransport::Tcp, ..Core::default() },
        // Only where it is what a test is about.
        policy: Policy { reg_event: quiet(), ..Policy::default() },
        ..Config::default()
    }
}

fn quiet() -> RegEventTable {
    RegEventTable { subscribe: false, anchors: false, ..RegEventTable::default() }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config();
        change(&mut config);
        let now = Now { mono: Instant::from_millis(1_000_000), unix: START };
        let edge = Edge::new(config, Box::new(SeededEntropy::new(7)), now).unwrap();
        let mut world = Self {
            edge,
            now,
            ids: FlowIds::new(0),
            to_wic: VecDeque::new(),
            to_core: VecDeque::new(),
            answers_to_core: VecDeque::new(),
            branches: 0,
            closed: Vec::new(),
            asked: Vec::new(),
            keys_answer: true,
            mw: Vec::new(),
            ladder: Vec::new(),
        };
        world.pump();
        world
    }

    /// Makes the edge another one, before anything happens.
    pub(crate) fn change_edge(&mut self, change: impl FnOnce(Edge) -> Edge) {
        let spare = Edge::new(config(), Box::new(SeededEntropy::new(0)), self.now).unwrap();
        self.edge = change(std::mem::replace(&mut self.edge, spare));
    }

    // The WICs.

    pub(crate) fn connect(&mut self, origin: &str) -> FlowId {
        let request = http::Request::get("/")
            .header("host", "localhost:7443")
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", "sip")
            .header("origin", origin)
            .body(())
            .unwrap();
        let records = self.edge.records().clone();
        let policy = self.edge.policy().clone();
        let load = |_: Option<&epcscf::Origin>| upgrade::Load::default();
        let accepted = upgrade::check(&request.into_parts().0, &policy, &records, load).unwrap();
        let flow = self.ids.next();
        self.edge.open(self.now, flow, accepted);
        self.pump();
        flow
    }

    pub(crate) fn wic(&mut self, flow: FlowId, message: impl AsRef<[u8]>) {
        let message = Bytes::copy_from_slice(message.as_ref());
        self.note(&format!("{} -> eP", wic_name(flow)), &message);
        self.edge.receive(self.now, wic_peer(flow), message);
        self.pump();
    }

    /// The next response to a WIC.
    pub(crate) fn answer(&mut self, flow: FlowId) -> Response {
        self.try_answer(flow).expect("the WIC is answered")
    }

    pub(crate) fn try_answer(&mut self, flow: FlowId) -> Option<Response> {
        let is_response = |octets: &Bytes| octets.starts_with(b"SIP/2.0");
        let at = self.to_wic.iter().position(|(to, octets)| *to == flow && is_response(octets))?;
        let (_, octets) = self.to_wic.remove(at)?;
        match Message::parse(octets, Framing::WebSocket).unwrap() {
            Message::Response(response) => Some(response),
            Message::Request(request) => panic!("{request}"),
        }
    }

    pub(crate) fn raw_answer(&mut self, flow: FlowId) -> Option<Bytes> {
        let at = self.to_wic.iter().position(|(to, _)| *to == flow)?;
        self.to_wic.remove(at).map(|(_, octets)| octets)
    }

    /// Sends a REGISTER and gives what is answered at once: status and reason.
    pub(crate) fn status(&mut self, flow: FlowId, register: &Register) -> u16 {
        self.wic(flow, register.text());
        self.answer(flow).status.code()
    }

    pub(crate) fn closed_with(&self, flow: FlowId) -> Option<u16> {
        self.closed.iter().find(|(closed, ..)| *closed == flow).map(|(_, code, _)| *code)
    }

    pub(crate) fn lose(&mut self, flow: FlowId) {
        self.edge.flow_closed(self.now, flow);
        self.pump();
    }

    /// Nothing can be sent there.
    pub(crate) fn unreachable(&mut self, to: Peer) {
        self.edge.send_failed(self.now, to);
        self.pump();
    }

    // The core.

    /// The next request at the I-CSCF.
    pub(crate) fn at_core(&mut self) -> Request {
        self.try_at_core().expect("the core is asked")
    }

    pub(crate) fn try_at_core(&mut self) -> Option<Request> {
        self.to_core.pop_front()
    }

    pub(crate) fn core_answers(&mut self, response: Response) {
        let octets = response.to_bytes();
        self.note("core -> eP", &octets);
        self.edge.receive(self.now, core_peer(), octets);
        self.pump();
    }

    /// A request of the core, to be looked at.
    pub(crate) fn core_asks_for(&mut self, request: &str) {
        let octets = Bytes::copy_from_slice(request.as_bytes());
        self.note("S-CSCF -> eP", &octets);
        self.edge.receive(self.now, core_peer(), octets);
        self.pump();
    }

    /// The next response to the core.
    pub(crate) fn answer_to_core(&mut self) -> Response {
        self.try_answer_to_core().expect("the core is answered")
    }

    pub(crate) fn try_answer_to_core(&mut self) -> Option<Response> {
        self.answers_to_core.pop_front()
    }

    /// The next request to a WIC.
    pub(crate) fn at_wic(&mut self, flow: FlowId) -> Request {
        self.try_at_wic(flow).expect("the WIC is asked")
    }

    pub(crate) fn try_at_wic(&mut self, flow: FlowId) -> Option<Request> {
        let is_request = |octets: &Bytes| !octets.starts_with(b"SIP/2.0");
        let at = self.to_wic.iter().position(|(to, octets)| *to == flow && is_request(octets))?;
        let (_, octets) = self.to_wic.remove(at)?;
        match Message::parse(octets, Framing::WebSocket).unwrap() {
            Message::Request(request) => Some(request),
            Message::Response(_) => unreachable!(),
        }
    }

    /// What no other request of this world has.
    pub(crate) fn branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bKt{}", self.branches)
    }

    /// Any octets from the core.
    pub(crate) fn core_sends(&mut self, from: Peer, octets: &[u8]) {
        self.edge.receive(self.now, from, Bytes::copy_from_slice(octets));
        self.pump();
    }

    /// Sends a request from the core and gives the status of its answer.
    pub(crate) fn core_asks(&mut self, from: Peer, text: &str) -> u16 {
        self.edge.receive(self.now, from, Bytes::copy_from_slice(text.as_bytes()));
        let mut status = None;
        while let Some(output) = self.edge.poll_output() {
            if let Output::Send { to, octets } = output {
                assert_eq!(to.transport, from.transport);
                let Message::Response(response) = Message::parse(octets, Framing::Stream).unwrap() else { panic!() };
                status = Some(response.status.code());
            }
        }
        status.expect("the core is answered")
    }

    /// Registers by flow 2 as alice, up to the 200.
    pub(crate) fn register_alice(&mut self, flow: FlowId) -> Response {
        self.register_at_core(flow, &Register::new("sip:alice@ims.example").bearer(F2))
    }

    /// Sends a REGISTER and lets the core say 200.
    pub(crate) fn register_at_core(&mut self, flow: FlowId, register: &Register) -> Response {
        self.wic(flow, register.text());
        let request = self.at_core();
        self.core_answers(ok(&request));
        self.answer(flow)
    }

    // Time.

    pub(crate) fn sleep(&mut self, seconds: u64) {
        let end = Instant::from_millis(self.now.mono.as_millis() + seconds * 1000);
        let start = self.now;
        while let Some(at) = self.edge.poll_timeout().filter(|at| *at <= end) {
            let at = at.max(self.now.mono);
            self.now = Now { mono: at, unix: start.unix + at.since(start.mono).as_secs() };
            self.edge.handle_timeout(self.now);
            self.pump();
        }
        self.now = Now { mono: end, unix: start.unix + seconds };
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.edge.poll_event()).collect()
    }

    pub(crate) fn give_keys(&mut self, issuer: &str, keys: Result<&str, &str>) {
        let keys = match keys {
            Ok(json) => KeySet::from_json(json.as_bytes()),
            Err(reason) => Err(KeysUnavailable(reason.into())),
        };
        self.edge.answer(self.now, KeysAnswer { issuer: issuer.into(), keys });
        self.pump();
    }

    fn pump(&mut self) {
        while let Some(output) = self.edge.poll_output() {
            match output {
                Output::Send { to, octets } => match to.flow {
                    Some(flow) if to.transport == Transport::Wss => {
                        self.note(&format!("eP -> {}", wic_name(flow)), &octets);
                        self.to_wic.push_back((flow, octets));
                    }
                    _ => {
                        self.note("eP -> core", &octets);
                        self.mw.push(octets.clone());
                        match Message::parse(octets, Framing::Stream).unwrap() {
                            Message::Request(request) => self.to_core.push_back(request),
                            Message::Response(response) => self.answers_to_core.push_back(response),
                        }
                    }
                },
                Output::Close { flow, code, reason } => {
                    self.ladder.push(format!("eP -> {}: close {code} {reason}", wic_name(flow)));
                    self.closed.push((flow, code, reason.into_owned()));
                }
                Output::Ask(ask) => {
                    let issuer = ask.issuer.clone();
                    self.asked.push(ask);
                    if self.keys_answer {
                        self.give_keys(&issuer, Ok(JWKS));
                    }
                }
            }
        }
    }

    fn note(&mut self, hop: &str, octets: &[u8]) {
        let text = String::from_utf8_lossy(octets).replace("\r\n", "\n");
        self.ladder.push(format!("{hop}\n{}", text.trim_end()));
    }
}

fn wic_name(flow: FlowId) -> String {
    format!("WIC{}", flow.0)
}

pub(crate) fn wic_peer(flow: FlowId) -> Peer {
    Peer::on_flow(Transport::Wss, "127.0.0.1:50000".parse().unwrap(), flow)
}

pub(crate) fn core_peer() -> Peer {
    Peer::on_flow(Transport::Tcp, "127.0.0.1:5070".parse().unwrap(), FlowId(1 << 63))
}

/// The 200 of an S-CSCF.
pub(crate) fn ok(request: &Request) -> Response {
    let mut response = request.respond(sip::StatusCode::OK);
    response.ensure_to_tag(|| "s1".into());
    for name in [HeaderName::Contact, HeaderName::Path, HeaderName::PChargingVector] {
        request.headers.values(&name).for_each(|value| response.headers.push(name.clone(), value.to_owned()));
    }
    if let Some(expires) = request.headers.value(&HeaderName::Expires) {
        response.headers.push(HeaderName::Expires, expires.to_owned());
    }
    let to = request.to().unwrap().uri.to_string();
    response
        .with_raw(HeaderName::ServiceRoute, "<sip:orig@scscf1.ims.example;lr>")
        .with_raw(HeaderName::PAssociatedUri, format!("<{to}>"))
        .with_raw(HeaderName::PChargingFunctionAddresses, "ccf=192.0.2.9")
        .with_raw(HeaderName::Require, "outbound")
}

/// A REGISTER of a WIC.
#[derive(Clone)]
pub(crate) struct Register {
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) domain: String,
    pub(crate) contact: String,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) supported: String,
    pub(crate) lines: Vec<String>,
    pub(crate) body: String,
}

impl Register {
    pub(crate) fn new(impu: &str) -> Self {
        Self {
            to: format!("<{impu}>"),
            from: format!("<{impu}>"),
            domain: "ims.example".into(),
            contact: contact("k3f9q2.invalid", "0c67d3a4-1f0b-4e1e-9b7e-2f5a6c1d8e90", 3600),
            call_id: "r-5d0e7c@k3f9q2.invalid".into(),
            cseq: 1,
            supported: "path, outbound, gruu".into(),
            lines: Vec::new(),
            body: String::new(),
        }
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.line(&format!("Authorization: Bearer {token}"))
    }

    pub(crate) fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    pub(crate) fn contact(mut self, contact: &str) -> Self {
        self.contact = contact.into();
        self
    }

    pub(crate) fn expires(self, seconds: u32) -> Self {
        let contact = contact("k3f9q2.invalid", "0c67d3a4-1f0b-4e1e-9b7e-2f5a6c1d8e90", seconds);
        self.contact(&contact)
    }

    pub(crate) fn instance(mut self, n: u32) -> Self {
        let host = format!("i{n}.invalid");
        self.contact = contact(&host, &format!("00000000-0000-4000-8000-{n:012}"), 3600);
        self.call_id = format!("r-{n}@{host}");
        self
    }

    pub(crate) fn cseq(mut self, cseq: u32) -> Self {
        self.cseq = cseq;
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn text(&self) -> String {
        let Self { to, from, domain, call_id, cseq, supported, .. } = self;
        let mut text = format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bKw{call_id}-{cseq}-{}\r\n\
             Max-Forwards: 70\r\nFrom: {from};tag=w1\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n",
            self.fingerprint(),
        );
        if !self.contact.is_empty() {
            text += &format!("Contact: {}\r\n", self.contact);
        }
        if !supported.is_empty() {
            text += &format!("Supported: {supported}\r\n");
        }
        for line in &self.lines {
            text += &format!("{line}\r\n");
        }
        format!("{text}Content-Length: {}\r\n\r\n{}", self.body.len(), self.body)
    }

    /// Two different requests never have one branch.
    fn fingerprint(&self) -> u64 {
        use std::hash::{Hash, Hasher};
        let mut hasher = std::hash::DefaultHasher::new();
        (&self.to, &self.from, &self.contact, &self.supported, &self.lines, &self.body).hash(&mut hasher);
        hasher.finish()
    }
}

fn contact(host: &str, instance: &str, expires: u32) -> String {
    format!("<sip:u8c2@{host};transport=ws>;reg-id=1;+sip.instance=\"<urn:uuid:{instance}>\";expires={expires}")
}

// Tokens.

/// Claims that are good for alice at the operator's WWSF.
pub(crate) fn claims() -> Value {
    json!({
        "iss": "https://waf.ims.example", "aud": "sip:epcscf1.ims.example", "sub": "web|alice",
        "client_id": "wwsf.ims.example", "iat": START - 100, "nbf": START - 100, "exp": START + 3500,
        "jti": "t-1", "scope": "webrtc-ims-client-access-to-ims",
        "impi": "alice-wic@ims.example", "impu": ["sip:alice@ims.example"],
    })
}

/// Claims that are good for a guest at the partner's WWSF.
pub(crate) fn guest_claims(n: u32) -> Value {
    json!({
        "iss": "https://waf.partner.example", "aud": ["sip:epcscf1.ims.example"], "sub": format!("anon-{n}"),
        "client_id": "wwsf.partner.example", "iat": START - 100, "exp": START + 3500,
        "jti": format!("g-{n}"), "scope": "webrtc-ims-client-access-to-ims",
        "impi": format!("guest-{n}@partner.ims.example"), "impu": [format!("sip:guest-{n}@partner.ims.example")],
    })
}

pub(crate) fn with(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    claims[name] = value.into();
    claims
}

pub(crate) fn sign(claims: &Value) -> String {
    sign_raw(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "waf-2025-1"}).to_string(), &claims.to_string())
}

pub(crate) fn sign_raw(header: &str, claims: &str) -> String {
    let mut seed = [0; 32];
    hex::decode_to_slice(TEST_KEY, &mut seed).unwrap();
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap().sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A guest's REGISTER with a token of its own.
pub(crate) fn guest(n: u32) -> Register {
    let mut register = Register::new(&format!("sip:guest-{n}@partner.ims.example")).bearer(&sign(&guest_claims(n)));
    register.domain = "partner.ims.example".into();
    register.instance(n)
}
