//! TP-SCS: the S-CSCF by itself, with a script for I-CSCF, eP-CSCF and HSS: registration.

use ims::Impu;
use ims::profile::PublicIdentity;
use sip::digest::Algorithm;
use sip::headers::{Contacts, DigestChallenge};
use sip::{HeaderName, Response};

use crate::cx::assignment::{
    ADMINISTRATIVE_DEREGISTRATION, AUTHENTICATION_FAILURE, AUTHENTICATION_TIMEOUT, RE_REGISTRATION, REGISTRATION,
    TIMEOUT_DEREGISTRATION, USER_DEREGISTRATION,
};
use crate::cx::{CxAsk, CxDigest, CxReply};
use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::digest;
use crate::tester::{Person, Scscf, Tester};
use crate::verdict::{Outcome, Preamble, Stop};

purposes! {
    "SCS-01" Scscf Digest Requirement "29.228 §6.3, 24.229 §5.4.1.2.1" {
        "Authentication data is asked for",
        "REGISTER that only identifies its user" => "MAR with its private and its public identity, SIP Digest or Unknown, \
            and the S-CSCF's own name",
        test(asks_for_vector),
    }
    "SCS-02" Scscf Digest Requirement "33.203 N.2.1.1, RFC 8760 §2.3" {
        "The challenge is of what the HSS gave",
        "MAA with MD5 and SHA-256; MAA with MD5 alone and another realm" => "401 with SHA-256, then MD5; 401 with MD5 \
            alone and that realm; qop auth, nonces that differ",
        test(challenge_of_vector),
    }
    "SCS-03" Scscf Digest Policy "24.229 §5.4.1.2.1, mock_ims::policy::maa" {
        "Without authentication data there is no challenge",
        "MAA 5001; 5002; 5006; 5012 (base); success without data" => "403 three times; 480, 500 or 504 twice",
        test(no_vector),
    }
    "SCS-04" Scscf Digest Policy "29.228 §6.3, Policy::cx_timeout" {
        "An HSS that is silent when authentication data is asked for is given up",
        given "cx_timeout = 1",
        "a MAR without an answer; the MAA, when it is too late" => "480, 500 or 504, and nothing more",
        test(mar_silent),
    }
    "SCS-05" Scscf Digest Policy "29.228 §6.3, mock_ims::policy" {
        "An HSS that is out of reach is told of at once",
        "a MAR that cannot be delivered" => "480, 500 or 504, well within the time that a silent one has",
        test(mar_undelivered),
    }
    "SCS-06" Scscf Digest Requirement "RFC 3261 §17.2.2" {
        "A slow HSS is not asked again because the WIC is in a hurry",
        given "a MAR that waits",
        "the same REGISTER twice more; the MAA" => "one MAR, one challenge",
        test(sent_again),
    }
    "SCS-07" Scscf Digest Requirement "29.228 §6.1.2, 24.229 §5.4.1" {
        "The HSS is told of a registration from its beginning to its end",
        "a registration by digest; a refresh; a de-registration" => "MAR, SAR REGISTRATION; nothing, or SAR \
            RE_REGISTRATION; SAR USER_DEREGISTRATION; 200 each time, and only once the HSS has answered",
        test(life),
    }
    "SCS-08" Scscf WebAuth Requirement "33.203 U.2, 29.228 §6.1.2" {
        "Who is vouched for is not challenged",
        "REGISTER with auth-done" => "SAR REGISTRATION with the S-CSCF's own name, and no MAR; 200",
        test(vouched_for),
    }
    "SCS-09" Scscf WebAuth Policy "29.228 §6.1.2.1, Policy::sar_on_refresh" {
        "A refresh by trusted node authentication fetches the profile anew",
        given "a user registered by trusted node authentication",
        "REGISTER with auth-done again" => "SAR RE_REGISTRATION that asks for the profile; 200",
        test(refreshed),
    }
    "SCS-10" Scscf Digest Requirement "33.203 N.2.2.1" {
        "The HSS is told of a wrong answer",
        given "a challenge",
        "REGISTER with a wrong response" => "SAR AUTHENTICATION_FAILURE; 403, or another 401; the user is not registered",
        test(wrong_answer),
    }
    "SCS-11" Scscf Digest Requirement "33.203 N.2.2.1" {
        "A wrong answer takes nothing away from who is registered",
        given "a registered user, and a challenge to another browser of its",
        "REGISTER with a wrong response" => "no SAR; 403, or another 401; the user is registered still",
        test(wrong_answer_elsewhere),
    }
    "SCS-12" Scscf Digest Requirement "33.203 N.2.2.3, 24.229 Table 7.8.1" {
        "The HSS is told of a challenge that nobody answers",
        given "reg_await_auth = 1, a challenge",
        "nothing" => "SAR AUTHENTICATION_TIMEOUT",
        test(no_answer),
    }
    "SCS-13" Scscf Any Requirement "29.228 §6.1.2, 24.229 §5.4.1.4" {
        "The HSS is told of a registration that runs out",
        given "min_expires = 1, a user registered for a second",
        "nothing" => "SAR TIMEOUT_DEREGISTRATION; the user is not registered",
        test(runs_out),
    }
    "SCS-14" Scscf Any Requirement "29.228 §6.1.2" {
        "Only the last contact of a user is its de-registration",
        given "a user registered in two browsers",
        "one leaves; the other leaves" => "no SAR; SAR USER_DEREGISTRATION",
        test(last_contact),
    }
    "SCS-15" Scscf Any Policy "29.228 §6.1.2, mock_ims::policy::saa" {
        "Whom the HSS does not assign is not registered",
        "SAA 5001; 5002; 5003 (base); 5007; 5012 (base)" => "403 four times, then 480, 500 or 504; the user is not \
            registered",
        test(not_assigned),
    }
    "SCS-16" Scscf Any Policy "29.228 §6.1.2.1 step 5, mock_ims::policy::saa" {
        "Whom another S-CSCF has is not registered",
        "SAA 5005 with the name of another S-CSCF" => "a final failure; the user is not registered",
        test(assigned_elsewhere),
    }
    "SCS-17" Scscf Any Policy "29.228 §6.1.2.1" {
        "Without a profile nobody is registered",
        "SAA success without User-Data" => "a final failure; the user is not registered",
        test(no_profile),
    }
    "SCS-18" Scscf Any Policy "29.228 §6.1.2, Policy::cx_timeout" {
        "An HSS that is silent when it is told of a registration is given up",
        given "cx_timeout = 1",
        "a SAR without an answer; the SAA, when it is too late" => "480, 500 or 504; the user is not registered",
        test(sar_silent),
    }
    "SCS-19" Scscf Any Policy "29.228 §6.1.2, mock_ims::policy" {
        "Who leaves is gone, whatever the HSS says",
        given "cx_timeout = 1, a registered user",
        "REGISTER with an expiry of 0; a SAR without an answer" => "200; the user is not registered",
        test(leaves_in_silence),
    }
    "SCS-20" Scscf Any Requirement "24.229 §5.4.1.2.2F, 29.228 §6.5.1.1" {
        "The user is told its identities, the default one first and a barred one not",
        "SAA with a barred default identity, a range and two others" => "P-Associated-URI with the two others first, and \
            the barred one not at all",
        test(identities_told),
    }
    "SCS-21" Scscf WebAuth Policy "33.203 X.3.2.3 step 7" {
        "Who may vouch, the HSS says",
        "REGISTER with auth-done and an authorization-entity that Allowed-WAF-WWSF-Identities does not name; that it \
            names" => "403 and SAR ADMINISTRATIVE_DEREGISTRATION; 200",
        test(allowed_entities),
    }
    "SCS-22" Scscf Digest Requirement "33.203 N.2.2.3" {
        "Two browsers of one user register at a time",
        "two initial REGISTERs; the MAA of the second, then of the first; two right answers" => "a challenge of its own \
            for each; 200 for each; both contacts are bound",
        test(two_browsers),
    }
}

