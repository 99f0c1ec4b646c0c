//! The server transactions of a layer.

use super::id::ServerId;
use super::machine::{At, End, Step};
use super::server_invite::ServerInvite;
use super::server_non_invite::ServerNonInvite;
use super::{Event, Incoming, Out, ServerKey, target};
use crate::{FlowId, Instant, Method, Peer, Request, Response, StatusCode};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Debug, Default)]
pub(super) struct Servers {
    all: BTreeMap<ServerKey, Server>,
    by_id: HashMap<ServerId, ServerKey>,
    deadlines: BTreeSet<(Instant, ServerKey)>,
    last_key: u64,
}

/// What became of a request.
pub(super) enum Taken {
    Absorbed,
    Incoming(Box<Incoming>),
    /// There are too many transactions.
    NoRoom(Request),
}

#[derive(Debug)]
struct Server {
    machine: Machine,
    id: ServerId,
    /// By what else the ACK is found.
    ack_id: Option<ServerId>,
    to: Peer,
    /// Where to answer when `to` is a connection that breaks.
    fallback: Option<Peer>,
    /// The latest response, or for an INVITE without one the 100 to come.
    wire: Bytes,
    /// Its entry in [`Servers::deadlines`].
    armed: Option<Instant>,
}

#[derive(Debug)]
enum Machine {
    Invite(ServerInvite),
    NonInvite(ServerNonInvite),
}

impl Servers {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub(super) fn receive(&mut self, at: &At, mut request: Request, from: Peer, room: bool, out: &mut Out) -> Taken {
        let Ok(via) = request.via() else { return Taken::Absorbed };
        let Some(id) = ServerId::of_request(&request, &via, from) else { return Taken::Absorbed };
        if let Some(key) = self.by_id.get(&id).copied() {
            return match self.again(at, key, &request, out) {
                true => Taken::Incoming(Box::new(Incoming::Ack { request, from })),
                false => Taken::Absorbed,
            };
        }
        if request.method == Method::Ack {
            return Taken::Incoming(Box::new(Incoming::Ack { request, from }));
        }
        if !room {
            return Taken::NoRoom(request);
        }
        let cancelled = (request.method == Method::Cancel)
            .then(|| ServerId::of_cancelled(&request, &via, from).and_then(|id| self.by_id.get(&id).copied()));
        target::annotate(&mut request, &via, from);
        let (machine, step, wire) = start(at, &request, from);
        self.last_key += 1;
        let key = ServerKey(self.last_key);
        let server = Server {
            machine,
            id: id.clone(),
            ack_id: None,
            to: target::of_response(&via, from),
            fallback: target::after_close(&via, from),
            wire,
            armed: None,
        };
        self.all.insert(key, server);
        self.by_id.insert(id, key);
        self.apply(key, step, out);
        Taken::Incoming(Box::new(match cancelled {
            Some(invite) => Incoming::Cancel { key, invite, request, from },
            None => Incoming::Request { key, request, from },
        }))
    }

    pub(super) fn respond(&mut self, at: &At, key: ServerKey, response: &Response, out: &mut Out) {
        let Some(server) = self.all.get_mut(&key) else { return };
        let step = match &mut server.machine {
            Machine::Invite(m) => m.on_respond(at, response.status),
            Machine::NonInvite(m) => m.on_respond(at, response.status),
        };
        if !step.send {
            return;
        }
        server.wire = response.to_bytes();
        let refused = response.status.is_final() && !response.status.is_success();
        if refused
            && matches!(server.machine, Machine::Invite(_))
            && let Some(ack_id) = server.id.of_ack(response)
        {
            server.ack_id = Some(ack_id.clone());
            self.by_id.entry(ack_id).or_insert(key);
        }
        self.apply(key, step, out);
    }

