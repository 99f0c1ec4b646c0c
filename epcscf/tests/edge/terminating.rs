//! TP-TRM: requests of the core on their way to WICs (T-1 to T-9).

use epcscf::Event;
use sip::{FlowId, HeaderName, Peer, StatusCode, Transport};

use crate::talk::{KINDS, Kind, SDP, call_in, core_request, nothing_under_way, register, respond, world_for};
use crate::world::{World, core_peer};

/// TRM-01, for every kind of user, and MESSAGE as INVITE.
#[test]
fn a_request_finds_its_wic_on_its_connection() {
    for kind in KINDS {
        for method in ["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "FOO"] {
            let mut world = world_for(kind);
            let other = register(&mut world, kind, 2);
            let wic = register(&mut world, kind, 1);
            let text = core_request(&mut world, &wic, method, "");
            world.core_asks_for(&text);
            let request = world.at_wic(wic.flow);
            assert!(world.try_at_wic(other.flow).is_none());
            assert_eq!(request.uri.to_string(), wic.contact, "{kind:?} {method}");
            let called = request.headers.value(&HeaderName::PCalledPartyId);
            assert_eq!(called, Some(&*format!("<{}>", wic.impu)), "{kind:?} {method}");
            assert_eq!(request.headers.value(&HeaderName::PAssertedIdentity), Some("<sip:bob@ims.example>"));
            assert!(!request.headers.has(&HeaderName::PChargingVector) && !request.headers.has(&HeaderName::Route));
            let via = request.via().unwrap().to_string();
            assert!(via.starts_with("SIP/2.0/WSS epcscf1.ims.example;branch="), "{via}");
            assert_eq!(request.headers.value(&HeaderName::MaxForwards), Some("59"));
            let record: Vec<&str> = request.headers.elements(&HeaderName::RecordRoute).collect();
            if ["INVITE", "SUBSCRIBE"].contains(&method) {
                assert!(record[0].ends_with("@epcscf1.ims.example:443;transport=ws;lr>"), "{record:?}");
                assert_eq!(record[1..], ["<sip:epcscf1.ims.example;lr>", "<sip:scscf1.ims.example;lr>"]);
            } else {
                assert!(!record.iter().any(|entry| entry.contains("epcscf1")), "{record:?}");
            }
            world.wic(wic.flow, respond(&request, 200, "wic", &wic.contact).to_bytes());
            let answer = world.answer_to_core();
            assert_eq!((answer.status, answer.headers.values(&HeaderName::Via).count()), (StatusCode::OK, 2));
        }
    }
}

/// T-5: what the core's nodes say to each other is not for a WIC.
#[test]
fn the_wic_does_not_see_what_is_not_for_it() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let secrets = "P-Charging-Function-Addresses: ccf=secret\r\nP-Profile-Key: <sip:secret-!.*!@h>\r\n\
        P-Served-User: <sip:secret@h>\r\nP-Access-Network-Info: IEEE-802.11;secret=1;network-provided\r\n\
        P-Visited-Network-ID: secret\r\nP-User-Database: <aaa://secret>\r\nPath: <sip:secret;lr>\r\n";
    let text = core_request(&mut world, &wic, "INVITE", secrets);
    world.core_asks_for(&text);
    let request = world.at_wic(wic.flow);
    assert!(!request.to_string().contains("secret") && !request.to_string().contains("bob-1"), "{request}");
}

/// ORG-14, T-6.
#[test]
fn a_caller_that_wants_privacy_is_not_named() {
    for (privacy, named) in [("Privacy: none\r\n", true), ("Privacy: id\r\n", false), ("Privacy: header;ID\r\n", false)]
    {
        let mut world = World::new();
        let wic = register(&mut world, Kind::Token, 1);
        let text = core_request(&mut world, &wic, "MESSAGE", privacy);
        world.core_asks_for(&text);
        assert_eq!(world.at_wic(wic.flow).headers.has(&HeaderName::PAssertedIdentity), named, "{privacy}");
    }
}

