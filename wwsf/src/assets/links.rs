//! References from one asset to another, by hashed names.

use std::collections::{BTreeMap, BTreeSet};

use super::{AssetsError, hashed_name};
use crate::entropy;

/// Rewrites references in scripts, styles and pages to the hashed addresses below `prefix`.
///
/// A reference is a quoted text, or the inside of `url(…)`, that names another
/// asset relative to the file it stands in. A file's hash covers its rewritten
/// content, so files come out after those that they refer to.
pub(super) fn resolve(files: BTreeMap<String, Vec<u8>>, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, AssetsError> {
    let names: BTreeSet<String> = files.keys().cloned().collect();
    let mut urls: BTreeMap<String, String> = BTreeMap::new();
    let mut waiting = files;
    let mut resolved = Vec::new();
    while !waiting.is_empty() {
        let ready: Vec<String> = waiting
            .iter()
            .filter(|(name, content)| {
                references(name, content, &names).iter().all(|found| urls.contains_key(&found.target))
            })
            .map(|(name, _)| name.clone())
            .collect();
        if ready.is_empty() {
            return Err(AssetsError::Circle(waiting.into_keys().collect::<Vec<_>>().join(", ")));
        }
        for name in ready {
            let Some(content) = waiting.remove(&name) else { continue };
            let content = rewrite(&name, content, &names, &urls);
            let hash = entropy::fingerprint(&content);
            let hashed = hashed_name(&name, hash.get(..16).unwrap_or_default());
            urls.insert(name.clone(), format!("{prefix}{hashed}"));
            resolved.push((name, content));
        }
    }
    Ok(resolved)
}

/// Where a reference stands, and what it names.
struct Reference {
    start: usize,
    end: usize,
    target: String,
}

fn rewrite(name: &str, content: Vec<u8>, names: &BTreeSet<String>, urls: &BTreeMap<String, String>) -> Vec<u8> {
    let found = references(name, &content, names);
    let mut rewritten = Vec::with_capacity(content.len() + found.len() * 32);
    let mut done = 0;
    for Reference { start, end, target } in found {
        let Some(url) = urls.get(&target) else { continue };
        rewritten.extend_from_slice(content.get(done..start).unwrap_or_default());
        rewritten.extend_from_slice(url.as_bytes());
        done = end;
    }
    rewritten.extend_from_slice(content.get(done..).unwrap_or_default());
    rewritten
}

fn references(name: &str, content: &[u8], names: &BTreeSet<String>) -> Vec<Reference> {
    let is_script = name.ends_with(".js") || name.ends_with(".mjs");
    let is_style = name.ends_with(".css");
    let is_page = name.ends_with(".html");
    let text = match std::str::from_utf8(content) {
        Ok(text) if is_script || is_style || is_page => text,
        _ => return Vec::new(),
    };
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((start, end)) = text.get(at..).and_then(|rest| candidate(rest, is_style)) {
        let (start, end) = (at + start, at + end);
        let target = text.get(start..end).and_then(|link| join(folder, link));
        match target.filter(|target| target != name && names.contains(target)) {
            Some(target) => {
                found.push(Reference { start, end, target });
                at = end + 1;
            }
            // What looked like the closing quote may be an opening one.
            None => at = start,
        }
    }
    found
}

/// The next text between quotes, or in `url(…)`, on one line.
fn candidate(text: &str, is_style: bool) -> Option<(usize, usize)> {
    for (at, octet) in text.bytes().enumerate() {
        // None within a character of several octets.
        let Some(rest) = text.get(at + 1..) else { continue };
        let end = match octet {
            b'"' | b'\'' => {
                rest.find([char::from(octet), '\n']).filter(|end| rest.as_bytes().get(*end) == Some(&octet))
            }
            b'(' if is_style && text.get(..at)?.ends_with("url") => {
                rest.find([')', '\n']).filter(|end| rest.as_bytes().get(*end) == Some(&b')'))
            }
            _ => continue,
        };
        if let Some(end) = end {
            return Some((at + 1, at + 1 + end));
        }
    }
    None
}

/// A relative reference against the folder of the file (RFC 3986 §5.2, paths only).
fn join(folder: &str, link: &str) -> Option<String> {
    if link.is_empty() || link.starts_with('/') || link.len() > 256 {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        let text = |content| String::from_utf8(content).unwrap();
        resolve(files, "/assets/").unwrap().into_iter().map(|(name, content)| (name, text(content))).collect()
    }

    #[test]
    fn references_to_assets_are_rewritten_and_other_text_is_not() {
        let files = resolved(&[
            ("a.js", "import x from './b.js'; import(\"../a.js\"); f('b.js', 'c.js', \"it's './b.js'\");"),
            ("b.js", "1"),
            ("s.css", "@import \"t.css\"; a{background:url(i/x.svg)} b{background:url('i/x.svg')} /* don't */"),
            ("t.css", ""),
            ("i/x.svg", "<svg/>"),
            ("p.html", "<p>don't<link href=\"s.css\"><script src='a.js'></script><a href=\"/a.js\">"),
        ]);
        let a = &files["a.js"];
        assert_eq!(a.matches("/assets/b.").count(), 3, "{a}");
        assert!(a.contains("\"../a.js\"") && a.contains("'c.js'"), "{a}");
        let s = &files["s.css"];
        assert_eq!(s.matches("/assets/i/x.").count(), 2, "{s}");
        assert!(s.contains("@import \"/assets/t."), "{s}");
        let p = &files["p.html"];
        assert!(p.contains("href=\"/assets/s.") && p.contains("src='/assets/a.") && p.contains("\"/a.js\""), "{p}");
    }

    #[test]
    fn references_after_other_letters_than_ascii_are_found() {
        let files = resolved(&[("p.html", "<title>Page · site</title><script src=\"a.js\">"), ("a.js", "")]);
        assert!(files["p.html"].contains("src=\"/assets/a."), "{}", files["p.html"]);
    }

    #[test]
    fn a_change_deep_down_changes_every_name_above() {
        let chain = |leaf: &str| resolved(&[("a.js", "import './b.js'"), ("b.js", "import './c.js'"), ("c.js", leaf)]);
        assert_ne!(chain("1")["a.js"], chain("2")["a.js"]);
    }

    #[test]
    fn a_circle_is_named() {
        let files = [("a.js", "import './b.js'"), ("b.js", "import './a.js'"), ("c.js", "")];
        let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into();
        let error = resolve(files, "/assets/").unwrap_err().to_string();
        assert!(error.ends_with("a.js, b.js"), "{error}");
    }

    #[test]
    fn a_reference_is_relative_to_its_file() {
        assert_eq!(join("s/x", "../../wic.js").as_deref(), Some("wic.js"));
        assert_eq!(join("", "./a.js").as_deref(), Some("a.js"));
        assert_eq!(join("", "../a.js"), None);
        assert_eq!(join("", "/a.js"), None);
    }
}
