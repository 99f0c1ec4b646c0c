use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::index::is_fresh;
use crate::assets::Encoding;
use crate::problem::Problem;
use crate::state::App;

/// `GET /assets/…`: a script, style, icon or WASM under its hashed name.
pub(crate) async fn asset(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(asset) = app.assets.find(uri.path()) else {
        return Problem::not_found().into_response();
    };
    let encoding = Encoding::negotiate(&headers, |encoding| asset.body(encoding).is_some());
    let etag = asset.etag(encoding);
    let mut response = match is_fresh(&headers, &etag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => asset.body(encoding).unwrap_or(&asset.identity).clone().into_response(),
    };
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    head.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        head.insert(header::ETAG, etag);
    }
    if let Some(token) = encoding.token() {
        head.insert(header::CONTENT_ENCODING, HeaderValue::from_static(token));
    }
    response
}
