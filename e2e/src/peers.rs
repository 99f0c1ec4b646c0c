//! Clients and tools by others: JsSIP and SIP.js in a page, SIPp on the core's side, Kamailio in
//! a node's place, and tshark, which
//! reads what was sent.

use crate::Tab;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::UdpSocket;
use tokio::process::{Child, ChildStdout, Command};

/// How long SIPp and tshark may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Loads `js/peer-{name}.js`, with the library that it drives, into a page, and starts it.
///
/// # Errors
/// When the library is not installed, or does not start.
pub async fn load(tab: &Tab, name: &str, options: &Value) -> Result<()> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    let esbuild = dir.join("node_modules/.bin/esbuild");
    ensure!(esbuild.exists(), "the clients by others are not installed: cargo xtask setup does it");
    let entry = format!("peer-{name}.js");
    let bundle = run(Command::new(esbuild).arg(&entry).args(["--bundle", "--format=iife"]).current_dir(dir)).await?;
    let script = String::from_utf8(bundle.stdout)?;
    tab.evaluate::<bool>(&format!("{script}\n; peer.start({options})")).await?;
    Ok(())
}

/// An address that is free now, for a program that can't be given a socket.
pub fn free_udp() -> Result<SocketAddr> {
    Ok(std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// SIPp, running one of the scenarios in `sipp/`.
pub struct Sipp {
    child: Child,
    log: PathBuf,
    _dir: tempfile::TempDir,
}

impl Sipp {
    /// Starts one call of `scenario` from `local` with `remote`, whose Request-URI, if it calls, is
    /// `target`.
    pub fn start(scenario: &str, local: SocketAddr, remote: &str, target: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let log = dir.path().join("errors.log");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp").join(scenario).with_extension("xml");
        let child = Command::new("sipp")
            .arg(remote)
            .args(["-i", &local.ip().to_string(), "-p", &local.port().to_string()])
            .args(["-s", target, "-m", "1", "-l", "1", "-r", "1", "-nostdin", "-timeout", "40s", "-timeout_error"])
            .args(["-trace_err", "-error_file"])
            .arg(&log)
            .arg("-sf")
            .arg(file)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting sipp (Debian: sip-tester)")?;
        Ok(Self { child, log, _dir: dir })
    }

    /// Waits for its end; an error when the call did not go as the scenario has it.
    pub async fn finish(mut self) -> Result<()> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("SIPp does not end")??;
        if status.success() {
            return Ok(());
        }
        let log = tokio::fs::read_to_string(&self.log).await.unwrap_or_default();
        bail!("SIPp ended with {status}:\n{log}")
    }
}

/// Kamailio, running one of the configurations in `kamailio/`.
pub struct Kamailio {
    _child: Child,
    _dir: tempfile::TempDir,
}

impl Kamailio {
    /// Starts it and waits until it answers SIP at `listen` (UDP).
    pub async fn start(config: &str, listen: SocketAddr, defines: &[&str]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("kamailio").join(config).with_extension("cfg");
        let child = Command::new("kamailio")
            .arg("-f")
            .arg(file)
            .args(["-l", &format!("udp:{listen}"), "-DD", "-E", "-m", "64", "-M", "8", "-Y"])
            .arg(dir.path())
            .args(defines.iter().flat_map(|define| ["-A", define]))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting kamailio (Debian: kamailio)")?;
        let kamailio = Self { _child: child, _dir: dir };
        kamailio.answers(listen).await?;
        Ok(kamailio)
    }

    async fn answers(&self, listen: SocketAddr) -> Result<()> {
        let socket = UdpSocket::bind((listen.ip(), 0)).await?;
        socket.connect(listen).await?;
        let local = socket.local_addr()?;
        let options = format!(
            "OPTIONS sip:{listen} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKup;rport\r\nMax-Forwards: 0\r\n\
             From: <sip:up@{local}>;tag=1\r\nTo: <sip:{listen}>\r\nCall-ID: up@{local}\r\nCSeq: 1 OPTIONS\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let mut again = tokio::time::interval(Duration::from_millis(100));
        let mut answer = [0; 2048];
        let asked = async {
            loop {
                tokio::select! {
                    _ = again.tick() => drop(socket.send(options.as_bytes()).await),
                    // Until it listens, the port is unreachable and the socket says so.
                    read = socket.recv(&mut answer) => if read.is_ok() { break },
                }
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.context("Kamailio does not answer")
    }
}

/// What goes over loopback, from its start on.
pub struct Capture {
    _child: Child,
    stdout: ChildStdout,
    octets: Vec<u8>,
    /// It talks to itself, so that the capture is known to have come as far as what it says.
    mark: UdpSocket,
}

impl Capture {
    /// Starts to capture what goes to and from these ports, and waits until it does.
    pub async fn start(ports: &[u16]) -> Result<Self> {
        let mark = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        mark.connect(mark.local_addr()?).await?;
        let ports = ports.iter().copied().chain([mark.local_addr()?.port()]);
        let filter = ports.map(|port| format!("port {port}")).collect::<Vec<_>>().join(" or ");
        let mut child = Command::new("dumpcap")
            .args(["-q", "-i", "lo", "-f", &filter, "-w", "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting dumpcap (Debian: wireshark-common)")?;
        let stdout = child.stdout.take().context("dumpcap's stdout")?;
        let mut capture = Self { _child: child, stdout, octets: Vec::new(), mark };
        capture.reach("the capture begins").await?;
        Ok(capture)
    }

    /// Ends it; what was captured can be read now.
    pub async fn finish(mut self) -> Result<Captured> {
        self.reach("the capture ends").await?;
        let file = tempfile::NamedTempFile::new()?;
        tokio::fs::write(file.path(), &self.octets).await?;
        Ok(Captured { file })
    }

    /// Sends `text` until it has been captured.
    async fn reach(&mut self, text: &str) -> Result<()> {
        let mut again = tokio::time::interval(Duration::from_millis(100));
        let deadline = tokio::time::sleep(PATIENCE);
        tokio::pin!(deadline);
        while !self.octets.windows(text.len()).any(|window| window == text.as_bytes()) {
            tokio::select! {
                read = self.stdout.read_buf(&mut self.octets) => ensure!(read? > 0, "dumpcap has ended"),
                _ = again.tick() => drop(self.mark.send(text.as_bytes()).await?),
                () = &mut deadline => bail!("dumpcap captures nothing"),
            }
        }
        Ok(())
    }
}

/// A capture that has ended.
pub struct Captured {
    file: tempfile::NamedTempFile,
}

impl Captured {
    /// One that somebody else has written.
    pub fn of(octets: &[u8]) -> Result<Self> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), octets)?;
        Ok(Self { file })
    }

    /// Has tshark dissect the frames that `filter` selects, and gives `fields` of each, separated by
    /// tabs. `how` are its options: the secrets of TLS, which port speaks what.
    pub async fn dissect(&self, how: &[String], filter: &str, fields: &[&str]) -> Result<Vec<String>> {
        let mut command = Command::new("tshark");
        command.arg("-r").arg(self.file.path()).args(["-n", "-Y", filter, "-T", "fields"]).args(how);
        for field in fields {
            command.args(["-e", field]);
        }
        let output = run(&mut command).await?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }
}

async fn run(command: &mut Command) -> Result<Output> {
    let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    let output = output.with_context(|| format!("{command:?} does not end"))?;
    let output = output.with_context(|| format!("starting {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}
