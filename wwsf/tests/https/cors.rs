use reqwest::{Method, Response};
use wwsf::Config;

use crate::support::{Wwsf, header, problem};

async fn preflight(wwsf: &Wwsf, origin: &str) -> Response {
    let client = wwsf.client().build().unwrap();
    client
        .request(Method::OPTIONS, format!("{}/api/token", wwsf.origin()))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
        .send()
        .await
        .unwrap()
}

fn portal() -> Config {
    Config { cors_origins: vec!["https://portal.example".parse().unwrap()], ..Config::partner() }
}

/// ORI-10.
#[tokio::test]
async fn an_unlisted_origin_gets_no_permission_and_no_token() {
    for config in [Config::partner(), portal()] {
        let wwsf = Wwsf::start(config).await;
        for origin in [
            "https://evil.example",
            "https://portal.example.evil.example",
            "https://portal.example:444",
            "http://portal.example",
            "HTTPS://portal.example",
            "null",
        ] {
            let response = preflight(&wwsf, origin).await;
            assert_eq!(header(&response, "access-control-allow-origin"), "");
            assert_eq!(header(&response, "vary"), "Origin");
            problem(response, 403).await;

            let request = wwsf.browser().bare_post("/api/token").header("origin", origin).body("{}");
            let response = request.send().await.unwrap();
            assert_eq!(header(&response, "access-control-allow-origin"), "");
            assert_eq!(header(&response, "set-cookie"), "");
            problem(response, 403).await;
        }
    }
}

#[tokio::test]
async fn a_listed_origin_is_named_exactly_and_gets_its_token() {
    let wwsf = Wwsf::start(portal()).await;
    let response = preflight(&wwsf, "https://portal.example").await;
    assert_eq!(response.status(), 204);
    assert_eq!(header(&response, "access-control-allow-origin"), "https://portal.example");
    assert_eq!(header(&response, "access-control-allow-credentials"), "true");
    assert_eq!(header(&response, "access-control-allow-headers"), "authorization, content-type");
    assert_eq!(header(&response, "vary"), "Origin");

    let request = wwsf.browser().bare_post("/api/token").header("origin", "https://portal.example");
    let response = request.header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "access-control-allow-origin"), "https://portal.example");
    assert_eq!(header(&response, "vary"), "Origin");
}
