//! What passes inside a dialog whose route was recorded here: it follows its Route (RFC 3261 §16.6).

use super::Scscf;
use super::session::{Role, Session};
use crate::boundary;
use crate::policy;
use crate::refusal::Refusal;
use sip::proxy;
use sip::transaction::ServerKey;
use sip::{Instant, Peer, Request, StatusCode};

impl Scscf {
    pub(super) fn open_in_dialog(
        &mut self,
        now: Instant,
        key: ServerKey,
        request: &Request,
        mut copy: Request,
        from: Peer,
    ) -> Result<(), Refusal> {
        let within = self.calls.find(request);
        if !self.network.trusts(&from) {
            // Whoever is outside the trust domain is let through to those it has a call with.
            if within.is_none() {
                let reason = "there is no such call (RFC 3261 §12.2.2)";
                return Err(Refusal::new(StatusCode::CALL_DOES_NOT_EXIST, reason));
            }
            boundary::enter(&mut copy.headers, None);
        }
        if let Some(within) = within {
            self.calls.on_request(within, request);
        }
        let session = Session { copy: copy.clone(), role: Role::InDialog(within), served: None, charging: None };
        self.relays.open(key, request.clone(), from, session, &mut self.front);
        if self.send_on(now, key, copy, None).is_none() {
            self.refuse(now, key, &policy::unreachable_hop().into());
        }
        Ok(())
    }

    /// An ACK to a 2xx has no transaction, and gets no answer (RFC 3261 §17, §16.11).
    pub(super) fn on_ack(&mut self, request: Request, from: Peer) {
        let mut copy = request.clone();
        if proxy::preprocess_route(&mut copy, self.own_name.own()).is_err() {
            return;
        }
        if !self.network.trusts(&from) {
            if self.calls.find(&request).is_none() {
                return;
            }
            boundary::enter(&mut copy.headers, None);
        }
        let Some(to) = proxy::next_hop(&mut copy).ok().and_then(|hop| self.network.resolve(&hop)) else { return };
        if !self.network.trusts(&to) {
            boundary::leave(&mut copy.headers);
        }
        if self.own_name.depart(&mut self.front, &request, &mut copy, to).is_ok() {
            self.front.transactions.send(copy.into(), to);
        }
    }
}
