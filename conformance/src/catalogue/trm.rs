//! TP-TRM: requests on their way to a WIC.

use sip::{HeaderName, Request, Response};

use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::{Arrived, Msg, Wic};
use crate::tester::{Core, Edge, Person, SDP, Tester, response_of_wic};
use crate::verdict::{Outcome, Preamble, Stop};

purposes! {
    "TRM-01" Scscf WebAuth Requirement "24.229 §5.4.3.3, 29.228 §6.1.4.1" {
        "A call finds the contact of who is called",
        given "caller and callee are registered",
        "an INVITE to the callee's IMPU"
            => "at the eP-CSCF: Request-URI the Contact, P-Called-Party-ID the IMPU, Route the Path",
        test(to_contact),
    }
    "TRM-02" Icscf WebAuth Requirement "29.228 §6.1.4.1, 24.229 §5.3.2" {
        "Nobody has this identity",
        given "a registered caller",
        "an INVITE to an unknown IMPU" => "404",
        test(unreachable, "nobody", 404),
    }
    "TRM-03" Icscf WebAuth Requirement "29.228 §6.1.4.1, 24.229 §5.3.2" {
        "Who is called is not registered",
        given "a registered caller",
        "an INVITE to a provisioned IMPU that is not registered" => "480",
        test(unreachable, "carol", 480),
    }
    "TRM-04" Icscf Range Requirement "29.228 §6.1.4.1, RFC 5002 §5" {
        "A guest is found by its range",
        given "a registered caller; a range that is registered by configuration, with loose routing",
        "an INVITE to an identity of the range"
            => "P-Profile-Key with the wildcard from I-CSCF to S-CSCF; at the eP-CSCF the identity is in the Request-URI or P-Called-Party-ID",
        test(to_guest),
    }
    "TRM-05" Icscf Range Requirement "TS 23.228 §4.3.3.2b" {
        "A distinct identity is not taken for one of the range",
        given "an identity inside the range that is provisioned by itself, and not registered",
        "an INVITE to it" => "480, not a call to the range's eP-CSCF",
        test(to_distinct),
    }
    "TRM-06" Epcscf Any Policy "RFC 5626 §5.3" {
        "A forged flow token is refused",
        given "a registered WIC",
        "an INVITE of the core with another flow token" => "403; nothing reaches the WIC",
        test(forged_token),
    }
    "TRM-07" Epcscf Any Requirement "RFC 5626 §5.3.1" {
        "A dead flow is said to be dead",
        given "a WIC that registered and lost its connection",
        "an INVITE of the core for the flow" => "430",
        test(dead_flow),
    }
    "TRM-08" Epcscf Range Policy "SEED X.2.2" {
        "Guests who are not there",
        "INVITEs of the core to an identity of the range that nobody holds, and to one outside" => "480; 404",
        test(absent_guest),
    }
    "TRM-09" Epcscf Any Requirement "24.229 §5.2.6.4" {
        "A WIC does not assert itself in a response",
        given "a registered WIC that is called",
        "a 200 with P-Asserted-Identity of another user" => "on Mw the identity that was called is asserted",
        test(forged_in_response),
    }
    "TRM-10" Epcscf Any Policy "33.203 U.1" {
        "A stranger reaches no WIC",
        given "a registered WIC",
        "an INVITE with the right flow token from an address that is not the core's" => "403 or nothing; nothing reaches the WIC",
        test(stranger),
    }
    "TRM-11" Epcscf Range Requirement "29.229 §6.3.45" {
        "Loose routing: the identity in the Request-URI finds the contact",
        given "a registered guest",
        "an INVITE of the core with the guest's IMPU as Request-URI; the same with P-Called-Party-ID"
            => "on W2 the Contact as Request-URI, P-Called-Party-ID the IMPU",
        test(loose_route),
    }
    "TRM-12" Epcscf Any Requirement "24.229 §5.2.6.4" {
        "What the core's nodes say to each other is not for a WIC",
        given "a registered WIC",
        "an INVITE of the core with charging headers, P-Profile-Key, P-Served-User" => "none of it is on W2; P-Called-Party-ID is",
        test(stripped),
    }
    "TRM-13" Epcscf Any Policy "24.229 §5.2.6.4" {
        "A called identity that is not the WIC's is an error",
        given "a registered WIC",
        "an INVITE for its flow with P-Called-Party-ID of another user" => "5xx or 4xx; nothing reaches the WIC",
        test(foreign_called_party),
    }
    "TRM-14" Epcscf Any Policy "RFC 3261 §10" {
        "The core does not register at the eP-CSCF",
        "REGISTER on Mw" => "405",
        test(register_from_core),
    }
    "TRM-15" Scscf WebAuth Requirement "RFC 5626 §11" {
        "A flow that is dead is forgotten",
        given "caller and callee are registered",
        "430 to the INVITE, then another INVITE" => "480 both times; the second does not come to the eP-CSCF",
        test(forgets_dead_flow),
    }
    "TRM-16" Scscf WebAuth Requirement "24.229 §5.4.3.3, 29.228 B.2.1" {
        "A barred identity is not called",
        given "the callee is registered, and one of its identities is barred",
        "an INVITE to the barred identity" => "404",
        test(barred),
    }
    "TRM-17" Scscf WebAuth Requirement "24.229 §5.4.3.2, 29.228 §6.1.2.1" {
        "A caller who is not registered is served only by leave of the HSS",
        "an INVITE with P-Asserted-Identity of a user who is not registered" => "403 or 404; or SAR UNREGISTERED_USER before it goes on",
        test(unregistered_caller),
    }
    "TRM-18" Scscf Range Requirement "29.228 §6.1.2.1, RFC 5002" {
        "A guest's call is served by its range",
        given "a range that is registered by configuration, a registered callee",
        "an INVITE of a guest with P-Profile-Key" => "it reaches the callee with the guest's identity asserted, and without P-Profile-Key",
        test(guest_calls),
    }
    "ORG-11" Scscf Range Requirement "29.228 §6.1.2.1" {
        "Without P-Profile-Key the S-CSCF asks, and does not guess",
        given "a range that is registered by configuration, a registered callee",
        "an INVITE of a guest without P-Profile-Key" => "SAR UNREGISTERED_USER; then it is served",
        test(guest_without_key),
    }
}

