//! No octets make the reader panic, and what it reads it can write so that it reads the same.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use sip::headers::{
    AuthenticationInfo, Authorization, Contact, Event, PAccessNetworkInfo, PAssociatedUri, PChargingVector,
    PVisitedNetworkId, ProxyAuthorization, SubscriptionState, TypedHeader, Via, WwwAuthenticate,
};
use sip::{Framing, HeaderName, Message, Resolver, Transport, digest, proxy};

const FRAMINGS: [Framing; 3] = [Framing::Datagram, Framing::WebSocket, Framing::Stream];

const SEEDS: [&str; 3] = [
    "REGISTER sip:ims.example;x=%41 SIP/2.0\r\nv: SIP/2.0/WSS k3.invalid:443;branch=z9hG4bK7d1a;rport, SIP / 2.0 / UDP [::1] : 5060\r\n\
     Max-Forwards: 70\r\nFrom: \"A \\\"l\" <sip:alice:pw@ims.example>;tag=w1\r\nTo: Al ice<sip:alice@ims.example?a=b>\r\n\
     Call-ID: r-5@k3.invalid\r\nCSeq: 1 REGISTER\r\nContact: <sip:u8@k3.invalid;transport=ws>;reg-id=1;\r\n \
     +sip.instance=\"<urn:uuid:0c67>\";expires=3600, sip:x@y;q=0.5\r\nPath: <sip:p@e.example;lr;ob>\r\n\
     Authorization: Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"\", qop=auth\r\n\
     Require: path\r\nRoute: <sip:a;lr>, <sip:b>\r\nContent-Length: 4\r\n\r\nbody",
    "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/TCP [2001:db8::1]:5060;branch=z9hG4bKx;received=[::1]\r\n\
     From: <tel:+1-201-555-0123;phone-context=x>;tag=1\r\nTo: <urn:service:sos>;tag=2\r\nCall-ID: 1\r\nCSeq: 2 INVITE\r\n\
     WWW-Authenticate: Digest realm=\"ims.example\", nonce=\"4d0f\", algorithm=SHA-256, qop=\"auth,auth-int\", stale=true\r\n\
     P-Associated-URI: <sip:a@b>, \"x\" <tel:+1>\r\nP-Charging-Vector: icid-value=\"1\";orig-ioi=x\r\nl: 0\r\n\r\n",
    "NOTIFY sip:[::1]:5060 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=1\r\nFrom: a <sip:a@b>\r\nTo: sip:a@b\r\nCall-ID: 1\r\nCSeq: 9 NOTIFY\r\n\
     Event: reg;id=4\r\nSubscription-State: active;expires=9\r\nP-Visited-Network-ID: \"v, n\", w\r\n\
     P-Access-Network-Info: IEEE-802.11;i-wlan-node-id=0011\r\nAuthorization: Bearer eyJ.a.b\r\nExpires: 600000\r\n\
     Content-Type: application/reginfo+xml\r\n\r\n<reginfo/>",
];

/// What a mutation may put in: the characters that mean something somewhere.
const PIECES: [&str; 24] = [
    "\r\n",
    "\r\n ",
    ":",
    ";",
    ",",
    "\"",
    "\\",
    "<",
    ">",
    "=",
    " ",
    "\t",
    "@",
    "%",
    "%4",
    "[",
    "]",
    "/",
    "?",
    "*",
    "\0",
    "é",
    "Content-Length: 3\r\n",
    "99999999999999999999",
];

#[derive(Clone, Debug)]
enum Mutation {
    Remove(Index, usize),
    Insert(Index, Index),
    Replace(Index, u8),
    Repeat(Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<Index>(), 1..20_usize).prop_map(|(at, n)| Mutation::Remove(at, n)),
        (any::<Index>(), any::<Index>()).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Mutation::Replace(at, octet)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, n)| Mutation::Repeat(at, n)),
    ]
}

fn mutate(octets: &mut Vec<u8>, mutation: &Mutation) {
    if octets.is_empty() {
        return;
    }
    let len = octets.len();
    match mutation {
        Mutation::Remove(at, n) => {
            let at = at.index(len);
            octets.drain(at..(at + n).min(len));
        }
        Mutation::Insert(at, piece) => {
            let at = at.index(len);
            octets.splice(at..at, PIECES[piece.index(PIECES.len())].bytes());
        }
        Mutation::Replace(at, octet) => octets[at.index(len)] = *octet,
        Mutation::Repeat(at, n) => {
            let at = at.index(len);
            let span = octets[at..(at + n).min(len)].to_vec();
            octets.splice(at..at, span);
        }
    }
}

