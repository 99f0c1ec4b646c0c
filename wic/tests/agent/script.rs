//! A WIC in a test's hands: the test is its shell, its eP-CSCF, its WWSF and its clock.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use sip::digest::{self, Algorithm, Ha1, Presented};
use sip::headers::{AuthenticationInfo, BearerChallenge, Challenge, MinExpires, RetryAfter};
use sip::headers::{Authorization, Contact, Credentials, DigestCredentials, TypedHeader, WwwAuthenticate};
use sip::{Framing, HeaderName, Instant, Message, Now, Request, Response, SeededEntropy, StatusCode};
use wic::{
    Access, Agent, Binding, Config, DigestAccess, Event, Failure, InstanceId, Output, State, TokenAccess, TokenFailure,
    TokenGrant, TokenReason, TokenScenario, Wire,
};

pub(crate) const PASSWORD: &str = "alice-secret";
pub(crate) const IMPI: &str = "alice-wic@ims.example";
pub(crate) const REALM: &str = "ims.example";
pub(crate) const URL: &str = "wss://localhost:7443";
pub(crate) const AUTHZ: &str = "https://localhost:8443/api/token";
/// 2023-11-14, a Tuesday.
const UNIX: u64 = 1_700_000_000;

pub(crate) struct Wic {
    pub(crate) agent: Agent,
    pub(crate) now: Now,
    pub(crate) sent: VecDeque<Bytes>,
    pub(crate) connects: Vec<String>,
    pub(crate) closes: Vec<(u16, &'static str)>,
    pub(crate) fetches: Vec<TokenReason>,
    pub(crate) events: Vec<Event>,
    /// Everything that went over the wire, for ladders.
    pub(crate) wire: Vec<(char, Wire)>,
}

impl Wic {
    pub(crate) fn new(config: Config) -> Self {
        Self::seeded(config, 7)
    }

    pub(crate) fn seeded(config: Config, seed: u64) -> Self {
        Self {
            agent: Agent::new(config, SeededEntropy::new(seed)),
            now: Now { mono: Instant::from_millis(1000), unix: UNIX },
            sent: VecDeque::new(),
            connects: Vec::new(),
            closes: Vec::new(),
            fetches: Vec::new(),
            events: Vec::new(),
            wire: Vec::new(),
        }
    }

    pub(crate) fn digest() -> Self {
        Self::new(digest_config())
    }

    pub(crate) fn web_auth() -> Self {
        Self::new(token_config(TokenScenario::WebAuth))
    }

