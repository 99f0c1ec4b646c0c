//! Dialog identifiers.

use crate::{HeaderError, Request, Response, Text};
use std::fmt;

/// What tells a dialog from all others, as one end sees it (RFC 3261 §12).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: Text,
    /// Our tag.
    pub local_tag: Text,
    /// The other end's tag; empty when it has none, as an RFC 2543 agent's.
    pub remote_tag: Text,
}

impl DialogId {
    /// The identifier made of these.
    pub fn new(call_id: &str, local_tag: &str, remote_tag: &str) -> Self {
        // Texts of their own: slices would keep whole messages in memory as long as the dialog.
        let own = |text: &str| Text::from(text.to_owned());
        Self { call_id: own(call_id), local_tag: own(local_tag), remote_tag: own(remote_tag) }
    }

    /// The dialog that a received request says it is in; `None` when it is in none.
    ///
    /// # Errors
    /// When a header it is made of is malformed.
    pub fn of_request(request: &Request) -> Result<Option<Self>, HeaderError> {
        let (call_id, to, from) = (request.call_id()?, request.to()?, request.from()?);
        Ok(to.tag().map(|local| Self::new(&call_id.0, local, from.tag().unwrap_or_default())))
    }

    /// The dialog that a received response belongs to.
    ///
    /// # Errors
    /// When a header it is made of is malformed.
    pub fn of_response(response: &Response) -> Result<Self, HeaderError> {
        let (call_id, to, from) = (response.call_id()?, response.to()?, response.from()?);
        Ok(Self::new(&call_id.0, from.tag().unwrap_or_default(), to.tag().unwrap_or_default()))
    }

    /// The same dialog as the other end sees it.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { call_id: self.call_id, local_tag: self.remote_tag, remote_tag: self.local_tag }
    }
}

impl fmt::Display for DialogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{};{}", self.call_id, self.local_tag, self.remote_tag)
    }
}
