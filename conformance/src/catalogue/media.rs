//! TP-SDP and TP-MED: session descriptions and media. Most of them wait for the gateway.

use sip::HeaderName;

use crate::lab::Setup;
use crate::purpose::purposes;
use crate::tester::{SDP, Tester};
use crate::verdict::{Outcome, Preamble};

/// What the purposes on interworked descriptions wait for.
const GATEWAY: &str = "the eIMS-AGW: with media = direct, descriptions pass the eP-CSCF unchanged";
/// What the purposes on media wait for.
const DATA_PLANE: &str = "the data plane of the eIMS-AGW";

purposes! {
    "SDP-01" Epcscf Any Requirement "TS 23.228 U.1.1" {
        "Bundling is not offered on",
        "an offer with a=group:BUNDLE" => "no group in the offer on Mw, and none in the answer on W2",
        waits(GATEWAY),
    }
    "SDP-02" Epcscf Any Requirement "TS 23.228 U.1.3.3" {
        "rtcp-mux ends at the gateway",
        "an offer with rtcp-mux to a core without" => "the answer on W2 has rtcp-mux; two ports on the core side",
        waits(GATEWAY),
    }
    "SDP-03" Epcscf Any Requirement "TS 23.334 §5.20" {
        "The core is offered plain RTP",
        "an offer of a WIC" => "on Mw RTP/AVP without setup, fingerprint, ICE and tls-id",
        waits(GATEWAY),
    }
    "SDP-04" Epcscf Any Requirement "TS 23.334 §6.2.10" {
        "The DTLS role follows the offer",
        "setup active; passive; actpass" => "the gateway is server; client; either, and the answer says so",
        waits(GATEWAY),
    }
    "SDP-05" Epcscf Any Policy "33.203 X.2, 23.334 §5.20" {
        "A description without DTLS-SRTP is refused",
        "an offer without fingerprint; of RTP/AVP" => "488",
        waits(GATEWAY),
    }
    "SDP-06" Epcscf Any Policy "RFC 8839 §4.4" {
        "A description without ICE credentials is refused",
        "an offer without ice-ufrag or ice-pwd" => "488",
        waits(GATEWAY),
    }
    "SDP-07" Epcscf Any Requirement "RFC 3264 §6" {
        "What is not supported keeps its line, with port 0",
        "an offer with a data channel" => "the answer has as many m-lines, that one with port 0",
        waits(GATEWAY),
    }
    "SDP-08" Epcscf Any Requirement "TS 23.334 §5.20" {
        "A WIC is offered what browsers speak",
        "an offer of the core" => "on W2 SAVPF, fingerprint, tls-id, actpass, rtcp-mux, ICE",
        waits(GATEWAY),
    }
    "SDP-09" Epcscf Any Requirement "RFC 3261 §13.2.1" {
        "A call without an offer carries it in the 200",
        given "a registered WIC",
        "INVITE without a body; a 200 with the offer; ACK with the answer" => "the offer is on W2, the answer on Mw",
        test(late_offer),
    }
    "SDP-10" Epcscf Any Requirement "RFC 8839 §4.4.1.1" {
        "New ICE credentials restart ICE, not DTLS",
        "a re-offer with another ufrag and pwd" => "new credentials in the answer, the fingerprint kept",
        waits(GATEWAY),
    }
    "SDP-11" Epcscf Any Requirement "TS 23.228 U.1.1" {
        "Each stream has ports of its own",
        "an offer with two audio streams and one video stream" => "different ports for each",
        waits(GATEWAY),
    }
    "SDP-12" Epcscf Any Policy "RFC 8839 §5.1" {
        "Candidates that hide their address do no harm",
        "an offer with .local candidates alone" => "accepted; the peer-reflexive candidate is used",
        waits(GATEWAY),
    }
    "SDP-13" Epcscf Any Policy "RFC 8866 §5" {
        "A hostile description breaks nothing",
        given "a registered WIC",
        "an offer cut in the middle; of ten thousand attributes" => "a 4xx, or it is passed on; the next message is answered",
        test(hostile_description),
    }
    "SDP-14" Epcscf Any Requirement "RFC 3264 §8.4" {
        "Hold stops media both ways",
        "sendonly, then inactive" => "the direction is mirrored, media stops, consent goes on",
        waits(GATEWAY),
    }
    "MED-01" Agw Any Requirement "RFC 8445 §7.3" {
        "A check with wrong credentials is refused",
        "a wrong MESSAGE-INTEGRITY; a wrong USERNAME" => "401; no media",
        waits(DATA_PLANE),
    }
    "MED-02" Agw Any Requirement "RFC 7675 §5.1" {
        "Lost consent ends the call",
        "no consent for 30 s" => "the eP-CSCF is told; BYE both ways",
        waits(DATA_PLANE),
    }
    "MED-03" Agw Any Requirement "RFC 5763 §5" {
        "A certificate must be that of the fingerprint",
        "a handshake with another certificate" => "an alert; the eP-CSCF is told; released",
        waits(DATA_PLANE),
    }
    "MED-04" Agw Any Requirement "RFC 3711 §3.3" {
        "Replayed and corrupt packets are dropped",
        "an SRTP packet twice; with a wrong tag" => "dropped and counted",
        waits(DATA_PLANE),
    }
    "MED-05" Agw Any Requirement "RFC 3711 App. B.3" {
        "Keys are derived as the vector says",
        "the master key and salt of the vector" => "its session keys",
        waits(DATA_PLANE),
    }
    "MED-06" Agw Any Requirement "RFC 5761 §4" {
        "RTCP is told from RTP on one port",
        "packets of types 192 to 223" => "taken for RTCP",
        waits(DATA_PLANE),
    }
    "MED-07" Agw Any Policy "TS 23.334 §6.2.9" {
        "Media of a stranger on the core side is dropped",
        "RTP from another address" => "dropped",
        waits(DATA_PLANE),
    }
    "MED-08" Agw Any Requirement "RFC 5769 §2.1" {
        "STUN is checked as the vector says",
        "the sample request" => "MESSAGE-INTEGRITY and FINGERPRINT verify",
        waits(DATA_PLANE),
    }
    "MED-09" Agw Any Requirement "RFC 4733 §2" {
        "DTMF passes both ways",
        "telephone-events of either side" => "the events arrive whole",
        waits(DATA_PLANE),
    }
    "MED-10" Agw Any Policy "RFC 8445 §14" {
        "No DTLS before ICE",
        "a ClientHello before any valid check" => "no answer",
        waits(DATA_PLANE),
    }
    "MED-11" Agw Any Option "TS 23.228 U.2.4" {
        "Media is left alone between two WICs, where that is possible",
        "a call between WICs with optimisation on" => "transparent only if the addresses are equal",
        waits("media plane optimisation, which is the operator's choice and is not offered"),
    }
    "MED-12" Agw Any Policy "TS 23.334 §6.2.4" {
        "Nothing is left of a call",
        "Release, then packets; ten thousand calls" => "the ports are free, the packets dropped, no leak",
        waits(DATA_PLANE),
    }
}