async fn started(t: &mut Tester) -> Outcome<(Scscf, Person)> {
    started_with(t, Setup::new()).await
}

async fn started_with(t: &mut Tester, setup: Setup) -> Outcome<(Scscf, Person)> {
    let mut scscf = t.scscf(setup).await?;
    let person = scscf.person();
    Ok((scscf, person))
}

/// That a SAR is of this type, and about this user at this S-CSCF.
fn is_sar(t: &mut Tester, scscf: &Scscf, person: &Person, ask: &CxAsk, wanted: u32) -> Outcome {
    t.saw(ask.to_string());
    let CxAsk::Sar { impi, impus, kind, server, .. } = ask else { return Err(Stop::fail("no SAR")) };
    t.check(*kind == wanted, format!("{} where Server-Assignment-Type {wanted} was expected", ask.short()))?;
    let about = impi.as_ref() == Some(&person.impi) && impus.contains(&person.impu) && *server == scscf.name;
    t.check(about, format!("the SAR is not about the user at this S-CSCF: {ask}"))
}

async fn asks_for_vector(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let initial = scscf.initial(&mut alice);
    let question = scscf.ask_for(&initial, "MAR").await?;
    t.saw(question.ask.to_string());
    let CxAsk::Mar { impi, impu, scheme, server } = &question.ask else { return Err(Stop::fail("no MAR")) };
    t.check(*impi == alice.impi && *impu == alice.impu, format!("it is asked for {impi}, {impu}"))?;
    t.check(["SIP Digest", "Unknown"].contains(&scheme.as_str()), format!("the scheme is {scheme}"))?;
    t.check(*server == scscf.name, format!("Server-Name is {server}"))
}

