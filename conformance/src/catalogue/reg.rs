//! TP-REG and TP-DER: how a registration is made, kept and ended.

use std::collections::HashSet;

use sip::headers::{Contacts, Path, ServiceRoute, Via};
use sip::{HeaderName, Response};

use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::{Msg, digest};
use crate::tester::{Core, Person, Tester, tls};
use crate::verdict::{Outcome, Preamble, Stop};

purposes! {
    "REG-01" Epcscf Any Requirement "RFC 3327 §5.2, 24.229 §5.2.2" {
        "The eP-CSCF puts itself into the path",
        "any REGISTER" => "on Mw its own Path on top with lr and ob, Require: path, its own Via on top",
        test(own_path),
    }
    "REG-02" Epcscf Any Requirement "RFC 3608 §6.4, 24.229 §5.2.6.3" {
        "Requests follow the Service-Route",
        given "a registered WIC",
        "a MESSAGE without Route" => "on Mw the stored Service-Route as Route",
        test(follows_service_route),
    }
    "REG-03" Scscf Digest Requirement "RFC 7315 §4.1" {
        "The default identity is listed first, a barred one not at all",
        given "a subscriber with three identities, the second barred",
        "a registration" => "P-Associated-URI: the default, then the third",
        test(associated),
    }
    "REG-04" Scscf Digest Option "RFC 3261 §10.3 step 7" {
        "Too short a registration is refused with the least",
        given "min_expires = 60",
        "expires=10" => "423 with Min-Expires: 60",
        test(too_brief),
    }
    "REG-05" Scscf Digest Requirement "RFC 3261 §10.2.1.1" {
        "Who asks for no time gets some, and is told",
        "neither an expires parameter nor Expires" => "200 whose Contact has expires",
        test(no_expires),
    }
    "REG-06" Scscf Any Requirement "RFC 3261 §8.2.2.3" {
        "What is required and unknown is named",
        "Require: foo" => "420 with Unsupported: foo",
        test(unknown_extension),
    }
    "REG-08" Scscf Digest Requirement "RFC 5626 §6" {
        "A first hop without outbound is told",
        "reg-id and +sip.instance, no ob in Path" => "439",
        test(first_hop_lacks_outbound),
    }
    "REG-09" Scscf Digest Requirement "RFC 5626 §6" {
        "Two flows of one browser are two bindings",
        "reg-id 1, then reg-id 2 of one instance" => "the second 200 has both Contacts",
        test(two_flows),
    }
    "REG-10" Epcscf Any Requirement "24.229 §4.4" {
        "What only the network may say is not taken from a WIC",
        "a REGISTER with every header of the trust domain" => "none of it is on Mw",
        test(forged_headers),
    }
    "REG-11" Epcscf Digest Requirement "33.203 P.3" {
        "Without Authorization the network says how the WIC is connected",
        "an initial REGISTER without Authorization" => "on Mw P-Access-Network-Info with network-provided",
        test(network_provided),
    }
    "REG-12" Epcscf Any Policy "RFC 3261 §16.8" {
        "A core that is silent is not waited for for ever",
        given "registration.core_timeout = 1, a core that does not answer",
        "a REGISTER" => "504 or 503 with Retry-After",
        test(silent_core),
    }
    "REG-13" Icscf WebAuth Requirement "29.228 §6.1.2.1" {
        "A user whom another S-CSCF has is not taken from it unseen",
        given "the HSS has the user registered at another S-CSCF that cannot be reached",
        "a REGISTER" => "another S-CSCF is chosen, or 504; no 200 while the HSS names the other",
        test(other_scscf),
    }
    "REG-14" Scscf Digest Requirement "RFC 5627 §5" {
        "GRUUs are for those who ask",
        "with and without Supported: gruu" => "pub-gruu and temp-gruu both there, or both absent; never without asking",
        test(gruu),
    }
    "REG-15" Scscf Digest Requirement "RFC 3327 §5.3, RFC 3608 §6.1, 24.229 §5.4.1.2.2F" {
        "The answer says how the user is reached and served",
        "a registration" => "200 with Path as it came, Service-Route with lr, P-Associated-URI, Contact with expires",
        test(what_the_200_has),
    }
    "REG-16" Scscf Digest Requirement "RFC 3261 §10.2.3" {
        "A REGISTER without Contact says what is bound",
        given "a registered user",
        "a REGISTER without Contact" => "200 with the Contact and what is left of its time",
        test(fetch),
    }
    "REG-17" Scscf Digest Requirement "RFC 3261 §10.3 step 7" {
        "A REGISTER that comes too late changes nothing",
        given "a registered user",
        "the same Call-ID with an older CSeq" => "500 or 400, not 200",
        test(older_cseq),
    }
    "REG-18" Scscf Any Requirement "RFC 3261 §10.2.2" {
        "Contact: * is for leaving alone",
        "Contact: * with Expires: 60" => "400",
        test(star_with_time),
    }
    "REG-19" Epcscf Any Requirement "RFC 3261 §16.6 step 3" {
        "Max-Forwards counts down",
        "Max-Forwards 70; 0" => "69 on Mw; 483",
        test(max_forwards),
    }
    "REG-20" Epcscf Any Requirement "RFC 3261 §16.3 step 5" {
        "A proxy extension that is not known is refused",
        "Proxy-Require: foo" => "420 with Unsupported: foo; nothing on Mw",
        test(proxy_require),
    }
    "REG-21" Epcscf Any Requirement "RFC 7315 §4.6, 24.229 §5.2.2" {
        "Each REGISTER gets a charging vector of its own",
        "two REGISTERs, with a forged vector" => "two icid-values, neither of them the WIC's",
        test(charging_vector),
    }
    "REG-22" Epcscf Any Requirement "24.229 §5.2.2" {
        "What is for the network does not reach the WIC",
        "a 200 of the core with charging headers" => "on W2 no P-Charging-Vector, P-Charging-Function-Addresses, P-Visited-Network-ID",
        test(clean_answer),
    }
    "REG-23" Epcscf Any Policy "24.229 §7.2A.14" {
        "Wildcards in P-Associated-URI are for the network",
        "a 200 of the core that lists a wildcarded identity" => "on W2 the distinct ones alone",
        test(wildcards_removed),
    }
    "REG-24" Epcscf Any Requirement "RFC 5626 §4.4.1, §6" {
        "The WIC learns when to send keep-alives",
        "a 200 of the core with Require: outbound" => "on W2 Flow-Timer",
        test(flow_timer),
    }
    "REG-25" Epcscf Any Requirement "TS 23.228 U.1.1" {
        "Only the domains that are served can be registered in",
        "REGISTER sip:other.example; with a user part" => "403; 400; nothing on Mw",
        test(other_domain),
    }
    "REG-26" Epcscf Any Requirement "RFC 5626 §5.1" {
        "ob is for those who ask for outbound",
        "a REGISTER without Supported: outbound, without reg-id" => "on Mw Path without ob",
        test(no_outbound),
    }
    "REG-27" Epcscf Any Requirement "RFC 5626 §5.2" {
        "Flow tokens are told apart, and are no numbers to guess",
        "registrations over two connections" => "two tokens of 16 characters at least in Path",
        test(flow_tokens),
    }
    "REG-28" Epcscf Any Requirement "RFC 3261 §16.7 step 5" {
        "100 goes one hop",
        "a 100 of the core before its 200" => "the WIC gets the 200 alone, or a 100 of the eP-CSCF's own",
        test(trying),
    }
    "REG-29" Icscf WebAuth Requirement "RFC 3261 §16.3, §16.6" {
        "The I-CSCF is a proxy too",
        "Max-Forwards: 0; Proxy-Require: foo" => "483; 420 with Unsupported",
        test(icscf_proxy_rules),
    }
    "REG-30" Icscf WebAuth Requirement "29.228 §6.1.1.1 step 1" {
        "An unknown user is refused",
        "auth-done for identities that nobody provisioned" => "403; no SAR",
        test(unknown_user),
    }
    "REG-31" Scscf Digest Policy "24.229 §5.4.1.2.2F" {
        "The longest registration is kept to",
        given "max_expires = 1200",
        "expires=600000" => "200 with expires=1200",
        test(too_long),
    }
    "REG-32" Scscf Digest Requirement "RFC 3261 §10.3 step 5, RFC 5626 §6" {
        "A browser that comes back replaces its own binding",
        "the same +sip.instance and reg-id with another Contact address" => "one Contact, the new one",
        test(replaces_itself),
    }
    "DER-01" Scscf Digest Requirement "24.229 §5.4.1.4" {
        "A user leaves",
        given "a registered user",
        "an expiry of 0" => "200 without a Contact; SAR USER_DEREGISTRATION",
        test(leaves, false),
    }
    "DER-02" Scscf Digest Requirement "24.229 §5.4.1.4, RFC 3261 §10.2.2" {
        "A user leaves with all browsers",
        given "a user registered with two browsers",
        "Contact: * with Expires: 0" => "200 without a Contact; SAR USER_DEREGISTRATION",
        test(leaves, true),
    }
    "DER-03" Scscf Digest Policy "RFC 3261 §10.3" {
        "To leave with what is not bound is no error",
        given "a registered user",
        "an expiry of 0 for another Contact" => "200; the binding stays",
        test(leaves_unbound),
    }
    "DER-05" Epcscf Any Policy "33.203 O.2.3" {
        "Nobody is de-registered by another",
        given "two registered WICs",
        "the de-registration of one on the connection of the other" => "403; nothing on Mw",
        test(leaves_for_another),
    }
    "DER-06" Epcscf Any Requirement "RFC 5626 §5.3.1" {
        "A lost connection is no de-registration",
        given "a registered WIC",
        "Close 1001; then a request of the core for the flow" => "nothing is de-registered; 430",
        test(lost_connection),
    }
    "DER-07" Epcscf Any Requirement "24.229 §5.2.5" {
        "Who has left may not go on",
        given "a WIC that de-registered",
        "a MESSAGE" => "403 or 401; nothing on Mw",
        test(after_leaving),
    }
    "DER-08" Epcscf WebAuth Policy "TS 23.228 U.2.1.3" {
        "The token of the session is good enough to leave with, though expired",
        given "a registered WIC whose token has expired by more than the leeway",
        "a de-registration with that token" => "on Mw, with auth-done",
        waits("a token that lives for less than the shortest registration is refused, so this takes longer than a minute"),
    }
}