async fn late_offer(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    edge.registered(&mut wic, &mut alice).await?;
    let invite = alice.request("INVITE", &format!("sip:bob@{}", edge.home));
    let arrived = edge.originated(&mut wic, &invite).await?;
    t.check(arrived.request.body.is_empty(), "a body came out of nowhere")?;
    let ok = edge.answered(&arrived);
    edge.core.respond(&arrived, &ok).await?;
    let answer = wic.answer().await?;
    t.status(&answer, &[200])?;
    t.check(!answer.body.is_empty(), "the offer is lost")?;
    let ack = crate::tester::in_dialog("ACK", 1, &invite, &answer, "late").body("application/sdp", SDP);
    wic.send(ack.bytes()).await?;
    let ack = edge.core.request("ACK").await?;
    t.check(!ack.request.body.is_empty(), "the answer in the ACK is lost")
}

async fn hostile_description(t: &mut Tester) -> Outcome {
    let attributes = "a=x-noise:0123456789\r\n".repeat(2_000);
    for (what, body) in [("cut", SDP[..SDP.len() / 2].to_owned()), ("long", format!("{SDP}{attributes}"))] {
        let mut edge = t.edge_with(Setup::new()).await?;
        let mut wic = edge.operator_wic().await?;
        let mut alice = edge.person();
        edge.registered(&mut wic, &mut alice).await?;
        let invite = alice.request("INVITE", &format!("sip:bob@{}", edge.home)).body("application/sdp", body);
        wic.send(invite.bytes()).await?;
        tokio::select! {
            arrived = edge.core.request("INVITE") => t.saw(format!("{what}: passed on, {} octets", arrived?.request.body.len())),
            answer = wic.answer() => {
                let answer = answer?;
                t.saw(format!("{what}: {} {}", answer.status, answer.reason));
                t.check((400..500).contains(&answer.status.code()), format!("{what}: {}", answer.status))?;
            }
        }
        let options = alice.request("OPTIONS", &format!("sip:{}", edge.name));
        wic.send(options.bytes()).await.preamble("OPTIONS")?;
        let answer = wic.answer_to(1, "OPTIONS").await?;
        t.check(answer.headers.has(&HeaderName::CSeq), "the next message was not answered")?;
    }
    Ok(())
}
