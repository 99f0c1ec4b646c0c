//! TP-PRF: the S-CSCF by itself, with a script for its neighbours: what the HSS tells it, and what it
//! asks for users who are not registered.

use ims::Impu;
use ims::profile::PublicIdentity;
use ims::reginfo::ContactEvent;
use sip::{HeaderName, StatusCode};

use super::evt::reginfo;
use crate::cx::assignment::{ADMINISTRATIVE_DEREGISTRATION, UNREGISTERED_USER};
use crate::cx::reason::{NEW_SERVER_ASSIGNED, PERMANENT_TERMINATION, SERVER_CHANGE};
use crate::cx::{CxAsk, CxDigest, CxPush, CxReply};
use crate::lab::Setup;
use crate::purpose::purposes;
use crate::tester::{Person, Scscf, Tester, profile};
use crate::verdict::{Outcome, Preamble, Stop};

purposes! {
    "PRF-01" Scscf Any Requirement "29.228 §6.1.3, 24.229 §5.4.1.5" {
        "A user whom the operator ends is told so",
        given "a registered user who watches its registration",
        "RTR PERMANENT_TERMINATION" => "NOTIFY with the contact rejected, and the subscription over; RTA success; no SAR",
        test(ended, PERMANENT_TERMINATION, ContactEvent::Rejected),
    }
    "PRF-02" Scscf Any Requirement "29.228 §6.1.3, 24.229 §5.4.1.5" {
        "A user who needs another S-CSCF is told to come back",
        given "a registered user who watches its registration",
        "RTR SERVER_CHANGE" => "NOTIFY with the contact deactivated, and the subscription over; RTA success; no SAR",
        test(ended, SERVER_CHANGE, ContactEvent::Deactivated),
    }
    "PRF-03" Scscf Any Requirement "29.228 §6.1.3, 24.229 §5.4.1.5" {
        "A user whom another S-CSCF took over is told to come back",
        given "a registered user who watches its registration",
        "RTR NEW_SERVER_ASSIGNED" => "NOTIFY with the contact deactivated, and the subscription over; RTA success; no SAR",
        test(ended, NEW_SERVER_ASSIGNED, ContactEvent::Deactivated),
    }
    "PRF-04" Scscf Any Requirement "29.228 §6.5.2.2" {
        "An implicit set goes down whole",
        given "a user registered with two identities",
        "RTR for one of them" => "RTA success; neither is registered",
        test(whole_set),
    }
    "PRF-05" Scscf Any Policy "29.228 §6.1.3" {
        "The end of a registration that there is not",
        given "another user who is registered",
        "RTR for an unknown user" => "RTA success, or 5001; the other user is registered still",
        test(end_of_nobody),
    }
    "PRF-06" Scscf Digest Requirement "29.228 §6.1.3" {
        "A challenge does not outlive the end of its user",
        given "a challenge",
        "RTR; the right answer to the challenge" => "the user is not registered by it",
        test(end_of_challenge),
    }
    "PRF-07" Scscf Any Requirement "29.228 §6.2.1" {
        "A profile that grows, and one that shrinks",
        given "a registered user",
        "PPR with one identity more; PPR without it" => "PPA success both times; the identity is registered; is not",
        test(profile_changes),
    }
    "PRF-08" Scscf Digest Requirement "33.203 N.2.5" {
        "A new password is good at once",
        given "a user registered by digest",
        "PPR with new HA1s; a refresh with the new password over the same nonce; one with the old password" =>
            "PPA success; 200 without a MAR; no 200",
        test(password_changes),
    }
    "PRF-09" Scscf WebAuth Policy "33.203 X.3.2.3 step 7, 29.228 §6.2.1" {
        "Who was vouched for by somebody who may not any more, is out",
        given "a user for whom a WAF vouched",
        "PPR with Allowed-WAF-WWSF-Identities without that WAF" => "PPA success; SAR ADMINISTRATIVE_DEREGISTRATION; the \
            user is not registered",
        test(entity_withdrawn),
    }
    "PRF-10" Scscf Any Requirement "29.228 §6.2.1" {
        "The profile of nobody",
        "PPR for an unknown user" => "PPA 5001",
        test(profile_of_nobody),
    }
    "PRF-11" Scscf Any Requirement "24.229 §5.4.3.3, 29.228 §6.1.2.1" {
        "Who is called without being registered is asked for",
        "MESSAGE for a user who is not registered; SAA with a profile; SAA 5001" => "SAR UNREGISTERED_USER with its \
            identity and the S-CSCF's own name; 480; 404",
        test(unregistered_user),
    }
    "PRF-12" Scscf Range Requirement "29.228 §6.1.2.1, RFC 5002 §5" {
        "The profile of a range is asked for by its key",
        "MESSAGE for a guest with P-Profile-Key" => "SAR UNREGISTERED_USER with Wildcarded-Public-Identity",
        test(by_key),
    }
    "PRF-13" Scscf Range Requirement "29.228 §6.1.2.1" {
        "Who learns the key from the HSS goes on as if it had come with the request",
        "MESSAGE for a guest without a key; SAA 5007 with Wildcarded-Public-Identity" => "a SAR without a key, then one \
            with it",
        test(key_learnt),
    }
    "PRF-14" Scscf Range Requirement "29.228 §6.1.2.1" {
        "A range that is registered is not asked for",
        given "a user registered with a range",
        "MESSAGE for a guest with P-Profile-Key" => "the MESSAGE is at the user's eP-CSCF; no SAR",
        test(registered_range),
    }
    "PRF-15" Scscf Any Policy "29.228 §6.1.2, Policy::cx_timeout" {
        "An HSS that is silent does not keep a caller waiting",
        given "cx_timeout = 1",
        "MESSAGE for a user who is not registered; a SAR without an answer" => "480, 500 or 504",
        test(caller_waits),
    }
}

