//! One dialog of a call: its requests, and who may offer when (RFC 3264, RFC 3261 §14, RFC 3311,
//! RFC 6337).

mod ours;

use std::time::Duration;

use ims::Defect;
use sip::dialog::{self, Dialog};
use sip::headers::{Reason, RetryAfter};
use sip::transaction::{ClientKey, ServerKey};
use sip::{HeaderName, Instant, Method, Request, Response, StatusCode};

use super::Io;
use super::body::{self, SDP};
use super::resend::{Due, Resend};
use super::timer::{self, SessionTimer};
use crate::backoff::between;
use crate::line::{ALLOW, SUPPORTED};
use crate::{CallEvent, CallId, Sdp};
use ours::{Ours, Retry};

#[derive(Debug)]
pub(super) struct Leg {
    pub(super) call: CallId,
    pub(super) dialog: Dialog,
    /// Whether the first offer of the call was answered for good.
    pub(super) settled: bool,
    /// Whether the Call-ID is ours (RFC 3261 §14.1).
    caller: bool,
    /// What we last offered or answered.
    pub(super) local: Option<Sdp>,
    /// Whether the other side takes UPDATE.
    updates: bool,
    /// The last PRACK of ours.
    pub(super) aside: Option<ClientKey>,
    /// A re-INVITE or UPDATE of ours that is out.
    ours: Option<Ours>,
    /// An offer of theirs that the shell is to answer.
    theirs: Option<Theirs>,
    /// A 2xx of ours to an INVITE that waits for its ACK.
    unacked: Option<Unacked>,
    /// An offer that waits its turn.
    waiting: Option<Sdp>,
    /// An offer (or a refresh) that met the other side's, and when it is made again.
    retry: Option<Retry>,
    timer: Option<SessionTimer>,
    /// The longest Min-SE that we were told.
    min_session: u32,
}

#[derive(Debug)]
struct Theirs {
    key: ServerKey,
    request: Request,
}

#[derive(Debug)]
struct Unacked {
    cseq: u32,
    resend: Resend,
}

/// What became of a request, response or timer of the leg.
#[derive(Debug)]
pub(super) enum Course {
    /// It goes on.
    On,
    /// The call is over, and the other side does not know it or does not care (RFC 5057).
    Over { status: StatusCode, reason: String },
    /// The call is to be ended by BYE, for this reason.
    Bye(Reason),
}

impl Leg {
    pub(super) fn new(call: CallId, dialog: Dialog, caller: bool) -> Self {
        Self {
            call,
            dialog,
            settled: false,
            caller,
            local: None,
            updates: false,
            aside: None,
            ours: None,
            theirs: None,
            unacked: None,
            waiting: None,
            retry: None,
            timer: None,
            min_session: 0,
        }
    }

    pub(super) fn local_tag(&self) -> &str {
        self.dialog.local().tag().unwrap_or_default()
    }

    /// Notes what the other side says of itself.
    pub(super) fn learn(&mut self, headers: &sip::Headers) {
        if headers.has(&HeaderName::Allow) {
            self.updates = headers.lists(&HeaderName::Allow, Method::Update.as_str());
        }
    }

    /// The next request of ours, for the caller to complete.
    pub(super) fn request(&mut self, io: &Io<'_>, method: Method) -> Request {
        let refreshes = dialog::refreshes_target(&method);
        let mut request = self.dialog.request(method);
        if let Some(user) = io.line.user.as_ref().filter(|_| refreshes) {
            request.headers.add(&user.contact());
            request.headers.push(HeaderName::Allow, ALLOW);
            request.headers.push(HeaderName::Supported, SUPPORTED);
            timer::ask(&mut request.headers, io.timers, self.timer.as_ref(), self.min_session);
        }
        request
    }

    /// A 2xx or reliable provisional response of ours.
    pub(super) fn respond(&self, io: &Io<'_>, request: &Request, status: StatusCode) -> Response {
        let mut response = match &io.line.user {
            Some(user) => dialog::respond(request, status, self.local_tag(), &user.contact()),
            None => request.respond(status),
        };
        response.headers.push(HeaderName::Allow, ALLOW);
        response.headers.push(HeaderName::Supported, SUPPORTED);
        response
    }

    /// Answers the call: sends the 2xx, and again until the ACK is there.
    pub(super) fn accept(&mut self, io: &mut Io<'_>, key: ServerKey, request: &Request, sdp: Option<&Sdp>) {
        let mut response = self.respond(io, request, StatusCode::OK);
        if let Some(sdp) = sdp {
            response = response.with_body(SDP, sdp.as_str().to_owned());
        }
        if request.method != Method::Prack {
            timer::answer(request, &mut response, io.timers, self.timer.as_ref());
            self.timer = SessionTimer::settled(io.now, &response.headers, false);
        }
        if request.method != Method::Invite {
            return io.respond(key, response);
        }
        // It is our own response: there is nothing in it that could be wrong.
        let _ = self.dialog.confirm(&response);
        let cseq = request.cseq().map_or(0, |cseq| cseq.number);
        self.unacked = Some(Unacked { cseq, resend: Resend::success(io, key, response) });
    }

    /// Takes what a 2xx to our INVITE settles.
    pub(super) fn accepted(&mut self, io: &Io<'_>, response: &Response) {
        self.learn(&response.headers);
        self.timer = SessionTimer::settled(io.now, &response.headers, true);
    }

    /// Whether an offer of theirs waits for the shell.
    pub(super) fn is_asked(&self) -> bool {
        self.theirs.is_some()
    }

    pub(super) fn is_unacked(&self) -> bool {
        self.unacked.is_some()
    }

