//! The subscription to the own registration (RFC 3680), and what follows from it.

use ims::reginfo::{ContactEvent, MEDIA_TYPE, RegContact, RegInfo, RegState, Registration};
use sip::dialog::{self, Dialog};
use sip::headers::{Contact, Event as EventHeader, Expires, SubscriptionState};
use sip::{Framing, HeaderName, Message, Method, Request, Response, StatusCode};
use wic::{Cause, Config};

use crate::script::{Wic, accept, accept_digest, digest_config, response};

/// A WIC that is registered and has subscribed, and the notifier's end.
struct Watched {
    wic: Wic,
    dialog: Dialog,
    contact: String,
    version: u32,
}

fn config() -> Config {
    let mut config = digest_config();
    config.reg_event = true;
    config
}

fn next(wic: &mut Wic) -> Message {
    let octets = wic.sent.pop_front().expect("something was sent");
    Message::parse(octets, Framing::WebSocket).expect("SIP")
}

fn next_request(wic: &mut Wic, method: Method) -> Request {
    match next(wic) {
        Message::Request(request) if request.method == method => request,
        other => panic!("not {method}: {other:?}"),
    }
}

fn next_status(wic: &mut Wic) -> u16 {
    match next(wic) {
        Message::Response(response) => response.status.code(),
        other => panic!("not a response: {other:?}"),
    }
}

/// Registers, up to the SUBSCRIBE.
fn subscribing() -> (Wic, Request, String) {
    let mut wic = Wic::new(config());
    wic.start();
    wic.connected();
    let opening = wic.register();
    wic.answer(crate::script::challenge(&opening, &[sip::digest::Algorithm::Sha256], "n1", false));
    let register = wic.register();
    let contact = register.headers.first::<Contact>().unwrap().unwrap().uri.to_string();
    wic.answer(accept_digest(&register, 3600, None));
    wic.assert_state("registered");
    let subscribe = next_request(&mut wic, Method::Subscribe);
    (wic, subscribe, contact)
}

fn granted(subscribe: &Request) -> Response {
    let contact = Contact::new("sip:scscf1.ims.example".parse().unwrap());
    dialog::respond(subscribe, StatusCode::OK, "notifier", &contact).with(&Expires(7200))
}

impl Watched {
    fn new() -> Self {
        let (mut wic, subscribe, contact) = subscribing();
        let ok = granted(&subscribe);
        wic.answer(ok.clone());
        let mut dialog = Dialog::uas(&subscribe, "notifier").unwrap();
        dialog.confirm(&ok).unwrap();
        let mut watched = Self { wic, dialog, contact, version: 0 };
        assert_eq!(watched.notify(ContactEvent::Registered, |_| {}), 200);
        watched
    }

    fn contact(&self, event: ContactEvent) -> RegContact {
        RegContact::active("c1", event, self.contact.clone())
    }

    /// Tells what happened to the contact; the status of the answer.
    fn notify(&mut self, event: ContactEvent, change: impl FnOnce(&mut RegContact)) -> u16 {
        let mut contact = self.contact(event);
        use ContactEvent::{Deactivated, Expired, Probation, Rejected, Unregistered};
        contact.active = !matches!(event, Deactivated | Expired | Probation | Rejected | Unregistered);
        change(&mut contact);
        let mut registration = Registration::active("sip:alice@ims.example", "r1");
        if !contact.active {
            registration.state = RegState::Terminated;
        }
        registration.contacts.push(contact);
        let over = registration.state == RegState::Terminated;
        let told = RegInfo { version: self.version, full: true, registrations: vec![registration] };
        self.version += 1;
        let state = if over { SubscriptionState::terminated("deactivated") } else { SubscriptionState::active(7000) };
        self.send(&told.to_xml(), &state)
    }

    fn send(&mut self, body: &str, state: &SubscriptionState) -> u16 {
        let notify = self.request(body, state);
        self.wic.receive(notify.to_bytes());
        next_status(&mut self.wic)
    }

