//! TP-WS: the upgrade and SIP in WebSocket messages.

use std::time::Duration;

use crate::lab::Setup;
use crate::purpose::purposes;
use crate::script::{Came, Frame, Opcode, ScriptError};
use crate::tester::Tester;
use crate::verdict::{Outcome, Stop};

purposes! {
    "WS-01" Epcscf Any Requirement "RFC 7118 §4.1" {
        "A right upgrade is accepted",
        "an upgrade that offers sip" => "101 with the right Sec-WebSocket-Accept and sip as subprotocol",
        test(right_upgrade),
    }
    "WS-02" Epcscf Any Policy "RFC 7118 §4.1" {
        "An upgrade without a subprotocol is refused",
        "no Sec-WebSocket-Protocol" => "400",
        test(changed_upgrade, "Sec-WebSocket-Protocol", None, 400),
    }
    "WS-03" Epcscf Any Requirement "RFC 7118 §4.1" {
        "sip is chosen out of several subprotocols",
        "Sec-WebSocket-Protocol: xmpp, sip" => "101 with exactly sip",
        test(several_protocols),
    }
    "WS-04" Epcscf Any Requirement "RFC 6455 §4.2.2" {
        "Another WebSocket version is refused",
        "Sec-WebSocket-Version: 8" => "426 with Sec-WebSocket-Version: 13",
        test(other_version),
    }
    "WS-05" Epcscf Any Requirement "RFC 6455 §4.2.1" {
        "A key that is not 16 octets in base64 is refused",
        "a key of 15 octets, then none" => "400 both times",
        test(bad_key),
    }
    "WS-06" Epcscf Any Requirement "RFC 6455 §5.1" {
        "An unmasked frame ends the connection",
        "a client frame without a masking key" => "close 1002",
        test(unmasked_frame),
    }
    "WS-07" Epcscf Any Requirement "RFC 6455 §8.1" {
        "Text that is not UTF-8 ends the connection",
        "a text frame with the octet FF" => "close 1007",
        test(invalid_utf8),
    }
    "WS-08" Epcscf Any Requirement "RFC 7118 §4.2" {
        "Text and binary messages are taken alike",
        "a REGISTER as text, another as binary" => "both reach the core",
        test(text_and_binary),
    }
    "WS-09" Epcscf Any Policy "RFC 7118 §5" {
        "Two SIP messages in one WebSocket message are not both acted on",
        "two REGISTERs in one text message" => "400, or the connection is closed with 1003; the second never reaches the core",
        test(two_in_one),
    }
    "WS-10" Epcscf Any Policy "RFC 7118 §5" {
        "Half a SIP message is not waited out",
        "a REGISTER cut within its headers, the rest as a second WebSocket message"
            => "400 or a close; nothing reaches the core",
        test(split_message),
    }
    "WS-11" Epcscf Any Requirement "RFC 6455 §5.4" {
        "A fragmented message is put together, with a Ping answered in between",
        "a REGISTER in three frames, a Ping after the first" => "a Pong, and the REGISTER reaches the core whole",
        test(fragments),
    }
    "WS-12" Epcscf Digest Requirement "RFC 7118 §5" {
        "Without Content-Length the body is what is left of the message",
        "a REGISTER with a body and no Content-Length" => "the body reaches the core, or is refused with 415, whole",
        test(no_content_length),
    }
    "WS-13" Epcscf Any Policy "RFC 7118 §5" {
        "A Content-Length that lies is refused",
        "Content-Length: 5 and no body" => "400; nothing reaches the core",
        test(lying_content_length),
    }
    "WS-14" Epcscf Any Policy "RFC 7118 §5.2" {
        "Via must say WebSocket",
        "Via: SIP/2.0/TCP over a WebSocket" => "400; nothing reaches the core",
        test(via_of_tcp),
    }
    "WS-15" Epcscf Any Policy "RFC 7118 §6" {
        "A WIC that answers no Ping is given up, its registration is not",
        given "a registered WIC, Pings each second (connection.ping_interval)",
        "no Pong" => "the connection ends; nothing is de-registered; a request for the flow gets 430",
        test(dead_peer),
    }
    "WS-16" Epcscf Any Requirement "RFC 5626 §3.5.1" {
        "A CRLF keep-alive is answered",
        "CRLF CRLF as a WebSocket message" => "CRLF",
        test(keep_alive),
    }
    "WS-17" Epcscf Any Policy "RFC 6455 §7.4.1" {
        "A message that is too long ends the connection",
        "a message of the limit and one octet" => "close 1009",
        test(too_long),
    }
    "WS-18" Epcscf Any Requirement "33.203 X.2.2.3" {
        "Nothing is served without TLS",
        "an upgrade request over plain TCP" => "no 101",
        test(plain),
    }
    "WS-19" Epcscf Any Requirement "RFC 6455 §4.2.1" {
        "Only a GET over HTTP/1.1 with Upgrade and Connection opens a WebSocket",
        "POST; HTTP/1.0; no Upgrade; no Connection; no Host" => "no 101: a 4xx (or a page for want of an Upgrade)",
        test(no_handshake),
    }
    "WS-20" Epcscf Any Policy "RFC 7118 §4.1" {
        "What is not SIP ends the connection",
        "a text message hello" => "close 1003",
        test(not_sip),
    }
    "WS-21" Epcscf Any Requirement "RFC 6455 §5.2" {
        "Reserved bits and opcodes end the connection",
        "a frame with RSV1 and no extension; a frame with opcode 3" => "close 1002 both times",
        test(reserved),
    }
    "WS-22" Epcscf Any Requirement "RFC 6455 §5.5.1" {
        "A Close is answered with a Close",
        "Close 1000" => "a Close, and the end of the connection",
        test(close_handshake),
    }
}

