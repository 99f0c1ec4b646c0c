//! What a token must be to be admitted: TP-TOK as far as form, header and
//! claims decide it. Signatures are the caller's, so here `verify` says yes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ims::policy::{Close, TokenPolicy};
use ims::token::{Algorithm, BearerError, Claims, Expectation, Jws, Reg, Requested, Step, TokenError};
use ims::{Impi, Impu};
use serde_json::{Value, json};

/// Composed for this project with the test key of RFC 8037 A.1.
const F2: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6IndhZi0yMDI1LTEifQ.eyJpc3MiOiJodHRwczovL3dhZi5pbXMuZXhhbXBsZSIsImF1ZCI6InNpcDplcGNzY2YxLmltcy5leGFtcGxlIiwic3ViIjoid2VifGFsaWNlIiwiY2xpZW50X2lkIjoid3dzZi5pbXMuZXhhbXBsZSIsImlhdCI6MTcwMDAwMDAwMCwibmJmIjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDM2MDAsImp0aSI6InQtMDAwMSIsInNjb3BlIjoid2VicnRjLWltcy1jbGllbnQtYWNjZXNzLXRvLWltcyIsImltcGkiOiJhbGljZS13aWNAaW1zLmV4YW1wbGUiLCJpbXB1IjpbInNpcDphbGljZUBpbXMuZXhhbXBsZSJdfQ.iMM6r37e2WEYrbR1Ijgk1ueMrs919Q6N_H_E47zdHtrhJhEhe4V_N_xmZOvP4BMoF7aTM82PUyg8LjajBBRuAA";
const F3: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6IndhZi0yMDI1LTEifQ.eyJpc3MiOiJodHRwczovL3dhZi5wYXJ0bmVyLmV4YW1wbGUiLCJhdWQiOiJzaXA6ZXBjc2NmMS5pbXMuZXhhbXBsZSIsInN1YiI6ImFub24tN2YzYSIsImNsaWVudF9pZCI6Ind3c2YucGFydG5lci5leGFtcGxlIiwiaWF0IjoxNzAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMzYwMCwianRpIjoidC0wMDAyIiwic2NvcGUiOiJ3ZWJydGMtaW1zLWNsaWVudC1hY2Nlc3MtdG8taW1zIiwiaW1waSI6Imd1ZXN0LTA0MkBwYXJ0bmVyLmltcy5leGFtcGxlIiwiaW1wdSI6WyJzaXA6Z3Vlc3QtMDQyQHBhcnRuZXIuaW1zLmV4YW1wbGUiXX0.Qn0VD4429MoSrzfk9jAHvPG4fJr8j8VPyel6e7CousUUsB9Gjjjfp19AQqbwQLTZ9jt0fSxx68DhkcYdWGtcCw";
/// RFC 7519 §6.1.
const UNSECURED: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
const NOW: u64 = 1_700_000_100;

fn impu(text: &str) -> Impu {
    Impu::parse(text).unwrap()
}

fn admit(token: &str) -> Result<Claims, TokenError> {
    Jws::parse(token)?.verify(|_| Ok(()))
}

fn header() -> Value {
    json!({"alg": "ES256", "typ": "at+jwt", "kid": "k1"})
}

