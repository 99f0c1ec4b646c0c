use wwsf::Config;

use crate::support::{Wwsf, problem};

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let body = format!("{{\"username\":\"{}\"", "x".repeat(17 * 1024));
    problem(wwsf.browser().post("/api/login").body(body).send().await.unwrap(), 413).await;
}

#[tokio::test]
async fn plain_http_gets_nothing() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let client = wwsf.client().build().unwrap();
    assert!(client.get(format!("http://{}/", wwsf.addr())).send().await.is_err());
    assert_eq!(wwsf.browser().get("/healthz").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_page_opened_by_address_moves_to_the_public_origin() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let client = wwsf.client().tls_danger_accept_invalid_certs(true).build().unwrap();
    let response = client.get(format!("https://{}/?flow=digest", wwsf.addr())).send().await.unwrap();
    assert_eq!(response.status(), 307);
    assert_eq!(response.headers()["location"], format!("{}/?flow=digest", wwsf.origin()));
}

#[tokio::test]
async fn old_and_new_http_are_both_spoken() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let client = wwsf.client().http1_only().build().unwrap();
    let response = client.get(format!("{}/healthz", wwsf.origin())).send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_11);
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_shutdown_closes_the_port() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let addr = wwsf.addr();
    let wwsf = wwsf.restart().await;
    assert_ne!(wwsf.addr(), addr);
    assert!(std::net::TcpStream::connect(addr).is_err());
}
