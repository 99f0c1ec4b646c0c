//! A WAF's key server, which counts who asks.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use trace::{Direction, Leg};

use super::{Log, Pki, ScriptError, SigningKey};

/// The most connections at a time.
const MAX_CONNECTIONS: usize = 64;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An HTTPS server that gives out the public keys of a WAF, at any path.
#[derive(Debug)]
pub struct Waf {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    jwks: Mutex<String>,
    asked: AtomicUsize,
    silent: AtomicBool,
    log: Log,
}

impl Waf {
    /// Starts one on `addr` that gives out `keys`.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn start(addr: SocketAddr, pki: &Pki, keys: &[&SigningKey], log: Log) -> Result<Self, ScriptError> {
        let listener = TcpListener::bind(addr).await.map_err(ScriptError::io(format!("listening on {addr}")))?;
        let addr = listener.local_addr().map_err(ScriptError::io("listening"))?;
        let shared = Arc::new(Shared {
            jwks: Mutex::new(jwks(keys)),
            asked: AtomicUsize::new(0),
            silent: AtomicBool::new(false),
            log,
        });
        let task = tokio::spawn(serve(listener, TlsAcceptor::from(pki.server()), Arc::clone(&shared)));
        Ok(Self { addr, shared, task })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where its keys are, for a certificate of `localhost`.
    pub fn jwks_url(&self) -> String {
        format!("https://localhost:{}/.well-known/jwks.json", self.addr.port())
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::Relaxed)
    }

    /// Gives out other keys from now on.
    pub fn publish(&self, keys: &[&SigningKey]) {
        *self.shared.jwks.lock().unwrap_or_else(PoisonError::into_inner) = jwks(keys);
    }

    /// Takes connections and says nothing, or answers again.
    pub fn be_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::Relaxed);
    }
}

impl Drop for Waf {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn jwks(keys: &[&SigningKey]) -> String {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}).to_string()
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let _ = tokio::time::timeout(PATIENCE, answer(stream, tls, &shared)).await;
            drop(permit);
        });
    }
}

async fn answer(stream: tokio::net::TcpStream, tls: TlsAcceptor, shared: &Shared) -> std::io::Result<()> {
    let mut stream = tls.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16 * 1024 {
        head.push(stream.read_u8().await?);
    }
    shared.asked.fetch_add(1, Ordering::Relaxed);
    let text = String::from_utf8_lossy(&head).into_owned();
    let first = text.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    shared.log.note("waf", "epcscf", Direction::In, Leg::Https, &first, &text);
    if shared.silent.load(Ordering::Relaxed) {
        return std::future::pending().await;
    }
    let body = shared.jwks.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let text = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    shared.log.note("waf", "epcscf", Direction::Out, Leg::Https, "200 keys", &text);
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}
