//! TP-EVT and TP-NET: the registration event package, and what the network begins.

use std::time::Duration;

use ims::reginfo::{ContactEvent, RegContact, RegInfo, RegState};
use sip::{HeaderName, Request, Response};

use super::ws::closes_with;
use crate::lab::{Operation, Setup};
use crate::purpose::purposes;
use crate::script::{Arrived, Msg, Token};
use crate::tester::{Core, Person, Tester};
use crate::verdict::{Outcome, Preamble, Stop};

purposes! {
    "EVT-01" Scscf WebAuth Requirement "RFC 3680 §4, §5, 24.229 §5.4.2.1" {
        "A user watches its own registration",
        given "a registered user",
        "SUBSCRIBE to reg of its own identity" => "200, and a NOTIFY with the full state, version 0, the contact active",
        test(own_subscription),
    }
    "EVT-02" Scscf WebAuth Requirement "24.229 §5.4.2.1" {
        "A stranger does not watch",
        given "two registered users",
        "SUBSCRIBE to reg of the other" => "403",
        test(stranger),
    }
    "EVT-04" Epcscf Any Requirement "24.229 §5.2.3" {
        "The eP-CSCF watches who registers by it",
        given "reg_event.subscribe = true",
        "the first 200 of a registration" => "SUBSCRIBE on Mw with Event: reg and P-Asserted-Identity of the eP-CSCF",
        test(edge_subscribes),
    }
    "EVT-05" Scscf Range Requirement "24.229 §7.10.2" {
        "A wildcard of the set is told",
        given "a registered user whose set has a wildcarded identity",
        "SUBSCRIBE to reg" => "the NOTIFY has wildcardedIdentity",
        test(wildcard_told),
    }
    "EVT-06" Scscf WebAuth Requirement "RFC 6665 §4.1.2.4, §4.4.4" {
        "A package that is not known is refused",
        given "a registered user",
        "SUBSCRIBE with Event: foo to its own identity" => "489 with Allow-Events",
        test(unknown_package),
    }
    "EVT-07" Scscf WebAuth Requirement "RFC 6665 §4.1.2.3" {
        "A subscription is ended by its subscriber",
        given "a user who watches its own registration",
        "SUBSCRIBE with Expires: 0" => "200, and a NOTIFY with Subscription-State: terminated",
        test(unsubscribes),
    }
    "EVT-08" Epcscf Range Policy "RFC 3680" {
        "The eP-CSCF serves the package for who is registered by it alone",
        given "a registered guest",
        "SUBSCRIBE to reg of its own identity" => "200, and a NOTIFY with the full state on W2; nothing on Mw",
        test(guest_subscription),
    }
    "EVT-09" Scscf WebAuth Requirement "24.229 §5.4.2.1" {
        "The P-CSCF on the path may watch",
        given "a registered user",
        "SUBSCRIBE of the eP-CSCF, asserted as itself, by the I-CSCF" => "200 and a NOTIFY",
        test(edge_watches),
    }
    "EVT-10" Scscf WebAuth Requirement "RFC 3680 §5.1" {
        "Documents are numbered, so that a lost one is missed",
        given "a user who watches its own registration",
        "a refresh of the registration" => "a NOTIFY of version 1 that tells of the refresh",
        test(versions),
    }
    "EVT-11" Epcscf Range Policy "24.229 §5.4.2.1" {
        "A guest does not watch another",
        given "two registered guests",
        "SUBSCRIBE to reg of the other" => "403; nothing on Mw",
        test(guest_stranger),
    }
    "NET-01" Scscf WebAuth Requirement "29.228 §6.1.3, 24.229 §5.4.1.5" {
        "A registration that the operator ends",
        given "a user who watches its own registration",
        "RTR PERMANENT_TERMINATION" => "NOTIFY with the contact rejected, and Subscription-State: terminated",
        test(terminated, "PERMANENT_TERMINATION", ContactEvent::Rejected),
    }
    "NET-02" Scscf WebAuth Requirement "29.228 §6.1.3, 24.229 §5.4.1.5" {
        "A registration that moves to another S-CSCF",
        given "a user who watches its own registration",
        "RTR SERVER_CHANGE" => "NOTIFY with the contact deactivated",
        test(terminated, "SERVER_CHANGE", ContactEvent::Deactivated),
    }
    "NET-03" Scscf WebAuth Requirement "24.229 §5.4.1.5" {
        "The network registers nobody",
        given "a user who watches its own registration",
        "RTR SERVER_CHANGE" => "no REGISTER is sent towards the WIC",
        test(no_register),
    }
    "NET-04" Scscf WebAuth Requirement "TS 23.228 §5.3.2.1, 24.229 §5.4.1.4" {
        "A registration that is not refreshed lapses",
        given "min_expires = 1, a user registered for two seconds who watches it",
        "nothing" => "SAR TIMEOUT_DEREGISTRATION; NOTIFY with the contact expired",
        test(lapses),
    }
    "NET-05" Epcscf Range Requirement "29.228 §6.5.2.2" {
        "With the anchor the whole range goes",
        given "reg_event.anchors = true, a registered guest",
        "NOTIFY that the anchor's registration is terminated" => "the guest's connection is closed with 1008",
        test(anchor_ends),
    }
    "NET-07" Epcscf WebAuth Policy "TS 23.228 U.2.1.3" {
        "A token that ends without a refresh ends the registration",
        given "registration.min_expires = 1, a WIC registered with a token of two seconds",
        "nothing" => "REGISTER with an expiry of 0 and auth-done on Mw; close 1008",
        test(token_ends),
    }
    "NET-08" Epcscf Any Policy "24.229 §5.2.3" {
        "A profile that changes changes who is asserted",
        given "reg_event.subscribe = true, a registered WIC",
        "NOTIFY that the contact is rejected; then a MESSAGE" => "the registration is over: close 1008, or 403",
        test(told_of_end),
    }
    "NET-09" Epcscf Any Requirement "24.229 §5.2.6, RFC 3680" {
        "What the network ends, the eP-CSCF ends",
        given "reg_event.subscribe = true, a registered WIC",
        "NOTIFY that the registration is terminated, the contact deactivated" => "a request of the core for the flow finds no registration: 4xx",
        test(ended_by_notify),
    }
}

