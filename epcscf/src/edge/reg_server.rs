//! The registration event package for identities that this node registers itself (RFC 3680; flow 3,
//! `static-wildcard`): no S-CSCF knows of them, so this node is the notifier.

use super::reg_watch::PACKAGE;
use super::request::{Originating, no_such_dialog};
use super::*;
use crate::bindings::{Binding, ContactKey, Registrar};
use crate::calls::Owner as CallOwner;
use crate::event::Cause;
use crate::reg_event::{Subscription, SubscriptionId};
use ims::reginfo::{ContactEvent, MEDIA_TYPE, RegContact, RegInfo, RegState, Registration};
use sip::Text;
use sip::dialog::{Dialog, DialogId};
use sip::headers::{Contact, Event as EventHeader, Expires, SubscriptionState};

/// How long a subscription lasts that asks for no time (RFC 3680 §4.4).
const DEFAULT_EXPIRES: u32 = 3761;

impl Edge {
    /// Whether a SUBSCRIBE is for this node: from a WIC that is registered here, for an identity that
    /// is, too.
    pub(super) fn is_served_here(&self, flow: FlowId, request: &Request) -> bool {
        let Some(own) = self.local_binding(flow) else { return false };
        let Ok(target) = Impu::parse(&request.uri.to_string()) else { return false };
        let reg = request.headers.opt::<EventHeader>().ok().flatten().is_some_and(|event| event.is(PACKAGE));
        own.impu == target || (reg && self.records.in_any_range(&target) && !self.records.is_distinct(&target))
    }

    fn local_binding(&self, flow: FlowId) -> Option<&Binding> {
        self.bindings.of_flow(flow).map(|(_, binding)| binding).find(|binding| binding.registrar == Registrar::Edge)
    }

    /// EVT-01, EVT-02, EVT-06 where this node is the notifier.
    pub(super) fn subscribe(&mut self, now: Now, from: Originating<'_>, request: &Request) -> Result<(), Refusal> {
        let event = self.check_event(request)?;
        let Some(binding) = self.local_binding(from.flow) else { return Err(no_such_dialog()) };
        let own = Impu::parse(&request.uri.to_string()).is_ok_and(|target| target == binding.impu);
        if !own && !self.has(Defect::LetsGuestsWatch) {
            return Err(Refusal::forbidden("only the user itself may watch a registration (TS 24.229 §5.4.2.1)"));
        }
        let owner = CallOwner::of(binding);
        if self.subscriptions.of_impu(&owner.registered).len() >= self.config.policy.call.max_calls {
            let retry_after = self.config.policy.connection.retry_after;
            return Err(Refusal::busy("too many subscriptions of one user", retry_after));
        }
        let tag = self.entropy.token(10);
        let dialog = Dialog::uas(request, &tag).map_err(|e| Refusal::bad_request(e.reason().to_owned()))?;
        let response = self.subscribed(request, &tag);
        let id =
            self.subscriptions.add(Subscription { flow: from.flow, owner, dialog, event, version: 0, until: now.mono });
        self.last_until(now, id, request);
        self.transactions.respond(now.mono, from.key, response);
        self.notify(now, id, None);
        Ok(())
    }

    /// A refresh, or the end.
    pub(super) fn resubscribe_here(
        &mut self,
        now: Now,
        from: &Originating<'_>,
        request: &Request,
    ) -> Option<Result<(), Refusal>> {
        let dialog = DialogId::of_request(request).ok().flatten()?;
        let (id, subscription) = self.subscriptions.of_dialog(&dialog)?;
        if subscription.flow != from.flow {
            return Some(Err(no_such_dialog()));
        }
        Some(self.refresh_here(now, id, from.key, request))
    }

