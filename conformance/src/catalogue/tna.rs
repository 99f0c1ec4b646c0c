//! TP-TNA: trusted node authentication.

use sip::HeaderName;
use sip::headers::{Authorization, Credentials, DigestCredentials, TypedHeader};

use crate::lab::{Operation, Setup};
use crate::purpose::purposes;
use crate::script::{Arrived, digest};
use crate::tester::{Core, Tester, tls};
use crate::verdict::{Outcome, Preamble, Stop};

purposes! {
    "TNA-01" Epcscf WebAuth Requirement "33.203 Annex U, X.3.2.3" {
        "The TNA header says who it is and that it is done",
        "a flow 2 registration" => "on Mw the IMPI, auth-done, an empty response, an empty nonce; no Bearer",
        test(header),
    }
    "TNA-02" Scscf WebAuth Requirement "33.203 P.4, U.2" {
        "Who is vouched for is not challenged",
        "a REGISTER with auth-done" => "200; one SAR REGISTRATION and no MAR",
        test(no_challenge),
    }
    "TNA-03" Icscf WebAuth Requirement "33.203 U.1" {
        "Only a trusted node may vouch",
        "auth-done from another address" => "403; no UAR",
        test(stranger),
    }
    "TNA-04" Epcscf WebAuth Requirement "33.203 X.3.2.3 step 5.2" {
        "The WAF of a third party is named",
        given "a WWSF whose WAF is a third party's",
        "a flow 2 registration" => "authorization-entity names the WAF",
        test(third_party),
    }
    "TNA-05" Scscf WebAuth Requirement "33.203 X.3.2.3 step 7" {
        "A WAF that is not allowed is refused, and the HSS told",
        "auth-done with an authorization-entity that the SAA does not list" => "403; SAR ADMINISTRATIVE_DEREGISTRATION",
        test(refused_entity),
    }
    "TNA-06" Scscf WebAuth Requirement "33.203 X.3.2.3 step 7" {
        "A WAF that the operator bars is refused",
        given "barred_entities has a WAF that the SAA lists",
        "auth-done with it" => "403",
        test(barred_entity),
    }
    "TNA-07" Scscf WebAuth Requirement "33.203 X.3.2.3 step 7" {
        "The operator's own WAF is not checked",
        "auth-done without an entity" => "200",
        test(no_entity),
    }
    "TNA-08" Scscf WebAuth Policy "29.228 §6.2.1" {
        "A WAF that is taken off the list takes its users with it",
        given "a user registered by a listed WAF",
        "a PPR without it" => "the registration ends: no contact is left",
        test(list_shrinks),
    }
    "TNA-09" Scscf WebAuth Policy "33.203 P.4" {
        "auth-done beside a response is refused",
        "auth-done with a response that is not empty" => "403",
        test(with_response),
    }
    "TNA-10" Scscf WebAuth Requirement "33.203 U.2" {
        "Refresh and de-registration are vouched for in the same way",
        given "a user registered by TNA",
        "a refresh, then an expiry of 0" => "200 each; SAR RE_REGISTRATION, then USER_DEREGISTRATION",
        test(refresh_and_leave),
    }
    "TNA-11" Icscf WebAuth Requirement "29.228 §6.1.1.1 step 3" {
        "An IMPI and an IMPU of two subscribers do not go together",
        "auth-done with the IMPI of another" => "403; no SAR",
        test(mixed_identities),
    }
    "TNA-12" Epcscf WebAuth Policy "33.203 O.2.3, X.3.2.3 step 7" {
        "A connection is one user's",
        given "a registered WIC",
        "the REGISTER of another user, with a good token, on the same connection" => "403; nothing reaches the core",
        test(second_user),
    }
    "TNA-13" Epcscf WebAuth Requirement "33.203 X.3.2.3 step 5.2" {
        "The operator's own WAF is not named",
        "a flow 2 registration with the operator's WAF" => "no authorization-entity",
        test(own_waf),
    }
    "TNA-14" Epcscf WebAuth Requirement "33.203 U.2" {
        "The eP-CSCF vouches for refresh and de-registration too",
        given "a registered WIC",
        "a refresh, then an expiry of 0" => "auth-done on Mw both times",
        test(vouches_again),
    }
    "TNA-15" Scscf WebAuth Requirement "33.203 U.1" {
        "The S-CSCF takes auth-done from the I-CSCF alone",
        "auth-done sent to the S-CSCF itself" => "403; no SAR",
        test(past_the_icscf),
    }
    "TNA-16" Scscf WebAuth Requirement "33.203 X.3.2.3 step 7" {
        "A WAF that is allowed is let in",
        "auth-done with an authorization-entity that the SAA lists" => "200",
        test(allowed_entity),
    }
    "TNA-17" Scscf WebAuth Requirement "33.203 P.3" {
        "A registration keeps its scheme at the S-CSCF too",
        given "a user registered by TNA",
        "a REGISTER of the same contact with Digest, and if it is challenged the right answer" => "no 200",
        test(scheme_change),
    }
}

