//! The S-CSCF: registrar and authenticator (TS 24.229 §5.4.1), and the proxy of its users when they
//! call and are called (§5.4.3). Sans-IO.
//!
//! A REGISTER goes through `Register::parse`, the registrar's rules, the authentication that it
//! claims (`claim`), and one or two questions to the HSS before it is answered. What waits for the
//! HSS is held in `Waiting`, each with a deadline, so that a silent HSS means a 504 and never a
//! hang. What happened is told by [`Scscf::poll_event`].

mod answer;
mod calls;
mod claim;
mod digest;
mod event;
mod in_dialog;
mod notifier;
mod originating;
mod own;
mod proxy_auth;
mod push;
mod register;
mod registrar;
mod registration;
mod release;
mod session;
mod statics;
mod terminating;

pub use claim::{Entities, Scheme};
pub use event::{Cause, Event, SessionCase, Subject};
pub use register::BindingKey;
pub use registrar::{Binding, Gruus, Registration};
pub use statics::StaticBinding;

pub(crate) use claim::digest_credentials;
pub(crate) use register::public_identity;

use crate::asks::{Asks, CxAsk, CxFailure, CxReply};
use crate::cx::{CxAnswer, ServerName};
use crate::front::Front;
use crate::hop::Name;
use crate::network::Network;
use crate::policy::{self, Policy};
use crate::refusal::Refusal;
use crate::relay::Relays;
use crate::trust::TrustedNode;
use answer::Answers;
use bytes::Bytes;
use calls::Calls;
use digest::Authenticator;
use ims::{Defect, Impu};
use notifier::Notifier;
use own::OwnRequest;
use register::Register;
use registrar::Registrar;
use session::Session;
use sip::headers::AuthenticationInfo;
use sip::node::{Node, Output};
use sip::transaction::{self, ClientKey, Incoming, ServerKey, Timers};
use sip::{Entropy, FlowId, HeaderError, Instant, Method, Now, Peer, Request, Response, SipUri};
use statics::Statics;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// The most events that wait for [`Scscf::poll_event`]; the oldest go first.
const MAX_EVENTS: usize = 4096;

/// What an S-CSCF is told when it is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its own name, as the HSS knows it.
    pub name: ServerName,
    /// The I-CSCF, to which requests for a home domain go.
    pub icscf: Peer,
    /// What is around it.
    pub network: Network,
    /// The contacts that are bound by configuration.
    pub statics: Vec<StaticBinding>,
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
    own_name: Name,
    /// The home network's name.
    home: String,
    icscf: Peer,
    network: Network,
    statics: Statics,
    trusted: Vec<TrustedNode>,
    policy: Policy,
    answers: Answers,
    front: Front,
    asks: Asks<Waiting>,
    relays: Relays<Session>,
    /// What our own requests were for.
    own: HashMap<ClientKey, OwnRequest>,
    calls: Calls,
    notifier: Notifier,
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
    /// SAR for the served user of a request, who is not registered here.
    Served { key: ServerKey },
    /// SAR for a contact that is bound by configuration.
    Static { index: usize },
    /// SAR that tells of something that no request waits for.
    Report,
}

