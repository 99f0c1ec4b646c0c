//! Kamailio, in a node's place.

use super::{PATIENCE, run};
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UdpSocket;
use tokio::process::{Child, Command};

/// Kamailio, running one of the configurations in `kamailio/`. It ends with this.
pub struct Kamailio {
    child: Child,
    listen: SocketAddr,
    _dir: TempDir,
}

impl Kamailio {
    /// The version that is installed: `5.6.3`.
    pub async fn version() -> Result<String> {
        let output = run(Command::new("kamailio").arg("-v")).await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.strip_prefix("version: kamailio ").and_then(|rest| rest.split(' ').next());
        Ok(version.with_context(|| format!("Kamailio tells no version: {text}"))?.to_owned())
    }

    /// Starts it and waits until it answers SIP at `listen` (UDP). `more` are further options.
    pub async fn start(config: &str, listen: SocketAddr, more: &[String]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let log = dir.path().join("log");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("kamailio").join(config).with_extension("cfg");
        let child = Command::new("kamailio")
            .arg("-f")
            .arg(file)
            .args(["-l", &format!("udp:{listen}"), "-DD", "-E", "-m", "64", "-M", "8", "-Y"])
            .arg(dir.path())
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            // Its processes are a group, which ends as one.
            .process_group(0)
            .spawn()
            .context("starting kamailio (Debian: kamailio)")?;
        let mut kamailio = Self { child, listen, _dir: dir };
        tokio::select! {
            answered = answers(listen) => answered?,
            ended = kamailio.child.wait() => {
                bail!("Kamailio ended with {}: {}", ended?, std::fs::read_to_string(log)?);
            }
        }
        Ok(kamailio)
    }

    /// Waits until it answers SIP; an error when it does not.
    pub async fn answers(&self) -> Result<()> {
        answers(self.listen).await
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        if let Some(group) = self.child.id() {
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status();
        }
    }
}

async fn answers(listen: SocketAddr) -> Result<()> {
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
