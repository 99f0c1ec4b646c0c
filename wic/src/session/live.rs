//! A call that is accepted, and one that is being left.

use sip::headers::Reason;
use sip::transaction::ClientKey;
use sip::{Instant, Method, Request, StatusCode};

use super::leg::Leg;
use super::{Io, Owner, Session, Stage, body};
use crate::{CallEvent, EndedBy, Sdp};

#[derive(Debug)]
pub(super) struct Live {
    pub(super) leg: Leg,
    /// Whether the ACK is sent or there.
    pub(super) established: bool,
    /// Whether the ACK is to bring the answer to the offer in our 200.
    wants_answer: bool,
    /// To be ended, with this reason, as soon as the ACK is there.
    pub(super) bye: Option<Option<Reason>>,
    /// Until when it waits for the connection.
    suspended: Option<Instant>,
}

impl Live {
    /// A call of ours that was accepted and acknowledged.
    pub(super) fn caller(mut leg: Leg, offer: Sdp) -> Self {
        leg.settled = true;
        leg.local.get_or_insert(offer);
        Self { leg, established: true, wants_answer: false, bye: None, suspended: None }
    }

    /// A call that we accepted. `offered` tells whether it came with an offer.
    pub(super) fn callee(mut leg: Leg, offered: bool, sdp: Sdp) -> Self {
        leg.settled = offered;
        leg.local.get_or_insert(sdp);
        Self { leg, established: false, wants_answer: !offered, bye: None, suspended: None }
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.suspended.is_some()
    }

    pub(super) fn offer(&mut self, io: &mut Io<'_>, sdp: Sdp) {
        self.leg.offer(io, sdp);
    }

    pub(super) fn resume(&mut self, io: &mut Io<'_>) {
        if self.suspended.take().is_some() {
            io.call_event(self.leg.call, CallEvent::Resumed);
            self.leg.go_on(io);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.suspended, self.leg.poll_timeout()].into_iter().flatten().min()
    }
}

/// A dialog that is left: until BYE is answered.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) leg: Leg,
    /// The BYE that is out.
    pub(super) key: Option<ClientKey>,
    /// How long BYE waits, for the connection or its answer.
    pub(super) until: Option<Instant>,
    reason: Option<Reason>,
}

impl Leaving {
    pub(super) fn start(io: &mut Io<'_>, mut leg: Leg, reason: Option<Reason>) -> Self {
        leg.close(io);
        let mut leaving = Self { leg, key: None, until: Some(io.now + io.timers.grace), reason };
        leaving.resume(io);
        leaving
    }

    pub(super) fn resume(&mut self, io: &mut Io<'_>) {
        if self.key.is_some() || !io.line.is_up() {
            return;
        }
        let mut bye = self.leg.request(io, Method::Bye);
        if let Some(reason) = &self.reason {
            bye.headers.add(reason);
        }
        self.key = io.send(bye, Owner::Call(self.leg.call));
        if self.key.is_some() {
            // Longer than any answer takes: BYE may wait for another token.
            self.until = Some(io.now + io.timers.transaction * 2);
        }
    }

    pub(super) fn lost(mut self, io: &Io<'_>) -> Self {
        self.key = None;
        self.until = Some(io.now + io.timers.grace);
        self
    }
}

impl Session {
    /// An ACK in the dialog.
    pub(crate) fn on_ack(&mut self, io: &mut Io<'_>, ack: &Request) {
        let Stage::Live(live) = &mut self.stage else { return };
        if !live.leg.acked(ack) {
            return;
        }
        if live.established {
            return live.leg.go_on(io);
        }
        live.established = true;
        let awaited = std::mem::take(&mut live.wants_answer);
        let sdp = if awaited { body::sdp(&ack.headers, &ack.body).ok().flatten() } else { None };
        live.leg.settled = true;
        if let Some(reason) = live.bye.take() {
            return self.leave_now(io, reason);
        }
        if awaited && sdp.is_none() {
            let text = "the ACK brought no answer (RFC 3264 §5)";
            self.leave_now(io, Some(Reason::sip(StatusCode::NOT_ACCEPTABLE_HERE, text)));
            return self.end(io, EndedBy::Network, Some(StatusCode::NOT_ACCEPTABLE_HERE), text);
        }
        io.call_event(self.id, CallEvent::Established { sdp });
        live.leg.go_on(io);
    }

    fn leave_now(&mut self, io: &mut Io<'_>, reason: Option<Reason>) {
        if let Stage::Live(live) = std::mem::replace(&mut self.stage, Stage::Over) {
            self.leave(io, live.leg, reason);
        }
    }

    pub(super) fn suspend(&mut self, io: &mut Io<'_>, mut live: Box<Live>) {
        if live.established {
            live.leg.lost(io);
            if live.suspended.is_none() {
                live.suspended = Some(io.now + io.timers.grace);
                io.call_event(self.id, CallEvent::Suspended);
            }
            self.stage = Stage::Live(live);
            return;
        }
        // The caller may have our 200: it is told as soon as that is possible.
        let text = "the connection to the network was lost before the ACK came";
        self.leave(io, live.leg, Some(Reason::sip(StatusCode::SERVICE_UNAVAILABLE, text)));
        self.end(io, EndedBy::Network, Some(StatusCode::SERVICE_UNAVAILABLE), text);
    }

    pub(super) fn live_timeout(&mut self, io: &mut Io<'_>) {
        let Stage::Live(live) = &mut self.stage else { return };
        if live.suspended.is_some_and(|until| until <= io.now) {
            let text = "the connection to the network did not come back in time";
            if let Stage::Live(live) = std::mem::replace(&mut self.stage, Stage::Over)
                && io.line.is_up()
            {
                self.leave(io, live.leg, Some(Reason::sip(StatusCode::TEMPORARILY_UNAVAILABLE, text)));
            }
            return self.end(io, EndedBy::Network, Some(StatusCode::REQUEST_TIMEOUT), text);
        }
        let course = live.leg.handle_timeout(io);
        self.take(io, course);
    }
}
