//! The secrets of TLS connections, in the format that Wireshark, tshark and browsers share.

use anyhow::{Context, Result};
use rustls::KeyLog;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Appends the secrets of every connection to a file, so that a capture of W1 and W2 can be read.
#[derive(Debug)]
pub(crate) struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    /// Opens or makes the file, for its owner alone.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        Ok(Self(Mutex::new(file.with_context(|| format!("tls_key_log: opening {}", path.display()))?)))
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::warn!(%error, "the TLS key log cannot be written");
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(2 * octets.len()), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn lines_are_added_to_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        for secret in [[0x0f, 0xa0], [1, 2]] {
            KeyLogFile::open(&path).unwrap().log("CLIENT_RANDOM", &[0xab], &secret);
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "CLIENT_RANDOM ab 0fa0\nCLIENT_RANDOM ab 0102\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
