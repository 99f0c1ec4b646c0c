//! Headers that hold a name-addr: From, To, Contact, the route headers, the P- identities.

use super::{ListHeader, TypedHeader};
use crate::{HeaderError, HeaderName, Params, Uri, syntax};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// `"Display" <uri>;params` or `uri;params` (RFC 3261 §20.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name as written, quotes and all.
    pub display: Option<Box<str>>,
    /// The address.
    pub uri: Uri,
    /// The header's parameters, not the URI's.
    pub params: Params,
}

impl NameAddr {
    /// `<uri>` alone.
    pub fn new(uri: Uri) -> Self {
        Self { display: None, uri, params: Params::new() }
    }

    /// Reads a name-addr or an addr-spec. Without `<>`, what follows `;` is the header's, and the
    /// URI may hold no comma, question mark or semicolon (RFC 3261 §20).
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let value = value.trim();
        let Some(open) = find_open(value)? else {
            let (uri, params) = match value.find(';') {
                Some(at) => (value[..at].trim(), syntax::parse_params(&value[at..])?),
                None => (value, Params::new()),
            };
            if uri.contains(['?', ',']) {
                return Err(HeaderError::new("a URI with ? or , stands without angle brackets (RFC 3261 §20.10)"));
            }
            return Ok(Self { display: None, uri: uri.parse()?, params });
        };
        let display = value[..open].trim();
        let rest = &value[open + 1..];
        let Some(close) = rest.find('>') else {
            return Err(HeaderError::new("an angle bracket is not closed (RFC 3261 §25.1)"));
        };
        let well_formed = display.is_empty()
            || syntax::is_quoted(display)
            || display.bytes().all(|c| syntax::is_token_char(c) || matches!(c, b' ' | b'\t') || c >= 0x80);
        if !well_formed {
            return Err(HeaderError::new("malformed display name (RFC 3261 §25.1)"));
        }
        Ok(Self {
            display: (!display.is_empty()).then(|| display.into()),
            uri: rest[..close].parse()?,
            params: syntax::parse_params(&rest[close + 1..])?,
        })
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag")
    }

    /// Sets the `tag` parameter.
    pub fn set_tag(&mut self, tag: &str) {
        self.params.set("tag", tag);
    }
}

/// Where the `<` outside quotes is.
fn find_open(value: &str) -> Result<Option<usize>, HeaderError> {
    if !value.starts_with('"') {
        return Ok(value.find('<'));
    }
    let mut escaped = false;
    for (at, c) in value.bytes().enumerate().skip(1) {
        match c {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                return match value[at + 1..].find('<') {
                    Some(open) => Ok(Some(at + 1 + open)),
                    None => Err(HeaderError::new("a display name without an address (RFC 3261 §25.1)")),
                };
            }
            _ => {}
        }
    }
    Err(HeaderError::new("a quoted string is not closed (RFC 3261 §25.1)"))
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{display} ")?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

macro_rules! name_addr_headers {
    ($($(#[$doc:meta])* $type:ident $list:tt),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $type(pub NameAddr);

            impl $type {
                /// The header that holds `<uri>` alone.
                pub fn new(uri: Uri) -> Self {
                    Self(NameAddr::new(uri))
                }
            }

            impl TypedHeader for $type {
                const NAME: HeaderName = HeaderName::$type;

                fn parse(value: &str) -> Result<Self, HeaderError> {
                    NameAddr::parse(value).map(Self)
                }
            }

            impl Deref for $type {
                type Target = NameAddr;

                fn deref(&self) -> &NameAddr {
                    &self.0
                }
            }

            impl DerefMut for $type {
                fn deref_mut(&mut self) -> &mut NameAddr {
                    &mut self.0
                }
            }

            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }

            name_addr_headers!(@list $type $list);
        )+
    };
    (@list $type:ident one) => {};
    (@list $type:ident list) => {
        impl ListHeader for $type {}
    };
}

name_addr_headers! {
    /// From (RFC 3261 §20.20).
    From one,
    /// To (RFC 3261 §20.39).
    To one,
    /// Contact (RFC 3261 §20.10); for `*` see [`Contacts`].
    Contact list,
    /// Route (RFC 3261 §20.34).
    Route list,
    /// Record-Route (RFC 3261 §20.30).
    RecordRoute list,
    /// Path (RFC 3327).
    Path list,
    /// Service-Route (RFC 3608).
    ServiceRoute list,
    /// P-Asserted-Identity (RFC 3325 §9.1).
    PAssertedIdentity list,
    /// P-Preferred-Identity (RFC 3325 §9.2).
    PPreferredIdentity list,
    /// P-Associated-URI (RFC 7315 §4.1).
    PAssociatedUri list,
    /// P-Called-Party-ID (RFC 7315 §4.2).
    PCalledPartyId one,
    /// P-Served-User (RFC 5502).
    PServedUser one,
    /// P-Profile-Key (RFC 5002): the wildcarded identity, `!` delimiters included.
    PProfileKey one,
    /// Refer-To (RFC 3515).
    ReferTo one,
}

impl Contact {
    /// `expires` in seconds; a malformed one counts as 3600 (RFC 3261 §10.2.1.1, §20.10).
    pub fn expires(&self) -> Option<u32> {
        let value = self.params.value("expires")?;
        Some(super::simple::delta_seconds(value).unwrap_or(3600))
    }

    /// `reg-id` (RFC 5626 §4.1).
    pub fn reg_id(&self) -> Option<u32> {
        self.params.value("reg-id")?.parse().ok().filter(|id| *id > 0)
    }

    /// `+sip.instance` without quotes and angle brackets (RFC 5626 §4.1).
    pub fn instance(&self) -> Option<String> {
        let value = self.params.unquoted("+sip.instance")?;
        Some(value.strip_prefix('<')?.strip_suffix('>')?.to_owned())
    }

    /// `q` in thousandths; 1000 when absent (RFC 3261 §20.10).
    pub fn q(&self) -> u16 {
        let q = self.params.value("q").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        (q.clamp(0.0, 1.0) * 1000.0) as u16
    }
}

/// What a REGISTER's Contact headers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// `*`: all of them.
    Star,
    /// These; none is a query for the bindings.
    List(Vec<Contact>),
}
