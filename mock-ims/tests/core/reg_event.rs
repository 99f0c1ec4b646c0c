//! The `reg` event (RFC 3680, TS 24.229 §5.4.2.1): who may watch, and what each is told.

use crate::client::Client;
use crate::ladder::assert_ladder;
use crate::user::User;
use crate::world::{Arrived, EPCSCF, ICSCF, World, impi, impu};
use ims::profile::Identity;
use ims::reginfo::{ContactEvent, RegInfo, RegState, View};
use mock_ims::cx::DeregistrationReason;
use mock_ims::hss::AdminRequest;
use sip::dialog::Dialog;
use sip::headers::SubscriptionState;
use sip::{HeaderName, Method, Request, Response, StatusCode};
use std::time::Duration;

/// One who watches: the subscription's dialog, and what it was told.
struct Watcher {
    user: User,
    subscribe: Request,
    dialog: Dialog,
    view: View,
    /// The branch of the next SUBSCRIBE.
    next: u32,
}

fn state(notify: &Request) -> SubscriptionState {
    notify.headers.one().unwrap()
}

fn document(notify: &Request) -> RegInfo {
    assert_eq!(notify.headers.value(&HeaderName::ContentType), Some("application/reginfo+xml"));
    assert_eq!(notify.headers.value(&HeaderName::Event), Some("reg"));
    RegInfo::parse(std::str::from_utf8(&notify.body).unwrap()).unwrap()
}

fn subscribe_to(user: &mut User, to: &str, expires: u32) -> Request {
    let lines = format!("Event: reg\r\nAccept: application/reginfo+xml\r\nExpires: {expires}\r\n");
    user.request_with("SUBSCRIBE", to, &lines)
}

impl Watcher {
    /// Subscribes a user to its own registration.
    fn subscribe(world: &mut World, user: User, expires: u32) -> Self {
        let (mut user, own) = (user.clone(), user.impu);
        let subscribe = subscribe_to(&mut user, &own, expires);
        world.originate(&subscribe);
        Self::accepted(world, user, subscribe)
    }

    /// An eP-CSCF subscribes by itself, through the I-CSCF.
    fn of_edge(world: &mut World, to: &str) -> Self {
        let mut edge = User::of("edge");
        let mut subscribe = subscribe_to(&mut edge, to, 600);
        subscribe.headers.remove(&HeaderName::Route);
        subscribe.headers.remove(&HeaderName::RecordRoute);
        subscribe.headers.set(HeaderName::Contact, "<sip:epcscf1.ims.example>");
        subscribe.headers.set(HeaderName::PAssertedIdentity, "<sip:epcscf1.ims.example>");
        world.start(EPCSCF, ICSCF, &subscribe);
        Self::accepted(world, edge, subscribe)
    }

    fn accepted(world: &mut World, user: User, subscribe: Request) -> Self {
        let ok = world.responses().pop().unwrap();
        assert_eq!(ok.status, StatusCode::OK, "{ok}");
        assert!(ok.headers.has(&HeaderName::Expires));
        let dialog = Dialog::uac(&subscribe, &ok).unwrap();
        let mut watcher = Self { user, subscribe, dialog, view: View::default(), next: 0 };
        let first = watcher.told(world);
        assert_eq!((first.0.version, first.0.full), (0, true));
        watcher
    }

    /// Takes the one NOTIFY that came, and answers it.
    fn told(&mut self, world: &mut World) -> (RegInfo, SubscriptionState) {
        let notify = world.one_arrived();
        self.take(world, &notify)
    }

    fn take(&mut self, world: &mut World, notify: &Arrived) -> (RegInfo, SubscriptionState) {
        assert_eq!(notify.request.method, Method::Notify, "{}", notify.request);
        assert_eq!(notify.request.call_id().unwrap(), self.subscribe.call_id().unwrap());
        self.dialog.receive(&notify.request).expect("it comes in order");
        let told = document(&notify.request);
        self.view.apply(told.clone()).expect("nothing was left out");
        world.reply(notify, &notify.request.respond(StatusCode::OK));
        (told, state(&notify.request))
    }

    /// A SUBSCRIBE in the dialog.
    fn again(&mut self, world: &mut World, expires: u32) -> Response {
        self.next += 1;
        let mut request = self.dialog.request(Method::Subscribe);
        let is_edge = |route: &sip::headers::Route| route.uri.to_string().contains("epcscf1");
        let routes: Vec<_> = request.headers.all().unwrap().into_iter().skip_while(is_edge).collect();
        sip::proxy::set_routes(&mut request, &routes);
        let via = format!("SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKs{}{};rport", self.user.flow, self.next);
        request.headers.push_front(HeaderName::Via, via);
        request.headers.push(HeaderName::Event, "reg");
        request.headers.push(HeaderName::Expires, expires.to_string());
        request.headers.push(HeaderName::Contact, format!("<{}>", self.user.contact));
        world.originate(&request);
        world.responses().pop().unwrap()
    }

