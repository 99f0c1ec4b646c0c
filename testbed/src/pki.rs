//! The development CA and the certificate of all nodes: made on first run, kept, renewed in time.

use crate::key_log::KeyLogFile;
use crate::state::StateDir;
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::PublicKeyData;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// How long a leaf is valid; browsers refuse more than 398 days even of a private CA's.
const LEAF_DAYS: i64 = 397;
/// A leaf with less than this left is made anew.
const RENEW_DAYS: i64 = 30;
const CA_DAYS: i64 = 3650;

/// The certificates of a testbed.
#[derive(Debug)]
pub struct Pki {
    /// The CA's certificate, for others to trust.
    pub ca_path: PathBuf,
    /// The CA's certificate in PEM.
    pub ca_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key_pem: String,
    key_log: Option<Arc<KeyLogFile>>,
}

impl Pki {
    /// Loads the CA and leaf from `state`, making what is missing or about to expire.
    pub fn load_or_make(state: &StateDir) -> Result<Self> {
        let ca_path = state.path("ca.pem");
        let (ca_key, made) = match state.read("ca.key")? {
            Some(pem) if ca_path.exists() => (KeyPair::from_pem(&pem).context("ca.key is damaged")?, false),
            _ => (KeyPair::generate()?, true),
        };
        if made {
            let ca = ca_params()?.self_signed(&ca_key)?;
            state.write_private("ca.key", ca_key.serialize_pem().as_bytes())?;
            state.write("ca.pem", ca.pem().as_bytes())?;
            tracing::info!(path = %ca_path.display(), "made a development CA");
        }
        let ca_pem = std::fs::read_to_string(&ca_path).with_context(|| format!("reading {}", ca_path.display()))?;
        if made || leaf_is_due(state)? {
            make_leaf(state, ca_key)?;
        }
        let leaf_pem = state.read("leaf.pem")?.context("leaf.pem is gone")?;
        let key_pem = state.read("leaf.key")?.context("leaf.key is gone")?;
        let chain = CertificateDer::pem_slice_iter(leaf_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .context("leaf.pem is damaged")?;
        Ok(Self { ca_path, ca_pem, chain, key_pem, key_log: None })
    }

    /// Adds the secrets of every connection from now on to a file.
    pub(crate) fn log_keys(&mut self, path: &Path) -> Result<()> {
        self.key_log = Some(Arc::new(KeyLogFile::open(path)?));
        Ok(())
    }

    /// The SHA-256 of the leaf's public key (SPKI), in base64, as browsers pin it.
    pub fn leaf_spki_sha256(&self) -> Result<String> {
        let key = KeyPair::from_pem(&self.key_pem).context("leaf.key is damaged")?;
        Ok(STANDARD.encode(Sha256::digest(key.subject_public_key_info())))
    }

    /// The TLS side of a server that speaks the protocols `alpn`.
    pub fn server_config(&self, alpn: &[&str]) -> Result<Arc<rustls::ServerConfig>> {
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).context("leaf.key is damaged")?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)?;
        if let Some(key_log) = &self.key_log {
            config.key_log = key_log.clone();
        }
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

fn ca_params() -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "webrtc-ims development CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut params, CA_DAYS);
    Ok(params)
}

fn make_leaf(state: &StateDir, ca_key: KeyPair) -> Result<()> {
    // Its name and key are all that an issuer signs with, so the certificate need not be read.
    let issuer = Issuer::new(ca_params()?, ca_key);
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let expires = valid_for(&mut params, LEAF_DAYS);
    let key = KeyPair::generate()?;
    let leaf = params.signed_by(&key, &issuer)?;
    state.write_private("leaf.key", key.serialize_pem().as_bytes())?;
    state.write("leaf.pem", leaf.pem().as_bytes())?;
    state.write("leaf.expires", expires.unix_timestamp().to_string().as_bytes())
}

fn leaf_is_due(state: &StateDir) -> Result<bool> {
    if state.read("leaf.pem")?.is_none() || state.read("leaf.key")?.is_none() {
        return Ok(true);
    }
    let expires = state.read("leaf.expires")?.and_then(|s| s.trim().parse::<i64>().ok()).unwrap_or(0);
    Ok(expires - OffsetDateTime::now_utc().unix_timestamp() < RENEW_DAYS * 86_400)
}

fn valid_for(params: &mut CertificateParams, days: i64) -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    // A browser whose clock is a little behind must not refuse a certificate made just now.
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(days);
    params.not_after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_made_once_and_kept_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        let first = Pki::load_or_make(&state).unwrap();
        let second = Pki::load_or_make(&state).unwrap();
        assert_eq!(first.ca_pem, second.ca_pem);
        assert_eq!(first.chain, second.chain);
        for key in ["ca.key", "leaf.key"] {
            let mode = std::fs::metadata(state.path(key)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{key}");
        }
        first.server_config(&["http/1.1"]).unwrap();
    }

    #[test]
    fn a_leaf_about_to_expire_is_made_anew_by_the_same_ca() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        let first = Pki::load_or_make(&state).unwrap();
        state.write("leaf.expires", b"1").unwrap();
        let second = Pki::load_or_make(&state).unwrap();
        assert_eq!(first.ca_pem, second.ca_pem);
        assert_ne!(first.chain, second.chain);
    }
}
