//! Flow 1 gone wrong: the IMS password and its nonces.

use super::bench::{Bench, Page};
use super::client::Client;
use super::{Expect, Fault};
use conformance::script::ScriptError;

const GROUP: &str = "Digest";

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "wrong-password",
        title: "Wrong password",
        group: GROUP,
        breaks: "The WIC answers the challenge with a password that is not the subscriber's.",
        expected: "The S-CSCF answers 403 and tells the HSS that authentication failed; the eP-CSCF closes the connection.",
        clause: "TS 33.203 N.2.2.1, O.3.1.1",
        script: |bench| Box::pin(wrong_password(bench)),
        expect: Expect {
            by: "scscf",
            closed: Some(1008),
            reached: &["icscf REGISTER", "hss UAR", "scscf REGISTER", "hss SAR"],
            ..Expect::refusal(403)
        },
    },
    Fault {
        id: "replayed-nonce",
        title: "Replayed nonce",
        group: GROUP,
        breaks: "After a good registration, the same credentials are sent once more.",
        expected: "The S-CSCF answers 401 with a new nonce and stale=true: the digest is right, its nonce has been used.",
        clause: "TS 33.203 N.2.3",
        script: |bench| Box::pin(replayed_nonce(bench)),
        expect: STALE,
    },
    Fault {
        id: "nc-going-back",
        title: "nc going back",
        group: GROUP,
        breaks: "The nonce is used a third time with the count of its second use.",
        expected: "The S-CSCF answers 401 with stale=true: the count must grow with each use.",
        clause: "TS 33.203 N.2.3, RFC 7616 §3.4",
        script: |bench| Box::pin(nc_going_back(bench)),
        expect: STALE,
    },
    Fault {
        id: "wic-says-auth-done",
        title: "integrity-protected=\"auth-done\" from the WIC",
        group: GROUP,
        breaks: "The WIC writes into its credentials that it has been authenticated already.",
        expected: "The eP-CSCF removes the parameter, and the S-CSCF challenges as it would anybody.",
        clause: "TS 33.203 P.3, X.3.2.3",
        script: |bench| Box::pin(wic_says_auth_done(bench)),
        expect: Expect {
            by: "scscf",
            says: &["WWW-Authenticate: Digest"],
            reached: &["icscf REGISTER", "hss UAR", "scscf REGISTER", "hss MAR"],
            never: &["auth-done"],
            ..Expect::refusal(401)
        },
    },
];

const STALE: Expect = Expect {
    by: "scscf",
    says: &["stale=true"],
    reached: &["icscf REGISTER", "hss UAR", "scscf REGISTER"],
    ..Expect::refusal(401)
};

async fn wrong_password(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let mut client = bench.connect(Page::Operator).await?;
    let answer = client.challenged("not-the-password").await?;
    bench.mark().await;
    client.ask(&answer).await?;
    Ok(Some(client))
}

async fn replayed_nonce(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let mut client = bench.connect(Page::Operator).await?;
    let (register, _) = client.registered().await?;
    let credentials = register.value("Authorization").unwrap_or_default().to_owned();
    bench.mark().await;
    let again = client.register().with("Authorization", credentials);
    client.ask(&again).await?;
    Ok(Some(client))
}

async fn nc_going_back(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let mut client = bench.connect(Page::Operator).await?;
    client.registered().await?;
    let password = client.person.password.clone();
    let refresh = client.answering(&password, 2)?;
    let response = client.ask(&refresh).await?;
    client.accepted(&response)?;
    bench.mark().await;
    let back = client.answering(&password, 2)?;
    client.ask(&back).await?;
    Ok(Some(client))
}

async fn wic_says_auth_done(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let mut client = bench.connect(Page::Operator).await?;
    bench.mark().await;
    let register = client.first_register();
    let identity = register.value("Authorization").unwrap_or_default().to_owned();
    let register = register.set("Authorization", format!("{identity}, integrity-protected=\"auth-done\""));
    client.ask(&register).await?;
    Ok(Some(client))
}
