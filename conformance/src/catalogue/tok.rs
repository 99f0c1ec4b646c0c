//! TP-TOK: the security token of flows 2 and 3.

use serde_json::{Value, json};
use sip::headers::{Authorization, Challenge, Credentials, WwwAuthenticate};
use sip::{HeaderName, Response};

use super::ws::closes_with;
use crate::lab::{Setup, WwsfParty};
use crate::purpose::purposes;
use crate::script::{Msg, SigningKey, Token, Wic, digest};
use crate::tester::{Edge, Person, Tester};
use crate::verdict::{Outcome, Stop};

purposes! {
    "TOK-01" Epcscf WebAuth Requirement "33.203 X.3.2.3, 24.371 A.3.2" {
        "A good token lets its user in",
        "a REGISTER with Bearer and a right token" => "the REGISTER reaches the core with the TNA header; the 200 comes back",
        test(accepted, Style::Rfc6750),
    }
    "TOK-02" Epcscf WebAuth Requirement "24.371 Table A.3.2-1" {
        "The token may stand in access_token",
        "Authorization: Bearer access_token=\"…\"" => "the same",
        test(accepted, Style::Ts24371),
    }
    "TOK-03" Epcscf Range Requirement "RFC 8898 §2.2" {
        "Who brings no token is told where to get one",
        given "a WIC of a page that may use flow 3 only",
        "a REGISTER without credentials" => "401 with a Bearer challenge that has authz_server and no error; the connection stays",
        test(no_token),
    }
    "TOK-04" Epcscf WebAuth Requirement "RFC 8898 §4, 33.203 X.3.2.3 step 4" {
        "A changed signature is found",
        "a token with one character of its signature changed" => "401 invalid_token, then close 1008; nothing reaches the core",
        test(bad_token, Bad::Tampered),
    }
    "TOK-05" Epcscf WebAuth Requirement "RFC 8725 §3.1" {
        "A token without a signature is refused",
        "alg none" => "401 invalid_token, then close 1008; nothing reaches the core",
        test(bad_token, Bad::Unsigned),
    }
    "TOK-06" Epcscf WebAuth Requirement "RFC 8725 §2.1" {
        "A MAC keyed with the public key is no signature",
        "alg HS256, the key being the octets of the issuer's public key" => "401 invalid_token, then close 1008",
        test(bad_token, Bad::Confused),
    }
    "TOK-07" Epcscf WebAuth Requirement "RFC 7515 §4.1.11" {
        "A critical extension that is not understood is refused",
        "a crit member" => "401 invalid_token, then close 1008",
        test(bad_token, Bad::Critical),
    }
    "TOK-08" Epcscf WebAuth Requirement "RFC 8725 §3.10" {
        "A token cannot bring its own key",
        "jwk, jku, x5u in the header, signed by an attacker's key" => "401 invalid_token; no key is fetched from there",
        test(own_key),
    }
    "TOK-09" Epcscf WebAuth Policy "RFC 7515 §4.1.4" {
        "A key that is not known is looked for once",
        "a token with another kid, twice" => "401 invalid_token both times; the WAF is asked for its keys at most twice in all",
        test(unknown_kid),
    }
    "TOK-10" Epcscf WebAuth Requirement "RFC 7519 §4.1.4" {
        "A token that has expired is refused",
        "exp before now by more than the leeway" => "401 invalid_token, then close 1008",
        test(bad_token, Bad::Expired),
    }
    "TOK-11" Epcscf WebAuth Requirement "RFC 7519 §4.1.5" {
        "A token that is not valid yet is refused",
        "nbf in the future" => "401 invalid_token",
        test(bad_token, Bad::Early),
    }
    "TOK-12" Epcscf WebAuth Policy "RFC 7519 §4.1.3" {
        "A token for somebody else is refused",
        "another aud" => "403, then close 1008",
        test(bad_token, Bad::Audience),
    }
    "TOK-13" Epcscf WebAuth Policy "33.203 REQ 2.1, REQ 2.2" {
        "A WAF that this WWSF may not use is refused",
        "iss of the partner's WAF on the operator's page, signed by that WAF" => "403, then close 1008",
        test(bad_token, Bad::Issuer),
    }
    "TOK-14" Epcscf WebAuth Policy "33.203 REQ 2.1" {
        "A token of another WWSF is refused",
        "client_id of another WWSF" => "403, then close 1008",
        test(bad_token, Bad::Client),
    }
    "TOK-15" Epcscf WebAuth Policy "33.203 X.3.2.3, RFC 8898 §4" {
        "A token for something else is refused",
        "scope without the value for IMS" => "401 invalid_scope, then close 1008",
        test(bad_token, Bad::Scope),
    }
    "TOK-16" Epcscf WebAuth Requirement "33.203 REQ 2.4" {
        "Only the identities of the token can be registered",
        "a token for one IMPU, To and From with another" => "403, then close 1008; nothing reaches the core",
        test(bad_token, Bad::OtherImpu),
    }
    "TOK-17" Epcscf WebAuth Requirement "33.203 REQ 2.4" {
        "Any of several identities of the token can be registered",
        "a token for two IMPUs, To and From with the second" => "the REGISTER reaches the core",
        test(second_impu),
    }
    "TOK-18" Epcscf WebAuth Policy "33.203 REQ 2.4" {
        "Nobody registers somebody else",
        "From of another user" => "403",
        test(third_party),
    }
    "TOK-19" Epcscf WebAuth Requirement "TS 23.228 U.2.1.3 step 3" {
        "An IMPI in clear must be that of the token",
        "Proxy-Authorization with another username" => "403",
        test(other_impi),
    }
    "TOK-20" Epcscf WebAuth Policy "RFC 7519 §4, RFC 8725 §3.10" {
        "A token that two readers could read differently is refused",
        "a member twice; exp as text; 8 KiB and one octet; padding; no jti; nested deeply" => "401 invalid_token each time",
        test(ambiguous),
    }
    "TOK-21" Epcscf WebAuth Policy "24.371 §7.2.1" {
        "A token and Digest in one request are refused",
        "Bearer and Digest credentials" => "400; nothing reaches the core",
        test(two_credentials, false),
    }
    "TOK-22" Epcscf WebAuth Policy "24.371 §7.2.1" {
        "Two tokens in one request are refused",
        "two Bearer headers" => "400; nothing reaches the core",
        test(two_credentials, true),
    }
    "TOK-23" Epcscf WebAuth Requirement "RFC 8898 §2.1.3" {
        "A token serves for refreshes",
        "a second REGISTER with the same token on the same connection" => "it reaches the core; 200",
        test(refreshed),
    }
    "TOK-24" Epcscf WebAuth Policy "RFC 7519 §4.1.7" {
        "A token serves one browser",
        given "a WIC registered with a token",
        "the same token on another connection with another +sip.instance" => "403",
        test(replayed),
    }
    "TOK-25" Epcscf WebAuth Policy "33.203 REQ 2.2" {
        "A revoked token ends what rests on it",
        given "a registered WIC",
        "the token is revoked, then a refresh" => "403; the core gets a REGISTER with an expiry of 0",
        test(revoked),
    }
    "TOK-26" Epcscf WebAuth Policy "RFC 7517" {
        "A WAF that is silent is no fault of the token",
        given "a WAF whose key server does not answer",
        "a REGISTER with a token" => "504; the connection stays",
        test(silent_waf),
    }
    "TOK-27" Epcscf WebAuth Requirement "24.371 §7.2.1" {
        "Requests other than REGISTER need a good token too",
        given "bearer.on_requests = require",
        "a MESSAGE with an expired token while registered" => "401",
        test(expired_on_message),
    }
    "TOK-28" Epcscf WebAuth Policy "RFC 8898 §5" {
        "A token goes nowhere but to the eP-CSCF",
        "a registration, a refusal and a refresh" => "the token is in nothing that the core got, and not in the log",
        test(token_stays),
    }
    "TOK-30" Epcscf WebAuth Requirement "RFC 3261 §21.4.13" {
        "A token in the body is refused where that is switched off",
        given "token.carriage = header",
        "a body application/jwt with handling=required" => "415 with Accept",
        test(token_in_body),
    }
    "TOK-31" Epcscf WebAuth Policy "SEED X.2.1.3 step 3" {
        "Two tokens that differ are refused",
        given "token.carriage = both",
        "one token in Authorization, another in the body" => "400",
        test(body_differs),
    }
    "TOK-32" Epcscf WebAuth Policy "TS 23.228 U.2.1.3" {
        "A registration ends no later than its token",
        "3600 s asked for, 300 s of the token left" => "no more than 300 s asked of the core",
        test(capped),
    }
    "TOK-33" Epcscf WebAuth Policy "SEED X.2.1.3 step 3" {
        "The token may be attached where that is switched on",
        given "token.carriage = both",
        "a body application/jwt and no Authorization" => "the REGISTER reaches the core without the body",
        test(attached),
    }
    "TOK-34" Epcscf WebAuth Policy "33.203 X.3.2.3 step 4" {
        "An expired token can be renewed in place where that is switched on",
        given "token.strict_close = false",
        "an expired token, then a good one on the same connection" => "401 invalid_token, then the second reaches the core",
        test(lenient),
    }
    "TOK-35" Epcscf WebAuth Policy "RFC 8725 §3.11" {
        "Another kind of JWT is no access token",
        "typ JWT" => "401 invalid_token",
        test(bad_token, Bad::Type),
    }
    "TOK-36" Epcscf WebAuth Requirement "RFC 7515 §2" {
        "Stray bits in the signature are refused",
        "the unused bits of the last character of the signature changed" => "401 invalid_token",
        test(stray_bits),
    }
    "TOK-37" Epcscf WebAuth Policy "24.371 §7.2.1" {
        "A Bearer header that cannot be read is forgiven once",
        "Bearer without a token, twice" => "400, then 400 and close 1008",
        test(strikes),
    }
    "TOK-38" Epcscf WebAuth Policy "TS 23.228 U.1.3.3" {
        "A WWSF may only register identities of its domains",
        given "the operator's WWSF, which may register in the home domain",
        "a token of its WAF for an identity of the partner's domain" => "403",
        test(foreign_domain),
    }
    "TOK-39" Epcscf WebAuth Requirement "TS 23.228 §4.3.3.2b" {
        "A wildcard in a token is refused",
        "impu with a wildcarded identity" => "401 invalid_token or 403; nothing reaches the core",
        test(wildcard_in_token),
    }
    "TOK-40" Epcscf WebAuth Policy "RFC 7519 §4.1.6" {
        "A token that lives too long is refused",
        "exp a year after iat" => "401 invalid_token",
        test(bad_token, Bad::LongLived),
    }
}

