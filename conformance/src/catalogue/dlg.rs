//! TP-DLG: calls and what belongs to them.

use std::time::Duration;

use sip::{HeaderName, Response};

use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::{Arrived, Msg, ScriptError, Wic};
use crate::tester::{Core, Edge, Person, SDP, Tester, in_dialog, response_of_wic};
use crate::verdict::{Outcome, Preamble, Stop};

purposes! {
    "DLG-01" Epcscf Any Policy "33.203 O.2.3, RFC 3261 §12.2.2" {
        "Nobody ends another's call",
        given "a call of one WIC, and another WIC",
        "the other WIC sends BYE with the call's identifiers; then the first one does" => "481, nothing on Mw; then BYE on Mw and 200",
        test(foreign_bye),
    }
    "DLG-02" Epcscf Any Requirement "24.229 §5.2.6.3" {
        "A dialog keeps its route",
        given "a call, route.mismatch = reject",
        "a re-INVITE whose Route leads elsewhere" => "400; nothing on Mw",
        test(other_route),
    }
    "DLG-03" Epcscf Any Requirement "RFC 3261 §9" {
        "A call is cancelled before it is answered",
        given "an INVITE that rings",
        "CANCEL" => "200 at once; CANCEL on Mw; the core's 487 comes back",
        test(cancel),
    }
    "DLG-04" Epcscf WebAuth Requirement "RFC 3261 §22.1" {
        "CANCEL and ACK are never challenged",
        given "bearer.on_requests = require, an INVITE with a token",
        "CANCEL without a token" => "200, not 401; CANCEL on Mw",
        test(cancel_without_token),
    }
    "DLG-05" Scscf WebAuth Requirement "RFC 3428, 24.229 §5.4.3.3" {
        "A message finds who is registered",
        "MESSAGE to a registered user, and to one who is not" => "at the eP-CSCF without Record-Route and Contact of the core; 480",
        test(message),
    }
    "DLG-06" Epcscf Any Requirement "RFC 3262" {
        "Early media and PRACK pass",
        given "an INVITE with 100rel",
        "183 with RSeq and a description of the core; PRACK of the WIC" => "183 on W2 with both; PRACK on Mw; its 200 comes back",
        test(prack),
    }
    "DLG-07" Epcscf Any Policy "24.229 §5.2.8" {
        "A call whose WIC does not come back is ended",
        given "a call, call.ws_grace = 1",
        "the WebSocket is lost" => "BYE on Mw with Reason cause=480",
        test(grace_over),
    }
    "DLG-08" Scscf WebAuth Requirement "RFC 3261 §16.7" {
        "Of several browsers that ring, the others are told",
        given "a callee registered with two browsers",
        "both ring, one answers" => "the caller gets 200; the other browser gets CANCEL",
        test(fork),
    }
    "DLG-11" Epcscf Any Requirement "RFC 3261 §15" {
        "The caller hangs up",
        given "a call of a WIC",
        "BYE of the WIC" => "BYE on Mw along the route set, P-headers of the WIC removed; 200 comes back",
        test(hangs_up),
    }
    "DLG-12" Epcscf Any Requirement "RFC 3261 §15" {
        "The other side hangs up",
        given "a WIC that was called",
        "BYE of the core" => "BYE on W2 with the Contact as Request-URI; 200 comes back",
        test(is_hung_up),
    }
    "DLG-13" Epcscf Any Requirement "RFC 3261 §14, RFC 3311" {
        "A call is changed while it lasts",
        given "a call of a WIC",
        "re-INVITE and UPDATE of the WIC" => "both on Mw in the dialog; the 200s come back",
        test(re_invite),
    }
    "DLG-14" Epcscf Any Requirement "RFC 3261 §12.2.2" {
        "What belongs to no call is refused",
        given "a registered WIC",
        "BYE, UPDATE, INFO for a dialog that is not there" => "481 each; nothing on Mw",
        test(no_dialog),
    }
    "DLG-15" Epcscf Any Requirement "RFC 3261 §9.2" {
        "CANCEL needs an INVITE of its own connection",
        given "an INVITE that rings, and another WIC",
        "the other WIC sends the CANCEL" => "481; nothing on Mw",
        test(foreign_cancel),
    }
    "DLG-16" Epcscf Any Policy "24.229 §5.2.8, RFC 5626 §4.3" {
        "A WIC that comes back in time keeps its call",
        given "a WIC that was called, call.ws_grace = 10",
        "the WebSocket is lost; the same instance registers on another; then BYE of the core" => "no BYE on Mw; BYE on the new connection",
        test(comes_back),
    }
    "DLG-17" Epcscf Any Requirement "RFC 3261 §16.7" {
        "Each early dialog of a fork comes to the caller",
        given "an INVITE of a WIC",
        "two 180 of the core with two To tags, then the 200 of one" => "both 180 and the 200 on W2",
        test(early_dialogs),
    }
    "DLG-18" Epcscf Any Requirement "RFC 3261 §16.7 step 9, §13.2.2.4" {
        "A retransmitted 200 is acknowledged through",
        given "a call of a WIC",
        "the core sends its 200 again" => "200 on W2 again, or an ACK on Mw",
        test(ok_again),
    }
    "DLG-19" Epcscf Any Requirement "RFC 3261 §17.1.1.3" {
        "A refusal is acknowledged hop by hop",
        given "an INVITE of a WIC",
        "486 of the core" => "ACK on Mw; 486 on W2",
        test(busy),
    }
    "DLG-20" Scscf WebAuth Requirement "24.229 §5.4.3.3, RFC 3261 §16.4" {
        "The S-CSCF stays on the path of the dialog",
        given "caller and callee are registered",
        "INVITE, 200, BYE along the route set" => "Record-Route of the S-CSCF; the BYE comes through",
        test(bye_through_the_core),
    }
    "DER-04" Epcscf Any Requirement "TS 23.228 §5.10.3, 24.229 §5.4.5.1" {
        "Who leaves ends its calls",
        given "a WIC that was called",
        "a de-registration" => "BYE on Mw",
        test(leaves_with_call),
    }
    "DIG-19" Scscf Digest Option "33.203 N.2.1.2" {
        "Other requests may be challenged",
        given "digest_non_register = true, caller and callee registered, the caller by Digest",
        "INVITE without, with a right and with a wrong answer" => "407; it reaches the callee; 407 or 403",
        test(proxy_challenge),
    }
}

