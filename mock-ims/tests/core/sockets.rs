//! The same over real sockets: the shell around the three machines.

use crate::client::{Client, challenge};
use crate::user::User;
use crate::world::{impi, impu};
use mock_ims::hss::{AdminAnswer, AdminRequest, administer};
use mock_ims::{Config, Running, Server, StaticRoute, Taps};
use sip::digest::{Algorithm, Ha1};
use sip::{Framing, HeaderName, Message, Request, Response, StatusCode};
use sip_net::Mw;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;
use tokio::net::UdpSocket;
use trace::{Hub, Leg};

struct Core {
    running: Running,
    icscf: SocketAddr,
    scscf: SocketAddr,
    /// Where the I-CSCF expects its eP-CSCF.
    edge: UdpSocket,
    hub: Hub,
}

impl Core {
    async fn start(folder: &Path, tcp: bool) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let edge = UdpSocket::bind(any).await.unwrap();
        let hub = Hub::new(1000);
        let icscf = Mw::bind(any, hub.tap("icscf")).await.unwrap();
        let scscf = Mw::bind(any, hub.tap("scscf")).await.unwrap();
        let (icscf_addr, scscf_addr) = (icscf.addr(), scscf.addr());
        let trusted_nodes = vec![edge.local_addr().unwrap().into()];
        let config = Config { trusted_nodes, tcp, ..Config::default() };
        let taps = Taps { icscf: hub.tap("icscf"), scscf: hub.tap("scscf"), hss: hub.tap("hss") };
        let running = Server::start(config, icscf, scscf, folder, taps).await.unwrap();
        Self { running, icscf: icscf_addr, scscf: scscf_addr, edge, hub }
    }

    fn client(&self, name: &str) -> Client {
        Client { edge: self.edge.local_addr().unwrap().to_string(), ..Client::of(name) }
    }

    async fn send(&self, request: &Request) -> Response {
        exchange(&self.edge, self.icscf, request).await
    }
}

async fn exchange(socket: &UdpSocket, to: SocketAddr, request: &Request) -> Response {
    socket.send_to(&request.to_bytes(), to).await.unwrap();
    let mut buffer = vec![0; 65_536];
    loop {
        let length = socket.recv(&mut buffer).await.unwrap();
        match Message::parse(buffer[..length].to_vec(), Framing::Datagram) {
            Ok(Message::Response(response)) if response.status.is_final() => return response,
            _ => {}
        }
    }
}

/// Flow 1, with UDP and with TCP between the CSCFs, and no secret in the trace.
#[tokio::test]
async fn digest_registers_over_real_sockets_and_the_trace_keeps_its_secrets() {
    for tcp in [false, true] {
        let folder = TempDir::new().unwrap();
        let core = Core::start(folder.path(), tcp).await;
        let mut alice = core.client("alice");
        let challenged = core.send(&alice.initial(600)).await;
        assert_eq!(challenged.status, StatusCode::UNAUTHORIZED);
        let register = alice.register(600);
        let answer = alice.answer(register, &challenge(&challenged, Algorithm::Sha256), 1);
        assert_eq!(core.send(&answer).await.status, StatusCode::OK);
        assert_eq!(core.running.scscf(|scscf, _| scscf.bindings()).await, Some(1));

        let records = core.hub.since(0);
        let of_alice = |subject: Option<&str>| subject == Some("sip:alice@ims.example");
        let cx: Vec<_> = records.iter().filter(|r| r.leg == Leg::Cx && r.node == "hss").collect();
        let cx: Vec<_> = cx.into_iter().filter(|r| of_alice(r.subject.as_deref())).collect();
        let commands: Vec<_> = cx.iter().map(|r| r.summary.split(' ').next().unwrap_or_default()).collect();
        assert_eq!(commands, ["UAR", "UAA", "MAR", "MAA", "UAR", "UAA", "SAR", "SAA"]);
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let ha1 = Ha1::new(algorithm, "alice-wic@ims.example", "ims.example", "alice-secret");
            assert!(records.iter().all(|r| !r.text.contains(ha1.expose()) && !r.text.contains("alice-secret")));
        }
        core.running.shutdown().await;
    }
}

/// Many at once, whose Cx requests share commits.
#[tokio::test]
async fn a_crowd_that_comes_at_once_is_registered() {
    let folder = TempDir::new().unwrap();
    let core = Core::start(folder.path(), false).await;
    for n in 0..32 {
        let guest = format!("guest-{n}@partner.ims.example");
        let mut client = Client { impu: format!("sip:{guest}"), impi: guest.clone(), ..core.client(&format!("g{n}")) };
        core.edge.send_to(&client.register_by_tna(600, "").to_bytes(), core.icscf).await.unwrap();
    }
    let mut answered = BTreeSet::new();
    let mut buffer = vec![0; 65_536];
    while answered.len() < 32 {
        let length = core.edge.recv(&mut buffer).await.unwrap();
        let Ok(Message::Response(response)) = Message::parse(buffer[..length].to_vec(), Framing::Datagram) else {
            panic!("not a response")
        };
        assert_eq!(response.status, StatusCode::OK);
        let to = response.to().unwrap().uri.to_string();
        let listed = response.headers.value(&HeaderName::PAssociatedUri).unwrap();
        assert_eq!(listed, format!("<{to}>"), "nobody gets another's answer");
        answered.insert(to);
    }
    assert_eq!(core.running.scscf(|scscf, _| scscf.bindings()).await, Some(32));
    core.running.shutdown().await;
}

