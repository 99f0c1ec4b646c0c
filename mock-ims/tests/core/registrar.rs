//! The registrar: bindings, lifetimes, and what the 200 says (RFC 3261 §10.3, RFC 5626 §6).

use crate::client::Client;
use crate::world::{World, impi, impu};
use ims::profile::{PublicIdentity, ServiceProfile};
use mock_ims::hss::{Authentication, ImplicitSet, Subscription};
use mock_ims::policy::Policy;
use mock_ims::scscf::{Cause, Event};
use sip::headers::{Contact, MinExpires, PChargingVector};
use sip::{HeaderName, Response, StatusCode};
use std::collections::BTreeMap;
use std::time::Duration;

/// The Contacts of an answer as (contact user and host, lifetime left).
fn contacts(response: &Response) -> Vec<(String, u32)> {
    let all = response.headers.all::<Contact>().unwrap();
    all.iter().map(|c| (c.uri.to_string(), c.expires().unwrap())).collect()
}

fn lifetimes(response: &Response) -> Vec<u32> {
    contacts(response).into_iter().map(|(_, expires)| expires).collect()
}

/// REG-01, and what else TS 24.229 §5.4.1.2.2F has in a 200.
#[test]
fn the_answer_says_how_the_user_is_reached_and_served() {
    let mut world = World::new();
    let response = world.send(&Client::of("alice").register_by_tna(600, ""));
    let value = |name| response.headers.value(&name).unwrap().to_owned();
    assert_eq!(value(HeaderName::Path), "<sip:flow-alice@epcscf1.ims.example;lr;ob>");
    assert_eq!(value(HeaderName::ServiceRoute), "<sip:orig@scscf1.ims.example;lr>");
    assert_eq!(value(HeaderName::PAssociatedUri), "<sip:alice@ims.example>");
    assert_eq!(value(HeaderName::Require), "outbound");
    assert!(response.headers.lists(&HeaderName::Supported, "path"));
    let charging = response.headers.one::<PChargingVector>().unwrap();
    assert_eq!(charging.icid().as_deref(), Some("9b1f-17"));
    assert_eq!(charging.params.unquoted("term-ioi").as_deref(), Some("Type 1ims.example"));
    assert_eq!(charging.params.unquoted("orig-ioi").as_deref(), Some("Type 1ims.example"));
    assert!(response.to().unwrap().tag().is_some());
    assert_eq!(lifetimes(&response), [600]);
}

/// REG-03: default first, no barred identity, a range listed but never first.
#[test]
fn associated_identities_begin_with_the_default_and_leave_out_the_barred() {
    let mut world = World::new();
    let (main, second) = (impu("eve"), impu("eve.second"));
    let profile = ServiceProfile {
        impus: vec![
            PublicIdentity::wildcard("sip:eve-!.*!@ims.example".parse().unwrap()),
            PublicIdentity::distinct(impu("eve.barred")).barred(),
            PublicIdentity::distinct(second),
            PublicIdentity::distinct(main.clone()),
        ],
        ..ServiceProfile::of(main)
    };
    let subscription = Subscription {
        name: "eve".into(),
        users: BTreeMap::from([(impi("eve"), Authentication::TrustedNode)]),
        sets: vec![ImplicitSet::new(profile, [impi("eve")])],
        pool: None,
    };
    world.hss.provision(subscription).unwrap();
    let mut eve = Client { impu: "sip:eve.second@ims.example".into(), ..Client::of("eve") };
    let response = world.send(&eve.register_by_tna(600, ""));
    let listed = response.headers.value(&HeaderName::PAssociatedUri).unwrap();
    assert_eq!(listed, "<sip:eve@ims.example>, <sip:eve.second@ims.example>, <sip:eve-!.*!@ims.example>");
    for name in ["eve", "eve.second", "eve.barred"] {
        assert!(world.is_registered(name), "{name} is registered with the set");
    }
}

