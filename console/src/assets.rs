//! The page and what it refers to, embedded.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use std::path::Path;

pub use wwsf::{Assets, AssetsError};

use crate::problem::Problem;
use crate::router::Shared;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded_assets.rs"));
}

/// Where the page's assets are served.
pub(crate) const PREFIX: &str = "/console/assets/";

/// Nothing inline runs. An image may be drawn from memory, for the ladder as PNG.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The console's assets, compressed once; `cache` keeps the compressed forms.
///
/// # Errors
/// [`AssetsError`] when the cache can't be made.
pub(crate) fn load(cache: &Path) -> Result<Assets, AssetsError> {
    let files = embedded::FILES.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
    Assets::bundle(files, PREFIX, cache)
}

/// `GET /console`
pub(crate) async fn page(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let Some(mut response) = shared.assets.respond_page("index.html", &headers) else {
        return Problem::not_found("This console was built without its page.").into_response();
    };
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// `GET /console/assets/{file}`
pub(crate) async fn asset(State(shared): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let found = shared.assets.respond(uri.path(), &headers);
    found.unwrap_or_else(|| Problem::not_found("The console has no such asset.").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_assets_can_be_served() {
        let dir = tempfile::tempdir().unwrap();
        let assets = load(dir.path()).unwrap();
        assert!(assets.url("index.html").is_some_and(|url| url.starts_with(PREFIX)));
    }

    /// Issue 4 point 8: what the browser has to load.
    #[test]
    fn all_assets_are_below_150_kb_brotli() {
        let dir = tempfile::tempdir().unwrap();
        let assets = load(dir.path()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br"));
        let size = |url: &str| {
            let response = assets.respond(url, &headers).unwrap();
            axum::body::HttpBody::size_hint(response.body()).exact().unwrap()
        };
        let total: u64 = assets.urls().map(|(_, url)| size(url)).sum();
        assert!(total < 150_000, "{total} octets");
    }
}