#[derive(Clone, Copy)]
enum Style {
    Rfc6750,
    Ts24371,
}

#[derive(Clone, Copy, PartialEq)]
enum Bad {
    Tampered,
    Unsigned,
    Confused,
    Critical,
    Expired,
    Early,
    Audience,
    Issuer,
    Client,
    Scope,
    OtherImpu,
    Type,
    LongLived,
}

async fn accepted(t: &mut Tester, style: Style) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let token = edge.token(&alice).sign(&edge.operator.key);
    let value = match style {
        Style::Rfc6750 => format!("Bearer {token}"),
        Style::Ts24371 => format!("Bearer access_token=\"{token}\""),
    };
    let register = alice.register().with("Authorization", value);
    let admitted = edge.admit(&mut wic, &register).await?;
    t.status(&admitted.answer, &[200])?;
    let value = admitted.at_core.request.headers.value(&HeaderName::Authorization).unwrap_or_default().to_owned();
    t.saw(format!("Authorization on Mw: {value}"));
    let digest = match <Authorization as sip::headers::TypedHeader>::parse(&value).map(|a| a.0) {
        Ok(Credentials::Digest(digest)) => digest,
        _ => return Err(Stop::fail("the REGISTER on Mw has no Digest credentials")),
    };
    t.check(digest.text("username").as_deref() == Some(&alice.impi), "the username on Mw is not the IMPI")?;
    let done = digest.text("integrity-protected").as_deref() == Some("auth-done");
    t.check(done, "integrity-protected on Mw is not auth-done")
}

