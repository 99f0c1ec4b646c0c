//! What a purpose asks of the system's configuration.

/// Settings by name, as a conformance statement lists them: `bearer.on_requests = require`.
///
/// A lab that starts the system configures it so. With somebody else's system the profile says
/// which settings are in force, and a purpose that needs another one is not applicable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    settings: Vec<(&'static str, String)>,
}

impl Setup {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// One setting more; the value in TOML, or a bare word.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.settings.push((name, value.to_string()));
        self
    }

    /// The settings.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.settings.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The value of one.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }
}
