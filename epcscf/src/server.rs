//! The eP-CSCF on sockets: TLS, HTTP, WebSocket and Mw around an [`Edge`].

mod accept;
mod connection;
mod desk;
mod flows;
mod jwks;
mod limits;
mod observed;
mod page;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Method, StatusCode};
use hyper_util::rt::TokioTimer;
use sip::Now;
use sip_net::{Actor, Mw, OsEntropy};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use trace::{Direction, Leg, Tap};

use self::accept::Bounded;
use self::connection::Timing;
pub use self::desk::Desk;
use self::flows::Flows;
pub use self::jwks::{KeysClient, KeysClientError};
use self::limits::{Admission, Limits};
use self::observed::Observed;
use self::page::Page;
use crate::config::{Config, ConfigError};
use crate::edge::Edge;
use crate::flow_token::FlowIds;
use crate::policy::Policy;
use crate::upgrade::{self, Accepted, Refusal};
use crate::wwsf::Records;

/// An eP-CSCF.
pub struct Server;

impl Server {
    /// Starts an eP-CSCF on sockets that are bound already, so that port 0 and a taken port are the
    /// caller's matter.
    ///
    /// `tls` holds the certificate of W2; `ca` is the PEM of the authorities that the key servers
    /// of the WWSFs are trusted by.
    pub async fn start(
        mut config: Config,
        tls: Arc<rustls::ServerConfig>,
        listeners: Vec<TcpListener>,
        mw: Mw,
        ca: &str,
        tap: Tap,
    ) -> Result<Running, StartError> {
        config.listen.mw = mw.addr();
        let edge = Edge::new(config.clone(), Box::new(OsEntropy), mw.pace().clock.now())?;
        let keys = KeysClient::new(ca, Duration::from_secs(config.policy.keys.wait))?;
        let flows = Flows::default();
        let (stop, stopped) = watch::channel(());
        let page = Page::new(&config)?;
        let records = edge.records().clone();
        let ask = move |ask| {
            let keys = keys.clone();
            async move { keys.fetch(ask).await }
        };
        let (actor, node) = sip_net::spawn(Observed::new(edge), mw, ask, flows.sink());
        let shared = Arc::new(Shared {
            policy: config.policy.clone(),
            limits: Limits::default(),
            ids: FlowIds::new(config.shard),
            records: std::sync::RwLock::new(records),
            page,
            flows,
            handshakes: Arc::new(Semaphore::new(config.policy.connection.max_handshakes)),
            actor: actor.clone(),
            tap,
            stopped,
        });
        let tls = RustlsConfig::from_config(http1_only(tls));
        let mut running =
            Running { addrs: Vec::new(), handles: Vec::new(), servers: JoinSet::new(), actor, node, stop, shared };
        for listener in listeners {
            running.listen(listener, &tls)?;
        }
        tracing::info!(name = %config.name, addrs = ?running.addrs, mw = %config.listen.mw, "eP-CSCF listens");
        Ok(running)
    }
}

/// An eP-CSCF that runs; dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    addrs: Vec<SocketAddr>,
    handles: Vec<Handle<SocketAddr>>,
    servers: JoinSet<io::Result<()>>,
    actor: Actor<Observed>,
    node: JoinHandle<()>,
    stop: watch::Sender<()>,
    shared: Arc<Shared>,
}

impl Running {
    /// How long connections may take to close when it stops.
    const GRACE: Duration = Duration::from_secs(2);

    /// Where W2 listens.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Runs `f` on the edge, in its task; `None` when that has ended.
    pub async fn edge<R: Send + 'static>(&self, f: impl FnOnce(&mut Edge, Now) -> R + Send + 'static) -> Option<R> {
        self.desk().edge(f).await
    }

    /// A way to ask the edge that others may keep.
    pub fn desk(&self) -> Desk {
        Desk(self.actor.clone())
    }

    /// Changes what is known of the WWSFs: for new upgrades at once, and registrations that are not
    /// allowed any more end.
    pub async fn replace_records(&self, records: Records) {
        self.known().replace(records).await;
    }

    /// What is known of the WWSFs.
    pub fn known(&self) -> Known {
        Known(self.shared.clone())
    }

    /// Closes all connections (1001) and stops.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(());
        for handle in &self.handles {
            handle.graceful_shutdown(Some(Self::GRACE));
        }
        let _ = timeout(Self::GRACE, self.shared.flows.empty()).await;
        let _ = timeout(Self::GRACE, async { while self.servers.join_next().await.is_some() {} }).await;
    }

    fn listen(&mut self, listener: TcpListener, tls: &RustlsConfig) -> Result<(), StartError> {
        listener.set_nonblocking(true)?;
        let local = listener.local_addr()?;
        let handle = Handle::new();
        let within = Duration::from_secs(self.shared.policy.connection.upgrade_timeout);
        let acceptor = RustlsAcceptor::new(tls.clone()).handshake_timeout(within).acceptor(NoDelayAcceptor::new());
        let acceptor = Bounded::new(acceptor, self.shared.handshakes.clone());
        let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle.clone());
        // `Server::http1_only` would serve without upgrades; the builder's own does not.
        let builder = server.http_builder();
        *builder = builder.clone().http1_only();
        builder.http1().timer(TokioTimer::new()).header_read_timeout(within).max_headers(64);
        let state = Listener { shared: self.shared.clone(), local };
        let service =
            Router::new().fallback(serve).with_state(state).into_make_service_with_connect_info::<SocketAddr>();
        self.shared.tap.own_address(local);
        self.servers.spawn(server.serve(service));
        self.addrs.push(local);
        self.handles.push(handle);
        Ok(())
    }
}

