//! The subscription to our own registration (RFC 3680, TS 24.229 §5.1.1.3): how the network tells
//! that it has ended a registration, or wants it anew.

use std::time::Duration;

use ims::Defect;
use ims::reginfo::{self, ContactEvent, RegContact, RegInfo, RegState, View};
use sip::dialog::{Dialog, DialogId, ends_usage};
use sip::headers::{ContentType, Event, Expires, RetryAfter, SubscriptionState};
use sip::transaction::{ClientKey, ServerKey};
use sip::{HeaderName, Instant, Method, Request, Response, StatusCode, Uri};

use crate::line::{ALLOW, Io, Owner};
use crate::registration::refresh_after;

/// What we ask for (TS 24.229 §5.1.1.3).
const EXPIRES: u32 = 600_000;

/// How long to wait before another try when the network names no time.
const RETRY: Duration = Duration::from_secs(60);

/// The shortest wait, so that a notifier that ends each subscription at once is not asked at once.
const SHORTEST_RETRY: Duration = Duration::from_secs(1);

/// The longest wait that is obeyed.
const LONGEST_RETRY: Duration = Duration::from_secs(24 * 3600);

/// How many identities are kept; more are forgotten, and the next document is asked for whole.
const MOST_IDENTITIES: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The SUBSCRIBE that made, or is to make, the subscription.
    subscribe: Option<Request>,
    /// The SUBSCRIBE that is out.
    out: Option<ClientKey>,
    dialog: Option<Dialog>,
    view: View,
    /// When the subscription is refreshed, or asked for anew.
    due: Option<Instant>,
    /// The network does not grant it.
    refused: bool,
}

/// What the network says has become of our registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is as it was.
    Kept,
    /// It is over, and may be made again at once, or after so long.
    Renew { event: &'static str, after: Option<Duration> },
    /// It lasts only so long: to be refreshed in time (TS 24.229 §5.1.1.5A).
    Shortened(Duration),
    /// It is over for good.
    Rejected,
    /// It was ended in our name.
    Unregistered,
}

impl Watch {
    /// We are registered: subscribes, unless that is done.
    pub(crate) fn begin(&mut self, io: &mut Io<'_>) {
        if self.subscribe.is_none() && self.dialog.is_none() && !self.refused {
            self.subscribe(io);
        }
    }

