//! The commands, run as a person or a script runs them.

use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

fn testbed(state: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    command.args(args).arg("--state").arg(state).env_remove("RUST_LOG").kill_on_drop(true);
    command
}

struct Up {
    child: Child,
    ready: Value,
}

/// Starts `testbed up` on free ports and waits for its line.
async fn up(state: &Path, more: &[&str]) -> Up {
    let mut command = testbed(state, &["up", "--any-ports", "--log", "warn"]);
    let mut child = command.args(more).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let read = stdout.read_line(&mut line);
    tokio::time::timeout(Duration::from_secs(60), read).await.expect("a line when ready").unwrap();
    Up { child, ready: serde_json::from_str(&line).expect("one JSON line") }
}

/// Runs a command to its end: exit code, stdout, stderr.
async fn run(state: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = tokio::time::timeout(Duration::from_secs(60), testbed(state, args).output()).await.unwrap().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn up_prints_one_json_line_with_all_addresses() {
    let state = tempfile::tempdir().unwrap();
    let up = up(state.path(), &[]).await;
    assert_eq!(up.ready["ready"], true);
    for key in ["wwsf", "partner_wwsf"] {
        assert!(up.ready[key].as_str().unwrap().starts_with("https://localhost:"), "{key}: {}", up.ready);
    }
    assert!(up.ready["epcscf"].as_str().unwrap().starts_with("wss://localhost:"));
    assert!(up.ready["metrics"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    for key in ["epcscf_mw", "icscf", "scscf"] {
        up.ready[key].as_str().unwrap().parse::<std::net::SocketAddr>().unwrap();
    }
    assert!(Path::new(up.ready["ca"].as_str().unwrap()).is_file());
}

#[tokio::test]
async fn each_flow_registers_and_its_ladder_is_drawn() {
    let state = tempfile::tempdir().unwrap();
    let _up = up(state.path(), &[]).await;
    for (args, drawn) in [
        (&["register", "--flow", "digest", "--user", "alice", "--password", "alice-secret"][..], "MAR"),
        (&["register", "--flow", "web-auth", "--user", "alice", "--password", "alice-web"][..], "/api/token"),
        (&["register", "--flow", "wildcard"][..], "Partner WWSF"),
    ] {
        let (code, out, err) = run(state.path(), args).await;
        assert_eq!(code, Some(0), "{args:?}: {out}\n{err}");
        assert!(out.contains(drawn) && out.contains("200 OK") && out.contains("eP-CSCF"), "{args:?}: {out}");
    }
}

#[tokio::test]
async fn a_flow_is_written_to_files_of_each_form() {
    let state = tempfile::tempdir().unwrap();
    let _up = up(state.path(), &[]).await;
    let file = |name: &str| state.path().join(name).display().to_string();
    let capture = file("flow.pcapng");
    let who = ["register", "--flow", "digest", "--user", "alice", "--password", "alice-secret", "--trace", &capture];
    assert_eq!(run(state.path(), &who).await.0, Some(0));
    let seen = Command::new("tshark").args(["-r", &capture, "-Y", "sip.Status-Code == 401"]).output().await;
    let seen = String::from_utf8(seen.expect("tshark: `cargo xtask setup` installs it").stdout).unwrap();
    // S-CSCF to I-CSCF, to eP-CSCF, to WIC; what both ends saw is there once.
    assert_eq!(seen.lines().count(), 3, "{seen}");

    let (_, records, _) = run(state.path(), &["trace", "export", "--format", "json", "-"]).await;
    let records: Value = serde_json::from_str(&records).unwrap();
    let register = |record: &&Value| record["summary"].as_str().is_some_and(|summary| summary.starts_with("REGISTER"));
    let call_id = records.as_array().unwrap().iter().find(register).unwrap()["call_id"].as_str().unwrap();
    let (code, ladder, err) =
        run(state.path(), &["trace", "export", "--call-id", call_id, "--format", "mermaid", "-"]).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(ladder.contains("MAR") && ladder.contains("401 Unauthorized") && !ladder.contains("POST"), "{ladder}");
    let svg = file("flow.svg");
    assert_eq!(run(state.path(), &["trace", "export", &svg]).await.0, Some(0));
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg "));
    let (code, _, err) = run(state.path(), &["trace", "export", "--call-id", "none", "-"]).await;
    assert!(code == Some(1) && err.contains("no record of Call-ID none"), "{err}");
}

#[tokio::test]
async fn register_as_json_names_the_outcome() {
    let state = tempfile::tempdir().unwrap();
    let _up = up(state.path(), &[]).await;
    let (code, out, _) =
        run(state.path(), &["register", "--flow", "web-auth", "--user", "bob", "--password", "bob-web", "--json"])
            .await;
    let outcome: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &outcome["registered"], &outcome["status"]), (Some(0), &Value::Bool(true), &Value::from(200)));
    assert_eq!(outcome["impus"][0], "sip:bob@ims.example");
}

#[tokio::test]
async fn a_wrong_password_is_a_failure_with_its_cause() {
    let state = tempfile::tempdir().unwrap();
    let _up = up(state.path(), &[]).await;
    let (code, out, err) =
        run(state.path(), &["register", "--flow", "digest", "--user", "alice", "--password", "x"]).await;
    assert_ne!(code, Some(0), "{out}");
    assert!(err.contains("password"), "{err}");
}

#[tokio::test]
async fn register_without_a_testbed_says_how_to_start_one() {
    let state = tempfile::tempdir().unwrap();
    let (code, _, err) = run(state.path(), &["register", "--flow", "wildcard"]).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("testbed up"), "{err}");
}

