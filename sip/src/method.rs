//! Request methods.

use crate::syntax;
use std::fmt;
use std::str::FromStr;

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        /// A request method; case-sensitive, open-ended (RFC 3261 §7.1).
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Method {
            $($(#[$doc])* $variant,)+
            /// A method this crate has no name for. Proxies pass it on (RFC 3261 §16).
            Other(Box<str>),
        }

        impl Method {
            /// The method's token, as on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(token) => token,
                }
            }

            fn known(token: &str) -> Option<Self> {
                match token {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

methods! {
    /// RFC 3261.
    Ack = "ACK",
    /// RFC 3261.
    Bye = "BYE",
    /// RFC 3261.
    Cancel = "CANCEL",
    /// RFC 6086.
    Info = "INFO",
    /// RFC 3261.
    Invite = "INVITE",
    /// RFC 3428.
    Message = "MESSAGE",
    /// RFC 6665.
    Notify = "NOTIFY",
    /// RFC 3261.
    Options = "OPTIONS",
    /// RFC 3262.
    Prack = "PRACK",
    /// RFC 3903.
    Publish = "PUBLISH",
    /// RFC 3515.
    Refer = "REFER",
    /// RFC 3261.
    Register = "REGISTER",
    /// RFC 6665.
    Subscribe = "SUBSCRIBE",
    /// RFC 3311.
    Update = "UPDATE",
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = ();

    fn from_str(token: &str) -> Result<Self, ()> {
        if let Some(known) = Self::known(token) {
            return Ok(known);
        }
        if syntax::is_token(token) { Ok(Self::Other(token.into())) } else { Err(()) }
    }
}
