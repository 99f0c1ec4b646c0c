//! The routes below `/console`.

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;
use trace::Hub;

use crate::assets::{self, Assets, AssetsError};
use crate::compute::{self, Edge};
use crate::lab::Lab;
use crate::problem::Problem;
use crate::{events, export, guard, labs, records};

/// Longest request body, in octets: a selection of ten thousand records.
const MAX_BODY: usize = 256 * 1024;

/// How many may watch at a time.
const MAX_WATCHERS: usize = 64;

/// What the console shows and drives.
#[derive(Clone)]
pub struct Console {
    /// What all nodes saw and sent.
    pub hub: Hub,
    /// The lessons and faults.
    pub lab: Arc<dyn Lab>,
    /// The eP-CSCF whose checks are shown.
    pub edge: Edge,
}

impl Console {
    /// The routes. `cache` is the folder that keeps compressed assets.
    ///
    /// # Errors
    /// [`AssetsError`] when the page's assets can't be prepared.
    pub fn router(self, cache: &Path) -> Result<Router, AssetsError> {
        let Self { hub, lab, edge } = self;
        let assets = Arc::new(assets::load(cache)?);
        let shared = Shared { hub, lab, edge, assets, watchers: Arc::new(Semaphore::new(MAX_WATCHERS)) };
        let api = Router::new()
            .route("/console/api/trace", get(records::trace))
            .route("/console/api/nodes", get(records::nodes))
            .route("/console/api/events", get(events::events))
            .route("/console/api/lessons", get(labs::lessons))
            .route("/console/api/lessons/{id}/runs", post(labs::run))
            .route("/console/api/runs/{run}/next", post(labs::next))
            .route("/console/api/runs/{run}", delete(labs::cancel))
            .route("/console/api/faults", get(labs::faults))
            .route("/console/api/faults/{id}/runs", post(labs::run_fault))
            .route("/console/api/compute/digest", post(compute::digest))
            .route("/console/api/compute/token", post(compute::token))
            .route("/console/api/compute/wildcard", post(compute::wildcard))
            .route("/console/api/compute/flow-token", post(compute::flow_token))
            .route("/console/api/compute/origin", post(compute::origin))
            .route("/console/api/export", post(export::export))
            .route("/console/api/{*path}", any(nothing))
            .route_layer(map_response(no_store));
        Ok(Router::new()
            .route("/console", get(assets::page))
            .route("/console/", get(assets::page))
            .route("/console/assets/{*file}", get(assets::asset))
            .merge(api)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(from_fn(guard::same_origin))
            .layer(from_fn(guard::loopback_only))
            .with_state(shared))
    }
}

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) lab: Arc<dyn Lab>,
    pub(crate) edge: Edge,
    pub(crate) assets: Arc<Assets>,
    pub(crate) watchers: Arc<Semaphore>,
}

impl FromRef<Shared> for Edge {
    fn from_ref(shared: &Shared) -> Self {
        shared.edge.clone()
    }
}

async fn nothing() -> Response {
    Problem::not_found("The console's API has nothing at this path.").into_response()
}

/// Answers of the API are of this moment.
async fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
