//! Certificates of the script, and trust in those of the system under test.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PublicKeyData as _};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsConnector;

use super::ScriptError;

/// A certificate authority of the script, with one certificate for its own servers.
pub struct Pki {
    /// The CA, for the system under test to trust.
    pub ca_pem: String,
    /// The SHA-256 of its server's public key (SPKI) in base64, as browsers pin it.
    pub spki_sha256: String,
    /// The certificate, for a system under test that is given one.
    pub certificate_pem: String,
    /// Its key, PKCS #8.
    pub key_pem: String,
    server: Arc<rustls::ServerConfig>,
}

impl fmt::Debug for Pki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pki").finish_non_exhaustive()
    }
}

impl Pki {
    /// Makes a CA and a certificate for `names`.
    ///
    /// # Errors
    /// When a name is none, or no key can be made.
    pub fn new(names: &[&str]) -> Result<Self, ScriptError> {
        let failed = |e: rcgen::Error| ScriptError::Setup(format!("making certificates: {e}"));
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "conformance test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(failed)?).map_err(failed)?;
        let key = KeyPair::generate().map_err(failed)?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let leaf = CertificateParams::new(names).and_then(|params| params.signed_by(&key, &ca)).map_err(failed)?;
        let spki = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key.subject_public_key_info());
        let key_pem = key.serialize_pem();
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|e| ScriptError::Setup(format!("making certificates: {e}")))?;
        let server = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key))
            .map_err(|e| ScriptError::Setup(format!("TLS: {e}")))?;
        Ok(Self {
            ca_pem: ca.pem(),
            spki_sha256: STANDARD.encode(spki),
            certificate_pem: leaf.pem(),
            key_pem,
            server: Arc::new(server),
        })
    }

    /// The TLS side of the script's servers.
    pub fn server(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.server)
    }
}

/// A TLS client that trusts the authorities of a PEM text alone.
///
/// # Errors
/// When there is none in it.
pub fn connector(ca_pem: &str) -> Result<TlsConnector, ScriptError> {
    let mut roots = rustls::RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        let ca = ca.map_err(|e| ScriptError::Setup(format!("the CA is no PEM: {e}")))?;
        roots.add(ca).map_err(|e| ScriptError::Setup(format!("the CA is no certificate: {e}")))?;
    }
    if roots.is_empty() {
        return Err(ScriptError::Setup("the PEM text holds no certificate".into()));
    }
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| ScriptError::Setup(format!("TLS: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
