//! The way into a node: octets to transactions. What is no SIP is dropped, what is malformed is
//! answered, what is a retransmission is absorbed.

use crate::refusal::Refusal;
use bytes::Bytes;
use sip::transaction::{Incoming, ServerKey, Timers, Transactions};
use sip::{Entropy, Framing, Instant, Message, Peer, Rejection, Request, Response, Transport};

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
        let message = match Message::parse(octets, framing) {
            Ok(message) => message,
            Err(malformed) => {
                let request = malformed.request?;
                let rejection = Rejection::new(malformed.error.status, malformed.error.reason);
                self.transactions.reject(&request, &rejection, from);
                return None;
            }
        };
        match &message {
            Message::Request(request) => {
                if let Err(rejection) = request.validate() {
                    self.transactions.reject(request, &rejection, from);
                    return None;
                }
            }
            Message::Response(response) => response.validate().ok()?,
        }
        self.transactions.receive(now, message, from)
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
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").field("transactions", &self.transactions).finish_non_exhaustive()
    }
}