fn on_mw(arrived: &Arrived) -> Outcome<DigestCredentials> {
    let value = arrived.request.headers.value(&HeaderName::Authorization).unwrap_or_default();
    match Authorization::parse(value).map(|a| a.0) {
        Ok(Credentials::Digest(digest)) => Ok(digest),
        _ => Err(Stop::fail(format!("Authorization on Mw is {value:?}"))),
    }
}

async fn header(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.bearer(&alice));
    let arrived = edge.to_core(&mut wic, &register).await?;
    let count = arrived.request.headers.values(&HeaderName::Authorization).count();
    t.check(count == 1, format!("{count} Authorization headers on Mw"))?;
    let digest = on_mw(&arrived)?;
    t.saw(digest.params.to_string());
    for (name, expected) in [
        ("username", alice.impi.clone()),
        ("realm", edge.home.clone()),
        ("uri", format!("sip:{}", edge.home)),
        ("nonce", String::new()),
        ("response", String::new()),
        ("integrity-protected", "auth-done".into()),
    ] {
        let got = digest.text(name);
        t.check(got.as_deref() == Some(&expected), format!("{name} is {got:?} instead of {expected:?}"))?;
    }
    Ok(())
}

async fn no_challenge(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let answer = core.by_tna(&mut alice, 3600, "").await?;
    t.status(&answer, &[200])?;
    let cx = core.cx()?;
    t.saw(cx.join(", "));
    t.check(!cx.iter().any(|c| c.starts_with("MAR")), "a MAR was sent, for which there is no scheme")?;
    let sars = cx.iter().filter(|c| c.starts_with("SAR")).count();
    t.check(sars == 1 && cx.contains(&"SAR REGISTRATION".into()), "not exactly one SAR REGISTRATION was sent")
}

async fn stranger(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let log = t.log().clone();
    let any = std::net::SocketAddr::new(core.edge.addr().ip(), 0);
    let mut stranger = crate::script::Node::bind(any, "stranger", "icscf", core.limits().answer, &log).await?;
    let register = alice.register().with("Authorization", core.vouch(&alice, ""));
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKs{};rport", stranger.addr(), t.unique());
    let register = core.on_mw(&register).set("Via", via);
    let entry = core.entry;
    let answer = stranger.exchange(entry, &register.bytes()).await?;
    t.status(&answer, &[403])?;
    if let Ok(cx) = core.cx() {
        t.check(cx.is_empty(), format!("Cx: {}", cx.join(", ")))?;
    }
    Ok(())
}

async fn third_party(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("wwsf.operator.third_party", true)).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.bearer(&alice));
    let arrived = edge.to_core(&mut wic, &register).await?;
    let entity = on_mw(&arrived)?.text("authorization-entity");
    t.saw(format!("authorization-entity: {entity:?}"));
    let expected = edge.operator.entity.clone();
    t.check(entity.as_deref() == Some(&expected), format!("{entity:?} instead of {expected:?}"))
}

async fn own_waf(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.bearer(&alice));
    let arrived = edge.to_core(&mut wic, &register).await?;
    let digest = on_mw(&arrived)?;
    t.check(!digest.params.has("authorization-entity"), "an authorization-entity is there")
}

async fn refused_entity(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let answer = core.by_tna(&mut alice, 3600, ", authorization-entity=\"waf.rogue.example\"").await?;
    t.status(&answer, &[403])?;
    let cx = core.cx()?;
    t.saw(cx.join(", "));
    t.check(cx.contains(&"SAR ADMINISTRATIVE_DEREGISTRATION".into()), "the HSS still has the user registered")
}

/// Somebody whom only `waf.partner.example` may vouch for.
async fn vouched_by_partner(core: &mut Core) -> Outcome<crate::tester::Person> {
    core.provision("erin", |new| {
        new.wafs = vec!["waf.partner.example".into()];
        new.wwsfs = vec!["wwsf.partner.example".into()];
    })
    .await
}

const PARTNER: &str = ", authorization-entity=\"waf.partner.example\"";

async fn barred_entity(t: &mut Tester) -> Outcome {
    let setup = Setup::new().with("barred_entities", "[\"waf.partner.example\"]");
    let mut core = t.core_with(setup).await?;
    let mut erin = vouched_by_partner(&mut core).await?;
    let answer = core.by_tna(&mut erin, 3600, PARTNER).await?;
    t.status(&answer, &[403])
}