/// REG-04, REG-05, and the longest.
#[test]
fn lifetimes_are_granted_shortened_and_refused() {
    let policy = Policy { default_expires: 1800, max_expires: 7200, ..Policy::default() };
    for (contact, header, granted) in [
        (";expires=60", "", Ok(60)),
        (";expires=59", "", Err(60)),
        (";expires=1", "Expires: 3600\r\n", Err(60)),
        ("", "Expires: 900\r\n", Ok(900)),
        (";expires=700", "Expires: 900\r\n", Ok(700)),
        ("", "", Ok(1800)),
        (";expires=99999999999", "", Ok(7200)),
        (";expires=soon", "", Ok(3600)),
    ] {
        let mut world = World::with(policy.clone());
        let mut alice = Client::of("alice");
        let lines = format!("Contact: {}{contact}\r\n{header}", alice.contact);
        let register = alice.register_with(&lines);
        let response = world.send(&alice.vouch(register, ""));
        match granted {
            Ok(granted) => assert_eq!(lifetimes(&response), [granted], "{lines}"),
            Err(min) => {
                assert_eq!(response.status, StatusCode::INTERVAL_TOO_BRIEF, "{lines}");
                assert_eq!(response.headers.one(), Ok(MinExpires(min)));
                assert_eq!(world.cx(), ["UAR REGISTRATION"], "nothing is told to the HSS");
            }
        }
    }
}

/// REG-06
#[test]
fn an_extension_that_is_required_and_unknown_is_named() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    let mut request = alice.register_by_tna(600, "");
    request.headers.push(HeaderName::Require, "foo, path, bar");
    let response = world.send(&request);
    assert_eq!(response.status, StatusCode::BAD_EXTENSION);
    assert_eq!(response.headers.value(&HeaderName::Unsupported), Some("foo, bar"));
}

/// REG-08: the first hop must support outbound when the client uses it.
#[test]
fn reg_id_without_ob_in_the_first_path_is_439() {
    let mut world = World::new();
    let mut alice = Client { path: "<sip:f@epcscf1.ims.example;lr>".into(), ..Client::of("alice") };
    let response = world.send(&alice.register_by_tna(600, ""));
    assert_eq!(response.status, StatusCode::FIRST_HOP_LACKS_OUTBOUND_SUPPORT);

    let mut request = alice.register_by_tna(600, "");
    request.headers.set(HeaderName::Supported, "path");
    let response = world.send(&request);
    assert_eq!(response.status, StatusCode::OK, "one who does not support outbound does not use it");
    assert!(!response.headers.has(&HeaderName::Require));
}

/// REG-09, WLD-10: two flows of one instance are two bindings; a flow that comes back replaces itself.
#[test]
fn a_binding_is_an_instance_and_a_reg_id() {
    let mut world = World::new();
    let mut first = Client::of("alice");
    let mut second = Client { call_id: "second".into(), ..Client::of("alice") };
    second.contact = second.contact.replace("reg-id=1", "reg-id=2");
    world.send(&first.register_by_tna(600, ""));
    assert_eq!(contacts(&world.send(&second.register_by_tna(600, ""))).len(), 2);

    let mut again = Client { call_id: "again".into(), path: "<sip:new@epcscf1.ims.example;lr;ob>".into(), ..first };
    again.contact = again.contact.replace("k3f9q2", "zzzzzz");
    let response = world.send(&again.register_by_tna(600, ""));
    assert_eq!(contacts(&response).len(), 2, "{response}");
    let set = world.scscf.registration(&impu("alice")).unwrap();
    let paths: Vec<_> = set.bindings.iter().map(|binding| binding.path[0].to_string()).collect();
    assert!(paths.contains(&"<sip:new@epcscf1.ims.example;lr;ob>".to_owned()), "{paths:?}");
}

/// RFC 3261 §10.3 step 7: what is late changes nothing.
#[test]
fn an_older_cseq_of_the_same_call_is_refused() {
    let mut world = World::new();
    let mut alice = Client { cseq: 10, ..Client::of("alice") };
    world.send(&alice.register_by_tna(600, ""));
    for cseq in [10, 3] {
        alice.cseq = cseq - 1;
        let response = world.send(&alice.register_by_tna(0, ""));
        assert_eq!(response.status, StatusCode::SERVER_INTERNAL_ERROR, "CSeq {cseq}");
        assert!(world.is_registered("alice"));
    }
    let mut other_call = Client { call_id: "other".into(), ..Client::of("alice") };
    assert_eq!(world.send(&other_call.register_by_tna(0, "")).status, StatusCode::OK, "another call counts anew");
    assert!(!world.is_registered("alice"));
}

