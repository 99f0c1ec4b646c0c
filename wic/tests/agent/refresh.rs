//! Refreshes: of the registration, of the token.

use std::time::Duration;

use ims::Impu;
use wic::{Cause, Event, TokenFailure, TokenGrant, TokenReason};

use crate::script::{
    AUTHZ, Wic, accept, accept_digest, bearer_challenge, busy, contact_expires, cseq, digest_config, grant, response,
    token_of, too_brief,
};

/// REG-07.
#[test]
fn the_refresh_comes_at_half_life_or_600_s_before_the_end() {
    for (granted, after) in [(60, 30), (1200, 600), (1300, 700), (3600, 3000)] {
        let mut wic = Wic::digest();
        wic.register_by_digest(granted);
        wic.pass(Duration::from_millis(after * 1000 - 1));
        wic.sent_nothing();
        wic.pass(Duration::from_millis(1));
        wic.assert_state("refreshing");
        let request = wic.register();
        assert_eq!(cseq(&request), 3);
        wic.answer(accept_digest(&request, granted, None));
        wic.assert_state("registered");
        assert_eq!(wic.binds(), 2, "granted {granted}");
    }
}

#[test]
fn the_200_tells_identities_route_and_end() {
    let mut wic = Wic::digest();
    wic.register_by_digest(1300);
    let binding = wic.binding();
    let impus: Vec<_> = binding.impus.iter().map(Impu::as_str).collect();
    assert_eq!(impus, ["sip:alice@ims.example", "tel:+15550100"]);
    assert_eq!(binding.service_route[0].uri.to_string(), "sip:orig@scscf1.ims.example;lr");
    assert_eq!(binding.expires_at, wic.now.mono + Duration::from_secs(1300));
    assert_eq!(binding.refresh_at, wic.now.mono + Duration::from_secs(700));
    assert!(binding.outbound);
}

#[test]
fn a_wildcard_among_the_identities_is_left_out() {
    let mut wic = Wic::web_auth();
    wic.start();
    wic.token(Ok(grant("first", 3600)));
    wic.connected();
    let request = wic.register();
    let wildcard = "<sip:alice@ims.example>, <sip:guest-!.*!@ims.example>";
    let mut response = accept(&request, 600);
    response.headers.set(sip::HeaderName::PAssociatedUri, wildcard);
    wic.answer(response);
    assert_eq!(wic.binding().impus.len(), 1);
}

#[test]
fn a_200_without_our_contact_is_no_registration() {
    let mut wic = Wic::web_auth();
    wic.start();
    wic.token(Ok(grant("first", 3600)));
    wic.connected();
    let request = wic.register();
    wic.answer(response(&request, 200).with_raw(sip::HeaderName::Contact, "<sip:other@host.invalid>;expires=600"));
    wic.assert_state("failed");
    assert_eq!(wic.failure().cause, Cause::Protocol);
}

/// REG-04.
#[test]
fn a_423_is_answered_with_its_min_expires() {
    let mut config = digest_config();
    config.expires = Duration::from_secs(10);
    let mut wic = Wic::new(config);
    wic.start();
    wic.connected();
    let request = wic.register();
    assert_eq!(contact_expires(&request), Some(10));
    wic.answer(too_brief(&request, 60));
    let request = wic.register();
    assert_eq!(contact_expires(&request), Some(60));
    // A registrar that wants more each time is not followed for ever.
    wic.answer(too_brief(&request, 600));
    wic.assert_state("failed");
    assert_eq!(wic.failure().cause.status(), Some(sip::StatusCode::INTERVAL_TOO_BRIEF));
}

#[test]
fn a_423_without_a_longer_min_expires_is_final() {
    let mut wic = Wic::web_auth();
    wic.start();
    wic.token(Ok(grant("first", 3600)));
    wic.connected();
    let request = wic.register();
    wic.answer(too_brief(&request, 3600));
    wic.assert_state("failed");
}