/// What the challenges of a 401 say: algorithm, realm, nonce.
fn said(answer: &Response) -> Vec<(Algorithm, String, String)> {
    let one = |challenge: &DigestChallenge| {
        let text = |name: &str| challenge.text(name).unwrap_or_default();
        let algorithm = Algorithm::parse(&text("algorithm")).unwrap_or(Algorithm::Md5);
        (text("qop") == "auth").then(|| (algorithm, text("realm"), text("nonce")))
    };
    digest::challenges(answer).iter().filter_map(one).collect()
}

async fn challenge_of_vector(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let first = said(&scscf.challenged(&mut alice).await?);
    t.saw(format!("{first:?}"));
    let algorithms: Vec<Algorithm> = first.iter().map(|(algorithm, ..)| *algorithm).collect();
    t.check(algorithms == [Algorithm::Sha256, Algorithm::Md5], format!("challenged with {algorithms:?}"))?;
    let mut bob = scscf.person();
    let mut other = CxDigest::of(&bob.impi, "other.example", &bob.password);
    other.ha1.truncate(1);
    let initial = scscf.initial(&mut bob);
    let (_, answer) = scscf.answered(&initial, "MAR", CxReply::success().digest(other)).await?;
    t.status(&answer, &[401])?;
    let second = said(&answer);
    t.saw(format!("{second:?}"));
    let [(algorithm, realm, nonce)] = second.as_slice() else { return Err(Stop::fail("not one challenge")) };
    t.check(
        *algorithm == Algorithm::Md5 && realm == "other.example",
        format!("challenged with {algorithm:?} for {realm}"),
    )?;
    t.check(first.iter().all(|(.., earlier)| earlier != nonce), "a nonce is used again")
}

async fn no_vector(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let forbidden: &[u16] = &[403];
    let failed: &[u16] = &[480, 500, 504];
    for (maa, statuses) in [
        (CxReply::experimental(5001), forbidden),
        (CxReply::experimental(5002), forbidden),
        (CxReply::experimental(5006), forbidden),
        (CxReply::base(5012), failed),
        (CxReply::success(), failed),
    ] {
        t.saw(format!("MAA {}", maa.text));
        let initial = scscf.initial(&mut alice);
        let (_, answer) = scscf.answered(&initial, "MAR", maa).await?;
        t.status(&answer, statuses)?;
    }
    Ok(())
}

async fn mar_silent(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started_with(t, Setup::new().with("cx_timeout", 1)).await?;
    let initial = scscf.initial(&mut alice);
    let question = scscf.ask_for(&initial, "MAR").await?;
    let answer = scscf.answer(&initial).await?;
    t.status(&answer, &[480, 500, 504])?;
    let late = scscf.vector(&alice);
    question.answer(late);
    let quiet = scscf.limits().quiet;
    scscf.hss.silent(quiet).await?;
    let more = tokio::time::timeout(quiet, scscf.icscf.response(None)).await;
    t.check(more.is_err(), "there is a second final response")
}

async fn mar_undelivered(t: &mut Tester) -> Outcome {
    let patience = t.limits().answer.as_secs() + 10;
    let (mut scscf, mut alice) = started_with(t, Setup::new().with("cx_timeout", patience)).await?;
    let initial = scscf.initial(&mut alice);
    drop(scscf.ask_for(&initial, "MAR").await?);
    let answer = scscf.answer(&initial).await?;
    t.status(&answer, &[480, 500, 504])
}

