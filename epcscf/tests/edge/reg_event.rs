//! The registration event package (RFC 3680): the edge as a watcher of the core, and as the notifier
//! of whom it registers itself.

use epcscf::{Cause, Event};
use ims::reginfo::{ContactEvent, RegContact, RegInfo, RegState, Registration};
use sip::dialog::Dialog;
use sip::headers::Expires;
use sip::{HeaderName, Method, Request, StatusCode};

use crate::talk::{End, Kind, Wic, call_out, nothing_under_way, parse, register, register_of, respond};
use crate::world::{PARTNER, Register, World, guest, ok};

const USER: &str = "sip:user-1@ims.example";
const TRUNK: &str = "sip:trunk@partner.ims.example";
const RANGE: &str = "sip:guest-!.*!@partner.ims.example";

fn watching() -> World {
    World::with(|config| config.policy.reg_event.subscribe = true)
}

fn value(request: &Request, name: HeaderName) -> &str {
    request.headers.value(&name).unwrap_or_default()
}

/// The S-CSCF's end of a subscription of the edge.
struct Notifier {
    end: End,
    version: u32,
}

impl Notifier {
    /// Takes the SUBSCRIBE that is on its way.
    fn accept(world: &mut World) -> (Self, Request) {
        let subscribe = world.at_core();
        assert_eq!(subscribe.method, Method::Subscribe, "{subscribe}");
        let answer = respond(&subscribe, 200, "s1", "sip:scscf1.ims.example");
        let answer = answer.with_raw(HeaderName::Expires, value(&subscribe, HeaderName::Expires).to_owned());
        let end = End::core(Dialog::uas(&subscribe, "s1").unwrap());
        world.core_answers(answer);
        (Self { end, version: 0 }, subscribe)
    }

    fn says(&mut self, world: &mut World, registrations: Vec<Registration>, state: &str) -> StatusCode {
        let document = RegInfo { version: self.version, full: true, registrations };
        self.version += 1;
        self.sends(world, &document.to_xml(), state)
    }

    fn sends(&mut self, world: &mut World, document: &str, state: &str) -> StatusCode {
        let notify = self.end.says(world, Method::Notify, "");
        let notify = notify
            .with_raw(HeaderName::Event, "reg")
            .with_raw(HeaderName::SubscriptionState, state)
            .with_raw(HeaderName::Contact, "<sip:scscf1.ims.example>")
            .with_body("application/reginfo+xml", document.to_owned());
        world.core_asks_for(&notify.to_string());
        world.answer_to_core().status
    }
}

fn registration(aor: &str, contact: &str, event: ContactEvent) -> Registration {
    let active = matches!(event, ContactEvent::Registered | ContactEvent::Created | ContactEvent::Shortened);
    let contact = RegContact { active, ..RegContact::active("c1", event, contact) };
    Registration {
        state: if active { RegState::Active } else { RegState::Terminated },
        contacts: vec![contact],
        ..Registration::active(aor, aor)
    }
}

fn causes(world: &mut World) -> Vec<Cause> {
    let cause = |event| match event {
        Event::Deregistered { cause, .. } => Some(cause),
        _ => None,
    };
    world.events().into_iter().filter_map(cause).collect()
}

