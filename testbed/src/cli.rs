//! The command line.

mod conformance;
mod doctor;
mod drawing;
mod lab;
mod register;
mod rotate_keys;
mod talk;
mod trace;
mod up;
mod user;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use testbed::Config;
use testbed::state::StateDir;

/// A reference testbed for WebRTC access to IMS (3GPP TS 23.228 Annex U), on one machine.
///
/// Start it with `testbed up`, open the address it names, or run a headless client against it with
/// `testbed register`, or two with `testbed call`. Every command finds a running testbed through the state folder.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Args)]
struct Common {
    /// Where certificates, keys and subscribers are kept [default: $XDG_STATE_HOME/webrtc-ims]
    #[arg(long, global = true, value_name = "DIR", env = "WEBRTC_IMS_STATE")]
    state: Option<PathBuf>,
    /// A TOML file; what it leaves out keeps its default (`testbed config` prints them)
    #[arg(long, global = true, value_name = "FILE", env = "WEBRTC_IMS_CONFIG")]
    config: Option<PathBuf>,
    /// Sets one value of the configuration, e.g. --set ports.wwsf=8444; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Common {
    fn state_path(&self) -> Result<PathBuf> {
        match &self.state {
            Some(path) => Ok(path.clone()),
            None => StateDir::default_path(),
        }
    }

    fn state(&self) -> Result<StateDir> {
        StateDir::open(&self.state_path()?)
    }

    fn config(&self) -> Result<Config> {
        self.config_from(&Config::default())
    }

    fn config_from(&self, defaults: &Config) -> Result<Config> {
        defaults.load(self.config.as_deref(), &self.set)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs all nodes; prints one JSON line when they are ready, logs on stderr
    Up(up::Up),
    /// Runs the WWSFs alone
    Wwsf(up::Alone),
    /// Runs the eP-CSCF alone
    Epcscf(up::Alone),
    /// Runs the core alone: I-CSCF, S-CSCF and HSS
    Ims(up::Alone),
    /// Registers a headless WIC by one of the three flows and draws the ladder
    Register(register::Register),
    /// Lets two headless WICs call each other and draws the ladder
    Call(talk::Call),
    /// Lets one headless WIC send another a message and draws the ladder
    Message(talk::Message),
    /// Writes what all nodes saw to a file, for Wireshark and others
    Trace(trace::Trace),
    /// Runs a lesson on a running testbed, step by step if wanted
    Lesson(lab::Lessons),
    /// Breaks one thing of a running testbed and says what comes of it
    Fault(lab::Faults),
    /// Adds, lists and removes subscribers, of a running testbed too
    User(user::User),
    /// Puts a new key in charge of a WWSF's tokens, of a running one too
    RotateKeys(rotate_keys::RotateKeys),
    /// Lists test purposes, and runs them against our nodes or somebody else's
    Conformance(conformance::Conformance),
    /// Prints the whole configuration as TOML
    Config,
    /// Checks ports, clock, certificates and versions, and says how to trust the CA
    Doctor(doctor::Doctor),
}

impl Cli {
    /// Runs the command.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let common = self.common;
        match self.command {
            Command::Up(command) => command.run(&common).await,
            Command::Wwsf(command) => command.run(&common, up::Node::Wwsf).await,
            Command::Epcscf(command) => command.run(&common, up::Node::Epcscf).await,
            Command::Ims(command) => command.run(&common, up::Node::Ims).await,
            Command::Register(command) => command.run(&common).await,
            Command::Call(command) => command.run(&common).await,
            Command::Message(command) => command.run(&common).await,
            Command::Trace(command) => command.run(&common).await,
            Command::Lesson(command) => command.run(&common).await,
            Command::Fault(command) => command.run(&common).await,
            Command::User(command) => command.run(&common).await,
            Command::RotateKeys(command) => command.run(&common),
            Command::Conformance(command) => command.run().await,
            Command::Config => {
                print!("{}", common.config()?.to_toml()?);
                Ok(ExitCode::SUCCESS)
            }
            Command::Doctor(command) => command.run(&common),
        }
    }
}
