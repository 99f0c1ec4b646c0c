//! Transactions (RFC 3261 §17, with the Accepted states of RFC 6026), sans-IO.
//!
//! [`Transactions`] sits between the transport and a transaction user (a proxy, a registrar, a user
//! agent). Messages go in by [`Transactions::receive`], which says what the user has to act on;
//! octets come out by [`Transactions::poll_transmit`]. It retransmits on unreliable transports,
//! absorbs what the peer retransmits, acknowledges final answers to INVITE other than 2xx, and
//! says 100 Trying when the user takes its time.
//!
//! Each transaction ends with exactly one of [`Event::ClientDone`], [`Event::Timeout`] and
//! [`Event::Failed`] on the client's side and with [`Event::ServerDone`] on the server's. Timer C
//! and the retransmission of a UAS's 2xx belong to the user.

mod client_invite;
mod client_non_invite;
mod clients;
mod id;
mod machine;
mod server_invite;
mod server_non_invite;
mod servers;
mod target;

use crate::{FlowId, HeaderName, Instant, Message, Method, Peer, Rejection, Request, Response, StatusCode, digest};
use bytes::Bytes;
use clients::Clients;
use machine::At;
use servers::{Servers, Taken};
use std::collections::VecDeque;
use std::time::Duration;

/// The timers that all others are made of (RFC 3261 Table 4). B, D, F, H, J, L and M are 64·T1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// The round-trip estimate.
    pub t1: Duration,
    /// The longest interval between retransmissions.
    pub t2: Duration,
    /// How long a message stays in the network.
    pub t4: Duration,
    /// How long a proxy waits for the final response to an INVITE (§16.6 step 11). Not used here:
    /// the proxy runs it.
    pub c: Duration,
}

impl Timers {
    /// 64·T1: when a request has failed (B, F), and how long state is kept after it.
    pub fn timeout(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            c: Duration::from_secs(181),
        }
    }
}

/// A client transaction. Never used again by the same layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(u64);

/// A server transaction. Never used again by the same layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerKey(u64);

/// What a received message means to the transaction user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A new request, to be answered by [`Transactions::respond`]. Its topmost Via has `received`
    /// and `rport` filled in.
    Request {
        /// The new server transaction.
        key: ServerKey,
        /// The request.
        request: Request,
        /// Who sent it.
        from: Peer,
    },
    /// A CANCEL (RFC 3261 §9.2), to be answered itself: 200, or 481 when there is no `invite`.
    Cancel {
        /// The CANCEL's own transaction.
        key: ServerKey,
        /// The INVITE that it cancels, as long as that transaction lives.
        invite: Option<ServerKey>,
        /// The CANCEL.
        request: Request,
        /// Who sent it.
        from: Peer,
    },
    /// An ACK to a 2xx, which has no transaction.
    Ack {
        /// The ACK.
        request: Request,
        /// Who sent it.
        from: Peer,
    },
    /// A response, our own Via still on top. Provisional ones in order, then a final one; each 2xx
    /// to an INVITE comes up again when it is retransmitted (RFC 6026 §7.2).
    Response {
        /// The client transaction.
        key: ClientKey,
        /// The response.
        response: Response,
    },
    /// A response that answers nothing we sent. A proxy drops it (RFC 6026 §8.9).
    Stray {
        /// The response.
        response: Response,
        /// Who sent it.
        from: Peer,
    },
}

/// What happened to a transaction other than by a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// No final response came in time; counts as 408 (RFC 3261 §8.1.3.1).
    Timeout {
        /// The client transaction, now gone.
        key: ClientKey,
    },
    /// The request could not be sent, or its connection is gone; counts as 503.
    Failed {
        /// The client transaction, now gone.
        key: ClientKey,
    },
    /// The transaction had its final response, and no copy of it will come up any more.
    ClientDone {
        /// The client transaction, now gone.
        key: ClientKey,
    },
    /// No ACK came for a final response to INVITE; [`Event::ServerDone`] follows.
    AckMissing {
        /// The server transaction.
        key: ServerKey,
    },
    /// The transaction is over: answered, given up by the client, or its connection is gone.
    ServerDone {
        /// The server transaction, now gone.
        key: ServerKey,
    },
}

/// The transaction layer of one node, or of one shard of it.
#[derive(Debug)]
pub struct Transactions {
    timers: Timers,
    trying_after: Duration,
    limit: usize,
    clients: Clients,
    servers: Servers,
    out: Out,
}

/// What waits to be polled.
#[derive(Debug, Default)]
struct Out {
    transmits: VecDeque<(Peer, Bytes)>,
    events: VecDeque<Event>,
}

impl Transactions {
    /// How many client and how many server transactions there may be, unless told otherwise.
    pub const DEFAULT_LIMIT: usize = 1 << 16;

    /// A layer without transactions.
    pub fn new(timers: Timers) -> Self {
        Self {
            timers,
            trying_after: Duration::from_millis(200),
            limit: Self::DEFAULT_LIMIT,
            clients: Clients::default(),
            servers: Servers::default(),
            out: Out::default(),
        }
    }

    /// Sends 100 Trying this long after an INVITE that the user has not answered by then; zero
    /// means at once, as a proxy does that can't answer soon (RFC 3261 §16.2, §17.2.1).
    #[must_use]
    pub fn with_trying_after(mut self, delay: Duration) -> Self {
        self.trying_after = delay;
        self
    }

