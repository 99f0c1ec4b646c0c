//! TP-DLG: what goes on in calls, and how they end.

use epcscf::policy::{OnRequests, RouteMismatch};
use epcscf::{End as CallEnd, Event};
use sip::dialog::Dialog;
use sip::headers::CSeq;
use sip::{HeaderName, Method, StatusCode};

use crate::talk::{
    End, KINDS, Kind, SDP, Wic, call_in, call_out, cancel, core_request, core_says, nothing_under_way, parse, register,
    register_of, respond, routes, world_for, world_with,
};
use crate::world::World;

const BOB: &str = "sip:bob@ims.example";

/// The WIC asks in the dialog, the core answers 200.
fn asks_core(world: &mut World, wic: &Wic, end: &mut End, method: Method, body: &str) -> sip::Request {
    let request = end.says(world, method, body);
    world.wic(wic.flow, request.to_bytes());
    let seen = world.at_core();
    let ok = respond(&seen, 200, "bob", "sip:bob@192.0.2.7");
    world.core_answers(if body.is_empty() { ok } else { ok.with_body("application/sdp", SDP) });
    assert_eq!(world.answer(wic.flow).status, StatusCode::OK);
    seen
}

/// The core asks in the dialog, the WIC answers 200.
fn asks_wic(world: &mut World, wic: &Wic, core: &mut End, method: Method, body: &str) -> sip::Request {
    let request = core.says(world, method, body);
    world.core_asks_for(&request.to_string());
    let seen = world.at_wic(wic.flow);
    let ok = respond(&seen, 200, "wic", &wic.contact);
    world.wic(wic.flow, if body.is_empty() { ok } else { ok.with_body("application/sdp", SDP) }.to_bytes());
    assert_eq!(world.answer_to_core().status, StatusCode::OK);
    seen
}

/// Every method that a dialog knows, in each direction, for each kind of user.
#[test]
fn requests_in_dialogs_pass_both_ways() {
    for kind in KINDS {
        for out in [true, false] {
            let mut world = world_for(kind);
            let wic = register(&mut world, kind, 1);
            let (mut end, mut core) = if out { call_out(&mut world, &wic) } else { call_in(&mut world, &wic) };
            assert_eq!(world.edge.load().contexts, 1);
            for method in [Method::Info, Method::Update, Method::Invite, Method::Message, Method::Notify, Method::Refer]
            {
                let body = if matches!(method, Method::Update | Method::Invite) { SDP } else { "" };
                let seen = asks_core(&mut world, &wic, &mut end, method.clone(), body);
                assert_eq!(routes(&seen), ["sip:scscf1.ims.example;lr"], "{method}");
                assert!(seen.headers.has(&HeaderName::PChargingVector) && !seen.headers.has(&HeaderName::RecordRoute));
                assert!(!seen.headers.has(&HeaderName::PAssertedIdentity));
                let seen = asks_wic(&mut world, &wic, &mut core, method.clone(), body);
                assert!(!seen.headers.has(&HeaderName::Route) && !seen.headers.has(&HeaderName::PChargingVector));
                assert_eq!(world.edge.load().dialogs, 1, "{method}");
            }
            if out {
                asks_core(&mut world, &wic, &mut end, Method::Bye, "");
            } else {
                asks_wic(&mut world, &wic, &mut core, Method::Bye, "");
            }
            assert!(nothing_under_way(&world));
            let ended = |event: &Event| matches!(event, Event::CallEnded { end: CallEnd::Bye, .. });
            assert_eq!(world.events().iter().filter(|event| ended(event)).count(), 1);
            world.sleep(100);
            assert_eq!(world.edge.load().requests, 0);
        }
    }
}