/// REG-12.
#[test]
fn retry_after_is_honoured_on_the_same_connection() {
    for status in [503, 504] {
        let mut wic = Wic::digest();
        wic.start();
        wic.connected();
        let request = wic.register();
        wic.answer(busy(&request, status, Some(120)));
        wic.assert_state("backing-off");
        assert_eq!(wic.failure().cause.status().unwrap().code(), status);
        wic.pass_secs(119);
        wic.sent_nothing();
        wic.pass_secs(1);
        assert_eq!(cseq(&wic.register()), 2);
        assert_eq!((wic.connects.len(), wic.closes.len()), (1, 0));
    }
}

#[test]
fn without_retry_after_the_back_off_decides() {
    let mut wic = Wic::digest();
    wic.start();
    wic.connected();
    let mut waits = Vec::new();
    for _ in 0..4 {
        let request = wic.register();
        wic.answer(busy(&request, 503, None));
        waits.push(wic.pass_to_timer().as_secs());
    }
    assert!(waits[0] <= 1 && (30..=60).contains(&waits[1]) && (60..=120).contains(&waits[2]), "{waits:?}");
}

#[test]
fn an_absurd_retry_after_is_cut_to_a_day() {
    let mut wic = Wic::digest();
    wic.start();
    wic.connected();
    let request = wic.register();
    wic.answer(busy(&request, 503, Some(u32::MAX)));
    assert_eq!(wic.pass_to_timer(), Duration::from_secs(24 * 3600));
}

#[test]
fn a_busy_network_at_a_refresh_leaves_the_registration_in_force() {
    let mut wic = Wic::digest();
    wic.register_by_digest(600);
    wic.pass_secs(300);
    let request = wic.register();
    wic.answer(busy(&request, 504, Some(100)));
    wic.assert_state("registered");
    wic.pass_secs(100);
    wic.assert_state("refreshing");
    let request = wic.register();
    wic.answer(accept_digest(&request, 600, None));
    wic.assert_state("registered");
}

#[test]
fn a_retry_after_beyond_the_end_is_waited_for_unregistered() {
    let mut wic = Wic::digest();
    wic.register_by_digest(600);
    wic.pass_secs(300);
    let request = wic.register();
    wic.answer(busy(&request, 503, Some(1000)));
    wic.assert_state("registered");
    wic.pass_secs(300);
    wic.assert_state("backing-off");
    assert_eq!(wic.failure().cause, Cause::Expired);
    wic.pass_secs(700);
    wic.assert_state("registering");
}

#[test]
fn a_403_at_a_refresh_ends_the_registration() {
    let mut wic = Wic::digest();
    wic.register_by_digest(600);
    wic.pass_secs(300);
    let request = wic.register();
    wic.answer(response(&request, 403));
    wic.assert_state("failed");
    assert_eq!(wic.closes.len(), 1);
}

#[test]
fn a_refresh_can_be_asked_for() {
    let mut wic = Wic::digest();
    wic.register_by_digest(3600);
    wic.tell(|agent, now| agent.refresh(now));
    wic.assert_state("refreshing");
    let request = wic.register();
    // Asking again while it is under way changes nothing.
    wic.tell(|agent, now| agent.refresh(now));
    wic.sent_nothing();
    wic.answer(accept_digest(&request, 3600, None));
    wic.assert_state("registered");
}

#[test]
fn a_young_token_serves_a_refresh_and_an_old_one_is_replaced_first() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(10_000, 3600);
    wic.pass_secs(3000);
    assert_eq!(token_of(&wic.register()), "first");

    let mut wic = Wic::web_auth();
    wic.register_by_token(600, 600);
    wic.pass_secs(300);
    assert_eq!(wic.fetches.last(), Some(&TokenReason::Refresh));
    wic.assert_state("refreshing");
    wic.sent_nothing();
    wic.token(Ok(grant("second", 600)));
    let request = wic.register();
    assert_eq!(token_of(&request), "second");
    wic.answer(accept(&request, 600));
    assert!(wic.events.iter().any(|e| matches!(e, Event::TokenRefreshed { expires_in: 600 })));
    assert_eq!(wic.connects.len(), 1);
}

