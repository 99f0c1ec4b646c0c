//! What happens now, as server-sent events.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::{Stream, StreamExt};
use trace::Record;

use crate::api::Lost;
use crate::problem::Problem;
use crate::router::Shared;

/// A comment keeps the connection from being taken for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
pub(crate) struct Since {
    since: Option<u64>,
}

/// `GET /console/api/events`
pub(crate) async fn events(
    State(shared): State<Shared>,
    since: Result<Query<Since>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(Since { since }) = since?;
    let permit = Arc::clone(&shared.watchers).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::unavailable("Too many watch the trace already."))?;
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let stream = stream(&shared, last_id.or(since), permit);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn stream(
    shared: &Shared,
    since: Option<u64>,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    // Subscribed before the kept ones are read, so that none falls between; those that are in both
    // are left out of the second.
    let live = BroadcastStream::new(shared.hub.watch());
    let runs = BroadcastStream::new(shared.lab.events());
    let kept = since.map(|since| shared.hub.since(since)).unwrap_or_default();
    let sent = kept.last().map_or(0, |record| record.seq);
    let kept = tokio_stream::iter(kept).map(|record| self::record(&record));
    let live = live.filter_map(move |next| match next {
        Ok(record) => (record.seq > sent).then(|| self::record(&record)),
        Err(BroadcastStreamRecvError::Lagged(count)) => Some(event("lost", &Lost { count })),
    });
    let runs = runs.filter_map(|next| next.ok().map(|run| event("run", &run)));
    kept.chain(live.merge(runs)).map(move |event| {
        let _held = &permit;
        Ok(event)
    })
}

fn record(record: &Record) -> Event {
    event("record", record).id(record.seq.to_string())
}

fn event(name: &str, data: &impl Serialize) -> Event {
    // JSON of these types has no failure, and is one line.
    Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}
