use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;

use crate::controllers;
use crate::middleware::{self, Local};
use crate::state::App;

/// Longest request body, in octets.
const MAX_BODY: usize = 16 * 1024;

/// All that one WWSF answers, for one of its addresses. `more` are routes of others, which bring their
/// own limits of time and size.
pub(crate) fn router(app: &Arc<App>, local: SocketAddr, more: Router) -> Router {
    let state = || Arc::clone(app);
    let changes = Router::new()
        .route("/api/login", post(controllers::login))
        .route("/api/logout", post(controllers::logout))
        .route("/api/token", post(controllers::token))
        .route_layer(from_fn_with_state(state(), middleware::state_change));
    let api = changes
        .route("/api/session", get(controllers::session))
        .method_not_allowed_fallback(controllers::method_not_allowed)
        .route_layer(from_fn_with_state(state(), middleware::cors));
    Router::new()
        .route("/", get(controllers::index))
        .route("/assets/{*path}", get(controllers::asset))
        .route("/.well-known/jwks.json", get(controllers::jwks))
        .route("/healthz", get(controllers::health))
        .merge(api)
        .fallback(controllers::not_found)
        .method_not_allowed_fallback(controllers::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(middleware::time_limit))
        .with_state(state())
        .merge(more)
        .layer(CatchPanicLayer::custom(middleware::on_panic))
        .layer(from_fn_with_state(state(), middleware::secure))
        .layer(from_fn_with_state(state(), middleware::observe))
        .layer(Extension(Local(local)))
}
