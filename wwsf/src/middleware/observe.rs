use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Extension;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
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
        trace_id: trace_id(request.headers()),
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

/// The trace id of a `traceparent` header, if it has the form that W3C Trace Context §3.2.2 gives it.
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let mut parts = headers.get("traceparent")?.to_str().ok()?.split('-');
    let (_version, id) = (parts.next()?, parts.next()?);
    let valid =
        id.len() == 32 && id.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) && id.bytes().any(|c| c != b'0');
    valid.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_taken_only_in_its_proper_form() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let zero = "0".repeat(32);
        for (value, expected) in [
            (format!("00-{id}-00f067aa0ba902b7-01"), Some(id)),
            (format!("00-{zero}-00f067aa0ba902b7-01"), None),
            (format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()), None),
            ("00-4bf9-00f067aa0ba902b7-01".into(), None),
            (String::new(), None),
        ] {
            let headers = HeaderMap::from_iter([("traceparent".parse().unwrap(), value.parse().unwrap())]);
            assert_eq!(trace_id(&headers).as_deref(), expected, "{value}");
        }
        assert_eq!(trace_id(&HeaderMap::new()), None);
    }
}
