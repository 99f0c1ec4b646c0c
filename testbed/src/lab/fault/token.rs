//! Flow 2 gone wrong: the token itself. Each is made of one that the WWSF gave, and where it has to
//! be signed rightly, signed with the WWSF's own key.

use super::bench::{Bench, Forge, Page};
use super::client::Client;
use super::{Expect, Fault};
use conformance::script::{ScriptError, SigningKey, Token};

const GROUP: &str = "Token";

/// What a token comes to that cannot be believed.
const INVALID: Expect = Expect { says: &["error=\"invalid_token\""], ..Expect::expulsion(401) };

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "alg-none",
        title: "alg: none",
        group: GROUP,
        breaks: "The token says that it is not signed, and is not.",
        expected: "The eP-CSCF answers 401 invalid_token and closes the connection; nothing reaches the core.",
        clause: "RFC 8725 §3.1, TS 33.203 X.3.2.3 step 4",
        script: |bench| Box::pin(shows(bench, |forge| Ok(forge.token.unsigned()))),
        expect: INVALID,
    },
    Fault {
        id: "hs256-public-key",
        title: "HS256 with the public key",
        group: GROUP,
        breaks: "The token is signed by HMAC, keyed with the WWSF's public key, which everybody knows.",
        expected: "The eP-CSCF does not let a token choose its algorithm: 401 invalid_token, and the connection closes.",
        clause: "RFC 8725 §2.1, §3.1",
        script: |bench| Box::pin(shows(bench, |forge| Ok(forge.token.hs256(&forge.key.public_octets())))),
        expect: INVALID,
    },
    Fault {
        id: "wrong-key",
        title: "Wrong key",
        group: GROUP,
        breaks: "The token is signed with another key under the name of the right one.",
        expected: "The signature does not verify: 401 invalid_token, and the connection closes.",
        clause: "RFC 7515 §5.2, TS 33.203 X.3.2.3 step 4",
        script: |bench| Box::pin(shows(bench, |forge| Ok(forge.token.sign(&SigningKey::es256(forge.key.kid())?)))),
        expect: INVALID,
    },
    Fault {
        id: "unknown-kid",
        title: "Unknown kid",
        group: GROUP,
        breaks: "The token names a key that the WWSF does not publish.",
        expected: "The eP-CSCF fetches the WWSF's keys once more, does not find it, and answers 401 invalid_token.",
        clause: "RFC 7515 §4.1.4",
        script: |bench| {
            Box::pin(shows(bench, |forge| Ok(forge.token.clone().head("kid", "nobody's").sign(&forge.key))))
        },
        expect: INVALID,
    },
    Fault {
        id: "expired",
        title: "Expired token",
        group: GROUP,
        breaks: "The token was good until an hour ago.",
        expected: "The eP-CSCF answers 401 invalid_token and closes the connection.",
        clause: "RFC 7519 §4.1.4, RFC 8898 §2.2",
        script: |bench| {
            Box::pin(shows(bench, |forge| {
                let now = Token::now();
                let times = forge.token.clone().claim("iat", now - 7200).claim("nbf", now - 7200);
                Ok(times.claim("exp", now - 3600).sign(&forge.key))
            }))
        },
        expect: INVALID,
    },
    Fault {
        id: "not-yet-valid",
        title: "Not yet valid",
        group: GROUP,
        breaks: "The token will be good in an hour.",
        expected: "The eP-CSCF answers 401 invalid_token and closes the connection.",
        clause: "RFC 7519 §4.1.5",
        script: |bench| {
            Box::pin(shows(bench, |forge| {
                let now = Token::now();
                Ok(forge.token.clone().claim("nbf", now + 3600).claim("exp", now + 7200).sign(&forge.key))
            }))
        },
        expect: INVALID,
    },
    Fault {
        id: "wrong-audience",
        title: "Wrong audience",
        group: GROUP,
        breaks: "The token is signed rightly, for another eP-CSCF.",
        expected: "The eP-CSCF answers 403 and closes the connection.",
        clause: "RFC 7519 §4.1.3",
        script: |bench| {
            Box::pin(shows(bench, |forge| {
                Ok(forge.token.clone().claim("aud", "sip:epcscf.elsewhere.example").sign(&forge.key))
            }))
        },
        expect: Expect::expulsion(403),
    },
    Fault {
        id: "wrong-issuer",
        title: "Wrong issuer",
        group: GROUP,
        breaks: "The token says that somebody else has issued it.",
        expected: "The issuer is not one that this WWSF's users may come with: 403, and the connection closes.",
        clause: "TS 33.203 REQ 2.1",
        script: |bench| {
            Box::pin(shows(bench, |forge| {
                Ok(forge.token.clone().claim("iss", "https://elsewhere.example").sign(&forge.key))
            }))
        },
        expect: Expect::expulsion(403),
    },
    Fault {
        id: "token-of-another-wwsf",
        title: "Token of another WWSF",
        group: GROUP,
        breaks: "A good token of the partner is shown on a connection that came from the operator's page.",
        expected: "A token counts on connections from its own WWSF alone: 403, and the connection closes.",
        clause: "TS 33.203 REQ 2.1, REQ 2.2",
        script: |bench| Box::pin(token_of_another(bench)),
        expect: Expect::expulsion(403),
    },
    Fault {
        id: "both-credentials",
        title: "Token and digest at once",
        group: GROUP,
        breaks: "One REGISTER carries a good token and Digest credentials.",
        expected: "The eP-CSCF does not choose between two credentials: 400, and the connection stays.",
        clause: "TS 24.371 §7.2.1",
        script: |bench| Box::pin(both_credentials(bench)),
        expect: Expect::refusal(400),
    },
];

/// Registers the subscriber with what `forged` makes of the subscriber's token.
async fn shows(
    bench: &mut Bench,
    forged: impl FnOnce(&Forge) -> Result<String, ScriptError> + Send,
) -> Result<Option<Client>, ScriptError> {
    let token = forged(&bench.forge(Page::Operator).await?)?;
    let mut client = bench.connect(Page::Operator).await?;
    bench.mark().await;
    let register = client.register_with(&token);
    client.ask(&register).await?;
    Ok(Some(client))
}

async fn token_of_another(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let forge = bench.forge(Page::Partner).await?;
    let mut client = bench.connect_as(forge.holder(), Page::Operator).await?;
    bench.mark().await;
    let register = client.register_with(forge.grant.token.expose());
    client.ask(&register).await?;
    Ok(Some(client))
}

async fn both_credentials(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let forge = bench.forge(Page::Operator).await?;
    let mut client = bench.connect(Page::Operator).await?;
    let digest = client.challenged(&client.person.password.clone()).await?;
    bench.mark().await;
    let both = digest.with("Authorization", format!("Bearer {}", forge.grant.token.expose()));
    client.ask(&both).await?;
    Ok(Some(client))
}
