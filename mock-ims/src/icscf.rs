//! The I-CSCF: asks the HSS whether a user may register and at which S-CSCF, and takes the REGISTER
//! there (TS 24.229 §5.3.1); asks it who serves the user that any other request is for, and takes
//! that there (§5.3.2). Sans-IO.
//!
//! It is a stateful proxy. A REGISTER is taken from a trusted node alone (TS 24.229 §5.3.1.2), and with
//! it that node's word for its user (TS 33.203 U.1). What waits for the HSS or for an S-CSCF has a deadline, so that a
//! dead neighbour means a 504.

mod forward;
mod selection;
mod session;

pub use selection::Candidate;

use crate::asks::{Asks, CxAsk, CxFailure, CxReply};
use crate::cx::{AuthorizationType, CxAnswer, ServerCapabilities, ServerName, Uaa, Uar};
use crate::front::Front;
use crate::hop::Name;
use crate::network::Network;
use crate::policy::{self, Policy};
use crate::refusal::Refusal;
use crate::relay::Relays;
use crate::scscf::{digest_credentials, public_identity};
use crate::trust::TrustedNode;
use bytes::Bytes;
use forward::Forwards;
use ims::{Defect, Impi, Impu};
use session::Session;
use sip::headers::{Contacts, Expires, MaxForwards, PVisitedNetworkId};
use sip::node::{Node, Output};
use sip::transaction::{self, Incoming, ServerKey, Timers};
use sip::{Entropy, FlowId, HeaderName, Host, Instant, Method, Now, Peer, Request, SipUri, StatusCode};
use std::collections::VecDeque;

/// The most events that wait for [`Icscf::poll_event`]; the oldest go first.
const MAX_EVENTS: usize = 4096;

/// What an I-CSCF is told when it is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name, for Via.
    pub host: Host,
    /// Its port, for Via.
    pub port: Option<u16>,
    /// The network that a user is taken to visit when no P-Visited-Network-ID says which.
    pub home_network: String,
    /// The peers from which a REGISTER is accepted: the eP-CSCFs.
    pub trusted: Vec<TrustedNode>,
    /// The S-CSCFs that there are.
    pub scscfs: Vec<Candidate>,
    /// What is around it.
    pub network: Network,
    /// What no specification decides.
    pub policy: Policy,
    /// The timers of its transactions.
    pub timers: Timers,
}

/// An I-CSCF.
#[derive(Debug)]
pub struct Icscf {
    config: Config,
    name: Name,
    front: Front,
    asks: Asks<Waiting>,
    forwards: Forwards,
    relays: Relays<Session>,
    events: VecDeque<Event>,
}

/// Something that a policeman or an operator wants to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A peer that is no trusted node sent a REGISTER.
    Untrusted {
        /// Which.
        from: Peer,
    },
    /// An S-CSCF is out of reach.
    Unreachable {
        /// Which.
        server: ServerName,
    },
}

/// What goes on when the HSS has answered.
#[derive(Debug)]
enum Waiting {
    /// UAR.
    Register(Box<Routing>),
    /// LIR, for the request of this transaction.
    Session(ServerKey),
}

/// A REGISTER on its way: what is known of it, and what was tried.
#[derive(Debug)]
struct Routing {
    key: ServerKey,
    request: Request,
    impi: Impi,
    impu: Impu,
    visited: String,
    authorization: AuthorizationType,
    /// S-CSCFs that are out of reach.
    tried: Vec<ServerName>,
}

impl Icscf {
    /// An I-CSCF with nothing to do yet.
    pub fn new(mut config: Config, entropy: Box<dyn Entropy + Send>) -> Self {
        // Route headers of requests in a dialog name S-CSCFs.
        for candidate in &config.scscfs {
            if let Ok(uri) = candidate.name.as_str().parse::<SipUri>() {
                config.network.resolver.insert(uri.host.as_str(), candidate.peer);
            }
        }
        Self {
            name: Name::new(config.host.clone(), config.port),
            relays: Relays::new(config.timers.c),
            front: Front::new(config.timers, entropy),
            asks: Asks::new(config.policy.cx_deadline(), config.policy.max_pending),
            forwards: Forwards::default(),
            events: VecDeque::new(),
            config,
        }
    }

