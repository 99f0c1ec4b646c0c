//! How bindings and connections come and go (RFC 5626, TS 24.229 §5.2.2; spec of the close codes in
//! RFC 6455 §7.4.1).

use super::token::release_jti;
use super::*;
use crate::bindings::{Binding, BindingId, Registrar};
use crate::event::Cause;
use crate::tna::{self, Entities};
use crate::trust_boundary::Integrity;
use ims::reginfo::ContactEvent;
use sip::headers::{CSeq, From, MaxForwards, To};

impl Edge {
    /// Stores a binding, takes the connection for its user, and closes the connection that the
    /// same contact was reached over before (RFC 5626 §4.2.1).
    pub(super) fn bind(&mut self, now: Now, expires: u32, binding: Binding) {
        let (flow, expires_at, token) = (binding.flow, binding.expires_at, binding.token.clone());
        let (scenario, impi, impu) = (binding.scenario, binding.impi.clone(), binding.impu.clone());
        let alive = binding.alive;
        if alive {
            self.calls_follow(&binding);
        }
        let known = self.bindings.find(&impi, &impu, &binding.contact);
        let told = (binding.registrar == Registrar::Edge).then(|| binding.clone());
        if let Some(id) = known {
            self.forget_timers(id);
        }
        let (id, old) = self.bindings.put(binding);
        self.deadlines.set(Timer::Binding(id), expires_at);
        if let Some(token) = token
            && !self.has(Defect::OutlivesToken)
        {
            let left = Duration::from_secs(token.exp.saturating_sub(now.unix));
            self.deadlines.set(Timer::Token(id), now.mono + left);
        }
        if let Some(connection) = self.connections.get_mut(&flow) {
            connection.owner = Some(Owner { impi: impi.clone(), scenario });
            connection.strikes = 0;
            connection.digest_failures = 0;
            self.deadlines.cancel(Timer::Idle(flow));
        }
        let refresh = old.is_some();
        if let Some(told) = told {
            let event = if refresh { ContactEvent::Refreshed } else { ContactEvent::Registered };
            self.tell_watchers(now, &told, event);
        }
        self.events.push_back(Event::Registered { flow, scenario, impi, impu, expires, refresh });
        if let Some(old) = old.filter(|old| old.flow != flow && old.alive) {
            self.leave(now, old.flow, Some("a newer connection took its place (RFC 5626 §4.2.1)"));
        }
        if !alive {
            self.on_binding_lost(now, id);
        }
    }

    /// Removes a binding, and lets the connection go on without it.
    pub(super) fn unbind(&mut self, now: Now, id: BindingId, cause: Cause) -> Option<Binding> {
        let binding = self.bindings.remove(id)?;
        self.forget_timers(id);
        self.events.push_back(Event::Deregistered {
            scenario: binding.scenario,
            impi: binding.impi.clone(),
            impu: binding.impu.clone(),
            cause,
        });
        self.release_calls_of(now, &binding);
        self.tell_watchers(now, &binding, cause.contact_event());
        self.unwatch_user(now, &binding.impi);
        self.leave(now, binding.flow, None);
        Some(binding)
    }

    /// A connection lost a binding: with none left it is nobody's, and closes or waits for the next
    /// REGISTER.
    fn leave(&mut self, now: Now, flow: FlowId, close: Option<&'static str>) {
        if self.bindings.of_flow(flow).next().is_some() {
            return;
        }
        let Some(connection) = self.connections.get_mut(&flow) else { return };
        connection.owner = None;
        match close {
            Some(reason) => self.close(flow, close::NORMAL, reason),
            None => self.arm_idle(now, flow),
        }
    }

    fn forget_timers(&mut self, id: BindingId) {
        self.deadlines.cancel(Timer::Binding(id));
        self.deadlines.cancel(Timer::Token(id));
    }

