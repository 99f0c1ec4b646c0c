//! Messages of the kinds that RFC 4475 and RFC 5118 torment readers with, in our own words. Each
//! test or row is named for the message of the RFC whose point it makes.

mod application;
mod invalid;
mod ipv6;
mod valid;

use sip::{Framing, HeaderName, Message, Request, Response};

/// Lines to octets: every line end is a CRLF.
fn wire(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// What a server does with octets that come in.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Answered(u16),
    Dropped,
}

fn judge(octets: &[u8], framing: Framing) -> Verdict {
    match Message::parse(octets.to_vec(), framing) {
        Err(malformed) => match malformed.request {
            Some(_) => Verdict::Answered(malformed.error.status.code()),
            None => Verdict::Dropped,
        },
        Ok(Message::Request(request)) => match request.validate() {
            Ok(()) => Verdict::Accepted,
            Err(rejection) => Verdict::Answered(rejection.status.code()),
        },
        Ok(Message::Response(response)) => match response.validate() {
            Ok(()) => Verdict::Accepted,
            Err(_) => Verdict::Dropped,
        },
    }
}

/// Reads octets that must be a valid request, and sees that writing loses nothing.
fn accept(octets: &[u8]) -> Request {
    assert_eq!(judge(octets, Framing::Datagram), Verdict::Accepted);
    let message = Message::parse(octets.to_vec(), Framing::Datagram).unwrap();
    assert_lossless(&message);
    match message {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response"),
    }
}

fn accept_response(octets: &[u8]) -> Response {
    assert_eq!(judge(octets, Framing::Datagram), Verdict::Accepted);
    let message = Message::parse(octets.to_vec(), Framing::Datagram).unwrap();
    assert_lossless(&message);
    match message {
        Message::Response(response) => response,
        Message::Request(_) => panic!("a request"),
    }
}

fn assert_lossless(message: &Message) {
    let mut again = Message::parse(message.to_bytes(), Framing::Stream).unwrap();
    if !message.headers().has(&HeaderName::ContentLength) {
        assert_eq!(again.headers_mut().remove(&HeaderName::ContentLength), 1);
    }
    assert_eq!(again, *message);
    assert_eq!(again.to_bytes(), message.to_bytes());
}