/// TNA-03, by real addresses: the word of the eP-CSCF's socket counts, another socket's does not.
#[tokio::test]
async fn a_trusted_node_is_known_by_its_socket() {
    let folder = TempDir::new().unwrap();
    let core = Core::start(folder.path(), false).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for to in [core.icscf, core.scscf] {
        let mut client = core.client("alice");
        client.edge = stranger.local_addr().unwrap().to_string();
        let response = exchange(&stranger, to, &client.register_by_tna(600, "")).await;
        assert_eq!(response.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(core.send(&core.client("alice").register_by_tna(600, "")).await.status, StatusCode::OK);
    core.running.shutdown().await;
}

/// What an operator says reaches the registrations of a running core, and what was said survives it.
#[tokio::test]
async fn an_operators_command_reaches_the_running_core_and_outlives_it() {
    let folder = TempDir::new().unwrap();
    let core = Core::start(folder.path(), false).await;
    let mut alice = core.client("alice");
    assert_eq!(core.send(&alice.register_by_tna(600, "")).await.status, StatusCode::OK);

    let mut records = core.hub.watch();
    let (path, config) = (folder.path().to_owned(), Config::default().hss().unwrap());
    let remove = AdminRequest::RemoveUser { impi: impi("alice") };
    let done = tokio::task::spawn_blocking(move || administer(&path, config, remove)).await.unwrap();
    assert_eq!(done.unwrap(), AdminAnswer::Done);
    while !records.recv().await.unwrap().summary.starts_with("RTA") {}
    assert_eq!(core.send(&alice.register_by_tna(600, "")).await.status, StatusCode::FORBIDDEN);
    let registered = core.running.scscf(|scscf, _| scscf.registration(&impu("alice")).is_some()).await;
    assert_eq!(registered, Some(false), "the RTR was acted on");
    core.running.shutdown().await;

    let config = Config::default().hss().unwrap();
    let AdminAnswer::Users(users) = administer(folder.path(), config, AdminRequest::ListUsers).unwrap() else {
        panic!("no list")
    };
    assert!(!users.iter().any(|user| user.impi == impi("alice")), "still removed, nobody running");
    assert!(users.iter().any(|user| user.impi == impi("bob")));
}

/// A plain user agent at a fixed address is called and answers, over real sockets and with the
/// names of the demo's configuration.
#[tokio::test]
async fn a_plain_user_agent_is_called_over_real_sockets() {
    let folder = TempDir::new().unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (edge, plain) = (UdpSocket::bind(any).await.unwrap(), UdpSocket::bind(any).await.unwrap());
    let (edge_addr, plain_addr) = (edge.local_addr().unwrap(), plain.local_addr().unwrap());
    let icscf = Mw::bind(any, trace::Tap::default()).await.unwrap();
    let scscf = Mw::bind(any, trace::Tap::default()).await.unwrap();
    let (icscf_addr, scscf_addr) = (icscf.addr(), scscf.addr());
    let config = Config {
        trusted_nodes: vec![edge_addr.into()],
        hosts: BTreeMap::from([("epcscf1.ims.example".to_owned(), edge_addr)]),
        routes: vec![StaticRoute { to: "sip:sipp@ims.example".into(), address: plain_addr, tcp: false }],
        ..Config::default()
    };
    let running = Server::start(config, icscf, scscf, folder.path(), Taps::default()).await.unwrap();
    let mut alice = Client { edge: edge_addr.to_string(), ..Client::of("alice") };
    let register = alice.register_by_tna(600, "");
    assert_eq!(exchange(&edge, icscf_addr, &register).await.status, StatusCode::OK);

    let text = User::of("alice").request("MESSAGE", "sip:sipp@ims.example").to_string();
    let message = crate::client::request(&text.replace("127.0.0.1:5060", &edge_addr.to_string()));
    let answering = tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        let (length, from) = plain.recv_from(&mut buffer).await.unwrap();
        let Ok(Message::Request(request)) = Message::parse(buffer[..length].to_vec(), Framing::Datagram) else {
            panic!("not a request")
        };
        plain.send_to(&request.respond(StatusCode::OK).to_bytes(), from).await.unwrap();
        request
    });
    assert_eq!(exchange(&edge, scscf_addr, &message).await.status, StatusCode::OK);
    let arrived = answering.await.unwrap();
    assert!(!arrived.headers.has(&HeaderName::PChargingVector));

    // The anchor of the demo's range was bound when the core started.
    let anchor = "sip:trunk@partner.ims.example".parse().unwrap();
    while running
        .scscf({
            let anchor: ims::Impu = Clone::clone(&anchor);
            move |scscf, _| scscf.registration(&anchor).map(|set| set.bindings.len())
        })
        .await
        != Some(Some(1))
    {
        tokio::task::yield_now().await;
    }
    running.shutdown().await;
}