    pub(super) fn handle_timeout(&mut self, at: &At, out: &mut Out) {
        while let Some((due, key)) = self.deadlines.first().copied() {
            if due > at.now {
                return;
            }
            let Some(server) = self.all.get_mut(&key) else { return };
            let step = match &mut server.machine {
                Machine::Invite(m) => m.on_timeout(at),
                Machine::NonInvite(m) => m.on_timeout(at),
            };
            self.apply(key, step, out);
        }
    }

    /// The latest response is sent again by another way where there is one (RFC 3261 §18.4).
    pub(super) fn send_failed(&mut self, to: Peer, out: &mut Out) {
        for key in self.keys_where(|server| server.to == to) {
            match self.fall_back(key) {
                true => self.apply(key, Step::SEND, out),
                false => self.end(key, End::Failed, out),
            }
        }
    }

    pub(super) fn flow_closed(&mut self, flow: FlowId, out: &mut Out) {
        for key in self.keys_where(|server| server.to.flow == Some(flow)) {
            if !self.fall_back(key) {
                self.end(key, End::Failed, out);
            }
        }
    }

    /// A request for a transaction that is there: a retransmission, or an ACK. Whether the user is
    /// to see it.
    fn again(&mut self, at: &At, key: ServerKey, request: &Request, out: &mut Out) -> bool {
        let Some(server) = self.all.get_mut(&key) else { return false };
        let step = match &mut server.machine {
            Machine::Invite(m) if request.method == Method::Ack => m.on_ack(at),
            Machine::Invite(m) => m.on_request(),
            Machine::NonInvite(m) => m.on_request(),
        };
        self.apply(key, step, out);
        step.pass
    }

    fn keys_where(&self, mut wanted: impl FnMut(&Server) -> bool) -> Vec<ServerKey> {
        self.all.iter().filter(|(_, server)| wanted(server)).map(|(key, _)| *key).collect()
    }

    fn fall_back(&mut self, key: ServerKey) -> bool {
        let Some(server) = self.all.get_mut(&key) else { return false };
        match server.fallback.take() {
            Some(fallback) => {
                server.to = fallback;
                true
            }
            None => false,
        }
    }

    fn apply(&mut self, key: ServerKey, step: Step, out: &mut Out) {
        if step.send
            && let Some(server) = self.all.get(&key)
            && !server.wire.is_empty()
        {
            out.transmits.push_back((server.to, server.wire.clone()));
        }
        match step.end {
            Some(end) => self.end(key, end, out),
            None => self.arm(key),
        }
    }

    fn end(&mut self, key: ServerKey, end: End, out: &mut Out) {
        let Some(server) = self.all.remove(&key) else { return };
        if let Some(armed) = server.armed {
            self.deadlines.remove(&(armed, key));
        }
        for id in [Some(server.id), server.ack_id].into_iter().flatten() {
            if self.by_id.get(&id) == Some(&key) {
                self.by_id.remove(&id);
            }
        }
        if end == End::AckMissing {
            out.events.push_back(Event::AckMissing { key });
        }
        out.events.push_back(Event::ServerDone { key });
    }

    fn arm(&mut self, key: ServerKey) {
        let Some(server) = self.all.get_mut(&key) else { return };
        let deadline = match &server.machine {
            Machine::Invite(m) => m.deadline(),
            Machine::NonInvite(m) => m.deadline(),
        };
        if server.armed == deadline {
            return;
        }
        if let Some(armed) = server.armed {
            self.deadlines.remove(&(armed, key));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, key));
        }
        server.armed = deadline;
    }
}

fn start(at: &At, request: &Request, from: Peer) -> (Machine, Step, Bytes) {
    let reliable = from.transport.is_reliable();
    if request.method == Method::Invite {
        let (machine, step) = ServerInvite::start(at, reliable);
        return (Machine::Invite(machine), step, request.respond(StatusCode::TRYING).to_bytes());
    }
    (Machine::NonInvite(ServerNonInvite::start(at, reliable)), Step::NONE, Bytes::new())
}