/// Subscribes; the answer and the first NOTIFY.
async fn subscribe(
    core: &mut Core,
    person: &mut Person,
    to: &str,
    event: &str,
    expires: u32,
) -> Outcome<(Msg, Response)> {
    let request = person.request("SUBSCRIBE", to);
    let request = core
        .originating(&request, person, &[])
        .with("Event", event)
        .with("Expires", expires)
        .with("Accept", "application/reginfo+xml");
    let scscf = core.scscf.ok_or_else(|| Stop::NotApplicable("the S-CSCF cannot be reached by itself".into()))?;
    let answer = core.edge.exchange(scscf, &request.bytes()).await?;
    Ok((request, answer))
}

/// The next NOTIFY, answered.
async fn notified(core: &mut Core) -> Outcome<Request> {
    let arrived = core.edge.request("NOTIFY").await?;
    let ok = arrived.request.respond(sip::StatusCode::OK);
    core.edge.respond(&arrived, &ok).await?;
    Ok(arrived.request)
}

pub(super) fn reginfo(notify: &Request) -> Outcome<RegInfo> {
    let text = String::from_utf8_lossy(&notify.body).into_owned();
    RegInfo::parse(&text).map_err(|e| Stop::Fail(format!("the document of the NOTIFY: {e}")))
}

async fn registered(core: &mut Core, person: &mut Person, expires: u32) -> Outcome {
    let answer = core.by_tna(person, expires, "").await.preamble("registering by TNA")?;
    match answer.status.is_success() {
        true => Ok(()),
        false => Err(Stop::Inconclusive(format!("registering by TNA: {} {}", answer.status, answer.reason))),
    }
}

/// A user who watches its own registration, up to the first NOTIFY.
async fn watching(t: &mut Tester, setup: Setup, expires: u32) -> Outcome<(Core, Person, Request)> {
    let mut core = t.core_with(setup).await?;
    let mut alice = core.person()?;
    registered(&mut core, &mut alice, expires).await?;
    let own = alice.impu.clone();
    let (_, answer) = subscribe(&mut core, &mut alice, &own, "reg", 600).await.preamble("subscribing")?;
    t.status(&answer, &[200, 202]).preamble("subscribing")?;
    let notify = notified(&mut core).await.preamble("subscribing")?;
    Ok((core, alice, notify))
}

