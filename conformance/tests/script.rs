//! The players can do what no orderly peer does, and wait no longer than they should.

use std::net::SocketAddr;
use std::time::Duration;

use conformance::script::{
    Admission, Came, Deed, Epcscf, Frame, Log, Msg, Node, Opcode, Pki, ScriptError, Source, Target, Upgrade, Wic,
    connector,
};
use sip::{StatusCode, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const WITHIN: Duration = Duration::from_secs(5);

fn any() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn options(branch: &str) -> Msg {
    Msg::request("OPTIONS", "sip:ims.example")
        .with("Via", format!("SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{branch}"))
        .with("From", "<sip:a@ims.example>;tag=1")
        .with("To", "<sip:b@ims.example>")
        .with("Call-ID", branch)
        .with("CSeq", "1 OPTIONS")
        .with("Content-Length", 0)
}

#[tokio::test]
async fn nodes_exchange_over_udp_and_tcp_and_log_it() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let log = Log::new();
        let mut core = Node::bind(any(), "icscf", "epcscf", WITHIN, &log).await.unwrap();
        let mut edge = Node::bind(any(), "epcscf", "icscf", WITHIN, &log).await.unwrap();
        let to = Source { transport, addr: core.addr() };
        let answer = async {
            let arrived = core.request("OPTIONS").await.unwrap();
            core.respond(&arrived, &arrived.request.respond(StatusCode::OK)).await.unwrap();
        };
        let octets = options("x").bytes();
        let (response, ()) = tokio::join!(edge.exchange(to, &octets), answer);
        assert_eq!(response.unwrap().status, StatusCode::OK, "{transport}");
        assert_eq!(log.records().len(), 4, "{transport}");
    }
}

#[tokio::test]
async fn a_datagram_that_is_not_answered_is_sent_again_and_seen_once() {
    let log = Log::new();
    let mut core = Node::bind(any(), "icscf", "epcscf", WITHIN, &log).await.unwrap();
    let mut edge = Node::bind(any(), "epcscf", "icscf", Duration::from_millis(1200), &log).await.unwrap();
    let to = Source { transport: Transport::Udp, addr: core.addr() };
    let octets = options("y").bytes();
    let silence = edge.exchange(to, &octets).await.unwrap_err();
    assert!(silence.is_silence(), "{silence}");
    core.request("OPTIONS").await.unwrap();
    core.silent(Duration::from_millis(50), |_| true).await.unwrap();
}

/// A TLS server that answers any request with a 101, then echoes what it reads.
async fn echo(pki: &Pki) -> SocketAddr {
    let listener = TcpListener::bind(any()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let tls = TlsAcceptor::from(pki.server());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = tls.accept(stream).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").await.unwrap();
        let mut buffer = vec![0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            stream.write_all(&buffer[..length]).await.unwrap();
        }
    });
    addr
}

#[tokio::test]
async fn a_wic_sends_any_frame_and_puts_parts_together() {
    let pki = Pki::new(&["localhost"]).unwrap();
    let tls = Some(connector(&pki.ca_pem).unwrap());
    let target = Target {
        addr: echo(&pki).await,
        host: "localhost".into(),
        path: "/".into(),
        tls,
        node: "epcscf".into(),
        within: WITHIN,
    };
    let log = Log::new();
    let upgrade = Upgrade::from_page(&target, "https://wwsf.ims.example");
    let mut wic = Wic::open(&target, "wic", &upgrade, &log).await.unwrap();
    // An unmasked frame is what a server sends, so that the echo can be read.
    wic.send_frame(&Frame::new(Opcode::Text, "OPT").unmasked().part(false)).await.unwrap();
    wic.send_frame(&Frame::new(Opcode::Continuation, "IONS").unmasked()).await.unwrap();
    assert_eq!(wic.next().await.unwrap(), Came::Message(Opcode::Text, "OPTIONS".into()));
    wic.send_frame(&Frame::close(1008, "no").unmasked()).await.unwrap();
    assert_eq!(wic.closed().await.unwrap(), Some(1008));
    let silence = wic.next_within(Duration::from_millis(50), "anything").await.unwrap_err();
    assert!(matches!(silence, ScriptError::Timeout { .. }), "{silence}");
}

