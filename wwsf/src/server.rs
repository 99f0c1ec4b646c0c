use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;
use ims::Secret;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::assets::{Assets, AssetsError};
use crate::clock;
use crate::config::{Config, ConfigError, Role};
use crate::directory::{FileDirectory, FileDirectoryError, RogueDirectory, UserDirectory};
use crate::file;
use crate::keys::{KeyError, KeyStore, Kid};
use crate::lease::{JournalError, Leases};
use crate::limits::Limits;
use crate::middleware;
use crate::observer::HttpObserver;
use crate::page::Pages;
use crate::router::router;
use crate::session::{Cookie, Sessions};
use crate::state::App;
use crate::token::Issuer;

mod accept;

use accept::Bounded;

/// A WWSF.
pub struct Server;

impl Server {
    /// Connections at a time, over all addresses.
    const MAX_CONNECTIONS: usize = 10_000;

    /// Starts a WWSF with the users of its configuration.
    ///
    /// `state_dir` is this WWSF's alone: keys, users, leases. The listeners
    /// are bound already, so that port 0 and a taken port are the caller's matter.
    pub async fn start(
        config: Config,
        tls: Arc<rustls::ServerConfig>,
        listeners: Vec<TcpListener>,
        state_dir: PathBuf,
        observer: impl HttpObserver,
    ) -> Result<Running, StartError> {
        Self::start_with_routes(config, Router::new(), tls, listeners, state_dir, observer).await
    }

    /// As [`Server::start`], with routes of others beside its own. They answer for their own limits
    /// of time and size.
    pub async fn start_with_routes(
        config: Config,
        routes: Router,
        tls: Arc<rustls::ServerConfig>,
        listeners: Vec<TcpListener>,
        state_dir: PathBuf,
        observer: impl HttpObserver,
    ) -> Result<Running, StartError> {
        let directory: Arc<dyn UserDirectory> = match config.role {
            Role::Rogue => Arc::new(RogueDirectory { demo: config.demo }),
            Role::Operator | Role::Partner => {
                let path = config.users.clone().unwrap_or_else(|| state_dir.join("users.toml"));
                Arc::new(FileDirectory::open(path, config.demo)?)
            }
        };
        Self::launch(config, directory, routes, tls, listeners, state_dir, observer).await
    }

    /// Starts a WWSF whose users are known elsewhere.
    pub async fn start_with_directory(
        config: Config,
        directory: Arc<dyn UserDirectory>,
        tls: Arc<rustls::ServerConfig>,
        listeners: Vec<TcpListener>,
        state_dir: PathBuf,
        observer: impl HttpObserver,
    ) -> Result<Running, StartError> {
        Self::launch(config, directory, Router::new(), tls, listeners, state_dir, observer).await
    }

    async fn launch(
        config: Config,
        directory: Arc<dyn UserDirectory>,
        routes: Router,
        tls: Arc<rustls::ServerConfig>,
        listeners: Vec<TcpListener>,
        state_dir: PathBuf,
        observer: impl HttpObserver,
    ) -> Result<Running, StartError> {
        config.validate()?;
        let observer = Arc::new(observer);
        // Reading keys and compressing assets is slow work.
        let app = tokio::task::spawn_blocking(move || app(config, directory, &state_dir, observer))
            .await
            .map_err(|_| StartError::Interrupted)??;
        let tls = RustlsConfig::from_config(with_http_protocols(tls));
        let permits = Arc::new(Semaphore::new(Self::MAX_CONNECTIONS));
        let mut running =
            Running { app: Arc::downgrade(&app), addrs: Vec::new(), handles: Vec::new(), tasks: JoinSet::new() };
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let local = listener.local_addr()?;
            let handle = Handle::new();
            let acceptor =
                Bounded::new(RustlsAcceptor::new(tls.clone()).acceptor(NoDelayAcceptor::new()), Arc::clone(&permits));
            let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle.clone());
            bound_time(server.http_builder());
            let service = router(&app, local, routes.clone()).into_make_service_with_connect_info::<SocketAddr>();
            running.tasks.spawn(server.serve(service));
            running.addrs.push(local);
            running.handles.push(handle);
        }
        tracing::info!(wwsf = %app.wwsf_id, origin = %app.config.origin, addrs = ?running.addrs, "WWSF listens");
        Ok(running)
    }
}