    fn request(&mut self, body: &str, state: &SubscriptionState) -> Request {
        let branch = format!("SIP/2.0/WSS epcscf1.ims.example;branch=z9hG4bKn{}", self.version);
        self.dialog
            .request(Method::Notify)
            .with_raw(HeaderName::Via, branch)
            .with(&Contact::new("sip:scscf1.ims.example".parse().unwrap()))
            .with(&EventHeader::new("reg"))
            .with(state)
            .with_body(MEDIA_TYPE, body.to_owned())
    }
}

/// TS 24.229 §5.1.1.3.
#[test]
fn it_subscribes_once_it_is_registered() {
    let (mut wic, subscribe, _) = subscribing();
    assert_eq!(subscribe.uri.to_string(), "sip:alice@ims.example");
    assert_eq!(subscribe.headers.value(&HeaderName::Event), Some("reg"));
    assert_eq!(subscribe.headers.value(&HeaderName::Accept), Some(MEDIA_TYPE));
    assert_eq!(subscribe.headers.value(&HeaderName::Expires), Some("600000"));
    assert_eq!(subscribe.headers.value(&HeaderName::Route), Some("<sip:orig@scscf1.ims.example;lr>"));
    wic.answer(granted(&subscribe));
    // Refreshed 600 s before the end (7200 s were granted); the registration comes first.
    wic.pass_secs(2999);
    wic.sent_nothing();
    wic.pass_secs(1);
    let register = wic.register();
    wic.answer(accept_digest(&register, 36_000, None));
    wic.sent_nothing();
    wic.pass_secs(3600);
    let refresh = next_request(&mut wic, Method::Subscribe);
    assert_eq!(refresh.to().unwrap().tag(), Some("notifier"));
    assert_eq!(refresh.uri.to_string(), "sip:scscf1.ims.example");
    wic.answer(response(&refresh, 481));
    let anew = next_request(&mut wic, Method::Subscribe);
    assert_eq!(anew.to().unwrap().tag(), None);
}

#[test]
fn a_network_that_grants_none_is_not_asked_again() {
    for status in [403, 405, 489, 501] {
        let (mut wic, subscribe, _) = subscribing();
        wic.answer(response(&subscribe, status));
        wic.pass_secs(3000);
        let register = wic.register();
        wic.answer(accept_digest(&register, 3600, None));
        wic.sent_nothing();
    }
}

/// RFC 6665 §4.4.1.
#[test]
fn a_notify_may_come_before_the_200() {
    let (wic, subscribe, contact) = subscribing();
    let mut dialog = Dialog::uas(&subscribe, "notifier").unwrap();
    dialog.confirm(&granted(&subscribe)).unwrap();
    let mut watched = Watched { wic, dialog, contact, version: 0 };
    assert_eq!(watched.notify(ContactEvent::Registered, |_| {}), 200);
    watched.wic.answer(granted(&subscribe));
    assert_eq!(watched.notify(ContactEvent::Refreshed, |_| {}), 200);
    watched.wic.assert_state("registered");
}

/// NET-02.
#[test]
fn deactivated_registers_again_at_once() {
    let mut watched = Watched::new();
    watched.wic.pass_secs(60);
    assert_eq!(watched.notify(ContactEvent::Deactivated, |_| {}), 200);
    let wic = &mut watched.wic;
    wic.assert_state("registering");
    // The eP-CSCF may close the connection of the registration that is over.
    let register = next_request(wic, Method::Register);
    wic.closed(1008);
    wic.connected();
    let again = next_request(wic, Method::Register);
    assert!(crate::script::cseq(&again) > crate::script::cseq(&register));
    wic.answer(crate::script::challenge(&again, &[sip::digest::Algorithm::Sha256], "n2", false));
    let again = wic.register();
    wic.answer(accept_digest(&again, 3600, None));
    wic.assert_state("registered");
    next_request(wic, Method::Subscribe);
}

#[test]
fn a_network_that_deactivates_at_once_is_not_asked_at_once() {
    let mut watched = Watched::new();
    watched.notify(ContactEvent::Deactivated, |_| {});
    watched.wic.assert_state("backing-off");
    watched.wic.pass_to_timer();
    next_request(&mut watched.wic, Method::Register);
}

