//! TP-ORG: requests of a WIC on their way into the core.

use sip::HeaderName;

use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::{Arrived, Msg, Wic};
use crate::tester::{Edge, Person, SDP, Tester};
use crate::verdict::{Outcome, Preamble, Stop};

purposes! {
    "ORG-01" Epcscf WebAuth Requirement "24.229 §5.2.6.3" {
        "An INVITE goes to the core in the user's name",
        given "a registered WIC",
        "an INVITE with P-Preferred-Identity and the token"
            => "on Mw P-Asserted-Identity the IMPU; no P-Preferred-Identity, no Bearer; a new icid; two Record-Routes; network-provided",
        test(invite),
    }
    "ORG-02" Epcscf Any Requirement "24.229 §5.2.6.3" {
        "A preferred identity that is registered is asserted",
        given "a WIC registered with two identities",
        "P-Preferred-Identity with the second" => "the second is asserted",
        test(preferred, Preferred::Second),
    }
    "ORG-03" Epcscf Any Requirement "33.203 Q.2, O.2.3" {
        "A preferred identity of somebody else is not",
        given "a WIC registered with two identities",
        "P-Preferred-Identity of another user" => "the default identity is asserted",
        test(preferred, Preferred::Foreign),
    }
    "ORG-04" Epcscf Any Requirement "33.203 Q.2" {
        "From says nothing about who it is",
        given "a WIC registered with two identities",
        "From of another user, no P-Preferred-Identity" => "the default identity is asserted; From is left as it is",
        test(preferred, Preferred::From),
    }
    "ORG-05" Epcscf Any Requirement "24.229 §4.4" {
        "A WIC does not assert itself",
        given "a registered WIC",
        "P-Asserted-Identity of another user" => "it is removed; the WIC's own is asserted",
        test(forged_assertion),
    }
    "ORG-06" Epcscf Any Policy "33.203 O.2.3" {
        "Register first",
        "an INVITE on a fresh connection, of the operator's page and of the partner's" => "403; 401 with a Bearer challenge; nothing on Mw",
        test(unregistered),
    }
    "ORG-07" Epcscf Any Requirement "24.229 §5.2.6.3.3" {
        "Nobody goes round the S-CSCF",
        given "a registered WIC, route.mismatch = reject",
        "an INVITE whose Route leads elsewhere" => "400; nothing on Mw",
        test(other_route),
    }
    "ORG-08" Epcscf Any Requirement "RFC 3261 §16.3 step 5" {
        "A proxy extension that is not known is refused",
        given "a registered WIC",
        "an INVITE with Proxy-Require: foo" => "420 with Unsupported: foo",
        test(proxy_require),
    }
    "ORG-09" Epcscf Any Requirement "RFC 3261 §16.3 step 3" {
        "No hops left",
        given "a registered WIC",
        "an INVITE with Max-Forwards: 0" => "483",
        test(no_hops),
    }
    "ORG-10" Epcscf Range Requirement "RFC 5002 §5, SEED X.2.2" {
        "A guest's range is named to the core",
        given "a registered guest",
        "an INVITE" => "P-Asserted-Identity the guest's IMPU, P-Profile-Key the wildcarded identity; Route to the configured S-CSCF",
        test(profile_key),
    }
    "ORG-12" Epcscf Any Requirement "24.229 §4.4" {
        "What only the network may say is not taken from a WIC",
        given "a registered WIC",
        "an INVITE with every header of the trust domain" => "none of it is on Mw",
        test(forged_headers),
    }
    "ORG-13" Epcscf Any Requirement "29.228 B.2.1" {
        "An identity that is not listed as associated is not asserted",
        given "a WIC whose barred identity is not in P-Associated-URI",
        "P-Preferred-Identity with it" => "the default identity is asserted",
        test(preferred, Preferred::Barred),
    }
    "ORG-14" Epcscf Any Requirement "RFC 3325 §9.3, 24.229 §5.2.6.3" {
        "Privacy hides the caller from the callee, not from the core",
        given "a registered WIC",
        "an INVITE with Privacy: id; an INVITE of the core with Privacy: id"
            => "on Mw P-Asserted-Identity is there; on W2 it is not",
        test(privacy),
    }
    "ORG-15" Epcscf Any Requirement "RFC 3261 §16.6 step 4, RFC 7118 §8.2" {
        "The eP-CSCF stays on the path of the dialog, on both sides",
        given "a registered WIC",
        "an INVITE" => "on Mw Record-Route: its core side on top, its WebSocket side with a flow token and transport=ws beneath",
        test(record_route),
    }
    "ORG-16" Epcscf Any Requirement "RFC 3428 §5, RFC 3261 §16" {
        "MESSAGE makes no dialog",
        given "a registered WIC",
        "a MESSAGE" => "on Mw without Record-Route and Contact; the 200 comes back",
        test(message),
    }
    "ORG-17" Epcscf Any Requirement "RFC 3261 §16" {
        "A method that is not known is passed on",
        given "a registered WIC",
        "FOO" => "FOO on Mw",
        test(unknown_method),
    }
    "ORG-18" Epcscf WebAuth Policy "24.371 §7.2.1" {
        "A request without a token is challenged where that is required",
        given "a registered WIC, bearer.on_requests = require",
        "an INVITE without a token" => "401 with a Bearer challenge; nothing on Mw",
        test(token_required),
    }
    "ORG-19" Epcscf WebAuth Policy "24.371 §7.2.1" {
        "A token of somebody else is refused on requests too",
        given "a registered WIC",
        "a MESSAGE with another user's token" => "403; nothing on Mw",
        test(foreign_token),
    }
    "ORG-20" Epcscf Any Requirement "RFC 3261 §16.8" {
        "A core that is silent is not waited for for ever",
        given "a registered WIC, call.answer_timeout = 1",
        "a MESSAGE that the core does not answer" => "504 or 408",
        test(silent_core),
    }
    "ORG-21" Epcscf Any Requirement "RFC 3261 §11" {
        "The eP-CSCF answers for itself",
        given "a registered WIC",
        "OPTIONS to its own name" => "200 with Allow; nothing on Mw",
        test(own_options),
    }
    "ORG-22" Epcscf Any Policy "RFC 3428 §8" {
        "A message that is too long is refused",
        given "a registered WIC, call.max_message_body = 100",
        "a MESSAGE of 101 octets" => "513; nothing on Mw",
        test(long_message),
    }
    "ORG-23" Epcscf Any Policy "24.229 §5.2.6.3.3" {
        "A wrong Route is overwritten where that is the policy",
        given "a registered WIC, route.mismatch = replace",
        "an INVITE whose Route leads elsewhere" => "on Mw the Service-Route",
        test(route_replaced),
    }
    "ORG-24" Epcscf Any Requirement "24.229 §4.4" {
        "orig in a URI is the network's to set",
        given "a registered WIC",
        "a MESSAGE to sip:bob@…;orig" => "no orig in the Request-URI on Mw, or 400",
        test(forged_orig),
    }
}

