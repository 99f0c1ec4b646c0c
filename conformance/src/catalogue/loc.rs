//! TP-LOC: the I-CSCF by itself, with a script for its neighbours: requests other than REGISTER.

use sip::{HeaderName, Method, StatusCode};

use crate::cx::{CxAsk, CxReply};
use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::{Arrived, Msg};
use crate::tester::{Icscf, Person, SDP, Tester};
use crate::verdict::{Outcome, Stop};

purposes! {
    "LOC-01" Icscf Any Requirement "24.229 §5.3.2.1, 29.228 §6.1.4" {
        "The HSS is asked where the one who is called is served",
        "INVITE for an identity with a port and a parameter" => "LIR with Public-Identity sip:user@domain and without \
            Originating-Request",
        test(asks_for_callee),
    }
    "LOC-02" Icscf Any Requirement "24.229 §5.3.2.1" {
        "The request goes to the S-CSCF that the HSS names",
        "LIA 2001 with Server-Name" => "the INVITE is there, its Request-URI as it was, the S-CSCF in the topmost Route, \
            one Via more, one hop less; the S-CSCF's 180 and 200 come back",
        test(named),
    }
    "LOC-03" Icscf Any Requirement "24.229 §5.3.2.1, 29.228 §6.1.4.1" {
        "For one who is not registered and has services an S-CSCF is chosen",
        given "three S-CSCFs with capabilities 1; 1 and 2; 1, 2 and 3",
        "LIA 2003 with mandatory capability 3" => "the INVITE is at the third",
        test(unregistered),
    }
    "LOC-04" Icscf Any Requirement "24.229 §5.3.2.1" {
        "Who is nobody, and who is not there",
        "LIA 5001; LIA 5003" => "404; 480; nothing is at an S-CSCF",
        test(nobody),
    }
    "LOC-05" Icscf Any Policy "24.229 §5.3.2.1, mock_ims::policy::lia, Policy::cx_timeout" {
        "An HSS that cannot say is not the callee's fault",
        given "cx_timeout = 1",
        "LIA 5012 (base); a LIR without an answer" => "480, 500 or 504; nothing is at an S-CSCF",
        test(unable),
    }
    "LOC-06" Icscf Any Requirement "RFC 5002 §5, 29.228 §6.1.4.1" {
        "The range that an identity falls under is told",
        "LIA 2001 with Wildcarded-Public-Identity" => "P-Profile-Key with it is in the INVITE at the S-CSCF",
        test(profile_key),
    }
    "LOC-07" Icscf Any Requirement "RFC 5002 §5" {
        "The key of the one who calls says nothing of the one who is called",
        "INVITE with P-Profile-Key; LIA 2001 without Wildcarded-Public-Identity" => "no P-Profile-Key at the S-CSCF",
        test(callers_key),
    }
    "LOC-08" Icscf Any Requirement "RFC 3261 §16.3 step 3" {
        "What has no hops left is not passed on",
        "INVITE with Max-Forwards 0" => "483; no LIR",
        test(no_hops),
    }
    "LOC-09" Icscf Any Option "RFC 3261 §16.3 step 4, RFC 5393" {
        "What comes back unchanged is a loop",
        "the INVITE as it was at the S-CSCF, without its Route, back to the I-CSCF" => "482, or 483 at the end",
        test(looped),
    }
    "LOC-10" Icscf Any Requirement "RFC 3325 §5, 24.229 §4.4" {
        "A stranger asserts nothing",
        "INVITE with P-Asserted-Identity, P-Charging-Vector, P-Profile-Key, P-Served-User and P-Access-Network-Info of a \
            node that is not trusted" => "403, or none of them at the S-CSCF",
        test(stranger_asserts),
    }
    "LOC-11" Icscf Any Requirement "TS 23.228 Annex S, 29.228 §6.1.4" {
        "One who calls may be served without a registration",
        "INVITE of a trusted node by Route with orig" => "LIR with Originating-Request for P-Served-User; the INVITE at \
            the S-CSCF, which its Route tells that it is originating",
        test(originating),
    }
    "LOC-12" Icscf Any Requirement "RFC 3325 §5" {
        "A stranger has nobody served as calling",
        "INVITE of a node that is not trusted by Route with orig" => "403; no LIR",
        test(stranger_originates),
    }
    "LOC-13" Icscf Any Requirement "RFC 3261 §16.10" {
        "A CANCEL follows its INVITE",
        given "an INVITE at the S-CSCF, which rings",
        "CANCEL" => "200; CANCEL at the S-CSCF; its 487 comes back",
        test(cancelled),
    }
    "LOC-14" Icscf Any Requirement "RFC 3261 §16.10" {
        "What is cancelled while the HSS is asked goes nowhere",
        given "a LIR that waits",
        "CANCEL; the LIA" => "200; 487; nothing is at an S-CSCF",
        test(cancelled_early),
    }
    "LOC-15" Icscf Any Policy "RFC 3261 §16.8, Policy::forward_timeout" {
        "An S-CSCF that is silent does not keep the caller waiting",
        given "forward_timeout = 1",
        "no answer from the S-CSCF" => "408, 480 or 504",
        test(scscf_silent),
    }
    "LOC-16" Icscf Any Requirement "24.229 §5.3.2.1, 29.228 §6.1.4" {
        "A number is an identity too",
        "MESSAGE for a tel URI" => "LIR with the tel URI; the MESSAGE at the S-CSCF, its Request-URI as it was",
        test(number),
    }
    "LOC-17" Icscf Any Policy "24.229 §5.3.2.1, mock_ims::policy" {
        "Who is of another network is not asked about",
        "INVITE for an identity of a foreign domain" => "404; no LIR",
        test(foreign),
    }
}

