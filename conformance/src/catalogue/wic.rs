//! TP-WIC: the client, here the native one; its clock is the script's.

use std::time::Duration;

use sip::digest::{self, Algorithm, Ha1, Presented};
use sip::headers::{
    AuthenticationInfo, Authorization, BearerChallenge, Challenge, Contact, Credentials, DigestCredentials, MinExpires,
    RetryAfter, TypedHeader, WwwAuthenticate,
};
use sip::{HeaderName, Message, Request, Response, StatusCode};
use wic::Sdp;

use crate::purpose::purposes;
use crate::tester::Tester;
use crate::tester::ua::{AUTHZ_SERVER, HOME, IMPI, PASSWORD, Ua};
use crate::verdict::{Outcome, Stop};

purposes! {
    "TOK-29" Wic WebAuth Requirement "RFC 8898 §2.1.1" {
        "An authorisation server that is not known is not contacted",
        "401 with an authz_server that the WIC was not told of" => "no token is asked for, and nothing is sent",
        test(unknown_authz_server),
    }
    "DIG-17" Wic Digest Requirement "33.203 N.2.1.1" {
        "A server that does not know the password is left",
        "200 with a wrong rspauth" => "not registered; the connection is closed",
        test(wrong_rspauth),
    }
    "REG-07" Wic Digest Requirement "24.229 §5.1.1.4.1" {
        "A registration is refreshed in time",
        "1200 s granted; 1300 s granted" => "a REGISTER after 600 s; after 700 s",
        test(refresh_times),
    }
    "EVT-03" Wic WebAuth Requirement "RFC 3680 §5.1" {
        "A gap in what it is told makes the WIC ask for all",
        given "a WIC that watches its registration, told version 0",
        "a NOTIFY with version 2, partial" => "SUBSCRIBE again",
        test(version_gap),
    }
    "NET-06" Wic WebAuth Requirement "24.229 §5.4.1.6, §5.1.1.5.1" {
        "A shortened registration is made anew in time",
        given "a WIC that watches its registration of an hour",
        "a NOTIFY with its contact shortened to 60 s" => "a REGISTER within 60 s",
        test(shortened),
    }
    "DLG-09" Wic WebAuth Requirement "RFC 3261 §14.2" {
        "Two offers that cross are both taken back",
        given "a call of the WIC, whose re-INVITE is under way",
        "a re-INVITE of the other side" => "491",
        test(glare),
    }
    "DLG-10" Wic WebAuth Requirement "RFC 4028 §9, §5" {
        "A session interval that is too short is refused",
        given "a registered WIC",
        "INVITE with Supported: timer and Session-Expires: 30" => "422 with Min-SE: 90 or more",
        test(short_session),
    }
    "WIC-01" Wic Digest Requirement "24.229 §5.1.1.2, RFC 7118 §5" {
        "The first REGISTER is well-formed",
        "flow 1 begins" => "R-URI the domain alone, To = From = IMPU, Via WSS and Contact of one .invalid host with \
            transport=ws, reg-id, +sip.instance, Supported: path, outbound; the IMPI with an empty response",
        test(first_register),
    }
    "WIC-02" Wic Digest Requirement "RFC 8760 §2.4" {
        "The strongest algorithm is chosen",
        "401 with MD5 before SHA-256; the other way round" => "SHA-256 both times, and a right response",
        test(strongest_algorithm),
    }
    "WIC-03" Wic Digest Requirement "RFC 3261 §10.2.8" {
        "423 is answered with a longer time",
        "423 with Min-Expires: 7200" => "a REGISTER that asks for 7200 s",
        test(longer_expiry),
    }
    "WIC-04" Wic Digest Requirement "RFC 3261 §20.33" {
        "Retry-After is honoured",
        "503 with Retry-After: 120" => "no REGISTER for 120 s, then one",
        test(retry_after),
    }
    "WIC-05" Wic Digest Requirement "RFC 5626 §4.5" {
        "Tries that fail come ever less often",
        "connections that fail, ten times" => "waits that grow up to 30 minutes, each between half and the whole of its bound",
        test(back_off),
    }
    "WIC-06" Wic Digest Requirement "RFC 5626 §4.4.1" {
        "Keep-alives go out in time, and silence fails the flow",
        "200 with Flow-Timer: 120; no CRLF" => "CRLF CRLF after 96 to 120 s; the connection is given up 10 s later",
        test(keep_alive),
    }
    "WIC-07" Wic Digest Requirement "RFC 3261 §10.2" {
        "One Call-ID, and CSeq counts",
        "challenge and refresh" => "one Call-ID, CSeq one more each time",
        test(call_id_and_cseq),
    }
    "WIC-08" Wic Digest Requirement "33.203 N.2.3" {
        "A stale nonce is no wrong password",
        "401 with stale=true to an answer" => "another answer, over the new nonce",
        test(stale_nonce),
    }
    "WIC-09" Wic Digest Requirement "RFC 3261 §22.2" {
        "A refused password is not tried again",
        "401 without stale to an answer" => "no further REGISTER",
        test(refused_password),
    }
    "WIC-10" Wic WebAuth Requirement "24.371 §7.2.1, TS 23.228 U.2.1.3 step 3" {
        "The token goes into Authorization, its identities into To and From",
        "flow 2 begins" => "Bearer with the token, no Digest; To and From the IMPU that came with it",
        test(token_register),
    }
    "WIC-11" Wic WebAuth Requirement "TS 23.228 U.2.1.3" {
        "A token that ends is replaced before",
        "a token of 600 s, 3600 s granted" => "another token is asked for, and a REGISTER sent, before 600 s",
        test(token_refresh),
    }
    "WIC-12" Wic Digest Requirement "RFC 3261 §10.2.2" {
        "Leaving is said",
        "the user leaves" => "a REGISTER with an expiry of 0, then the connection is closed with 1000",
        test(leaves),
    }
    "WIC-13" Wic Digest Requirement "RFC 3261 §18.1.2" {
        "What cannot be read is not acted on",
        "noise, half a message, a response to nothing" => "still registered, nothing sent but answers of 4xx",
        test(noise),
    }
    "WIC-14" Wic WebAuth Policy "33.203 X.3.2.3 step 4" {
        "A close for policy is not answered with another try",
        "403, then close 1008" => "no new connection",
        test(policy_close),
    }
    "WIC-15" Wic Digest Requirement "RFC 5626 §4.3" {
        "A lost connection is replaced by one of the same instance",
        "close 1006 while registered" => "another connection; a REGISTER with the same +sip.instance and reg-id",
        test(reconnects),
    }
    "WIC-16" Wic Digest Requirement "RFC 7616 §3.4" {
        "A refresh counts nc on the nonce that it has",
        "200 without nextnonce, then the refresh" => "the same nonce with nc=00000002",
        test(counts_nc),
    }
    "WIC-17" Wic WebAuth Requirement "RFC 8898 §2.1.1" {
        "A refused token is replaced once",
        "401 invalid_token with the known authz_server, twice" => "one more token is asked for, not two",
        test(token_replaced_once),
    }
}

