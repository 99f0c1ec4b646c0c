//! The subscription to our own registration (RFC 3680).

use sip::transaction::ClientKey;
use sip::{Instant, Request};

#[derive(Debug, Default)]
pub(crate) struct Watch {}

impl Watch {
    pub(crate) fn next_cseq(&mut self, _key: ClientKey) -> Option<u32> {
        None
    }

    pub(crate) fn sent_again(&mut self, _before: ClientKey, _after: ClientKey, _request: &Request) {}

    pub(crate) fn lost(&mut self) {}

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