    pub(super) fn on_flow_closed(&mut self, now: Now, flow: FlowId) {
        let Some(connection) = self.connections.remove(&flow) else { return };
        for jti in &connection.jtis {
            release_jti(&mut self.jtis, jti, flow);
        }
        if let Some(owner) = &connection.owner {
            self.calls_lose(now, flow, &owner.impi);
        }
        self.deadlines.cancel(Timer::Idle(flow));
        self.deadlines.cancel(Timer::Close(flow));
        self.waiting.retain(|waiting| waiting.flow != flow);
        let ids: Vec<BindingId> = self.bindings.of_flow(flow).map(|(id, _)| id).collect();
        for id in ids {
            self.on_binding_lost(now, id);
        }
    }

    /// The connection of a binding is gone: the registration stays until it expires
    /// (RFC 5626 §5.3.1); one that this node keeps itself only for a grace time.
    fn on_binding_lost(&mut self, now: Now, id: BindingId) {
        let grace = now.mono + Duration::from_secs(self.config.policy.flow3.grace);
        let Some(binding) = self.bindings.get_mut(id) else { return };
        binding.alive = false;
        if binding.registrar == Registrar::Edge && grace < binding.expires_at {
            binding.expires_at = grace;
            self.deadlines.set(Timer::Binding(id), grace);
        }
    }

    pub(super) fn on_timer(&mut self, now: Now, timer: Timer) {
        match timer {
            Timer::Idle(_) if self.has(Defect::WaitsForIdle) => {}
            Timer::Idle(flow) => self.on_idle(now, flow),
            Timer::Close(flow) => self.on_close_due(flow),
            Timer::Binding(id) => self.on_expired(now, id),
            Timer::Token(id) => self.on_token_expired(now, id),
            Timer::Answer(_) if self.has(Defect::WaitsForCore) => {}
            Timer::Answer(key) => self.on_answer_due(now, key),
            Timer::C(key) => self.on_timer_c(now, key),
            Timer::Grace(key) => self.on_grace_over(now, key),
            Timer::Session(key) => self.on_session_over(key),
            Timer::Watch(id) => self.on_watch_due(now, id),
            Timer::Subscription(id) => self.on_subscription_over(now, id),
            Timer::KeysWait => self.on_keys_wait(now),
        }
    }

    /// A REGISTER under way gets its answer first.
    fn on_idle(&mut self, now: Now, flow: FlowId) {
        let Some(connection) = self.connections.get(&flow) else { return };
        if connection.in_flight.is_empty() && connection.waiting == 0 {
            self.close(flow, close::TIMEOUT, "no registration on this connection in time");
        } else {
            self.arm_idle(now, flow);
        }
    }

    /// Both timers may be due at once; a token's end is the stronger.
    fn on_expired(&mut self, now: Now, id: BindingId) {
        let token_over =
            self.bindings.get(id).and_then(|binding| binding.token.as_ref()).is_some_and(|token| token.exp <= now.unix);
        if token_over && !self.has(Defect::OutlivesToken) {
            self.on_token_expired(now, id);
        } else {
            self.unbind(now, id, Cause::Expired);
        }
    }

    /// The token is over and no new one came: the registration ends here and at the core, and the
    /// connection closes.
    fn on_token_expired(&mut self, now: Now, id: BindingId) {
        if let Some(binding) = self.unbind(now, id, Cause::TokenExpired) {
            self.deregister_at_core(now, &binding);
            self.close(binding.flow, close::POLICY, "the token expired without a refresh (TS 23.228 U.2.1.3)");
        }
    }

    /// Ends the registrations that rest on revoked tokens, here and at the core (T8).
    pub(super) fn deregister_revoked(&mut self, now: Now) {
        let revoked = |binding: &Binding| {
            binding.token.as_ref().is_some_and(|t| self.revoked.contains_key(&(t.issuer.clone(), t.jti.clone())))
        };
        let ids: Vec<BindingId> = self.bindings.iter().filter(|(_, b)| revoked(b)).map(|(id, _)| id).collect();
        for id in ids {
            if let Some(binding) = self.unbind(now, id, Cause::TokenRevoked) {
                self.deregister_at_core(now, &binding);
            }
        }
    }