/// An eP-CSCF that grants more than the token has must not let the token run out.
#[test]
fn the_token_bounds_the_refresh() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(600, 3600);
    assert_eq!(wic.binding().refresh_at, wic.now.mono + Duration::from_secs(300));
}

#[test]
fn a_wwsf_that_is_down_at_a_refresh_is_asked_again_in_time() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(600, 600);
    wic.pass_secs(300);
    wic.token(Err(TokenFailure::Unavailable("down".into())));
    wic.assert_state("registered");
    let wait = wic.pass_to_timer();
    assert!(wait <= Duration::from_secs(30), "{wait:?}");
    assert_eq!(wic.fetches.len(), 3);
    wic.token(Ok(grant("second", 600)));
    assert_eq!(token_of(&wic.register()), "second");
}

#[test]
fn a_wwsf_that_stays_down_ends_in_expiry_and_goes_on_trying() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(600, 600);
    for _ in 0..200 {
        let asked = wic.fetches.len();
        wic.pass_to_timer();
        if wic.fetches.len() > asked {
            wic.token(Err(TokenFailure::Unavailable("down".into())));
        }
        if wic.state().binding().is_none() {
            break;
        }
    }
    assert!(wic.state().binding().is_none());
    let asked = wic.fetches.len();
    wic.pass_secs(120);
    assert!(wic.fetches.len() > asked);
}

#[test]
fn a_token_refused_at_a_refresh_is_replaced_once() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(3600, 600);
    wic.pass_secs(300);
    let request = wic.register();
    wic.answer(bearer_challenge(&request, Some(AUTHZ), Some("invalid_token")));
    wic.assert_state("refreshing");
    wic.closed(1008);
    wic.assert_state("fetching-token");
    wic.token(Ok(grant("second", 3600)));
    wic.connected();
    let request = wic.register();
    assert_eq!(token_of(&request), "second");
    wic.answer(accept(&request, 600));
    wic.assert_state("registered");
}

#[test]
fn another_identity_from_the_wwsf_begins_another_registration() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(600, 600);
    let first = wic.wire[0].1.octets().clone();
    wic.pass_secs(300);
    let other = TokenGrant::parse(
        "second",
        600,
        "bob-wic@ims.example",
        ["sip:bob@ims.example"],
        crate::script::URL,
        crate::script::REALM,
    );
    wic.token(Ok(other.unwrap()));
    assert_eq!(wic.closes.len(), 1);
    wic.connected();
    let request = wic.register();
    assert_eq!(request.to().unwrap().uri.to_string(), "sip:bob@ims.example");
    assert_eq!(cseq(&request), 1);
    assert!(!first.windows(8).any(|w| w == b"bob@ims."));
}

#[test]
fn a_laptop_that_slept_past_its_token_comes_back_by_itself() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(600, 600);
    wic.now.unix += 5000;
    wic.closed(1008);
    wic.assert_state("fetching-token");
    wic.token(Ok(grant("second", 600)));
    wic.connected();
    assert_eq!(token_of(&wic.register()), "second");
}

/// The eP-CSCF takes no token on other requests that no REGISTER carried (TS 24.371 §7.2.1).
#[test]
fn a_new_token_is_on_other_requests_once_a_register_carries_it() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(3600, 3600);
    let to = "sip:bob@ims.example".parse().unwrap();
    let written_with = |wic: &mut Wic| {
        wic.tell(|agent, now| agent.message(now, &to, "hi")).unwrap();
        token_of(&wic.register())
    };
    wic.tell(|agent, now| agent.give_token(now, grant("second", 3600)));
    assert_eq!(written_with(&mut wic), "first");
    wic.tell(|agent, now| agent.refresh(now));
    assert_eq!(token_of(&wic.register()), "second");
    assert_eq!(written_with(&mut wic), "second");
}
