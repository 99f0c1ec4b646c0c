//! TP-ICS: the I-CSCF by itself, with a script for eP-CSCF, S-CSCFs and HSS: registration.

use sip::{HeaderName, Method, StatusCode};

use crate::cx::authorization::{DE_REGISTRATION, REGISTRATION, REGISTRATION_AND_CAPABILITIES};
use crate::cx::{CxAsk, CxReply};
use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::Msg;
use crate::tester::{Icscf, Person, Tester};
use crate::verdict::{Outcome, Stop};

purposes! {
    "ICS-01" Icscf Digest Requirement "24.229 §5.3.1.2, 29.228 §6.1.1" {
        "The HSS is asked for the one who registers",
        "REGISTER with a username and P-Visited-Network-ID" => "UAR REGISTRATION with the username as User-Name, To as \
            Public-Identity, and the visited network",
        test(asks_for_user),
    }
    "ICS-02" Icscf Digest Requirement "24.229 §5.3.1.2" {
        "Without a username the private identity follows from the public one",
        "REGISTER without Authorization, To with a port and a parameter" => "UAR with User-Name user@domain and \
            Public-Identity sip:user@domain",
        test(derived_identity),
    }
    "ICS-03" Icscf Any Requirement "29.228 §6.1.1, 24.229 §5.3.1.2" {
        "Who leaves is told from who comes",
        "REGISTER with an expiry of 0 in Expires, in Contact, with Contact *; with one Contact of two that stays; \
            without an expiry" => "UAR DE_REGISTRATION three times; REGISTRATION twice",
        test(kinds),
    }
    "ICS-04" Icscf Any Requirement "24.229 §5.3.1.2, RFC 3261 §16.6" {
        "The REGISTER goes to the S-CSCF that the HSS names",
        "UAA 2002 with Server-Name" => "the REGISTER is there, its Request-URI that name, one Via more, one hop less, \
            no Record-Route, all else as it was; the S-CSCF's 200 comes back",
        test(named),
    }
    "ICS-05" Icscf Any Requirement "24.229 §5.3.1.2, 29.228 §6.7" {
        "An S-CSCF is chosen that can do what the user needs",
        given "three S-CSCFs with capabilities 1; 1 and 2; 1, 2 and 3",
        "UAA 2001 with mandatory capability 3" => "the REGISTER is at the third",
        test(chosen, &[3], &[], None, 2),
    }
    "ICS-06" Icscf Any Requirement "29.228 §6.7" {
        "Of those that can, the one that can more is chosen",
        given "three S-CSCFs with capabilities 1; 1 and 2; 1, 2 and 3",
        "UAA 2001 with mandatory capability 1 and optional capabilities 2 and 3" => "the REGISTER is at the third",
        test(chosen, &[1], &[2, 3], None, 2),
    }
    "ICS-07" Icscf Any Requirement "29.229 §6.3.4" {
        "The HSS may name the S-CSCFs that it prefers",
        given "three S-CSCFs",
        "UAA 2001 with the second's name in Server-Capabilities" => "the REGISTER is at the second",
        test(chosen, &[], &[], Some(1), 1),
    }
    "ICS-08" Icscf Any Requirement "24.229 §5.3.1.3" {
        "Where no S-CSCF can do what the user needs, there is none",
        given "three S-CSCFs, none with capability 9",
        "UAA 2001 with mandatory capability 9" => "504, or 600 of older releases; nothing is at an S-CSCF",
        test(none_capable),
    }
    "ICS-09" Icscf Any Requirement "24.229 §5.3.1.3" {
        "Whom the HSS turns down, is turned down",
        "UAA 5001; 5002; 5004; 5003 (base); 5003 to one who leaves" => "403 each time; nothing is at an S-CSCF",
        test(turned_down),
    }
    "ICS-10" Icscf Any Policy "24.229 §5.3.1.3, mock_ims::policy::uaa" {
        "An HSS that cannot say is not the user's fault",
        "UAA 5012 (base); UAA 2001 with neither a name nor capabilities" => "480 or 504; nothing is at an S-CSCF",
        test(unable),
    }
    "ICS-11" Icscf Any Policy "24.229 §5.3.1.3, Policy::cx_timeout" {
        "A silent HSS is not waited for without end",
        given "cx_timeout = 1",
        "a UAR without an answer; the UAA, when it is too late" => "480 or 504; nothing is at an S-CSCF",
        test(hss_silent),
    }
    "ICS-12" Icscf Any Policy "24.229 §5.3.1.3" {
        "An HSS that is out of reach is told of at once",
        "a UAR that cannot be delivered" => "480 or 504, well within the time that a silent one has",
        test(hss_gone),
    }
    "ICS-13" Icscf Any Requirement "24.229 §5.3.1.3, 29.228 §6.1.1.1" {
        "An S-CSCF that is silent is replaced",
        given "forward_timeout = 1",
        "no answer from the S-CSCF that the HSS named; UAA with capabilities" => "UAR REGISTRATION_AND_CAPABILITIES; the \
            REGISTER at another S-CSCF; its 200",
        test(replaced, None),
    }
    "ICS-14" Icscf Any Requirement "24.229 §5.3.1.3" {
        "An S-CSCF that says 480 is replaced",
        "480 from the S-CSCF that the HSS named; UAA with capabilities" => "UAR REGISTRATION_AND_CAPABILITIES; the \
            REGISTER at another S-CSCF; its 200",
        test(replaced, Some(StatusCode::TEMPORARILY_UNAVAILABLE)),
    }
    "ICS-15" Icscf Any Requirement "24.229 §5.3.1.3" {
        "An S-CSCF that says 3xx is replaced",
        "302 from the S-CSCF that the HSS named; UAA with capabilities" => "UAR REGISTRATION_AND_CAPABILITIES; the \
            REGISTER at another S-CSCF; its 200",
        test(replaced, Some(StatusCode::MOVED_TEMPORARILY)),
    }
    "ICS-16" Icscf Any Requirement "RFC 3261 §16.7 step 6" {
        "An S-CSCF that is overloaded is replaced",
        "503 from the S-CSCF that the HSS named; UAA with capabilities" => "UAR REGISTRATION_AND_CAPABILITIES; the \
            REGISTER at another S-CSCF; its 200",
        test(replaced, Some(StatusCode::SERVICE_UNAVAILABLE)),
    }
    "ICS-17" Icscf Any Requirement "24.229 §5.3.1.3" {
        "An S-CSCF that failed is not chosen again",
        "480 from an S-CSCF; UAA whose capabilities only that one is preferred for" => "the REGISTER is at another",
        test(not_again),
    }
    "ICS-18" Icscf Any Requirement "24.229 §5.3.1.3" {
        "Where no other S-CSCF is left, the user is told",
        "480 from an S-CSCF; UAA with a capability that no other has" => "a final failure: 480, 504 or 600",
        test(none_left),
    }
    "ICS-19" Icscf Any Requirement "RFC 3261 §16.7" {
        "What else the S-CSCF answers is the user's",
        "401 with a challenge; 423; 403; 500 from the S-CSCF" => "each comes back as it is, but for the topmost Via; no \
            second UAR",
        test(passed_back),
    }
    "ICS-20" Icscf Any Requirement "24.229 §5.3.1.2" {
        "A REGISTER from outside of the trust domain is refused",
        "REGISTER of a node that is not trusted" => "403; no UAR",
        test(stranger),
    }
    "ICS-21" Icscf Any Requirement "RFC 3261 §17.2.2" {
        "A REGISTER that is sent again is asked about once",
        given "a UAR that waits",
        "the same REGISTER twice more" => "one UAR, one REGISTER at the S-CSCF",
        test(sent_again),
    }
    "ICS-22" Icscf Any Requirement "RFC 3261 §16.4" {
        "A Route to the I-CSCF ends there",
        "REGISTER with Route to the I-CSCF" => "there is no Route at the S-CSCF",
        test(own_route),
    }
    "ICS-23" Icscf Any Requirement "RFC 3261 §16.3" {
        "What may not be passed on is not asked about",
        "REGISTER with Max-Forwards 0; with a Proxy-Require that nobody knows" => "483; 420 with Unsupported; no UAR",
        test(not_passed_on),
    }
    "ICS-24" Icscf Any Requirement "29.228 §6.1.1" {
        "Two who register at a time are told apart",
        "two REGISTERs; the UAA of the second, then of the first, each with another S-CSCF" => "each REGISTER is where its \
            own UAA said",
        test(two_at_a_time),
    }
}

