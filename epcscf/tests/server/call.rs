//! A call on sockets: a guest on a WebSocket, and a core that is one UDP socket.

use std::net::SocketAddr;

use axum::http::StatusCode;
use tokio::net::UdpSocket;

use crate::client::{Client, register};
use crate::keys::Waf;
use crate::rig::{PARTNER, Pki, Rig};

const GUEST: &str = "sip:guest-1@partner.ims.example";

/// The S-CSCF.
struct Core {
    socket: UdpSocket,
    edge: SocketAddr,
}

impl Core {
    async fn says(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.edge).await.unwrap();
    }

    async fn hears(&self) -> String {
        let mut octets = vec![0; 65_536];
        let (len, _) = self.socket.recv_from(&mut octets).await.unwrap();
        String::from_utf8(octets[..len].to_vec()).unwrap()
    }

    /// The next message that is no 100 Trying.
    async fn hears_more(&self) -> String {
        loop {
            let text = self.hears().await;
            if !text.starts_with("SIP/2.0 100 ") {
                return text;
            }
        }
    }
}

async fn network() -> (Rig, Client, Core) {
    let pki = Pki::new();
    let waf = Waf::start(&pki, StatusCode::OK).await;
    let (url, token) = (waf.jwks_url(), waf.token());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let scscf = socket.local_addr().unwrap();
    let rig = Rig::of(pki, |config| {
        config.wwsf[1].issuers[0].jwks_url = url;
        config.core.scscf = scscf;
    })
    .await;
    let mut client = Client::open(&rig, PARTNER).await;
    client.text(&register(1, &format!("Authorization: Bearer {token}\r\n"))).await;
    assert_eq!(client.status().await, 200);
    let edge = rig.mw;
    (rig, client, Core { socket, edge })
}

/// The lines that a response copies.
fn copied(request: &str) -> String {
    let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:"];
    request
        .split("\r\n")
        .filter(|line| copied.iter().any(|name| line.starts_with(name)))
        .collect::<Vec<_>>()
        .join("\r\n")
}

fn answer(request: &str, status: &str, contact: &str) -> String {
    let copied = copied(request);
    let copied = match copied.contains(">;tag=callee") {
        true => copied,
        false => copied.lines().map(tagged).collect::<Vec<_>>().join("\r\n"),
    };
    format!("SIP/2.0 {status}\r\n{copied}\r\nContact: <{contact}>\r\nContent-Length: 0\r\n\r\n")
}

fn tagged(line: &str) -> String {
    if line.starts_with("To:") { format!("{line};tag=callee") } else { line.to_owned() }
}

/// Route out of the Record-Route of a response or request, in this order.
fn route(message: &str, reversed: bool) -> String {
    let lines = message.split("\r\n").filter_map(|line| line.strip_prefix("Record-Route: "));
    let mut hops: Vec<&str> = lines.flat_map(|line| line.split(", ")).collect();
    if reversed {
        hops.reverse();
    }
    hops.join(", ")
}

#[tokio::test]
async fn a_guest_calls() {
    let (rig, mut client, core) = network().await;
    let dialog = |method: &str, number: u32, to_tag: &str, route: &str| {
        format!(
            "{method} sip:bob@ims.example SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK{method}{number}\r\n\
             Max-Forwards: 70\r\nRoute: {route}\r\nFrom: <{GUEST}>;tag=caller\r\nTo: <sip:bob@ims.example>{to_tag}\r\n\
             Call-ID: call-1\r\nCSeq: {number} {method}\r\nContact: <sip:u@a.invalid;transport=ws>\r\n\r\n"
        )
    };
    client.text(&dialog("INVITE", 1, "", "<sip:orig@epcscf1.ims.example;lr>")).await;
    let invite = core.hears().await;
    assert!(invite.contains("\r\nP-Asserted-Identity: <sip:guest-1@partner.ims.example>\r\n"), "{invite}");
    assert!(invite.contains("\r\nP-Profile-Key: <sip:guest-!.*!@partner.ims.example>\r\n"), "{invite}");
    core.says(&answer(&invite, "180 Ringing", "sip:bob@192.0.2.7")).await;
    core.says(&answer(&invite, "200 OK", "sip:scscf1.ims.example")).await;
    assert!(client.message().await.starts_with("SIP/2.0 180 "));
    let ok = client.message().await;
    assert!(ok.starts_with("SIP/2.0 200 "), "{ok}");
    let route = route(&ok, true);
    client.text(&dialog("ACK", 1, ";tag=callee", &route)).await;
    assert!(core.hears().await.starts_with("ACK "));
    assert_eq!(rig.running.edge(|edge, _| edge.load().dialogs).await, Some(1));
    client.text(&dialog("BYE", 2, ";tag=callee", &route)).await;
    let bye = core.hears().await;
    assert!(bye.starts_with("BYE "), "{bye}");
    core.says(&answer(&bye, "200 OK", "sip:bob@192.0.2.7")).await;
    assert_eq!(client.status().await, 200);
    let load = rig.running.edge(|edge, _| edge.load()).await.unwrap();
    assert_eq!((load.calls, load.dialogs, load.contexts), (0, 0, 0));
}

#[tokio::test]
async fn a_guest_is_called_and_its_page_closes() {
    let (rig, mut client, core) = network().await;
    let invite = |number: u32| {
        format!(
            "INVITE {GUEST} SIP/2.0\r\nVia: SIP/2.0/UDP scscf1.ims.example;branch=z9hG4bKin{number};rport\r\n\
             Max-Forwards: 60\r\nRoute: <sip:epcscf1.ims.example;lr>\r\nRecord-Route: <sip:scscf1.ims.example;lr>\r\n\
             From: <sip:bob@ims.example>;tag=caller\r\nTo: <{GUEST}>\r\nCall-ID: call-{number}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:bob@192.0.2.7>\r\nContent-Length: 0\r\n\r\n"
        )
    };
    core.says(&invite(1)).await;
    let at_guest = client.message().await;
    assert!(at_guest.starts_with("INVITE sip:u@a.invalid;transport=ws "), "{at_guest}");
    assert!(at_guest.contains("\r\nP-Called-Party-ID: <sip:guest-1@partner.ims.example>\r\n"));
    client.text(&answer(&at_guest, "486 Busy Here", "sip:u@a.invalid;transport=ws")).await;
    let busy = core.hears_more().await;
    assert!(busy.starts_with("SIP/2.0 486 "), "{busy}");
    core.says(&format!(
        "ACK {GUEST} SIP/2.0\r\n{}\r\nContent-Length: 0\r\n\r\n",
        copied(&busy).replace("1 INVITE", "1 ACK")
    ))
    .await;
    // The answer to the refusal stays on W2.
    assert!(client.message().await.starts_with("ACK "));
    core.says(&invite(2)).await;
    assert!(client.message().await.starts_with("INVITE "));
    drop(client);
    let gone = core.hears_more().await;
    assert!(gone.starts_with("SIP/2.0 480 "), "{gone}");
    let load = rig.running.edge(|edge, _| edge.load()).await.unwrap();
    assert_eq!((load.connections, load.calls, load.contexts), (0, 0, 0));
}
