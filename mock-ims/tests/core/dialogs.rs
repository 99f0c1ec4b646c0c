//! What goes on in a dialog, and how calls end when a registration does (TS 24.229 §5.4.5.1).

use crate::client::Client;
use crate::ladder::assert_ladder;
use crate::user::{End, User};
use crate::world::{Arrived, EPCSCF, ICSCF, PLAIN, SCSCF, STRANGER, World, impi, impu};
use mock_ims::cx::DeregistrationReason;
use mock_ims::hss::AdminRequest;
use mock_ims::scscf::Event;
use sip::headers::CSeq;
use sip::{HeaderName, Method, Request, StatusCode};
use std::time::Duration;

fn call(world: &mut World) -> (User, User, End, End) {
    let (mut alice, bob) = (world.register("alice"), world.register("bob"));
    let (caller, callee) = world.establish(&mut alice, &bob);
    world.log.clear();
    (alice, bob, caller, callee)
}

fn released(world: &World) -> bool {
    world.events.iter().any(|event| matches!(event, Event::CallReleased { .. }))
}

/// The BYEs among what came out, with what their Request-URI and Route lead to.
fn byes(arrived: &[Arrived]) -> Vec<(String, String)> {
    let of = |request: &Request| {
        (request.uri.to_string(), request.headers.values(&HeaderName::Route).collect::<Vec<_>>().join(", "))
    };
    arrived.iter().filter(|a| a.request.method == Method::Bye).map(|a| of(&a.request)).collect()
}

/// Both ways, by the route set, one pass through the S-CSCF that served both sides.
#[test]
fn requests_in_a_dialog_follow_the_route_set_both_ways() {
    let mut world = World::new();
    let (alice, bob, mut caller, mut callee) = call(&mut world);
    world.originate(&caller.request(Method::Invite));
    let arrived = world.one_arrived();
    assert_eq!(arrived.request.uri.to_string(), bob.contact);
    let route = "<sip:epcscf1.ims.example;lr>, <sip:flow-bob@epcscf1.ims.example:443;transport=ws;lr>";
    assert_eq!(arrived.request.headers.value(&HeaderName::Route), Some(route));
    assert_eq!(world.requests_to(EPCSCF).len(), 1);
    assert!(world.cx().is_empty() && world.requests_to(ICSCF).is_empty());
    world.reply(&arrived, &bob.answer(&arrived, 488));
    assert_eq!(world.statuses(), [488]);
    world.arrived();

    world.originate(&callee.request(Method::Bye));
    let arrived = world.one_arrived();
    assert_eq!(arrived.request.uri.to_string(), format!("{};ob", alice.contact));
    world.reply(&arrived, &alice.answer(&arrived, 200));
    assert_eq!(world.statuses(), [200]);
    assert_eq!(world.scscf.calls(), 0);
    world.advance(Duration::from_secs(700));
    assert!(world.is_idle_at_last());
}

/// DER-04: de-registered by the user, by a timer, by the HSS, for good or to move: BYE both ways.
#[test]
fn a_call_ends_with_the_registration_of_either_side() {
    type End = fn(&mut World, &str);
    let by_user: End = |world, name| {
        let mut leaving = Client { cseq: 10, branch: 10, ..Client::of(name) };
        let register = leaving.register_by_tna(0, "");
        world.start(EPCSCF, ICSCF, &register);
        assert_eq!(world.statuses().last(), Some(&200));
    };
    let by_timer: End = |world, name| {
        // The other one refreshes.
        let other = if name == "alice" { "bob" } else { "alice" };
        world.advance(Duration::from_secs(500));
        let mut staying = Client { cseq: 10, branch: 10, ..Client::of(other) };
        let register = staying.register_by_tna(600, "");
        world.start(EPCSCF, ICSCF, &register);
        world.arrived();
        world.advance(Duration::from_secs(101));
    };
    let by_hss: End = |world, name| {
        let reason = DeregistrationReason::PermanentTermination;
        world.admin(AdminRequest::Deregister { impu: impu(name), reason });
    };
    let by_removal: End = |world, name| world.admin(AdminRequest::RemoveUser { impi: impi(name) });
    let by_waf: End = |world, name| {
        world.admin(AdminRequest::SetAllowed { impu: impu(name), wafs: vec![], wwsfs: vec![] });
    };
    for (what, end) in
        [("user", by_user), ("timer", by_timer), ("HSS", by_hss), ("removal", by_removal), ("WAF", by_waf)]
    {
        for who in ["alice", "bob"] {
            let mut world = World::new();
            let waf = ", authorization-entity=\"waf.ims.example\"";
            for name in ["alice", "bob"] {
                assert_eq!(world.send(&Client::of(name).register_by_tna(600, waf)).status, StatusCode::OK);
            }
            let (mut alice, bob) = (User::of("alice"), User::of("bob"));
            let (_caller, _callee) = world.establish(&mut alice, &bob);
            end(&mut world, who);
            let arrived = world.arrived();
            let mut byes = byes(&arrived);
            byes.sort();
            byes.dedup();
            let routes = |name: &str| {
                format!("<sip:epcscf1.ims.example;lr>, <sip:flow-{name}@epcscf1.ims.example:443;transport=ws;lr>")
            };
            let to_alice = (format!("{};ob", alice.contact), routes("alice"));
            assert_eq!(byes, [to_alice, (bob.contact.clone(), routes("bob"))], "{who} by {what}");
            assert!(released(&world) && world.scscf.calls() == 0);
            for bye in arrived.iter().filter(|a| a.request.method == Method::Bye) {
                assert!(bye.request.headers.value(&HeaderName::Reason).unwrap().contains("cause=480"));
                // A BYE of its own crossed ours.
                world.reply(bye, &bye.request.respond(StatusCode::CALL_DOES_NOT_EXIST));
            }
            world.advance(Duration::from_secs(700));
            assert!(world.is_idle_at_last(), "{who} by {what}: {:?}", world.scscf);
        }
    }
}