/// EVT-04.
#[test]
fn the_edge_watches_whom_it_registers() {
    let mut world = watching();
    register(&mut world, Kind::Digest, 1);
    let (mut notifier, subscribe) = Notifier::accept(&mut world);
    assert_eq!(subscribe.uri.to_string(), USER);
    assert_eq!(value(&subscribe, HeaderName::Event), "reg");
    assert_eq!(value(&subscribe, HeaderName::Accept), "application/reginfo+xml");
    assert_eq!(value(&subscribe, HeaderName::PAssertedIdentity), "<sip:epcscf1.ims.example>");
    assert_eq!(value(&subscribe, HeaderName::Route), "<sip:icscf.ims.example;lr>");
    assert_eq!(value(&subscribe, HeaderName::Contact), "<sip:epcscf1.ims.example>");
    assert_eq!(subscribe.headers.one::<Expires>().unwrap().0, 3600 + 600);
    let contact = "sip:u8c2@i1.invalid;transport=ws";
    let told = vec![registration(USER, contact, ContactEvent::Registered)];
    assert_eq!(notifier.says(&mut world, told, "active;expires=4200"), StatusCode::OK);
    // A refresh of the registration is none of the subscription, which has its own.
    world.sleep(3000);
    world.register_at_core(world.edge.registrations(world.now)[0].flow, &register_of(Kind::Digest, 1).cseq(2));
    assert!(world.try_at_core().is_none());
    assert_eq!(world.edge.load().watches, 1);
    world.sleep(600);
    let refresh = world.at_core();
    assert_eq!((refresh.method.clone(), refresh.to().unwrap().tag()), (Method::Subscribe, Some("s1")));
    assert_eq!((refresh.call_id().unwrap(), refresh.cseq().unwrap().number), (subscribe.call_id().unwrap(), 2));
    // The notifier has lost it: a new one.
    world.core_answers(refresh.respond(StatusCode::CALL_DOES_NOT_EXIST));
    let (_, anew) = Notifier::accept(&mut world);
    assert_ne!(anew.call_id().unwrap(), subscribe.call_id().unwrap());
}

#[test]
fn a_subscription_that_fails_is_tried_again_while_there_is_a_registration() {
    let mut world = watching();
    let wic = register(&mut world, Kind::Digest, 1);
    let first = world.at_core();
    world.core_answers(first.respond(StatusCode::SERVER_TIME_OUT));
    assert!(world.events().iter().any(|event| matches!(event, Event::WatchFailed { .. })));
    world.sleep(29);
    assert!(world.try_at_core().is_none());
    world.sleep(1);
    let second = world.at_core();
    assert_eq!(second.method, Method::Subscribe);
    // One who does not know the package will not learn it.
    world.core_answers(second.respond(StatusCode::BAD_EVENT));
    world.sleep(100);
    assert!(world.try_at_core().is_none());
    world.register_at_core(wic.flow, &register_of(Kind::Digest, 1).cseq(2).expires(0));
    world.sleep(100);
    assert_eq!(world.edge.load().watches, 0);
}

/// RFC 3680 §5.1: after a gap, a refresh brings a full document.
#[test]
fn a_gap_between_documents_is_asked_about() {
    let mut world = watching();
    let wic = register(&mut world, Kind::Token, 1);
    let (mut notifier, _) = Notifier::accept(&mut world);
    let told = vec![registration(USER, &wic.contact, ContactEvent::Registered)];
    notifier.says(&mut world, told, "active;expires=4200");
    let partial = RegInfo { version: 7, full: false, registrations: Vec::new() };
    assert_eq!(notifier.sends(&mut world, &partial.to_xml(), "active;expires=4200"), StatusCode::OK);
    let refresh = world.at_core();
    assert_eq!((refresh.method.clone(), refresh.to().unwrap().tag()), (Method::Subscribe, Some("s1")));
    assert_eq!(notifier.sends(&mut world, "<reginfo", "active;expires=4200"), StatusCode::OK, "noise is passed over");
    assert_eq!(world.edge.load().bindings, 1);
}

/// NET-01, NET-02, NET-03 at the edge: the binding goes, calls are released both ways, and the
/// connection closes when the network means it for good.
#[test]
fn what_the_network_ends_ends_here() {
    for (event, closed) in [
        (ContactEvent::Rejected, Some(1008)),
        (ContactEvent::Deactivated, None),
        (ContactEvent::Probation, None),
        (ContactEvent::Expired, None),
    ] {
        let mut world = watching();
        let wic = register(&mut world, Kind::Token, 1);
        let (mut notifier, _) = Notifier::accept(&mut world);
        call_out(&mut world, &wic);
        world.events();
        let told = vec![registration(USER, &wic.contact, event)];
        notifier.says(&mut world, told, "terminated;reason=rejected");
        assert_eq!(causes(&mut world), [Cause::Network], "{event:?}");
        assert!(world.edge.registrations(world.now).is_empty());
        let (to_core, to_wic) = (world.at_core(), world.at_wic(wic.flow));
        assert_eq!((to_core.method.clone(), to_wic.method.clone()), (Method::Bye, Method::Bye));
        assert!(world.try_at_core().is_none(), "no REGISTER towards anybody, no new subscription");
        assert!(nothing_under_way(&world));
        assert_eq!(world.closed_with(wic.flow), closed, "{event:?}");
        assert_eq!(world.edge.load().watches, 0);
    }
}

