//! TP-WLD: flow 3, identities out of a wildcard range or a pool.

use std::time::{Duration, Instant};

use sip::HeaderName;
use sip::headers::{Authorization, Credentials, TypedHeader};

use super::ws::closes_with;
use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::Token;
use crate::tester::{Edge, Person, Tester};
use crate::verdict::{Outcome, Preamble, Stop};

purposes! {
    "WLD-01" Epcscf Range Requirement "SEED X.2.1.4" {
        "An identity out of the range is registered by the eP-CSCF itself",
        "a REGISTER of the partner's WIC with a right token" => "200 from the eP-CSCF; nothing on Mw",
        test(in_range),
    }
    "WLD-02" Epcscf Range Requirement "SEED X.2.1.4 step 4" {
        "A WWSF cannot give away identities of another's range",
        given "the operator's WWSF may use flow 3 too, with a range of its own",
        "a token of the operator's WAF for an identity of the partner's range" => "403; nothing on Mw",
        test(foreign_range),
    }
    "WLD-03" Epcscf Range Requirement "SEED X.2.1.4 step 4" {
        "An identity outside all ranges is refused, whatever the token says",
        "a token of the partner's WAF for sip:boss@ its domain" => "403; nothing on Mw",
        test(refused_identity, "boss", None),
    }
    "WLD-04" Epcscf Range Policy "TS 23.228 §4.3.3.2b" {
        "A distinct identity wins over the range around it",
        given "one identity of the range is provisioned by itself",
        "a token for that identity" => "403; nothing on Mw",
        test(shadowed),
    }
    "WLD-05" Epcscf Range Requirement "SEED X.2.1.4 step 1" {
        "An anonymous user is served",
        "a token whose sub says nothing" => "200",
        test(anonymous),
    }
    "WLD-06" Epcscf Range Policy "TS 23.003 §13.4A" {
        "An identity must match the range from end to end",
        "something before the prefix; something behind the host" => "403 each time",
        test(edges_of_range),
    }
    "WLD-07" Epcscf Range Requirement "RFC 3261 §19.1.4" {
        "Spellings of one identity are one identity",
        "To with %67uest-…, the host in capitals, ;user=phone" => "200; P-Associated-URI has the canonical form",
        test(spellings),
    }
    "WLD-08" Epcscf Range Requirement "TS 23.228 §4.3.3.2b" {
        "The wildcard itself cannot be registered",
        "To and From with the wildcarded identity" => "403; nothing on Mw",
        test(wildcard_itself),
    }
    "WLD-09" Epcscf Range Policy "TS 23.228 U.2.1.4" {
        "An identity has one holder",
        given "a registered guest",
        "another IMPI registers the same IMPU" => "403",
        test(second_holder),
    }
    "WLD-10" Epcscf Range Requirement "RFC 5626 §6" {
        "The same browser on a new connection takes its registration along",
        given "a registered guest",
        "a REGISTER with the same +sip.instance on another connection" => "200 with one Contact; the old connection is closed",
        test(moves),
    }
    "WLD-11" Epcscf Range Requirement "RFC 3261 §10.3" {
        "A REGISTER that comes too late changes nothing",
        given "a registered guest",
        "the same Call-ID with an older CSeq" => "500",
        test(older_cseq),
    }
    "WLD-12" Epcscf Range Requirement "RFC 3261 §10.2.2" {
        "Contact: * is for leaving alone",
        "Contact: * with Expires: 60" => "400",
        test(star),
    }
    "WLD-13" Icscf Pool Requirement "TS 23.228 U.2.1.4, 29.228 §6.1.1.1 step 0" {
        "A pair out of a pool is known without being provisioned",
        "auth-done for an IMPI and an IMPU of the pool" => "200; SAR REGISTRATION",
        test(out_of_pool),
    }
    "WLD-14" Scscf Pool Requirement "33.203 X.4.2.3" {
        "The S-CSCF refuses a WWSF that the pool is not of",
        "auth-done for a pair of the pool, wwsf-entity of another WWSF" => "403",
        test(foreign_wwsf),
    }
    "WLD-15" Icscf Pool Requirement "29.228 §6.1.1.1 step 2" {
        "Without a pool an unknown pair is unknown",
        given "no pool is provisioned",
        "auth-done for a pair that nobody provisioned" => "403; no SAR",
        test(no_pool),
    }
    "WLD-16" Epcscf Range Policy "TS 23.228 U.1.3.3" {
        "Who loses its range loses its users",
        given "a registered guest",
        "the range is taken away" => "close 1008",
        test(range_withdrawn),
    }
    "WLD-17" Epcscf Range Policy "TS 23.003 §13.4A" {
        "A hostile expression costs no time",
        given "the range sip:!(a+)+!@…",
        "an identity of 30 000 a and one b" => "an answer within two seconds, and no 200",
        test(hostile_expression),
    }
    "WLD-18" Epcscf Range Requirement "RFC 3261 §10.2.2, §10.3" {
        "A guest leaves",
        given "a registered guest",
        "an expiry of 0, then another guest of the same IMPU" => "200 without a Contact; 200",
        test(leaves),
    }
    "WLD-19" Epcscf Range Requirement "RFC 3261 §10.2.3" {
        "A REGISTER without Contact says what is bound",
        given "a registered guest",
        "a REGISTER without Contact" => "200 with the one Contact and what is left of its time",
        test(fetch),
    }
    "WLD-20" Epcscf Range Requirement "RFC 3261 §8.2.2.3" {
        "The registrar of the range refuses what it does not know",
        "Require: foo" => "420 with Unsupported: foo",
        test(unknown_extension),
    }
    "WLD-21" Epcscf Range Requirement "RFC 3261 §10.3 step 7" {
        "Too short a registration is refused with the least",
        "expires=10 where 60 is the least" => "423 with Min-Expires: 60",
        test(too_brief),
    }
    "WLD-22" Epcscf Range Policy "TS 23.228 U.2.1.4" {
        "A range does not give more than it may",
        given "max_users = 1, and a registered guest",
        "a second guest" => "503 with Retry-After",
        test(range_full),
    }
    "WLD-23" Epcscf Pool Requirement "33.203 X.4.2.3 step 5" {
        "In pool mode a guest is registered in the core by TNA",
        given "flow3.mode = pool-tna",
        "a REGISTER of the partner's WIC" => "it reaches the core with auth-done; no entity, membership being checked here",
        test(pool_mode, true),
    }
    "WLD-24" Epcscf Pool Requirement "33.203 X.4.2.3 step 5.2" {
        "In pool mode the WWSF is named where membership cannot be checked",
        given "flow3.mode = pool-tna, and no pool is configured",
        "a REGISTER of the partner's WIC" => "wwsf-entity and authorization-entity are there",
        test(pool_mode, false),
    }
    "WLD-25" Epcscf Range Requirement "RFC 5626 §6" {
        "The registrar of the range says that it honours outbound",
        "a REGISTER with reg-id, +sip.instance and Supported: outbound" => "200 with Require: outbound and Flow-Timer",
        test(outbound),
    }
    "WLD-26" Epcscf Range Policy "TS 23.228 §4.3.3.2b" {
        "The anchor of the range is nobody's",
        "a token of the partner's WAF for the anchor identity" => "403",
        test(refused_identity, "trunk", None),
    }
}