fn claims() -> Value {
    json!({
        "iss": "https://waf.ims.example", "aud": "sip:epcscf1.ims.example", "sub": "web|alice",
        "client_id": "wwsf.ims.example", "iat": NOW - 100, "nbf": NOW - 100, "exp": NOW + 3500,
        "jti": "t-1", "scope": "openid webrtc-ims-client-access-to-ims",
        "impi": "alice-wic@ims.example", "impu": ["sip:alice@ims.example", "sip:alice2@ims.example"],
    })
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

fn raw(header: &str, claims: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", encode(header), encode(claims), encode("signature"))
}

fn token(header: &Value, claims: &Value) -> String {
    raw(&header.to_string(), &claims.to_string())
}

/// Checks claims as the eP-CSCF would for alice's REGISTER.
fn check(claims: &Value) -> Result<(), TokenError> {
    check_request(claims, "sip:alice@ims.example", "sip:alice@ims.example", None)
}

fn check_request(claims: &Value, to: &str, from: &str, impi: Option<&str>) -> Result<(), TokenError> {
    let policy = TokenPolicy::default();
    let impi = impi.map(|impi| Impi::parse(impi).unwrap());
    let expected = Expectation {
        policy: &policy,
        issuers: &["https://waf.ims.example".to_owned()],
        audience: "sip:epcscf1.ims.example",
        client_id: "wwsf.ims.example",
        regs: &[Reg::Tna],
        requested: Requested { to: &impu(to), from: &impu(from), impi: impi.as_ref() },
    };
    admit(&token(&header(), claims))?.check(&expected, NOW)
}

#[test]
fn the_flow_2_vector_decodes_and_is_admitted() {
    let jws = Jws::parse(F2).unwrap();
    assert_eq!(jws.algorithm(), Algorithm::EdDsa);
    assert_eq!(jws.key_id(), "waf-2025-1");
    assert_eq!(jws.unverified_issuer(), "https://waf.ims.example");
    assert_eq!(jws.signature().len(), 64);
    assert!(F2.starts_with(jws.signing_input()));

    let claims = jws.verify(|_| Ok(())).unwrap();
    assert_eq!(claims.jti, "t-0001");
    assert_eq!(claims.impi.as_str(), "alice-wic@ims.example");
    assert_eq!(claims.impu, [impu("sip:alice@ims.example")]);
    assert_eq!(claims.remaining(NOW), 3500);
    let policy = TokenPolicy::default();
    let expected = Expectation {
        policy: &policy,
        issuers: &["https://waf.ims.example".to_owned()],
        audience: "sip:epcscf1.ims.example",
        client_id: "wwsf.ims.example",
        regs: &[],
        requested: Requested {
            to: &impu("sip:%61lice@IMS.example;user=phone"),
            from: &impu("sip:alice@ims.example"),
            impi: Some(&claims.impi),
        },
    };
    assert_eq!(claims.check(&expected, NOW), Ok(()));
}

#[test]
fn the_flow_3_vector_is_admitted_for_its_own_wwsf_only() {
    let claims = admit(F3).unwrap();
    let guest = impu("sip:guest-042@partner.ims.example");
    let policy = TokenPolicy::default();
    let expected = Expectation {
        policy: &policy,
        issuers: &["https://waf.partner.example".to_owned()],
        audience: "sip:epcscf1.ims.example",
        client_id: "wwsf.partner.example",
        regs: &[Reg::Range],
        requested: Requested { to: &guest, from: &guest, impi: None },
    };
    assert_eq!(claims.check(&expected, NOW), Ok(()));
    let elsewhere = Expectation { client_id: "wwsf.ims.example", ..expected };
    assert_eq!(claims.check(&elsewhere, NOW), Err(TokenError::Client));
}

#[test]
fn a_wrong_signature_yields_no_claims() {
    let refused = Jws::parse(F2).unwrap().verify(|_| Err(TokenError::Signature));
    assert_eq!(refused.unwrap_err(), TokenError::Signature);
}

/// TOK-05, TOK-06: no token chooses `none` or a symmetric algorithm.
#[test]
fn only_the_two_signature_algorithms_are_allowed() {
    assert_eq!(admit(UNSECURED), Err(TokenError::Algorithm));
    for alg in ["none", "None", "HS256", "HS512", "RS256", "ES384", "es256", ""] {
        let token = token(&with(header(), "alg", json!(alg)), &claims());
        assert_eq!(admit(&token), Err(TokenError::Algorithm), "{alg}");
    }
    let stripped = F2.rsplit_once('.').unwrap().0.to_owned() + ".";
    assert_eq!(admit(&stripped), Err(TokenError::Signature));
}

/// TOK-07, TOK-08 and the rest of the header's rules.
#[test]
fn a_header_that_is_not_plain_is_refused() {
    for (header, error) in [
        (with(header(), "crit", json!(["exp"])), TokenError::Critical),
        (with(header(), "crit", json!([])), TokenError::Critical),
        (with(header(), "jwk", json!({"kty": "EC"})), TokenError::EmbeddedKey("jwk")),
        (with(header(), "jku", json!("https://evil.example")), TokenError::EmbeddedKey("jku")),
        (with(header(), "x5u", json!("https://evil.example")), TokenError::EmbeddedKey("x5u")),
        (with(header(), "x5c", json!(["AA=="])), TokenError::EmbeddedKey("x5c")),
        (with(header(), "typ", json!("JWT")), TokenError::Type),
        (without(header(), "typ"), TokenError::Type),
        (without(header(), "kid"), TokenError::NoKeyId),
        (with(header(), "kid", json!("")), TokenError::NoKeyId),
        (with(header(), "kid", json!(1)), TokenError::NoKeyId),
    ] {
        assert_eq!(admit(&token(&header, &claims())), Err(error), "{header}");
    }
    for typ in ["AT+JWT", "application/at+jwt"] {
        assert!(admit(&token(&with(header(), "typ", json!(typ)), &claims())).is_ok());
    }
}

/// TOK-20: duplicate members, strings for dates, 8 KiB and one octet; and base64url forms.
#[test]
fn a_form_with_two_readings_is_refused() {
    let good = token(&header(), &claims());
    let (head, rest) = good.split_once('.').unwrap();
    let doubled = claims().to_string().replacen('{', "{\"exp\":1,", 1);
    let deep = with(claims(), "x", json!([[1]]));
    // The last character of a 64-octet signature carries two significant bits.
    let stray_bits = format!("{}B", F2.strip_suffix('A').unwrap());
    for (token, error) in [
        (raw(&header().to_string(), &doubled), TokenError::Json),
        (raw("{\"alg\":\"ES256\",\"alg\":\"none\"}", "{}"), TokenError::Json),
        (token(&header(), &deep), TokenError::Json),
        (token(&header(), &json!([1])), TokenError::Json),
        (format!("{good}="), TokenError::Base64),
        (format!("{head}=.{rest}"), TokenError::Base64),
        (format!("{good}+"), TokenError::Base64),
        (format!("{good} "), TokenError::Base64),
        (stray_bits, TokenError::Base64),
        (String::new(), TokenError::NotJws),
        ("a.b".into(), TokenError::NotJws),
        (format!("{good}.x"), TokenError::NotJws),
        (format!("{head}..x"), TokenError::NotJws),
        ("a".repeat(8 * 1024 + 1), TokenError::TooLong),
    ] {
        assert_eq!(admit(&token), Err(error), "{token:.80}");
    }
    // What is just below 8 KiB is read: the length rule has no other edge.
    let filler = "x".repeat((8 * 1024 - good.len()) * 3 / 4 - 16);
    let long = token(&header(), &with(claims(), "filler", json!(filler)));
    assert!((8 * 1024 - 16..=8 * 1024).contains(&long.len()), "{}", long.len());
    assert!(admit(&long).is_ok());
}

#[test]
fn a_claim_of_the_wrong_type_is_refused_by_name() {
    for name in ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope", "impi", "impu"] {
        let missing = token(&header(), &without(claims(), name));
        assert_eq!(admit(&missing), Err(TokenError::MissingClaim(name)));
        let null = token(&header(), &with(claims(), name, Value::Null));
        assert_eq!(admit(&null), Err(TokenError::BadClaim(name)));
    }
    for (name, value) in [
        ("exp", json!("1700003600")),
        ("exp", json!(1_700_003_600.5)),
        ("exp", json!(-1)),
        ("exp", json!((1_u64 << 53) + 1)),
        ("iat", json!(1.7e9)),
        ("nbf", json!("soon")),
        ("nbf", Value::Null),
        ("aud", json!([])),
        ("aud", json!([1])),
        ("sub", json!("")),
        ("jti", json!("j".repeat(513))),
        ("impu", json!("sip:alice@ims.example")),
        ("impu", json!([])),
        ("reg", json!("digest")),
        ("reg", json!(1)),
    ] {
        let token = token(&header(), &with(claims(), name, value.clone()));
        assert_eq!(admit(&token), Err(TokenError::BadClaim(name)), "{name} {value}");
    }
}

