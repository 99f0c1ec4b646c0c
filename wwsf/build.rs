//! Builds the table of embedded assets: all of `assets/`, and all of the
//! folder that `WIC_DIST` names, so that one binary can hold the whole page.
//! A folder that is not there counts as empty: the WIC may not be built yet.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=WIC_DIST");
    let mut files = Vec::new();
    collect(&Path::new(&variable("CARGO_MANIFEST_DIR")?).join("assets"), "", &mut files)?;
    if let Some(dist) = env::var_os("WIC_DIST") {
        collect(Path::new(&dist), "", &mut files)?;
    }
    let mut table = String::from("pub(super) const FILES: &[(&str, &[u8])] = &[\n");
    for (name, path) in &files {
        let _ = writeln!(table, "    ({name:?}, include_bytes!({:?})),", path.display().to_string());
    }
    table.push_str("];\n");
    fs::write(Path::new(&variable("OUT_DIR")?).join("embedded_assets.rs"), table)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    if !folder.exists() {
        // Watching what is missing would run this each time: it will appear in its parent.
        println!("cargo::rerun-if-changed={}", folder.parent().unwrap_or(folder).display());
        return Ok(());
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str().filter(|name| !name.starts_with('.') && !name.ends_with(".d.ts")) else {
            continue;
        };
        match entry.file_type()?.is_dir() {
            true => collect(&entry.path(), &format!("{prefix}{name}/"), files)?,
            false => files.push((format!("{prefix}{name}"), fs::canonicalize(entry.path())?)),
        }
    }
    Ok(())
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|_| io::Error::other(format!("{name} is not set")))
}