/// A digest WIC, open, with its first REGISTER.
fn opened(t: &mut Tester) -> Outcome<(Ua, Request)> {
    t.needs_wic()?;
    let mut ua = Ua::digest(t.log())?;
    ua.open(3600)?;
    let request = ua.request()?;
    Ok((ua, request))
}

/// A digest WIC that is registered, with the REGISTER that was answered 200.
fn registered(t: &mut Tester, granted: u32, more: impl FnOnce(Response) -> Response) -> Outcome<(Ua, Request)> {
    let (mut ua, first) = opened(t)?;
    ua.answer(&challenge(&first, &[Algorithm::Sha256], "n1", false)?);
    let second = ua.request()?;
    let ok = accept(&second, granted)?.with(&proof(&second, PASSWORD)?);
    ua.answer(&more(ok));
    match ua.state().binding() {
        Some(_) => Ok((ua, second)),
        None => Err(Stop::Fail(format!("not registered after the 200: {}", ua.state().name()))),
    }
}

fn response(request: &Request, status: u16) -> Response {
    let status = StatusCode::new(status).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR);
    let mut response = request.respond(status);
    response.ensure_to_tag(|| "registrar".into());
    response
}

fn challenge(request: &Request, algorithms: &[Algorithm], nonce: &str, stale: bool) -> Outcome<Response> {
    Ok(algorithms.iter().fold(response(request, 401), |response, algorithm| {
        response.with(&WwwAuthenticate(Challenge::Digest(digest::challenge(*algorithm, HOME, nonce, stale))))
    }))
}

