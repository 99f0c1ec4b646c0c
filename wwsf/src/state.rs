use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use axum::http::{HeaderName, HeaderValue};
use ims::Defect;

use crate::assets::Assets;
use crate::config::Config;
use crate::directory::{UserDirectory, UserRecord};
use crate::keys::KeyStore;
use crate::lease::Leases;
use crate::limits::Limits;
use crate::observer::HttpObserver;
use crate::page::Pages;
use crate::problem::Problem;
use crate::session::{Cookie, Sessions};
use crate::token::Issuer;

/// What the handlers of one WWSF share.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) wwsf_id: Arc<str>,
    pub(crate) issuer: Issuer,
    pub(crate) keys: KeyStore,
    pub(crate) directory: Arc<dyn UserDirectory>,
    pub(crate) cookie: Cookie,
    pub(crate) sessions: Mutex<Sessions>,
    /// None when guests are not served.
    pub(crate) leases: Option<Leases>,
    pub(crate) limits: Limits,
    pub(crate) assets: Arc<Assets>,
    pub(crate) pages: Pages,
    pub(crate) secure_headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) observer: Arc<dyn HttpObserver>,
    pub(crate) exchanges: AtomicU64,
}

impl App {
    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_exchange(&self) -> u64 {
        self.exchanges.fetch_add(1, Ordering::Relaxed)
    }

    /// The user whose session cookie this is, as the directory knows them now.
    pub(crate) async fn logged_in(&self, headers: &HeaderMap, now: u64) -> Result<Option<UserRecord>, Problem> {
        let Some(key) = self.cookie.read(headers).map(|id| id.key()) else {
            return Ok(None);
        };
        let now = if self.config.has(Defect::KeepsSessionsForEver) { 0 } else { now };
        let username = self.sessions().find(&key, now).map(str::to_owned);
        let Some(username) = username else {
            return Ok(None);
        };
        let record = self.directory.find(&username).await.map_err(|error| {
            tracing::error!(wwsf = %self.wwsf_id, %error, "user directory failed");
            Problem::unavailable("The user directory cannot be asked.")
        })?;
        if record.is_none() {
            self.sessions().close(&key);
        }
        Ok(record)
    }
}
