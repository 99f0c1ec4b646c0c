//! The notifier of the `reg` event (RFC 3680, RFC 6665, TS 24.229 §5.4.2.1): who watches which set,
//! and what each is still to be told.
//!
//! A subscription has one NOTIFY under way at a time; what happens meanwhile goes into the next
//! one. The first document, and the one after a refresh, is full; the others tell what changed.

mod document;
mod subscribe;

use super::registrar::{BindingId, Gone, SetId};
use super::{OwnRequest, Scscf};
use document::{Document, Told, told_of};
use ims::Defect;
use ims::profile::ServiceProfile;
use ims::reginfo::{self, ContactEvent};
use sip::dialog::{self, Dialog, DialogId};
use sip::headers::{Contact, Event as EventHeader, SubscriptionState};
use sip::{Instant, Method, Request, Response};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// All subscriptions.
#[derive(Debug, Default)]
pub(super) struct Notifier {
    all: BTreeMap<WatchId, Watch>,
    by_dialog: HashMap<DialogId, WatchId>,
    by_set: HashMap<SetId, BTreeSet<WatchId>>,
    deadlines: BTreeSet<(Instant, WatchId)>,
    /// What has something to be told.
    due: BTreeSet<WatchId>,
    next: u64,
}

/// A subscription, as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WatchId(u64);

/// One subscription.
#[derive(Debug)]
struct Watch {
    dialog: Dialog,
    set: SetId,
    /// The identities as they were told last; one that goes is told of.
    profile: ServiceProfile,
    event_id: Option<String>,
    expires_at: Instant,
    /// Of the next document.
    version: u32,
    /// A NOTIFY is under way.
    in_flight: bool,
    full: bool,
    changes: Vec<Told>,
    /// Why it is over, once it is.
    over: Option<&'static str>,
}

impl Notifier {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    fn find(&self, id: &DialogId) -> Option<WatchId> {
        self.by_dialog.get(id).copied()
    }

    fn watching(&self, set: SetId) -> usize {
        self.by_set.get(&set).map_or(0, BTreeSet::len)
    }

    /// Changes each subscription to a set; it then has something to be told.
    fn each_of(&mut self, set: SetId, change: impl Fn(&mut Watch)) {
        for id in self.by_set.get(&set).into_iter().flatten() {
            if let Some(watch) = self.all.get_mut(id) {
                change(watch);
                self.due.insert(*id);
            }
        }
    }

    /// Something happened to a contact.
    fn changed(&mut self, set: SetId, told: &Told) {
        self.each_of(set, |watch| {
            watch.changes.retain(|old| old.binding != told.binding);
            watch.changes.push(told.clone());
        });
    }

    fn insert(&mut self, watch: Watch) -> WatchId {
        self.next += 1;
        let id = WatchId(self.next);
        self.deadlines.insert((watch.expires_at, id));
        self.by_dialog.insert(watch.dialog.id().clone(), id);
        self.by_set.entry(watch.set).or_default().insert(id);
        self.all.insert(id, watch);
        self.due.insert(id);
        id
    }

    fn remove(&mut self, id: WatchId) {
        if let Some(watch) = self.all.remove(&id) {
            self.deadlines.remove(&(watch.expires_at, id));
            self.by_dialog.remove(watch.dialog.id());
            if let Some(watches) = self.by_set.get_mut(&watch.set) {
                watches.remove(&id);
                if watches.is_empty() {
                    self.by_set.remove(&watch.set);
                }
            }
        }
        self.due.remove(&id);
    }

    fn extend(&mut self, id: WatchId, until: Instant) {
        let Some(watch) = self.all.get_mut(&id) else { return };
        self.deadlines.remove(&(watch.expires_at, id));
        watch.expires_at = until;
        self.deadlines.insert((until, id));
    }
}

impl Scscf {
    /// A contact was bound, refreshed or shortened.
    pub(super) fn watchers_see(&mut self, set: SetId, binding: BindingId) {
        self.notifier.changed(set, &Told { binding, gone: None });
    }