/// TRM-11 for one who is registered at the core, and both ways for one who is registered here.
#[test]
fn the_identity_called_may_stand_in_the_request_uri_or_beside_it() {
    for (kind, uri, called) in [
        (Kind::Token, "sip:user-1@ims.example", ""),
        (Kind::Range, "sip:guest-1@partner.ims.example", ""),
        (Kind::Range, "sip:epcscf1.ims.example;lr", "P-Called-Party-ID: <sip:guest-1@partner.ims.example>\r\n"),
    ] {
        let mut world = world_for(kind);
        let wic = register(&mut world, kind, 1);
        let text = core_request(&mut world, &wic, "INVITE", called);
        let old_called = format!("P-Called-Party-ID: <{}>\r\n", wic.impu);
        let text = match called {
            "" => text.replace(&old_called, ""),
            _ => text,
        };
        let text = text.replacen(&format!("INVITE {}", crate::talk::parse(&text).uri), &format!("INVITE {uri}"), 1);
        world.core_asks_for(&text);
        let request = world.at_wic(wic.flow);
        assert_eq!(request.uri.to_string(), wic.contact, "{uri}");
        assert_eq!(request.headers.value(&HeaderName::PCalledPartyId), Some(&*format!("<{}>", wic.impu)), "{uri}");
    }
}

/// T-7.
#[test]
fn a_called_identity_that_is_not_the_wics_is_an_error() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let text = core_request(&mut world, &wic, "INVITE", "").replace("-ID: <sip:user-1@", "-ID: <sip:user-2@");
    world.core_asks_for(&text);
    assert_eq!(world.answer_to_core().status.code(), 500);
    assert!(world.events().iter().any(|event| matches!(event, Event::RefusedToCore { status: 500, .. })));
    assert!(nothing_under_way(&world));
}

#[test]
fn a_request_uri_that_is_no_contact_of_the_flow_is_404() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let text = core_request(&mut world, &wic, "INVITE", "").replace("INVITE sip:u8c2@", "INVITE sip:eve@");
    world.core_asks_for(&text);
    assert_eq!(world.answer_to_core().status.code(), 404);
}

/// TRM-06, TRM-08, TRM-10 are in `flows`; here TRM-07: the flow is dead before, or dies meanwhile.
#[test]
fn a_dead_flow_is_430_at_once() {
    for kind in [Kind::Digest, Kind::Token, Kind::Pool, Kind::Range] {
        let dead = if kind == Kind::Range { 480 } else { 430 };
        for ringing in [false, true] {
            let mut world = world_for(kind);
            let wic = register(&mut world, kind, 1);
            let text = core_request(&mut world, &wic, "INVITE", "");
            world.core_asks_for(&text);
            let request = world.at_wic(wic.flow);
            if ringing {
                world.wic(wic.flow, respond(&request, 180, "wic", &wic.contact).to_bytes());
                assert_eq!(world.answer_to_core().status, StatusCode::RINGING);
            }
            world.lose(wic.flow);
            assert_eq!(world.answer_to_core().status.code(), dead, "{kind:?}");
            assert!(nothing_under_way(&world), "{:?}", world.edge.load());
            let text = core_request(&mut world, &wic, "MESSAGE", "");
            world.core_asks_for(&text);
            assert_eq!(world.answer_to_core().status.code(), dead, "{kind:?}");
        }
    }
}

