//! Where responses go (RFC 3261 §18.2, RFC 3581).

use crate::headers::Via;
use crate::{HeaderName, Peer, Request, Transport};
use std::net::SocketAddr;

const DEFAULT_PORT: u16 = 5060;

/// Notes in the topmost Via where the request really came from: `received` when sent-by says
/// otherwise, and `rport` when the client asks for it. A WebSocket client's address stays with us
/// unless it asks (RFC 7118 §5.3).
pub(super) fn annotate(request: &mut Request, via: &Via, from: Peer) {
    let asks = via.params.has("rport");
    // What the client itself says about it is replaced.
    let claims = via.params.has("received");
    let elsewhere = via.host.ip() != Some(from.addr.ip());
    let websocket = matches!(from.transport, Transport::Ws | Transport::Wss);
    if !asks && !claims && (!elsewhere || websocket) {
        return;
    }
    let mut via = via.clone();
    via.params.set("received", from.addr.ip().to_string());
    if asks {
        via.params.set("rport", from.addr.port().to_string());
    }
    request.headers.pop_first(&HeaderName::Via);
    request.headers.add_front(&via);
}

/// The peer that gets the responses to a request that came `from` there with `via` on top: its
/// connection; on UDP the source address, at the source port only if the client asked for that.
///
/// `maddr` is not followed: it would let a stranger aim our answers.
pub(super) fn of_response(via: &Via, from: Peer) -> Peer {
    if from.flow.is_some() || via.params.has("rport") {
        return from;
    }
    listener(via, from)
}

/// Where to answer once the request's connection is gone; WebSocket clients do not listen.
pub(super) fn after_close(via: &Via, from: Peer) -> Option<Peer> {
    match from.transport {
        Transport::Udp | Transport::Ws | Transport::Wss => None,
        Transport::Tcp | Transport::Tls => from.flow.map(|_| listener(via, from)),
    }
}

/// The source address, at the port that sent-by names.
fn listener(via: &Via, from: Peer) -> Peer {
    let default = if from.transport == Transport::Tls { DEFAULT_PORT + 1 } else { DEFAULT_PORT };
    Peer::new(from.transport, SocketAddr::new(from.addr.ip(), via.port.unwrap_or(default)))
}
