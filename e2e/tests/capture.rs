//! Calls and messages of all kinds of users and of SIPp, a plain SIP user on the core's side: what
//! crosses W2 and Mw, captured and dissected by tshark, which must find nothing wrong with it.

use anyhow::{Context, Result};
use e2e::Bed;
use e2e::peers::{self, Capture, Captured, Sipp};
use mock_ims::StaticRoute;
use std::net::SocketAddr;
use testbed::state::Ready;
use testbed::talk::{self, Person, Plan, Side};
use testbed::wic_shell::{Answering, Options, User, Wic};
use wic::{CallEvent, EndedBy, Event};

/// The plain SIP user that SIPp is.
const SIPP: &str = "sip:sipp@sip.example";

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

/// alice by digest, bob by web login, two guests.
fn people(ready: &Ready) -> Result<[Person; 4]> {
    let options = |user| Options {
        epcscf: Some(ready.epcscf.clone()),
        reg_event: true,
        ..Options::new(user, &ready.wwsf, &ready.ca)
    };
    let bob = User::Web { username: "bob".into(), password: "bob-web".into() };
    let guest = || Options::new(User::Guest { login: None }, &ready.partner_wwsf, &ready.ca);
    let person = |name: &str, options| Person { name: name.to_owned(), options };
    Ok([
        person("alice", options(User::digest("alice", "ims.example", "alice-secret")?)),
        person("bob", options(bob)),
        person("guest 1", guest()),
        person("guest 2", guest()),
    ])
}

/// Calls and messages between people of all kinds.
async fn talk_among(people: &[Person]) -> Result<()> {
    for (n, from) in people.iter().enumerate() {
        let to = &people[(n + 1) % people.len()];
        let plan = Plan { video: n % 2 == 0, hold: n % 2 == 1, ends: if n < 2 { Side::Caller } else { Side::Callee } };
        for talk in [talk::call(from, to, plan).await?, talk::message(from, to, "Hello").await?] {
            talk.result.map_err(|error| anyhow::anyhow!("{} to {}: {error}", from.name, to.name))?;
        }
    }
    Ok(())
}

/// A plain SIP user of the core calls a WIC, then is called by it.
async fn talk_with_sipp(bed: &Bed, wic: &Options, sipp: SocketAddr) -> Result<()> {
    let mut alice = Wic::start(&Options { answering: Answering::Accept, ..wic.clone() })?;
    let impu = alice.outcome().await.result.map_err(|failure| anyhow::anyhow!("{failure:?}"))?.impu;
    let calls = Sipp::start("uac", sipp, &bed.ready.icscf, impu.as_str())?;
    let asserted = alice.event(|event| match event {
        Event::Call { event: CallEvent::Incoming { from, .. }, .. } => Some((from.uri.to_string(), from.asserted)),
        _ => None,
    });
    assert_eq!(asserted.await, Some((SIPP.to_owned(), true)));
    let by = alice.event(|event| match event {
        Event::Call { event: CallEvent::Ended { by, .. }, .. } => Some(by),
        _ => None,
    });
    assert_eq!(by.await, Some(EndedBy::Peer));
    calls.finish().await?;

    let called = Sipp::start("uas", sipp, &bed.ready.scscf, "")?;
    let call = alice.call(&SIPP.parse()?, false).await?;
    let answered = alice.event(|event| match event {
        Event::Call { call: of, event: CallEvent::Established { .. } } if of == call => Some(Ok(())),
        Event::Call { call: of, event: CallEvent::Ended { status, reason, .. } } if of == call => {
            Some(Err(anyhow::anyhow!("SIPp did not answer: {status:?} {reason}")))
        }
        _ => None,
    });
    answered.await.context("the WIC runs")??;
    alice.hang_up(call).await;
    called.finish().await?;
    alice.deregister().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tshark_finds_nothing_wrong_with_what_all_nodes_say() -> Result<()> {
    let keys = tempfile::NamedTempFile::new()?;
    let sipp = peers::free_port()?;
    let bed = Bed::start(|config| {
        config.tls_key_log = Some(keys.path().into());
        config.ims.routes = vec![StaticRoute { to: SIPP.into(), address: sipp, tcp: false }];
    })
    .await?;
    let ready = &bed.ready;
    let ports = [&ready.epcscf, &ready.epcscf_mw, &ready.icscf, &ready.scscf].map(|a| port(a));
    let ports = ports.into_iter().collect::<Result<Vec<_>>>()?;
    let capture = Capture::start(&ports).await?;
    let people = people(ready)?;
    talk_among(&people).await?;
    talk_with_sipp(&bed, &people[0].options, sipp).await?;
    let captured = capture.finish().await?;
    let how = how(ready, keys.path())?;

    let w2 = messages(&captured, &how, "websocket && sip").await?;
    let mw = messages(&captured, &how, "udp && sip").await?;
    for (leg, messages) in [("W2", w2), ("Mw", mw)] {
        for wanted in ["200 REGISTER", "200 INVITE", "ACK ACK", "200 BYE", "200 MESSAGE", "NOTIFY NOTIFY"] {
            assert!(messages.iter().any(|m| m == wanted), "{wanted} on {leg}: {messages:?}");
        }
    }
    let wrong = "_ws.malformed || (sip && _ws.expert.severity >= \"Warning\")";
    let wrong = captured.dissect(&how, wrong, &["frame.number", "_ws.col.Info", "_ws.expert.message"]).await?;
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}