async fn own_path(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice));
    let admitted = edge.admit(&mut wic, &register).await?;
    let headers = &admitted.at_core.request.headers;
    let paths: Vec<Path> = headers.all().map_err(|e| Stop::fail(e.to_string()))?;
    let path = paths.first().ok_or_else(|| Stop::fail("the REGISTER on Mw has no Path"))?;
    t.saw(format!("Path: {path}"));
    let uri = path.uri.as_sip().ok_or_else(|| Stop::fail("the Path is no SIP URI"))?;
    t.check(uri.is_loose() && uri.params.has("ob") && uri.user.is_some(), "the Path lacks lr, ob or a flow token")?;
    t.check(headers.lists(&HeaderName::Require, "path"), "there is no Require: path")?;
    let vias: Vec<Via> = headers.all().map_err(|e| Stop::fail(e.to_string()))?;
    t.saw(vias.iter().map(Via::to_string).collect::<Vec<_>>().join(" | "));
    t.check(vias.len() == 2, format!("{} Vias on Mw", vias.len()))?;
    let wics = vias.last().is_some_and(|via| via.host.as_str() == alice.host);
    t.check(wics, "the WIC's Via is not beneath the eP-CSCF's")
}

async fn follows_service_route(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    edge.registered(&mut wic, &mut alice).await?;
    let to = format!("sip:bob@{}", edge.home);
    let message = alice.request("MESSAGE", &to).without("Contact").body("text/plain", "hello");
    wic.send(message.bytes()).await?;
    let arrived = tokio::select! {
        arrived = edge.core.request("MESSAGE") => arrived?,
        answer = wic.answer() => {
            let answer = answer?;
            return Err(Stop::Fail(format!("{} {} on W2, and nothing on Mw", answer.status, answer.reason)));
        }
    };
    let route = arrived.request.headers.value(&HeaderName::Route).unwrap_or_default().to_owned();
    t.saw(format!("Route: {route}"));
    let expected = edge.at_core().service_route();
    t.check(route == expected, format!("Route is {route:?} instead of {expected:?}"))
}