async fn own_subscription(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    registered(&mut core, &mut alice, 3600).await?;
    let own = alice.impu.clone();
    let (_, answer) = subscribe(&mut core, &mut alice, &own, "reg", 600).await?;
    t.status(&answer, &[200, 202])?;
    let notify = notified(&mut core).await?;
    let info = reginfo(&notify)?;
    t.saw(String::from_utf8_lossy(&notify.body).into_owned());
    t.check(info.full && info.version == 0, "the first document is not the full state, version 0")?;
    let own = info.registrations.iter().find(|registration| registration.aor == alice.impu);
    let own = own.ok_or_else(|| Stop::fail("the document does not tell of the user"))?;
    let bound = own.contacts.iter().any(|contact| contact.active && contact.uri.contains(&alice.host));
    t.check(own.state == RegState::Active && bound, "the contact is not told to be active")
}

async fn versions(t: &mut Tester) -> Outcome {
    let (mut core, mut alice, _) = watching(t, Setup::new(), 3600).await?;
    registered(&mut core, &mut alice, 3600).await?;
    let info = reginfo(&notified(&mut core).await?)?;
    t.saw(format!("version {}", info.version));
    t.check(info.version == 1, format!("the second document has version {}", info.version))?;
    let contacts = info.registrations.iter().flat_map(|registration| &registration.contacts);
    let refreshed =
        |contact: &&RegContact| contact.event == ContactEvent::Refreshed && contact.uri.contains(&alice.host);
    t.check(contacts.filter(refreshed).count() > 0, "the refresh is not told")
}

async fn stranger(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (mut alice, mut bob) = (core.person()?, core.nth_person(1)?);
    registered(&mut core, &mut alice, 3600).await?;
    registered(&mut core, &mut bob, 3600).await?;
    let (_, answer) = subscribe(&mut core, &mut bob, &alice.impu, "reg", 600).await?;
    t.status(&answer, &[403])
}

async fn wildcard_told(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let range = format!("sip:desk-!.*!@{}", core.home);
    let wildcard = range.clone();
    let mut lena = core.provision("lena", |new| new.impus.push(wildcard)).await?;
    registered(&mut core, &mut lena, 3600).await?;
    let own = lena.impu.clone();
    let (_, answer) = subscribe(&mut core, &mut lena, &own, "reg", 600).await?;
    t.status(&answer, &[200, 202])?;
    let notify = notified(&mut core).await?;
    let text = String::from_utf8_lossy(&notify.body).into_owned();
    t.saw(text.clone());
    t.check(text.contains("wildcardedIdentity") && text.contains(&range), "the wildcard is not told")
}

async fn unknown_package(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    registered(&mut core, &mut alice, 3600).await?;
    let own = alice.impu.clone();
    let (_, answer) = subscribe(&mut core, &mut alice, &own, "foo", 600).await?;
    t.status(&answer, &[489])?;
    t.check(answer.headers.has(&HeaderName::AllowEvents), "the 489 has no Allow-Events")
}

async fn unsubscribes(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    registered(&mut core, &mut alice, 3600).await?;
    let own = alice.impu.clone();
    let (request, answer) = subscribe(&mut core, &mut alice, &own, "reg", 600).await.preamble("subscribing")?;
    notified(&mut core).await.preamble("subscribing")?;
    let own_addr = core.edge.addr().to_string();
    let again = crate::tester::in_dialog("SUBSCRIBE", 2, &request, &answer, "end");
    let mut lines = again.lines.clone();
    lines.retain(|(name, value)| name != "Route" || !value.contains(&own_addr));
    let again = Msg { lines, ..again }
        .set("Via", format!("SIP/2.0/UDP {own_addr};branch=z9hG4bKend{};rport", t.unique()))
        .with("Contact", format!("<{}>", alice.contact_uri()))
        .with("Event", "reg")
        .with("Expires", 0);
    let scscf = core.scscf.ok_or_else(|| Stop::NotApplicable("the S-CSCF cannot be reached by itself".into()))?;
    let answer = core.edge.exchange(scscf, &again.bytes()).await?;
    t.status(&answer, &[200, 202])?;
    let state = subscription_state(&notified(&mut core).await?);
    t.saw(format!("Subscription-State: {state}"));
    t.check(state.starts_with("terminated"), format!("Subscription-State is {state:?}"))
}

