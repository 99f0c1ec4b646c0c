//! The registrations that this node watches at the core (RFC 3680, TS 24.229 §5.2.3): those of its
//! users, so that what the network ends or changes has its effect here, and those that the ranges of
//! flow 3 are registered by.

use super::*;
use crate::bindings::{Binding, BindingId, Registrar};
use crate::event::Cause;
use crate::policy::Flow3Mode;
use crate::reg_event::{Watch, WatchId, Watched};
use ims::WildcardedImpu;
use ims::reginfo::{ContactEvent, MEDIA_TYPE, RegContact, RegInfo, RegState, Registration, View};
use sip::dialog::{self, Dialog};
use sip::headers::{
    CSeq, CallId, Contact, ContentType, Event as EventHeader, Expires, From, MaxForwards, PAssertedIdentity, Route,
    SubscriptionState, To,
};

/// The event package.
pub(super) const PACKAGE: &str = "reg";
/// Seconds that a range is watched at a time.
const RANGE_EXPIRES: u32 = 3600;
/// How long a WIC has to learn why it is registered no more, before its connection closes.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Edge {
    /// After the first 200 of a user.
    pub(super) fn watch_user(&mut self, now: Now, impi: &Impi) {
        let watched = Watched::User(impi.clone());
        if !self.config.policy.reg_event.subscribe || self.watches.of(&watched).is_some() {
            return;
        }
        let mine = |binding: &&Binding| binding.impi == *impi && binding.registrar == Registrar::Core;
        let default = self.bindings.of_impi(impi).map(|(_, binding)| binding).find(mine);
        if let Some(impu) = default.map(|binding| binding.impus.first().unwrap_or(&binding.impu).clone()) {
            self.watch(now, watched, impu);
        }
    }

    /// At the start, and when the records change.
    pub(super) fn watch_ranges(&mut self, now: Now) {
        let wanted = self.config.policy.reg_event.anchors && self.config.policy.flow3.mode == Flow3Mode::StaticWildcard;
        let anchors: Vec<(String, Impu)> = if wanted { self.records.anchors() } else { Vec::new() };
        let gone: Vec<WatchId> = self
            .watches
            .ranges()
            .filter(|(id, wwsf)| {
                let impu = self.watches.get(*id).map(|watch| &watch.impu);
                !anchors.iter().any(|(anchored, anchor)| anchored == wwsf && Some(anchor) == impu)
            })
            .map(|(id, _)| id)
            .collect();
        gone.into_iter().for_each(|id| self.stop_watching(now, id));
        for (wwsf, anchor) in anchors {
            let watched = Watched::Range(wwsf);
            if self.watches.of(&watched).is_none() {
                self.watch(now, watched, anchor);
            }
        }
    }

    /// A user may have no registration left to be watched.
    pub(super) fn unwatch_user(&mut self, now: Now, impi: &Impi) {
        let Some(id) = self.watches.of(&Watched::User(impi.clone())) else { return };
        if !self.bindings.of_impi(impi).any(|(_, binding)| binding.registrar == Registrar::Core) {
            self.stop_watching(now, id);
        }
    }

    /// The notifier may have a last word.
    fn stop_watching(&mut self, now: Now, id: WatchId) {
        self.watches.retire(id);
        self.deadlines.set(Timer::Watch(id), now.mono + self.timers.timeout());
    }

    fn watch(&mut self, now: Now, watched: Watched, impu: Impu) {
        let Ok(subscribe) = self.new_subscribe(&impu) else { return };
        let id = self.watches.add(Watch {
            watched,
            impu,
            subscribe: subscribe.clone(),
            dialog: None,
            view: View::default(),
            ranges: Vec::new(),
            ending: false,
        });
        self.send_subscribe(now, id, subscribe);
    }

    fn new_subscribe(&mut self, impu: &Impu) -> Result<Request, sip::HeaderError> {
        let aor: Uri = impu.as_str().parse()?;
        let mut from = From::new(self.own_uri()?);
        from.set_tag(&self.entropy.token(10));
        let call_id = format!("{}@{}", self.entropy.token(16), self.config.name);
        Ok(Request::new(Method::Subscribe, aor.clone())
            .with(&MaxForwards(70))
            .with(&Route::new(self.core_route.clone()))
            .with(&from)
            .with(&To::new(aor))
            .with(&CallId(call_id.into()))
            .with(&CSeq { number: 1, method: Method::Subscribe }))
    }

    fn own_uri(&self) -> Result<Uri, sip::HeaderError> {
        format!("sip:{}", self.config.name).parse()
    }

    /// Sends a SUBSCRIBE, in its dialog or to make one, with what this package asks for.
    fn send_subscribe(&mut self, now: Now, id: WatchId, mut request: Request) {
        let Some(watch) = self.watches.get(id) else { return };
        let expires = match &watch.watched {
            Watched::Range(_) => RANGE_EXPIRES,
            Watched::User(impi) => {
                let ends = self.bindings.of_impi(impi).map(|(_, binding)| binding.expires_at).max();
                let left = ends.map_or(0, |ends| ends.since(now.mono).as_secs());
                u32::try_from(left).unwrap_or(u32::MAX).saturating_add(self.config.policy.reg_event.margin)
            }
        };
        let begins = watch.dialog.is_none();
        let Ok(own) = self.own_uri() else { return };
        let charging = self.new_charging();
        let headers = &mut request.headers;
        headers.add(&Contact::new(own.clone()));
        headers.add(&EventHeader::new(PACKAGE));
        headers.push(HeaderName::Accept, MEDIA_TYPE);
        headers.add(&Expires(expires));
        headers.add(&PAssertedIdentity::new(own));
        headers.add(&charging);
        if begins && let Some(watch) = self.watches.get_mut(id) {
            watch.subscribe = request.clone();
        }
        self.deadlines.cancel(Timer::Watch(id));
        match self.own_to_core(request) {
            Some((request, to)) => {
                let client = self.transactions.request(now.mono, request, to);
                self.pending.insert(client, Pending::Watch(id));
            }
            None => self.watch_failed(now, id, "the way to the notifier is not known"),
        }
    }

    pub(super) fn on_subscribed(&mut self, now: Now, id: WatchId, response: &Response) {
        let Some(watch) = self.watches.get_mut(id) else { return };
        if watch.ending {
            return;
        }
        if response.status.is_success() {
            match &mut watch.dialog {
                Some(dialog) => dialog.refreshed_by(response),
                // Without a dialog yet, its NOTIFY makes one.
                None => watch.dialog = Dialog::uac(&watch.subscribe, response).ok(),
            }
            let granted = response.headers.opt::<Expires>().ok().flatten().map_or(RANGE_EXPIRES, |expires| expires.0);
            let wait = if granted > 1200 { granted - 600 } else { granted / 2 };
            self.deadlines.set(Timer::Watch(id), now.mono + Duration::from_secs(wait.max(1).into()));
            return;
        }
        let refreshing = watch.dialog.is_some();
        match response.status {
            status if refreshing && dialog::ends_usage(status) => self.resubscribe(now, id),
            // The core does not offer this package.
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_EVENT | StatusCode::NOT_IMPLEMENTED => {
                self.watch_lost(id, format!("the core answers {}", response.status));
                self.watches.remove(id);
            }
            status => self.watch_failed(now, id, format!("the core answers {status}")),
        }
    }

    /// Tried again after a while.
    pub(super) fn watch_failed(&mut self, now: Now, id: WatchId, reason: impl Into<std::borrow::Cow<'static, str>>) {
        self.watch_lost(id, reason);
        let retry = Duration::from_secs(self.config.policy.reg_event.retry.max(1));
        let Some(watch) = self.watches.get_mut(id) else { return };
        watch.dialog = None;
        self.deadlines.set(Timer::Watch(id), now.mono + retry);
    }

    fn watch_lost(&mut self, id: WatchId, reason: impl Into<std::borrow::Cow<'static, str>>) {
        let Some(watch) = self.watches.get(id) else { return };
        self.events.push_back(Event::WatchFailed { impu: watch.impu.clone(), reason: reason.into() });
    }

    /// A new subscription in the place of one that is over.
    fn resubscribe(&mut self, now: Now, id: WatchId) {
        let Some(impu) = self.watches.get(id).map(|watch| watch.impu.clone()) else { return };
        let Ok(subscribe) = self.new_subscribe(&impu) else { return };
        self.watches.restart(id, subscribe.clone());
        self.send_subscribe(now, id, subscribe);
    }

    /// A refresh, which also brings a full document (RFC 3680 §5.1).
    fn refresh_watch(&mut self, now: Now, id: WatchId) {
        match self.watches.get_mut(id).and_then(|watch| watch.dialog.as_mut()) {
            Some(dialog) => {
                let request = dialog.request(Method::Subscribe);
                self.send_subscribe(now, id, request);
            }
            None => self.resubscribe(now, id),
        }
    }

    pub(super) fn on_watch_due(&mut self, now: Now, id: WatchId) {
        match self.watches.get(id) {
            Some(watch) if watch.ending => self.watches.remove(id),
            Some(_) => self.refresh_watch(now, id),
            None => {}
        }
    }

    /// The subscription that a NOTIFY of the core is of.
    pub(super) fn own_subscription(&self, request: &Request) -> Option<WatchId> {
        if request.method != Method::Notify {
            return None;
        }
        self.watches.of_request(&request.call_id().ok()?.0, request.to().ok()?.tag()?)
    }

    pub(super) fn on_notify(
        &mut self,
        now: Now,
        key: ServerKey,
        id: WatchId,
        request: &Request,
    ) -> Result<(), Refusal> {
        let bad = |e: sip::HeaderError| Refusal::bad_request(e.reason().to_owned());
        if !request.headers.opt::<EventHeader>().map_err(bad)?.is_some_and(|event| event.is(PACKAGE)) {
            return Err(Refusal::new(
                StatusCode::BAD_EVENT,
                "this subscription is of another package (RFC 6665 §4.1.3)",
            )
            .with(HeaderName::AllowEvents, PACKAGE));
        }
        let state = request.headers.one::<SubscriptionState>().map_err(bad)?;
        let Some(watch) = self.watches.get_mut(id) else { return Err(super::request::no_such_dialog()) };
        match &mut watch.dialog {
            Some(dialog) => dialog.receive(request)?,
            None => watch.dialog = Some(Dialog::subscriber(&watch.subscribe, request).map_err(bad)?),
        }
        self.transactions.respond(now.mono, key, request.respond(StatusCode::OK));
        self.take_document(now, id, request);
        if state.is_terminated() {
            self.on_watch_terminated(now, id, &state);
        }
        Ok(())
    }

    fn take_document(&mut self, now: Now, id: WatchId, request: &Request) {
        let content_type = request.headers.opt::<ContentType>().ok().flatten();
        if request.body.is_empty() || !content_type.is_some_and(|content_type| content_type.is(MEDIA_TYPE)) {
            return;
        }
        let read = std::str::from_utf8(&request.body).ok().and_then(|text| RegInfo::parse(text).ok());
        let Some(document) = read else {
            return self.watch_lost(id, "the document cannot be read (RFC 3680 §5)");
        };
        let Some(watch) = self.watches.get_mut(id) else { return };
        match watch.view.apply(document) {
            Err(_) if watch.ending => {}
            Err(_) => self.refresh_watch(now, id),
            Ok(_) => match watch.watched.clone() {
                Watched::User(impi) => self.on_user_told(now, id, &impi),
                Watched::Range(wwsf) => self.on_range_told(now, id, &wwsf),
            },
        }
    }

    /// RFC 6665 §4.1.3: whether and when to subscribe again.
    fn on_watch_terminated(&mut self, now: Now, id: WatchId, state: &SubscriptionState) {
        let Some(watch) = self.watches.get_mut(id) else { return };
        let range = matches!(watch.watched, Watched::Range(_));
        watch.dialog = None;
        if watch.ending {
            self.deadlines.cancel(Timer::Watch(id));
            return self.watches.remove(id);
        }
        let retry = match state.reason() {
            Some("deactivated" | "timeout") => Some(0),
            Some("probation" | "giveup") => Some(state.retry_after().map_or(0, u64::from)),
            Some("rejected" | "noresource" | "invariant") if !range => None,
            _ => Some(self.config.policy.reg_event.retry),
        };
        match retry {
            // Not at once: a notifier that ends each subscription would keep both busy.
            Some(seconds) => {
                self.deadlines.set(Timer::Watch(id), now.mono + Duration::from_secs(seconds.max(1)));
            }
            None => {
                self.deadlines.cancel(Timer::Watch(id));
                self.watches.remove(id);
            }
        }
    }

    /// What the network has ended or changed of a user's registration.
    fn on_user_told(&mut self, now: Now, id: WatchId, impi: &Impi) {
        let Some(watch) = self.watches.get(id).filter(|_| !self.has(Defect::IgnoresRegEvent)) else { return };
        let told = watch.view.registrations().to_vec();
        let identities = Told::of(&told);
        let ids: Vec<BindingId> = self
            .bindings
            .of_impi(impi)
            .filter(|(_, binding)| binding.registrar == Registrar::Core)
            .map(|(id, _)| id)
            .collect();
        for id in ids {
            let Some(binding) = self.bindings.get_mut(id) else { continue };
            match fate(binding, &told) {
                Fate::Ended(event) => self.end_by_network(now, id, event),
                Fate::Unknown => {}
                Fate::Bound { left } => {
                    if identities.concern(binding) {
                        binding.impus.clone_from(&identities.impus);
                        binding.wildcards.clone_from(&identities.wildcards);
                    }
                    let ends = left.map(|left| now.mono + Duration::from_secs(left.into()));
                    if let Some(ends) = ends.filter(|ends| *ends < binding.expires_at) {
                        binding.expires_at = ends;
                        self.deadlines.set(Timer::Binding(id), ends);
                    }
                }
            }
        }
    }

    /// `rejected` is for good; anything else leaves the connection for a new REGISTER.
    fn end_by_network(&mut self, now: Now, id: BindingId, event: Option<ContactEvent>) {
        let Some(binding) = self.unbind(now, id, Cause::Network) else { return };
        if event == Some(ContactEvent::Rejected) && self.bindings.of_flow(binding.flow).next().is_none() {
            self.deadlines.set(Timer::Close(binding.flow), now.mono + LAST_WORDS);
            if !self.calls.of_impi(&binding.impi).any(|(_, call)| call.flow == binding.flow) {
                self.on_close_due(binding.flow);
            }
        }
    }

    /// The WIC has heard why.
    pub(super) fn on_close_due(&mut self, flow: FlowId) {
        self.deadlines.cancel(Timer::Close(flow));
        if self.connections.get(&flow).is_some_and(|connection| connection.owner.is_none()) {
            self.close(flow, close::POLICY, "de-registered by the network (RFC 3680 §3.7.2)");
        }
    }

    /// A range that is registered no more takes all its users along (NET-05).
    fn on_range_told(&mut self, now: Now, id: WatchId, wwsf: &str) {
        let Some(watch) = self.watches.get_mut(id) else { return };
        let anchor = watch.view.registrations().iter().find(|r| Impu::parse(&r.aor).is_ok_and(|aor| aor == watch.impu));
        let over = anchor.is_some_and(|anchor| anchor.state == RegState::Terminated)
            || (!watch.view.registrations().is_empty() && watch.view.is_over());
        let active: Vec<String> = watch
            .view
            .registrations()
            .iter()
            .filter(|registration| registration.state == RegState::Active)
            .filter_map(|registration| registration.wildcarded.clone())
            .collect();
        for range in &active {
            if !watch.ranges.contains(range) {
                watch.ranges.push(range.clone());
            }
        }
        let was_told = |range: &WildcardedImpu| watch.ranges.iter().any(|told| told == range.as_str());
        let is_active = |range: &WildcardedImpu| active.iter().any(|told| told == range.as_str());
        let Some(record) = self.records.get(wwsf) else { return };
        let down: Vec<WildcardedImpu> =
            record.ranges().iter().filter(|range| over || (was_told(range) && !is_active(range))).cloned().collect();
        let gone: Vec<BindingId> = self
            .bindings
            .iter()
            .filter(|(_, b)| b.registrar == Registrar::Edge && b.wwsf == wwsf)
            .filter(|(_, b)| b.wildcards.iter().any(|range| down.contains(range)))
            .map(|(id, _)| id)
            .collect();
        self.ranges_down.retain(|(of, _)| of != wwsf);
        self.ranges_down.extend(down.into_iter().map(|range| (wwsf.to_owned(), range)));
        for id in gone {
            if let Some(binding) = self.unbind(now, id, Cause::Network) {
                self.close(binding.flow, close::POLICY, "the range was withdrawn by the network (TS 29.228 §6.1.3)");
            }
        }
    }
}

