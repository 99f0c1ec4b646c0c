use axum::http::{Method, StatusCode};

use crate::support::{Rig, text};

#[tokio::test]
async fn a_selection_is_exported_in_each_form() {
    let rig = Rig::new();
    (0..3).for_each(|n| rig.register(&format!("c{n}")));
    for (format, media_type, begins) in [
        ("svg", "image/svg+xml", "<svg "),
        ("mermaid", "text/vnd.mermaid; charset=utf-8", "sequenceDiagram\n"),
        ("json", "application/json", "[\n{\"seq\":2"),
    ] {
        let path = format!("/console/api/export?format={format}");
        let response = rig.change(Method::POST, &path, r#"{"seqs":[2,3,99]}"#).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], media_type);
        assert!(response.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
        assert_eq!(response.headers()["cache-control"], "no-store");
        let body = text(response).await;
        assert!(body.starts_with(begins) && !body.contains("c0"), "{body}");
    }
    let capture = rig.change(Method::POST, "/console/api/export?format=pcapng", r#"{"seqs":[1]}"#).await;
    let octets = axum::body::to_bytes(capture.into_body(), 1 << 20).await.unwrap();
    assert!(octets.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]));
}

#[tokio::test]
async fn what_can_not_be_exported_is_a_problem() {
    let rig = Rig::new();
    rig.register("c");
    for (path, body, status) in [
        ("/console/api/export?format=gif", r#"{"seqs":[1]}"#, StatusCode::BAD_REQUEST),
        ("/console/api/export", r#"{"seqs":[1]}"#, StatusCode::BAD_REQUEST),
        ("/console/api/export?format=svg", r#"{"seqs":[7]}"#, StatusCode::NOT_FOUND),
        ("/console/api/export?format=svg", r#"{"seqs":"all"}"#, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let response = rig.change(Method::POST, path, body).await;
        assert_eq!(response.status(), status, "{path} {body}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}
