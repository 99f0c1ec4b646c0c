//! A call that comes in, up to our final response (RFC 3261 §13.3, RFC 3262 §3).

use ims::Defect;
use sip::dialog::Dialog;
use sip::headers::{RAck, RSeq};
use sip::transaction::ServerKey;
use sip::{HeaderName, Instant, Method, Request, StatusCode};

use super::body::{self, SDP};
use super::leg::Leg;
use super::live::Live;
use super::resend::{Due, Resend};
use super::{Io, Session, Stage, timer};
use crate::{CallEvent, CallId, EndedBy, Sdp, party};

#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) key: ServerKey,
    invite: Request,
    pub(super) leg: Leg,
    offered: bool,
    reliable: Reliable,
    /// The number of the last reliable response.
    rseq: u32,
    /// A reliable response that waits for its PRACK.
    unacked: Option<Unacked>,
    /// What is to be said after that.
    next: Option<Provisional>,
    /// The early answer, and whether it went out reliably.
    early: Option<(Sdp, bool)>,
    /// The final answer, once the PRACK is there.
    answer: Option<Sdp>,
    /// When it has rung long enough.
    no_answer: Instant,
}

/// What the caller makes of reliable provisional responses (RFC 3262 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reliable {
    No,
    Supported,
    Required,
}

#[derive(Debug)]
struct Unacked {
    resend: Resend,
    /// Whether it holds our answer.
    answers: bool,
}

#[derive(Debug)]
struct Provisional {
    status: StatusCode,
    answer: Option<Sdp>,
}

impl Session {
    /// A new call; `None` when it was refused.
    pub(crate) fn called(
        io: &mut Io<'_>,
        id: CallId,
        key: ServerKey,
        invite: Request,
        replaces: Option<CallId>,
    ) -> Option<Self> {
        let tag = io.entropy.token(10);
        let dialog = match Dialog::uas(&invite, &tag) {
            Ok(dialog) => dialog,
            Err(error) => {
                io.refuse(key, &invite, StatusCode::BAD_REQUEST, error.reason(), &tag);
                return None;
            }
        };
        let refusal = timer::refuse(&invite, io.timers).filter(|_| !io.line.defects.has(Defect::TakesShortSessions));
        let offer = body::sdp(&invite.headers, &invite.body);
        let offer = match (refusal, offer) {
            (None, Ok(offer)) => offer,
            (Some(answer), _) => return refuse(io, key, answer, &tag),
            (None, Err(bad)) => return refuse(io, key, bad.answer(&invite), &tag),
        };
        let mut leg = Leg::new(id, dialog, false);
        leg.learn(&invite.headers);
        let reliable = match |name| invite.headers.lists(&name, "100rel") {
            has if has(HeaderName::Require) => Reliable::Required,
            has if has(HeaderName::Supported) => Reliable::Supported,
            _ => Reliable::No,
        };
        let from = party::party(&invite)?;
        let called = party::called(&invite);
        io.call_event(id, CallEvent::Incoming { from, called, offer: offer.clone(), replaces });
        let incoming = Incoming {
            key,
            leg,
            offered: offer.is_some(),
            reliable,
            rseq: first_rseq(io),
            unacked: None,
            next: None,
            early: None,
            answer: None,
            no_answer: io.now + io.timers.no_answer,
            invite,
        };
        Some(Self { id, stage: Stage::In(Box::new(incoming)), ended: false })
    }

    pub(crate) fn ringing(&mut self, io: &mut Io<'_>) {
        if let Stage::In(called) = &mut self.stage {
            called.say(io, Provisional { status: StatusCode::RINGING, answer: None });
        }
    }

    pub(crate) fn early_media(&mut self, io: &mut Io<'_>, answer: Sdp) {
        if let Stage::In(called) = &mut self.stage {
            // Without an offer there is nothing to answer yet.
            let answer = Some(answer).filter(|_| called.offered && called.early.is_none());
            called.say(io, Provisional { status: StatusCode::SESSION_PROGRESS, answer });
        }
    }

    /// Takes the call; true when that had an effect.
    pub(crate) fn answer(&mut self, io: &mut Io<'_>, sdp: Sdp) -> bool {
        let Stage::In(called) = &mut self.stage else { return false };
        // The 2xx waits for the PRACK to the answer that it builds on (RFC 3262 §3).
        if called.unacked.as_ref().is_some_and(|unacked| unacked.answers) {
            called.answer = Some(sdp);
            return true;
        }
        let Stage::In(called) = std::mem::replace(&mut self.stage, Stage::Over) else { return false };
        let Incoming { key, invite, mut leg, offered, early, .. } = *called;
        let (sdp, body) = match early {
            Some((early, true)) => (early, None),
            Some((early, false)) => (early.clone(), Some(early)),
            None => (sdp.clone(), Some(sdp)),
        };
        leg.accept(io, key, &invite, body.as_ref());
        self.stage = Stage::Live(Box::new(Live::callee(leg, offered, sdp)));
        true
    }

    /// Refuses the call.
    pub(crate) fn reject(&mut self, io: &mut Io<'_>, status: StatusCode) {
        self.refuse_call(io, status, EndedBy::Local, "");
    }

