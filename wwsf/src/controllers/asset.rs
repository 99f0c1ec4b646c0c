use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use crate::state::App;

/// `GET /assets/…`: a script, style, icon or WASM under its hashed name.
pub(crate) async fn asset(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    app.assets.respond(uri.path(), &headers).unwrap_or_else(|| Problem::not_found().into_response())
}
