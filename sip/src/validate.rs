//! What every request must carry before it is acted on (RFC 3261 §8.2, §16.3, §8.1.1).

use crate::headers::{CSeq, CallId, From, MaxForwards, To, Via};
use crate::{HeaderError, HeaderName, Method, Rejection, Request, Response, StatusCode, Uri};

impl Request {
    /// Checks the mandatory headers: there, once, well-formed, and in agreement with the method.
    ///
    /// # Errors
    /// The response to give (400, 416, 501, …), with the cause.
    pub fn validate(&self) -> Result<(), Rejection> {
        self.validate_mandatory().map_err(bad_request)?;
        self.validate_scheme()?;
        self.validate_optional().map_err(bad_request)?;
        Ok(())
    }

    fn validate_mandatory(&self) -> Result<(), HeaderError> {
        self.headers.one::<From>()?;
        self.headers.one::<To>()?;
        self.headers.one::<CallId>()?;
        let cseq = self.headers.one::<CSeq>()?;
        if cseq.method != self.method {
            return Err(HeaderError::new("the CSeq method is not the request's (RFC 3261 §8.1.1.5)"));
        }
        if self.headers.all::<Via>()?.is_empty() {
            return Err(HeaderError::new("Via is missing (RFC 3261 §8.1.1)"));
        }
        // RFC 3261 makes it mandatory, RFC 2543 did not know it; a proxy adds it (§16.6 step 3).
        self.headers.opt::<MaxForwards>()?;
        Ok(())
    }

    /// §8.2.2.1, §16.3 step 2. `urn` stays for emergency calls (RFC 5031).
    fn validate_scheme(&self) -> Result<(), Rejection> {
        match &self.uri {
            Uri::Other(uri) if !uri.scheme.eq_ignore_ascii_case("urn") => {
                let reason = "the Request-URI's scheme is not understood (RFC 3261 §8.2.2.1)";
                Err(Rejection::new(StatusCode::UNSUPPORTED_URI_SCHEME, reason))
            }
            _ => Ok(()),
        }
    }

    fn validate_optional(&self) -> Result<(), HeaderError> {
        if self.method != Method::Register && self.headers.value(&HeaderName::Contact) == Some("*") {
            return Err(HeaderError::new("Contact: * is for REGISTER alone (RFC 3261 §10.2.2)"));
        }
        crate::headers::validate_optional(&self.headers)
    }
}

impl Response {
    /// As [`Request::validate`], for a response: a malformed one is dropped.
    pub fn validate(&self) -> Result<(), HeaderError> {
        self.headers.one::<From>()?;
        self.headers.one::<To>()?;
        self.headers.one::<CallId>()?;
        self.headers.one::<CSeq>()?;
        self.via()?;
        crate::headers::validate_optional(&self.headers)
    }
}

fn bad_request(error: HeaderError) -> Rejection {
    Rejection::new(StatusCode::BAD_REQUEST, error.reason().to_owned())
}
