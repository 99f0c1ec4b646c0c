//! Lists of tokens: option tags (RFC 3261 §19.2), event packages, methods.

use super::{ListHeader, TypedHeader};
use crate::{HeaderError, HeaderName, Method, syntax};
use std::fmt;

macro_rules! token_lists {
    ($($(#[$doc:meta])* $type:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type(pub Box<str>);

        impl $type {
            /// Whether it is `tag`, without case.
            pub fn is(&self, tag: &str) -> bool {
                self.0.eq_ignore_ascii_case(tag)
            }
        }

        impl TypedHeader for $type {
            const NAME: HeaderName = HeaderName::$type;

            fn parse(value: &str) -> Result<Self, HeaderError> {
                if !syntax::is_token(value) {
                    return Err(HeaderError::new(concat!("an element of ", stringify!($type), " is not a token (RFC 3261 §25.1)")));
                }
                Ok(Self(value.into()))
            }
        }

        impl ListHeader for $type {}

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

token_lists! {
    /// One option tag of Require (RFC 3261 §20.32).
    Require,
    /// One option tag of Proxy-Require (RFC 3261 §20.29).
    ProxyRequire,
    /// One option tag of Supported (RFC 3261 §20.37).
    Supported,
    /// One option tag of Unsupported (RFC 3261 §20.40).
    Unsupported,
    /// One event package of Allow-Events (RFC 6665 §8.2.2).
    AllowEvents,
    /// One parameter of P-Early-Media: `supported`, `gated` or a direction (RFC 5009 §8).
    PEarlyMedia,
}

/// One method of Allow (RFC 3261 §20.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow(pub Method);

impl TypedHeader for Allow {
    const NAME: HeaderName = HeaderName::Allow;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        value.parse().map(Self).map_err(|()| HeaderError::new("a method is not a token (RFC 3261 §7.1)"))
    }
}

impl ListHeader for Allow {}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
