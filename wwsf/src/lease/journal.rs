use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Lease;
use crate::file;

/// Leases as lines of JSON; the last line of a number counts.
///
/// A line reaches the kernel before the identity is given out, so no kill of
/// the process loses one. It is not forced to the disk: when the machine dies,
/// the eP-CSCF and its registrations die with it.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
}

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    number: u32,
    guest: std::borrow::Cow<'a, str>,
    ends: u64,
}

impl Journal {
    const SLACK: usize = 1000;

    /// Reads what is there, and writes it anew without what has ended.
    pub(super) fn open(path: &Path, now: u64) -> Result<(Self, Vec<(String, Lease)>), JournalError> {
        let fault = |source| JournalError { path: path.to_owned(), source };
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(fault(error)),
        };
        let records: Vec<_> = text
            .split(|octet| *octet == b'\n')
            .filter_map(|line| serde_json::from_slice::<Record<'_>>(line).ok())
            .map(|record| (record.guest.into_owned(), Lease { number: record.number, ends: record.ends }))
            .filter(|(_, lease)| now < lease.ends)
            .collect();
        let mut journal = Self { path: path.to_owned(), file: file::append_to(path).map_err(fault)?, lines: 0 };
        journal.rewrite(records.iter().map(|(guest, lease)| (guest.as_str(), *lease)))?;
        Ok((journal, records))
    }

    pub(super) fn append(&mut self, guest: &str, lease: Lease) -> Result<(), JournalError> {
        self.file.write_all(&line(guest, lease)).map_err(|e| self.fault(e))?;
        self.lines += 1;
        Ok(())
    }

    /// Whether most lines say nothing any more.
    pub(super) fn is_long_for(&self, leases: usize) -> bool {
        self.lines > 2 * leases + Self::SLACK
    }

    pub(super) fn rewrite<'a>(&mut self, leases: impl Iterator<Item = (&'a str, Lease)>) -> Result<(), JournalError> {
        let mut text = Vec::new();
        self.lines = 0;
        for (guest, lease) in leases {
            text.extend_from_slice(&line(guest, lease));
            self.lines += 1;
        }
        file::replace(&self.path, &text).map_err(|e| self.fault(e))?;
        self.file = file::append_to(&self.path).map_err(|e| self.fault(e))?;
        Ok(())
    }

    fn fault(&self, source: io::Error) -> JournalError {
        JournalError { path: self.path.clone(), source }
    }
}

/// The record of leases cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("lease file {path}: {source}")]
pub struct JournalError {
    path: PathBuf,
    source: io::Error,
}

fn line(guest: &str, lease: Lease) -> Vec<u8> {
    let record = Record { number: lease.number, guest: guest.into(), ends: lease.ends };
    let mut line = serde_json::to_vec(&record).unwrap_or_default();
    line.push(b'\n');
    line
}
