//! The end of a connection or of the registration, as calls and messages see it.

use ims::Defect;
use sip::Now;

use super::Agent;
use crate::State;
use crate::registration::Purpose;

impl Agent {
    /// Ends all calls, then the registration.
    pub(super) fn begin_leaving(&mut self, now: Now) {
        self.each_call(now, |session, io| session.unregistered(io));
        self.sessions.retain(|_, session| !session.is_over());
        self.release_by = (!self.sessions.is_empty()).then(|| now.mono + self.config.timers.release);
        self.flush(now);
        self.unbind(now);
    }

    /// Goes on once the last call has ended.
    pub(super) fn go_on_leaving(&mut self, now: Now) {
        if self.release_by.is_some() && self.sessions.is_empty() {
            self.release_by = None;
            self.unbind(now);
        }
    }

    /// Calls that do not end in time are left to the network.
    pub(super) fn leaving_timeout(&mut self, now: Now) {
        if self.release_by.take_if(|by| *by <= now.mono).is_some() {
            self.unbind(now);
        }
    }

    /// Sends the last REGISTER, unless calls are still to be ended. One REGISTER at a time (RFC
    /// 3261 §10.2): an answer that is due comes first.
    pub(super) fn unbind(&mut self, now: Now) {
        let free = self.link.is_up() && self.release_by.is_none() && self.answer_by.is_none();
        if self.state == State::Deregistering && free && self.has(Defect::LeavesUnsaid) {
            self.finish(now, false);
        } else if self.state == State::Deregistering && free {
            self.send_register(now, Purpose::Unbind);
        }
    }

    /// The connection is gone, and every transaction with it.
    pub(super) fn line_lost(&mut self, now: Now) {
        if !self.line.is_connected() {
            return;
        }
        while let Some(octets) = self.line.poll_transmit() {
            self.transmit(octets);
        }
        self.line.lost(now.mono);
        self.watch.lost();
        let mut pager = std::mem::take(&mut self.pager);
        pager.lost(&mut self.io(now));
        self.pager = pager;
        self.each_call(now, |session, io| session.lost(io));
        self.flush(now);
    }

    /// The registration is over, or never came: so is everything under it.
    pub(super) fn abandon(&mut self, now: Now, reason: &str) {
        for session in self.sessions.values_mut() {
            session.abandon(&mut self.outputs, reason);
        }
        self.sessions.clear();
        self.replacing.clear();
        self.release_by = None;
        self.line_lost(now);
        self.line.user = None;
        self.watch = crate::watch::Watch::default();
    }
}
