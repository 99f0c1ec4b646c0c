//! What the workspace's crates have to build.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

/// One test, benchmark, library or program of a crate of ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) package: String,
    pub(crate) name: String,
}

/// All targets of a kind, in cargo's words: `test`, `bench`, `bin`, …
pub(crate) fn targets(kind: &str) -> Result<Vec<Target>> {
    let metadata = shell::output(shell::cargo().args(["metadata", "--no-deps", "--locked", "--format-version", "1"]))?;
    read(&serde_json::from_str(&metadata)?, kind).context("`cargo metadata` answered in another form than expected")
}

fn read(metadata: &Value, kind: &str) -> Option<Vec<Target>> {
    let mut found = Vec::new();
    for package in metadata.get("packages")?.as_array()? {
        for target in package.get("targets")?.as_array()? {
            if target.get("kind")?.as_array()?.iter().any(|other| other == kind) {
                found.push(Target { package: text(package, "name")?, name: text(target, "name")? });
            }
        }
    }
    Some(found)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_by_kind() {
        let metadata = serde_json::json!({"packages": [
            {"name": "sip", "targets": [
                {"kind": ["lib"], "name": "sip"},
                {"kind": ["test"], "name": "reader"},
                {"kind": ["bench"], "name": "reader"},
            ]},
            {"name": "wic-wasm", "targets": [{"kind": ["cdylib", "rlib"], "name": "wic_wasm"}]},
        ]});
        let named = |package: &str, name: &str| vec![Target { package: package.to_owned(), name: name.to_owned() }];

        assert_eq!(read(&metadata, "test"), Some(named("sip", "reader")));
        assert_eq!(read(&metadata, "rlib"), Some(named("wic-wasm", "wic_wasm")));
        assert_eq!(read(&metadata, "example"), Some(Vec::new()));
        assert_eq!(read(&serde_json::json!([]), "test"), None);
    }
}