async fn sent_again(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let initial = scscf.initial(&mut alice);
    let question = scscf.ask_for(&initial, "MAR").await?;
    for _ in 0..2 {
        scscf.send(&initial).await?;
    }
    let quiet = scscf.limits().quiet;
    scscf.hss.silent(quiet).await?;
    let vector = scscf.vector(&alice);
    question.answer(vector);
    let answer = scscf.answer(&initial).await?;
    t.status(&answer, &[401])?;
    let nonces: Vec<String> = said(&answer).into_iter().map(|(.., nonce)| nonce).collect();
    // What was answered already is answered with the same.
    scscf.send(&initial).await?;
    let again = scscf.answer(&initial).await?;
    let same = said(&again).into_iter().map(|(.., nonce)| nonce).collect::<Vec<_>>() == nonces;
    t.check(same, "a retransmission has another challenge")?;
    Ok(scscf.hss.silent(quiet).await?)
}

async fn life(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let challenge = scscf.challenged(&mut alice).await?;
    let register = scscf.responding(&mut alice, &challenge, 3600, 1)?;
    let question = scscf.ask_for(&register, "SAR").await?;
    is_sar(t, &scscf, &alice, &question.ask, REGISTRATION)?;
    let quiet = scscf.limits().quiet;
    let early = tokio::time::timeout(quiet, scscf.icscf.response(None)).await;
    t.check(early.is_err(), "there is a final response before the HSS answered")?;
    let saa = scscf.saa(&alice, |_| {})?;
    question.answer(saa.clone());
    let answer = scscf.answer(&register).await?;
    t.status(&answer, &[200])?;

    let refresh = scscf.responding(&mut alice, &challenge, 3600, 2)?;
    let (asked, answer) = scscf.settled(&refresh, "SAR", saa).await?;
    t.status(&answer, &[200])?;
    if let Some(ask) = asked {
        is_sar(t, &scscf, &alice, &ask, RE_REGISTRATION)?;
    }
    let leaving = scscf.responding(&mut alice, &challenge, 0, 3)?;
    let (ask, answer) = scscf.answered(&leaving, "SAR", CxReply::success()).await?;
    t.status(&answer, &[200])?;
    is_sar(t, &scscf, &alice, &ask, USER_DEREGISTRATION)?;
    let asked = scscf.hss.asked().join(", ");
    t.saw(asked.clone());
    t.check(asked.matches("MAR").count() == 1, format!("the HSS was asked {asked}"))
}

async fn vouched_for(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let register = scscf.by_tna(&mut alice, 3600, "");
    let saa = scscf.saa(&alice, |_| {})?;
    let (ask, answer) = scscf.answered(&register, "SAR", saa).await?;
    is_sar(t, &scscf, &alice, &ask, REGISTRATION)?;
    t.status(&answer, &[200])?;
    let asked = scscf.hss.asked().join(", ");
    t.check(asked == "SAR REGISTRATION", format!("the HSS was asked {asked}"))
}

async fn refreshed(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    scscf.registered(&mut alice).await?;
    let register = scscf.by_tna(&mut alice, 3600, "");
    let saa = scscf.saa(&alice, |_| {})?;
    let (ask, answer) = scscf.answered(&register, "SAR", saa).await?;
    is_sar(t, &scscf, &alice, &ask, RE_REGISTRATION)?;
    let CxAsk::Sar { has_data, .. } = ask else { return Err(Stop::fail("no SAR")) };
    t.check(!has_data, "the profile is not asked for")?;
    t.status(&answer, &[200])
}

async fn wrong_answer(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let challenge = scscf.challenged(&mut alice).await?;
    alice.password.push('x');
    let register = scscf.responding(&mut alice, &challenge, 3600, 1)?;
    let (ask, answer) = scscf.answered(&register, "SAR", CxReply::success()).await?;
    is_sar(t, &scscf, &alice, &ask, AUTHENTICATION_FAILURE)?;
    t.status(&answer, &[403, 401])?;
    scscf.is_unregistered(&alice.impu).await
}

