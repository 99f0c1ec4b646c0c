//! Requests that this node sends by itself, and what their answers mean to it.

use super::Scscf;
use super::notifier::WatchId;
use sip::Response;

/// What a request of our own was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OwnRequest {
    /// The end of a call: whatever is answered, it is over.
    Bye,
    /// A NOTIFY in a subscription that goes on.
    Notify(WatchId),
    /// The NOTIFY that ended a subscription.
    LastNotify,
}

impl Scscf {
    pub(super) fn on_own_response(&mut self, what: &OwnRequest, response: &Response) {
        if let OwnRequest::Notify(id) = what {
            self.on_notify_answer(*id, response);
        }
    }

    pub(super) fn on_own_failed(&mut self, what: &OwnRequest) {
        if let OwnRequest::Notify(id) = what {
            self.on_notify_failed(*id);
        }
    }
}
