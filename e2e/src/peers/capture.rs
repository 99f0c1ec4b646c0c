//! What goes over loopback, captured and dissected by tshark.

use super::{PATIENCE, run};
use anyhow::{Context, Result, bail, ensure};
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::UdpSocket;
use tokio::process::{Child, ChildStdout, Command};

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