/// A registered WIC of the operator's page.
async fn ready(t: &mut Tester, setup: Setup) -> Outcome<(Edge, Wic, Person)> {
    let mut edge = t.edge_with(setup).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    edge.registered(&mut wic, &mut alice).await?;
    Ok((edge, wic, alice))
}

fn invite_of(edge: &Edge, person: &mut Person) -> Msg {
    person.request("INVITE", &format!("sip:bob@{}", edge.home)).body("application/sdp", SDP)
}

fn asserted(arrived: &Arrived) -> Vec<String> {
    arrived.request.headers.elements(&HeaderName::PAssertedIdentity).map(str::to_owned).collect()
}

async fn invite(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let bearer = edge.bearer(&alice);
    let register = alice.register().with("Authorization", &bearer);
    let admitted = edge.admit(&mut wic, &register).await.preamble("registering")?;
    let icid = admitted.at_core.request.headers.value(&HeaderName::PChargingVector).unwrap_or_default().to_owned();
    let invite = invite_of(&edge, &mut alice)
        .with("P-Preferred-Identity", format!("<{}>", alice.impu))
        .with("Authorization", &bearer)
        .with("P-Charging-Vector", "icid-value=eve");
    let arrived = edge.originated(&mut wic, &invite).await?;
    let headers = &arrived.request.headers;
    t.saw(format!("P-Asserted-Identity: {}", asserted(&arrived).join(", ")));
    t.check(asserted(&arrived) == [format!("<{}>", alice.impu)], "not the user's IMPU is asserted")?;
    t.absent(headers, &["P-Preferred-Identity", "Authorization"], "the INVITE on Mw")?;
    let vector = headers.value(&HeaderName::PChargingVector).unwrap_or_default().to_owned();
    t.saw(vector.clone());
    let fresh =
        vector.contains("icid-value=") && !vector.contains("eve") && vector.split(';').next() != icid.split(';').next();
    t.check(fresh, format!("P-Charging-Vector: {vector}"))?;
    let routes = headers.elements(&HeaderName::RecordRoute).count();
    t.check(routes == 2, format!("{routes} Record-Routes"))?;
    let access = headers.value(&HeaderName::PAccessNetworkInfo).unwrap_or_default().to_owned();
    t.check(access.contains("network-provided"), format!("P-Access-Network-Info is {access:?}"))?;
    t.check(&arrived.request.body[..] == SDP.as_bytes() || !arrived.request.body.is_empty(), "the description is lost")
}