/// A registered WIC, and its Path.
async fn ready(t: &mut Tester, setup: Setup) -> Outcome<(Edge, Wic, Person, String)> {
    let mut edge = t.edge_with(setup).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let admitted = edge.registered(&mut wic, &mut alice).await?;
    let path = admitted.at_core.request.headers.value(&HeaderName::Path).unwrap_or_default().to_owned();
    Ok((edge, wic, alice, path))
}

/// An INVITE of the core.
fn call(edge: &mut Edge, uri: &str, route: Option<&str>) -> Msg {
    let core = edge.core.addr();
    let home = edge.home.clone();
    edge.from_core("INVITE", uri, route)
        .with("P-Asserted-Identity", format!("<sip:bob@{home}>"))
        .with("Contact", format!("<sip:bob@{core}>"))
        .body("application/sdp", SDP)
}

async fn send(edge: &mut Edge, request: &Msg) -> Outcome {
    let mw = edge.mw.ok_or_else(|| Stop::NotApplicable("the system's address on Mw is not known".into()))?;
    Ok(edge.core.send(mw, &request.bytes()).await?)
}

async fn forged_token(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, alice, path) = ready(t, Setup::new()).await?;
    let (before, after) = path.split_once("sip:").ok_or_else(|| Stop::Inconclusive(format!("the Path is {path:?}")))?;
    let other = if after.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{before}sip:{other}{}", after.chars().skip(1).collect::<String>());
    let invite = call(&mut edge, &alice.contact_uri(), Some(&forged));
    let answer = edge.ask_from_core(&invite).await?;
    t.status(&answer, &[403])?;
    Ok(wic.silent(edge.quiet()).await?)
}

async fn dead_flow(t: &mut Tester) -> Outcome {
    let (mut edge, wic, alice, path) = ready(t, Setup::new()).await?;
    wic.close(1001).await?;
    let invite = call(&mut edge, &alice.contact_uri(), Some(&path));
    let answer = edge.ask_from_core(&invite).await?;
    t.status(&answer, &[430])
}

