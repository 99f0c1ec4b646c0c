use std::any::Any;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// The longest time from a request's head to its response's head, body
/// reading included.
const LIMIT: Duration = Duration::from_secs(15);

/// Ends what takes too long.
pub(crate) async fn time_limit(request: Request, next: Next) -> Response {
    match tokio::time::timeout(LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("The request took longer than 15 s.").into_response(),
    }
}

/// A bug ends one request, not the server. What the panic says may hold a
/// secret, so it is not logged here; the panic hook has shown where it was.
pub(crate) fn on_panic(_panic: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
}
