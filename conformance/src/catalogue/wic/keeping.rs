//! How a WIC keeps its registration and its connection.

use bytes::Bytes;
use sip::headers::RetryAfter;
use sip::{HeaderName, Request};

use super::registrar::{contact, opened, presented, registered, registered_with, response, secs};
use crate::lab::WicAccess;
use crate::script::Admission;
use crate::tester::Tester;
use crate::verdict::{Outcome, Stop};

pub(super) async fn refresh_times(t: &mut Tester) -> Outcome {
    for (granted, after) in [(1200, 600), (1300, 700)] {
        let (mut ua, _) = registered(t, granted).await?;
        let waited = ua.pass_until(secs(granted.into()), |ua| !ua.is_silent()).await?;
        let waited = waited.ok_or_else(|| Stop::Fail(format!("{granted} s granted: no REGISTER before its end")))?;
        let request = ua.request().await?;
        t.saw(format!("{granted} s granted: {} after {} s", request.method, waited.as_secs()));
        let near = secs(after - 1)..=secs(after + 1);
        t.check(near.contains(&waited), format!("{granted} s granted: a REGISTER after {} s", waited.as_secs()))?;
    }
    Ok(())
}

pub(super) async fn retry_after(t: &mut Tester) -> Outcome {
    let (mut ua, first) = opened(t).await?;
    ua.answer(&response(&first, 503).with(&RetryAfter(120))).await?;
    ua.pass(secs(119)).await?;
    t.check(ua.is_silent() && ua.connects.len() == 1, "it tried again before 120 s")?;
    // A back-off of its own may be longer.
    let waited = ua.pass_until(secs(120), |ua| !ua.is_silent()).await?;
    t.check(waited.is_some(), "it does not try again within 239 s")?;
    let again = ua.request().await?;
    t.saw(format!("{} after 120 s", again.method));
    Ok(())
}

pub(super) async fn back_off(t: &mut Tester) -> Outcome {
    let mut ua = t.wic(WicAccess::Digest).await?;
    ua.admit(Admission::Refused);
    ua.start().await?;
    let mut waits = Vec::new();
    for tries in 1..=10 {
        t.check(ua.connects.len() == tries, format!("{} connections at a time", ua.connects.len() + 1 - tries))?;
        let wait = ua.pass_until(secs(7200), |ua| ua.connects.len() > tries).await?;
        waits.push(wait.ok_or_else(|| Stop::Fail(format!("after {waits:?} s it does not try again")))?.as_secs());
    }
    t.saw(format!("{waits:?} s"));
    t.check(waits.iter().all(|wait| *wait <= 1800), "a wait is longer than 1800 s")?;
    // Half of the bound to the whole of it, the bound doubling from 30 s: past the first try a wait
    // is never less than half of the bound before.
    let bounds = std::iter::successors(Some(30_u64), |bound| Some((bound * 2).min(1800)));
    let late = waits.iter().rev().zip(bounds.take(10).collect::<Vec<_>>().into_iter().rev());
    let grow = late.take(5).all(|(wait, bound)| *wait >= bound / 4);
    t.check(grow, format!("the waits do not grow as they should: {waits:?} s"))
}

pub(super) async fn keep_alive(t: &mut Tester) -> Outcome {
    let (mut ua, _) = registered_with(t, 3600, |ok| ok.with_raw(HeaderName::FlowTimer, "120")).await?;
    ua.answers_keep_alives = false;
    let waited = ua.pass_until(secs(121), |ua| ua.keep_alives > 0).await?;
    let waited = waited.ok_or_else(|| Stop::fail("there is no CRLF CRLF within 121 s"))?;
    t.saw(format!("CRLF CRLF after {} s", waited.as_secs()));
    t.check(waited >= secs(95) && ua.is_silent(), "something was sent before 96 s")?;
    let connects = ua.connects.len();
    ua.pass(secs(12)).await?;
    t.check(!ua.closes.is_empty() || ua.connects.len() > connects, "the flow is not given up")
}

pub(super) async fn kept_alive(t: &mut Tester) -> Outcome {
    let (mut ua, _) = registered_with(t, 3600, |ok| ok.with_raw(HeaderName::FlowTimer, "120")).await?;
    ua.pass(secs(1200)).await?;
    t.saw(format!("{} keep-alives, {} connections", ua.keep_alives, ua.connects.len()));
    t.check(ua.keep_alives >= 10, format!("{} keep-alives in 20 minutes", ua.keep_alives))?;
    t.check(ua.connects.len() == 1 && ua.closes.is_empty(), "the connection was given up")
}

pub(super) async fn call_id_and_cseq(t: &mut Tester) -> Outcome {
    let (mut ua, second) = registered(t, 1200).await?;
    ua.pass_until(secs(1200), |ua| !ua.is_silent()).await?;
    let third = ua.request().await?;
    let number = |r: &Request| r.cseq().map(|c| c.number).unwrap_or_default();
    t.saw(format!("CSeq {}, {}", number(&second), number(&third)));
    t.check(
        second.headers.value(&HeaderName::CallId) == third.headers.value(&HeaderName::CallId),
        "the Call-IDs differ",
    )?;
    t.check(number(&third) == number(&second) + 1, "CSeq does not count by one")
}

pub(super) async fn counts_nc(t: &mut Tester) -> Outcome {
    let (mut ua, second) = registered(t, 1200).await?;
    let before = presented(&second, ua.account())?;
    ua.pass_until(secs(1200), |ua| !ua.is_silent()).await?;
    let refresh = ua.request().await?;
    t.check(refresh.headers.has(&HeaderName::Authorization), "the refresh has no Authorization")?;
    let after = presented(&refresh, ua.account())?;
    t.check(after.nonce == before.nonce, format!("the nonce is {:?}", after.nonce))?;
    t.check(after.nc == before.nc + 1, format!("nc is {} after {}", after.nc, before.nc))
}

pub(super) async fn reconnects(t: &mut Tester) -> Outcome {
    let (mut ua, second) = registered(t, 3600).await?;
    ua.close(1006).await?;
    let waited = ua.pass_until(secs(60), |ua| ua.connects.len() > 1).await?;
    t.check(waited.is_some(), "no other connection was asked for within 60 s")?;
    let again = ua.request().await?;
    let identity = |r: &Request| contact(r).map(|c| (c.instance(), c.reg_id()));
    let (before, after) = (identity(&second)?, identity(&again)?);
    t.saw(format!("{after:?}"));
    t.check(before == after, "instance or reg-id differ")
}

pub(super) async fn noise(t: &mut Tester) -> Outcome {
    let (mut ua, second) = registered(t, 3600).await?;
    let stray = response(&second, 200).to_bytes();
    for octets in [
        Bytes::from_static(b"hello"),
        Bytes::from_static(b"SIP/2.0 200"),
        Bytes::from_static(b"\xff\xfe\x00"),
        Bytes::from_static(b"OPTIONS sip:a@b SIP/2.0\r\nVia: x"),
        stray,
    ] {
        ua.receive(octets).await?;
        while let Some(sent) = ua.octets() {
            let text = String::from_utf8_lossy(&sent).into_owned();
            t.check(text.starts_with("SIP/2.0 4") || text.starts_with("SIP/2.0 5"), format!("it sent {text:.60}"))?;
        }
    }
    t.check(ua.closes.is_empty(), format!("it closed the connection: {:?}", ua.closes))?;
    let registered = ua.registered().await?;
    t.check(registered, "it is registered no more")
}
