use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::assets::is_fresh;
use crate::origin::Origin;
use crate::state::App;

/// `GET /`: the page with the WIC.
pub(crate) async fn index(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    if let Some(address) = public_address(&app.config.origin, &uri, &headers) {
        return Redirect::temporary(&address).into_response();
    }
    let page = &app.pages.index;
    let head = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, page.etag.as_str()),
    ];
    match is_fresh(&headers, &page.etag) {
        true => (StatusCode::NOT_MODIFIED, head).into_response(),
        false => (head, page.html.clone()).into_response(),
    }
}

/// Where to go from `https://127.0.0.1:8443/` when this is localhost: a page
/// that was opened by another name has another Origin, and the eP-CSCF would
/// turn its WIC away.
fn public_address(origin: &Origin, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let host = uri.authority().map(|authority| authority.as_str());
    let host = host.or_else(|| headers.get(header::HOST)?.to_str().ok())?;
    let same_machine = host.starts_with("127.0.0.1:") || host.starts_with("[::1]:");
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    (origin.host() == "localhost" && same_machine).then(|| format!("{origin}/{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_opened_by_address_moves_to_its_name() {
        let origin = Origin::parse("https://localhost:8443").unwrap();
        let moved = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            public_address(&origin, &"/?flow=digest".parse().unwrap(), &headers)
        };
        assert_eq!(moved("127.0.0.1:8443").as_deref(), Some("https://localhost:8443/?flow=digest"));
        assert_eq!(moved("[::1]:8443").as_deref(), Some("https://localhost:8443/?flow=digest"));
        assert_eq!(moved("localhost:8443"), None);
        assert_eq!(moved("127.0.0.1.evil.example"), None);
    }
}