impl Scscf {
    /// An S-CSCF that serves nobody yet.
    ///
    /// # Errors
    /// When its name is not the URI of a host.
    pub fn new(config: Config, entropy: Box<dyn Entropy + Send>) -> Result<Self, HeaderError> {
        let Config { name, icscf, network, statics, trusted, policy, timers } = config;
        let mut route: SipUri = name.as_str().parse()?;
        let home = network.domains.first().unwrap_or(&route.host).to_string();
        let term_ioi = format!("Type 1{home}");
        let own_name = Name::new(route.host.clone(), route.port);
        route.user = Some("orig".into());
        route.params.set_flag("lr");
        Ok(Self {
            answers: Answers { service_route: route.into(), term_ioi },
            front: Front::new(timers, entropy),
            asks: Asks::new(policy.cx_deadline(), policy.max_pending),
            authenticator: Authenticator::default(),
            registrar: Registrar::default(),
            relays: Relays::new(timers.c),
            own: HashMap::new(),
            calls: Calls::new(Duration::from_secs(policy.call_lifetime.into()), policy.max_calls),
            notifier: Notifier::default(),
            events: VecDeque::new(),
            name,
            own_name,
            home,
            icscf,
            network,
            statics: Statics::new(statics),
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

    /// How many calls are remembered.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// How many watch a registration.
    pub fn watchers(&self) -> usize {
        self.notifier.len()
    }

    /// Whether it holds nothing but what is configuration: no binding, challenge, credential, question,
    /// call, subscription or transaction.
    pub fn is_idle(&self) -> bool {
        let held = self.registrar.len() + self.authenticator.len() + self.asks.len();
        let going_on = self.relays.len() + self.own.len() + self.calls.len() + self.notifier.len();
        held + going_on + self.front.transactions.len() == 0
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn has(&self, defect: Defect) -> bool {
        self.policy.defects.has(defect)
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn on_request(&mut self, now: Instant, key: ServerKey, request: Request, from: Peer) {
        match request.method {
            Method::Register if self.asks.is_full() => {
                let refusal = Refusal::from(policy::overloaded()).retry_after(10);
                self.front.refuse(now, key, &request, &refusal);
            }
            Method::Register => self.on_register(now, key, request, from),
            _ => self.on_session(now, key, request, from),
        }
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
            (Waiting::Served { key }, answer) => self.on_served(now, key, answer),
            (Waiting::Static { index }, Ok(CxAnswer::Saa(saa))) => self.on_static(now, index, saa),
            (Waiting::Report | Waiting::Static { .. }, _) => {}
        }
    }

    /// Whether a URI names this S-CSCF or a domain that it serves.
    fn serves(&self, uri: &SipUri) -> bool {
        self.own_name.host().same(&uri.host) || self.network.is_home(uri)
    }

    /// What follows from an input once it has been taken.
    fn conclude(&mut self, now: Instant) {
        self.run_transaction_events(now);
        self.notify(now);
        self.run_transaction_events(now);
    }

    fn run_transaction_events(&mut self, now: Instant) {
        while let Some(event) = self.front.transactions.poll_event() {
            match event {
                transaction::Event::Timeout { key } | transaction::Event::Failed { key } => {
                    self.on_branch_failed(now, key);
                    self.own.remove(&key);
                    self.relays.on_client_done(key);
                }
                transaction::Event::ClientDone { key } => {
                    self.own.remove(&key);
                    self.relays.on_client_done(key);
                }
                transaction::Event::ServerDone { key } => self.relays.on_server_done(key),
                transaction::Event::AckMissing { .. } => {}
            }
        }
    }
}

impl Node for Scscf {
    type Ask = CxAsk;
    type Answer = CxReply;

    fn receive(&mut self, now: Now, from: Peer, octets: Bytes) {
        match self.front.receive(now.mono, from, octets) {
            Some(Incoming::Request { key, request, from }) => self.on_request(now.mono, key, request, from),
            Some(Incoming::Cancel { key, invite, request, .. }) => self.on_cancel(now.mono, key, invite, &request),
            Some(Incoming::Response { key, response }) => self.on_session_response(now.mono, key, response),
            Some(Incoming::Ack { request, from }) => self.on_ack(request, from),
            Some(Incoming::Stray { .. }) | None => {}
        }
        self.conclude(now.mono);
    }

    fn answer(&mut self, now: Now, (id, answer): CxReply) {
        if let Some(waiting) = self.asks.settle(id) {
            self.on_answer(now.mono, waiting, answer);
        }
        self.conclude(now.mono);
    }

    fn flow_closed(&mut self, now: Now, flow: FlowId) {
        self.front.transactions.flow_closed(now.mono, flow);
        self.conclude(now.mono);
    }

    fn send_failed(&mut self, now: Now, to: Peer) {
        self.front.transactions.send_failed(now.mono, to);
        self.conclude(now.mono);
    }

    fn handle_timeout(&mut self, now: Now) {
        let now = now.mono;
        self.front.transactions.handle_timeout(now);
        while let Some(waiting) = self.asks.expire(now).filter(|_| !self.has(Defect::ScscfWaitsForHss)) {
            self.on_answer(now, waiting, Err(CxFailure::Timeout));
        }
        for silent in self.relays.expire(now, &mut self.front) {
            self.on_branch_failed(now, silent);
        }
        self.on_challenges_expired(now);
        self.on_bindings_expired(now);
        self.expire_watches(now);
        for call in self.calls.expire(now) {
            self.tell(Event::CallLost { call_id: call.id.call_id.to_string() });
        }
        self.run_statics(now);
        self.conclude(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [
            self.front.transactions.poll_timeout(),
            self.asks.next_deadline(),
            self.authenticator.next_deadline(),
            self.registrar.next_expiry(),
            self.relays.next_deadline(),
            self.calls.next_deadline(),
            self.notifier.next_deadline(),
            self.statics.next_try(),
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
