//! Dialogs of a user agent (RFC 3261 §12), sans-IO.
//!
//! A [`Dialog`] holds what two ends agreed on: identifiers, sequence numbers, route set and remote
//! targets. It builds the requests that its owner sends in it ([`Dialog::request`],
//! [`Dialog::ack`]) and judges those that come in ([`Dialog::receive`]). What is done in a dialog,
//! a call or a subscription, and when it ends, is its owner's; see [`ends_usage`].
//!
//! ```
//! use sip::dialog::{self, Dialog};
//! use sip::{Framing, Message, Method, StatusCode, headers::Contact};
//!
//! let octets = "INVITE sip:bob@192.0.2.4 SIP/2.0\r\n\
//!     Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKa1\r\n\
//!     Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>\r\n\
//!     From: <sip:alice@ims.example>;tag=a\r\n\
//!     To: <sip:bob@ims.example>\r\n\
//!     Call-ID: c1\r\n\
//!     CSeq: 7 INVITE\r\n\
//!     Contact: <sip:alice@192.0.2.1>\r\n\r\n";
//! let Message::Request(invite) = Message::parse(octets, Framing::Datagram)? else { unreachable!() };
//! let mut bob = Dialog::uas(&invite, "b")?;
//! let ok = dialog::respond(&invite, StatusCode::OK, "b", &Contact::new("sip:bob@192.0.2.4".parse()?));
//! bob.confirm(&ok)?;
//! let mut alice = Dialog::uac(&invite, &ok)?;
//! let bye = alice.request(Method::Bye);
//! assert_eq!(bye.uri.to_string(), "sip:bob@192.0.2.4");
//! assert_eq!(bye.headers.value(&sip::HeaderName::Route), Some("<sip:p1.example;lr>, <sip:p2.example;lr>"));
//! bob.receive(&bye)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod id;

pub use id::DialogId;

use crate::headers::{CSeq, Contact, From, MaxForwards, NameAddr, RecordRoute, Route, To};
use crate::proxy::set_routes;
use crate::{HeaderError, HeaderName, Method, Rejection, Request, Response, StatusCode, Uri};

/// The highest sequence number (RFC 3261 §8.1.1.5).
const MAX_CSEQ: u32 = (1 << 31) - 1;

/// One end's view of a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    id: DialogId,
    role: Role,
    confirmed: bool,
    /// From of what we send, tag included.
    local: NameAddr,
    /// To of what we send, tag included if there is one.
    remote: NameAddr,
    local_cseq: Option<u32>,
    remote_cseq: Option<u32>,
    target: Uri,
    routes: Vec<Route>,
}

/// Who sent the request that created the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Uac,
    Uas,
}

impl Dialog {
    /// The dialog that a response from 101 to 299 to our `request` creates (RFC 3261 §12.1.2):
    /// confirmed by a 2xx, else early.
    ///
    /// # Errors
    /// When the response has no Contact, more than one, or is malformed otherwise.
    pub fn uac(request: &Request, response: &Response) -> Result<Self, HeaderError> {
        Ok(Self {
            id: DialogId::of_response(response)?,
            role: Role::Uac,
            confirmed: response.status.is_success(),
            local: request.from()?.0,
            remote: response.to()?.0,
            local_cseq: Some(request.cseq()?.number),
            remote_cseq: None,
            target: contact(response.headers.all()?)?,
            routes: uac_routes(response)?,
        })
    }

    /// The early dialog that `request`, answered with `local_tag`, creates (RFC 3261 §12.1.1).
    ///
    /// # Errors
    /// When the request has no Contact, more than one, or is malformed otherwise; it gets a 400.
    pub fn uas(request: &Request, local_tag: &str) -> Result<Self, HeaderError> {
        let (remote, mut local) = (request.from()?.0, request.to()?.0);
        local.set_tag(local_tag);
        Ok(Self {
            id: DialogId::new(&request.call_id()?.0, local_tag, remote.tag().unwrap_or_default()),
            role: Role::Uas,
            confirmed: false,
            local,
            remote,
            local_cseq: None,
            remote_cseq: Some(request.cseq()?.number),
            target: contact(request.headers.all()?)?,
            routes: uas_routes(request)?,
        })
    }