async fn wrong_answer_elsewhere(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let challenge = scscf.challenged(&mut alice).await.preamble("registering by digest")?;
    let register = scscf.responding(&mut alice, &challenge, 3600, 1)?;
    let saa = scscf.saa(&alice, |_| {})?;
    scscf.answered(&register, "SAR", saa).await.preamble("registering by digest")?;
    let mut thief = alice.elsewhere(&t.unique());
    let vector = scscf.vector(&alice);
    let initial = scscf.initial(&mut thief);
    let (_, challenge) = scscf.settled(&initial, "MAR", vector).await?;
    thief.password.push('x');
    let register = scscf.responding(&mut thief, &challenge, 3600, 1)?;
    scscf.send(&register).await?;
    let answer = scscf.answer(&register).await?;
    t.status(&answer, &[403, 401])?;
    let quiet = scscf.limits().quiet;
    scscf.hss.silent(quiet).await?;
    scscf.is_registered(&alice.impu).await
}

async fn no_answer(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started_with(t, Setup::new().with("reg_await_auth", 1)).await?;
    scscf.challenged(&mut alice).await?;
    let question = scscf.hss.question("SAR").await?;
    is_sar(t, &scscf, &alice, &question.ask, AUTHENTICATION_TIMEOUT)
}

async fn runs_out(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started_with(t, Setup::new().with("min_expires", 1)).await?;
    let register = scscf.by_tna(&mut alice, 1, "");
    let saa = scscf.saa(&alice, |_| {})?;
    let (_, answer) = scscf.answered(&register, "SAR", saa).await?;
    t.status(&answer, &[200]).preamble("registering for a second")?;
    let question = scscf.hss.question("SAR").await?;
    is_sar(t, &scscf, &alice, &question.ask, TIMEOUT_DEREGISTRATION)?;
    question.answer(CxReply::success());
    scscf.is_unregistered(&alice.impu).await
}

async fn last_contact(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let mut second = alice.elsewhere(&t.unique());
    scscf.registered(&mut alice).await?;
    scscf.registered(&mut second).await?;
    let before = scscf.hss.asked().len();
    let leaving = scscf.by_tna(&mut alice, 0, "");
    scscf.send(&leaving).await?;
    let answer = scscf.answer(&leaving).await?;
    t.status(&answer, &[200])?;
    let after = scscf.hss.asked().len();
    t.check(before == after, "the HSS is told of one contact of two")?;
    let leaving = scscf.by_tna(&mut second, 0, "");
    let (ask, answer) = scscf.answered(&leaving, "SAR", CxReply::success()).await?;
    t.status(&answer, &[200])?;
    is_sar(t, &scscf, &alice, &ask, USER_DEREGISTRATION)
}

async fn not_assigned(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let forbidden: &[u16] = &[403];
    for (saa, statuses) in [
        (CxReply::experimental(5001), forbidden),
        (CxReply::experimental(5002), forbidden),
        (CxReply::base(5003), forbidden),
        (CxReply::experimental(5007), forbidden),
        (CxReply::base(5012), &[480, 500, 504]),
    ] {
        t.saw(format!("SAA {}", saa.text));
        let register = scscf.by_tna(&mut alice, 3600, "");
        let (_, answer) = scscf.answered(&register, "SAR", saa).await?;
        t.status(&answer, statuses)?;
    }
    scscf.is_unregistered(&alice.impu).await
}

/// That a SAA does not register its user.
async fn not_registered_by(t: &mut Tester, saa: CxReply) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let register = scscf.by_tna(&mut alice, 3600, "");
    let (_, answer) = scscf.answered(&register, "SAR", saa).await?;
    t.saw(format!("{} {}", answer.status, answer.reason));
    t.check(answer.status.code() >= 400, format!("{} to the REGISTER", answer.status))?;
    scscf.is_unregistered(&alice.impu).await
}

async fn assigned_elsewhere(t: &mut Tester) -> Outcome {
    not_registered_by(t, CxReply::experimental(5005).server("sip:scscf9.ims.example")).await
}

async fn no_profile(t: &mut Tester) -> Outcome {
    not_registered_by(t, CxReply::success()).await
}

async fn sar_silent(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started_with(t, Setup::new().with("cx_timeout", 1)).await?;
    let register = scscf.by_tna(&mut alice, 3600, "");
    let question = scscf.ask_for(&register, "SAR").await?;
    let answer = scscf.answer(&register).await?;
    t.status(&answer, &[480, 500, 504])?;
    let late = scscf.saa(&alice, |_| {})?;
    question.answer(late);
    scscf.is_unregistered(&alice.impu).await
}