const RANGE: &str = "sip:clerk-!.*!@ims.example";

async fn started(t: &mut Tester) -> Outcome<(Icscf, Person)> {
    let mut icscf = t.icscf(Setup::new()).await?;
    let person = icscf.person();
    Ok((icscf, person))
}

fn callee(icscf: &Icscf) -> String {
    format!("sip:bob@{}", icscf.home)
}

fn invite(icscf: &mut Icscf, caller: &mut Person) -> Msg {
    let to = callee(icscf);
    icscf.terminating(caller, "INVITE", &to).without("Content-Length").body("application/sdp", SDP)
}

/// The INVITE at the first S-CSCF.
async fn at_first(icscf: &mut Icscf, message: &Msg, lia: CxReply) -> Outcome<Arrived> {
    let name = icscf.name(0);
    icscf.answered(message, "LIR", lia.server(&name)).await?;
    icscf.at_scscf(0, "INVITE").await
}

async fn asks_for_callee(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let wanted = CxAsk::Lir { impu: callee(&icscf), originating: false };
    let message =
        invite(&mut icscf, &mut alice).start(format!("INVITE sip:bob@{}:5060;user=phone SIP/2.0", icscf.home));
    let question = icscf.ask_for(&message, "LIR").await?;
    t.saw(question.ask.to_string());
    t.check(question.ask == wanted, format!("{} instead of {wanted}", question.ask))
}

async fn named(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = invite(&mut icscf, &mut alice);
    let (to, host) = (callee(&icscf), icscf.name(0));
    let arrived = at_first(&mut icscf, &message, CxReply::success()).await?;
    let headers = &arrived.request.headers;
    t.check(arrived.request.uri.to_string() == to, format!("the Request-URI is {}", arrived.request.uri))?;
    let route = headers.elements(&HeaderName::Route).next().unwrap_or_default().to_owned();
    let (name, loose) = (host.trim_start_matches("sip:"), route.contains(";lr"));
    t.check(route.contains(name) && loose, format!("the topmost Route is {route}"))?;
    let hops = headers.value(&HeaderName::MaxForwards).unwrap_or_default();
    t.check(hops == "69", format!("Max-Forwards is {hops}"))?;
    let vias = headers.elements(&HeaderName::Via).count();
    t.check(vias == 3, format!("there are {vias} Vias"))?;
    for status in [StatusCode::RINGING, StatusCode::OK] {
        let mut response = arrived.request.respond(status);
        response.ensure_to_tag(|| "b1".into());
        icscf.respond(0, &arrived, &response).await?;
        let came = icscf.edge.response_that(|r| r.status == status).await?;
        t.saw(format!("{} {}", came.status, came.reason));
        let vias = came.headers.elements(&HeaderName::Via).count();
        t.check(vias == 2, format!("the {} has {vias} Vias", came.status))?;
    }
    Ok(())
}

async fn unregistered(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = invite(&mut icscf, &mut alice);
    let lia = CxReply::experimental(2003).capabilities(&[3], &[], &[]);
    icscf.answered(&message, "LIR", lia).await?;
    let arrived = icscf.at_scscf(2, "INVITE").await?;
    let to = callee(&icscf);
    t.check(arrived.request.uri.to_string() == to, format!("the Request-URI is {}", arrived.request.uri))
}

async fn nobody(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    for (code, status) in [(5001, 404), (5003, 480)] {
        let message = invite(&mut icscf, &mut alice);
        let answer = icscf.refused(&message, "LIR", CxReply::experimental(code)).await?;
        t.status(&answer, &[status])?;
    }
    Ok(())
}