async fn no_token(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let answer = edge.refused(&mut wic, &guest.register()).await?;
    t.status(&answer, &[401])?;
    let params = bearer_challenge(&answer)?;
    t.saw(params.to_string());
    t.check(params.has("authz_server"), "the challenge has no authz_server")?;
    t.check(!params.has("error"), "the challenge has an error, though there was no token")?;
    // The connection stays: another REGISTER is answered.
    let answer = edge.refused(&mut wic, &guest.register()).await?;
    t.status(&answer, &[401])
}

/// The REGISTER of a bad token, its answer, and what becomes of the connection.
async fn bad_token(t: &mut Tester, bad: Bad) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let operator = edge.operator.clone();
    let now = Token::now();
    let token = edge.token(&alice);
    let signed = match bad {
        Bad::Tampered => Token::tampered(&token.sign(&operator.key)),
        Bad::Unsigned => token.unsigned(),
        Bad::Confused => token.hs256(&operator.key.public_octets()),
        Bad::Critical => token.head("crit", json!(["exp-2"])).head("exp-2", 1).sign(&operator.key),
        Bad::Expired => {
            token.claim("iat", now - 4000).claim("nbf", now - 4000).claim("exp", now - 31).sign(&operator.key)
        }
        Bad::Early => token.claim("nbf", now + 600).sign(&operator.key),
        Bad::Audience => token.claim("aud", "sip:epcscf9.other.example").sign(&operator.key),
        Bad::Issuer => {
            token.claim("iss", edge.partner.issuer.clone()).head("kid", edge.partner.key.kid()).sign(&edge.partner.key)
        }
        Bad::Client => token.claim("client_id", edge.partner.id.clone()).sign(&operator.key),
        Bad::Scope => token.claim("scope", "openid profile").sign(&operator.key),
        Bad::OtherImpu => token.claim("impu", json!([format!("sip:mallory@{}", edge.home)])).sign(&operator.key),
        Bad::Type => token.head("typ", "JWT").sign(&operator.key),
        Bad::LongLived => token.claim("exp", now + 365 * 86_400).sign(&operator.key),
    };
    let register = alice.register().with("Authorization", format!("Bearer {signed}"));
    let answer = edge.refused(&mut wic, &register).await?;
    let (status, error) = match bad {
        Bad::Audience | Bad::Issuer | Bad::Client | Bad::OtherImpu => (403, None),
        Bad::Scope => (401, Some("invalid_scope")),
        _ => (401, Some("invalid_token")),
    };
    t.status(&answer, &[status])?;
    if let Some(error) = error {
        expect_error(t, &answer, error)?;
    }
    closes_with(t, wic.closed().await, 1008)
}

