//! A page and a plain SIP user on the core's side: what no other page does.

use anyhow::{Context, Result, bail, ensure};
use e2e::{Bed, Phone, User, peers};
use mock_ims::StaticRoute;
use sip::dialog::{self, Dialog};
use sip::headers::{Contact, TypedHeader};
use sip::{Framing, HeaderName, Message, Method, Request, StatusCode};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;

/// The plain SIP user.
const PLAIN: &str = "sip:plain@sip.example";

/// What it says of media that it does not have, as far as a browser looks at once.
const AUDIO: &str = "v=0\r\no=plain 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 8\r\na=rtpmap:8 PCMA/8000\r\na=ice-ufrag:plain\r\na=ice-pwd:0123456789abcdef01234567\r\n\
    a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
    a=setup:active\r\na=mid:0\r\na=rtcp-mux\r\n";

/// A socket in the place of a plain SIP user agent; the test is what it does.
struct Plain {
    socket: UdpSocket,
    proxy: SocketAddr,
}

impl Plain {
    async fn send(&self, message: impl AsRef<[u8]>) -> Result<()> {
        self.socket.send_to(message.as_ref(), self.proxy).await?;
        Ok(())
    }

    /// The next message that `wanted` takes; others, such as retransmissions, are passed over.
    async fn until<T>(&self, wanted: impl Fn(Message) -> Option<T>) -> Result<T> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let received = tokio::time::timeout(Duration::from_secs(20), self.socket.recv_from(&mut buffer)).await;
            let (length, _) = received.context("nothing comes")??;
            match Message::parse(buffer[..length].to_vec(), Framing::Datagram) {
                Ok(message) => {
                    if let Some(found) = wanted(message) {
                        return Ok(found);
                    }
                }
                Err(malformed) => bail!("{}", malformed.error),
            }
        }
    }

    async fn request(&self, method: Method) -> Result<Request> {
        self.until(|message| match message {
            Message::Request(request) if request.method == method => Some(request),
            _ => None,
        })
        .await
    }
}

async fn bed() -> Result<(Bed, Plain)> {
    let address = peers::free_port()?;
    let bed = Bed::with_browser(|config| {
        config.ims.routes = vec![StaticRoute { to: PLAIN.into(), address, tcp: false }];
    })
    .await?;
    let socket = UdpSocket::bind(address).await?;
    let proxy = bed.ready.icscf.parse()?;
    Ok((bed, Plain { socket, proxy }))
}

/// RFC 3261 §13.2.1, RFC 3262: an offer in the 200, an answer in the ACK; a provisional answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_offers_when_the_caller_does_not_and_hears_early_media() -> Result<()> {
    let (bed, mut plain) = bed().await?;
    let alice = Phone::register(&bed, User::Digest("alice")).await?;
    let local = plain.socket.local_addr()?;

    let invite = format!(
        "INVITE {to} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKplain1\r\nMax-Forwards: 70\r\n\
         From: <{PLAIN}>;tag=plain\r\nTo: <{to}>\r\nCall-ID: plain-1\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:plain@{local}>\r\nP-Asserted-Identity: <{PLAIN}>\r\nContent-Length: 0\r\n\r\n",
        to = alice.address
    );
    plain.send(&invite).await?;
    ensure!(alice.rings().await? == PLAIN);
    alice.take("answer-audio").await?;
    let ok = plain
        .until(|message| match message {
            Message::Response(response) if response.status == StatusCode::OK => Some(response),
            _ => None,
        })
        .await?;
    let offer = String::from_utf8(ok.body.to_vec())?;
    ensure!(offer.contains("m=audio") && !offer.contains("m=video") && offer.contains("a=candidate:"), "{offer}");
    let Ok(Message::Request(invite)) = Message::parse(invite.into_bytes(), Framing::Datagram) else {
        bail!("an INVITE")
    };
    let mut dialog = Dialog::uac(&invite, &ok)?;
    let via = |mut request: Request, branch: &str| {
        request.headers.push_front(HeaderName::Via, format!("SIP/2.0/UDP {local};branch={branch}"));
        request.to_bytes()
    };
    plain.proxy = bed.ready.scscf.parse()?;
    plain.send(via(dialog.ack(1).with_body("application/sdp", AUDIO), "z9hG4bKplain2")).await?;
    alice.until("dataset.state === 'established' && call.dataset.negotiation === 'idle'").await?;
    alice.until("dataset.hold === 'none'").await?;
    plain.send(via(dialog.request(Method::Bye), "z9hG4bKplain3")).await?;
    ensure!(alice.ended().await?.0 == "peer");

    // The other way round, with the answer in a reliable 183 and none in the 200.
    alice.call(PLAIN, false).await?;
    let invite = plain.request(Method::Invite).await?;
    let contact = Contact::parse(&format!("<sip:plain@{local}>"))?;
    let respond = |request: &Request, status| dialog::respond(request, status, "plain", &contact);
    let mut progress = respond(&invite, StatusCode::SESSION_PROGRESS);
    progress.headers.push(HeaderName::Require, "100rel");
    progress.headers.push(HeaderName::RSeq, "1");
    plain.send(progress.with_body("application/sdp", AUDIO).to_bytes()).await?;
    let prack = plain.request(Method::Prack).await?;
    plain.send(respond(&prack, StatusCode::OK).to_bytes()).await?;
    alice.until("querySelector('.call-state').textContent.includes('with sound from the other side')").await?;
    plain.send(respond(&invite, StatusCode::OK).to_bytes()).await?;
    plain.request(Method::Ack).await?;
    alice.until("dataset.state === 'established' && call.dataset.negotiation === 'idle'").await?;
    alice.press("hang-up").await?;
    let bye = plain.request(Method::Bye).await?;
    plain.send(respond(&bye, StatusCode::OK).to_bytes()).await?;
    ensure!(alice.ended().await?.0 == "local");
    Ok(())
}