/// DLG-01: a dialog is its connection's, and nobody learns of a foreign one.
#[test]
fn nobody_speaks_in_a_foreign_dialog() {
    for method in [Method::Bye, Method::Invite, Method::Info, Method::Ack] {
        let mut world = World::new();
        let alice = register(&mut world, Kind::Token, 1);
        let eve = register(&mut world, Kind::Token, 2);
        let (mut end, _) = call_out(&mut world, &alice);
        let sent = world.mw.len();
        let request = end.says(&mut world, method.clone(), "");
        world.wic(eve.flow, request.to_bytes());
        let answer = world.try_answer(eve.flow).map(|answer| answer.status.code());
        assert_eq!(answer, (method != Method::Ack).then_some(481), "{method}");
        assert_eq!(world.mw.len(), sent);
        assert_eq!(world.edge.load().dialogs, 1, "it lives on");
        asks_core(&mut world, &alice, &mut end, Method::Bye, "");
        assert!(nothing_under_way(&world));
    }
    let mut world = World::new();
    let alice = register(&mut world, Kind::Token, 1);
    let (_, mut core) = call_out(&mut world, &alice);
    let unknown = core.says(&mut world, Method::Bye, "").to_string().replace(";tag=bob", ";tag=eve");
    world.core_asks_for(&unknown);
    assert_eq!(world.answer_to_core().status.code(), 481);
}

/// DLG-02.
#[test]
fn the_route_set_is_the_dialogs() {
    for mismatch in [RouteMismatch::Reject, RouteMismatch::Replace] {
        for method in [Method::Invite, Method::Bye, Method::Ack] {
            let mut world = World::with(|config| config.policy.route.mismatch = mismatch);
            let wic = register(&mut world, Kind::Digest, 1);
            let (mut end, _) = call_out(&mut world, &wic);
            let mut request = end.says(&mut world, method.clone(), "");
            request.headers.set(HeaderName::Route, "<sip:eve.example;lr>");
            world.wic(wic.flow, request.to_bytes());
            match mismatch {
                RouteMismatch::Reject => {
                    assert!(world.try_at_core().is_none());
                    let answer = world.try_answer(wic.flow).map(|answer| answer.status.code());
                    assert_eq!(answer, (method != Method::Ack).then_some(400), "{method}");
                }
                RouteMismatch::Replace => assert_eq!(routes(&world.at_core()), ["sip:scscf1.ims.example;lr"]),
            }
        }
    }
}

/// DLG-03, of a WIC: before an answer, while it rings, after the answer, and from elsewhere.
#[test]
fn a_wic_cancels_its_own_invite_until_it_is_answered() {
    for ringing in [false, true] {
        let mut world = World::new();
        let wic = register(&mut world, Kind::Token, 1);
        let eve = register(&mut world, Kind::Token, 2);
        let text = wic.invite(&mut world, BOB, "");
        world.wic(wic.flow, &text);
        let invite = world.at_core();
        if ringing {
            world.core_answers(core_says(&invite, 180, "bob"));
            world.answer(wic.flow);
        }
        world.wic(eve.flow, cancel(&text).to_bytes());
        assert_eq!(world.answer(eve.flow).status.code(), 481);
        world.wic(wic.flow, cancel(&text).to_bytes());
        assert_eq!(world.answer(wic.flow).status, StatusCode::OK, "the CANCEL is answered here");
        if !ringing {
            assert!(world.try_at_core().is_none(), "no CANCEL before a provisional response (RFC 3261 §9.1)");
            world.core_answers(invite.respond(StatusCode::TRYING));
        }
        let cancelled = world.at_core();
        assert_eq!((cancelled.method.clone(), cancelled.via().unwrap()), (Method::Cancel, invite.via().unwrap()));
        world.core_answers(cancelled.respond(StatusCode::OK));
        assert_eq!(world.edge.load().contexts, 1, "until the final answer");
        world.core_answers(core_says(&invite, 487, "bob"));
        assert_eq!(world.answer(wic.flow).status.code(), 487);
        assert!(nothing_under_way(&world));
    }
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let text = wic.invite(&mut world, BOB, "");
    world.wic(wic.flow, &text);
    let invite = world.at_core();
    world.core_answers(core_says(&invite, 200, "bob"));
    world.answer(wic.flow);
    world.wic(wic.flow, cancel(&text).to_bytes());
    assert_eq!(world.answer(wic.flow).status, StatusCode::OK);
    assert!(world.try_at_core().is_none(), "without effect");
    assert_eq!(world.edge.load().dialogs, 1);
}

