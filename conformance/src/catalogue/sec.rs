//! TP-SEC: robustness against those who mean no good.

use std::time::{Duration, Instant};

use sip::HeaderName;

use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::{Came, ScriptError, Token, Upgrade, Wic, digest};
use crate::tester::Tester;
use crate::verdict::{Outcome, Preamble, Stop};

purposes! {
    "SEC-01" Epcscf WebAuth Policy "33.203 X.1" {
        "A flood of bad tokens does not starve others",
        "forty connections with tampered tokens at once, and one with a good token" => "the good one is let in within two seconds",
        test(flood),
    }
    "SEC-02" Scscf Digest Policy "33.203 N.2" {
        "No password and no HA1 is in the log",
        "a digest registration, and one with a wrong answer" => "neither the password nor an HA1 is in the log",
        test(no_secrets_logged),
    }
    "SEC-03" Epcscf WebAuth Policy "RFC 3261 §7.3.1" {
        "A claim cannot break out of its header",
        "impi and impu with CR LF and a header" => "401 or 403; no such header on Mw",
        test(header_injection),
    }
    "SEC-04" Epcscf Any Requirement "24.229 §4.4" {
        "What only the network may say is not taken from a response either",
        given "a registered WIC that is called",
        "a 200 with P-Associated-URI, Service-Route, P-Charging-Vector and more" => "none of it is on Mw",
        test(forged_response),
    }
    "SEC-05" Epcscf WebAuth Policy "33.203 X.1" {
        "A stolen token is worth nothing on another page",
        "a good token of the operator's WWSF on the partner's page; on a rogue page" => "403; no upgrade",
        test(stolen_token),
    }
    "SEC-06" Epcscf Any Policy "RFC 6455 §10" {
        "Who does nothing is not waited for",
        given "connection.upgrade_timeout = 1, connection.idle_timeout = 1",
        "half an upgrade request; an open WebSocket without a REGISTER" => "both connections end within five seconds",
        test(slow_loris),
    }
    "SEC-07" Epcscf Any Policy "RFC 7692 §8" {
        "Compression is not negotiated",
        "Sec-WebSocket-Extensions: permessage-deflate" => "101 without an extension",
        test(no_compression),
    }
    "SEC-08" Epcscf WebAuth Policy "RFC 3261 §10.3" {
        "A clock that jumps ends no registration",
        given "a registered WIC",
        "the wall clock jumps by an hour and a half, and back" => "the connection stays, nothing is de-registered",
        test(clock_jump),
    }
    "SEC-09" Epcscf Any Policy "RFC 6455 §10" {
        "Connections of one address are limited",
        given "connection.max_per_ip = 3",
        "a fourth connection" => "503 with Retry-After",
        test(connection_limit),
    }
    "SEC-10" Epcscf Any Policy "RFC 6455 §5.1" {
        "Noise does not break it",
        "random octets as text, binary and control messages, forty times" => "each connection ends or goes on; the next WIC is let in",
        test(noise),
    }
    "SEC-11" Epcscf Digest Policy "RFC 3261 §10.3" {
        "One connection has so many REGISTERs under way",
        given "connection.max_in_flight = 4, a core that does not answer",
        "eight REGISTERs at once" => "503 with Retry-After to some; not more than four on Mw",
        test(in_flight_limit),
    }
    "SEC-12" Epcscf Any Policy "RFC 6455 §7.1" {
        "What follows a Close is not acted on",
        "a REGISTER after a Close" => "nothing on Mw",
        test(after_close),
    }
    "SEC-13" Epcscf Any Policy "RFC 3261 §18.3" {
        "A forged flow token leads nowhere",
        given "a registered WIC",
        "a request of the core with a changed flow token" => "403; nothing reaches the WIC",
        test(forged_flow_token),
    }
    "SEC-14" Epcscf Any Requirement "33.203 U.1" {
        "Only the core may send requests on Mw",
        "a request from another address" => "403, or nothing",
        test(stranger_on_mw),
    }
    "SEC-15" Epcscf Digest Policy "33.203 O.3.1.1" {
        "Digest is not guessed for ever",
        given "digest.max_failures = 3, a core that challenges again",
        "three wrong answers on one connection" => "the connection is closed",
        test(guessing),
    }
}

