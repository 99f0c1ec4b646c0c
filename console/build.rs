//! Builds the table of embedded assets: all of `assets/`, and what the pages of the WWSF have in
//! common with the console.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One look for all pages: colours, type, buttons, and the switch between light and dark.
const SHARED: [&str; 3] = ["page.css", "theme.js", "icon.svg"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let mut files = Vec::new();
    collect(&root.join("assets"), "", &mut files)?;
    for name in SHARED {
        let path = root.join("../wwsf/assets").join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        files.push((name.to_owned(), path));
    }
    let mut table = String::from("pub(crate) const FILES: &[(&str, &[u8])] = &[\n");
    for (name, path) in &files {
        let _ = writeln!(table, "    ({name:?}, include_bytes!({:?})),", path.display().to_string());
    }
    table.push_str("];\n");
    fs::write(Path::new(&variable("OUT_DIR")?).join("embedded_assets.rs"), table)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str().filter(|name| !name.starts_with('.') && !name.ends_with(".md")) else {
            continue;
        };
        match entry.file_type()?.is_dir() {
            true => collect(&entry.path(), &format!("{prefix}{name}/"), files)?,
            false => files.push((format!("{prefix}{name}"), entry.path())),
        }
    }
    Ok(())
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|_| io::Error::other(format!("{name} is not set")))
}
