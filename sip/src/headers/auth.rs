//! Credentials and challenges: Digest (RFC 3261 §22, RFC 8760) and Bearer (RFC 6750, RFC 8898).

use super::TypedHeader;
use crate::{HeaderError, HeaderName, Params, syntax};
use std::fmt;
use std::ops::Deref;

/// What an Authorization or Proxy-Authorization header holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Digest.
    Digest(DigestCredentials),
    /// Bearer: a token.
    Bearer(BearerToken),
    /// Another scheme, by its name.
    Other(Box<str>),
}

/// The parameters of Digest credentials, `integrity-protected` included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DigestCredentials {
    /// All parameters in order.
    pub params: Params,
}

/// What a WWW-Authenticate or Proxy-Authenticate header holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Digest.
    Digest(DigestChallenge),
    /// Bearer.
    Bearer(BearerChallenge),
    /// Another scheme, by its name.
    Other(Box<str>),
}

/// The parameters of a Digest challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DigestChallenge {
    /// All parameters in order.
    pub params: Params,
}

/// The parameters of a Bearer challenge: realm, authz_server, scope, error (RFC 8898 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BearerChallenge {
    /// All parameters in order.
    pub params: Params,
}

/// How a token stands in the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BearerStyle {
    /// `Bearer <token>` (RFC 6750 §2.1, RFC 8898).
    #[default]
    Rfc6750,
    /// `Bearer access_token="<token>"` (TS 24.371 Table A.3.2-1).
    Ts24371,
}

/// A token out of an Authorization header. Printed by `Display` for the wire alone; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken {
    token: Box<str>,
    style: BearerStyle,
}

impl BearerToken {
    /// The credentials that carry `token`, written in `style`.
    pub fn new(token: &str, style: BearerStyle) -> Result<Self, HeaderError> {
        if !is_token68(token) {
            return Err(HeaderError::new("the Bearer token has characters outside token68 (RFC 6750 §2.1)"));
        }
        Ok(Self { token: token.into(), style })
    }

    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.token
    }

    /// How it was written.
    pub fn style(&self) -> BearerStyle {
        self.style
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

impl Credentials {
    fn parse(value: &str) -> Result<Self, HeaderError> {
        let (scheme, rest) = split_scheme(value)?;
        if scheme.eq_ignore_ascii_case("Digest") {
            return Ok(Self::Digest(DigestCredentials { params: auth_params(rest)? }));
        }
        if scheme.eq_ignore_ascii_case("Bearer") {
            return parse_bearer(rest).map(Self::Bearer);
        }
        Ok(Self::Other(scheme.into()))
    }
}

impl Challenge {
    fn parse(value: &str) -> Result<Self, HeaderError> {
        let (scheme, rest) = split_scheme(value)?;
        if scheme.eq_ignore_ascii_case("Digest") {
            return Ok(Self::Digest(DigestChallenge { params: auth_params(rest)? }));
        }
        if scheme.eq_ignore_ascii_case("Bearer") {
            return Ok(Self::Bearer(BearerChallenge { params: auth_params(rest)? }));
        }
        Ok(Self::Other(scheme.into()))
    }
}

fn split_scheme(value: &str) -> Result<(&str, &str), HeaderError> {
    let (scheme, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
    if !syntax::is_token(scheme) {
        return Err(HeaderError::new("malformed authentication scheme (RFC 3261 §25.1)"));
    }
    Ok((scheme, rest.trim()))
}

/// `name=value` separated by commas. A name given twice is refused: two readers might take two
/// different values.
fn auth_params(text: &str) -> Result<Params, HeaderError> {
    let mut params = Params::new();
    for element in syntax::split_list(text) {
        // An empty list element is allowed (RFC 9110 §5.6.1) and means nothing.
        if element.is_empty() {
            continue;
        }
        let param = syntax::parse_param(element)?;
        if param.value.is_none() {
            return Err(HeaderError::new("an authentication parameter has no value (RFC 7235 §2.1)"));
        }
        if params.has(&param.name) {
            return Err(HeaderError::new("an authentication parameter stands twice (RFC 7616 §3.4)"));
        }
        params.push(param);
    }
    Ok(params)
}

fn parse_bearer(rest: &str) -> Result<BearerToken, HeaderError> {
    if is_token68(rest) {
        return BearerToken::new(rest, BearerStyle::Rfc6750);
    }
    let params = auth_params(rest)?;
    match params.unquoted("access_token") {
        Some(token) => BearerToken::new(&token, BearerStyle::Ts24371),
        None => Err(HeaderError::new("Bearer credentials hold no token (RFC 6750 §2.1)")),
    }
}

fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._~+/".contains(&c))
}

macro_rules! digest_views {
    ($($type:ty),+) => {$(
        impl $type {
            /// `realm`, unquoted.
            pub fn realm(&self) -> Option<String> {
                self.text("realm")
            }

            /// `nonce`, unquoted.
            pub fn nonce(&self) -> Option<String> {
                self.text("nonce")
            }

            /// Any parameter, unquoted.
            pub fn text(&self, name: &str) -> Option<String> {
                self.params.unquoted(name).map(|v| v.into_owned())
            }
        }
    )+};
}

digest_views!(DigestCredentials, DigestChallenge, BearerChallenge);

impl DigestChallenge {
    /// Whether the password was right and only the nonce too old (RFC 7616 §3.3).
    pub fn is_stale(&self) -> bool {
        self.text("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true"))
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => write_params(f, "Digest", &digest.params),
            Self::Bearer(BearerToken { token, style: BearerStyle::Rfc6750 }) => write!(f, "Bearer {token}"),
            Self::Bearer(BearerToken { token, .. }) => write!(f, "Bearer access_token=\"{token}\""),
            Self::Other(scheme) => f.write_str(scheme),
        }
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => write_params(f, "Digest", &digest.params),
            Self::Bearer(bearer) => write_params(f, "Bearer", &bearer.params),
            Self::Other(scheme) => f.write_str(scheme),
        }
    }
}

