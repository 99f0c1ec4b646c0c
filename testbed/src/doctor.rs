//! What may stand between a person and a working demo, and how to mend it.

use crate::config::{Config, Ports};
use crate::pki::Pki;
use crate::state::StateDir;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it went.
    pub verdict: Verdict,
    /// What was looked at.
    pub what: String,
    /// What was found, and what to do about it.
    pub detail: String,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Good,
    /// The demo works, something else may not.
    Note,
    /// The demo can't work.
    Bad,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Bad => "BAD",
        })
    }
}

/// Runs all checks.
pub fn examine(state: &StateDir, config: &Config) -> Vec<Finding> {
    let running = state.running().ok().flatten().is_some_and(|ready| is_listening(&ready.metrics));
    let mut findings = vec![
        finding(Verdict::Good, "version", format!("testbed {}", env!("CARGO_PKG_VERSION"))),
        clock(),
        loopback_v6(),
    ];
    if running {
        findings.push(finding(Verdict::Good, "testbed", "one is running from this state folder"));
    } else {
        findings.extend(ports(config));
    }
    findings.extend(certificates(state));
    findings.push(browser());
    findings
}

/// How to make a browser trust the CA.
pub fn how_to_trust(ca: &Path) -> String {
    let ca = ca.display();
    format!(
        "To trust the development CA (its key never leaves this machine; remove it when you are done):\n\
         \n\
         Chromium, Chrome (Linux)  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n webrtc-ims -i {ca}\n\
         \x20                         (certutil is in the package libnss3-tools)\n\
         Firefox                   Settings, Privacy & Security, View Certificates, Authorities, Import: {ca}\n\
         Debian, Ubuntu (system)   sudo cp {ca} /usr/local/share/ca-certificates/webrtc-ims.crt && sudo update-ca-certificates\n\
         macOS                     security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {ca}\n\
         \n\
         Or trust nothing: open each WWSF's page and the eP-CSCF's page (https://localhost:7443/) once and accept\n\
         the certificate there. A browser does not ask when a page opens a WebSocket, it just fails.\n"
    )
}

fn finding(verdict: Verdict, what: &str, detail: impl Into<String>) -> Finding {
    Finding { verdict, what: what.to_owned(), detail: detail.into() }
}

fn clock() -> Finding {
    // Nothing was built before this, so a clock that says so is wrong.
    const BUILT_AFTER: u64 = 1_760_000_000;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    if now < BUILT_AFTER {
        return finding(
            Verdict::Bad,
            "clock",
            "is years behind: certificates and tokens will be refused; set the time",
        );
    }
    finding(Verdict::Good, "clock", "plausible; all nodes and the browser read the same one")
}

fn loopback_v6() -> Finding {
    match TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        Ok(_) => finding(Verdict::Good, "IPv6 loopback", "::1 is there; browsers try it first for localhost"),
        Err(e) => {
            finding(Verdict::Note, "IPv6 loopback", format!("::1 can't be used ({e}); 127.0.0.1 alone will serve"))
        }
    }
}

fn ports(config: &Config) -> Vec<Finding> {
    let Ports { wwsf, partner_wwsf, rogue_wwsf, epcscf, epcscf_mw, icscf, scscf, metrics, .. } = config.ports;
    let localhost = IpAddr::from([127, 0, 0, 1]);
    let mut taken = Vec::new();
    let tcp = [
        ("wwsf", wwsf),
        ("partner_wwsf", partner_wwsf),
        ("rogue_wwsf", rogue_wwsf),
        ("epcscf", epcscf),
        ("epcscf_mw", epcscf_mw),
        ("icscf", icscf),
        ("scscf", scscf),
        ("metrics", metrics),
    ];
    for (name, port) in tcp {
        let addr = SocketAddr::new(localhost, port);
        let udp_too = matches!(name, "epcscf_mw" | "icscf" | "scscf");
        let free = TcpListener::bind(addr).is_ok() && (!udp_too || UdpSocket::bind(addr).is_ok());
        if !free {
            let detail = format!("{addr} is taken; another one with --set ports.{name}=PORT (0 is any free one)");
            taken.push(finding(Verdict::Bad, &format!("port {port}"), detail));
        }
    }
    if taken.is_empty() {
        taken.push(finding(Verdict::Good, "ports", "all are free"));
    }
    taken
}

fn certificates(state: &StateDir) -> Vec<Finding> {
    match Pki::load_or_make(state) {
        Ok(pki) => vec![finding(Verdict::Good, "certificates", format!("CA at {}", pki.ca_path.display()))],
        Err(e) => vec![finding(
            Verdict::Bad,
            "certificates",
            format!("{e:#}; remove ca.* and leaf.* from the state folder to have them made anew"),
        )],
    }
}

fn browser() -> Finding {
    for name in ["chromium", "google-chrome", "chromium-browser", "firefox"] {
        if let Ok(output) = Command::new(name).arg("--version").output()
            && output.status.success()
        {
            let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            return finding(Verdict::Good, "browser", version);
        }
    }
    finding(Verdict::Note, "browser", "none found on PATH; `testbed register` needs none, the demo page does")
}

fn is_listening(url: &str) -> bool {
    let addr = url.trim_start_matches("http://").trim_end_matches('/').parse::<SocketAddr>();
    addr.is_ok_and(|addr| std::net::TcpStream::connect_timeout(&addr, Duration::from_secs(1)).is_ok())
}