/// TRM-09, and what else a WIC could say of itself.
#[test]
fn what_a_wic_says_of_itself_in_a_response_is_replaced() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let text = core_request(&mut world, &wic, "INVITE", "");
    world.core_asks_for(&text);
    let request = world.at_wic(wic.flow);
    let mut answer = respond(&request, 200, "wic", &wic.contact).with_body("application/sdp", SDP);
    for (name, value) in [
        (HeaderName::PAssertedIdentity, "<sip:eve@ims.example>"),
        (HeaderName::PPreferredIdentity, "<sip:eve@ims.example>"),
        (HeaderName::PCalledPartyId, "<sip:eve@ims.example>"),
        (HeaderName::PChargingVector, "icid-value=eve"),
        (HeaderName::PAccessNetworkInfo, "IEEE-802.11;eve=1;network-provided"),
        (HeaderName::ServiceRoute, "<sip:eve.example;lr>"),
        (HeaderName::RecordRoute, "<sip:eve.example;lr>"),
        (HeaderName::Via, "SIP/2.0/UDP eve.example;branch=z9hG4bKeve"),
    ] {
        answer.headers.push(name, value);
    }
    world.wic(wic.flow, answer.to_bytes());
    let answer = world.answer_to_core();
    assert!(!answer.to_string().contains("eve"), "{answer}");
    let value = |name: HeaderName| answer.headers.values(&name).collect::<Vec<_>>();
    assert_eq!(value(HeaderName::PAssertedIdentity), ["<sip:user-1@ims.example>"]);
    assert_eq!(
        value(HeaderName::PChargingVector),
        ["icid-value=\"bob-1\";orig-ioi=\"ims.example\";term-ioi=\"Type 1ims.example\""]
    );
    assert_eq!(value(HeaderName::PAccessNetworkInfo), ["IEEE-802.11;network-provided"]);
    let record: Vec<&str> = answer.headers.elements(&HeaderName::RecordRoute).collect();
    assert_eq!(record[1..], ["<sip:epcscf1.ims.example;lr>", "<sip:scscf1.ims.example;lr>"]);
    assert!(answer.to_string().ends_with(SDP));
}

/// T-9: the WIC may prefer another of its identities.
#[test]
fn a_preferred_identity_in_a_response_counts_when_it_is_registered() {
    let mut world = World::new();
    let flow = world.connect(crate::world::OPERATOR);
    world.wic(flow, crate::talk::register_of(Kind::Digest, 1).text());
    let request = world.at_core();
    let mut answer = crate::world::ok(&request);
    answer.headers.set(HeaderName::PAssociatedUri, "<sip:user-1@ims.example>, <tel:+4930123>");
    world.core_answers(answer);
    let path = world.answer(flow).headers.value(&HeaderName::Path).unwrap().to_owned();
    let wic = crate::talk::Wic {
        flow,
        impu: "sip:user-1@ims.example".into(),
        contact: "sip:u8c2@i1.invalid;transport=ws".into(),
        route: String::new(),
        path,
    };
    let text = core_request(&mut world, &wic, "MESSAGE", "");
    world.core_asks_for(&text);
    let request = world.at_wic(flow);
    let answer = respond(&request, 200, "wic", "").with_raw(HeaderName::PPreferredIdentity, "<tel:+49-30-123>");
    world.wic(flow, answer.to_bytes());
    assert_eq!(world.answer_to_core().headers.value(&HeaderName::PAssertedIdentity), Some("<tel:+4930123>"));
}

/// T-1, for every kind of message.
#[test]
fn a_stranger_can_neither_ask_nor_cancel_nor_acknowledge() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let stranger = Peer::on_flow(Transport::Tcp, "192.0.2.66:5060".parse().unwrap(), FlowId((1 << 63) | 2));
    let text = core_request(&mut world, &wic, "INVITE", "");
    world.core_sends(stranger, text.as_bytes());
    assert_eq!(world.answer_to_core().status, StatusCode::FORBIDDEN);
    assert!(world.try_at_wic(wic.flow).is_none());
    let text = core_request(&mut world, &wic, "INVITE", "");
    world.core_asks_for(&text);
    world.at_wic(wic.flow);
    let cancel = crate::talk::cancel(&text);
    world.core_sends(stranger, &cancel.to_bytes());
    assert_eq!(world.answer_to_core().status.code(), 481);
    world.core_sends(core_peer(), &cancel.to_bytes());
    assert_eq!(world.answer_to_core().status, StatusCode::OK);
    let (_, mut core) = call_in(&mut world, &wic);
    let ack = core.says(&mut world, sip::Method::Ack, "");
    world.core_sends(stranger, &ack.to_bytes());
    assert!(world.try_at_wic(wic.flow).is_none());
}
