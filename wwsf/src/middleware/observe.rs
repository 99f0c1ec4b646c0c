use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Extension;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::observer::{HttpDirection, HttpEvent, Identities};
use crate::state::App;

/// The address that a connection came in at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local(pub(crate) SocketAddr);

/// Tells the observer and the log of each request and response. Identities
/// come from the handler, as an extension of its response.
pub(crate) async fn observe(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(Local(local)): Extension<Local>,
    request: Request,
    next: Next,
) -> Response {
    let mut event = HttpEvent {
        wwsf_id: Arc::clone(&app.wwsf_id),
        exchange: app.next_exchange(),
        time: SystemTime::now(),
        direction: HttpDirection::Request,
        peer,
        local,
        method: request.method().clone(),
        path: request.uri().path().into(),
        status: None,
        identities: None,
    };
    app.observer.observe(&event);
    let response = next.run(request).await;
    event.time = SystemTime::now();
    event.direction = HttpDirection::Response;
    event.status = Some(response.status().as_u16());
    event.identities = response.extensions().get::<Identities>().cloned();
    app.observer.observe(&event);
    tracing::debug!(
        wwsf = %event.wwsf_id,
        %peer,
        method = %event.method,
        path = %event.path,
        status = response.status().as_u16(),
        "http"
    );
    response
}
