//! From a URI to the next hop, by a table instead of the DNS (RFC 3263 has no place in a testbed
//! on one machine, and a lookup would tell strangers whom we call).

use crate::{Peer, SipUri, Transport};
use std::collections::HashMap;
use std::net::SocketAddr;

/// Who answers to which host name.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    hosts: HashMap<Box<str>, Peer>,
}

impl Resolver {
    /// A table without names: literal addresses alone resolve.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `host`, a name without port, resolve to `peer`, in place of what it did before.
    pub fn insert(&mut self, host: &str, peer: Peer) {
        self.hosts.insert(host.to_ascii_lowercase().into(), peer);
    }

    /// Where a request to `uri` is sent; `None` when nobody is known there.
    ///
    /// - A name in the table goes to its peer, at the port that the URI names if it names one. A
    ///   `transport` parameter chooses between UDP, TCP and TLS, never between those and WebSocket.
    /// - A literal address is taken as it stands, over `default_transport` unless the URI says
    ///   otherwise.
    /// - Names under `.invalid` (RFC 7118 §5) and URIs with `maddr` go nowhere.
    /// - `sips` goes nowhere without TLS (RFC 3261 §26.2.2).
    pub fn resolve(&self, uri: &SipUri, default_transport: Transport) -> Option<Peer> {
        if is_invalid(uri.host.as_str()) || uri.params.has("maddr") {
            return None;
        }
        let named = match uri.params.value("transport") {
            Some(token) => Some(token.parse::<Transport>().ok()?),
            None => None,
        };
        let known = self.hosts.get(&*uri.host.as_str().to_ascii_lowercase());
        let peer = match (known, uri.host.ip()) {
            (Some(known), _) => at_name(*known, named, uri.port)?,
            (None, Some(ip)) => {
                let transport = secured(named.unwrap_or(default_transport), uri.secure);
                Peer::new(transport, SocketAddr::new(ip, uri.port.unwrap_or(default_port(transport))))
            }
            (None, None) => return None,
        };
        let secure = matches!(peer.transport, Transport::Tls | Transport::Wss);
        (secure || !uri.secure).then_some(peer)
    }
}

/// The peer of a table entry, as far as a URI has a say in it.
fn at_name(known: Peer, transport: Option<Transport>, port: Option<u16>) -> Option<Peer> {
    let mut peer = known;
    if let Some(transport) = transport.filter(|t| is_websocket(*t) || *t != known.transport) {
        // `transport=ws` is what WSS is called in a URI (RFC 7118 §5.2).
        if is_websocket(transport) != is_websocket(known.transport) {
            return None;
        }
        if !is_websocket(transport) {
            peer = Peer::new(transport, known.addr);
        }
    }
    if let Some(port) = port.filter(|port| *port != known.addr.port()) {
        peer = Peer::new(peer.transport, SocketAddr::new(known.addr.ip(), port));
    }
    Some(peer)
}

fn is_websocket(transport: Transport) -> bool {
    matches!(transport, Transport::Ws | Transport::Wss)
}

fn is_invalid(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next();
    last.is_some_and(|label| label.eq_ignore_ascii_case("invalid"))
}

/// What `transport` is with `sips` (RFC 3261 §26.2.2).
fn secured(transport: Transport, secure: bool) -> Transport {
    match transport {
        Transport::Tcp if secure => Transport::Tls,
        Transport::Ws if secure => Transport::Wss,
        other => other,
    }
}

fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Udp | Transport::Tcp => 5060,
        Transport::Tls => 5061,
        Transport::Ws => 80,
        Transport::Wss => 443,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FlowId;

    fn peer(transport: Transport, addr: &str) -> Peer {
        Peer::new(transport, addr.parse().unwrap())
    }

    #[test]
    fn a_uri_resolves_by_the_table_or_by_its_address() {
        use Transport::{Tcp, Tls, Udp, Wss};
        let mut resolver = Resolver::new();
        resolver.insert("icscf.IMS.example", peer(Udp, "127.0.0.1:5070"));
        resolver.insert("edge.example", Peer { flow: Some(FlowId(7)), ..peer(Wss, "127.0.0.1:7443") });
        let on_flow = Peer { flow: Some(FlowId(7)), ..peer(Wss, "127.0.0.1:7443") };
        let cases = [
            ("sip:ICSCF.ims.example", Some(peer(Udp, "127.0.0.1:5070"))),
            ("sip:x@icscf.ims.example;lr", Some(peer(Udp, "127.0.0.1:5070"))),
            ("sip:icscf.ims.example;transport=tcp", Some(peer(Tcp, "127.0.0.1:5070"))),
            ("sip:icscf.ims.example:5999", Some(peer(Udp, "127.0.0.1:5999"))),
            ("sip:icscf.ims.example;transport=ws", None),
            ("sip:icscf.ims.example;transport=sctp", None),
            ("sips:icscf.ims.example", None),
            ("sips:icscf.ims.example;transport=tls", Some(peer(Tls, "127.0.0.1:5070"))),
            ("sip:edge.example;transport=ws", Some(on_flow)),
            ("sip:edge.example", Some(on_flow)),
            ("sips:edge.example;transport=ws", Some(on_flow)),
            ("sip:edge.example;transport=udp", None),
            ("sip:127.0.0.1", Some(peer(Udp, "127.0.0.1:5060"))),
            ("sip:127.0.0.1:9;transport=TCP", Some(peer(Tcp, "127.0.0.1:9"))),
            ("sip:[::1]", Some(peer(Udp, "[::1]:5060"))),
            ("sips:[::1];transport=tcp", Some(peer(Tls, "[::1]:5061"))),
            ("sips:127.0.0.1", None),
            ("sip:nobody.example", None),
            ("sip:icscf.ims.example;maddr=127.0.0.9", None),
        ];
        for (uri, expected) in cases {
            assert_eq!(resolver.resolve(&uri.parse().unwrap(), Udp), expected, "{uri}");
        }
    }

    #[test]
    fn a_websocket_clients_made_up_name_never_resolves() {
        let mut resolver = Resolver::new();
        for host in ["k3f9q2.invalid", "K3.INVALID", "k3.invalid."] {
            resolver.insert(host, peer(Transport::Udp, "127.0.0.1:5070"));
            let uri = format!("sip:{host}").parse().unwrap();
            assert_eq!(resolver.resolve(&uri, Transport::Udp), None, "{host}");
        }
    }
}