async fn leaves_in_silence(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started_with(t, Setup::new().with("cx_timeout", 1)).await?;
    scscf.registered(&mut alice).await?;
    let leaving = scscf.by_tna(&mut alice, 0, "");
    let _unanswered = scscf.ask_for(&leaving, "SAR").await?;
    let answer = scscf.answer(&leaving).await?;
    t.status(&answer, &[200])?;
    scscf.is_unregistered(&alice.impu).await
}

async fn identities_told(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let home = scscf.home.clone();
    let others = [format!("sip:open@{home}"), "tel:+12015550123".to_owned()];
    let range = format!("sip:desk-!.*!@{home}");
    let register = scscf.by_tna(&mut alice, 3600, "");
    let parsed: Vec<Impu> = others.iter().filter_map(|impu| Impu::parse(impu).ok()).collect();
    let wildcard = range.parse().map_err(|e| Stop::Inconclusive(format!("{range}: {e}")))?;
    let saa = scscf.saa(&alice, |profile| {
        profile.impus.iter_mut().for_each(|entry| entry.barred = true);
        profile.impus.push(PublicIdentity::wildcard(wildcard));
        profile.impus.extend(parsed.into_iter().map(PublicIdentity::distinct));
    })?;
    let (_, answer) = scscf.answered(&register, "SAR", saa).await?;
    t.status(&answer, &[200])?;
    let told: Vec<&str> = answer.headers.elements(&HeaderName::PAssociatedUri).collect();
    t.saw(format!("P-Associated-URI: {}", told.join(", ")));
    let first: Vec<String> = others.iter().map(|impu| format!("<{impu}>")).collect();
    t.check(told.iter().take(2).copied().eq(first.iter().map(String::as_str)), "the two others are not first")?;
    t.check(!told.iter().any(|identity| identity.contains(&alice.impu)), "the barred identity is told")
}

async fn allowed_entities(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let vouching = ", authorization-entity=\"waf.partner.example\"";
    let with = |scscf: &Scscf, alice: &Person, waf: &str| {
        let waf = waf.to_owned();
        scscf.saa(alice, |profile| profile.allowed_wafs.push(waf))
    };
    let register = scscf.by_tna(&mut alice, 3600, vouching);
    let saa = with(&scscf, &alice, "waf.ims.example")?;
    scscf.ask_for(&register, "SAR").await?.answer(saa);
    let undone = scscf.hss.question("SAR").await?;
    is_sar(t, &scscf, &alice, &undone.ask, ADMINISTRATIVE_DEREGISTRATION)?;
    undone.answer(CxReply::success());
    let answer = scscf.answer(&register).await?;
    t.status(&answer, &[403])?;
    scscf.is_unregistered(&alice.impu).await?;
    let register = scscf.by_tna(&mut alice, 3600, vouching);
    let saa = with(&scscf, &alice, "waf.partner.example")?;
    let (_, answer) = scscf.answered(&register, "SAR", saa).await?;
    t.status(&answer, &[200])
}

async fn two_browsers(t: &mut Tester) -> Outcome {
    let (mut scscf, mut alice) = started(t).await?;
    let mut second = alice.elsewhere(&t.unique());
    let messages = [scscf.initial(&mut alice), scscf.initial(&mut second)];
    let first_mar = scscf.ask_for(&messages[0], "MAR").await?;
    let second_mar = scscf.ask_for(&messages[1], "MAR").await?;
    let vector = scscf.vector(&alice);
    second_mar.answer(vector.clone());
    first_mar.answer(vector);
    let challenges = [scscf.answer(&messages[0]).await?, scscf.answer(&messages[1]).await?];
    let nonces: Vec<String> = challenges.iter().filter_map(|c| said(c).pop()).map(|(.., nonce)| nonce).collect();
    t.check(nonces.len() == 2 && nonces.first() != nonces.last(), format!("the nonces are {nonces:?}"))?;
    let mut last = None;
    for (person, challenge) in [(&mut alice, &challenges[0]), (&mut second, &challenges[1])] {
        let register = scscf.responding(person, challenge, 3600, 1)?;
        let saa = scscf.saa(person, |_| {})?;
        let (_, answer) = scscf.settled(&register, "SAR", saa).await?;
        t.status(&answer, &[200])?;
        last = Some(answer);
    }
    let bound = last.and_then(|answer| answer.headers.contacts().ok());
    let bound = bound.map_or(0, |contacts| if let Contacts::List(all) = contacts { all.len() } else { 0 });
    t.check(bound == 2, format!("{bound} contacts are bound"))
}