/// A registered WIC of the operator's page, and its Path.
async fn ready(t: &mut Tester, setup: Setup) -> Outcome<(Edge, Wic, Person, String)> {
    let mut edge = t.edge_with(setup).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let admitted = edge.registered(&mut wic, &mut alice).await?;
    let path = admitted.at_core.request.headers.value(&HeaderName::Path).unwrap_or_default().to_owned();
    Ok((edge, wic, alice, path))
}

fn invite_of(edge: &Edge, person: &mut Person) -> Msg {
    person.request("INVITE", &format!("sip:bob@{}", edge.home)).body("application/sdp", SDP)
}

/// A call of a WIC, answered: the INVITE as it was sent, as it came to the core, and the 200 on W2.
async fn in_call(edge: &mut Edge, wic: &mut Wic, person: &mut Person) -> Outcome<(Msg, Arrived, Response)> {
    let invite = invite_of(edge, person);
    let (arrived, answer) = edge.called(wic, &invite).await?;
    Ok((invite, arrived, answer))
}

async fn foreign_bye(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new()).await?;
    let mut other_wic = edge.wic("wic mallory", &edge.operator.origin).await?;
    let mut mallory = edge.person();
    edge.registered(&mut other_wic, &mut mallory).await?;
    let (invite, _, answer) = in_call(&mut edge, &mut wic, &mut alice).await?;
    let bye = in_dialog("BYE", 2, &invite, &answer, "foreign");
    let refused = tokio::select! {
        refused = edge.refused(&mut other_wic, &bye) => refused?,
        bye = wic.request("BYE") => {
            let bye = bye?;
            return Err(Stop::Fail(format!("it came to the WIC that called: BYE {}", bye.uri)));
        }
    };
    t.status(&refused, &[481, 403])?;
    let bye = in_dialog("BYE", 2, &invite, &answer, "own");
    let arrived = edge.originated(&mut wic, &bye).await?;
    let ok = arrived.request.respond(sip::StatusCode::OK);
    edge.core.respond(&arrived, &ok).await?;
    let answer = wic.answer().await?;
    t.status(&answer, &[200])
}

