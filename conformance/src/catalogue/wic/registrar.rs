//! The network's side of a WIC's registration.

use std::time::Duration;

use sip::digest::{self, Algorithm, Ha1, Presented};
use sip::headers::{
    AuthenticationInfo, Authorization, BearerChallenge, Challenge, Contact, Credentials, DigestCredentials,
    TypedHeader, WwwAuthenticate,
};
use sip::{HeaderName, Request, Response, StatusCode};

use crate::lab::{Account, Setup, WicAccess};
use crate::tester::{Tester, Ua};
use crate::verdict::{Outcome, Stop};

/// A digest WIC, open, with its first REGISTER.
pub(super) async fn opened(t: &mut Tester) -> Outcome<(Ua, Request)> {
    let mut ua = t.wic(WicAccess::Digest).await?;
    let request = ua.open().await?;
    Ok((ua, request))
}

/// A digest WIC that is registered, with the REGISTER that was answered 200.
pub(super) async fn registered(t: &mut Tester, granted: u32) -> Outcome<(Ua, Request)> {
    registered_with(t, granted, |ok| ok).await
}

/// As [`registered`], with more in the 200.
pub(super) async fn registered_with(
    t: &mut Tester,
    granted: u32,
    more: impl FnOnce(Response) -> Response,
) -> Outcome<(Ua, Request)> {
    let (mut ua, first) = opened(t).await?;
    let algorithm = ua.account().algorithm;
    ua.answer(&challenge(&first, &ua.account().home, &[algorithm], "n1", false)).await?;
    let second = ua.request().await?;
    let ok = more(accept(&second, granted)?.with(&proof(&second, ua.account())?));
    ua.answer(&ok).await?;
    is_registered(&mut ua).await?;
    Ok((ua, second))
}

/// A token WIC that is registered, with its REGISTER. The token lasts for two hours.
pub(super) async fn registered_by_token(t: &mut Tester, granted: u32) -> Outcome<(Ua, Request)> {
    let mut ua = t.wic_with(WicAccess::Token, Setup::new().with("token_lifetime", 7200)).await?;
    let register = ua.open().await?;
    ua.answer(&accept(&register, granted)?).await?;
    is_registered(&mut ua).await?;
    Ok((ua, register))
}

/// A WIC that is registered for an hour by whichever flow it has.
pub(super) async fn registered_anyhow(t: &mut Tester) -> Outcome<(Ua, Request)> {
    match t.any_access() {
        WicAccess::Digest => registered(t, 3600).await,
        WicAccess::Token => registered_by_token(t, 3600).await,
    }
}

async fn is_registered(ua: &mut Ua) -> Outcome {
    match ua.registered().await? {
        true => Ok(()),
        false => Err(Stop::fail("it does not take itself for registered after the 200")),
    }
}

pub(super) fn response(request: &Request, status: u16) -> Response {
    let status = StatusCode::new(status).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR);
    let mut response = request.respond(status);
    response.ensure_to_tag(|| "registrar".into());
    response
}

pub(super) fn challenge(request: &Request, home: &str, algorithms: &[Algorithm], nonce: &str, stale: bool) -> Response {
    algorithms.iter().fold(response(request, 401), |response, algorithm| {
        response.with(&WwwAuthenticate(Challenge::Digest(digest::challenge(*algorithm, home, nonce, stale))))
    })
}

pub(super) fn bearer_challenge(request: &Request, home: &str, authz_server: &str) -> Response {
    let mut challenge = BearerChallenge::default();
    challenge.params.set_quoted("realm", home);
    challenge.params.set_quoted("authz_server", authz_server);
    challenge.params.set_quoted("scope", "webrtc-ims-client-access-to-ims");
    challenge.params.set_quoted("error", "invalid_token");
    response(request, 401).with(&WwwAuthenticate(Challenge::Bearer(challenge)))
}

/// 200 to REGISTER; 0 s granted is the end.
pub(super) fn accept(request: &Request, granted: u32) -> Outcome<Response> {
    let mut contact = contact(request)?;
    contact.params.set("expires", granted.to_string());
    let response = response(request, 200);
    if granted == 0 {
        return Ok(response);
    }
    let impu = request.to().map(|to| to.uri.to_string()).unwrap_or_default();
    Ok(response
        .with(&contact)
        .with_raw(HeaderName::Require, "outbound")
        .with_raw(HeaderName::ServiceRoute, "<sip:orig@scscf1.ims.example;lr>")
        .with_raw(HeaderName::PAssociatedUri, format!("<{impu}>")))
}

pub(super) fn contact(request: &Request) -> Outcome<Contact> {
    let contact: Option<Contact> = request.headers.first().map_err(|e| Stop::fail(e.to_string()))?;
    contact.ok_or_else(|| Stop::Fail(format!("the {} has no Contact", request.method)))
}

/// The expiry that a REGISTER asks for, in seconds.
pub(super) fn asked(request: &Request) -> Option<u32> {
    let header = || request.headers.value(&HeaderName::Expires).and_then(|expires| expires.trim().parse().ok());
    contact(request).ok().and_then(|contact| contact.expires()).or_else(header)
}

pub(super) fn credentials(request: &Request) -> Outcome<DigestCredentials> {
    let value = request.headers.value(&HeaderName::Authorization).unwrap_or_default();
    match Authorization::parse(value).map(|a| a.0) {
        Ok(Credentials::Digest(digest)) => Ok(digest),
        _ => Err(Stop::Fail(format!("Authorization is {value:?}"))),
    }
}

/// What the WIC presents, whose response must be right.
pub(super) fn presented(request: &Request, account: &Account) -> Outcome<Presented> {
    let presented = Presented::parse(&credentials(request)?).map_err(|e| Stop::fail(e.to_string()))?;
    let ha1 = Ha1::new(presented.algorithm, &account.impi, &account.home, &account.password);
    match presented.verify(&ha1, request.method.as_str()) {
        true => Ok(presented),
        false => Err(Stop::fail("the digest response is wrong")),
    }
}

/// The server's proof that it knows the password.
pub(super) fn proof(request: &Request, account: &Account) -> Outcome<AuthenticationInfo> {
    let presented = presented(request, account)?;
    let ha1 = Ha1::new(presented.algorithm, &account.impi, &account.home, &account.password);
    Ok(digest::authentication_info(&presented, &ha1, None))
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