#[tokio::test]
async fn a_user_added_to_a_running_testbed_registers_and_outlives_a_kill() {
    let state = tempfile::tempdir().unwrap();
    let mut running = up(state.path(), &[]).await;
    let add = ["user", "add", "dave", "--password", "dave-secret"];
    let (code, out, err) = run(state.path(), &add).await;
    assert_eq!(code, Some(0), "{out}\n{err}");
    let register = ["register", "--flow", "digest", "--user", "dave", "--password", "dave-secret"];
    let (code, out, err) = run(state.path(), &register).await;
    assert_eq!(code, Some(0), "{out}\n{err}");

    // SIGKILL: nothing that was acknowledged may be lost.
    running.child.kill().await.unwrap();
    let (code, out, _) = run(state.path(), &["user", "list"]).await;
    assert!(code == Some(0) && out.contains("dave@ims.example"), "{out}");
    let _running = up(state.path(), &[]).await;
    let (code, out, err) = run(state.path(), &register).await;
    assert_eq!(code, Some(0), "{out}\n{err}");

    let (code, ..) = run(state.path(), &["user", "remove", "dave"]).await;
    assert_eq!(code, Some(0));
    let (code, ..) = run(state.path(), &register).await;
    assert_ne!(code, Some(0));
}

#[tokio::test]
async fn keys_rotate_without_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let _up = up(state.path(), &[]).await;
    let register = ["register", "--flow", "web-auth", "--user", "carol", "--password", "carol-web"];
    assert_eq!(run(state.path(), &register).await.0, Some(0));
    let (code, out, err) = run(state.path(), &["rotate-keys", "operator"]).await;
    assert_eq!(code, Some(0), "{out}\n{err}");
    let (code, out, err) = run(state.path(), &register).await;
    assert_eq!(code, Some(0), "{out}\n{err}");
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_option_that_changes_it() {
    let state = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let set = format!("ports.icscf={port}");
    let set = ["up", "--any-ports", "--set", set.as_str()];
    let (code, _, err) = run(state.path(), &set).await;
    assert_eq!(code, Some(1));
    assert!(err.contains(&port.to_string()) && err.contains("--set ports.icscf="), "{err}");
}

#[tokio::test]
async fn the_demo_users_do_not_exist_without_demo() {
    let state = tempfile::tempdir().unwrap();
    let _up = up(state.path(), &["--set", "demo=false"]).await;
    let (code, ..) =
        run(state.path(), &["register", "--flow", "digest", "--user", "alice", "--password", "alice-secret"]).await;
    assert_ne!(code, Some(0));
    let (code, ..) =
        run(state.path(), &["register", "--flow", "web-auth", "--user", "alice", "--password", "alice-web"]).await;
    assert_ne!(code, Some(0));
}

#[tokio::test]
async fn config_prints_toml_that_is_read_back() {
    let state = tempfile::tempdir().unwrap();
    let (code, out, _) = run(state.path(), &["config"]).await;
    assert_eq!(code, Some(0));
    let file = state.path().join("testbed.toml");
    std::fs::write(&file, &out).unwrap();
    let (code, again, err) = run(state.path(), &["config", "--config", file.to_str().unwrap()]).await;
    assert_eq!((code, again), (Some(0), out), "{err}");
}

