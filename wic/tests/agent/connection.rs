//! The connection: opened, lost, kept alive, formed again (RFC 5626 §4.4, §4.5).

use std::time::Duration;

use sip::Response;
use wic::{Cause, close};

use crate::script::{Wic, accept_digest, authorization, cseq, digest_config, digest_of, grant, response};

fn with_flow_timer(response: Response, secs: u32) -> Response {
    response.with_raw(sip::HeaderName::FlowTimer, secs.to_string())
}

/// Registered by flow 1, on a flow that wants keep-alives.
fn kept_alive(secs: u32, seed: u64) -> Wic {
    let mut wic = Wic::seeded(digest_config(), seed);
    wic.start();
    wic.connected();
    let opening = wic.register();
    wic.answer(crate::script::challenge(&opening, &[sip::digest::Algorithm::Md5], "n1", false));
    let request = wic.register();
    wic.answer(with_flow_timer(accept_digest(&request, 3600, None), secs));
    wic
}

#[test]
fn a_wss_that_does_not_open_says_so_and_links_to_the_page() {
    let mut wic = Wic::digest();
    wic.start();
    wic.tell(|agent, now| agent.connect_failed(now, "unknown certificate authority"));
    wic.assert_state("backing-off");
    let failure = wic.failure();
    assert_eq!(failure.cause, Cause::Unreachable);
    assert_eq!(failure.link.as_deref(), Some("https://localhost:7443/"));
    assert!(failure.text.contains("unknown certificate authority"));
}

#[test]
fn a_wss_that_never_opens_is_given_up_after_a_while() {
    let mut wic = Wic::digest();
    wic.start();
    assert_eq!(wic.pass_to_timer(), Duration::from_secs(10));
    wic.assert_state("backing-off");
    assert_eq!(wic.closes[0].0, close::TIMEOUT);
    // What comes of it later is nobody's concern.
    wic.connected();
    wic.assert_state("backing-off");
    wic.sent_nothing();
}

/// RFC 5626 §4.5: 30 s doubled with each failure, up to 1800 s, 50 to 100 % of it.
#[test]
fn the_tries_back_off() {
    let mut wic = Wic::digest();
    wic.start();
    for upper in [1, 60, 120, 240, 480, 960, 1800, 1800, 1800] {
        wic.tell(|agent, now| agent.connect_failed(now, "refused"));
        let wait = wic.pass_to_timer().as_millis();
        assert!((upper * 500..=upper * 1000).contains(&wait), "{wait} ms of {upper} s");
        wic.assert_state("connecting");
    }
    assert_eq!(wic.connects.len(), 10);
}

#[test]
fn a_restarted_epcscf_is_registered_with_again_by_itself() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    let first = wic.wire[0].1.octets().clone();
    wic.pass_secs(500);
    wic.closed(1001);
    wic.assert_state("backing-off");
    assert!(wic.pass_to_timer() <= Duration::from_secs(1));
    wic.connected();
    let request = wic.register();
    // The same registration goes on (RFC 3261 §10.2.4) …
    assert_eq!(cseq(&request), 3);
    assert!(String::from_utf8_lossy(&first).contains(request.call_id().unwrap().0.as_ref()));
    // … and the new flow opens anew, since the old nonce belonged to the old one.
    assert_eq!(digest_of(&request).text("nonce").as_deref(), Some(""));
    wic.answer(crate::script::challenge(&request, &[sip::digest::Algorithm::Sha256], "n9", false));
    let request = wic.register();
    wic.answer(accept_digest(&request, 3600, None));
    wic.assert_state("registered");
    assert_eq!(wic.binds(), 2);
}

/// A loss right after each success must not become a tight loop.
#[test]
fn a_registration_that_did_not_last_does_not_reset_the_back_off() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    let mut waits = Vec::new();
    for _ in 0..3 {
        wic.pass_secs(5);
        wic.closed(1006);
        waits.push(wic.pass_to_timer().as_secs());
        wic.connected();
        let request = wic.register();
        wic.answer(crate::script::challenge(&request, &[sip::digest::Algorithm::Sha256], "n9", false));
        let request = wic.register();
        wic.answer(accept_digest(&request, 3600, None));
    }
    assert!(waits[0] <= 1 && waits[1] >= 30 && waits[2] >= 60, "{waits:?}");
    wic.pass_secs(121);
    wic.closed(1006);
    assert!(wic.pass_to_timer() <= Duration::from_secs(1));
}

