//! The registrations that this node watches (TS 24.229 §5.2.3).

use super::*;
use crate::reg_event::WatchId;
impl Edge {
    pub(super) fn own_subscription(&self, _request: &Request) -> Option<WatchId> {
        None
    }
    pub(super) fn on_notify(
        &mut self,
        _now: Now,
        _key: ServerKey,
        _id: WatchId,
        _request: &Request,
    ) -> Result<(), Refusal> {
        Ok(())
    }
    pub(super) fn on_watch_due(&mut self, _now: Now, _id: WatchId) {}
}
