//! One user with several contacts: parallel and by q, flows that are gone, GRUUs, what the caller
//! prefers (RFC 3261 §16.7, RFC 3841, RFC 5626, RFC 5627).

use crate::client::Client;
use crate::ladder::assert_ladder;
use crate::user::User;
use crate::world::{Arrived, World};
use sip::{HeaderName, Method, StatusCode};
use std::time::Duration;

/// Registers bob at several contacts, each with its `q`.
fn bobs(world: &mut World, contacts: &[(&str, &str)]) -> Vec<User> {
    contacts
        .iter()
        .map(|(name, params)| {
            let contact = format!("<sip:{name}@k3f9q2.invalid;transport=ws>{params}");
            let path = format!("<sip:flow-{name}@epcscf1.ims.example;lr;ob>");
            let mut client = Client { contact, path, call_id: format!("reg-{name}"), ..Client::of("bob") };
            assert_eq!(world.send(&client.register_by_tna(600, "")).status, StatusCode::OK);
            User { impu: "sip:bob@ims.example".into(), ..User::of(name) }
        })
        .collect()
}

fn invite(world: &mut World) -> Vec<Arrived> {
    let mut alice = world.register("alice");
    world.originate(&alice.request("INVITE", "sip:bob@ims.example"));
    world.arrived()
}

fn rung(arrived: &[Arrived]) -> Vec<String> {
    arrived
        .iter()
        .map(|a| format!("{} {}", a.request.method, a.request.uri.as_sip().unwrap().user.as_deref().unwrap()))
        .collect()
}

/// DLG-08: all ring, one answers, the others are cancelled; the caller sees each early dialog.
#[test]
fn contacts_ring_together_and_the_first_to_answer_has_the_call() {
    let mut world = World::new();
    let bobs = bobs(&mut world, &[("desk", ""), ("phone", ""), ("tablet", "")]);
    let arrived = invite(&mut world);
    let by_name = |name: &str| arrived.iter().find(|a| a.request.uri.to_string().contains(name)).unwrap();
    assert_eq!(arrived.len(), 3);
    world.log.clear();
    world.reply(by_name("desk"), &bobs[0].answer(by_name("desk"), 180));
    world.reply(by_name("phone"), &bobs[1].answer(by_name("phone"), 180));
    assert_eq!(world.statuses(), [180, 180]);
    world.reply(by_name("phone"), &bobs[1].answer(by_name("phone"), 200));
    assert_eq!(rung(&world.arrived()), ["CANCEL desk"], "the tablet has said nothing that could be cancelled");
    world.reply(by_name("tablet"), &bobs[2].answer(by_name("tablet"), 180));
    let late = world.one_arrived();
    assert_eq!((late.request.method.clone(), rung(&[late])), (Method::Cancel, vec!["CANCEL tablet".to_owned()]));
    for (name, user) in [("desk", &bobs[0]), ("tablet", &bobs[2])] {
        world.reply(by_name(name), &user.answer(by_name(name), 487));
    }
    assert_eq!(world.statuses(), [200], "what the others say is nobody's business");
    assert_eq!(world.scscf.calls(), 1);
    assert_ladder("fork", &world);
    world.advance(Duration::from_secs(700));
    assert!(world.is_idle_at_last());
}

/// TS 24.229 §5.4.3.3: by q, one group after the other; the best of the refusals is the answer.
#[test]
fn contacts_ring_in_the_order_of_their_q() {
    let mut world = World::new();
    let bobs = bobs(&mut world, &[("last", ";q=0.1"), ("first", ";q=0.9"), ("also-first", ";q=0.9")]);
    let mut arrived = invite(&mut world);
    arrived.sort_by_key(|a| a.request.uri.to_string());
    assert_eq!(rung(&arrived), ["INVITE also-first", "INVITE first"]);
    world.reply(&arrived[0], &bobs[2].answer(&arrived[0], 486));
    assert!(world.arrived().iter().all(|a| a.request.method == Method::Ack), "the other one still rings");
    world.reply(&arrived[1], &bobs[1].answer(&arrived[1], 480));
    let next: Vec<Arrived> = world.arrived().into_iter().filter(|a| a.request.method == Method::Invite).collect();
    assert_eq!(rung(&next), ["INVITE last"]);
    assert!(world.statuses().is_empty());
    world.reply(&next[0], &bobs[0].answer(&next[0], 404));
    assert_eq!(world.statuses(), [486]);
    world.advance(Duration::from_secs(700));
    assert!(world.is_idle_at_last());
}

