//! The WebSocket and what goes over it.

use super::bench::{Bench, Page};
use super::client::Client;
use super::{Expect, Fault};
use conformance::script::ScriptError;

const GROUP: &str = "Connection";

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "rogue-page",
        title: "Page from the rogue WWSF",
        group: GROUP,
        breaks: "The WIC was downloaded from a WWSF that nobody has authorised.",
        expected: "The eP-CSCF answers the upgrade 403, without 101: no SIP is ever spoken.",
        clause: "TS 33.203 REQ 1.1, RFC 6455 §10.2",
        script: |bench| Box::pin(rogue_page(bench)),
        expect: Expect::refusal(403),
    },
    Fault {
        id: "origin-null",
        title: "Origin: null",
        group: GROUP,
        breaks: "The page has no origin, as from a file or a sandboxed frame.",
        expected: "The eP-CSCF answers the upgrade 403: null is the origin of no WWSF.",
        clause: "RFC 6454 §7.3, TS 33.203 REQ 1.1",
        script: |bench| Box::pin(origin_null(bench)),
        expect: Expect::refusal(403),
    },
    Fault {
        id: "no-sip-subprotocol",
        title: "No sip subprotocol",
        group: GROUP,
        breaks: "The upgrade does not offer the subprotocol sip.",
        expected: "The eP-CSCF answers the upgrade 400.",
        clause: "RFC 7118 §4.1",
        script: |bench| Box::pin(no_subprotocol(bench)),
        expect: Expect::refusal(400),
    },
    Fault {
        id: "two-messages-in-one-frame",
        title: "Two SIP messages in one frame",
        group: GROUP,
        breaks: "One WebSocket message holds two REGISTERs, one behind the other.",
        expected: "The eP-CSCF answers 400; neither is carried out.",
        clause: "RFC 7118 §5",
        script: |bench| Box::pin(two_messages(bench)),
        expect: Expect::refusal(400),
    },
    Fault {
        id: "lying-content-length",
        title: "Content-Length that lies",
        group: GROUP,
        breaks: "Content-Length announces a body that does not come.",
        expected: "The eP-CSCF answers 400: over WebSocket the message's own length is what counts.",
        clause: "RFC 7118 §5, RFC 3261 §18.3",
        script: |bench| Box::pin(lying_length(bench)),
        expect: Expect::refusal(400),
    },
];

async fn rogue_page(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    bench.mark().await;
    let upgrade = bench.upgrade_from(Page::Rogue)?;
    bench.upgrade(&upgrade).await?;
    Ok(None)
}

async fn origin_null(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    bench.mark().await;
    let upgrade = bench.upgrade_from(Page::Operator)?.set("Origin", "null");
    bench.upgrade(&upgrade).await?;
    Ok(None)
}

async fn no_subprotocol(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    bench.mark().await;
    let upgrade = bench.upgrade_from(Page::Operator)?.without("Sec-WebSocket-Protocol");
    bench.upgrade(&upgrade).await?;
    Ok(None)
}

async fn two_messages(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let mut client = bench.connect(Page::Operator).await?;
    let first = client.first_register();
    let second = client.first_register().set("Call-ID", "the-second-of-two@lab.invalid");
    bench.mark().await;
    client.say([first.bytes(), second.bytes()].concat()).await?;
    Ok(Some(client))
}

async fn lying_length(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let mut client = bench.connect(Page::Operator).await?;
    bench.mark().await;
    let register = client.first_register().set("Content-Length", 40);
    client.ask(&register).await?;
    Ok(Some(client))
}
