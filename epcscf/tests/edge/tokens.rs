//! TP-TOK: what becomes of a REGISTER with a token (flow 2).

use serde_json::json;
use sip::HeaderName;

use crate::world::{F2, OPERATOR, PARTNER, Register, World, claims, config, guest_claims, ok, sign, sign_raw, with};

fn alice() -> Register {
    Register::new("sip:alice@ims.example")
}

/// What one REGISTER on a new connection of the operator's page gets: status, `error` of the
/// challenge, close code, and how many requests went to the core.
fn outcome(register: &Register) -> (u16, Option<String>, Option<u16>, usize) {
    outcome_from(OPERATOR, register)
}

fn outcome_from(origin: &str, register: &Register) -> (u16, Option<String>, Option<u16>, usize) {
    let mut world = World::new();
    let flow = world.connect(origin);
    world.wic(flow, register.text());
    let answer = world.answer(flow);
    let challenge = answer.headers.value(&HeaderName::WwwAuthenticate).unwrap_or_default();
    let error = challenge.split_once("error=\"").and_then(|(_, rest)| rest.split_once('"'));
    (answer.status.code(), error.map(|(e, _)| e.to_owned()), world.closed_with(flow), world.mw.len())
}

fn bearer(claims: &serde_json::Value) -> Register {
    alice().bearer(&sign(claims))
}

const KEEP: Option<u16> = None;
const CLOSE: Option<u16> = Some(1008);

fn invalid(close: Option<u16>) -> (u16, Option<String>, Option<u16>, usize) {
    (401, Some("invalid_token".into()), close, 0)
}

fn forbidden() -> (u16, Option<String>, Option<u16>, usize) {
    (403, None, CLOSE, 0)
}

/// TOK-01, TOK-02, TNA-01: both spellings, the header of trusted-node authentication, no token on Mw.
#[test]
fn a_valid_token_becomes_trusted_node_authentication() {
    for line in [
        format!("Authorization: Bearer {F2}"),
        format!("authorization: bEARER {F2}"),
        format!("Authorization: Bearer access_token=\"{F2}\""),
    ] {
        let mut world = World::new();
        let flow = world.connect(OPERATOR);
        world.wic(flow, alice().line(&line).text());
        let request = world.at_core();
        assert_eq!(
            request.headers.values(&HeaderName::Authorization).collect::<Vec<_>>(),
            ["Digest username=\"alice-wic@ims.example\", realm=\"ims.example\", uri=\"sip:ims.example\", \
              nonce=\"\", response=\"\", integrity-protected=\"auth-done\""]
        );
        assert!(!request.to_string().contains("eyJ"), "{request}");
        world.core_answers(ok(&request));
        assert_eq!(world.answer(flow).status.code(), 200);
        let registered = world.edge.registrations(world.now);
        assert_eq!(registered[0].impi.as_str(), "alice-wic@ims.example");
        assert_eq!(registered[0].service_route, ["<sip:orig@scscf1.ims.example;lr>"]);
    }
}

/// TOK-03: flow 3 alone is allowed, and nothing is presented.
#[test]
fn a_wwsf_that_needs_tokens_is_challenged_for_one() {
    let mut world = World::new();
    let flow = world.connect(PARTNER);
    let mut register = Register::new("sip:guest-1@partner.ims.example");
    register.domain = "partner.ims.example".into();
    world.wic(flow, register.text());
    let answer = world.answer(flow);
    assert_eq!(answer.status.code(), 401);
    assert_eq!(
        answer.headers.value(&HeaderName::WwwAuthenticate),
        Some(
            "Bearer realm=\"ims.example\", authz_server=\"https://wwsf.partner.example/api/token\", \
             scope=\"webrtc-ims-client-access-to-ims\""
        )
    );
    assert_eq!(world.closed_with(flow), None);
}

