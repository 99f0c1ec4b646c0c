//! Keys over HTTPS, and a whole flow 3 on sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use axum_server::tls_rustls::RustlsConfig;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::client::{Client, register};
use crate::rig::{PARTNER, Pki, Rig};

/// A key server, and how often it was asked.
pub(crate) struct Waf {
    addr: SocketAddr,
    asked: Arc<AtomicUsize>,
    key: Ed25519KeyPair,
}

impl Waf {
    pub(crate) async fn start(pki: &Pki, status: StatusCode) -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
        let x = URL_SAFE_NO_PAD.encode(key.public_key());
        let jwks = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x}]}).to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let answer = move || async move {
            count.fetch_add(1, Ordering::Relaxed);
            (status, jwks)
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let service = Router::new().route("/jwks", get(answer)).into_make_service();
        let tls = RustlsConfig::from_config(pki.server());
        tokio::spawn(axum_server::from_tcp_rustls(listener, tls).unwrap().serve(service));
        Self { addr, asked, key }
    }

    pub(crate) fn jwks_url(&self) -> String {
        format!("https://localhost:{}/jwks", self.addr.port())
    }

    pub(crate) fn token(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k1"});
        let claims = json!({
            "iss": PARTNER, "aud": "sip:epcscf1.ims.example", "sub": "anon", "client_id": "wwsf.partner.example",
            "iat": now, "exp": now + 600, "jti": "j1", "scope": "webrtc-ims-client-access-to-ims",
            "impi": "guest-1@partner.ims.example", "impu": ["sip:guest-1@partner.ims.example"],
        });
        let input =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }
}

async fn rig(status: StatusCode) -> (Rig, Waf) {
    let pki = Pki::new();
    let waf = Waf::start(&pki, status).await;
    let url = waf.jwks_url();
    let rig = Rig::of(pki, |config| config.wwsf[1].issuers[0].jwks_url = url).await;
    (rig, waf)
}

#[tokio::test]
async fn a_guest_registers_with_keys_fetched_once() {
    let (rig, waf) = rig(StatusCode::OK).await;
    let token = format!("Authorization: Bearer {}\r\n", waf.token());
    let mut client = Client::open(&rig, PARTNER).await;
    client.text(&register(1, &token)).await;
    assert_eq!(client.status().await, 200);
    client.text(&register(2, &token)).await;
    assert_eq!(client.status().await, 200);
    assert_eq!(waf.asked.load(Ordering::Relaxed), 1);
    // The connection ends, the registration stays for a while.
    drop(client);
    while rig.running.edge(|edge, _| edge.size()).await != Some((0, 1)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_key_server_that_fails_is_504() {
    let (rig, waf) = rig(StatusCode::INTERNAL_SERVER_ERROR).await;
    let mut client = Client::open(&rig, PARTNER).await;
    client.text(&register(1, &format!("Authorization: Bearer {}\r\n", waf.token()))).await;
    assert_eq!(client.status().await, 504);
}
