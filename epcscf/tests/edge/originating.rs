//! TP-ORG: requests of WICs on their way into the core (O1 to O13).

use epcscf::Event;
use epcscf::policy::{Origination, RouteMismatch};
use sip::{HeaderName, StatusCode};

use crate::talk::{
    KINDS, Kind, SERVICE_ROUTE, Wic, core_says, nothing_under_way, register, routes, world_for, world_with,
};
use crate::world::{OPERATOR, Register, World, ok, sign};

const BOB: &str = "sip:bob@ims.example";

fn all(request: &sip::Request, name: HeaderName) -> Vec<String> {
    request.headers.values(&name).map(str::to_owned).collect()
}

/// What reaches the core of an INVITE of this WIC with these lines.
fn sent(world: &mut World, wic: &Wic, lines: &str) -> sip::Request {
    let text = wic.invite(world, BOB, lines);
    world.wic(wic.flow, text);
    match world.try_at_core() {
        Some(request) => request,
        None => panic!("{}", world.answer(wic.flow)),
    }
}

fn refused(world: &mut World, wic: &Wic, text: &str) -> (u16, String) {
    let before = world.mw.len();
    world.wic(wic.flow, text);
    assert_eq!(world.mw.len(), before, "nothing goes to the core");
    let answer = world.answer(wic.flow);
    (answer.status.code(), answer.reason.to_string())
}

/// ORG-01, ORG-10: for every kind of user.
#[test]
fn an_invite_goes_to_the_core_in_the_users_name() {
    for kind in KINDS {
        let mut world = world_for(kind);
        let wic = register(&mut world, kind, 1);
        let token = match kind {
            Kind::Digest => String::new(),
            _ => crate::talk::register_of(kind, 1).lines.concat() + "\r\n",
        };
        let lines = format!("P-Preferred-Identity: <{}>\r\n{token}", wic.impu);
        let request = sent(&mut world, &wic, &lines);
        let text = request.to_string();
        assert_eq!(all(&request, HeaderName::PAssertedIdentity), [format!("<{}>", wic.impu)], "{kind:?}");
        assert!(!request.headers.has(&HeaderName::PPreferredIdentity), "{kind:?}");
        assert!(!text.contains("Bearer") && !text.contains("eyJ"), "{text}");
        assert_eq!(routes(&request), ["sip:orig@scscf1.ims.example;lr"], "{kind:?}");
        assert_eq!(all(&request, HeaderName::PAccessNetworkInfo), ["IEEE-802.11;network-provided"]);
        let charging = all(&request, HeaderName::PChargingVector).concat();
        assert!(charging.starts_with("icid-value=\"") && charging.contains("orig-ioi=\"Type 1ims.example\""));
        assert!(request.via().unwrap().to_string().starts_with("SIP/2.0/TCP epcscf1.ims.example;branch=z9hG4bK0."));
        assert_eq!(all(&request, HeaderName::MaxForwards), ["69"]);
        let record: Vec<&str> = request.headers.elements(&HeaderName::RecordRoute).collect();
        assert_eq!(record[0], "<sip:epcscf1.ims.example;lr>");
        assert!(record[1].ends_with("@epcscf1.ims.example:443;transport=ws;lr>") && record.len() == 2, "{record:?}");
        let profile_key = match kind {
            Kind::Range => vec!["<sip:guest-!.*!@partner.ims.example>".to_owned()],
            _ => vec![],
        };
        assert_eq!(all(&request, HeaderName::PProfileKey), profile_key, "{kind:?}");
        assert!(text.ends_with(crate::talk::SDP), "{text}");
        // And the answers come back.
        world.core_answers(core_says(&request, 180, "bob"));
        world.core_answers(core_says(&request, 200, "bob"));
        assert_eq!(world.answer(wic.flow).status, StatusCode::RINGING);
        let answer = world.answer(wic.flow);
        assert_eq!((answer.status, answer.headers.values(&HeaderName::Via).count()), (StatusCode::OK, 1));
    }
}

fn alice_with_two(world: &mut World) -> Wic {
    let flow = world.connect(OPERATOR);
    let alice = Register::new("sip:user-1@ims.example")
        .instance(1)
        .line("Authorization: Digest username=\"user-1-wic@ims.example\", nonce=\"n\", response=\"r\"");
    world.wic(flow, alice.text());
    let request = world.at_core();
    let mut answer = ok(&request);
    answer.headers.set(
        HeaderName::PAssociatedUri,
        "<sip:user-1@ims.example>, <sip:boss@ims.example>, <tel:+4930123>, <sip:desk-!.*!@ims.example>",
    );
    world.core_answers(answer);
    let contact = "sip:u8c2@i1.invalid;transport=ws".to_owned();
    let path = world.answer(flow).headers.value(&HeaderName::Path).unwrap().to_owned();
    Wic { flow, impu: "sip:user-1@ims.example".into(), contact, route: SERVICE_ROUTE.into(), path }
}

