//! The state folder: certificates, keys, the HSS's store, and where a running testbed is.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const RUNNING: &str = "running.json";

/// A folder that only its owner reads.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

/// What `testbed up` prints when all nodes are ready: the addresses in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Always true.
    pub ready: bool,
    /// The operator's WWSF.
    pub wwsf: String,
    /// The partner's WWSF.
    pub partner_wwsf: String,
    /// The WWSF that no eP-CSCF has authorised.
    pub rogue_wwsf: String,
    /// The eP-CSCF on W2.
    pub epcscf: String,
    /// The eP-CSCF on Mw.
    pub epcscf_mw: String,
    /// The I-CSCF.
    pub icscf: String,
    /// The S-CSCF.
    pub scscf: String,
    /// Metrics, health and trace.
    pub metrics: String,
    /// Where others report by HEPv3, if this process has the console.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hep: Option<SocketAddr>,
    /// The CA to trust.
    pub ca: PathBuf,
}

impl StateDir {
    /// The default: `$XDG_STATE_HOME/webrtc-ims`, else `~/.local/state/webrtc-ims`.
    pub fn default_path() -> Result<PathBuf> {
        let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        if let Some(base) = set("XDG_STATE_HOME") {
            return Ok(base.join("webrtc-ims"));
        }
        match set("HOME") {
            Some(home) => Ok(home.join(".local/state/webrtc-ims")),
            None => bail!("neither XDG_STATE_HOME nor HOME is set; say where with --state DIR"),
        }
    }

    /// Opens `path`, making it with mode 0700 when it is not there.
    pub fn open(path: &Path) -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot make the state folder {}", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The text of a file, `None` when it is not there.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        match fs::read_to_string(self.path(name)) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).with_context(|| format!("reading {}", self.path(name).display())),
        }
    }

    /// Writes a file whole or not at all, readable by others.
    pub fn write(&self, name: &str, octets: &[u8]) -> Result<()> {
        self.write_mode(name, octets, 0o644)
    }

    /// Writes a file whole or not at all, mode 0600.
    pub fn write_private(&self, name: &str, octets: &[u8]) -> Result<()> {
        self.write_mode(name, octets, 0o600)
    }

    fn write_mode(&self, name: &str, octets: &[u8], mode: u32) -> Result<()> {
        let path = self.path(name);
        let temporary = self.path(&format!(".{name}.{}", std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
            file.set_permissions(Permissions::from_mode(mode))?;
            file.write_all(octets)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().with_context(|| format!("writing {}", path.display()))
    }

    /// Notes the addresses of the testbed that runs from this folder.
    pub fn set_running(&self, ready: &Ready) -> Result<()> {
        self.write(RUNNING, serde_json::to_string(ready)?.as_bytes())
    }

    /// Forgets them.
    pub fn clear_running(&self) {
        let _ = fs::remove_file(self.path(RUNNING));
    }

    /// The addresses of the testbed that was last said to run from this folder.
    pub fn running(&self) -> Result<Option<Ready>> {
        let Some(text) = self.read(RUNNING)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).with_context(|| format!("{} is damaged", self.path(RUNNING).display()))
    }

    /// As [`StateDir::running`], with an error that says what to do when there is none.
    pub fn require_running(&self) -> Result<Ready> {
        match self.running()? {
            Some(ready) => Ok(ready),
            None => bail!(
                "no testbed runs from {}: start one with `testbed up` (or `cargo xtask demo`), or name its folder with --state",
                self.0.display()
            ),
        }
    }
}