    /// The confirmed dialog that a NOTIFY creates for the one who sent `subscribe`, whether or not
    /// a 2xx came before it (RFC 6665 §4.4.1). The NOTIFY counts as received.
    ///
    /// # Errors
    /// When the NOTIFY is malformed, or belongs to another SUBSCRIBE.
    pub fn subscriber(subscribe: &Request, notify: &Request) -> Result<Self, HeaderError> {
        let local = subscribe.from()?;
        let tag = local.tag().unwrap_or_default();
        if notify.to()?.tag() != Some(tag) || notify.call_id()? != subscribe.call_id()? {
            return Err(HeaderError::new("the NOTIFY is not of this subscription (RFC 6665 §4.4.1)"));
        }
        let mut dialog = Self::uas(notify, tag)?;
        dialog.confirmed = true;
        dialog.local_cseq = Some(subscribe.cseq()?.number);
        Ok(dialog)
    }

    /// What tells this dialog from all others.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// Whether it has had its 2xx; else it is early.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Our own address, with our tag.
    pub fn local(&self) -> &NameAddr {
        &self.local
    }

    /// The other end's address, with its tag.
    pub fn remote(&self) -> &NameAddr {
        &self.remote
    }

    /// The other end's Contact: the Request-URI of what we send.
    pub fn target(&self) -> &Uri {
        &self.target
    }

    /// The route set, the next hop first.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The 2xx of an early dialog, received or, as a UAS, sent. A UAC takes route set and target
    /// from it, whatever the provisional response said (RFC 3261 §13.2.2.4).
    ///
    /// # Errors
    /// When the response is malformed; the dialog stays as it was.
    pub fn confirm(&mut self, response: &Response) -> Result<(), HeaderError> {
        if self.role == Role::Uac && !self.confirmed {
            let target = contact(response.headers.all()?)?;
            self.routes = uac_routes(response)?;
            self.target = target;
        }
        self.confirmed = true;
        Ok(())
    }

    /// The next request of ours (RFC 3261 §12.2.1.1): From, To, Call-ID, a new CSeq, Max-Forwards
    /// and the route set. Via, Contact and what else `method` takes are the caller's to add.
    pub fn request(&mut self, method: Method) -> Request {
        let number = self.local_cseq.map_or(1, |last| last.saturating_add(1).min(MAX_CSEQ));
        self.local_cseq = Some(number);
        self.build(method, number)
    }

    /// The ACK to the 2xx of the INVITE that had the sequence number `invite_cseq` (RFC 3261
    /// §13.2.2.4). The credentials of that INVITE are the caller's to add.
    pub fn ack(&self, invite_cseq: u32) -> Request {
        self.build(Method::Ack, invite_cseq)
    }

    /// Takes a request of the other end (RFC 3261 §12.2.2), which the transaction layer has cleared
    /// of retransmissions. A target refresh request that names another Contact moves the target.
    ///
    /// # Errors
    /// 500 when its sequence number is not above the last one's, 400 when its headers are
    /// malformed; the dialog stays as it was.
    pub fn receive(&mut self, request: &Request) -> Result<(), Rejection> {
        if matches!(request.method, Method::Ack | Method::Cancel) {
            return Ok(());
        }
        let number = request.cseq().map_err(bad_request)?.number;
        if self.remote_cseq.is_some_and(|last| number <= last) {
            let reason = "the request is out of order (RFC 3261 §12.2.2)";
            return Err(Rejection::new(StatusCode::SERVER_INTERNAL_ERROR, reason));
        }
        if refreshes_target(&request.method) && request.headers.has(&HeaderName::Contact) {
            self.target = request.headers.all().and_then(contact).map_err(bad_request)?;
        }
        self.remote_cseq = Some(number);
        Ok(())
    }