async fn other_route(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new().with("route.mismatch", "reject")).await?;
    let (invite, _, answer) = in_call(&mut edge, &mut wic, &mut alice).await?;
    let again = in_dialog("INVITE", 2, &invite, &answer, "re")
        .without("Route")
        .with("Route", "<sip:shortcut.example;lr>")
        .with("Contact", format!("<{};ob>", alice.contact_uri()))
        .body("application/sdp", SDP);
    wic.send(again.bytes()).await?;
    let answer = wic.answer().await?;
    t.status(&answer, &[400])?;
    let quiet = edge.quiet();
    Ok(edge.core.silent(quiet, |r| r.method.as_str() == "INVITE").await?)
}

/// The CANCEL of an INVITE (RFC 3261 §9.1).
fn cancel_of(invite: &Msg) -> Msg {
    let start = invite.start.replacen("INVITE", "CANCEL", 1);
    let mut cancel = Msg::new(start);
    for name in ["Via", "Max-Forwards", "Route", "From", "To", "Call-ID"] {
        if let Some(value) = invite.value(name) {
            cancel = cancel.with(name, value);
        }
    }
    cancel.with("CSeq", invite.value("CSeq").unwrap_or_default().replace("INVITE", "CANCEL"))
}

/// Lets an INVITE ring.
async fn ringing(edge: &mut Edge, wic: &mut Wic, invite: &Msg) -> Outcome<Arrived> {
    let arrived = edge.originated(wic, invite).await.preamble("calling")?;
    let mut response = arrived.request.respond(sip::StatusCode::RINGING);
    response.ensure_to_tag(|| "callee".into());
    edge.core.respond(&arrived, &response).await?;
    loop {
        let response = wic.response().await.preamble("ringing")?;
        if response.status.code() == 180 {
            return Ok(arrived);
        }
    }
}

async fn cancelled(t: &mut Tester, edge: &mut Edge, wic: &mut Wic, invite: &Msg) -> Outcome {
    let arrived = ringing(edge, wic, invite).await?;
    wic.send(cancel_of(invite).bytes()).await?;
    let answer = wic.answer_to(1, "CANCEL").await?;
    t.status(&answer, &[200])?;
    let cancel = edge.core.request("CANCEL").await?;
    let ok = cancel.request.respond(sip::StatusCode::OK);
    edge.core.respond(&cancel, &ok).await?;
    let mut terminated = arrived.request.respond(sip::StatusCode::REQUEST_TERMINATED);
    terminated.ensure_to_tag(|| "callee".into());
    edge.core.respond(&arrived, &terminated).await?;
    let answer = wic.answer_to(1, "INVITE").await?;
    t.status(&answer, &[487])
}

async fn cancel(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new()).await?;
    let invite = invite_of(&edge, &mut alice);
    cancelled(t, &mut edge, &mut wic, &invite).await
}

async fn cancel_without_token(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("bearer.on_requests", "require")).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let bearer = edge.bearer(&alice);
    let register = alice.register().with("Authorization", &bearer);
    edge.admit(&mut wic, &register).await.preamble("registering")?;
    let invite = invite_of(&edge, &mut alice).with("Authorization", &bearer);
    cancelled(t, &mut edge, &mut wic, &invite).await
}