async fn in_range(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let register = guest.register().with("Authorization", edge.guest_bearer(&guest));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[200])?;
    let associated = answer.headers.value(&HeaderName::PAssociatedUri).unwrap_or_default().to_owned();
    t.check(associated.contains(&guest.impu), format!("P-Associated-URI is {associated:?}"))?;
    t.check(answer.headers.has(&HeaderName::ServiceRoute), "the 200 has no Service-Route")
}

/// A REGISTER of the partner's WIC for `impu`, which its token names.
async fn attempt(t: &mut Tester, edge: &mut Edge, impu: &str) -> Outcome<sip::Response> {
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    guest.impu = impu.to_owned();
    let register = guest.register().with("Authorization", edge.guest_bearer(&guest));
    let answer = edge.refused(&mut wic, &register).await?;
    t.saw(format!("{impu}: {} {}", answer.status, answer.reason));
    Ok(answer)
}

async fn refused_identity(t: &mut Tester, user: &str, domain: Option<&str>) -> Outcome {
    let mut edge = t.edge().await?;
    let impu = format!("sip:{user}@{}", domain.unwrap_or(&edge.partner.domain));
    let answer = attempt(t, &mut edge, &impu).await?;
    t.status(&answer, &[403])
}

async fn foreign_range(t: &mut Tester) -> Outcome {
    let setup = Setup::new()
        .with("wwsf.operator.flows", "[\"digest\", \"web-auth\", \"wildcard\"]")
        .with("wwsf.operator.ranges", "[\"sip:visitor-!.*!@partner.ims.example\"]");
    let mut edge = t.edge_with(setup).await?;
    let mut wic = edge.operator_wic().await?;
    let mut guest = edge.guest();
    let token = edge.token(&guest).claim("reg", "range").sign(&edge.operator.key);
    let register = guest.register().with("Authorization", format!("Bearer {token}"));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[403])
}