    /// Gives the agent an input, and does what it then wants done.
    pub(crate) fn tell<T>(&mut self, input: impl FnOnce(&mut Agent, Now) -> T) -> T {
        let told = input(&mut self.agent, self.now);
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Connect { url } => self.connects.push(url.to_string()),
                Output::Send(octets) => self.sent.push_back(octets),
                Output::Close { code, reason } => self.closes.push((code, reason)),
                Output::FetchToken { reason } => self.fetches.push(reason),
                Output::Event(event) => {
                    match &event {
                        Event::MessageSent(wire) => self.wire.push(('>', wire.clone())),
                        Event::MessageReceived(wire) => self.wire.push(('<', wire.clone())),
                        _ => {}
                    }
                    self.events.push(event);
                }
            }
        }
        told
    }

    pub(crate) fn start(&mut self) {
        self.tell(|agent, now| agent.start(now));
    }

    pub(crate) fn connected(&mut self) {
        self.tell(|agent, now| agent.connected(now));
    }

    pub(crate) fn closed(&mut self, code: u16) {
        self.tell(|agent, now| agent.closed(now, code, ""));
    }

    pub(crate) fn token(&mut self, answer: Result<TokenGrant, TokenFailure>) {
        self.tell(|agent, now| agent.token(now, answer));
    }

    pub(crate) fn receive(&mut self, octets: impl Into<Bytes>) {
        let octets = octets.into();
        self.tell(|agent, now| agent.received(now, octets));
    }

    pub(crate) fn answer(&mut self, response: Response) {
        self.receive(response.to_bytes());
    }

    /// Lets time pass, waking the agent whenever it asked for that.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while let Some(at) = self.agent.poll_timeout().filter(|at| *at <= end) {
            assert!(at >= self.now.mono, "a timer in the past was not handled");
            self.set_clock(at);
            self.tell(|agent, now| agent.handle_timeout(now));
        }
        self.set_clock(end);
    }

    pub(crate) fn pass_secs(&mut self, secs: u64) {
        self.pass(Duration::from_secs(secs));
    }

    fn set_clock(&mut self, to: Instant) {
        self.now = Now { mono: to, unix: UNIX + (to.as_millis() - 1000) / 1000 };
    }

    /// Lets time pass up to the agent's next timer; how long that was.
    pub(crate) fn pass_to_timer(&mut self) -> Duration {
        let at = self.agent.poll_timeout().expect("a timer runs");
        let wait = at - self.now.mono;
        self.pass(wait);
        wait
    }

    /// The REGISTER that the agent sent, which is the only thing that it sent.
    #[track_caller]
    pub(crate) fn register(&mut self) -> Request {
        let octets = self.sent.pop_front().unwrap_or_else(|| panic!("nothing was sent in {:?}", self.state()));
        assert!(self.sent.is_empty(), "more than one message was sent");
        match Message::parse(octets, Framing::WebSocket) {
            Ok(Message::Request(request)) => {
                request.validate().expect("the request is valid");
                request
            }
            other => panic!("not a request: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn sent_nothing(&self) {
        assert!(self.sent.is_empty(), "sent {:?}", self.sent);
    }

    pub(crate) fn state(&self) -> &State {
        self.agent.state()
    }

    #[track_caller]
    pub(crate) fn assert_state(&self, name: &str) {
        assert_eq!(self.state().name(), name, "{:?}", self.state());
    }

    #[track_caller]
    pub(crate) fn binding(&self) -> Binding {
        self.state().binding().unwrap_or_else(|| panic!("not registered: {:?}", self.state())).clone()
    }

    #[track_caller]
    pub(crate) fn failure(&self) -> Failure {
        self.state().failure().unwrap_or_else(|| panic!("not failed: {:?}", self.state())).clone()
    }

    pub(crate) fn binds(&self) -> usize {
        self.events.iter().filter(|e| matches!(e, Event::Registered(_))).count()
    }

    /// Flow 1 up to the first 200 OK.
    pub(crate) fn register_by_digest(&mut self, granted: u32) {
        self.start();
        self.connected();
        let opening = self.register();
        self.answer(challenge(&opening, &[Algorithm::Sha256], "n1", false));
        let request = self.register();
        self.answer(accept_digest(&request, granted, None));
        self.assert_state("registered");
    }

    /// Flow 2 up to the first 200 OK.
    pub(crate) fn register_by_token(&mut self, lifetime: u64, granted: u32) {
        self.start();
        self.token(Ok(grant("first", lifetime)));
        self.connected();
        let request = self.register();
        self.answer(accept(&request, granted));
        self.assert_state("registered");
    }
}

pub(crate) fn digest_config() -> Config {
    let access = DigestAccess::new(
        URL.parse().unwrap(),
        IMPI.parse().unwrap(),
        "sip:alice@ims.example".parse().unwrap(),
        REALM.parse().unwrap(),
        PASSWORD.into(),
    );
    unwatched(Access::Digest(access))
}

pub(crate) fn token_config(scenario: TokenScenario) -> Config {
    let mut access = TokenAccess::new(scenario);
    access.authz_servers.push(AUTHZ.to_owned());
    unwatched(Access::Token(access))
}

/// Without the subscription to its own registration, which has tests of its own.
fn unwatched(access: Access) -> Config {
    let mut config = Config::new(access, instance());
    config.reg_event = false;
    config
}

fn instance() -> InstanceId {
    "urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-2f5a6c1d8e90".parse().unwrap()
}

pub(crate) fn grant(token: &str, lifetime: u64) -> TokenGrant {
    TokenGrant::parse(token, lifetime, IMPI, ["sip:alice@ims.example"], URL, REALM).unwrap()
}

/// A plain response with the tag of a registrar.
pub(crate) fn response(request: &Request, status: u16) -> Response {
    let mut response = request.respond(StatusCode::new(status).unwrap());
    response.ensure_to_tag(|| "registrar".to_owned());
    response
}

/// 401 with one Digest challenge for each algorithm, all of one nonce.
pub(crate) fn challenge(request: &Request, algorithms: &[Algorithm], nonce: &str, stale: bool) -> Response {
    algorithms.iter().fold(response(request, 401), |response, algorithm| {
        let challenge = digest::challenge(*algorithm, REALM, nonce, stale);
        response.with(&WwwAuthenticate(Challenge::Digest(challenge)))
    })
}

/// 401 with a Bearer challenge.
pub(crate) fn bearer_challenge(request: &Request, authz_server: Option<&str>, error: Option<&str>) -> Response {
    let mut challenge = BearerChallenge::default();
    challenge.params.set_quoted("realm", REALM);
    if let Some(server) = authz_server {
        challenge.params.set_quoted("authz_server", server);
    }
    challenge.params.set_quoted("scope", "webrtc-ims-client-access-to-ims");
    if let Some(error) = error {
        challenge.params.set_quoted("error", error);
    }
    response(request, 401).with(&WwwAuthenticate(Challenge::Bearer(challenge)))
}

pub(crate) fn busy(request: &Request, status: u16, retry_after: Option<u32>) -> Response {
    let response = response(request, status);
    match retry_after {
        Some(secs) => response.with(&RetryAfter(secs)),
        None => response,
    }
}

pub(crate) fn too_brief(request: &Request, min: u32) -> Response {
    response(request, 423).with(&MinExpires(min))
}

/// 200 OK that grants the contact, without proof.
pub(crate) fn accept(request: &Request, granted: u32) -> Response {
    let mut contact: Contact = request.headers.first().unwrap().expect("a contact");
    contact.params.set("expires", granted.to_string());
    let response = response(request, 200);
    if granted == 0 {
        return response;
    }
    response
        .with(&contact)
        .with_raw(HeaderName::Require, "outbound")
        .with_raw(HeaderName::ServiceRoute, "<sip:orig@scscf1.ims.example;lr>")
        .with_raw(HeaderName::PAssociatedUri, "<sip:alice@ims.example>, <tel:+15550100>")
}

/// 200 OK of a network that knows the password; asserts that the WIC does too.
#[track_caller]
pub(crate) fn accept_digest(request: &Request, granted: u32, nextnonce: Option<&str>) -> Response {
    accept(request, granted).with(&proof(request, PASSWORD, nextnonce))
}

/// The Authentication-Info of a network that knows `password`.
#[track_caller]
pub(crate) fn proof(request: &Request, password: &str, nextnonce: Option<&str>) -> AuthenticationInfo {
    let presented = presented(request);
    let right = Ha1::new(presented.algorithm, IMPI, REALM, PASSWORD);
    assert!(presented.verify(&right, "REGISTER"), "the WIC's response is wrong");
    let ha1 = Ha1::new(presented.algorithm, IMPI, REALM, password);
    digest::authentication_info(&presented, &ha1, nextnonce)
}

#[track_caller]
pub(crate) fn presented(request: &Request) -> Presented {
    Presented::parse(&digest_of(request)).expect("credentials that authenticate")
}

#[track_caller]
pub(crate) fn digest_of(request: &Request) -> DigestCredentials {
    match authorization(request) {
        Some(Credentials::Digest(digest)) => digest,
        other => panic!("no digest credentials: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn token_of(request: &Request) -> String {
    match authorization(request) {
        Some(Credentials::Bearer(token)) => token.expose().to_owned(),
        other => panic!("no token: {other:?}"),
    }
}

pub(crate) fn authorization(request: &Request) -> Option<Credentials> {
    let value = request.headers.value(&HeaderName::Authorization)?;
    Some(Authorization::parse(value).expect("an Authorization").0)
}

pub(crate) fn cseq(request: &Request) -> u32 {
    request.cseq().unwrap().number
}

pub(crate) fn contact_expires(request: &Request) -> Option<u32> {
    request.headers.first::<Contact>().unwrap().expect("a contact").expires()
}