async fn foreign_cancel(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new()).await?;
    let mut other_wic = edge.wic("wic mallory", &edge.operator.origin).await?;
    let mut mallory = edge.person();
    edge.registered(&mut other_wic, &mut mallory).await?;
    let invite = invite_of(&edge, &mut alice);
    ringing(&mut edge, &mut wic, &invite).await?;
    other_wic.send(cancel_of(&invite).bytes()).await?;
    let answer = other_wic.answer().await?;
    t.status(&answer, &[481])?;
    let quiet = edge.quiet();
    Ok(edge.core.silent(quiet, |r| r.method.as_str() == "CANCEL").await?)
}

async fn prack(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new()).await?;
    let invite = invite_of(&edge, &mut alice).set("Supported", "outbound, 100rel");
    let arrived = edge.originated(&mut wic, &invite).await.preamble("calling")?;
    let mut progress = edge.answered(&arrived);
    progress.status = sip::StatusCode::SESSION_PROGRESS;
    progress.reason = "Session Progress".into();
    let progress = progress.with_raw(HeaderName::Require, "100rel").with_raw(HeaderName::RSeq, "813520");
    edge.core.respond(&arrived, &progress).await?;
    let on_w2 = loop {
        let response = wic.response().await?;
        if response.status.code() == 183 {
            break response;
        }
    };
    let rseq = on_w2.headers.value(&HeaderName::RSeq).unwrap_or_default().to_owned();
    t.saw(format!("183 with RSeq {rseq} and a body of {} octets", on_w2.body.len()));
    t.check(rseq == "813520" && !on_w2.body.is_empty(), "RSeq or the description is lost")?;
    let prack = in_dialog("PRACK", 2, &invite, &on_w2, "prack").with("RAck", format!("{rseq} 1 INVITE"));
    let arrived = edge.originated(&mut wic, &prack).await?;
    let ok = arrived.request.respond(sip::StatusCode::OK);
    edge.core.respond(&arrived, &ok).await?;
    let answer = wic.answer_to(2, "PRACK").await?;
    t.status(&answer, &[200])
}

async fn grace_over(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new().with("call.ws_grace", 1)).await?;
    in_call(&mut edge, &mut wic, &mut alice).await?;
    drop(wic);
    let bye = edge.core.request("BYE").await?;
    let reason = bye.request.headers.value(&HeaderName::Reason).unwrap_or_default().to_owned();
    t.saw(format!("BYE with Reason: {reason}"));
    t.check(reason.contains("cause=480"), format!("Reason is {reason:?}"))
}

async fn comes_back(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, path) = ready(t, Setup::new().with("call.ws_grace", 10)).await?;
    let (_, ok) = edge.calls(&mut wic, &alice, &path).await?;
    drop(wic);
    let mut again = edge.wic("wic again", &edge.operator.origin).await?;
    edge.registered(&mut again, &mut alice).await?;
    let quiet = edge.quiet();
    edge.core.silent(quiet, |r| r.method.as_str() == "BYE").await?;
    let bye = bye_of_core(&edge, &ok);
    let mw = edge.mw.ok_or_else(|| Stop::NotApplicable("the system's address on Mw is not known".into()))?;
    edge.core.send(mw, &bye.bytes()).await?;
    let on_w2 = again.request("BYE").await?;
    t.saw(format!("{} {} on the new connection", on_w2.method, on_w2.uri));
    Ok(())
}