    /// Takes the response to a request of ours: the Contact of a 2xx to a target refresh request
    /// moves the target (RFC 3261 §12.2.1.2). Others change nothing.
    pub fn refreshed_by(&mut self, response: &Response) {
        if response.status.is_success()
            && response.cseq().is_ok_and(|cseq| refreshes_target(&cseq.method))
            && let Ok(target) = response.headers.all().and_then(contact)
        {
            self.target = target;
        }
    }

    /// Notes a request that the local end itself has sent, where this is a proxy's picture of that
    /// end: what the proxy sends in its name has to come after it.
    pub fn sent(&mut self, request: &Request) {
        if !matches!(request.method, Method::Ack | Method::Cancel)
            && let Ok(cseq) = request.cseq()
        {
            self.local_cseq = self.local_cseq.max(Some(cseq.number));
        }
    }

    fn build(&self, method: Method, number: u32) -> Request {
        let mut request = Request::new(method.clone(), self.target.clone());
        request.headers.add(&MaxForwards(70));
        request.headers.add(&From(self.local.clone()));
        request.headers.add(&To(self.remote.clone()));
        request.headers.push(HeaderName::CallId, self.id.call_id.clone());
        request.headers.add(&CSeq { number, method });
        match self.routes.split_first() {
            // A strict router expects itself in the Request-URI and the target at the end.
            Some((first, rest)) if !is_loose(first) => {
                let target = Route::new(std::mem::replace(&mut request.uri, first.uri.clone()));
                set_routes(&mut request, rest.iter().chain([&target]));
            }
            _ => set_routes(&mut request, &self.routes),
        }
        request
    }
}

/// A response that creates a dialog (RFC 3261 §12.1.1): `local_tag` in To, the Record-Route headers
/// copied, our Contact.
pub fn respond(request: &Request, status: StatusCode, local_tag: &str, contact: &Contact) -> Response {
    let mut response = request.respond(status);
    response.ensure_to_tag(|| local_tag.to_owned());
    for value in request.headers.values(&HeaderName::RecordRoute) {
        response.headers.push(HeaderName::RecordRoute, value.to_owned());
    }
    response.with(contact)
}

/// Whether a request of this method moves the target of the dialog it is in (RFC 5057 §5.4).
pub fn refreshes_target(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer)
}

/// Whether this answer to a request in a dialog means that the call or subscription it was for is
/// over, and not just that request has failed (RFC 5057 §5.1). 408 stands for no answer, too.
pub fn ends_usage(status: StatusCode) -> bool {
    matches!(status.code(), 404 | 405 | 408 | 410 | 416 | 480 | 481 | 482 | 483 | 484 | 485 | 489 | 501 | 502 | 604)
}

/// The target that a Contact names. A Request-URI holds no headers (RFC 3261 §19.1.1).
fn contact(mut contacts: Vec<Contact>) -> Result<Uri, HeaderError> {
    match contacts.pop() {
        Some(mut contact) if contacts.is_empty() => {
            if let Some(uri) = contact.0.uri.as_sip_mut() {
                uri.headers = None;
            }
            Ok(contact.0.uri)
        }
        _ => Err(HeaderError::new("not exactly one Contact in what makes or moves a dialog (RFC 3261 §8.1.1.8, §12)")),
    }
}

/// The route set of the one who got this request: Record-Route in order (RFC 3261 §12.1.1).
fn uas_routes(request: &Request) -> Result<Vec<Route>, HeaderError> {
    Ok(request.headers.all::<RecordRoute>()?.into_iter().map(|hop| Route(hop.0)).collect())
}

/// The route set of the one who got this response: Record-Route reversed (RFC 3261 §12.1.2).
fn uac_routes(response: &Response) -> Result<Vec<Route>, HeaderError> {
    Ok(response.headers.all::<RecordRoute>()?.into_iter().rev().map(|hop| Route(hop.0)).collect())
}

fn is_loose(route: &Route) -> bool {
    route.uri.as_sip().is_some_and(crate::SipUri::is_loose)
}

fn bad_request(error: HeaderError) -> Rejection {
    Rejection::new(StatusCode::BAD_REQUEST, error.reason().to_owned())
}
