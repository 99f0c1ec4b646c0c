//! What we ask for in a call: offers, their place in the queue, refreshes of the session.

use std::time::Duration;

use sip::dialog;
use sip::transaction::ClientKey;
use sip::{Instant, Method, Request, Response, StatusCode};

use super::{Course, Leg};
use crate::backoff::between;
use crate::line::{Io, Owner};
use crate::session::body::{self, SDP};
use crate::session::timer;
use crate::{CallEvent, Sdp, party};

/// A re-INVITE or UPDATE that is out.
#[derive(Debug)]
pub(super) struct Ours {
    pub(super) key: ClientKey,
    request: Request,
    /// `None` for a mere refresh.
    pub(super) offer: Option<Sdp>,
    /// Whether it asks for a longer session interval already, as a 422 wanted.
    lengthened: bool,
    /// When it has waited long enough for its final response, and is cancelled.
    pub(super) give_up: Option<Instant>,
}

/// An offer or a refresh that met the other side's.
#[derive(Debug)]
pub(super) struct Retry {
    pub(super) at: Instant,
    pub(super) offer: Option<Sdp>,
}

impl Leg {
    /// Offers another session as soon as that is allowed; an earlier one that waits is dropped.
    pub(in crate::session) fn offer(&mut self, io: &mut Io<'_>, sdp: Sdp) {
        match &mut self.retry {
            Some(retry) => retry.offer = Some(sdp),
            None => {
                self.waiting = Some(sdp);
                self.go_on(io);
            }
        }
    }

    /// Makes the offer that waits, if its turn has come.
    pub(in crate::session) fn go_on(&mut self, io: &mut Io<'_>) {
        let busy = self.ours.is_some() || self.theirs.is_some() || self.unacked.is_some() || self.retry.is_some();
        if busy || !self.settled || !self.dialog.is_confirmed() || !io.line.is_up() {
            return;
        }
        if let Some(sdp) = self.waiting.take() {
            self.send(io, Method::Invite, Some(sdp));
        }
    }

    /// A final response to a request of ours, and the answer in it.
    pub(in crate::session) fn answered(&mut self, io: &mut Io<'_>, key: ClientKey, response: &Response) -> Course {
        let Some(ours) = self.ours.take_if(|ours| ours.key == key) else { return Course::On };
        let status = response.status;
        if status.is_success() {
            return self.granted(io, &ours, response);
        }
        if let Some(min) = timer::too_small(response, &ours.request.headers).filter(|_| !ours.lengthened) {
            self.min_session = self.min_session.max(min);
            self.timer = None;
            self.send(io, ours.request.method, ours.offer);
            self.ours.iter_mut().for_each(|ours| ours.lengthened = true);
            return Course::On;
        }
        let update = ours.request.method == Method::Update;
        if update && matches!(status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
            self.updates = false;
            self.refresh(io);
            return Course::On;
        }
        if status == StatusCode::REQUEST_PENDING {
            self.retry = Some(Retry { at: io.now + self.back_off(io), offer: ours.offer });
            return Course::On;
        }
        self.refused(io, ours, status, party::why(response))
    }

    /// No answer came (408), or the request could not be sent (503).
    pub(in crate::session) fn failed(&mut self, io: &mut Io<'_>, key: ClientKey, status: StatusCode) -> Course {
        match self.ours.take_if(|ours| ours.key == key) {
            Some(ours) => self.refused(io, ours, status, "no answer in the call (RFC 3261 §12.2.1.2)".to_owned()),
            None => Course::On,
        }
    }

    fn granted(&mut self, io: &mut Io<'_>, ours: &Ours, response: &Response) -> Course {
        self.dialog.refreshed_by(response);
        if ours.request.method == Method::Invite {
            io.acknowledge(ours.key, &self.dialog);
        }
        self.accepted(io, response);
        if let Some(offer) = &ours.offer {
            let event = match body::sdp(&response.headers, &response.body) {
                Ok(Some(answer)) => {
                    self.local = Some(offer.clone());
                    CallEvent::OfferAnswered { answer }
                }
                _ => {
                    let reason = "accepted, but without an answer (RFC 3264 §5)".to_owned();
                    CallEvent::OfferRefused { status: StatusCode::NOT_ACCEPTABLE_HERE.code(), reason }
                }
            };
            io.call_event(self.call, event);
        }
        self.go_on(io);
        Course::On
    }

