//! Two nodes talk over real sockets.

use bytes::Bytes;
use sip::node::{Node, Output};
use sip::{FlowId, Instant, Now, Peer, Transport};
use sip_net::{Actor, Keeper, Mw, NoFlows, Pace, Release, Verdict, spawn};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use trace::{Hub, Record, Tap};

/// Sends back what it receives, turned into a response; reports everything.
struct Echo {
    out: VecDeque<Output<u32>>,
    seen: mpsc::UnboundedSender<Seen>,
    wake: Option<Instant>,
}

#[derive(Debug, PartialEq)]
enum Seen {
    Message(String),
    Closed,
    Failed,
    Timeout,
    Answer(u32),
}

impl Node for Echo {
    type Ask = u32;
    type Answer = u32;

    fn receive(&mut self, _: Now, from: Peer, octets: Bytes) {
        let text = String::from_utf8(octets.to_vec()).unwrap();
        if text.starts_with("OPTIONS") {
            let octets = text.replace("OPTIONS sip:x.example SIP/2.0", "SIP/2.0 200 OK").into();
            self.out.push_back(Output::Send { to: from, octets });
        }
        self.seen.send(Seen::Message(text)).unwrap();
    }

    fn answer(&mut self, _: Now, answer: u32) {
        self.seen.send(Seen::Answer(answer)).unwrap();
    }

    fn flow_closed(&mut self, _: Now, _: FlowId) {
        self.seen.send(Seen::Closed).unwrap();
    }

    fn send_failed(&mut self, _: Now, _: Peer) {
        self.seen.send(Seen::Failed).unwrap();
    }

    fn handle_timeout(&mut self, _: Now) {
        self.wake = None;
        self.seen.send(Seen::Timeout).unwrap();
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.wake
    }

    fn poll_output(&mut self) -> Option<Output<u32>> {
        self.out.pop_front()
    }
}

async fn node(tap: Tap) -> (Actor<Echo>, SocketAddr, mpsc::UnboundedReceiver<Seen>) {
    paced(tap, Pace::start()).await
}

async fn paced(tap: Tap, pace: Pace) -> (Actor<Echo>, SocketAddr, mpsc::UnboundedReceiver<Seen>) {
    let mw = Mw::bind("127.0.0.1:0".parse().unwrap(), tap).await.unwrap().paced(pace);
    let addr = mw.addr();
    let (seen, rx) = mpsc::unbounded_channel();
    let echo = Echo { out: VecDeque::new(), seen, wake: None };
    let (actor, _task) = spawn(echo, mw, |ask| async move { ask + 1 }, NoFlows);
    (actor, addr, rx)
}

async fn next(rx: &mut mpsc::UnboundedReceiver<Seen>) -> Seen {
    tokio::time::timeout(Duration::from_secs(10), rx.recv()).await.expect("something happens").unwrap()
}

const OPTIONS: &str = "OPTIONS sip:x.example SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n";
const OK: &str = "SIP/2.0 200 OK\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n";

async fn exchange(transport: Transport) {
    let hub = Hub::new(16);
    let (a, _, mut a_seen) = node(hub.tap("a")).await;
    let (_b, b_addr, mut b_seen) = node(hub.tap("b")).await;
    a.call(move |echo, _| {
        echo.out.push_back(Output::Send { to: Peer::new(transport, b_addr), octets: OPTIONS.into() });
    })
    .await;
    assert_eq!(next(&mut b_seen).await, Seen::Message(OPTIONS.into()));
    assert_eq!(next(&mut a_seen).await, Seen::Message(OK.into()));
    let seen: Vec<_> = hub.since(0).iter().map(|r| (r.node.clone(), r.peer.clone(), r.summary.clone())).collect();
    let expected = [
        ("a", "b", "OPTIONS sip:x.example"),
        ("b", "a", "OPTIONS sip:x.example"),
        ("b", "a", "200 OK"),
        ("a", "b", "200 OK"),
    ];
    for (node, peer, summary) in expected {
        assert!(seen.contains(&(node.into(), peer.into(), summary.into())), "{seen:?}");
    }
}

#[tokio::test]
async fn a_request_and_its_response_over_udp() {
    exchange(Transport::Udp).await;
}