async fn shadowed(t: &mut Tester) -> Outcome {
    let setup = Setup::new().with("epcscf.distinct", "[\"sip:guest-distinct@partner.ims.example\"]");
    let mut edge = t.edge_with(setup).await?;
    let answer = attempt(t, &mut edge, "sip:guest-distinct@partner.ims.example").await?;
    t.status(&answer, &[403])?;
    let answer = attempt(t, &mut edge, "sip:guest-distinct2@partner.ims.example").await?;
    t.status(&answer, &[200]).preamble("its neighbour in the range")
}

async fn anonymous(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let token = edge.guest_token(&guest).claim("sub", "anon-7f3a").sign(&edge.partner.key);
    let register = guest.register().with("Authorization", format!("Bearer {token}"));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[200])
}

async fn edges_of_range(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let domain = edge.partner.domain.clone();
    for impu in [
        format!("sip:xguest-1@{domain}"),
        format!("sip:guest-1@{domain}.evil.example"),
        format!("sip:guest-1@x{domain}"),
    ] {
        let answer = attempt(t, &mut edge, &impu).await?;
        t.status(&answer, &[403])?;
    }
    Ok(())
}

async fn spellings(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let user = guest.impu.trim_start_matches("sip:g").to_owned();
    let (user, domain) = user.split_once('@').unwrap_or_default();
    let spelt = format!("sip:%67{user}@{};user=phone", domain.to_uppercase());
    let register = guest
        .register()
        .set("To", format!("<{spelt}>"))
        .set("From", format!("<{spelt}>;tag=w1"))
        .with("Authorization", edge.guest_bearer(&guest));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[200])?;
    let associated = answer.headers.value(&HeaderName::PAssociatedUri).unwrap_or_default().to_owned();
    t.saw(associated.clone());
    t.check(associated.contains(&guest.impu), format!("P-Associated-URI is {associated:?}"))
}

async fn wildcard_itself(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let range = edge.partner.range.clone();
    let range = range.ok_or_else(|| Stop::NotApplicable("the partner's range is not known".into()))?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let bearer = edge.guest_bearer(&guest);
    guest.impu = range;
    let register = guest.register().with("Authorization", bearer);
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[403])
}

async fn second_holder(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    edge.registered_guest(&mut wic, &mut guest).await?;
    let mut other_wic = edge.wic("wic other", &edge.partner.origin).await?;
    let mut other = Person { impu: guest.impu.clone(), ..edge.guest() };
    let register = other.register().with("Authorization", edge.guest_bearer(&other));
    let answer = edge.refused(&mut other_wic, &register).await?;
    t.status(&answer, &[403])
}

