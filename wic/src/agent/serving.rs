//! Requests that come in: who in this WIC serves them, and what nobody serves.

use sip::dialog::DialogId;
use sip::headers::{Event as EventHeader, Replaces, Require};
use sip::transaction::{Incoming, ServerKey};
use sip::{HeaderName, Message, Method, Now, Request, Response, StatusCode};

use super::Agent;
use crate::CallId;
use crate::line::ALLOW;
use crate::session::Session;

/// What OPTIONS says of us besides [`ALLOW`].
const ACCEPT: &str = "application/sdp, text/plain, application/reginfo+xml";
const SUPPORTED: &str = "path, outbound, gruu, 100rel, timer, replaces";

/// The extensions that a request may require.
const REQUIRABLE: [&str; 6] = ["100rel", "timer", "replaces", "outbound", "path", "gruu"];

impl Agent {
    pub(super) fn received_request(&mut self, now: Now, request: Request) {
        if let Err(rejection) = request.validate() {
            return self.line.reject(&request, &rejection);
        }
        match self.line.receive(now.mono, Message::Request(request)) {
            Some(Incoming::Request { key, request, .. }) => self.serve(now, key, request),
            Some(Incoming::Cancel { key, invite, request, .. }) => self.serve_cancel(now, key, invite, &request),
            Some(Incoming::Ack { request, .. }) => self.serve_ack(now, &request),
            _ => {}
        }
    }

    /// RFC 3261 §8.2: the method, the extensions, then the request itself.
    fn serve(&mut self, now: Now, key: ServerKey, request: Request) {
        let method = request.method.as_str();
        if !ALLOW.split(", ").any(|allowed| allowed == method) {
            // A REGISTER too: nobody registers with a WIC.
            let answer = request.respond(StatusCode::METHOD_NOT_ALLOWED).with_raw(HeaderName::Allow, ALLOW);
            return self.respond(now, key, answer);
        }
        let required = request.headers.all::<Require>().unwrap_or_default();
        let unknown: Vec<&str> =
            required.iter().filter(|tag| !REQUIRABLE.iter().any(|known| tag.is(known))).map(|tag| &*tag.0).collect();
        if !unknown.is_empty() && request.method != Method::Cancel {
            let answer =
                request.respond(StatusCode::BAD_EXTENSION).with_raw(HeaderName::Unsupported, unknown.join(", "));
            return self.respond(now, key, answer);
        }
        match DialogId::of_request(&request) {
            Ok(Some(dialog)) => self.serve_in_dialog(now, key, request, &dialog),
            _ => self.serve_out_of_dialog(now, key, request),
        }
    }

    fn serve_in_dialog(&mut self, now: Now, key: ServerKey, request: Request, dialog: &DialogId) {
        if request.method == Method::Notify {
            return self.serve_notify(now, key, &request);
        }
        let Some(call) = self.sessions.iter().find(|(_, session)| session.is_in(dialog)).map(|(id, _)| id) else {
            return self.refuse(
                now,
                key,
                &request,
                StatusCode::CALL_DOES_NOT_EXIST,
                "no such dialog (RFC 3261 §12.2.2)",
            );
        };
        match request.method {
            Method::Message | Method::Options => {
                let taken = self.sessions.get_mut(call).map(|session| session.receive(&request, dialog));
                match taken {
                    Some(Err(rejection)) => self.refuse(now, key, &request, rejection.status, &rejection.reason),
                    _ => self.serve_out_of_dialog(now, key, request),
                }
            }
            _ => self.in_call(now, call, |session, io| session.on_request(io, key, request, dialog)),
        }
    }

    fn serve_out_of_dialog(&mut self, now: Now, key: ServerKey, request: Request) {
        match request.method {
            Method::Invite => self.serve_invite(now, key, request),
            Method::Message => self.serve_message(now, key, &request),
            Method::Options => {
                let answer = self.capabilities(&request);
                self.respond(now, key, answer);
            }
            Method::Notify => self.serve_notify(now, key, &request),
            _ => {
                let reason = "the method belongs in a dialog (RFC 3261 §12.2.2)";
                self.refuse(now, key, &request, StatusCode::CALL_DOES_NOT_EXIST, reason);
            }
        }
    }

