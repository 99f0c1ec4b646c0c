//! Any selection of the trace as a file.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::Arc;
use trace::{Record, json, mermaid, pcapng, svg};

use crate::api::ExportAsk;
use crate::problem::Problem;
use crate::router::Shared;

#[derive(Deserialize)]
pub(crate) struct As {
    format: Format,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Pcapng,
    Svg,
    Mermaid,
    Json,
}

impl Format {
    /// Media type and file name.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Pcapng => ("application/x-pcapng", "attachment; filename=\"trace.pcapng\""),
            Self::Svg => ("image/svg+xml", "attachment; filename=\"trace.svg\""),
            Self::Mermaid => ("text/vnd.mermaid; charset=utf-8", "attachment; filename=\"trace.mmd\""),
            Self::Json => ("application/json", "attachment; filename=\"trace.json\""),
        }
    }

    fn encode(self, records: &[Arc<Record>]) -> Vec<u8> {
        match self {
            Self::Pcapng => pcapng::encode(records),
            Self::Svg => svg::encode(records).into_bytes(),
            Self::Mermaid => mermaid::encode(records).into_bytes(),
            Self::Json => json::encode(records).into_bytes(),
        }
    }
}

/// `POST /console/api/export`
pub(crate) async fn export(
    State(shared): State<Shared>,
    form: Result<Query<As>, QueryRejection>,
    ask: Result<Json<ExportAsk>, JsonRejection>,
) -> Result<Response, Problem> {
    let (Query(As { format }), Json(ask)) = (form?, ask?);
    let wanted: HashSet<u64> = ask.seqs.into_iter().collect();
    let mut records = shared.hub.since(0);
    records.retain(|record| wanted.contains(&record.seq));
    if records.is_empty() {
        return Err(Problem::not_found("None of these records is kept any more."));
    }
    // Ten thousand records take tens of milliseconds.
    let octets = tokio::task::spawn_blocking(move || format.encode(&records)).await;
    let octets = octets.map_err(|_| Problem::internal("the export failed"))?;
    let (media_type, disposition) = format.names();
    let mut response = octets.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    Ok(response)
}