/// The WIC that watches itself is told before its connection closes.
#[test]
fn a_wic_hears_why_before_it_is_cut_off() {
    let mut world = watching();
    let wic = register(&mut world, Kind::Token, 1);
    let (mut notifier, _) = Notifier::accept(&mut world);
    let text = wic.request(&mut world, "SUBSCRIBE", &wic.impu, "Event: reg\r\n", "");
    world.wic(wic.flow, &text);
    let subscribe = world.at_core();
    let mut beyond = subscribe.clone();
    beyond.headers.push_front(HeaderName::RecordRoute, "<sip:scscf1.ims.example;lr>");
    let mut for_wic = End::core(Dialog::uas(&beyond, "s2").unwrap());
    world.core_answers(crate::talk::core_says(&subscribe, 200, "s2").with_raw(HeaderName::Expires, "600"));
    world.answer(wic.flow);
    let told = vec![registration(USER, &wic.contact, ContactEvent::Rejected)];
    notifier.says(&mut world, told, "terminated;reason=rejected");
    assert_eq!(world.closed_with(wic.flow), None);
    let last = for_wic.says(&mut world, Method::Notify, "");
    let last = last.with_raw(HeaderName::SubscriptionState, "terminated;reason=rejected");
    world.core_asks_for(&last.with_raw(HeaderName::Contact, "<sip:scscf1.ims.example>").to_string());
    let last = world.at_wic(wic.flow);
    world.wic(wic.flow, last.respond(StatusCode::OK).to_bytes());
    assert_eq!(world.answer_to_core().status, StatusCode::OK);
    world.sleep(2);
    assert_eq!(world.closed_with(wic.flow), Some(1008));
    assert!(nothing_under_way(&world));
}

/// What a document says of another contact, or of another user, does not concern a binding.
#[test]
fn a_document_of_others_changes_nothing() {
    let mut world = watching();
    let wic = register(&mut world, Kind::Token, 1);
    let (mut notifier, _) = Notifier::accept(&mut world);
    for told in [
        vec![],
        vec![registration("sip:bob@ims.example", &wic.contact, ContactEvent::Rejected)],
        vec![Registration {
            state: RegState::Active,
            ..registration(USER, "sip:other@phone.example", ContactEvent::Unregistered)
        }],
    ] {
        notifier.says(&mut world, told, "active;expires=100");
        assert_eq!(world.edge.load().bindings, 1);
    }
    assert_eq!(world.edge.registrations(world.now)[0].impus, [USER.parse().unwrap()]);
}

/// NET-08.
#[test]
fn a_new_default_identity_is_asserted_from_then_on() {
    let mut world = watching();
    let wic = register(&mut world, Kind::Token, 1);
    let (mut notifier, _) = Notifier::accept(&mut world);
    let boss = "sip:boss@ims.example";
    let desk = Registration {
        wildcarded: Some("sip:desk-!.*!@ims.example".into()),
        ..registration("sip:desk-1@ims.example", &wic.contact, ContactEvent::Registered)
    };
    let told = vec![
        registration(boss, &wic.contact, ContactEvent::Created),
        registration(USER, &wic.contact, ContactEvent::Registered),
        desk,
    ];
    notifier.says(&mut world, told, "active;expires=4100");
    let seen = &world.edge.registrations(world.now)[0];
    assert_eq!(seen.impus, [boss.parse().unwrap(), USER.parse().unwrap()]);
    assert_eq!(seen.wildcards, ["sip:desk-!.*!@ims.example".parse().unwrap()]);
    for (preferred, asserted) in [("", boss), ("P-Preferred-Identity: <sip:user-1@ims.example>\r\n", USER)] {
        let text = wic.request(&mut world, "MESSAGE", "sip:bob@ims.example", preferred, "x");
        world.wic(wic.flow, &text);
        assert_eq!(value(&world.at_core(), HeaderName::PAssertedIdentity), format!("<{asserted}>"));
    }
}