fn subscription_state(notify: &Request) -> String {
    let name: Option<HeaderName> = "subscription-state".parse().ok();
    name.and_then(|name| notify.headers.value(&name).map(str::to_owned)).unwrap_or_default()
}

async fn edge_watches(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let mut alice = core.person()?;
    registered(&mut core, &mut alice, 3600).await?;
    let (home, addr) = (core.home.clone(), core.edge.addr());
    // The P-CSCF that the Path names.
    let own = format!("<sip:{addr}>");
    let subscribe = Msg::request("SUBSCRIBE", &alice.impu)
        .with("Via", format!("SIP/2.0/UDP {addr};branch=z9hG4bKsub{};rport", t.unique()))
        .with("Max-Forwards", 70)
        .with("Route", format!("<sip:icscf.{home};lr>"))
        .with("From", format!("{own};tag=e1"))
        .with("To", format!("<{}>", alice.impu))
        .with("Call-ID", format!("sub-{}", t.unique()))
        .with("CSeq", "1 SUBSCRIBE")
        .with("Contact", format!("<sip:{addr}>"))
        .with("P-Asserted-Identity", &own)
        .with("Event", "reg")
        .with("Expires", 4200)
        .with("Accept", "application/reginfo+xml");
    let entry = core.entry;
    let answer = core.edge.exchange(entry, &subscribe.bytes()).await?;
    t.status(&answer, &[200, 202])?;
    let info = reginfo(&notified(&mut core).await?)?;
    t.check(info.full, "the first document is not the full state")
}

/// The NOTIFY that tells of the end of a contact, and what it says of it.
async fn ended(core: &mut Core, person: &Person) -> Outcome<(Request, ContactEvent)> {
    let notify = notified(core).await?;
    let info = reginfo(&notify)?;
    let contacts = info.registrations.iter().flat_map(|registration| &registration.contacts);
    let own = contacts.filter(|contact| !contact.active && contact.uri.contains(&person.host));
    let event = own.map(|contact| contact.event).next();
    let event = event.ok_or_else(|| Stop::fail("the NOTIFY does not tell of the end of the contact"))?;
    Ok((notify, event))
}

async fn terminated(t: &mut Tester, reason: &str, expected: ContactEvent) -> Outcome {
    let (mut core, alice, _) = watching(t, Setup::new(), 3600).await?;
    core.operate(Operation::Deregister { impu: alice.impu.clone(), reason: reason.into() }).await?;
    let (notify, event) = ended(&mut core, &alice).await?;
    let state = subscription_state(&notify);
    t.saw(format!("{event:?}; Subscription-State: {state}"));
    t.check(event == expected, format!("the contact is {event:?} instead of {expected:?}"))?;
    t.check(state.starts_with("terminated"), format!("Subscription-State is {state:?}"))
}

async fn no_register(t: &mut Tester) -> Outcome {
    let (mut core, alice, _) = watching(t, Setup::new(), 3600).await?;
    core.operate(Operation::Deregister { impu: alice.impu.clone(), reason: "SERVER_CHANGE".into() }).await?;
    ended(&mut core, &alice).await?;
    let quiet = core.limits().quiet;
    Ok(core.edge.silent(quiet, |r| r.method.as_str() == "REGISTER").await?)
}

async fn lapses(t: &mut Tester) -> Outcome {
    let (mut core, alice, _) = watching(t, Setup::new().with("min_expires", 1), 2).await?;
    let (_, event) = ended(&mut core, &alice).await?;
    t.saw(format!("{event:?}"));
    t.check(event == ContactEvent::Expired, format!("the contact is {event:?}"))?;
    let cx = core.cx()?;
    t.saw(cx.join(", "));
    t.check(cx.contains(&"SAR TIMEOUT_DEREGISTRATION".into()), "the HSS was not told")
}

// The eP-CSCF.

/// The SUBSCRIBE of the eP-CSCF, accepted.
async fn accepted(edge: &mut crate::tester::Edge) -> Outcome<(Arrived, Response)> {
    let arrived = edge.core.request("SUBSCRIBE").await?;
    let mut ok = arrived.request.respond(sip::StatusCode::OK);
    ok.ensure_to_tag(|| "notifier".into());
    let expires = arrived.request.headers.value(&HeaderName::Expires).unwrap_or("600").to_owned();
    let contact = format!("<sip:scscf1.{}>", edge.home);
    let ok = ok.with_raw(HeaderName::Contact, contact).with_raw(HeaderName::Expires, expires);
    edge.core.respond(&arrived, &ok).await?;
    Ok((arrived, ok))
}

