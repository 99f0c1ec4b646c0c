use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ims::{Impi, Impu, Password};
use serde::{Deserialize, Serialize};

use super::{DirectoryError, UserDirectory, UserRecord};
use crate::demo::DemoUser;
use crate::file::{self, Lock, Watched};
use crate::password::{HashError, PasswordHash, Verifier};

/// Users in a TOML file, one table each, with argon2id hashes:
///
/// ```toml
/// [users.dave]
/// password = "$argon2id$v=19$…"
/// impi = "dave-wic@ims.example"
/// impu = ["sip:dave@ims.example"]
/// ```
///
/// A change to the file counts from the next login on. A file that is not
/// there is an empty one.
pub struct FileDirectory {
    users: Watched<Users>,
    demo: bool,
    verifier: Verifier,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Users {
    #[serde(default)]
    users: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    password: PasswordHash,
    impi: Impi,
    impu: Vec<Impu>,
}

impl FileDirectory {
    /// Longest user name, in octets.
    pub const MAX_USERNAME: usize = 128;

    /// Reads the file; with `demo`, the demo subscribers may log in too,
    /// unless the file has a user of that name.
    pub fn open(path: PathBuf, demo: bool) -> Result<Self, FileDirectoryError> {
        Ok(Self { users: Watched::open(path, read)?, demo, verifier: Verifier::new() })
    }

    /// Adds a user to a file, or replaces one.
    pub fn add(path: &Path, user: UserRecord, password: &Password) -> Result<(), FileDirectoryError> {
        let UserRecord { username, impi, impus } = user;
        let name_ok = (1..=Self::MAX_USERNAME).contains(&username.len())
            && !username.chars().any(|c| c.is_control() || c.is_whitespace());
        if !name_ok {
            return Err(FileDirectoryError::Username);
        }
        if impus.is_empty() {
            return Err(FileDirectoryError::NoImpu);
        }
        let entry = Entry { password: PasswordHash::of(password)?, impi, impu: impus };
        change(path, |users| users.insert(username, entry)).map(drop)
    }

    /// Takes a user out of a file; false when there was none.
    pub fn remove(path: &Path, username: &str) -> Result<bool, FileDirectoryError> {
        change(path, |users| users.remove(username)).map(|user| user.is_some())
    }

    /// The users of a file, by name.
    pub fn list(path: &Path) -> Result<Vec<UserRecord>, FileDirectoryError> {
        Ok(read(path)?.users.iter().map(|(name, entry)| entry.record(name)).collect())
    }

    fn look_up(&self, username: &str) -> Option<(UserRecord, PasswordHash)> {
        let users = self.users.current(read);
        if let Some(entry) = users.users.get(username) {
            return Some((entry.record(username), entry.password.clone()));
        }
        let demo = DemoUser::find(username).filter(|_| self.demo)?;
        Some((demo.record()?, demo.hash()?))
    }
}

impl UserDirectory for FileDirectory {
    fn authenticate<'a>(
        &'a self,
        username: &'a str,
        password: &'a Password,
    ) -> BoxFuture<'a, Result<Option<UserRecord>, DirectoryError>> {
        async move {
            let (record, hash) = self.look_up(username).unzip();
            let fits = self.verifier.verify(hash, password).await;
            Ok(record.filter(|_| fits))
        }
        .boxed()
    }

    fn find<'a>(&'a self, username: &'a str) -> BoxFuture<'a, Result<Option<UserRecord>, DirectoryError>> {
        async move { Ok(self.look_up(username).map(|(record, _)| record)) }.boxed()
    }
}

impl Entry {
    fn record(&self, username: &str) -> UserRecord {
        UserRecord { username: username.to_owned(), impi: self.impi.clone(), impus: self.impu.clone() }
    }
}

/// Why a user file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FileDirectoryError {
    /// Could not be read or written.
    #[error("user file {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not the tables that it should hold. The text of the file is not
    /// repeated, because it holds hashes.
    #[error("user file {path}: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A name that nobody could type.
    #[error("a user name has 1 to 128 octets, no spaces and no controls")]
    Username,
    /// A user without a public identity.
    #[error("a user needs at least one public identity")]
    NoImpu,
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