#[derive(Clone, Copy)]
enum Preferred {
    Second,
    Foreign,
    From,
    Barred,
}

async fn preferred(t: &mut Tester, which: Preferred) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice));
    let arrived = edge.to_core(&mut wic, &register).await.preamble("registering")?;
    let second = format!("sip:second-{}@{}", alice.user, edge.home);
    let (first, other) = (format!("<{}>", alice.impu), format!("<{second}>"));
    let ok = edge.at_core().ok_with(&arrived.request, &[&first, &other]);
    edge.core.respond(&arrived, &ok).await?;
    wic.answer().await.preamble("registering")?;
    let invite = invite_of(&edge, &mut alice);
    let invite = match which {
        Preferred::Second => invite.with("P-Preferred-Identity", &other),
        Preferred::Foreign => invite.with("P-Preferred-Identity", format!("<sip:ceo@{}>", edge.home)),
        Preferred::Barred => invite.with("P-Preferred-Identity", format!("<sip:barred-{}@{}>", alice.user, edge.home)),
        Preferred::From => invite.set("From", format!("\"The boss\" <sip:ceo@{}>;tag=f1", edge.home)),
    };
    let arrived = edge.originated(&mut wic, &invite).await?;
    let found = match asserted(&arrived).join(", ") {
        none if none.is_empty() => "nobody".to_owned(),
        found => found,
    };
    t.saw(format!("P-Asserted-Identity: {found}"));
    let expected = if matches!(which, Preferred::Second) { other } else { first };
    t.check(found == expected, format!("{found} is asserted instead of {expected}"))?;
    let from = arrived.request.headers.value(&HeaderName::From).unwrap_or_default().to_owned();
    t.check(invite.value("From") == Some(&from), format!("From was changed to {from}"))
}

async fn forged_assertion(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new()).await?;
    let invite = invite_of(&edge, &mut alice).with("P-Asserted-Identity", format!("<sip:ceo@{}>", edge.home));
    let arrived = edge.originated(&mut wic, &invite).await?;
    t.saw(format!("P-Asserted-Identity: {}", asserted(&arrived).join(", ")));
    t.check(asserted(&arrived) == [format!("<{}>", alice.impu)], "not the user's own IMPU alone")
}

async fn unregistered(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let (operator, partner) = (edge.operator.origin.clone(), edge.partner.origin.clone());
    // Where no partner is known, the operator's page stands in for its page.
    let pages = [(operator.clone(), 403), (partner.clone(), 401)];
    for (origin, status) in pages.into_iter().take(if operator == partner { 1 } else { 2 }) {
        let mut wic = edge.wic("wic", &origin).await?;
        let mut alice = edge.person();
        let invite = invite_of(&edge, &mut alice);
        let answer = edge.refused(&mut wic, &invite).await?;
        t.status(&answer, &[status])?;
        let challenged = answer.headers.value(&HeaderName::WwwAuthenticate).is_some_and(|v| v.starts_with("Bearer"));
        t.check(status == 403 || challenged, "the 401 has no Bearer challenge")?;
    }
    Ok(())
}

async fn other_route(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new().with("route.mismatch", "reject")).await?;
    let invite = invite_of(&edge, &mut alice).with("Route", "<sip:shortcut.example;lr>");
    let answer = edge.refused(&mut wic, &invite).await?;
    t.status(&answer, &[400])
}