async fn associated(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let home = core.home.clone();
    let [first, second, third] = ["frank", "frank-barred", "frank-third"].map(|name| format!("sip:{name}@{home}"));
    let all = vec![first.clone(), second.clone(), third.clone()];
    let mut frank = core
        .provision("frank", |new| {
            new.impus = all;
            new.barred = vec![second];
        })
        .await?;
    let (_, answer, _) = core.by_digest(&mut frank).await?;
    let listed: Vec<&str> = answer.headers.elements(&HeaderName::PAssociatedUri).collect();
    t.saw(listed.join(", "));
    t.check(listed == [format!("<{first}>"), format!("<{third}>")], format!("it lists {}", listed.join(", ")))
}

async fn too_brief(t: &mut Tester) -> Outcome {
    let mut core = t.core_with(Setup::new().with("min_expires", 60)).await?;
    let mut alice = core.person()?;
    let first = alice.register_for(10).with("Authorization", digest::identity(&alice.impi, &alice.domain));
    let mut answer = core.register(&first).await?;
    if answer.status.code() == 401 {
        let sent = core.credentials(&answer, &alice)?;
        answer = core.register(&alice.register_for(10).with("Authorization", tls(&sent, "tls-pending"))).await?;
    }
    t.status(&answer, &[423])?;
    let least = answer.headers.value(&HeaderName::MinExpires).unwrap_or_default().to_owned();
    t.check(least == "60", format!("Min-Expires is {least:?}"))
}

