//! An initial or standalone request of a WIC on its way into the core (O6 to O13; TS 24.229 §5.2.6.3).

use super::relay::{Asked, Passing};
use super::request::Originating;
use super::*;
use crate::bindings::{Binding, Registrar};
use crate::calls::{Call, Owner as CallOwner, Usage};
use crate::identity::{self, Asserted};
use crate::media::Side;
use crate::policy::{Origination, RouteMismatch};
use crate::trust_boundary::{self, Written};
use sip::Headers;
use sip::headers::{From, PAccessNetworkInfo, PAssertedIdentity, PChargingVector, PProfileKey, PServedUser, Route};

impl Edge {
    pub(super) fn originate(&mut self, now: Now, from: Originating<'_>, mut request: Request) -> Result<(), Refusal> {
        let flow = from.flow;
        let bindings: Vec<&Binding> = self.bindings.of_flow(flow).map(|(_, binding)| binding).collect();
        let asserted = self.choose_identity(&bindings, &request.headers)?;
        let binding = bindings.iter().find(|binding| asserted.impus.iter().any(|impu| binding.impus.contains(impu)));
        let Some(binding) = binding.or(bindings.first()) else {
            return Err(Refusal::forbidden("register first (TS 33.203 O.2.3)"));
        };
        let owner = CallOwner::of(binding);
        let digest = binding.scenario == Scenario::ImsDigest;
        let routes = self.way_in(binding, &request)?;
        let to = self.next_hop(routes.first().map(|route| &route.uri))?;
        let annex_s = self.is_annex_s(binding);
        if asserted.passed_over {
            self.events.push_back(Event::IdentityPassedOver { flow, asserted: asserted.impus.first().cloned() });
        }
        let usage = Usage::of(&request.method);
        if usage.is_some() {
            self.check_new_call(&owner.impi, &request)?;
        }

        self.strip(&mut request, digest);
        let mut ours = Headers::new();
        for impu in &asserted.impus {
            ours.add(&PAssertedIdentity::new(uri(impu)?));
        }
        let charging = self.new_charging();
        ours.add(&charging);
        if let Some(range) = &asserted.profile_key
            && !self.has(Defect::ForgetsProfileKey)
        {
            ours.add(&PProfileKey::new(range.as_str().parse().map_err(|_| not_a_uri())?));
        }
        if annex_s && let Some(impu) = asserted.impus.first() {
            let mut served = PServedUser::new(uri(impu)?);
            served.params.set("sescase", "orig");
            served.params.set("regstate", "unreg");
            ours.add(&served);
        }
        if usage.is_some() {
            let [core, wic] = self.record_routes(flow);
            ours.push(HeaderName::RecordRoute, format!("{core}, {wic}"));
        }
        sip::proxy::set_routes(&mut request, &routes);
        let context = match request.method {
            Method::Invite => Some(self.reserve(Side::Wic, &mut request)?),
            _ => None,
        };
        if let Err(refusal) = self.finish_for_core(&mut request, from.original, &ours, from.token.as_ref()) {
            context.into_iter().for_each(|context| self.iq.release(context));
            return Err(refusal);
        }
        let call = usage.map(|usage| {
            self.calls.open(Call {
                usage,
                caller: Side::Wic,
                flow,
                lost: false,
                owner,
                charging: charging.clone(),
                request: without_body(&request),
                context,
                legs: Vec::new(),
                pending: None,
                released: None,
            })
        });
        let passing = Passing::new(Side::Wic, flow, from.key, from.original);
        self.relay(now, Passing { call, asked: Asked::Initial, ..passing }, request, to);
        Ok(())
    }