/// The BYE of the core in a dialog that a 200 on Mw opened: back along what it recorded.
fn bye_of_core(edge: &Edge, ok: &Response) -> Msg {
    let value = |name: HeaderName| ok.headers.value(&name).unwrap_or_default().to_owned();
    let contact = value(HeaderName::Contact);
    let uri = contact.split('<').nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default().to_owned();
    let core = edge.core.addr();
    let mut bye = Msg::request("BYE", &uri)
        .with("Via", format!("SIP/2.0/UDP {core};branch=z9hG4bKbye{};rport", value(HeaderName::CallId)))
        .with("Max-Forwards", 70);
    // The core's own entry is the last of the list, and not to be followed.
    let routes: Vec<&str> =
        ok.headers.elements(&HeaderName::RecordRoute).filter(|route| !route.contains(&core.to_string())).collect();
    for route in routes.iter().rev() {
        bye = bye.with("Route", route);
    }
    bye.with("From", value(HeaderName::From))
        .with("To", value(HeaderName::To))
        .with("Call-ID", value(HeaderName::CallId))
        .with("CSeq", "2 BYE")
}

async fn hangs_up(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new()).await?;
    let (invite, _, answer) = in_call(&mut edge, &mut wic, &mut alice).await?;
    let bye = in_dialog("BYE", 2, &invite, &answer, "bye")
        .with("P-Asserted-Identity", "<sip:eve@ims.example>")
        .with("P-Charging-Vector", "icid-value=eve");
    let arrived = edge.originated(&mut wic, &bye).await?;
    let eve = arrived.request.headers.iter().find(|line| line.value.contains("eve")).map(ToString::to_string);
    t.check(eve.is_none(), format!("on Mw: {}", eve.unwrap_or_default()))?;
    let route = arrived.request.headers.value(&HeaderName::Route).map(str::to_owned);
    t.saw(format!("BYE {} with Route {route:?}", arrived.request.uri));
    let ok = arrived.request.respond(sip::StatusCode::OK);
    edge.core.respond(&arrived, &ok).await?;
    let answer = wic.answer_to(2, "BYE").await?;
    t.status(&answer, &[200])
}

async fn is_hung_up(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, alice, path) = ready(t, Setup::new()).await?;
    let (_, ok) = edge.calls(&mut wic, &alice, &path).await?;
    let bye = bye_of_core(&edge, &ok);
    let mw = edge.mw.ok_or_else(|| Stop::NotApplicable("the system's address on Mw is not known".into()))?;
    edge.core.send(mw, &bye.bytes()).await?;
    let on_w2 = wic.request("BYE").await?;
    t.saw(format!("BYE {}", on_w2.uri));
    t.check(on_w2.uri.to_string().contains(&alice.host), format!("the Request-URI is {}", on_w2.uri))?;
    wic.send(response_of_wic(&on_w2, &alice, "200 OK").without("Contact").bytes()).await?;
    let call_id = bye.value("Call-ID").unwrap_or_default().to_owned();
    let answer = edge.core.response(Some(&call_id)).await?;
    t.status(&answer, &[200])
}

async fn re_invite(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new()).await?;
    let (invite, _, answer) = in_call(&mut edge, &mut wic, &mut alice).await?;
    for (cseq, method) in [(2, "INVITE"), (3, "UPDATE")] {
        let again = in_dialog(method, cseq, &invite, &answer, "re")
            .with("Contact", format!("<{};ob>", alice.contact_uri()))
            .body("application/sdp", SDP);
        let arrived = edge.originated(&mut wic, &again).await?;
        let ok = edge.answered(&arrived);
        edge.core.respond(&arrived, &ok).await?;
        let agreed = wic.answer_to(cseq, method).await?;
        t.status(&agreed, &[200])?;
        // The route set stays that of the first 200 (RFC 3261 §12.2.1.2).
        if method == "INVITE" {
            wic.send(in_dialog("ACK", cseq, &invite, &answer, "re").bytes()).await?;
            edge.core.request("ACK").await?;
        }
    }
    Ok(())
}

