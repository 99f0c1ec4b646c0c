//! One call: its INVITE, its dialogs, its end (RFC 3261 §13–15). Sans-IO, driven by the agent.

mod body;
mod incoming;
mod leg;
mod live;
mod outgoing;
mod requests;
mod resend;
mod timer;

use sip::dialog::DialogId;
use sip::headers::{Reason, Replaces};
use sip::transaction::ClientKey;
use sip::{Instant, Method, Request, Response, StatusCode};

use crate::line::{Io, Owner};
use crate::{CallEvent, CallId, CallState, EndedBy, Event, Output, Sdp};
use incoming::Incoming;
use leg::{Course, Leg};
use live::{Leaving, Live};
use outgoing::Outgoing;

#[derive(Debug)]
pub(crate) struct Session {
    id: CallId,
    stage: Stage,
    /// Whether the shell was told that the call is over. What follows is between us and the network.
    ended: bool,
}

#[derive(Debug)]
enum Stage {
    /// Our INVITE is out.
    Out(Box<Outgoing>),
    /// Their INVITE is not answered.
    In(Box<Incoming>),
    /// There is a session.
    Live(Box<Live>),
    /// BYE is out, or waits for the connection.
    Leaving(Box<Leaving>),
    Over,
}

impl Session {
    /// Where it stands, until it has ended.
    pub(crate) fn state(&self) -> Option<CallState> {
        if self.ended {
            return None;
        }
        match &self.stage {
            Stage::Out(out) if out.rang() => Some(CallState::Ringing),
            Stage::Out(_) => Some(CallState::Calling),
            Stage::In(_) => Some(CallState::Incoming),
            Stage::Live(live) if live.is_suspended() => Some(CallState::Suspended),
            Stage::Live(_) => Some(CallState::Established),
            Stage::Leaving(_) | Stage::Over => None,
        }
    }

    /// Whether nothing is left to be done.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Whether a request is in one of its dialogs.
    pub(crate) fn is_in(&self, dialog: &DialogId) -> bool {
        let is = |leg: &Leg| leg.dialog.id() == dialog;
        match &self.stage {
            Stage::Out(out) => out.legs().any(is),
            Stage::In(called) => is(&called.leg),
            Stage::Live(live) => is(&live.leg),
            Stage::Leaving(leaving) => is(&leaving.leg),
            Stage::Over => false,
        }
    }

    /// Whether `invite` is the one that began it, come by another way (RFC 3261 §8.2.2.2).
    pub(crate) fn is_merged(&self, invite: &Request) -> bool {
        matches!(&self.stage, Stage::In(called) if called.is_merged(invite))
    }

    /// Whether it is the one to be replaced (RFC 3891 §3): confirmed, or begun by us.
    ///
    /// # Errors
    /// 486 when only an early dialog is to be replaced and this one is confirmed.
    pub(crate) fn is_replaced_by(&self, replaces: &Replaces) -> Result<bool, StatusCode> {
        let dialog = DialogId::new(&replaces.call_id, replaces.to_tag(), replaces.from_tag());
        match &self.stage {
            _ if self.ended || !self.is_in(&dialog) => Ok(false),
            Stage::Live(_) if replaces.is_early_only() => Err(StatusCode::BUSY_HERE),
            Stage::Live(_) | Stage::Out(_) => Ok(true),
            _ => Ok(false),
        }
    }

    /// A response to a request of ours, other than one that is sent again for a challenge. False
    /// for a 2xx to INVITE that nobody wants.
    pub(crate) fn on_response(
        &mut self,
        io: &mut Io<'_>,
        key: ClientKey,
        request: &Request,
        response: &Response,
    ) -> bool {
        let accepted = request.method == Method::Invite && response.status.is_success();
        match &mut self.stage {
            Stage::Out(out) if out.key == key => self.invite_answered(io, response),
            Stage::Out(out) => {
                let course =
                    out.legs_mut().map(|leg| leg.answered(io, key, response)).find(|c| !matches!(c, Course::On));
                self.take(io, course.unwrap_or(Course::On));
                true
            }
            Stage::In(called) => {
                let course = called.leg.answered(io, key, response);
                self.take(io, course);
                true
            }
            Stage::Live(live) => {
                let known = !accepted || live.leg.dialog.id().remote_tag == remote_tag(response);
                if known && response.status.is_final() {
                    let course = live.leg.answered(io, key, response);
                    self.take(io, course);
                }
                known
            }
            Stage::Leaving(leaving) if leaving.key == Some(key) => {
                if response.status.is_final() {
                    self.stage = Stage::Over;
                }
                true
            }
            Stage::Leaving(leaving) if accepted && leaving.leg.dialog.id().remote_tag == remote_tag(response) => {
                io.acknowledge(key, &leaving.leg.dialog);
                true
            }
            Stage::Leaving(_) | Stage::Over => !accepted,
        }
    }

