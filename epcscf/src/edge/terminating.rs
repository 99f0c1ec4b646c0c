//! Requests of the core: which WIC they are for, and what it gets to see (T-1 to T-8; TS 24.229
//! §5.2.6.4, RFC 5626 §5.3).

use super::in_dialog::record_route;
use super::originate::{uri, without_body};
use super::relay::{Answering, Asked, Passing};
use super::request::no_such_dialog;
use super::*;
use crate::bindings::{Binding, Registrar};
use crate::calls::{Call, Owner as CallOwner, Usage};
use crate::flow_token::BadToken;
use crate::media::Side;
use crate::trust_boundary;
use sip::SipUri;
use sip::headers::{PCalledPartyId, PChargingVector};

/// A request of the core.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminating<'a> {
    pub(super) key: ServerKey,
    /// As it came.
    pub(super) original: &'a Request,
}

/// The WIC that a request is for.
#[derive(Debug)]
struct Target {
    flow: FlowId,
    owner: CallOwner,
    contact: Uri,
    /// The identity that was called.
    called: Impu,
    /// Whether it is registered here alone.
    local: bool,
}

impl Edge {
    pub(super) fn on_core_request(&mut self, now: Now, key: ServerKey, request: &Request, from: Peer) {
        let Err(refusal) = self.take_from_core(now, Terminating { key, original: request }, from) else { return };
        let response = self.response_to(request, &refusal);
        self.transactions.respond(now.mono, key, response);
        self.events.push_back(Event::RefusedToCore { status: refusal.status.code(), reason: refusal.reason.clone() });
        if from.flow.is_some() && refusal.close == Close::Now {
            self.flush();
            let flow = from.flow.unwrap_or(FlowId(0));
            self.outputs.push_back(Output::Close { flow, code: close::POLICY, reason: refusal.reason });
        }
    }