    /// The connection is gone. The next one gets a subscription of its own: this one's route set
    /// ends at the connection that is lost.
    pub(crate) fn lost(&mut self) {
        *self = Self { refused: self.refused, ..Self::default() };
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    pub(crate) fn handle_timeout(&mut self, io: &mut Io<'_>) {
        if self.due.take_if(|due| *due <= io.now).is_some() {
            self.ask(io);
        }
    }

    pub(crate) fn next_cseq(&mut self, key: ClientKey) -> Option<u32> {
        self.out.filter(|out| *out == key)?;
        match &mut self.dialog {
            Some(dialog) => dialog.request(Method::Subscribe).cseq().ok().map(|cseq| cseq.number),
            None => self.subscribe.as_ref()?.cseq().ok().map(|cseq| cseq.number.saturating_add(1)),
        }
    }

    pub(crate) fn sent_again(&mut self, before: ClientKey, after: ClientKey, request: &Request) {
        if self.out == Some(before) {
            self.out = Some(after);
            self.subscribe = Some(request.clone());
        }
    }

    pub(crate) fn answered(&mut self, io: &mut Io<'_>, key: ClientKey, response: &Response) {
        if self.out != Some(key) || !response.status.is_final() {
            return;
        }
        self.out = None;
        match response.status {
            status if status.is_success() => self.granted(io, response),
            status if self.dialog.is_some() && ends_usage(status) => {
                self.lost();
                self.subscribe(io);
            }
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::TEMPORARILY_UNAVAILABLE
            | StatusCode::SERVER_INTERNAL_ERROR
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::SERVER_TIME_OUT => self.retry(io.now, retry_after(response)),
            // The registration does not depend on it.
            _ => {
                self.lost();
                self.refused = true;
            }
        }
    }

    pub(crate) fn unanswered(&mut self, io: &mut Io<'_>, key: ClientKey) {
        if self.out == Some(key) {
            self.retry(io.now, None);
        }
    }

    /// A NOTIFY (RFC 6665 §4.1.3): answers it. `contact` is ours, as it is registered.
    pub(crate) fn notified(&mut self, io: &mut Io<'_>, key: ServerKey, notify: &Request, contact: &Uri) -> Fate {
        if let Err(mut answer) = self.claim(notify) {
            answer.ensure_to_tag(|| io.entropy.token(10));
            io.respond(key, *answer);
            return Fate::Kept;
        }
        let state = notify.headers.opt::<SubscriptionState>().ok().flatten();
        let told = match read(notify) {
            Ok(told) => told,
            Err(answer) => {
                io.respond(key, *answer);
                return Fate::Kept;
            }
        };
        io.respond(key, notify.respond(StatusCode::OK));
        let over = state.as_ref().is_some_and(SubscriptionState::is_terminated);
        let mut fate = Fate::Kept;
        if let Some(told) = told {
            let newest = fate_of(&told, contact);
            match self.view.apply(told) {
                Ok(reginfo::Applied::New) => {
                    let over = !matches!(newest, Fate::Kept | Fate::Shortened(_));
                    // An identity that leaves the set takes its contacts with it, and no others.
                    fate = if over && self.is_bound(contact) { Fate::Kept } else { newest };
                    if self.view.registrations().len() > MOST_IDENTITIES {
                        self.view = View::default();
                    }
                }
                Ok(reginfo::Applied::Old) => {}
                // What was lost may be the very news: all of it is asked for again.
                Err(_) if !over && !io.line.defects.has(Defect::OverlooksGaps) => self.ask(io),
                Err(_) => {}
            }
        }
        match state {
            Some(state) if over => self.ended(io.now, &state),
            Some(state) => {
                if let Some(expires) = state.expires() {
                    self.due = Some(io.now + refresh_after(Duration::from_secs(expires.into())));
                }
            }
            None => {}
        }
        fate
    }

    /// Whether a NOTIFY belongs here; the answer that it gets otherwise.
    fn claim(&mut self, notify: &Request) -> Result<(), Box<Response>> {
        let stranger = || {
            let reason = "no such subscription (RFC 6665 §4.1.3)";
            Box::new(notify.respond_with(StatusCode::CALL_DOES_NOT_EXIST, reason))
        };
        let id = DialogId::of_request(notify).ok().flatten().ok_or_else(stranger)?;
        match (&mut self.dialog, &self.subscribe) {
            (Some(dialog), _) if *dialog.id() == id => dialog
                .receive(notify)
                .map_err(|rejection| Box::new(notify.respond_with(rejection.status, rejection.reason.into_owned()))),
            // It may come before the 2xx (RFC 6665 §4.4.1).
            (None, Some(subscribe)) => {
                self.dialog = Some(Dialog::subscriber(subscribe, notify).map_err(|_| stranger())?);
                Ok(())
            }
            _ => Err(stranger()),
        }
    }

    /// Whether some identity has our contact, as far as we were told.
    fn is_bound(&self, ours: &Uri) -> bool {
        let mut contacts = self.view.registrations().iter().flat_map(|registration| &registration.contacts);
        contacts.any(|contact| contact.active && is_ours(contact, ours))
    }

    fn ask(&mut self, io: &mut Io<'_>) {
        if self.out.is_some() {
            return;
        }
        match &mut self.dialog {
            Some(dialog) => {
                let request = dialog.request(Method::Subscribe);
                self.send(io, request);
            }
            None => self.subscribe(io),
        }
    }

    fn subscribe(&mut self, io: &mut Io<'_>) {
        self.view = View::default();
        let Some(user) = io.line.user.as_ref() else { return };
        let Some(address) = user.address(&user.default) else { return };
        let request = user.initial(Method::Subscribe, &address.uri.clone(), address, io.entropy);
        self.send(io, request);
    }

    fn send(&mut self, io: &mut Io<'_>, request: Request) {
        let Some(user) = &io.line.user else { return };
        let request = request
            .with(&user.contact())
            .with(&Event::new("reg"))
            .with_raw(HeaderName::Accept, reginfo::MEDIA_TYPE)
            .with_raw(HeaderName::Allow, ALLOW)
            .with(&Expires(EXPIRES));
        self.out = io.send(request, Owner::RegEvent);
        self.subscribe = self.out.and_then(|key| io.line.sent(key)).map(|sent| sent.request.clone());
    }

    fn granted(&mut self, io: &Io<'_>, response: &Response) {
        match (&mut self.dialog, &self.subscribe) {
            (Some(dialog), _) => dialog.refreshed_by(response),
            (None, Some(subscribe)) => self.dialog = Dialog::uac(subscribe, response).ok(),
            (None, None) => {}
        }
        let expires = response.headers.opt::<Expires>().ok().flatten().map_or(EXPIRES, |expires| expires.0);
        self.due = Some(io.now + refresh_after(Duration::from_secs(expires.into())).max(SHORTEST_RETRY));
    }

    /// RFC 6665 §4.1.3, by reason.
    fn ended(&mut self, now: Instant, state: &SubscriptionState) {
        let after = state.retry_after().map(|secs| Duration::from_secs(secs.into()));
        match state.reason().unwrap_or_default() {
            "rejected" | "noresource" | "invariant" => {
                self.lost();
                self.refused = state.reason() != Some("noresource");
            }
            "probation" | "giveup" => self.retry(now, after),
            _ => self.retry(now, Some(SHORTEST_RETRY)),
        }
    }

    fn retry(&mut self, now: Instant, after: Option<Duration>) {
        self.lost();
        let after = after.unwrap_or(RETRY).clamp(SHORTEST_RETRY, LONGEST_RETRY);
        self.due = Some(now + after);
    }
}

/// The document in a NOTIFY; none is allowed (RFC 6665 §4.2.2).
fn read(notify: &Request) -> Result<Option<RegInfo>, Box<Response>> {
    if notify.body.is_empty() {
        return Ok(None);
    }
    if !notify.headers.opt::<ContentType>().ok().flatten().is_some_and(|t| t.is(reginfo::MEDIA_TYPE)) {
        let answer = notify.respond(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        return Err(Box::new(answer.with_raw(HeaderName::Accept, reginfo::MEDIA_TYPE)));
    }
    let bad = |why: String| Box::new(notify.respond_with(StatusCode::BAD_REQUEST, why));
    let text =
        std::str::from_utf8(&notify.body).map_err(|_| bad("the document is not UTF-8 (RFC 3680 §5.4)".into()))?;
    RegInfo::parse(text).map(Some).map_err(|e| bad(e.to_string()))
}

/// What a document says of our contact. As long as one identity has it, we are registered.
fn fate_of(told: &RegInfo, ours: &Uri) -> Fate {
    let contacts: Vec<&RegContact> =
        told.registrations.iter().flat_map(|r| &r.contacts).filter(|contact| is_ours(contact, ours)).collect();
    if let Some(active) = contacts.iter().find(|contact| contact.active) {
        return match (active.event, active.expires) {
            (ContactEvent::Shortened, Some(expires)) => Fate::Shortened(Duration::from_secs(expires.into())),
            _ => Fate::Kept,
        };
    }
    match contacts.first() {
        Some(contact) => match contact.event {
            ContactEvent::Rejected => Fate::Rejected,
            ContactEvent::Unregistered => Fate::Unregistered,
            ContactEvent::Probation => {
                let after = contact.retry_after.map_or(RETRY, |secs| Duration::from_secs(secs.into()));
                Fate::Renew { event: contact.event.as_str(), after: Some(after.min(LONGEST_RETRY)) }
            }
            event => Fate::Renew { event: event.as_str(), after: None },
        },
        None if !told.registrations.is_empty()
            && told.registrations.iter().all(|r| r.state == RegState::Terminated && r.contacts.is_empty()) =>
        {
            Fate::Renew { event: "terminated", after: None }
        }
        None => Fate::Kept,
    }
}

fn is_ours(contact: &RegContact, ours: &Uri) -> bool {
    contact.uri.parse::<Uri>().is_ok_and(|uri| uri.equivalent(ours))
}

fn retry_after(response: &Response) -> Option<Duration> {
    let after = response.headers.opt::<RetryAfter>().ok().flatten()?;
    Some(Duration::from_secs(after.0.into()))
}
