use axum::body::Body;
use axum::http::{Method, StatusCode};

use crate::support::{Rig, json, request, text};

#[tokio::test]
async fn the_page_and_all_that_it_refers_to_is_served() {
    let rig = Rig::new();
    let response = rig.get("/console").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-cache");
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let etag = response.headers()["etag"].clone();
    let html = text(response).await;
    for (_, reference) in html.match_indices("/console/assets/").map(|(at, _)| html.split_at(at)) {
        let path = reference.split(['"', '\'']).next().unwrap();
        let asset = rig.get(path).await;
        assert_eq!(asset.status(), StatusCode::OK, "{path}");
        assert!(asset.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    }
    let again = request(Method::GET, "/console").header("if-none-match", etag).body(Body::empty()).unwrap();
    assert_eq!(rig.send(again).await.status(), StatusCode::NOT_MODIFIED);
}

/// DNS rebinding: a page of another name at this address.
#[tokio::test]
async fn only_loopback_names_are_answered() {
    let rig = Rig::new();
    for path in ["/console", "/console/api/trace", "/console/api/events"] {
        let foreign = axum::http::Request::builder().uri(path).header("host", "evil.example:8443");
        let response = rig.send(foreign.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let response = Rig::new().get("/console/api/none").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(json(response).await["status"], 404);
}