fn read(path: &Path) -> Result<Users, FileDirectoryError> {
    let format = |reason: String| FileDirectoryError::Format { path: path.to_owned(), reason };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Users::default()),
        Err(source) => return Err(FileDirectoryError::Io { path: path.to_owned(), source }),
    };
    let users: Users = toml::from_str(&text).map_err(|e| format(e.message().to_owned()))?;
    match users.users.iter().find(|(_, entry)| entry.impu.is_empty()) {
        Some((name, _)) => Err(format(format!("user {name} has no public identity"))),
        None => Ok(users),
    }
}

fn change<T>(path: &Path, change: impl FnOnce(&mut BTreeMap<String, Entry>) -> T) -> Result<T, FileDirectoryError> {
    let io = |source| FileDirectoryError::Io { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        file::private_dir(folder).map_err(io)?;
    }
    let _lock = Lock::of(path).map_err(io)?;
    let mut users = read(path)?;
    let result = change(&mut users.users);
    let text = toml::to_string(&users)
        .map_err(|e| FileDirectoryError::Format { path: path.to_owned(), reason: e.to_string() })?;
    file::replace(path, text.as_bytes()).map_err(io)?;
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dave() -> UserRecord {
        UserRecord {
            username: "dave".into(),
            impi: "dave-wic@ims.example".parse().unwrap(),
            impus: vec!["sip:dave@ims.example".parse().unwrap()],
        }
    }

    async fn logs_in(directory: &FileDirectory, username: &str, password: &str) -> bool {
        directory.authenticate(username, &password.into()).await.unwrap().is_some()
    }

    #[tokio::test]
    async fn a_user_added_and_removed_counts_without_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users.toml");
        let directory = FileDirectory::open(path.clone(), false).unwrap();
        assert!(!logs_in(&directory, "dave", "pw").await);

        FileDirectory::add(&path, dave(), &"pw".into()).unwrap();
        assert_eq!(FileDirectory::list(&path).unwrap(), [dave()]);
        assert!(logs_in(&directory, "dave", "pw").await);
        assert!(!logs_in(&directory, "dave", "other").await);
        assert!(!fs::read_to_string(&path).unwrap().contains("pw\""), "only a hash is kept");

        assert!(FileDirectory::remove(&path, "dave").unwrap());
        assert!(!FileDirectory::remove(&path, "dave").unwrap());
        assert!(!logs_in(&directory, "dave", "pw").await);
        assert_eq!(directory.find("dave").await.unwrap(), None);
    }

    #[tokio::test]
    async fn demo_subscribers_exist_in_a_demo_only() {
        let dir = tempfile::tempdir().unwrap();
        let open = |demo| FileDirectory::open(dir.path().join("users.toml"), demo).unwrap();
        assert!(logs_in(&open(true), "alice", "alice-web").await);
        assert!(!logs_in(&open(true), "alice", "alice-secret").await);
        assert!(!logs_in(&open(false), "alice", "alice-web").await);
    }

    #[tokio::test]
    async fn a_user_of_the_file_wins_over_a_demo_subscriber() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users.toml");
        FileDirectory::add(&path, UserRecord { username: "alice".into(), ..dave() }, &"own".into()).unwrap();
        let directory = FileDirectory::open(path, true).unwrap();
        assert!(!logs_in(&directory, "alice", "alice-web").await);
        assert!(logs_in(&directory, "alice", "own").await);
    }

    #[test]
    fn a_faulty_file_is_named_without_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users.toml");
        fs::write(&path, "[users.eve]\npassword = 'plain-text'\nimpi = 'e@x.example'\nimpu = []").unwrap();
        let error = FileDirectory::open(path, false).err().unwrap().to_string();
        assert!(error.contains("users.toml") && error.contains("argon2id"), "{error}");
        assert!(!error.contains("plain-text"), "{error}");
    }
}