/// ORG-02, ORG-03, ORG-04, and what came only from a wildcard of the set.
#[test]
fn the_asserted_identity_is_a_registered_one() {
    for (preferred, asserted, profile_key) in [
        ("", &["<sip:user-1@ims.example>"][..], None),
        ("P-Preferred-Identity: <sip:boss@ims.example>\r\n", &["<sip:boss@ims.example>"], None),
        ("P-Preferred-Identity: \"Boss\" <sip:boss@IMS.example;x=1>\r\n", &["<sip:boss@ims.example>"], None),
        ("P-Preferred-Identity: <tel:+49-30-123>\r\n", &["<tel:+4930123>"], None),
        (
            "P-Preferred-Identity: <tel:+4930123>, <sip:boss@ims.example>\r\n",
            &["<sip:boss@ims.example>", "<tel:+4930123>"],
            None,
        ),
        ("P-Preferred-Identity: <sip:bob@ims.example>\r\n", &["<sip:user-1@ims.example>"], None),
        ("P-Preferred-Identity: sip:bob@ims.example, <sip:boss@ims.example>\r\n", &["<sip:boss@ims.example>"], None),
        ("P-Preferred-Identity: <<>\r\n", &["<sip:user-1@ims.example>"], None),
        (
            "P-Preferred-Identity: <sip:desk-7@ims.example>\r\n",
            &["<sip:desk-7@ims.example>"],
            Some("<sip:desk-!.*!@ims.example>"),
        ),
    ] {
        let mut world = World::new();
        let wic = alice_with_two(&mut world);
        world.events();
        let text = wic.invite(&mut world, BOB, preferred).replace("From: <sip:user-1@", "From: <sip:ceo@");
        world.wic(wic.flow, text);
        let request = world.at_core();
        assert_eq!(all(&request, HeaderName::PAssertedIdentity), asserted, "{preferred}");
        assert_eq!(request.headers.value(&HeaderName::PProfileKey), profile_key, "{preferred}");
        assert_eq!(request.from().unwrap().uri.to_string(), "sip:ceo@ims.example", "From stays as it is");
        let passed_over = world.events().iter().any(|event| matches!(event, Event::IdentityPassedOver { .. }));
        let fell_back = !preferred.is_empty() && asserted == ["<sip:user-1@ims.example>"];
        assert_eq!(passed_over, fell_back, "{preferred}");
    }
}

/// ORG-03 for those who have one identity only.
#[test]
fn nobody_speaks_in_a_foreign_name() {
    for kind in KINDS {
        let mut world = world_for(kind);
        let wic = register(&mut world, kind, 1);
        for foreign in ["sip:bob@ims.example", "sip:guest-2@partner.ims.example", "sip:trunk@partner.ims.example"] {
            let request = sent(&mut world, &wic, &format!("P-Preferred-Identity: <{foreign}>\r\n"));
            assert_eq!(all(&request, HeaderName::PAssertedIdentity), [format!("<{}>", wic.impu)], "{kind:?} {foreign}");
        }
    }
}

const FORGED: [&str; 17] = [
    "P-Asserted-Identity: <sip:eve@ims.example>",
    "P-Asserted-Service: urn:urn-7:eve",
    "P-Associated-URI: <sip:eve@ims.example>",
    "P-Called-Party-ID: <sip:eve@ims.example>",
    "P-Charging-Function-Addresses: ccf=eve",
    "P-Charging-Vector: icid-value=eve",
    "P-Profile-Key: <sip:eve-!.*!@ims.example>",
    "P-Served-User: <sip:eve@ims.example>;sescase=orig;regstate=reg",
    "P-Visited-Network-ID: eve",
    "Path: <sip:eve.example;lr>",
    "Service-Route: <sip:eve.example;lr>",
    "Feature-Caps: *;+g.eve",
    "Record-Route: <sip:eve.example;lr>",
    "P-User-Database: <aaa://eve>",
    "P-Private-Network-Indication: eve.example",
    "P-Access-Network-Info: 3GPP-E-UTRAN;utran-cell-id-3gpp=eve;network-provided",
    "Proxy-Authorization: Bearer eve",
];

