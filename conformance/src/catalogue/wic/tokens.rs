//! How a WIC uses its security token.

use sip::HeaderName;

use super::registrar::{accept, bearer_challenge, response, secs};
use crate::lab::{Setup, WicAccess};
use crate::tester::Tester;
use crate::verdict::Outcome;

pub(super) async fn register(t: &mut Tester) -> Outcome {
    let mut ua = t.wic(WicAccess::Token).await?;
    let request = ua.open().await?;
    let value = request.headers.value(&HeaderName::Authorization).unwrap_or_default().to_owned();
    let token = ua.tokens().await?.pop().unwrap_or_default();
    t.check(value == format!("Bearer {token}"), format!("Authorization is {value:?}"))?;
    let count = request.headers.values(&HeaderName::Authorization).count();
    t.check(count == 1, format!("{count} Authorization headers"))?;
    let to = request.to().map(|to| to.uri.to_string()).unwrap_or_default();
    let from = request.from().map(|from| from.uri.to_string()).unwrap_or_default();
    t.saw(format!("To {to}"));
    t.check([&to, &from] == [&ua.account().impu; 2], format!("To is {to}, From {from}"))
}

pub(super) async fn unknown_authz_server(t: &mut Tester) -> Outcome {
    let mut ua = t.wic(WicAccess::Token).await?;
    ua.authz_server()?;
    let request = ua.open().await?;
    let asked = ua.tokens().await?.len();
    ua.answer(&bearer_challenge(&request, &ua.account().home, "https://attacker.example/token")).await?;
    ua.pass(secs(120)).await?;
    let more = ua.tokens().await?.len() - asked;
    t.saw(format!("{more} more tokens asked for"));
    t.check(more == 0, "a token was asked for")?;
    t.check(ua.is_silent(), "something was sent")
}

pub(super) async fn refresh(t: &mut Tester) -> Outcome {
    let mut ua = t.wic_with(WicAccess::Token, Setup::new().with("token_lifetime", 600)).await?;
    ua.authz_server()?;
    let request = ua.open().await?;
    ua.answer(&accept(&request, 3600)?).await?;
    let registered = ua.registered().await?;
    t.check(registered, "it is not registered")?;
    let waited = ua.pass_until(secs(590), |ua| !ua.is_silent()).await?;
    let tokens = ua.tokens().await?;
    t.saw(format!("{} tokens after {waited:?}", tokens.len()));
    t.check(tokens.len() == 2, format!("{} tokens were asked for within 590 s", tokens.len()))?;
    let again = ua.request().await?;
    let value = again.headers.value(&HeaderName::Authorization).unwrap_or_default().to_owned();
    t.check(value == format!("Bearer {}", tokens[1]), "the REGISTER has another token")
}

pub(super) async fn replaced_once(t: &mut Tester) -> Outcome {
    let mut ua = t.wic(WicAccess::Token).await?;
    let server = ua.authz_server()?;
    let mut request = ua.open().await?;
    for _ in 0..2 {
        ua.answer(&bearer_challenge(&request, &ua.account().home, &server)).await?;
        if ua.tokens().await?.len() > 1 && !ua.is_silent() {
            request = ua.request().await?;
        }
    }
    ua.pass(secs(5)).await?;
    let tokens = ua.tokens().await?.len();
    t.check(tokens == 2, format!("{tokens} tokens were asked for"))
}

pub(super) async fn policy_close(t: &mut Tester) -> Outcome {
    for refused in [true, false] {
        let mut ua = t.wic(WicAccess::Token).await?;
        let request = ua.open().await?;
        let answer = if refused { response(&request, 403) } else { accept(&request, 3600)? };
        ua.answer(&answer).await?;
        if ua.closes.is_empty() {
            ua.close(1008).await?;
        }
        let (connects, tokens) = (ua.connects.len(), ua.tokens().await?.len());
        ua.pass(secs(7200)).await?;
        let again = (ua.connects.len() - connects, ua.tokens().await?.len() - tokens);
        t.saw(format!("after {}: {} more connections, {} more tokens", answer.status, again.0, again.1));
        t.check(again == (0, 0), "it tried again")?;
    }
    Ok(())
}
