//! What a served user's calls come to when it is no longer registered (TS 24.229 §5.4.5.1): those
//! that stand get a BYE both ways, those that still ring are cancelled.

use super::calls::{Call, Party};
use super::event::Event;
use super::registrar::{Gone, SetId};
use super::session::Role;
use super::{OwnRequest, Scscf};
use crate::policy;
use sip::headers::Reason;
use sip::proxy;
use sip::transaction::ServerKey;
use sip::{Header, HeaderName, Instant, Method, Request, StatusCode};

impl Scscf {
    /// A contact went: with it go the calls over it.
    pub(super) fn release_calls_of(&mut self, now: Instant, gone: &Gone) {
        let (set, id, ended) = (gone.set, gone.binding.id(), gone.ended.is_some());
        self.release_where(now, set, |party| ended || party.binding == Some(id));
        for branch in self.branches_to(set, id) {
            self.relays.give_up(now, &mut self.front, branch, policy::not_registered());
        }
        self.drop_targets(set, id);
    }

    /// Ends the calls of a set that `doomed` says true of a party of.
    pub(super) fn release_where(&mut self, now: Instant, set: SetId, doomed: impl Fn(&Party) -> bool) {
        let doomed = |party: &Party| party.set == set && doomed(party);
        for call in self.calls.take(now, set, doomed) {
            self.release(now, call);
        }
        let calls = |role: &Role| matches!(role, Role::Originating);
        let rings: Vec<ServerKey> = self
            .relays
            .iter()
            .filter(|(_, context)| context.request.method == Method::Invite && calls(&context.owner.role))
            .filter(|(_, context)| {
                let served = context.owner.served.as_ref();
                served.and_then(|served| Party::of(served, None)).is_some_and(|party| doomed(&party))
            })
            .map(|(key, _)| key)
            .collect();
        for key in rings {
            let turns = self.relays.cancel(now, &mut self.front, key);
            self.take(now, turns);
        }
    }

    fn release(&mut self, now: Instant, call: Call) {
        self.tell(Event::CallReleased { call_id: call.id.call_id.to_string() });
        for mut bye in call.byes() {
            let reason = "released with the registration (TS 24.229 5.4.5.1)";
            bye.headers.add(&Reason::sip(StatusCode::TEMPORARILY_UNAVAILABLE, reason));
            self.send_own(now, bye, OwnRequest::Bye);
        }
    }

    /// Sends a request of this node's own; false when its next hop is nowhere.
    pub(super) fn send_own(&mut self, now: Instant, mut request: Request, what: OwnRequest) -> bool {
        let hop = proxy::next_hop(&mut request).ok();
        let Some(to) = hop.and_then(|hop| self.network.resolve(&hop)) else { return false };
        let branch = self.front.entropy.token(24);
        let via = Header::new(HeaderName::Via, self.own_name.via(to.transport, &branch).to_string());
        request.headers = std::iter::once(&via).chain(request.headers.iter()).cloned().collect();
        let key = self.front.transactions.request(now, request, to);
        self.own.insert(key, what);
        true
    }
}
