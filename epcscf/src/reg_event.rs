//! Subscriptions to registrations (RFC 3680): those of this node at the core, and those of WICs at
//! this node.

use std::collections::HashMap;

use ims::reginfo::View;
use ims::{Impi, Impu};
use sip::dialog::{Dialog, DialogId};
use sip::{FlowId, Instant, Request, Text};

use crate::calls::Owner;

/// The number of a subscription of this node; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WatchId(u64);

/// The number of a subscription at this node; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SubscriptionId(u64);

/// Whose registration is watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Watched {
    /// A user's who is registered by this node.
    User(Impi),
    /// That of the identity which the ranges of this WWSF are registered by.
    Range(String),
}

/// A subscription of this node.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) watched: Watched,
    pub(crate) impu: Impu,
    /// The SUBSCRIBE that began it.
    pub(crate) subscribe: Request,
    pub(crate) dialog: Option<Dialog>,
    pub(crate) view: View,
    /// Ranges that were said to be registered.
    pub(crate) ranges: Vec<String>,
    /// Nobody needs it any more: it waits for the notifier's last word.
    pub(crate) ending: bool,
}

/// All subscriptions of this node.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    all: HashMap<WatchId, Watch>,
    by_watched: HashMap<Watched, WatchId>,
    /// By Call-ID and our tag.
    by_request: HashMap<(Text, Text), WatchId>,
    last: u64,
}

impl Watches {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn get(&self, id: WatchId) -> Option<&Watch> {
        self.all.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: WatchId) -> Option<&mut Watch> {
        self.all.get_mut(&id)
    }

    /// The subscription that is about somebody, and not at its end.
    pub(crate) fn of(&self, watched: &Watched) -> Option<WatchId> {
        self.by_watched.get(watched).copied()
    }

    pub(crate) fn of_request(&self, call_id: &str, tag: &str) -> Option<WatchId> {
        self.by_request.get(&(call_id.to_owned().into(), tag.to_owned().into())).copied()
    }

    /// The WWSFs whose ranges are watched.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (WatchId, &str)> {
        self.by_watched.iter().filter_map(|(watched, id)| match watched {
            Watched::Range(wwsf) => Some((*id, wwsf.as_str())),
            Watched::User(_) => None,
        })
    }

    pub(crate) fn add(&mut self, watch: Watch) -> WatchId {
        self.last += 1;
        let id = WatchId(self.last);
        if let Some(request) = request_id(&watch.subscribe) {
            self.by_request.insert(request, id);
        }
        self.by_watched.insert(watch.watched.clone(), id);
        self.all.insert(id, watch);
        id
    }

    /// Begins a subscription anew.
    pub(crate) fn restart(&mut self, id: WatchId, subscribe: Request) {
        let Some(watch) = self.all.get_mut(&id) else { return };
        if let Some(request) = request_id(&watch.subscribe) {
            self.by_request.remove(&request);
        }
        if let Some(request) = request_id(&subscribe) {
            self.by_request.insert(request, id);
        }
        watch.subscribe = subscribe;
        watch.dialog = None;
        watch.view = View::default();
    }

    /// Nobody needs it any more.
    pub(crate) fn retire(&mut self, id: WatchId) {
        let Some(watch) = self.all.get_mut(&id) else { return };
        watch.ending = true;
        if self.by_watched.get(&watch.watched) == Some(&id) {
            self.by_watched.remove(&watch.watched);
        }
    }

    pub(crate) fn remove(&mut self, id: WatchId) {
        self.retire(id);
        let Some(watch) = self.all.remove(&id) else { return };
        if let Some(request) = request_id(&watch.subscribe) {
            self.by_request.remove(&request);
        }
    }
}

fn request_id(subscribe: &Request) -> Option<(Text, Text)> {
    let (call_id, from) = (subscribe.call_id().ok()?, subscribe.from().ok()?);
    Some((String::from(call_id.0).into(), from.tag()?.to_owned().into()))
}

/// A subscription of a WIC to the registration that this node keeps of it.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) flow: FlowId,
    pub(crate) owner: Owner,
    pub(crate) dialog: Dialog,
    /// Event, as it was asked for.
    pub(crate) event: Text,
    /// The version of the next document.
    pub(crate) version: u32,
    pub(crate) until: Instant,
}

/// All subscriptions at this node.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    all: HashMap<SubscriptionId, Subscription>,
    by_dialog: HashMap<DialogId, SubscriptionId>,
    by_impu: HashMap<Impu, Vec<SubscriptionId>>,
    last: u64,
}

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn get_mut(&mut self, id: SubscriptionId) -> Option<&mut Subscription> {
        self.all.get_mut(&id)
    }

    pub(crate) fn of_dialog(&self, dialog: &DialogId) -> Option<(SubscriptionId, &Subscription)> {
        let id = *self.by_dialog.get(dialog)?;
        Some((id, self.all.get(&id)?))
    }

    pub(crate) fn of_impu(&self, impu: &Impu) -> Vec<SubscriptionId> {
        self.by_impu.get(impu).cloned().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, subscription: Subscription) -> SubscriptionId {
        self.last += 1;
        let id = SubscriptionId(self.last);
        self.by_dialog.insert(subscription.dialog.id().clone(), id);
        self.by_impu.entry(subscription.owner.registered.clone()).or_default().push(id);
        self.all.insert(id, subscription);
        id
    }

    pub(crate) fn remove(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.all.remove(&id) else { return };
        self.by_dialog.remove(subscription.dialog.id());
        let impu = &subscription.owner.registered;
        if let Some(ids) = self.by_impu.get_mut(impu) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_impu.remove(impu);
            }
        }
    }
}