const RANGE: &str = "sip:clerk-!.*!@ims.example";

async fn started(t: &mut Tester) -> Outcome<(Scscf, Person)> {
    let mut scscf = t.scscf(Setup::new()).await?;
    let person = scscf.person();
    Ok((scscf, person))
}

/// A user registered with a profile.
async fn with_identities(t: &mut Tester, more: &[PublicIdentity]) -> Outcome<(Scscf, Person)> {
    let (mut scscf, mut alice) = started(t).await?;
    let register = scscf.by_tna(&mut alice, 3600, "");
    let saa = scscf.saa(&alice, |profile| profile.impus.extend_from_slice(more))?;
    let (_, answer) = scscf.answered(&register, "SAR", saa).await.preamble("registering")?;
    t.status(&answer, &[200]).preamble("registering")?;
    Ok((scscf, alice))
}

fn distinct(impu: &str) -> Outcome<PublicIdentity> {
    Impu::parse(impu).map(PublicIdentity::distinct).map_err(|e| Stop::Inconclusive(format!("{impu}: {e}")))
}

/// Tells the S-CSCF, which is to agree.
async fn accepted(t: &mut Tester, scscf: &mut Scscf, push: CxPush) -> Outcome {
    let what = push.to_string();
    let reply = scscf.hss.push(push).await?;
    t.saw(format!("{what}: {}", reply.text));
    t.check(reply.code == 2001 && !reply.experimental, format!("{} to {what}", reply.text))
}

fn rtr(person: &Person, reason: u32) -> CxPush {
    CxPush::Rtr { impi: person.impi.clone(), impus: vec![person.impu.clone()], reason }
}

async fn ended(t: &mut Tester, reason: u32, expected: ContactEvent) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    scscf.registered(&mut alice).await?;
    let own = alice.impu.clone();
    let subscribe = scscf
        .terminating(&mut alice, "SUBSCRIBE", &own)
        .with("Record-Route", format!("<sip:{};lr>", scscf.edge.addr()))
        .with("Event", "reg")
        .with("Accept", "application/reginfo+xml")
        .with("Expires", 600);
    scscf.send(&subscribe).await?;
    let answer = scscf.answer(&subscribe).await.preamble("subscribing")?;
    t.status(&answer, &[200, 202]).preamble("subscribing")?;
    notified(&mut scscf).await.preamble("subscribing")?;
    let before = scscf.hss.asked().len();
    accepted(t, &mut scscf, rtr(&alice, reason)).await?;
    let notify = notified(&mut scscf).await?;
    let info = reginfo(&notify)?;
    let contacts = info.registrations.iter().flat_map(|registration| &registration.contacts);
    let events: Vec<ContactEvent> =
        contacts.filter(|c| !c.active && c.uri.contains(&alice.host)).map(|c| c.event).collect();
    let state = notify.headers.value(&HeaderName::SubscriptionState).unwrap_or_default().to_owned();
    t.saw(format!("{events:?}; Subscription-State: {state}"));
    t.check(events == [expected], format!("the contact is {events:?} instead of {expected:?}"))?;
    t.check(state.starts_with("terminated"), format!("Subscription-State is {state:?}"))?;
    let after = scscf.hss.asked().len();
    t.check(before == after, "the HSS is told what it said itself")?;
    scscf.is_unregistered(&alice.impu).await
}

/// The next NOTIFY, answered.
async fn notified(scscf: &mut Scscf) -> Outcome<sip::Request> {
    let arrived = scscf.edge.request("NOTIFY").await?;
    let ok = arrived.request.respond(StatusCode::OK);
    scscf.edge.respond(&arrived, &ok).await?;
    Ok(arrived.request)
}

