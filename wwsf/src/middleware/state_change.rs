use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ims::Defect;

use super::cors::allowed_origin;
use crate::config::Config;
use crate::problem::Problem;
use crate::state::App;

/// Lets a state change through only when this WWSF's own page, or a program
/// that says so, asks for it.
///
/// SameSite cookies are not enough: another port of the same host is the same
/// site. A form cannot send `application/json`, and a script of another origin
/// can do it only after a preflight.
pub(crate) async fn state_change(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if !is_own_page(&app.config, request.headers()) {
        return Problem::cross_site().into_response();
    }
    if !is_json(request.headers()) && !app.config.has(Defect::TakesForms) {
        return Problem::not_json().into_response();
    }
    next.run(request).await
}

/// Browsers set both headers and no page can change them (Fetch Metadata §2.4,
/// RFC 6454 §7). Whoever sends neither is not known to be our page.
fn is_own_page(config: &Config, headers: &HeaderMap) -> bool {
    let one = |name| {
        let mut values = headers.get_all(name).into_iter();
        let value = values.next();
        (value, values.next().is_some())
    };
    let (origin, two_origins) = one("origin");
    let (site, two_sites) = one("sec-fetch-site");
    if two_origins || two_sites {
        return false;
    }
    if allowed_origin(config, headers).is_some() {
        return true;
    }
    let own_origin = origin.map(|origin| origin.as_bytes() == config.origin.as_str().as_bytes());
    let own_site = site.map(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    match (own_origin, own_site) {
        (Some(false), _) | (_, Some(false)) | (None, None) => false,
        (Some(true), _) | (_, Some(true)) => true,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_our_own_page_or_a_program_that_claims_to_be_it_may_change_state() {
        let mut config = Config::operator();
        config.cors_origins = vec!["https://portal.example".parse().unwrap()];
        const OWN: &str = "https://localhost:8443";
        for (pairs, passes) in [
            (&[("origin", OWN), ("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("origin", OWN)], true),
            (&[("origin", "https://portal.example"), ("sec-fetch-site", "cross-site")], true),
            (&[], false),
            (&[("origin", "https://localhost:9543"), ("sec-fetch-site", "same-site")], false),
            (&[("origin", "https://localhost:9543")], false),
            (&[("origin", "https://localhost:9543"), ("sec-fetch-site", "none")], false),
            (&[("origin", OWN), ("sec-fetch-site", "cross-site")], false),
            (&[("origin", OWN), ("origin", OWN)], false),
            (&[("origin", "null"), ("sec-fetch-site", "same-origin")], false),
            (&[("origin", "https://localhost:8443.evil.example")], false),
            (&[("sec-fetch-site", "same-site")], false),
        ] {
            assert_eq!(is_own_page(&config, &headers(pairs)), passes, "{pairs:?}");
        }
    }

    #[test]
    fn only_json_is_json() {
        for (value, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/jsonp", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            assert_eq!(is_json(&headers(&[("content-type", value)])), json, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
