//! The subscription to what happens to the registration.

use sip::transaction::{ClientKey, ServerKey};
use sip::{Now, Request, Response, StatusCode};

use super::Agent;

impl Agent {
    pub(super) fn watch_registered(&mut self, _now: Now) {}

    pub(super) fn watch_answered(&mut self, _now: Now, _key: ClientKey, _response: &Response) {}

    pub(super) fn watch_unanswered(&mut self, _now: Now, _key: ClientKey) {}

    pub(super) fn watch_timeout(&mut self, _now: Now) {}

    pub(super) fn watch_notified(&mut self, now: Now, key: ServerKey, notify: &Request) {
        let reason = "no such subscription (RFC 6665 §4.1.3)";
        self.refuse(now, key, notify, StatusCode::CALL_DOES_NOT_EXIST, reason);
    }
}
