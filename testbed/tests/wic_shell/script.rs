//! A CA, a WWSF and an eP-CSCF that do what a test tells them.

use std::net::TcpListener as StdListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use sip::digest::{self, Algorithm, Ha1, Presented};
use sip::headers::{Authorization, Challenge, Contact, Credentials, TypedHeader, WwwAuthenticate};
use sip::{Framing, HeaderName, Message, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Upgrade, Response as Upgraded};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

pub(crate) const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.dG9wLXNlY3JldA.c2ln";

/// A CA of its own, with a certificate for localhost.
pub(crate) struct Pki {
    folder: tempfile::TempDir,
    tls: Arc<ServerConfig>,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let mut leaf = CertificateParams::default();
        leaf.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(leaf_key.serialize_pem().as_bytes()).unwrap();
        let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        Self { folder, tls: Arc::new(tls) }
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

/// A port that nobody listens on, as far as one can tell.
pub(crate) fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Accepts TLS connections for ever, each handled in a task of its own.
async fn listen<F, T>(pki: &Pki, handle: F) -> u16
where
    F: Fn(TlsStream<TcpStream>) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::clone(&pki.tls));
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            // A client that does not trust us is gone here.
            if let Ok(tls) = acceptor.accept(tcp).await {
                tokio::spawn(handle(tls));
            }
        }
    });
    port
}

/// A WWSF: a page, one user, one token.
pub(crate) struct Web {
    port: u16,
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl Web {
    pub(crate) async fn start(pki: &Pki, wss_url: &str) -> Self {
        let requests = Arc::<Mutex<Vec<(String, String)>>>::default();
        let (seen, wss_url) = (Arc::clone(&requests), wss_url.to_owned());
        let port = listen(pki, move |tls| serve_http(tls, Arc::clone(&seen), wss_url.clone())).await;
        Self { port, requests }
    }

    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The bodies that came to a path.
    pub(crate) fn bodies(&self, path: &str) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|(p, _)| p == path).map(|(_, body)| body.clone()).collect()
    }
}

async fn serve_http(mut tls: TlsStream<TcpStream>, seen: Arc<Mutex<Vec<(String, String)>>>, wss_url: String) {
    let mut buffer = Vec::new();
    loop {
        let Some((path, body)) = read_request(&mut tls, &mut buffer).await else { return };
        let (status, head, answer) = match path.as_str() {
            "/" => ("200 OK", "", "<!doctype html>".to_owned()),
            "/api/login" if body.contains("\"alice-web\"") => {
                ("200 OK", "Set-Cookie: s=1; Secure; Path=/\r\n", "{}".to_owned())
            }
            "/api/login" => ("401 Unauthorized", "", r#"{"title":"Login failed","detail":"wrong"}"#.to_owned()),
            "/api/token" => {
                let (impi, impu) = ("alice-wic@ims.example", "sip:alice@ims.example");
                let answer = format!(
                    r#"{{"token":"{TOKEN}","token_type":"Bearer","expires_in":3600,"impi":"{impi}",
                        "impu":["{impu}"],"wss_url":"{wss_url}","realm":"ims.example"}}"#
                );
                ("200 OK", "", answer)
            }
            _ => ("404 Not Found", "", String::new()),
        };
        seen.lock().unwrap().push((path, body));
        let response = format!("HTTP/1.1 {status}\r\n{head}Content-Length: {}\r\n\r\n{answer}", answer.len());
        if tls.write_all(response.as_bytes()).await.is_err() || tls.flush().await.is_err() {
            return;
        }
    }
}

async fn read_request(tls: &mut TlsStream<TcpStream>, buffer: &mut Vec<u8>) -> Option<(String, String)> {
    loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..at].to_vec()).ok()?;
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.trim().parse().unwrap());
            if buffer.len() >= at + 4 + length {
                let body = String::from_utf8(buffer[at + 4..at + 4 + length].to_vec()).ok()?;
                buffer.drain(..at + 4 + length);
                return Some((head.split(' ').nth(1)?.to_owned(), body));
            }
        }
        if tls.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// An eP-CSCF with the registrar in it: knows alice by password, believes every token.
pub(crate) struct Edge {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    orders: broadcast::Sender<u16>,
    closes: tokio::sync::Mutex<mpsc::UnboundedReceiver<u16>>,
}

#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) origins: Vec<String>,
    pub(crate) protocols: Vec<String>,
    pub(crate) requests: Vec<Request>,
}

impl Edge {
    pub(crate) async fn start(pki: &Pki) -> Self {
        Self::with(pki, None).await
    }