    /// A contact went; the last one ends the registration, and with it the subscriptions.
    pub(super) fn watchers_lose(&mut self, now: Instant, gone: &Gone, event: ContactEvent, retry_after: Option<u32>) {
        self.notifier.changed(gone.set, &told_of(now, &gone.binding, event, retry_after));
        if gone.ended.is_some() {
            self.notifier.each_of(gone.set, |watch| watch.over = Some("noresource"));
        }
    }

    /// The identities of a set are others now.
    pub(super) fn watchers_see_profile(&mut self, set: SetId) {
        self.notifier.each_of(set, |watch| watch.full = true);
    }

    pub(super) fn expire_watches(&mut self, now: Instant) {
        while let Some((at, id)) = self.notifier.deadlines.first().filter(|(at, _)| *at <= now).copied() {
            self.notifier.deadlines.remove(&(at, id));
            if let Some(watch) = self.notifier.all.get_mut(&id) {
                watch.over = Some("timeout");
                self.notifier.due.insert(id);
            }
        }
    }

    /// Sends the NOTIFYs that are due.
    pub(super) fn notify(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.notifier.due) {
            let Some(watch) = self.notifier.all.get_mut(&id) else { continue };
            if watch.in_flight {
                // Its answer brings us back here.
                continue;
            }
            let set = self.registrar.set(watch.set);
            let full = std::mem::take(&mut watch.full);
            let changes = std::mem::take(&mut watch.changes);
            let told = Document { now, set, told: &watch.profile, full, changes: &changes };
            let body = told.info(watch.version).to_xml();
            if !self.policy.defects.has(Defect::RepeatsVersion) {
                watch.version = watch.version.saturating_add(1);
            }
            watch.in_flight = true;
            if let Some(set) = set {
                watch.profile = set.profile.clone();
            }
            let over = watch.over;
            if over.is_some() && self.policy.defects.has(Defect::EndsWatchesSilently) {
                self.notifier.remove(id);
                continue;
            }
            let notify = watch.notify(now, &self.own_name.uri(), body);
            let last = over.is_some();
            let what = if last { OwnRequest::LastNotify } else { OwnRequest::Notify(id) };
            if !self.send_own(now, notify, what) || last {
                self.notifier.remove(id);
            }
        }
    }

    /// The watcher has answered a NOTIFY (RFC 6665 §4.2.2).
    pub(super) fn on_notify_answer(&mut self, id: WatchId, response: &Response) {
        if !response.status.is_final() {
            return;
        }
        let Some(watch) = self.notifier.all.get_mut(&id) else { return };
        watch.in_flight = false;
        watch.dialog.refreshed_by(response);
        if dialog::ends_usage(response.status) {
            return self.notifier.remove(id);
        }
        if watch.full || watch.over.is_some() || !watch.changes.is_empty() {
            self.notifier.due.insert(id);
        }
    }

    /// The watcher can't be reached: it is forgotten.
    pub(super) fn on_notify_failed(&mut self, id: WatchId) {
        self.notifier.remove(id);
    }
}

impl Watch {
    fn notify(&mut self, now: Instant, own: &sip::SipUri, body: String) -> Request {
        let mut notify = self.dialog.request(Method::Notify);
        let left = u32::try_from(self.expires_at.since(now).as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        let state = match self.over {
            Some(reason) => SubscriptionState::terminated(reason),
            None => SubscriptionState::active(left),
        };
        notify.headers.add(&event(self.event_id.as_deref()));
        notify.headers.add(&state);
        notify.headers.add(&Contact::new(own.clone().into()));
        notify.with_body(reginfo::MEDIA_TYPE, body)
    }
}

fn event(id: Option<&str>) -> EventHeader {
    let mut event = EventHeader::new("reg");
    if let Some(id) = id {
        event.params.set("id", id);
    }
    event
}