#[test]
fn tokens_that_are_not_what_they_should_be_close_the_connection() {
    let flipped = {
        let at = F2.rfind('.').unwrap() + 5;
        let mut octets = F2.as_bytes().to_vec();
        octets[at] = if octets[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(octets).unwrap()
    };
    // The last character carries two bits: another one with the same two is not canonical.
    let stray_bits = format!("{}B", &F2[..F2.len() - 1]);
    let header = |value: serde_json::Value| sign_raw(&value.to_string(), &claims().to_string());
    let padding = "x".repeat(9000);
    for (what, token) in [
        ("TOK-04: flipped bit", flipped),
        ("stray bits", stray_bits),
        ("TOK-05: alg none", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ.".into()),
        ("TOK-05: alg none, signed", header(json!({"alg": "none", "typ": "at+jwt", "kid": "waf-2025-1"}))),
        ("TOK-06: HS256", header(json!({"alg": "HS256", "typ": "at+jwt", "kid": "waf-2025-1"}))),
        ("key of another algorithm", header(json!({"alg": "ES256", "typ": "at+jwt", "kid": "waf-2025-1"}))),
        ("TOK-07: crit", header(json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "waf-2025-1", "crit": ["x"]}))),
        ("typ", header(json!({"alg": "EdDSA", "typ": "JWT", "kid": "waf-2025-1"}))),
        ("TOK-09: kid", header(json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "other"}))),
        ("TOK-20: exp a string", sign(&with(claims(), "exp", "1700003600"))),
        ("TOK-20: too long", sign(&with(claims(), "sub", padding))),
        (
            "TOK-20: duplicate member",
            sign_raw(
                r#"{"alg":"EdDSA","typ":"at+jwt","kid":"waf-2025-1"}"#,
                &claims().to_string().replacen('{', "{\"jti\":\"x\",", 1),
            ),
        ),
        ("lifetime", sign(&with(claims(), "exp", 1_700_000_000u64 + 90_000))),
        ("not a JWS", "abc".into()),
    ] {
        assert_eq!(outcome(&alice().bearer(&token)), invalid(CLOSE), "{what}");
    }
}

/// TOK-08.
#[test]
fn a_token_never_chooses_where_keys_come_from() {
    for name in ["jku", "x5u", "jwk", "x5c"] {
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "waf-2025-1", name: "https://evil.example"});
        let mut world = World::new();
        let flow = world.connect(OPERATOR);
        world.wic(flow, alice().bearer(&sign_raw(&header.to_string(), &claims().to_string())).text());
        assert_eq!(world.answer(flow).status.code(), 401, "{name}");
        assert_eq!(world.asked, [], "{name}");
    }
}

#[test]
fn the_claims_decide_by_the_table() {
    let now = crate::world::START;
    let identities = |impi: &str, impus: &[&str]| with(with(claims(), "impi", impi), "impu", impus.to_vec());
    for (what, claims, expected) in [
        ("TOK-10: expired", with(with(claims(), "iat", now - 200), "exp", now - 31), invalid(CLOSE)),
        ("TOK-11: not yet valid", with(claims(), "nbf", now + 31), invalid(CLOSE)),
        ("TOK-12: aud", with(claims(), "aud", "sip:other.example"), forbidden()),
        ("TOK-13: iss", with(claims(), "iss", "https://waf.partner.example"), forbidden()),
        ("TOK-14: client_id", with(claims(), "client_id", "wwsf.partner.example"), forbidden()),
        ("TOK-15: scope", with(claims(), "scope", "openid"), (401, Some("invalid_scope".into()), CLOSE, 0)),
        ("TOK-16: another impu", identities("alice-wic@ims.example", &["sip:bob@ims.example"]), forbidden()),
        ("T7: reg", with(claims(), "reg", "range"), forbidden()),
        ("T6: impi is not one", identities("sip:alice@ims.example", &["sip:alice@ims.example"]), forbidden()),
    ] {
        assert_eq!(outcome(&bearer(&claims)), expected, "{what}");
    }
}