async fn moves(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    edge.registered_guest(&mut wic, &mut guest).await?;
    let mut again_wic = edge.wic("wic again", &edge.partner.origin).await?;
    guest.call_id += "-again";
    let register = guest.register().with("Authorization", edge.guest_bearer(&guest));
    let answer = edge.refused(&mut again_wic, &register).await?;
    t.status(&answer, &[200])?;
    let contacts = answer.headers.values(&HeaderName::Contact).count();
    t.check(contacts == 1, format!("{contacts} Contacts are bound"))?;
    let code = wic.closed().await?;
    t.saw(format!("the old connection: closed with {code:?}"));
    Ok(())
}

async fn older_cseq(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    guest.cseq = 10;
    edge.registered_guest(&mut wic, &mut guest).await?;
    let register = guest.register().set("CSeq", "5 REGISTER").with("Authorization", edge.guest_bearer(&guest));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[500])
}

async fn star(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let register =
        guest.register().set("Contact", "*").with("Expires", 60).with("Authorization", edge.guest_bearer(&guest));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[400])
}

/// A pair that the demo's pool holds.
fn of_pool(core: &mut crate::tester::Core) -> Outcome<Person> {
    let person = core.person()?;
    let (user, domain) = ("guest-042", format!("partner.{}", core.home));
    Ok(Person { impi: format!("{user}@{domain}"), impu: format!("sip:{user}@{domain}"), domain, ..person })
}

async fn out_of_pool(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut guest = of_pool(&mut core)?;
    let answer = core.by_tna(&mut guest, 3600, "").await?;
    t.status(&answer, &[200])?;
    if let Ok(cx) = core.cx() {
        t.saw(cx.join(", "));
        t.check(cx.contains(&"SAR REGISTRATION".into()), "the HSS was not told")?;
    }
    Ok(())
}

async fn foreign_wwsf(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut guest = of_pool(&mut core)?;
    let answer = core.by_tna(&mut guest, 3600, ", wwsf-entity=\"wwsf.rogue.example\"").await?;
    t.status(&answer, &[403])?;
    let answer = core.by_tna(&mut guest, 3600, ", wwsf-entity=\"wwsf.partner.example\"").await?;
    t.status(&answer, &[200])
}

async fn no_pool(t: &mut Tester) -> Outcome {
    let mut core = t.core_with(Setup::new().with("ims.demo", false)).await?;
    let mut guest = of_pool(&mut core)?;
    let answer = core.by_tna(&mut guest, 3600, "").await?;
    t.status(&answer, &[403])?;
    if let Ok(cx) = core.cx() {
        t.check(!cx.iter().any(|c| c.starts_with("SAR")), format!("Cx: {}", cx.join(", ")))?;
    }
    Ok(())
}

async fn range_withdrawn(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    edge.registered_guest(&mut wic, &mut guest).await?;
    let done = edge.control.drop_range().await;
    done.ok_or_else(|| Stop::NotApplicable("a range cannot be taken away from here".into()))?;
    closes_with(t, wic.closed().await, 1008)
}

async fn hostile_expression(t: &mut Tester) -> Outcome {
    let setup = Setup::new()
        .with("wwsf.partner.ranges", "[\"sip:!(a+)+!@partner.ims.example\"]")
        .with("wwsf.partner.pool", "[]");
    let mut edge = t.edge_with(setup).await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    guest.impu = format!("sip:{}b@{}", "a".repeat(30_000), edge.partner.domain);
    // The token would be too long with it: only To and From have the long identity.
    let short = Person { impu: format!("sip:aaaa@{}", edge.partner.domain), ..guest.clone() };
    let register = guest.register().with("Authorization", edge.guest_bearer(&short));
    let begun = Instant::now();
    wic.send(register.bytes()).await?;
    let answer = match wic.answer().await {
        Ok(answer) => {
            t.saw(format!("{} {}", answer.status, answer.reason));
            Some(answer)
        }
        Err(crate::script::ScriptError::Closed { code, .. }) => {
            t.saw(format!("closed with {code:?}"));
            None
        }
        Err(error) => return Err(error.into()),
    };
    let took = begun.elapsed();
    t.saw(format!("after {} ms", took.as_millis()));
    t.check(!answer.is_some_and(|a| a.status.is_success()), "it was accepted")?;
    t.check(took < Duration::from_secs(2), format!("it took {} ms", took.as_millis()))
}

