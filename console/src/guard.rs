//! Who may ask: this machine, and of pages only the console's own.

use axum::extract::{ConnectInfo, Request};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, SocketAddr};

use crate::problem::Problem;

/// Whether an authority, with or without a port, names this machine: `localhost` or a loopback address.
/// A page elsewhere could otherwise read the trace by pointing its own name here (DNS rebinding).
pub fn is_loopback_name(authority: &str) -> bool {
    let name = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Lets a request through that came from this machine to a name of this machine.
pub(crate) async fn loopback_only(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let from_here = peer.is_none_or(|ip| ip.is_loopback());
    if from_here && authority(&request).is_some_and(is_loopback_name) {
        return next.run(request).await;
    }
    let detail = "The console answers this machine alone, under a loopback name.";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "Not for this host", detail).into_response()
}

/// Lets a change through only when the console's own page asks for it, or a program that says so.
/// Browsers set both headers and no page can change them (Fetch Metadata §2.4, RFC 6454 §7).
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if safe || is_own_page(&request) {
        return next.run(request).await;
    }
    let detail = "Changes need Sec-Fetch-Site: same-origin, or an Origin equal to the Host (RFC 6454 §4).";
    Problem::new(StatusCode::FORBIDDEN, "Request from another site", detail).into_response()
}

fn is_own_page(request: &Request) -> bool {
    let one = |name| {
        let mut values = request.headers().get_all(name).into_iter();
        let value = values.next().map(|value| value.as_bytes());
        (value, values.next().is_some())
    };
    let (origin, two_origins) = one("origin");
    let (site, two_sites) = one("sec-fetch-site");
    let own = authority(request).map(|host| format!("https://{host}")).unwrap_or_default();
    let own_origin = origin.map(|origin| origin == own.as_bytes());
    let own_site = site.map(|site| matches!(site, b"same-origin" | b"none"));
    if two_origins || two_sites {
        return false;
    }
    match (own_origin, own_site) {
        (Some(false), _) | (_, Some(false)) | (None, None) => false,
        (Some(true), _) | (_, Some(true)) => true,
    }
}

/// HTTP/2 has it in the pseudo-header, HTTP/1.1 in Host (RFC 9113 §8.3.1).
fn authority(request: &Request) -> Option<&str> {
    let of_uri = request.uri().authority().map(|authority| authority.as_str());
    of_uri.or_else(|| request.headers().get(header::HOST)?.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for (authority, loopback) in [
            ("localhost:8443", true),
            ("LOCALHOST", true),
            ("127.0.0.1:8443", true),
            ("127.8.8.8", true),
            ("[::1]:8443", true),
            ("localhost.evil.example:8443", false),
            ("evil.example", false),
            ("192.0.2.1:8443", false),
            ("[2001:db8::1]", false),
            ("", false),
        ] {
            assert_eq!(is_loopback_name(authority), loopback, "{authority}");
        }
    }

    #[test]
    fn only_the_consoles_own_page_may_change_anything() {
        const OWN: &str = "https://localhost:8443";
        for (headers, passes) in [
            (&[("origin", OWN), ("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("origin", OWN)], true),
            (&[], false),
            (&[("origin", "https://localhost:9543"), ("sec-fetch-site", "same-site")], false),
            (&[("origin", "https://localhost:9543")], false),
            (&[("origin", OWN), ("sec-fetch-site", "cross-site")], false),
            (&[("origin", OWN), ("origin", OWN)], false),
            (&[("origin", "null"), ("sec-fetch-site", "same-origin")], false),
            (&[("origin", "http://localhost:8443")], false),
        ] {
            let mut request = Request::builder().method("POST").uri("/console/api/x").header("host", "localhost:8443");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            assert_eq!(is_own_page(&request.body(Body::empty()).unwrap()), passes, "{headers:?}");
        }
    }
}