fn write_params(f: &mut fmt::Formatter<'_>, scheme: &str, params: &Params) -> fmt::Result {
    f.write_str(scheme)?;
    for (at, param) in params.iter().enumerate() {
        write!(f, "{}{param}", if at == 0 { " " } else { ", " })?;
    }
    Ok(())
}

macro_rules! auth_headers {
    ($($(#[$doc:meta])* $type:ident($inner:ident)),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type(pub $inner);

        impl TypedHeader for $type {
            const NAME: HeaderName = HeaderName::$type;

            fn parse(value: &str) -> Result<Self, HeaderError> {
                $inner::parse(value).map(Self)
            }
        }

        impl Deref for $type {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

auth_headers! {
    /// Authorization. It may stand several times, but never twice on one line.
    Authorization(Credentials),
    /// Proxy-Authorization.
    ProxyAuthorization(Credentials),
    /// WWW-Authenticate: one header line a challenge (RFC 8760 §2.3).
    WwwAuthenticate(Challenge),
    /// Proxy-Authenticate.
    ProxyAuthenticate(Challenge),
}

/// Authentication-Info (RFC 3261 §20.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationInfo {
    /// `rspauth`, `cnonce`, `nc`, `qop`, `nextnonce`.
    pub params: Params,
}

impl AuthenticationInfo {
    /// Any parameter, unquoted.
    pub fn text(&self, name: &str) -> Option<String> {
        self.params.unquoted(name).map(|v| v.into_owned())
    }
}

impl TypedHeader for AuthenticationInfo {
    const NAME: HeaderName = HeaderName::AuthenticationInfo;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        Ok(Self { params: auth_params(value)? })
    }
}

impl fmt::Display for AuthenticationInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, param) in self.params.iter().enumerate() {
            write!(f, "{}{param}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl crate::Headers {
    /// Every value of the auth header `H`, one a line; these can't be split at commas.
    pub fn each<H: TypedHeader>(&self) -> Result<Vec<H>, HeaderError> {
        self.values(&H::NAME).map(H::parse).collect()
    }
}
