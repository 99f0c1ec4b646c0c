//! SIPp, on the core's side.

use super::PATIENCE;
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// SIPp, running one of the scenarios in `sipp/`.
pub struct Sipp {
    child: Child,
    log: PathBuf,
    _dir: tempfile::TempDir,
}

impl Sipp {
    /// The version that is installed: `3.6.1`.
    pub async fn version() -> Result<String> {
        // It ends with 99 for having done nothing.
        let output = Command::new("sipp").arg("-v").output().await.context("starting sipp (Debian: sip-tester)")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.trim().strip_prefix("SIPp v").and_then(|rest| rest.split('-').next());
        Ok(version.with_context(|| format!("SIPp tells no version: {text}"))?.to_owned())
    }

    /// Starts one call of `scenario` from `local` with `remote`, whose Request-URI, if it calls, is
    /// `target`. In the scenario of a server `remote` is where it begins requests of its own.
    pub fn start(scenario: &str, local: SocketAddr, remote: &str, target: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let log = dir.path().join("errors.log");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp").join(scenario).with_extension("xml");
        let child = Command::new("sipp")
            .arg(remote)
            .args(["-i", &local.ip().to_string(), "-p", &local.port().to_string()])
            .args(["-s", target, "-m", "1", "-l", "1", "-r", "1", "-nostdin", "-timeout", "40s", "-timeout_error"])
            // The `uri` of SIPp's digest: the domain of the subscribers.
            .args(["-auth_uri", "ims.example", "-trace_err", "-error_file"])
            .arg(&log)
            .arg("-sf")
            .arg(file)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting sipp (Debian: sip-tester)")?;
        Ok(Self { child, log, _dir: dir })
    }

    /// Waits for its end; an error when the call did not go as the scenario has it.
    pub async fn finish(mut self) -> Result<()> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("SIPp does not end")??;
        if status.success() {
            return Ok(());
        }
        let log = tokio::fs::read_to_string(&self.log).await.unwrap_or_default();
        bail!("SIPp ended with {status}:\n{log}")
    }
}
