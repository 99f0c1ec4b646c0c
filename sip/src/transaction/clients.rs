//! The client transactions of a layer.

use super::client_invite::ClientInvite;
use super::client_non_invite::ClientNonInvite;
use super::id::ClientId;
use super::machine::{At, End, Step};
use super::{ClientKey, Event, Incoming, Out};
use crate::headers::{CSeq, MaxForwards};
use crate::{FlowId, HeaderName, Instant, Method, Peer, Request, Response, Transport};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Debug, Default)]
pub(super) struct Clients {
    all: BTreeMap<ClientKey, Client>,
    by_id: HashMap<ClientId, ClientKey>,
    deadlines: BTreeSet<(Instant, ClientKey)>,
    last_key: u64,
}

#[derive(Debug)]
struct Client {
    machine: Machine,
    id: Option<ClientId>,
    to: Peer,
    /// The request, as long as it may have to be sent again.
    wire: Bytes,
    /// What the layer makes ACK and CANCEL of.
    invite: Option<Box<Request>>,
    cancel: Cancel,
    /// Made by the layer: the user does not know of it.
    internal: bool,
    /// Its entry in [`Clients::deadlines`].
    armed: Option<Instant>,
}

#[derive(Debug)]
enum Machine {
    Invite(ClientInvite),
    NonInvite(ClientNonInvite),
}

/// How far cancelling has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cancel {
    No,
    /// To be sent after the first provisional response.
    Wanted,
    Sent,
}

impl Clients {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub(super) fn request(&mut self, at: &At, request: Request, to: Peer, room: bool, out: &mut Out) -> ClientKey {
        if room {
            return self.start(at, &request, to, false, out);
        }
        let key = self.next_key();
        out.events.push_back(Event::Failed { key });
        key
    }

    pub(super) fn receive(&mut self, at: &At, response: Response, from: Peer, out: &mut Out) -> Option<Incoming> {
        let id = ClientId::of_response(&response)?;
        let found = self.by_id.get(&id).copied();
        let found = found.and_then(|key| Some((key, self.all.get_mut(&key).filter(|client| client.awaits(from))?)));
        let Some((key, client)) = found else {
            return Some(Incoming::Stray { response, from });
        };
        let step = client.machine.on_response(at, response.status);
        if step.ack
            && let Some(invite) = &client.invite
        {
            out.transmits.push_back((client.to, ack(invite, &response).to_bytes()));
        }
        if client.machine.has_final() {
            client.wire = Bytes::new();
        }
        let internal = client.internal;
        let send_cancel = client.wants_cancel_now();
        self.apply(key, Step { send: false, ..step }, out);
        if send_cancel {
            self.send_cancel(at, key, out);
        }
        (step.pass && !internal).then_some(Incoming::Response { key, response })
    }

    pub(super) fn cancel(&mut self, at: &At, key: ClientKey, out: &mut Out) {
        let Some(client) = self.all.get_mut(&key) else { return };
        if client.cancel == Cancel::No && client.invite.is_some() && !client.machine.has_final() {
            client.cancel = Cancel::Wanted;
            if client.wants_cancel_now() {
                self.send_cancel(at, key, out);
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, at: &At, out: &mut Out) {
        while let Some((due, key)) = self.deadlines.first().copied() {
            if due > at.now {
                return;
            }
            let Some(client) = self.all.get_mut(&key) else { return };
            let step = client.machine.on_timeout(at);
            self.apply(key, step, out);
        }
    }

    pub(super) fn send_failed(&mut self, to: Peer, out: &mut Out) {
        self.end_where(|client| if client.to == to { client.machine.on_send_failed() } else { None }, out);
    }

    pub(super) fn flow_closed(&mut self, flow: FlowId, out: &mut Out) {
        let ended = |client: &Client| {
            let end = if client.machine.has_final() { End::Done } else { End::Failed };
            (client.to.flow == Some(flow)).then_some(end)
        };
        self.end_where(ended, out);
    }

    fn start(&mut self, at: &At, request: &Request, to: Peer, internal: bool, out: &mut Out) -> ClientKey {
        let key = self.next_key();
        let reliable = to.transport.is_reliable();
        let (machine, invite) = if request.method == Method::Invite {
            (Machine::Invite(ClientInvite::start(at, reliable)), Some(Box::new(skeleton(request))))
        } else {
            (Machine::NonInvite(ClientNonInvite::start(at, reliable)), None)
        };
        let octets = request.to_bytes();
        out.transmits.push_back((to, octets.clone()));
        let wire = if reliable { Bytes::new() } else { octets };
        let id = ClientId::of_request(request);
        if let Some(id) = &id {
            self.by_id.insert(id.clone(), key);
        }
        let client = Client { machine, id, to, wire, invite, cancel: Cancel::No, internal, armed: None };
        self.all.insert(key, client);
        self.arm(key);
        key
    }

    fn send_cancel(&mut self, at: &At, key: ClientKey, out: &mut Out) {
        let Some(client) = self.all.get_mut(&key) else { return };
        let (Some(invite), Machine::Invite(machine)) = (&client.invite, &mut client.machine) else { return };
        client.cancel = Cancel::Sent;
        machine.on_cancel_sent(at);
        let (cancel, to) = (derive(invite, Method::Cancel), client.to);
        self.arm(key);
        self.start(at, &cancel, to, true, out);
    }

    fn apply(&mut self, key: ClientKey, step: Step, out: &mut Out) {
        if step.send
            && let Some(client) = self.all.get(&key)
        {
            out.transmits.push_back((client.to, client.wire.clone()));
        }
        match step.end {
            Some(end) => self.end(key, end, out),
            None => self.arm(key),
        }
    }

    fn end_where(&mut self, ended: impl Fn(&Client) -> Option<End>, out: &mut Out) {
        let ends: Vec<_> = self.all.iter().filter_map(|(key, client)| Some((*key, ended(client)?))).collect();
        for (key, end) in ends {
            self.end(key, end, out);
        }
    }

    fn end(&mut self, key: ClientKey, end: End, out: &mut Out) {
        let Some(client) = self.all.remove(&key) else { return };
        if let Some(armed) = client.armed {
            self.deadlines.remove(&(armed, key));
        }
        if let Some(id) = &client.id
            && self.by_id.get(id) == Some(&key)
        {
            self.by_id.remove(id);
        }
        if client.internal {
            return;
        }
        out.events.push_back(match end {
            End::Timeout => Event::Timeout { key },
            End::Failed => Event::Failed { key },
            End::Done | End::AckMissing => Event::ClientDone { key },
        });
    }

    fn arm(&mut self, key: ClientKey) {
        let Some(client) = self.all.get_mut(&key) else { return };
        let deadline = client.machine.deadline();
        if client.armed == deadline {
            return;
        }
        if let Some(armed) = client.armed {
            self.deadlines.remove(&(armed, key));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, key));
        }
        client.armed = deadline;
    }