async fn flood(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut alice = edge.person();
    let bad = Token::tampered(&edge.token(&alice).sign(&edge.operator.key));
    let mut bots = Vec::new();
    for _ in 0..40 {
        let mut wic = edge.wic("wic bot", &edge.operator.origin).await?;
        let mut bot = edge.person();
        wic.send(bot.register().with("Authorization", format!("Bearer {bad}")).bytes()).await?;
        bots.push(wic);
    }
    let mut wic = edge.operator_wic().await?;
    let register = alice.register().with("Authorization", edge.bearer(&alice));
    let begun = Instant::now();
    let admitted = edge.admit(&mut wic, &register).await?;
    let took = begun.elapsed();
    t.status(&admitted.answer, &[200])?;
    t.saw(format!("after {} ms", took.as_millis()));
    for mut bot in bots {
        let answer = bot.answer().await?;
        t.check(answer.status.code() == 401, format!("{} to a tampered token", answer.status))?;
    }
    t.check(took < Duration::from_secs(2), format!("it took {} ms", took.as_millis()))
}

async fn no_secrets_logged(t: &mut Tester) -> Outcome {
    let mut core = t.core().await?;
    let secret = format!("hush-{}", t.unique());
    let password = secret.clone();
    let mut dave =
        core.provision("dave", |new| new.authentication = crate::lab::Authentication::Digest(password)).await?;
    dave.password = secret.clone();
    let mut wrong = dave.elsewhere(&t.unique());
    wrong.password = "a guess".into();
    let _ = core.by_digest(&mut wrong).await;
    core.by_digest(&mut dave).await.preamble("registering by digest")?;
    let log = core.control.log().ok_or_else(|| Stop::NotApplicable("the log cannot be read".into()))?;
    let ha1s = [sip::digest::Algorithm::Md5, sip::digest::Algorithm::Sha256]
        .map(|algorithm| sip::digest::Ha1::new(algorithm, &dave.impi, &core.home, &secret));
    t.saw(format!("{} octets of log", log.len()));
    t.check(!log.contains(&secret), "the password is in the log")?;
    t.check(ha1s.iter().all(|ha1| !log.contains(ha1.expose())), "an HA1 is in the log")
}

async fn header_injection(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    for claim in ["impi", "impu", "sub", "jti"] {
        let mut wic = edge.operator_wic().await?;
        let mut alice = edge.person();
        let token = edge.token(&alice);
        let token = match claim {
            "impi" => token.claim("impi", format!("{}\r\nP-Asserted-Identity: <sip:eve@ims.example>", alice.impi)),
            "impu" => token.claim("impu", vec![format!("{}\r\nX-Eve: 1", alice.impu)]),
            name => token.claim(name, "a\r\nX-Eve: 1"),
        };
        let register = alice.register().with("Authorization", format!("Bearer {}", token.sign(&edge.operator.key)));
        wic.send(register.bytes()).await?;
        tokio::select! {
            answer = wic.answer() => {
                let answer = answer?;
                t.saw(format!("{claim}: {} {}", answer.status, answer.reason));
                t.check(matches!(answer.status.code(), 401 | 403), format!("{claim}: {}", answer.status))?;
            }
            // What is not passed on may hold anything.
            arrived = edge.core.request("REGISTER") => {
                let arrived = arrived?;
                let text = String::from_utf8_lossy(&arrived.octets).into_owned();
                t.saw(format!("{claim}: on Mw"));
                t.check(!text.contains("eve") && !text.contains("Eve"), format!("{claim}: it broke out"))?;
            }
        }
    }
    Ok(())
}

async fn stolen_token(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut alice = edge.person();
    let bearer = edge.bearer(&alice);
    let mut wic = edge.partner_wic().await?;
    let register = alice.register().with("Authorization", &bearer);
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[403])?;
    let (answer, _) = edge.try_upgrade(&edge.upgrade("https://rogue.example")).await?;
    t.saw(format!("a rogue page: {}", answer.status));
    t.check(answer.status == 403, format!("{} to a rogue page", answer.status))
}