async fn absent_guest(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let guest = edge.guest();
    let outside = format!("sip:boss@{}", edge.partner.domain);
    for (uri, status) in [(guest.impu, 480), (outside, 404)] {
        let invite = call(&mut edge, &uri, None);
        let answer = edge.ask_from_core(&invite).await?;
        t.saw(uri);
        t.status(&answer, &[status])?;
    }
    Ok(())
}

async fn forged_in_response(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, alice, path) = ready(t, Setup::new()).await?;
    let invite =
        call(&mut edge, &alice.contact_uri(), Some(&path)).with("P-Called-Party-ID", format!("<{}>", alice.impu));
    send(&mut edge, &invite).await?;
    let on_w2 = wic.request("INVITE").await?;
    let ok = response_of_wic(&on_w2, &alice, "200 OK")
        .with("P-Asserted-Identity", format!("<sip:ceo@{}>", edge.home))
        .body("application/sdp", SDP);
    wic.send(ok.bytes()).await?;
    let answer = edge.core.response(invite.value("Call-ID")).await?;
    let asserted = answer.headers.elements(&HeaderName::PAssertedIdentity).collect::<Vec<_>>().join(", ");
    t.saw(format!("P-Asserted-Identity: {asserted}"));
    t.check(asserted == format!("<{}>", alice.impu), format!("P-Asserted-Identity is {asserted:?}"))
}

async fn stranger(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, alice, path) = ready(t, Setup::new()).await?;
    let mw = edge.mw.ok_or_else(|| Stop::NotApplicable("the system's address on Mw is not known".into()))?;
    let log = t.log().clone();
    let any = std::net::SocketAddr::new(edge.core.addr().ip(), 0);
    let within = std::time::Duration::from_millis(900);
    let mut stranger = crate::script::Node::bind(any, "stranger", "epcscf", within, &log).await?;
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKs{};rport", stranger.addr(), t.unique());
    let invite = call(&mut edge, &alice.contact_uri(), Some(&path)).set("Via", via);
    match stranger.exchange(mw, &invite.bytes()).await {
        Ok(answer) => t.status(&answer, &[403])?,
        Err(error) if error.is_silence() => t.saw("nothing"),
        Err(error) => return Err(error.into()),
    }
    Ok(wic.silent(edge.quiet()).await?)
}

async fn loose_route(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    edge.registered_guest(&mut wic, &mut guest).await?;
    let edge_uri = format!("<sip:{};lr>", edge.name);
    for beside in [false, true] {
        let uri = if beside { format!("sip:{}", edge.name) } else { guest.impu.clone() };
        let route = (!beside).then_some(edge_uri.as_str());
        let invite = call(&mut edge, &uri, route);
        let invite = if beside { invite.with("P-Called-Party-ID", format!("<{}>", guest.impu)) } else { invite };
        send(&mut edge, &invite).await?;
        let on_w2 = wic.request("INVITE").await?;
        reached(t, &on_w2, &guest)?;
    }
    Ok(())
}

fn reached(t: &mut Tester, on_w2: &Request, person: &Person) -> Outcome {
    let called = on_w2.headers.value(&HeaderName::PCalledPartyId).unwrap_or_default().to_owned();
    t.saw(format!("INVITE {}, P-Called-Party-ID {called}", on_w2.uri));
    t.check(on_w2.uri.to_string().contains(&person.host), format!("the Request-URI is {}", on_w2.uri))?;
    t.check(called.contains(&person.impu), format!("P-Called-Party-ID is {called:?}"))
}

async fn stripped(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, alice, path) = ready(t, Setup::new()).await?;
    let invite = call(&mut edge, &alice.contact_uri(), Some(&path))
        .with("P-Called-Party-ID", format!("<{}>", alice.impu))
        .with("P-Charging-Vector", "icid-value=42;orig-ioi=x")
        .with("P-Charging-Function-Addresses", "ccf=192.0.2.9")
        .with("P-Profile-Key", "<sip:alice-!.*!@ims.example>")
        .with("P-Served-User", "<sip:alice@ims.example>")
        .with("P-Access-Network-Info", "IEEE-802.11;network-provided");
    send(&mut edge, &invite).await?;
    let on_w2 = wic.request("INVITE").await?;
    reached(t, &on_w2, &alice)?;
    let names = [
        "P-Charging-Vector",
        "P-Charging-Function-Addresses",
        "P-Profile-Key",
        "P-Served-User",
        "P-Access-Network-Info",
        "Route",
    ];
    t.absent(&on_w2.headers, &names, "the INVITE on W2")
}

