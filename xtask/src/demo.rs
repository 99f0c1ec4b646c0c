//! Builds everything and becomes the testbed.

use std::env;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{args, say, shell, wasm};

/// Builds, then turns this process into `testbed up`, so that signals reach the testbed itself.
///
/// What the testbed writes to stdout passes through a second process, which [`announce`]s.
pub(crate) fn run(args: &[String]) -> Result<()> {
    wasm::build()?;
    say::step("Building the testbed", || {
        shell::run_aside(shell::cargo().args(["build", "--locked", "--package", "testbed"]))
    })?;

    let mut announcer = Command::new(env::current_exe()?)
        .arg(args::Command::ANNOUNCE)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot start what announces the testbed")?;
    let lines = announcer.stdin.take().context("its stdin was asked for")?;

    let error = shell::cargo()
        .args(["run", "--quiet", "--locked", "--package", "testbed", "--", "up"])
        .args(args)
        .stdout(lines)
        .exec();
    Err(error).context("cannot start the testbed")
}

/// Copies stdin to stdout, and tells the person at the terminal where the testbed is once it is ready.
pub(crate) fn announce() -> Result<()> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")?;
        stdout.flush()?;
        if let Some(text) = announcement(&line) {
            eprintln!("\n{text}");
        }
    }
    Ok(())
}

/// What to tell people of the JSON line that says that all nodes are ready.
fn announcement(line: &str) -> Option<String> {
    let ready: Value = serde_json::from_str(line).ok()?;
    if ready.get("ready")? != true {
        return None;
    }
    let field = |name| ready.get(name).and_then(Value::as_str);

    let mut text = String::from("The testbed is up. Open\n\n");
    text += &place(field("wwsf")?, "flows 1 and 2");
    for (name, what) in [("partner_wwsf", "flow 3, at a partner's"), ("rogue_wwsf", "a rogue that nobody authorised")] {
        if let Some(url) = field(name) {
            text += &place(url, what);
        }
    }
    if let Some(ca) = field("ca") {
        text += &format!(
            "\nIts certificates are signed by a CA of its own, {ca}.\n\
             `cargo run -p testbed -- doctor` says how to trust it; or accept each certificate\n\
             as the browser meets it.\n"
        );
    }
    text += "\nCtrl-C ends it.\n";
    Some(text)
}

fn place(url: &str, what: &str) -> String {
    format!("    {}   {what}\n", say::paint(say::BOLD, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_tells_where_to_go() {
        let line = r#"{"ready":true,"wwsf":"https://localhost:8443",
            "partner_wwsf":"https://localhost:9443","ca":"/state/ca.pem"}"#;
        let text = announcement(line).expect("an announcement");
        for part in ["https://localhost:8443 ", "https://localhost:9443 ", "/state/ca.pem", "doctor"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn other_lines_only_pass_through() {
        for line in ["", "starting", "[1]", r#"{"ready":false,"wwsf":"https://localhost:8443"}"#, r#"{"ready":true}"#] {
            assert_eq!(announcement(line), None, "{line}");
        }
    }
}