    fn take_from_core(&mut self, now: Now, to: Terminating<'_>, from: Peer) -> Result<(), Refusal> {
        if !self.is_trusted(from) {
            self.events.push_back(Event::UntrustedPeer { peer: from.addr });
            let mut refusal = Refusal::forbidden("the peer is not a trusted node (TS 33.203 U.1)");
            refusal.close = Close::Now;
            return Err(refusal);
        }
        let mut request = to.original.clone();
        if request.method == Method::Register {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "the core does not register at the edge")
                .with(HeaderName::Allow, super::request::ALLOW));
        }
        if let Some(subscription) = self.own_subscription(&request) {
            return self.on_notify(now, to.key, subscription, &request);
        }
        let own = self.own.clone();
        sip::proxy::check_loop(&request, |via| own.is(&via.host, via.port))?;
        let bad = |e: sip::HeaderError| Refusal::bad_request(e.reason().to_owned());
        let taken = sip::proxy::preprocess_route(&mut request, &self.own).map_err(bad)?;
        let in_dialog = request.to().is_ok_and(|to| to.tag().is_some());
        if request.method == Method::Options && !in_dialog && self.is_own_options(&taken, &request) {
            let response = self.own_options(&request);
            self.transactions.respond(now.mono, to.key, response);
            return Ok(());
        }
        sip::proxy::take_hop(&mut request.headers)?;
        if let Some(tags) = crate::register::unknown_tags(&request.headers, &HeaderName::ProxyRequire, &[]) {
            return Err(Refusal::bad_extension(&tags));
        }
        if in_dialog {
            return self.in_dialog_from_core(now, to, request);
        }
        match request.method {
            Method::Bye | Method::Prack | Method::Update | Method::Info => Err(no_such_dialog()),
            _ => self.terminate(now, to, &taken, request),
        }
    }

    /// An OPTIONS for this node itself and not for one of its users.
    fn is_own_options(&self, taken: &[SipUri], request: &Request) -> bool {
        let plain = taken.iter().all(|uri| uri.user.is_none()) && !request.headers.has(&HeaderName::PCalledPartyId);
        plain && !request.headers.has(&HeaderName::Route) && self.is_own_uri(&request.uri)
    }

    fn terminate(
        &mut self,
        now: Now,
        to: Terminating<'_>,
        taken: &[SipUri],
        mut request: Request,
    ) -> Result<(), Refusal> {
        let target = self.find_target(taken, &request)?;
        let flow = target.flow;
        let usage = Usage::of(&request.method);
        if usage.is_some() && self.calls.of_impi(&target.owner.impi).count() >= self.config.policy.call.max_calls {
            let retry_after = self.config.policy.connection.retry_after;
            return Err(Refusal::busy("too many calls of one user", retry_after));
        }
        // T-4, T-7.
        if !request.uri.equivalent(&target.contact) && !request.headers.has(&HeaderName::PCalledPartyId) {
            request.headers.add(&PCalledPartyId::new(request.uri.clone()));
        }
        request.uri = target.contact.clone();
        let charging: Option<PChargingVector> = request.headers.opt().ok().flatten();
        trust_boundary::strip_towards_wic(&mut request.headers);
        request.headers.remove(&HeaderName::Route);
        if usage.is_some() {
            let [core, wic] = self.record_routes(flow);
            request.headers.push_front(HeaderName::RecordRoute, format!("{wic}, {core}"));
        }
        let context = match request.method {
            Method::Invite => Some(self.reserve(Side::Core, &mut request)?),
            _ => None,
        };
        let peer = self.finish_for_wic(flow, &mut request, to.original);
        let call = match usage {
            Some(usage) => {
                let charging = match charging.clone() {
                    Some(charging) => charging,
                    None => self.new_charging(),
                };
                Some(self.calls.open(Call {
                    usage,
                    caller: Side::Core,
                    flow,
                    lost: false,
                    owner: target.owner,
                    charging,
                    request: without_body(&request),
                    context,
                    legs: Vec::new(),
                    pending: None,
                    released: None,
                }))
            }
            None => None,
        };
        let answering = Answering { called: Some(target.called), charging, record_route: record_route(&request) };
        let passing = Passing::new(Side::Core, flow, to.key, to.original);
        let asked = Asked::Initial;
        self.relay(now, Passing { call, asked, answering, local: target.local, ..passing }, request, peer);
        Ok(())
    }

    /// The last of T-8: our Via, and the connection. The Request-URI's host is one that the WIC made
    /// up, and leads nowhere (RFC 7118 §5).
    pub(super) fn finish_for_wic(&mut self, flow: FlowId, request: &mut Request, original: &Request) -> Peer {
        let via = self.via_of(Transport::Wss, original);
        request.headers.remove(&HeaderName::ContentLength);
        request.headers.remove(&HeaderName::Route);
        sip::proxy::push_via(&mut request.headers, &via);
        self.peer_of(flow)
    }

    /// T-2, T-3: by the flow token in the topmost Route, or by the identity called when that lies in a
    /// range that is registered here.
    ///
    /// A token that is not ours is 403, one whose connection is gone 430; an identity outside every
    /// range 404, one that nobody holds 480.
    fn find_target(&self, taken: &[SipUri], request: &Request) -> Result<Target, Refusal> {
        match taken.iter().find_map(|uri| uri.user.as_deref()) {
            Some(token) => self.by_token(token, request),
            None => self.by_identity(request),
        }
    }

    fn by_token(&self, token: &str, request: &Request) -> Result<Target, Refusal> {
        let flow = self.flow_of_token(token)?;
        let called = called_party(request)?;
        let bindings = || self.bindings.of_flow(flow).map(|(_, binding)| binding);
        let by_contact = || bindings().find(|binding| binding.contact.uri.equivalent(&request.uri));
        // Loose routing leaves the identity in the Request-URI (TS 29.229 §6.3.45).
        let asked = Impu::parse(&request.uri.to_string()).ok();
        let binding = match by_contact() {
            Some(binding) => {
                // One contact may be registered by several identities: the one called says which.
                let of_called = called.as_ref().and_then(|called| {
                    bindings().find(|b| b.contact.uri.equivalent(&request.uri) && belongs(b, called))
                });
                of_called.unwrap_or(binding)
            }
            None => {
                let by_identity = asked.as_ref().and_then(|asked| bindings().find(|b| belongs(b, asked)));
                by_identity.ok_or_else(|| {
                    Refusal::new(StatusCode::NOT_FOUND, "the Request-URI is no contact of this flow (RFC 5626 §5.3)")
                })?
            }
        };
        let called = called.or_else(|| asked.filter(|asked| belongs(binding, asked)));
        self.target(binding, called)
    }

    pub(super) fn flow_of_token(&self, token: &str) -> Result<FlowId, Refusal> {
        let gone = |reason: String| Refusal::new(StatusCode::FLOW_FAILED, reason);
        let flow = self.flow_tokens.read(token).map_err(|bad| match bad {
            BadToken::Forged => Refusal::forbidden(bad.to_string()),
            BadToken::OldEpoch => gone(bad.to_string()),
        })?;
        if self.is_live(flow) { Ok(flow) } else { Err(gone("the flow is gone (RFC 5626 §5.3.1)".into())) }
    }

    fn by_identity(&self, request: &Request) -> Result<Target, Refusal> {
        let outside = || Refusal::new(StatusCode::NOT_FOUND, "the identity is in no range of this edge");
        let called = match called_party(request)? {
            Some(called) => called,
            None => Impu::parse(&request.uri.to_string()).map_err(|_| outside())?,
        };
        if !self.records.in_any_range(&called) || self.records.is_distinct(&called) {
            return Err(outside());
        }
        let live = |binding: &&Binding| binding.alive && self.is_live(binding.flow);
        let binding = self
            .bindings
            .of_impu(&called)
            .map(|(_, binding)| binding)
            .find(live)
            .ok_or_else(|| Refusal::new(StatusCode::TEMPORARILY_UNAVAILABLE, "nobody holds this identity now"))?;
        self.target(binding, Some(called))
    }

    /// T-7: the identity called is one of the WIC's.
    fn target(&self, binding: &Binding, called: Option<Impu>) -> Result<Target, Refusal> {
        let called = match called {
            Some(called) if belongs(binding, &called) => called,
            Some(called) => {
                let reason = format!("P-Called-Party-ID {called} is not the WIC's (TS 24.229 §5.2.6.4)");
                return Err(Refusal::new(StatusCode::SERVER_INTERNAL_ERROR, reason));
            }
            None => binding.impus.first().unwrap_or(&binding.impu).clone(),
        };
        uri(&called)?;
        Ok(Target {
            flow: binding.flow,
            owner: CallOwner::of(binding),
            contact: binding.contact.uri.clone(),
            called,
            local: binding.registrar == Registrar::Edge,
        })
    }
}

fn called_party(request: &Request) -> Result<Option<Impu>, Refusal> {
    let header = request.headers.opt::<PCalledPartyId>();
    let Some(called) = header.map_err(|e| Refusal::bad_request(e.reason().to_owned()))? else { return Ok(None) };
    let malformed = || Refusal::bad_request("P-Called-Party-ID is no public identity (RFC 7315 §4.2)");
    Impu::parse(&called.uri.to_string()).map(Some).map_err(|_| malformed())
}

/// Whether an identity is registered with a binding.
fn belongs(binding: &Binding, impu: &Impu) -> bool {
    binding.impu == *impu
        || binding.impus.contains(impu)
        || (binding.registrar == Registrar::Core && binding.wildcards.iter().any(|range| range.matches(impu)))
}
