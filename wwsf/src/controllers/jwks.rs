use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use ims::Defect;

use crate::clock;
use crate::problem::Problem;
use crate::state::App;

/// `GET /.well-known/jwks.json`: the keys that tokens of this WWSF are checked
/// with (RFC 7517 §5).
///
/// Five minutes of caching do not delay a rotation: a verifier asks again when
/// it meets an unknown `kid`.
pub(crate) async fn jwks(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    // So late, a key that was retired is published no more.
    let now = if app.config.has(Defect::UnpublishesOldKeys) { u64::MAX } else { clock::unix_now() };
    let keys = app.keys.current().jwks(now).map_err(|error| {
        tracing::error!(wwsf = %app.wwsf_id, %error, "no key set");
        Problem::internal()
    })?;
    let head = [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, "public, max-age=300")];
    Ok((head, Json(keys).into_response().into_body()).into_response())
}
