use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::login::LoggedIn;
use crate::clock;
use crate::problem::Problem;
use crate::state::App;

#[derive(Serialize)]
struct Body {
    authenticated: bool,
    /// Whether `/api/token` answers without a login.
    guests: bool,
    #[serde(flatten)]
    user: Option<LoggedIn>,
}

/// `GET /api/session`: who am I? Not being logged in is an answer, not an error.
pub(crate) async fn session(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    let user = app.logged_in(&headers, clock::unix_now()).await?;
    let body = Body { authenticated: user.is_some(), guests: app.leases.is_some(), user: user.map(LoggedIn::from) };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}