fn expect_error(t: &mut Tester, answer: &Response, error: &str) -> Outcome {
    let params = bearer_challenge(answer)?;
    let got = params.unquoted("error").map(|e| e.into_owned()).unwrap_or_default();
    t.check(got == error, format!("error is {got:?} instead of {error:?}"))
}

fn bearer_challenge(answer: &Response) -> Outcome<sip::Params> {
    answer
        .headers
        .values(&HeaderName::WwwAuthenticate)
        .filter_map(|value| <WwwAuthenticate as sip::headers::TypedHeader>::parse(value).ok())
        .find_map(|header| match header.0 {
            Challenge::Bearer(bearer) => Some(bearer.params),
            _ => None,
        })
        .ok_or_else(|| Stop::fail("the answer has no Bearer challenge"))
}

async fn own_key(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let attacker = SigningKey::es256("attacker-1")?;
    let asked = asked(&edge);
    for member in ["jwk", "jku", "x5u", "x5c"] {
        let mut wic = edge.operator_wic().await?;
        let mut alice = edge.person();
        let value: Value = match member {
            "jwk" => attacker.jwk(),
            "x5c" => json!(["AAAA"]),
            _ => json!(edge.operator.waf.as_ref().map_or_else(
                || "https://attacker.example/keys".into(),
                |w| { w.jwks_url().replace(".well-known", "attacker") }
            )),
        };
        let token = edge.token(&alice).head(member, value).sign(&attacker);
        let register = alice.register().with("Authorization", format!("Bearer {token}"));
        let answer = edge.refused(&mut wic, &register).await?;
        t.status(&answer, &[401])?;
        expect_error(t, &answer, "invalid_token")?;
    }
    let fetched = t.log().records().iter().any(|r| r.summary.contains("attacker"));
    t.check(!fetched, "keys were fetched from where the token said")?;
    t.saw(format!("the WAF was asked {} times", self::asked(&edge) - asked));
    Ok(())
}