async fn unable(t: &mut Tester) -> Outcome {
    let mut icscf = t.icscf(Setup::new().with("cx_timeout", 1)).await?;
    let mut alice = icscf.person();
    let message = invite(&mut icscf, &mut alice);
    let answer = icscf.refused(&message, "LIR", CxReply::base(5012)).await?;
    t.status(&answer, &[480, 500, 504])?;
    let message = invite(&mut icscf, &mut alice);
    let _unanswered = icscf.ask_for(&message, "LIR").await?;
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[480, 500, 504])?;
    icscf.nothing_forwarded().await
}

async fn profile_key(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = invite(&mut icscf, &mut alice);
    let arrived = at_first(&mut icscf, &message, CxReply::success().wildcard(RANGE)).await?;
    let key = arrived.request.headers.value(&HeaderName::PProfileKey).unwrap_or_default().to_owned();
    t.saw(format!("P-Profile-Key: {key}"));
    t.check(key == format!("<{RANGE}>"), format!("P-Profile-Key is {key:?}"))
}

async fn callers_key(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = invite(&mut icscf, &mut alice).with("P-Profile-Key", format!("<{RANGE}>"));
    let arrived = at_first(&mut icscf, &message, CxReply::success()).await?;
    t.absent(&arrived.request.headers, &["P-Profile-Key"], "the INVITE at the S-CSCF")
}

async fn no_hops(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = invite(&mut icscf, &mut alice).set("Max-Forwards", 0);
    icscf.send(&message).await?;
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[483])?;
    let quiet = icscf.limits().quiet;
    Ok(icscf.hss.silent(quiet).await?)
}

async fn looped(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = invite(&mut icscf, &mut alice);
    let arrived = at_first(&mut icscf, &message, CxReply::success()).await?;
    let entry = icscf.entry;
    let Some(scscf) = icscf.scscfs.first_mut() else { return Err(Stop::fail("no S-CSCF")) };
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKl{};rport", scscf.node.addr(), t.unique());
    let back = Msg::from(&arrived.request).without("Route").first("Via", via);
    let answer = scscf.node.exchange(entry, &back.bytes()).await?;
    t.status(&answer, &[482, 483])
}

async fn stranger_asserts(t: &mut Tester) -> Outcome {
    const ASSERTED: [(&str, &str); 5] = [
        ("P-Asserted-Identity", "<sip:eve@ims.example>"),
        ("P-Charging-Vector", "icid-value=eve"),
        ("P-Profile-Key", "<sip:eve-!.*!@ims.example>"),
        ("P-Served-User", "<sip:eve@ims.example>"),
        ("P-Access-Network-Info", "IEEE-802.11;eve=1;network-provided"),
    ];
    let (mut icscf, mut eve) = started(t).await?;
    let mut stranger = t.stranger("icscf").await?;
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKs{};rport", stranger.addr(), t.unique());
    let message = invite(&mut icscf, &mut eve).without("P-Asserted-Identity").set("Via", via);
    let message = ASSERTED.iter().fold(message, |message, (name, value)| message.with(name, value));
    stranger.send(icscf.entry, &message.bytes()).await?;
    let question = match icscf.hss.question("LIR").await {
        Ok(question) => question,
        Err(error) if error.is_silence() => {
            let answer = stranger.response(message.value("Call-ID")).await?;
            return t.status(&answer, &[403]);
        }
        Err(error) => return Err(error.into()),
    };
    let name = icscf.name(0);
    question.answer(CxReply::success().server(&name));
    let arrived = icscf.at_scscf(0, "INVITE").await?;
    let leaked =
        arrived.request.headers.iter().find(|line| line.value.contains("eve") && line.name.as_str().starts_with("P-"));
    let leaked = leaked.map(ToString::to_string);
    t.check(leaked.is_none(), format!("at the S-CSCF: {}", leaked.unwrap_or_default()))
}

fn by_orig(icscf: &mut Icscf, caller: &mut Person) -> Msg {
    let route = format!("<sip:icscf.{};lr;orig>", icscf.home);
    let served = format!("<sip:served@{}>", icscf.home);
    invite(icscf, caller).first("Route", route).with("P-Served-User", served)
}

async fn originating(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = by_orig(&mut icscf, &mut alice);
    let wanted = CxAsk::Lir { impu: format!("sip:served@{}", icscf.home), originating: true };
    let question = icscf.ask_for(&message, "LIR").await?;
    t.saw(question.ask.to_string());
    t.check(question.ask == wanted, format!("{} instead of {wanted}", question.ask))?;
    let name = icscf.name(0);
    question.answer(CxReply::success().server(&name));
    let arrived = icscf.at_scscf(0, "INVITE").await?;
    let route = arrived.request.headers.elements(&HeaderName::Route).next().unwrap_or_default().to_owned();
    t.saw(format!("Route: {route}"));
    t.check(route.contains("orig"), format!("the topmost Route is {route}"))
}