/// TOK-17.
#[test]
fn any_identity_of_the_token_may_be_registered() {
    let token = sign(&with(claims(), "impu", vec!["sip:alice@ims.example", "sip:alice2@ims.example"]));
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, Register::new("sip:alice2@IMS.example:5060;user=phone").bearer(&token).text());
    assert_eq!(world.at_core().to().unwrap().uri.to_string(), "sip:alice2@IMS.example:5060;user=phone");
}

/// TOK-18, TOK-19.
#[test]
fn the_request_may_not_name_another_than_the_token() {
    let mut third_party = alice().bearer(F2);
    third_party.from = "<sip:bob@ims.example>".into();
    assert_eq!(outcome(&third_party), forbidden());
    let other = alice().bearer(F2).line("Proxy-Authorization: Digest username=\"bob-wic@ims.example\", response=\"\"");
    assert_eq!(outcome(&other), forbidden());
}

/// A WWSF vouches for its own domains alone (T7).
#[test]
fn an_identity_of_a_foreign_domain_is_not_the_wwsfs_to_give() {
    let claims = with(claims(), "impu", vec!["sip:guest-1@partner.ims.example"]);
    let mut register = Register::new("sip:guest-1@partner.ims.example").bearer(&sign(&claims));
    register.domain = "partner.ims.example".into();
    assert_eq!(outcome(&register), forbidden());
}

/// TOK-21, TOK-22, T1: malformed credentials are forgiven once.
#[test]
fn credentials_that_cannot_be_read_are_forgiven_once() {
    let digest = "Authorization: Digest username=\"alice-wic@ims.example\", response=\"\"";
    for register in [
        alice().bearer(F2).line(digest),
        alice().line(digest).bearer(F2),
        alice().bearer(F2).bearer(F2),
        alice().line("Authorization: Bearer"),
        alice().line("Authorization: Bearer a b"),
        alice().line("Authorization: Bearer access_token=\"a\", access_token=\"b\""),
    ] {
        let mut world = World::new();
        let flow = world.connect(OPERATOR);
        assert_eq!(world.status(flow, &register), 400, "{:?}", register.lines);
        assert_eq!(world.closed_with(flow), KEEP);
        assert_eq!(world.status(flow, &register.clone().cseq(2)), 400);
        assert_eq!(world.closed_with(flow), CLOSE);
        assert!(world.mw.is_empty());
    }
}

/// TOK-23: the signature is verified once for a connection.
#[test]
fn the_same_token_refreshes_on_the_same_connection() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    assert_eq!(world.register_alice(flow).status.code(), 200);
    // Keys are too old by now; the verdict on this token is not.
    world.sleep(600);
    world.keys_answer = false;
    let refresh = alice().bearer(F2).cseq(2);
    assert_eq!(world.register_at_core(flow, &refresh).status.code(), 200);
    assert_eq!(world.asked.len(), 1);
}

/// TOK-24.
#[test]
fn a_token_in_use_is_not_taken_from_another_instance() {
    let mut world = World::new();
    let first = world.connect(OPERATOR);
    world.register_alice(first);
    let second = world.connect(OPERATOR);
    let copied = alice().instance(2).bearer(F2);
    assert_eq!(world.status(second, &copied), 403);
    assert_eq!(world.closed_with(second), CLOSE);
    // Once the first connection is gone, whoever holds the token may use it.
    world.lose(first);
    let third = world.connect(OPERATOR);
    assert_eq!(world.register_at_core(third, &copied).status.code(), 200);
}

#[test]
fn the_same_instance_may_come_back_with_its_token_on_a_new_connection() {
    let mut world = World::new();
    let first = world.connect(OPERATOR);
    world.register_alice(first);
    let second = world.connect(OPERATOR);
    let again = alice().bearer(F2).cseq(2);
    assert_eq!(world.register_at_core(second, &again).status.code(), 200);
    assert_eq!(world.closed_with(first), Some(1000));
}

