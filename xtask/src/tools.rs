//! Finds what a step needs and installs what is missing, or says exactly what to install.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{say, shell};

/// The names under which a browser that the tests can drive is found.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Makes sure of a Chromium for the browser tests.
pub(crate) fn chromium() -> Result<()> {
    let given = std::env::var_os("CHROMIUM").is_some_and(|path| Path::new(&path).is_file());
    if given || shell::which(BROWSERS).is_some() {
        return Ok(());
    }
    apt_install(&["chromium", "fonts-dejavu-core"])
        .context("the browser tests need Chromium or Chrome, on the PATH or named by CHROMIUM")
}

/// Makes sure of node and npm: for shrinking the WIC, and for the tests against other people's clients.
pub(crate) fn node() -> Result<()> {
    programs(&[("node", "nodejs"), ("npm", "npm")]).context("node 18 or newer and npm are needed")
}

/// Makes sure of SIPp, a plain SIP user on the core's side, of Kamailio in a node's place, and of tshark, which
/// reads what was sent.
pub(crate) fn sip_testers() -> Result<()> {
    let wanted = [("sipp", "sip-tester"), ("tshark", "tshark"), ("dumpcap", "wireshark-common")];
    programs(&wanted).and_then(|()| kamailio()).context("the tests need SIPp, Kamailio, tshark and dumpcap")
}

/// Makes sure of Kamailio with the modules that its configurations load, which Debian has in packages of their own.
fn kamailio() -> Result<()> {
    const MODULES: [(&str, &str); 3] = [
        ("tls.so", "kamailio-tls-modules"),
        ("websocket.so", "kamailio-websocket-modules"),
        ("outbound.so", "kamailio-outbound-modules"),
    ];
    let mut missing = Vec::new();
    if shell::which(["kamailio"]).is_none() {
        missing.push("kamailio");
    }
    missing.extend(MODULES.iter().filter(|(file, _)| !has_module(file)).map(|(_, package)| *package));
    apt_install(&missing)
}

/// Whether a module is where distributions have them: under `/usr/lib`, or in a folder for the architecture there.
fn has_module(file: &str) -> bool {
    let of_architectures = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    std::iter::once("/usr/lib".into())
        .chain(of_architectures)
        .any(|folder| folder.join("kamailio/modules").join(file).is_file())
}

/// Makes sure of a component of the toolchain, such as clippy.
pub(crate) fn component(name: &str) -> Result<()> {
    let subcommand = if name == "rustfmt" { "fmt" } else { name };
    if shell::output(shell::cargo().args([subcommand, "--version"])).is_ok() {
        return Ok(());
    }
    if shell::which(["rustup"]).is_none() {
        bail!("cargo {subcommand} is missing: install the {name} that belongs to your Rust");
    }
    say::step(&format!("Adding {name} to the toolchain"), || {
        shell::run_aside(Command::new("rustup").args(["component", "add", name]))
    })
}

/// Installs the packages of those programs that are not on the PATH.
fn programs(wanted: &[(&str, &'static str)]) -> Result<()> {
    let missing: Vec<_> =
        wanted.iter().filter(|(program, _)| shell::which([program]).is_none()).map(|(_, package)| *package).collect();
    apt_install(&missing)
}

/// Installs Debian packages when root; otherwise the error is the command to type.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if shell::which(["apt-get"]).is_none() {
        bail!("this is no Debian: install what Debian calls {list}");
    }
    if !is_root()? {
        bail!("not root, so please run: sudo apt-get install --no-install-recommends {list}");
    }

    say::step(&format!("Installing {list}"), || {
        // Old lists name packages that have been replaced since; a failure shows in the install.
        let _ = shell::run_aside(apt().args(["update", "-q"]));
        shell::run_aside(apt().args(["install", "-q", "-y", "--no-install-recommends"]).args(packages))
    })
}

/// Brings `node_modules` of the package in `dir` in line with its lock.
pub(crate) fn npm_install(dir: &Path) -> Result<()> {
    if shell::which(["npm"]).is_none() {
        bail!("npm is not installed");
    }
    if is_installed(dir)? {
        return Ok(());
    }
    let what = dir.strip_prefix(shell::root()).unwrap_or(dir).display();
    say::step(&format!("Installing the npm packages of {what}"), || {
        shell::run_aside(
            Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(dir),
        )
    })
}

/// npm leaves a lock of its own behind; an older one than ours is out of date.
fn is_installed(dir: &Path) -> io::Result<bool> {
    let wanted = fs::metadata(dir.join("package-lock.json"))?.modified()?;
    match fs::metadata(dir.join("node_modules/.package-lock.json")) {
        Ok(installed) => Ok(installed.modified()? >= wanted),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> Result<bool> {
    Ok(shell::output(Command::new("id").arg("-u"))? == "0")
}