async fn slow_loris(t: &mut Tester) -> Outcome {
    let setup = Setup::new().with("connection.upgrade_timeout", 1).with("connection.idle_timeout", 1);
    let edge = t.edge_with(setup).await?;
    let log = t.log().clone();
    let mut slow = Wic::connect(&edge.wss, "wic slow", &log).await?;
    let text = edge.upgrade(&edge.operator.origin).text();
    slow.write(&text.as_bytes()[..text.len() / 2]).await?;
    let mut idle = edge.operator_wic().await?;
    let begun = Instant::now();
    let within = Duration::from_secs(5);
    let code = idle.closed_within(within).await?;
    t.saw(format!("the idle one: {code:?} after {} ms", begun.elapsed().as_millis()));
    // What it still says before it ends is HTTP.
    loop {
        match slow.next_within(within, "end of the connection").await {
            Ok(Came::End) | Err(ScriptError::Malformed { .. } | ScriptError::Io { .. }) => break,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
    t.saw(format!("the slow one: ended after {} ms", begun.elapsed().as_millis()));
    Ok(())
}

async fn no_compression(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let upgrade = edge.upgrade(&edge.operator.origin).with("Sec-WebSocket-Extensions", "permessage-deflate");
    let (answer, _) = edge.try_upgrade(&upgrade).await?;
    t.saw(answer.head());
    t.check(answer.status == 101, format!("{} instead of 101", answer.status))?;
    t.check(answer.value("sec-websocket-extensions").is_none(), "an extension was negotiated")
}

async fn clock_jump(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let token = edge.token(&alice).claim("exp", Token::now() + 20_000).sign(&edge.operator.key);
    let register = alice.register().with("Authorization", format!("Bearer {token}"));
    edge.admit(&mut wic, &register).await.preamble("registering")?;
    for jump in [5400, -5400] {
        let jumped = edge.control.jump_clock(jump).await;
        jumped.ok_or_else(|| Stop::NotApplicable("the clock cannot be set from here".into()))?;
        let quiet = edge.quiet();
        edge.core.silent(quiet, |r| r.to_string().contains(&alice.user)).await?;
        wic.send("\r\n\r\n").await?;
        match wic.next().await? {
            Came::Message(..) => t.saw(format!("{jump} s: the connection stays")),
            came => return Err(Stop::Fail(format!("{jump} s: {came:?}"))),
        }
    }
    Ok(())
}

async fn connection_limit(t: &mut Tester) -> Outcome {
    let edge = t.edge_with(Setup::new().with("connection.max_per_ip", 3)).await?;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(edge.operator_wic().await?);
    }
    let (answer, _) = edge.try_upgrade(&edge.upgrade(&edge.operator.origin)).await?;
    t.saw(answer.head());
    t.check(answer.status == 503, format!("{} instead of 503", answer.status))?;
    t.check(answer.value("retry-after").is_some(), "there is no Retry-After")
}

async fn noise(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let log = crate::script::Log::new();
    let mut entropy = sip::SeededEntropy::new(7);
    for round in 0..40 {
        let upgrade: Upgrade = edge.upgrade(&edge.operator.origin);
        let mut wic = Wic::open(&edge.wss, "wic", &upgrade, &log).await.preamble("opening the WebSocket")?;
        let mut octets = vec![0; 16 + round * 40];
        sip::Entropy::fill(&mut entropy, &mut octets);
        let written = match round % 4 {
            0 => wic.send_as(crate::script::Opcode::Text, &octets).await,
            1 => wic.send_as(crate::script::Opcode::Binary, &octets).await,
            2 => wic.write(&octets).await,
            _ => wic.send([b"REGISTER sip:ims.example SIP/2.0\r\n", &octets[..]].concat()).await,
        };
        // The system may close while it is written to.
        let _ = written;
    }
    let (answer, _) = edge.try_upgrade(&edge.upgrade(&edge.operator.origin)).await?;
    t.saw(format!("after the noise: {}", answer.status));
    t.check(answer.status == 101, format!("{} after the noise", answer.status))
}

async fn in_flight_limit(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("connection.max_in_flight", 4)).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    for n in 0..8 {
        let register = alice
            .register()
            .set("Call-ID", format!("r{n}-{}", alice.host))
            .with("Authorization", digest::identity(&alice.impi, &alice.domain));
        wic.send(register.bytes()).await?;
    }
    let mut busy = 0;
    for _ in 0..4 {
        let answer = wic.answer().await?;
        t.status(&answer, &[503])?;
        t.check(answer.headers.has(&HeaderName::RetryAfter), "there is no Retry-After")?;
        busy += 1;
    }
    let mut on_mw = 0;
    let quiet = edge.quiet();
    while edge.core.request_that("REGISTER", quiet, |r| r.method.as_str() == "REGISTER").await.is_ok() {
        on_mw += 1;
    }
    t.saw(format!("{busy} refused, {on_mw} on Mw"));
    t.check(on_mw == 4, format!("{on_mw} on Mw"))
}

async fn after_close(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice));
    let close = crate::script::Frame::close(1000, "").encode();
    let after = crate::script::Frame::new(crate::script::Opcode::Text, register.bytes()).encode();
    wic.write(&[close, after].concat()).await?;
    edge.nothing_on_mw(&register).await
}