#[tokio::test]
async fn a_request_and_its_response_over_one_tcp_connection() {
    exchange(Transport::Tcp).await;
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_a_failure() {
    let (a, _, mut seen) = node(Tap::default()).await;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    a.call(move |echo, _| {
        echo.out.push_back(Output::Send { to: Peer::new(Transport::Tcp, nobody), octets: OPTIONS.into() });
    })
    .await;
    assert_eq!(next(&mut seen).await, Seen::Closed);
    assert_eq!(next(&mut seen).await, Seen::Failed);
}

#[tokio::test]
async fn a_stream_that_is_not_sip_is_closed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (_a, addr, mut seen) = node(Tap::default()).await;
    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
    assert_eq!(next(&mut seen).await, Seen::Closed);
}

#[tokio::test]
async fn a_crlf_ping_is_answered() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (_a, addr, _seen) = node(Tap::default()).await;
    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    stream.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"\r\n");
}

#[tokio::test]
async fn asks_are_answered_and_timers_fire() {
    let (a, _, mut seen) = node(Tap::default()).await;
    a.call(|echo, _| echo.out.push_back(Output::Ask(41))).await;
    assert_eq!(next(&mut seen).await, Seen::Answer(42));
    a.call(|echo, now| echo.wake = Some(now.mono + Duration::from_millis(5))).await;
    assert_eq!(next(&mut seen).await, Seen::Timeout);
    assert_eq!(a.ask(|_, _| 7).await, Some(7));
}

/// Holds what is about Call-ID 1, loses what is about Call-ID 2.
#[derive(Default)]
struct Porter(Mutex<Vec<(String, Release)>>);

impl Keeper for Porter {
    fn judge(&self, message: Record) -> Verdict {
        match message.call_id.as_deref() {
            Some("1") => {
                let (release, held) = Verdict::hold();
                let line = format!("{} -> {}: {}", message.node, message.peer, message.summary);
                self.0.lock().unwrap().push((line, release));
                held
            }
            Some("2") => Verdict::Fail,
            _ => Verdict::Pass,
        }
    }
}

#[tokio::test]
async fn a_keeper_holds_some_messages_loses_others_and_lets_the_rest_pass() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (hub, pace, porter) = (Hub::new(16), Pace::start(), Arc::new(Porter::default()));
        let (a, _, mut a_seen) = paced(hub.tap("a"), pace.clone()).await;
        let (_b, b_addr, mut b_seen) = node(hub.tap("b")).await;
        let watched = pace.gate.watch(porter.clone()).unwrap();
        assert!(pace.gate.watch(porter.clone()).is_none(), "one keeper at a time");
        for call_id in ["1", "2", "3"] {
            let octets: Bytes = OPTIONS.replace("Call-ID: 1", &format!("Call-ID: {call_id}")).into();
            a.call(move |echo, _| echo.out.push_back(Output::Send { to: Peer::new(transport, b_addr), octets })).await;
        }
        assert_eq!(next(&mut a_seen).await, Seen::Failed);
        assert_eq!(next(&mut b_seen).await, Seen::Message(OPTIONS.replace("Call-ID: 1", "Call-ID: 3")));
        let (held, release) = porter.0.lock().unwrap().pop().unwrap();
        assert_eq!(held, "a -> b: OPTIONS sip:x.example");
        drop(release);
        assert_eq!(next(&mut b_seen).await, Seen::Message(OPTIONS.into()));
        drop(watched);
        a.call(move |echo, _| {
            echo.out.push_back(Output::Send { to: Peer::new(transport, b_addr), octets: OPTIONS.into() });
        })
        .await;
        assert_eq!(next(&mut b_seen).await, Seen::Message(OPTIONS.into()), "an unwatched gate is open");
    }
}

#[tokio::test]
async fn a_timer_waits_while_the_clock_is_halted() {
    let pace = Pace::start();
    let (a, _, mut seen) = paced(Tap::default(), pace.clone()).await;
    let halt = pace.clock.halt();
    a.call(|echo, now| echo.wake = Some(now.mono + Duration::from_millis(1))).await;
    assert_eq!(a.ask(|_, _| 7).await, Some(7));
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(seen.try_recv().is_err(), "it ran out");
    drop(halt);
    assert_eq!(next(&mut seen).await, Seen::Timeout);
}