/// NET-01.
#[test]
fn rejected_is_the_end() {
    let mut watched = Watched::new();
    assert_eq!(watched.notify(ContactEvent::Rejected, |_| {}), 200);
    watched.wic.assert_state("failed");
    assert_eq!(watched.wic.failure().cause, Cause::Deregistered);
    watched.wic.pass_secs(10_000);
    watched.wic.sent_nothing();
}

#[test]
fn probation_registers_again_after_the_time_that_is_named() {
    let mut watched = Watched::new();
    watched.notify(ContactEvent::Probation, |contact| contact.retry_after = Some(300));
    watched.wic.assert_state("backing-off");
    watched.wic.pass_secs(299);
    watched.wic.sent_nothing();
    watched.wic.pass_secs(1);
    next_request(&mut watched.wic, Method::Register);
}

/// NET-06.
#[test]
fn shortened_registers_again_in_time() {
    let mut watched = Watched::new();
    watched.notify(ContactEvent::Shortened, |contact| contact.expires = Some(60));
    watched.wic.assert_state("registered");
    watched.wic.pass_secs(29);
    watched.wic.sent_nothing();
    watched.wic.pass_secs(1);
    next_request(&mut watched.wic, Method::Register);
}

#[test]
fn unregistered_by_somebody_else_is_taken_for_the_end() {
    let mut watched = Watched::new();
    watched.notify(ContactEvent::Unregistered, |_| {});
    watched.wic.assert_state("idle");
}

/// NET-07: the eP-CSCF ends in our name what outlived its token.
#[test]
fn a_registration_that_ended_with_its_token_is_made_anew_with_another() {
    let mut config = crate::script::token_config(wic::TokenScenario::WebAuth);
    config.reg_event = true;
    let mut wic = Wic::new(config);
    wic.start();
    wic.token(Ok(crate::script::grant("first", 100)));
    wic.connected();
    let register = wic.register();
    let contact = register.headers.first::<Contact>().unwrap().unwrap().uri.to_string();
    wic.answer(accept(&register, 3600));
    let subscribe = next_request(&mut wic, Method::Subscribe);
    let mut dialog = Dialog::uas(&subscribe, "notifier").unwrap();
    dialog.confirm(&granted(&subscribe)).unwrap();
    wic.answer(granted(&subscribe));
    wic.pass_secs(50);
    wic.token(Err(wic::TokenFailure::Unavailable("down".to_owned())));
    wic.pass_secs(51);
    let mut watched = Watched { wic, dialog, contact, version: 0 };
    watched.notify(ContactEvent::Unregistered, |_| {});
    watched.wic.assert_state("fetching-token");
    watched.wic.token(Ok(crate::script::grant("second", 100)));
    let register = watched.wic.register();
    assert_eq!(crate::script::token_of(&register), "second");
}

/// NET-04.
#[test]
fn expired_registers_again() {
    let mut watched = Watched::new();
    watched.wic.pass_secs(60);
    watched.notify(ContactEvent::Expired, |_| {});
    next_request(&mut watched.wic, Method::Register);
}

#[test]
fn what_happens_to_another_contact_does_not_concern_us() {
    let mut watched = Watched::new();
    for event in [ContactEvent::Rejected, ContactEvent::Deactivated, ContactEvent::Unregistered] {
        watched.notify(event, |contact| contact.uri = "sip:other@elsewhere.invalid;transport=ws".to_owned());
        watched.wic.assert_state("registered");
        watched.wic.sent.clear();
        let (wic, subscribe, contact) = subscribing();
        let mut dialog = Dialog::uas(&subscribe, "notifier").unwrap();
        dialog.confirm(&granted(&subscribe)).unwrap();
        watched = Watched { wic, dialog, contact, version: 0 };
    }
}

#[test]
fn an_identity_that_leaves_the_set_leaves_the_registration() {
    let mut watched = Watched::new();
    let mut left = Registration::active("sip:old@ims.example", "r2");
    left.state = RegState::Terminated;
    let mut contact = watched.contact(ContactEvent::Deactivated);
    contact.active = false;
    left.contacts.push(contact);
    let told = RegInfo { version: 1, full: false, registrations: vec![left] };
    watched.version = 2;
    assert_eq!(watched.send(&told.to_xml(), &SubscriptionState::active(7000)), 200);
    watched.wic.assert_state("registered");
    watched.wic.sent_nothing();
}