async fn right_upgrade(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let upgrade = edge.upgrade(&edge.operator.origin);
    let (answer, _wic) = edge.try_upgrade(&upgrade).await?;
    t.saw(answer.head());
    t.check(answer.status == 101, format!("{} {}", answer.status, answer.text()))?;
    t.check(answer.value("sec-websocket-accept") == Some(&upgrade.accept()), "Sec-WebSocket-Accept is wrong")?;
    t.check(answer.value("sec-websocket-protocol") == Some("sip"), "the subprotocol is not sip")?;
    let upgraded = answer.value("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    t.check(upgraded, "the 101 has no Upgrade: websocket")
}

async fn changed_upgrade(t: &mut Tester, name: &str, value: Option<&str>, expected: u16) -> Outcome {
    let edge = t.edge().await?;
    let upgrade = edge.upgrade(&edge.operator.origin).without(name);
    let upgrade = match value {
        Some(value) => upgrade.with(name, value),
        None => upgrade,
    };
    let (answer, _) = edge.try_upgrade(&upgrade).await?;
    t.saw(format!("{} {}", answer.status, answer.text().trim_end()));
    t.check(answer.status == expected, format!("{} instead of {expected}", answer.status))
}

async fn several_protocols(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let upgrade = edge.upgrade(&edge.operator.origin).set("Sec-WebSocket-Protocol", "xmpp, sip");
    let (answer, _wic) = edge.try_upgrade(&upgrade).await?;
    t.saw(answer.head());
    t.check(answer.status == 101, format!("{} instead of 101", answer.status))?;
    let chosen = answer.value("sec-websocket-protocol").unwrap_or_default();
    t.check(chosen == "sip", format!("the subprotocol is {chosen:?}"))
}

async fn other_version(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let upgrade = edge.upgrade(&edge.operator.origin).set("Sec-WebSocket-Version", "8");
    let (answer, _) = edge.try_upgrade(&upgrade).await?;
    t.saw(answer.head());
    t.check(answer.status == 426, format!("{} instead of 426", answer.status))?;
    let versions = answer.value("sec-websocket-version").unwrap_or_default();
    t.check(versions.split(',').any(|v| v.trim() == "13"), "the 426 does not offer version 13")
}

async fn bad_key(t: &mut Tester) -> Outcome {
    // 15 octets in base64.
    changed_upgrade(t, "Sec-WebSocket-Key", Some("AAAAAAAAAAAAAAAAAAAA"), 400).await?;
    changed_upgrade(t, "Sec-WebSocket-Key", None, 400).await
}

async fn unmasked_frame(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let register = edge.person().register();
    wic.send_frame(&Frame::new(Opcode::Text, register.bytes()).unmasked()).await?;
    closes_with(t, wic.closed().await, 1002)
}

async fn invalid_utf8(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    wic.send_frame(&Frame::new(Opcode::Text, &b"OPTIONS sip:ims.example SIP/2.0\r\nSubject: \xff\r\n\r\n"[..])).await?;
    closes_with(t, wic.closed().await, 1007)
}

async fn text_and_binary(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    for opcode in [Opcode::Text, Opcode::Binary] {
        let mut wic = edge.operator_wic().await?;
        let mut alice = edge.person();
        let register = alice.register().with("Authorization", edge.credentials(&alice));
        wic.send_as(opcode, &register.bytes()).await?;
        let arrived = edge.core.request("REGISTER").await?;
        let ok = edge.at_core().ok(&arrived.request);
        edge.core.respond(&arrived, &ok).await?;
        let answer = wic.answer().await?;
        t.status(&answer, &[200])?;
    }
    Ok(())
}

async fn two_in_one(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let (mut alice, mut bob) = (edge.person(), edge.person());
    let first = alice.register().with("Authorization", edge.credentials(&alice)).with("Content-Length", 0);
    let second = bob.register().with("Authorization", edge.credentials(&bob)).with("Content-Length", 0);
    wic.send([first.bytes(), second.bytes()].concat()).await?;
    match wic.answer().await {
        Ok(answer) => t.status(&answer, &[400])?,
        Err(ScriptError::Closed { code, .. }) => {
            t.saw(format!("closed with {code:?}"));
            t.check(code == Some(1003), format!("closed with {code:?} instead of 1003"))?;
        }
        Err(error) => return Err(error.into()),
    }
    edge.nothing_on_mw(&second).await
}

async fn split_message(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice)).with("Content-Length", 0);
    let octets = register.bytes();
    let (head, tail) = octets.split_at(octets.len() - 40);
    wic.send(head).await?;
    // The system may have closed the connection by now.
    let _ = wic.send(tail).await;
    match wic.answer().await {
        Ok(answer) => t.status(&answer, &[400])?,
        Err(ScriptError::Closed { code, .. }) => t.saw(format!("closed with {code:?}")),
        Err(error) if error.is_silence() => t.saw("dropped"),
        Err(error) => return Err(error.into()),
    }
    edge.nothing_on_mw(&register).await
}

