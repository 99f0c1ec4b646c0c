//! What the nodes log, kept for purposes that look for what must not be in it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The most that is kept; the oldest goes first.
const MAX_OCTETS: usize = 32 * 1024 * 1024;

/// The log of all nodes of this process, if it could be had.
#[derive(Clone, Debug)]
pub(super) struct Logs {
    kept: Kept,
    captures: bool,
}

#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<VecDeque<u8>>>);

impl Logs {
    /// Takes over the log of this process, unless somebody has it already.
    pub(super) fn capture() -> Self {
        let kept = Kept::default();
        let filter = EnvFilter::new("off,epcscf=trace,mock_ims=trace,sip=trace,sip_net=trace,wwsf=trace,ims=trace");
        let subscriber =
            tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(kept.clone()).finish();
        let captures = tracing::subscriber::set_global_default(subscriber).is_ok();
        Self { kept, captures }
    }

    /// What there is so far; nothing where it is not captured.
    pub(super) fn text(&self) -> Option<String> {
        let octets: Vec<u8> = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        self.captures.then(|| String::from_utf8_lossy(&octets).into_owned())
    }
}

impl Write for Kept {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(octets);
        let surplus = kept.len().saturating_sub(MAX_OCTETS);
        kept.drain(..surplus);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