/// RFC 3261 §16.7 step 5: a 6xx is for all of the user's agents.
#[test]
fn a_decline_everywhere_ends_the_search() {
    let mut world = World::new();
    let bobs = bobs(&mut world, &[("last", ";q=0.1"), ("first", ";q=0.9"), ("also-first", ";q=0.9")]);
    let arrived = invite(&mut world);
    let first = arrived.iter().position(|a| a.request.uri.to_string().contains(":first")).unwrap();
    let other = 1 - first;
    world.reply(&arrived[other], &bobs[2].answer(&arrived[other], 180));
    world.reply(&arrived[first], &bobs[1].answer(&arrived[first], 603));
    assert_eq!(rung(&world.arrived().split_off(1)), ["CANCEL also-first"], "and nobody further is rung");
    world.reply(&arrived[other], &bobs[2].answer(&arrived[other], 487));
    assert_eq!(world.statuses(), [180, 603]);
}

/// DLG-03 at the S-CSCF: CANCEL before the answer goes to all that ring; 487.
#[test]
fn a_cancel_goes_to_all_that_ring() {
    let mut world = World::new();
    let bobs = bobs(&mut world, &[("desk", ""), ("phone", "")]);
    let mut alice = world.register("alice");
    let invite = alice.request("INVITE", "sip:bob@ims.example");
    world.originate(&invite);
    let arrived = world.arrived();
    for (at, user) in arrived.iter().zip(bobs.iter().rev()) {
        world.reply(at, &user.answer(at, 180));
    }
    let mut cancel = sip::Request { method: Method::Cancel, ..invite.clone() };
    cancel.headers.set(HeaderName::CSeq, "1 CANCEL");
    cancel.headers.set(HeaderName::Via, invite.headers.value(&HeaderName::Via).unwrap().to_owned());
    world.statuses();
    world.originate(&cancel);
    let mut cancels = rung(&world.arrived());
    cancels.sort();
    assert_eq!(cancels, ["CANCEL desk", "CANCEL phone"]);
    for (at, user) in arrived.iter().zip(bobs.iter().rev()) {
        world.reply(at, &user.answer(at, 487));
    }
    assert_eq!(world.statuses(), [200, 487], "the CANCEL's own answer first");
    world.originate(&cancel);
    world.advance(Duration::from_secs(700));
    assert!(world.is_idle_at_last());
}

/// A CANCEL that nothing fits is refused (RFC 3261 §9.2).
#[test]
fn a_cancel_of_nothing_is_481() {
    let mut world = World::new();
    let mut alice = world.register("alice");
    let cancel = alice.request("CANCEL", "sip:bob@ims.example");
    world.originate(&cancel);
    assert_eq!(world.statuses(), [481]);
}

/// TRM-07: the flow is gone, so is the binding; the other contact still gets the call, and with none
/// left the user is reachable nowhere.
#[test]
fn a_flow_that_failed_is_forgotten() {
    let mut world = World::new();
    let bobs = bobs(&mut world, &[("desk", ";q=0.9"), ("phone", ";q=0.5")]);
    let arrived = invite(&mut world).remove(0);
    world.reply(&arrived, &bobs[0].answer(&arrived, 430));
    let next = world.arrived().pop().unwrap();
    assert_eq!(rung(std::slice::from_ref(&next)), ["INVITE phone"]);
    assert_eq!(world.scscf.bindings(), 2, "alice's and the phone's");
    world.log.clear();
    world.reply(&next, &bobs[1].answer(&next, 430));
    assert_eq!(world.statuses(), [480]);
    assert_eq!(world.cx(), ["SAR ADMINISTRATIVE_DEREGISTRATION"]);
    assert!(!world.is_registered("bob"));
    world.advance(Duration::from_secs(700));
    assert!(world.is_idle_at_last());
}

