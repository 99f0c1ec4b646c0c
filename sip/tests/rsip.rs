//! Messages go to rsip's types and back, and two readers by others see in them what ours does.

use rsip::SipMessage;
use sip::rsip::BridgeError;
use sip::{Framing, HeaderName, Message};

const REGISTER: &str = "REGISTER sip:ims.example SIP/2.0\r\n\
Via: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK7d1a\r\n\
Max-Forwards: 70\r\n\
From: \"Alice\" <sip:alice@ims.example>;tag=w1\r\n\
To: <sip:alice@ims.example>\r\n\
Call-ID: r-5d0e7c@k3f9q2.invalid\r\n\
CSeq: 2 REGISTER\r\n\
Contact: <sip:u8c2@k3f9q2.invalid;transport=ws>;reg-id=1;+sip.instance=\"<urn:uuid:0c67d3a4>\";expires=3600\r\n\
Supported: path, outbound, gruu\r\n\
P-Access-Network-Info: IEEE-802.11;network-provided\r\n\
Authorization: Digest username=\"alice-wic@ims.example\", realm=\"ims.example\", nonce=\"4d0f\", uri=\"sip:ims.example\", \
response=\"fea8fb1809a8cf387270223509755d28\", algorithm=MD5, cnonce=\"0a4f\", qop=auth, nc=00000001\r\n\
Content-Length: 0\r\n\r\n";

const MESSAGE: &str = "MESSAGE sip:bob@ims.example:5080;lr SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone\r\n\
Via: SIP/2.0/TCP 192.0.2.2:5060;branch=z9hG4bKtwo;received=192.0.2.3\r\n\
Route: <sip:192.0.2.9:5080;lr>, <sip:scscf1.ims.example;lr>\r\n\
From: <sip:alice@ims.example>;tag=a1\r\n\
To: <sip:bob@ims.example>\r\n\
Call-ID: m-1@192.0.2.1\r\n\
CSeq: 7 MESSAGE\r\n\
Max-Forwards: 69\r\n\
Content-Type: text/plain\r\n\
Content-Length: 12\r\n\r\n\
hello, \r\nbob";

const UNAUTHORIZED: &str = "SIP/2.0 401 Unauthorized\r\n\
Via: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK7d1a\r\n\
From: <sip:alice@ims.example>;tag=w1\r\n\
To: <sip:alice@ims.example>;tag=s1\r\n\
Call-ID: r-5d0e7c@k3f9q2.invalid\r\n\
CSeq: 1 REGISTER\r\n\
WWW-Authenticate: Digest realm=\"ims.example\", nonce=\"4d0f\", algorithm=SHA-256, qop=\"auth\"\r\n\
WWW-Authenticate: Digest realm=\"ims.example\", nonce=\"4d0f\", algorithm=MD5, qop=\"auth\"\r\n\
Content-Length: 0\r\n\r\n";

fn ours(text: &str) -> Message {
    Message::parse(text.to_owned(), Framing::Datagram).unwrap()
}

fn lines(message: &Message) -> Vec<(String, String)> {
    message.headers().iter().map(|h| (h.spelling().to_owned(), h.value.to_string())).collect()
}

#[test]
fn rsip_reads_what_we_read() {
    for text in [REGISTER, MESSAGE, UNAUTHORIZED] {
        let theirs = SipMessage::try_from(text).unwrap();
        assert_eq!(SipMessage::try_from(&ours(text)).unwrap(), theirs);
    }
}

#[test]
fn rsip_and_back_changes_nothing() {
    for text in [REGISTER, MESSAGE, UNAUTHORIZED] {
        let message = ours(text);
        let theirs = SipMessage::try_from(&message).unwrap();
        assert_eq!(Message::try_from(&theirs).unwrap(), message);
    }
}

#[test]
fn rsipstack_reads_what_we_read() {
    use rsipstack::sip::SipMessage as Other;
    for text in [REGISTER, MESSAGE, UNAUTHORIZED] {
        let message = ours(text);
        let theirs = Other::try_from(text).unwrap();
        let (start, headers, body) = match &theirs {
            Other::Request(r) => (format!("{} {}", r.method, r.uri), &r.headers, &r.body),
            Other::Response(r) => (r.status_code.code().to_string(), &r.headers, &r.body),
        };
        let expected = match &message {
            Message::Request(r) => format!("{} {}", r.method, r.uri),
            Message::Response(r) => r.status.to_string(),
        };
        assert_eq!(start, expected);
        let theirs: Vec<_> = headers.iter().map(|h| (h.name().to_owned(), h.value().to_owned())).collect();
        assert_eq!(theirs, lines(&message));
        assert_eq!(&body[..], &message.body()[..]);
    }
}

#[test]
fn what_rsip_can_not_hold_is_refused() {
    for (start, error) in [
        ("PING sip:ims.example SIP/2.0", BridgeError::Method),
        ("register sip:ims.example SIP/2.0", BridgeError::Method),
        ("REGISTER sip:[2001:db8::1] SIP/2.0", BridgeError::Uri),
        ("REGISTER tel:+12015550123 SIP/2.0", BridgeError::Uri),
    ] {
        let message = ours(&REGISTER.replace("REGISTER sip:ims.example SIP/2.0", start));
        assert_eq!(SipMessage::try_from(&message).unwrap_err(), error, "{start}");
    }
}

#[test]
fn what_rsip_does_not_keep_comes_back_as_registered() {
    let message = ours(&UNAUTHORIZED.replace("401 Unauthorized", "401 Who are you").replace("Via:", "v:"));
    let Message::Response(back) = Message::try_from(&SipMessage::try_from(&message).unwrap()).unwrap() else {
        panic!()
    };
    assert_eq!(back.reason, "Unauthorized");
    assert!(back.to_string().contains("\r\nVia: "));
    let unknown = ours(&UNAUTHORIZED.replace("401 Unauthorized", "499 Odd"));
    let Message::Response(back) = Message::try_from(&SipMessage::try_from(&unknown).unwrap()).unwrap() else {
        panic!()
    };
    assert_eq!((back.status.code(), &*back.reason), (499, "Odd"));
    let name: HeaderName = "x-Own".parse().unwrap();
    let own = ours(&UNAUTHORIZED.replace("CSeq:", "x-Own: 1\r\nCSeq:"));
    let back = Message::try_from(&SipMessage::try_from(&own).unwrap()).unwrap();
    assert_eq!(back.headers().value(&name), Some("1"));
    assert!(lines(&back).contains(&("x-Own".into(), "1".into())));
}