    fn serve_invite(&mut self, now: Now, key: ServerKey, invite: Request) {
        if self.line.user.is_none() || self.state.binding().is_none() {
            let reason = "not registered";
            return self.refuse(now, key, &invite, StatusCode::TEMPORARILY_UNAVAILABLE, reason);
        }
        if self.sessions.values().any(|session| session.is_merged(&invite)) {
            let reason = "the same INVITE came another way (RFC 3261 §8.2.2.2)";
            return self.refuse(now, key, &invite, StatusCode::LOOP_DETECTED, reason);
        }
        let replaces = match self.replaced_by(&invite) {
            Ok(replaces) => replaces,
            Err((status, reason)) => return self.refuse(now, key, &invite, status, &reason),
        };
        if self.calls().count() >= self.config.limits.calls + usize::from(replaces.is_some()) {
            return self.refuse(now, key, &invite, StatusCode::BUSY_HERE, "no more calls are taken");
        }
        let id = self.next_call();
        if let Some(session) = Session::called(&mut self.io(now), id, key, invite, replaces) {
            self.sessions.insert(id, session);
            if let Some(replaces) = replaces {
                self.replacing.insert(id, replaces);
            }
        }
    }

    /// The call that an INVITE is to take the place of (RFC 3891 §3).
    fn replaced_by(&self, invite: &Request) -> Result<Option<CallId>, (StatusCode, String)> {
        let bad = |e: sip::HeaderError| (StatusCode::BAD_REQUEST, e.reason().to_owned());
        let Some(replaces) = invite.headers.opt::<Replaces>().map_err(bad)? else { return Ok(None) };
        for (id, session) in self.sessions.iter() {
            match session.is_replaced_by(&replaces) {
                Ok(true) => return Ok(Some(id)),
                Ok(false) => {}
                Err(status) => return Err((status, "the call is answered already (RFC 3891 §3)".to_owned())),
            }
        }
        Err((StatusCode::CALL_DOES_NOT_EXIST, "there is no such call to replace (RFC 3891 §3)".to_owned()))
    }

    fn serve_message(&mut self, now: Now, key: ServerKey, request: &Request) {
        let longest = self.config.limits.message_octets;
        let mut pager = std::mem::take(&mut self.pager);
        let answer = pager.received(&mut self.io(now), request, longest);
        self.pager = pager;
        self.respond(now, key, answer);
    }

    /// RFC 3261 §11.2: as an INVITE would be answered.
    fn capabilities(&self, request: &Request) -> Response {
        let busy = self.calls().count() >= self.config.limits.calls;
        request
            .respond(if busy { StatusCode::BUSY_HERE } else { StatusCode::OK })
            .with_raw(HeaderName::Allow, ALLOW)
            .with_raw(HeaderName::Accept, ACCEPT)
            .with_raw(HeaderName::AcceptEncoding, "identity")
            .with_raw(HeaderName::Supported, SUPPORTED)
    }

    fn serve_notify(&mut self, now: Now, key: ServerKey, request: &Request) {
        let event = request.headers.opt::<EventHeader>().ok().flatten();
        if event.is_some_and(|event| !event.is("reg")) {
            let reason = "only the package reg is subscribed to (RFC 6665 §4.1.3)";
            let answer = request.respond_with(StatusCode::BAD_EVENT, reason).with_raw(HeaderName::AllowEvents, "reg");
            return self.respond(now, key, answer);
        }
        self.watch_notified(now, key, request);
    }

    fn serve_cancel(&mut self, now: Now, key: ServerKey, invite: Option<ServerKey>, cancel: &Request) {
        let Some(invite) = invite else {
            let reason = "no INVITE to cancel (RFC 3261 §9.2)";
            return self.refuse(now, key, cancel, StatusCode::CALL_DOES_NOT_EXIST, reason);
        };
        let mut answer = cancel.respond(StatusCode::OK);
        let mut tag = None;
        let mut io_tag = |found: Option<String>| tag = tag.take().or(found);
        self.each_call(now, |session, io| io_tag(session.on_cancel(io, invite, cancel)));
        // One To tag for the INVITE and its CANCEL (RFC 3261 §9.2).
        if let Some(tag) = tag {
            answer.ensure_to_tag(|| tag);
        }
        self.respond(now, key, answer);
    }

    fn serve_ack(&mut self, now: Now, ack: &Request) {
        let Ok(Some(dialog)) = DialogId::of_request(ack) else { return };
        let call = self.sessions.iter().find(|(_, session)| session.is_in(&dialog)).map(|(id, _)| id);
        match call {
            Some(call) => self.in_call(now, call, |session, io| session.on_ack(io, ack)),
            None => self.discard("an ACK in no dialog of ours"),
        }
    }

    pub(super) fn refuse(&mut self, now: Now, key: ServerKey, request: &Request, status: StatusCode, reason: &str) {
        self.respond(now, key, request.respond_with(status, reason.to_owned()));
    }

    pub(super) fn respond(&mut self, now: Now, key: ServerKey, mut response: Response) {
        response.ensure_to_tag(|| self.entropy.token(10));
        self.io(now).respond(key, response);
        self.flush(now);
    }
}
