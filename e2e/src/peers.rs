//! Clients and tools by others: JsSIP and SIP.js in a page, SIPp on the core's side, Kamailio in
//! a node's place, and tshark, which reads what was sent.

mod capture;
mod kamailio;
mod sipp;

use crate::Tab;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use tokio::process::Command;

pub use capture::{Capture, Captured};
pub use kamailio::Kamailio;
pub use sipp::Sipp;

/// How long these may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Loads `js/peer-{name}.js`, with the library that it drives, into a page, and starts it.
///
/// # Errors
/// When the library is not installed, or does not start.
pub async fn load(tab: &Tab, name: &str, options: &Value) -> Result<()> {
    let script = bundle(name).await?;
    tab.evaluate::<bool>(&format!("{script}\n; peer.start({options})")).await?;
    Ok(())
}

/// `js/peer-{name}.js` and the library that it drives, as one script.
///
/// # Errors
/// When the library is not installed.
pub async fn bundle(name: &str) -> Result<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    let esbuild = dir.join("node_modules/.bin/esbuild");
    ensure!(esbuild.exists(), "the clients by others are not installed: cargo xtask setup does it");
    let entry = format!("peer-{name}.js");
    let bundle = run(Command::new(esbuild).arg(&entry).args(["--bundle", "--format=iife"]).current_dir(dir)).await?;
    Ok(String::from_utf8(bundle.stdout)?)
}

/// A port that is free now over UDP and TCP, for a program that can't be given a socket.
pub fn free_port() -> Result<SocketAddr> {
    free_port_at(Ipv4Addr::LOCALHOST)
}

/// As [`free_port`], at another address.
pub fn free_port_at(address: Ipv4Addr) -> Result<SocketAddr> {
    loop {
        let udp = std::net::UdpSocket::bind((address, 0))?;
        let addr = udp.local_addr()?;
        if std::net::TcpListener::bind(addr).is_ok() {
            return Ok(addr);
        }
    }
}

async fn run(command: &mut Command) -> Result<Output> {
    let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    let output = output.with_context(|| format!("{command:?} does not end"))?;
    let output = output.with_context(|| format!("starting {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}