    /// One that answers every upgrade with `status` and `body`.
    pub(crate) async fn refusing(pki: &Pki, status: u16, body: &'static str) -> Self {
        Self::with(pki, Some((status, body))).await
    }

    async fn with(pki: &Pki, refusal: Option<(u16, &'static str)>) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let (orders, _) = broadcast::channel(4);
        let (closed, closes) = mpsc::unbounded_channel();
        let (shared, ordered) = (Arc::clone(&seen), orders.clone());
        let port =
            listen(pki, move |tls| serve_sip(tls, Arc::clone(&shared), ordered.subscribe(), closed.clone(), refusal))
                .await;
        Self { port, seen, orders, closes: tokio::sync::Mutex::new(closes) }
    }

    pub(crate) fn url(&self) -> String {
        format!("wss://localhost:{}", self.port)
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// Closes all connections with `code`.
    pub(crate) async fn close_all(&self, code: u16) {
        self.orders.send(code).unwrap();
    }

    /// The code with which the next client closed its connection.
    pub(crate) async fn next_close(&self) -> u16 {
        self.closes.lock().await.recv().await.unwrap()
    }
}

async fn serve_sip(
    tls: TlsStream<TcpStream>,
    seen: Arc<Mutex<Seen>>,
    mut orders: broadcast::Receiver<u16>,
    closed: mpsc::UnboundedSender<u16>,
    refusal: Option<(u16, &'static str)>,
) {
    #[expect(clippy::result_large_err, reason = "what the library's callback returns")]
    let upgrade = |request: &Upgrade, mut response: Upgraded| {
        if let Some((status, body)) = refusal {
            let mut refused = ErrorResponse::new(Some(body.to_owned()));
            *refused.status_mut() = tungstenite::http::StatusCode::from_u16(status).unwrap();
            return Err(refused);
        }
        let header = |name| request.headers().get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
        let mut seen = seen.lock().unwrap();
        seen.origins.push(header("origin"));
        seen.protocols.push(header("sec-websocket-protocol"));
        response.headers_mut().insert("sec-websocket-protocol", "sip".parse().unwrap());
        Ok(response)
    };
    let Ok(mut ws) = accept_hdr_async(tls, upgrade).await else { return };
    loop {
        tokio::select! {
            Ok(code) = orders.recv() => {
                let frame = CloseFrame { code: code.into(), reason: "told to".into() };
                let _ = ws.close(Some(frame)).await;
            }
            received = ws.next() => match received {
                Some(Ok(tungstenite::Message::Text(text))) => {
                    let Ok(Message::Request(request)) = Message::parse(text.to_string(), Framing::WebSocket) else {
                        panic!("not a request: {text}");
                    };
                    let answer = {
                        let mut seen = seen.lock().unwrap();
                        seen.requests.push(request.clone());
                        answer(&request, seen.requests.len())
                    };
                    let text = String::from_utf8(answer.to_bytes().to_vec()).unwrap();
                    ws.send(tungstenite::Message::text(text)).await.unwrap();
                }
                Some(Ok(tungstenite::Message::Close(frame))) => {
                    let _ = closed.send(frame.map_or(1005, |f| f.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

/// The answer to the `nth` request.
fn answer(request: &Request, nth: usize) -> Response {
    let authorization = request.headers.value(&HeaderName::Authorization).unwrap();
    let credentials = match Authorization::parse(authorization).unwrap().0 {
        Credentials::Bearer(token) => {
            assert_eq!(token.expose(), TOKEN);
            return accept(request, nth);
        }
        Credentials::Digest(credentials) => credentials,
        other => panic!("{other:?}"),
    };
    let Ok(presented) = Presented::parse(&credentials) else {
        let challenge = digest::challenge(Algorithm::Sha256, "ims.example", "n1", false);
        let challenge = WwwAuthenticate(Challenge::Digest(challenge));
        return request.respond(StatusCode::UNAUTHORIZED).with(&challenge);
    };
    let ha1 = Ha1::new(presented.algorithm, "alice-wic@ims.example", "ims.example", "alice-secret");
    assert!(presented.verify(&ha1, "REGISTER"));
    accept(request, nth).with(&digest::authentication_info(&presented, &ha1, None))
}

fn accept(request: &Request, nth: usize) -> Response {
    let mut contact: Contact = request.headers.first().unwrap().unwrap();
    let response = request.respond(StatusCode::OK);
    if contact.expires() == Some(0) {
        return response;
    }
    contact.params.set("expires", (3600 + nth).to_string());
    response.with(&contact)
}