/// A NOTIFY on its way while the contact is registered again: `callid` and `cseq` say of what it is
/// (RFC 3680 §5.1).
#[test]
fn what_a_later_register_has_overtaken_ends_nothing() {
    let mut world = watching();
    let wic = register(&mut world, Kind::Digest, 1);
    let (mut notifier, _) = Notifier::accept(&mut world);
    let refresh = register_of(Kind::Digest, 1).cseq(3);
    let sent = parse(&refresh.text());
    world.register_at_core(wic.flow, &refresh);
    let mut ended_at = |world: &mut World, cseq: u32| {
        let mut told = registration(USER, &wic.contact, ContactEvent::Deactivated);
        told.contacts[0].call_id = Some(sent.call_id().unwrap().to_string());
        told.contacts[0].cseq = Some(cseq);
        notifier.says(world, vec![told], "active;expires=100");
        world.edge.load().bindings == 0
    };
    assert!(!ended_at(&mut world, 2));
    assert!(ended_at(&mut world, 3));
}

/// NET-06 at the edge.
#[test]
fn a_registration_that_the_network_shortens_ends_sooner() {
    let mut world = watching();
    let wic = register(&mut world, Kind::Digest, 1);
    let (mut notifier, _) = Notifier::accept(&mut world);
    let mut told = registration(USER, &wic.contact, ContactEvent::Shortened);
    told.contacts[0].expires = Some(60);
    notifier.says(&mut world, vec![told], "active;expires=4200");
    world.sleep(59);
    assert_eq!(world.edge.load().bindings, 1);
    world.sleep(1);
    assert_eq!(world.edge.load().bindings, 0);
}

#[test]
fn a_notify_must_be_of_the_subscription() {
    let mut world = watching();
    register(&mut world, Kind::Token, 1);
    let (mut notifier, _) = Notifier::accept(&mut world);
    let other = notifier.end.says(&mut world, Method::Notify, "").with_raw(HeaderName::Event, "presence");
    world.core_asks_for(&other.with_raw(HeaderName::SubscriptionState, "active").to_string());
    let answer = world.answer_to_core();
    assert_eq!((answer.status.code(), answer.headers.value(&HeaderName::AllowEvents)), (489, Some("reg")));
    let stray = notifier.end.says(&mut world, Method::Notify, "").to_string().replace("Call-ID: ", "Call-ID: x");
    world.core_asks_for(&stray);
    assert_eq!(world.answer_to_core().status.code(), 481);
}

fn with_anchors() -> World {
    World::with(|config| config.policy.reg_event.anchors = true)
}

fn range_registration(active: bool) -> Registration {
    let event = if active { ContactEvent::Created } else { ContactEvent::Rejected };
    let contact = "sip:epcscf1.ims.example;lr";
    Registration { wildcarded: Some(RANGE.into()), ..registration("sip:guest-1@partner.ims.example", contact, event) }
}

/// NET-05: the anchor of a range is de-registered, or the range is taken out of its set.
#[test]
fn a_range_that_the_core_ends_takes_all_its_users_along() {
    let anchor = |event| registration(TRUNK, "sip:epcscf1.ims.example;lr", event);
    for last in [
        vec![anchor(ContactEvent::Rejected), range_registration(false)],
        vec![anchor(ContactEvent::Created), range_registration(false)],
        vec![anchor(ContactEvent::Created)],
    ] {
        let mut world = with_anchors();
        world.sleep(0);
        let guest_1 = world.connect(PARTNER);
        let (mut notifier, subscribe) = Notifier::accept(&mut world);
        assert_eq!(subscribe.uri.to_string(), TRUNK);
        notifier.says(&mut world, vec![anchor(ContactEvent::Created), range_registration(true)], "active;expires=3600");
        assert_eq!(world.status(guest_1, &guest(1)), 200);
        let two = register(&mut world, Kind::Range, 2);
        let alice = register(&mut world, Kind::Token, 1);
        call_out(&mut world, &two);
        notifier.says(&mut world, last, "active;expires=3600");
        assert_eq!(world.at_core().method, Method::Bye);
        assert_eq!(world.at_wic(two.flow).method, Method::Bye);
        assert_eq!(world.closed_with(guest_1), Some(1008));
        assert_eq!(world.closed_with(two.flow), Some(1008));
        assert_eq!(world.closed_with(alice.flow), None);
        assert_eq!(causes(&mut world), [Cause::Network, Cause::Network]);
        // Nobody gets in until the range is back.
        let again = world.connect(PARTNER);
        assert_eq!(world.status(again, &guest(3)), 403);
        notifier.says(&mut world, vec![anchor(ContactEvent::Created), range_registration(true)], "active;expires=3600");
        let again = world.connect(PARTNER);
        assert_eq!(world.status(again, &guest(3)), 200);
    }
}