async fn stranger_originates(t: &mut Tester) -> Outcome {
    let (mut icscf, mut eve) = started(t).await?;
    let mut stranger = t.stranger("icscf").await?;
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKs{};rport", stranger.addr(), t.unique());
    let message = by_orig(&mut icscf, &mut eve).set("Via", via);
    let answer = stranger.exchange(icscf.entry, &message.bytes()).await?;
    t.status(&answer, &[403])?;
    let quiet = icscf.limits().quiet;
    Ok(icscf.hss.silent(quiet).await?)
}

fn cancel(invite: &Msg) -> Msg {
    let start = invite.start.replacen("INVITE", "CANCEL", 1);
    let cseq = invite.value("CSeq").unwrap_or_default().replace("INVITE", "CANCEL");
    let copied =
        ["Via", "From", "To", "Call-ID", "Max-Forwards"].map(|name| (name, invite.value(name).unwrap_or_default()));
    copied.iter().fold(Msg::new(start), |message, (name, value)| message.with(name, value)).with("CSeq", cseq)
}

/// The final responses to an INVITE and to its CANCEL.
async fn both_answers(icscf: &mut Icscf) -> Outcome<(u16, u16)> {
    let of = |r: &sip::Response, method: &str| {
        r.status.is_final() && r.headers.value(&HeaderName::CSeq).is_some_and(|cseq| cseq.ends_with(method))
    };
    let cancel = icscf.edge.response_that(|r| of(r, "CANCEL")).await?.status.code();
    let invite = icscf.edge.response_that(|r| of(r, "INVITE")).await?.status.code();
    Ok((cancel, invite))
}

async fn cancelled(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = invite(&mut icscf, &mut alice);
    let arrived = at_first(&mut icscf, &message, CxReply::success()).await?;
    let mut ringing = arrived.request.respond(StatusCode::RINGING);
    ringing.ensure_to_tag(|| "b1".into());
    icscf.respond(0, &arrived, &ringing).await?;
    icscf.edge.response_that(|r| r.status == StatusCode::RINGING).await?;
    icscf.send(&cancel(&message)).await?;
    let cancelled = icscf.at_scscf(0, "CANCEL").await?;
    let ok = cancelled.request.respond(StatusCode::OK);
    icscf.respond(0, &cancelled, &ok).await?;
    let mut terminated = arrived.request.respond(StatusCode::REQUEST_TERMINATED);
    terminated.ensure_to_tag(|| "b1".into());
    icscf.respond(0, &arrived, &terminated).await?;
    let answers = both_answers(&mut icscf).await?;
    t.check(answers == (200, 487), format!("{answers:?} to CANCEL and INVITE"))
}

async fn cancelled_early(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = invite(&mut icscf, &mut alice);
    let question = icscf.ask_for(&message, "LIR").await?;
    icscf.send(&cancel(&message)).await?;
    let answers = both_answers(&mut icscf).await?;
    t.check(answers == (200, 487), format!("{answers:?} to CANCEL and INVITE"))?;
    let name = icscf.name(0);
    question.answer(CxReply::success().server(&name));
    icscf.nothing_forwarded().await
}

async fn scscf_silent(t: &mut Tester) -> Outcome {
    let mut icscf = t.icscf(Setup::new().with("forward_timeout", 1)).await?;
    let mut alice = icscf.person();
    let message = invite(&mut icscf, &mut alice);
    at_first(&mut icscf, &message, CxReply::success()).await?;
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[408, 480, 504])
}

async fn number(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let number = "tel:+12015550123";
    let message = icscf.terminating(&mut alice, "MESSAGE", number);
    let name = icscf.name(0);
    let ask = icscf.answered(&message, "LIR", CxReply::success().server(&name)).await?;
    t.saw(ask.to_string());
    let wanted = CxAsk::Lir { impu: number.into(), originating: false };
    t.check(ask == wanted, format!("{ask} instead of {wanted}"))?;
    let arrived = icscf.at_scscf(0, "MESSAGE").await?;
    t.check(arrived.request.uri.to_string() == number, format!("the Request-URI is {}", arrived.request.uri))
}

async fn foreign(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = icscf.terminating(&mut alice, Method::Invite.as_str(), "sip:bob@elsewhere.example");
    icscf.send(&message).await?;
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[404])?;
    let quiet = icscf.limits().quiet;
    Ok(icscf.hss.silent(quiet).await?)
}