/// REG-14: both GRUUs for one who asks, the public one always the same, the temporary one never.
#[test]
fn gruus_are_for_those_who_ask() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    let gruus = |response: &Response| {
        let contact = response.headers.all::<Contact>().unwrap().remove(0);
        let of = |name| contact.params.unquoted(name).map(|value| value.into_owned());
        (of("pub-gruu"), of("temp-gruu"))
    };
    let first = gruus(&world.send(&alice.register_by_tna(600, "")));
    let second = gruus(&world.send(&alice.register_by_tna(600, "")));
    let public = "sip:alice@ims.example;gr=urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-alice";
    assert_eq!(first.0.as_deref(), Some(public));
    assert_eq!(first.0, second.0);
    assert!(first.1.is_some() && second.1.is_some() && first.1 != second.1);

    let mut unasked = alice.register_by_tna(600, "");
    unasked.headers.set(HeaderName::Supported, "path, outbound");
    assert_eq!(gruus(&world.send(&unasked)), (None, None));

    let mut off = World::with(Policy { gruu: false, ..Policy::default() });
    assert_eq!(gruus(&off.send(&Client::of("alice").register_by_tna(600, ""))), (None, None));
}

/// RFC 3261 §10.2.3: no Contact asks what is bound.
#[test]
fn a_register_without_contact_lists_the_bindings() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    world.send(&alice.register_by_tna(600, ""));
    world.advance(Duration::from_secs(100));
    let fetch = alice.register_with("");
    let response = world.send(&alice.vouch(fetch, ""));
    assert_eq!(lifetimes(&response), [500]);
    assert!(!response.headers.has(&HeaderName::Require));
}

/// DER-01
#[test]
fn expires_zero_removes_the_binding_and_tells_the_hss() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    world.send(&alice.register_by_tna(600, ""));
    let response = world.send(&alice.register_by_tna(0, ""));
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(contacts(&response), []);
    assert!(!response.headers.has(&HeaderName::ServiceRoute));
    assert_eq!(world.cx().last().unwrap(), "SAR USER_DEREGISTRATION");
    let last = world.events.last().unwrap();
    assert!(matches!(last, Event::Deregistered { cause: Cause::User, last: true, .. }), "{last:?}");
    assert!(world.is_idle_at_last());
}

/// DER-02
#[test]
fn a_star_removes_all_contacts_of_the_user() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    let mut second = Client { call_id: "second".into(), ..Client::of("alice") };
    second.contact = second.contact.replace("reg-id=1", "reg-id=2");
    world.send(&alice.register_by_tna(600, ""));
    world.send(&second.register_by_tna(600, ""));
    let star = alice.register_with("Contact: *\r\nExpires: 0\r\n");
    let response = world.send(&alice.vouch(star, ""));
    assert_eq!((response.status, contacts(&response)), (StatusCode::OK, vec![]));
    assert_eq!(world.cx().iter().filter(|sar| *sar == "SAR USER_DEREGISTRATION").count(), 1);
    assert!(world.is_idle_at_last());
}

/// DER-03: 200, and what is bound stays.
#[test]
fn leaving_with_a_contact_that_is_not_bound_changes_nothing() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    world.send(&alice.register_by_tna(600, ""));
    let unknown = alice.register_with("Contact: <sip:x@y.invalid;transport=ws>;expires=0\r\n");
    let response = world.send(&alice.vouch(unknown, ""));
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(contacts(&response).len(), 1);
    assert!(!world.cx().iter().any(|sar| sar.starts_with("SAR USER")));
}

/// One who is not registered can't leave: the HSS says so to the I-CSCF.
#[test]
fn leaving_without_a_registration_is_refused() {
    let mut world = World::new();
    let response = world.send(&Client::of("alice").register_by_tna(0, ""));
    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert_eq!(world.cx(), ["UAR DE_REGISTRATION"]);
}

/// NET-04
#[test]
fn a_binding_that_is_not_refreshed_lapses_and_the_hss_is_told() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    world.send(&alice.register_by_tna(600, ""));
    world.advance(Duration::from_secs(500));
    world.send(&alice.register_by_tna(600, ""));
    world.advance(Duration::from_secs(599));
    assert!(world.is_registered("alice"), "the refresh counts");
    world.advance(Duration::from_secs(2));
    assert!(!world.is_registered("alice"));
    assert_eq!(world.cx().last().unwrap(), "SAR TIMEOUT_DEREGISTRATION");
    let last = world.events.last().unwrap();
    assert!(matches!(last, Event::Deregistered { cause: Cause::Expired, last: true, .. }), "{last:?}");
    assert!(world.is_idle_at_last());
}