fn asked(edge: &Edge) -> usize {
    edge.operator.waf.as_ref().map_or(0, |waf| waf.asked())
}

async fn unknown_kid(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    if edge.operator.waf.is_none() {
        return Err(Stop::NotApplicable("the WAF's keys are configured, not fetched".into()));
    }
    for _ in 0..2 {
        let mut wic = edge.operator_wic().await?;
        let mut alice = edge.person();
        let token = edge.token(&alice).head("kid", "no-such-key").sign(&edge.operator.key);
        let register = alice.register().with("Authorization", format!("Bearer {token}"));
        let answer = edge.refused(&mut wic, &register).await?;
        t.status(&answer, &[401])?;
        expect_error(t, &answer, "invalid_token")?;
    }
    let asked = asked(&edge);
    t.saw(format!("the WAF was asked {asked} times"));
    t.check(asked <= 2, format!("the WAF was asked {asked} times for two tokens"))
}

async fn second_impu(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let first = format!("sip:first-{}@{}", alice.user, edge.home);
    let token = edge.token(&alice).claim("impu", json!([first, alice.impu])).sign(&edge.operator.key);
    let register = alice.register().with("Authorization", format!("Bearer {token}"));
    let admitted = edge.admit(&mut wic, &register).await?;
    t.status(&admitted.answer, &[200])
}

async fn third_party(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice
        .register()
        .set("From", format!("<sip:bob@{}>;tag=w1", edge.home))
        .with("Authorization", edge.bearer(&alice));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[403])
}

async fn other_impi(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let other = digest::identity(&format!("mallory@{}", edge.home), &edge.home);
    let register = alice.register().with("Authorization", edge.bearer(&alice)).with("Proxy-Authorization", other);
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[403])
}

async fn ambiguous(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let operator = edge.operator.clone();
    for what in ["a member twice", "exp as text", "8 KiB and one octet", "padding", "no jti", "nested deeply"] {
        let mut wic = edge.operator_wic().await?;
        let mut alice = edge.person();
        let token = edge.token(&alice);
        let (header, claims) = (token.header.to_string(), token.claims.to_string());
        let signed = match what {
            "a member twice" => {
                let twice = claims.replacen('{', &format!("{{\"impi\":\"mallory@{}\",", edge.home), 1);
                Token::sign_raw(&header, &twice, &operator.key)
            }
            "exp as text" => token.claim("exp", (Token::now() + 600).to_string()).sign(&operator.key),
            "8 KiB and one octet" => longer_than(token, &operator, 8192),
            "padding" => token.sign(&operator.key).replacen('.', "=.", 1),
            "no jti" => token.without("jti").sign(&operator.key),
            _ => token.claim("x", json!({"a": {"b": {"c": {"d": 1}}}})).sign(&operator.key),
        };
        let register = alice.register().with("Authorization", format!("Bearer {signed}"));
        let answer = edge.refused(&mut wic, &register).await?;
        t.saw(format!("{what}: {} {}", answer.status, answer.reason));
        // Characters outside token68 are already no Bearer header.
        let expected: &[u16] = if what == "padding" { &[400, 401] } else { &[401] };
        t.status(&answer, expected).map_err(|stop| with_context(what, stop))?;
    }
    Ok(())
}

fn longer_than(token: Token, party: &WwsfParty, octets: usize) -> String {
    let mut filler = 5000;
    loop {
        let signed = token.clone().claim("filler", "x".repeat(filler)).sign(&party.key);
        if signed.len() > octets {
            return signed;
        }
        filler += (octets + 1 - signed.len()).div_ceil(2).max(1);
    }
}

fn with_context(what: &str, stop: Stop) -> Stop {
    match stop {
        Stop::Fail(reason) => Stop::Fail(format!("{what}: {reason}")),
        other => other,
    }
}

async fn two_credentials(t: &mut Tester, both_bearer: bool) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let bearer = edge.bearer(&alice);
    let second = match both_bearer {
        true => bearer.clone(),
        false => digest::identity(&alice.impi, &alice.domain),
    };
    let register = alice.register().with("Authorization", bearer).with("Authorization", second);
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[400])
}

