//! What crosses W2 and Mw, captured and dissected by tshark, which must find nothing wrong with it.

use anyhow::{Context, Result};
use e2e::Bed;
use e2e::peers::{Capture, Captured};
use testbed::state::Ready;
use testbed::wic_shell::{Options, User, register};

fn port(address: &str) -> Result<u16> {
    address.trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok()).context("a port")
}

/// tshark's options: what each port speaks, and the secrets of TLS.
fn how(ready: &Ready, keys: &std::path::Path) -> Result<Vec<String>> {
    let mut options = vec!["-o".to_owned(), format!("tls.keylog_file:{}", keys.display())];
    let mut decode = |rule: String| options.extend(["-d".to_owned(), rule]);
    decode(format!("tcp.port=={},tls", port(&ready.epcscf)?));
    decode(format!("tls.port=={},http", port(&ready.epcscf)?));
    for node in [&ready.epcscf_mw, &ready.icscf, &ready.scscf] {
        decode(format!("udp.port=={},sip", port(node)?));
    }
    Ok(options)
}

/// Each SIP message as `METHOD` or `STATUS METHOD`, once for each time that it was sent.
async fn messages(captured: &Captured, how: &[String], filter: &str) -> Result<Vec<String>> {
    let lines = captured.dissect(how, filter, &["sip.Method", "sip.Status-Code", "sip.CSeq.method"]).await?;
    Ok(lines.iter().map(|line| line.split('\t').filter(|f| !f.is_empty()).collect::<Vec<_>>().join(" ")).collect())
}

fn people(ready: &Ready) -> Result<[Options; 3]> {
    let options = |user| Options { epcscf: Some(ready.epcscf.clone()), ..Options::new(user, &ready.wwsf, &ready.ca) };
    let web = User::Web { username: "bob".into(), password: "bob-web".into() };
    let guest = Options::new(User::Guest { login: None }, &ready.partner_wwsf, &ready.ca);
    Ok([options(User::digest("alice", "ims.example", "alice-secret")?), options(web), guest])
}

#[tokio::test(flavor = "multi_thread")]
async fn tshark_finds_nothing_malformed_in_what_the_nodes_say() -> Result<()> {
    let keys = tempfile::NamedTempFile::new()?;
    let bed = Bed::start(|config| config.tls_key_log = Some(keys.path().into())).await?;
    let ready = &bed.ready;
    let ports = [&ready.epcscf, &ready.epcscf_mw, &ready.icscf, &ready.scscf].map(|a| port(a));
    let ports = ports.into_iter().collect::<Result<Vec<_>>>()?;
    let capture = Capture::start(&ports).await?;
    for options in people(ready)? {
        assert!(register(&options).await?.is_registered());
    }
    let captured = capture.finish().await?;
    let how = how(ready, keys.path())?;

    let w2 = messages(&captured, &how, "websocket && sip").await?;
    let mw = messages(&captured, &how, "udp && sip").await?;
    for (leg, messages) in [("W2", w2), ("Mw", mw)] {
        assert!(messages.iter().any(|m| m == "200 REGISTER"), "{leg}: {messages:?}");
    }
    let wrong = "_ws.malformed || (sip && _ws.expert.severity >= \"Warning\")";
    let wrong = captured.dissect(&how, wrong, &["frame.number", "_ws.col.Info", "_ws.expert.message"]).await?;
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}