    /// The event of the one contact that a document tells of under an address of record.
    fn event(told: &RegInfo, aor: &str) -> (RegState, Vec<(bool, ContactEvent)>) {
        let registration = told.registrations.iter().find(|r| r.aor == aor).unwrap_or_else(|| panic!("{told:?}"));
        (registration.state, registration.contacts.iter().map(|c| (c.active, c.event)).collect())
    }
}

const ALICE: &str = "sip:alice@ims.example";

/// EVT-01: 200, then the whole state as version 0, with what there is to know of the contact.
#[test]
fn a_user_watches_its_own_registration() {
    let mut world = World::new();
    let alice = world.register("alice");
    let mut watcher = Watcher::subscribe(&mut world, alice, 600);
    let registration = watcher.view.registration(ALICE).unwrap().clone();
    assert_eq!(registration.state, RegState::Active);
    let contact = &registration.contacts[0];
    assert_eq!((contact.active, contact.event), (true, ContactEvent::Registered));
    assert_eq!((contact.uri.as_str(), contact.expires), ("sip:alice@k3f9q2.invalid;transport=ws", Some(600)));
    assert_eq!(contact.param("reg-id"), Some("1"));
    assert_eq!(contact.pub_gruu.as_deref(), Some("sip:alice@ims.example;gr=urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-alice"));
    assert!(contact.temp_gruu.is_some());
    assert_ladder("reg-event", &world);
    assert_eq!(watcher.again(&mut world, 0).status, StatusCode::OK);
    let (_, state) = watcher.told(&mut world);
    assert_eq!((state.is_terminated(), state.reason()), (true, Some("timeout")));
    assert_eq!(world.scscf.watchers(), 0);
    world.advance(Duration::from_secs(700));
    assert!(world.is_idle_at_last());
}

/// EVT-02, EVT-06 and who else gets nothing.
#[test]
fn who_may_not_watch_is_told_so() {
    for (to, event, from, status) in [
        (ALICE, "reg", "bob", 403),
        ("sip:nobody@ims.example", "reg", "bob", 404),
        ("sip:carol@ims.example", "reg", "bob", 480),
        (ALICE, "foo", "alice", 489),
    ] {
        let mut world = World::new();
        let mut user = world.register("alice");
        if from != "alice" {
            user = world.register(from);
        }
        world.originate(&user.request_with("SUBSCRIBE", to, &format!("Event: {event}\r\nExpires: 600\r\n")));
        let response = world.responses().pop().unwrap();
        assert_eq!(response.status.code(), status, "{from} {to} {event}");
        assert_eq!(response.headers.value(&HeaderName::AllowEvents), (status == 489).then_some("reg"));
        assert!(world.arrived().is_empty() && world.scscf.watchers() == 0);
    }
}

/// What somebody asks of the user's own agents goes to them.
#[test]
fn another_event_of_another_user_goes_to_the_contact() {
    let mut world = World::new();
    world.register("alice");
    let mut bob = world.register("bob");
    world.originate(&bob.request_with("SUBSCRIBE", ALICE, "Event: presence\r\n"));
    assert_eq!(world.one_arrived().request.uri.to_string(), "sip:alice@k3f9q2.invalid;transport=ws");
}

/// EVT-04 at the S-CSCF: the eP-CSCF on the Path may watch, another proxy may not.
#[test]
fn the_edge_on_the_path_watches() {
    let mut world = World::new();
    world.register("alice");
    let watcher = Watcher::of_edge(&mut world, ALICE);
    assert!(watcher.view.registration(ALICE).is_some());
    let mut other = subscribe_to(&mut User::of("other"), ALICE, 600);
    other.headers.remove(&HeaderName::Route);
    other.headers.set(HeaderName::PAssertedIdentity, "<sip:epcscf9.ims.example>");
    world.start(EPCSCF, ICSCF, &other);
    assert_eq!(world.statuses(), [403]);
}

/// EVT-05: the range of the anchor is told with its `!`.
#[test]
fn a_wildcard_is_told_as_such() {
    let mut world = World::with_anchor();
    let watcher = Watcher::of_edge(&mut world, "sip:trunk@partner.ims.example");
    let range = "sip:guest-!.*!@partner.ims.example";
    let registration = watcher.view.registration(range).unwrap();
    assert_eq!(registration.wildcarded.as_deref(), Some(range));
    assert_eq!((registration.contacts[0].event, registration.contacts[0].expires), (ContactEvent::Created, None));
}