/// TOK-25.
#[test]
fn a_revoked_token_ends_the_registration_at_its_refresh() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    world.edge.revoke(world.now, "https://waf.ims.example", "t-0001");
    let refresh = alice().bearer(F2).cseq(2);
    assert_eq!(world.status(flow, &refresh), 403);
    assert_eq!(world.closed_with(flow), CLOSE);
    let deregistration = world.at_core();
    assert_eq!(deregistration.headers.value(&HeaderName::Expires), Some("0"));
    assert!(deregistration.headers.value(&HeaderName::Authorization).unwrap().contains("auth-done"));
    assert!(world.edge.registrations(world.now).is_empty());
}

/// Wherever the revoked token is shown, the registration that rests on it is what ends.
#[test]
fn a_revoked_token_ends_the_registration_on_another_connection() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    world.edge.revoke(world.now, "https://waf.ims.example", "t-0001");
    let other = world.connect(OPERATOR);
    assert_eq!(world.status(other, &alice().instance(2).bearer(F2)), 403);
    assert!(world.edge.registrations(world.now).is_empty());
    assert_eq!(world.at_core().headers.value(&HeaderName::Expires), Some("0"));
}

/// TOK-30, TOK-31 and §4.4: the token as an attachment.
#[test]
fn a_token_body_is_taken_only_where_the_profile_says_so() {
    use epcscf::policy::Carriage::{Body, Both, Header};
    let body = |disposition: &str| {
        let register = alice().line("Content-Type: application/jwt").body(F2);
        if disposition.is_empty() { register } else { register.line(&format!("Content-Disposition: {disposition}")) }
    };
    let required = "security-token;handling=required";
    let multipart = alice().line("Content-Type: multipart/mixed;boundary=b").body(&format!(
        "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/jwt\r\n\
         Content-Disposition: {required}\r\n\r\n{F2}\r\n--b--\r\n"
    ));
    let twice = alice().line("Content-Type: multipart/mixed;boundary=b").body(&format!(
        "--b\r\nContent-Type: application/jwt\r\n\r\n{F2}\r\n--b\r\nContent-Type: application/jwt\r\n\r\n{F2}\r\n--b--\r\n"
    ));
    let endless = alice().line("Content-Type: multipart/mixed;boundary=b").body("--b\r\n\r\nhello");
    for (what, carriage, register, expected) in [
        ("TOK-30: profile off", Header, body(required), 415),
        ("TOK-30: handling is required by default", Header, body(""), 415),
        ("body", Body, body(required), 100),
        ("body without disposition", Both, body(""), 100),
        ("header where only a body is taken", Body, alice().bearer(F2), 401),
        ("both, the same", Both, body(required).bearer(F2), 100),
        ("TOK-31: both, differing", Both, body(required).bearer("other"), 400),
        ("one part of several", Both, multipart.clone(), 100),
        ("two token parts", Both, twice, 400),
        ("multipart without end", Both, endless, 400),
        (
            "another media type as a token",
            Both,
            alice().line("Content-Type: text/plain").line(&format!("Content-Disposition: {required}")).body("x"),
            415,
        ),
    ] {
        let mut world = World::with(|c| c.policy.token.carriage = carriage);
        let flow = world.connect(OPERATOR);
        world.wic(flow, register.text());
        let status = world.try_answer(flow).map_or(100, |answer| {
            assert_eq!(answer.headers.has(&HeaderName::Accept), expected == 415, "{what}");
            answer.status.code()
        });
        assert_eq!(status, expected, "{what}");
        assert_eq!(world.mw.len(), usize::from(expected == 100), "{what}");
        assert!(world.mw.iter().all(|sent| !String::from_utf8_lossy(sent).contains("eyJ")), "{what}");
    }
    let mut world = World::with(|c| c.policy.token.carriage = Both);
    let flow = world.connect(OPERATOR);
    world.wic(flow, multipart.text());
    let request = world.at_core();
    assert_eq!(&*request.body, b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n");
}

/// A token body that nobody insists on is removed all the same.
#[test]
fn an_optional_token_body_does_not_reach_the_core() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    let register = alice()
        .bearer(F2)
        .line("Content-Type: application/jwt")
        .line("Content-Disposition: security-token;handling=optional")
        .body(F2);
    world.wic(flow, register.text());
    let request = world.at_core();
    assert!(request.body.is_empty() && !request.headers.has(&HeaderName::ContentType), "{request}");
}

