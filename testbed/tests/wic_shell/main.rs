//! The headless WIC against a scripted WWSF and a scripted eP-CSCF, over real TLS.

mod script;

use std::time::Duration;

use script::{Edge, Pki, Web, free_port};
use sip::headers::Contact;
use testbed::wic_shell::{Options, User, Wic, register};
use wic::{Binding, Cause, State, Timers};

/// Retries come fast enough for a test.
fn fast() -> Timers {
    let ms = Duration::from_millis;
    Timers { first_retry: ms(20), retry_base: ms(20), retry_max: ms(200), ..Timers::default() }
}

fn digest_options(pki: &Pki, web: &Web, edge: &Edge) -> Options {
    let user = User::digest("alice", "ims.example", "alice-secret").unwrap();
    let mut options = Options::new(user, web.origin(), pki.ca());
    options.epcscf = Some(edge.url());
    options.timers = fast();
    options
}

fn web_options(pki: &Pki, web: &Web) -> Options {
    let user = User::Web { username: "alice".into(), password: "alice-web".into() };
    Options { timers: fast(), ..Options::new(user, web.origin(), pki.ca()) }
}

/// The registration that comes after `earlier`: the script grants each a second more.
async fn registered_after(wic: &mut Wic, earlier: &Binding) -> Binding {
    let newer = |state: &State| matches!(state, State::Registered(b) if b.granted > earlier.granted);
    wic.wait(newer).await.binding().unwrap().clone()
}

#[tokio::test]
async fn flow_1_registers_and_leaves() {
    let pki = Pki::new();
    let edge = Edge::start(&pki).await;
    let web = Web::start(&pki, &edge.url()).await;
    let outcome = register(&digest_options(&pki, &web, &edge)).await.unwrap();
    assert!(outcome.is_registered(), "{:?}", outcome.result);
    let ladder: Vec<_> = outcome.records.iter().map(|r| r.summary.as_str()).collect();
    assert_eq!(
        ladder,
        [
            "GET /",
            "200 /",
            "GET / upgrade",
            "101 Switching Protocols",
            "REGISTER sip:ims.example",
            "401 Unauthorized",
            "REGISTER sip:ims.example",
            "200 OK",
        ]
    );
    let seen = edge.seen();
    assert_eq!((seen.origins.as_slice(), seen.protocols.as_slice()), (&[web.origin()][..], &["sip".to_owned()][..]));
    let last = seen.requests.last().unwrap();
    assert_eq!(last.headers.first::<Contact>().unwrap().unwrap().expires(), Some(0), "it de-registered");
    assert_eq!(edge.next_close().await, 1000);
    assert_eq!(outcome.to_json()["registered"], true);
}