async fn foreign_called_party(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, alice, path) = ready(t, Setup::new()).await?;
    let home = edge.home.clone();
    let invite =
        call(&mut edge, &alice.contact_uri(), Some(&path)).with("P-Called-Party-ID", format!("<sip:ceo@{home}>"));
    let answer = tokio::select! {
        answer = edge.ask_from_core(&invite) => answer?,
        invite = wic.request("INVITE") => {
            let invite = invite?;
            return Err(Stop::Fail(format!("the WIC was called: INVITE {}", invite.uri)));
        }
    };
    t.saw(format!("{} {}", answer.status, answer.reason));
    t.check(answer.status.code() >= 400, format!("{}", answer.status))?;
    Ok(wic.silent(edge.quiet()).await?)
}

async fn register_from_core(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let uri = format!("sip:{}", edge.name);
    let register = edge.from_core("REGISTER", &uri, None);
    let answer = edge.ask_from_core(&register).await?;
    t.status(&answer, &[405])
}

// The core.

/// Caller and callee, registered by TNA.
async fn pair(core: &mut Core) -> Outcome<(Person, Person)> {
    let (mut caller, mut callee) = (core.person()?, core.nth_person(1)?);
    for person in [&mut caller, &mut callee] {
        let answer = core.by_tna(person, 3600, "").await.preamble("registering by TNA")?;
        if !answer.status.is_success() {
            return Err(Stop::Inconclusive(format!("registering by TNA: {} {}", answer.status, answer.reason)));
        }
    }
    Ok((caller, callee))
}

async fn to_contact(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (mut caller, callee) = pair(&mut core).await?;
    let arrived = core.originate(&mut caller, &callee.impu, &[]).await?;
    let called = arrived.request.headers.value(&HeaderName::PCalledPartyId).unwrap_or_default().to_owned();
    let route = arrived.request.headers.value(&HeaderName::Route).unwrap_or_default().to_owned();
    t.saw(format!("INVITE {}; P-Called-Party-ID {called}; Route {route}", arrived.request.uri));
    t.check(
        arrived.request.uri.to_string().contains(&callee.host),
        format!("the Request-URI is {}", arrived.request.uri),
    )?;
    t.check(called.contains(&callee.impu), format!("P-Called-Party-ID is {called:?}"))?;
    t.check(route.contains("flow"), format!("Route is {route:?}"))
}

async fn unreachable(t: &mut Tester, name: &str, status: u16) -> Outcome {
    let mut core = t.core().await?;
    let (mut caller, _) = pair(&mut core).await?;
    let uri = format!("sip:{name}@{}", core.home);
    let answer = core.refused_call(&mut caller, &uri).await?;
    t.status(&answer, &[status])
}

async fn to_guest(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (mut caller, _) = pair(&mut core).await?;
    let guest = format!("sip:guest-77@partner.{}", core.home);
    let arrived = core.originate(&mut caller, &guest, &[]).await?;
    let called = arrived.request.headers.value(&HeaderName::PCalledPartyId).unwrap_or_default().to_owned();
    t.saw(format!("INVITE {}; P-Called-Party-ID {called}", arrived.request.uri));
    let named = arrived.request.uri.to_string().contains("guest-77") || called.contains("guest-77");
    t.check(named, "the guest's identity is lost")?;
    let records = core.control.records();
    let key = |r: &trace::Record| {
        r.node == "icscf"
            && r.direction == trace::Direction::Out
            && r.text.starts_with("INVITE")
            && r.text.contains("P-Profile-Key:")
    };
    if records.is_empty() {
        return Ok(());
    }
    t.check(records.iter().any(key), "the I-CSCF did not add P-Profile-Key")
}