/// TOK-32: 3500 s are left of the token.
#[test]
fn a_registration_never_outlives_its_token() {
    let granted = |register: &Register| {
        let mut world = World::new();
        let flow = world.connect(OPERATOR);
        world.wic(flow, register.text());
        let contact = world.at_core();
        contact.headers.contacts().unwrap();
        let expires = contact.headers.value(&HeaderName::Expires).map(str::to_owned);
        let contact = contact.headers.value(&HeaderName::Contact).unwrap().to_owned();
        (contact.split_once(";expires=").map(|(_, e)| e.to_owned()), expires)
    };
    let short = sign(&with(claims(), "exp", crate::world::START + 300));
    assert_eq!(granted(&alice().bearer(&short)), (Some("300".into()), None));
    assert_eq!(granted(&alice().expires(200).bearer(&short)), (Some("200".into()), None));
    let bare = alice().contact("<sip:u8c2@k3f9q2.invalid;transport=ws>").bearer(&short);
    assert_eq!(granted(&bare), (None, Some("300".into())));
    assert_eq!(granted(&bare.line("Expires: 600")), (None, Some("300".into())));
}

#[test]
fn too_short_is_told_from_a_token_that_ends_too_soon() {
    let (status, _, close, _) = outcome(&alice().expires(59).bearer(F2));
    assert_eq!((status, close), (423, KEEP));
    let ending = sign(&with(claims(), "exp", crate::world::START + 59));
    assert_eq!(outcome(&alice().bearer(&ending)), invalid(CLOSE));
}

/// `token.strict_close` off: the WIC may refresh in place.
#[test]
fn an_expired_token_may_leave_the_connection_open_by_switch() {
    let mut world = World::with(|c| c.policy.token.strict_close = false);
    let flow = world.connect(OPERATOR);
    let now = crate::world::START;
    let expired = sign(&with(with(claims(), "iat", now - 200), "exp", now - 31));
    assert_eq!(world.status(flow, &alice().bearer(&expired)), 401);
    assert_eq!(world.closed_with(flow), KEEP);
    assert_eq!(world.register_at_core(flow, &alice().cseq(2).bearer(F2)).status.code(), 200);
}

/// ORI-09's twin: a page of the partner cannot use the operator's tokens, nor the other way.
#[test]
fn a_token_is_good_on_connections_of_its_own_wwsf_alone() {
    assert_eq!(outcome_from(PARTNER, &alice().bearer(F2)), forbidden());
    let stolen = Register::new("sip:guest-1@partner.ims.example").bearer(&sign(&guest_claims(1)));
    assert_eq!(outcome_from(OPERATOR, &stolen), forbidden());
}

/// TNA-04: who vouches is named when it is a third party.
#[test]
fn a_third_party_that_vouches_is_named_to_the_core() {
    let mut third_party = config();
    third_party.wwsf[0].third_party = true;
    let mut world = World::with(|c| *c = third_party);
    let flow = world.connect(OPERATOR);
    world.wic(flow, alice().bearer(F2).text());
    let authorization = world.at_core().headers.value(&HeaderName::Authorization).unwrap().to_owned();
    assert!(
        authorization.ends_with("authorization-entity=\"waf.ims.example\", wwsf-entity=\"wwsf.ims.example\""),
        "{authorization}"
    );
}
