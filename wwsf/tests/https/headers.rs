use reqwest::Response;
use wwsf::Config;

use crate::support::{Wwsf, header, problem};

fn assert_secure(response: &Response) {
    let path = response.url().path().to_owned();
    let policy = header(response, "content-security-policy");
    for rule in [
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "connect-src 'self' wss://localhost:7443 https://localhost:7443",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split(';').any(|part| part.trim() == rule), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("strict-transport-security", ""),
    ] {
        assert_eq!(header(response, name), value, "{path}: {name}");
    }
    let permissions = header(response, "permissions-policy");
    assert!(permissions.contains("microphone=(self)") && permissions.contains("camera=(self)"), "{permissions}");
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    for path in ["/", "/healthz", "/.well-known/jwks.json", "/api/session", "/api/nothing", "/nothing", "/api/token"] {
        assert_secure(&browser.get(path).send().await.unwrap());
    }
    assert_secure(&browser.login("alice", "wrong").await);
    assert_secure(&browser.bare_post("/api/token").send().await.unwrap());
}

#[tokio::test]
async fn the_page_is_html_with_hashed_assets_that_are_there() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    let response = browser.get("/").send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&response, "cache-control"), "no-cache");
    let etag = header(&response, "etag");
    let html = response.text().await.unwrap();
    let links = html.split('"').filter(|text| text.starts_with("/assets/") && !text.ends_with("missing"));
    let mut count = 0;
    for link in links {
        assert_eq!(browser.get(link).send().await.unwrap().status(), 200, "{link}");
        count += 1;
    }
    assert!(count >= 3, "{html}");
    let again = browser.get("/").header("if-none-match", etag).send().await.unwrap();
    assert_eq!(again.status(), 304);
}

#[tokio::test]
async fn people_get_a_page_and_programs_a_problem_for_what_is_not_there() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    let page = browser.get("/nothing").header("accept", "text/html,*/*;q=0.8").send().await.unwrap();
    assert_eq!(page.status(), 404);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    problem(browser.get("/nothing").send().await.unwrap(), 404).await;
    problem(browser.get("/api/nothing").header("accept", "text/html").send().await.unwrap(), 404).await;
    problem(browser.get("/assets/wic.js").send().await.unwrap(), 404).await;
}

#[tokio::test]
async fn health_is_one_word() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let response = wwsf.browser().get("/healthz").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "{\"status\":\"ok\"}");
}