/// Reads, looks at everything that can be looked at, writes, and reads again.
fn exercise(octets: &[u8], framing: Framing) {
    let message = match Message::parse(octets.to_vec(), framing) {
        Ok(message) => message,
        Err(malformed) => {
            // What could be read of it is answered.
            if let Some(request) = malformed.request {
                let _ = request.respond(malformed.error.status).to_bytes();
            }
            return;
        }
    };
    look_at(&message);
    let mut again = Message::parse(message.to_bytes(), Framing::Stream).unwrap();
    let mut message = message;
    for message in [&mut again, &mut message] {
        message.headers_mut().remove(&HeaderName::ContentLength);
    }
    assert_eq!(again, message);
}

fn look_at(message: &Message) {
    let headers = message.headers();
    let _ = headers.contacts();
    let _ = (headers.all::<Via>(), headers.first::<Via>(), headers.all::<Contact>());
    let _ = (headers.all::<PAssociatedUri>(), headers.all::<PVisitedNetworkId>(), headers.all::<PAccessNetworkInfo>());
    let _ = (headers.opt::<PChargingVector>(), headers.opt::<Event>(), headers.opt::<SubscriptionState>());
    let _ = (headers.each::<ProxyAuthorization>(), headers.opt::<AuthenticationInfo>());
    if let Ok(challenges) = headers.each::<WwwAuthenticate>()
        && let Some(challenge) = digest::pick(&challenges)
    {
        let _ = digest::answer(challenge, "u", "p", "REGISTER", "sip:r", "c", 1);
    }
    for credentials in headers.each::<Authorization>().into_iter().flatten() {
        if let sip::headers::Credentials::Digest(digest) = credentials.0 {
            let _ = digest::Presented::parse(&digest);
        }
    }
    match message {
        Message::Request(request) => {
            let _ = request.validate();
            let mut passed = request.clone();
            let own = proxy::Own::new([("ims.example".parse().unwrap(), None)]);
            let _ = proxy::check_loop(&passed, |via| own.is(&via.host, via.port));
            let _ = proxy::refuse_extensions(&passed, &HeaderName::Require, &[]);
            let _ = proxy::preprocess_route(&mut passed, &own);
            let _ = proxy::take_hop(&mut passed.headers);
            if let Ok(sip::Uri::Sip(uri)) = proxy::next_hop(&mut passed) {
                let _ = Resolver::new().resolve(&uri, Transport::Udp);
            }
            while passed.headers.pop_first(&HeaderName::Via).is_some() {}
        }
        Message::Response(response) => {
            let _ = response.validate();
            let mut response = response.clone();
            response.ensure_to_tag(|| "t".into());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn no_octets_make_it_panic(octets in vec(any::<u8>(), 0..300)) {
        for framing in FRAMINGS {
            exercise(&octets, framing);
        }
    }

    #[test]
    fn a_mutated_message_is_refused_or_survives_writing(
        seed in 0..SEEDS.len(),
        mutations in vec(mutation(), 1..8),
    ) {
        let mut octets = SEEDS[seed].as_bytes().to_vec();
        for mutation in &mutations {
            mutate(&mut octets, mutation);
        }
        for framing in FRAMINGS {
            exercise(&octets, framing);
        }
    }

    #[test]
    fn any_text_for_a_header_is_one_line_of_it(value in any::<String>()) {
        let Ok(Message::Request(mut request)) = Message::parse(SEEDS[0], Framing::Datagram) else { unreachable!() };
        request.headers.set(HeaderName::Subject, value.clone());
        let written = request.to_bytes();
        let Message::Request(read) = Message::parse(written, Framing::Stream).unwrap() else { unreachable!() };
        prop_assert_eq!(read.headers.len(), request.headers.len());
        prop_assert_eq!(read.headers.value(&HeaderName::Subject).map(str::trim), request.headers.value(&HeaderName::Subject).map(str::trim));
    }

    #[test]
    fn no_value_makes_a_typed_header_panic(value in "[ -~\t\u{e9}]{0,60}") {
        let _ = (Via::parse(&value), Contact::parse(&value), Authorization::parse(&value), WwwAuthenticate::parse(&value));
        let _ = (PChargingVector::parse(&value), PVisitedNetworkId::parse(&value), value.parse::<sip::Uri>());
        let _ = value.parse::<sip::Host>();
    }
}

#[test]
fn the_seeds_are_valid() {
    for seed in SEEDS {
        match Message::parse(seed, Framing::Datagram).unwrap() {
            Message::Request(request) => request.validate().unwrap(),
            Message::Response(response) => response.validate().unwrap(),
        }
    }
}