/// ORG-05, ORG-12: in every kind of request, in and out of dialogs.
#[test]
fn nothing_that_only_the_network_may_say_is_taken_from_a_wic() {
    for kind in KINDS {
        let mut world = world_for(kind);
        let wic = register(&mut world, kind, 1);
        let lines = FORGED.join("\r\n") + "\r\n";
        for method in ["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "PUBLISH", "REFER", "FOO"] {
            let text = wic.request(&mut world, method, BOB, &format!("{lines}Event: dialog\r\n"), "x");
            world.wic(wic.flow, text.replace("Content-Type: application/sdp", "Content-Type: text/plain"));
            let request = world.at_core();
            assert!(!request.to_string().contains("eve"), "{kind:?} {request}");
            let dialog = ["INVITE", "SUBSCRIBE", "REFER"].contains(&method);
            assert_eq!(request.headers.has(&HeaderName::RecordRoute), dialog, "{method}");
        }
    }
}

/// O9: an `orig` that the WIC writes would make the I-CSCF take the request for an originating one.
#[test]
fn the_orig_parameter_is_the_networks() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let text = wic.invite(&mut world, "sip:bob@ims.example;orig;x=1", "");
    world.wic(wic.flow, text);
    assert_eq!(world.at_core().uri.to_string(), "sip:bob@ims.example;x=1");
}

/// ORG-06 is in `requests`.
/// ORG-07.
#[test]
fn the_way_into_the_core_is_the_service_route() {
    for (route, status, replaced) in [
        (SERVICE_ROUTE, 0, 0),
        ("<sip:epcscf1.ims.example;lr>, <sip:orig@scscf1.ims.example;lr>", 0, 0),
        ("", 0, 0),
        ("<sip:icscf.ims.example;lr>", 400, 0),
        ("<sip:orig@scscf1.ims.example;lr>, <sip:eve.example;lr>", 400, 0),
        ("<sip:scscf1.ims.example;lr>", 400, 0),
    ] {
        for mismatch in [RouteMismatch::Reject, RouteMismatch::Replace] {
            let mut world = World::with(|config| config.policy.route.mismatch = mismatch);
            let wic = Wic { route: route.into(), ..register(&mut world, Kind::Token, 1) };
            let text = wic.invite(&mut world, BOB, "");
            let expected = if mismatch == RouteMismatch::Reject { status } else { replaced };
            if expected != 0 {
                assert_eq!(refused(&mut world, &wic, &text).0, expected, "{route}");
                assert!(nothing_under_way(&world));
                continue;
            }
            world.wic(wic.flow, text);
            assert_eq!(routes(&world.at_core()), ["sip:orig@scscf1.ims.example;lr"], "{route} {mismatch:?}");
        }
    }
    let mut world = World::with(|config| config.policy.route.missing = RouteMismatch::Reject);
    let wic = Wic { route: String::new(), ..register(&mut world, Kind::Token, 1) };
    let text = wic.invite(&mut world, BOB, "");
    assert_eq!(refused(&mut world, &wic, &text).0, 400);
}

/// ORG-08, ORG-09.
#[test]
fn hops_and_extensions_are_counted_as_a_proxy_must() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let text = wic.invite(&mut world, BOB, "Proxy-Require: foo\r\n");
    world.wic(wic.flow, text);
    let answer = world.answer(wic.flow);
    assert_eq!((answer.status.code(), answer.headers.value(&HeaderName::Unsupported)), (420, Some("foo")));
    let text = wic.invite(&mut world, BOB, "").replace("Max-Forwards: 70", "Max-Forwards: 0");
    assert_eq!(refused(&mut world, &wic, &text).0, 483);
    let text = wic.invite(&mut world, BOB, "Max-Forwards: 70\r\n");
    assert_eq!(refused(&mut world, &wic, &text).0, 400);
    let text = wic.invite(&mut world, BOB, "").replace("CSeq: 1 INVITE", "CSeq: 1 BYE");
    assert_eq!(refused(&mut world, &wic, &text).0, 400);
    assert!(nothing_under_way(&world));
}