/// DER-04 as a ladder.
#[test]
fn the_release_of_a_call() {
    let mut world = World::new();
    let (_, _, _, _) = call(&mut world);
    let reason = DeregistrationReason::PermanentTermination;
    world.admin(AdminRequest::Deregister { impu: impu("bob"), reason });
    assert_ladder("call-released", &world);
}

/// The BYEs go on counting where each end has come to, or they would be refused as out of order.
#[test]
fn the_byes_of_a_release_have_the_next_sequence_numbers() {
    let mut world = World::new();
    let (_, bob, mut caller, mut callee) = call(&mut world);
    for _ in 0..3 {
        world.originate(&caller.request(Method::Info));
        let info = world.one_arrived();
        world.reply(&info, &bob.answer(&info, 200));
    }
    let last_of_caller = caller.request(Method::Info).cseq().unwrap().number - 1;
    world.originate(&callee.request(Method::Update));
    world.arrived();
    let reason = DeregistrationReason::ServerChange;
    world.admin(AdminRequest::Deregister { impu: impu("alice"), reason });
    let arrived = world.arrived();
    let cseq = |uri: &str| {
        arrived.iter().find(|a| a.request.uri.to_string().starts_with(uri)).map(|a| a.request.cseq().unwrap())
    };
    assert_eq!(cseq(&bob.contact), Some(CSeq { number: last_of_caller + 1, method: Method::Bye }));
    assert_eq!(cseq("sip:alice@"), Some(CSeq { number: 2, method: Method::Bye }));
}

/// A call that still rings is cancelled, whoever goes.
#[test]
fn a_call_that_rings_ends_with_the_registration() {
    for (who, status) in [("alice", 487), ("bob", 480)] {
        let mut world = World::new();
        let (mut alice, bob) = (world.register("alice"), world.register("bob"));
        world.originate(&alice.request("INVITE", "sip:bob@ims.example"));
        let arrived = world.one_arrived();
        world.reply(&arrived, &bob.answer(&arrived, 180));
        world.statuses();
        let reason = DeregistrationReason::PermanentTermination;
        world.admin(AdminRequest::Deregister { impu: impu(who), reason });
        let cancel = world.one_arrived();
        assert_eq!(cancel.request.method, Method::Cancel, "{who}");
        world.reply(&cancel, &cancel.request.respond(StatusCode::OK));
        world.reply(&arrived, &bob.answer(&arrived, 487));
        assert_eq!(world.statuses(), [status], "{who}");
        world.advance(Duration::from_secs(700));
        assert!(world.is_idle_at_last());
    }
}

/// A guest's calls go when the anchor of its range does (TS 29.228 §6.5.2.2).
#[test]
fn the_calls_of_a_range_end_with_its_anchor() {
    let mut world = World::with_anchor();
    let (mut alice, guest) = (world.register("alice"), User::guest("guest-7"));
    world.establish(&mut alice, &guest);
    let reason = DeregistrationReason::PermanentTermination;
    world.admin(AdminRequest::Deregister { impu: "sip:trunk@partner.ims.example".parse().unwrap(), reason });
    assert_eq!(byes(&world.arrived()).len(), 2);
    world.originate(&alice.request("MESSAGE", "sip:guest-7@partner.ims.example"));
    assert_eq!(world.statuses(), [480]);
}

/// RFC 4028 §8.1: a call whose session timer ran out is forgotten; a refresh keeps it.
#[test]
fn a_session_timer_clears_a_lost_call() {
    let mut world = World::new();
    let (mut alice, bob) = (world.register("alice"), world.register("bob"));
    world.originate(&alice.request("INVITE", "sip:bob@ims.example"));
    let arrived = world.one_arrived();
    let mut ok = bob.answer(&arrived, 200);
    ok.headers.push(HeaderName::SessionExpires, "90;refresher=uac");
    world.reply(&arrived, &ok);
    world.advance(Duration::from_secs(89));
    assert_eq!(world.scscf.calls(), 1);
    world.advance(Duration::from_secs(2));
    assert_eq!(world.scscf.calls(), 0);
    assert!(world.events.iter().any(|event| matches!(event, Event::CallLost { .. })));
}