/// NET-01, NET-02, NET-03, NET-04, TNA-08, DER-01 and the rest: what ends a registration ends the
/// subscription, and says why; nobody is sent a REGISTER.
#[test]
fn every_end_of_a_registration_has_its_event() {
    type End = fn(&mut World);
    let permanent: End = |world| {
        let reason = DeregistrationReason::PermanentTermination;
        world.admin(AdminRequest::Deregister { impu: impu("alice"), reason });
    };
    let change: End = |world| {
        let reason = DeregistrationReason::ServerChange;
        world.admin(AdminRequest::Deregister { impu: impu("alice"), reason });
    };
    let user: End = |world| world.admin(AdminRequest::RemoveUser { impi: impi("alice") });
    let timer: End = |world| world.advance(Duration::from_secs(601));
    let leave: End = |world| {
        let mut alice = Client { cseq: 10, branch: 10, ..Client::of("alice") };
        let register = alice.register_by_tna(0, "");
        world.start(EPCSCF, ICSCF, &register);
    };
    let waf: End = |world| world.admin(AdminRequest::SetAllowed { impu: impu("alice"), wafs: vec![], wwsfs: vec![] });
    let probation: End = |world| {
        world.scscf.put_on_probation(world.now, &impu("alice"), 30);
        world.run();
    };
    let flow: End = |world| {
        let mut bob = world.register("bob");
        world.originate(&bob.request("MESSAGE", ALICE));
        let arrived = world.one_arrived();
        world.reply(&arrived, &arrived.request.respond(StatusCode::FLOW_FAILED));
    };
    for (what, end, event) in [
        ("permanent", permanent, ContactEvent::Rejected),
        ("change", change, ContactEvent::Deactivated),
        ("removed", user, ContactEvent::Rejected),
        ("timer", timer, ContactEvent::Expired),
        ("leave", leave, ContactEvent::Unregistered),
        ("waf", waf, ContactEvent::Rejected),
        ("probation", probation, ContactEvent::Probation),
        ("flow", flow, ContactEvent::Deactivated),
    ] {
        let mut world = World::new();
        let waf = ", authorization-entity=\"waf.ims.example\"";
        assert_eq!(world.send(&Client::of("alice").register_by_tna(600, waf)).status, StatusCode::OK);
        let mut watcher = Watcher::subscribe(&mut world, User::of("alice"), 3600);
        end(&mut world);
        let (told, state) = watcher.told(&mut world);
        assert_eq!(Watcher::event(&told, ALICE), (RegState::Terminated, vec![(false, event)]), "{what}");
        assert!(state.is_terminated(), "{what}: {state}");
        assert!(watcher.view.is_over());
        let retry = told.registrations[0].contacts[0].retry_after;
        assert_eq!(retry, (what == "probation").then_some(30));
        assert!(world.requests_to(EPCSCF).iter().all(|request| request.method != Method::Register));
        world.advance(Duration::from_secs(700));
        assert!(world.is_idle_at_last(), "{what}");
    }
}

/// Refreshes, a second contact and its end, each as a partial document one version on.
#[test]
fn what_happens_to_contacts_is_told_in_turn() {
    let mut world = World::new();
    let mut client = Client::of("alice");
    assert_eq!(world.send(&client.register_by_tna(600, "")).status, StatusCode::OK);
    let mut watcher = Watcher::subscribe(&mut world, User::of("alice"), 3600);
    let mut tablet = Client {
        contact: "<sip:tablet@k3f9q2.invalid;transport=ws>".into(),
        call_id: "t".into(),
        ..Client::of("alice")
    };
    for (n, (register, event, active)) in [
        (client.register_by_tna(600, ""), ContactEvent::Refreshed, true),
        (tablet.register_by_tna(300, ""), ContactEvent::Registered, true),
        (tablet.register_by_tna(0, ""), ContactEvent::Unregistered, false),
    ]
    .into_iter()
    .enumerate()
    {
        world.start(EPCSCF, ICSCF, &register);
        let (told, state) = watcher.told(&mut world);
        assert_eq!((told.version, told.full), (u32::try_from(n).unwrap() + 1, false));
        assert_eq!(Watcher::event(&told, ALICE), (RegState::Active, vec![(active, event)]));
        if active {
            let (by, contact) = (register.cseq().unwrap().number, &told.registrations[0].contacts[0]);
            assert_eq!(
                (contact.call_id.clone(), contact.cseq),
                (register.call_id().ok().map(|id| id.to_string()), Some(by))
            );
        }
        assert!(!state.is_terminated() && state.expires() == Some(3600));
    }
}