/// ORG-13.
#[test]
fn a_barred_identity_is_not_asserted() {
    for (associated, expected) in [("<sip:boss@ims.example>", Some("<sip:boss@ims.example>")), ("", None)] {
        let mut world = World::new();
        let flow = world.connect(OPERATOR);
        world.wic(flow, crate::talk::register_of(Kind::Digest, 1).text());
        let request = world.at_core();
        let mut answer = ok(&request);
        answer.headers.set(HeaderName::PAssociatedUri, associated);
        world.core_answers(answer);
        world.answer(flow);
        let wic = Wic {
            flow,
            impu: "sip:user-1@ims.example".into(),
            contact: "sip:u8c2@i1.invalid;transport=ws".into(),
            route: SERVICE_ROUTE.into(),
            path: String::new(),
        };
        let text = wic.invite(&mut world, BOB, "P-Preferred-Identity: <sip:user-1@ims.example>\r\n");
        world.wic(flow, &text);
        match expected {
            Some(expected) => assert_eq!(all(&world.at_core(), HeaderName::PAssertedIdentity), [expected]),
            None => assert_eq!(world.answer(flow).status, StatusCode::FORBIDDEN),
        }
    }
}

/// ORG-14, the caller's side.
#[test]
fn privacy_does_not_hide_the_caller_from_the_core() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let request = sent(&mut world, &wic, "Privacy: id\r\n");
    assert!(request.headers.has(&HeaderName::PAssertedIdentity) && request.headers.has(&HeaderName::Privacy));
    // What the callee does not want said is not said to the caller.
    let answer = core_says(&request, 200, "bob").with_raw(HeaderName::PAssertedIdentity, "<sip:bob@ims.example>");
    let private = answer.clone().with_raw(HeaderName::Privacy, "header;id");
    for (answer, seen) in [(answer, true), (private, false)] {
        world.core_answers(answer.with_raw(HeaderName::PChargingVector, "icid-value=x"));
        let answer = world.answer(wic.flow);
        assert_eq!(answer.headers.has(&HeaderName::PAssertedIdentity), seen);
        assert!(!answer.headers.has(&HeaderName::PChargingVector));
    }
}

/// O10: what a user of SIP Digest answers the S-CSCF's challenge with is theirs to send.
#[test]
fn proxy_credentials_are_for_digest_users() {
    let credentials =
        "Proxy-Authorization: Digest username=\"u\", response=\"r\", integrity-protected=\"auth-done\"\r\n";
    for kind in KINDS {
        let mut world = world_for(kind);
        let wic = register(&mut world, kind, 1);
        let request = sent(&mut world, &wic, credentials);
        let value = request.headers.value(&HeaderName::ProxyAuthorization);
        match kind {
            Kind::Digest => assert!(value.is_some_and(|value| !value.contains("integrity")), "{value:?}"),
            _ => assert_eq!(value, None, "{kind:?}"),
        }
    }
}

/// O13 by TS 23.228 Annex S.
#[test]
fn a_range_may_be_served_as_static_trunking() {
    let mut world = world_with(Kind::Range, |config| config.policy.flow3.origination = Origination::AnnexS);
    let wic = register(&mut world, Kind::Range, 7);
    let request = sent(&mut world, &wic, "");
    assert_eq!(routes(&request), ["sip:icscf.ims.example;lr;orig"]);
    assert_eq!(
        request.headers.value(&HeaderName::PServedUser),
        Some("<sip:guest-7@partner.ims.example>;sescase=orig;regstate=unreg")
    );
    assert!(request.headers.has(&HeaderName::PProfileKey));
}

/// REG-02.
#[test]
fn the_service_route_of_the_last_200_counts() {
    let mut world = World::with(|config| {
        config.core.hosts.insert("scscf2.ims.example".into(), "127.0.0.1:5081".parse().unwrap());
    });
    let wic = register(&mut world, Kind::Token, 1);
    world.wic(wic.flow, crate::talk::register_of(Kind::Token, 1).cseq(2).text());
    let request = world.at_core();
    let mut answer = ok(&request);
    answer.headers.set(HeaderName::ServiceRoute, "<sip:orig@scscf2.ims.example;lr>");
    world.core_answers(answer);
    world.answer(wic.flow);
    let wic = Wic { route: "<sip:orig@scscf2.ims.example;lr>".into(), ..wic };
    assert_eq!(routes(&sent(&mut world, &wic, "")), ["sip:orig@scscf2.ims.example;lr"]);
}

