//! Dialogs hold what RFC 3261 §12 says, and build requests from it.

use proptest::prelude::*;
use sip::dialog::{self, Dialog, DialogId};
use sip::headers::{CSeq, Contact};
use sip::{Framing, HeaderName, Message, Method, Request, Response, StatusCode};

fn request(method: &str, lines: &str) -> Request {
    let text = format!(
        "{method} sip:bob@ims.example SIP/2.0\n\
         Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKin\n\
         Max-Forwards: 70\n\
         From: \"Alice\" <sip:alice@ims.example>;tag=a\n\
         To: <sip:bob@ims.example>\n\
         Call-ID: c1@192.0.2.1\n\
         CSeq: 7 {method}\n\
         {lines}\
         Content-Length: 0\n\n"
    );
    match Message::parse(text.replace('\n', "\r\n"), Framing::Datagram).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => unreachable!(),
    }
}

const LINES: &str = "Contact: <sip:alice@192.0.2.1>\n\
                     Record-Route: <sip:p3.example;lr>, <sip:p2.example;lr>\n\
                     Record-Route: <sip:p1.example;lr>\n";

fn invite() -> Request {
    request("INVITE", LINES)
}

fn answer(status: u16, contact: &str) -> Response {
    dialog::respond(&invite(), StatusCode::new(status).unwrap(), "b", &Contact::new(contact.parse().unwrap()))
}

fn ends() -> (Dialog, Dialog) {
    let ok = answer(200, "sip:bob@192.0.2.4");
    let mut bob = Dialog::uas(&invite(), "b").unwrap();
    bob.confirm(&ok).unwrap();
    (Dialog::uac(&invite(), &ok).unwrap(), bob)
}

fn lines(request: &Request) -> Vec<&str> {
    use HeaderName::{CSeq, CallId, From, Route, To};
    [&Route, &From, &To, &CallId, &CSeq].into_iter().map(|name| request.headers.value(name).unwrap_or("")).collect()
}

/// A proxy that ends a call in the name of one end goes on from what that end sent last.
#[test]
fn what_an_end_has_sent_itself_counts() {
    let (mut alice, _) = ends();
    alice.sent(&request("INFO", "").with_raw(HeaderName::UserAgent, "x"));
    assert_eq!(alice.request(Method::Bye).cseq().unwrap().number, 8);
    let mut info = request("INFO", "");
    info.headers.replace(&CSeq { number: 40, method: Method::Info });
    alice.sent(&info);
    assert_eq!(alice.request(Method::Bye).cseq().unwrap().number, 41);
}

#[test]
fn each_end_sends_along_the_route_set_in_its_own_direction() {
    let (mut alice, mut bob) = ends();
    let bye = alice.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:bob@192.0.2.4");
    assert_eq!(
        lines(&bye),
        [
            "<sip:p1.example;lr>, <sip:p2.example;lr>, <sip:p3.example;lr>",
            "\"Alice\" <sip:alice@ims.example>;tag=a",
            "<sip:bob@ims.example>;tag=b",
            "c1@192.0.2.1",
            "8 BYE"
        ]
    );
    let info = bob.request(Method::Info);
    assert_eq!(info.uri.to_string(), "sip:alice@192.0.2.1");
    assert_eq!(
        lines(&info),
        [
            "<sip:p3.example;lr>, <sip:p2.example;lr>, <sip:p1.example;lr>",
            "<sip:bob@ims.example>;tag=b",
            "\"Alice\" <sip:alice@ims.example>;tag=a",
            "c1@192.0.2.1",
            "1 INFO"
        ]
    );
    assert_eq!(alice.id().clone().reversed(), *bob.id());
    assert_eq!(DialogId::of_request(&bye).unwrap().as_ref(), Some(bob.id()));
    assert_eq!(DialogId::of_request(&info).unwrap().as_ref(), Some(alice.id()));
    assert_eq!(DialogId::of_request(&invite()).unwrap(), None);
    assert_eq!(DialogId::of_response(&bye.respond(StatusCode::OK)).unwrap(), *alice.id());
}

