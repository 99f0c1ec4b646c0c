//! Neighbours that are silent, gone, or somebody else's; requests that are no REGISTER.

use crate::client::{Client, request};
use crate::world::{EPCSCF, ICSCF, SCSCF, SECOND_SCSCF, STRANGER, World, impu, peer};
use mock_ims::icscf;
use mock_ims::policy::Policy;
use mock_ims::scscf::Event;
use sip::headers::RetryAfter;
use sip::node::Node;
use sip::{HeaderName, StatusCode};
use std::time::Duration;

/// A silent HSS: 504 at each place that asks it, in seconds, and nothing left behind.
#[test]
fn a_silent_hss_means_504_and_never_a_hang() {
    let mut world = World::new();
    world.hss_answers = false;
    assert!(world.send_from(EPCSCF, ICSCF, &Client::of("alice").initial(600)).is_none(), "the UAR waits");
    world.advance(Duration::from_secs(5));
    assert_eq!(world.final_response().unwrap().status, StatusCode::SERVER_TIME_OUT);

    for request in [Client::of("alice").initial(600), Client::of("bob").register_by_tna(600, "")] {
        world.hss_answers = false;
        assert!(world.send_from(ICSCF, SCSCF, &request).is_none());
        world.advance(Duration::from_secs(5));
        world.hss_answers = true;
    }
    let statuses: Vec<_> = world.final_statuses_of(SCSCF);
    assert_eq!(statuses, [StatusCode::SERVER_TIME_OUT, StatusCode::SERVER_TIME_OUT]);
    assert!(world.is_idle_at_last());
}

/// One who leaves is gone even if the HSS can't be told.
#[test]
fn leaving_works_while_the_hss_is_silent() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    world.send(&alice.register_by_tna(600, ""));
    let leaving = alice.register_by_tna(0, "");
    world.hss_answers = false;
    assert!(world.send_from(ICSCF, SCSCF, &leaving).is_none());
    assert!(!world.is_registered("alice"));
    world.advance(Duration::from_secs(5));
    assert_eq!(world.final_statuses_of(SCSCF), [StatusCode::OK, StatusCode::OK]);
}

/// An answer that comes after its deadline is nobody's.
#[test]
fn a_late_answer_changes_nothing() {
    let mut world = World::new();
    world.hss_answers = false;
    world.send_from(ICSCF, SCSCF, &Client::of("alice").register_by_tna(600, ""));
    let (id, asked) = world.asked.pop().unwrap();
    world.advance(Duration::from_secs(5));
    let answer = world.hss.handle(&asked);
    world.scscf.answer(world.now, (id, Ok(answer)));
    world.run();
    assert!(!world.is_registered("alice"));
}

/// More requests than may wait for the HSS.
#[test]
fn what_is_too_much_is_told_to_come_back() {
    let mut world = World::with(Policy { max_pending: 1, ..Policy::default() });
    world.hss_answers = false;
    world.send_from(EPCSCF, ICSCF, &Client::of("alice").initial(600));
    let response = world.send_from(EPCSCF, ICSCF, &Client::of("bob").initial(600)).unwrap();
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers.one(), Ok(RetryAfter(10)));
}

/// REG-12: an S-CSCF that is gone is replaced by another.
#[test]
fn a_dead_scscf_is_replaced_at_registration() {
    let mut world = World::new();
    world.dead = vec![SCSCF];
    let mut alice = Client::of("alice");
    assert!(world.send_from(EPCSCF, ICSCF, &alice.register_by_tna(600, "")).is_none());
    world.advance(Duration::from_secs(13));
    assert_eq!(world.final_response().unwrap().status, StatusCode::OK);
    assert_eq!(world.cx(), ["UAR REGISTRATION", "UAR REGISTRATION_AND_CAPABILITIES", "SAR REGISTRATION"]);
    assert!(world.second_scscf.registration(&impu("alice")).is_some());
}

/// ICS-14 to ICS-16: an S-CSCF that sends elsewhere, is not available or is overloaded is replaced as well.
#[test]
fn an_scscf_that_does_not_serve_is_replaced_at_registration() {
    for status in [StatusCode::MOVED_TEMPORARILY, StatusCode::TEMPORARILY_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE]
    {
        let mut world = World::new();
        world.dead = vec![SCSCF];
        world.start(EPCSCF, ICSCF, &Client::of("alice").register_by_tna(600, ""));
        let forwarded = world.requests_to(SCSCF).remove(0);
        let response = forwarded.respond(status);
        world.icscf.receive(world.now, peer(SCSCF), response.to_bytes());
        world.run();
        assert_eq!(world.final_response().unwrap().status, StatusCode::OK, "{status}");
        assert_eq!(world.cx(), ["UAR REGISTRATION", "UAR REGISTRATION_AND_CAPABILITIES", "SAR REGISTRATION"]);
    }
}

/// ICS-20: the I-CSCF takes a REGISTER from a node of the trust domain alone, however it authenticates.
#[test]
fn a_register_from_a_stranger_is_refused_before_the_hss_hears_of_it() {
    let mut world = World::new();
    let response = world.send_from(STRANGER, ICSCF, &Client::of("alice").initial(600)).unwrap();
    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert_eq!(world.cx(), [""; 0]);
    assert!(matches!(world.icscf.poll_event(), Some(icscf::Event::Untrusted { .. })));
}

/// REG-12: all of them gone, or a transport that says so at once.
#[test]
fn without_any_scscf_it_is_504() {
    let mut world = World::new();
    world.dead = vec![SCSCF, SECOND_SCSCF];
    assert!(world.send_from(EPCSCF, ICSCF, &Client::of("alice").register_by_tna(600, "")).is_none());
    world.icscf.send_failed(world.now, peer(SCSCF));
    world.run();
    world.icscf.send_failed(world.now, peer(SECOND_SCSCF));
    world.run();
    assert_eq!(world.final_response().unwrap().status, StatusCode::SERVER_TIME_OUT, "at once, no timer needed");
    assert!(world.is_idle_at_last());
}

