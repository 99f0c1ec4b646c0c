//! What every request but REGISTER goes over: the transactions of the one connection, and who we
//! are while we are registered.

mod credentials;
mod user;

pub(crate) use user::{Proof, User};

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use ims::Defects;
use sip::dialog::Dialog;
use sip::headers::{CSeq, Contact, NameAddr, To, Via};
use sip::transaction::{self, ClientKey, Incoming, ServerKey, Transactions};
use sip::{
    Entropy, FlowId, Header, HeaderName, Headers, Instant, Message, Method, Peer, Rejection, Request, Response,
    StatusCode, Transport,
};

use crate::few::Few;
use crate::{CallEvent, CallId, Event, MessageId, OptionsId, Output, Timers};

/// The methods that this WIC takes.
pub(crate) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, PRACK, UPDATE, MESSAGE, OPTIONS, INFO, NOTIFY";

/// The extensions that this WIC knows in calls.
pub(crate) const SUPPORTED: &str = "outbound, 100rel, timer, replaces";

/// How many transactions there may be of each kind.
const MOST_TRANSACTIONS: usize = 512;

/// How many 2xx of different branches are told apart for one INVITE.
const MOST_BRANCHES: usize = 16;

/// What a call, message or subscription works with.
pub(crate) struct Io<'a> {
    pub(crate) now: Instant,
    pub(crate) entropy: &'a mut dyn Entropy,
    pub(crate) timers: &'a Timers,
    pub(crate) line: &'a mut Line,
    pub(crate) outputs: &'a mut VecDeque<Output>,
}

impl Io<'_> {
    /// Sends a request that has everything but Via and credentials; `None` while we are not
    /// registered.
    pub(crate) fn send(&mut self, request: Request, owner: Owner) -> Option<ClientKey> {
        self.line.request(self.now, request, owner, 0, self.entropy)
    }

    pub(crate) fn respond(&mut self, key: ServerKey, response: Response) {
        self.line.layer.respond(self.now, key, response);
    }

    /// Refuses `request`, with a reason phrase that says why.
    pub(crate) fn refuse(&mut self, key: ServerKey, request: &Request, status: StatusCode, reason: &str, tag: &str) {
        let mut response = request.respond_with(status, reason.to_owned());
        response.ensure_to_tag(|| tag.to_owned());
        self.respond(key, response);
    }

    /// Acknowledges a 2xx to the INVITE `key`, now and whenever it comes again.
    pub(crate) fn acknowledge(&mut self, key: ClientKey, dialog: &Dialog) {
        self.line.acknowledge(key, dialog, self.entropy);
    }

    /// Cancels an INVITE; false when it is not out, but waits for another token.
    pub(crate) fn cancel(&mut self, key: ClientKey) -> bool {
        self.line.layer.cancel(self.now, key);
        self.line.sent.contains(key)
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn call_event(&mut self, call: CallId, event: CallEvent) {
        self.event(Event::Call { call, event });
    }
}

/// Whose a request of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Call(CallId),
    Message(MessageId),
    Options(OptionsId),
    RegEvent,
    /// Nothing depends on its answer.
    Nobody,
}

/// A request that is out, or an INVITE of which more 2xx may come.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) owner: Owner,
    /// As it went out.
    pub(crate) request: Request,
    /// How many challenges led to it.
    challenges: u8,
    /// By the other end's tag, the ACK that its 2xx got.
    acks: Vec<(Box<str>, Request)>,
}

/// A request that waits for another token.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) key: ClientKey,
    pub(crate) sent: Sent,
    /// What it gets if there is no token.
    pub(crate) response: Response,
}

/// What a 401 or 407 leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenged {
    /// The request is sent again with other credentials.
    Again,
    /// It is sent again once there is another token.
    RenewToken,
    /// There is no answer to it.
    Refused,
}

