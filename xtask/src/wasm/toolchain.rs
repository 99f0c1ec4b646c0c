//! Which compiler makes wasm32.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{say, shell, tools};

const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's backport of a current Rust, with the library's source.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "libstd-rust-web-dev"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_LIBRARY: &str = "/usr/lib/rustlib/src/rust/library/Cargo.toml";
/// Debian's linker, for when no toolchain brings rust-lld.
const DEBIAN_LINKER: &str = "lld-22";

/// A compiler for wasm32 that is known to be there.
pub(crate) enum Toolchain {
    /// The compiler in use has the target's standard library.
    Ordinary,
    /// Debian's compiler builds the standard library from source, and `linker` links.
    Debian {
        /// An lld that takes `-flavor wasm`.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Looks for the target, asks rustup for it, and only then turns to Debian's compiler.
    ///
    /// The answer holds for this run: the search may have to wait for the network.
    pub(crate) fn find() -> Result<&'static Self> {
        static FOUND: OnceLock<Toolchain> = OnceLock::new();
        match FOUND.get() {
            Some(found) => Ok(found),
            None => search().map(|found| FOUND.get_or_init(|| found)),
        }
    }

    /// Cargo, set to build for the browser; the subcommand and the packages are the caller's.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = match self {
            Self::Ordinary => shell::cargo(),
            Self::Debian { .. } => Command::new(DEBIAN_CARGO),
        };
        command
            .current_dir(shell::root())
            .arg(subcommand)
            .args(["--locked", "--profile", "wasm", "--target", TARGET])
            .arg("--target-dir")
            .arg(self.target_dir())
            // Keeps the builder's folders out of panic messages.
            .env("RUSTFLAGS", remap())
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        if let Self::Debian { linker } = self {
            command
                .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"])
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
            // Both would lead Debian's compiler to rustup's libraries.
            for leftover in ["RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "RUSTDOC", "CARGO"] {
                command.env_remove(leftover);
            }
        }
        command
    }

    /// Where the built modules are.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.target_dir().join(TARGET).join("wasm")
    }

    /// Two compilers in one folder would undo each other's work.
    fn target_dir(&self) -> PathBuf {
        shell::target_dir().join(match self {
            Self::Ordinary => "wasm",
            Self::Debian { .. } => "wasm-debian",
        })
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordinary => write!(f, "rustc"),
            Self::Debian { .. } => write!(f, "Debian's rustc-web"),
        }
    }
}

fn search() -> Result<Toolchain> {
    if has_target() {
        return Ok(Toolchain::Ordinary);
    }

    let missing = match add_target() {
        Ok(()) if has_target() => return Ok(Toolchain::Ordinary),
        Ok(()) => "rustup added the target, but rustc does not see it".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    say::note(format!("this toolchain cannot get {TARGET}: {missing}"));
    say::note("turning to Debian's rustc-web, which builds the standard library from source");
    debian()
        .with_context(|| format!("no way to compile for {TARGET}; `rustup target add {TARGET}` is the ordinary one"))
}

fn has_target() -> bool {
    let libdir = shell::output(shell::rustc().args(["--print", "target-libdir", "--target", TARGET]));
    libdir.is_ok_and(|dir| {
        Path::new(&dir)
            .read_dir()
            .is_ok_and(|files| files.flatten().any(|file| is_std(&file.file_name().to_string_lossy())))
    })
}

fn is_std(file: &str) -> bool {
    file.starts_with("libstd-") && file.ends_with(".rlib")
}

fn add_target() -> Result<()> {
    if shell::which(["rustup"]).is_none() {
        bail!("there is no rustup");
    }
    say::step(&format!("Adding the target {TARGET}"), || {
        let limit = Duration::from_secs(120);
        shell::run_within(limit, Command::new("rustup").args(["target", "add", TARGET]))
    })
}

fn debian() -> Result<Toolchain> {
    let installed = [DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_LIBRARY].iter().all(|file| Path::new(file).is_file());
    let mut packages = Vec::new();
    if !installed {
        packages.extend(DEBIAN_PACKAGES);
    }
    if linker()?.is_none() {
        packages.push(DEBIAN_LINKER);
    }
    tools::apt_install(&packages)?;

    let linker = linker()?.context("no rust-lld in the toolchain and no lld-22")?;
    Ok(Toolchain::Debian { linker })
}

/// Not the `wasm-ld` beside rust-lld: rustc passes `-flavor wasm`, which only rust-lld takes.
fn linker() -> Result<Option<PathBuf>> {
    let sysroot = shell::output(shell::rustc().args(["--print", "sysroot"]))?;
    let host = shell::output(shell::rustc().args(["--print", "host-tuple"]))?;
    let bundled = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld");
    Ok(Some(bundled).filter(|file| file.is_file()).or_else(|| shell::which([DEBIAN_LINKER])))
}

fn remap() -> String {
    let home = std::env::var_os("CARGO_HOME")
        .map_or_else(|| std::env::home_dir().unwrap_or_default().join(".cargo"), PathBuf::from);
    format!(
        "--remap-path-prefix={}= --remap-path-prefix={}=",
        home.join("registry/src").display(),
        shell::root().display()
    )
}
