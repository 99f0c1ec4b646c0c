use axum::Json;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::json;

/// `GET /healthz`: the server answers.
pub(crate) async fn health() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({ "status": "ok" })))
}
