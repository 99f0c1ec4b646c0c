//! Who is served, by whose word, and what becomes of requests that nobody can be served with
//! (TS 24.229 §5.3.2, §5.4.3.2, §5.4.3.3; TS 29.228 §6.1.2.1, §6.1.4.1).

use crate::client::Client;
use crate::user::User;
use crate::world::{EPCSCF, ICSCF, SCSCF, SECOND_EPCSCF, STRANGER, World, impu};
use ims::profile::{Identity, PublicIdentity, ServiceProfile};
use mock_ims::cx::{CxAnswer, Lia, ResultCode};
use mock_ims::hss::{AdminRequest, Authentication, ImplicitSet, Subscription};
use mock_ims::scscf::{Event, SessionCase};
use sip::{HeaderName, Method, Request, StatusCode};
use std::collections::BTreeMap;
use std::time::Duration;

fn header<'a>(request: &'a Request, name: &HeaderName) -> Vec<&'a str> {
    request.headers.elements(name).collect()
}

/// A user with several identities, registered by TNA.
fn provision(world: &mut World, name: &str, impus: Vec<PublicIdentity>) -> User {
    let impi: ims::Impi = format!("{name}-wic@ims.example").parse().unwrap();
    let default = match &impus[0].identity {
        Identity::Distinct(impu) => impu.clone(),
        Identity::Wildcard(_) => panic!("the first is the default"),
    };
    let profile = ServiceProfile { impus, ..ServiceProfile::of(default) };
    let subscription = Subscription {
        name: name.into(),
        users: BTreeMap::from([(impi.clone(), Authentication::TrustedNode)]),
        sets: vec![ImplicitSet::new(profile, [impi])],
        pool: None,
    };
    world.hss.provision(subscription).unwrap();
    world.register(name)
}

fn distinct(text: &str) -> PublicIdentity {
    PublicIdentity::distinct(text.parse().unwrap())
}

/// TRM-02, TRM-03, DLG-05 in its second half: for any method.
#[test]
fn who_is_unknown_is_404_and_who_is_not_registered_480() {
    for method in ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "REFER", "PUBLISH", "FROBNICATE"] {
        for (to, status) in [
            ("sip:nobody@ims.example", 404),
            ("sip:bob@ims.example", 480),
            ("sip:bob@elsewhere.example", 404),
            ("tel:+12015550999", 404),
            ("urn:service:sos", 404),
            ("sip:guest-1@partner.ims.example", 480),
        ] {
            let mut world = World::new();
            let mut alice = world.register("alice");
            world.originate(&alice.request(method, to));
            assert_eq!(world.statuses(), [status], "{method} {to}");
            assert!(world.arrived().is_empty());
            world.advance(Duration::from_secs(700));
            assert!(world.is_idle_at_last());
        }
    }
}

/// RFC 3261 §16: a proxy passes on what it does not know, both ways.
#[test]
fn every_method_is_passed_on() {
    for method in ["MESSAGE", "OPTIONS", "PUBLISH", "REFER", "INFO", "FROBNICATE"] {
        let mut world = World::new();
        let (mut alice, bob) = (world.register("alice"), world.register("bob"));
        world.originate(&alice.request_with(method, "sip:bob@ims.example", "X-Unknown: stays\r\n"));
        let arrived = world.one_arrived();
        assert_eq!(arrived.request.method.as_str(), method);
        assert_eq!(arrived.request.headers.value(&"X-Unknown".parse().unwrap()), Some("stays"));
        world.reply(&arrived, &bob.answer(&arrived, 202));
        assert_eq!(world.statuses(), [202], "{method}");
    }
}

/// OPTIONS to a node itself, or one that has no hops left (RFC 3261 §11, §16.3 step 3).
#[test]
fn a_node_answers_options_to_itself() {
    for (node, uri) in [(ICSCF, "sip:icscf.ims.example"), (ICSCF, "sip:ims.example"), (SCSCF, "sip:scscf1.ims.example")]
    {
        let mut world = World::new();
        let mut alice = User::of("alice");
        let mut options = alice.request("OPTIONS", uri);
        options.headers.remove(&HeaderName::Route);
        let ok = world.send_from(STRANGER, node, &options).unwrap();
        assert_eq!(ok.status, StatusCode::OK, "{uri}");
        assert!(ok.headers.lists(&HeaderName::Allow, "MESSAGE") && ok.headers.has(&HeaderName::Supported));
        let mut spent = alice.request("OPTIONS", "sip:bob@ims.example");
        spent.headers.set(HeaderName::MaxForwards, "0");
        assert_eq!(world.send_from(EPCSCF, node, &spent).unwrap().status, StatusCode::OK);
    }
}