/// A digest registration whose REGISTERs `change` changes; the final answer.
async fn changed(core: &mut Core, person: &mut Person, change: impl Fn(Msg) -> Msg) -> Outcome<Response> {
    let first = change(person.register()).with("Authorization", digest::identity(&person.impi, &person.domain));
    // What the eP-CSCF adds can be changed too.
    let first = change(core.on_mw(&first));
    let challenge = core.send(&first).await?;
    if challenge.status.code() != 401 {
        return Ok(challenge);
    }
    let sent = core.credentials(&challenge, person)?;
    let second = change(person.register()).with("Authorization", tls(&sent, "tls-pending"));
    let second = change(core.on_mw(&second));
    core.send(&second).await
}

async fn no_expires(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let contact = alice.contact(1).replace(";expires=1", "");
    let answer = changed(&mut core, &mut alice, |m| m.set("Contact", &contact)).await?;
    t.status(&answer, &[200])?;
    let granted = contacts(&answer)?;
    t.saw(format!("granted: {granted:?}"));
    t.check(granted.first().is_some_and(|(_, expires)| expires.is_some_and(|e| e > 0)), "no time is granted")
}

/// The Contacts of an answer: address and lifetime.
fn contacts(answer: &Response) -> Outcome<Vec<(String, Option<u32>)>> {
    match answer.headers.contacts() {
        Ok(Contacts::List(list)) => Ok(list.iter().map(|c| (c.uri.to_string(), c.expires())).collect()),
        Ok(Contacts::Star) => Err(Stop::fail("the answer has Contact: *")),
        Err(e) => Err(Stop::fail(e.to_string())),
    }
}

async fn unknown_extension(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let answer = changed(&mut core, &mut alice, |m| m.set("Require", "path, foo")).await?;
    t.status(&answer, &[420])?;
    t.check(answer.headers.lists(&HeaderName::Unsupported, "foo"), "the 420 does not name foo in Unsupported")
}

async fn first_hop_lacks_outbound(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let path = format!("<sip:{};lr>", core.edge.addr());
    let answer =
        changed(&mut core, &mut alice, |m| if m.value("Path").is_some() { m.set("Path", &path) } else { m }).await?;
    t.status(&answer, &[439])
}

async fn two_flows(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    core.registered(&mut alice).await?;
    let mut second = alice.elsewhere(&t.unique());
    second.instance = alice.instance.clone();
    let contact = second.contact(3600).replace("reg-id=1", "reg-id=2");
    let answer = changed(&mut core, &mut second, |m| m.set("Contact", &contact)).await?;
    t.status(&answer, &[200])?;
    let bound = contacts(&answer)?;
    t.saw(format!("{bound:?}"));
    t.check(bound.len() == 2, format!("{} Contacts are bound", bound.len()))
}