async fn route_replaced(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new().with("route.mismatch", "replace")).await?;
    let invite = invite_of(&edge, &mut alice).with("Route", "<sip:shortcut.example;lr>");
    let arrived = edge.originated(&mut wic, &invite).await?;
    let route = arrived.request.headers.value(&HeaderName::Route).unwrap_or_default().to_owned();
    t.saw(format!("Route: {route}"));
    let expected = edge.at_core().service_route();
    t.check(route == expected, format!("Route is {route:?} instead of {expected:?}"))
}

async fn proxy_require(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new()).await?;
    let invite = invite_of(&edge, &mut alice).with("Proxy-Require", "foo");
    let answer = edge.refused(&mut wic, &invite).await?;
    t.status(&answer, &[420])?;
    t.check(answer.headers.lists(&HeaderName::Unsupported, "foo"), "the 420 does not name foo in Unsupported")
}

async fn no_hops(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new()).await?;
    let invite = invite_of(&edge, &mut alice).set("Max-Forwards", 0);
    let answer = edge.refused(&mut wic, &invite).await?;
    t.status(&answer, &[483])
}

async fn profile_key(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.partner_wic().await?;
    let mut guest = edge.guest();
    edge.registered_guest(&mut wic, &mut guest).await?;
    let invite = invite_of(&edge, &mut guest);
    let arrived = edge.originated(&mut wic, &invite).await?;
    let headers = &arrived.request.headers;
    let key = headers.value(&HeaderName::PProfileKey).unwrap_or_default().to_owned();
    let route = headers.value(&HeaderName::Route).unwrap_or_default().to_owned();
    t.saw(format!("P-Profile-Key: {key}; P-Asserted-Identity: {}; Route: {route}", asserted(&arrived).join(", ")));
    let range = edge.partner.range.clone().unwrap_or_default();
    t.check(key == format!("<{range}>"), format!("P-Profile-Key is {key:?} instead of <{range}>"))?;
    t.check(asserted(&arrived) == [format!("<{}>", guest.impu)], "not the guest's IMPU is asserted")?;
    t.check(route.contains("orig@"), format!("Route is {route:?}"))
}

async fn forged_headers(t: &mut Tester) -> Outcome {
    const FORGED: [(&str, &str); 14] = [
        ("P-Asserted-Identity", "<sip:eve@ims.example>"),
        ("P-Asserted-Service", "urn:urn-7:eve"),
        ("P-Associated-URI", "<sip:eve@ims.example>"),
        ("P-Called-Party-ID", "<sip:eve@ims.example>"),
        ("P-Charging-Function-Addresses", "ccf=eve"),
        ("P-Charging-Vector", "icid-value=eve"),
        ("P-Profile-Key", "<sip:eve@ims.example>"),
        ("P-Served-User", "<sip:eve@ims.example>"),
        ("P-Visited-Network-ID", "eve"),
        ("Service-Route", "<sip:eve.example;lr>"),
        ("Feature-Caps", "*;+g.eve"),
        ("P-Access-Network-Info", "3GPP-E-UTRAN;eve=1;network-provided"),
        ("P-User-Database", "<aaa://eve.example>"),
        ("Record-Route", "<sip:eve.example;lr>"),
    ];
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new()).await?;
    let mut invite = invite_of(&edge, &mut alice);
    for (name, value) in FORGED {
        invite = invite.with(name, value);
    }
    let arrived = edge.originated(&mut wic, &invite).await?;
    if let Some(line) = arrived.request.headers.iter().find(|line| line.value.contains("eve")) {
        return Err(Stop::Fail(format!("on Mw: {line}")));
    }
    t.saw(format!("{} forged headers, none on Mw", FORGED.len()));
    Ok(())
}

async fn privacy(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let admitted = edge.registered(&mut wic, &mut alice).await?;
    let path = admitted.at_core.request.headers.value(&HeaderName::Path).unwrap_or_default().to_owned();
    let invite = invite_of(&edge, &mut alice).with("Privacy", "id");
    let arrived = edge.originated(&mut wic, &invite).await?;
    t.check(!asserted(&arrived).is_empty(), "on Mw nobody is asserted")?;
    let home = edge.home.clone();
    let call = edge
        .from_core("INVITE", &alice.contact_uri(), Some(&path))
        .with("P-Called-Party-ID", format!("<{}>", alice.impu))
        .with("P-Asserted-Identity", format!("<sip:bob@{home}>"))
        .with("Privacy", "id")
        .with("Contact", format!("<sip:bob@{}>", edge.core.addr()));
    let mw = edge.mw.ok_or_else(|| Stop::NotApplicable("the system's address on Mw is not known".into()))?;
    edge.core.send(mw, &call.bytes()).await?;
    let on_w2 = wic.request("INVITE").await?;
    t.absent(&on_w2.headers, &["P-Asserted-Identity"], "the INVITE on W2")
}