async fn started(t: &mut Tester) -> Outcome<(Icscf, Person)> {
    let mut icscf = t.icscf(Setup::new()).await?;
    let person = icscf.person();
    Ok((icscf, person))
}

/// A REGISTER of a digest user, passed on.
fn register(icscf: &mut Icscf, person: &mut Person) -> Msg {
    let identity = crate::script::digest::identity(&person.impi, &person.domain);
    let register = person.register().with("Authorization", identity);
    icscf.on_mw(&register)
}

async fn asks_for_user(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = register(&mut icscf, &mut alice).set("P-Visited-Network-ID", "\"visited.example\"");
    let question = icscf.ask_for(&message, "UAR").await?;
    t.saw(question.ask.to_string());
    let wanted = CxAsk::Uar {
        impi: alice.impi.clone(),
        impu: alice.impu.clone(),
        kind: REGISTRATION,
        visited: "visited.example".into(),
    };
    t.check(question.ask == wanted, format!("{} instead of {wanted}", question.ask))
}

async fn derived_identity(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let (user, domain) = alice.impu.trim_start_matches("sip:").split_once('@').unwrap_or_default();
    let (derived, to) = (format!("{user}@{domain}"), format!("<sip:{user}@{domain}:5060;user=phone>"));
    let message = alice.register().set("To", &to).set("From", format!("{to};tag=w1"));
    let question = {
        let message = icscf.on_mw(&message);
        icscf.ask_for(&message, "UAR").await?
    };
    t.saw(question.ask.to_string());
    let CxAsk::Uar { impi, impu, .. } = &question.ask else { return Err(Stop::fail("no UAR")) };
    t.check(*impi == derived, format!("User-Name is {impi}"))?;
    t.check(*impu == alice.impu, format!("Public-Identity is {impu}"))
}

