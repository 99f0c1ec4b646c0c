//! How a WIC registers by digest, and leaves.

use sip::HeaderName;
use sip::digest::{self, Algorithm, Ha1};
use sip::headers::MinExpires;

use super::registrar::{
    accept, asked, challenge, contact, credentials, opened, presented, proof, registered, response, secs,
};
use crate::lab::Account;
use crate::tester::Tester;
use crate::verdict::{Outcome, Stop};

pub(super) async fn first_register(t: &mut Tester) -> Outcome {
    let (ua, request) = opened(t).await?;
    let Account { impi, impu, home, .. } = ua.account();
    let uri = request.uri.to_string();
    t.check(uri == format!("sip:{home}"), format!("the Request-URI is {uri}"))?;
    let (to, from) = (request.to(), request.from());
    let same = matches!((&to, &from), (Ok(to), Ok(from)) if to.uri.to_string() == *impu && to.uri == from.uri
        && to.tag().is_none() && from.tag().is_some());
    t.check(same, "To and From are not the IMPU, with a tag in From alone")?;
    let via = request.via().map_err(|e| Stop::fail(e.to_string()))?;
    let contact = contact(&request)?;
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
    if !request.headers.has(&HeaderName::Authorization) {
        t.saw("there is no Authorization: the IMPI is to be derived");
        return Ok(());
    }
    let digest = credentials(&request)?;
    t.check(digest.text("username").as_deref() == Some(impi), "the username is not the IMPI")?;
    t.check(digest.text("response").as_deref() == Some(""), "the response is not empty")
}

pub(super) async fn strongest_algorithm(t: &mut Tester) -> Outcome {
    for order in [[Algorithm::Md5, Algorithm::Sha256], [Algorithm::Sha256, Algorithm::Md5]] {
        let (mut ua, first) = opened(t).await?;
        ua.answer(&challenge(&first, &ua.account().home, &order, "n1", false)).await?;
        let chosen = presented(&ua.request().await?, ua.account())?.algorithm;
        t.saw(format!("{} first: {chosen}", order[0]));
        t.check(chosen == Algorithm::Sha256, format!("{chosen} was chosen"))?;
    }
    Ok(())
}

pub(super) async fn wrong_rspauth(t: &mut Tester) -> Outcome {
    let (mut ua, first) = opened(t).await?;
    let algorithm = ua.account().algorithm;
    ua.answer(&challenge(&first, &ua.account().home, &[algorithm], "n1", false)).await?;
    let second = ua.request().await?;
    let presented = presented(&second, ua.account())?;
    let Account { impi, home, .. } = ua.account();
    let ha1 = Ha1::new(presented.algorithm, impi, home, "another password");
    ua.answer(&accept(&second, 3600)?.with(&digest::authentication_info(&presented, &ha1, None))).await?;
    let registered = ua.registered().await?;
    t.saw(format!("registered: {registered}; closed with {:?}", ua.closes));
    t.check(!registered, "the WIC takes itself for registered")?;
    t.check(!ua.closes.is_empty(), "the connection was not closed")
}

pub(super) async fn longer_expiry(t: &mut Tester) -> Outcome {
    let (mut ua, first) = opened(t).await?;
    ua.answer(&response(&first, 423).with(&MinExpires(7200))).await?;
    let asked = asked(&ua.request().await?);
    t.saw(format!("{asked:?} s asked for"));
    t.check(asked.is_some_and(|seconds| seconds >= 7200), "not 7200 s are asked for")
}

pub(super) async fn stale_nonce(t: &mut Tester) -> Outcome {
    let (mut ua, first) = opened(t).await?;
    let algorithm = [ua.account().algorithm];
    ua.answer(&challenge(&first, &ua.account().home, &algorithm, "n1", false)).await?;
    let second = ua.request().await?;
    ua.answer(&challenge(&second, &ua.account().home, &algorithm, "n2", true)).await?;
    let third = presented(&ua.request().await?, ua.account())?;
    t.saw(format!("nonce {:?}, nc {}", third.nonce, third.nc));
    t.check(third.nonce == "n2", format!("the nonce is {:?}", third.nonce))?;
    t.check(third.nc == 1, format!("the new nonce is used first, with nc {}", third.nc))
}

pub(super) async fn refused_password(t: &mut Tester) -> Outcome {
    let (mut ua, first) = opened(t).await?;
    let algorithm = [ua.account().algorithm];
    ua.answer(&challenge(&first, &ua.account().home, &algorithm, "n1", false)).await?;
    let second = ua.request().await?;
    ua.answer(&challenge(&second, &ua.account().home, &algorithm, "n2", false)).await?;
    ua.pass(secs(3600)).await?;
    t.check(ua.is_silent(), "another REGISTER was sent")
}

pub(super) async fn leaves(t: &mut Tester) -> Outcome {
    let (mut ua, _) = registered(t, 3600).await?;
    ua.leave().await?;
    let mut request = ua.request().await?;
    if !request.headers.has(&HeaderName::Authorization) {
        let algorithm = ua.account().algorithm;
        ua.answer(&challenge(&request, &ua.account().home, &[algorithm], "n2", false)).await?;
        request = ua.request().await?;
    }
    let expires = asked(&request);
    t.check(expires == Some(0), format!("the expiry is {expires:?}"))?;
    let ok = accept(&request, 0)?.with(&proof(&request, ua.account())?);
    ua.answer(&ok).await?;
    // It may wait for what else is under way.
    ua.pass_until(secs(10), |ua| !ua.closes.is_empty()).await?;
    t.saw(format!("closed with {:?}", ua.closes));
    t.check(!ua.closes.is_empty(), "the connection is not closed")?;
    t.check(matches!(ua.closes[..], [None | Some(1000)]), format!("closed with {:?}", ua.closes))
}
