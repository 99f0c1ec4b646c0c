use std::time::{SystemTime, UNIX_EPOCH};

use ims::policy::TokenPolicy;
use ims::token::{Claims, Expectation, Jws, Reg, Requested, TokenError};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, crypto};
use serde_json::Value;
use wwsf::{Config, SigningAlg};

use crate::support::{Browser, Wwsf, header, problem};

/// Checks a token as an eP-CSCF does, with the published keys.
pub(crate) async fn verified(browser: &Browser, token: &str) -> Result<Claims, TokenError> {
    let keys: JwkSet = browser.get("/.well-known/jwks.json").send().await.unwrap().json().await.unwrap();
    Jws::parse(token)?.verify(|jws| {
        let jwk = keys.find(jws.key_id()).ok_or(TokenError::Signature)?;
        let algorithm = match jws.algorithm() {
            ims::token::Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            ims::token::Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        };
        let (_, signature) = token.rsplit_once('.').unwrap();
        let key = DecodingKey::from_jwk(jwk).unwrap();
        let right = crypto::verify(signature, jws.signing_input().as_bytes(), &key, algorithm).unwrap();
        right.then_some(()).ok_or(TokenError::Signature)
    })
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn alice(wwsf: &Wwsf) -> Browser {
    let browser = wwsf.browser();
    assert_eq!(browser.login("alice", "alice-web").await.status(), 200);
    browser
}

#[tokio::test]
async fn the_answer_has_exactly_the_published_members() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let response = alice(&wwsf).await.token().await;
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(header(&response, "content-type"), "application/json");
    let body: Value = response.json().await.unwrap();
    let mut members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["expires_in", "impi", "impu", "realm", "token", "token_type", "wss_url"]);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["impi"], "alice-wic@ims.example");
    assert_eq!(body["impu"], serde_json::json!(["sip:alice@ims.example"]));
    assert_eq!(body["wss_url"], "wss://localhost:7443/");
    assert_eq!(body["realm"], "ims.example");
}

#[tokio::test]
async fn an_edge_that_knows_this_wwsf_accepts_its_token() {
    for signing_alg in [SigningAlg::Es256, SigningAlg::EdDsa] {
        let wwsf = Wwsf::start(Config { signing_alg, ..Config::operator() }).await;
        let browser = alice(&wwsf).await;
        let granted = browser.granted().await;
        let claims = verified(&browser, granted["token"].as_str().unwrap()).await.unwrap();
        let impu = "sip:alice@ims.example".parse().unwrap();
        let expectation = Expectation {
            policy: &TokenPolicy::default(),
            issuers: &[wwsf.origin().to_owned()],
            audience: "sip:epcscf1.ims.example",
            client_id: "wwsf.ims.example",
            regs: &[Reg::Tna],
            requested: Requested { to: &impu, from: &impu, impi: None },
        };
        assert_eq!(claims.check(&expectation, now()), Ok(()));
        assert_eq!(claims.exp - claims.iat, 3600);
        assert_eq!(claims.nbf, Some(claims.iat));
        assert_eq!(claims.impi.as_str(), "alice-wic@ims.example");
        assert!(!claims.sub.contains("alice"), "sub is opaque");
    }
}

#[tokio::test]
async fn two_tokens_of_one_person_differ_in_name_and_agree_in_subject() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = alice(&wwsf).await;
    let mut claims = Vec::new();
    for _ in 0..2 {
        let granted = browser.granted().await;
        claims.push(verified(&browser, granted["token"].as_str().unwrap()).await.unwrap());
    }
    assert_ne!(claims[0].jti, claims[1].jti);
    assert_eq!(claims[0].sub, claims[1].sub);
}

#[tokio::test]
async fn a_tampered_token_is_not_ours() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = alice(&wwsf).await;
    let granted = browser.granted().await;
    let mut token = granted["token"].as_str().unwrap().to_owned().into_bytes();
    let at = token.len() - 20;
    token[at] = if token[at] == b'A' { b'B' } else { b'A' };
    let token = String::from_utf8(token).unwrap();
    assert_eq!(verified(&browser, &token).await, Err(TokenError::Signature));
}

#[tokio::test]
async fn nobody_gets_a_token_without_a_login_where_guests_are_not_served() {
    let wwsf = Wwsf::start(Config::operator()).await;
    problem(wwsf.browser().token().await, 401).await;
    let made_up = format!("__Host-session-{}={}", wwsf.addr().port(), "A".repeat(43));
    problem(wwsf.browser().post("/api/token").header("cookie", made_up).send().await.unwrap(), 401).await;
}