/// What a proxy refuses before it looks any further (RFC 3261 §16.3).
#[test]
fn what_a_proxy_must_refuse_is_refused() {
    for (from, to, status) in [
        ("Max-Forwards: 69", "Max-Forwards: 0", 483),
        ("Max-Forwards: 69", "Proxy-Require: foo", 420),
        ("CSeq: 1 INVITE", "CSeq: 1 BYE", 400),
        ("P-Charging-Vector: icid-value=\"9b1f-21\";", "P-Charging-Vector: ", 400),
    ] {
        let mut world = World::new();
        let mut alice = world.register("alice");
        let text = alice.request("INVITE", "sip:bob@ims.example").to_string().replacen(from, to, 1);
        world.originate(&crate::client::request(&text));
        assert_eq!(world.statuses(), [status], "{to}");
    }
}

/// A request that comes back unchanged is a loop; one that passes an S-CSCF for each side is not.
#[test]
fn a_loop_is_found_and_a_spiral_is_none() {
    let mut world = World::new();
    let (mut alice, _) = (world.register("alice"), world.register("bob"));
    world.originate(&alice.request("INVITE", "sip:bob@ims.example"));
    let arrived = world.one_arrived();
    let mut back = arrived.request.clone();
    back.uri = "sip:bob@ims.example".parse().unwrap();
    back.headers.set(HeaderName::Route, "<sip:scscf1.ims.example;lr>");
    back.headers.push_front(HeaderName::Via, "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKback;rport");
    world.originate(&back);
    assert_eq!(world.statuses(), [482]);
}

/// The served user is the one whom the trusted node asserts: never From (TS 24.229 §5.4.3.2).
#[test]
fn the_served_user_is_not_taken_from_from() {
    let mut world = World::new();
    let (mut alice, _) = (world.register("alice"), world.register("bob"));
    let mut invite = alice.request("INVITE", "sip:bob@ims.example");
    invite.headers.set(HeaderName::From, "<sip:ceo@ims.example>;tag=from-alice");
    world.originate(&invite);
    assert_eq!(header(&world.one_arrived().request, &HeaderName::PAssertedIdentity), ["<sip:alice@ims.example>"]);
    let served = Event::Served { impu: impu("alice"), case: SessionCase::Originating };
    assert!(world.events.contains(&served), "{:?}", world.events);

    let mut invite = alice.request("INVITE", "sip:bob@ims.example");
    invite.headers.remove(&HeaderName::PAssertedIdentity);
    world.originate(&invite);
    assert_eq!(world.statuses(), [403]);
    let mut invite = alice.request("INVITE", "sip:bob@ims.example");
    invite.headers.set(HeaderName::PServedUser, "<sip:nobody@ims.example>;sescase=orig;regstate=reg");
    world.originate(&invite);
    assert_eq!(world.statuses(), [403], "P-Served-User comes first, and the HSS knows nobody of that name");
}

/// TS 24.229 §4.4: only a node of the trust domain speaks for users.
#[test]
fn a_stranger_is_not_served() {
    let mut world = World::new();
    let (mut alice, _) = (world.register("alice"), world.register("bob"));
    world.start(STRANGER, SCSCF, &alice.request("INVITE", "sip:bob@ims.example"));
    assert_eq!(world.statuses(), [403]);
    // Through the I-CSCF others may call, but nothing of what they claim is believed.
    let mut invite = alice.request("INVITE", "sip:bob@ims.example");
    invite.headers.remove(&HeaderName::Route);
    invite.headers.set(HeaderName::PProfileKey, "<sip:guest-!.*!@partner.ims.example>");
    invite.headers.set(HeaderName::PServedUser, "<sip:alice@ims.example>;sescase=orig;regstate=reg");
    world.start(STRANGER, ICSCF, &invite);
    let arrived = world.one_arrived().request;
    for claimed in
        [HeaderName::PAssertedIdentity, HeaderName::PProfileKey, HeaderName::PServedUser, HeaderName::PChargingVector]
    {
        assert!(!arrived.headers.has(&claimed), "{claimed}: {arrived}");
    }
    for route in ["<sip:icscf.ims.example;lr;orig>", "<sip:scscf1.ims.example;lr>"] {
        let mut invite = alice.request("INVITE", "sip:bob@ims.example");
        invite.headers.set(HeaderName::Route, route);
        world.start(STRANGER, ICSCF, &invite);
        assert_eq!(world.statuses(), [403], "{route}");
    }
}