/// NET-06: ended earlier by the network, so that the user authenticates again.
#[test]
fn a_shortened_registration_says_so_and_ends_then() {
    let mut world = World::new();
    let alice = world.register("alice");
    let mut watcher = Watcher::subscribe(&mut world, alice, 3600);
    assert_eq!(world.scscf.shorten(world.now, &impu("alice"), 60), 1);
    world.run();
    let (told, _) = watcher.told(&mut world);
    assert_eq!(Watcher::event(&told, ALICE).1, [(true, ContactEvent::Shortened)]);
    assert_eq!(told.registrations[0].contacts[0].expires, Some(60));
    world.advance(Duration::from_secs(61));
    let (told, _) = watcher.told(&mut world);
    assert_eq!(Watcher::event(&told, ALICE).1, [(false, ContactEvent::Expired)]);
}

/// What happens while a NOTIFY is under way goes into the next one: they can't overtake each other.
#[test]
fn one_notify_is_under_way_at_a_time() {
    let mut world = World::new();
    let mut client = Client::of("alice");
    assert_eq!(world.send(&client.register_by_tna(600, "")).status, StatusCode::OK);
    let mut watcher = Watcher::subscribe(&mut world, User::of("alice"), 3600);
    world.start(EPCSCF, ICSCF, &client.register_by_tna(600, ""));
    let first = world.one_arrived();
    world.start(EPCSCF, ICSCF, &client.register_by_tna(600, ""));
    world.start(EPCSCF, ICSCF, &client.register_by_tna(0, ""));
    assert!(world.arrived().is_empty());
    watcher.take(&mut world, &first);
    let (told, state) = watcher.told(&mut world);
    assert_eq!(told.version, 2);
    assert_eq!(Watcher::event(&told, ALICE).1, [(false, ContactEvent::Unregistered)]);
    assert!(state.is_terminated());
}

/// A subscription is refreshed, which brings the whole state again, or runs out.
#[test]
fn a_subscription_is_refreshed_or_runs_out() {
    let mut world = World::new();
    let alice = world.register("alice");
    let mut watcher = Watcher::subscribe(&mut world, alice, 100);
    world.advance(Duration::from_secs(90));
    let ok = watcher.again(&mut world, 100);
    assert_eq!((ok.status, ok.headers.value(&HeaderName::Expires)), (StatusCode::OK, Some("100")));
    let (told, state) = watcher.told(&mut world);
    assert_eq!((told.version, told.full, state.expires()), (1, true, Some(100)));
    let brief = watcher.again(&mut world, 10);
    assert_eq!(
        (brief.status, brief.headers.value(&HeaderName::MinExpires)),
        (StatusCode::INTERVAL_TOO_BRIEF, Some("60"))
    );
    world.advance(Duration::from_secs(101));
    let (_, state) = watcher.told(&mut world);
    assert_eq!((state.is_terminated(), state.reason()), (true, Some("timeout")));
    assert_eq!(watcher.again(&mut world, 100).status, StatusCode::CALL_DOES_NOT_EXIST);
}

/// RFC 6665 §4.2.2: who does not know of the subscription, or does not answer, is not told any more.
#[test]
fn a_watcher_that_is_gone_is_forgotten() {
    for answer in [Some(StatusCode::CALL_DOES_NOT_EXIST), None] {
        let mut world = World::new();
        let alice = world.register("alice");
        Watcher::subscribe(&mut world, alice, 3600);
        assert_eq!(world.scscf.shorten(world.now, &impu("alice"), 300), 1);
        world.run();
        let notify = world.one_arrived();
        match answer {
            Some(status) => world.reply(&notify, &notify.request.respond(status)),
            None => world.advance(Duration::from_secs(33)),
        }
        assert_eq!(world.scscf.watchers(), 0);
    }
}

/// NET-08: identities that come and go, as a whole document.
#[test]
fn a_changed_profile_is_told() {
    let mut world = World::new();
    let alice = world.register("alice");
    let mut watcher = Watcher::subscribe(&mut world, alice, 3600);
    let second = Identity::Distinct(impu("alice.second"));
    let change = |default: Option<&str>, add, remove| AdminRequest::ChangeIdentities {
        impi: impi("alice"),
        default: default.map(impu),
        add,
        remove,
    };
    world.admin(change(Some("alice.second"), vec![second], vec![]));
    let (told, _) = watcher.told(&mut world);
    assert!(told.full);
    let second = "sip:alice.second@ims.example";
    assert_eq!(Watcher::event(&told, second), (RegState::Active, vec![(true, ContactEvent::Created)]));
    world.admin(change(None, vec![], vec![Identity::Distinct(impu("alice"))]));
    let (told, state) = watcher.told(&mut world);
    assert_eq!(Watcher::event(&told, ALICE), (RegState::Terminated, vec![(false, ContactEvent::Deactivated)]));
    assert_eq!(Watcher::event(&told, second).0, RegState::Active);
    assert!(!state.is_terminated());
}
