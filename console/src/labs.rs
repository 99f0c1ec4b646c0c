//! Lessons and faults: what the [`Lab`](crate::Lab) does, over HTTP.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Json;

use crate::api::{Fault, FaultOutcome, Lesson, RunId, StartRun, Started};
use crate::problem::Problem;
use crate::router::Shared;

/// `GET /console/api/lessons`
pub(crate) async fn lessons(State(shared): State<Shared>) -> Json<Vec<Lesson>> {
    Json(shared.lab.lessons())
}

/// `POST /console/api/lessons/{id}/runs`; an empty body runs it without halting.
pub(crate) async fn run(
    State(shared): State<Shared>,
    Path(lesson): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Started>), Problem> {
    let start = match body.is_empty() {
        true => StartRun::default(),
        false => serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?,
    };
    let run = shared.lab.run(&lesson, start.step_by_step).await?;
    Ok((StatusCode::CREATED, Json(Started { run })))
}

/// `POST /console/api/runs/{run}/next`
pub(crate) async fn next(State(shared): State<Shared>, Path(run): Path<String>) -> Result<StatusCode, Problem> {
    shared.lab.next(&RunId(run)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /console/api/runs/{run}`
pub(crate) async fn cancel(State(shared): State<Shared>, Path(run): Path<String>) -> Result<StatusCode, Problem> {
    shared.lab.cancel(&RunId(run)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /console/api/faults`
pub(crate) async fn faults(State(shared): State<Shared>) -> Json<Vec<Fault>> {
    Json(shared.lab.faults())
}

/// `POST /console/api/faults/{id}/runs`
pub(crate) async fn run_fault(
    State(shared): State<Shared>,
    Path(fault): Path<String>,
) -> Result<Json<FaultOutcome>, Problem> {
    Ok(Json(shared.lab.run_fault(&fault).await?))
}