async fn whole_set(t: &mut Tester) -> Outcome {
    let second = "sip:second@ims.example";
    let (mut scscf, alice) = with_identities(t, &[distinct(second)?]).await?;
    scscf.is_registered(second).await.preamble("registering two identities")?;
    accepted(t, &mut scscf, rtr(&alice, PERMANENT_TERMINATION)).await?;
    scscf.is_unregistered(&alice.impu).await?;
    scscf.is_unregistered(second).await
}

async fn end_of_nobody(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    scscf.registered(&mut alice).await?;
    let nobody = scscf.person();
    let reply = scscf.hss.push(rtr(&nobody, PERMANENT_TERMINATION)).await?;
    t.saw(reply.text.clone());
    t.check([2001, 5001].contains(&reply.code), format!("RTA {}", reply.text))?;
    scscf.is_registered(&alice.impu).await
}

async fn end_of_challenge(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let challenge = scscf.challenged(&mut alice).await?;
    accepted(t, &mut scscf, rtr(&alice, PERMANENT_TERMINATION)).await?;
    let register = scscf.responding(&mut alice, &challenge, 3600, 1)?;
    let vector = scscf.vector(&alice);
    let (ask, answer) = scscf.settled(&register, "MAR", vector).await?;
    t.saw(ask.map_or_else(|| "no MAR".to_owned(), |ask| ask.to_string()));
    t.status(&answer, &[401, 403])?;
    scscf.is_unregistered(&alice.impu).await
}

async fn profile_changes(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    scscf.registered(&mut alice).await?;
    let second = "sip:second@ims.example";
    let small = profile(&alice)?;
    let mut large = small.clone();
    large.impus.push(distinct(second)?);
    let ppr = |profile| CxPush::Ppr { impi: alice.impi.clone(), profile: Some(profile), digest: None, allowed: None };
    scscf.is_unregistered(second).await?;
    accepted(t, &mut scscf, ppr(large)).await?;
    scscf.is_registered(second).await?;
    accepted(t, &mut scscf, ppr(small)).await?;
    scscf.is_unregistered(second).await?;
    scscf.is_registered(&alice.impu).await
}

async fn password_changes(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let challenge = scscf.challenged(&mut alice).await?;
    let register = scscf.responding(&mut alice, &challenge, 3600, 1)?;
    let saa = scscf.saa(&alice, |_| {})?;
    let (_, answer) = scscf.answered(&register, "SAR", saa.clone()).await?;
    t.status(&answer, &[200]).preamble("registering by digest")?;
    let old = std::mem::replace(&mut alice.password, "another one".into());
    let digest = Some(CxDigest::of(&alice.impi, &scscf.home, &alice.password));
    let ppr = CxPush::Ppr { impi: alice.impi.clone(), profile: None, digest, allowed: None };
    accepted(t, &mut scscf, ppr).await?;
    let before = scscf.hss.asked().iter().filter(|ask| *ask == "MAR").count();
    let refresh = scscf.responding(&mut alice, &challenge, 3600, 2)?;
    let (_, answer) = scscf.settled(&refresh, "SAR", saa).await?;
    t.status(&answer, &[200])?;
    let after = scscf.hss.asked().iter().filter(|ask| *ask == "MAR").count();
    t.check(before == after, "the HSS is asked for what it told")?;
    alice.password = old;
    let refresh = scscf.responding(&mut alice, &challenge, 3600, 3)?;
    scscf.send(&refresh).await?;
    let answer = scscf.answer(&refresh).await?;
    t.status(&answer, &[401, 403])
}

async fn entity_withdrawn(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let register = scscf.by_tna(&mut alice, 3600, ", authorization-entity=\"waf.partner.example\"");
    let saa = scscf.saa(&alice, |profile| profile.allowed_wafs.push("waf.partner.example".into()))?;
    let (_, answer) = scscf.answered(&register, "SAR", saa).await?;
    t.status(&answer, &[200]).preamble("registering")?;
    let allowed = Some((vec!["waf.ims.example".to_owned()], Vec::new()));
    let ppr = CxPush::Ppr { impi: alice.impi.clone(), profile: None, digest: None, allowed };
    accepted(t, &mut scscf, ppr).await?;
    let question = scscf.hss.question("SAR").await?;
    t.saw(question.ask.to_string());
    let CxAsk::Sar { kind, .. } = &question.ask else { return Err(Stop::fail("no SAR")) };
    t.check(*kind == ADMINISTRATIVE_DEREGISTRATION, format!("the HSS is told {}", question.ask.short()))?;
    question.answer(CxReply::success());
    scscf.is_unregistered(&alice.impu).await
}