    fn refresh_here(&mut self, now: Now, id: SubscriptionId, key: ServerKey, request: &Request) -> Result<(), Refusal> {
        if request.method != Method::Subscribe {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this dialog is a subscription's alone")
                .with(HeaderName::Allow, "SUBSCRIBE"));
        }
        self.check_event(request)?;
        let Some(subscription) = self.subscriptions.get_mut(id) else { return Err(no_such_dialog()) };
        subscription.dialog.receive(request)?;
        let tag = subscription.dialog.id().local_tag.to_string();
        let response = self.subscribed(request, &tag);
        self.last_until(now, id, request);
        self.transactions.respond(now.mono, key, response);
        self.notify(now, id, None);
        Ok(())
    }

    fn check_event(&self, request: &Request) -> Result<Text, Refusal> {
        let header = request.headers.opt::<EventHeader>().map_err(|e| Refusal::bad_request(e.reason().to_owned()))?;
        match header.filter(|event| event.is(PACKAGE) && self.config.policy.reg_event.serve) {
            Some(event) => Ok(event.to_string().into()),
            None => {
                let offered = if self.config.policy.reg_event.serve { PACKAGE } else { "" };
                let refusal =
                    Refusal::new(StatusCode::BAD_EVENT, "this event package is not offered (RFC 6665 §4.2.1.1)");
                Err(refusal.with(HeaderName::AllowEvents, offered))
            }
        }
    }

    fn subscribed(&mut self, request: &Request, tag: &str) -> Response {
        let mut response = request.respond(StatusCode::OK);
        response.ensure_to_tag(|| tag.to_owned());
        response.headers.add(&Expires(self.asked_for(request)));
        if let Some(contact) = self.own_contact() {
            response.headers.add(&contact);
        }
        response
    }

    fn asked_for(&self, request: &Request) -> u32 {
        let asked = request.headers.opt::<Expires>().ok().flatten().map_or(DEFAULT_EXPIRES, |expires| expires.0);
        asked.min(self.config.policy.registration.max_expires)
    }

    fn last_until(&mut self, now: Now, id: SubscriptionId, request: &Request) {
        let until = now.mono + Duration::from_secs(self.asked_for(request).into());
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            subscription.until = until;
            self.deadlines.set(Timer::Subscription(id), until);
        }
    }

    /// The address of this node on W2.
    fn own_contact(&self) -> Option<Contact> {
        format!("sip:{}:443;transport=ws", self.config.name).parse().ok().map(Contact::new)
    }

    pub(super) fn on_subscription_over(&mut self, now: Now, id: SubscriptionId) {
        self.notify(now, id, None);
    }

    /// An identity was registered, refreshed or lost here.
    pub(super) fn tell_watchers(&mut self, now: Now, binding: &Binding, event: ContactEvent) {
        if binding.registrar != Registrar::Edge {
            return;
        }
        for id in self.subscriptions.of_impu(&binding.impu) {
            self.notify(now, id, Some((binding, event)));
        }
    }

    /// A NOTIFY with all there is (RFC 3680 §5.2): after the last contact or the last second, the last.
    fn notify(&mut self, now: Now, id: SubscriptionId, changed: Option<(&Binding, ContactEvent)>) {
        let Some(subscription) = self.subscriptions.get_mut(id) else { return };
        let impu = subscription.owner.registered.clone();
        let left = subscription.until.since(now.mono).as_secs();
        let contacts = self.bindings.of_impu(&impu).map(|(_, binding)| {
            let event = match changed {
                Some((of, event)) if same_contact(of, binding) => event,
                _ => ContactEvent::Registered,
            };
            contact(now, binding, event)
        });
        let mut contacts: Vec<RegContact> = contacts.collect();
        let registered = !contacts.is_empty();
        if let Some((gone, event)) = changed
            && !self.bindings.of_impu(&impu).any(|(_, binding)| same_contact(gone, binding))
        {
            contacts.push(RegContact { active: false, expires: Some(0), ..contact(now, gone, event) });
        }
        let state = match (registered, left) {
            (false, _) => SubscriptionState::terminated("noresource"),
            (true, 0) => SubscriptionState::terminated("timeout"),
            (true, left) => SubscriptionState::active(u32::try_from(left).unwrap_or(u32::MAX)),
        };
        let Some(subscription) = self.subscriptions.get_mut(id) else { return };
        let registration = Registration {
            state: if registered { RegState::Active } else { RegState::Terminated },
            contacts,
            ..Registration::active(impu.as_str(), "r1")
        };
        let document = RegInfo { version: subscription.version, full: true, registrations: vec![registration] };
        subscription.version = subscription.version.saturating_add(1);
        let (flow, event) = (subscription.flow, subscription.event.clone());
        let over = state.is_terminated();
        let request = subscription.dialog.request(Method::Notify).with_raw(HeaderName::Event, event).with(&state);
        if over {
            self.deadlines.cancel(Timer::Subscription(id));
            self.subscriptions.remove(id);
        }
        if !self.is_live(flow) {
            return;
        }
        let contact = self.own_contact();
        let mut request = request.with_body(MEDIA_TYPE, document.to_xml());
        contact.into_iter().for_each(|contact| request.headers.add(&contact));
        let (request, to) = self.own_to_wic(flow, request);
        let client = self.transactions.request(now.mono, request, to);
        self.pending.insert(client, Pending::Notify(id));
    }

    /// A NOTIFY that was refused ends its subscription (RFC 6665 §4.2.2).
    pub(super) fn on_notified(&mut self, id: SubscriptionId, status: Option<StatusCode>) {
        if status.is_none_or(sip::dialog::ends_usage) {
            self.deadlines.cancel(Timer::Subscription(id));
            self.subscriptions.remove(id);
        }
    }
}

impl Cause {
    /// How a watcher is told of it (RFC 3680 §3.7.2).
    pub(super) fn contact_event(self) -> ContactEvent {
        match self {
            Self::User | Self::Replaced => ContactEvent::Unregistered,
            Self::Expired | Self::TokenExpired => ContactEvent::Expired,
            Self::TokenRevoked | Self::Withdrawn | Self::Network => ContactEvent::Rejected,
        }
    }
}

fn same_contact(a: &Binding, b: &Binding) -> bool {
    a.impi == b.impi && ContactKey::of(&a.contact) == ContactKey::of(&b.contact)
}

fn contact(now: Now, binding: &Binding, event: ContactEvent) -> RegContact {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    ContactKey::of(&binding.contact).hash(&mut hasher);
    let left = binding.expires_at.since(now.mono).as_secs();
    RegContact {
        expires: Some(u32::try_from(left).unwrap_or(u32::MAX)),
        ..RegContact::active(format!("c{:x}", hasher.finish()), event, binding.contact.uri.to_string())
    }
}
