use std::fmt;

use serde::{Deserialize, Serialize};

/// A value that its `Debug` does not show and that has no `Display`.
///
/// Serialising it is possible, because wire and storage need it; logging it is not.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; each call is a place to review.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, taken out.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

macro_rules! secret_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Secret<String>);

        impl $name {
            /// Hides a text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(Secret(text.into()))
            }

            /// The text itself; each call is a place to review.
            pub fn expose(&self) -> &str {
                self.0.expose()
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    };
}

secret_text! {
    /// A password that a person types, for SIP Digest or for the web.
    Password
}

secret_text! {
    /// A security token in its compact form, not yet looked at.
    Token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_what_is_inside() {
        let shown = format!(
            "{:?} {:?} {:?}",
            Secret::new("alice-secret"),
            Password::new("alice-secret"),
            Some(Token::new("alice-secret")),
        );
        assert!(!shown.contains("alice-secret"), "{shown}");
    }

    #[test]
    fn the_wire_form_is_the_bare_text() {
        let token: Token = serde_json::from_str("\"a.b.c\"").unwrap();
        assert_eq!(token.expose(), "a.b.c");
        assert_eq!(serde_json::to_string(&token).unwrap(), "\"a.b.c\"");
    }
}