async fn no_dialog(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new()).await?;
    for method in ["BYE", "UPDATE", "INFO"] {
        let to = format!("sip:bob@{}", edge.home);
        let request = alice.request(method, &to).set("To", format!("<{to}>;tag=nobody"));
        let answer = edge.refused(&mut wic, &request).await?;
        t.status(&answer, &[481])?;
    }
    Ok(())
}

async fn early_dialogs(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new()).await?;
    let invite = invite_of(&edge, &mut alice);
    let arrived = edge.originated(&mut wic, &invite).await.preamble("calling")?;
    for tag in ["one", "two"] {
        let mut ringing = arrived.request.respond(sip::StatusCode::RINGING);
        ringing.ensure_to_tag(|| tag.into());
        edge.core.respond(&arrived, &ringing).await?;
    }
    let mut tags = Vec::new();
    while tags.len() < 2 {
        let response = wic.response().await?;
        if response.status.code() == 180 {
            tags.push(response.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default());
        }
    }
    t.saw(format!("180 with {}", tags.join(" and ")));
    t.check(tags.iter().any(|tag| tag == "one") && tags.iter().any(|tag| tag == "two"), "the To tags are lost")?;
    let ok = edge.answered(&arrived);
    edge.core.respond(&arrived, &ok).await?;
    let answer = wic.answer().await?;
    t.status(&answer, &[200])
}

async fn ok_again(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new()).await?;
    let (_, arrived, _) = in_call(&mut edge, &mut wic, &mut alice).await?;
    let ok = edge.answered(&arrived);
    edge.core.respond(&arrived, &ok).await?;
    tokio::select! {
        answer = wic.answer() => {
            t.saw("200 on W2 again");
            t.status(&answer?, &[200])
        }
        ack = edge.core.request("ACK") => {
            t.saw(format!("{} on Mw", ack?.request.method));
            Ok(())
        }
    }
}

async fn busy(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, _) = ready(t, Setup::new()).await?;
    let invite = invite_of(&edge, &mut alice);
    let arrived = edge.originated(&mut wic, &invite).await.preamble("calling")?;
    let mut busy = arrived.request.respond(sip::StatusCode::BUSY_HERE);
    busy.ensure_to_tag(|| "callee".into());
    edge.core.respond(&arrived, &busy).await?;
    let ack = edge.core.request("ACK").await?;
    t.saw(format!("{} on Mw", ack.request.method));
    let answer = wic.answer().await?;
    t.status(&answer, &[486])
}

async fn leaves_with_call(t: &mut Tester) -> Outcome {
    let (mut edge, mut wic, mut alice, path) = ready(t, Setup::new()).await?;
    edge.calls(&mut wic, &alice, &path).await?;
    let register = alice.register_for(0).with("Authorization", edge.credentials(&alice));
    edge.admit(&mut wic, &register).await.preamble("leaving")?;
    let bye = edge.core.request("BYE").await?;
    t.saw(format!("BYE {} on Mw", bye.request.uri));
    Ok(())
}

// The core.

async fn register_by_tna(core: &mut Core, person: &mut Person) -> Outcome {
    let answer = core.by_tna(person, 3600, "").await.preamble("registering by TNA")?;
    match answer.status.is_success() {
        true => Ok(()),
        false => Err(Stop::Inconclusive(format!("registering by TNA: {} {}", answer.status, answer.reason))),
    }
}