async fn kinds(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let two = format!("{}, <sip:other@{}>;expires=600", alice.contact(0), alice.host);
    let plain = format!("<{}>", alice.contact_uri());
    for (contact, expires, kind) in [
        (plain.clone(), Some("0"), DE_REGISTRATION),
        (alice.contact(0), None, DE_REGISTRATION),
        ("*".into(), Some("0"), DE_REGISTRATION),
        (two, None, REGISTRATION),
        (plain, None, REGISTRATION),
    ] {
        let mut message = register(&mut icscf, &mut alice).set("Contact", &contact);
        if let Some(expires) = expires {
            message = message.with("Expires", expires);
        }
        let ask = icscf.answered(&message, "UAR", CxReply::experimental(5001)).await?;
        t.saw(format!("Contact: {contact}, Expires: {}: {}", expires.unwrap_or("-"), ask.short()));
        let CxAsk::Uar { kind: got, .. } = ask else { return Err(Stop::fail("no UAR")) };
        t.check(got == kind, format!("User-Authorization-Type {got} instead of {kind} for Contact: {contact}"))?;
    }
    Ok(())
}

async fn named(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = register(&mut icscf, &mut alice).with("X-Unknown", "kept,  as it is");
    let name = icscf.name(1);
    icscf.answered(&message, "UAR", CxReply::experimental(2002).server(&name)).await?;
    let arrived = icscf.at_scscf(1, "REGISTER").await?;
    let request = &arrived.request;
    t.check(request.uri.to_string() == name, format!("the Request-URI is {}", request.uri))?;
    t.absent(&request.headers, &["Record-Route"], "the REGISTER at the S-CSCF")?;
    let hops = request.headers.value(&HeaderName::MaxForwards).unwrap_or_default().to_owned();
    t.check(hops == "68", format!("Max-Forwards is {hops}"))?;
    let vias: Vec<&str> = request.headers.elements(&HeaderName::Via).collect();
    let below: Vec<&str> = message.lines.iter().filter(|(n, _)| n == "Via").map(|(_, v)| v.as_str()).collect();
    t.check(vias.len() == below.len() + 1, format!("there are {} Vias", vias.len()))?;
    let changed = |name: &str| ["Via", "Max-Forwards", "Route"].iter().any(|c| c.eq_ignore_ascii_case(name));
    let came: Vec<(String, String)> = Msg::from(request).lines.into_iter().filter(|(n, _)| !changed(n)).collect();
    let sent: Vec<(String, String)> = message.lines.iter().filter(|(n, _)| !changed(n)).cloned().collect();
    let differs =
        sent.iter().find(|line| !came.contains(line)).or_else(|| came.iter().find(|line| !sent.contains(line)));
    t.check(differs.is_none(), format!("changed on the way: {differs:?}"))?;
    let ok = request.respond(StatusCode::OK).with_raw(HeaderName::Contact, alice.contact(3600));
    icscf.respond(1, &arrived, &ok).await?;
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[200])?;
    let vias = answer.headers.elements(&HeaderName::Via).count();
    t.check(vias == below.len(), format!("the 200 has {vias} Vias"))
}

