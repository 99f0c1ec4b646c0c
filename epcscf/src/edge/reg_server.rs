//! The registration event package for identities that are registered here (RFC 3680).

use super::request::Originating;
use super::*;
use crate::reg_event::SubscriptionId;
impl Edge {
    pub(super) fn is_served_here(&self, _flow: FlowId, _request: &Request) -> bool {
        false
    }
    pub(super) fn subscribe(&mut self, _now: Now, _from: Originating<'_>, _request: &Request) -> Result<(), Refusal> {
        Ok(())
    }
    pub(super) fn on_subscription_over(&mut self, _now: Now, _id: SubscriptionId) {}
}