async fn message(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (mut alice, mut bob) = (core.person()?, core.nth_person(1)?);
    register_by_tna(&mut core, &mut alice).await?;
    register_by_tna(&mut core, &mut bob).await?;
    let text =
        |to: &str, alice: &mut Person| alice.request("MESSAGE", to).without("Contact").body("text/plain", "hello");
    let request = text(&bob.impu, &mut alice);
    let request = core.originating(&request, &alice, &[]).without("Record-Route");
    let arrived = core.send_call(&request).await?;
    t.saw(format!("MESSAGE {}", arrived.request.uri));
    t.absent(&arrived.request.headers, &["Record-Route", "Contact"], "the MESSAGE to the callee")?;
    let ok = arrived.request.respond(sip::StatusCode::OK);
    core.edge.respond(&arrived, &ok).await?;
    let call_id = request.value("Call-ID").unwrap_or_default().to_owned();
    let answer = core.edge.response(Some(&call_id)).await?;
    t.status(&answer, &[200])?;
    let carol = core.nth_person(2)?;
    let request = text(&carol.impu, &mut alice);
    let request = core.originating(&request, &alice, &[]).without("Record-Route");
    let scscf = core.scscf.ok_or_else(|| Stop::NotApplicable("the S-CSCF cannot be reached by itself".into()))?;
    let answer = core.edge.exchange(scscf, &request.bytes()).await?;
    t.status(&answer, &[480])
}

/// The 200 of a callee, by the eP-CSCF that it is behind.
fn answered(core: &Core, arrived: &Arrived) -> Response {
    let mut ok = arrived.request.respond(sip::StatusCode::OK);
    ok.ensure_to_tag(|| "callee".into());
    arrived
        .request
        .headers
        .values(&HeaderName::RecordRoute)
        .for_each(|value| ok.headers.push(HeaderName::RecordRoute, value.to_owned()));
    ok.with_raw(HeaderName::Contact, format!("<sip:callee@{}>", core.edge.addr())).with_body("application/sdp", SDP)
}

async fn fork(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (mut alice, mut bob) = (core.person()?, core.nth_person(1)?);
    register_by_tna(&mut core, &mut alice).await?;
    register_by_tna(&mut core, &mut bob).await?;
    let mut second = bob.elsewhere(&t.unique());
    register_by_tna(&mut core, &mut second).await?;
    let invite = core.invite(&mut alice, &bob.impu, &[]);
    let first_leg = core.send_call(&invite).await?;
    let second_leg = core.edge.request("INVITE").await?;
    for (leg, tag) in [(&first_leg, "one"), (&second_leg, "two")] {
        let mut ringing = leg.request.respond(sip::StatusCode::RINGING);
        ringing.ensure_to_tag(|| tag.into());
        core.edge.respond(leg, &ringing).await?;
    }
    let ok = answered(&core, &first_leg);
    core.edge.respond(&first_leg, &ok).await?;
    let cancel = core.edge.request("CANCEL").await?;
    t.saw(format!("CANCEL {}", cancel.request.uri));
    t.check(cancel.request.uri == second_leg.request.uri, "the CANCEL is for the browser that answered")?;
    let call_id = invite.value("Call-ID").unwrap_or_default().to_owned();
    let answer = core.edge.response(Some(&call_id)).await?;
    t.status(&answer, &[200])
}

async fn bye_through_the_core(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let (mut alice, mut bob) = (core.person()?, core.nth_person(1)?);
    register_by_tna(&mut core, &mut alice).await?;
    register_by_tna(&mut core, &mut bob).await?;
    let invite = core.invite(&mut alice, &bob.impu, &[]);
    let arrived = core.send_call(&invite).await?;
    let ok = answered(&core, &arrived);
    core.edge.respond(&arrived, &ok).await?;
    let call_id = invite.value("Call-ID").unwrap_or_default().to_owned();
    let answer = core.edge.response(Some(&call_id)).await?;
    t.status(&answer, &[200])?;
    let own = core.edge.addr().to_string();
    let routes: Vec<&str> =
        answer.headers.elements(&HeaderName::RecordRoute).filter(|route| !route.contains(&own)).collect();
    t.saw(routes.join(", "));
    t.check(!routes.is_empty(), "the S-CSCF did not record-route")?;
    let scscf = core.scscf.ok_or_else(|| Stop::NotApplicable("the S-CSCF cannot be reached by itself".into()))?;
    for (method, cseq) in [("ACK", 1), ("BYE", 2)] {
        let own_route = format!("<sip:{own};lr>");
        let request = in_dialog(method, cseq, &invite, &answer, "d");
        // What the caller's eP-CSCF, the script, would have taken off.
        let mut lines = request.lines.clone();
        lines.retain(|(name, value)| name != "Route" || *value != own_route);
        let request =
            Msg { lines, ..request }.set("Via", format!("SIP/2.0/UDP {own};branch=z9hG4bKd{method}{call_id};rport"));
        core.edge.send(scscf, &request.bytes()).await?;
        let came = core.edge.request(method).await?;
        t.saw(format!("{method} {}", came.request.uri));
        if method == "BYE" {
            let ok = came.request.respond(sip::StatusCode::OK);
            core.edge.respond(&came, &ok).await?;
            let answer = core.edge.response(Some(&call_id)).await?;
            t.status(&answer, &[200])?;
        }
    }
    Ok(())
}