    /// A request of ours got no answer (408) or could not be sent (503).
    pub(crate) fn on_failure(&mut self, io: &mut Io<'_>, key: ClientKey, status: StatusCode) {
        let course = match &mut self.stage {
            Stage::Out(out) if out.key == key => {
                self.stage = Stage::Over;
                let reason = "the network did not answer the INVITE (RFC 3261 §17.1.1.2)";
                return self.end(io, EndedBy::Network, Some(status), reason);
            }
            Stage::Leaving(leaving) if leaving.key == Some(key) => {
                self.stage = Stage::Over;
                return;
            }
            Stage::Live(live) => live.leg.failed(io, key, status),
            _ => Course::On,
        };
        self.take(io, course);
    }

    /// The sequence number with which the request `key` may be sent again.
    pub(crate) fn next_cseq(&mut self, key: ClientKey, request: &Request) -> Option<u32> {
        let next = request.cseq().ok()?.number.saturating_add(1);
        match &mut self.stage {
            Stage::Out(out) if out.key == key => (!self.ended).then_some(next),
            Stage::Out(out) => out.legs_mut().find_map(|leg| leg.next_cseq(key)),
            Stage::In(called) => called.leg.next_cseq(key),
            Stage::Live(live) => live.leg.next_cseq(key),
            Stage::Leaving(leaving) if leaving.key == Some(key) => leaving.leg.number(Method::Bye),
            Stage::Leaving(_) | Stage::Over => None,
        }
    }

    /// The request `before` was sent again as `after`.
    pub(crate) fn sent_again(&mut self, before: ClientKey, after: ClientKey, request: &Request) {
        match &mut self.stage {
            Stage::Out(out) => out.sent_again(before, after, request),
            Stage::In(called) => called.leg.sent_again(before, after, request),
            Stage::Live(live) => live.leg.sent_again(before, after, request),
            Stage::Leaving(leaving) if leaving.key == Some(before) => leaving.key = Some(after),
            Stage::Leaving(_) | Stage::Over => {}
        }
    }

    /// Offers another session. Before the call is accepted, that waits.
    pub(crate) fn offer(&mut self, io: &mut Io<'_>, sdp: Sdp) {
        if let Stage::Live(live) = &mut self.stage
            && !self.ended
        {
            live.offer(io, sdp);
        }
    }

    /// Answers the other side's offer, or refuses it.
    pub(crate) fn answer_offer(&mut self, io: &mut Io<'_>, answer: Result<Sdp, StatusCode>) {
        let leg = match &mut self.stage {
            Stage::Out(out) => out.legs_mut().find(|leg| leg.is_asked()),
            Stage::In(called) => Some(&mut called.leg),
            Stage::Live(live) => Some(&mut live.leg),
            Stage::Leaving(_) | Stage::Over => None,
        };
        match (leg, answer) {
            (Some(leg), Ok(sdp)) => leg.answer_offer(io, sdp),
            (Some(leg), Err(status)) => leg.refuse_offer(io, status),
            (None, _) => {}
        }
    }

    /// Ends it by whatever ends it where it stands.
    pub(crate) fn hang_up(&mut self, io: &mut Io<'_>) {
        self.release(io, EndedBy::Local, StatusCode::DECLINE, None, "");
    }

    /// Another call takes its place (RFC 3891 §3).
    pub(crate) fn replaced(&mut self, io: &mut Io<'_>) {
        let text = "replaced by another call (RFC 3891)";
        self.release(io, EndedBy::Peer, StatusCode::REQUEST_TERMINATED, None, text);
    }

    /// The registration that it was made under ends.
    pub(crate) fn unregistered(&mut self, io: &mut Io<'_>) {
        self.release(io, EndedBy::Local, StatusCode::TEMPORARILY_UNAVAILABLE, None, "de-registered");
    }

