//! `testbed register`.

use super::Common;
use super::drawing::{core_records, style, trace_position, write_trace};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use ims::Scenario;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use testbed::state::Ready;
use testbed::whole_ladder;
use testbed::wic_shell::{Options, Outcome, User, Wic};
use trace::ladder;

#[derive(Debug, Args)]
pub(super) struct Register {
    /// Which of the three registration flows
    #[arg(long, value_enum)]
    flow: Flow,
    /// The subscriber: for digest a name such as alice, or an IMPI; for web-auth the web login
    #[arg(long, short)]
    user: Option<String>,
    /// The password: alice-secret for digest, alice-web for web-auth, in the demo
    #[arg(long, short, env = "WEBRTC_IMS_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// The WWSF to begin at, instead of the one of the running testbed
    #[arg(long, value_name = "HTTPS")]
    url: Option<String>,
    /// The eP-CSCF to register at, instead of the one that the testbed or the WWSF names
    #[arg(long, value_name = "WSS")]
    epcscf: Option<String>,
    /// The CA to trust, instead of the testbed's
    #[arg(long, value_name = "PEM")]
    ca: Option<PathBuf>,
    /// The expiry to ask for, in seconds
    #[arg(long, default_value_t = 3600)]
    expires: u64,
    /// Prints the outcome as one JSON object instead of the ladder
    #[arg(long)]
    json: bool,
    /// Writes what all nodes saw to a file: .pcapng for Wireshark, .svg, .mmd or .json
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Stays registered until interrupted
    #[arg(long)]
    stay: bool,
}

/// The flows, as the command line names them.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Flow {
    /// Flow 1: SIP Digest with the IMS password
    Digest,
    /// Flow 2: web login, token, TNA
    WebAuth,
    /// Flow 3: one IMPU out of the partner's wildcard range
    Wildcard,
}

impl Register {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode> {
        let state = common.state()?;
        let running = state.running()?;
        let ready = match (&running, &self.url, &self.ca) {
            (Some(ready), ..) => Some(ready.clone()),
            (None, Some(_), Some(_)) => None,
            (None, ..) => Some(state.require_running().context("--url and --ca say where else to register")?),
        };
        let options = self.options(ready.as_ref(), &common.config()?.wwsf.realm)?;
        let since = trace_position(ready.as_ref()).await;
        let mut wic = Wic::start(&options)?;
        let outcome = wic.outcome().await;
        self.report(&outcome, ready.as_ref(), since).await?;
        if outcome.is_registered() && self.stay {
            eprintln!("registered; Ctrl-C ends it");
            tokio::signal::ctrl_c().await?;
        }
        if outcome.is_registered() {
            wic.deregister().await;
        }
        Ok(if outcome.is_registered() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn options(&self, ready: Option<&Ready>, domain: &str) -> Result<Options> {
        let password = || self.password.clone().context("--password is missing: this flow needs the subscriber's");
        let name = || self.user.clone().context("--user is missing: who registers, e.g. --user alice?");
        let (user, wwsf) = match self.flow {
            Flow::Digest => (User::digest(&name()?, domain, password()?)?, ready.map(|r| &r.wwsf)),
            Flow::WebAuth => (User::Web { username: name()?, password: password()?.into() }, ready.map(|r| &r.wwsf)),
            Flow::Wildcard => {
                let login = match (&self.user, &self.password) {
                    (Some(user), Some(password)) => Some((user.clone(), password.clone().into())),
                    (None, None) => None,
                    _ => bail!("--user and --password belong together"),
                };
                (User::Guest { login }, ready.map(|r| &r.partner_wwsf))
            }
        };
        let wwsf = self.url.as_ref().or(wwsf).context("--url is missing: where is the WWSF?")?;
        let ca = self.ca.as_ref().or(ready.map(|r| &r.ca)).context("--ca is missing: which CA is to be trusted?")?;
        let epcscf = match self.flow {
            Flow::Digest => self.epcscf.clone().or_else(|| ready.map(|r| r.epcscf.clone())),
            _ => self.epcscf.clone(),
        };
        Ok(Options {
            epcscf,
            expires: Duration::from_secs(self.expires),
            ..Options::new(user, wwsf.clone(), ca.clone())
        })
    }

    async fn report(&self, outcome: &Outcome, ready: Option<&Ready>, since: u64) -> Result<()> {
        let records = whole_ladder(outcome, core_records(ready, since).await);
        write_trace(self.trace.as_deref(), &records)?;
        if self.json {
            println!("{}", outcome.to_json());
            return Ok(());
        }
        println!("{}", heading(outcome.scenario));
        print!("{}", ladder::draw(&records, style()));
        match &outcome.result {
            Ok(binding) => println!(
                "\nregistered {} for {} s in {} ms",
                binding.impus.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                binding.granted.as_secs(),
                outcome.elapsed.as_millis()
            ),
            Err(failure) => eprintln!("\nnot registered: {failure}"),
        }
        Ok(())
    }
}

fn heading(scenario: Scenario) -> String {
    let name = match scenario {
        Scenario::ImsDigest => "IMS digest",
        Scenario::WebAuth => "web authentication, TNA",
        Scenario::WildcardRange => "one IMPU out of a wildcard range",
    };
    format!("flow {}: {name}", scenario.number())
}
