use reqwest::StatusCode;
use serde_json::Value;
use wwsf::directory::{FileDirectory, UserRecord};
use wwsf::{Config, LoginLimits};

use crate::support::{Wwsf, header, problem};

#[tokio::test]
async fn a_right_password_opens_a_session_under_a_guarded_cookie() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    let response = browser.login("alice", "alice-web").await;
    assert_eq!(response.status(), StatusCode::OK);
    let cookie = header(&response, "set-cookie");
    assert!(cookie.starts_with("__Host-session"), "{cookie}");
    for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");

    let session: Value = browser.get("/api/session").send().await.unwrap().json().await.unwrap();
    assert_eq!(session["authenticated"], true);
    assert_eq!(session["username"], "alice");
    assert_eq!(session["impi"], "alice-wic@ims.example");
    assert_eq!(session["impu"][0], "sip:alice@ims.example");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    let wrong = browser.login("alice", "alice-secret").await;
    assert_eq!(header(&wrong, "set-cookie"), "");
    let wrong = problem(wrong, 401).await;
    let unknown = problem(browser.login("nobody", "alice-web").await, 401).await;
    assert_eq!(wrong, unknown);
    problem(browser.token().await, 401).await;
}

#[tokio::test]
async fn a_logout_ends_the_session_for_everyone_who_has_the_cookie() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    let login = browser.login("alice", "alice-web").await;
    let cookie = header(&login, "set-cookie").split(';').next().unwrap().to_owned();
    assert_eq!(browser.post("/api/logout").send().await.unwrap().status(), StatusCode::NO_CONTENT);
    problem(browser.token().await, 401).await;

    let thief = wwsf.browser();
    problem(thief.post("/api/token").header("cookie", cookie).send().await.unwrap(), 401).await;
}

#[tokio::test]
async fn each_login_has_a_new_cookie_and_ends_the_old_one() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    let cookie = |response| header(&response, "set-cookie").split(';').next().unwrap().to_owned();
    let first = cookie(browser.login("alice", "alice-web").await);
    let second = cookie(browser.login("alice", "alice-web").await);
    assert_ne!(first, second);
    let old = wwsf.browser().post("/api/token").header("cookie", first).send().await.unwrap();
    problem(old, 401).await;
    assert_eq!(browser.token().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn guessing_at_one_account_is_slowed_down_and_others_are_not() {
    let config = Config {
        login: LoginLimits { account_burst: 2, account_interval: 1000, ..LoginLimits::default() },
        ..Config::operator()
    };
    let wwsf = Wwsf::start(config).await;
    let browser = wwsf.browser();
    for _ in 0..2 {
        problem(browser.login("alice", "guess").await, 401).await;
    }
    let limited = browser.login("alice", "alice-web").await;
    let wait: u64 = header(&limited, "retry-after").parse().unwrap();
    assert!((1..=1000).contains(&wait), "{wait}");
    problem(limited, 429).await;
    assert_eq!(browser.login("bob", "bob-web").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_address_that_tries_many_accounts_is_slowed_down() {
    let config = Config {
        login: LoginLimits { peer_burst: 3, peer_interval: 1000, ..LoginLimits::default() },
        ..Config::operator()
    };
    let wwsf = Wwsf::start(config).await;
    let browser = wwsf.browser();
    for n in 0..3 {
        problem(browser.login(&format!("user{n}"), "guess").await, 401).await;
    }
    problem(browser.login("alice", "alice-web").await, 429).await;
}

#[tokio::test]
async fn right_logins_are_never_slowed_down() {
    let limits = LoginLimits { account_burst: 1, account_interval: 1000, peer_burst: 1, peer_interval: 1000 };
    let wwsf = Wwsf::start(Config { login: limits, ..Config::operator() }).await;
    for _ in 0..3 {
        assert_eq!(wwsf.browser().login("alice", "alice-web").await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn demo_accounts_are_refused_outside_a_demo() {
    let wwsf = Wwsf::start(Config { demo: false, ..Config::operator() }).await;
    problem(wwsf.browser().login("alice", "alice-web").await, 401).await;
}

#[tokio::test]
async fn a_user_who_is_removed_gets_no_more_tokens() {
    let wwsf = Wwsf::start(Config { demo: false, ..Config::operator() }).await;
    let path = wwsf.state_dir().join("users.toml");
    let dave = UserRecord {
        username: "dave".into(),
        impi: "dave-wic@ims.example".parse().unwrap(),
        impus: vec!["sip:dave@ims.example".parse().unwrap()],
    };
    FileDirectory::add(&path, dave, &"dave-web".into()).unwrap();
    let browser = wwsf.browser();
    assert_eq!(browser.login("dave", "dave-web").await.status(), StatusCode::OK);
    assert_eq!(browser.granted().await["impi"], "dave-wic@ims.example");
    FileDirectory::remove(&path, "dave").unwrap();
    problem(browser.token().await, 401).await;
}

#[tokio::test]
async fn what_is_not_a_login_is_refused_without_repeating_it() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    for body in [
        "",
        "null",
        "[]",
        "{\"username\":\"alice\"}",
        "{\"username\":\"alice\",\"password\":7}",
        "{\"username\":\"alice\",\"password\":\"sesame\",\"extra\":1}",
        "{\"username\":\"alice\",\"password\":\"sesame\"",
    ] {
        let answer = problem(browser.post("/api/login").body(body).send().await.unwrap(), 400).await;
        assert!(!answer.to_string().contains("sesame"), "{answer}");
    }
    let long = browser.login("alice", &"x".repeat(2000)).await;
    problem(long, 400).await;
}
