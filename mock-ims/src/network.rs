//! What a CSCF knows of the network around it.

use crate::trust::TrustedNode;
use ims::Impu;
use serde::{Deserialize, Serialize};
use sip::{Host, Peer, Resolver, SipUri, Transport, Uri};
use std::net::SocketAddr;

/// The neighbours of a CSCF.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The home domains; the first is the home network's own.
    pub domains: Vec<Host>,
    /// Who answers to which host name.
    pub resolver: Resolver,
    /// The trust domain (RFC 3324): peers whose word on identities counts, and to whom it is given.
    pub trusted: Vec<TrustedNode>,
    /// Users and domains at a fixed address.
    pub routes: Vec<StaticRoute>,
}

/// Who is reached at a fixed address: a plain SIP user agent, or another network. It is outside the
/// trust domain unless its address is that of a trusted node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticRoute {
    /// `sip:user@domain`, or a domain for all users in it.
    pub to: String,
    /// Where.
    pub address: SocketAddr,
    /// Whether TCP is spoken instead of UDP.
    #[serde(default)]
    pub tcp: bool,
}

impl Network {
    /// Whether a URI is one of a home domain.
    pub(crate) fn is_home(&self, uri: &SipUri) -> bool {
        self.domains.iter().any(|domain| domain.same(&uri.host))
    }

    /// Whether a peer is of the trust domain.
    pub(crate) fn trusts(&self, peer: &Peer) -> bool {
        self.trusted.iter().any(|node| node.is(peer))
    }

    /// The fixed address of a Request-URI.
    pub(crate) fn static_peer(&self, uri: &Uri) -> Option<Peer> {
        let uri = uri.as_sip()?;
        self.routes.iter().find(|route| route.fits(uri)).map(StaticRoute::peer)
    }

    /// The user who is known to be at a peer's address.
    pub(crate) fn user_at(&self, peer: &Peer) -> Option<Uri> {
        let at = |route: &&StaticRoute| TrustedNode::from(route.address).is(peer) && route.to.contains(':');
        self.routes.iter().find(at)?.to.parse().ok()
    }

    /// Where a URI is reached.
    pub(crate) fn resolve(&self, uri: &Uri) -> Option<Peer> {
        self.resolver.resolve(uri.as_sip()?, Transport::Udp)
    }
}

impl StaticRoute {
    fn fits(&self, uri: &SipUri) -> bool {
        match self.to.split_once(':') {
            Some(_) => Impu::parse(&self.to).is_ok_and(|user| Impu::parse(&uri.to_string()).ok() == Some(user)),
            None => self.to.parse::<Host>().is_ok_and(|domain| domain.same(&uri.host)),
        }
    }

    fn peer(&self) -> Peer {
        Peer::new(if self.tcp { Transport::Tcp } else { Transport::Udp }, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_route_is_for_one_user_or_for_a_domain() {
        let route = |to: &str, port| StaticRoute { to: to.into(), address: ([127, 0, 0, 1], port).into(), tcp: false };
        let network = Network {
            routes: vec![route("sip:sipp@ims.example", 5090), route("sip.example", 5091)],
            ..Network::default()
        };
        for (uri, port) in [
            ("sip:sipp@IMS.example;user=phone", Some(5090)),
            ("sip:sippy@ims.example", None),
            ("sip:anyone@sip.example:5099", Some(5091)),
            ("sip:sip.example", Some(5091)),
            ("tel:+12015550123", None),
        ] {
            let peer = network.static_peer(&uri.parse().unwrap());
            assert_eq!(peer.map(|peer| peer.addr.port()), port, "{uri}");
        }
    }
}
