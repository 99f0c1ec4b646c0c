//! SUBSCRIBE to the `reg` event: who may, for how long (TS 24.229 §5.4.2.1.1, RFC 6665 §4.2.1).

use super::{Watch, event};
use crate::policy;
use crate::refusal::Refusal;
use crate::scscf::Scscf;
use crate::scscf::calls::{hops, is_own, set_hops};
use crate::scscf::registrar::Registration;
use crate::scscf::session::Served;
use ims::{Defect, Impu};
use sip::dialog::{self, Dialog, DialogId};
use sip::headers::{Contact, Event, Expires, PAssertedIdentity, RecordRoute};
use sip::transaction::ServerKey;
use sip::{Header, HeaderName, Instant, Request, Response, StatusCode};
use std::time::Duration;

impl Scscf {
    /// Whether a SUBSCRIBE for a served user is for this node, and not for the user's own agents: that
    /// of the `reg` event is, and what the user or its eP-CSCF asks about the user itself.
    pub(in crate::scscf) fn is_to_notifier(&self, request: &Request, served: &Served) -> bool {
        let reg = request.headers.opt::<Event>().ok().flatten().is_some_and(|event| event.is("reg"));
        reg || served.set.and_then(|set| self.registrar.set(set)).is_some_and(|set| may_watch(request, served, set))
    }

    /// The answer to an initial SUBSCRIBE; what is to be told follows by NOTIFY.
    pub(in crate::scscf) fn subscribe(&mut self, now: Instant, key: ServerKey) {
        let Some(context) = self.relays.find(key) else { return };
        let Some(served) = context.owner.served.clone() else { return };
        let request = context.request.clone();
        match self.accept(now, &request, &served) {
            Ok(response) => self.relays.respond(now, &mut self.front, key, response),
            Err(refusal) => self.refuse(now, key, &refusal),
        }
    }

    /// A SUBSCRIBE in a dialog: a refresh, or the end.
    pub(in crate::scscf) fn resubscribe(&mut self, now: Instant, key: ServerKey, request: &Request) {
        let response = self.refresh(now, request).unwrap_or_else(|refusal| refusal.answer(request));
        self.front.respond(now, key, response);
    }

    fn accept(&mut self, now: Instant, request: &Request, served: &Served) -> Result<Response, Refusal> {
        let event_id = package(request)?;
        let set_id = served.set.ok_or_else(policy::not_registered)?;
        let set = self.registrar.set(set_id).ok_or_else(policy::not_registered)?;
        if !may_watch(request, served, set) && !self.has(Defect::LetsStrangersWatch) {
            let reason = "only the user and its eP-CSCF may watch a registration (TS 24.229 §5.4.2.1.1)";
            return Err(Refusal::forbidden(reason));
        }
        if self.notifier.watching(set_id) >= self.policy.max_watchers {
            let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many watch this registration");
            return Err(refusal.retry_after(60));
        }
        let profile = set.profile.clone();
        let granted = self.lifetime(request)?;
        let tag = self.front.entropy.token(16);
        // NOTIFY begins here, so our own hops are none of its.
        let mut upstream = request.clone();
        let routes: Vec<RecordRoute> = hops(&request.headers).filter(|hop| !is_own(hop, self.own_name.own())).collect();
        set_hops(&mut upstream.headers, &routes);
        let mut dialog = Dialog::uas(&upstream, &tag)?;
        let response = self.granted(request, &tag, granted);
        dialog.confirm(&response)?;
        self.notifier.insert(Watch {
            dialog,
            set: set_id,
            profile,
            event_id,
            expires_at: now + Duration::from_secs(granted.into()),
            version: 0,
            in_flight: false,
            full: true,
            changes: Vec::new(),
            over: (granted == 0).then_some("timeout"),
        });
        Ok(response)
    }

    fn refresh(&mut self, now: Instant, request: &Request) -> Result<Response, Refusal> {
        let unknown =
            || Refusal::new(StatusCode::CALL_DOES_NOT_EXIST, "there is no such subscription (RFC 6665 §4.2.1.4)");
        let id = DialogId::of_request(request)?.ok_or_else(unknown)?;
        let watch_id = self.notifier.find(&id).ok_or_else(unknown)?;
        package(request)?;
        let granted = self.lifetime(request)?;
        let watch = self.notifier.all.get_mut(&watch_id).filter(|watch| watch.over.is_none()).ok_or_else(unknown)?;
        watch.dialog.receive(request)?;
        watch.full = true;
        watch.over = (granted == 0).then_some("timeout");
        self.notifier.due.insert(watch_id);
        self.notifier.extend(watch_id, now + Duration::from_secs(granted.into()));
        Ok(self.granted(request, &id.local_tag, granted))
    }

    fn granted(&self, request: &Request, tag: &str, granted: u32) -> Response {
        let contact = Contact::new(self.own_name.uri().into());
        dialog::respond(request, StatusCode::OK, tag, &contact).with(&Expires(granted))
    }

    fn lifetime(&self, request: &Request) -> Result<u32, Refusal> {
        let asked = request.headers.opt::<Expires>()?.map_or(self.policy.default_watch, |expires| expires.0);
        match asked {
            0 => Ok(0),
            short if short < self.policy.min_expires => Err(Refusal::too_brief(self.policy.min_expires)),
            long => Ok(long.min(self.policy.max_expires)),
        }
    }
}

/// The `id` of the event, which is `reg` (RFC 6665 §4.2.1.1).
fn package(request: &Request) -> Result<Option<String>, Refusal> {
    let package = request.headers.opt::<Event>()?;
    match package.filter(|package| package.is("reg")) {
        Some(package) => Ok(package.id().map(str::to_owned)),
        None => {
            let refusal = Refusal::new(StatusCode::BAD_EVENT, "this node notifies of reg alone (RFC 6665 §8.3.2)");
            Err(refusal.with_raw(Header::new(HeaderName::AllowEvents, event(None).to_string())))
        }
    }
}

/// The user itself, by any identity of the set that is not barred, and the proxies on its Path.
fn may_watch(request: &Request, served: &Served, set: &Registration) -> bool {
    let asserted = request.headers.all::<PAssertedIdentity>().unwrap_or_default();
    asserted.iter().any(|asserted| {
        let identity = Impu::parse(&asserted.uri.to_string()).ok();
        let own = |impu: &Impu| {
            let listed = set.profile.impus.iter().any(|entry| {
                !entry.barred && matches!(&entry.identity, ims::profile::Identity::Distinct(known) if known == impu)
            });
            listed || *impu == served.identity
        };
        let routes = || set.bindings.iter().flat_map(|binding| binding.routes());
        let proxy = asserted.uri.as_sip().filter(|uri| uri.user.is_none());
        let on_path = |uri: &sip::SipUri| routes().any(|r| r.uri.as_sip().is_some_and(|hop| hop.host.same(&uri.host)));
        identity.as_ref().is_some_and(own) || proxy.is_some_and(on_path)
    })
}