async fn forged_flow_token(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let admitted = edge.registered(&mut wic, &mut alice).await?;
    let path = admitted.at_core.request.headers.value(&HeaderName::Path).unwrap_or_default().to_owned();
    let forged = match path.split_once("sip:") {
        Some((before, after)) => {
            let first = after.chars().next().unwrap_or('A');
            let other = if first == 'A' { 'B' } else { 'A' };
            format!("{before}sip:{other}{}", after.chars().skip(1).collect::<String>())
        }
        None => return Err(Stop::Inconclusive(format!("the Path is {path:?}"))),
    };
    let request = edge.from_core("MESSAGE", &alice.contact_uri(), Some(&forged));
    let answer = edge.ask_from_core(&request).await?;
    t.status(&answer, &[403])?;
    Ok(wic.silent(edge.quiet()).await?)
}

async fn stranger_on_mw(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let admitted = edge.registered(&mut wic, &mut alice).await?;
    let path = admitted.at_core.request.headers.value(&HeaderName::Path).unwrap_or_default().to_owned();
    let mw = edge.mw.ok_or_else(|| Stop::NotApplicable("the system's address on Mw is not known".into()))?;
    let log = t.log().clone();
    let any = std::net::SocketAddr::new(edge.core.addr().ip(), 0);
    let mut stranger =
        crate::script::Node::bind(any, "stranger", "epcscf", t.limits().quiet.max(Duration::from_millis(900)), &log)
            .await?;
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKs{};rport", stranger.addr(), t.unique());
    let request = edge.from_core("MESSAGE", &alice.contact_uri(), Some(&path)).set("Via", via);
    match stranger.exchange(mw, &request.bytes()).await {
        Ok(answer) => t.status(&answer, &[403])?,
        Err(error) if error.is_silence() => t.saw("nothing"),
        Err(error) => return Err(error.into()),
    }
    Ok(wic.silent(edge.quiet()).await?)
}

async fn guessing(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("digest.max_failures", 3)).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let first = alice.register().with("Authorization", digest::identity(&alice.impi, &alice.domain));
    let mut challenge = edge.challenged(&mut wic, &first).await?;
    for _ in 0..3 {
        let challenges = digest::challenges(&challenge);
        let offered = challenges.first().ok_or_else(|| Stop::fail("the challenge was lost on its way"))?;
        let answerer = digest::Answerer::register(&alice.impi, "a guess", &alice.domain);
        let register = alice.register().with("Authorization", digest::authorization(answerer.credentials(offered)?));
        challenge = edge.challenged(&mut wic, &register).await?;
        t.status(&challenge, &[401])?;
    }
    let code = wic.closed().await?;
    t.saw(format!("closed with {code:?}"));
    Ok(())
}

async fn forged_response(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let admitted = edge.registered(&mut wic, &mut alice).await?;
    let path = admitted.at_core.request.headers.value(&HeaderName::Path).unwrap_or_default().to_owned();
    let addr = edge.core.addr();
    let invite = edge
        .from_core("INVITE", &alice.contact_uri(), Some(&path))
        .with("P-Called-Party-ID", format!("<{}>", alice.impu))
        .with("Contact", format!("<sip:bob@{addr}>"))
        .body("application/sdp", crate::tester::SDP);
    let mw = edge.mw.ok_or_else(|| Stop::NotApplicable("the system's address on Mw is not known".into()))?;
    edge.core.send(mw, &invite.bytes()).await?;
    let on_w2 = wic.request("INVITE").await?;
    let mut ok = crate::tester::answer_of_wic(&on_w2, &alice);
    for name in [
        "P-Associated-URI",
        "Service-Route",
        "P-Asserted-Identity",
        "P-Served-User",
        "P-Profile-Key",
        "P-Called-Party-ID",
        "P-User-Database",
    ] {
        ok = ok.with(name, "<sip:eve@ims.example>");
    }
    let ok = ok.with("P-Charging-Vector", "icid-value=eve").with("P-Charging-Function-Addresses", "ccf=eve");
    wic.send(ok.bytes()).await?;
    let answer = edge.core.response(invite.value("Call-ID")).await?;
    let forged = answer.headers.iter().find(|line| line.value.contains("eve")).map(ToString::to_string);
    t.saw(format!("{} on Mw", answer.status));
    t.check(forged.is_none(), format!("on Mw: {}", forged.unwrap_or_default()))
}
