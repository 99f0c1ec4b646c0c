//! The eP-CSCF as a state machine: SIP of WICs on one side, Mw on the other, no I/O.

mod answer;
mod digest;
mod forward;
mod in_dialog;
mod ingress;
mod lifecycle;
mod originate;
mod range;
mod reg_server;
mod reg_watch;
mod register;
mod relay;
mod release;
mod request;
mod response;
mod terminating;
mod token;
mod verify;

pub use token::TokenUse;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ims::policy::{CLOSE_POLICY, Close, STRIKES, TokenPolicy};
use ims::{Defect, Impi, Impu, Scenario, WildcardedImpu};
use sip::headers::Via;
use sip::node::{Node, Output};
use sip::proxy::Own;
use sip::transaction::{ClientKey, ServerKey, Timers, Transactions};
use sip::{
    Entropy, FlowId, HeaderName, Host, Instant, Method, Now, Peer, Request, Resolver, Response, StatusCode, Transport,
    Uri,
};

use crate::bindings::{Bindings, TokenStamp};
use crate::calls::Calls;
use crate::config::{Config, ConfigError};
use crate::deadlines::{Deadlines, Timer};
use crate::event::Event;
use crate::flow_token::FlowTokens;
use crate::keys::{Keys, KeysAnswer, KeysAsk};
use crate::media::Iq;
use crate::policy::Policy;
use crate::refusal::{ChallengeText, Refusal};
use crate::reg_event::{SubscriptionId, Subscriptions, WatchId, Watches};
use crate::registration::Registration;
use crate::trust_boundary::Leak;
use crate::upgrade::Accepted;
use crate::verdicts::Verdicts;
use crate::wwsf::{Records, WwsfRecord};

use self::register::Attempt;
use self::relay::Relay;

/// Close codes (RFC 6455 §7.4.1).
mod close {
    pub(super) const NORMAL: u16 = 1000;
    pub(super) const UNSUPPORTED_DATA: u16 = 1003;
    pub(super) const POLICY: u16 = super::CLOSE_POLICY;
    /// Nothing was refused, so the WIC may come again at once: to it 1008 would be final.
    pub(super) const TIMEOUT: u16 = 3008;
}

/// Tokens that one connection holds at a time.
const MAX_JTIS: usize = 4;
/// Most revoked tokens that are remembered.
const MAX_REVOKED: usize = 10_000;

/// One shard of an eP-CSCF.
///
/// A connection comes in by [`Edge::open`] once its upgrade is accepted; from then on [`Node`] is
/// its interface: one call of `receive` for each WebSocket message, `flow_closed` at the end. What
/// happened besides comes out of [`Edge::poll_event`].
pub struct Edge {
    config: Config,
    records: Arc<Records>,
    checks: TokenPolicy,
    core: Peer,
    core_route: Uri,
    scscf_route: Uri,
    /// The hosts of the core.
    resolver: Resolver,
    /// The name that this node goes by in Route.
    own: Own,
    sent_by: (Host, Option<u16>),
    entropy: Box<dyn Entropy + Send>,
    timers: Timers,
    transactions: Transactions,
    flow_tokens: FlowTokens,
    connections: HashMap<FlowId, Connection>,
    bindings: Bindings,
    deadlines: Deadlines,
    pending: HashMap<ClientKey, Pending>,
    /// Requests that were sent on, and by whose server transaction they are found.
    relays: HashMap<ClientKey, Relay>,
    by_server: HashMap<ServerKey, ClientKey>,
    calls: Calls,
    iq: Box<dyn Iq>,
    watches: Watches,
    subscriptions: Subscriptions,
    /// Ranges that the network has ended, with their WWSF.
    ranges_down: Vec<(String, WildcardedImpu)>,
    keys: Keys,
    waiting: VecDeque<Waiting>,
    jtis: HashMap<(String, String), JtiHolder>,
    revoked: HashMap<(String, String), u64>,
    icids: u64,
    outputs: VecDeque<Output<KeysAsk>>,
    events: VecDeque<Event>,
}

/// One WebSocket.
#[derive(Debug)]
struct Connection {
    record: Arc<WwsfRecord>,
    /// Whose it is, from the first 200 on (TS 33.203 O.2.3, X.3.2.3 step 7).
    owner: Option<Owner>,
    verdicts: Verdicts,
    /// The tokens that it holds, by issuer and `jti`.
    jtis: Vec<(String, String)>,
    strikes: u8,
    digest_failures: u8,
    /// REGISTERs under way, with the IMPI that each is for.
    in_flight: Vec<(ClientKey, Impi)>,
    /// How many other requests of it are under way.
    relayed: usize,
    /// Its far end.
    peer: Peer,
    /// REGISTERs that wait for keys.
    waiting: usize,
    closing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    impi: Impi,
    scenario: Scenario,
}