    /// O7, O8.
    fn choose_identity(&self, bindings: &[&Binding], headers: &Headers) -> Result<Asserted, Refusal> {
        let asked = headers.has(&HeaderName::PPreferredIdentity);
        let preferred = identity::preferred(headers);
        let is_distinct = |impu: &Impu| self.records.is_distinct(impu);
        let mut asserted = identity::choose(bindings, asked, &preferred, is_distinct).ok_or_else(|| {
            Refusal::forbidden("no identity that is not barred is registered here (TS 24.229 §5.2.6.3)")
        })?;
        if self.has(Defect::AssertsFrom) {
            let from = headers.one::<From>().ok().and_then(|from| Impu::parse(&from.uri.to_string()).ok());
            asserted.impus = from.into_iter().collect();
        }
        let local = bindings.iter().find(|binding| binding.registrar == Registrar::Edge);
        if let Some(binding) = local
            && !self.is_still_allowed(binding)
        {
            return Err(Refusal::forbidden("the identity is outside the WWSF's range (TS 23.228 U.1.3.3)"));
        }
        Ok(asserted)
    }

    /// O6, O13: the way that the registration gave, and nothing else. What the request has of it is
    /// compared, our own entry at its head aside.
    fn way_in(&self, binding: &Binding, request: &Request) -> Result<Vec<Route>, Refusal> {
        let malformed = |e: sip::HeaderError| Refusal::bad_request(e.reason().to_owned());
        let given = request.headers.all::<Route>().map_err(malformed)?;
        let is_own = |route: &&Route| route.uri.as_sip().is_some_and(|uri| self.own.is_uri(uri));
        let given: Vec<&Route> = given.iter().skip_while(is_own).collect();
        let stored: Vec<Route> = binding
            .service_route
            .iter()
            .map(|value| sip::headers::TypedHeader::parse(value))
            .collect::<Result<_, _>>()
            .map_err(malformed)?;
        let expected: Vec<&Route> = stored.iter().skip_while(is_own).collect();
        let same = given.len() == expected.len() && given.iter().zip(&expected).all(|(a, b)| a.uri.equivalent(&b.uri));
        let policy = &self.config.policy.route;
        let answer = if given.is_empty() { policy.missing } else { policy.mismatch };
        if !same && answer == RouteMismatch::Reject && !self.has(Defect::FollowsAnyRoute) {
            return Err(Refusal::bad_request("Route is not the Service-Route (TS 24.229 §5.2.6.3.3)"));
        }
        match binding.registrar {
            Registrar::Core => Ok(expected.into_iter().cloned().collect()),
            Registrar::Edge => Ok(vec![self.way_of_range(binding)]),
        }
    }

    fn way_of_range(&self, binding: &Binding) -> Route {
        if !self.is_annex_s(binding) {
            return Route::new(self.scscf_route.clone());
        }
        let mut icscf = self.core_route.clone();
        if let Some(uri) = icscf.as_sip_mut() {
            uri.params.set_flag("orig");
        }
        Route::new(icscf)
    }

    fn is_annex_s(&self, binding: &Binding) -> bool {
        binding.registrar == Registrar::Edge && self.config.policy.flow3.origination == Origination::AnnexS
    }

    fn check_new_call(&self, impi: &Impi, request: &Request) -> Result<(), Refusal> {
        if self.calls.of_impi(impi).count() >= self.config.policy.call.max_calls {
            let retry_after = self.config.policy.connection.retry_after;
            return Err(Refusal::busy("too many calls of one user", retry_after));
        }
        let known = |e: sip::HeaderError| Refusal::bad_request(e.reason().to_owned());
        let (call_id, from) = (request.call_id().map_err(known)?, request.from().map_err(known)?);
        let (call_id, tag) = (String::from(call_id.0), from.tag().unwrap_or_default().to_owned());
        if self.calls.of_request(&call_id.into(), &tag.into()).is_some() {
            let reason = "a request with this Call-ID and tag is under way (RFC 3261 §8.2.2.2)";
            return Err(Refusal::new(StatusCode::LOOP_DETECTED, reason));
        }
        Ok(())
    }

