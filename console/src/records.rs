//! The trace, and the nodes in it.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use trace::Record;

use crate::api::Node;
use crate::problem::Problem;
use crate::router::Shared;

const DEFAULT_LIMIT: usize = 1_000;
const MAX_LIMIT: usize = 10_000;

#[derive(Deserialize)]
pub(crate) struct Part {
    #[serde(default)]
    since: u64,
    limit: Option<usize>,
    last: Option<usize>,
}

/// `GET /console/api/trace`
pub(crate) async fn trace(
    State(shared): State<Shared>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(part) = part?;
    let mut records = shared.hub.since(part.since);
    match part.last {
        Some(last) => drop(records.drain(..records.len().saturating_sub(last.min(MAX_LIMIT)))),
        None => records.truncate(part.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT)),
    }
    let records: Vec<&Record> = records.iter().map(|record| &**record).collect();
    Ok(Json(records).into_response())
}

/// `GET /console/api/nodes`
pub(crate) async fn nodes(State(shared): State<Shared>) -> Json<Vec<Node>> {
    let nodes = shared.hub.nodes().into_iter();
    Json(
        nodes
            .map(|id| Node {
                label: trace::ladder::label(&id).into_owned(),
                foreign: !trace::ladder::is_known(&id),
                id,
            })
            .collect(),
    )
}