fn bearer_challenge(request: &Request, authz_server: &str, error: &str) -> Response {
    let mut challenge = BearerChallenge::default();
    challenge.params.set_quoted("realm", HOME);
    challenge.params.set_quoted("authz_server", authz_server);
    challenge.params.set_quoted("scope", "webrtc-ims-client-access-to-ims");
    challenge.params.set_quoted("error", error);
    response(request, 401).with(&WwwAuthenticate(Challenge::Bearer(challenge)))
}

fn accept(request: &Request, granted: u32) -> Outcome<Response> {
    let contact: Option<Contact> = request.headers.first().map_err(|e| Stop::fail(e.to_string()))?;
    let mut contact = contact.ok_or_else(|| Stop::fail("the REGISTER has no Contact"))?;
    contact.params.set("expires", granted.to_string());
    let response = response(request, 200);
    if granted == 0 {
        return Ok(response);
    }
    Ok(response
        .with(&contact)
        .with_raw(HeaderName::Require, "outbound")
        .with_raw(HeaderName::ServiceRoute, "<sip:orig@scscf1.ims.example;lr>")
        .with_raw(HeaderName::PAssociatedUri, "<sip:alice@ims.example>"))
}

fn credentials(request: &Request) -> Outcome<DigestCredentials> {
    let value = request.headers.value(&HeaderName::Authorization).unwrap_or_default();
    match Authorization::parse(value).map(|a| a.0) {
        Ok(Credentials::Digest(digest)) => Ok(digest),
        _ => Err(Stop::Fail(format!("Authorization is {value:?}"))),
    }
}

/// What the WIC presents, whose response must be right.
fn presented(request: &Request) -> Outcome<Presented> {
    let presented = Presented::parse(&credentials(request)?).map_err(|e| Stop::fail(e.to_string()))?;
    let ha1 = Ha1::new(presented.algorithm, IMPI, HOME, PASSWORD);
    match presented.verify(&ha1, "REGISTER") {
        true => Ok(presented),
        false => Err(Stop::fail("the digest response is wrong")),
    }
}

