use serde_json::Value;
use wwsf::Config;

use crate::support::{Wwsf, header};
use crate::token::verified;

#[tokio::test]
async fn a_rotation_needs_no_restart_and_old_tokens_stay_good() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    browser.login("alice", "alice-web").await;
    let token = |granted: Value| granted["token"].as_str().unwrap().to_owned();
    let kid = |token: &str| ims::token::Jws::parse(token).unwrap().key_id().to_owned();

    let before = token(browser.granted().await);
    let new = wwsf::keys::rotate(wwsf.state_dir()).unwrap();
    let after = token(browser.granted().await);
    assert_eq!(kid(&after), new.as_str());
    assert_ne!(kid(&before), new.as_str());
    for token in [before, after] {
        verified(&browser, &token).await.unwrap();
    }
}

#[tokio::test]
async fn keys_are_published_for_caches_and_without_private_parts() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let response = wwsf.browser().get("/.well-known/jwks.json").send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "application/jwk-set+json");
    assert_eq!(header(&response, "cache-control"), "public, max-age=300");
    let keys: Value = response.json().await.unwrap();
    let key = keys["keys"][0].as_object().unwrap();
    assert_eq!(
        (key["kty"].as_str(), key["alg"].as_str(), key["use"].as_str()),
        (Some("EC"), Some("ES256"), Some("sig"))
    );
    assert!(!key.contains_key("d"));
}

#[tokio::test]
async fn tokens_stay_good_over_a_restart() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    browser.login("alice", "alice-web").await;
    let granted = browser.granted().await;
    let wwsf = wwsf.restart().await;
    verified(&wwsf.browser(), granted["token"].as_str().unwrap()).await.unwrap();
}
