//! Kamailio under test: the profiles that users copy, with addresses of the moment, and a process of
//! its own for each purpose.

use crate::peers::{self, Kamailio};
use anyhow::{Context, Result};
use conformance::Boxed;
use conformance::lab::{CoreControl, CoreUnderTest, EdgeControl, EdgeUnderTest, Lab, Setup, WwsfUnderTest};
use conformance::profile::{Profile, ProfileLab};
use conformance::script::{Log, Pki};
use conformance::tester::Limits;
use conformance::verdict::{Outcome, Stop};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// Most of a purpose's time here is spent waiting for what does not come.
const PARALLEL: usize = 8;

/// Kamailio with one of the configurations in `kamailio/`.
pub(super) struct KamailioLab {
    config: &'static str,
    profile: Profile,
    limits: Limits,
    /// `ca.pem`, `leaf.pem` and `leaf.key`, as the profile names them.
    certificates: TempDir,
}

impl KamailioLab {
    pub(super) fn new(config: &'static str, version: &str, limits: Limits) -> Result<Self> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("kamailio").join(config).with_extension("toml");
        let mut profile = Profile::read(&file)?;
        let role = profile.system.split_once(" as ").context("the profile's system is no `Kamailio … as …`")?.1;
        profile.system = format!("Kamailio {version} as {role}");
        let pki = Pki::new(&["localhost"])?;
        let certificates = tempfile::tempdir()?;
        for (name, pem) in [("ca.pem", &pki.ca_pem), ("leaf.pem", &pki.certificate_pem), ("leaf.key", &pki.key_pem)] {
            std::fs::write(certificates.path().join(name), pem)?;
        }
        profile.folder = certificates.path().to_owned();
        Ok(Self { config, profile, limits, certificates })
    }

    fn profiled(&self, change: impl FnOnce(&mut Profile)) -> Outcome<ProfileLab> {
        let mut profile = self.profile.clone();
        change(&mut profile);
        ProfileLab::new(profile, self.limits).map_err(|e| Stop::Inconclusive(e.to_string()))
    }

    async fn start_edge(&self, setup: &Setup, log: &Log) -> Outcome<EdgeUnderTest> {
        let (w2, mw) = (port()?, port()?);
        let lab = self.profiled(|profile| {
            if let Some(epcscf) = &mut profile.epcscf {
                epcscf.url = format!("wss://localhost:{}", w2.port());
                epcscf.mw = Some(mw);
                epcscf.core = (Ipv4Addr::LOCALHOST, 0).into();
            }
        })?;
        let mut edge = lab.edge(setup, log).await?;
        let define = |name: &str, value: &str| ["-A".to_owned(), format!("{name}=\"{value}\"")];
        let certificate = |name: &str| self.certificates.path().join(name).display().to_string();
        let options = [
            define("CORE", &format!("sip:{}", edge.core.addr())),
            define("ORIGIN", &edge.operator.origin),
            define("CERTIFICATE", &certificate("leaf.pem")),
            define("KEY", &certificate("leaf.key")),
            ["-l".to_owned(), format!("tls:{w2}")],
        ];
        edge.control = self.start(mw, &options.concat()).await?;
        edge.wss.addr = w2;
        Ok(edge)
    }

    async fn start_core(&self, setup: &Setup, log: &Log) -> Outcome<CoreUnderTest> {
        let listen = port()?;
        let lab = self.profiled(|profile| {
            if let Some(core) = &mut profile.core {
                core.address = listen;
            }
        })?;
        let running = self.start(listen, &[]).await?;
        let mut core = lab.core(setup, log).await?;
        core.control = running;
        Ok(core)
    }

    async fn start(&self, listen: SocketAddr, options: &[String]) -> Outcome<Arc<Running>> {
        let kamailio = Kamailio::start(self.config, listen, options).await;
        Ok(Arc::new(Running(kamailio.map_err(|e| Stop::Inconclusive(format!("{e:#}")))?)))
    }
}

impl Lab for KamailioLab {
    fn system(&self) -> String {
        self.profile.system.clone()
    }

    fn parallel(&self) -> usize {
        PARALLEL
    }

    fn claims(&self, claim: &str) -> bool {
        self.profile.claims.iter().any(|claimed| claimed == claim)
    }

    fn edge<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<EdgeUnderTest>> {
        Box::pin(self.start_edge(setup, log))
    }

    fn core<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<CoreUnderTest>> {
        Box::pin(self.start_core(setup, log))
    }

    fn wwsf<'a>(&'a self, _setup: &'a Setup, _log: &'a Log) -> Boxed<'a, Outcome<WwsfUnderTest>> {
        Box::pin(async { Err(Stop::NotApplicable("Kamailio is no WWSF".into())) })
    }
}

/// A port at an address on loopback that is no other's, so that nobody takes it before Kamailio listens there.
fn port() -> Outcome<SocketAddr> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let own = std::process::id().wrapping_mul(256).wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed));
    let [_, a, b, c] = own.to_be_bytes();
    // 127.128.0.0 to 127.254.255.255.
    let address = Ipv4Addr::new(127, 0x80 | a & 0x7e, b, c);
    peers::free_port_at(address).map_err(|e| Stop::Inconclusive(format!("{e:#}")))
}

/// A process that lives as long as its purpose.
struct Running(Kamailio);

impl EdgeControl for Running {
    fn alive(&self) -> Boxed<'_, bool> {
        Box::pin(async { self.0.answers().await.is_ok() })
    }
}

impl CoreControl for Running {
    fn alive(&self) -> Boxed<'_, bool> {
        Box::pin(async { self.0.answers().await.is_ok() })
    }
}