async fn record_route(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new()).await?;
    let invite = invite_of(&edge, &mut alice);
    let arrived = edge.originated(&mut wic, &invite).await?;
    let routes: Vec<String> = arrived.request.headers.elements(&HeaderName::RecordRoute).map(str::to_owned).collect();
    t.saw(routes.join(", "));
    t.check(routes.len() == 2, format!("{} Record-Routes", routes.len()))?;
    t.check(!routes[0].contains("transport=ws") && routes[0].contains(";lr"), "the topmost is not the core side")?;
    let inner = &routes[1];
    t.check(
        inner.contains("transport=ws") && inner.contains('@'),
        "the WebSocket side lacks transport=ws or a flow token",
    )
}

async fn message(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new()).await?;
    let message =
        alice.request("MESSAGE", &format!("sip:bob@{}", edge.home)).without("Contact").body("text/plain", "hello");
    let arrived = edge.originated(&mut wic, &message).await?;
    t.absent(&arrived.request.headers, &["Record-Route", "Contact"], "the MESSAGE on Mw")?;
    let ok = arrived.request.respond(sip::StatusCode::OK);
    edge.core.respond(&arrived, &ok).await?;
    let answer = wic.answer().await?;
    t.status(&answer, &[200])
}

async fn unknown_method(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new()).await?;
    let request = alice.request("FOO", &format!("sip:bob@{}", edge.home));
    let arrived = edge.originated(&mut wic, &request).await?;
    t.saw(format!("{} on Mw", arrived.request.method));
    Ok(())
}

async fn token_required(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new().with("bearer.on_requests", "require")).await?;
    let invite = invite_of(&edge, &mut alice);
    let answer = edge.refused(&mut wic, &invite).await?;
    t.status(&answer, &[401])?;
    let challenged = answer.headers.value(&HeaderName::WwwAuthenticate).is_some_and(|v| v.starts_with("Bearer"));
    t.check(challenged, "the 401 has no Bearer challenge")
}

async fn foreign_token(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new()).await?;
    let bob = edge.person();
    let message = alice
        .request("MESSAGE", &format!("sip:bob@{}", edge.home))
        .without("Contact")
        .with("Authorization", edge.bearer(&bob))
        .body("text/plain", "hello");
    let answer = edge.refused(&mut wic, &message).await?;
    t.status(&answer, &[403])
}

async fn silent_core(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new().with("call.answer_timeout", 1)).await?;
    let message =
        alice.request("MESSAGE", &format!("sip:bob@{}", edge.home)).without("Contact").body("text/plain", "hello");
    edge.originated(&mut wic, &message).await?;
    let answer = wic.answer().await?;
    t.status(&answer, &[504, 408])
}

async fn own_options(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new()).await?;
    let options = alice.request("OPTIONS", &format!("sip:{}", edge.name));
    let answer = edge.refused(&mut wic, &options).await?;
    t.status(&answer, &[200])?;
    t.check(answer.headers.has(&HeaderName::Allow), "the 200 has no Allow")
}

async fn long_message(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new().with("call.max_message_body", 100)).await?;
    let message = alice
        .request("MESSAGE", &format!("sip:bob@{}", edge.home))
        .without("Contact")
        .body("text/plain", "x".repeat(101));
    let answer = edge.refused(&mut wic, &message).await?;
    t.status(&answer, &[513])
}

async fn forged_orig(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice) = ready(t, Setup::new()).await?;
    let message =
        alice.request("MESSAGE", &format!("sip:bob@{};orig", edge.home)).without("Contact").body("text/plain", "hello");
    wic.send(message.bytes()).await?;
    tokio::select! {
        arrived = edge.core.request("MESSAGE") => {
            let uri = arrived?.request.uri.to_string();
            t.saw(uri.clone());
            t.check(!uri.contains("orig"), format!("the Request-URI on Mw is {uri}"))
        }
        answer = wic.answer() => t.status(&answer?, &[400]),
    }
}