async fn forged_headers(t: &mut Tester) -> Outcome {
    const FORGED: [(&str, &str); 15] = [
        ("P-Asserted-Identity", "<sip:eve@ims.example>"),
        ("P-Preferred-Identity", "<sip:eve@ims.example>"),
        ("P-Asserted-Service", "urn:urn-7:eve"),
        ("P-Associated-URI", "<sip:eve@ims.example>"),
        ("P-Called-Party-ID", "<sip:eve@ims.example>"),
        ("P-Charging-Function-Addresses", "ccf=eve"),
        ("P-Charging-Vector", "icid-value=eve"),
        ("P-Profile-Key", "<sip:eve@ims.example>"),
        ("P-Served-User", "<sip:eve@ims.example>"),
        ("P-Visited-Network-ID", "eve"),
        ("Path", "<sip:eve.example;lr>"),
        ("Service-Route", "<sip:eve.example;lr>"),
        ("Feature-Caps", "*;+g.eve"),
        ("P-Access-Network-Info", "3GPP-E-UTRAN;eve=1;network-provided"),
        ("P-User-Database", "<aaa://eve.example>"),
    ];
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let mut register = alice.register().with("Authorization", edge.credentials(&alice));
    for (name, value) in FORGED {
        register = register.with(name, value);
    }
    let arrived = edge.to_core(&mut wic, &register).await?;
    if let Some(line) = arrived.request.headers.iter().find(|line| line.value.contains("eve")) {
        return Err(Stop::Fail(format!("on Mw: {line}")));
    }
    t.saw(format!("{} forged headers, none on Mw", FORGED.len()));
    Ok(())
}

async fn network_provided(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let arrived = edge.to_core(&mut wic, &alice.register()).await?;
    let info = arrived.request.headers.value(&HeaderName::PAccessNetworkInfo).unwrap_or_default().to_owned();
    t.saw(format!("P-Access-Network-Info: {info}"));
    t.check(info.contains("network-provided"), "there is no network-provided")
}

async fn silent_core(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("registration.core_timeout", 1)).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice));
    edge.to_core(&mut wic, &register).await?;
    let answer = wic.answer().await?;
    t.status(&answer, &[504, 503])?;
    t.check(answer.headers.has(&HeaderName::RetryAfter), "there is no Retry-After")
}

async fn other_scscf(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let home = core.home.clone();
    let mut gina = core
        .provision("gina", |new| {
            new.registered_at = Some(format!("sip:scscf9.{home}"));
        })
        .await?;
    let answer = core.by_tna(&mut gina, 3600, "").await?;
    t.saw(format!("{} {}", answer.status, answer.reason));
    if let Ok(cx) = core.cx() {
        t.saw(cx.join(", "));
        let asked = cx.iter().filter(|c| c.starts_with("UAR")).count();
        t.check(asked >= 1, "the HSS was not asked")?;
    }
    t.check(!answer.status.is_success(), "200 though the HSS has the user at another S-CSCF")?;
    t.status(&answer, &[403, 480, 500, 504])
}

async fn gruu(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let (_, with, _) = core.by_digest(&mut alice).await?;
    let line = |r: &Response| r.headers.value(&HeaderName::Contact).unwrap_or_default().to_owned();
    let (public, temporary) = (line(&with).contains("pub-gruu"), line(&with).contains("temp-gruu"));
    t.saw(line(&with));
    t.check(public == temporary, "one of the two GRUUs is there")?;
    let mut bob = core.nth_person(1)?;
    let without = changed(&mut core, &mut bob, |m| m.set("Supported", "path, outbound")).await?;
    t.saw(line(&without));
    t.check(!line(&without).contains("gruu"), "a GRUU came unasked")
}

async fn what_the_200_has(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let (_, answer, _) = core.by_digest(&mut alice).await?;
    let headers = &answer.headers;
    let path = headers.value(&HeaderName::Path).unwrap_or_default().to_owned();
    t.check(path.contains("flow") && path.contains(&core.edge.addr().to_string()), format!("Path is {path:?}"))?;
    let routes: Vec<ServiceRoute> = headers.all().map_err(|e| Stop::fail(e.to_string()))?;
    let loose = routes.first().and_then(|r| r.uri.as_sip()).is_some_and(|uri| uri.is_loose());
    t.check(loose, "there is no Service-Route with lr")?;
    let associated = headers.value(&HeaderName::PAssociatedUri).unwrap_or_default().to_owned();
    t.check(associated.contains(&alice.impu), format!("P-Associated-URI is {associated:?}"))?;
    let bound = contacts(&answer)?;
    t.saw(format!("Path {path}, {associated}, {bound:?}"));
    t.check(bound.len() == 1 && bound[0].1.is_some(), "the Contact has no expires")?;
    t.check(answer.to().is_ok_and(|to| to.tag().is_some()), "To has no tag")
}

