//! Messages (RFC 3428) and capability queries (RFC 3261 §11).

use std::collections::VecDeque;

use sip::headers::{ContentType, PPreferredIdentity};
use sip::{HeaderName, Method, Request, Response, StatusCode, Uri};

use crate::line::{Io, Owner};
use crate::{Event, MessageId, OptionsId, party};

/// The one media type of a message.
const TEXT: &str = "text/plain";

/// How many messages are remembered, so that a copy is not shown again.
const REMEMBERED: usize = 64;

/// What is out, and what came in lately.
#[derive(Debug, Default)]
pub(crate) struct Pager {
    last: u64,
    waiting: Vec<Owner>,
    /// Call-ID, From tag and CSeq of messages that were shown.
    seen: VecDeque<(String, String, u32)>,
}

impl Pager {
    /// How many wait for their answer.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Sends `text`; `None` when there is no connection.
    pub(crate) fn message(&mut self, io: &mut Io<'_>, to: &Uri, text: &str) -> Option<MessageId> {
        let request = request(io, Method::Message, to)?.with_body("text/plain;charset=UTF-8", text.to_owned());
        let id = MessageId(self.last + 1);
        self.send(io, request, Owner::Message(id)).then_some(id)
    }

    /// Asks `to` what it can; `None` when there is no connection.
    pub(crate) fn options(&mut self, io: &mut Io<'_>, to: &Uri) -> Option<OptionsId> {
        let request = request(io, Method::Options, to)?.with_raw(HeaderName::Accept, "application/sdp, text/plain");
        let id = OptionsId(self.last + 1);
        self.send(io, request, Owner::Options(id)).then_some(id)
    }

    fn send(&mut self, io: &mut Io<'_>, request: Request, owner: Owner) -> bool {
        let sent = io.send(request, owner).is_some();
        if sent {
            self.last += 1;
            self.waiting.push(owner);
        }
        sent
    }

    /// The final response to a request of ours.
    pub(crate) fn answered(&mut self, io: &mut Io<'_>, owner: Owner, response: &Response) {
        if !response.status.is_final() || !self.ends(owner) {
            return;
        }
        let (status, reason) = (response.status.code(), party::why(response));
        io.event(match owner {
            Owner::Message(id) if response.status.is_success() => Event::MessageDelivered { id },
            Owner::Message(id) => Event::MessageFailed { id, status, reason },
            Owner::Options(id) => {
                let allow = response.headers.elements(&HeaderName::Allow).map(str::to_owned).collect();
                Event::OptionsAnswered { id, status, reason, allow }
            }
            Owner::Call(_) | Owner::RegEvent | Owner::Nobody => return,
        });
    }

    /// Nobody answered (408), or the connection is gone (503).
    pub(crate) fn failed(&mut self, io: &mut Io<'_>, owner: Owner, status: StatusCode, reason: &str) {
        if !self.ends(owner) {
            return;
        }
        let (status, reason) = (status.code(), reason.to_owned());
        match owner {
            Owner::Message(id) => io.event(Event::MessageFailed { id, status, reason }),
            Owner::Options(id) => io.event(Event::OptionsAnswered { id, status, reason, allow: Vec::new() }),
            Owner::Call(_) | Owner::RegEvent | Owner::Nobody => {}
        }
    }

    /// The connection is gone, and all answers with it.
    pub(crate) fn lost(&mut self, io: &mut Io<'_>) {
        for owner in self.waiting.clone() {
            self.failed(io, owner, StatusCode::SERVICE_UNAVAILABLE, "the connection is lost");
        }
    }

    /// A MESSAGE; what it is answered.
    pub(crate) fn received(&mut self, io: &mut Io<'_>, request: &Request, longest: usize) -> Response {
        let text = match text(request, longest) {
            Ok(text) => text,
            Err(answer) => return *answer,
        };
        let (Some(from), true) = (party::party(request), self.is_new(request)) else {
            return request.respond(StatusCode::OK);
        };
        let called = party::called(request);
        io.event(Event::Message { from, called, text });
        request.respond(StatusCode::OK)
    }

    fn ends(&mut self, owner: Owner) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| *waiting != owner);
        self.waiting.len() < before
    }

    /// Whether it is not the copy that a hop sent because our answer was lost.
    fn is_new(&mut self, request: &Request) -> bool {
        let (Ok(call_id), Ok(from), Ok(cseq)) = (request.call_id(), request.from(), request.cseq()) else {
            return false;
        };
        let id = (call_id.0.into_string(), from.tag().unwrap_or_default().to_owned(), cseq.number);
        if self.seen.contains(&id) {
            return false;
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(id);
        true
    }
}

/// A request outside dialogs; MESSAGE has no Contact (RFC 3428 §4).
fn request(io: &mut Io<'_>, method: Method, to: &Uri) -> Option<Request> {
    let user = io.line.user.as_ref()?;
    let from = user.address(&user.impu)?;
    let mut request = user.initial(method, to, from.clone(), io.entropy).with(&PPreferredIdentity(from));
    if request.method == Method::Options {
        request.headers.add(&user.contact());
    }
    Some(request)
}

/// The text of a MESSAGE, or the answer that says why it is not taken.
fn text(request: &Request, longest: usize) -> Result<String, Box<Response>> {
    if request.body.len() > longest {
        let reason = format!("the text is longer than {longest} octets (RFC 3261 §21.4.11)");
        return Err(Box::new(request.respond_with(StatusCode::REQUEST_ENTITY_TOO_LARGE, reason)));
    }
    let content = request.headers.opt::<ContentType>().ok().flatten();
    let plain = match &content {
        Some(content) => content.is(TEXT) && is_utf8(content),
        None => request.body.is_empty(),
    };
    if !plain {
        let reason = "only text/plain in UTF-8 is taken (RFC 3428 §7)";
        let answer = request.respond_with(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason);
        return Err(Box::new(answer.with_raw(HeaderName::Accept, TEXT)));
    }
    if !request.headers.elements(&HeaderName::ContentEncoding).all(|e| e.eq_ignore_ascii_case("identity")) {
        let reason = "no content encoding is understood (RFC 3261 §8.2.3)";
        let answer = request.respond_with(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason);
        return Err(Box::new(answer.with_raw(HeaderName::AcceptEncoding, "identity")));
    }
    match std::str::from_utf8(&request.body) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Box::new(request.respond_with(StatusCode::BAD_REQUEST, "the text is not UTF-8 (RFC 3428 §7)"))),
    }
}

fn is_utf8(content: &ContentType) -> bool {
    let charset = content.params.unquoted("charset");
    charset.is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("us-ascii"))
}