/// What contradicts itself.
#[test]
fn contacts_that_make_no_sense_are_refused_whole() {
    let one = "<sip:a@a.invalid>";
    let flow = |id| format!("<sip:{id}@b.invalid>;reg-id={id};+sip.instance=\"<urn:uuid:1>\"");
    for (lines, what) in [
        ("Contact: *\r\nExpires: 60\r\n".to_owned(), "a star that does not remove"),
        ("Contact: *\r\n".to_owned(), "a star without Expires"),
        (format!("Contact: *, {one}\r\nExpires: 0\r\n"), "a star beside another"),
        (format!("Contact: {one}, {one}\r\n"), "one twice"),
        (format!("Contact: {}, {}\r\n", flow(1), flow(2)), "two flows at once"),
        ("Contact: <tel:+12015550123>\r\n".to_owned(), "no SIP URI"),
        ("Contact: nonsense\r\n".to_owned(), "no URI"),
        ("Expires: soon\r\n".to_owned(), "a lifetime that is no number"),
    ] {
        let mut world = World::new();
        let mut alice = Client::of("alice");
        let register = alice.register_with(&lines);
        let response = world.send(&alice.vouch(register, ""));
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{what}");
        assert!(!world.is_registered("alice"), "{what}");
    }
}

/// WLD-08: the range itself is nobody.
#[test]
fn only_a_distinct_identity_is_registered() {
    for (to, status) in [
        ("sip:guest-!.*!@partner.ims.example", StatusCode::FORBIDDEN),
        ("sip:ims.example", StatusCode::BAD_REQUEST),
        ("mailto:alice@ims.example", StatusCode::BAD_REQUEST),
        ("sip:nobody@ims.example", StatusCode::FORBIDDEN),
    ] {
        let mut world = World::new();
        let mut client = Client { impu: to.into(), ..Client::of("alice") };
        assert_eq!(world.send(&client.register_by_tna(600, "")).status, status, "{to}");
    }
}

/// A browser that loses its storage again and again does not lock its user out.
#[test]
fn the_oldest_binding_makes_room() {
    let mut world = World::with(Policy { max_bindings: 3, ..Policy::default() });
    for browser in 0..5 {
        let mut alice = Client { call_id: format!("browser-{browser}"), ..Client::of("alice") };
        alice.contact = alice.contact.replace("urn:uuid:0", &format!("urn:uuid:{browser}"));
        world.send(&alice.register_by_tna(600, ""));
    }
    let set = world.scscf.registration(&impu("alice")).unwrap();
    let left: Vec<_> = set.bindings.iter().map(|binding| &*binding.call_id.0).collect();
    assert_eq!(left, ["browser-2", "browser-3", "browser-4"]);
    assert_eq!(world.scscf.bindings(), 3);
}

/// CX-12: an identity that two private ones share.
#[test]
fn a_shared_identity_stays_registered_while_one_user_is() {
    let mut world = World::new();
    let (first, second) = (impi("first"), impi("second"));
    let profile = ServiceProfile::of(impu("shared"));
    let users = [&first, &second].map(|impi| (impi.clone(), Authentication::TrustedNode));
    let subscription = Subscription {
        name: "shared".into(),
        users: BTreeMap::from(users),
        sets: vec![ImplicitSet::new(profile, [first, second])],
        pool: None,
    };
    world.hss.provision(subscription).unwrap();
    let client = |name: &str| Client { impu: "sip:shared@ims.example".into(), ..Client::of(name) };
    let (mut first, mut second) = (client("first"), client("second"));
    world.send(&first.register_by_tna(600, ""));
    assert_eq!(contacts(&world.send(&second.register_by_tna(600, ""))).len(), 2);
    let response = world.send(&first.register_by_tna(0, ""));
    assert_eq!((response.status, contacts(&response)), (StatusCode::OK, vec![]), "the other's is not his to see");
    assert!(world.is_registered("shared"));
    world.send(&second.register_by_tna(0, ""));
    assert!(world.is_idle_at_last());
}