async fn chosen(
    t: &mut Tester,
    mandatory: &'static [u32],
    optional: &'static [u32],
    preferred: Option<usize>,
    expected: usize,
) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let names: Vec<String> = preferred.map(|nth| icscf.name(nth)).into_iter().collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = register(&mut icscf, &mut alice);
    let uaa = CxReply::experimental(2001).capabilities(mandatory, optional, &names);
    icscf.answered(&message, "UAR", uaa).await?;
    let arrived = icscf.at_scscf(expected, "REGISTER").await?;
    t.saw(format!("the REGISTER is at {}", arrived.request.uri));
    let name = icscf.name(expected);
    t.check(arrived.request.uri.to_string() == name, format!("the Request-URI is {}", arrived.request.uri))
}

async fn none_capable(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = register(&mut icscf, &mut alice);
    let uaa = CxReply::experimental(2001).capabilities(&[9], &[], &[]);
    let answer = icscf.refused(&message, "UAR", uaa).await?;
    t.status(&answer, &[504, 600])
}

async fn turned_down(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    for (uaa, expires) in [
        (CxReply::experimental(5001), 600),
        (CxReply::experimental(5002), 600),
        (CxReply::experimental(5004), 600),
        (CxReply::base(5003), 600),
        (CxReply::experimental(5003), 0),
    ] {
        t.saw(format!("UAA {}", uaa.text));
        let contact = alice.contact(expires);
        let message = register(&mut icscf, &mut alice).set("Contact", contact);
        let answer = icscf.refused(&message, "UAR", uaa).await?;
        t.status(&answer, &[403])?;
    }
    Ok(())
}

async fn unable(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    for uaa in [CxReply::base(5012), CxReply::experimental(2001)] {
        let message = register(&mut icscf, &mut alice);
        let answer = icscf.refused(&message, "UAR", uaa).await?;
        t.status(&answer, &[480, 504])?;
    }
    Ok(())
}

async fn hss_silent(t: &mut Tester) -> Outcome {
    let mut icscf = t.icscf(Setup::new().with("cx_timeout", 1)).await?;
    let mut alice = icscf.person();
    let message = register(&mut icscf, &mut alice);
    let question = icscf.ask_for(&message, "UAR").await?;
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[480, 504])?;
    let name = icscf.name(0);
    question.answer(CxReply::experimental(2002).server(&name));
    icscf.nothing_forwarded().await
}

async fn hss_gone(t: &mut Tester) -> Outcome {
    let patience = t.limits().answer.as_secs() + 10;
    let mut icscf = t.icscf(Setup::new().with("cx_timeout", patience).with("forward_timeout", patience)).await?;
    let mut alice = icscf.person();
    let message = register(&mut icscf, &mut alice);
    drop(icscf.ask_for(&message, "UAR").await?);
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[480, 504])?;
    icscf.nothing_forwarded().await
}