#[derive(Debug)]
pub(crate) struct Line {
    layer: Transactions,
    peer: Option<Peer>,
    /// Whether we are registered over it.
    registered: bool,
    /// How many connections there were.
    flows: u64,
    pub(crate) user: Option<User>,
    sent: Few<ClientKey, Sent>,
    parked: Vec<Parked>,
    pub(crate) defects: Defects,
}

impl Line {
    pub(crate) fn new(timers: &Timers, defects: Defects) -> Self {
        let t1 = timers.transaction / 64;
        let timers = transaction::Timers { t1, t2: t1 * 8, t4: t1 * 10, ..transaction::Timers::default() };
        Self {
            layer: Transactions::new(timers).with_limit(MOST_TRANSACTIONS),
            peer: None,
            registered: false,
            flows: 0,
            user: None,
            sent: Few::default(),
            parked: Vec::new(),
            defects,
        }
    }

    /// A connection is open.
    pub(crate) fn connected(&mut self, transport: Transport) {
        self.flows += 1;
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        self.peer = Some(Peer::on_flow(transport, nowhere, FlowId(self.flows)));
    }

    /// The connection is gone, and every transaction with it. Those that they belong to are told by
    /// the caller.
    pub(crate) fn lost(&mut self, now: Instant) {
        if let Some(flow) = self.peer.take().and_then(|peer| peer.flow) {
            self.layer.flow_closed(now, flow);
        }
        self.registered = false;
        while self.layer.poll_event().is_some() {}
        while self.layer.poll_transmit().is_some() {}
        self.sent.clear();
        self.parked.clear();
    }

    /// We are registered over the connection, as `user`.
    pub(crate) fn registered(&mut self, user: Option<User>) {
        let before = self.user.take();
        self.user = user.map(|user| user.succeed(before));
        self.registered = true;
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.peer.is_some()
    }

    /// Whether requests can be sent: not before the registration is there, lest the eP-CSCF refuse
    /// them.
    pub(crate) fn is_up(&self) -> bool {
        self.peer.is_some() && self.registered
    }

    /// How much is kept, for tests that look for leaks.
    pub(crate) fn len(&self) -> usize {
        self.layer.len() + self.sent.len() + self.parked.len()
    }

    pub(crate) fn receive(&mut self, now: Instant, message: Message) -> Option<Incoming> {
        self.layer.receive(now, message, self.peer?)
    }