    /// The connection is gone. What is not established ends; a call waits for it to come back.
    pub(crate) fn lost(&mut self, io: &mut Io<'_>) {
        let gone = "the connection to the network is lost";
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Live(live) => self.suspend(io, live),
            Stage::Leaving(leaving) => self.stage = Stage::Leaving(Box::new(leaving.lost(io))),
            Stage::Out(_) | Stage::In(_) => self.end(io, EndedBy::Network, Some(StatusCode::SERVICE_UNAVAILABLE), gone),
            Stage::Over => {}
        }
    }

    /// We are registered again.
    pub(crate) fn restored(&mut self, io: &mut Io<'_>) {
        match &mut self.stage {
            Stage::Live(live) => live.resume(io),
            Stage::Leaving(leaving) => leaving.resume(io),
            Stage::Out(_) | Stage::In(_) | Stage::Over => {}
        }
    }

    /// There will be no connection any more: all of it is forgotten.
    pub(crate) fn abandon(&mut self, outputs: &mut std::collections::VecDeque<Output>, reason: &str) {
        self.stage = Stage::Over;
        if !std::mem::replace(&mut self.ended, true) {
            let ended = CallEvent::Ended { by: EndedBy::Network, status: None, reason: reason.to_owned() };
            outputs.push_back(Output::Event(Event::Call { call: self.id, event: ended }));
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Out(out) => out.poll_timeout(self.ended),
            Stage::In(called) => called.poll_timeout(),
            Stage::Live(live) => live.poll_timeout(),
            Stage::Leaving(leaving) => leaving.until,
            Stage::Over => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, io: &mut Io<'_>) {
        match &mut self.stage {
            Stage::Out(_) => self.calling_timeout(io),
            Stage::In(_) => self.called_timeout(io),
            Stage::Live(_) => self.live_timeout(io),
            Stage::Leaving(leaving) if leaving.until.is_some_and(|until| until <= io.now) => self.stage = Stage::Over,
            Stage::Leaving(_) | Stage::Over => {}
        }
    }

    /// Ends it towards the network by CANCEL, BYE or `status`, and towards the shell.
    fn release(&mut self, io: &mut Io<'_>, by: EndedBy, status: StatusCode, reason: Option<Reason>, text: &str) {
        if self.ended {
            return;
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Out(out) => {
                if io.cancel(out.key) {
                    self.stage = Stage::Out(out);
                }
                self.end(io, by, None, text);
            }
            Stage::In(called) => {
                called.refuse(io, status);
                self.end(io, by, Some(status), text);
            }
            Stage::Live(mut live) if live.leg.is_unacked() && !live.established => {
                // No BYE before the ACK (RFC 3261 §15).
                live.bye = Some(reason);
                self.stage = Stage::Live(live);
                self.end(io, by, None, text);
            }
            Stage::Live(live) => {
                self.leave(io, live.leg, reason);
                self.end(io, by, None, text);
            }
            Stage::Leaving(leaving) => self.stage = Stage::Leaving(leaving),
            Stage::Over => {}
        }
    }

    /// Sends BYE.
    fn leave(&mut self, io: &mut Io<'_>, leg: Leg, reason: Option<Reason>) {
        self.stage = Stage::Leaving(Box::new(Leaving::start(io, leg, reason)));
    }

    /// What an exchange in the dialog came to.
    fn take(&mut self, io: &mut Io<'_>, course: Course) {
        let (leg, reason, by, status, text) = match course {
            Course::On => return,
            Course::Over { status, reason } => (None, None, EndedBy::Network, Some(status), reason),
            Course::Bye(reason) => {
                let status = reason.cause().and_then(StatusCode::new);
                let text = reason.text().unwrap_or_default();
                (Some(()), Some(reason), EndedBy::Network, status, text)
            }
        };
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Live(live) if leg.is_some() => self.leave(io, live.leg, reason),
            Stage::Live(mut live) => live.leg.close(io),
            // An early dialog may go while the INVITE goes on.
            before => {
                self.stage = before;
                return;
            }
        }
        self.end(io, by, status, &text);
    }

    fn end(&mut self, io: &mut Io<'_>, by: EndedBy, status: Option<StatusCode>, reason: &str) {
        if !std::mem::replace(&mut self.ended, true) {
            let status = status.map(StatusCode::code);
            io.call_event(self.id, CallEvent::Ended { by, status, reason: reason.to_owned() });
        }
    }
}

fn remote_tag(response: &Response) -> sip::Text {
    let tag = response.to().ok().and_then(|to| to.tag().map(str::to_owned));
    tag.unwrap_or_default().into()
}