    /// O9, O10: what only the network says goes, and of credentials what is not the user's digest.
    pub(super) fn strip(&self, request: &mut Request, digest: bool) {
        let entity = &self.config.policy.entity;
        let entities = [&*entity.param_name, &entity.wwsf_param_name];
        trust_boundary::strip_from_wic(&mut request.headers, entities, self.config.policy.defects);
        trust_boundary::keep_digest(&mut request.headers);
        if !digest {
            request.headers.remove(&HeaderName::ProxyAuthorization);
        }
        if let Some(uri) = request.uri.as_sip_mut()
            && !self.has(Defect::KeepsOrig)
        {
            uri.params.remove("orig");
        }
    }

    pub(super) fn new_charging(&mut self) -> PChargingVector {
        let icid = self.new_icid();
        let mut charging = PChargingVector::new(&icid, &self.config.name);
        charging.params.set_quoted("orig-ioi", &self.own_ioi());
        charging
    }

    /// The type 1 inter-operator identifier of this network (TS 24.229 §7.2A.5).
    pub(super) fn own_ioi(&self) -> String {
        format!("Type 1{}", self.config.home_domain)
    }

    /// The last of O12: writes `ours`, access information and Via, and asserts that nothing trusted in
    /// the request is the WIC's.
    pub(super) fn finish_for_core(
        &mut self,
        request: &mut Request,
        original: &Request,
        ours: &Headers,
        token: Option<&ims::Token>,
    ) -> Result<(), Refusal> {
        let access = PAccessNetworkInfo::network_provided(&self.config.policy.registration.access_network).to_string();
        let via = self.via_of(self.core.transport, original);
        let headers = &mut request.headers;
        // Written anew, at the end.
        headers.remove(&HeaderName::ContentLength);
        sip::proxy::push_via(headers, &via);
        ours.iter().for_each(|header| headers.push(header.name.clone(), header.value.clone()));
        headers.push(HeaderName::PAccessNetworkInfo, access.clone());
        let written = Written { network: ours, access_info: &access, token };
        self.hold_back(trust_boundary::assert_request(request, &written))
    }

    /// Record-Route for each side (RFC 5658, RFC 7118 §8.2): the core's entry, the WIC's.
    pub(super) fn record_routes(&self, flow: FlowId) -> [String; 2] {
        let (name, token) = (&self.config.name, self.flow_tokens.mint(flow));
        [format!("<sip:{name};lr>"), format!("<sip:{token}@{name}:443;transport=ws;lr>")]
    }

    /// Where a URI of the core leads; 504 when nowhere that is known.
    pub(super) fn next_hop(&self, uri: Option<&Uri>) -> Result<Peer, Refusal> {
        let host = uri.and_then(Uri::as_sip);
        host.and_then(|uri| self.resolver.resolve(uri, self.core.transport)).ok_or_else(|| {
            let name = uri.map(ToString::to_string).unwrap_or_default();
            Refusal::new(StatusCode::SERVER_TIME_OUT, format!("the next hop {name} is not known (RFC 3261 §16.6)"))
        })
    }
}

pub(super) fn uri(impu: &Impu) -> Result<Uri, Refusal> {
    impu.as_str().parse().map_err(|_| not_a_uri())
}

fn not_a_uri() -> Refusal {
    Refusal::new(StatusCode::SERVER_INTERNAL_ERROR, "the identity is no URI (RFC 3261 §19.1)")
}

/// What is kept of a request for the dialogs that it makes.
pub(super) fn without_body(request: &Request) -> Request {
    use HeaderName::{CSeq, CallId, Contact, Event, From, RecordRoute, To};
    let kept = |name: &HeaderName| matches!(name, From | To | CallId | CSeq | Contact | RecordRoute | Event);
    Request {
        method: request.method.clone(),
        uri: request.uri.clone(),
        // Texts of their own: slices would keep the whole message in memory as long as the call.
        headers: request
            .headers
            .iter()
            .filter(|header| kept(&header.name))
            .map(|header| sip::Header::new(header.name.clone(), header.value.to_string()))
            .collect(),
        body: Bytes::new(),
    }
}
