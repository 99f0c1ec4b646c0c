//! What comes back for requests other than REGISTER, or does not.

use sip::dialog::Dialog;
use sip::headers::Reason;
use sip::transaction::{ClientKey, Event as Happening, Incoming};
use sip::{HeaderName, Message, Method, Now, Request, Response, StatusCode};

use super::Agent;
use crate::State;
use crate::line::{Challenged, Owner, Sent};

impl Agent {
    pub(super) fn received_answer(&mut self, now: Now, response: Response) {
        if response.headers.elements(&HeaderName::Via).count() != 1 {
            return self.discard("a response with more than one Via (RFC 3261 §8.1.3.3)");
        }
        match self.line.receive(now.mono, Message::Response(response)) {
            Some(Incoming::Response { key, response }) => self.answered(now, key, &response),
            Some(_) => self.discard("a response to no request of ours (RFC 3261 §17.1.3)"),
            // A copy, or the answer to a CANCEL.
            None => {}
        }
    }

    /// Sends what there is to be sent, and takes what became of transactions. To follow everything
    /// that may have led to either.
    pub(super) fn flush(&mut self, now: Now) {
        loop {
            while let Some(octets) = self.line.poll_transmit() {
                self.transmit(octets);
            }
            let Some(happening) = self.line.poll_event() else { break };
            match happening {
                Happening::Timeout { key } => self.unanswered(now, key, StatusCode::REQUEST_TIMEOUT),
                Happening::Failed { key } => self.unanswered(now, key, StatusCode::SERVICE_UNAVAILABLE),
                Happening::ClientDone { key } => {
                    self.line.forget(key);
                }
                Happening::AckMissing { .. } | Happening::ServerDone { .. } => {}
            }
        }
        self.sessions.retain(|_, session| !session.is_over());
        self.replacing.retain(|call, _| self.sessions.contains(call));
        self.go_on_leaving(now);
    }

    /// There is another token, or none: what waits for it goes out or fails.
    pub(super) fn unpark(&mut self, now: Now, renewed: bool) {
        for parked in self.line.unpark() {
            if renewed {
                self.repeat(now, parked.key, parked.sent, &parked.response);
            } else {
                self.deliver(now, parked.key, parked.sent.owner, &parked.sent.request, &parked.response);
            }
        }
        self.flush(now);
    }

    fn answered(&mut self, now: Now, key: ClientKey, response: &Response) {
        let Some(sent) = self.line.sent(key) else { return };
        let accepted = sent.request.method == Method::Invite && response.status.is_success();
        if accepted && self.line.acknowledge_again(key, response) {
            return;
        }
        if matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
            match self.line.challenged(key, response) {
                Challenged::Again => {
                    if let Some(sent) = self.line.forget(key) {
                        return self.repeat(now, key, sent, response);
                    }
                }
                Challenged::RenewToken => match &self.state {
                    State::Registered(binding) => {
                        let binding = binding.clone();
                        self.line.park(key, response.clone());
                        self.set_state(State::Refreshing(binding));
                        return self.token_rejected(now);
                    }
                    State::Refreshing(_) => return self.line.park(key, response.clone()),
                    _ => {}
                },
                Challenged::Refused => {}
            }
        }
        let Some(sent) = self.line.sent(key) else { return };
        let (owner, request) = (sent.owner, sent.request.clone());
        self.deliver(now, key, owner, &request, response);
    }

    fn repeat(&mut self, now: Now, before: ClientKey, sent: Sent, response: &Response) {
        let (owner, request) = (sent.owner, sent.request.clone());
        let next = match owner {
            Owner::Call(call) => self.sessions.get_mut(call).and_then(|session| session.next_cseq(before, &request)),
            Owner::RegEvent => self.watch.next_cseq(before),
            Owner::Message(_) | Owner::Options(_) => request.cseq().ok().map(|cseq| cseq.number.saturating_add(1)),
            Owner::Nobody => None,
        };
        let again = next.and_then(|cseq| self.line.send_again(now.mono, sent, cseq, &mut *self.entropy));
        let Some((after, request)) = again else { return self.deliver(now, before, owner, &request, response) };
        match owner {
            Owner::Call(call) => {
                if let Some(session) = self.sessions.get_mut(call) {
                    session.sent_again(before, after, &request);
                }
            }
            Owner::RegEvent => self.watch.sent_again(before, after, &request),
            Owner::Message(_) | Owner::Options(_) | Owner::Nobody => {}
        }
    }

    fn deliver(&mut self, now: Now, key: ClientKey, owner: Owner, request: &Request, response: &Response) {
        match owner {
            Owner::Call(call) => {
                let mut wanted = false;
                self.in_call(now, call, |session, io| wanted = session.on_response(io, key, request, response));
                if !wanted && request.method == Method::Invite && response.status.is_success() {
                    self.refuse_branch(now, key, request, response);
                }
            }
            Owner::Message(_) | Owner::Options(_) => {
                let mut pager = std::mem::take(&mut self.pager);
                pager.answered(&mut self.io(now), owner, response);
                self.pager = pager;
            }
            Owner::RegEvent => self.watch_answered(now, key, response),
            Owner::Nobody => {}
        }
    }

    /// A 2xx of a branch that lost, or that comes after the end: acknowledged, and ended at once
    /// (RFC 3261 §13.2.2.4).
    fn refuse_branch(&mut self, now: Now, key: ClientKey, request: &Request, response: &Response) {
        let Ok(mut dialog) = Dialog::uac(request, response) else { return };
        let mut io = self.io(now);
        io.acknowledge(key, &dialog);
        let reason = Reason::sip(StatusCode::BUSY_HERE, "another branch was first (RFC 3261 §13.2.2.4)");
        let bye = dialog.request(Method::Bye).with(&reason);
        io.send(bye, Owner::Nobody);
        self.flush(now);
    }

    fn unanswered(&mut self, now: Now, key: ClientKey, status: StatusCode) {
        let Some(sent) = self.line.forget(key) else { return };
        match sent.owner {
            Owner::Call(call) => {
                let Self { sessions, line, entropy, config, outputs, .. } = self;
                if let Some(session) = sessions.get_mut(call) {
                    let timers = &config.timers;
                    let mut io = crate::line::Io { now: now.mono, entropy: &mut **entropy, timers, line, outputs };
                    session.on_failure(&mut io, key, status);
                }
            }
            owner @ (Owner::Message(_) | Owner::Options(_)) => {
                let mut pager = std::mem::take(&mut self.pager);
                pager.failed(&mut self.io(now), owner, status, "the network did not answer (RFC 3261 §17.1.2.2)");
                self.pager = pager;
            }
            Owner::RegEvent => self.watch_unanswered(now, key),
            Owner::Nobody => {}
        }
    }
}