/// SEC-03, WLD-08: identities that would split a header or stand for many.
#[test]
fn identity_claims_are_parsed_not_copied() {
    for (name, value) in [
        ("impi", json!("alice@ims.example\r\nP-Asserted-Identity: <sip:bob@ims.example>")),
        ("impi", json!("sip:alice@ims.example")),
        ("impu", json!(["sip:alice@ims.example", "sip:guest-!.*!@partner.ims.example"])),
        ("impu", json!(["sip:alice@ims.example\r\nX: y"])),
        ("impu", json!(["mailto:alice@ims.example"])),
    ] {
        let error = admit(&token(&header(), &with(claims(), name, value.clone()))).unwrap_err();
        assert_eq!(error.step(), Step::T6, "{value}");
        assert!(!error.to_string().contains(['\r', '\n']), "{error:?}");
    }
}

/// TOK-10 to TOK-15: each claim against what the connection and the clock say.
#[test]
fn claims_must_agree_with_connection_and_clock() {
    let leeway = TokenPolicy::default().leeway;
    for (name, value, expected) in [
        ("iss", json!("https://waf.partner.example"), Err(TokenError::Issuer)),
        ("aud", json!("sip:epcscf2.ims.example"), Err(TokenError::Audience)),
        ("aud", json!(["sip:a", "sip:epcscf1.ims.example"]), Ok(())),
        ("client_id", json!("wwsf.partner.example"), Err(TokenError::Client)),
        ("exp", json!(NOW - leeway - 1), Err(TokenError::Expired)),
        ("exp", json!(NOW - leeway), Err(TokenError::Expired)),
        ("exp", json!(NOW - leeway + 1), Ok(())),
        ("exp", json!(NOW - 100), Err(TokenError::Lifetime)),
        ("exp", json!(NOW - 100 + 86_400), Ok(())),
        ("exp", json!(NOW - 100 + 86_401), Err(TokenError::Lifetime)),
        ("nbf", json!(NOW + leeway), Ok(())),
        ("nbf", json!(NOW + leeway + 1), Err(TokenError::NotYetValid)),
        ("iat", json!(NOW + leeway + 1), Err(TokenError::NotYetValid)),
        ("scope", json!("openid"), Err(TokenError::Scope)),
        ("scope", json!("xwebrtc-ims-client-access-to-ims"), Err(TokenError::Scope)),
        ("reg", json!("tna"), Ok(())),
        ("reg", json!("range"), Err(TokenError::Reg)),
    ] {
        assert_eq!(check(&with(claims(), name, value.clone())), expected, "{name} {value}");
    }
    assert_eq!(check(&without(claims(), "nbf")), Ok(()));
}

