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

#[tokio::test]
async fn the_key_that_signs_is_known_in_this_process_while_the_server_runs() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let keys = wwsf.keys();
    let published: Value = wwsf.browser().get("/.well-known/jwks.json").send().await.unwrap().json().await.unwrap();
    let (kid, pkcs8) = keys.active().unwrap();
    assert_eq!(Some(kid.as_str()), published["keys"][0]["kid"].as_str());
    assert!(!format!("{keys:?} {pkcs8:?}").contains(&format!("{:?}", pkcs8.expose())));
    let new = wwsf::keys::rotate(wwsf.state_dir()).unwrap();
    assert_eq!(keys.active().unwrap().0, new);
    let _other = wwsf.restart().await;
    assert!(keys.active().is_err(), "that server has stopped");
}
