//! W1: login and tokens, from the WWSF that the page came from.

use js_sys::{JSON, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, RequestMode, Response};
use wic::{TokenFailure, TokenGrant};

use crate::browser::window;
use crate::settings::{member, string, strings};
use crate::socket::describe;

/// A web login, kept while the page registers by flow 2.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// Fetches a token.
///
/// `fresh`: log in first whatever session there may be, since it may be somebody else's. Otherwise
/// only when the session has ended.
pub(crate) async fn token(login: Option<Login>, fresh: bool) -> Result<TokenGrant, TokenFailure> {
    let Some(login) = login else { return grant().await };
    if !fresh {
        match grant().await {
            Err(TokenFailure::LoginRequired(_)) => {}
            answer => return answer,
        }
    }
    let body = Object::new();
    let _ = Reflect::set(&body, &"username".into(), &login.username.into());
    let _ = Reflect::set(&body, &"password".into(), &login.password.into());
    let body = JSON::stringify(&body).map_err(|error| TokenFailure::Unavailable(describe(&error)))?;
    post("/api/login", &body).await?;
    grant().await
}

/// Whether a server answers at `url` over a connection that the browser trusts. The answer itself
/// stays hidden from the page.
pub(crate) async fn answers(url: &str) -> bool {
    let init = RequestInit::new();
    init.set_mode(RequestMode::NoCors);
    fetch(url, &init).await.is_ok()
}

async fn grant() -> Result<TokenGrant, TokenFailure> {
    let answer = post("/api/token", &"{}".into()).await?;
    let text = |name| string(&answer, name).unwrap_or_default();
    let impus = strings(&answer, "impu");
    TokenGrant::parse(
        &text("token"),
        member(&answer, "expires_in").as_f64().unwrap_or_default() as u64,
        &text("impi"),
        impus.iter().map(String::as_str),
        &text("wss_url"),
        &text("realm"),
    )
    .map_err(|error| TokenFailure::Refused(error.to_string()))
}

async fn post(path: &str, body: &JsValue) -> Result<JsValue, TokenFailure> {
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(body);
    if let Ok(headers) = Headers::new() {
        let _ = headers.set("Content-Type", "application/json");
        init.set_headers(&headers);
    }
    let response = fetch(path, &init).await.map_err(|error| TokenFailure::Unavailable(describe(&error)))?;
    let answer = match response.json() {
        Ok(promise) => JsFuture::from(promise).await.unwrap_or(JsValue::UNDEFINED),
        Err(_) => JsValue::UNDEFINED,
    };
    if response.ok() {
        return Ok(answer);
    }
    // application/problem+json (RFC 9457).
    let why = string(&answer, "detail").or_else(|| string(&answer, "title")).unwrap_or_else(|| response.status_text());
    Err(match response.status() {
        401 => TokenFailure::LoginRequired(why),
        429 | 500.. => TokenFailure::Unavailable(why),
        _ => TokenFailure::Refused(why),
    })
}

async fn fetch(url: &str, init: &RequestInit) -> Result<Response, JsValue> {
    let window = window().ok_or(JsValue::UNDEFINED)?;
    JsFuture::from(window.fetch_with_str_and_init(url, init)).await?.dyn_into()
}