async fn fetch(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let (challenge, ..) = core.by_digest(&mut alice).await.preamble("registering by digest")?;
    let challenges = digest::challenges(&challenge);
    let first = challenges.first().ok_or_else(|| Stop::Inconclusive("no challenge".into()))?;
    let sent = digest::Answerer::register(&alice.impi, &alice.password, &alice.domain).nc(2).credentials(first)?;
    let register = alice.register().without("Contact").with("Authorization", tls(&sent, "tls-yes"));
    let answer = core.register(&register).await?;
    t.status(&answer, &[200])?;
    let bound = contacts(&answer)?;
    t.saw(format!("{bound:?}"));
    t.check(bound.len() == 1 && bound[0].1.is_some_and(|e| e > 0 && e <= 3600), "not the one binding, with its time")
}

async fn older_cseq(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    alice.cseq = 100;
    let (challenge, ..) = core.by_digest(&mut alice).await.preamble("registering by digest")?;
    let challenges = digest::challenges(&challenge);
    let first = challenges.first().ok_or_else(|| Stop::Inconclusive("no challenge".into()))?;
    let sent = digest::Answerer::register(&alice.impi, &alice.password, &alice.domain).nc(2).credentials(first)?;
    let register = alice.register().set("CSeq", "5 REGISTER").with("Authorization", tls(&sent, "tls-yes"));
    let answer = core.register(&register).await?;
    t.status(&answer, &[500, 400])
}

async fn star_with_time(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let answer = changed(&mut core, &mut alice, |m| m.set("Contact", "*").set("Expires", 60)).await?;
    t.status(&answer, &[400])
}

async fn max_forwards(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice));
    let admitted = edge.admit(&mut wic, &register).await?;
    let left = admitted.at_core.request.headers.value(&HeaderName::MaxForwards).unwrap_or_default().to_owned();
    t.saw(format!("Max-Forwards: {left}"));
    t.check(left == "69", format!("Max-Forwards is {left} instead of 69"))?;
    let register = alice.register().set("Max-Forwards", 0).with("Authorization", edge.credentials(&alice));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[483])
}

async fn proxy_require(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Proxy-Require", "foo").with("Authorization", edge.credentials(&alice));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[420])?;
    t.check(answer.headers.lists(&HeaderName::Unsupported, "foo"), "the 420 does not name foo in Unsupported")
}

async fn charging_vector(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let mut icids = HashSet::new();
    let credentials = edge.credentials(&alice);
    for _ in 0..2 {
        let register = alice.register().with("P-Charging-Vector", "icid-value=eve").with("Authorization", &credentials);
        let admitted = edge.admit(&mut wic, &register).await?;
        let vector =
            admitted.at_core.request.headers.value(&HeaderName::PChargingVector).unwrap_or_default().to_owned();
        t.saw(vector.clone());
        t.check(vector.contains("icid-value=") && !vector.contains("eve"), format!("P-Charging-Vector: {vector}"))?;
        t.check(vector.contains("orig-ioi="), "there is no orig-ioi")?;
        icids.insert(vector.split(';').next().unwrap_or_default().to_owned());
    }
    t.check(icids.len() == 2, "both REGISTERs have one icid-value")
}

async fn clean_answer(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice));
    let admitted = edge.admit(&mut wic, &register).await?;
    let names = ["P-Charging-Vector", "P-Charging-Function-Addresses", "P-Visited-Network-ID"];
    t.absent(&admitted.answer.headers, &names, "the 200 on W2")?;
    let vias = admitted.answer.headers.elements(&HeaderName::Via).count();
    t.check(vias == 1, format!("{vias} Vias in the 200 on W2"))
}