/// A core that does not say anything of ranges leaves them alone.
#[test]
fn a_range_that_the_core_does_not_speak_of_stays() {
    let mut world = with_anchors();
    world.sleep(0);
    let flow = world.connect(PARTNER);
    let (mut notifier, _) = Notifier::accept(&mut world);
    assert_eq!(world.status(flow, &guest(1)), 200);
    let init = Registration { state: RegState::Init, ..Registration::active(TRUNK, "a") };
    notifier.says(&mut world, vec![init], "active;expires=3600");
    notifier.says(&mut world, vec![], "active;expires=3600");
    assert_eq!((world.closed_with(flow), world.edge.load().bindings), (None, 1));
    // It ends the subscription: a new one, after a while.
    notifier.says(&mut world, vec![], "terminated;reason=noresource");
    world.sleep(30);
    assert_eq!(world.at_core().method, Method::Subscribe);
}

// The edge as the notifier.

/// A document that the edge has sent, and the state of the subscription; it is answered 200.
fn notified(world: &mut World, wic: &Wic) -> (RegInfo, String) {
    let notify = world.at_wic(wic.flow);
    assert_eq!((notify.method.clone(), value(&notify, HeaderName::Event)), (Method::Notify, "reg"));
    assert_eq!(value(&notify, HeaderName::ContentType), "application/reginfo+xml");
    assert_eq!(notify.uri.to_string(), wic.contact);
    world.wic(wic.flow, notify.respond(StatusCode::OK).to_bytes());
    let document = RegInfo::parse(std::str::from_utf8(&notify.body).unwrap()).unwrap();
    (document, value(&notify, HeaderName::SubscriptionState).to_owned())
}

fn subscribe(world: &mut World, wic: &Wic, to: &str, lines: &str) -> (String, sip::Response) {
    let text = wic.request(world, "SUBSCRIBE", to, lines, "");
    world.wic(wic.flow, &text);
    let answer = world.answer(wic.flow);
    (text, answer)
}

/// EVT-01 where the edge is the registrar: full state, changes, refresh, the end.
#[test]
fn a_range_user_may_watch_its_own_registration() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Range, 1);
    let (text, answer) = subscribe(&mut world, &wic, &wic.impu, "Event: reg\r\nExpires: 600\r\n");
    assert_eq!((answer.status, answer.headers.value(&HeaderName::Expires)), (StatusCode::OK, Some("600")));
    let (document, state) = notified(&mut world, &wic);
    assert_eq!(state, "active;expires=600");
    assert_eq!((document.version, document.full), (0, true));
    let told = &document.registrations[0];
    assert_eq!((told.aor.as_str(), told.state), (wic.impu.as_str(), RegState::Active));
    assert_eq!((told.contacts[0].uri.as_str(), told.contacts[0].active), (wic.contact.as_str(), true));
    assert_eq!(told.contacts[0].event, ContactEvent::Registered);

    world.wic(wic.flow, register_of(Kind::Range, 1).cseq(2).text());
    assert_eq!(world.answer(wic.flow).status, StatusCode::OK);
    let (document, _) = notified(&mut world, &wic);
    assert_eq!((document.version, document.registrations[0].contacts[0].event), (1, ContactEvent::Refreshed));

    let mut end = End::wic(Dialog::uac(&parse(&text), &answer).unwrap());
    let refresh = end.says(&mut world, Method::Subscribe, "").with_raw(HeaderName::Event, "reg");
    world.wic(wic.flow, refresh.with_raw(HeaderName::Expires, "900").to_bytes());
    assert_eq!(world.answer(wic.flow).headers.value(&HeaderName::Expires), Some("900"));
    let (document, state) = notified(&mut world, &wic);
    assert_eq!((document.version, state.as_str()), (2, "active;expires=900"));

    world.wic(wic.flow, register_of(Kind::Range, 1).cseq(3).contact("*").line("Expires: 0").text());
    assert_eq!(world.answer(wic.flow).status, StatusCode::OK);
    let (document, state) = notified(&mut world, &wic);
    assert_eq!(state, "terminated;reason=noresource");
    let told = &document.registrations[0];
    assert_eq!((told.state, told.contacts[0].event), (RegState::Terminated, ContactEvent::Unregistered));
    assert!(!told.contacts[0].active);
    assert_eq!(world.edge.load().subscriptions, 0);
    assert!(world.mw.is_empty(), "the core knows nothing of it");
}

