//! The registrar of a wildcard range (flow 3, `static-wildcard`): the range is registered by
//! configuration, each identity out of it here, and nothing goes to the core (RFC 3261 §10.3).

use super::register::{Attempt, Exchange};
use super::*;
use crate::bindings::{Binding, BindingId, ContactKey, Registrar};
use crate::carriage;
use crate::event::Cause;
use crate::register::{Asks, unknown_tags};
use ims::token::TokenError;
use sip::Text;
use sip::headers::{Contact, FlowTimer, PAssociatedUri};

/// The extensions that this registrar knows.
const SUPPORTED: [&str; 2] = ["path", "outbound"];

impl Edge {
    pub(super) fn register_in_range(
        &mut self,
        now: Now,
        exchange: Exchange<'_>,
        request: &Request,
        attempt: Attempt,
    ) -> Result<(), Refusal> {
        let Exchange { flow, key, .. } = exchange;
        if let Some(tags) = unknown_tags(&request.headers, &HeaderName::Require, &SUPPORTED) {
            return Err(Refusal::bad_extension(&tags));
        }
        if carriage::has_required_body(request) {
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a REGISTER has no body (RFC 3261 §21.4.13)")
                .with(HeaderName::Accept, ""));
        }
        self.check_holder(&attempt)?;
        self.check_order(&attempt)?;
        let impu = attempt.register.to.clone();
        let outbound = attempt.register.outbound;
        match attempt.register.asks.clone() {
            Asks::Fetch => {}
            Asks::RemoveAll => self.remove_all(now, &attempt.impi, &impu),
            Asks::Bind { contact, .. } if attempt.cap == 0 => {
                if let Some(id) = self.bindings.find(&attempt.impi, &impu, &contact) {
                    self.unbind(now, id, Cause::User);
                }
            }
            Asks::Bind { contact, .. } => self.bind_in_range(now, flow, contact, attempt)?,
        }
        let response = self.range_answer(now, request, &impu, outbound)?;
        self.transactions.respond(now.mono, key, response);
        Ok(())
    }

    /// One holder at a time; a full range takes no more.
    fn check_holder(&self, attempt: &Attempt) -> Result<(), Refusal> {
        let impu = &attempt.register.to;
        let held = self.bindings.of_impu(impu).any(|(_, binding)| binding.impi != attempt.impi);
        if held && !self.has(Defect::SharesIdentities) {
            return Err(Refusal::forbidden("this identity is in use by another user (TS 23.228 U.2.1.4)"));
        }
        Ok(())
    }

    /// RFC 3261 §10.3 step 7: within one Call-ID, only a higher CSeq.
    fn check_order(&self, attempt: &Attempt) -> Result<(), Refusal> {
        let register = &attempt.register;
        let out_of_order = |binding: &Binding| {
            let meant = match &register.asks {
                Asks::Fetch => false,
                Asks::RemoveAll => true,
                Asks::Bind { contact, .. } => ContactKey::of(contact) == ContactKey::of(&binding.contact),
            };
            meant && binding.call_id == register.call_id && register.cseq <= binding.cseq
        };
        let late = self.bindings.of_impu(&register.to).any(|(_, binding)| out_of_order(binding));
        if late && !self.has(Defect::TakesLateRegister) {
            let reason = "CSeq is not higher than that of the binding (RFC 3261 §10.3)";
            return Err(Refusal::new(StatusCode::SERVER_INTERNAL_ERROR, reason));
        }
        Ok(())
    }

    fn bind_in_range(&mut self, now: Now, flow: FlowId, contact: Contact, attempt: Attempt) -> Result<(), Refusal> {
        let Some(record) = self.connections.get(&flow).map(|c| c.record.clone()) else { return Ok(()) };
        let impu = attempt.register.to.clone();
        let not_allocated = || Refusal::forbidden(TokenError::NotAllocated.to_string());
        let any = || record.ranges().first().filter(|_| self.has(Defect::AnswersOutOfRange));
        let wildcard = record.range_of(&impu).or_else(any).cloned().ok_or_else(not_allocated)?;
        if self.ranges_down.iter().any(|(wwsf, range)| wwsf == record.id() && *range == wildcard) {
            return Err(Refusal::forbidden("the network has ended the registration of the range (TS 29.228 §6.1.3)"));
        }
        let in_use = self.bindings.of_impu(&impu).next().is_some();
        let full = self.bindings.in_ranges_of(record.id()) >= record.max_users();
        if !in_use && full && !self.has(Defect::OverfillsRange) {
            let retry_after = self.config.policy.connection.retry_after;
            return Err(Refusal::busy("all identities of the range are in use", retry_after));
        }
        let service_route: Text = self.range_service_route().into();
        let key = ContactKey::of(&contact);
        let binding = Binding {
            flow,
            alive: true,
            scenario: attempt.scenario,
            registrar: Registrar::Edge,
            wwsf: record.id().to_owned(),
            impi: attempt.impi,
            impu: impu.clone(),
            impus: vec![impu.clone()],
            wildcards: vec![wildcard],
            contact,
            domain: attempt.register.domain,
            service_route: vec![service_route],
            call_id: attempt.register.call_id,
            cseq: attempt.register.cseq,
            expires_at: now.mono + Duration::from_secs(attempt.cap.into()),
            token: attempt.token,
            icid: String::new(),
        };
        self.bind(now, attempt.cap, binding);
        if !self.config.policy.flow3.shared {
            self.replace_other_contacts(now, &impu, &key);
        }
        Ok(())
    }

    /// A new contact of the same user takes the identity from the old one.
    fn replace_other_contacts(&mut self, now: Now, impu: &Impu, key: &ContactKey) {
        let others: Vec<BindingId> = self
            .bindings
            .of_impu(impu)
            .filter(|(_, binding)| ContactKey::of(&binding.contact) != *key)
            .map(|(id, _)| id)
            .collect();
        for id in others {
            if let Some(binding) = self.unbind(now, id, Cause::Replaced)
                && self.bindings.of_flow(binding.flow).next().is_none()
            {
                self.close(binding.flow, close::NORMAL, "another contact took the identity");
            }
        }
    }

    fn range_service_route(&self) -> String {
        format!("<sip:orig@{};lr>", self.config.name)
    }

    /// 200 with the bindings that there are now.
    fn range_answer(&mut self, now: Now, request: &Request, impu: &Impu, outbound: bool) -> Result<Response, Refusal> {
        let mut response = request.respond(StatusCode::OK);
        let entropy = &mut self.entropy;
        response.ensure_to_tag(|| entropy.token(10));
        let mut bound = false;
        for (_, binding) in self.bindings.of_impu(impu) {
            bound = true;
            let mut contact = binding.contact.clone();
            let left = binding.expires_at.since(now.mono).as_millis().div_ceil(1000);
            contact.params.set("expires", left.to_string());
            response.headers.add(&contact);
        }
        if !bound {
            return Ok(response);
        }
        let uri: Uri = impu.as_str().parse().map_err(|_| Refusal::bad_request("To is no URI (RFC 3261 §20.39)"))?;
        response.headers.add(&PAssociatedUri::new(uri));
        response.headers.push(HeaderName::ServiceRoute, self.range_service_route());
        response.headers.push(HeaderName::Supported, SUPPORTED.join(", "));
        if outbound {
            response.headers.push(HeaderName::Require, "outbound");
            response.headers.add(&FlowTimer(self.config.policy.connection.flow_timer));
        }
        Ok(response)
    }
}
