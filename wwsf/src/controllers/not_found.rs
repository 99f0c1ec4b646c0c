use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};

use crate::problem::Problem;
use crate::state::App;

/// Anything else: a page for people, a problem for programs.
pub(crate) async fn not_found(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let is_api = uri.path().starts_with("/api/") || uri.path().starts_with("/.well-known/");
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match !is_api && accept.contains("text/html") {
        true => (StatusCode::NOT_FOUND, Html(app.pages.not_found.html.clone())).into_response(),
        false => Problem::not_found().into_response(),
    }
}

/// The path exists, for another method.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::method_not_allowed()
}
