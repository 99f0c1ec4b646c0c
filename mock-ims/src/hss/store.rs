use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::record::{Pool, Subscription};

/// Where an HSS keeps what it must not forget.
pub trait Store {
    /// Everything that was committed.
    fn load(&mut self) -> Result<Snapshot, StoreError>;

    /// Makes changes durable, all or none; returns when a crash cannot lose them.
    fn commit(&mut self, changes: &[Change<'_>]) -> Result<(), StoreError>;
}

/// What a store holds.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// All subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// All pools.
    pub pools: Vec<Pool>,
}

/// A record's new value by its name; `None` deletes it.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Of a subscription.
    Subscription(&'a str, Option<&'a Subscription>),
    /// Of a pool.
    Pool(&'a str, Option<&'a Pool>),
}

/// Why a store cannot do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open: ask that one.
    #[error("the subscriber store is in use by another process")]
    InUse,
    /// Written by another version of this program.
    #[error("the subscriber store has format {found}, this program reads {known}")]
    Format {
        /// What the store says.
        found: u64,
        /// What this program reads.
        known: u64,
    },
    /// A record cannot be read, or contradicts another.
    #[error("record {0} of the subscriber store is damaged")]
    Corrupt(String),
    /// The file cannot be opened.
    #[error("cannot open {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database below failed.
    #[error("the subscriber store failed: {0}")]
    Database(Box<redb::Error>),
}

const FORMAT: u64 = 1;
/// Memory for pages, in octets: the records themselves are held by the HSS.
const CACHE: usize = 4 << 20;
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const SUBSCRIPTIONS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("subscriptions");
const POOLS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("pools");

/// A store in one file that only its owner may read (mode 0600).
pub struct RedbStore {
    database: Database,
}

impl RedbStore {
    /// Opens a store, or makes an empty one.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open { path: path.to_owned(), source };
        let file = open_private(path).map_err(failed)?;
        let backend = FileBackend::new(file).map_err(database_error)?;
        let database = match Database::builder().set_cache_size(CACHE).create_with_backend(backend) {
            Ok(database) => database,
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(StoreError::InUse),
            Err(error) => return Err(database_error(error)),
        };
        let store = Self { database };
        store.check_format()?;
        Ok(store)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let transaction = self.database.begin_write().map_err(database_error)?;
        let found = {
            let mut meta = transaction.open_table(META).map_err(database_error)?;
            transaction.open_table(SUBSCRIPTIONS).map_err(database_error)?;
            transaction.open_table(POOLS).map_err(database_error)?;
            let found = meta.get("format").map_err(database_error)?.map(|value| value.value());
            if found.is_none() {
                meta.insert("format", FORMAT).map_err(database_error)?;
            }
            found.unwrap_or(FORMAT)
        };
        if found != FORMAT {
            return Err(StoreError::Format { found, known: FORMAT });
        }
        transaction.commit().map_err(database_error)
    }
}

impl Store for RedbStore {
    fn load(&mut self) -> Result<Snapshot, StoreError> {
        let transaction = self.database.begin_read().map_err(database_error)?;
        let subscriptions = transaction.open_table(SUBSCRIPTIONS).map_err(database_error)?;
        let pools = transaction.open_table(POOLS).map_err(database_error)?;
        Ok(Snapshot { subscriptions: read_all(&subscriptions)?, pools: read_all(&pools)? })
    }

    fn commit(&mut self, changes: &[Change<'_>]) -> Result<(), StoreError> {
        // The default durability: commit returns when the data is on the disk.
        let transaction = self.database.begin_write().map_err(database_error)?;
        {
            let mut subscriptions = transaction.open_table(SUBSCRIPTIONS).map_err(database_error)?;
            let mut pools = transaction.open_table(POOLS).map_err(database_error)?;
            for change in changes {
                match *change {
                    Change::Subscription(name, value) => write(&mut subscriptions, name, value)?,
                    Change::Pool(name, value) => write(&mut pools, name, value)?,
                }
            }
        }
        transaction.commit().map_err(database_error)
    }
}

type Bytes = &'static [u8];

fn read_all<T: DeserializeOwned>(table: &impl ReadableTable<&'static str, Bytes>) -> Result<Vec<T>, StoreError> {
    let mut records = Vec::new();
    for entry in table.iter().map_err(database_error)? {
        let (name, value) = entry.map_err(database_error)?;
        let record = serde_json::from_slice(value.value());
        records.push(record.map_err(|_| StoreError::Corrupt(name.value().to_owned()))?);
    }
    Ok(records)
}

fn write(
    table: &mut redb::Table<'_, &'static str, Bytes>,
    name: &str,
    value: Option<&impl Serialize>,
) -> Result<(), StoreError> {
    match value {
        Some(record) => {
            let bytes = serde_json::to_vec(record).map_err(|_| StoreError::Corrupt(name.to_owned()))?;
            table.insert(name, bytes.as_slice()).map_err(database_error)?;
        }
        None => {
            table.remove(name).map_err(database_error)?;
        }
    }
    Ok(())
}

fn database_error(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Database(Box::new(error.into()))
}

#[cfg(unix)]
fn open_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // A file that was there already, with a wider mode, is closed to others too.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(not(unix))]
fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// A store for tests: clones share what they hold, and it can be made to fail.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    subscriptions: BTreeMap<String, Subscription>,
    pools: BTreeMap<String, Pool>,
    commits: usize,
    failing: bool,
}

impl MemoryStore {
    /// Makes commits fail, or work again.
    pub fn fail(&self, failing: bool) {
        self.memory(|memory| memory.failing = failing);
    }

    /// How many commits there were.
    pub fn commits(&self) -> usize {
        self.memory(|memory| memory.commits)
    }

    fn memory<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Snapshot, StoreError> {
        Ok(self.memory(|memory| Snapshot {
            subscriptions: memory.subscriptions.values().cloned().collect(),
            pools: memory.pools.values().cloned().collect(),
        }))
    }

    fn commit(&mut self, changes: &[Change<'_>]) -> Result<(), StoreError> {
        self.memory(|memory| {
            if memory.failing {
                return Err(database_error(redb::Error::Io(io::Error::other("made to fail"))));
            }
            memory.commits += 1;
            for change in changes {
                match *change {
                    Change::Subscription(name, value) => replace(&mut memory.subscriptions, name, value),
                    Change::Pool(name, value) => replace(&mut memory.pools, name, value),
                }
            }
            Ok(())
        })
    }
}

fn replace<T: Clone>(records: &mut BTreeMap<String, T>, name: &str, value: Option<&T>) {
    match value {
        Some(value) => records.insert(name.to_owned(), value.clone()),
        None => records.remove(name),
    };
}