/// ORG-13, B.2.1: a barred identity neither calls nor is called.
#[test]
fn a_barred_identity_is_refused_on_both_sides() {
    let mut world = World::new();
    let mut dave =
        provision(&mut world, "dave", vec![distinct("sip:dave@ims.example"), distinct("sip:old@ims.example").barred()]);
    let mut alice = world.register("alice");
    for (caller, to, status) in
        [("sip:old@ims.example", "sip:alice@ims.example", 403), ("sip:dave@ims.example", "sip:old@ims.example", 404)]
    {
        let mut invite = dave.request("INVITE", to);
        invite.headers.set(HeaderName::PAssertedIdentity, format!("<{caller}>"));
        world.originate(&invite);
        assert_eq!(world.statuses(), [status], "{caller} to {to}");
    }
    world.originate(&alice.request("INVITE", "sip:dave@ims.example"));
    assert_eq!(world.arrived().len(), 1, "the open one is reachable");
}

/// TS 24.229 §5.4.3.2 step 9: the number of a caller is told too; and the number leads to its user.
#[test]
fn a_caller_is_known_by_its_number_too() {
    let mut world = World::new();
    let mut dave = provision(&mut world, "dave", vec![distinct("sip:dave@ims.example"), distinct("tel:+12015550123")]);
    let mut alice = world.register("alice");
    world.originate(&dave.request("INVITE", "sip:alice@ims.example"));
    let arrived = world.one_arrived();
    let asserted = ["<sip:dave@ims.example>", "<tel:+12015550123>"];
    assert_eq!(header(&arrived.request, &HeaderName::PAssertedIdentity), asserted);
    world.originate(&alice.request("MESSAGE", "tel:+1-201-555-0123"));
    let arrived = world.one_arrived();
    assert_eq!(header(&arrived.request, &HeaderName::PCalledPartyId), ["<tel:+1-201-555-0123>"]);
    assert_eq!(arrived.request.uri.to_string(), dave.contact);
}

/// ORG-11, CX-07: without the key the S-CSCF does not match ranges; the HSS names the key, and then
/// the request is served as if it had come with it.
#[test]
fn a_guest_without_profile_key_is_served_by_the_hss_word() {
    let mut world = World::with_anchor();
    let (alice, mut guest) = (world.register("alice"), User { key: None, ..User::guest("guest-042") });
    world.originate(&guest.request("INVITE", "sip:alice@ims.example"));
    let arrived = world.one_arrived();
    assert_eq!(arrived.request.uri.to_string(), alice.contact);
    assert_eq!(world.cx(), ["SAR UNREGISTERED_USER", "LIR sip:alice@ims.example"]);
    let served =
        Event::Served { impu: "sip:guest-042@partner.ims.example".parse().unwrap(), case: SessionCase::Originating };
    assert!(world.events.contains(&served), "{:?}", world.events);
}

/// The same when the S-CSCF does not hold the anchor: it asks again with the key that it was told.
#[test]
fn a_key_whose_profile_is_missing_is_asked_for() {
    let mut world = World::new();
    let (alice, mut guest) = (world.register("alice"), User::guest("guest-042"));
    let mut without = User { key: None, ..guest.clone() };
    world.originate(&guest.request("INVITE", "sip:alice@ims.example"));
    assert_eq!(world.cx(), ["SAR UNREGISTERED_USER", "LIR sip:alice@ims.example"]);
    assert_eq!(world.one_arrived().request.uri.to_string(), alice.contact);
    world.log.clear();
    without.requests = 1;
    world.originate(&without.request("INVITE", "sip:alice@ims.example"));
    assert_eq!(world.cx(), ["SAR UNREGISTERED_USER", "SAR UNREGISTERED_USER", "LIR sip:alice@ims.example"]);
    assert_eq!(world.arrived().len(), 1);
}

/// TRM-05: an identity that is registered by itself outranks the range around it.
#[test]
fn a_distinct_identity_outranks_the_range_around_it() {
    let mut world = World::with_anchor();
    let mut alice = world.register("alice");
    let name = "guest-9";
    let mut guest = Client {
        impu: format!("sip:{name}@partner.ims.example"),
        impi: format!("{name}@partner.ims.example"),
        ..Client::of(name)
    };
    assert_eq!(world.send(&guest.register_by_tna(600, "")).status, StatusCode::OK);
    world.originate(&alice.request("INVITE", "sip:guest-9@partner.ims.example"));
    let at_scscf = world.requests_to(SCSCF).pop().unwrap();
    assert!(!at_scscf.headers.has(&HeaderName::PProfileKey));
    assert_eq!(world.one_arrived().request.uri.to_string(), "sip:guest-9@k3f9q2.invalid;transport=ws");
}

