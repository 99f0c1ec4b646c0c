//! How an operator's command reaches the HSS: over a Unix socket when one
//! runs, straight on the store when none does. One JSON line each way.

use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{AdminAnswer, AdminError, AdminRequest, Hss, HssConfig, RedbStore, StoreError};

/// The store's file in the HSS's folder.
pub const STORE_FILE: &str = "hss.redb";

/// The socket's file in the HSS's folder.
pub const SOCKET_FILE: &str = "hss.sock";

/// How long either side waits for the other's line.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest request, in octets.
const MAX_REQUEST: u64 = 64 * 1024;

/// Longest answer, in octets.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;

/// Why an operator's command did not take effect.
#[derive(Debug, thiserror::Error)]
pub enum AdministerError {
    /// The HSS says no.
    #[error(transparent)]
    Refused(#[from] AdminError),
    /// The store cannot be opened; when it is in use, its process has no socket (yet).
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The running HSS cannot be talked to.
    #[error("cannot talk to the running HSS: {0}")]
    Socket(#[from] io::Error),
}

/// Does what an operator asks in a folder that holds an HSS, running or not.
///
/// What the S-CSCF would be told is lost when none runs: then nobody is connected either.
pub fn administer(folder: &Path, config: HssConfig, request: AdminRequest) -> Result<AdminAnswer, AdministerError> {
    match UnixStream::connect(folder.join(SOCKET_FILE)) {
        Ok(stream) => return Ok(ask(stream, &request)??),
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(error.into()),
    }
    let store = RedbStore::open(&folder.join(STORE_FILE))?;
    Ok(Hss::open(config, Box::new(store))?.admin(request)?)
}

/// Listens for operators until it is dropped.
#[derive(Debug)]
pub struct AdminSocket {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl AdminSocket {
    /// Listens in a folder, on a socket that only its owner may open, and
    /// hands each request to `handle`, one at a time, on a thread of its own.
    ///
    /// # Errors
    /// When the socket cannot be made, or another process listens there.
    pub fn serve(
        folder: &Path,
        mut handle: impl FnMut(AdminRequest) -> Result<AdminAnswer, AdminError> + Send + 'static,
    ) -> io::Result<Self> {
        let path = folder.join(SOCKET_FILE);
        let listener = listen(&path)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("hss-admin".into()).spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let served = stream.and_then(|stream| serve_one(stream, &mut handle));
                if let Err(error) = served {
                    tracing::warn!(%error, "an operator's request was cut off");
                }
            }
        })?;
        Ok(Self { path, stop, thread: Some(thread) })
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // A connection wakes the thread; without one it would not see the flag.
        if UnixStream::connect(&self.path).is_ok()
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread for operators' requests panicked");
        }
        // Gone already is as good.
        let _ = fs::remove_file(&self.path);
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    match UnixStream::connect(path) {
        Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
        // Left behind by a process that was killed.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn serve_one(
    stream: UnixStream,
    handle: &mut impl FnMut(AdminRequest) -> Result<AdminAnswer, AdminError>,
) -> io::Result<()> {
    let line = read_line(&stream, MAX_REQUEST)?;
    let result = match serde_json::from_str(&line) {
        Ok(request) => handle(request),
        // The text stays out: it may hold a password.
        Err(_) => Err(AdminError::Invalid("not a request that this HSS knows".into())),
    };
    write_line(&stream, &result)
}

fn ask(stream: UnixStream, request: &AdminRequest) -> io::Result<Result<AdminAnswer, AdminError>> {
    write_line(&stream, request)?;
    let line = read_line(&stream, MAX_ANSWER)?;
    Ok(serde_json::from_str(&line)?)
}

fn read_line(stream: &UnixStream, limit: u64) -> io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.take(limit)).read_line(&mut line)?;
    match line.ends_with('\n') {
        true => Ok(line),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn write_line(mut stream: &UnixStream, value: &impl serde::Serialize) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Whether nobody can be listening: no socket, a left-over one, or a path too long for any.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, InvalidInput, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | InvalidInput)
}