async fn profile_of_nobody(t: &mut Tester) -> Outcome {
    let (mut scscf, nobody) = started(t).await?;
    let ppr = CxPush::Ppr { impi: nobody.impi.clone(), profile: Some(profile(&nobody)?), digest: None, allowed: None };
    let reply = scscf.hss.push(ppr).await?;
    t.saw(reply.text.clone());
    t.check(reply.code == 5001 && reply.experimental, format!("PPA {}", reply.text))
}

async fn unregistered_user(t: &mut Tester) -> Outcome {
    let (mut scscf, mut bob) = started(t).await?;
    let callee = scscf.person();
    let found = scscf.saa(&callee, |_| {})?;
    for (saa, status) in [(found, 480), (CxReply::experimental(5001), 404)] {
        let message = scscf.terminating(&mut bob, "MESSAGE", &callee.impu);
        let (ask, answer) = scscf.answered(&message, "SAR", saa).await?;
        t.saw(ask.to_string());
        let CxAsk::Sar { impus, kind, server, wildcard, .. } = &ask else { return Err(Stop::fail("no SAR")) };
        let right = *kind == UNREGISTERED_USER && *impus == [callee.impu.as_str()] && *server == scscf.name;
        t.check(right && wildcard.is_none(), format!("the HSS is asked {ask}"))?;
        t.status(&answer, &[status])?;
    }
    Ok(())
}

/// The Wildcarded-Public-Identity of a SAR for a guest.
fn key_of(t: &mut Tester, ask: &CxAsk) -> Outcome<Option<String>> {
    t.saw(ask.to_string());
    match ask {
        CxAsk::Sar { kind: UNREGISTERED_USER, wildcard, .. } => Ok(wildcard.clone()),
        ask => Err(Stop::Fail(format!("the HSS is asked {ask}"))),
    }
}

const GUEST: &str = "sip:clerk-7@ims.example";

async fn by_key(t: &mut Tester) -> Outcome {
    let (mut scscf, mut bob) = started(t).await?;
    let message = scscf.terminating(&mut bob, "MESSAGE", GUEST).with("P-Profile-Key", format!("<{RANGE}>"));
    let (ask, _) = scscf.answered(&message, "SAR", CxReply::experimental(5001)).await?;
    let key = key_of(t, &ask)?;
    t.check(key.as_deref() == Some(RANGE), format!("Wildcarded-Public-Identity is {key:?}"))
}

async fn key_learnt(t: &mut Tester) -> Outcome {
    let (mut scscf, mut bob) = started(t).await?;
    let message = scscf.terminating(&mut bob, "MESSAGE", GUEST);
    let question = scscf.ask_for(&message, "SAR").await?;
    let key = key_of(t, &question.ask)?;
    t.check(key.is_none(), format!("the key {key:?} is guessed"))?;
    question.answer(CxReply::experimental(5007).wildcard(RANGE));
    let question = scscf.hss.question("SAR").await?;
    let key = key_of(t, &question.ask)?;
    t.check(key.as_deref() == Some(RANGE), format!("Wildcarded-Public-Identity is {key:?}"))
}

async fn registered_range(t: &mut Tester) -> Outcome {
    let range = RANGE.parse().map_err(|e| Stop::Inconclusive(format!("{RANGE}: {e}")))?;
    let (mut scscf, mut bob) = with_identities(t, &[PublicIdentity::wildcard(range)]).await?;
    let before = scscf.hss.asked().len();
    let message = scscf.terminating(&mut bob, "MESSAGE", GUEST).with("P-Profile-Key", format!("<{RANGE}>"));
    scscf.send(&message).await?;
    let arrived = scscf.edge.request("MESSAGE").await?;
    let called = arrived.request.headers.value(&HeaderName::PCalledPartyId).unwrap_or_default().to_owned();
    t.saw(format!("P-Called-Party-ID: {called}"));
    t.check(called.contains(GUEST), format!("P-Called-Party-ID is {called:?}"))?;
    let after = scscf.hss.asked().len();
    t.check(before == after, "the HSS is asked for a range that is registered")
}

async fn caller_waits(t: &mut Tester) -> Outcome {
    let mut scscf = t.scscf(Setup::new().with("cx_timeout", 1)).await?;
    let (mut bob, callee) = (scscf.person(), scscf.person());
    let message = scscf.terminating(&mut bob, "MESSAGE", &callee.impu);
    let _unanswered = scscf.ask_for(&message, "SAR").await?;
    let answer = scscf.answer(&message).await?;
    t.status(&answer, &[480, 500, 504])
}