/// The static binding comes back with the S-CSCF, and goes and comes with the anchor at the HSS.
#[test]
fn the_anchor_survives_a_restart_of_the_scscf() {
    let mut world = World::with_anchor();
    world.scscf = World::with_anchor().scscf;
    let mut alice = world.register("alice");
    world.originate(&alice.request("MESSAGE", "sip:guest-1@partner.ims.example"));
    assert_eq!(world.arrived().len(), 1);
}

/// TS 23.228 Annex S: a trusted node without registration has its user served through the I-CSCF.
#[test]
fn the_orig_variant_finds_the_scscf_of_the_one_who_calls() {
    let mut world = World::with_anchor();
    let (alice, mut guest) = (world.register("alice"), User::guest("guest-3"));
    let mut invite = guest.request("INVITE", "sip:alice@ims.example");
    invite.headers.set(HeaderName::Route, "<sip:icscf.ims.example;lr;orig>");
    invite.headers.set(HeaderName::PServedUser, "<sip:guest-3@partner.ims.example>;sescase=orig;regstate=unreg");
    world.start(EPCSCF, ICSCF, &invite);
    assert_eq!(world.cx(), ["LIR sip:guest-3@partner.ims.example", "LIR sip:alice@ims.example"]);
    let first = world.requests_to(SCSCF).remove(0);
    assert_eq!(header(&first, &HeaderName::Route), ["<sip:orig@scscf1.ims.example;lr>"]);
    let arrived = world.one_arrived().request;
    assert_eq!(arrived.uri.to_string(), alice.contact);
    assert!(!arrived.headers.has(&HeaderName::PServedUser));
}

/// TS 29.228 §6.1.4.1: who is not registered but has services in that state gets an S-CSCF chosen.
#[test]
fn unregistered_services_choose_an_scscf() {
    let mut world = World::new();
    let impi: ims::Impi = "erin-wic@ims.example".parse().unwrap();
    let mut set = ImplicitSet::new(ServiceProfile::of(impu("erin")), [impi.clone()]);
    set.unregistered_services = true;
    let users = BTreeMap::from([(impi, Authentication::TrustedNode)]);
    world.hss.provision(Subscription { name: "erin".into(), users, sets: vec![set], pool: None }).unwrap();
    let mut alice = world.register("alice");
    world.originate(&alice.request("INVITE", "sip:erin@ims.example"));
    assert_eq!(world.cx(), ["LIR sip:erin@ims.example", "SAR UNREGISTERED_USER"]);
    assert_eq!(world.statuses(), [480]);
    let served = Event::Served { impu: impu("erin"), case: SessionCase::TerminatingUnregistered };
    assert!(world.events.contains(&served));
}

/// §7.3: what each failure of the HSS and of an S-CSCF becomes; a dead one is 504, not a hang.
#[test]
fn failures_of_the_core_have_their_status() {
    for (result, status) in [
        (ResultCode::UserUnknown, 404),
        (ResultCode::IdentityNotRegistered, 480),
        (ResultCode::UnableToComply, 500),
        (ResultCode::AuthorizationRejected, 504),
    ] {
        let mut world = World::new();
        let mut alice = world.register("alice");
        world.hss_answers = false;
        world.originate(&alice.request("INVITE", "sip:bob@ims.example"));
        let (id, _) = world.asked.pop().unwrap();
        sip::node::Node::answer(&mut world.icscf, world.now, (id, Ok(CxAnswer::Lia(Lia::of(result)))));
        world.run();
        assert_eq!(world.statuses(), [status], "{result}");
    }
    for method in ["INVITE", "MESSAGE"] {
        let mut world = World::new();
        let mut alice = world.register("alice");
        world.hss_answers = false;
        world.originate(&alice.request(method, "sip:bob@ims.example"));
        world.advance(Duration::from_secs(5));
        assert_eq!(world.statuses(), [504], "{method}: the HSS is silent");

        for dead in [ICSCF, SECOND_EPCSCF] {
            let mut world = World::new();
            let mut alice = world.register("alice");
            let mut bob = Client { path: "<sip:flow-bob@epcscf2.ims.example;lr;ob>".into(), ..Client::of("bob") };
            assert_eq!(world.send(&bob.register_by_tna(600, "")).status, StatusCode::OK);
            world.dead = vec![dead];
            world.originate(&alice.request(method, "sip:bob@ims.example"));
            world.advance(Duration::from_secs(17));
            assert_eq!(world.statuses(), [504], "{method}: {dead} is dead");
            world.advance(Duration::from_secs(700));
            assert!(world.is_idle_at_last());
        }
        let mut world = World::new();
        world.register("bob");
        world.dead = vec![SCSCF];
        let mut plain = User::of("alice").request(method, "sip:bob@ims.example");
        plain.headers.remove(&HeaderName::Route);
        world.start(EPCSCF, ICSCF, &plain);
        world.advance(Duration::from_secs(13));
        assert_eq!(world.statuses(), [504], "{method}: the S-CSCF is dead");
    }
}

