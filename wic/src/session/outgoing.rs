//! A call that we make, up to its final response (RFC 3261 §13.2, RFC 3262 §4).

use sip::dialog::{Dialog, DialogId};
use sip::headers::{CSeq, MinSe, NameAddr, PPreferredIdentity, Privacy, RAck, RSeq, Reason, SessionExpires};
use sip::transaction::ClientKey;
use sip::{HeaderName, Instant, Method, Request, Response, StatusCode, Uri};

use super::body::SDP;
use super::leg::Leg;
use super::live::Live;
use super::{Io, Owner, Session, Stage, body, timer};
use crate::line::{ALLOW, SUPPORTED};
use crate::{CallEvent, CallId, CallOptions, EndedBy, Sdp, party};

/// How many early dialogs one INVITE may have.
const MOST_BRANCHES: usize = 16;

#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) key: ClientKey,
    /// As it was last sent.
    invite: Request,
    offer: Sdp,
    branches: Vec<Branch>,
    rang: bool,
    /// Whose answer the shell was shown.
    heard: Option<DialogId>,
    /// When we have let it ring long enough.
    give_up: Instant,
    /// Whether a 422 was heeded.
    lengthened: bool,
}

/// An early dialog.
#[derive(Debug)]
struct Branch {
    leg: Leg,
    /// The last reliable response (RFC 3262 §4).
    rseq: Option<u32>,
    answer: Option<Sdp>,
}

impl Session {
    /// Calls `to`; `None` when there is no connection or no registration.
    pub(crate) fn call(io: &mut Io<'_>, id: CallId, to: &Uri, offer: Sdp, options: &CallOptions) -> Option<Self> {
        let invite = invite(io, to, &offer, options)?;
        let key = io.send(invite, Owner::Call(id))?;
        let invite = io.line.sent(key)?.request.clone();
        let give_up = io.now + io.timers.give_up;
        let out =
            Outgoing { key, invite, offer, branches: Vec::new(), rang: false, heard: None, give_up, lengthened: false };
        Some(Self { id, stage: Stage::Out(Box::new(out)), ended: false })
    }

    pub(super) fn invite_answered(&mut self, io: &mut Io<'_>, response: &Response) -> bool {
        let Stage::Out(out) = &mut self.stage else { return false };
        match response.status {
            status if status.is_provisional() => out.provisional(io, self.id, self.ended, response),
            status if status.is_success() => self.accepted(io, response),
            _ => self.refused(io, response),
        }
        true
    }

    pub(super) fn calling_timeout(&mut self, io: &mut Io<'_>) {
        let Stage::Out(out) = &mut self.stage else { return };
        if !self.ended && out.give_up <= io.now {
            if !io.cancel(out.key) {
                self.stage = Stage::Over;
            }
            self.end(io, EndedBy::Network, Some(StatusCode::REQUEST_TIMEOUT), "nobody answered");
        }
    }

    /// The first 2xx (RFC 3261 §13.2.2.4).
    fn accepted(&mut self, io: &mut Io<'_>, response: &Response) {
        let Stage::Out(mut out) = std::mem::replace(&mut self.stage, Stage::Over) else { return };
        let branch = match out.branch_of(response) {
            Some(at) => {
                let mut branch = out.branches.swap_remove(at);
                branch.leg.dialog.confirm(response).map(|()| branch)
            }
            None => Dialog::uac(&out.invite, response).map(|dialog| Branch {
                leg: Leg::new(self.id, dialog, true),
                rseq: None,
                answer: None,
            }),
        };
        let Branch { mut leg, answer, .. } = match branch {
            Ok(branch) => branch,
            // Without a Contact not even an ACK is possible.
            Err(error) => return self.end(io, EndedBy::Network, Some(response.status), error.reason()),
        };
        io.acknowledge(out.key, &leg.dialog);
        leg.accepted(io, response);
        if self.ended {
            return self.leave(io, leg, None);
        }
        match body::sdp(&response.headers, &response.body).ok().flatten().or(answer) {
            Some(answer) => {
                self.stage = Stage::Live(Box::new(Live::caller(leg, out.offer)));
                io.call_event(self.id, CallEvent::Established { sdp: Some(answer) });
            }
            None => {
                let text = "accepted, but without an answer (RFC 3264 §5)";
                self.leave(io, leg, Some(Reason::sip(StatusCode::NOT_ACCEPTABLE_HERE, text)));
                self.end(io, EndedBy::Network, Some(StatusCode::NOT_ACCEPTABLE_HERE), text);
            }
        }
    }

    fn refused(&mut self, io: &mut Io<'_>, response: &Response) {
        let Stage::Out(out) = &mut self.stage else { return };
        if !self.ended && !out.lengthened && out.lengthen(io, response) {
            return;
        }
        self.stage = Stage::Over;
        self.end(io, EndedBy::Peer, Some(response.status), &party::why(response));
    }
}

impl Outgoing {
    pub(super) fn rang(&self) -> bool {
        self.rang
    }