/// 481 and silence to a BYE say that there is no call any more.
#[test]
fn a_call_that_an_end_does_not_know_is_forgotten() {
    for status in [Some(481), None] {
        let mut world = World::new();
        let (_, bob, mut caller, _) = call(&mut world);
        world.originate(&caller.request(Method::Bye));
        let bye = world.one_arrived();
        match status {
            Some(status) => world.reply(&bye, &bob.answer(&bye, status)),
            None => world.advance(Duration::from_secs(33)),
        }
        assert_eq!(world.statuses().len(), 1);
        assert_eq!(world.scscf.calls(), 0);
    }
}

/// A 2xx that comes again when its call is over brings nothing back.
#[test]
fn a_late_copy_of_the_answer_makes_no_call() {
    let mut world = World::new();
    let (mut alice, bob) = (world.register("alice"), world.register("bob"));
    world.originate(&alice.request("INVITE", "sip:bob@ims.example"));
    let arrived = world.one_arrived();
    let ok = bob.answer(&arrived, 200);
    world.reply(&arrived, &ok);
    let mut callee = End::callee(&arrived, &bob);
    world.originate(&callee.request(Method::Bye));
    let bye = world.one_arrived();
    world.reply(&bye, &alice.answer(&bye, 200));
    assert_eq!(world.scscf.calls(), 0);
    world.reply(&arrived, &ok);
    assert_eq!(world.scscf.calls(), 0);
    world.advance(Duration::from_secs(700));
    assert!(world.is_idle_at_last());
}

/// An S-CSCF that has lost its memory still passes on what its recorded route brings.
#[test]
fn a_restarted_scscf_passes_on_what_is_in_a_dialog() {
    let mut world = World::new();
    let (_, bob, mut caller, _) = call(&mut world);
    world.scscf = World::new().scscf;
    world.originate(&caller.request(Method::Bye));
    let bye = world.one_arrived();
    world.reply(&bye, &bob.answer(&bye, 200));
    assert_eq!(world.statuses(), [200]);
    assert!(world.is_idle_at_last());
}

/// One outside the trust domain is let through in its own calls, and in no others.
#[test]
fn a_stranger_has_no_way_into_a_dialog() {
    let mut world = World::new();
    let (.., mut caller, _) = call(&mut world);
    let mut forged = caller.request(Method::Bye);
    forged.headers.set(HeaderName::CallId, "another");
    world.start(STRANGER, SCSCF, &forged);
    assert_eq!(world.statuses(), [481]);
    assert!(world.arrived().is_empty() && world.scscf.calls() == 1);
}

/// Nor has it a way past the S-CSCF, which knows whose dialogs are whose.
#[test]
fn a_stranger_has_no_way_past_the_scscf() {
    let mut world = World::new();
    let (.., mut caller, _) = call(&mut world);
    for method in [Method::Bye, Method::Ack] {
        let mut forged = caller.request(method);
        forged.headers.set(HeaderName::Route, "<sip:flow-bob@epcscf1.ims.example;lr>");
        world.start(STRANGER, ICSCF, &forged);
    }
    assert_eq!(world.statuses(), [403], "the ACK gets no answer");
    assert!(world.arrived().is_empty());
}

/// A plain user agent ends its call: by the S-CSCF that recorded its route, or by way of the I-CSCF
/// when it sends all it has to one address.
#[test]
fn a_plain_user_agent_ends_its_call() {
    for via in [SCSCF, ICSCF] {
        let mut world = World::new();
        let alice = world.register("alice");
        let mut plain =
            User { impu: "sip:sipp@ims.example".into(), contact: "sip:sipp@127.0.0.1:5090".into(), ..User::of("sipp") };
        let mut invite = plain.request("INVITE", "sip:alice@ims.example");
        invite.headers.remove(&HeaderName::Route);
        invite.headers.remove(&HeaderName::RecordRoute);
        world.start(PLAIN, ICSCF, &invite);
        let arrived = world.one_arrived();
        world.reply(&arrived, &alice.answer(&arrived, 200));
        let ok = world.responses().pop().unwrap();
        let mut end = End::caller(&invite, &ok);
        world.start(PLAIN, via, &end.ack(1));
        assert_eq!(world.one_arrived().request.method, Method::Ack);
        world.start(PLAIN, via, &end.request(Method::Bye));
        let bye = world.one_arrived();
        assert_eq!((bye.by, bye.request.method.clone()), (SCSCF, Method::Bye));
        world.reply(&bye, &alice.answer(&bye, 200));
        assert_eq!(world.statuses(), [200]);
        assert_eq!(world.scscf.calls(), 0);
    }
}