    fn next_key(&mut self) -> ClientKey {
        self.last_key += 1;
        ClientKey(self.last_key)
    }
}

impl Client {
    /// Whether the response may come from there: what went out on a WebSocket is answered on it.
    fn awaits(&self, from: Peer) -> bool {
        let websocket = matches!(self.to.transport, Transport::Ws | Transport::Wss);
        !websocket || self.to.flow.is_none() || self.to.flow == from.flow
    }

    fn wants_cancel_now(&self) -> bool {
        self.cancel == Cancel::Wanted && matches!(&self.machine, Machine::Invite(invite) if invite.is_proceeding())
    }
}

impl Machine {
    fn on_response(&mut self, at: &At, status: crate::StatusCode) -> Step {
        match self {
            Self::Invite(m) => m.on_response(at, status),
            Self::NonInvite(m) => m.on_response(at, status),
        }
    }

    fn on_timeout(&mut self, at: &At) -> Step {
        match self {
            Self::Invite(m) => m.on_timeout(at),
            Self::NonInvite(m) => m.on_timeout(at),
        }
    }

    fn on_send_failed(&self) -> Option<End> {
        match self {
            Self::Invite(m) => m.on_send_failed(),
            Self::NonInvite(m) => m.on_send_failed(),
        }
    }

    fn has_final(&self) -> bool {
        match self {
            Self::Invite(m) => m.has_final(),
            Self::NonInvite(m) => m.has_final(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Invite(m) => m.deadline(),
            Self::NonInvite(m) => m.deadline(),
        }
    }
}

/// What ACK and CANCEL take over from their INVITE: Request-URI, the topmost Via, From, To,
/// Call-ID, CSeq, the Route set, and the token, which a WIC puts into all requests (TS 24.371
/// §7.2.1).
fn skeleton(invite: &Request) -> Request {
    let mut request = Request::new(invite.method.clone(), invite.uri.clone());
    if let Ok(via) = invite.via() {
        request.headers.add(&via);
    }
    request.headers.add(&MaxForwards(70));
    for header in invite.headers.iter() {
        if matches!(
            header.name,
            HeaderName::From
                | HeaderName::To
                | HeaderName::CallId
                | HeaderName::CSeq
                | HeaderName::Route
                | HeaderName::Authorization
        ) {
            request.headers.push(header.name.clone(), header.value.clone());
        }
    }
    request
}

/// The hop-by-hop request that goes with an INVITE (RFC 3261 §9.1, §17.1.1.3).
fn derive(invite: &Request, method: Method) -> Request {
    let mut request = Request { method: method.clone(), ..invite.clone() };
    if let Ok(CSeq { number, .. }) = invite.cseq() {
        request.headers.replace(&CSeq { number, method });
    }
    request
}

/// The ACK to a response other than 2xx (RFC 3261 §17.1.1.3): its To is the response's.
fn ack(invite: &Request, response: &Response) -> Request {
    let mut ack = derive(invite, Method::Ack);
    if let Some(to) = response.headers.value(&HeaderName::To) {
        ack.headers.set(HeaderName::To, to.to_owned());
    }
    ack
}
