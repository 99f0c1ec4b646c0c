//! Small files: written whole, private, and read again when they change.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Replaces a file in one step; a crash leaves the old one or the new one.
///
/// The file is readable by its owner only.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    // A crash may have left one behind, with who knows what mode.
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

/// Opens a private file for appending, made when it is not there.
pub(crate) fn append_to(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().append(true).create(true)).open(path)
}

/// Makes a directory that only its owner can enter, and those above it.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Whether someone else than the owner may read a file.
pub(crate) fn is_open_to_others(file: &fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o077 != 0;
    #[cfg(not(unix))]
    return {
        let _ = file;
        false
    };
}

/// Holds other processes off while a file is read, changed and replaced.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock of this file; dropping it lets go.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let file = append_to(&path.with_extension("lock"))?;
        file.lock()?;
        Ok(Self { _file: file })
    }
}

/// What a file says, read again when the file was replaced or changed.
///
/// Looking costs one `stat`.
pub(crate) struct Watched<T> {
    path: PathBuf,
    state: Mutex<State<T>>,
}

struct State<T> {
    stamp: Option<Stamp>,
    value: Arc<T>,
}

impl<T> Watched<T> {
    /// Reads the file for the first time.
    pub(crate) fn open<E>(path: PathBuf, read: impl FnOnce(&Path) -> Result<T, E>) -> Result<Self, E> {
        // The stamp comes first: a change during the read is seen at the next look.
        let stamp = Stamp::of(&path);
        let value = Arc::new(read(&path)?);
        Ok(Self { path, state: Mutex::new(State { stamp, value }) })
    }

    /// The present content; the last good one when the file has become unreadable.
    pub(crate) fn current<E: std::fmt::Display>(&self, read: impl FnOnce(&Path) -> Result<T, E>) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of(&self.path);
        if stamp == state.stamp {
            return Arc::clone(&state.value);
        }
        state.stamp = stamp;
        match read(&self.path) {
            Ok(value) => {
                tracing::info!(file = %self.path.display(), "read again after a change");
                state.value = Arc::new(value);
            }
            Err(error) => {
                tracing::error!(file = %self.path.display(), %error, "cannot read it; keeping what it said before");
            }
        }
        Arc::clone(&state.value)
    }
}

/// Tells versions of a file apart. A replaced file has another inode even
/// within one tick of the file system's clock.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Some(Self { modified: metadata.modified().ok(), len: metadata.len(), inode })
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> io::Result<String> {
        fs::read_to_string(path)
    }

    #[test]
    fn a_replaced_file_is_private_and_seen_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        replace(&path, b"one").unwrap();
        assert!(!is_open_to_others(&fs::metadata(&path).unwrap()));
        let watched = Watched::open(path.clone(), text).unwrap();
        assert_eq!(*watched.current(text), "one");
        replace(&path, b"two").unwrap();
        assert_eq!(*watched.current(text), "two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn an_unreadable_file_leaves_the_last_good_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        replace(&path, b"one").unwrap();
        let watched = Watched::open(path.clone(), text).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(*watched.current(text), "one");
        replace(&path, b"three").unwrap();
        assert_eq!(*watched.current(text), "three");
    }
}