/// What a document says of one contact.
enum Fate {
    /// Registered, by so many seconds from now where the network has shortened it.
    Bound {
        left: Option<u32>,
    },
    Ended(Option<ContactEvent>),
    Unknown,
}

fn fate(binding: &Binding, told: &[Registration]) -> Fate {
    let is_its_aor = |r: &&Registration| Impu::parse(&r.aor).is_ok_and(|aor| aor == binding.impu);
    let Some(registration) = told
        .iter()
        .find(is_its_aor)
        .or_else(|| told.iter().find(|r| Impu::parse(&r.aor).is_ok_and(|aor| binding.impus.contains(&aor))))
    else {
        return Fate::Unknown;
    };
    let is_its_contact = |uri: &str| uri.parse::<Uri>().is_ok_and(|uri| uri.equivalent(&binding.contact.uri));
    let contact = registration.contacts.iter().rev().find(|contact| is_its_contact(&contact.uri));
    // A document may be overtaken by the answer to the REGISTER that came after what it tells.
    let is_past = |contact: &RegContact| {
        contact.call_id.as_deref() == Some(&*binding.call_id.0) && contact.cseq.is_some_and(|cseq| cseq < binding.cseq)
    };
    match contact {
        Some(contact) if is_past(contact) => Fate::Unknown,
        Some(contact) if !contact.active => Fate::Ended(Some(contact.event)),
        _ if registration.state == RegState::Terminated => Fate::Ended(contact.map(|contact| contact.event)),
        Some(contact) => Fate::Bound { left: contact.expires.filter(|_| contact.event == ContactEvent::Shortened) },
        None => Fate::Unknown,
    }
}

/// The identities of a registration, the default one first.
struct Told {
    impus: Vec<Impu>,
    wildcards: Vec<WildcardedImpu>,
}

impl Told {
    fn of(registrations: &[Registration]) -> Self {
        let active = || registrations.iter().filter(|registration| registration.state == RegState::Active);
        let wildcard = |registration: &Registration| {
            WildcardedImpu::parse(registration.wildcarded.as_deref().unwrap_or_default()).ok()
        };
        Self {
            impus: active().filter(|r| r.wildcarded.is_none()).filter_map(|r| Impu::parse(&r.aor).ok()).collect(),
            wildcards: active().filter_map(wildcard).collect(),
        }
    }

    /// Whether they are those of this binding's set.
    fn concern(&self, binding: &Binding) -> bool {
        self.impus.iter().any(|impu| *impu == binding.impu || binding.impus.contains(impu))
    }
}
