//! Fetching the keys of an issuer over HTTPS.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::keys::{KeySet, KeysAnswer, KeysAsk, KeysUnavailable};

/// The longest key set that is read, in octets.
const MAX_LENGTH: usize = 64 * 1024;

/// The HTTP client for key sets. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeysClient(reqwest::Client);

/// Why there is no such client.
#[derive(Debug, thiserror::Error)]
pub enum KeysClientError {
    /// The PEM of the authorities.
    #[error("the certificate authorities cannot be read: {0}")]
    Authorities(#[from] rustls::pki_types::pem::Error),
    /// One of them.
    #[error("a certificate authority cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The client.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

impl KeysClient {
    /// A client that trusts the authorities in `ca` alone and gives up after `within`.
    ///
    /// # Errors
    /// What is wrong with `ca`, or with TLS on this machine.
    pub fn new(ca: &str, within: Duration) -> Result<Self, KeysClientError> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            // A key set is where configuration says, nowhere else (RFC 8725 §3.10).
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(within)
            .build()?;
        Ok(Self(client))
    }

    /// The keys that `ask` asks for, or why there are none.
    pub async fn fetch(self, ask: KeysAsk) -> KeysAnswer {
        let keys = self.key_set(&ask.jwks_url).await;
        KeysAnswer { issuer: ask.issuer, keys }
    }

    async fn key_set(&self, url: &str) -> Result<KeySet, KeysUnavailable> {
        let failed = |e: reqwest::Error| KeysUnavailable(causes(&e));
        let mut response = self.0.get(url).send().await.and_then(|r| r.error_for_status()).map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_LENGTH {
                return Err(KeysUnavailable("the key set is longer than 64 KiB".into()));
            }
            body.extend_from_slice(&chunk);
        }
        KeySet::from_json(&body)
    }
}

/// An error and what caused it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
