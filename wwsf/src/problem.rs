//! Errors as people and scripts see them (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error answer, `application/problem+json`.
///
/// Nothing of the request is repeated in it, so no secret can come back by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: &'static str,
    retry_after: Option<u64>,
}

impl Problem {
    const fn new(status: StatusCode, title: &'static str, detail: &'static str) -> Self {
        Self { status, title, detail, retry_after: None }
    }

    pub(crate) const fn bad_request(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Malformed request", detail)
    }

    pub(crate) const fn wrong_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Login failed", "The user name or the password is wrong.")
    }

    pub(crate) const fn not_logged_in() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Not logged in",
            "POST /api/login first; this WWSF serves no anonymous guests.",
        )
    }

    pub(crate) const fn cross_site() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Request from another site",
            "State changes need Sec-Fetch-Site: same-origin, or Origin equal to this WWSF's own (RFC 6454 §4).",
        )
    }

    pub(crate) const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", "This WWSF has nothing at this path.")
    }

    pub(crate) const fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Method not allowed",
            "The Allow header names the methods of this path.",
        )
    }

    pub(crate) const fn not_json() -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Not JSON", "Content-Type must be application/json.")
    }

    pub(crate) const fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Body too large", "No request of this API needs more than 16 KiB.")
    }

    pub(crate) const fn too_many_logins(retry_after: u64) -> Self {
        Self::too_many("Too many failed logins for this account or from this address.", retry_after)
    }

    pub(crate) const fn too_many_guests(retry_after: u64) -> Self {
        Self::too_many("Too many new guests from this address.", retry_after)
    }

    const fn too_many(detail: &'static str, retry_after: u64) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests", detail);
        Self { retry_after: Some(retry_after), ..problem }
    }

    pub(crate) const fn pool_exhausted(retry_after: u64) -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "No identity free",
            "Every public identity of the wildcard range that may be given out is in use.",
        );
        Self { retry_after: Some(retry_after), ..problem }
    }

    pub(crate) const fn unavailable(detail: &'static str) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable for now", detail);
        Self { retry_after: Some(5), ..problem }
    }

    pub(crate) const fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", "The log of this WWSF says more.")
    }

    /// What a status that a framework chose means here.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::not_json(),
            status if status.is_client_error() => {
                Self { status, ..Self::bad_request("The body is not the JSON object that this path takes.") }
            }
            _ => Self::internal(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&Body {
            r#type: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail,
        })
        .unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[derive(Serialize)]
struct Body {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'static str,
}