async fn allowed_entity(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut erin = vouched_by_partner(&mut core).await?;
    let answer = core.by_tna(&mut erin, 3600, PARTNER).await?;
    t.status(&answer, &[200])
}

async fn no_entity(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut erin = vouched_by_partner(&mut core).await?;
    let answer = core.by_tna(&mut erin, 3600, "").await?;
    t.status(&answer, &[200])
}

async fn list_shrinks(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut erin = vouched_by_partner(&mut core).await?;
    let answer = core.by_tna(&mut erin, 3600, PARTNER).await?;
    t.status(&answer, &[200]).preamble("registering by TNA")?;
    let wafs = vec!["waf.other.example".into()];
    core.operate(Operation::SetAllowed { impu: erin.impu.clone(), wafs, wwsfs: Vec::new() }).await?;
    // A fetch: whose bindings are there?
    let deadline = tokio::time::Instant::now() + core.limits().answer;
    loop {
        let fetch = erin.register().without("Contact").with("Authorization", core.vouch(&erin, ""));
        let answer = core.register(&fetch).await?;
        let contacts = answer.headers.values(&HeaderName::Contact).count();
        if contacts == 0 {
            t.saw(format!("a fetch: {} without a contact", answer.status));
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            return Err(Stop::fail("the contact is still bound"));
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn with_response(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let value = core.vouch(&alice, "").replace("response=\"\"", "response=\"0123456789abcdef0123456789abcdef\"");
    let answer = core.register(&alice.register().with("Authorization", value)).await?;
    t.status(&answer, &[403])
}

async fn refresh_and_leave(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    for (expires, sar) in [(3600, "SAR REGISTRATION"), (3600, "SAR RE_REGISTRATION"), (0, "SAR USER_DEREGISTRATION")] {
        let answer = core.by_tna(&mut alice, expires, "").await?;
        t.status(&answer, &[200])?;
        if let Ok(cx) = core.cx() {
            t.check(cx.contains(&sar.to_owned()), format!("Cx: {}, and no {sar}", cx.join(", ")))?;
        }
    }
    Ok(())
}

async fn mixed_identities(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let bob = core.nth_person(1)?;
    let register = alice.register().with("Authorization", core.vouch(&bob, ""));
    let answer = core.register(&register).await?;
    t.status(&answer, &[403])?;
    if let Ok(cx) = core.cx() {
        t.check(!cx.iter().any(|c| c.starts_with("SAR")), format!("Cx: {}", cx.join(", ")))?;
    }
    Ok(())
}

async fn second_user(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let (mut alice, mut bob) = (edge.person(), edge.person());
    edge.registered(&mut wic, &mut alice).await?;
    let register = bob.register().with("Authorization", edge.bearer(&bob));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[403])
}

async fn vouches_again(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    edge.registered(&mut wic, &mut alice).await?;
    for expires in [3600, 0] {
        let register = alice.register_for(expires).with("Authorization", edge.bearer(&alice));
        let admitted = edge.admit(&mut wic, &register).await?;
        let integrity = on_mw(&admitted.at_core)?.text("integrity-protected");
        t.saw(format!("expires={expires}: {integrity:?}"));
        t.check(integrity.as_deref() == Some("auth-done"), format!("integrity-protected is {integrity:?}"))?;
    }
    Ok(())
}

async fn past_the_icscf(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let scscf = core.scscf.ok_or_else(|| Stop::NotApplicable("the S-CSCF cannot be reached by itself".into()))?;
    let mut alice = core.person()?;
    let register = alice.register().with("Authorization", core.vouch(&alice, ""));
    let register = core.on_mw(&register);
    let answer = core.edge.exchange(scscf, &register.bytes()).await?;
    t.status(&answer, &[403])?;
    if let Ok(cx) = core.cx() {
        t.check(cx.is_empty(), format!("Cx: {}", cx.join(", ")))?;
    }
    Ok(())
}

async fn scheme_change(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let answer = core.by_tna(&mut alice, 3600, "").await?;
    t.status(&answer, &[200]).preamble("registering by TNA")?;
    let register = alice.register().with("Authorization", digest::identity(&alice.impi, &alice.domain));
    let answer = core.register(&register).await?;
    t.saw(format!("{} {}", answer.status, answer.reason));
    t.check(!answer.status.is_success(), "Digest without an answer was accepted")?;
    if answer.status.code() != 401 {
        return Ok(());
    }
    let sent = core.credentials(&answer, &alice)?;
    let register = alice.register().with("Authorization", tls(&sent, "tls-pending"));
    let answer = core.register(&register).await?;
    t.saw(format!("{} {}", answer.status, answer.reason));
    t.check(!answer.status.is_success(), "the registration changed its scheme")
}
