//! A running eP-CSCF, its certificate authority, and a key server.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use epcscf::{Config, Running, Server};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sip_net::Mw;
use tokio_rustls::TlsConnector;

/// The origins of the two WWSFs of the default configuration.
pub(crate) const OPERATOR: &str = "https://localhost:8443";
pub(crate) const PARTNER: &str = "https://localhost:9443";

pub(crate) struct Rig {
    pub(crate) running: Running,
    pub(crate) addr: SocketAddr,
    pub(crate) hub: trace::Hub,
    /// Where Mw listens.
    pub(crate) mw: SocketAddr,
    pki: Pki,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::of(Pki::new(), change).await
    }

    pub(crate) async fn of(pki: Pki, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        // There is no core that would answer.
        config.policy.reg_event.anchors = false;
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let hub = trace::Hub::new(1000);
        let tap = hub.tap("epcscf");
        let mw = Mw::bind("127.0.0.1:0".parse().unwrap(), tap.clone()).await.unwrap();
        let mw_addr = mw.addr();
        let running = Server::start(config, pki.server(), vec![listener], mw, &pki.ca_pem, tap).await.unwrap();
        Self { running, addr, hub, mw: mw_addr, pki }
    }

    pub(crate) fn connector(&self) -> TlsConnector {
        self.pki.connector()
    }
}

/// A certificate authority and a certificate for localhost.
pub(crate) struct Pki {
    ca_pem: String,
    ca: CertificateDer<'static>,
    leaf: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&ca_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(params, ca_key);
        let leaf = CertificateParams::new(vec!["localhost".into()]).unwrap().signed_by(&key, &issuer).unwrap();
        Self { ca_pem: ca.pem(), ca: ca.der().clone(), leaf: leaf.der().clone(), key: key.serialize_der() }
    }

    pub(crate) fn server(&self) -> Arc<rustls::ServerConfig> {
        let key = PrivateKeyDer::try_from(self.key.clone()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf.clone()], key);
        Arc::new(config.unwrap())
    }

    fn connector(&self) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.ca.clone()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