/// DLG-03, of the core.
#[test]
fn the_core_cancels_what_rings_at_a_wic() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Range, 1);
    let text = core_request(&mut world, &wic, "INVITE", "");
    world.core_asks_for(&text);
    let invite = world.at_wic(wic.flow);
    world.wic(wic.flow, respond(&invite, 180, "wic", &wic.contact).to_bytes());
    world.answer_to_core();
    world.core_asks_for(&cancel(&text).to_string());
    assert_eq!(world.answer_to_core().status, StatusCode::OK);
    let cancelled = world.at_wic(wic.flow);
    assert_eq!(cancelled.method, Method::Cancel);
    world.wic(wic.flow, cancelled.respond(StatusCode::OK).to_bytes());
    world.wic(wic.flow, respond(&invite, 487, "wic", "").to_bytes());
    assert_eq!(world.answer_to_core().status.code(), 487);
    assert!(nothing_under_way(&world));
}

/// DLG-04: an ACK is never challenged, and what it carries of a token does not go on.
#[test]
fn an_ack_passes_without_a_token() {
    let mut world = World::with(|config| config.policy.bearer.on_requests = OnRequests::Require);
    let wic = register(&mut world, Kind::Token, 1);
    let token = register_of(Kind::Token, 1).lines.concat() + "\r\n";
    let text = wic.invite(&mut world, BOB, &token);
    world.wic(wic.flow, &text);
    let invite = world.at_core();
    world.core_answers(core_says(&invite, 200, "bob"));
    let ok = world.answer(wic.flow);
    let mut end = End::wic(Dialog::uac(&parse(&text), &ok).unwrap());
    let ack = end.says(&mut world, Method::Ack, "");
    world.wic(wic.flow, ack.to_bytes());
    assert_eq!(world.at_core().method, Method::Ack);
    let with_token = ack.to_string().replacen("\r\n", &format!("\r\n{token}"), 1);
    world.wic(wic.flow, with_token);
    let ack = world.at_core();
    assert!(ack.method == Method::Ack && !ack.headers.has(&HeaderName::Authorization));
    let bye = end.says(&mut world, Method::Bye, "");
    world.wic(wic.flow, bye.to_bytes());
    assert_eq!(world.answer(wic.flow).status.code(), 401, "all else is");
    assert_eq!(world.edge.load().dialogs, 1);
}

/// DLG-06: early media by 183 and PRACK, which passes in the early dialog.
#[test]
fn provisional_responses_are_acknowledged_in_early_dialogs() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let text = wic.invite(&mut world, BOB, "Supported: 100rel\r\n");
    world.wic(wic.flow, &text);
    let invite = world.at_core();
    let progress = core_says(&invite, 183, "bob").with_raw(HeaderName::Require, "100rel");
    world.core_answers(progress.with_raw(HeaderName::RSeq, "1").with_body("application/sdp", SDP));
    let progress = world.answer(wic.flow);
    assert_eq!((progress.status.code(), progress.headers.value(&HeaderName::RSeq)), (183, Some("1")));
    let mut end = End::wic(Dialog::uac(&parse(&text), &progress).unwrap());
    for method in [Method::Prack, Method::Update] {
        let seen = asks_core(&mut world, &wic, &mut end, method, SDP);
        assert_eq!(routes(&seen), ["sip:scscf1.ims.example;lr"]);
    }
    world.core_answers(core_says(&invite, 200, "bob"));
    assert_eq!(world.answer(wic.flow).status, StatusCode::OK);
    assert_eq!((world.edge.load().dialogs, world.edge.load().contexts), (1, 1));
}

/// DLG-08: the core has forked the INVITE.
#[test]
fn of_several_early_dialogs_the_answered_one_is_left() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let text = wic.invite(&mut world, BOB, "");
    world.wic(wic.flow, &text);
    let invite = world.at_core();
    for tag in ["bob1", "bob2", "bob3"] {
        world.core_answers(core_says(&invite, 180, tag));
        assert_eq!(world.answer(wic.flow).to().unwrap().tag(), Some(tag));
    }
    assert_eq!((world.edge.load().dialogs, world.edge.load().contexts), (3, 3));
    world.core_answers(core_says(&invite, 200, "bob2"));
    let ok = world.answer(wic.flow);
    assert_eq!((world.edge.load().dialogs, world.edge.load().contexts), (1, 1));
    // A second answer that could not be cancelled in time is one more dialog (RFC 3261 §13.2.2.4).
    world.core_answers(core_says(&invite, 200, "bob3"));
    let second = world.answer(wic.flow);
    assert_eq!(second.to().unwrap().tag(), Some("bob3"));
    assert_eq!(world.edge.load().dialogs, 2);
    for ok in [ok, second] {
        let mut end = End::wic(Dialog::uac(&parse(&text), &ok).unwrap());
        asks_core(&mut world, &wic, &mut end, Method::Bye, "");
    }
    assert!(nothing_under_way(&world));
}

