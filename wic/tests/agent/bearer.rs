//! Flows 2 and 3: a token (TS 33.203 Annex X, RFC 8898).

use sip::headers::BearerStyle;
use sip::{HeaderName, Request};
use wic::{Access, Cause, Event, TokenAccess, TokenFailure, TokenGrant, TokenReason, TokenScenario};

use crate::script::{AUTHZ, Wic, accept, bearer_challenge, challenge, cseq, grant, response, token_config, token_of};

fn configured(change: impl FnOnce(&mut TokenAccess)) -> Wic {
    let mut config = token_config(TokenScenario::WebAuth);
    if let Access::Token(access) = &mut config.access {
        change(access);
    }
    Wic::new(config)
}

fn opened(mut wic: Wic) -> (Wic, Request) {
    wic.start();
    wic.token(Ok(grant("first", 3600)));
    wic.connected();
    let request = wic.register();
    (wic, request)
}

#[test]
fn the_token_comes_first_then_the_connection_then_register() {
    let mut wic = Wic::web_auth();
    wic.start();
    wic.assert_state("fetching-token");
    assert_eq!(wic.fetches, [TokenReason::First]);
    assert!(wic.connects.is_empty());
    wic.token(Ok(grant("first", 3600)));
    wic.assert_state("connecting");
    assert_eq!(wic.connects, ["wss://localhost:7443"]);
    wic.connected();
    let request = wic.register();
    assert_eq!(token_of(&request), "first");
    assert_eq!(request.to().unwrap().uri.to_string(), "sip:alice@ims.example");
    wic.answer(accept(&request, 3600));
    wic.assert_state("registered");
}

#[test]
fn a_token_that_came_with_the_login_is_used() {
    let mut wic = Wic::web_auth();
    wic.tell(|agent, now| agent.give_token(now, grant("early", 3600)));
    wic.start();
    assert!(wic.fetches.is_empty());
    wic.connected();
    assert_eq!(token_of(&wic.register()), "early");
}

#[test]
fn flow_3_registers_the_guest_at_its_own_domain() {
    let mut wic = Wic::new(token_config(TokenScenario::WildcardRange));
    wic.start();
    let impu = "sip:guest-7@partner.ims.example";
    let url = "wss://localhost:7443";
    let guest = TokenGrant::parse("t", 600, "guest-7@partner.ims.example", [impu], url, "partner.ims.example").unwrap();
    wic.token(Ok(guest));
    wic.connected();
    let request = wic.register();
    assert_eq!(request.uri.to_string(), "sip:partner.ims.example");
    assert_eq!(request.from().unwrap().uri.to_string(), impu);
    assert_eq!(request.to().unwrap().uri.to_string(), impu);
}

#[test]
fn the_token_is_written_in_either_style() {
    for (style, written) in
        [(BearerStyle::Rfc6750, "Bearer first"), (BearerStyle::Ts24371, "Bearer access_token=\"first\"")]
    {
        let (_, request) = opened(configured(|access| access.bearer_style = style));
        assert_eq!(request.headers.value(&HeaderName::Authorization), Some(written));
    }
}

#[test]
fn another_identity_of_the_token_can_be_chosen() {
    let (_, request) = opened(configured(|access| access.impu = Some("sip:bob@ims.example".parse().unwrap())));
    assert_eq!(request.to().unwrap().uri.to_string(), "sip:bob@ims.example");
}

/// TOK-29.
#[test]
fn an_unknown_authorisation_server_is_not_contacted() {
    for server in ["https://evil.example/token", "https://localhost:8443/api/token/", "http://localhost:8443/api/token"]
    {
        let (mut wic, request) = opened(Wic::web_auth());
        wic.answer(bearer_challenge(&request, Some(server), Some("invalid_token")));
        wic.assert_state("failed");
        assert_eq!(wic.failure().cause, Cause::UnknownAuthorizationServer);
        assert!(wic.failure().text.contains(server));
        assert_eq!(wic.fetches, [TokenReason::First], "no token was fetched because of it");
        wic.pass_secs(7200);
        assert_eq!(wic.fetches.len(), 1);
    }
}

#[test]
fn a_refused_token_is_replaced_once() {
    let (mut wic, request) = opened(Wic::web_auth());
    wic.answer(bearer_challenge(&request, Some(AUTHZ), Some("invalid_token")));
    wic.assert_state("fetching-token");
    assert_eq!(wic.fetches, [TokenReason::First, TokenReason::Rejected]);
    wic.token(Ok(grant("second", 3600)));
    let again = wic.register();
    assert_eq!(token_of(&again), "second");
    assert_eq!((cseq(&request), cseq(&again)), (1, 2));
    assert_eq!(request.call_id(), again.call_id());
    wic.answer(bearer_challenge(&again, Some(AUTHZ), Some("invalid_token")));
    wic.assert_state("failed");
    assert_eq!(wic.failure().cause, Cause::TokenRejected);
    assert_eq!(wic.fetches.len(), 2);
}

