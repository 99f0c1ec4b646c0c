//! How a WIC uses its WebSocket (RFC 7118).

use super::calls::towards;
use super::registrar::registered_anyhow;
use crate::script::Admission;
use crate::tester::{Tester, Ua};
use crate::verdict::{Outcome, Stop};

/// The value of a line of the upgrade that the WIC asked for.
fn line(ua: &Ua, name: &str) -> Outcome<Option<String>> {
    let upgrade = ua.connects.first().ok_or_else(|| Stop::fail("no connection was asked for"))?.as_deref();
    let upgrade = upgrade.ok_or_else(|| Stop::NotApplicable("this WIC leaves the upgrade to its shell".into()))?;
    let lines = upgrade.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned());
    Ok(values.next())
}

pub(super) async fn offers_sip(t: &mut Tester) -> Outcome {
    let mut ua = t.wic(t.any_access()).await?;
    ua.start().await?;
    let offered = line(&ua, "Sec-WebSocket-Protocol")?.unwrap_or_default();
    t.saw(format!("Sec-WebSocket-Protocol: {offered}"));
    t.check(offered.split(',').any(|name| name.trim() == "sip"), format!("it offers {offered:?}"))
}

pub(super) async fn insists_on_sip(t: &mut Tester) -> Outcome {
    let mut ua = t.wic(t.any_access()).await?;
    ua.admit(Admission::WithoutSubprotocol);
    ua.start().await?;
    line(&ua, "Sec-WebSocket-Protocol")?;
    t.check(ua.is_silent(), "something was sent")
}

pub(super) async fn one_message_each(t: &mut Tester) -> Outcome {
    let (mut ua, register) = registered_anyhow(t).await?;
    let options = towards(&ua, &register, "OPTIONS", 1)?;
    ua.receive(options.bytes()).await?;
    let answer = ua.octets().ok_or_else(|| Stop::fail("OPTIONS is not answered"))?;
    let mut ua = t.wic(t.any_access()).await?;
    ua.start().await?;
    let request = ua.octets().ok_or_else(|| Stop::fail("there is no REGISTER"))?;
    for octets in [request, answer] {
        let text = String::from_utf8_lossy(&octets).into_owned();
        let first = text.lines().next().unwrap_or_default();
        t.saw(first);
        t.check(is_one_message(&text), format!("there is more or less than one message: {first}"))?;
    }
    Ok(())
}

/// Whether the body ends where the message does.
fn is_one_message(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let lengths = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let mut lengths = lengths.filter(|(name, _)| ["content-length", "l"].contains(&&*name.trim().to_lowercase()));
    let length = lengths.next().map(|(_, value)| value.trim().to_owned());
    head.contains("SIP/2.0") && length.is_none_or(|length| length == body.len().to_string())
}

pub(super) async fn answers_ping(t: &mut Tester) -> Outcome {
    let (mut ua, _) = registered_anyhow(t).await?;
    ua.ping(b"are you there").await?;
    t.saw(format!("{:?}", ua.pongs));
    t.check(ua.pongs.iter().any(|octets| &octets[..] == b"are you there"), "there is no Pong with the same octets")
}