/// A request that waits for the HSS can be cancelled, and what the HSS then says changes nothing.
#[test]
fn a_cancel_overtakes_the_hss() {
    let mut world = World::new();
    let (mut alice, _) = (world.register("alice"), world.register("bob"));
    world.hss_answers = false;
    let invite = alice.request("INVITE", "sip:bob@ims.example");
    world.originate(&invite);
    let mut cancel = Request { method: Method::Cancel, ..invite.clone() };
    cancel.headers.set(HeaderName::CSeq, "1 CANCEL");
    world.advance(Duration::from_millis(300));
    cancel.headers.set(HeaderName::Via, invite.headers.value(&HeaderName::Via).unwrap().to_owned());
    world.originate(&cancel);
    assert_eq!(world.statuses(), [200, 487]);
    let (id, request) = world.asked.pop().unwrap();
    let answer = world.hss.handle(&request);
    sip::node::Node::answer(&mut world.icscf, world.now, (id, Ok(answer)));
    world.run();
    assert!(world.arrived().is_empty());
    world.advance(Duration::from_secs(700));
    assert!(world.is_idle_at_last());
}

/// ORG-14 at the core: the asserted identity stays inside the trust domain, and goes out of it only
/// when its owner does not mind.
#[test]
fn privacy_is_kept_at_the_edge_of_the_trust_domain() {
    for (privacy, to, told) in [
        ("", "sip:sipp@ims.example", true),
        ("Privacy: id\r\n", "sip:sipp@ims.example", false),
        ("Privacy: id\r\n", "sip:bob@ims.example", true),
    ] {
        let mut world = World::new();
        let (mut alice, _) = (world.register("alice"), world.register("bob"));
        world.originate(&alice.request_with("MESSAGE", to, privacy));
        let arrived = world.one_arrived().request;
        assert_eq!(arrived.headers.has(&HeaderName::PAssertedIdentity), told, "{privacy}{to}");
    }
}

/// NET-08, in its second half: a PPR changes who may call, at once.
#[test]
fn a_changed_profile_holds_for_the_next_request() {
    let mut world = World::new();
    let mut alice = world.register("alice");
    world.register("bob");
    let second = Identity::Distinct(impu("alice.second"));
    let change = |default: Option<&str>, add: Vec<Identity>, remove: Vec<Identity>| AdminRequest::ChangeIdentities {
        impi: "alice-wic@ims.example".parse().unwrap(),
        default: default.map(impu),
        add,
        remove,
    };
    world.admin(change(Some("alice.second"), vec![second], vec![]));
    let set = world.scscf.registration(&impu("alice.second")).unwrap();
    assert_eq!(set.profile.default_impu(), Some(&impu("alice.second")));
    let mut as_second = alice.request("MESSAGE", "sip:bob@ims.example");
    as_second.headers.set(HeaderName::PAssertedIdentity, "<sip:alice.second@ims.example>");
    world.originate(&as_second);
    assert_eq!(world.arrived().len(), 1);

    world.admin(change(None, vec![], vec![Identity::Distinct(impu("alice"))]));
    world.originate(&alice.request("MESSAGE", "sip:bob@ims.example"));
    assert_eq!(world.statuses(), [403], "the identity is gone");
    assert_eq!(world.scscf.registration(&impu("alice.second")).unwrap().bindings.len(), 1);
    world.advance(Duration::from_secs(700));
    assert!(world.cx().contains(&"SAR TIMEOUT_DEREGISTRATION".to_owned()));
    assert!(world.is_idle_at_last());
}
