//! The core, and who speaks to it.

use super::bench::{Bench, Page};
use super::client::Client;
use super::{Expect, Fault};
use conformance::script::{Msg, ScriptError};
use sip::{Entropy, HeaderName};
use sip_net::OsEntropy;

const GROUP: &str = "Core";

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "hss-down",
        title: "HSS down",
        group: GROUP,
        breaks: "The HSS cannot be reached by what this registration asks of it.",
        expected: "The I-CSCF cannot learn who the user is and answers 504; the WIC may try again later.",
        clause: "TS 24.229 §5.3.1, TS 29.228 §6.1.1",
        script: |bench| Box::pin(without(bench, "hss")),
        expect: Expect { by: "icscf", reached: &["icscf REGISTER"], ..Expect::refusal(504) },
    },
    Fault {
        id: "scscf-down",
        title: "S-CSCF down",
        group: GROUP,
        breaks: "The S-CSCF cannot be reached by this registration.",
        expected: "The I-CSCF asks the HSS for another S-CSCF, there is none, and it answers 504 instead of hanging.",
        clause: "TS 24.229 §5.3.1.3",
        script: |bench| Box::pin(without(bench, "scscf")),
        expect: Expect { by: "icscf", reached: &["icscf REGISTER", "hss UAR", "hss UAR"], ..Expect::refusal(504) },
    },
    Fault {
        id: "tna-from-outside",
        title: "TNA from an untrusted peer",
        group: GROUP,
        breaks: "A node that is no eP-CSCF tells the I-CSCF that a user has been authenticated.",
        expected: "The I-CSCF answers 403, notes who it was, and asks the HSS nothing.",
        clause: "TS 33.203 U.1, U.2 step 4",
        script: |bench| Box::pin(tna_from_outside(bench)),
        expect: Expect { by: "icscf", reached: &["icscf REGISTER"], ..Expect::refusal(403) },
    },
    Fault {
        id: "stolen-flow-token",
        title: "Stolen flow token",
        group: GROUP,
        breaks: "Somebody outside has learnt a user's flow token and sends a request along it.",
        expected: "Only core nodes may use it: the eP-CSCF answers 403, and the user's WIC hears nothing.",
        clause: "RFC 5626 §5.3, TS 33.203 U.1",
        script: |bench| Box::pin(stolen_flow_token(bench)),
        expect: Expect::refusal(403),
    },
];

async fn without(bench: &mut Bench, node: &'static str) -> Result<Option<Client>, ScriptError> {
    let mut client = bench.connect(Page::Operator).await?;
    bench.lose(node)?;
    bench.mark().await;
    let register = client.first_register();
    client.ask(&register).await?;
    Ok(Some(client))
}

async fn tna_from_outside(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let (person, domain) = (bench.subscriber()?, bench.domain().to_owned());
    let (impi, impu) = (&person.impi, &person.impu);
    let register = from_outside("REGISTER", &format!("sip:{domain}"), impu)
        .with("Contact", "<sip:outside@{here}>;expires=600")
        .with("Path", "<sip:{here};lr>")
        .with("Require", "path")
        .with(
            "Authorization",
            format!(
                "Digest username=\"{impi}\", realm=\"{domain}\", uri=\"sip:{domain}\", nonce=\"\", response=\"\", \
                 integrity-protected=\"auth-done\""
            ),
        );
    bench.mark().await;
    bench.intrude(bench.mw("icscf")?, &register.bytes()).await?;
    Ok(None)
}

async fn stolen_flow_token(bench: &mut Bench) -> Result<Option<Client>, ScriptError> {
    let mut victim = bench.connect(Page::Operator).await?;
    let (_, response) = victim.registered().await?;
    let path = response.headers.value(&HeaderName::Path).unwrap_or_default().to_owned();
    let request = from_outside("OPTIONS", &victim.person.impu.clone(), &victim.person.impu).with("Route", path);
    bench.stays(victim);
    bench.mark().await;
    bench.intrude(bench.mw("epcscf")?, &request.bytes()).await?;
    Ok(None)
}

/// A request of a node that stands outside; `{here}` becomes its address.
fn from_outside(method: &str, uri: &str, impu: &str) -> Msg {
    let mut entropy = OsEntropy;
    Msg::request(method, uri)
        .with("Via", format!("SIP/2.0/UDP {{here}};branch=z9hG4bK{}", entropy.token(12)))
        .with("Max-Forwards", 70)
        .with("From", format!("<{impu}>;tag={}", entropy.token(8)))
        .with("To", format!("<{impu}>"))
        .with("Call-ID", format!("{}@outside.example", entropy.token(16)))
        .with("CSeq", format!("1 {method}"))
        .with("Content-Length", 0)
}