/// A WWSF that runs; dropping it ends it at once.
pub struct Running {
    app: Weak<App>,
    addrs: Vec<SocketAddr>,
    handles: Vec<Handle<SocketAddr>>,
    tasks: JoinSet<io::Result<()>>,
}

impl Running {
    /// How long open requests may take when it stops.
    const GRACE: Duration = Duration::from_secs(2);

    /// Its keys, for who shows in this process what an eP-CSCF does with a wrong token.
    pub fn keys(&self) -> Keys {
        Keys(self.app.clone())
    }

    /// Where it listens.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Ends when the server does, which it does by itself only on a fault.
    pub async fn failed(&mut self) -> io::Result<()> {
        match self.tasks.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(io::Error::other(error)),
            None => Ok(()),
        }
    }

    /// Takes no more connections, lets requests finish for a moment, and ends.
    pub async fn shutdown(mut self) {
        for handle in &self.handles {
            handle.graceful_shutdown(Some(Self::GRACE));
        }
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The keys of a running WWSF; none once it has stopped.
#[derive(Clone)]
pub struct Keys(Weak<App>);

impl Keys {
    /// The key that signs now: its name, and PKCS #8 in DER.
    ///
    /// # Errors
    /// [`KeyError`] when there is none that can be used.
    pub fn active(&self) -> Result<(Kid, Secret<Vec<u8>>), KeyError> {
        let ring = self.0.upgrade().ok_or(KeyError::Unusable)?.keys.current();
        let key = ring.active().ok_or(KeyError::Unusable)?;
        Ok((key.kid.clone(), key.pkcs8()?))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for handle in &self.handles {
            handle.shutdown();
        }
    }
}

/// Why a WWSF did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The user file cannot be used.
    #[error(transparent)]
    Directory(#[from] FileDirectoryError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The record of leases cannot be used.
    #[error(transparent)]
    Leases(#[from] JournalError),
    /// The assets cannot be used.
    #[error(transparent)]
    Assets(#[from] AssetsError),
    /// The page cannot be made.
    #[error("the page cannot be made: {0}")]
    Page(#[from] askama::Error),
    /// A listener or the state folder failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The program is ending.
    #[error("interrupted while starting")]
    Interrupted,
}

fn app(
    config: Config,
    directory: Arc<dyn UserDirectory>,
    state_dir: &std::path::Path,
    observer: Arc<dyn HttpObserver>,
) -> Result<Arc<App>, StartError> {
    file::private_dir(state_dir)?;
    let keys = KeyStore::open(state_dir, config.signing_alg, config.token_lifetime)?;
    let leases = match config.guests.enabled {
        true => Some(Leases::open(state_dir, config.guests.capacity, clock::unix_now())?),
        false => None,
    };
    let cache = config.asset_cache.clone().unwrap_or_else(|| state_dir.join("asset-cache"));
    let assets = Assets::load(&config.assets, &cache)?;
    Ok(Arc::new(App {
        wwsf_id: config.wwsf_id.as_str().into(),
        issuer: Issuer::new(&config),
        cookie: Cookie::of(&config.origin, config.defects),
        sessions: Mutex::new(Sessions::new(config.session_lifetime)),
        limits: Limits::new(&config),
        pages: Pages::render(&config, &assets)?,
        secure_headers: middleware::secure_headers(&config)?,
        assets: Arc::new(assets),
        exchanges: AtomicU64::new(0),
        keys,
        directory,
        leases,
        observer,
        config,
    }))
}

/// Offers HTTP/2 and HTTP/1.1 unless the caller chose (RFC 7301 §3.1).
fn with_http_protocols(tls: Arc<rustls::ServerConfig>) -> Arc<rustls::ServerConfig> {
    if !tls.alpn_protocols.is_empty() {
        return tls;
    }
    let mut tls = Arc::unwrap_or_clone(tls);
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(tls)
}

/// Ends connections that send their heads slowly or are gone.
fn bound_time(builder: &mut hyper_util::server::conn::auto::Builder<hyper_util::rt::TokioExecutor>) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(15));
}