async fn refreshed(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let bearer = edge.bearer(&alice);
    for _ in 0..2 {
        let register = alice.register().with("Authorization", &bearer);
        let admitted = edge.admit(&mut wic, &register).await?;
        t.status(&admitted.answer, &[200])?;
    }
    Ok(())
}

async fn replayed(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let bearer = edge.bearer(&alice);
    let register = alice.register().with("Authorization", &bearer);
    crate::verdict::Preamble::preamble(edge.admit(&mut wic, &register).await, "registering")?;
    let mut thief_wic = edge.wic("wic thief", &edge.operator.origin).await?;
    let mut thief = alice.elsewhere(&t.unique());
    let register = thief.register().with("Authorization", &bearer);
    let answer = edge.refused(&mut thief_wic, &register).await?;
    t.status(&answer, &[403])
}

async fn revoked(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let token = edge.token(&alice);
    let jti = token.claims.get("jti").and_then(Value::as_str).unwrap_or_default().to_owned();
    let bearer = format!("Bearer {}", token.sign(&edge.operator.key));
    let register = alice.register().with("Authorization", &bearer);
    crate::verdict::Preamble::preamble(edge.admit(&mut wic, &register).await, "registering")?;
    let issuer = edge.operator.issuer.clone();
    let told = edge.control.revoke(&issuer, &jti).await;
    told.ok_or_else(|| Stop::NotApplicable("tokens cannot be revoked from here".into()))?;
    let register = alice.register().with("Authorization", &bearer);
    wic.send(register.bytes()).await?;
    let answer = wic.answer().await?;
    t.status(&answer, &[403])?;
    let arrived = edge.core.request("REGISTER").await?;
    let leaves = arrived.request.headers.value(&HeaderName::Expires) == Some("0")
        || arrived.request.headers.value(&HeaderName::Contact).is_some_and(|c| c.contains("expires=0"));
    t.saw(format!("on Mw: Contact {:?}", arrived.request.headers.value(&HeaderName::Contact)));
    t.check(leaves, "the REGISTER on Mw does not end the registration")
}

async fn silent_waf(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("keys.wait", 1)).await?;
    let waf = edge.operator.waf.clone();
    let waf = waf.ok_or_else(|| Stop::NotApplicable("the WAF's keys are configured, not fetched".into()))?;
    waf.be_silent(true);
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.bearer(&alice));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[504, 503])?;
    wic.send("\r\n\r\n").await?;
    let came = wic.next().await?;
    t.check(matches!(came, crate::script::Came::Message(..)), format!("{came:?}: the connection did not stay"))
}

async fn expired_on_message(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("bearer.on_requests", "require")).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    edge.registered(&mut wic, &mut alice).await?;
    let now = Token::now();
    let token = edge.token(&alice).claim("iat", now - 4000).claim("nbf", now - 4000).claim("exp", now - 100);
    let to = format!("sip:bob@{}", edge.home);
    let message = alice
        .request("MESSAGE", &to)
        .without("Contact")
        .with("Authorization", format!("Bearer {}", token.sign(&edge.operator.key)))
        .body("text/plain", "hello");
    wic.send(message.bytes()).await?;
    let answer = wic.answer().await?;
    t.status(&answer, &[401])?;
    edge.nothing_on_mw(&message).await
}

async fn token_stays(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let token = edge.token(&alice).sign(&edge.operator.key);
    for _ in 0..2 {
        let register = alice.register().with("Authorization", format!("Bearer {token}"));
        edge.admit(&mut wic, &register).await?;
    }
    let mut other = edge.wic("wic other", &edge.operator.origin).await?;
    let mut bob = edge.person();
    let refused = Token::tampered(&token);
    let register = bob.register().with("Authorization", format!("Bearer {refused}"));
    edge.refused(&mut other, &register).await?;
    // The signature alone would be enough to find it again.
    let signature = token.rsplit('.').next().unwrap_or_default().to_owned();
    let on_mw = t.log().records().iter().any(|r| r.node == "core" && r.text.contains(&signature));
    t.check(!on_mw, "the token is on Mw")?;
    let log = edge.control.log().ok_or_else(|| Stop::Inconclusive("Mw is clean; the log cannot be read".into()))?;
    let payload = token.split('.').nth(1).unwrap_or_default();
    t.saw(format!("{} octets of log", log.len()));
    t.check(!log.contains(&signature) && !log.contains(payload), "the token is in the log")
}

