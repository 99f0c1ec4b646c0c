//! Sets that are registered by configuration, not by a REGISTER: the anchor of a wildcard range
//! whose registrar is the eP-CSCF. The HSS has such a set registered with this S-CSCF's name; its
//! profile is fetched without a change of state (SAR NO_ASSIGNMENT), at the start, and again and
//! again, at ever longer intervals, as long as it is not held.

use super::event::{Event, Subject};
use super::{Scscf, Waiting};
use crate::cx::{AssignmentType, Saa};
use ims::{Impi, Impu};
use sip::headers::Contact;
use sip::{Instant, Text};
use std::time::Duration;

/// A contact that is bound by configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticBinding {
    /// The private identity of the set.
    pub impi: Impi,
    /// Its distinct identity.
    pub impu: Impu,
    /// Where requests for its identities go.
    pub contact: Contact,
    /// The Path to it, one value a line.
    pub path: Vec<Text>,
}

/// All of them, and when those that are not held are asked for next.
#[derive(Debug)]
pub(super) struct Statics {
    wanted: Vec<StaticBinding>,
    due: Option<Instant>,
    tries: u32,
}

/// How often the interval between two tries is doubled.
const DOUBLINGS: u32 = 7;

impl Statics {
    pub(super) fn new(wanted: Vec<StaticBinding>) -> Self {
        Self { due: (!wanted.is_empty()).then(Instant::default), wanted, tries: 0 }
    }

    pub(super) fn next_try(&self) -> Option<Instant> {
        self.due
    }
}

impl Scscf {
    pub(super) fn run_statics(&mut self, now: Instant) {
        if self.statics.due.is_none_or(|due| due > now) {
            return;
        }
        self.statics.due = None;
        for index in 0..self.statics.wanted.len() {
            let Some(wanted) = self.statics.wanted.get(index).filter(|wanted| !self.holds(wanted)) else { continue };
            let sar = self.sar(AssignmentType::NoAssignment, &wanted.impi, &wanted.impu);
            self.asks.ask(now, sar, Waiting::Static { index });
            self.retry_statics(now);
        }
    }

    /// One was not to be had, or went.
    pub(super) fn retry_statics(&mut self, now: Instant) {
        if self.statics.due.is_none() {
            let factor = 1 << self.statics.tries.min(DOUBLINGS);
            self.statics.tries += 1;
            self.statics.due = Some(now + Duration::from_secs(self.policy.static_retry.max(1).into()) * factor);
        }
    }

    pub(super) fn on_static(&mut self, now: Instant, index: usize, saa: Saa) {
        let Some(StaticBinding { impi, impu, contact, path }) = self.statics.wanted.get(index).cloned() else { return };
        let Some(data) = saa.user_data.filter(|_| saa.result.is_success()) else { return };
        let bound = self.registrar.put_static(now, impi, &impu, data.profile, (contact, path));
        if self.statics.wanted.iter().all(|wanted| self.holds(wanted)) {
            (self.statics.due, self.statics.tries) = (None, 0);
        }
        let Some((set, id)) = bound else { return };
        self.watchers_see(set, id);
        let Some(set) = self.registrar.set(set) else { return };
        let impus: Vec<Impu> = set.profile.distinct_impus().cloned().collect();
        if let Some(binding) = set.binding(id) {
            let subject = Subject::of(binding, &impus);
            self.tell(Event::Registered(subject));
        }
    }

    fn holds(&self, wanted: &StaticBinding) -> bool {
        let is = |binding: &super::Binding| binding.is_static() && binding.contact == wanted.contact;
        self.registrar.find(&wanted.impu).is_some_and(|set| set.bindings.iter().any(is))
    }
}
