//! Typed views of header values: parsed when asked for, printed back the way they are sent.

mod address;
mod auth;
mod call;
mod charging;
mod simple;
mod tags;
mod via;

pub use address::{
    Contact, Contacts, From, NameAddr, PAssertedIdentity, PAssociatedUri, PCalledPartyId, PPreferredIdentity,
    PProfileKey, PServedUser, Path, RecordRoute, ReferTo, Route, ServiceRoute, To,
};
pub use auth::{
    AuthenticationInfo, Authorization, BearerChallenge, BearerStyle, BearerToken, Challenge, Credentials,
    DigestChallenge, DigestCredentials, ProxyAuthenticate, ProxyAuthorization, WwwAuthenticate,
};
pub use call::{Privacy, Refresher, Replaces, Warning};
pub use charging::{PAccessNetworkInfo, PChargingVector, PVisitedNetworkId};
pub use simple::{
    CSeq, CallId, ContentDisposition, ContentType, Event, Expires, FlowTimer, MaxForwards, MinExpires, MinSe, RAck,
    RSeq, Reason, RetryAfter, SessionExpires, SubscriptionState,
};
pub use tags::{Allow, AllowEvents, PEarlyMedia, ProxyRequire, Require, Supported, Unsupported};
pub use via::Via;

use crate::{HeaderError, HeaderName, Headers};
use std::fmt::Display;

/// A header value with a type. `Display` prints the value, without the name.
pub trait TypedHeader: Sized + Display {
    /// The header it is the value of.
    const NAME: HeaderName;

    /// Reads one value (one element, for a list header).
    fn parse(value: &str) -> Result<Self, HeaderError>;
}

/// A header that may stand several times, or several times on one line, separated by commas.
pub trait ListHeader: TypedHeader {}

impl Headers {
    /// The Contact headers, `*` included.
    pub fn contacts(&self) -> Result<Contacts, HeaderError> {
        let mut elements = self.elements(&HeaderName::Contact).peekable();
        if elements.peek() == Some(&"*") {
            elements.next();
            return match elements.next() {
                None => Ok(Contacts::Star),
                Some(_) => Err(HeaderError::new("Contact: * stands beside another Contact (RFC 3261 §10.2.2)")),
            };
        }
        self.all::<Contact>().map(Contacts::List)
    }
}

/// Checks the grammar of the optional headers that this crate knows and that a message acts by.
pub(crate) fn validate_optional(headers: &Headers) -> Result<(), HeaderError> {
    headers.contacts()?;
    headers.all::<Route>()?;
    headers.all::<RecordRoute>()?;
    headers.all::<Path>()?;
    headers.all::<ServiceRoute>()?;
    headers.opt::<Expires>()?;
    headers.opt::<MinExpires>()?;
    headers.opt::<Event>()?;
    headers.opt::<ContentType>()?;
    Ok(())
}
