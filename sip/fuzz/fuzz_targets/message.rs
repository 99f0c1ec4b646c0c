//! Octets never make the reader panic, and what is read reads the same once written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::{Framing, HeaderName, Message};

fuzz_target!(|octets: &[u8]| {
    for framing in [Framing::Datagram, Framing::WebSocket, Framing::Stream] {
        let Ok(mut message) = Message::parse(octets.to_vec(), framing) else { continue };
        match &message {
            Message::Request(request) => drop(request.validate()),
            Message::Response(response) => drop(response.validate()),
        }
        let mut again = Message::parse(message.to_bytes(), Framing::Stream).expect("written messages are readable");
        for message in [&mut again, &mut message] {
            message.headers_mut().remove(&HeaderName::ContentLength);
        }
        assert_eq!(again, message);
    }
});