    fn refused(&mut self, io: &mut Io<'_>, ours: Ours, status: StatusCode, reason: String) -> Course {
        if dialog::ends_usage(status) {
            return Course::Over { status, reason };
        }
        match ours.offer {
            Some(_) => io.call_event(self.call, CallEvent::OfferRefused { status: status.code(), reason }),
            None => {
                // Once more, half-way to the end.
                if let Some(timer) = &mut self.timer {
                    timer.refresh_at = Some(io.now + timer.expires_at.since(io.now) / 2).filter(|at| *at > io.now);
                }
            }
        }
        self.go_on(io);
        Course::On
    }

    /// The other side's offer comes first: ours is taken back.
    pub(super) fn give_way(&mut self, io: &mut Io<'_>) {
        if let Some(Retry { offer: Some(_), .. }) = self.retry.take() {
            let reason = "the other side's offer came first (RFC 3261 §14.1)".to_owned();
            io.call_event(self.call, CallEvent::OfferRefused { status: StatusCode::REQUEST_PENDING.code(), reason });
        }
    }

    /// RFC 3261 §14.1: 2.1 to 4 s for the owner of the Call-ID, else 0 to 2 s, in steps of 10 ms.
    fn back_off(&self, io: &mut Io<'_>) -> Duration {
        let (from, span) = if self.caller { (2100, 1900) } else { (0, 2000) };
        let more = between(Duration::from_millis(span), 0, io.entropy).as_millis() / 10 * 10;
        Duration::from_millis(from + u64::try_from(more).unwrap_or(span))
    }

    /// Refreshes the session: by UPDATE without an offer, or by the last offer once more
    /// (RFC 4028 §7.4).
    pub(super) fn refresh(&mut self, io: &mut Io<'_>) {
        if self.ours.is_some() || self.theirs.is_some() || self.unacked.is_some() || !io.line.is_up() {
            if let Some(timer) = &mut self.timer {
                timer.refresh_at = Some(io.now + Duration::from_secs(1));
            }
            return;
        }
        let method = if self.updates { Method::Update } else { Method::Invite };
        self.send(io, method, None);
    }

    fn send(&mut self, io: &mut Io<'_>, method: Method, offer: Option<Sdp>) {
        let mut request = self.request(io, method);
        let body = match (&offer, &request.method) {
            (Some(offer), _) => Some(offer.clone()),
            (None, Method::Invite) => self.local.clone(),
            (None, _) => None,
        };
        if let Some(sdp) = body {
            request = request.with_body(SDP, sdp.as_str().to_owned());
        }
        if let Some(key) = io.send(request.clone(), Owner::Call(self.call)) {
            self.ours =
                Some(Ours { key, request, offer, lengthened: false, give_up: Some(io.now + io.timers.give_up) });
        }
    }

    /// The number that the request `key` has when it is sent again; `None` when it is not ours.
    pub(in crate::session) fn next_cseq(&mut self, key: ClientKey) -> Option<u32> {
        let method = match &self.ours {
            Some(ours) if ours.key == key => ours.request.method.clone(),
            _ if self.aside == Some(key) => Method::Prack,
            _ => return None,
        };
        self.number(method)
    }

    pub(in crate::session) fn number(&mut self, method: Method) -> Option<u32> {
        self.dialog.request(method).cseq().ok().map(|cseq| cseq.number)
    }

    /// The request `before` was sent again as `after`.
    pub(in crate::session) fn sent_again(&mut self, before: ClientKey, after: ClientKey, request: &Request) {
        if let Some(ours) = self.ours.as_mut().filter(|ours| ours.key == before) {
            ours.key = after;
            ours.request = request.clone();
        }
        if self.aside == Some(before) {
            self.aside = Some(after);
        }
    }
}
