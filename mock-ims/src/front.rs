//! The way into a node: octets to transactions. What is no SIP is dropped, what is malformed is
//! answered, what is a retransmission is absorbed.

use crate::refusal::Refusal;
use sip::transaction::{Event, Incoming, ServerKey, Timers, Transactions};
use sip::{Entropy, FlowId, Framing, Instant, Message, Method, Peer, Request, Response, Transport};

use bytes::Bytes;

/// A node's transactions and its source of randomness.
pub(crate) struct Front {
    pub(crate) transactions: Transactions,
    pub(crate) entropy: Box<dyn Entropy + Send>,
}

impl Front {
    pub(crate) fn new(timers: Timers, entropy: Box<dyn Entropy + Send>) -> Self {
        Self { transactions: Transactions::new(timers), entropy }
    }

    /// Reads one message and gives it to its transaction; nothing, when nobody else need see it.
    pub(crate) fn receive(&mut self, now: Instant, from: Peer, octets: Bytes) -> Option<Incoming> {
        let framing = match from.transport {
            Transport::Udp => Framing::Datagram,
            Transport::Tcp | Transport::Tls => Framing::Stream,
            Transport::Ws | Transport::Wss => Framing::WebSocket,
        };
        match Message::parse(octets, framing) {
            Ok(Message::Request(request)) => {
                if let Err(rejection) = request.validate() {
                    self.answer_statelessly(&request, &rejection.into(), from);
                    return None;
                }
                self.transactions.receive(now, request.into(), from)
            }
            Ok(Message::Response(response)) => {
                response.validate().ok()?;
                self.transactions.receive(now, response.into(), from)
            }
            Err(malformed) => {
                let request = malformed.request?;
                let refusal = Refusal::new(malformed.error.status, malformed.error.reason);
                self.answer_statelessly(&request, &refusal, from);
                None
            }
        }
    }

    /// Ends a server transaction with a refusal.
    pub(crate) fn refuse(&mut self, now: Instant, key: ServerKey, request: &Request, refusal: &Refusal) {
        self.respond(now, key, refusal.answer(request));
    }

    /// Sends a response of this node's own, with a To tag.
    pub(crate) fn respond(&mut self, now: Instant, key: ServerKey, mut response: Response) {
        response.ensure_to_tag(|| self.entropy.token(16));
        self.transactions.respond(now, key, response);
    }

    /// The events of the transactions, one by one.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.transactions.poll_event()
    }

    pub(crate) fn flow_closed(&mut self, now: Instant, flow: FlowId) {
        self.transactions.flow_closed(now, flow);
    }

    /// For a request that no transaction can be made of (RFC 3261 §8.2.7). Nothing is said when
    /// there is not even enough to address the answer, and never to an ACK.
    fn answer_statelessly(&mut self, request: &Request, refusal: &Refusal, to: Peer) {
        if request.method == Method::Ack || request.via().is_err() {
            return;
        }
        let mut response = refusal.answer(request);
        // The same request gets the same tag: a retransmission must not look like a fork.
        response.ensure_to_tag(|| "malformed".to_owned());
        self.transactions.send(response.into(), to);
    }
}
