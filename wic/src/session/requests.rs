//! Requests in the dialogs of a call (RFC 3261 §12.2.2).

use sip::dialog::DialogId;
use sip::transaction::ServerKey;
use sip::{HeaderName, Method, Request, StatusCode};

use super::leg::Leg;
use super::{Io, Session, Stage};
use crate::{EndedBy, party};

/// 469 Bad Info Package (RFC 6086 §4.2.2).
const BAD_INFO_PACKAGE: Option<StatusCode> = StatusCode::new(469);

impl Session {
    /// A request in `dialog`, one of this call's. MESSAGE and OPTIONS are the agent's.
    pub(crate) fn on_request(&mut self, io: &mut Io<'_>, key: ServerKey, request: Request, dialog: &DialogId) {
        if let Err(rejection) = self.receive(&request, dialog) {
            return io.refuse(key, &request, rejection.status, &rejection.reason, &dialog.local_tag);
        }
        match request.method {
            Method::Bye => self.on_bye(io, key, &request),
            Method::Prack => self.on_prack(io, key, request),
            Method::Invite | Method::Update => self.on_offer(io, key, request, dialog),
            Method::Info => on_info(io, key, &request),
            _ => {
                let reason = "not in this dialog (RFC 3261 §12.2.2)";
                io.refuse(key, &request, StatusCode::CALL_DOES_NOT_EXIST, reason, &dialog.local_tag);
            }
        }
    }

    /// A CANCEL of the INVITE `key`: ends a call that is not answered. The tag of our answers to
    /// that INVITE.
    pub(crate) fn on_cancel(&mut self, io: &mut Io<'_>, key: ServerKey, cancel: &Request) -> Option<String> {
        match &self.stage {
            Stage::In(called) if called.key == key => {}
            _ => return None,
        }
        let Stage::In(called) = std::mem::replace(&mut self.stage, Stage::Over) else { return None };
        let tag = called.leg.local_tag().to_owned();
        called.refuse(io, StatusCode::REQUEST_TERMINATED);
        let (status, text) = party::reason(&cancel.headers);
        let status = status.and_then(StatusCode::new).unwrap_or(StatusCode::REQUEST_TERMINATED);
        let text = if text.is_empty() { "the caller gave up" } else { &text };
        self.end(io, EndedBy::Peer, Some(status), text);
        Some(tag)
    }

    /// Takes the sequence number and the target of a request.
    pub(crate) fn receive(&mut self, request: &Request, dialog: &DialogId) -> Result<(), sip::Rejection> {
        match self.leg(dialog) {
            Some(leg) => leg.dialog.receive(request),
            None => Err(sip::Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "no such dialog (RFC 3261 §12.2.2)")),
        }
    }

    fn leg(&mut self, dialog: &DialogId) -> Option<&mut Leg> {
        let leg = match &mut self.stage {
            Stage::Out(out) => out.legs_mut().find(|leg| leg.dialog.id() == dialog),
            Stage::In(called) => Some(&mut called.leg),
            Stage::Live(live) => Some(&mut live.leg),
            Stage::Leaving(leaving) => Some(&mut leaving.leg),
            Stage::Over => None,
        };
        leg.filter(|leg| leg.dialog.id() == dialog)
    }

    fn on_offer(&mut self, io: &mut Io<'_>, key: ServerKey, request: Request, dialog: &DialogId) {
        let over = matches!(self.stage, Stage::Leaving(_)) || self.ended;
        let early_invite = request.method == Method::Invite && !matches!(self.stage, Stage::Live(_));
        match self.leg(dialog) {
            Some(leg) if !over && !early_invite => leg.asked(io, key, request),
            _ if over => {
                let reason = "the call is over (RFC 3261 §15.1.2)";
                io.refuse(key, &request, StatusCode::CALL_DOES_NOT_EXIST, reason, &dialog.local_tag);
            }
            _ => {
                let reason = "the first INVITE is not answered (RFC 3261 §14.2)";
                io.refuse(key, &request, StatusCode::REQUEST_PENDING, reason, &dialog.local_tag);
            }
        }
    }

    /// RFC 3261 §15.1.2. The callee of ours sends none before it has answered (§15).
    fn on_bye(&mut self, io: &mut Io<'_>, key: ServerKey, bye: &Request) {
        if let Stage::Out(_) = self.stage {
            let reason = "a callee refuses an INVITE, it sends no BYE (RFC 3261 §15)";
            let tag = bye.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default();
            return io.refuse(key, bye, StatusCode::CALL_DOES_NOT_EXIST, reason, &tag);
        }
        io.respond(key, bye.respond(StatusCode::OK));
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::In(called) => called.refuse(io, StatusCode::REQUEST_TERMINATED),
            Stage::Live(mut live) => live.leg.close(io),
            // BYE crossed ours, whose answer nobody needs.
            _ => {}
        }
        let (status, text) = party::reason(&bye.headers);
        self.end(io, EndedBy::Peer, status.and_then(StatusCode::new), &text);
    }
}

/// No info package is known; an INFO without one and without a body asks whether the call lives
/// (RFC 6086 §4.2.2). DTMF goes with the media (RFC 4733).
fn on_info(io: &mut Io<'_>, key: ServerKey, info: &Request) {
    let response = if info.headers.has(&HeaderName::Other("info-package".into())) {
        let status = BAD_INFO_PACKAGE.unwrap_or(StatusCode::BAD_EVENT);
        let reason = "no info package is taken (RFC 6086 §4.2.2)";
        info.respond_with(status, reason).with_raw(HeaderName::Other("recv-info".into()), "")
    } else if info.body.is_empty() {
        info.respond(StatusCode::OK)
    } else {
        info.respond_with(StatusCode::UNSUPPORTED_MEDIA_TYPE, "INFO carries nothing that is understood (RFC 6086)")
            .with_raw(HeaderName::Accept, "")
    };
    io.respond(key, response);
}
