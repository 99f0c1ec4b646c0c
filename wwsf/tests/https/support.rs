//! A WWSF with its own CA, state folder and port, and browsers to visit it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tempfile::TempDir;
use wwsf::{Config, HttpEvent, Running, Server};

/// A running WWSF.
pub(crate) struct Wwsf {
    running: Option<Running>,
    config: Config,
    addr: SocketAddr,
    state: TempDir,
    events: Arc<Mutex<Vec<HttpEvent>>>,
}

impl Wwsf {
    pub(crate) async fn start(config: Config) -> Self {
        Self::start_in(config, tempfile::tempdir().unwrap()).await
    }

    async fn start_in(mut config: Config, state: TempDir) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        config.origin = format!("https://localhost:{}", addr.port()).parse().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&events);
        let observer = move |event: &HttpEvent| log.lock().unwrap().push(event.clone());
        let tls = Arc::clone(&tls().server);
        let running =
            Server::start(config.clone(), tls, vec![listener], state.path().to_owned(), observer).await.unwrap();
        assert_eq!(running.addrs(), [addr]);
        Self { running: Some(running), config, addr, state, events }
    }

    /// Stops it and starts it again on the same state, on another port.
    pub(crate) async fn restart(mut self) -> Self {
        self.running.take().unwrap().shutdown().await;
        Self::start_in(self.config, self.state).await
    }

    pub(crate) fn origin(&self) -> &str {
        self.config.origin.as_str()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn state_dir(&self) -> &Path {
        self.state.path()
    }

    pub(crate) fn keys(&self) -> wwsf::Keys {
        self.running.as_ref().unwrap().keys()
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn events(&self) -> Vec<HttpEvent> {
        self.events.lock().unwrap().clone()
    }

    /// A browser with an empty cookie jar.
    pub(crate) fn browser(&self) -> Browser {
        let client = self.client().cookie_store(true).build().unwrap();
        Browser { client, origin: self.origin().to_owned() }
    }

    /// A client that trusts this WWSF's CA alone.
    pub(crate) fn client(&self) -> ClientBuilder {
        Client::builder()
            .tls_certs_only([tls().ca.clone()])
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .resolve("localhost", self.addr)
    }
}

/// A client that behaves as our page does.
pub(crate) struct Browser {
    client: Client,
    origin: String,
}

impl Browser {
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.origin))
    }

    /// A request of our own page.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.bare_post(path).header("origin", &self.origin).header("sec-fetch-site", "same-origin")
    }

    /// A POST that does not say where it comes from.
    pub(crate) fn bare_post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.origin)).header("content-type", "application/json")
    }

    pub(crate) async fn login(&self, username: &str, password: &str) -> Response {
        let body = json!({ "username": username, "password": password });
        self.post("/api/login").body(body.to_string()).send().await.unwrap()
    }

    pub(crate) async fn token(&self) -> Response {
        self.post("/api/token").send().await.unwrap()
    }

    /// The answer of `/api/token`, which must be there.
    pub(crate) async fn granted(&self) -> Value {
        let response = self.token().await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }
}

/// Checks an error answer and returns it.
pub(crate) async fn problem(response: Response, status: u16) -> Value {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    assert_eq!(header(&response, "cache-control"), "no-store");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    for member in ["type", "title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
    }
    problem
}

/// The value of a header, empty when there is none.
pub(crate) fn header(response: &Response, name: &str) -> String {
    let values: Vec<_> = response.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
    values.join(", ")
}

struct Tls {
    server: Arc<rustls::ServerConfig>,
    ca: reqwest::Certificate,
}

/// One CA for all: making keys takes time.
fn tls() -> &'static Tls {
    static TLS: OnceLock<Tls> = OnceLock::new();
    TLS.get_or_init(|| {
        // Another test of this process may have been first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        Tls { server: Arc::new(server), ca: reqwest::Certificate::from_der(ca.der()).unwrap() }
    })
}