    /// Whether this ACK was waited for.
    pub(super) fn acked(&mut self, request: &Request) -> bool {
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        let awaited = self.unacked.as_ref().is_some_and(|unacked| unacked.cseq == number);
        if awaited {
            self.unacked = None;
        }
        awaited
    }

    /// Answers the other side's offer.
    pub(super) fn answer_offer(&mut self, io: &mut Io<'_>, sdp: Sdp) {
        let Some(theirs) = self.theirs.take() else { return };
        self.accept(io, theirs.key, &theirs.request, Some(&sdp));
        self.local = Some(sdp);
        self.go_on(io);
    }

    /// Refuses it: the session stays as it was (RFC 3261 §14.2).
    pub(super) fn refuse_offer(&mut self, io: &mut Io<'_>, status: StatusCode) {
        let Some(theirs) = self.theirs.take() else { return };
        io.refuse(theirs.key, &theirs.request, status, status.reason(), self.local_tag());
        self.go_on(io);
    }

    /// A re-INVITE or UPDATE of the other side.
    pub(super) fn asked(&mut self, io: &mut Io<'_>, key: ServerKey, request: Request) {
        self.learn(&request.headers);
        if let Some(answer) = timer::refuse(&request, io.timers) {
            return io.respond(key, answer);
        }
        let sdp = match body::sdp(&request.headers, &request.body) {
            Ok(sdp) => sdp,
            Err(bad) => return io.respond(key, bad.answer(&request)),
        };
        let exchanges = sdp.is_some() || request.method == Method::Invite;
        if exchanges && (self.theirs.is_some() || self.unacked.is_some() || !self.settled && !self.caller) {
            let wait = between(Duration::from_secs(10), 0, io.entropy).as_secs();
            let reason = "the last offer is not dealt with (RFC 3261 §14.2, RFC 3311 §5.2)";
            let answer = request.respond_with(StatusCode::SERVER_INTERNAL_ERROR, reason);
            return io.respond(key, answer.with(&RetryAfter(u32::try_from(wait).unwrap_or(10))));
        }
        let crosses = exchanges && (self.ours.is_some() || !self.settled);
        if crosses && !io.line.defects.has(Defect::TakesCrossingOffers) {
            let reason = "our own offer is not answered (RFC 3261 §14.2, RFC 3311 §5.2)";
            return io.refuse(key, &request, StatusCode::REQUEST_PENDING, reason, self.local_tag());
        }
        match sdp {
            Some(offer) => {
                self.give_way(io);
                self.theirs = Some(Theirs { key, request });
                io.call_event(self.call, CallEvent::Offer { offer });
            }
            // Without an offer the session is offered as it is: that is enough for a refresh.
            None if request.method == Method::Invite => {
                let local = self.local.clone();
                self.accept(io, key, &request, local.as_ref());
            }
            None => self.accept(io, key, &request, None),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let unacked = self.unacked.as_ref().map(|unacked| unacked.resend.poll_timeout());
        let retry = self.retry.as_ref().map(|retry| retry.at);
        let timer = self.timer.as_ref().filter(|_| self.dialog.is_confirmed()).map(SessionTimer::poll_timeout);
        let give_up = self.ours.as_ref().and_then(|ours| ours.give_up);
        [unacked, retry, timer, give_up].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, io: &mut Io<'_>) -> Course {
        if let Some(unacked) = &mut self.unacked
            && unacked.resend.handle_timeout(io) == Due::GivenUp
        {
            self.unacked = None;
            let text = "no ACK came (RFC 3261 §13.3.1.4)";
            return Course::Bye(Reason::sip(StatusCode::REQUEST_TIMEOUT, text));
        }
        if let Some(retry) = self.retry.take_if(|retry| retry.at <= io.now) {
            match retry.offer {
                Some(offer) => {
                    self.waiting.get_or_insert(offer);
                    self.go_on(io);
                }
                None => self.refresh(io),
            }
        }
        if let Some(ours) = &mut self.ours
            && ours.give_up.take_if(|by| *by <= io.now).is_some()
        {
            io.cancel(ours.key);
        }
        let Some(timer) = &mut self.timer else { return Course::On };
        if timer.expires_at <= io.now {
            let text = "the session was not refreshed (RFC 4028 §10)";
            return Course::Bye(Reason::sip(StatusCode::REQUEST_TIMEOUT, text));
        }
        if timer.refresh_at.is_some_and(|at| at <= io.now) {
            timer.refresh_at = None;
            self.refresh(io);
        }
        Course::On
    }

    /// The connection is gone, and what was asked on it: an offer of ours is taken back.
    pub(super) fn lost(&mut self, io: &mut Io<'_>) {
        let offered = self.ours.take().is_some_and(|ours| ours.offer.is_some())
            | self.retry.take().is_some_and(|retry| retry.offer.is_some())
            | self.waiting.take().is_some();
        self.theirs = None;
        self.unacked = None;
        if offered {
            let reason = "the connection is lost".to_owned();
            io.call_event(
                self.call,
                CallEvent::OfferRefused { status: StatusCode::SERVICE_UNAVAILABLE.code(), reason },
            );
        }
    }

    /// The call ends: what is still to be answered is refused (RFC 3261 §15.1.2).
    pub(super) fn close(&mut self, io: &mut Io<'_>) {
        self.unacked = None;
        self.waiting = None;
        self.retry = None;
        self.refuse_offer(io, StatusCode::REQUEST_TERMINATED);
        if let Some(ours) = self.ours.take() {
            io.cancel(ours.key);
        }
        self.timer = None;
    }
}
