//! `testbed up`, and each node alone.

use super::Common;
use anyhow::{Context, Result};
use clap::Args;
use std::io::IsTerminal;
use std::process::ExitCode;
use testbed::config::Ports;
use testbed::up::Nodes;
use testbed::{Config, Testbed};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Args)]
pub(super) struct Up {
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
pub(super) struct Alone {
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
struct Run {
    /// Takes any free port for every listener that --set or --config gives none
    #[arg(long)]
    any_ports: bool,
    /// What to log, on stderr: error, warn, info, debug, trace, or a filter such as epcscf=debug
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = "info")]
    log: String,
}

/// A node that can run alone.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node {
    Wwsf,
    Epcscf,
    Ims,
}

impl Up {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode> {
        self.run.run(common, Nodes::ALL).await
    }
}

impl Alone {
    pub(super) async fn run(self, common: &Common, node: Node) -> Result<ExitCode> {
        let none = Nodes { wwsf: false, epcscf: false, ims: false };
        let nodes = match node {
            Node::Wwsf => Nodes { wwsf: true, ..none },
            Node::Epcscf => Nodes { epcscf: true, ..none },
            Node::Ims => Nodes { ims: true, ..none },
        };
        self.run.run(common, nodes).await
    }
}

impl Run {
    async fn run(self, common: &Common, nodes: Nodes) -> Result<ExitCode> {
        let filter = EnvFilter::try_new(&self.log).with_context(|| format!("--log {:?} is no filter", self.log))?;
        // At their finest these print what passes over TLS, passwords and tokens included.
        let filter = ["hyper", "h2", "rustls", "reqwest", "tungstenite", "tokio_tungstenite"]
            .into_iter()
            .try_fold(filter, |filter, name| {
                Ok::<_, anyhow::Error>(filter.add_directive(format!("{name}=info").parse()?))
            })?;
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        tracing_subscriber::fmt().with_ansi(colour).with_env_filter(filter).with_writer(std::io::stderr).init();
        let ports = if self.any_ports { Ports::any() } else { Ports::default() };
        let config = common.config_from(&Config { ports, ..Config::default() })?;
        // Before anything listens, so that a signal during the start is not lost.
        let mut terminate = signal(SignalKind::terminate())?;
        let testbed = Testbed::start_nodes(config, &common.state_path()?, nodes).await?;
        println!("{}", serde_json::to_string(testbed.ready())?);
        tokio::select! {
            stop = tokio::signal::ctrl_c() => stop?,
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        testbed.shutdown().await;
        Ok(ExitCode::SUCCESS)
    }
}
