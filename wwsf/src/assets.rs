//! Scripts, styles, icons and the WASM: named by content, compressed once.

mod cache;
mod embedded;
mod encoding;
mod links;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::entropy;
use cache::Cache;
pub(crate) use encoding::Encoding;

/// The assets of a page, each under a name that says its content.
///
/// `wic.js` is served as `/assets/wic.<hash>.js` and may be kept for ever;
/// references from one asset to another are rewritten to these names.
#[derive(Debug)]
pub struct Assets {
    by_name: BTreeMap<String, String>,
    by_path: HashMap<String, Asset>,
}

/// One asset in every encoding that makes it smaller.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) content_type: &'static str,
    pub(crate) hash: String,
    pub(crate) identity: Bytes,
    pub(crate) brotli: Option<Bytes>,
    pub(crate) gzip: Option<Bytes>,
}

impl Assets {
    /// The folder of the addresses.
    pub const PREFIX: &'static str = "/assets/";

    const MAX_FILES: usize = 1000;
    const MAX_LEN: u64 = 32 << 20;

    /// Reads the built-in assets and those of the folders, the later ones
    /// winning. Compressed forms are taken from `cache` or made and kept there.
    ///
    /// A folder that is not there counts as empty: the WIC may not be built yet.
    pub fn load(folders: &[PathBuf], cache: &Path) -> Result<Self, AssetsError> {
        let mut files: BTreeMap<String, Vec<u8>> =
            embedded::FILES.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
        for folder in folders {
            read_folder(folder, folder, &mut files)?;
        }
        Self::bundle(files, Self::PREFIX, cache)
    }

    /// The assets of another page, served below `prefix`. A page among them (`….html`) has its
    /// references rewritten as scripts and styles have.
    pub fn bundle(files: BTreeMap<String, Vec<u8>>, prefix: &str, cache: &Path) -> Result<Self, AssetsError> {
        let cache = Cache::open(cache).map_err(|e| AssetsError::io(cache, e))?;
        let mut assets = Self { by_name: BTreeMap::new(), by_path: HashMap::new() };
        for (name, content) in links::resolve(files, prefix)? {
            let hash = entropy::fingerprint(&content);
            let hash = hash.get(..16).unwrap_or_default().to_owned();
            let path = format!("{prefix}{}", hashed_name(&name, &hash));
            let asset = Asset::new(&name, hash, content, &cache);
            assets.by_path.insert(path.clone(), asset);
            assets.by_name.insert(name, path);
        }
        Ok(assets)
    }

    /// The address of an asset by its plain name, such as `wic.js`.
    pub fn url(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(String::as_str)
    }

    /// Plain names and addresses.
    pub fn urls(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_name.iter().map(|(name, url)| (name.as_str(), url.as_str()))
    }

    /// The answer to a GET of `path`, in the smallest encoding that the client takes; it may be kept
    /// for ever, for the content is in the name.
    pub fn respond(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        Some(self.find(path)?.respond(headers, "public, max-age=31536000, immutable"))
    }

    /// As [`Assets::respond`], by the plain name and asked for anew each time: for a page.
    pub fn respond_page(&self, name: &str, headers: &HeaderMap) -> Option<Response> {
        Some(self.find(self.url(name)?)?.respond(headers, "no-cache"))
    }

    pub(crate) fn find(&self, path: &str) -> Option<&Asset> {
        self.by_path.get(path)
    }
}

impl Asset {
    fn new(name: &str, hash: String, content: Vec<u8>, cache: &Cache) -> Self {
        let content_type = content_type(name);
        let compressed = |encoding| match is_compressible(content_type) {
            true => cache.compressed(&hash, encoding, &content).filter(|c| c.len() < content.len()).map(Bytes::from),
            false => None,
        };
        let (brotli, gzip) = (compressed(Encoding::Brotli), compressed(Encoding::Gzip));
        Self { content_type, hash, identity: content.into(), brotli, gzip }
    }

    fn respond(&self, headers: &HeaderMap, cache_control: &'static str) -> Response {
        let encoding = Encoding::negotiate(headers, |encoding| self.body(encoding).is_some());
        let etag = self.etag(encoding);
        let mut response = match is_fresh(headers, &etag) {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => self.body(encoding).unwrap_or(&self.identity).clone().into_response(),
        };
        let head = response.headers_mut();
        head.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        head.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
        head.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            head.insert(header::ETAG, etag);
        }
        if let Some(token) = encoding.token() {
            head.insert(header::CONTENT_ENCODING, HeaderValue::from_static(token));
        }
        response
    }

    /// The content in this encoding, if it exists.
    pub(crate) fn body(&self, encoding: Encoding) -> Option<&Bytes> {
        match encoding {
            Encoding::Brotli => self.brotli.as_ref(),
            Encoding::Gzip => self.gzip.as_ref(),
            Encoding::Identity => Some(&self.identity),
        }
    }

    /// Another one for each encoding (RFC 9110 §8.8.3).
    pub(crate) fn etag(&self, encoding: Encoding) -> String {
        match encoding.token() {
            Some(token) => format!("\"{}-{token}\"", self.hash),
            None => format!("\"{}\"", self.hash),
        }
    }
}

