//! WICs in a browser as systems under test: ours, JsSIP and SIP.js.
//!
//! The client is in a page whose clock the test moves (`js/clock.js`), its eP-CSCF is the script's. Our
//! WIC comes from a WWSF of ours, with its tokens; the others stand in an empty page of the script's.

mod client;
mod page;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use conformance::Boxed;
use conformance::engine::{self, Progress, Selection};
use conformance::lab::{CoreUnderTest, EdgeUnderTest, Lab, Setup, WicAccess, WicUnderTest, WwsfUnderTest};
use conformance::purpose::Role;
use conformance::report::Report;
use conformance::script::{Epcscf, Log};
use conformance::tester::Limits;
use conformance::verdict::{Outcome, Stop};
use testbed::bench::OwnNodes;

use crate::Chromium;
use client::Client;
use page::PageWic;

/// How many pages there are at a time.
const AT_A_TIME: usize = 4;

/// Tests our WIC in the browser, by all purposes for WICs; `progress` is told of each.
///
/// # Errors
/// When the browser or the WWSF cannot be started.
pub async fn own(progress: impl FnMut(Progress<'_>)) -> Result<Report> {
    test(Client::Own, progress).await
}

/// Tests JsSIP, as [`own`].
///
/// # Errors
/// When the browser cannot be started, or JsSIP is not installed.
pub async fn jssip(progress: impl FnMut(Progress<'_>)) -> Result<Report> {
    test(Client::JsSip, progress).await
}

/// Tests SIP.js, as [`own`].
///
/// # Errors
/// When the browser cannot be started, or SIP.js is not installed.
pub async fn sipjs(progress: impl FnMut(Progress<'_>)) -> Result<Report> {
    test(Client::SipJs, progress).await
}

async fn test(client: Client, progress: impl FnMut(Progress<'_>)) -> Result<Report> {
    let limits = Limits::default();
    let nodes = OwnNodes::new(limits)?;
    let browser = Chromium::launch(&nodes.pki().spki_sha256).await?;
    let (system, script) = (client.name()?, client.script().await?);
    let lab = std::sync::Arc::new(Pages { client, system, script, nodes, browser, limits });
    let selection = Selection { roles: vec![Role::Wic], ..Selection::default() };
    Ok(engine::run(lab, &selection, limits, progress).await)
}

/// A fresh page for each purpose.
struct Pages {
    client: Client,
    system: String,
    script: String,
    nodes: OwnNodes,
    browser: Chromium,
    limits: Limits,
}

impl Pages {
    async fn open(&self, access: WicAccess, setup: &Setup, log: &Log) -> Result<PageWic> {
        let epcscf = Epcscf::start(self.nodes.pki(), log).await?;
        let within = self.limits.answer;
        if self.client != Client::Own {
            return PageWic::of_others(&self.browser, self.client, &self.script, access, epcscf, within).await;
        }
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let setup = setup
            .clone()
            .with("wss_url", epcscf.url())
            .with("assets", format!("[{:?}]", root.join("wic-wasm/dist")))
            // To compress them takes seconds: once is enough for all tests.
            .with("asset_cache", format!("{:?}", root.join("target/asset-cache")));
        let wwsf = self.nodes.wwsf(&setup, log).await;
        let wwsf = wwsf.map_err(|stop| anyhow::anyhow!("{stop:?}")).context("starting the WWSF")?;
        PageWic::of_ours(&self.browser, wwsf, access, epcscf, within, log).await
    }
}

impl Lab for Pages {
    fn system(&self) -> String {
        self.system.clone()
    }

    fn parallel(&self) -> usize {
        AT_A_TIME
    }

    fn claims(&self, claim: &str) -> bool {
        self.client.claims(claim)
    }

    fn edge<'a>(&'a self, _setup: &'a Setup, _log: &'a Log) -> Boxed<'a, Outcome<EdgeUnderTest>> {
        Box::pin(async { Err(only_wics()) })
    }

    fn core<'a>(&'a self, _setup: &'a Setup, _log: &'a Log) -> Boxed<'a, Outcome<CoreUnderTest>> {
        Box::pin(async { Err(only_wics()) })
    }

    fn wwsf<'a>(&'a self, _setup: &'a Setup, _log: &'a Log) -> Boxed<'a, Outcome<WwsfUnderTest>> {
        Box::pin(async { Err(only_wics()) })
    }

    fn wic<'a>(
        &'a self,
        access: WicAccess,
        setup: &'a Setup,
        log: &'a Log,
    ) -> Boxed<'a, Outcome<Box<dyn WicUnderTest>>> {
        Box::pin(async move {
            let wic = self.open(access, setup, log).await.map_err(|error| browser(&error))?;
            Ok(Box::new(wic) as Box<dyn WicUnderTest>)
        })
    }
}

fn only_wics() -> Stop {
    Stop::NotApplicable("only WICs are under test".into())
}

/// What fails here is not the WIC's doing.
fn browser(error: &anyhow::Error) -> Stop {
    Stop::Inconclusive(format!("the browser: {error:#}"))
}

fn millis(time: Duration) -> u128 {
    time.as_millis()
}