async fn edge_subscribes(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("reg_event.subscribe", true)).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    edge.registered(&mut wic, &mut alice).await?;
    let (arrived, _) = accepted(&mut edge).await?;
    let headers = &arrived.request.headers;
    let event = headers.value(&HeaderName::Event).unwrap_or_default().to_owned();
    let asserted = headers.value(&HeaderName::PAssertedIdentity).unwrap_or_default().to_owned();
    t.saw(format!("SUBSCRIBE {}, Event {event}, P-Asserted-Identity {asserted}", arrived.request.uri));
    t.check(event == "reg", format!("Event is {event:?}"))?;
    t.check(asserted.contains(&edge.name), format!("{asserted:?} is asserted"))?;
    t.check(arrived.request.uri.to_string() == alice.impu, format!("the Request-URI is {}", arrived.request.uri))?;
    let expires: u32 = headers.value(&HeaderName::Expires).and_then(|e| e.parse().ok()).unwrap_or(0);
    t.check(expires > 3600, format!("it asks for {expires} s, the registration lasts 3600"))
}

/// A NOTIFY in the dialog of a SUBSCRIBE that was accepted.
fn notify(edge: &crate::tester::Edge, subscribe: &Arrived, ok: &Response, state: &str, document: &str) -> Msg {
    let of = |name: HeaderName| subscribe.request.headers.value(&name).unwrap_or_default().to_owned();
    let contact = of(HeaderName::Contact);
    let uri = contact.split('<').nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default().to_owned();
    let addr = edge.core.addr();
    Msg::request("NOTIFY", &uri)
        .with("Via", format!("SIP/2.0/UDP {addr};branch=z9hG4bKn{};rport", of(HeaderName::CallId)))
        .with("Max-Forwards", 70)
        .with("From", ok.headers.value(&HeaderName::To).unwrap_or_default())
        .with("To", of(HeaderName::From))
        .with("Call-ID", of(HeaderName::CallId))
        .with("CSeq", "1 NOTIFY")
        .with("Contact", format!("<sip:scscf1.{}>", edge.home))
        .with("Event", of(HeaderName::Event))
        .with("Subscription-State", state)
        .body("application/reginfo+xml", document)
}

/// A document that tells of the end of one contact of an identity.
fn document(aor: &str, contact: &str, event: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"0\" state=\"full\">\n\
         <registration aor=\"{aor}\" id=\"r1\" state=\"terminated\">\n\
         <contact id=\"c1\" state=\"terminated\" event=\"{event}\"><uri>{contact}</uri></contact>\n\
         </registration>\n</reginfo>\n"
    )
}

async fn tell(edge: &mut crate::tester::Edge, notify: &Msg) -> Outcome {
    let mw = edge.mw.ok_or_else(|| Stop::NotApplicable("the system's address on Mw is not known".into()))?;
    let answer = edge.core.exchange(mw, &notify.bytes()).await?;
    match answer.status.is_success() {
        true => Ok(()),
        false => Err(Stop::Fail(format!("{} {} to the NOTIFY", answer.status, answer.reason))),
    }
}

async fn anchor_ends(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("reg_event.anchors", true)).await?;
    let (subscribe, ok) = accepted(&mut edge).await?;
    let anchor = subscribe.request.uri.to_string();
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    edge.registered_guest(&mut wic, &mut guest).await?;
    let document = document(&anchor, &format!("sip:{}", edge.name), "rejected");
    let notify = notify(&edge, &subscribe, &ok, "terminated;reason=noresource", &document);
    tell(&mut edge, &notify).await?;
    closes_with(t, wic.closed().await, 1008)
}