/// What a running eP-CSCF knows of the WWSFs. Cheap to clone; changes nothing once that has stopped.
#[derive(Clone, Debug)]
pub struct Known(Arc<Shared>);

impl Known {
    /// As it is now.
    pub fn records(&self) -> Arc<Records> {
        self.0.records()
    }

    /// As [`Running::replace_records`].
    pub async fn replace(&self, records: Records) {
        let records = Arc::new(records);
        if let Ok(mut current) = self.0.records.write() {
            *current = records.clone();
        }
        self.0.actor.call(move |node, now| node.edge().replace_records(now, records)).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for handle in &self.handles {
            handle.shutdown();
        }
        self.node.abort();
    }
}

/// Why an eP-CSCF does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What is wrong in the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A socket.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The authorities that key servers are trusted by.
    #[error(transparent)]
    Keys(#[from] KeysClientError),
    /// The page at `/` could not be made.
    #[error("the page cannot be rendered: {0}")]
    Page(#[from] askama::Error),
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    policy: Policy,
    limits: Limits,
    ids: FlowIds,
    records: std::sync::RwLock<Arc<Records>>,
    page: Page,
    flows: Flows,
    /// Room for connections that are no WebSockets yet.
    handshakes: Arc<Semaphore>,
    actor: Actor<Observed>,
    tap: Tap,
    stopped: watch::Receiver<()>,
}

impl Shared {
    fn records(&self) -> Arc<Records> {
        self.records.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

#[derive(Clone, Debug)]
struct Listener {
    shared: Arc<Shared>,
    local: SocketAddr,
}

/// The one HTTP resource: a WebSocket, or for a browser that just looks, a page.
async fn serve(
    State(listener): State<Listener>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let shared = &listener.shared;
    if request.method() == Method::GET && !request.headers().contains_key(UPGRADE) {
        return shared.page.response(request.uri().path());
    }
    let on_upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let (accepted, admission) = match admit(shared, &parts, remote) {
        Ok(admitted) => admitted,
        Err(refusal) => return refused(&listener, remote, &parts, &refusal),
    };
    let bound_to = accepted.to_string();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().extend(accepted.headers());
    traced(&listener, remote, &parts, &response, &bound_to);
    tokio::spawn(connection::run(
        listener.clone(),
        remote,
        on_upgrade,
        accepted,
        admission,
        Timing::of(&shared.policy.connection),
    ));
    response
}

fn admit(shared: &Shared, parts: &http::request::Parts, remote: SocketAddr) -> Result<(Accepted, Admission), Refusal> {
    let counted = shared.limits.lock();
    let records = shared.records();
    let load = |origin: Option<&crate::Origin>| counted.load(origin, remote.ip());
    let accepted = upgrade::check(parts, &shared.policy, &records, load)?;
    let admission = counted.admit(accepted.origin.clone(), remote.ip());
    Ok((accepted, admission))
}

fn refused(listener: &Listener, remote: SocketAddr, request: &http::request::Parts, refusal: &Refusal) -> Response {
    tracing::info!(%remote, status = refusal.status.as_u16(), reason = %refusal.reason, "upgrade refused");
    metrics::counter!("epcscf_upgrades_refused_total", "reason" => refusal.reason.label()).increment(1);
    let reason = refusal.reason.to_string();
    let mut response = (refusal.status, reason.clone() + "\n").into_response();
    // Nothing more is expected of this peer (TS 33.203 REQ 1.1).
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    if let Some((name, value)) = &refusal.header {
        response.headers_mut().insert(name, value.clone());
    }
    traced(listener, remote, request, &response, &reason);
    response
}

/// `note` says what the connection was bound to, or why it was refused.
fn traced(listener: &Listener, remote: SocketAddr, request: &http::request::Parts, response: &Response, note: &str) {
    let (tap, local, remote) = (&listener.shared.tap, Some(listener.local), Some(remote));
    let asked = head(&format!("{} {} HTTP/1.1", request.method, request.uri), &request.headers);
    let answered = head(&format!("HTTP/1.1 {}", response.status()), response.headers()) + note;
    tap.http(Direction::In, Leg::Upgrade, local, remote, "WebSocket upgrade", None, None, &asked);
    tap.http(Direction::Out, Leg::Upgrade, local, remote, &response.status().to_string(), None, None, &answered);
}

/// A head as it is on the wire, but for what is secret: a WWSF on the same host sets cookies that
/// browsers bring here too (RFC 6265 §8.5).
fn head(first: &str, headers: &http::HeaderMap) -> String {
    const SECRET: [http::HeaderName; 3] =
        [http::header::COOKIE, http::header::AUTHORIZATION, http::header::PROXY_AUTHORIZATION];
    let mut head = format!("{first}\r\n");
    for (name, value) in headers {
        let value = if SECRET.contains(name) { "…".into() } else { String::from_utf8_lossy(value.as_bytes()) };
        head += &format!("{name}: {value}\r\n");
    }
    head + "\r\n"
}

/// RFC 6455 needs HTTP/1.1.
fn http1_only(tls: Arc<rustls::ServerConfig>) -> Arc<rustls::ServerConfig> {
    let mut tls = Arc::unwrap_or_clone(tls);
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(tls)
}