    /// Refuses more than `limit` client and `limit` server transactions: requests from outside get
    /// 503, our own fail at once.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Takes a message that has passed [`Request::validate`] or [`Response::validate`]. `None`
    /// when the layer has dealt with it: a retransmission, an ACK to a refusal, ….
    pub fn receive(&mut self, now: Instant, message: Message, from: Peer) -> Option<Incoming> {
        match message {
            Message::Request(request) => self.receive_request(now, request, from),
            Message::Response(response) => self.clients.receive(&self.at(now), response, from, &mut self.out),
        }
    }

    /// Sends `request` in a new client transaction. It already carries its own topmost Via with a
    /// branch that no other request has (RFC 3261 §8.1.1.7).
    pub fn request(&mut self, now: Instant, request: Request, to: Peer) -> ClientKey {
        let room = self.clients.len() < self.limit;
        self.clients.request(&self.at(now), request, to, room, &mut self.out)
    }

    /// Cancels an INVITE (RFC 3261 §9.1): sends CANCEL as soon as there is a provisional response,
    /// and reports [`Event::Timeout`] if no final one follows within 64·T1. The answer to the
    /// CANCEL itself is not reported. Without effect on a transaction that is not an INVITE or has
    /// its final response.
    pub fn cancel(&mut self, now: Instant, key: ClientKey) {
        self.clients.cancel(&self.at(now), key, &mut self.out);
    }

    /// Sends a response in a server transaction. Without effect when the transaction is over or
    /// has its final response (further 2xx to INVITE excepted, RFC 6026 §7.1).
    pub fn respond(&mut self, now: Instant, key: ServerKey, response: Response) {
        self.servers.respond(&self.at(now), key, &response, &mut self.out);
    }

    /// Refuses a request without a transaction: one that is malformed, or too much. The answer copies
    /// what is there of From, To and Call-ID (RFC 4475 §3.3.1). An ACK gets none, nor does a request
    /// without Via and CSeq, by which an answer is known (RFC 3261 §17.1.3).
    pub fn reject(&mut self, request: &Request, rejection: &Rejection, from: Peer) {
        let known_by = [HeaderName::Via, HeaderName::CSeq];
        if request.method == Method::Ack || !known_by.iter().all(|name| request.headers.has(name)) {
            return;
        }
        let mut response = request.respond_with(rejection.status, rejection.reason.clone().into_owned());
        response.ensure_to_tag(|| stateless_tag(request));
        let to = request.via().map_or(from, |via| target::of_response(&via, from));
        self.out.transmits.push_back((to, response.to_bytes()));
    }

    /// Sends a message outside any transaction: an ACK to a 2xx, a forwarded 2xx, ….
    pub fn send(&mut self, message: Message, to: Peer) {
        self.out.transmits.push_back((to, message.to_bytes()));
    }

    /// The transport could not send something to `to` (RFC 3261 §17.1.4, §17.2.4).
    pub fn send_failed(&mut self, _now: Instant, to: Peer) {
        self.clients.send_failed(to, &mut self.out);
        self.servers.send_failed(to, &mut self.out);
    }

    /// A connection is gone. What waited for a response on it has failed; what was to be answered
    /// on it is answered on a new connection where the transport can open one (RFC 3261 §18.2.2),
    /// which a WebSocket server can't.
    pub fn flow_closed(&mut self, _now: Instant, flow: FlowId) {
        self.clients.flow_closed(flow, &mut self.out);
        self.servers.flow_closed(flow, &mut self.out);
    }

    /// Runs the timers that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clients.handle_timeout(&self.at(now), &mut self.out);
        self.servers.handle_timeout(&self.at(now), &mut self.out);
    }

    /// When to call [`Transactions::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.clients.next_deadline(), self.servers.next_deadline()].into_iter().flatten().min()
    }

    /// The next octets to send.
    pub fn poll_transmit(&mut self) -> Option<(Peer, Bytes)> {
        self.out.transmits.pop_front()
    }

    /// What else happened. To be polled after every other call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.events.pop_front()
    }

    /// How many transactions there are, of both kinds.
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn receive_request(&mut self, now: Instant, request: Request, from: Peer) -> Option<Incoming> {
        let room = self.servers.len() < self.limit;
        match self.servers.receive(&self.at(now), request, from, room, &mut self.out) {
            Taken::Absorbed => None,
            Taken::Incoming(incoming) => Some(*incoming),
            Taken::NoRoom(request) => {
                let reason = "too many transactions (RFC 3261 §21.5.4)";
                self.reject(&request, &Rejection::new(StatusCode::SERVICE_UNAVAILABLE, reason), from);
                None
            }
        }
    }

    fn at(&self, now: Instant) -> At {
        At { now, timers: self.timers, trying_after: self.trying_after }
    }
}

/// A To tag that comes out the same for a retransmission (RFC 3261 §8.2.7).
fn stateless_tag(request: &Request) -> String {
    let via = request.headers.value(&HeaderName::Via).unwrap_or_default();
    let mut tag = digest::Algorithm::Sha256.hash_hex(via);
    tag.truncate(16);
    tag
}