async fn wildcards_removed(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice));
    let arrived = edge.to_core(&mut wic, &register).await?;
    let (own, range) = (format!("<{}>", alice.impu), format!("<sip:alice-!.*!@{}>", edge.home));
    let ok = edge.at_core().ok_with(&arrived.request, &[&own, &range]);
    edge.core.respond(&arrived, &ok).await?;
    let answer = wic.answer().await?;
    t.status(&answer, &[200])?;
    let listed = answer.headers.value(&HeaderName::PAssociatedUri).unwrap_or_default().to_owned();
    t.saw(listed.clone());
    t.check(listed == own, format!("P-Associated-URI is {listed:?}"))
}

async fn flow_timer(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice));
    let admitted = edge.admit(&mut wic, &register).await?;
    let timer = admitted.answer.headers.value(&HeaderName::FlowTimer).unwrap_or_default().to_owned();
    t.saw(format!("Flow-Timer: {timer}"));
    t.check(timer.parse().is_ok_and(|seconds: u32| seconds > 0), format!("Flow-Timer is {timer:?}"))
}

async fn other_domain(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register =
        alice.register().start("REGISTER sip:other.example SIP/2.0").with("Authorization", edge.credentials(&alice));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[403])?;
    let start = format!("REGISTER sip:alice@{} SIP/2.0", edge.home);
    let register = alice.register().start(start).with("Authorization", edge.credentials(&alice));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[400])
}

async fn no_outbound(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let contact = format!("<{}>;expires=3600", alice.contact_uri());
    let register = alice
        .register()
        .set("Supported", "path")
        .set("Contact", contact)
        .with("Authorization", edge.credentials(&alice));
    let arrived = edge.to_core(&mut wic, &register).await?;
    let path = arrived.request.headers.value(&HeaderName::Path).unwrap_or_default().to_owned();
    t.saw(format!("Path: {path}"));
    t.check(!path.is_empty() && !path.contains(";ob"), format!("Path is {path:?}"))
}

async fn flow_tokens(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut tokens = HashSet::new();
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut wic = edge.operator_wic().await?;
        let mut alice = edge.person();
        let admitted = edge.registered(&mut wic, &mut alice).await?;
        let paths: Vec<Path> = admitted.at_core.request.headers.all().map_err(|e| Stop::fail(e.to_string()))?;
        let user = paths.first().and_then(|p| p.uri.as_sip()).and_then(|uri| uri.user.as_deref());
        let token = user.unwrap_or_default().to_owned();
        t.saw(token.clone());
        t.check(token.len() >= 16, format!("the flow token {token:?} is short"))?;
        tokens.insert(token);
        open.push(wic);
    }
    t.check(tokens.len() == 2, "both connections have one flow token")
}

async fn trying(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice));
    let arrived = edge.to_core(&mut wic, &register).await?;
    let hop = arrived.request.respond_with(sip::StatusCode::TRYING, "Of the core");
    edge.core.respond(&arrived, &hop).await?;
    let ok = edge.at_core().ok(&arrived.request);
    edge.core.respond(&arrived, &ok).await?;
    loop {
        let response = wic.response().await?;
        t.saw(format!("{} {}", response.status, response.reason));
        if response.status.is_final() {
            return t.status(&response, &[200]);
        }
        t.check(response.reason != "Of the core", "the core's 100 came to the WIC")?;
    }
}

async fn icscf_proxy_rules(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let register = alice.register().with("Authorization", core.vouch(&alice, ""));
    let register = core.on_mw(&register).set("Max-Forwards", 0);
    let answer = core.send(&register).await?;
    t.status(&answer, &[483])?;
    let register = alice.register().with("Authorization", core.vouch(&alice, ""));
    let register = core.on_mw(&register).with("Proxy-Require", "foo");
    let answer = core.send(&register).await?;
    t.status(&answer, &[420])?;
    t.check(answer.headers.lists(&HeaderName::Unsupported, "foo"), "the 420 does not name foo in Unsupported")
}

async fn unknown_user(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut nobody = core.person()?;
    nobody.impi = format!("nobody@{}", core.home);
    nobody.impu = format!("sip:nobody@{}", core.home);
    let answer = core.by_tna(&mut nobody, 3600, "").await?;
    t.status(&answer, &[403])?;
    if let Ok(cx) = core.cx() {
        t.check(!cx.iter().any(|c| c.starts_with("SAR")), format!("Cx: {}", cx.join(", ")))?;
    }
    Ok(())
}