/// A REGISTER that the first S-CSCF was named for and fails; it says nothing when `says` is none.
async fn failed_once(t: &mut Tester, says: Option<StatusCode>) -> Outcome<(Icscf, Person, Msg)> {
    let setup = if says.is_none() { Setup::new().with("forward_timeout", 1) } else { Setup::new() };
    let mut icscf = t.icscf(setup).await?;
    let mut alice = icscf.person();
    let message = register(&mut icscf, &mut alice);
    let name = icscf.name(0);
    icscf.answered(&message, "UAR", CxReply::experimental(2002).server(&name)).await?;
    let arrived = icscf.at_scscf(0, "REGISTER").await?;
    if let Some(status) = says {
        let mut response = arrived.request.respond(status);
        response.ensure_to_tag(|| "s0".into());
        if status == StatusCode::MOVED_TEMPORARILY {
            response = response.with_raw(HeaderName::Contact, "<sip:scscf9.ims.example>");
        }
        icscf.respond(0, &arrived, &response).await?;
    }
    Ok((icscf, alice, message))
}

/// The second UAR, answered.
async fn asked_again(t: &mut Tester, icscf: &mut Icscf, reply: CxReply) -> Outcome {
    let question = icscf.hss.question("UAR").await?;
    t.saw(question.ask.to_string());
    let CxAsk::Uar { kind, .. } = question.ask else { return Err(Stop::fail("no UAR")) };
    let kind_is_right = kind == REGISTRATION_AND_CAPABILITIES;
    question.answer(reply);
    t.check(kind_is_right, format!("the second User-Authorization-Type is {kind}"))
}

async fn replaced(t: &mut Tester, says: Option<StatusCode>) -> Outcome {
    let (mut icscf, _, message) = failed_once(t, says).await?;
    let uaa = CxReply::success().capabilities(&[3], &[], &[]);
    asked_again(t, &mut icscf, uaa).await?;
    let second = icscf.at_scscf(2, "REGISTER").await?;
    let name = icscf.name(2);
    t.check(second.request.uri.to_string() == name, format!("the Request-URI is {}", second.request.uri))?;
    let ok = second.request.respond(StatusCode::OK);
    icscf.respond(2, &second, &ok).await?;
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[200])
}

async fn not_again(t: &mut Tester) -> Outcome {
    let (mut icscf, ..) = failed_once(t, Some(StatusCode::TEMPORARILY_UNAVAILABLE)).await?;
    let first = icscf.name(0);
    asked_again(t, &mut icscf, CxReply::success().capabilities(&[1], &[2, 3], &[&first])).await?;
    let second = icscf.at_scscf(2, "REGISTER").await?;
    t.saw(format!("the REGISTER is at {}", second.request.uri));
    let quiet = icscf.limits().quiet;
    let Some(first) = icscf.scscfs.first_mut() else { return Err(Stop::fail("no S-CSCF")) };
    Ok(first.node.silent(quiet, |r| r.method == Method::Register).await?)
}

async fn none_left(t: &mut Tester) -> Outcome {
    let (mut icscf, _, message) = failed_once(t, Some(StatusCode::TEMPORARILY_UNAVAILABLE)).await?;
    asked_again(t, &mut icscf, CxReply::success().capabilities(&[9], &[], &[])).await?;
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[480, 504, 600])
}

async fn passed_back(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let name = icscf.name(0);
    for (status, header, value) in [
        (401, HeaderName::WwwAuthenticate, "Digest realm=\"ims.example\", nonce=\"n1\", qop=\"auth\", algorithm=MD5"),
        (423, HeaderName::MinExpires, "60"),
        (403, HeaderName::Warning, "399 scscf1 \"no\""),
        (500, HeaderName::RetryAfter, "7"),
    ] {
        let message = register(&mut icscf, &mut alice);
        icscf.answered(&message, "UAR", CxReply::experimental(2002).server(&name)).await?;
        let arrived = icscf.at_scscf(0, "REGISTER").await?;
        let status = StatusCode::new(status).ok_or_else(|| Stop::Inconclusive(format!("{status} is no status")))?;
        let mut response = arrived.request.respond(status).with_raw(header.clone(), value);
        response.ensure_to_tag(|| "s0".into());
        icscf.respond(0, &arrived, &response).await?;
        let cseq = format!("{} REGISTER", alice.cseq);
        let answer = icscf
            .edge
            .response_that(|r| r.status.is_final() && r.headers.value(&HeaderName::CSeq) == Some(&*cseq))
            .await?;
        t.status(&answer, &[status.code()])?;
        let came = answer.headers.value(&header).unwrap_or_default();
        t.check(came == value, format!("{header}: {came}"))?;
        let vias =
            (answer.headers.elements(&HeaderName::Via).count(), response.headers.elements(&HeaderName::Via).count());
        t.check(vias.0 + 1 == vias.1, format!("of {} Vias {} are left", vias.1, vias.0))?;
    }
    let asked = icscf.hss.asked().to_vec();
    t.check(asked.len() == 4, format!("the HSS was asked {}", asked.join(", ")))
}

