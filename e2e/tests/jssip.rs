//! JsSIP, a client by others, registers by flow 1 and by flow 2.

use anyhow::{Context, Result};
use e2e::Bed;
use ims::Password;
use mock_ims::hss::{AdminRequest, Subscriber};
use mock_ims::policy::DigestAlgorithm;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs `jssip-register.js` and gives what it printed.
async fn jssip(bed: &Bed, mut options: Value) -> Result<Vec<Value>> {
    options["url"] = json!(bed.ready.epcscf);
    options["origin"] = json!(bed.ready.wwsf);
    let js = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    anyhow::ensure!(
        js.join("node_modules/jssip").is_dir(),
        "JsSIP is not installed: npm ci in e2e/js (cargo xtask setup does it)"
    );
    let mut child = Command::new("node")
        .arg("jssip-register.js")
        .current_dir(js)
        .env("NODE_EXTRA_CA_CERTS", &bed.ready.ca)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting node")?;
    child.stdin.take().context("stdin")?.write_all(options.to_string().as_bytes()).await?;
    let output = child.wait_with_output().await?;
    let events: Vec<Value> =
        String::from_utf8(output.stdout)?.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(output.status.success(), "{events:?}");
    Ok(events)
}

#[tokio::test(flavor = "multi_thread")]
async fn jssip_registers_by_digest() -> Result<()> {
    // JsSIP answers the first challenge and knows MD5 alone, so SHA-256 is not offered to it.
    let bed = Bed::start(|config| config.ims.policy.digest_algorithms = vec![DigestAlgorithm::Md5]).await?;
    // Its first REGISTER has no credentials, so the IMPI must be the one that follows from the IMPU
    // (TS 33.203 N.2.1.1).
    let dave = Subscriber {
        impi: "dave@ims.example".parse()?,
        password: Some(Password::new("dave-secret")),
        impus: vec!["sip:dave@ims.example".parse()?],
        allowed_wafs: Vec::new(),
        allowed_wwsfs: Vec::new(),
    };
    let core = bed.testbed.ims().context("the core runs here")?;
    core.hss(|hss| hss.admin(AdminRequest::AddUser(dave))).await.context("the HSS runs")??;
    let events = jssip(
        &bed,
        json!({
            "uri": "sip:dave@ims.example",
            "authorization_user": "dave@ims.example",
            "password": "dave-secret",
            "realm": "ims.example",
        }),
    )
    .await?;
    let names: Vec<_> = events.iter().map(|e| e["event"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["registered", "unregistered"], "{events:?}");
    assert_eq!(events[0]["service_route"], "<sip:orig@scscf1.ims.example;lr>");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn jssip_registers_with_a_token() -> Result<()> {
    let bed = Bed::start(|_| {}).await?;
    let wwsf = testbed::wic_shell::Wwsf::new(&bed.ready.wwsf, &bed.ready.ca)?;
    wwsf.login("alice", "alice-web").await?;
    let grant = wwsf.token().await?;
    let events = jssip(&bed, json!({ "uri": "sip:alice@ims.example", "jwt": grant.token.expose() })).await?;
    let names: Vec<_> = events.iter().map(|e| e["event"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["registered", "unregistered"], "{events:?}");
    Ok(())
}
