//! What a browser sees that opens the eP-CSCF's address: the way to accept its certificate.

use askama::Template;
use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::config::Config;

const STYLE: &str = include_str!("../../templates/index.css");

#[derive(Template)]
#[template(path = "index.html")]
struct Index<'a> {
    name: &'a str,
    network: &'a str,
    style: &'static str,
}

/// The page, rendered once.
#[derive(Debug)]
pub(super) struct Page {
    html: Bytes,
    headers: HeaderMap,
}

impl Page {
    pub(super) fn new(config: &Config) -> Result<Self, askama::Error> {
        let html = Index { name: &config.name, network: &config.home_domain, style: STYLE }.render()?;
        let hash = STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(Self { html: html.into(), headers })
    }

    pub(super) fn response(&self, path: &str) -> Response {
        let mut response = Response::new(Body::empty());
        if path == "/" {
            *response.body_mut() = Body::from(self.html.clone());
            response.headers_mut().clone_from(&self.headers);
        } else {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        response
    }
}