fn attach(register: Msg, token: &str) -> Msg {
    register.with("Content-Disposition", "security-token;handling=required").body("application/jwt", token)
}

async fn token_in_body(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("token.carriage", "header")).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let token = edge.token(&alice).sign(&edge.operator.key);
    let register = attach(alice.register(), &token);
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[415])?;
    t.check(answer.headers.has(&HeaderName::Accept), "the 415 has no Accept")
}

async fn body_differs(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("token.carriage", "both")).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let other = edge.token(&alice).sign(&edge.operator.key);
    let register = attach(alice.register().with("Authorization", edge.bearer(&alice)), &other);
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[400])
}

async fn attached(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("token.carriage", "both")).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let token = edge.token(&alice).sign(&edge.operator.key);
    let register = attach(alice.register(), &token);
    let admitted = edge.admit(&mut wic, &register).await?;
    t.check(admitted.at_core.request.body.is_empty(), "the body went on to the core")?;
    t.absent(&admitted.at_core.request.headers, &["Content-Type", "Content-Disposition"], "the REGISTER on Mw")
}

async fn capped(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let token = edge.token(&alice).claim("exp", Token::now() + 300).sign(&edge.operator.key);
    let register = alice.register_for(3600).with("Authorization", format!("Bearer {token}"));
    let arrived = edge.to_core(&mut wic, &register).await?;
    let contacts = arrived.request.headers.contacts().map_err(|e| Stop::fail(e.to_string()))?;
    let contact = match contacts {
        sip::headers::Contacts::List(list) => list.first().and_then(|c| c.expires()),
        sip::headers::Contacts::Star => None,
    };
    let header = arrived.request.headers.value(&HeaderName::Expires).and_then(|e| e.parse().ok());
    let asked = contact.or(header).unwrap_or(u32::MAX);
    t.saw(format!("{asked} s asked of the core"));
    t.check(asked <= 300, format!("{asked} s are asked of the core, the token has 300 left"))
}

async fn lenient(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("token.strict_close", false)).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let now = Token::now();
    let expired = edge.token(&alice).claim("iat", now - 4000).claim("nbf", now - 4000).claim("exp", now - 100);
    let register = alice.register().with("Authorization", format!("Bearer {}", expired.sign(&edge.operator.key)));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[401])?;
    expect_error(t, &answer, "invalid_token")?;
    let register = alice.register().with("Authorization", edge.bearer(&alice));
    let admitted = edge.admit(&mut wic, &register).await?;
    t.status(&admitted.answer, &[200])
}

async fn stray_bits(t: &mut Tester) -> Outcome {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let mut token = edge.token(&alice).sign(&edge.operator.key);
    // 64 octets are 86 characters, of whose last only the two highest bits count.
    let last = token.pop().and_then(|c| ALPHABET.find(c)).unwrap_or(0);
    token.push(ALPHABET.chars().nth(last ^ 1).unwrap_or('A'));
    let register = alice.register().with("Authorization", format!("Bearer {token}"));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[401])?;
    expect_error(t, &answer, "invalid_token")
}

async fn strikes(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    for _ in 0..2 {
        let register = alice.register().with("Authorization", "Bearer");
        let answer = edge.refused(&mut wic, &register).await?;
        t.status(&answer, &[400])?;
    }
    closes_with(t, wic.closed().await, 1008)
}

async fn foreign_domain(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let domain = edge.partner.domain.clone();
    let mut mallory = Person::new("mallory", &domain, &t.unique());
    let register = mallory.register().with("Authorization", edge.bearer(&mallory));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[403])
}

async fn wildcard_in_token(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic: Wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let range = format!("sip:!.*!@{}", edge.home);
    let token = edge.token(&alice).claim("impu", json!([range])).sign(&edge.operator.key);
    let register = alice.register().with("Authorization", format!("Bearer {token}"));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[401, 403])
}