async fn told_of_end(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("reg_event.subscribe", true)).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    edge.registered(&mut wic, &mut alice).await?;
    let (subscribe, ok) = accepted(&mut edge).await.preamble("its SUBSCRIBE")?;
    let document = document(&alice.impu, &alice.contact_uri(), "rejected");
    let notify = notify(&edge, &subscribe, &ok, "terminated;reason=noresource", &document);
    tell(&mut edge, &notify).await?;
    let message =
        alice.request("MESSAGE", &format!("sip:bob@{}", edge.home)).without("Contact").body("text/plain", "hello");
    // It may be closed already.
    let _ = wic.send(message.bytes()).await;
    match wic.answer().await {
        Ok(answer) => t.status(&answer, &[401, 403])?,
        Err(crate::script::ScriptError::Closed { code, .. }) => {
            t.saw(format!("closed with {code:?}"));
            t.check(code == Some(1008), format!("closed with {code:?}"))?;
        }
        Err(error) => return Err(error.into()),
    }
    edge.nothing_on_mw(&message).await
}

async fn ended_by_notify(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("reg_event.subscribe", true)).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let admitted = edge.registered(&mut wic, &mut alice).await?;
    let path = admitted.at_core.request.headers.value(&HeaderName::Path).unwrap_or_default().to_owned();
    let (subscribe, ok) = accepted(&mut edge).await.preamble("its SUBSCRIBE")?;
    let document = document(&alice.impu, &alice.contact_uri(), "deactivated");
    let notify = notify(&edge, &subscribe, &ok, "terminated;reason=noresource", &document);
    tell(&mut edge, &notify).await?;
    let request = edge.from_core("MESSAGE", &alice.contact_uri(), Some(&path)).body("text/plain", "hello");
    let answer = edge.ask_from_core(&request).await?;
    t.saw(format!("{} {}", answer.status, answer.reason));
    t.check((400..500).contains(&answer.status.code()), format!("{}", answer.status))
}

async fn token_ends(t: &mut Tester) -> Outcome {
    let setup = Setup::new().with("registration.min_expires", 1).with("token.leeway", 0);
    let mut edge = t.edge_with(setup).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let token = edge.token(&alice).claim("exp", Token::now() + 3).sign(&edge.operator.key);
    let register = alice.register().with("Authorization", format!("Bearer {token}"));
    edge.admit(&mut wic, &register).await.preamble("registering")?;
    let leaves = |r: &Request| {
        let text = r.to_string();
        r.method.as_str() == "REGISTER" && (text.contains("Expires: 0") || text.contains("expires=0"))
    };
    let arrived = edge.core.request_that("REGISTER with an expiry of 0", Duration::from_secs(10), leaves).await?;
    let authorization = arrived.request.headers.value(&HeaderName::Authorization).unwrap_or_default().to_owned();
    t.saw(format!("REGISTER on Mw, {authorization}"));
    t.check(authorization.contains("auth-done"), "there is no auth-done")?;
    let ok = edge.at_core().ok(&arrived.request);
    edge.core.respond(&arrived, &ok).await?;
    closes_with(t, wic.closed().await, 1008)
}

async fn guest_subscription(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    edge.registered_guest(&mut wic, &mut guest).await?;
    let own = guest.impu.clone();
    let subscribe = guest
        .request("SUBSCRIBE", &own)
        .with("Event", "reg")
        .with("Expires", 600)
        .with("Accept", "application/reginfo+xml");
    wic.send(subscribe.bytes()).await?;
    let answer = wic.answer().await?;
    t.status(&answer, &[200, 202])?;
    let notify = wic.request("NOTIFY").await?;
    wic.send(crate::tester::response_of_wic(&notify, &guest, "200 OK").bytes()).await?;
    let info = reginfo(&notify)?;
    t.saw(String::from_utf8_lossy(&notify.body).into_owned());
    let own = info.registrations.iter().find(|registration| registration.aor == guest.impu);
    t.check(info.full && own.is_some_and(|own| own.state == RegState::Active), "the guest is not told to be active")?;
    edge.nothing_on_mw(&subscribe).await
}

async fn guest_stranger(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let (mut wic, mut guest) = (edge.partner_wic().await?, edge.guest());
    let (mut other_wic, mut other) = (edge.partner_wic().await?, edge.guest());
    edge.registered_guest(&mut wic, &mut guest).await?;
    edge.registered_guest(&mut other_wic, &mut other).await?;
    let subscribe = other.request("SUBSCRIBE", &guest.impu).with("Event", "reg").with("Expires", 600);
    other_wic.send(subscribe.bytes()).await?;
    let answer = other_wic.answer().await?;
    t.status(&answer, &[403])?;
    edge.nothing_on_mw(&subscribe).await
}