    pub(super) fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.branches.iter().map(|branch| &branch.leg)
    }

    pub(super) fn legs_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        self.branches.iter_mut().map(|branch| &mut branch.leg)
    }

    pub(super) fn poll_timeout(&self, ended: bool) -> Option<Instant> {
        let give_up = (!ended).then_some(self.give_up);
        self.legs().filter_map(Leg::poll_timeout).chain(give_up).min()
    }

    /// The INVITE or a request in an early dialog was sent again.
    pub(super) fn sent_again(&mut self, before: ClientKey, after: ClientKey, request: &Request) {
        if self.key == before {
            self.key = after;
            self.invite = request.clone();
            self.branches.clear();
        }
        self.legs_mut().for_each(|leg| leg.sent_again(before, after, request));
    }

    fn branch_of(&self, response: &Response) -> Option<usize> {
        let id = DialogId::of_response(response).ok()?;
        self.branches.iter().position(|branch| *branch.leg.dialog.id() == id)
    }

    /// `silent` when the shell has gone already.
    fn provisional(&mut self, io: &mut Io<'_>, call: CallId, silent: bool, response: &Response) {
        if response.status == StatusCode::TRYING {
            return;
        }
        let known = self.branch_of(response);
        let at = known.or_else(|| self.fork(call, response));
        let answer = at.and_then(|at| self.branches.get_mut(at)).map(|branch| branch.take(io, &self.offer, response));
        let answer = match answer {
            // A copy, or out of order.
            Some(Err(())) => return,
            Some(Ok(answer)) => answer,
            None => None,
        };
        if silent {
            return;
        }
        let rings = response.status == StatusCode::RINGING && !std::mem::replace(&mut self.rang, true);
        if rings {
            io.call_event(call, CallEvent::Ringing);
        }
        // One branch is heard at a time: the first that has something to say.
        let id = DialogId::of_response(response).ok();
        let answer = answer.filter(|_| self.heard.is_none() || self.heard == id);
        if answer.is_some() {
            self.heard = id;
        }
        if answer.is_some() || !rings && response.status != StatusCode::RINGING || known.is_none() && !rings {
            io.call_event(call, CallEvent::Progress { answer });
        }
    }

    fn fork(&mut self, call: CallId, response: &Response) -> Option<usize> {
        let tagged = response.to().is_ok_and(|to| to.tag().is_some());
        if !tagged || self.branches.len() >= MOST_BRANCHES {
            return None;
        }
        let dialog = Dialog::uac(&self.invite, response).ok()?;
        let mut leg = Leg::new(call, dialog, true);
        leg.learn(&response.headers);
        self.branches.push(Branch { leg, rseq: None, answer: None });
        Some(self.branches.len() - 1)
    }

    /// Asks once more, for as long an interval as a 422 wants (RFC 4028 §7.3).
    fn lengthen(&mut self, io: &mut Io<'_>, response: &Response) -> bool {
        let Some(min) = timer::too_small(response, &self.invite.headers) else { return false };
        self.lengthened = true;
        let Some(mut sent) = io.line.forget(self.key) else { return false };
        sent.request.headers.replace(&SessionExpires::after(min, None));
        sent.request.headers.replace(&MinSe::new(&min.to_string()));
        let next = self.invite.cseq().map_or(1, |cseq| cseq.number.saturating_add(1));
        let Some((key, invite)) = io.line.send_again(io.now, sent, next, io.entropy) else { return false };
        let before = self.key;
        self.sent_again(before, key, &invite);
        true
    }
}

impl Branch {
    /// Takes a provisional response and acknowledges it when that is asked for; the answer in it
    /// when it is new. An error when it is a copy or out of order (RFC 3262 §4).
    fn take(&mut self, io: &mut Io<'_>, offer: &Sdp, response: &Response) -> Result<Option<Sdp>, ()> {
        let sdp = body::sdp(&response.headers, &response.body).ok().flatten();
        let rseq = response.headers.opt::<RSeq>().ok().flatten().map(|rseq| rseq.0);
        if let Some(rseq) = rseq.filter(|_| response.headers.lists(&HeaderName::Require, "100rel")) {
            if self.rseq.is_some_and(|last| last.checked_add(1) != Some(rseq)) {
                return Err(());
            }
            self.rseq = Some(rseq);
            self.acknowledge(io, rseq, response);
            if sdp.is_some() && !self.leg.settled {
                self.leg.settled = true;
                self.leg.local = Some(offer.clone());
            }
        }
        let sdp = sdp.filter(|_| self.answer.is_none());
        if sdp.is_some() {
            self.answer.clone_from(&sdp);
        }
        Ok(sdp)
    }

    fn acknowledge(&mut self, io: &mut Io<'_>, rseq: u32, response: &Response) {
        let Ok(CSeq { number, .. }) = response.cseq() else { return };
        let rack = RAck { rseq, cseq: CSeq { number, method: Method::Invite } };
        let prack = self.leg.request(io, Method::Prack).with(&rack);
        let owner = Owner::Call(self.leg.call);
        self.leg.aside = io.send(prack, owner);
    }
}

/// The INVITE (TS 24.229 §5.1.3.1).
fn invite(io: &mut Io<'_>, to: &Uri, offer: &Sdp, options: &CallOptions) -> Option<Request> {
    let user = io.line.user.as_ref()?;
    let identity = user.address(options.preferred_identity.as_ref().unwrap_or(&user.impu))?;
    let from = if options.privacy { anonymous()? } else { identity.clone() };
    let mut invite = user.initial(Method::Invite, to, from, io.entropy).with(&user.contact());
    // Without it the network asserts the default identity, which need not be the registered one.
    invite.headers.add(&PPreferredIdentity(identity));
    if options.privacy {
        invite.headers.add(&Privacy::id());
    }
    invite.headers.push(HeaderName::Allow, ALLOW);
    invite.headers.push(HeaderName::Supported, SUPPORTED);
    invite.headers.push(HeaderName::Accept, SDP);
    timer::ask(&mut invite.headers, io.timers, None, 0);
    Some(invite.with_body(SDP, offer.as_str().to_owned()))
}

/// From of a caller who is not to be known (RFC 3323 §4.1.1.3).
fn anonymous() -> Option<NameAddr> {
    NameAddr::parse("\"Anonymous\" <sip:anonymous@anonymous.invalid>").ok()
}