#[test]
fn the_ack_to_a_2xx_has_the_number_of_its_invite() {
    let (mut alice, _) = ends();
    let again = alice.request(Method::Invite);
    assert_eq!(again.cseq().unwrap(), CSeq { number: 8, method: Method::Invite });
    assert_eq!(alice.ack(7).cseq().unwrap(), CSeq { number: 7, method: Method::Ack });
    assert_eq!(lines(&alice.ack(8))[0], lines(&again)[0]);
    assert_eq!(alice.request(Method::Bye).cseq().unwrap().number, 9, "an ACK takes no number");
}

#[test]
fn a_2xx_decides_where_an_early_dialog_leads() {
    let mut early = answer(180, "sip:bob@192.0.2.4");
    early.headers.remove(&HeaderName::RecordRoute);
    let mut alice = Dialog::uac(&invite(), &early).unwrap();
    assert!(!alice.is_confirmed());
    assert_eq!(lines(&alice.request(Method::Prack))[0], "");
    let moved = answer(200, "sip:bob@192.0.2.5");
    alice.confirm(&moved).unwrap();
    assert!(alice.is_confirmed());
    assert_eq!((alice.target().to_string().as_str(), alice.routes().len()), ("sip:bob@192.0.2.5", 3));
    alice.confirm(&early).unwrap();
    assert_eq!(alice.routes().len(), 3, "the route set of a confirmed dialog is fixed");
}

#[test]
fn a_strict_router_ahead_gets_the_target_as_the_last_route() {
    let lines_in = "Contact: <sip:alice@192.0.2.1>\nRecord-Route: <sip:old.example>, <sip:p1.example;lr>\n";
    let mut bob = Dialog::uas(&request("INVITE", lines_in), "b").unwrap();
    let bye = bob.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:old.example");
    assert_eq!(lines(&bye)[0], "<sip:p1.example;lr>, <sip:alice@192.0.2.1>");
}

#[test]
fn a_request_out_of_order_is_refused_and_changes_nothing() {
    let (mut alice, mut bob) = ends();
    let (first, second) = (alice.request(Method::Info), alice.request(Method::Update));
    let second = second.with(&Contact::new("sip:alice@192.0.2.9".parse().unwrap()));
    bob.receive(&second).unwrap();
    for late in [&first, &second] {
        assert_eq!(bob.receive(late).unwrap_err().status, StatusCode::SERVER_INTERNAL_ERROR);
    }
    assert_eq!(bob.target().to_string(), "sip:alice@192.0.2.9");
    bob.receive(&alice.ack(7)).unwrap();
    let mut cancel = first.clone();
    cancel.method = Method::Cancel;
    bob.receive(&cancel).unwrap();
    let mut ahead = alice.request(Method::Info);
    ahead.headers.replace(&CSeq { number: 100, method: Method::Info });
    bob.receive(&ahead).unwrap();
}

#[test]
fn the_target_moves_with_target_refresh_requests_alone() {
    let (mut alice, mut bob) = ends();
    let moved = Contact::new("sip:alice@192.0.2.9".parse().unwrap());
    bob.receive(&alice.request(Method::Info).with(&moved)).unwrap();
    bob.receive(&alice.request(Method::Update)).unwrap();
    assert_eq!(bob.target().to_string(), "sip:alice@192.0.2.1");
    let two = alice.request(Method::Invite).with(&moved).with(&moved);
    assert_eq!(bob.receive(&two).unwrap_err().status, StatusCode::BAD_REQUEST);
    bob.receive(&alice.request(Method::Invite).with(&moved)).unwrap();
    assert_eq!(bob.target().to_string(), "sip:alice@192.0.2.9");

    let (update, info) = (alice.request(Method::Update), alice.request(Method::Info));
    let moved = Contact::new("sip:bob@192.0.2.8".parse().unwrap());
    alice.refreshed_by(&update.respond(StatusCode::REQUEST_PENDING).with(&moved));
    alice.refreshed_by(&info.respond(StatusCode::OK).with(&moved));
    assert_eq!(alice.target().to_string(), "sip:bob@192.0.2.4");
    alice.refreshed_by(&update.respond(StatusCode::OK).with(&moved));
    assert_eq!(alice.target().to_string(), "sip:bob@192.0.2.8");
}

