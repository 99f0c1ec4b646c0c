//! The operations port: metrics, health, and the trace of all nodes. Loopback only.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Deserialize;
use std::net::TcpListener;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt};
use trace::{Hub, Record};

#[derive(Clone)]
struct Ops {
    hub: Hub,
    metrics: PrometheusHandle,
}

/// Serves `/metrics`, `/healthz`, `/trace` and `/trace/events` until the task is dropped.
pub fn serve(listeners: Vec<TcpListener>, hub: Hub) -> Result<Vec<tokio::task::JoinHandle<()>>> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(async |State(ops): State<Ops>| ops.metrics.render()))
        .route("/trace", get(trace_since))
        .route("/trace/events", get(trace_events))
        .layer(middleware::from_fn(only_loopback_names))
        .with_state(Ops { hub, metrics: recorder()? });
    listeners
        .into_iter()
        .map(|listener| {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let router = router.clone();
            Ok(tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    tracing::error!(%error, "the operations port stopped");
                }
            }))
        })
        .collect()
}

/// The process has one recorder, however many testbeds run in it.
fn recorder() -> Result<PrometheusHandle> {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = RECORDER.get() {
        return Ok(handle.clone());
    }
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = RECORDER.get_or_init(|| recorder.handle()).clone();
    // Lost the race with another testbed in this process: its recorder serves both.
    let _ = metrics::set_global_recorder(recorder);
    Ok(handle)
}

/// A page elsewhere must not read the trace by pointing its own name at this address (DNS
/// rebinding): the Host must be a loopback one.
async fn only_loopback_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    if console::is_loopback_name(host) {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "this port answers to localhost only\n").into_response()
    }
}

/// What the nodes of a running testbed recorded after `since`, asked at its operations port.
pub async fn fetch_trace(metrics: &str, since: u64) -> Result<Vec<Record>> {
    // Plain HTTP on loopback; the client wants a TLS configuration all the same.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let client =
        reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(Duration::from_secs(5)).build()?;
    let url = format!("{metrics}/trace?since={since}");
    let response = client.get(&url).send().await.with_context(|| format!("asking {url}"))?;
    Ok(response.error_for_status()?.json().await?)
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: u64,
    call_id: Option<String>,
}

async fn trace_since(State(ops): State<Ops>, Query(query): Query<Since>) -> Json<Vec<Record>> {
    let wanted = |r: &Record| query.call_id.is_none() || r.call_id == query.call_id;
    Json(ops.hub.since(query.since).iter().filter(|r| wanted(r)).map(|r| (**r).clone()).collect())
}

async fn trace_events(State(ops): State<Ops>) -> Sse<impl Stream<Item = Result<Event, axum::Error>>> {
    let events = BroadcastStream::new(ops.hub.watch()).map(|record| match record {
        Ok(record) => Event::default().id(record.seq.to_string()).json_data(&*record),
        Err(lagged) => Ok(Event::default().event("lost").data(lagged.to_string())),
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}