async fn fragments(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice));
    let octets = register.bytes();
    let (first, rest) = octets.split_at(octets.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    wic.send_frame(&Frame::new(Opcode::Text, first.to_vec()).part(false)).await?;
    wic.send_frame(&Frame::new(Opcode::Ping, "still there?")).await?;
    wic.send_frame(&Frame::new(Opcode::Continuation, second.to_vec()).part(false)).await?;
    wic.send_frame(&Frame::new(Opcode::Continuation, third.to_vec())).await?;
    let pong = wic.next().await?;
    t.saw(format!("{pong:?}"));
    t.check(pong == Came::Pong("still there?".into()), "the Ping between the fragments got no Pong with its octets")?;
    let arrived = edge.core.request("REGISTER").await?;
    t.saw(format!("{} on Mw", arrived.request.method));
    Ok(())
}

async fn no_content_length(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice
        .register()
        .with("Authorization", crate::script::digest::identity(&alice.impi, &alice.domain))
        .with("Content-Type", "text/plain");
    let octets = [&register.bytes()[..], b"four"].concat();
    wic.send(octets).await?;
    tokio::select! {
        arrived = edge.core.request("REGISTER") => {
            let body = arrived?.request.body;
            t.saw(format!("a body of {} octets on Mw", body.len()));
            t.check(&body[..] == b"four", format!("the body on Mw is {body:?}"))
        }
        answer = wic.answer() => t.status(&answer?, &[415]),
    }
}

async fn lying_content_length(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Authorization", edge.credentials(&alice)).with("Content-Length", 5);
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[400])
}

async fn via_of_tcp(t: &mut Tester) -> Outcome {
    let mut edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let branch = alice.next_branch();
    let via = format!("SIP/2.0/TCP {};branch={branch}", alice.host);
    let register = alice.register().set("Via", via).with("Authorization", edge.credentials(&alice));
    let answer = edge.refused(&mut wic, &register).await?;
    t.status(&answer, &[400])
}