/// Who uses a token: one instance on one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct JtiHolder {
    flow: FlowId,
    instance: Option<String>,
}

/// A client transaction with the core.
#[derive(Debug)]
enum Pending {
    /// On behalf of a WIC.
    Wic { flow: FlowId, server: ServerKey, attempt: Box<Attempt> },
    /// Our own: a de-registration by the network.
    Own,
    /// Our own, whatever the answer: the end of a call.
    Bye,
    /// Our own SUBSCRIBE.
    Watch(WatchId),
    /// Our own NOTIFY.
    Notify(SubscriptionId),
}

/// A REGISTER that waits for the keys of an issuer.
#[derive(Debug)]
struct Waiting {
    issuer: String,
    flow: FlowId,
    key: ServerKey,
    request: Request,
    until: Instant,
}

impl Edge {
    /// The flow tokens of this run.
    pub fn flow_tokens(&self) -> &FlowTokens {
        &self.flow_tokens
    }

    /// An edge without connections. Its flow tokens and tags come from `entropy`; `now` is the
    /// start that its epoch is taken from.
    ///
    /// # Errors
    /// What is wrong in `config`.
    pub fn new(config: Config, mut entropy: Box<dyn Entropy + Send>, now: Now) -> Result<Self, ConfigError> {
        let records = Arc::new(Records::from_config(&config)?);
        let host: Host = config.name.parse().map_err(|_| ConfigError::Uri(config.name.clone()))?;
        let core_route: Uri =
            config.core.icscf_uri.parse().map_err(|_| ConfigError::Uri(config.core.icscf_uri.clone()))?;
        let scscf_route: Uri =
            config.core.scscf_uri.parse().map_err(|_| ConfigError::Uri(config.core.scscf_uri.clone()))?;
        let transport = config.core.transport.into();
        let mut resolver = Resolver::new();
        for (uri, addr) in [(&core_route, config.core.icscf), (&scscf_route, config.core.scscf)] {
            let host = uri.as_sip().ok_or_else(|| ConfigError::Uri(uri.to_string()))?.host.as_str();
            resolver.insert(host, Peer::new(transport, addr));
        }
        config.core.hosts.iter().for_each(|(host, addr)| resolver.insert(host, Peer::new(transport, *addr)));
        let key = match &config.flow_token_key {
            Some(key) => *key.expose(),
            None => {
                let mut key = [0; 32];
                entropy.fill(&mut key);
                key
            }
        };
        let port = config.listen.mw.port();
        let mut edge = Self {
            records,
            checks: config.policy.token_checks(),
            core: Peer::new(transport, config.core.icscf),
            core_route,
            scscf_route,
            resolver,
            own: Own::new([(host.clone(), None)]),
            sent_by: (host, (port != 5060 && port != 0).then_some(port)),
            entropy,
            timers: Timers::default(),
            transactions: Transactions::new(Timers::default()),
            flow_tokens: FlowTokens::new(&key, now.unix as u32),
            connections: HashMap::new(),
            bindings: Bindings::default(),
            deadlines: Deadlines::default(),
            pending: HashMap::new(),
            relays: HashMap::new(),
            by_server: HashMap::new(),
            calls: Calls::default(),
            iq: config.media.gateway(),
            watches: Watches::default(),
            subscriptions: Subscriptions::default(),
            ranges_down: Vec::new(),
            keys: Keys::default(),
            waiting: VecDeque::new(),
            jtis: HashMap::new(),
            revoked: HashMap::new(),
            icids: 0,
            outputs: VecDeque::new(),
            events: VecDeque::new(),
            config,
        };
        edge.watch_ranges(now);
        Ok(edge)
    }

    /// Runs SIP's timers otherwise than RFC 3261 does; to be said before anything happens.
    #[must_use]
    pub fn with_timers(mut self, timers: Timers) -> Self {
        self.transactions = Transactions::new(timers);
        self.timers = timers;
        self
    }

    /// Asks another media gateway than the one of the configuration.
    #[must_use]
    pub fn with_gateway(mut self, iq: Box<dyn Iq>) -> Self {
        self.iq = iq;
        self
    }

    /// The records that upgrades are checked against.
    pub fn records(&self) -> &Arc<Records> {
        &self.records
    }

