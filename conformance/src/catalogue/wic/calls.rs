//! Calls to a WIC.

use sip::{HeaderName, Method, Request};

use super::registrar::{contact, registered_anyhow};
use crate::script::Msg;
use crate::tester::{SDP, Tester, Ua};
use crate::verdict::{Outcome, Stop};

/// A request of the other side to the WIC.
pub(super) fn towards(ua: &Ua, register: &Request, method: &str, cseq: u32) -> Outcome<Msg> {
    Ok(Msg::request(method, &contact(register)?.uri.to_string())
        .with("Via", format!("SIP/2.0/WSS epcscf1.ims.example;branch=z9hG4bKt{method}{cseq}"))
        .with("Max-Forwards", 70)
        .with("Record-Route", "<sip:flow@epcscf1.ims.example;transport=ws;lr>")
        .with("From", "<sip:bob@ims.example>;tag=bob")
        .with("To", format!("<{}>", ua.account().impu))
        .with("Call-ID", "call-of-bob")
        .with("CSeq", format!("{cseq} {method}"))
        .with("Contact", "<sip:bob@scscf1.ims.example>")
        .with("P-Asserted-Identity", "<sip:bob@ims.example>"))
}

pub(super) async fn short_session(t: &mut Tester) -> Outcome {
    let (mut ua, register) = registered_anyhow(t).await?;
    let invite = towards(&ua, &register, "INVITE", 1)?
        .with("Supported", "timer")
        .with("Session-Expires", "30;refresher=uac")
        .body("application/sdp", SDP);
    ua.receive(invite.bytes()).await?;
    let answer = ua.final_response().await?;
    let least = answer.headers.value(&HeaderName::MinSe).unwrap_or_default().to_owned();
    t.saw(format!("{} with Min-SE {least}", answer.status));
    t.status(&answer, &[422])?;
    t.check(least.parse().is_ok_and(|seconds: u32| seconds >= 90), format!("Min-SE is {least:?}"))
}

pub(super) async fn glare(t: &mut Tester) -> Outcome {
    let (mut ua, register) = registered_anyhow(t).await?;
    let invite = towards(&ua, &register, "INVITE", 1)?.body("application/sdp", SDP);
    ua.receive(invite.bytes()).await?;
    ua.answer_call().await?;
    let ok = ua.final_response().await?;
    t.status(&ok, &[200]).map_err(|_| Stop::Inconclusive("the call was not answered".into()))?;
    let to = ok.headers.value(&HeaderName::To).unwrap_or_default().to_owned();
    let ack = towards(&ua, &register, "ACK", 1)?.set("To", &to).without("Contact");
    ua.receive(ack.bytes()).await?;
    ua.offer_again().await?;
    let own = ua.request().await?;
    t.saw(format!("the WIC's own {}", own.method));
    t.check(own.method == Method::Invite, format!("{} was sent", own.method))?;
    let crossing = towards(&ua, &register, "INVITE", 2)?.set("To", &to).body("application/sdp", SDP);
    ua.receive(crossing.bytes()).await?;
    let answer = ua.final_response().await?;
    t.status(&answer, &[491])
}
