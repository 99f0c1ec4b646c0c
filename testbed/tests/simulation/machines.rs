//! The nodes as they are configured here, and where they are.

use epcscf::{Edge, upgrade};
use mock_ims::cx::ServerName;
use mock_ims::icscf::Candidate;
use mock_ims::policy::Policy;
use mock_ims::scscf::StaticBinding;
use mock_ims::{Icscf, Network, Scscf, TrustedNode, icscf, scscf};
use sip::headers::Contact;
use sip::transaction::Timers;
use sip::{Entropy, FlowId, Now, Peer, Resolver, SeededEntropy, Transport};
use std::net::SocketAddr;

pub(crate) const EPCSCF: u16 = 5060;
pub(crate) const ICSCF: u16 = 5070;
pub(crate) const SCSCF: u16 = 5080;

pub(crate) fn accept(edge: &Edge, origin: &str) -> upgrade::Accepted {
    let request = http::Request::get("/")
        .header("host", "localhost:7443")
        .header("upgrade", "websocket")
        .header("connection", "Upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "sip")
        .header("origin", origin)
        .body(())
        .unwrap();
    let load = |_: Option<&epcscf::Origin>| upgrade::Load::default();
    upgrade::check(&request.into_parts().0, edge.policy(), edge.records(), load).unwrap()
}

pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub(crate) fn core_peer(port: u16) -> Peer {
    Peer::new(Transport::Udp, local(port))
}

pub(crate) fn wic_peer(flow: FlowId) -> Peer {
    Peer::on_flow(Transport::Wss, local(50_000), flow)
}

pub(crate) fn server() -> ServerName {
    ServerName::parse("sip:scscf1.ims.example").unwrap()
}

pub(crate) fn entropy(seed: u64) -> Box<dyn Entropy + Send> {
    Box::new(SeededEntropy::new(seed))
}

pub(crate) fn new_edge(now: Now, seed: u64) -> Edge {
    let mut config = epcscf::Config::default();
    // Ranges are watched for ever; here all comes to an end.
    config.policy.reg_event.anchors = false;
    Edge::new(config, entropy(seed), now).unwrap()
}

fn network() -> Network {
    let mut resolver = Resolver::new();
    for (host, port) in [("epcscf1", EPCSCF), ("icscf", ICSCF), ("scscf1", SCSCF)] {
        resolver.insert(&format!("{host}.ims.example"), core_peer(port));
    }
    Network {
        domains: vec!["ims.example".parse().unwrap(), "partner.ims.example".parse().unwrap()],
        resolver,
        trusted: [EPCSCF, ICSCF, SCSCF].map(|port| local(port).into()).to_vec(),
        routes: vec![],
    }
}

pub(crate) fn new_icscf(seed: u64) -> Icscf {
    let config = icscf::Config {
        host: "icscf.ims.example".parse().unwrap(),
        port: Some(ICSCF),
        home_network: "ims.example".into(),
        trusted: vec![TrustedNode::from(local(EPCSCF))],
        scscfs: vec![Candidate { name: server(), peer: core_peer(SCSCF), capabilities: vec![] }],
        network: network(),
        policy: Policy::default(),
        timers: Timers::default(),
    };
    Icscf::new(config, entropy(seed))
}

/// The anchor of the demo's range, whose registrar is the eP-CSCF.
fn anchor() -> StaticBinding {
    StaticBinding {
        impi: "trunk@partner.ims.example".parse().unwrap(),
        impu: "sip:trunk@partner.ims.example".parse().unwrap(),
        contact: Contact::new("sip:epcscf1.ims.example;lr".parse().unwrap()),
        path: vec!["<sip:epcscf1.ims.example;lr>".into()],
    }
}

pub(crate) fn new_scscf(seed: u64) -> Scscf {
    let config = scscf::Config {
        name: server(),
        icscf: core_peer(ICSCF),
        network: network(),
        statics: vec![anchor()],
        trusted: vec![TrustedNode::from(local(ICSCF))],
        policy: Policy::default(),
        timers: Timers::default(),
    };
    Scscf::new(config, entropy(seed)).unwrap()
}
