//! The shape of a sans-IO node, so that one shell and one simulator drive them all.

use crate::{FlowId, Instant, Now, Peer};
use bytes::Bytes;
use std::borrow::Cow;

/// A protocol machine: inputs are method calls, outputs are polled. After every input the driver
/// takes outputs until there are none, then sleeps until [`Node::poll_timeout`].
pub trait Node {
    /// What it asks of a neighbour that is not SIP: the HSS, a WWSF's key server.
    type Ask;
    /// The answer to an ask.
    type Answer;

    /// One whole message (a datagram, a WebSocket message, a message cut out of a stream).
    fn receive(&mut self, now: Now, from: Peer, octets: Bytes);

    /// The answer to an [`Output::Ask`].
    fn answer(&mut self, now: Now, answer: Self::Answer);

    /// A connection is gone; nothing can be sent on it any more.
    fn flow_closed(&mut self, now: Now, flow: FlowId);

    /// Something given in [`Output::Send`] could not be sent to `to` (RFC 3261 §17.1.4).
    fn send_failed(&mut self, now: Now, to: Peer);

    /// The time that [`Node::poll_timeout`] named has come.
    fn handle_timeout(&mut self, now: Now);

    /// When to call [`Node::handle_timeout`] next.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The next thing to be done.
    fn poll_output(&mut self) -> Option<Output<Self::Ask>>;
}

/// What a node wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<A> {
    /// Send these octets.
    Send {
        /// Where to.
        to: Peer,
        /// One whole message.
        octets: Bytes,
    },
    /// Close a connection, once what was sent on it before has gone out.
    Close {
        /// Which.
        flow: FlowId,
        /// The WebSocket close code; ignored on other transports.
        code: u16,
        /// The cause.
        reason: Cow<'static, str>,
    },
    /// Ask a neighbour; the answer comes back by [`Node::answer`].
    Ask(A),
}