#[test]
fn a_close_for_policy_ends_it() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    wic.closed(1008);
    wic.assert_state("failed");
    assert_eq!(wic.failure().cause, Cause::ClosedByPolicy);
    wic.pass_secs(7200);
    assert_eq!(wic.connects.len(), 1);
}

#[test]
fn a_failed_wic_can_be_started_again() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    let first = wic.wire[0].1.octets().clone();
    wic.closed(1008);
    wic.start();
    wic.connected();
    let request = wic.register();
    assert_eq!(cseq(&request), 1);
    assert!(!String::from_utf8_lossy(&first).contains(request.call_id().unwrap().0.as_ref()));
}

#[test]
fn no_answer_to_register_fails_the_flow_after_timer_f() {
    let mut wic = Wic::digest();
    wic.start();
    wic.connected();
    wic.register();
    wic.pass(Duration::from_millis(31_999));
    wic.assert_state("registering");
    wic.pass(Duration::from_millis(1));
    wic.assert_state("backing-off");
    assert_eq!(wic.failure().cause, Cause::Timeout);
    assert_eq!(wic.closes[0].0, close::TIMEOUT);
    wic.pass_to_timer();
    assert_eq!(wic.connects.len(), 2);
}

#[test]
fn a_provisional_answer_is_waited_on() {
    let mut wic = Wic::digest();
    wic.start();
    wic.connected();
    let request = wic.register();
    wic.answer(response(&request, 100));
    wic.assert_state("registering");
    wic.answer(response(&request, 403));
    wic.assert_state("failed");
}

#[test]
fn pings_go_out_at_80_to_100_percent_of_the_flow_timer() {
    for seed in 0..50 {
        let mut wic = kept_alive(100, seed);
        for _ in 0..5 {
            let wait = wic.pass_to_timer();
            assert!((80_000..=100_000).contains(&wait.as_millis()), "{wait:?}");
            assert_eq!(wic.sent.pop_front().as_deref(), Some(&b"\r\n\r\n"[..]));
            wic.receive(&b"\r\n"[..]);
        }
    }
}

#[test]
fn no_pong_within_ten_seconds_fails_the_flow() {
    let mut wic = kept_alive(100, 1);
    wic.pass_to_timer();
    wic.pass(Duration::from_millis(9_999));
    wic.assert_state("registered");
    wic.pass(Duration::from_millis(1));
    wic.assert_state("backing-off");
    assert_eq!(wic.failure().cause, Cause::FlowFailed);
    assert_eq!(wic.closes[0].0, close::TIMEOUT);
}

#[test]
fn without_a_flow_timer_nothing_is_pinged() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    wic.pass_secs(2999);
    wic.sent_nothing();
}

#[test]
fn a_ping_is_answered_with_a_pong() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    wic.receive(&b"\r\n\r\n"[..]);
    assert_eq!(wic.sent.pop_front().as_deref(), Some(&b"\r\n"[..]));
}

#[test]
fn another_network_is_used_at_once() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    wic.tell(|agent, now| agent.network_changed(now));
    assert_eq!((wic.connects.len(), wic.closes.len()), (2, 1));
    wic.connected();
    let request = wic.register();
    assert_eq!(cseq(&request), 3);

    let mut wic = Wic::digest();
    wic.start();
    for _ in 0..5 {
        wic.tell(|agent, now| agent.connect_failed(now, "offline"));
        wic.pass_to_timer();
    }
    wic.tell(|agent, now| agent.connect_failed(now, "offline"));
    wic.assert_state("backing-off");
    wic.tell(|agent, now| agent.network_changed(now));
    wic.assert_state("connecting");
}

#[test]
fn another_network_means_nothing_to_a_wic_that_rests() {
    let mut wic = Wic::digest();
    wic.tell(|agent, now| agent.network_changed(now));
    wic.assert_state("idle");
    assert!(wic.connects.is_empty());
}

#[test]
fn another_network_while_a_token_is_awaited_does_not_ask_twice() {
    let mut wic = Wic::web_auth();
    wic.start();
    wic.tell(|agent, now| agent.network_changed(now));
    assert_eq!(wic.fetches.len(), 1);
    wic.token(Ok(grant("first", 3600)));
    wic.connected();
    assert!(authorization(&wic.register()).is_some());
}

#[test]
fn a_start_under_way_is_not_started_twice() {
    let mut wic = Wic::digest();
    wic.start();
    wic.start();
    wic.connected();
    wic.start();
    assert_eq!(wic.connects.len(), 1);
    wic.register();
}
