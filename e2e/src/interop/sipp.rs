//! SIPp in the place of an eP-CSCF and of a core, with our nodes under test: what its scenarios check
//! rests on none of our code, its digest neither.

use crate::Bed;
use crate::peers::{self, Sipp};
use anyhow::{Context, Result, bail, ensure};
use conformance::engine::Progress;
use conformance::purpose::{Basis, Flow, Role};
use conformance::report::{Described, Report, Result as Found};
use conformance::verdict::Verdict;
use mock_ims::policy::DigestAlgorithm;
use sip::StatusCode;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use testbed::up::Nodes;
use testbed::wic_shell::{Answering, Options, User, Wic};
use wic::{CallEvent, EndedBy, Event};

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One of the scenarios in `sipp/`.
struct Scenario {
    id: &'static str,
    title: &'static str,
    clause: &'static str,
    role: Role,
    flow: Flow,
    when: &'static str,
    then: &'static str,
    /// The scenario's file.
    file: &'static str,
}

const SCENARIOS: [Scenario; 4] = [
    Scenario {
        id: "SIPP-01",
        title: "A digest registration from an eP-CSCF of SIPp",
        clause: "33.203 N.2.1.1, 24.229 §5.4.1.2, RFC 7616",
        role: Role::Scscf,
        flow: Flow::Digest,
        when: "REGISTER, the answer that SIPp computes, a refresh with the next nc, de-registration",
        then: "401 with MD5; 200 with Path, Service-Route, P-Associated-URI, rspauth; 200; 200 without the Contact",
        file: "register-digest",
    },
    Scenario {
        id: "SIPP-02",
        title: "A registration that an eP-CSCF of SIPp vouches for",
        clause: "33.203 U.2",
        role: Role::Scscf,
        flow: Flow::WebAuth,
        when: "REGISTER, refresh and de-registration with auth-done",
        then: "200 each time, nothing is challenged",
        file: "register-vouched",
    },
    Scenario {
        id: "SIPP-03",
        title: "A WIC answers the challenge of a core of SIPp",
        clause: "24.229 §5.2.2, RFC 3327, RFC 7315, 33.203 O.1.4",
        role: Role::Epcscf,
        flow: Flow::Digest,
        when: "401 to the REGISTER of a WIC, then 403",
        then: "Path, Require, P-Visited-Network-ID, P-Charging-Vector; then a right response, and tls-pending",
        file: "core-digest",
    },
    Scenario {
        id: "SIPP-04",
        title: "A WIC with a token registers in a core of SIPp, and is called",
        clause: "33.203 X.3.2.3, U.2, 24.229 §5.2.6.4",
        role: Role::Epcscf,
        flow: Flow::WebAuth,
        when: "200 of the core; INVITE and BYE along the Path; the WIC leaves",
        then: "auth-done with an empty response both times, no token; the WIC is asserted in its 200",
        file: "core-vouched",
    },
];

/// Runs them all.
///
/// # Errors
/// When SIPp is not installed.
pub(super) async fn run(mut progress: impl FnMut(Progress<'_>)) -> Result<Report> {
    progress(Progress::Begun(SCENARIOS.len()));
    let system = format!("webrtc-ims with SIPp {} around it", Sipp::version().await?);
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let clock = Instant::now();
    let mut results = Vec::new();
    for scenario in SCENARIOS {
        let result = one(&scenario).await?;
        progress(Progress::Ended(&result));
        results.push(result);
    }
    let version = env!("CARGO_PKG_VERSION").into();
    Ok(Report { system, version, started, seconds: clock.elapsed().as_secs_f64(), results })
}

async fn one(scenario: &Scenario) -> Result<Found> {
    let clock = Instant::now();
    let sipp = peers::free_port()?;
    let core = scenario.role == Role::Scscf;
    let nodes = if core { Nodes { epcscf: false, ..Nodes::ALL } } else { Nodes { ims: false, ..Nodes::ALL } };
    let bed = Bed::start_nodes(nodes, |config| {
        if core {
            // Where the WWSF leads to, though nobody comes.
            (config.ports.epcscf, config.ports.epcscf_mw) = (sipp.port(), sipp.port());
        }
        // SIPp knows MD5 alone.
        config.ims.policy.digest_algorithms = vec![DigestAlgorithm::Md5];
        config.ims.trusted_nodes = vec![sipp.into()];
        config.epcscf.core.icscf = sipp;
        config.epcscf.core.scscf = sipp;
        config.epcscf.policy.reg_event.subscribe = false;
        config.epcscf.policy.reg_event.anchors = false;
    })
    .await?;
    let ended = match core {
        true => Sipp::start(scenario.file, sipp, &bed.ready.icscf, "")?.finish().await,
        false => with_wic(&bed, scenario, sipp).await,
    };
    let (verdict, reason) = match ended {
        Ok(()) => (Verdict::Pass, String::new()),
        Err(error) => (Verdict::Fail, format!("{error:#}")),
    };
    let purpose = Described {
        id: scenario.id.into(),
        title: scenario.title.into(),
        clause: scenario.clause.into(),
        role: scenario.role,
        flow: scenario.flow,
        basis: Basis::Requirement,
        given: String::new(),
        when: scenario.when.into(),
        then: scenario.then.into(),
    };
    let millis = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
    let records = bed.testbed.hub().since(0).iter().map(|record| (**record).clone()).collect();
    Ok(Found { purpose, verdict, reason, observed: Vec::new(), millis, records })
}

/// A real WIC by way of our eP-CSCF to the core that SIPp plays.
async fn with_wic(bed: &Bed, scenario: &Scenario, sipp: SocketAddr) -> Result<()> {
    let ready = &bed.ready;
    let core = Sipp::start(scenario.file, sipp, &ready.epcscf_mw, "")?;
    let user = match scenario.flow {
        Flow::Digest => User::digest("alice", "ims.example", "alice-secret")?,
        _ => User::Web { username: "bob".into(), password: "bob-web".into() },
    };
    let options = Options {
        epcscf: Some(ready.epcscf.clone()),
        answering: Answering::Accept,
        ..Options::new(user, &ready.wwsf, &ready.ca)
    };
    let mut wic = Wic::start(&options)?;
    let outcome = wic.outcome().await;
    match (scenario.flow, outcome.result) {
        (Flow::Digest, Err(failure)) => {
            let status = failure.cause.status();
            ensure!(status == Some(StatusCode::FORBIDDEN), "the WIC was not refused: {failure:?}");
        }
        (Flow::Digest, Ok(_)) => bail!("the WIC registered, though it was refused"),
        (_, Err(failure)) => bail!("the WIC did not register: {failure:?}"),
        (_, Ok(_)) => {
            called(&mut wic).await?;
            wic.deregister().await;
        }
    }
    core.finish().await
}

/// The call of SIPp begins and ends.
async fn called(wic: &mut Wic) -> Result<()> {
    let ended = wic.event(|event| match event {
        Event::Call { event: CallEvent::Ended { by, .. }, .. } => Some(by),
        _ => None,
    });
    let by = tokio::time::timeout(PATIENCE, ended).await.context("the call of SIPp does not end")?;
    ensure!(by == Some(EndedBy::Peer), "the call of SIPp was ended by {by:?}");
    Ok(())
}