/// A strict eP-CSCF closes after its 401 (TS 33.203 X.3.2.3): before the new token is here …
#[test]
fn a_close_before_the_new_token_leads_to_a_new_connection() {
    let (mut wic, request) = opened(Wic::web_auth());
    wic.answer(bearer_challenge(&request, Some(AUTHZ), Some("invalid_token")));
    wic.closed(1008);
    wic.assert_state("fetching-token");
    wic.token(Ok(grant("second", 3600)));
    assert_eq!(wic.connects.len(), 2);
    wic.connected();
    let again = wic.register();
    assert_eq!(token_of(&again), "second");
    wic.answer(accept(&again, 3600));
    wic.assert_state("registered");
}

/// … or after it, when REGISTER is out already.
#[test]
fn a_close_after_the_new_token_leads_to_a_new_connection() {
    let (mut wic, request) = opened(Wic::web_auth());
    wic.answer(bearer_challenge(&request, Some(AUTHZ), Some("invalid_token")));
    wic.token(Ok(grant("second", 3600)));
    wic.register();
    wic.closed(1008);
    wic.token(Ok(grant("third", 3600)));
    wic.connected();
    let again = wic.register();
    assert_eq!(token_of(&again), "third");
    // Another one is a refusal.
    wic.closed(1008);
    wic.assert_state("failed");
    assert_eq!(wic.failure().cause, Cause::ClosedByPolicy);
}

#[test]
fn a_wrong_scope_is_not_helped_by_another_token() {
    let (mut wic, request) = opened(Wic::web_auth());
    wic.answer(bearer_challenge(&request, Some(AUTHZ), Some("invalid_scope")));
    assert_eq!(wic.failure().cause, Cause::TokenRejected);
    assert_eq!(wic.fetches.len(), 1);
}

#[test]
fn a_digest_challenge_has_no_answer_in_flow_2() {
    let (mut wic, request) = opened(Wic::web_auth());
    wic.answer(challenge(&request, &[sip::digest::Algorithm::Sha256], "n1", false));
    assert_eq!(wic.failure().cause, Cause::UnsupportedChallenge);
}

#[test]
fn a_403_is_final_and_the_close_behind_it_changes_nothing() {
    let (mut wic, request) = opened(Wic::web_auth());
    wic.answer(response(&request, 403));
    wic.assert_state("failed");
    let failure = wic.failure();
    assert!(failure.advice.unwrap().contains("token"));
    wic.closed(1008);
    assert_eq!(wic.failure(), failure);
}

#[test]
fn a_missing_login_is_said_and_a_wwsf_that_is_down_is_tried_again() {
    let mut wic = Wic::web_auth();
    wic.start();
    wic.token(Err(TokenFailure::Unavailable("502".into())));
    wic.assert_state("backing-off");
    assert_eq!(wic.failure().cause, Cause::TokenUnavailable);
    wic.pass_to_timer();
    assert_eq!(wic.fetches.len(), 2);
    wic.token(Err(TokenFailure::LoginRequired("no session".into())));
    wic.assert_state("failed");
    assert_eq!(wic.failure().cause, Cause::LoginRequired);
}

#[test]
fn a_wwsf_that_never_answers_is_tried_again() {
    let mut wic = Wic::web_auth();
    wic.start();
    wic.pass_to_timer();
    wic.assert_state("backing-off");
    assert_eq!(wic.failure().cause, Cause::TokenUnavailable);
}

#[test]
fn an_answer_that_nobody_waits_for_is_ignored() {
    let mut wic = Wic::web_auth();
    wic.token(Ok(grant("early", 3600)));
    wic.assert_state("idle");
    wic.register_by_token(3600, 3600);
    wic.token(Err(TokenFailure::LoginRequired("late".into())));
    wic.assert_state("registered");
}

/// On another connection the eP-CSCF may take a used token for a replay.
#[test]
fn a_new_connection_takes_a_new_token() {
    let mut wic = Wic::web_auth();
    wic.register_by_token(3600, 3600);
    wic.closed(1001);
    wic.pass_to_timer();
    assert_eq!(wic.fetches.last(), Some(&TokenReason::Reconnect));
    wic.token(Ok(grant("second", 3600)));
    wic.connected();
    let request = wic.register();
    assert_eq!(token_of(&request), "second");
}

#[test]
fn a_token_that_is_no_token68_is_not_sent() {
    let mut wic = Wic::web_auth();
    wic.start();
    wic.token(Ok(grant("a b\r\nX: y", 3600)));
    wic.connected();
    assert_eq!(wic.failure().cause, Cause::Protocol);
    wic.sent_nothing();
}

#[test]
fn the_token_is_in_no_debug_output() {
    let mut wic = Wic::web_auth();
    wic.start();
    wic.token(Ok(grant("eyJ0b3Atc2VjcmV0", 3600)));
    wic.connected();
    let request = wic.register();
    wic.answer(accept(&request, 3600));
    let shown = format!("{:?} {:?}", wic.agent, wic.events);
    assert!(!shown.contains("eyJ0b3Atc2VjcmV0"), "{shown}");
    for event in &wic.events {
        if let Event::MessageSent(wire) = event {
            assert!(!wire.redacted().contains("eyJ0b3Atc2VjcmV0"));
        }
    }
}
