use reqwest::StatusCode;
use wwsf::Config;

use crate::support::{Wwsf, header, problem};

const CHANGES: [&str; 3] = ["/api/login", "/api/logout", "/api/token"];

#[tokio::test]
async fn a_page_of_another_origin_cannot_change_state_with_our_cookie() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    assert_eq!(browser.login("alice", "alice-web").await.status(), StatusCode::OK);
    for path in CHANGES {
        for (origin, site) in [
            ("https://evil.example", "cross-site"),
            // Another port of this host is the same site, so the cookie comes along.
            ("https://localhost:9543", "same-site"),
            ("null", "cross-site"),
        ] {
            let request = browser.bare_post(path).header("origin", origin).header("sec-fetch-site", site);
            problem(request.send().await.unwrap(), 403).await;
        }
        problem(browser.bare_post(path).send().await.unwrap(), 403).await;
    }
    assert_eq!(browser.token().await.status(), StatusCode::OK, "still logged in");
}

#[tokio::test]
async fn a_program_that_names_our_origin_may() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let body = "{\"username\":\"alice\",\"password\":\"alice-web\"}";
    let request = wwsf.browser().bare_post("/api/login").header("origin", wwsf.origin()).body(body);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_a_form_can_send_is_refused() {
    let wwsf = Wwsf::start(Config::operator()).await;
    for path in CHANGES {
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let url = format!("{}{path}", wwsf.origin());
            let client = wwsf.client().build().unwrap();
            let request =
                client.post(url).header("origin", wwsf.origin()).header("content-type", content_type).body("{}");
            problem(request.send().await.unwrap(), 415).await;
        }
    }
}

#[tokio::test]
async fn a_get_changes_nothing() {
    let wwsf = Wwsf::start(Config::operator()).await;
    for path in CHANGES {
        let response = wwsf.browser().get(path).send().await.unwrap();
        assert_eq!(header(&response, "allow"), "POST");
        problem(response, 405).await;
    }
}