async fn too_long(t: &mut Tester) -> Outcome {
    let mut core = t.core_with(Setup::new().with("max_expires", 1200)).await?;
    let mut alice = core.person()?;
    let contact = alice.contact(600_000);
    let answer = changed(&mut core, &mut alice, |m| m.set("Contact", &contact)).await?;
    t.status(&answer, &[200])?;
    let bound = contacts(&answer)?;
    t.saw(format!("{bound:?}"));
    t.check(bound.first().and_then(|c| c.1) == Some(1200), "not 1200 s are granted")
}

async fn replaces_itself(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    core.registered(&mut alice).await?;
    let mut again = alice.elsewhere(&t.unique());
    again.instance = alice.instance.clone();
    let (_, answer, _) = core.by_digest(&mut again).await?;
    let bound = contacts(&answer)?;
    t.saw(format!("{bound:?}"));
    t.check(bound.len() == 1 && bound[0].0.contains(&again.host), "not the new Contact alone")
}

async fn leaves(t: &mut Tester, all: bool) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    let (challenge, ..) = core.by_digest(&mut alice).await.preamble("registering by digest")?;
    if all {
        let mut second = alice.elsewhere(&t.unique());
        core.registered(&mut second).await?;
    }
    let challenges = digest::challenges(&challenge);
    let first = challenges.first().ok_or_else(|| Stop::Inconclusive("no challenge".into()))?;
    let sent = digest::Answerer::register(&alice.impi, &alice.password, &alice.domain).nc(2).credentials(first)?;
    let register = alice.register_for(0).with("Authorization", tls(&sent, "tls-yes"));
    let register = if all { register.set("Contact", "*").set("Expires", 0) } else { register };
    let answer = core.register(&register).await?;
    t.status(&answer, &[200])?;
    t.check(contacts(&answer)?.is_empty(), "a Contact is still bound")?;
    if let Ok(cx) = core.cx() {
        t.saw(cx.join(", "));
        t.check(cx.contains(&"SAR USER_DEREGISTRATION".into()), "the HSS was not told")?;
    }
    Ok(())
}

async fn leaves_unbound(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    core.registered(&mut alice).await?;
    let mut other = alice.elsewhere(&t.unique());
    let contact = other.contact(0);
    let answer = changed(&mut core, &mut other, |m| m.set("Contact", &contact)).await?;
    t.status(&answer, &[200])?;
    let bound = contacts(&answer)?;
    t.saw(format!("{bound:?}"));
    t.check(bound.len() == 1, format!("{} Contacts are bound", bound.len()))
}

async fn leaves_for_another(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let (mut wic, mut other_wic) = (edge.operator_wic().await?, edge.wic("wic bob", &edge.operator.origin).await?);
    let (mut alice, mut bob) = (edge.person(), edge.person());
    edge.registered(&mut wic, &mut alice).await?;
    edge.registered(&mut other_wic, &mut bob).await?;
    let register = alice.register_for(0).with("Authorization", edge.credentials(&alice));
    let answer = edge.refused(&mut other_wic, &register).await?;
    t.status(&answer, &[403])
}

async fn lost_connection(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let admitted = edge.registered(&mut wic, &mut alice).await?;
    let path = admitted.at_core.request.headers.value(&HeaderName::Path).unwrap_or_default().to_owned();
    wic.close(1001).await?;
    let quiet = edge.quiet();
    edge.core.silent(quiet, |r| r.to_string().contains(&alice.user)).await?;
    let request = edge.from_core("MESSAGE", &alice.contact_uri(), Some(&path));
    let answer = edge.ask_from_core(&request).await?;
    t.status(&answer, &[430])
}

async fn after_leaving(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    edge.registered(&mut wic, &mut alice).await?;
    let register = alice.register_for(0).with("Authorization", edge.credentials(&alice));
    edge.admit(&mut wic, &register).await.preamble("leaving")?;
    let message =
        alice.request("MESSAGE", &format!("sip:bob@{}", edge.home)).without("Contact").body("text/plain", "x");
    wic.send(message.bytes()).await?;
    let answer = wic.answer().await;
    edge.nothing_on_mw(&message).await?;
    match answer {
        Ok(answer) => t.status(&answer, &[401, 403]),
        Err(crate::script::ScriptError::Closed { .. }) => {
            t.saw("the connection was closed");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
