//! What a browser has to download.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::say;

/// The files' sizes as they are and as a server sends them.
pub(crate) struct Sizes(Vec<Size>);

impl Sizes {
    pub(super) fn of(files: impl IntoIterator<Item = PathBuf>) -> Result<Self> {
        files.into_iter().map(|file| Size::of(&file)).collect::<Result<_>>().map(Self)
    }

    /// Prints a table in bytes, with the sum below.
    pub(crate) fn print(&self) {
        eprint!("{}", self.table());
    }

    fn table(&self) -> String {
        let sum = self.0.iter().fold(Size::empty("together"), |sum, size| sum.plus(size));
        let heading = format!("     {:<20}{:>9}{:>9}{:>9}", "bytes", "raw", "gzip", "brotli");

        let mut table = say::paint(say::DIM, &heading) + "\n";
        for size in self.0.iter().chain([&sum]) {
            let Size { name, raw, gzip, brotli } = size;
            table += &format!("     {name:<20}{raw:>9}{gzip:>9}{brotli:>9}\n");
        }
        table
    }
}

struct Size {
    name: String,
    raw: usize,
    gzip: usize,
    brotli: usize,
}

impl Size {
    fn of(file: &Path) -> Result<Self> {
        let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self { raw: content.len(), gzip: gzip(&content)?, brotli: brotli(&content)?, ..Self::empty(&name) })
    }

    fn empty(name: &str) -> Self {
        Self { name: name.to_owned(), raw: 0, gzip: 0, brotli: 0 }
    }

    fn plus(self, other: &Self) -> Self {
        Self { raw: self.raw + other.raw, gzip: self.gzip + other.gzip, brotli: self.brotli + other.brotli, ..self }
    }
}

fn gzip(content: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.len())
}

fn brotli(content: &[u8]) -> Result<usize> {
    let params = brotli::enc::BrotliEncoderParams::default();
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut compressed, &params)?;
    Ok(compressed.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_weighs_each_file_and_all_together() {
        let dir = tempfile::tempdir().expect("a folder");
        let files = [("a.js", 1000), ("b.wasm", 3000)].map(|(name, bytes)| {
            let file = dir.path().join(name);
            fs::write(&file, vec![b'x'; bytes]).expect("a file");
            file
        });

        let sizes = Sizes::of(files).expect("sizes");

        let table = sizes.table();
        let raw: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(raw, ["1000", "3000", "4000"], "{table}");
        assert!(sizes.0.iter().all(|size| size.gzip < 100 && size.brotli < 100));
    }
}
