//! What the WIC is built from.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::shell;

/// Folders of a crate that do not go into its library.
const ASIDE: [&str; 7] = ["benches", "dist", "examples", "fuzz", "node_modules", "target", "tests"];

/// Files outside the crates that change what comes out.
const SHARED: [&str; 3] = ["Cargo.toml", "Cargo.lock", "xtask/npm/package-lock.json"];

/// A digest over every input of the WIC under `root`, and the compiler's version.
pub(super) fn digest(root: &Path) -> Result<String> {
    let mut files: BTreeSet<PathBuf> = SHARED.iter().map(|name| root.join(name)).collect();
    for name in closure(root, "wic-wasm")? {
        collect(&root.join(name), &mut files)?;
    }
    collect(&root.join("xtask/src/wasm"), &mut files)?;

    let mut hasher = Sha256::new();
    hasher.update(shell::output(shell::rustc().arg("-vV"))?);
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(root)?.to_string_lossy().into_owned();
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update((content.len() as u64).to_le_bytes());
        hasher.update(content);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The member `name` and the members that it depends on, however far.
///
/// Members name each other as `other.workspace = true`, and a member's folder is its name.
fn closure(root: &Path, name: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut pending = vec![name.to_owned()];
    while let Some(name) = pending.pop() {
        let manifest = root.join(&name).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
        pending.extend(
            dependencies(&text)
                .filter(|other| !found.contains(*other) && root.join(other).join("src").is_dir())
                .map(str::to_owned),
        );
        found.insert(name);
    }
    Ok(found)
}

/// The names that a manifest's `[dependencies]`, of any target, take from the workspace.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut section = "";
    manifest.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
            return None;
        }
        let (name, _) = line.split_once('=')?;
        let name = name.trim().trim_end_matches(".workspace");
        section.ends_with("dependencies]").then_some(name)
    })
}

fn collect(dir: &Path, files: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let aside = entry.file_name().to_str().is_none_or(|name| {
            // Editors' swap files and the like come and go.
            name.starts_with('.') || ASIDE.contains(&name)
        });
        if aside {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.insert(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, content: &str) {
        let file = root.join(name);
        fs::create_dir_all(file.parent().expect("files lie in the root")).expect("a folder");
        fs::write(file, content).expect("a file");
    }

    /// A workspace of wic-wasm → wic → sip, with wwsf aside.
    fn workspace() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path();
        for shared in SHARED {
            write(root, shared, "");
        }
        write(root, "xtask/src/wasm/size.rs", "");
        for (name, manifest) in [
            ("sip", "[dependencies]\nbytes.workspace = true\n"),
            ("wic", "[dependencies]\nsip = { workspace = true }\n"),
            ("wwsf", "[dependencies]\n"),
            ("wic-wasm", "[lints]\nworkspace = true\n[target.'cfg(a)'.dependencies]\nwic.workspace = true\n"),
        ] {
            write(root, &format!("{name}/Cargo.toml"), manifest);
            write(root, &format!("{name}/src/lib.rs"), "");
        }
        dir
    }

    #[test]
    fn the_closure_follows_members_and_stops_at_others_crates() {
        let dir = workspace();
        let found = closure(dir.path(), "wic-wasm").expect("a closure");
        assert_eq!(Vec::from_iter(found), ["sip", "wic", "wic-wasm"]);
    }

    #[test]
    fn the_digest_changes_with_every_input_and_with_nothing_else() {
        let dir = workspace();
        let root = dir.path();
        let before = digest(root).expect("a digest");

        for other in ["wwsf/src/lib.rs", "sip/tests/torture.rs", "wic-wasm/dist/wic_wasm.js", "sip/src/.lib.rs.swp"] {
            write(root, other, "changed");
            assert_eq!(digest(root).expect("a digest"), before, "{other}");
        }

        for input in [
            "sip/src/lib.rs",
            "sip/src/new.rs",
            "wic/Cargo.toml",
            "wic-wasm/static/page.css",
            "Cargo.lock",
            "xtask/src/wasm/size.rs",
        ] {
            let old = digest(root).expect("a digest");
            let text = fs::read_to_string(root.join(input)).unwrap_or_default();
            write(root, input, &format!("{text}\n# changed"));
            assert_ne!(digest(root).expect("a digest"), old, "{input}");
        }
    }

    #[test]
    fn content_does_not_run_over_into_the_next_file() {
        let dir = workspace();
        write(dir.path(), "sip/src/a.rs", "xy");
        write(dir.path(), "sip/src/b.rs", "");
        let before = digest(dir.path()).expect("a digest");
        write(dir.path(), "sip/src/a.rs", "x");
        write(dir.path(), "sip/src/b.rs", "y");
        assert_ne!(digest(dir.path()).expect("a digest"), before);
    }
}
