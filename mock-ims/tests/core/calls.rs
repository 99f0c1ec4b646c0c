//! Calls and messages between users, through both sides of the S-CSCF (TS 24.229 §5.4.3).

use crate::ladder::assert_ladder;
use crate::user::User;
use crate::world::{EPCSCF, ICSCF, PLAIN, SCSCF, World};
use sip::HeaderName;
use std::time::Duration;

fn header<'a>(request: &'a sip::Request, name: &HeaderName) -> Vec<&'a str> {
    request.headers.elements(name).collect()
}

/// TRM-01: from AOR to contact by the Path, the called identity told, all of it spiralling through
/// one S-CSCF.
#[test]
fn an_invite_reaches_the_contact_of_the_one_who_is_called() {
    let mut world = World::new();
    let (mut alice, bob) = (world.register("alice"), world.register("bob"));
    world.originate(&alice.request("INVITE", "sip:bob@ims.example"));
    let arrived = world.one_arrived();
    let request = &arrived.request;
    assert_eq!((arrived.by, arrived.at), (SCSCF, EPCSCF));
    assert_eq!(request.uri.to_string(), bob.contact);
    assert_eq!(header(request, &HeaderName::PCalledPartyId), ["<sip:bob@ims.example>"]);
    assert_eq!(header(request, &HeaderName::Route), ["<sip:flow-bob@epcscf1.ims.example;lr;ob>"]);
    assert_eq!(header(request, &HeaderName::PAssertedIdentity), ["<sip:alice@ims.example>"]);
    assert_eq!(
        header(request, &HeaderName::RecordRoute),
        [
            "<sip:scscf1.ims.example;lr>",
            "<sip:scscf1.ims.example;lr>",
            "<sip:epcscf1.ims.example;lr>",
            "<sip:flow-alice@epcscf1.ims.example:443;transport=ws;lr>"
        ]
    );
    assert_eq!(world.cx(), ["LIR sip:bob@ims.example"]);
    world.reply(&arrived, &bob.answer(&arrived, 180));
    world.reply(&arrived, &bob.answer(&arrived, 200));
    assert_eq!(world.statuses(), [180, 200]);
    assert_ladder("call-set-up", &world);
    world.advance(Duration::from_secs(700));
    assert!(world.is_idle_at_last());
}

/// DLG-05, in its first half: no Record-Route, no Contact, 200 end to end.
#[test]
fn a_message_reaches_the_one_it_is_for() {
    let mut world = World::new();
    let (mut alice, bob) = (world.register("alice"), world.register("bob"));
    world.originate(&alice.request("MESSAGE", "sip:bob@ims.example").with_body("text/plain", "hello"));
    let arrived = world.one_arrived();
    assert!(!arrived.request.headers.has(&HeaderName::RecordRoute));
    assert!(!arrived.request.headers.has(&HeaderName::Contact));
    assert_eq!(&arrived.request.body[..], b"hello");
    world.reply(&arrived, &bob.answer(&arrived, 200));
    assert_eq!(world.statuses(), [200]);
    world.advance(Duration::from_secs(700));
    assert!(world.is_idle_at_last());
}

/// TRM-04, TRM-11, ORG-10's other half: an identity out of a range keeps its own name both ways.
#[test]
fn an_identity_out_of_a_range_survives_from_caller_to_callee() {
    let mut world = World::with_anchor();
    let (mut alice, mut guest) = (world.register("alice"), User::guest("guest-042"));
    world.originate(&alice.request("INVITE", "sip:guest-042@partner.ims.example"));
    let key = "<sip:guest-!.*!@partner.ims.example>";
    let at_scscf = world.requests_to(SCSCF).pop().unwrap();
    assert_eq!(header(&at_scscf, &HeaderName::PProfileKey), [key]);
    let arrived = world.one_arrived();
    assert_eq!(arrived.request.uri.to_string(), guest.impu, "loose route: the Request-URI stays");
    assert_eq!(header(&arrived.request, &HeaderName::Route), ["<sip:epcscf1.ims.example;lr>"]);
    assert!(!arrived.request.headers.has(&HeaderName::PCalledPartyId));
    world.reply(&arrived, &guest.answer(&arrived, 200));
    assert_eq!(world.statuses(), [200]);
    assert_ladder("call-to-a-guest", &world);

    world.log.clear();
    world.originate(&guest.request("INVITE", "sip:alice@ims.example"));
    let arrived = world.one_arrived();
    assert_eq!(header(&arrived.request, &HeaderName::PAssertedIdentity), ["<sip:guest-042@partner.ims.example>"]);
    assert_eq!(arrived.request.uri.to_string(), alice.contact);
    assert!(!arrived.request.headers.has(&HeaderName::PProfileKey), "it was the caller's, not alice's");
    assert_eq!(world.cx(), ["LIR sip:alice@ims.example"]);
}

/// A plain user agent at a fixed address calls and is called; what is said inside the trust domain
/// stays there.
#[test]
fn a_plain_user_agent_is_called_and_calls() {
    let mut world = World::new();
    let mut alice = world.register("alice");
    world.originate(&alice.request("INVITE", "sip:sipp@ims.example"));
    let arrived = world.one_arrived();
    assert_eq!((arrived.by, arrived.at), (SCSCF, PLAIN));
    for inside in [HeaderName::PChargingVector, HeaderName::PAccessNetworkInfo] {
        assert!(!arrived.request.headers.has(&inside), "{}", arrived.request);
    }

    let mut answer = User::of("sipp").answer(&arrived, 200);
    answer.headers.set(HeaderName::PAssertedIdentity, "<sip:bob@ims.example>");
    world.reply(&arrived, &answer);
    let ok = world.responses().pop().unwrap();
    assert_eq!(ok.headers.value(&HeaderName::PAssertedIdentity), Some("<sip:sipp@ims.example>"), "not what it claims");

    let mut plain = User { impu: "sip:sipp@ims.example".into(), ..User::of("sipp") };
    let mut call = plain.request("INVITE", "sip:alice@ims.example");
    call.headers.remove(&HeaderName::Route);
    call.headers.set(HeaderName::PAssertedIdentity, "<sip:bob@ims.example>");
    world.start(PLAIN, ICSCF, &call);
    let arrived = world.one_arrived();
    assert_eq!(arrived.request.uri.to_string(), alice.contact);
    assert_eq!(header(&arrived.request, &HeaderName::PAssertedIdentity), ["<sip:sipp@ims.example>"]);
}