async fn leaves(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let bearer = edge.registered_guest(&mut wic, &mut guest).await?;
    let register = guest.register_for(0).with("Authorization", &bearer);
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[200])?;
    t.check(!answer.headers.has(&HeaderName::Contact), "a Contact is still bound")?;
    let mut other_wic = edge.wic("wic other", &edge.partner.origin).await?;
    let mut other = Person { impu: guest.impu.clone(), ..edge.guest() };
    let register = other.register().with("Authorization", edge.guest_bearer(&other));
    let answer = edge.refused(&mut other_wic, &register).await?;
    t.status(&answer, &[200])
}

async fn fetch(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let bearer = edge.registered_guest(&mut wic, &mut guest).await?;
    let register = guest.register().without("Contact").with("Authorization", &bearer);
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[200])?;
    let contact = answer.headers.value(&HeaderName::Contact).unwrap_or_default().to_owned();
    t.saw(contact.clone());
    t.check(contact.contains(&guest.user) && contact.contains("expires="), format!("Contact is {contact:?}"))
}

async fn unknown_extension(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let register = guest.register().with("Require", "foo").with("Authorization", edge.guest_bearer(&guest));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[420])?;
    let unsupported = answer.headers.lists(&HeaderName::Unsupported, "foo");
    t.check(unsupported, "the 420 does not name foo in Unsupported")
}

async fn too_brief(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("registration.min_expires", 60)).await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let register = guest.register_for(10).with("Authorization", edge.guest_bearer(&guest));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[423])?;
    let least = answer.headers.value(&HeaderName::MinExpires).unwrap_or_default().to_owned();
    t.check(least == "60", format!("Min-Expires is {least:?}"))
}

async fn range_full(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("wwsf.partner.max_users", 1)).await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    edge.registered_guest(&mut wic, &mut guest).await?;
    let mut second_wic = edge.wic("wic second", &edge.partner.origin).await?;
    let mut second = edge.guest();
    let register = second.register().with("Authorization", edge.guest_bearer(&second));
    let answer = edge.refused(&mut second_wic, &register).await?;
    t.status(&answer, &[503])?;
    t.check(answer.headers.has(&HeaderName::RetryAfter), "the 503 has no Retry-After")
}

async fn pool_mode(t: &mut Tester, checked: bool) -> Outcome {
    let mut setup = Setup::new().with("flow3.mode", "pool-tna");
    if !checked {
        setup = setup.with("wwsf.partner.pool", "[]");
    }
    let mut edge = t.edge_with(setup).await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let token: Token = edge.guest_token(&guest);
    let register = guest.register().with("Authorization", format!("Bearer {}", token.sign(&edge.partner.key)));
    let admitted = edge.admit(&mut wic, &register).await?;
    t.status(&admitted.answer, &[200])?;
    let value = admitted.at_core.request.headers.value(&HeaderName::Authorization).unwrap_or_default().to_owned();
    t.saw(value.clone());
    let digest = match Authorization::parse(&value).map(|a| a.0) {
        Ok(Credentials::Digest(digest)) => digest,
        _ => return Err(Stop::fail(format!("Authorization on Mw is {value:?}"))),
    };
    t.check(digest.text("integrity-protected").as_deref() == Some("auth-done"), "there is no auth-done")?;
    for name in ["authorization-entity", "wwsf-entity"] {
        let there = digest.params.has(name);
        let word = if there { "is there" } else { "is missing" };
        t.check(there != checked, format!("{name} {word}"))?;
    }
    Ok(())
}

async fn outbound(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    let register = guest.register().with("Authorization", edge.guest_bearer(&guest));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[200])?;
    t.check(answer.headers.lists(&HeaderName::Require, "outbound"), "the 200 has no Require: outbound")?;
    t.check(answer.headers.has(&HeaderName::FlowTimer), "the 200 has no Flow-Timer")
}