/// A 2xx is the UAS's to repeat; each copy goes on (RFC 6026 §7.2).
#[test]
fn a_repeated_200_goes_on() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let text = wic.invite(&mut world, BOB, "");
    world.wic(wic.flow, &text);
    let invite = world.at_core();
    for _ in 0..3 {
        world.core_answers(core_says(&invite, 200, "bob"));
        assert_eq!(world.answer(wic.flow).status, StatusCode::OK);
    }
    let started = |event: &Event| matches!(event, Event::CallStarted { .. });
    assert_eq!(world.events().iter().filter(|event| started(event)).count(), 1);
    assert_eq!((world.edge.load().dialogs, world.edge.load().contexts), (1, 1));
}

/// DLG-09, DLG-10: glare and session intervals are between the ends.
#[test]
fn refusals_in_a_call_pass_and_leave_it_alone() {
    for status in [491, 422, 488, 481, 408, 500] {
        let mut world = World::new();
        let wic = register(&mut world, Kind::Token, 1);
        let (mut end, mut core) = call_out(&mut world, &wic);
        let ours = end.says(&mut world, Method::Invite, SDP);
        world.wic(wic.flow, ours.to_bytes());
        let seen = world.at_core();
        let theirs = core.says(&mut world, Method::Invite, SDP);
        world.core_asks_for(&theirs.to_string());
        let at_wic = world.at_wic(wic.flow);
        world.wic(wic.flow, respond(&at_wic, status, "wic", "").to_bytes());
        assert_eq!(world.answer_to_core().status.code(), status);
        assert_eq!(world.at_wic(wic.flow).method, Method::Ack);
        world.core_answers(respond(&seen, status, "bob", "").with_raw(HeaderName::MinSe, "90"));
        let answer = world.answer(wic.flow);
        assert_eq!((answer.status.code(), answer.headers.value(&HeaderName::MinSe)), (status, Some("90")));
        assert_eq!((world.edge.load().dialogs, world.edge.load().contexts), (1, 1), "{status}");
    }
}

/// RFC 4028 §8.2: a session that nobody refreshes is forgotten, one that is refreshed is not.
#[test]
fn a_session_that_is_not_refreshed_is_forgotten() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Digest, 1);
    let text = wic.invite(&mut world, BOB, "Session-Expires: 300\r\nSupported: timer\r\n");
    world.wic(wic.flow, &text);
    let invite = world.at_core();
    assert_eq!(invite.headers.value(&HeaderName::SessionExpires), Some("300"));
    world.core_answers(core_says(&invite, 200, "bob").with_raw(HeaderName::SessionExpires, "300;refresher=uac"));
    let ok = world.answer(wic.flow);
    let mut end = End::wic(Dialog::uac(&parse(&text), &ok).unwrap());
    world.sleep(200);
    let update = end.says(&mut world, Method::Update, "");
    world.wic(wic.flow, update.to_bytes());
    let seen = world.at_core();
    let ok = respond(&seen, 200, "bob", "sip:bob@192.0.2.7").with_raw(HeaderName::SessionExpires, "300;refresher=uac");
    world.core_answers(ok);
    world.answer(wic.flow);
    world.sleep(299);
    assert_eq!(world.edge.load().dialogs, 1);
    world.sleep(1);
    assert!(nothing_under_way(&world));
    let expired = |event: &Event| matches!(event, Event::CallEnded { end: CallEnd::Expired, .. });
    assert!(world.events().iter().any(expired));
    let bye = end.says(&mut world, Method::Bye, "");
    world.wic(wic.flow, bye.to_bytes());
    assert_eq!(world.answer(wic.flow).status.code(), 481);
}