/// REG-13: the S-CSCF that the HSS has is gone, and the HSS does not give the user to another.
#[test]
fn a_user_whom_another_scscf_has_is_not_taken_over() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    world.send(&alice.register_by_tna(600, ""));
    world.dead = vec![SCSCF];
    world.log.clear();
    let mut anew = Client { call_id: "anew".into(), ..alice };
    assert!(world.send_from(EPCSCF, ICSCF, &anew.register_by_tna(600, "")).is_none());
    world.advance(Duration::from_secs(13));
    let response = world.final_response().unwrap();
    assert_eq!(response.status, StatusCode::SERVER_TIME_OUT);
    assert!(response.reason.contains("sip:scscf1.ims.example has the user"), "{}", response.reason);
    assert_eq!(world.cx(), ["UAR REGISTRATION", "UAR REGISTRATION_AND_CAPABILITIES", "SAR REGISTRATION"]);
}

/// The S-CSCF restarted and knows nobody; the HSS still says that it serves alice.
#[test]
fn a_restarted_scscf_takes_its_users_back() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    world.send(&alice.register_by_tna(600, ""));
    world.scscf = World::new().scscf;
    assert_eq!(world.send(&alice.register_by_tna(600, "")).status, StatusCode::OK);
    assert!(world.is_registered("alice"));
}

/// One who leaves a restarted S-CSCF is gone at the HSS too.
#[test]
fn leaving_a_restarted_scscf_tells_the_hss() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    world.send(&alice.register_by_tna(600, ""));
    world.scscf = World::new().scscf;
    assert_eq!(world.send(&alice.register_by_tna(0, "")).status, StatusCode::OK);
    assert_eq!(world.cx().last().unwrap(), "SAR USER_DEREGISTRATION");
    assert_eq!(world.send(&alice.register_by_tna(0, "")).status, StatusCode::FORBIDDEN, "the HSS knows");
}

/// What a proxy refuses before it asks anybody (RFC 3261 §16.3).
#[test]
fn the_icscf_refuses_what_a_proxy_must() {
    for (from, to, status) in [
        ("Max-Forwards: 69", "Max-Forwards: 0", StatusCode::TOO_MANY_HOPS),
        ("Require: path", "Proxy-Require: foo", StatusCode::BAD_EXTENSION),
        ("CSeq: 1 REGISTER", "CSeq: 1 INVITE", StatusCode::BAD_REQUEST),
        ("To: <sip:alice", "To: <sip:alice!", StatusCode::FORBIDDEN),
    ] {
        let mut world = World::new();
        let text = Client::of("alice").initial(600).to_string().replacen(from, to, 1);
        let response = world.send(&request(&text));
        assert_eq!(response.status, status, "{to}: {response}");
    }
}

/// What goes on to the S-CSCF is what came, but for the headers that a proxy changes.
#[test]
fn the_icscf_changes_only_what_a_proxy_may() {
    let mut world = World::new();
    let request = Client::of("alice").initial(600).with_raw(HeaderName::Other("x-unknown".into()), "kept,  as it is");
    world.send(&request);
    let sent = world.requests_to(ICSCF).remove(0);
    let forwarded = world.requests_to(SCSCF).remove(0);
    assert_eq!(forwarded.uri.to_string(), "sip:scscf1.ims.example");
    assert_eq!(forwarded.headers.value(&HeaderName::MaxForwards), Some("68"));
    assert!(!forwarded.headers.has(&HeaderName::Route), "its own Route is gone");
    assert!(!forwarded.headers.has(&HeaderName::RecordRoute));
    let vias: Vec<_> = forwarded.headers.values(&HeaderName::Via).collect();
    assert_eq!(vias.len(), 3);
    assert!(vias[0].starts_with("SIP/2.0/UDP icscf.ims.example;branch=z9hG4bK"), "{}", vias[0]);
    let rest = |request: &sip::Request| {
        let changed = [HeaderName::Via, HeaderName::MaxForwards, HeaderName::Route];
        let kept = request.headers.iter().filter(|h| !changed.contains(&h.name)).map(ToString::to_string);
        kept.collect::<Vec<_>>()
    };
    assert_eq!(rest(&forwarded), rest(&sent));
}

/// A registrar of other domains it is not.
#[test]
fn the_scscf_is_no_registrar_for_strangers() {
    let mut world = World::new();
    let text = Client::of("alice").initial(600).to_string().replacen("sip:ims.example", "sip:other.example", 1);
    let response = world.send_from(ICSCF, SCSCF, &request(&text)).unwrap();
    assert_eq!(response.status, StatusCode::NOT_FOUND);
}

/// Octets that are no SIP, and SIP that nobody sent.
#[test]
fn noise_is_dropped_and_leaves_nothing() {
    let mut world = World::new();
    let stray = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP icscf.ims.example;branch=z9hG4bKnone\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n";
    for noise in [&b"\r\n\r\n"[..], b"\0\xff\xfe", b"GET / HTTP/1.1\r\n\r\n", b"REGISTER", stray.as_bytes()] {
        world.icscf.receive(world.now, peer(EPCSCF), noise.to_vec().into());
        world.scscf.receive(world.now, peer(ICSCF), noise.to_vec().into());
        world.run();
    }
    assert!(world.icscf.is_idle() && world.scscf.is_idle());
    assert_eq!(world.events, [] as [Event; 0]);
}