/// TOK-16 to TOK-19: the attack of TS 33.203 REQ 2.4 and its neighbours.
#[test]
fn the_request_must_name_what_the_token_authorises() {
    let (one, two) = ("sip:alice@ims.example", "sip:alice2@ims.example");
    let bob = "sip:bob@ims.example";
    for (to, from, impi, expected) in [
        (two, two, None, Ok(())),
        (bob, bob, None, Err(TokenError::Impu)),
        (one, two, None, Err(TokenError::ThirdParty)),
        (one, one, Some("alice-wic@ims.example"), Ok(())),
        (one, one, Some("bob-wic@ims.example"), Err(TokenError::Impi)),
    ] {
        assert_eq!(check_request(&claims(), to, from, impi), expected, "{to} {from} {impi:?}");
    }
}

#[test]
fn steps_fail_in_their_order() {
    let bad = with(with(claims(), "iss", json!("x")), "scope", json!("x"));
    assert_eq!(check(&bad), Err(TokenError::Issuer));
    let bad = with(with(claims(), "exp", json!(NOW - 50)), "scope", json!("x"));
    assert_eq!(check(&bad), Err(TokenError::Expired));
    let bad = with(claims(), "scope", json!("x"));
    let bob = "sip:bob@ims.example";
    assert_eq!(check_request(&bad, bob, bob, None), Err(TokenError::Scope));
}

#[test]
fn every_step_has_its_answer() {
    use BearerError::{InvalidScope, InvalidToken};
    let policy = TokenPolicy::default();
    for (error, step, status, bearer, close) in [
        (TokenError::Missing, Step::T0, 401, None, Close::Keep),
        (TokenError::Malformed, Step::T1, 400, None, Close::AfterStrikes),
        (TokenError::Signature, Step::T2, 401, Some(InvalidToken), Close::Now),
        (TokenError::Issuer, Step::T3, 403, None, Close::Now),
        (TokenError::Expired, Step::T4, 401, Some(InvalidToken), Close::Now),
        (TokenError::Scope, Step::T5, 401, Some(InvalidScope), Close::Now),
        (TokenError::Impu, Step::T6, 403, None, Close::Now),
        (TokenError::NotAllocated, Step::T7, 403, None, Close::Now),
        (TokenError::Replayed, Step::T8, 403, None, Close::Now),
        (TokenError::WafUnreachable, Step::T9, 504, None, Close::Keep),
    ] {
        let verdict = error.verdict(&policy);
        assert_eq!((verdict.step, verdict.status, verdict.error, verdict.close), (step, status, bearer, close));
        assert_eq!(verdict.reason, error.to_string());
    }
    let lenient = TokenPolicy { strict_close: false, ..policy };
    assert_eq!(TokenError::Expired.verdict(&lenient).close, Close::Keep);
    assert_eq!(TokenError::Signature.verdict(&lenient).close, Close::Now);
}

#[test]
fn claims_serialise_to_what_they_were_read_from() {
    let read = admit(&token(&header(), &claims())).unwrap();
    let again = admit(&token(&header(), &serde_json::to_value(&read).unwrap())).unwrap();
    assert_eq!(again, read);
}