/// RFC 3261 §16.8.
#[test]
fn an_invite_that_rings_for_ever_is_cancelled() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let text = wic.invite(&mut world, BOB, "");
    world.wic(wic.flow, &text);
    let invite = world.at_core();
    world.core_answers(core_says(&invite, 180, "bob"));
    world.sleep(170);
    world.core_answers(core_says(&invite, 180, "bob"));
    world.sleep(180);
    assert!(world.try_at_core().is_none());
    world.sleep(1);
    assert_eq!(world.at_core().method, Method::Cancel);
    world.core_answers(core_says(&invite, 487, "bob"));
    let answers: Vec<u16> = std::iter::from_fn(|| world.try_answer(wic.flow)).map(|a| a.status.code()).collect();
    assert_eq!(answers, [180, 180, 408]);
    assert!(nothing_under_way(&world));
}

/// DLG-07, inside the grace time: the same instance takes its call over.
#[test]
fn a_call_outlives_its_connection_for_a_while() {
    for kind in KINDS {
        for out in [true, false] {
            let mut world = world_for(kind);
            let wic = register(&mut world, kind, 1);
            let (mut end, mut core) = if out { call_out(&mut world, &wic) } else { call_in(&mut world, &wic) };
            world.lose(wic.flow);
            world.sleep(9);
            // Meanwhile nobody is there, but the call is.
            let info = core.says(&mut world, Method::Info, "");
            world.core_asks_for(&info.to_string());
            let answer = world.answer_to_core();
            assert!(answer.status.code() == 500 && answer.headers.has(&HeaderName::RetryAfter), "{answer}");
            let back = again(&mut world, kind, &wic);
            assert_ne!(back.flow, wic.flow);
            world.sleep(60);
            assert_eq!((world.edge.load().dialogs, world.edge.load().contexts), (1, 1), "{kind:?}");
            // With the old route set, and by the dialog rather than the old flow token.
            asks_core(&mut world, &back, &mut end, Method::Invite, SDP);
            asks_wic(&mut world, &back, &mut core, Method::Update, SDP);
            asks_wic(&mut world, &back, &mut core, Method::Bye, "");
            assert!(nothing_under_way(&world));
        }
    }
}

/// Registers the same contact on a new connection.
fn again(world: &mut World, kind: Kind, wic: &Wic) -> Wic {
    let n = wic.contact.trim_start_matches("sip:u8c2@i").split('.').next().unwrap().parse().unwrap();
    let flow = world.connect(match kind {
        Kind::Digest | Kind::Token => crate::world::OPERATOR,
        Kind::Pool | Kind::Range => crate::world::PARTNER,
    });
    let register = register_of(kind, n).cseq(2);
    if kind == Kind::Range {
        world.wic(flow, register.text());
        assert_eq!(world.answer(flow).status, StatusCode::OK);
    } else {
        assert_eq!(world.register_at_core(flow, &register).status, StatusCode::OK);
    }
    Wic { flow, ..wic.clone() }
}

/// DLG-07, outside the grace time.
#[test]
fn a_wic_that_does_not_come_back_is_hung_up_on() {
    for kind in KINDS {
        let mut world = world_with(kind, |config| config.policy.call.ws_grace = 5);
        let wic = register(&mut world, kind, 1);
        let (mut end, _) = call_out(&mut world, &wic);
        world.lose(wic.flow);
        world.sleep(4);
        assert!(world.try_at_core().is_none());
        world.sleep(1);
        let bye = world.at_core();
        assert_eq!(bye.method, Method::Bye);
        assert_eq!(bye.headers.value(&HeaderName::Reason), Some("SIP;cause=480;text=\"the WebSocket is lost\""));
        assert_eq!(routes(&bye), ["sip:scscf1.ims.example;lr"]);
        assert_eq!(bye.uri.to_string(), "sip:bob@192.0.2.7");
        assert_eq!(bye.cseq().unwrap(), CSeq { number: 2, method: Method::Bye });
        assert!(bye.from().unwrap().tag() == end.dialog.local().tag() && bye.to().unwrap().tag() == Some("bob"));
        world.core_answers(bye.respond(StatusCode::OK));
        assert!(nothing_under_way(&world));
        let lost = |event: &Event| matches!(event, Event::CallEnded { end: CallEnd::Lost, .. });
        assert!(world.events().iter().any(lost));
        // Too late.
        let back = again(&mut world, kind, &wic);
        let invite = end.says(&mut world, Method::Invite, SDP);
        world.wic(back.flow, invite.to_bytes());
        assert_eq!(world.answer(back.flow).status.code(), 481);
    }
}