#[tokio::test]
async fn flow_2_takes_page_login_token_and_connection_in_that_order() {
    let pki = Pki::new();
    let edge = Edge::start(&pki).await;
    let web = Web::start(&pki, &edge.url()).await;
    let outcome = register(&web_options(&pki, &web)).await.unwrap();
    assert!(outcome.is_registered(), "{:?}", outcome.result);
    let sent: Vec<_> =
        outcome.records.iter().filter(|r| r.direction == trace::Direction::Out).map(|r| r.summary.as_str()).collect();
    let expected = ["GET /", "POST /api/login", "POST /api/token", "GET / upgrade", "REGISTER sip:ims.example"];
    assert_eq!(sent, expected);
    let everything = format!("{outcome:?} {}", outcome.to_json());
    for secret in ["alice-web", script::TOKEN] {
        assert!(!everything.contains(secret), "{secret} is shown");
    }
    assert_eq!(web.bodies("/api/login"), [r#"{"password":"alice-web","username":"alice"}"#]);
}

#[tokio::test]
async fn a_wrong_web_password_says_so() {
    let pki = Pki::new();
    let edge = Edge::start(&pki).await;
    let web = Web::start(&pki, &edge.url()).await;
    let mut options = web_options(&pki, &web);
    options.user = User::Web { username: "alice".into(), password: "wrong".into() };
    let failure = register(&options).await.unwrap().result.unwrap_err();
    assert_eq!(failure.cause, Cause::LoginRequired);
    assert!(failure.text.contains("401") && failure.text.contains("Login failed"), "{}", failure.text);
    assert!(edge.seen().requests.is_empty());
}

#[tokio::test]
async fn a_refused_upgrade_gives_the_status_and_the_reason() {
    let pki = Pki::new();
    let edge = Edge::refusing(&pki, 403, "Origin is not a WWSF of this eP-CSCF").await;
    let web = Web::start(&pki, &edge.url()).await;
    let outcome = register(&digest_options(&pki, &web, &edge)).await.unwrap();
    let failure = outcome.result.clone().unwrap_err();
    assert_eq!(failure.cause, Cause::Unreachable);
    assert!(failure.text.contains("403") && failure.text.contains("not a WWSF"), "{}", failure.text);
    assert_eq!(outcome.to_json()["cause"], "unreachable");
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_refused() {
    let (pki, other) = (Pki::new(), Pki::new());
    let edge = Edge::start(&other).await;
    let web = Web::start(&pki, &edge.url()).await;
    let failure = register(&digest_options(&pki, &web, &edge)).await.unwrap().result.unwrap_err();
    assert!(failure.text.contains("certificate"), "{}", failure.text);
    assert!(edge.seen().requests.is_empty());

    let web = Web::start(&other, &edge.url()).await;
    let failure = register(&digest_options(&pki, &web, &edge)).await.unwrap().result.unwrap_err();
    assert!(failure.text.starts_with("no page") && failure.text.contains("certificate"), "{}", failure.text);
}

#[tokio::test]
async fn nobody_at_the_address_is_said_at_once() {
    let pki = Pki::new();
    let edge = Edge::start(&pki).await;
    let web = Web::start(&pki, &edge.url()).await;
    let mut options = digest_options(&pki, &web, &edge);
    options.epcscf = Some(format!("wss://localhost:{}", free_port()));
    let failure = register(&options).await.unwrap().result.unwrap_err();
    assert_eq!(failure.cause, Cause::Unreachable);
    assert!(failure.link.unwrap().starts_with("https://localhost:"));

    options.wwsf = format!("https://localhost:{}", free_port());
    let failure = register(&options).await.unwrap().result.unwrap_err();
    assert!(failure.text.starts_with("no page"), "{}", failure.text);
}

#[tokio::test]
async fn a_broken_connection_is_registered_on_again() {
    let pki = Pki::new();
    let edge = Edge::start(&pki).await;
    let web = Web::start(&pki, &edge.url()).await;
    let mut wic = Wic::start(&digest_options(&pki, &web, &edge)).unwrap();
    let first = wic.outcome().await.result.unwrap();
    wic.break_connection().await;
    let second = registered_after(&mut wic, &first).await;
    assert_eq!(edge.seen().origins.len(), 2, "two connections");

    edge.close_all(1001).await;
    registered_after(&mut wic, &second).await;
    assert_eq!(edge.seen().origins.len(), 3);

    edge.close_all(1008).await;
    let state = wic.wait(|state| matches!(state, State::Failed(_))).await;
    assert_eq!(state.failure().unwrap().cause, Cause::ClosedByPolicy);
    wic.restart().await;
    wic.wait(|state| state.binding().is_some()).await;
    assert_eq!(wic.deregister().await, State::Idle);
}

#[tokio::test]
async fn a_refresh_stays_on_the_connection() {
    let pki = Pki::new();
    let edge = Edge::start(&pki).await;
    let web = Web::start(&pki, &edge.url()).await;
    let mut wic = Wic::start(&web_options(&pki, &web)).unwrap();
    let first = wic.outcome().await.result.unwrap();
    wic.refresh().await;
    registered_after(&mut wic, &first).await;
    assert_eq!((edge.seen().requests.len(), edge.seen().origins.len()), (2, 1));
}
