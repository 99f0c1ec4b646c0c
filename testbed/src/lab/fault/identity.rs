//! Identities that are not one's own.

use super::bench::{Bench, Page};
use super::client::{Client, Person};
use super::{Expect, Fault};
use conformance::script::ScriptError;
use sip::HeaderName;

const GROUP: &str = "Identity";

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "forged-pai",
        title: "Forged P-Asserted-Identity",
        group: GROUP,
        breaks: "A registered WIC sends a message that asserts somebody else's identity, which only the network may do.",
        expected: "The eP-CSCF removes the assertion and makes its own: the core sees the user of the connection. Nobody has the \
                   recipient's name, so that is a 404 in the end.",
        clause: "TS 24.229 §4.4, RFC 3325 §5, TS 33.203 O.2.3",
        script: |bench| Box::pin(forged_pai(bench)),
        expect: Expect {
            by: "icscf",
            reached: &["scscf MESSAGE", "icscf MESSAGE", "hss LIR"],
            shows: &["P-Asserted-Identity: <sip:carol@"],
            never: &["P-Asserted-Identity: <sip:alice@"],
            ..Expect::refusal(404)
        },
    },
    Fault {
        id: "impu-not-in-token",
        title: "IMPU that is not in the token",
        group: GROUP,
        breaks: "A good token for one user is shown to register another.",
        expected: "To must be an identity that the token names: 403, and the connection closes; the core could not have noticed.",
        clause: "TS 33.203 REQ 2.4",
        script: |bench| Box::pin(impu_not_in_token(bench)),
        expect: Expect::expulsion(403),
    },
    Fault {
        id: "impu-out-of-range",
        title: "IMPU out of range",
        group: GROUP,
        breaks: "The partner signs a token for an identity of the operator's domain.",
        expected: "A WWSF may give away identities of its own range only: 403, and the connection closes.",
        clause: "TS 23.228 X.2.1.4 step 4, U.1.3.3",
        script: |bench| Box::pin(out_of_range(bench)),
        expect: Expect::expulsion(403),
    },
    Fault {
        id: "impu-shadowed",
        title: "IMPU shadowed by a provisioned one",
        group: GROUP,
        breaks: "The partner gives away an identity of its range that a subscriber has been provisioned with.",
        expected: "A distinct identity comes before any wildcard: 403, and the connection closes.",
        clause: "TS 23.228 §4.3.3.2b",
        script: |bench| Box::pin(shadowed(bench)),
        expect: Expect::expulsion(403),
    },
    Fault {
        id: "third-party-register",
        title: "Third-party REGISTER",
        group: GROUP,
        breaks: "From is one user and To another.",
        expected: "Nobody registers for others here: 403, and nothing reaches the core.",
        clause: "TS 33.203 REQ 2.4",
        script: |bench| Box::pin(third_party(bench)),
        expect: Expect::refusal(403),
    },
];

fn somebody_else(bench: &Bench) -> String {
    format!("sip:alice@{}", bench.domain())
}

async fn forged_pai(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let mut client = bench.connect(Page::Operator).await?;
    let (_, response) = client.registered().await?;
    let route = response.headers.value(&HeaderName::ServiceRoute).unwrap_or_default().to_owned();
    bench.mark().await;
    let message = client
        .request("MESSAGE", &format!("sip:nobody@{}", bench.domain()))
        .with("Route", route)
        .with("P-Asserted-Identity", format!("<{}>", somebody_else(bench)))
        .body("text/plain", "It was not me who wrote this.");
    client.ask(&message).await?;
    Ok(Some(client))
}

async fn impu_not_in_token(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let forge = bench.forge(Page::Operator).await?;
    let other = Person { impu: somebody_else(bench), ..forge.holder() };
    let mut client = bench.connect_as(other, Page::Operator).await?;
    bench.mark().await;
    let register = client.register_with(forge.grant.token.expose());
    client.ask(&register).await?;
    Ok(Some(client))
}

async fn out_of_range(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let forge = bench.forge(Page::Partner).await?;
    let impu = somebody_else(bench);
    let token = forge.token.clone().claim("impu", vec![impu.clone()]).sign(&forge.key);
    let mut client = bench.connect_as(Person { impu, ..forge.holder() }, Page::Partner).await?;
    bench.mark().await;
    let register = client.register_with(&token);
    client.ask(&register).await?;
    Ok(Some(client))
}

async fn shadowed(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let forge = bench.forge(Page::Partner).await?;
    let guest = forge.holder();
    bench.provision(&guest.impu).await?;
    let mut client = bench.connect_as(guest, Page::Partner).await?;
    bench.mark().await;
    let register = client.register_with(forge.grant.token.expose());
    client.ask(&register).await?;
    Ok(Some(client))
}

async fn third_party(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let mut client = bench.connect(Page::Operator).await?;
    bench.mark().await;
    let register = client.first_register().set("To", format!("<{}>", somebody_else(bench)));
    client.ask(&register).await?;
    Ok(Some(client))
}
