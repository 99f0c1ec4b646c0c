//! The S-CSCF: registrar and authenticator (TS 24.229 §5.4.1), sans-IO.
//!
//! A REGISTER goes through `Register::parse`, the registrar's rules, the authentication that it
//! claims (`claim`), and one or two questions to the HSS before it is answered. What waits for the
//! HSS is held in `Waiting`, each with a deadline, so that a silent HSS means a 504 and never a
//! hang. What happened is told by [`Scscf::poll_event`].

mod answer;
mod claim;
mod digest;
mod event;
mod push;
mod register;
mod registrar;
mod registration;

pub use claim::{Entities, Scheme};
pub use event::{Cause, Event, Subject};
pub use register::BindingKey;
pub use registrar::{Binding, Gruus, Registration};

pub(crate) use claim::{claims_auth_done, digest_credentials};
pub(crate) use register::public_identity;

use crate::asks::{Asks, CxAsk, CxFailure, CxReply};
use crate::cx::{CxAnswer, ServerName};
use crate::front::Front;
use crate::policy::{self, Policy};
use crate::refusal::Refusal;
use crate::trust::TrustedNode;
use answer::Answers;
use bytes::Bytes;
use digest::Authenticator;
use ims::Impu;
use register::Register;
use registrar::Registrar;
use sip::headers::AuthenticationInfo;
use sip::node::{Node, Output};
use sip::transaction::{Incoming, ServerKey, Timers};
use sip::{Entropy, FlowId, HeaderError, Host, Instant, Method, Now, Peer, Request, Response, SipUri};
use std::collections::VecDeque;

/// The most events that wait for [`Scscf::poll_event`]; the oldest go first.
const MAX_EVENTS: usize = 4096;

/// What an S-CSCF is told when it is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its own name, as the HSS knows it.
    pub name: ServerName,
    /// The domains that it serves; the first is the home domain.
    pub domains: Vec<Host>,
    /// The peers from which `auth-done` is accepted: the I-CSCFs, which checked where it came from.
    pub trusted: Vec<TrustedNode>,
    /// What no specification decides.
    pub policy: Policy,
    /// The timers of its transactions.
    pub timers: Timers,
}

/// An S-CSCF.
#[derive(Debug)]
pub struct Scscf {
    name: ServerName,
    host: Host,
    domains: Vec<Host>,
    trusted: Vec<TrustedNode>,
    policy: Policy,
    answers: Answers,
    front: Front,
    asks: Asks<Waiting>,
    authenticator: Authenticator,
    registrar: Registrar,
    events: VecDeque<Event>,
}

/// What goes on when the HSS has answered.
#[derive(Debug)]
enum Waiting {
    /// MAR: authentication data for a REGISTER.
    Vector { key: ServerKey, register: Box<Register> },
    /// SAR: the profile of a user who authenticated.
    Profile { key: ServerKey, register: Box<Register>, info: Option<AuthenticationInfo> },
    /// SAR that tells of an end; the answer is decided already.
    Told { key: ServerKey, response: Box<Response> },
    /// SAR that tells of something that no request waits for.
    Report,
}

impl Scscf {
    /// An S-CSCF that serves nobody yet.
    ///
    /// # Errors
    /// When its name is not the URI of a host.
    pub fn new(config: Config, entropy: Box<dyn Entropy + Send>) -> Result<Self, HeaderError> {
        let Config { name, domains, trusted, policy, timers } = config;
        let mut route: SipUri = name.as_str().parse()?;
        let host = route.host.clone();
        let home = domains.first().unwrap_or(&host);
        let term_ioi = format!("Type 1{home}");
        route.user = Some("orig".into());
        route.params.set_flag("lr");
        Ok(Self {
            answers: Answers { service_route: route.into(), term_ioi },
            front: Front::new(timers, entropy),
            asks: Asks::new(policy.cx_deadline(), policy.max_pending),
            authenticator: Authenticator::default(),
            registrar: Registrar::default(),
            events: VecDeque::new(),
            name,
            host,
            domains,
            trusted,
            policy,
        })
    }

