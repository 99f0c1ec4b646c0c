//! Headers of a number, a token, or a token with parameters.

use super::TypedHeader;
use crate::{HeaderError, HeaderName, Method, Params, syntax};
use std::fmt;

/// Seconds, as RFC 3261's delta-seconds: digits; more than 2³²−1 counts as that.
pub(super) fn delta_seconds(value: &str) -> Option<u32> {
    if value.is_empty() || !value.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    Some(value.parse().unwrap_or(u32::MAX))
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, HeaderError> {
    let digits = !value.is_empty() && value.bytes().all(|c| c.is_ascii_digit());
    value
        .parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| HeaderError::new("not a number, or out of range (RFC 3261 §20)"))
}

fn split_params(value: &str) -> Result<(&str, Params), HeaderError> {
    match value.find(';') {
        Some(at) => Ok((value[..at].trim(), syntax::parse_params(&value[at..])?)),
        None => Ok((value.trim(), Params::new())),
    }
}

/// CSeq (RFC 3261 §20.16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// The sequence number, below 2³¹.
    pub number: u32,
    /// The method.
    pub method: Method,
}

impl TypedHeader for CSeq {
    const NAME: HeaderName = HeaderName::CSeq;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        let (digits, method) = value
            .split_once([' ', '\t'])
            .ok_or_else(|| HeaderError::new("not a number and a method (RFC 3261 §20.16)"))?;
        let number = number::<u32>(digits)?;
        if number >= 1 << 31 {
            return Err(HeaderError::new("the number is not below 2^31 (RFC 3261 §8.1.1.5)"));
        }
        let method =
            method.trim().parse().map_err(|()| HeaderError::new("the method is not a token (RFC 3261 §7.1)"))?;
        Ok(Self { number, method })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// Call-ID (RFC 3261 §20.8); compared with case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub Box<str>);

impl TypedHeader for CallId {
    const NAME: HeaderName = HeaderName::CallId;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        let valid = !value.is_empty()
            && value.bytes().all(|c| c > b' ' && c != 0x7f && c != b',' && c != b';')
            && value.split('@').count() <= 2;
        if valid { Ok(Self(value.into())) } else { Err(HeaderError::new("malformed (RFC 3261 §25.1)")) }
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! number_headers {
    ($($(#[$doc:meta])* $type:ident($inner:ty) $parse:expr),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $type(pub $inner);

        impl TypedHeader for $type {
            const NAME: HeaderName = HeaderName::$type;

            fn parse(value: &str) -> Result<Self, HeaderError> {
                let parse: fn(&str) -> Result<$inner, HeaderError> = $parse;
                parse(value).map(Self)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

fn seconds(value: &str) -> Result<u32, HeaderError> {
    delta_seconds(value).ok_or_else(|| HeaderError::new("not a number of seconds (RFC 3261 §25.1)"))
}

number_headers! {
    /// Max-Forwards (RFC 3261 §20.22): 0 to 255.
    MaxForwards(u8) number,
    /// Expires, in seconds (RFC 3261 §20.19).
    Expires(u32) seconds,
    /// Min-Expires, in seconds (RFC 3261 §20.23).
    MinExpires(u32) seconds,
    /// Flow-Timer, in seconds (RFC 5626 §11.3).
    FlowTimer(u32) seconds,
    /// RSeq (RFC 3262 §7.1).
    RSeq(u32) number,
    /// Retry-After, in seconds; comment and parameters are dropped (RFC 3261 §20.33).
    RetryAfter(u32) |value| seconds(value.split(['(', ';', ' ']).next().unwrap_or("")),
}

/// RAck (RFC 3262 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the response acknowledged.
    pub rseq: u32,
    /// Its CSeq.
    pub cseq: CSeq,
}

impl TypedHeader for RAck {
    const NAME: HeaderName = HeaderName::RAck;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        let (rseq, cseq) =
            value.split_once(' ').ok_or_else(|| HeaderError::new("not two numbers and a method (RFC 3262 §7.2)"))?;
        Ok(Self { rseq: number(rseq)?, cseq: CSeq::parse(cseq.trim())? })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rseq, self.cseq)
    }
}

macro_rules! token_headers {
    ($($(#[$doc:meta])* $type:ident $field:ident $check:expr),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type {
            /// The value before the parameters, as written.
            pub $field: Box<str>,
            /// The parameters.
            pub params: Params,
        }

        impl $type {
            /// The header without parameters.
            pub fn new($field: &str) -> Self {
                Self { $field: $field.into(), params: Params::new() }
            }
        }

        impl TypedHeader for $type {
            const NAME: HeaderName = HeaderName::$type;

            fn parse(value: &str) -> Result<Self, HeaderError> {
                let (text, params) = split_params(value)?;
                let check: fn(&str) -> bool = $check;
                if !check(text) {
                    return Err(HeaderError::new(concat!("malformed ", stringify!($field), " (RFC 3261 §25.1)")));
                }
                Ok(Self { $field: text.into(), params })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", self.$field, self.params)
            }
        }
    )+};
}

fn is_media_type(text: &str) -> bool {
    text.split_once('/').is_some_and(|(t, s)| syntax::is_token(t.trim()) && syntax::is_token(s.trim()))
}

token_headers! {
    /// Event (RFC 6665 §8.2.1).
    Event package syntax::is_token,
    /// Subscription-State (RFC 6665 §8.2.3).
    SubscriptionState state syntax::is_token,
    /// Content-Type (RFC 3261 §20.15).
    ContentType media_type is_media_type,
    /// Content-Disposition (RFC 3261 §20.11).
    ContentDisposition disposition syntax::is_token,
    /// One value of Reason (RFC 3326): a protocol with `cause` and `text`.
    Reason protocol syntax::is_token,
    /// Session-Expires, in seconds, with `refresher` (RFC 4028 §4).
    SessionExpires seconds |t| delta_seconds(t).is_some(),
    /// Min-SE, in seconds (RFC 4028 §5).
    MinSe seconds |t| delta_seconds(t).is_some(),
}

impl ContentType {
    /// Whether the media type is `media_type`, without case and parameters.
    pub fn is(&self, media_type: &str) -> bool {
        self.media_type.eq_ignore_ascii_case(media_type)
    }
}