    pub(super) fn called_timeout(&mut self, io: &mut Io<'_>) {
        let Stage::In(called) = &mut self.stage else { return };
        if called.no_answer <= io.now {
            return self.refuse_call(io, StatusCode::TEMPORARILY_UNAVAILABLE, EndedBy::Network, "nobody answered");
        }
        let unacked = called.unacked.as_mut().map(|unacked| unacked.resend.handle_timeout(io));
        if unacked == Some(Due::GivenUp) {
            let text = "no PRACK came (RFC 3262 §3)";
            self.refuse_call(io, StatusCode::SERVER_TIME_OUT, EndedBy::Network, text);
        }
    }

    fn refuse_call(&mut self, io: &mut Io<'_>, status: StatusCode, by: EndedBy, text: &str) {
        if !matches!(self.stage, Stage::In(_)) {
            return;
        }
        let status = if status.code() < 300 { StatusCode::DECLINE } else { status };
        if let Stage::In(called) = std::mem::replace(&mut self.stage, Stage::Over) {
            called.refuse(io, status);
            self.end(io, by, Some(status), text);
        }
    }

    /// A PRACK (RFC 3262 §3).
    pub(super) fn on_prack(&mut self, io: &mut Io<'_>, key: ServerKey, prack: Request) {
        let rack = prack.headers.opt::<RAck>().ok().flatten();
        let awaited = match &mut self.stage {
            Stage::In(called) => rack.is_some_and(|rack| called.is_acked(&rack)).then_some(called),
            // It crossed our 200, which did not wait for it.
            Stage::Live(live) if !live.established && rack.is_some() && prack.body.is_empty() => {
                return io.respond(key, prack.respond(StatusCode::OK));
            }
            _ => None,
        };
        let Some(called) = awaited else {
            let reason = "no reliable response waits for this PRACK (RFC 3262 §3)";
            let tag = prack.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default();
            return io.refuse(key, &prack, StatusCode::CALL_DOES_NOT_EXIST, reason, &tag);
        };
        called.unacked = None;
        if prack.body.is_empty() {
            io.respond(key, prack.respond(StatusCode::OK));
        } else {
            called.leg.asked(io, key, prack);
        }
        if let Some(sdp) = called.answer.take() {
            self.answer(io, sdp);
        } else if let Some(next) = called.next.take() {
            called.say(io, next);
        }
    }
}

impl Incoming {
    pub(super) fn is_merged(&self, invite: &Request) -> bool {
        let from = |request: &Request| request.from().ok().and_then(|from| from.tag().map(str::to_owned));
        invite.call_id().ok() == self.invite.call_id().ok()
            && invite.cseq().ok() == self.invite.cseq().ok()
            && from(invite) == from(&self.invite)
    }

    pub(super) fn refuse(&self, io: &mut Io<'_>, status: StatusCode) {
        io.refuse(self.key, &self.invite, status, status.reason(), self.leg.local_tag());
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let unacked = self.unacked.as_ref().map(|unacked| unacked.resend.poll_timeout());
        [unacked, self.leg.poll_timeout(), Some(self.no_answer)].into_iter().flatten().min()
    }

    /// Sends a provisional response: reliably when the caller insists, or when it holds an answer
    /// and the caller can.
    fn say(&mut self, io: &mut Io<'_>, what: Provisional) {
        let reliably = match self.reliable {
            Reliable::Required => true,
            Reliable::Supported => what.answer.is_some(),
            Reliable::No => false,
        };
        if reliably && self.unacked.is_some() {
            // One at a time; an answer that waits is not dropped for a mere ring.
            if what.answer.is_some() || self.next.as_ref().is_none_or(|next| next.answer.is_none()) {
                self.next = Some(what);
            }
            return;
        }
        let mut response = self.leg.respond(io, &self.invite, what.status);
        if let Some(answer) = &what.answer {
            response = response.with_body(SDP, answer.as_str().to_owned());
        }
        if let Some(answer) = what.answer.clone() {
            self.early = Some((answer, reliably));
        }
        if !reliably {
            return io.respond(self.key, response);
        }
        self.rseq = self.rseq.saturating_add(1);
        let response = response.with(&RSeq(self.rseq)).with_raw(HeaderName::Require, "100rel");
        let resend = Resend::provisional(io, self.key, response);
        self.unacked = Some(Unacked { resend, answers: what.answer.is_some() });
    }

    /// Whether this RAck is for the response that waits for it.
    fn is_acked(&mut self, rack: &RAck) -> bool {
        let Some(unacked) = &self.unacked else { return false };
        let ours = self.invite.cseq().is_ok_and(|cseq| cseq == rack.cseq && cseq.method == Method::Invite);
        if rack.rseq != self.rseq || !ours {
            return false;
        }
        if unacked.answers {
            self.leg.settled = true;
            self.leg.local = self.early.as_ref().map(|(sdp, _)| sdp.clone());
        }
        true
    }
}

/// RSeq begins below 2³¹ (RFC 3262 §3), low enough to count from.
fn first_rseq(io: &mut Io<'_>) -> u32 {
    let mut octets = [0; 2];
    io.entropy.fill(&mut octets);
    u32::from(u16::from_le_bytes(octets))
}

fn refuse(io: &mut Io<'_>, key: ServerKey, mut response: sip::Response, tag: &str) -> Option<Session> {
    response.ensure_to_tag(|| tag.to_owned());
    io.respond(key, response);
    None
}
