use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::http::Method;
use ims::{Impi, Impu};

/// Somebody who sees what passes over W1.
pub trait HttpObserver: Send + Sync + 'static {
    /// One request came or one response left. Must not block.
    fn observe(&self, event: &HttpEvent);
}

/// A request or a response, without anything secret: no header, no body, no query.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpEvent {
    /// The WWSF it happened at.
    pub wwsf_id: Arc<str>,
    /// The same for a request and its response, different for all others of this WWSF.
    pub exchange: u64,
    /// When.
    pub time: SystemTime,
    /// Which way.
    pub direction: HttpDirection,
    /// The browser's address.
    pub peer: SocketAddr,
    /// This WWSF's address.
    pub local: SocketAddr,
    /// The request's method.
    pub method: Method,
    /// The request's path.
    pub path: Arc<str>,
    /// The trace that the client says it belongs to (W3C Trace Context), in 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// The response's status.
    pub status: Option<u16>,
    /// Whom a token was issued to.
    pub identities: Option<Identities>,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpDirection {
    /// From the browser.
    Request,
    /// To the browser.
    Response,
}

/// The IMS identities in a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identities {
    /// The private one.
    pub impi: Impi,
    /// The public ones.
    pub impus: Vec<Impu>,
}

impl<F: Fn(&HttpEvent) + Send + Sync + 'static> HttpObserver for F {
    fn observe(&self, event: &HttpEvent) {
        self(event);
    }
}

/// Nobody looks.
impl HttpObserver for () {
    fn observe(&self, _event: &HttpEvent) {}
}