    /// Changes what is known of the WWSFs. Registrations that the new records do not allow end, and
    /// their connections close (WLD-16).
    pub fn replace_records(&mut self, now: Now, records: Arc<Records>) {
        self.records = records;
        let stays = |binding: &Binding| self.is_still_allowed(binding) || self.has(Defect::KeepsWithdrawn);
        let withdrawn: Vec<BindingId> =
            self.bindings.iter().filter(|(_, binding)| !stays(binding)).map(|(id, _)| id).collect();
        for id in withdrawn {
            if let Some(binding) = self.unbind(now, id, Cause::Withdrawn) {
                self.deregister_at_core(now, &binding);
                self.close(binding.flow, close::POLICY, "the identity was withdrawn (TS 23.228 U.1.3.3)");
            }
        }
        let records = self.records.clone();
        let mut gone = Vec::new();
        for (flow, connection) in &mut self.connections {
            match records.get(connection.record.id()) {
                Some(record) => connection.record = record.clone(),
                None if self.config.policy.defects.has(Defect::KeepsWithdrawn) => {}
                None => gone.push(*flow),
            }
        }
        self.watch_ranges(now);
        for flow in gone {
            self.close(flow, close::POLICY, "the WWSF is authorised no more (TS 33.203 REQ 1.1)");
        }
        self.after_transactions(now);
    }

    pub(super) fn is_still_allowed(&self, binding: &Binding) -> bool {
        let Some(record) = self.records.get(&binding.wwsf) else { return false };
        let in_range = || record.range_of(&binding.impu).is_some() && !self.records.is_distinct(&binding.impu);
        match binding.scenario {
            Scenario::ImsDigest => record.allows(binding.scenario),
            Scenario::WebAuth => record.allows(binding.scenario) && record.vouches_for(&binding.impu),
            Scenario::WildcardRange => record.allows(binding.scenario) && in_range(),
        }
    }

    /// De-registration by the network: REGISTER with `Expires: 0`, vouched for as the registration
    /// was. A digest registration cannot be ended in its user's name; it expires.
    fn deregister_at_core(&mut self, now: Now, binding: &Binding) {
        if binding.registrar != Registrar::Core || binding.token.is_none() || self.has(Defect::LeavesCoreRegistered) {
            return;
        }
        let Ok(mut request) = self.network_deregistration(binding) else { return };
        let path = format!("<sip:{}@{};lr>", self.flow_tokens.mint(binding.flow), self.config.name);
        if self.insert_network_headers(&mut request, &path, Some(Integrity::AuthDone), None).is_ok() {
            let key = self.transactions.request(now.mono, request, self.core);
            self.pending.insert(key, Pending::Own);
        }
    }

    fn network_deregistration(&mut self, binding: &Binding) -> Result<Request, sip::HeaderError> {
        let uri: Uri = format!("sip:{}", binding.domain).parse()?;
        let aor: Uri = binding.impu.as_str().parse()?;
        let mut from = From::new(aor.clone());
        from.set_tag(&self.entropy.token(10));
        let mut contact = binding.contact.clone();
        contact.params.set("expires", "0");
        let tna = tna::authorization(
            &binding.impi,
            &self.config.home_domain,
            &Entities::default(),
            &self.config.policy.entity,
        );
        // The registration's own Call-ID and the next CSeq: the registrar takes it as the latest.
        Ok(Request::new(Method::Register, uri)
            .with(&MaxForwards(70))
            .with(&from)
            .with(&To::new(aor))
            .with(&binding.call_id)
            .with(&CSeq { number: binding.cseq.saturating_add(1), method: Method::Register })
            .with(&contact)
            .with(&sip::headers::Expires(0))
            .with(&tna))
    }
}
