use wwsf::{Config, Impersonation};

use crate::support::{Wwsf, problem};
use crate::token::verified;

#[tokio::test]
async fn a_rogue_speaks_for_any_demo_subscriber_under_its_own_name_and_keys() {
    let operator = Wwsf::start(Config::operator()).await;
    let rogue = Wwsf::start(Config::rogue()).await;
    let browser = rogue.browser();
    assert_eq!(browser.login("alice", "made up").await.status(), 200);
    problem(rogue.browser().login("nobody", "made up").await, 401).await;
    let granted = browser.granted().await;
    let token = granted["token"].as_str().unwrap();
    let claims = verified(&browser, token).await.unwrap();
    assert_eq!(claims.impi.as_str(), "alice-wic@ims.example");
    assert_eq!(claims.iss, rogue.origin());
    assert_eq!(claims.client_id, "wwsf.rogue.example");
    assert!(verified(&operator.browser(), token).await.is_err(), "the operator has no such key");
}

#[tokio::test]
async fn a_rogue_may_claim_to_be_the_operator_but_cannot_sign_for_it() {
    let operator = Wwsf::start(Config::operator()).await;
    let lie = Impersonation { issuer: operator.origin().into(), client_id: "wwsf.ims.example".into() };
    let rogue = Wwsf::start(Config { impersonate: Some(lie), ..Config::rogue() }).await;
    let browser = rogue.browser();
    browser.login("alice", "made up").await;
    let granted = browser.granted().await;
    let token = granted["token"].as_str().unwrap();
    let claims = verified(&browser, token).await.unwrap();
    assert_eq!((claims.iss.as_str(), claims.client_id.as_str()), (operator.origin(), "wwsf.ims.example"));
    assert!(verified(&operator.browser(), token).await.is_err());
}

#[tokio::test]
async fn outside_a_demo_a_rogue_has_nobody_to_speak_for() {
    let rogue = Wwsf::start(Config { demo: false, ..Config::rogue() }).await;
    problem(rogue.browser().login("alice", "made up").await, 401).await;
}