/// Whether the client has this version (RFC 9110 §13.1.2).
pub(crate) fn is_fresh(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// Why there are no assets.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    /// A file could not be read, or the cache not be made.
    #[error("asset {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// More or larger files than a page can want.
    #[error("asset folder {path}: more than 1000 files, or one of more than 32 MiB")]
    TooMuch {
        /// The folder.
        path: PathBuf,
    },
    /// Assets whose names depend on each other's content.
    #[error("assets refer to each other in a circle: {0}")]
    Circle(String),
}

impl AssetsError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

fn read_folder(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), AssetsError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound && root == folder => return Ok(()),
        Err(error) => return Err(AssetsError::io(folder, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|e| AssetsError::io(folder, e))?;
        let path = entry.path();
        let io = |e| AssetsError::io(&path, e);
        let kind = entry.file_type().map_err(io)?;
        if kind.is_dir() {
            read_folder(root, &path, files)?;
            continue;
        }
        let Some(name) = asset_name(root, &path).filter(|_| kind.is_file()) else {
            continue;
        };
        if entry.metadata().map_err(io)?.len() > Assets::MAX_LEN || files.len() >= Assets::MAX_FILES {
            return Err(AssetsError::TooMuch { path: root.to_owned() });
        }
        files.insert(name, fs::read(&path).map_err(io)?);
    }
    Ok(())
}

/// The name below the folder, if the file is of a kind that a page uses.
fn asset_name(root: &Path, path: &Path) -> Option<String> {
    let name = path.strip_prefix(root).ok()?.to_str()?.replace('\\', "/");
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
    (plain && !name.starts_with('.') && !name.ends_with(".d.ts") && content_type(&name) != UNKNOWN).then_some(name)
}

/// `a/wic.js` becomes `a/wic.<hash>.js`.
fn hashed_name(name: &str, hash: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{hash}.{extension}"),
        None => format!("{name}.{hash}"),
    }
}

const UNKNOWN: &str = "application/octet-stream";

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("mp3") => "audio/mpeg",
        Some("ogg") => "audio/ogg",
        Some("txt") => "text/plain; charset=utf-8",
        _ => UNKNOWN,
    }
}

fn is_compressible(content_type: &str) -> bool {
    !matches!(content_type, "image/png" | "image/webp" | "font/woff2" | "audio/mpeg" | "audio/ogg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_wins_over_what_is_built_in_and_other_files_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let dist = dir.path().join("dist");
        fs::create_dir_all(dist.join("snippets/x")).unwrap();
        for (name, content) in [
            ("wic.js", "import './snippets/x/inline0.js'; new URL('wic_bg.wasm', import.meta.url)"),
            ("wic_bg.wasm", "\0asm"),
            ("wic.d.ts", "export {}"),
            (".hidden.js", ""),
            ("README.md", ""),
            ("snippets/x/inline0.js", "1"),
        ] {
            fs::write(dist.join(name), content).unwrap();
        }
        let assets = Assets::load(&[dist], &dir.path().join("cache")).unwrap();
        let wic = assets.find(assets.url("wic.js").unwrap()).unwrap();
        let text = std::str::from_utf8(&wic.identity).unwrap();
        assert!(text.contains(assets.url("wic_bg.wasm").unwrap()), "{text}");
        assert!(text.contains(assets.url("snippets/x/inline0.js").unwrap()), "{text}");
        assert_eq!(assets.url("wic.d.ts").or(assets.url(".hidden.js")).or(assets.url("README.md")), None);
        assert_eq!(assets.find(assets.url("wic_bg.wasm").unwrap()).unwrap().content_type, "application/wasm");
    }

    #[test]
    fn a_folder_that_is_not_there_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let assets = Assets::load(&[dir.path().join("none")], &dir.path().join("cache")).unwrap();
        assert_eq!(assets.url("wic.js"), None);
        assert!(assets.url("page.css").is_some(), "built in");
    }

    #[test]
    fn another_content_has_another_address() {
        let dir = tempfile::tempdir().unwrap();
        let load = |content: &str| {
            fs::write(dir.path().join("a.js"), content).unwrap();
            let assets = Assets::load(&[dir.path().to_owned()], &dir.path().join("cache")).unwrap();
            assets.url("a.js").unwrap().to_owned()
        };
        assert_ne!(load("1"), load("2"));
        assert_eq!(load("1"), load("1"));
    }
}