async fn proxy_challenge(t: &mut Tester) -> Outcome {
    let mut core = t.core_with(Setup::new().with("digest_non_register", true)).await?;
    let (mut alice, mut bob) = (core.person()?, core.nth_person(1)?);
    core.registered(&mut alice).await?;
    register_by_tna(&mut core, &mut bob).await?;
    let scscf = core.scscf.ok_or_else(|| Stop::NotApplicable("the S-CSCF cannot be reached by itself".into()))?;
    let mut challenge = None;
    for (password, expected) in
        [(None, "407"), (Some(alice.password.clone()), "through"), (Some("a guess".into()), "407 or 403")]
    {
        let mut invite = core.invite(&mut alice, &bob.impu, &[]);
        if let (Some(password), Some(offered)) = (&password, &challenge) {
            let mut answerer = crate::script::digest::Answerer::register(&alice.impi, password, &alice.domain);
            answerer.method = "INVITE".into();
            answerer.uri = bob.impu.clone();
            answerer.nc = if expected == "through" { 1 } else { 2 };
            let credentials = answerer.credentials(offered)?;
            invite = invite.with("Proxy-Authorization", crate::script::digest::authorization(credentials));
        }
        if expected == "through" {
            let arrived = core.send_call(&invite).await?;
            t.saw(format!("a right answer: INVITE {}", arrived.request.uri));
            t.absent(&arrived.request.headers, &["Proxy-Authorization"], "the INVITE to the callee")?;
            let busy = arrived.request.respond(sip::StatusCode::BUSY_HERE);
            core.edge.respond(&arrived, &busy).await?;
            let call_id = invite.value("Call-ID").unwrap_or_default().to_owned();
            core.edge.response(Some(&call_id)).await?;
            continue;
        }
        let answer = match core.edge.exchange(scscf, &invite.bytes()).await {
            Ok(answer) => answer,
            Err(ScriptError::Timeout { .. }) => {
                return Err(Stop::Fail(format!("no answer where {expected} is expected")));
            }
            Err(error) => return Err(error.into()),
        };
        t.saw(format!("{expected}: {} {}", answer.status, answer.reason));
        let codes: &[u16] = if password.is_none() { &[407] } else { &[407, 403] };
        t.status(&answer, codes)?;
        challenge = challenge.or_else(|| proxy_challenge_of(&answer));
        t.check(challenge.is_some(), "the 407 has no Digest challenge")?;
    }
    let quiet: Duration = core.limits().quiet;
    Ok(core.edge.silent(quiet, |r| r.method.as_str() == "INVITE").await?)
}

fn proxy_challenge_of(answer: &Response) -> Option<sip::headers::DigestChallenge> {
    answer.headers.values(&HeaderName::ProxyAuthenticate).find_map(|value| {
        match <sip::headers::ProxyAuthenticate as sip::headers::TypedHeader>::parse(value).ok()?.0 {
            sip::headers::Challenge::Digest(challenge) => Some(challenge),
            _ => None,
        }
    })
}