async fn to_distinct(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (mut caller, _) = pair(&mut core).await?;
    let distinct = format!("sip:guest-78@partner.{}", core.home);
    let impu = distinct.clone();
    core.provision("judy", |new| new.impus = vec![impu]).await?;
    let answer = core.refused_call(&mut caller, &distinct).await?;
    t.status(&answer, &[480])
}

async fn forgets_dead_flow(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (mut caller, callee) = pair(&mut core).await?;
    let invite = core.invite(&mut caller, &callee.impu, &[]);
    let call_id = invite.value("Call-ID").unwrap_or_default().to_owned();
    let arrived = core.send_call(&invite).await?;
    let dead = arrived.request.respond(sip::StatusCode::FLOW_FAILED);
    core.edge.respond(&arrived, &dead).await?;
    let answer = core.edge.response(Some(&call_id)).await?;
    t.status(&answer, &[480])?;
    let answer = core.refused_call(&mut caller, &callee.impu).await?;
    t.status(&answer, &[480])
}

async fn barred(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (mut caller, _) = pair(&mut core).await?;
    let barred = format!("sip:kim-barred@{}", core.home);
    let impu = barred.clone();
    let mut kim = core
        .provision("kim", |new| {
            new.impus.push(impu.clone());
            new.barred.push(impu);
        })
        .await?;
    let answer: Response = core.by_tna(&mut kim, 3600, "").await?;
    t.status(&answer, &[200]).preamble("registering the callee")?;
    let answer = core.refused_call(&mut caller, &barred).await?;
    t.status(&answer, &[404])
}

async fn unregistered_caller(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (_, callee) = pair(&mut core).await?;
    let mut carol = core.nth_person(2)?;
    let invite = core.invite(&mut carol, &callee.impu, &[]);
    let scscf = core.scscf.ok_or_else(|| Stop::NotApplicable("the S-CSCF cannot be reached by itself".into()))?;
    core.edge.send(scscf, &invite.bytes()).await?;
    let patience = core.limits().quiet * 4;
    tokio::select! {
        arrived = core.edge.request("INVITE") => t.saw(format!("INVITE {}", arrived?.request.uri)),
        () = tokio::time::sleep(patience) => {
            let answer = core.edge.response(invite.value("Call-ID")).await?;
            return t.status(&answer, &[403, 404]);
        }
    }
    let cx = core.cx()?;
    t.saw(cx.join(", "));
    t.check(cx.contains(&"SAR UNREGISTERED_USER".into()), "it was served, and the HSS not asked")
}

async fn guest_calls(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (arrived, guest) = guest_call(&mut core, true).await?;
    let asserted = arrived.request.headers.value(&HeaderName::PAssertedIdentity).unwrap_or_default().to_owned();
    t.saw(format!("P-Asserted-Identity: {asserted}"));
    t.check(asserted.contains(&guest), format!("{asserted:?} is asserted"))?;
    t.absent(&arrived.request.headers, &["P-Profile-Key", "P-Served-User"], "the INVITE to the callee")
}

async fn guest_without_key(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (arrived, guest) = guest_call(&mut core, false).await?;
    let asserted = arrived.request.headers.value(&HeaderName::PAssertedIdentity).unwrap_or_default().to_owned();
    t.check(asserted.contains(&guest), format!("{asserted:?} is asserted"))?;
    let cx = core.cx()?;
    t.saw(cx.join(", "));
    t.check(
        cx.contains(&"SAR UNREGISTERED_USER".into()),
        "the HSS was not asked, so the S-CSCF matched the expression itself",
    )
}

async fn guest_call(core: &mut Core, with_key: bool) -> Outcome<(Arrived, String)> {
    let (_, callee) = pair(core).await?;
    let domain = format!("partner.{}", core.home);
    let mut guest = core.person()?;
    guest.impu = format!("sip:guest-79@{domain}");
    guest.domain = domain.clone();
    let key = format!("<sip:guest-!.*!@{domain}>");
    let lines: &[(&str, &str)] = if with_key { &[("P-Profile-Key", &key)] } else { &[] };
    let arrived = core.originate(&mut guest, &callee.impu, lines).await?;
    Ok((arrived, guest.impu))
}