#[tokio::test]
async fn doctor_says_how_to_trust_the_ca() {
    let state = tempfile::tempdir().unwrap();
    let (_, out, _) = run(state.path(), &["doctor"]).await;
    assert!(out.contains("ca.pem") && out.contains("certutil") && out.contains("clock"), "{out}");
}

#[tokio::test]
async fn the_log_at_its_finest_holds_no_secret() {
    let state = tempfile::tempdir().unwrap();
    let mut command = testbed(state.path(), &["up", "--any-ports", "--log", "trace"]);
    let log_path = state.path().join("log.txt");
    let log = std::fs::File::create(&log_path).unwrap();
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
    for args in [
        &["register", "--flow", "digest", "--user", "alice", "--password", "alice-secret"][..],
        &["register", "--flow", "web-auth", "--user", "bob", "--password", "bob-web"][..],
        &["register", "--flow", "wildcard"][..],
        &["user", "add", "erin", "--password", "erin-secret"][..],
    ] {
        assert_eq!(run(state.path(), args).await.0, Some(0), "{args:?}");
    }
    child.kill().await.unwrap();
    let log = std::fs::read_to_string(log_path).unwrap();
    assert!(log.contains("eP-CSCF listens"), "the log is there");
    let ha1 =
        sip::digest::Ha1::new(sip::digest::Algorithm::Md5, "alice-wic@ims.example", "ims.example", "alice-secret");
    for secret in ["alice-secret", "bob-web", "erin-secret", ha1.expose(), "eyJ"] {
        let at = log.find(secret).map(|at| &log[at.saturating_sub(200)..at + secret.len()]);
        assert_eq!(at, None, "the log holds {secret}");
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_tried_says_why() {
    let state = tempfile::tempdir().unwrap();
    for (args, said) in [
        (&["call", "--from", "alice", "--to", "bob"][..], "testbed up"),
        (&["message", "--from", "alice", "--to", "bob"][..], "testbed up"),
    ] {
        let (code, _, err) = run(state.path(), args).await;
        assert!(code == Some(1) && err.contains(said), "{args:?}: {err}");
    }
    let _up = up(state.path(), &[]).await;
    for (args, said) in [
        (&["call", "--from", "alice", "--to", "alice"][..], "both alice"),
        (&["call", "--from", "zelda", "--to", "bob"][..], "alice, bob, carol and guest"),
        (&["message", "--from", "guest", "--to", "bob", "--from-flow", "digest"][..], "wildcard"),
        (&["call", "--from", "alice", "--to", "bob", "--to-password", "x"][..], "bob is not registered"),
    ] {
        let (code, out, err) = run(state.path(), args).await;
        assert!(code == Some(1) && err.contains(said), "{args:?}: {out}\n{err}");
    }
}

#[tokio::test]
async fn lessons_and_faults_run_on_a_running_testbed() {
    let state = tempfile::tempdir().unwrap();
    let _up = up(state.path(), &[]).await;
    let (code, out, err) = run(state.path(), &["lesson", "run", "digest"]).await;
    assert_eq!(code, Some(0), "{out}\n{err}");
    assert_eq!(out.matches('✓').count(), 6, "{out}");
    let (code, out, err) = run(state.path(), &["fault", "run", "alg-none", "hss-down"]).await;
    assert_eq!(code, Some(0), "{out}\n{err}");
    assert!(out.contains("answers 401") && out.contains("answers 504"), "{out}");
    let (_, lessons, _) = run(state.path(), &["lesson", "list"]).await;
    assert!(lessons.contains("web-auth"), "{lessons}");
    let (code, _, err) = run(state.path(), &["fault", "run", "nothing"]).await;
    assert!(code == Some(1) && err.contains("testbed fault list"), "{err}");
}

#[tokio::test]
async fn a_lesson_goes_on_with_enter_and_ends_with_the_input() {
    use tokio::io::AsyncWriteExt;
    let state = tempfile::tempdir().unwrap();
    let _up = up(state.path(), &[]).await;
    for (input, code) in [("\n".repeat(4), Some(0)), ("\n".into(), Some(1))] {
        let mut command = testbed(state.path(), &["lesson", "run", "wildcard", "--step"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let output = tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.unwrap().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), code, "{out}");
        assert!(out.contains("WIC → eP-CSCF: GET / upgrade"), "{out}");
    }
}