/// The peer hangs up while the WIC is away.
#[test]
fn a_bye_for_a_wic_that_is_away_is_answered_in_its_name() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let (_, mut core) = call_in(&mut world, &wic);
    world.lose(wic.flow);
    let bye = core.says(&mut world, Method::Bye, "");
    world.core_asks_for(&bye.to_string());
    assert_eq!(world.answer_to_core().status, StatusCode::OK);
    assert!(nothing_under_way(&world));
    world.sleep(60);
    assert!(world.try_at_core().is_none());
}

/// A newer connection takes calls over before the old one is seen to be dead.
#[test]
fn calls_go_along_with_a_replaced_connection() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Token, 1);
    let (mut end, mut core) = call_out(&mut world, &wic);
    let back = again(&mut world, Kind::Token, &wic);
    assert_eq!(world.closed_with(wic.flow), Some(1000));
    world.lose(wic.flow);
    asks_core(&mut world, &back, &mut end, Method::Invite, SDP);
    asks_wic(&mut world, &back, &mut core, Method::Info, "");
    // The old connection has no part in it any more.
    world.sleep(30);
    assert_eq!(world.edge.load().dialogs, 1);
}

/// The caller's connection dies before the answer: the call is taken back, also from one who is
/// faster than the CANCEL.
#[test]
fn a_call_whose_caller_is_gone_is_taken_back() {
    for answered in [false, true] {
        let mut world = World::new();
        let wic = register(&mut world, Kind::Token, 1);
        let text = wic.invite(&mut world, BOB, "");
        world.wic(wic.flow, &text);
        let invite = world.at_core();
        world.core_answers(core_says(&invite, 180, "bob"));
        world.lose(wic.flow);
        assert_eq!(world.at_core().method, Method::Cancel);
        if answered {
            world.core_answers(core_says(&invite, 200, "bob"));
            assert_eq!(world.at_core().method, Method::Ack);
            let bye = world.at_core();
            assert_eq!(bye.method, Method::Bye);
            world.core_answers(bye.respond(StatusCode::OK));
        } else {
            world.core_answers(core_says(&invite, 487, "bob"));
        }
        assert!(nothing_under_way(&world), "{:?}", world.edge.load());
        world.sleep(200);
        assert_eq!(world.edge.load().requests, 0);
    }
}

/// DER-04: both ways, for every way in which a registration ends here.
#[test]
fn calls_end_with_the_registration() {
    for kind in KINDS {
        for out in [true, false] {
            let mut world = world_for(kind);
            let wic = register(&mut world, kind, 1);
            let (end, _) = if out { call_out(&mut world, &wic) } else { call_in(&mut world, &wic) };
            let leave = register_of(kind, 1).cseq(2).contact("*").line("Expires: 0");
            world.wic(wic.flow, leave.text());
            if kind != Kind::Range {
                let request = world.at_core();
                world.core_answers(request.respond(StatusCode::OK));
            }
            assert_eq!(world.answer(wic.flow).status, StatusCode::OK);
            let (to_core, to_wic) = (world.at_core(), world.at_wic(wic.flow));
            for bye in [&to_core, &to_wic] {
                assert_eq!(bye.method, Method::Bye);
                let reason = bye.headers.value(&HeaderName::Reason).unwrap();
                assert!(reason.starts_with("SIP;cause=480;"), "{reason}");
            }
            assert_eq!(to_wic.uri.to_string(), wic.contact);
            assert!(to_wic.to().unwrap().tag() == end.dialog.local().tag() && !to_wic.headers.has(&HeaderName::Route));
            assert!(to_core.from().unwrap().tag() == end.dialog.local().tag());
            world.core_answers(to_core.respond(StatusCode::CALL_DOES_NOT_EXIST));
            world.wic(wic.flow, to_wic.respond(StatusCode::OK).to_bytes());
            assert!(nothing_under_way(&world), "{kind:?} {:?}", world.edge.load());
        }
    }
}