    /// Whether it holds nothing: no question and no transaction.
    pub fn is_idle(&self) -> bool {
        self.asks.len() + self.forwards.len() + self.relays.len() + self.front.transactions.len() == 0
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn has(&self, defect: Defect) -> bool {
        self.config.policy.defects.has(defect)
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn on_request(&mut self, now: Instant, key: ServerKey, request: Request, from: Peer) {
        if self.name.is_for_us(&request) && request.method != Method::Register {
            return self.front.respond(now, key, self.name.answer_own(&request));
        }
        if request.method != Method::Register {
            return self.on_session(now, key, request, from);
        }
        match self.routing(key, &request, from) {
            Ok(routing) => self.authorize(now, routing),
            Err(refusal) => self.front.refuse(now, key, &request, &refusal),
        }
    }

    /// Reads a REGISTER as far as an I-CSCF looks at it.
    fn routing(&mut self, key: ServerKey, request: &Request, from: Peer) -> Result<Routing, Refusal> {
        if self.asks.is_full() {
            return Err(Refusal::from(policy::overloaded()).retry_after(10));
        }
        if request.headers.opt::<MaxForwards>()? == Some(MaxForwards(0)) {
            return Err(Refusal::new(StatusCode::TOO_MANY_HOPS, "Max-Forwards is 0 (RFC 3261 16.3)"));
        }
        let extensions: Vec<&str> = request.headers.elements(&HeaderName::ProxyRequire).collect();
        if !extensions.is_empty() {
            return Err(Refusal::unsupported(&extensions));
        }
        let trusted = self.config.trusted.iter().any(|node| node.is(&from)) || self.has(Defect::IcscfTrustsAnybody);
        if !trusted {
            self.tell(Event::Untrusted { from });
            return Err(Refusal::forbidden(
                "REGISTER from a node that is not trusted (TS 24.229 5.3.1.2, TS 33.203 U.1)",
            ));
        }
        let impu = public_identity(request)?;
        let impi = match digest_credentials(request)?.and_then(|credentials| credentials.text("username")) {
            Some(username) => Impi::parse(&username).map_err(|e| Refusal::bad_request(e.to_string()))?,
            None => impu.to_impi_default().map_err(|e| Refusal::forbidden(format!("{e}, and no username")))?,
        };
        let visited = request.headers.first::<PVisitedNetworkId>()?.map(|visited| visited.network);
        Ok(Routing {
            key,
            impi,
            impu,
            visited: visited
                .filter(|_| !self.has(Defect::ForgetsVisitedNetwork))
                .unwrap_or_else(|| self.config.home_network.clone()),
            authorization: match authorization_type(request)? {
                _ if self.has(Defect::AsksAsForRegistration) => AuthorizationType::Registration,
                authorization => authorization,
            },
            request: request.clone(),
            tried: Vec::new(),
        })
    }

    fn authorize(&mut self, now: Instant, routing: Routing) {
        let uar = Uar {
            user_name: routing.impi.clone(),
            public_identity: routing.impu.clone(),
            visited_network: routing.visited.clone(),
            authorization_type: routing.authorization,
        };
        self.asks.ask(now, uar, Waiting::Register(Box::new(routing)));
    }

    fn on_answer(&mut self, now: Instant, waiting: Waiting, answer: Result<CxAnswer, CxFailure>) {
        match waiting {
            Waiting::Register(routing) => self.on_uaa(now, *routing, answer),
            Waiting::Session(key) => self.on_lia(now, key, answer),
        }
    }

    fn on_uaa(&mut self, now: Instant, routing: Routing, answer: Result<CxAnswer, CxFailure>) {
        let refusal = match answer {
            Ok(CxAnswer::Uaa(uaa)) if uaa.result.is_success() => match self.select(&uaa, &routing.tried) {
                Ok(candidate) => return self.forward(now, routing, &candidate),
                Err(rejection) => rejection,
            },
            Ok(CxAnswer::Uaa(uaa)) => policy::uaa(uaa.result),
            _ => policy::hss_silent(),
        };
        self.front.refuse(now, routing.key, &routing.request, &refusal.into());
    }

    /// The assigned S-CSCF, or one that the capabilities allow.
    fn select(&self, uaa: &Uaa, tried: &[ServerName]) -> Result<Candidate, sip::Rejection> {
        let assigned = uaa.server_name.as_ref().filter(|name| !tried.contains(name));
        let chosen = match (assigned, &uaa.capabilities) {
            (Some(name), _) => selection::named(&self.config.scscfs, name),
            (None, Some(capabilities)) => {
                let any = ServerCapabilities::default();
                let wanted = if self.has(Defect::IgnoresCapabilities) { &any } else { capabilities };
                selection::capable(&self.config.scscfs, wanted, tried)
            }
            (None, None) => None,
        };
        chosen.cloned().ok_or_else(|| policy::no_scscf(!tried.is_empty()))
    }

    /// An S-CSCF did not take a REGISTER. Once, another is sought (TS 24.229 §5.3.1.3); one who
    /// leaves has nothing to do with another.
    fn on_unreachable(&mut self, now: Instant, mut routing: Routing, server: ServerName) {
        self.tell(Event::Unreachable { server: server.clone() });
        let last_try = routing.authorization != AuthorizationType::Registration || !routing.tried.is_empty();
        if last_try || self.has(Defect::TriesNoOtherScscf) {
            let refusal = policy::no_scscf(true).into();
            return self.front.refuse(now, routing.key, &routing.request, &refusal);
        }
        routing.tried.push(server);
        routing.authorization = AuthorizationType::RegistrationAndCapabilities;
        self.authorize(now, routing);
    }

    fn run_transaction_events(&mut self, now: Instant) {
        while let Some(event) = self.front.transactions.poll_event() {
            match event {
                transaction::Event::Timeout { key } | transaction::Event::Failed { key } => {
                    if let Some(forward) = self.forwards.take(key) {
                        self.on_unreachable(now, forward.routing, forward.server);
                    }
                    self.on_session_failed(now, key);
                    self.relays.on_client_done(key);
                }
                transaction::Event::ClientDone { key } => self.relays.on_client_done(key),
                transaction::Event::ServerDone { key } => self.relays.on_server_done(key),
                transaction::Event::AckMissing { .. } => {}
            }
        }
    }
}

impl Node for Icscf {
    type Ask = CxAsk;
    type Answer = CxReply;

    fn receive(&mut self, now: Now, from: Peer, octets: Bytes) {
        let now = now.mono;
        match self.front.receive(now, from, octets) {
            Some(Incoming::Request { key, request, from }) => self.on_request(now, key, request, from),
            Some(Incoming::Cancel { key, invite, request, .. }) => self.on_cancel(now, key, invite, &request),
            Some(Incoming::Response { key, response }) if self.relays.context_of(key).is_some() => {
                self.on_session_response(now, key, response);
            }
            Some(Incoming::Response { key, response }) => self.on_response(now, key, response),
            Some(Incoming::Ack { request, from }) => self.on_ack(request, from),
            Some(Incoming::Stray { .. }) | None => {}
        }
        self.run_transaction_events(now);
    }

    fn answer(&mut self, now: Now, (id, answer): CxReply) {
        if let Some(waiting) = self.asks.settle(id) {
            self.on_answer(now.mono, waiting, answer);
        }
        self.run_transaction_events(now.mono);
    }

    fn flow_closed(&mut self, now: Now, flow: FlowId) {
        self.front.transactions.flow_closed(now.mono, flow);
        self.run_transaction_events(now.mono);
    }

    fn send_failed(&mut self, now: Now, to: Peer) {
        self.front.transactions.send_failed(now.mono, to);
        self.run_transaction_events(now.mono);
    }

    fn handle_timeout(&mut self, now: Now) {
        let now = now.mono;
        self.front.transactions.handle_timeout(now);
        while let Some(waiting) = self.asks.expire(now).filter(|_| !self.has(Defect::IcscfWaitsForHss)) {
            self.on_answer(now, waiting, Err(CxFailure::Timeout));
        }
        for silent in self.relays.expire(now, &mut self.front) {
            self.on_session_failed(now, silent);
        }
        while let Some(forward) = self.forwards.expire(now) {
            self.on_unreachable(now, forward.routing, forward.server);
        }
        self.run_transaction_events(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [
            self.front.transactions.poll_timeout(),
            self.asks.next_deadline(),
            self.forwards.next_deadline(),
            self.relays.next_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<Output<CxAsk>> {
        if let Some((to, octets)) = self.front.transactions.poll_transmit() {
            return Some(Output::Send { to, octets });
        }
        self.asks.poll().map(Output::Ask)
    }
}

/// DE_REGISTRATION when every lifetime is zero (TS 29.228 §6.1.1).
fn authorization_type(request: &Request) -> Result<AuthorizationType, Refusal> {
    let header = request.headers.opt::<Expires>()?.map(|expires| expires.0);
    let leaves = match request.headers.contacts()? {
        // Without Expires: 0 it is a mistake, and the registrar's to refuse.
        Contacts::Star => header == Some(0),
        Contacts::List(contacts) => {
            !contacts.is_empty() && contacts.iter().all(|contact| contact.expires().or(header) == Some(0))
        }
    };
    Ok(if leaves { AuthorizationType::DeRegistration } else { AuthorizationType::Registration })
}
