//! What is known of the eP-CSCF.

use std::fmt;
use std::sync::Arc;

use epcscf::{Config, ConfigError, Desk, KeysClient, Records};

use crate::problem::Problem;

/// The eP-CSCF whose checks are shown.
#[derive(Clone)]
pub struct Edge {
    /// Its configuration.
    pub config: Config,
    /// Fetches the keys of the WWSFs, as it does.
    pub keys: KeysClient,
    /// Leads to it while it runs in this process.
    pub desk: Arc<dyn Fn() -> Option<Desk> + Send + Sync>,
}

impl Edge {
    /// What it knows of the WWSFs now; of one that runs elsewhere, what its configuration says.
    pub(super) async fn records(&self) -> Result<Arc<Records>, Problem> {
        if let Some(records) = self.ask(|edge| Arc::clone(edge.records())).await {
            return Ok(records);
        }
        let wrong = |error: ConfigError| Problem::internal(format!("the eP-CSCF's configuration: {error}"));
        Records::from_config(&self.config).map(Arc::new).map_err(wrong)
    }

    /// Asks the running one.
    pub(super) async fn ask<R: Send + 'static>(
        &self,
        f: impl FnOnce(&epcscf::Edge) -> R + Send + 'static,
    ) -> Option<R> {
        let desk = (self.desk)()?;
        desk.edge(move |edge, _| f(edge)).await
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("name", &self.config.name).finish_non_exhaustive()
    }
}