async fn dead_peer(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("connection.ping_interval", 1)).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let admitted = edge.registered(&mut wic, &mut alice).await?;
    let path = admitted.at_core.request.headers.value(&sip::HeaderName::Path).unwrap_or_default().to_owned();
    wic.answer_pings(false);
    let code = wic.closed_within(Duration::from_secs(10)).await?;
    t.saw(format!("closed with {code:?}"));
    let quiet = edge.quiet();
    edge.core.silent(quiet, |r| r.to_string().contains(&alice.user)).await?;
    let request = edge.from_core("MESSAGE", &alice.contact_uri(), Some(&path));
    let answer = edge.ask_from_core(&request).await?;
    t.status(&answer, &[430])
}

async fn keep_alive(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    wic.send("\r\n\r\n").await?;
    let came = wic.next().await?;
    t.saw(format!("{came:?}"));
    let pong = matches!(&came, Came::Message(_, octets) if &octets[..] == b"\r\n");
    t.check(pong, "the answer is not one CRLF")
}

async fn too_long(t: &mut Tester) -> Outcome {
    let mut edge = t.edge_with(Setup::new().with("connection.max_message", 8192)).await?;
    let mut wic = edge.operator_wic().await?;
    let mut alice = edge.person();
    let register = alice.register().with("Subject", "x".repeat(8193));
    wic.send(register.bytes()).await?;
    closes_with(t, wic.closed().await, 1009)
}

async fn plain(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let upgrade = edge.upgrade(&edge.operator.origin);
    let log = t.log().clone();
    match crate::script::Wic::upgrade(&edge.wss.plain(), "wic", &upgrade, &log).await {
        Ok((answer, _)) if answer.status == 101 => Err(Stop::fail("101 without TLS")),
        Ok((answer, _)) => {
            t.saw(answer.status.to_string());
            Ok(())
        }
        Err(error) => {
            t.saw(error.to_string());
            Ok(())
        }
    }
}

async fn no_handshake(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let right = edge.upgrade(&edge.operator.origin);
    let mut post = right.clone();
    post.start = right.start.replacen("GET", "POST", 1);
    let mut old = right.clone();
    old.start = right.start.replace("HTTP/1.1", "HTTP/1.0");
    let wrong = [
        ("POST", post),
        ("HTTP/1.0", old),
        ("no Upgrade", right.clone().without("Upgrade")),
        ("no Connection", right.clone().without("Connection")),
        ("no Host", right.without("Host")),
    ];
    for (what, upgrade) in wrong {
        let (answer, _) = edge.try_upgrade(&upgrade).await?;
        t.saw(format!("{what}: {}", answer.status));
        let refused = (400..500).contains(&answer.status) || (what == "no Upgrade" && answer.status < 500);
        t.check(answer.status != 101 && refused, format!("{what}: {}", answer.status))?;
    }
    Ok(())
}

async fn not_sip(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    wic.send("hello").await?;
    closes_with(t, wic.closed().await, 1003)
}

async fn reserved(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let mut rsv = Frame::new(Opcode::Text, "\r\n\r\n");
    rsv.rsv = 4;
    for frame in [rsv, Frame::new(Opcode::Reserved(3), "x")] {
        let mut wic = edge.operator_wic().await?;
        wic.send_frame(&frame).await?;
        closes_with(t, wic.closed().await, 1002)?;
    }
    Ok(())
}

async fn close_handshake(t: &mut Tester) -> Outcome {
    let edge = t.edge().await?;
    let mut wic = edge.operator_wic().await?;
    wic.send_frame(&Frame::close(1000, "")).await?;
    let code = wic.closed().await?;
    t.saw(format!("Close {code:?}"));
    t.check(code.is_some(), "the connection ended without a Close")
}

/// That a connection was closed with a code.
pub(super) fn closes_with(t: &mut Tester, closed: Result<Option<u16>, ScriptError>, expected: u16) -> Outcome {
    let code = closed?;
    t.saw(format!("closed with {code:?}"));
    let otherwise = match code {
        Some(code) => format!("closed with {code} instead of {expected}"),
        None => format!("the connection ended without a Close where {expected} is expected"),
    };
    t.check(code == Some(expected), otherwise)
}