    /// The switches in force.
    pub fn policy(&self) -> &Policy {
        &self.config.policy
    }

    /// A WebSocket is open: `flow` is its number ([`FlowIds`](crate::FlowIds)), never used before.
    pub fn open(&mut self, now: Now, flow: FlowId, accepted: Accepted) {
        let connection = Connection {
            record: accepted.record,
            owner: None,
            verdicts: Verdicts::default(),
            jtis: Vec::new(),
            strikes: 0,
            digest_failures: 0,
            in_flight: Vec::new(),
            relayed: 0,
            // Its address comes with what it sends.
            peer: Peer::on_flow(Transport::Wss, (std::net::Ipv4Addr::UNSPECIFIED, 0).into(), flow),
            waiting: 0,
            closing: false,
        };
        self.connections.insert(flow, connection);
        self.arm_idle(now, flow);
    }

    /// What happened; to be polled after every input.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How many connections and bindings there are.
    pub fn size(&self) -> (usize, usize) {
        (self.connections.len(), self.bindings.len())
    }

    /// What there is at the moment: all of it is zero when nothing is under way.
    pub fn load(&self) -> Load {
        let (calls, dialogs) = self.calls.len();
        Load {
            connections: self.connections.len(),
            bindings: self.bindings.len(),
            calls,
            dialogs,
            contexts: self.iq.contexts(),
            requests: self.relays.len(),
            watches: self.watches.len(),
            subscriptions: self.subscriptions.len(),
        }
    }

    /// All registrations, for an operator's eye.
    pub fn registrations(&self, now: Now) -> Vec<Registration> {
        self.bindings.iter().map(|(_, binding)| Registration::of(binding, now)).collect()
    }

    /// Forgets a token that its WAF revoked: the next request that carries it gets 403, and the
    /// registration that rests on it ends (T8).
    pub fn revoke(&mut self, now: Now, issuer: &str, jti: &str) {
        self.revoked.retain(|_, until| *until > now.unix);
        if self.revoked.len() < MAX_REVOKED {
            let until = now.unix.saturating_add(self.checks.max_lifetime).saturating_add(self.checks.leeway);
            self.revoked.insert((issuer.to_owned(), jti.to_owned()), until);
        }
    }

    fn refuse(&mut self, now: Now, flow: FlowId, key: ServerKey, request: &Request, refusal: Refusal) {
        let response = self.response_to(request, &refusal);
        self.transactions.respond(now.mono, key, response);
        self.events.push_back(Event::Refused {
            flow,
            status: refusal.status.code(),
            label: refusal.label.clone(),
            reason: refusal.reason.clone(),
        });
        if refusal.deregister {
            self.deregister_revoked(now);
        }
        let Some(connection) = self.connections.get_mut(&flow) else { return };
        let close = match refusal.close {
            Close::Keep => false,
            Close::Now => true,
            Close::AfterStrikes => {
                connection.strikes = connection.strikes.saturating_add(1);
                connection.strikes >= STRIKES
            }
        };
        if close {
            self.close(flow, close::POLICY, refusal.reason);
        }
    }

    fn response_to(&mut self, request: &Request, refusal: &Refusal) -> Response {
        let mut response = request.respond_with(refusal.status, refusal.reason.clone().into_owned());
        let entropy = &mut self.entropy;
        response.ensure_to_tag(|| entropy.token(10));
        refusal.headers.iter().for_each(|header| response.headers.push(header.name.clone(), header.value.clone()));
        response
    }

    fn challenge_text<'a>(&'a self, record: &'a WwsfRecord) -> ChallengeText<'a> {
        ChallengeText { realm: &self.config.home_domain, authz_server: record.authz_server() }
    }

    /// Takes what the transaction layer wants sent, so that it goes out before a Close.
    fn flush(&mut self) {
        while let Some((to, octets)) = self.transactions.poll_transmit() {
            self.outputs.push_back(Output::Send { to, octets });
        }
    }

    fn send(&mut self, to: Peer, octets: Bytes) {
        self.flush();
        self.outputs.push_back(Output::Send { to, octets });
    }

    /// Closes a connection after what was answered on it; its end is reported by `flow_closed`.
    fn close(&mut self, flow: FlowId, code: u16, reason: impl Into<std::borrow::Cow<'static, str>>) {
        let Some(connection) = self.connections.get_mut(&flow) else { return };
        if std::mem::replace(&mut connection.closing, true) {
            return;
        }
        self.flush();
        self.outputs.push_back(Output::Close { flow, code, reason: reason.into() });
    }