async fn stranger(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let mut stranger = t.stranger("icscf").await?;
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKs{};rport", stranger.addr(), t.unique());
    let message = register(&mut icscf, &mut alice).set("Via", via);
    let answer = stranger.exchange(icscf.entry, &message.bytes()).await?;
    t.status(&answer, &[403])?;
    let quiet = icscf.limits().quiet;
    Ok(icscf.hss.silent(quiet).await?)
}

async fn sent_again(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = register(&mut icscf, &mut alice);
    let question = icscf.ask_for(&message, "UAR").await?;
    for _ in 0..2 {
        icscf.send(&message).await?;
    }
    let quiet = icscf.limits().quiet;
    icscf.hss.silent(quiet).await?;
    let name = icscf.name(0);
    question.answer(CxReply::experimental(2002).server(&name));
    let arrived = icscf.at_scscf(0, "REGISTER").await?;
    let Some(first) = icscf.scscfs.first_mut() else { return Err(Stop::fail("no S-CSCF")) };
    first.node.silent(quiet, |r| r.method == Method::Register).await?;
    let ok = arrived.request.respond(StatusCode::OK);
    icscf.respond(0, &arrived, &ok).await?;
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[200])
}

async fn own_route(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let (name, own) = (icscf.name(0), format!("<sip:icscf.{};lr>", icscf.home));
    let message = register(&mut icscf, &mut alice).with("Route", own);
    icscf.answered(&message, "UAR", CxReply::experimental(2002).server(&name)).await?;
    let arrived = icscf.at_scscf(0, "REGISTER").await?;
    t.absent(&arrived.request.headers, &["Route"], "the REGISTER at the S-CSCF")
}

async fn not_passed_on(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let message = register(&mut icscf, &mut alice).set("Max-Forwards", 0);
    icscf.send(&message).await?;
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[483])?;
    let message = register(&mut icscf, &mut alice).with("Proxy-Require", "foo");
    icscf.send(&message).await?;
    let answer = icscf.answer(&message).await?;
    t.status(&answer, &[420])?;
    t.check(answer.headers.lists(&HeaderName::Unsupported, "foo"), "the 420 does not name foo in Unsupported")?;
    let quiet = icscf.limits().quiet;
    Ok(icscf.hss.silent(quiet).await?)
}

async fn two_at_a_time(t: &mut Tester) -> Outcome {
    let (mut icscf, mut alice) = started(t).await?;
    let mut bob = icscf.person();
    let (first, second) = (register(&mut icscf, &mut alice), register(&mut icscf, &mut bob));
    let of_alice = icscf.ask_for(&first, "UAR").await?;
    let of_bob = icscf.ask_for(&second, "UAR").await?;
    let names = [icscf.name(0), icscf.name(1)];
    of_bob.answer(CxReply::experimental(2002).server(&names[1]));
    of_alice.answer(CxReply::experimental(2002).server(&names[0]));
    for (nth, person) in [(0, &alice), (1, &bob)] {
        let arrived = icscf.at_scscf(nth, "REGISTER").await?;
        let to = arrived.request.to().map(|to| to.uri.to_string()).unwrap_or_default();
        t.check(to == person.impu, format!("the REGISTER of {to} is at {}", icscf.name(nth)))?;
    }
    Ok(())
}
