use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Encoding;
use crate::file;

/// Compressed forms on disk, by the hash of what they were made of: the
/// smallest brotli takes a second for a large WASM, and starting again should not.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Files that stay; each build of the WIC brings a few.
    const KEEP: usize = 500;

    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        file::private_dir(folder)?;
        let cache = Self { folder: folder.to_owned() };
        cache.prune()?;
        Ok(cache)
    }

    /// The compressed form; none when it cannot be made.
    ///
    /// The cache only saves time, so trouble with it is a warning.
    pub(super) fn compressed(&self, hash: &str, encoding: Encoding, content: &[u8]) -> Option<Vec<u8>> {
        let path = self.folder.join(format!("{hash}.{}", encoding.token()?));
        // What was cut short or came from elsewhere must not reach a browser.
        if let Ok(cached) = fs::read(&path)
            && expand(encoding, &cached, content.len()).is_ok_and(|expanded| expanded == content)
        {
            return Some(cached);
        }
        let compressed = compress(encoding, content).ok()?;
        if let Err(error) = file::replace(&path, &compressed) {
            tracing::warn!(file = %path.display(), %error, "cannot keep a compressed asset");
        }
        Some(compressed)
    }

    fn prune(&self) -> io::Result<()> {
        let mut files: Vec<_> = fs::read_dir(&self.folder)?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
            })
            .collect();
        let surplus = files.len().saturating_sub(Self::KEEP);
        files.sort();
        for (_, path) in files.into_iter().take(surplus) {
            // Another server may have been first.
            let _ = fs::remove_file(path);
        }
        Ok(())
    }
}

fn compress(encoding: Encoding, content: &[u8]) -> io::Result<Vec<u8>> {
    match encoding {
        Encoding::Brotli => {
            let mut writer = brotli::CompressorWriter::new(Vec::new(), 4096, 11, 22);
            writer.write_all(content)?;
            writer.flush()?;
            Ok(writer.into_inner())
        }
        Encoding::Gzip => {
            let mut writer = GzEncoder::new(Vec::new(), Compression::best());
            writer.write_all(content)?;
            writer.finish()
        }
        Encoding::Identity => Ok(content.to_vec()),
    }
}

/// At most one octet more than expected: enough to see that it differs.
fn expand(encoding: Encoding, compressed: &[u8], expected: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(expected).unwrap_or(u64::MAX).saturating_add(1);
    let mut content = Vec::with_capacity(expected);
    match encoding {
        Encoding::Brotli => brotli::Decompressor::new(compressed, 4096).take(limit).read_to_end(&mut content)?,
        Encoding::Gzip => flate2::read::GzDecoder::new(compressed).take(limit).read_to_end(&mut content)?,
        Encoding::Identity => compressed.take(limit).read_to_end(&mut content)?,
    };
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_entry_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let content = b"content ".repeat(100);
        for encoding in [Encoding::Brotli, Encoding::Gzip] {
            let good = cache.compressed("h", encoding, &content).unwrap();
            assert_eq!(expand(encoding, &good, content.len()).unwrap(), content);
            let path = dir.path().join(format!("h.{}", encoding.token().unwrap()));
            assert_eq!(fs::read(&path).unwrap(), good);
            fs::write(&path, good.get(..good.len() / 2).unwrap()).unwrap();
            assert_eq!(cache.compressed("h", encoding, &content).unwrap(), good);
            assert_eq!(fs::read(&path).unwrap(), good);
        }
    }

    #[test]
    fn the_cache_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..Cache::KEEP + 20 {
            fs::write(dir.path().join(n.to_string()), "").unwrap();
        }
        Cache::open(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), Cache::KEEP);
    }
}
