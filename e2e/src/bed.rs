//! A testbed on free ports, with a state folder of its own, and a browser that trusts it.

use crate::{Chromium, Tab};
use anyhow::Result;
use testbed::config::Ports;
use testbed::state::Ready;
use testbed::up::Nodes;
use testbed::{Config, Testbed};

/// A running testbed and a browser; all of it goes when this is dropped.
pub struct Bed {
    /// The nodes.
    pub testbed: Testbed,
    /// Their addresses.
    pub ready: Ready,
    browser: Option<Chromium>,
    state: tempfile::TempDir,
}

impl Bed {
    /// Starts all nodes on free ports, with the defaults but for what `change` changes.
    pub async fn start(change: impl FnOnce(&mut Config)) -> Result<Self> {
        Self::start_nodes(Nodes::ALL, change).await
    }

    /// As [`Bed::start`], without the nodes that something by others stands in for.
    pub async fn start_nodes(nodes: Nodes, change: impl FnOnce(&mut Config)) -> Result<Self> {
        let state = tempfile::tempdir()?;
        let mut config = Config { ports: Ports::any(), ..Config::default() };
        for wwsf in [&mut config.wwsf, &mut config.partner_wwsf, &mut config.rogue_wwsf] {
            wwsf.assets = vec![root("wic-wasm/dist")];
            // To compress them takes seconds: once is enough for all tests.
            wwsf.asset_cache = Some(root("target/asset-cache"));
        }
        change(&mut config);
        let testbed = Testbed::start_nodes(config, state.path(), nodes).await?;
        let ready = testbed.ready().clone();
        Ok(Self { testbed, ready, browser: None, state })
    }

    /// As [`Bed::start`], with a browser.
    pub async fn with_browser(change: impl FnOnce(&mut Config)) -> Result<Self> {
        let mut bed = Self::start(change).await?;
        bed.browser = Some(Chromium::launch(&bed.testbed.pki().leaf_spki_sha256()?).await?);
        Ok(bed)
    }

    /// Opens a page in a fresh profile.
    pub async fn open(&self, url: &str) -> Result<Tab> {
        self.browser.as_ref().expect("a bed with a browser").open(url).await
    }

    /// As [`Bed::open`], after running `script` in the page before any of its own.
    pub async fn open_with(&self, url: &str, script: &str) -> Result<Tab> {
        self.browser.as_ref().expect("a bed with a browser").open_with(url, script).await
    }

    /// The state folder.
    pub fn state(&self) -> &std::path::Path {
        self.state.path()
    }

    /// How many messages with this summary crossed Mw at the I-CSCF so far.
    pub fn core_messages(&self) -> usize {
        self.testbed.hub().since(0).iter().filter(|r| r.node == "icscf" || r.node == "scscf").count()
    }
}

fn root(path: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