#[tokio::test]
async fn a_refused_upgrade_is_told_with_its_status() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
    });
    let target =
        Target { addr, host: "localhost".into(), path: "/".into(), tls: None, node: "epcscf".into(), within: WITHIN };
    let upgrade = Upgrade::bare(&target);
    let refused = Wic::open(&target, "wic", &upgrade, &Log::new()).await.unwrap_err();
    assert!(matches!(refused, ScriptError::Refused { status: 403, .. }), "{refused}");
}

#[test]
fn the_accept_hash_is_that_of_the_rfc() {
    let addr = any();
    let target =
        Target { addr, host: "localhost".into(), path: "/".into(), tls: None, node: "epcscf".into(), within: WITHIN };
    assert_eq!(Upgrade::bare(&target).accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/// Where a scripted WIC finds a scripted eP-CSCF.
fn before_epcscf(epcscf: &Epcscf, pki: &Pki) -> Target {
    let port = epcscf.url().trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    Target {
        addr: SocketAddr::from(([127, 0, 0, 1], port)),
        host: "localhost".into(),
        path: "/".into(),
        tls: Some(connector(&pki.ca_pem).unwrap()),
        node: "epcscf".into(),
        within: WITHIN,
    }
}

#[tokio::test]
async fn an_epcscf_takes_what_a_wic_does_and_says_what_it_is_told() {
    let pki = Pki::new(&["localhost"]).unwrap();
    let epcscf = Epcscf::start(&pki, &Log::new()).await.unwrap();
    let target = before_epcscf(&epcscf, &pki);
    assert!(epcscf.send("too early".into()).is_err());
    let mut wic = Wic::open(&target, "wic", &Upgrade::bare(&target), &Log::new()).await.unwrap();
    wic.send("REGISTER").await.unwrap();
    wic.send(b"\xff").await.unwrap();
    assert!(epcscf.until(WITHIN, |epcscf| epcscf.messages() == 2).await);
    assert!(matches!(epcscf.deed(), Some(Deed::Connect(Some(head))) if head.contains("Sec-WebSocket-Protocol: sip")));
    assert_eq!(epcscf.deed(), Some(Deed::Send("REGISTER".into())));
    assert_eq!(epcscf.deed(), Some(Deed::Send((&b"\xff"[..]).into())));

    epcscf.send("401".into()).unwrap();
    assert_eq!(wic.next().await.unwrap(), Came::Message(Opcode::Text, "401".into()));
    epcscf.ping("there?".into()).unwrap();
    assert_eq!(wic.next().await.unwrap(), Came::Ping("there?".into()));
    assert!(epcscf.until(WITHIN, Epcscf::has_deed).await);
    assert_eq!(epcscf.deed(), Some(Deed::Pong("there?".into())));
    epcscf.close(1008).unwrap();
    assert_eq!(wic.closed().await.unwrap(), Some(1008));
    assert_eq!(epcscf.deed(), None, "what it closed itself is no deed of the WIC");
}

#[tokio::test]
async fn an_epcscf_refuses_and_forgets_the_subprotocol_when_told_to() {
    let pki = Pki::new(&["localhost"]).unwrap();
    let epcscf = Epcscf::start(&pki, &Log::new()).await.unwrap();
    let target = before_epcscf(&epcscf, &pki);
    epcscf.admit(Admission::Refused);
    let refused = Wic::open(&target, "wic", &Upgrade::bare(&target), &Log::new()).await.unwrap_err();
    assert!(matches!(refused, ScriptError::Refused { status: 503, .. }), "{refused}");
    epcscf.admit(Admission::WithoutSubprotocol);
    let (answer, wic) = Wic::upgrade(&target, "wic", &Upgrade::bare(&target), &Log::new()).await.unwrap();
    assert_eq!((answer.status, answer.value("sec-websocket-protocol")), (101, None));
    wic.close(1000).await.unwrap();
    let closed = |epcscf: &Epcscf| std::iter::from_fn(|| epcscf.deed()).any(|deed| deed == Deed::Close(Some(1000)));
    assert!(epcscf.until(WITHIN, closed).await);
}
