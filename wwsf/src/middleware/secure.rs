use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use ims::Defect;

use crate::config::{Config, ConfigError};
use crate::origin::Origin;
use crate::state::App;

/// Puts the security headers on every response, but for those that it has already: the console's
/// page says itself what it may do.
pub(crate) async fn secure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in &app.secure_headers {
        response.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    response
}

/// The headers, which depend on the configuration alone.
///
/// Nothing inline runs. The page reaches its own origin, the eP-CSCF's
/// WebSocket and the page where its certificate can be accepted.
pub(crate) fn secure_headers(config: &Config) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; \
         font-src 'self'; media-src 'self'; manifest-src 'self'; connect-src 'self' {} {}; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        config.wss_origin()?,
        config.epcscf_origin()?,
    );
    let policy = HeaderValue::from_str(&policy)
        .map_err(|_| ConfigError::Value { key: "wss_url", reason: "does not fit in a header" })?;
    let fixed =
        |name: &'static str, value: &'static str| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let mut headers = vec![
        (header::CONTENT_SECURITY_POLICY, policy),
        fixed("x-content-type-options", "nosniff"),
        fixed("referrer-policy", "no-referrer"),
        fixed(
            "permissions-policy",
            "microphone=(self), camera=(self), geolocation=(), payment=(), usb=(), display-capture=()",
        ),
        fixed("cross-origin-opener-policy", "same-origin"),
        fixed("cross-origin-resource-policy", "same-origin"),
    ];
    if config.has(Defect::SendsNoPagePolicy) {
        headers.remove(0);
    }
    if !is_loopback(&config.origin) {
        headers.push(fixed("strict-transport-security", "max-age=31536000"));
    }
    Ok(headers)
}

/// HSTS for localhost would bind every other program on this machine too: it
/// knows no ports (RFC 6797 §8.2).
fn is_loopback(origin: &Origin) -> bool {
    let host = origin.host();
    host == "localhost" || host.ends_with(".localhost") || host == "[::1]" || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(config: &Config, name: &str) -> Option<String> {
        let headers = secure_headers(config).unwrap();
        let (_, value) = headers.into_iter().find(|(n, _)| n == name)?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn hsts_is_for_hosts_of_ones_own() {
        let at = |origin: &str| Config { origin: origin.parse().unwrap(), ..Config::operator() };
        for origin in ["https://localhost:8443", "https://127.0.0.1", "https://[::1]:8443"] {
            assert_eq!(value(&at(origin), "strict-transport-security"), None, "{origin}");
        }
        assert!(value(&at("https://wwsf.ims.example"), "strict-transport-security").is_some());
    }

    #[test]
    fn the_page_may_use_microphone_and_camera_and_no_frame_in_it() {
        let permissions = value(&Config::operator(), "permissions-policy").unwrap();
        assert!(permissions.starts_with("microphone=(self), camera=(self), "), "{permissions}");
    }

    #[test]
    fn the_policy_opens_the_edge_and_nothing_inline() {
        let policy = value(&Config::operator(), "content-security-policy").unwrap();
        assert!(policy.contains("connect-src 'self' wss://localhost:7443 https://localhost:7443;"), "{policy}");
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"), "{policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
    }
}