/// What rings when the registration ends is cancelled.
#[test]
fn unanswered_calls_end_with_the_registration() {
    let mut world = World::new();
    let wic = register(&mut world, Kind::Range, 1);
    let text = core_request(&mut world, &wic, "INVITE", "");
    world.core_asks_for(&text);
    let ringing = world.at_wic(wic.flow);
    world.wic(wic.flow, respond(&ringing, 180, "wic", &wic.contact).to_bytes());
    world.answer_to_core();
    let text = wic.invite(&mut world, BOB, "");
    world.wic(wic.flow, &text);
    let invite = world.at_core();
    world.core_answers(core_says(&invite, 180, "bob"));
    world.answer(wic.flow);
    world.wic(wic.flow, register_of(Kind::Range, 1).cseq(2).contact("*").line("Expires: 0").text());
    world.answer(wic.flow);
    assert_eq!(world.at_wic(wic.flow).method, Method::Cancel);
    assert_eq!(world.at_core().method, Method::Cancel);
    // The callee was faster: it is told that the call is over.
    world.core_answers(core_says(&invite, 200, "bob"));
    assert_eq!((world.at_core().method, world.at_core().method), (Method::Ack, Method::Bye));
    assert_eq!(world.answer(wic.flow).status.code(), 487);
    world.wic(wic.flow, respond(&ringing, 200, "wic", &wic.contact).to_bytes());
    assert_eq!((world.at_wic(wic.flow).method, world.at_wic(wic.flow).method), (Method::Ack, Method::Bye));
    assert_eq!(world.answer_to_core().status.code(), 487);
    assert!(nothing_under_way(&world), "{:?}", world.edge.load());
}

/// Nothing is left after calls of every kind and every end: no state, no timer.
#[test]
fn nothing_is_left_when_all_is_over() {
    use sip::node::Node;
    for kind in KINDS {
        let mut world = world_for(kind);
        let wic = register(&mut world, kind, 1);
        call_out(&mut world, &wic);
        call_in(&mut world, &wic);
        for method in ["INVITE", "SUBSCRIBE", "REFER", "MESSAGE", "OPTIONS"] {
            let text = core_request(&mut world, &wic, method, "");
            world.core_asks_for(&text);
            let text = wic.request(&mut world, method, BOB, "", "");
            world.wic(wic.flow, &text);
        }
        world.lose(wic.flow);
        world.sleep(20_000);
        let load = world.edge.load();
        assert_eq!(load, epcscf::Load::default(), "{kind:?}");
        assert_eq!(world.edge.poll_timeout(), None, "{kind:?}: no timer runs for nobody");
    }
}

/// A SUBSCRIBE passes, its NOTIFYs come back, before its 200 too, and the last one ends it.
#[test]
fn a_subscription_passes_until_its_last_notify() {
    for early in [false, true] {
        let mut world = World::new();
        let wic = register(&mut world, Kind::Token, 1);
        let text = wic.request(&mut world, "SUBSCRIBE", &wic.impu, "Event: reg\r\n", "");
        world.wic(wic.flow, &text);
        let subscribe = world.at_core();
        assert!(subscribe.headers.has(&HeaderName::RecordRoute));
        let ok = core_says(&subscribe, 200, "s1").with_raw(HeaderName::Expires, "600");
        let mut beyond = subscribe.clone();
        beyond.headers.push_front(HeaderName::RecordRoute, "<sip:scscf1.ims.example;lr>");
        let mut notifier = End::core(Dialog::uas(&beyond, "s1").unwrap());
        if !early {
            world.core_answers(ok.clone());
            assert_eq!(world.answer(wic.flow).status, StatusCode::OK);
        }
        for state in ["active;expires=600", "terminated;reason=noresource"] {
            let notify = notifier.says(&mut world, Method::Notify, "").with_raw(HeaderName::SubscriptionState, state);
            let notify = notify.with_raw(HeaderName::Contact, "<sip:scscf1.ims.example>");
            world.core_asks_for(&notify.to_string());
            let seen = world.at_wic(wic.flow);
            assert_eq!(seen.headers.value(&HeaderName::SubscriptionState), Some(state));
            world.wic(wic.flow, seen.respond(StatusCode::OK).to_bytes());
            assert_eq!(world.answer_to_core().status, StatusCode::OK);
        }
        if early {
            world.core_answers(ok);
            assert_eq!(world.answer(wic.flow).status, StatusCode::OK);
            world.sleep(700);
        }
        assert!(nothing_under_way(&world), "{early} {:?}", world.edge.load());
    }
}