#[test]
fn a_subscription_ends_when_it_is_not_refreshed_or_nobody_listens() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Range, 1);
    subscribe(&mut world, &wic, &wic.impu, "Event: reg\r\nExpires: 60\r\n");
    notified(&mut world, &wic);
    world.sleep(60);
    assert_eq!(notified(&mut world, &wic).1, "terminated;reason=timeout");
    // Expires: 0 asks once (RFC 6665 §4.4.3).
    subscribe(&mut world, &wic, &wic.impu, "Event: reg\r\nExpires: 0\r\n");
    assert_eq!(notified(&mut world, &wic).1, "terminated;reason=timeout");
    subscribe(&mut world, &wic, &wic.impu, "Event: reg\r\n");
    let notify = world.at_wic(wic.flow);
    world.wic(wic.flow, notify.respond(StatusCode::CALL_DOES_NOT_EXIST).to_bytes());
    assert_eq!(world.edge.load().subscriptions, 0);
}

/// EVT-02, EVT-06 where the edge is the notifier.
#[test]
fn strangers_and_other_packages_are_refused() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Range, 1);
    register(&mut world, Kind::Range, 2);
    let (_, answer) = subscribe(&mut world, &wic, "sip:guest-2@partner.ims.example", "Event: reg\r\n");
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    for lines in ["Event: foo\r\n", ""] {
        let (_, answer) = subscribe(&mut world, &wic, &wic.impu, lines);
        assert_eq!((answer.status.code(), answer.headers.value(&HeaderName::AllowEvents)), (489, Some("reg")));
    }
    let mut world = World::with(|config| config.policy.reg_event.serve = false);
    let wic = register(&mut world, Kind::Range, 1);
    let (_, answer) = subscribe(&mut world, &wic, &wic.impu, "Event: reg\r\n");
    assert_eq!(answer.status.code(), 489);
    // What is about others, or of others, is the S-CSCF's to judge.
    let mut world = World::new();
    for (kind, to) in [(Kind::Range, "sip:bob@ims.example"), (Kind::Token, USER)] {
        let wic = register(&mut world, kind, 1);
        let text = wic.request(&mut world, "SUBSCRIBE", to, "Event: reg\r\n", "");
        world.wic(wic.flow, &text);
        assert_eq!(world.at_core().method, Method::Subscribe);
    }
}

/// A WIC that comes back on another connection goes on watching there.
#[test]
fn a_subscription_here_follows_its_wic() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Range, 1);
    subscribe(&mut world, &wic, &wic.impu, "Event: reg\r\n");
    notified(&mut world, &wic);
    world.lose(wic.flow);
    let flow = world.connect(PARTNER);
    world.wic(flow, register_of(Kind::Range, 1).cseq(2).text());
    world.answer(flow);
    let back = Wic { flow, ..wic };
    assert_eq!(notified(&mut world, &back).0.version, 1);
}

/// What the core answers to a REGISTER counts before any NOTIFY.
#[test]
fn the_default_identity_is_watched() {
    let mut world = watching();
    let flow = world.connect(crate::world::OPERATOR);
    world
        .wic(flow, Register::new(USER).line("Authorization: Digest username=\"u@ims.example\", response=\"r\"").text());
    let request = world.at_core();
    let mut answer = ok(&request);
    answer.headers.set(HeaderName::PAssociatedUri, "<sip:boss@ims.example>, <sip:user-1@ims.example>");
    world.core_answers(answer);
    assert_eq!(world.at_core().uri.to_string(), "sip:boss@ims.example");
}
