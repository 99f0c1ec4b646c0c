use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ims::Defect;

use crate::problem::Problem;
use crate::state::App;

/// `POST /api/logout`: ends the session. Tokens that were issued in it stay
/// valid until they expire; a guest's identity stays reserved as long.
pub(crate) async fn logout(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(id) = app.cookie.read(&headers)
        && !app.config.has(Defect::KeepsSessionOverLogout)
    {
        app.sessions().close(&id.key());
    }
    let cookie = app.cookie.clear().ok_or(Problem::internal())?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}