fn proof(request: &Request, password: &str) -> Outcome<AuthenticationInfo> {
    let presented = presented(request)?;
    Ok(digest::authentication_info(&presented, &Ha1::new(presented.algorithm, IMPI, HOME, password), None))
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn unknown_authz_server(t: &mut Tester) -> Outcome {
    t.needs_wic()?;
    let mut ua = Ua::token(t.log())?;
    ua.open(3600)?;
    let request = ua.request()?;
    let asked = ua.fetches.len();
    ua.answer(&bearer_challenge(&request, "https://attacker.example/token", "invalid_token"));
    ua.pass(secs(120));
    t.saw(format!("the WIC is {}; {} more tokens asked for", ua.state().name(), ua.fetches.len() - asked));
    t.check(ua.fetches.len() == asked, "a token was asked for")?;
    t.check(ua.octets().is_none(), "something was sent")
}

async fn wrong_rspauth(t: &mut Tester) -> Outcome {
    let (mut ua, first) = opened(t)?;
    ua.answer(&challenge(&first, &[Algorithm::Sha256], "n1", false)?);
    let second = ua.request()?;
    presented(&second)?;
    let ok = accept(&second, 3600)?.with(&proof(&second, "another password")?);
    ua.answer(&ok);
    t.saw(format!("the WIC is {}; closed with {:?}", ua.state().name(), ua.closes));
    t.check(ua.state().binding().is_none(), "the WIC takes itself for registered")?;
    t.check(!ua.closes.is_empty(), "the connection was not closed")
}

async fn refresh_times(t: &mut Tester) -> Outcome {
    for (granted, after) in [(1200, 600), (1300, 700)] {
        let (mut ua, _) = registered(t, granted, |ok| ok)?;
        ua.pass(secs(after - 1));
        t.check(ua.octets().is_none(), format!("{granted} s granted: a REGISTER before {after} s"))?;
        ua.pass(secs(2));
        let request = ua.request()?;
        t.saw(format!("{granted} s granted: {} after {after} s", request.method));
    }
    Ok(())
}

async fn first_register(t: &mut Tester) -> Outcome {
    let (_ua, request) = opened(t)?;
    let uri = request.uri.to_string();
    t.check(uri == format!("sip:{HOME}"), format!("the Request-URI is {uri}"))?;
    let (to, from) = (request.to(), request.from());
    let same =
        matches!((&to, &from), (Ok(to), Ok(from)) if to.uri == from.uri && to.tag().is_none() && from.tag().is_some());
    t.check(same, "To and From are not the IMPU, with a tag in From alone")?;
    let via = request.via().map_err(|e| Stop::fail(e.to_string()))?;
    let contact: Option<Contact> = request.headers.first().map_err(|e| Stop::fail(e.to_string()))?;
    let contact = contact.ok_or_else(|| Stop::fail("there is no Contact"))?;
    t.saw(format!("Via {via}; Contact {contact}"));
    let host = via.host.as_str();
    t.check(&*via.transport == "WSS" && host.ends_with(".invalid"), format!("Via is {via}"))?;
    let uri = contact.uri.as_sip().ok_or_else(|| Stop::fail("the Contact is no SIP URI"))?;
    t.check(uri.host.as_str() == host, "Contact and Via name two hosts")?;
    t.check(uri.params.value("transport") == Some("ws"), "the Contact lacks transport=ws")?;
    t.check(contact.reg_id() == Some(1) && contact.instance().is_some(), "the Contact lacks reg-id or +sip.instance")?;
    for tag in ["path", "outbound"] {
        t.check(request.headers.lists(&HeaderName::Supported, tag), format!("Supported lacks {tag}"))?;
    }
    let digest = credentials(&request)?;
    t.check(digest.text("username").as_deref() == Some(IMPI), "the username is not the IMPI")?;
    t.check(digest.text("response").as_deref() == Some(""), "the response is not empty")
}

async fn strongest_algorithm(t: &mut Tester) -> Outcome {
    for order in [[Algorithm::Md5, Algorithm::Sha256], [Algorithm::Sha256, Algorithm::Md5]] {
        let (mut ua, first) = opened(t)?;
        ua.answer(&challenge(&first, &order, "n1", false)?);
        let chosen = presented(&ua.request()?)?.algorithm;
        t.saw(format!("{} first: {chosen}", order[0]));
        t.check(chosen == Algorithm::Sha256, format!("{chosen} was chosen"))?;
    }
    Ok(())
}

async fn longer_expiry(t: &mut Tester) -> Outcome {
    let (mut ua, first) = opened(t)?;
    ua.answer(&response(&first, 423).with(&MinExpires(7200)));
    let second = ua.request()?;
    let contact: Option<Contact> = second.headers.first().map_err(|e| Stop::fail(e.to_string()))?;
    let asked = contact.and_then(|c| c.expires());
    t.saw(format!("{asked:?} s asked for"));
    t.check(asked.is_some_and(|e| e >= 7200), "not 7200 s are asked for")
}

async fn retry_after(t: &mut Tester) -> Outcome {
    let (mut ua, first) = opened(t)?;
    ua.answer(&response(&first, 503).with(&RetryAfter(120)));
    ua.pass(secs(119));
    t.check(ua.octets().is_none() && ua.connects == 1, "it tried again before 120 s")?;
    // A back-off of its own may be longer.
    ua.pass(secs(120));
    if ua.connects > 1 {
        ua.connected();
    }
    let again = ua.request()?;
    t.saw(format!("{} after 120 s", again.method));
    Ok(())
}

async fn back_off(t: &mut Tester) -> Outcome {
    t.needs_wic()?;
    let mut ua = Ua::digest(t.log())?;
    ua.tell(|agent, now| agent.start(now));
    let mut waits = Vec::new();
    for _ in 0..10 {
        ua.tell(|agent, now| agent.connect_failed(now, "refused"));
        let wait = ua.next_timer().ok_or_else(|| Stop::fail("it does not try again"))?;
        waits.push(wait.as_secs());
        ua.pass(wait);
    }
    t.saw(format!("{waits:?} s"));
    t.check(waits.iter().all(|wait| *wait <= 1800), "a wait is longer than 1800 s")?;
    // Half of the bound to the whole of it, the bound doubling from 30 s: past the first try a wait
    // is never less than half of the bound before.
    let bounds = std::iter::successors(Some(30_u64), |bound| Some((bound * 2).min(1800)));
    let late = waits.iter().rev().zip(bounds.take(10).collect::<Vec<_>>().into_iter().rev());
    t.check(late.take(5).all(|(wait, bound)| *wait >= bound / 4), "the waits do not grow as they should")
}

async fn keep_alive(t: &mut Tester) -> Outcome {
    let (mut ua, _) = registered(t, 3600, |ok| ok.with_raw(HeaderName::FlowTimer, "120"))?;
    ua.pass(secs(95));
    t.check(ua.octets().is_none(), "something was sent before 96 s")?;
    ua.pass(secs(26));
    let ping = ua.octets();
    t.saw(format!("{ping:?} within 121 s"));
    t.check(ping.as_deref() == Some(b"\r\n\r\n"), "there is no CRLF CRLF")?;
    let connects = ua.connects;
    ua.pass(secs(12));
    t.saw(format!("the WIC is {}", ua.state().name()));
    t.check(!ua.closes.is_empty() || ua.connects > connects, "the flow is not given up")
}

async fn call_id_and_cseq(t: &mut Tester) -> Outcome {
    let (mut ua, second) = registered(t, 1200, |ok| ok)?;
    ua.pass(secs(601));
    let third = ua.request()?;
    let number = |r: &Request| r.cseq().map(|c| c.number).unwrap_or_default();
    t.saw(format!("CSeq {}, {}", number(&second), number(&third)));
    t.check(
        second.headers.value(&HeaderName::CallId) == third.headers.value(&HeaderName::CallId),
        "the Call-IDs differ",
    )?;
    t.check(number(&second) == 2 && number(&third) == 3, "CSeq does not count by one")
}

async fn stale_nonce(t: &mut Tester) -> Outcome {
    let (mut ua, first) = opened(t)?;
    ua.answer(&challenge(&first, &[Algorithm::Sha256], "n1", false)?);
    let second = ua.request()?;
    ua.answer(&challenge(&second, &[Algorithm::Sha256], "n2", true)?);
    let third = presented(&ua.request()?)?;
    t.saw(format!("nonce {:?}, nc {}", third.nonce, third.nc));
    t.check(third.nonce == "n2" && third.nc == 1, "it is not the new nonce, used first")
}

async fn refused_password(t: &mut Tester) -> Outcome {
    let (mut ua, first) = opened(t)?;
    ua.answer(&challenge(&first, &[Algorithm::Sha256], "n1", false)?);
    let second = ua.request()?;
    ua.answer(&challenge(&second, &[Algorithm::Sha256], "n2", false)?);
    ua.pass(secs(3600));
    t.saw(format!("the WIC is {}", ua.state().name()));
    t.check(ua.octets().is_none(), "another REGISTER was sent")
}

async fn token_register(t: &mut Tester) -> Outcome {
    t.needs_wic()?;
    let mut ua = Ua::token(t.log())?;
    ua.open(3600)?;
    let request = ua.request()?;
    let value = request.headers.value(&HeaderName::Authorization).unwrap_or_default().to_owned();
    t.check(value == "Bearer eyJ0.eyJ9.c2ln", format!("Authorization is {value:?}"))?;
    let count = request.headers.values(&HeaderName::Authorization).count();
    t.check(count == 1, format!("{count} Authorization headers"))?;
    let to = request.to().map(|to| to.uri.to_string()).unwrap_or_default();
    t.saw(format!("To {to}"));
    t.check(to == "sip:alice@ims.example", format!("To is {to}"))
}

async fn token_refresh(t: &mut Tester) -> Outcome {
    t.needs_wic()?;
    let mut ua = Ua::token(t.log())?;
    ua.open(600)?;
    let request = ua.request()?;
    ua.answer(&accept(&request, 3600)?);
    t.check(ua.state().binding().is_some(), "it is not registered")?;
    let mut passed = 0;
    while ua.fetches.len() == 1 && passed < 590 {
        ua.pass(secs(1));
        passed += 1;
    }
    t.saw(format!("another token asked for after {passed} s"));
    t.check(ua.fetches.len() == 2, format!("{} tokens were asked for within 590 s", ua.fetches.len()))?;
    ua.give_token(600)?;
    let again = ua.request()?;
    t.check(again.headers.has(&HeaderName::Authorization), "the REGISTER has no token")
}

async fn leaves(t: &mut Tester) -> Outcome {
    let (mut ua, _) = registered(t, 3600, |ok| ok)?;
    ua.tell(|agent, now| agent.deregister(now));
    let request = ua.request()?;
    let contact: Option<Contact> = request.headers.first().map_err(|e| Stop::fail(e.to_string()))?;
    let header = request.headers.value(&HeaderName::Expires).and_then(|e| e.parse().ok());
    let expires = contact.and_then(|c| c.expires()).or(header);
    t.check(expires == Some(0), format!("the expiry is {expires:?}"))?;
    let ok = accept(&request, 0)?.with(&proof(&request, PASSWORD)?);
    ua.answer(&ok);
    t.saw(format!("the WIC is {}; closed with {:?}", ua.state().name(), ua.closes));
    t.check(ua.closes == [1000], format!("closed with {:?}", ua.closes))
}

async fn noise(t: &mut Tester) -> Outcome {
    let (mut ua, second) = registered(t, 3600, |ok| ok)?;
    let stray = response(&second, 200).to_bytes();
    for octets in [
        bytes::Bytes::from_static(b"hello"),
        bytes::Bytes::from_static(b"SIP/2.0 200"),
        bytes::Bytes::from_static(b"\xff\xfe\x00"),
        bytes::Bytes::from_static(b"OPTIONS sip:a@b SIP/2.0\r\nVia: x"),
        stray,
    ] {
        ua.receive(octets);
        while let Some(sent) = ua.octets() {
            let text = String::from_utf8_lossy(&sent).into_owned();
            t.check(text.starts_with("SIP/2.0 4") || text.starts_with("SIP/2.0 5"), format!("it sent {text:.60}"))?;
        }
    }
    t.saw(format!("the WIC is {}", ua.state().name()));
    t.check(ua.state().binding().is_some(), "it is registered no more")
}

async fn policy_close(t: &mut Tester) -> Outcome {
    t.needs_wic()?;
    let mut ua = Ua::token(t.log())?;
    ua.open(3600)?;
    let request = ua.request()?;
    ua.answer(&response(&request, 403));
    ua.close(1008);
    let (connects, fetches) = (ua.connects, ua.fetches.len());
    ua.pass(secs(7200));
    t.saw(format!("the WIC is {}", ua.state().name()));
    t.check(ua.connects == connects && ua.fetches.len() == fetches, "it tried again")
}

async fn reconnects(t: &mut Tester) -> Outcome {
    let (mut ua, second) = registered(t, 3600, |ok| ok)?;
    ua.close(1006);
    let mut passed = 0;
    while ua.connects == 1 && passed < 60 {
        ua.pass(secs(1));
        passed += 1;
    }
    t.check(ua.connects == 2, format!("{} connections were asked for", ua.connects))?;
    ua.connected();
    let again = ua.request()?;
    let contact = |r: &Request| -> Option<Contact> { r.headers.first().ok().flatten() };
    let identity = |r: &Request| contact(r).map(|c| (c.instance(), c.reg_id()));
    t.saw(format!("{:?}", identity(&again)));
    t.check(identity(&again).is_some() && identity(&again) == identity(&second), "instance or reg-id differ")
}

async fn counts_nc(t: &mut Tester) -> Outcome {
    let (mut ua, second) = registered(t, 1200, |ok| ok)?;
    let before = presented(&second)?;
    ua.pass(secs(601));
    let after = presented(&ua.request()?)?;
    t.saw(format!("nc {} then {}", before.nc, after.nc));
    t.check(after.nonce == before.nonce && after.nc == before.nc + 1, "not the same nonce with nc one more")
}

async fn token_replaced_once(t: &mut Tester) -> Outcome {
    t.needs_wic()?;
    let mut ua = Ua::token(t.log())?;
    ua.open(3600)?;
    for _ in 0..2 {
        let request = ua.request()?;
        ua.answer(&bearer_challenge(&request, AUTHZ_SERVER, "invalid_token"));
        if ua.fetches.len() == 2 {
            ua.give_token(3600)?;
        }
    }
    ua.pass(secs(5));
    t.saw(format!("{:?}; the WIC is {}", ua.fetches, ua.state().name()));
    t.check(ua.fetches.len() == 2, format!("{} tokens were asked for", ua.fetches.len()))
}

/// A token WIC that is registered for an hour and watches that, up to the full state.
fn watching(t: &mut Tester) -> Outcome<(Ua, Request, Request, Response)> {
    t.needs_wic()?;
    let mut ua = Ua::watching(t.log())?;
    ua.open(7200)?;
    let register = ua.request()?;
    ua.answer(&accept(&register, 3600)?);
    let subscribe = ua.request()?;
    let event = subscribe.headers.value(&HeaderName::Event).unwrap_or_default().to_owned();
    t.check(
        subscribe.method.as_str() == "SUBSCRIBE" && event == "reg",
        format!("{} with Event {event:?}", subscribe.method),
    )?;
    let ok = response(&subscribe, 200)
        .with_raw(HeaderName::Expires, "600")
        .with_raw(HeaderName::Contact, "<sip:scscf1.ims.example>");
    ua.answer(&ok);
    notify(&mut ua, &register, &subscribe, &ok, 1, 0, "full", ("registered", 3600))?;
    Ok((ua, register, subscribe, ok))
}

/// Tells the WIC of its contact, and takes its answer.
#[expect(clippy::too_many_arguments, reason = "one flat message")]
fn notify(
    ua: &mut Ua,
    register: &Request,
    subscribe: &Request,
    ok: &Response,
    cseq: u32,
    version: u32,
    state: &str,
    (event, expires): (&str, u32),
) -> Outcome {
    let contact: Option<Contact> = register.headers.first().map_err(|e| Stop::fail(e.to_string()))?;
    let contact = contact.map(|c| c.uri.to_string()).unwrap_or_default();
    let of = |r: &Request, name: HeaderName| r.headers.value(&name).unwrap_or_default().to_owned();
    let document = format!(
        "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{version}\" state=\"{state}\">\n\
         <registration aor=\"sip:alice@ims.example\" id=\"r1\" state=\"active\">\n\
         <contact id=\"c1\" state=\"active\" event=\"{event}\" expires=\"{expires}\"><uri>{contact}</uri></contact>\n\
         </registration>\n</reginfo>\n"
    );
    let notify = crate::script::Msg::request("NOTIFY", &contact)
        .with("Via", format!("SIP/2.0/WSS epcscf1.ims.example;branch=z9hG4bKn{cseq}"))
        .with("Max-Forwards", 70)
        .with("From", ok.headers.value(&HeaderName::To).unwrap_or_default())
        .with("To", of(subscribe, HeaderName::From))
        .with("Call-ID", of(subscribe, HeaderName::CallId))
        .with("CSeq", format!("{cseq} NOTIFY"))
        .with("Contact", "<sip:scscf1.ims.example>")
        .with("Event", "reg")
        .with("Subscription-State", "active;expires=600")
        .body("application/reginfo+xml", document);
    ua.receive(notify.bytes());
    match ua.message()? {
        Message::Response(answer) if answer.status.is_success() => Ok(()),
        Message::Response(answer) => Err(Stop::Fail(format!("{} {} to the NOTIFY", answer.status, answer.reason))),
        Message::Request(request) => Err(Stop::Fail(format!("{} where the NOTIFY is to be answered", request.method))),
    }
}

async fn version_gap(t: &mut Tester) -> Outcome {
    let (mut ua, register, subscribe, ok) = watching(t)?;
    notify(&mut ua, &register, &subscribe, &ok, 2, 2, "partial", ("refreshed", 3600))?;
    ua.pass(secs(1));
    let again = ua.request()?;
    t.saw(format!("{} with Event {:?}", again.method, again.headers.value(&HeaderName::Event)));
    t.check(again.method.as_str() == "SUBSCRIBE", format!("{} was sent", again.method))
}

async fn shortened(t: &mut Tester) -> Outcome {
    let (mut ua, register, subscribe, ok) = watching(t)?;
    notify(&mut ua, &register, &subscribe, &ok, 2, 1, "partial", ("shortened", 60))?;
    let mut passed = 0;
    while passed < 60 {
        if let Some(octets) = ua.octets() {
            let text = String::from_utf8_lossy(&octets).into_owned();
            t.saw(format!("after {passed} s: {}", text.lines().next().unwrap_or_default()));
            if text.starts_with("REGISTER") {
                return Ok(());
            }
        }
        ua.pass(secs(1));
        passed += 1;
    }
    Err(Stop::fail("no REGISTER within 60 s"))
}

/// A request of the other side to the WIC.
fn towards(register: &Request, method: &str, cseq: u32) -> Outcome<crate::script::Msg> {
    let contact: Option<Contact> = register.headers.first().map_err(|e| Stop::fail(e.to_string()))?;
    let contact = contact.map(|c| c.uri.to_string()).unwrap_or_default();
    Ok(crate::script::Msg::request(method, &contact)
        .with("Via", format!("SIP/2.0/WSS epcscf1.ims.example;branch=z9hG4bKt{method}{cseq}"))
        .with("Max-Forwards", 70)
        .with("Record-Route", "<sip:flow@epcscf1.ims.example;transport=ws;lr>")
        .with("From", "<sip:bob@ims.example>;tag=bob")
        .with("To", "<sip:alice@ims.example>")
        .with("Call-ID", "call-of-bob")
        .with("CSeq", format!("{cseq} {method}"))
        .with("Contact", "<sip:bob@scscf1.ims.example>")
        .with("P-Asserted-Identity", "<sip:bob@ims.example>"))
}

/// A token WIC that is registered, and its REGISTER.
fn registered_by_token(t: &mut Tester) -> Outcome<(Ua, Request)> {
    t.needs_wic()?;
    let mut ua = Ua::token(t.log())?;
    ua.open(7200)?;
    let register = ua.request()?;
    ua.answer(&accept(&register, 3600)?);
    Ok((ua, register))
}

/// The next final response that the WIC sent.
fn final_response(ua: &mut Ua) -> Outcome<Response> {
    loop {
        if let Message::Response(answer) = ua.message()?
            && answer.status.is_final()
        {
            return Ok(answer);
        }
    }
}

async fn short_session(t: &mut Tester) -> Outcome {
    let (mut ua, register) = registered_by_token(t)?;
    let invite = towards(&register, "INVITE", 1)?
        .with("Supported", "timer")
        .with("Session-Expires", "30;refresher=uac")
        .body("application/sdp", crate::tester::SDP);
    ua.receive(invite.bytes());
    let answer = final_response(&mut ua)?;
    let least = answer.headers.value(&HeaderName::MinSe).unwrap_or_default().to_owned();
    t.saw(format!("{} with Min-SE {least}", answer.status));
    t.status(&answer, &[422])?;
    t.check(least.parse().is_ok_and(|seconds: u32| seconds >= 90), format!("Min-SE is {least:?}"))
}

async fn glare(t: &mut Tester) -> Outcome {
    let (mut ua, register) = registered_by_token(t)?;
    let invite = towards(&register, "INVITE", 1)?.body("application/sdp", crate::tester::SDP);
    ua.receive(invite.bytes());
    let call = *ua.calls.first().ok_or_else(|| Stop::fail("the WIC tells of no call"))?;
    ua.tell(|agent, now| agent.answer(now, call, Sdp::new(crate::tester::SDP)));
    let ok = final_response(&mut ua)?;
    t.status(&ok, &[200]).map_err(|_| Stop::Inconclusive("the call was not answered".into()))?;
    let to = ok.headers.value(&HeaderName::To).unwrap_or_default().to_owned();
    let ack = towards(&register, "ACK", 1)?.set("To", &to).without("Contact");
    ua.receive(ack.bytes());
    ua.tell(|agent, now| agent.offer(now, call, Sdp::new(crate::tester::SDP)));
    let own = ua.request()?;
    t.saw(format!("the WIC's own {}", own.method));
    let crossing = towards(&register, "INVITE", 2)?.set("To", &to).body("application/sdp", crate::tester::SDP);
    ua.receive(crossing.bytes());
    let answer = final_response(&mut ua)?;
    t.status(&answer, &[491])
}