/// O13: no hang when the next hop is dead, silent or not known.
#[test]
fn a_core_that_does_not_answer_is_504() {
    use sip::{Peer, Transport};
    for method in ["INVITE", "MESSAGE"] {
        let mut world = World::new();
        let wic = register(&mut world, Kind::Token, 1);
        let text = wic.request(&mut world, method, BOB, "", "x");
        world.wic(wic.flow, &text);
        world.sleep(14);
        assert!(world.try_answer(wic.flow).is_none_or(|answer| answer.status.is_provisional()));
        world.sleep(1);
        assert_eq!(world.answer(wic.flow).status.code(), 504, "{method}");
        assert!(nothing_under_way(&world));

        let text = wic.request(&mut world, method, BOB, "", "x");
        world.wic(wic.flow, &text);
        world.unreachable(Peer::new(Transport::Tcp, "127.0.0.1:5080".parse().unwrap()));
        assert_eq!(world.answer(wic.flow).status.code(), 504, "{method}");
        world.sleep(100);
        assert_eq!(world.edge.load().requests, 0);
    }
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    world.wic(wic.flow, crate::talk::register_of(Kind::Token, 1).cseq(2).text());
    let request = world.at_core();
    let mut answer = ok(&request);
    answer.headers.set(HeaderName::ServiceRoute, "<sip:orig@scscf9.ims.example;lr>");
    world.core_answers(answer);
    world.answer(wic.flow);
    let wic = Wic { route: "<sip:orig@scscf9.ims.example;lr>".into(), ..wic };
    let text = wic.invite(&mut world, BOB, "");
    let (status, reason) = refused(&mut world, &wic, &text);
    assert!(status == 504 && reason.contains("scscf9"), "{reason}");
}

/// An unknown method is the S-CSCF's to judge (RFC 3261 §16), MESSAGE makes no dialog (DLG-05).
#[test]
fn standalone_requests_pass() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    for method in ["MESSAGE", "OPTIONS", "PUBLISH", "FOO"] {
        let text = wic.request(&mut world, method, BOB, "", "hello");
        world.wic(wic.flow, text);
        let request = world.at_core();
        assert!(!request.headers.has(&HeaderName::RecordRoute), "{method}");
        assert_eq!(request.headers.has(&HeaderName::Contact), method != "MESSAGE");
        world.core_answers(request.respond(StatusCode::ACCEPTED));
        assert_eq!(world.answer(wic.flow).status, StatusCode::ACCEPTED, "{method}");
    }
    assert!(nothing_under_way(&world));
    assert_eq!(world.edge.load().requests, 0);
}

#[test]
fn a_message_is_not_longer_than_allowed() {
    let mut world = World::with(|config| config.policy.call.max_message_body = 10);
    let wic = register(&mut world, Kind::Range, 1);
    for (body, status) in [("0123456789", None), ("01234567890", Some(513))] {
        let text = wic.request(&mut world, "MESSAGE", BOB, "", body);
        world.wic(wic.flow, text);
        assert_eq!(world.try_answer(wic.flow).map(|answer| answer.status.code()), status, "{body}");
    }
}

/// DLG-04 and O3 on requests that go to the core.
#[test]
fn a_token_is_asked_for_on_requests_where_the_policy_says_so() {
    use epcscf::policy::OnRequests;
    let mut world = World::with(|config| config.policy.bearer.on_requests = OnRequests::Require);
    let wic = register(&mut world, Kind::Range, 1);
    let text = wic.invite(&mut world, BOB, "");
    assert_eq!(refused(&mut world, &wic, &text).0, 401);
    let token = format!("Authorization: Bearer {}\r\n", sign(&crate::world::guest_claims(1)));
    let request = sent(&mut world, &wic, &token);
    assert!(!request.headers.has(&HeaderName::Authorization));
    // Neither ACK nor CANCEL is ever challenged.
    let text = wic.invite(&mut world, BOB, &token);
    world.wic(wic.flow, &text);
    world.at_core();
    world.wic(wic.flow, crate::talk::cancel(&text).to_bytes());
    assert_eq!(world.answer(wic.flow).status, StatusCode::OK);
    // ACK: DLG-04 in `dialogs`.
}

/// A limit for each connection, and for each user.
#[test]
fn there_are_limits() {
    let mut world = World::with(|config| {
        config.policy.call.max_in_flight = 2;
        config.policy.call.max_calls = 1;
    });
    let wic = register(&mut world, Kind::Token, 1);
    let text = wic.invite(&mut world, BOB, "");
    world.wic(wic.flow, text);
    let text = wic.invite(&mut world, BOB, "");
    let first = world.at_core();
    assert_eq!(refused(&mut world, &wic, &text).0, 503);
    let text = wic.request(&mut world, "MESSAGE", BOB, "", "x");
    world.wic(wic.flow, text);
    let text = wic.request(&mut world, "MESSAGE", BOB, "", "y");
    assert_eq!(refused(&mut world, &wic, &text).0, 503);
    world.core_answers(core_says(&first, 486, "bob"));
    world.sleep(0);
    let text = wic.request(&mut world, "MESSAGE", BOB, "", "z");
    world.wic(wic.flow, text);
    assert_eq!(world.answer(wic.flow).status.code(), 486);
}