    /// The registered set that `impu` belongs to.
    pub fn registration(&self, impu: &Impu) -> Option<&Registration> {
        self.registrar.find(impu)
    }

    /// How many contacts are bound.
    pub fn bindings(&self) -> usize {
        self.registrar.len()
    }

    /// Whether it holds nothing: no binding, challenge, credential, question or transaction.
    pub fn is_idle(&self) -> bool {
        self.registrar.len() + self.authenticator.len() + self.asks.len() + self.front.transactions.len() == 0
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn on_request(&mut self, now: Instant, key: ServerKey, request: Request, from: Peer) {
        let refusal = match request.method {
            Method::Register if self.asks.is_full() => Refusal::from(policy::overloaded()).retry_after(10),
            Method::Register => return self.on_register(now, key, request, from),
            _ => Refusal::method(&request),
        };
        self.front.refuse(now, key, &request, &refusal);
    }

    fn on_answer(&mut self, now: Instant, waiting: Waiting, answer: Result<CxAnswer, CxFailure>) {
        match (waiting, answer) {
            (Waiting::Vector { key, register }, Ok(CxAnswer::Maa(maa))) => self.on_maa(now, key, *register, maa),
            (Waiting::Profile { key, register, info }, Ok(CxAnswer::Saa(saa))) => {
                self.on_saa(now, key, *register, info, saa);
            }
            (Waiting::Vector { key, register } | Waiting::Profile { key, register, .. }, _) => {
                self.front.refuse(now, key, &register.request, &policy::hss_silent().into());
                self.forget_unless_registered(&register.impi);
            }
            (Waiting::Told { key, response }, _) => self.front.respond(now, key, *response),
            (Waiting::Report, _) => {}
        }
    }

    /// Whether a URI names this S-CSCF or a domain that it serves.
    fn serves(&self, uri: &SipUri) -> bool {
        self.host.same(&uri.host) || self.domains.iter().any(|domain| domain.same(&uri.host))
    }
}

impl Node for Scscf {
    type Ask = CxAsk;
    type Answer = CxReply;

    fn receive(&mut self, now: Now, from: Peer, octets: Bytes) {
        match self.front.receive(now.mono, from, octets) {
            Some(Incoming::Request { key, request, from }) => self.on_request(now.mono, key, request, from),
            Some(Incoming::Cancel { key, request, .. }) => {
                // It has accepted no INVITE that could be cancelled.
                let refusal = Refusal::no_transaction();
                self.front.refuse(now.mono, key, &request, &refusal);
            }
            // It sends no requests, so no response is its own.
            Some(Incoming::Ack { .. } | Incoming::Response { .. } | Incoming::Stray { .. }) | None => {}
        }
    }

    fn answer(&mut self, now: Now, (id, answer): CxReply) {
        if let Some(waiting) = self.asks.settle(id) {
            self.on_answer(now.mono, waiting, answer);
        }
    }

    fn flow_closed(&mut self, now: Now, flow: FlowId) {
        self.front.transactions.flow_closed(now.mono, flow);
    }

    fn send_failed(&mut self, now: Now, to: Peer) {
        self.front.transactions.send_failed(now.mono, to);
    }

    fn handle_timeout(&mut self, now: Now) {
        let now = now.mono;
        self.front.transactions.handle_timeout(now);
        while let Some(waiting) = self.asks.expire(now) {
            self.on_answer(now, waiting, Err(CxFailure::Timeout));
        }
        self.on_challenges_expired(now);
        self.on_bindings_expired(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [
            self.front.transactions.poll_timeout(),
            self.asks.next_deadline(),
            self.authenticator.next_deadline(),
            self.registrar.next_expiry(),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<Output<CxAsk>> {
        // A server transaction that ends needs nothing done.
        while self.front.transactions.poll_event().is_some() {}
        if let Some((to, octets)) = self.front.transactions.poll_transmit() {
            return Some(Output::Send { to, octets });
        }
        self.asks.poll().map(Output::Ask)
    }
}