    fn own_via(&mut self) -> Via {
        let branch = self.new_branch();
        self.via(self.core.transport, &branch)
    }

    /// The Via of a request that is sent on; it came in as `original`, and is known by it when it comes
    /// in again (RFC 5393 §4.2).
    fn via_of(&mut self, transport: Transport, original: &Request) -> Via {
        let branch = sip::proxy::branch(&self.new_branch(), original);
        self.via(transport, &branch)
    }

    fn via(&self, transport: Transport, branch: &str) -> Via {
        let (host, port) = self.sent_by.clone();
        // On W2 the port is that of WSS (RFC 7118 §5.5).
        let port = port.filter(|_| transport == self.core.transport);
        let mut via = Via::new(transport, host, port, branch);
        if !transport.is_reliable() {
            via.params.set_flag("rport");
        }
        via
    }

    fn new_branch(&mut self) -> String {
        format!("{:x}.{}", self.config.shard, self.entropy.token(16))
    }

    /// Whether something can be sent on a connection.
    fn is_live(&self, flow: FlowId) -> bool {
        self.connections.get(&flow).is_some_and(|connection| !connection.closing)
    }

    /// The far end of a connection, as far as it is known.
    fn peer_of(&self, flow: FlowId) -> Peer {
        let unknown = || Peer::on_flow(Transport::Wss, (std::net::Ipv4Addr::UNSPECIFIED, 0).into(), flow);
        self.connections.get(&flow).map_or_else(unknown, |connection| connection.peer)
    }

    fn arm_idle(&mut self, now: Now, flow: FlowId) {
        let idle = Duration::from_secs(self.config.policy.connection.idle_timeout);
        self.deadlines.set(Timer::Idle(flow), now.mono + idle);
    }

    fn is_trusted(&self, peer: Peer) -> bool {
        self.config.trusted_nodes.iter().any(|node| node.is(peer.addr)) || self.has(Defect::TrustsEveryPeer)
    }

    /// The last look at what leaves: a leak is held back.
    fn hold_back(&mut self, looked: Result<(), Leak>) -> Result<(), Refusal> {
        let Err(leak) = looked else { return Ok(()) };
        self.events.push_back(Event::Leak { leak });
        if self.has(Defect::SendsLeaks) {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::SERVER_INTERNAL_ERROR, "the request was held back at the trust boundary"))
    }

    fn has(&self, defect: Defect) -> bool {
        self.config.policy.defects.has(defect)
    }
}

/// The connection of a WIC that a message came on; `None` for Mw.
fn wic_flow(from: Peer) -> Option<FlowId> {
    from.flow.filter(|_| matches!(from.transport, Transport::Ws | Transport::Wss))
}

/// How much there is of everything that comes and goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// WebSockets.
    pub connections: usize,
    /// Registered contacts.
    pub bindings: usize,
    /// Calls and subscriptions that pass through, answered or not.
    pub calls: usize,
    /// Their dialogs.
    pub dialogs: usize,
    /// Contexts at the media gateway.
    pub contexts: usize,
    /// Requests under way.
    pub requests: usize,
    /// Subscriptions of this node to registrations.
    pub watches: usize,
    /// Subscriptions at this node.
    pub subscriptions: usize,
}

impl Node for Edge {
    type Ask = KeysAsk;
    type Answer = KeysAnswer;

    fn receive(&mut self, now: Now, from: Peer, octets: Bytes) {
        match wic_flow(from) {
            Some(flow) => self.on_wic_message(now, flow, from, octets),
            None => self.on_mw_message(now, from, octets),
        }
    }

    fn answer(&mut self, now: Now, answer: KeysAnswer) {
        self.on_keys(now, answer);
        self.after_transactions(now);
    }

    fn flow_closed(&mut self, now: Now, flow: FlowId) {
        self.transactions.flow_closed(now.mono, flow);
        self.on_flow_closed(now, flow);
        self.after_transactions(now);
    }

    fn send_failed(&mut self, now: Now, to: Peer) {
        self.transactions.send_failed(now.mono, to);
        self.after_transactions(now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.transactions.handle_timeout(now.mono);
        self.after_transactions(now);
        while let Some(timer) = self.deadlines.due(now.mono) {
            self.on_timer(now, timer);
        }
        self.after_transactions(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.transactions.poll_timeout(), self.deadlines.next()].into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<Output<KeysAsk>> {
        self.flush();
        self.outputs.pop_front()
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge")
            .field("name", &self.config.name)
            .field("connections", &self.connections.len())
            .field("bindings", &self.bindings.len())
            .finish_non_exhaustive()
    }
}
