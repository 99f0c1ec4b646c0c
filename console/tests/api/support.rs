//! A console in a process of its own, without sockets.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use console::{Console, Edge, Lab, NoLab};
use serde_json::Value;
use tower::ServiceExt;
use trace::{Direction, Hub, Leg};

pub(crate) const ICSCF: &str = "127.0.0.1:5070";

/// A console over an empty hub.
pub(crate) struct Rig {
    pub(crate) hub: Hub,
    router: Router,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with_lab(Arc::new(NoLab::default()))
    }

    pub(crate) fn with_lab(lab: Arc<dyn Lab>) -> Self {
        // Compressing the page takes longer than all the rest.
        static CACHE: OnceLock<tempfile::TempDir> = OnceLock::new();
        let cache = CACHE.get_or_init(|| tempfile::tempdir().unwrap());
        let hub = Hub::new(20_000);
        let router = Console { hub: hub.clone(), lab, edge: edge() }.router(cache.path()).unwrap();
        Self { hub, router }
    }

    pub(crate) fn register(&self, call_id: &str) {
        let text = format!("REGISTER sip:ims.example SIP/2.0\r\nCall-ID: {call_id}\r\n\r\n");
        let local: SocketAddr = "127.0.0.1:5060".parse().unwrap();
        self.hub.tap("epcscf").sip(Direction::Out, Leg::Udp, local, ICSCF.parse().unwrap(), text.as_bytes());
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response<Body> {
        self.send(request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK);
        json(response).await
    }

    /// As the console's own page does it.
    pub(crate) async fn change(&self, method: Method, path: &str, body: impl Into<Body>) -> Response<Body> {
        let request = request(method, path).header("sec-fetch-site", "same-origin");
        self.send(request.header("content-type", "application/json").body(body.into()).unwrap()).await
    }
}

/// An eP-CSCF that runs elsewhere, and whose WWSFs can't be reached.
fn edge() -> Edge {
    let key = epcscf::config::FlowTokenKey::new([7; 32]);
    Edge {
        config: epcscf::Config { flow_token_key: Some(key), ..epcscf::Config::default() },
        keys: epcscf::KeysClient::new("", Duration::from_secs(1)).unwrap(),
        desk: Arc::new(|| None),
    }
}

pub(crate) fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "localhost:8443")
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let octets = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
    String::from_utf8(octets.to_vec()).unwrap()
}

pub(crate) async fn json(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}