#[test]
fn the_headers_of_a_contact_do_not_get_into_requests() {
    let mut alice = Dialog::uac(&invite(), &answer(200, "sip:bob@192.0.2.4;ob?Subject=x")).unwrap();
    let bye = alice.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:bob@192.0.2.4;ob");
}

#[test]
fn without_exactly_one_contact_there_is_no_dialog() {
    for contacts in ["", "Contact: <sip:a@x.example>, <sip:b@x.example>\n"] {
        assert!(Dialog::uas(&request("INVITE", contacts), "b").is_err());
    }
    let mut ringing = answer(180, "sip:bob@192.0.2.4");
    ringing.headers.remove(&HeaderName::Contact);
    assert!(Dialog::uac(&invite(), &ringing).is_err());
}

#[test]
fn a_notify_makes_the_subscription_even_before_the_2xx() {
    let subscribe = request("SUBSCRIBE", LINES);
    let mut notifier = Dialog::uas(&subscribe, "n").unwrap();
    let contact = Contact::new("sip:scscf1.ims.example".parse().unwrap());
    let route = "<sip:edge.example;lr>";
    let notify = |notifier: &mut Dialog| {
        notifier.request(Method::Notify).with(&contact).with_raw(HeaderName::RecordRoute, route)
    };
    let first = notify(&mut notifier);
    let mut subscriber = Dialog::subscriber(&subscribe, &first).unwrap();
    assert!(subscriber.is_confirmed());
    assert_eq!(subscriber.id().clone().reversed(), *notifier.id());
    assert!(subscriber.receive(&first).is_err(), "it counts as received");
    subscriber.receive(&notify(&mut notifier)).unwrap();
    let refresh = subscriber.request(Method::Subscribe);
    assert_eq!(refresh.uri.to_string(), "sip:scscf1.ims.example");
    assert_eq!((lines(&refresh)[0], lines(&refresh)[4]), (route, "8 SUBSCRIBE"));
    notifier.receive(&refresh).unwrap();
    let mut other = subscribe.clone();
    other.headers.set(HeaderName::CallId, "c2");
    assert!(Dialog::subscriber(&other, &first).is_err());
}

#[test]
fn some_refusals_end_the_call_and_most_do_not() {
    let ends = |code| dialog::ends_usage(StatusCode::new(code).unwrap());
    assert!([404, 408, 410, 480, 481, 501, 604].into_iter().all(ends));
    assert!(![200, 401, 403, 407, 422, 486, 487, 488, 491, 500, 503, 603].into_iter().any(ends));
}

proptest! {
    /// Both ends send whatever they like while the network delivers when, and in the order, it
    /// likes: numbers only rise, and what comes late is refused.
    #[test]
    fn sequence_numbers_rise_in_each_direction_whatever_the_order(
        steps in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>(), 0_u8..3), 1..60),
    ) {
        let (mut alice, mut bob) = ends();
        let methods = [Method::Info, Method::Update, Method::Message];
        let mut wire: [Vec<Request>; 2] = Default::default();
        let mut sent = [7_u32, 0];
        let mut seen = [7_u32, 0];
        for (from_alice, pick, what) in steps {
            let side = usize::from(!from_alice);
            let (sender, receiver) = if from_alice { (&mut alice, &mut bob) } else { (&mut bob, &mut alice) };
            if what < 2 || wire[side].is_empty() {
                let request = sender.request(methods[pick.index(methods.len())].clone());
                let number = request.cseq().unwrap().number;
                prop_assert_eq!(number, sent[side] + 1);
                sent[side] = number;
                wire[side].push(request);
            } else {
                let at = pick.index(wire[side].len());
                let request = wire[side].remove(at);
                let number = request.cseq().unwrap().number;
                prop_assert_eq!(receiver.receive(&request).is_ok(), number > seen[side]);
                seen[side] = seen[side].max(number);
            }
        }
    }
}
