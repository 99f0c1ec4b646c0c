//! Software by others under test, and what it was found to do before.

mod kamailio;
mod record;
mod sipp;

use crate::peers::Kamailio;
use crate::wics;
use anyhow::{Context, Result};
use conformance::engine::{self, Progress, Selection};
use conformance::purpose::Role;
use conformance::report::Report;
use conformance::tester::Limits;
use kamailio::KamailioLab;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use record::{Change, Comparison, Record};

/// A system by others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Kamailio as the registrar behind an eP-CSCF.
    KamailioRegistrar,
    /// Kamailio as an edge for SIP over WebSocket.
    KamailioEdge,
    /// SIPp as the peer of our nodes.
    Sipp,
    /// Our own WIC, in the browser of others.
    WicInTheBrowser,
    /// JsSIP as a WIC.
    JsSip,
    /// SIP.js as a WIC.
    SipJs,
}

impl System {
    /// All of them, those first that take the least time.
    pub const ALL: [Self; 6] =
        [Self::KamailioRegistrar, Self::Sipp, Self::WicInTheBrowser, Self::JsSip, Self::SipJs, Self::KamailioEdge];

    /// Its name on the command line, and that of its record.
    pub fn name(self) -> &'static str {
        match self {
            Self::KamailioRegistrar => "kamailio-registrar",
            Self::KamailioEdge => "kamailio-edge",
            Self::Sipp => "sipp",
            Self::WicInTheBrowser => "wic-in-the-browser",
            Self::JsSip => "jssip",
            Self::SipJs => "sipjs",
        }
    }

    /// What is tested.
    pub fn title(self) -> &'static str {
        match self {
            Self::KamailioRegistrar => "Kamailio as the registrar behind an eP-CSCF",
            Self::KamailioEdge => "Kamailio as an edge for SIP over WebSocket",
            Self::Sipp => "SIPp in the place of an eP-CSCF and of a core, around our nodes",
            Self::WicInTheBrowser => "our WIC in Chromium",
            Self::JsSip => "JsSIP as a WIC, in Chromium",
            Self::SipJs => "SIP.js as a WIC, in Chromium",
        }
    }

    /// Runs the purposes that are for it.
    ///
    /// # Errors
    /// When it is not installed.
    pub async fn run(self, progress: impl FnMut(Progress<'_>)) -> Result<Report> {
        match self {
            Self::KamailioRegistrar => kamailio("registrar", vec![Role::Icscf, Role::Scscf], progress).await,
            Self::KamailioEdge => kamailio("edge", vec![Role::Epcscf], progress).await,
            Self::Sipp => sipp::run(progress).await,
            Self::WicInTheBrowser => wics::own(progress).await,
            Self::JsSip => wics::jssip(progress).await,
            Self::SipJs => wics::sipjs(progress).await,
        }
    }

    /// Where its record is.
    pub fn path(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/interop").join(self.name()).with_extension("md")
    }

    /// How a report differs from the record.
    ///
    /// # Errors
    /// When there is no record.
    pub fn compare(self, report: &Report) -> Result<Comparison> {
        let path = self.path();
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Record::parse(&text).compare(&Record::of(report)))
    }

    /// Writes the record anew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn update(self, report: &Report) -> Result<()> {
        let path = self.path();
        std::fs::write(&path, report.to_markdown()).with_context(|| format!("writing {}", path.display()))
    }
}

async fn kamailio(config: &'static str, roles: Vec<Role>, progress: impl FnMut(Progress<'_>)) -> Result<Report> {
    // Silence is what many purposes end with here.
    let limits = Limits { answer: Duration::from_secs(3), ..Limits::default() };
    let lab = KamailioLab::new(config, &Kamailio::version().await?, limits)?;
    let selection = Selection { roles, ..Selection::default() };
    Ok(engine::run(Arc::new(lab), &selection, limits, progress).await)
}