    pub(crate) fn reject(&mut self, request: &Request, rejection: &Rejection) {
        if let Some(peer) = self.peer {
            self.layer.reject(request, rejection, peer);
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.layer.handle_timeout(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.layer.poll_timeout()
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        self.layer.poll_transmit().map(|(_, octets)| octets)
    }

    pub(crate) fn poll_event(&mut self) -> Option<transaction::Event> {
        self.layer.poll_event()
    }

    pub(crate) fn sent(&self, key: ClientKey) -> Option<&Sent> {
        self.sent.get(key)
    }

    pub(crate) fn forget(&mut self, key: ClientKey) -> Option<Sent> {
        self.sent.remove(key)
    }

    /// Sends the ACK once more when `response` is a 2xx that had one.
    pub(crate) fn acknowledge_again(&mut self, key: ClientKey, response: &Response) -> bool {
        let (Some(sent), Some(peer)) = (self.sent.get(key), self.peer) else { return false };
        let tag = response.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default();
        let Some((_, ack)) = sent.acks.iter().find(|(of, _)| **of == *tag) else { return false };
        self.layer.send(Message::Request(ack.clone()), peer);
        true
    }

    /// Judges a 401 or 407.
    pub(crate) fn challenged(&mut self, key: ClientKey, response: &Response) -> Challenged {
        let (Some(sent), Some(user)) = (self.sent.get(key), &mut self.user) else { return Challenged::Refused };
        user.challenged(&sent.request, response, sent.challenges)
    }

    /// Sends the request of `key` again, as a new transaction with the sequence number `cseq`.
    pub(crate) fn send_again(
        &mut self,
        now: Instant,
        mut sent: Sent,
        cseq: u32,
        entropy: &mut dyn Entropy,
    ) -> Option<(ClientKey, Request)> {
        use HeaderName::{Authorization, ProxyAuthorization, Via};
        sent.request.headers.retain(|h| !matches!(h.name, Via | Authorization | ProxyAuthorization));
        let method = sent.request.method.clone();
        sent.request.headers.replace(&CSeq { number: cseq, method });
        let key = self.request(now, sent.request, sent.owner, sent.challenges.saturating_add(1), entropy)?;
        Some((key, self.sent.get(key)?.request.clone()))
    }

    pub(crate) fn park(&mut self, key: ClientKey, response: Response) {
        if let Some(sent) = self.sent.remove(key) {
            self.parked.push(Parked { key, sent, response });
        }
    }

    pub(crate) fn unpark(&mut self) -> Vec<Parked> {
        std::mem::take(&mut self.parked)
    }

    fn request(
        &mut self,
        now: Instant,
        request: Request,
        owner: Owner,
        challenges: u8,
        entropy: &mut dyn Entropy,
    ) -> Option<ClientKey> {
        let peer = self.peer.filter(|_| self.registered)?;
        let user = self.user.as_mut()?;
        let mut request = with_via(request, user, peer.transport, entropy);
        user.authorize(&mut request, entropy);
        let key = self.layer.request(now, request.clone(), peer);
        self.sent.insert(key, Sent { owner, request, challenges, acks: Vec::new() });
        Some(key)
    }

    /// The ACK to a 2xx carries the credentials of its INVITE (RFC 3261 §22.1).
    fn acknowledge(&mut self, key: ClientKey, dialog: &Dialog, entropy: &mut dyn Entropy) {
        let (Some(peer), Some(user)) = (self.peer, &self.user) else { return };
        let Some(sent) = self.sent.get_mut(key) else { return };
        let number = sent.request.cseq().map_or(1, |cseq| cseq.number);
        let mut ack = with_via(dialog.ack(number), user, peer.transport, entropy);
        for header in sent.request.headers.iter() {
            if matches!(header.name, HeaderName::Authorization | HeaderName::ProxyAuthorization) {
                ack.headers.push(header.name.clone(), header.value.clone());
            }
        }
        self.layer.send(Message::Request(ack.clone()), peer);
        if sent.acks.len() < MOST_BRANCHES {
            sent.acks.push((dialog.remote().tag().unwrap_or_default().into(), ack));
        }
    }
}

impl User {
    /// An initial request to `to` by way of the Service-Route (RFC 3608, TS 24.229 §5.1.2A.1).
    pub(crate) fn initial(&self, method: Method, to: &sip::Uri, from: NameAddr, entropy: &mut dyn Entropy) -> Request {
        let mut from = sip::headers::From(from);
        from.set_tag(&entropy.token(10));
        let mut request = Request::new(method.clone(), to.clone());
        sip::proxy::set_routes(&mut request, &self.routes);
        request
            .with(&sip::proxy::MAX_FORWARDS)
            .with(&from)
            .with(&To::new(to.clone()))
            .with(&sip::headers::CallId(format!("{}@{}", entropy.token(20), self.host).into()))
            .with(&CSeq { number: 1, method })
    }

    /// Our Contact in dialogs: `ob` keeps them on this registration's flow (RFC 5626 §4.3).
    pub(crate) fn contact(&self) -> Contact {
        Contact::new(self.contact.clone())
    }
}

/// `request` with our Via on top, whose branch no other request has.
fn with_via(request: Request, user: &User, transport: Transport, entropy: &mut dyn Entropy) -> Request {
    let via = Via::new(transport, user.host.clone(), None, &entropy.token(16));
    let via = Header::new(HeaderName::Via, via.to_string());
    let headers: Headers = std::iter::once(via).chain(request.headers.iter().cloned()).collect();
    Request { headers, ..request }
}
