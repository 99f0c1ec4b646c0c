//! Flow 1: SIP Digest (TS 33.203 Annex N).

use sip::HeaderName;
use sip::digest::Algorithm::{Md5, Sha256};
use sip::headers::{Challenge, WwwAuthenticate};
use wic::{Access, Cause, Config, Opening, close};

use crate::script::{
    Wic, accept, accept_digest, authorization, bearer_challenge, challenge, cseq, digest_config, digest_of, presented,
    proof, response,
};

fn anonymous() -> Config {
    let mut config = digest_config();
    if let Access::Digest(access) = &mut config.access {
        access.opening = Opening::Anonymous;
    }
    config
}

fn without_rspauth() -> Config {
    let mut config = digest_config();
    if let Access::Digest(access) = &mut config.access {
        access.require_rspauth = false;
    }
    config
}

fn opened(config: Config) -> (Wic, sip::Request) {
    let mut wic = Wic::new(config);
    wic.start();
    wic.connected();
    let opening = wic.register();
    (wic, opening)
}

#[test]
fn the_first_register_names_the_impi_and_proves_nothing() {
    let (_, opening) = opened(digest_config());
    let credentials = digest_of(&opening);
    let expected = [("username", "alice-wic@ims.example"), ("realm", "ims.example"), ("nonce", ""), ("response", "")];
    for (name, value) in expected {
        assert_eq!(credentials.text(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(credentials.text("uri").as_deref(), Some("sip:ims.example"));
}

#[test]
fn the_first_register_can_go_without_authorization() {
    let (mut wic, opening) = opened(anonymous());
    assert_eq!(authorization(&opening), None);
    wic.answer(challenge(&opening, &[Md5], "n1", false));
    let request = wic.register();
    wic.answer(accept_digest(&request, 3600, None));
    wic.assert_state("registered");
}

#[test]
fn the_answer_keeps_call_id_and_counts_cseq() {
    let (mut wic, opening) = opened(digest_config());
    wic.answer(challenge(&opening, &[Sha256], "n1", false));
    let request = wic.register();
    assert_eq!(request.call_id(), opening.call_id());
    assert_eq!((cseq(&opening), cseq(&request)), (1, 2));
    assert_ne!(request.via().unwrap().branch(), opening.via().unwrap().branch());
    let presented = presented(&request);
    assert_eq!((presented.nonce.as_str(), presented.nc, presented.uri.as_str()), ("n1", 1, "sip:ims.example"));
}

/// DIG-02, and the other order too: the strongest wins wherever it stands.
#[test]
fn of_two_algorithms_the_stronger_is_used() {
    for offered in [[Sha256, Md5], [Md5, Sha256]] {
        let (mut wic, opening) = opened(digest_config());
        wic.answer(challenge(&opening, &offered, "n1", false));
        let request = wic.register();
        assert_eq!(presented(&request).algorithm, Sha256);
        wic.answer(accept_digest(&request, 3600, None));
        wic.assert_state("registered");
    }
}

#[test]
fn md5_alone_is_answered() {
    let (mut wic, opening) = opened(digest_config());
    wic.answer(challenge(&opening, &[Md5], "n1", false));
    let request = wic.register();
    assert_eq!(presented(&request).algorithm, Md5);
    wic.answer(accept_digest(&request, 3600, None));
    wic.assert_state("registered");
}

#[test]
fn a_challenge_without_a_common_algorithm_or_qop_ends_the_attempt() {
    for line in [
        "Digest realm=\"ims.example\", nonce=\"n1\", algorithm=AKAv1-MD5, qop=\"auth\"",
        "Digest realm=\"ims.example\", nonce=\"n1\", algorithm=MD5, qop=\"auth-int\"",
        "Digest realm=\"ims.example\", nonce=\"n1\", algorithm=MD5",
        "Basic realm=\"ims.example\"",
        "\"",
    ] {
        let (mut wic, opening) = opened(digest_config());
        wic.answer(response(&opening, 401).with_raw(HeaderName::WwwAuthenticate, line));
        wic.assert_state("failed");
        assert_eq!(wic.failure().cause, Cause::UnsupportedChallenge, "{line}");
        wic.sent_nothing();
    }
}

#[test]
fn a_challenge_for_a_token_says_which_flow_to_choose() {
    let (mut wic, opening) = opened(digest_config());
    wic.answer(bearer_challenge(&opening, None, None));
    assert_eq!(wic.failure().cause, Cause::UnsupportedChallenge);
    assert!(wic.failure().advice.unwrap().contains("flow 2 or 3"));
}

/// The 401 of a wrong password comes back after the answer; nothing is tried twice.
#[test]
fn a_wrong_password_ends_with_one_answer() {
    let (mut wic, opening) = opened(digest_config());
    wic.answer(challenge(&opening, &[Sha256], "n1", false));
    let request = wic.register();
    wic.answer(challenge(&request, &[Sha256], "n2", false));
    wic.assert_state("failed");
    assert_eq!(wic.failure().cause, Cause::WrongPassword);
    assert_eq!(wic.closes.len(), 1);
    wic.pass_secs(7200);
    wic.sent_nothing();
    assert_eq!(wic.connects.len(), 1);
}

#[test]
fn a_403_is_final_and_comes_with_advice() {
    let (mut wic, opening) = opened(digest_config());
    wic.answer(challenge(&opening, &[Sha256], "n1", false));
    let request = wic.register();
    wic.answer(response(&request, 403));
    assert_eq!(wic.failure().cause.status(), Some(sip::StatusCode::FORBIDDEN));
    assert!(wic.failure().advice.unwrap().contains("password"));
    wic.pass_secs(7200);
    wic.sent_nothing();
}

#[test]
fn a_stale_nonce_is_answered_with_the_new_one() {
    let (mut wic, opening) = opened(digest_config());
    wic.answer(challenge(&opening, &[Sha256], "n1", false));
    let request = wic.register();
    wic.answer(challenge(&request, &[Sha256], "n2", true));
    let request = wic.register();
    assert_eq!((presented(&request).nonce.as_str(), presented(&request).nc), ("n2", 1));
    wic.answer(accept_digest(&request, 3600, None));
    wic.assert_state("registered");
}

#[test]
fn a_network_that_calls_every_nonce_stale_is_given_up() {
    let (mut wic, opening) = opened(digest_config());
    wic.answer(challenge(&opening, &[Sha256], "n0", false));
    for round in 1..=10 {
        if wic.sent.is_empty() {
            break;
        }
        let request = wic.register();
        wic.answer(challenge(&request, &[Sha256], &format!("n{round}"), true));
    }
    wic.assert_state("failed");
    assert_eq!(wic.failure().cause, Cause::UnsupportedChallenge);
}

/// DIG-17.
#[test]
fn a_200_with_a_wrong_rspauth_is_no_registration_and_closes() {
    let (mut wic, opening) = opened(digest_config());
    wic.answer(challenge(&opening, &[Sha256], "n1", false));
    let request = wic.register();
    wic.answer(accept(&request, 3600).with(&proof(&request, "not her password", None)));
    wic.assert_state("failed");
    assert_eq!(wic.failure().cause, Cause::ServerNotProven);
    assert_eq!(wic.closes[0].0, close::UNAUTHORIZED);
    assert_eq!(wic.binds(), 0);
}

#[test]
fn rspauth_over_another_cnonce_is_wrong() {
    let (mut wic, opening) = opened(digest_config());
    wic.answer(challenge(&opening, &[Sha256], "n1", false));
    let request = wic.register();
    let mut proof = proof(&request, crate::script::PASSWORD, None);
    proof.params.set_quoted("cnonce", "another");
    wic.answer(accept(&request, 3600).with(&proof));
    assert_eq!(wic.failure().cause, Cause::ServerNotProven);
}

#[test]
fn a_200_without_rspauth_is_refused_unless_allowed() {
    for (config, state) in [(digest_config(), "failed"), (without_rspauth(), "registered")] {
        let (mut wic, opening) = opened(config);
        wic.answer(challenge(&opening, &[Sha256], "n1", false));
        let request = wic.register();
        wic.answer(accept(&request, 3600));
        wic.assert_state(state);
    }
}

#[test]
fn a_network_that_never_challenges_has_proven_nothing() {
    let (mut wic, opening) = opened(digest_config());
    wic.answer(accept(&opening, 3600));
    assert_eq!(wic.failure().cause, Cause::ServerNotProven);
}

/// DIG-07, seen from the WIC.
#[test]
fn a_refresh_counts_nc_on_the_same_nonce() {
    let mut wic = Wic::digest();
    wic.register_by_digest(600);
    for nc in 2..=4 {
        wic.pass_secs(300);
        let request = wic.register();
        assert_eq!((presented(&request).nonce.as_str(), presented(&request).nc), ("n1", nc));
        wic.answer(accept_digest(&request, 600, None));
        wic.assert_state("registered");
    }
}

#[test]
fn a_refresh_uses_the_nextnonce() {
    let mut wic = Wic::digest();
    wic.start();
    wic.connected();
    let opening = wic.register();
    wic.answer(challenge(&opening, &[Sha256], "n1", false));
    let request = wic.register();
    wic.answer(accept_digest(&request, 600, Some("n2")));
    wic.pass_secs(300);
    let request = wic.register();
    assert_eq!((presented(&request).nonce.as_str(), presented(&request).nc), ("n2", 1));
}

/// The S-CSCF may challenge again at any refresh; that says nothing against the password.
#[test]
fn a_new_challenge_at_a_refresh_is_answered() {
    let mut wic = Wic::digest();
    wic.register_by_digest(600);
    wic.pass_secs(300);
    let request = wic.register();
    wic.answer(challenge(&request, &[Sha256], "n2", false));
    wic.assert_state("refreshing");
    let request = wic.register();
    assert_eq!((presented(&request).nonce.as_str(), presented(&request).nc), ("n2", 1));
    wic.answer(accept_digest(&request, 600, None));
    wic.assert_state("registered");
}

#[test]
fn a_wrong_rspauth_at_a_refresh_ends_the_registration() {
    let mut wic = Wic::digest();
    wic.register_by_digest(600);
    wic.pass_secs(300);
    let request = wic.register();
    wic.answer(accept(&request, 600).with(&proof(&request, "not her password", None)));
    wic.assert_state("failed");
    assert_eq!(wic.closes[0].0, close::UNAUTHORIZED);
}

#[test]
fn the_password_is_in_no_debug_output() {
    let mut wic = Wic::digest();
    wic.register_by_digest(600);
    let shown = format!("{:?} {:?} {:?}", wic.agent, wic.agent.config(), wic.events);
    assert!(!shown.contains(crate::script::PASSWORD), "{shown}");
}

#[test]
fn opaque_goes_back_as_it_came() {
    let (mut wic, opening) = opened(digest_config());
    let mut challenge = sip::digest::challenge(Md5, "ims.example", "n1", false);
    challenge.params.set_quoted("opaque", "o\"p");
    wic.answer(response(&opening, 401).with(&WwwAuthenticate(Challenge::Digest(challenge))));
    assert_eq!(digest_of(&wic.register()).text("opaque").as_deref(), Some("o\"p"));
}