/// EVT-03.
#[test]
fn a_gap_in_the_versions_asks_for_all_of_it() {
    let mut watched = Watched::new();
    let told = RegInfo { version: 7, full: false, registrations: Vec::new() };
    assert_eq!(watched.send(&told.to_xml(), &SubscriptionState::active(7000)), 200);
    let refresh = next_request(&mut watched.wic, Method::Subscribe);
    assert_eq!(refresh.to().unwrap().tag(), Some("notifier"));
}

/// EVT-06, and what else does not belong to the subscription.
#[test]
fn other_notifications_are_refused() {
    let mut watched = Watched::new();
    let body = RegInfo { version: 1, full: true, registrations: Vec::new() }.to_xml();
    let state = SubscriptionState::active(60);
    let notify = watched.request(&body, &state);
    type Change = fn(&mut Request);
    let changes: [(Change, u16); 4] = [
        (|r| r.headers.set(HeaderName::Event, "presence"), 489),
        (|r| r.headers.set(HeaderName::CallId, "another"), 481),
        (|r| r.headers.set(HeaderName::ContentType, "text/plain"), 415),
        (|r| r.body = "<reginfo".into(), 400),
    ];
    for (number, (change, status)) in changes.into_iter().enumerate() {
        let mut notify = notify.clone();
        let cseq = 10 + u32::try_from(number).unwrap();
        notify.headers.replace(&sip::headers::CSeq { number: cseq, method: Method::Notify });
        notify.headers.set(HeaderName::Via, format!("SIP/2.0/WSS epcscf1.ims.example;branch=z9hG4bKx{number}"));
        change(&mut notify);
        watched.wic.receive(notify.to_bytes());
        assert_eq!(next_status(&mut watched.wic), status);
    }
    watched.wic.assert_state("registered");
}

#[test]
fn a_subscription_that_ends_is_asked_for_anew_as_its_reason_says() {
    for (reason, after) in [("deactivated", Some(1)), ("timeout", Some(1)), ("giveup", Some(60)), ("rejected", None)] {
        let mut watched = Watched::new();
        let mut registration = Registration::active("sip:alice@ims.example", "r1");
        registration.contacts.push(watched.contact(ContactEvent::Registered));
        let told = RegInfo { version: 1, full: true, registrations: vec![registration] };
        watched.version = 1;
        assert_eq!(watched.send(&told.to_xml(), &SubscriptionState::terminated(reason)), 200);
        let wic = &mut watched.wic;
        wic.pass_secs(after.unwrap_or(1000) - 1);
        wic.sent_nothing();
        wic.pass_secs(1);
        assert_eq!(!wic.sent.is_empty(), after.is_some(), "{reason}");
    }
}

/// A new connection has a subscription of its own.
#[test]
fn it_subscribes_again_on_another_connection() {
    let mut watched = Watched::new();
    let wic = &mut watched.wic;
    wic.closed(1006);
    wic.pass_to_timer();
    wic.connected();
    let register = next_request(wic, Method::Register);
    wic.answer(accept(&register, 3600));
    wic.assert_state("failed");
    let mut watched = Watched::new();
    let wic = &mut watched.wic;
    wic.closed(1006);
    wic.pass_to_timer();
    wic.connected();
    let opening = wic.register();
    wic.answer(crate::script::challenge(&opening, &[sip::digest::Algorithm::Sha256], "n2", false));
    let register = wic.register();
    wic.answer(accept_digest(&register, 3600, None));
    let subscribe = next_request(wic, Method::Subscribe);
    assert_eq!(subscribe.to().unwrap().tag(), None);
    let state = SubscriptionState::active(60);
    let body = RegInfo { version: 1, full: true, registrations: Vec::new() }.to_xml();
    assert_eq!(watched.send(&body, &state), 481);
}