/// TRM-07: a user agent that came back on a new flow in the meantime keeps its binding.
#[test]
fn a_flow_that_was_replaced_in_the_meantime_takes_nothing_with_it() {
    let mut world = World::new();
    let mut bob = Client::of("bob");
    assert_eq!(world.send(&bob.register_by_tna(600, "")).status, StatusCode::OK);
    let arrived = invite(&mut world).remove(0);
    bob.path = "<sip:flow-new@epcscf1.ims.example;lr;ob>".into();
    assert_eq!(world.send(&bob.register_by_tna(600, "")).status, StatusCode::OK);
    world.reply(&arrived, &User::of("bob").answer(&arrived, 430));
    assert!(world.is_registered("bob"));
}

/// RFC 5626 §5.3: of the flows of one user agent one rings; when that is gone, the other.
#[test]
fn one_user_agent_is_rung_by_one_of_its_flows() {
    let instance = "+sip.instance=\"<urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-000000000001>\"";
    let (one, two) = (format!(";reg-id=1;{instance}"), format!(";reg-id=2;{instance}"));
    let mut world = World::new();
    let bobs = bobs(&mut world, &[("old", &one), ("new", &two)]);
    let arrived = invite(&mut world);
    assert_eq!(rung(&arrived), ["INVITE new"]);
    world.reply(&arrived[0], &bobs[1].answer(&arrived[0], 430));
    let next: Vec<Arrived> = world.arrived().into_iter().filter(|a| a.request.method == Method::Invite).collect();
    assert_eq!(rung(&next), ["INVITE old"]);
    world.reply(&next[0], &bobs[0].answer(&next[0], 200));
    assert_eq!(world.statuses(), [200]);
}

/// RFC 5627 §5.4: a GRUU leads to its one contact, a temporary one too, and as long as it is bound.
#[test]
fn a_gruu_leads_to_its_one_contact() {
    let mut world = World::new();
    bobs(&mut world, &[("elsewhere", "")]);
    let ok = world.send(&Client::of("bob").register_by_tna(600, ""));
    let contacts = ok.headers.all::<sip::headers::Contact>().unwrap();
    let gruu = |name: &str| contacts.iter().find_map(|c| c.params.unquoted(name)).unwrap().into_owned();
    let (public, temporary) = (gruu("pub-gruu"), gruu("temp-gruu"));
    let mut alice = world.register("alice");
    for to in [&public, &temporary] {
        world.originate(&alice.request("INVITE", to));
        assert_eq!(rung(&world.arrived()), ["INVITE bob"], "{to}");
    }
    world.originate(&alice.request("INVITE", "sip:tgruu.nobodys@ims.example;gr"));
    world.originate(&alice.request("INVITE", "sip:bob@ims.example;gr=urn:uuid:unknown"));
    assert_eq!(world.statuses(), [480, 480]);
}

/// RFC 3841, as far as it goes here.
#[test]
fn a_caller_may_rule_contacts_out() {
    for (line, expected) in [
        ("Reject-Contact: *;mobility=\"fixed\"\r\n", &["INVITE phone"][..]),
        ("Accept-Contact: *;mobility=\"fixed\";require\r\n", &["INVITE desk"]),
        ("Accept-Contact: *;mobility=\"fixed\"\r\n", &["INVITE desk", "INVITE phone"]),
        ("Request-Disposition: no-fork\r\n", &["INVITE phone"]),
        ("Request-Disposition: sequential\r\n", &["INVITE phone"]),
        ("Accept-Contact: *;video;require\r\n", &[]),
    ] {
        let mut world = World::new();
        bobs(&mut world, &[("desk", ";mobility=\"fixed\""), ("phone", ";mobility=\"mobile\"")]);
        let mut alice = world.register("alice");
        world.originate(&alice.request_with("INVITE", "sip:bob@ims.example", line));
        let mut arrived = rung(&world.arrived());
        arrived.sort();
        assert_eq!(arrived, expected, "{line}");
    }
}

/// Timer C: nobody rings for ever (RFC 3261 §16.8).
#[test]
fn who_rings_for_too_long_is_given_up() {
    let mut world = World::new();
    let bobs = bobs(&mut world, &[("desk", "")]);
    let arrived = invite(&mut world).remove(0);
    world.reply(&arrived, &bobs[0].answer(&arrived, 180));
    world.advance(Duration::from_secs(182));
    assert_eq!(rung(&world.arrived()[..1]), ["CANCEL desk"]);
    world.reply(&arrived, &bobs[0].answer(&arrived, 487));
    assert_eq!(world.statuses(), [180, 408]);
    world.advance(Duration::from_secs(700));
    assert!(world.is_idle_at_last());
}
