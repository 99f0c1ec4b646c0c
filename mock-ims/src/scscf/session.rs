//! Requests other than REGISTER at the S-CSCF (TS 24.229 §5.4.3): which side they are for, who is
//! served, and the way back of their answers.
//!
//! A request that came by our Service-Route is of a user who calls ([`Role::Originating`]), any
//! other that begins something is for a user who is called ([`Role::Terminating`]); what has a To
//! tag is part of something that goes on ([`Role::InDialog`]). One S-CSCF often plays both sides of
//! a call: then the request passes it twice, and its Route tells the passes apart.

use super::calls::{InCall, Party};
use super::event::{Event, SessionCase};
use super::registrar::{BindingId, Registration, SetId};
use super::terminating::Search;
use super::{Scscf, Waiting};
use crate::asks::CxFailure;
use crate::boundary;
use crate::cx::{AssignmentType, CxAnswer, ResultCode, Saa, Sar};
use crate::hop;
use crate::policy;
use crate::refusal::Refusal;
use crate::relay::Turn;
use ims::profile::{Identity, PublicIdentity, ServiceProfile};
use ims::{Defect, Impu, WildcardedImpu};
use sip::headers::{MaxForwards, PAssertedIdentity, PChargingVector, PProfileKey, PServedUser, RecordRoute};
use sip::proxy;
use sip::transaction::{ClientKey, ServerKey};
use sip::{Instant, Method, Peer, Rejection, Request, Response, StatusCode, Uri};
use std::time::Duration;

/// What is kept of a request on its way.
#[derive(Debug)]
pub(super) struct Session {
    /// As it goes on, but for what differs from copy to copy.
    pub(super) copy: Request,
    pub(super) role: Role,
    /// Who is served; none in a dialog.
    pub(super) served: Option<Served>,
    /// The charging vector that it came with.
    pub(super) charging: Option<PChargingVector>,
}

/// What the S-CSCF is to a request.
#[derive(Debug)]
pub(super) enum Role {
    /// It serves the one who calls.
    Originating,
    /// It serves the one who is called.
    Terminating(Search),
    /// It recorded a route when the dialog began; the call, if it is one.
    InDialog(Option<InCall>),
}

/// Who is served, and by which profile.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) identity: Impu,
    /// The range whose profile is the identity's (P-Profile-Key). It is given by others: this
    /// S-CSCF never matches an identity against a range (TS 29.228 §6.1.2.1).
    pub(super) key: Option<WildcardedImpu>,
    /// The registered set.
    pub(super) set: Option<SetId>,
    /// The contact that calls, or by its GRUU is called.
    pub(super) binding: Option<BindingId>,
}

impl Scscf {
    pub(super) fn on_session(&mut self, now: Instant, key: ServerKey, request: Request, from: Peer) {
        if let Some(response) = self.ends_here(&request) {
            return self.front.respond(now, key, response);
        }
        match self.open(now, key, &request, from) {
            Ok(()) => {}
            Err(refusal) => self.front.refuse(now, key, &request, &refusal),
        }
    }

    /// What is answered in any case, whoever it is for.
    fn ends_here(&self, request: &Request) -> Option<Response> {
        if request.headers.opt::<MaxForwards>().ok().flatten() == Some(MaxForwards(0)) {
            let too_many = Refusal::new(StatusCode::TOO_MANY_HOPS, "Max-Forwards is 0 (RFC 3261 §16.3 step 3)");
            let options = request.method == Method::Options;
            return Some(if options { hop::options(request) } else { too_many.answer(request) });
        }
        self.own_name.check(request).err()
    }

    fn open(&mut self, now: Instant, key: ServerKey, request: &Request, from: Peer) -> Result<(), Refusal> {
        let mut copy = request.clone();
        let taken = proxy::preprocess_route(&mut copy, self.own_name.own())?;
        let to_tag = request.to()?.tag().is_some();
        if self.own_name.is_for_us(&copy) && to_tag && request.method == Method::Subscribe {
            self.resubscribe(now, key, request);
            return Ok(());
        }
        if self.own_name.is_for_us(&copy) {
            self.front.respond(now, key, self.own_name.answer_own(request));
            return Ok(());
        }
        if to_tag {
            return self.open_in_dialog(now, key, request, copy, from);
        }
        if !self.network.trusts(&from) {
            let what = format!("{} from {from}", request.method);
            self.tell(Event::Audit { impi: None, what });
            return Err(Refusal::forbidden("not from a node of the trust domain (TS 24.229 §4.4)"));
        }
        if self.asks.is_full() {
            return Err(Refusal::from(policy::overloaded()).retry_after(10));
        }
        let originating = taken.iter().any(|uri| uri.user.as_deref() == Some("orig"));
        let (role, served) = match originating {
            true => (Role::Originating, self.calling(request)?),
            false => (Role::Terminating(Search::default()), self.called(request)?),
        };
        let dialog = matches!(request.method, Method::Invite | Method::Subscribe | Method::Refer);
        if dialog && !self.has(Defect::LeavesDialogs) {
            copy.headers.add_front(&RecordRoute::new(self.loose_route().into()));
        }
        let charging = request.headers.opt()?;
        let session = Session { copy, role, served: Some(served), charging };
        self.relays.open(key, request.clone(), from, session, &mut self.front);
        self.serve(now, key);
        Ok(())
    }

    /// The user who calls, in the word of the trusted node; never From (TS 24.229 §5.4.3.2).
    fn calling(&self, request: &Request) -> Result<Served, Refusal> {
        let served = request.headers.opt::<PServedUser>()?.map(|served| served.0.uri);
        let asserted: Vec<Uri> =
            request.headers.all::<PAssertedIdentity>()?.into_iter().map(|asserted| asserted.0.uri).collect();
        let uri = served.as_ref().or(asserted.first());
        let uri = uri.ok_or_else(|| Refusal::forbidden("no trusted node says who calls (TS 24.229 §5.4.3.2)"))?;
        let identity = Impu::parse(&uri.to_string()).map_err(|e| Refusal::forbidden(e.to_string()))?;
        let mut served = self.served(identity, profile_key(request)?);
        served.binding = served.set.and_then(|set| self.registrar.set(set)).and_then(|set| calling_from(set, request));
        Ok(served)
    }

    /// The user who is called: the Request-URI's (TS 24.229 §5.4.3.3).
    fn called(&self, request: &Request) -> Result<Served, Refusal> {
        let gruu = request.uri.as_sip().filter(|uri| uri.params.has("gr"));
        if let Some(uri) = gruu {
            let unknown =
                || Refusal::new(StatusCode::TEMPORARILY_UNAVAILABLE, "nobody is bound to this GRUU (RFC 5627 §5.4)");
            let (set, binding) = self.registrar.find_gruu(uri).ok_or_else(unknown)?;
            let identity = self.registrar.set(set).and_then(|set| set.binding(binding)).map(|b| b.impu.clone());
            let named = Impu::parse(&uri.to_string()).ok().filter(|_| uri.params.value("gr").is_some());
            let identity = named.or(identity).ok_or_else(unknown)?;
            return Ok(Served { identity, key: None, set: Some(set), binding: Some(binding) });
        }
        let identity = Impu::parse(&request.uri.to_string()).map_err(|e| policy::no_identity(&e))?;
        Ok(self.served(identity, profile_key(request)?))
    }

    fn served(&self, identity: Impu, key: Option<WildcardedImpu>) -> Served {
        let set = match &key {
            Some(key) => self.registrar.set_of_range(key),
            None => self.registrar.set_of(&identity),
        };
        Served { identity, key, set, binding: None }
    }

    /// Goes on with a request once its served user's profile is known; else the HSS is asked for it.
    fn serve(&mut self, now: Instant, key: ServerKey) {
        let Some(served) = self.relays.owner(key).and_then(|session| session.served.clone()) else { return };
        let profile = served.set.and_then(|set| self.registrar.set(set)).map(|set| set.profile.clone());
        match profile {
            Some(profile) => self.go_on(now, key, &served, &profile),
            None => self.ask_unregistered(now, key, &served),
        }
    }

    /// SAR for a user who is not registered here (TS 29.228 §6.1.2.1).
    fn ask_unregistered(&mut self, now: Instant, key: ServerKey, served: &Served) {
        let sar = Sar {
            user_name: None,
            public_identities: vec![Identity::Distinct(served.identity.clone())],
            wildcarded: served.key.clone(),
            server_name: self.name.clone(),
            assignment_type: AssignmentType::UnregisteredUser,
            user_data_already_available: false,
        };
        self.asks.ask(now, sar, Waiting::Served { key });
    }

    pub(super) fn on_served(&mut self, now: Instant, key: ServerKey, answer: Result<CxAnswer, CxFailure>) {
        let Some(session) = self.relays.owner(key) else { return };
        let originating = matches!(session.role, Role::Originating);
        let Some(served) = session.served.clone() else { return };
        let rejection = match answer {
            Ok(CxAnswer::Saa(Saa { result: ResultCode::InAssignmentType, wildcarded: Some(range), .. }))
                if served.key.is_none() =>
            {
                // As if the key had been received (TS 29.228 §6.1.2.1).
                let served = self.served(served.identity, Some(range));
                if let Some(session) = self.relays.owner(key) {
                    session.served = Some(served);
                }
                return self.serve(now, key);
            }
            Ok(CxAnswer::Saa(saa)) if saa.result.is_success() => {
                let Some(data) = saa.user_data else {
                    return self.refuse(now, key, &policy::hss_silent().into());
                };
                // He may have registered in the meantime.
                let served = Served { binding: served.binding, ..self.served(served.identity, served.key) };
                return self.go_on(now, key, &served, &data.profile);
            }
            Ok(CxAnswer::Saa(saa)) if saa.result == ResultCode::UserUnknown => match originating {
                true => policy::forbidden("nobody has this identity (TS 29.228 6.1.2.1: SAA 5001)"),
                false => policy::lia(ResultCode::UserUnknown),
            },
            Ok(CxAnswer::Saa(saa)) => policy::saa(saa.result),
            _ => policy::hss_silent(),
        };
        self.refuse(now, key, &rejection.into());
    }

    fn go_on(&mut self, now: Instant, key: ServerKey, served: &Served, profile: &ServiceProfile) {
        let Some(request) = self.relays.find(key).map(|context| context.request.clone()) else { return };
        let Some(session) = self.relays.owner(key) else { return };
        session.served = Some(served.clone());
        let originating = matches!(session.role, Role::Originating);
        let case = SessionCase::of(originating, served.set.is_some());
        match (entry_of(served, profile), originating) {
            (Some(entry), _) if !entry.barred => {}
            (Some(_), false) if self.has(Defect::CallsBarred) => {}
            (Some(_), true) => {
                return self.refuse(now, key, &Refusal::forbidden("the identity is barred (TS 24.229 §5.4.3.2)"));
            }
            (None, true) => {
                return self.refuse(
                    now,
                    key,
                    &Refusal::forbidden("the identity is not in the profile (TS 24.229 §5.4.3.2)"),
                );
            }
            (_, false) => {
                let refusal = Refusal::new(StatusCode::NOT_FOUND, "the identity is barred (TS 24.229 §5.4.3.3)");
                return self.refuse(now, key, &refusal);
            }
        }
        if originating && !self.authenticated(now, key, served) {
            return;
        }
        self.tell(Event::Served { impu: served.identity.clone(), case });
        match originating {
            true => self.originate(now, key, profile),
            false if request.method == Method::Subscribe && self.is_to_notifier(&request, served) => {
                self.subscribe(now, key);
            }
            false => self.terminate(now, key, profile),
        }
    }

    /// Sends a copy on; false when its next hop is nowhere.
    pub(super) fn send_on(
        &mut self,
        now: Instant,
        key: ServerKey,
        mut copy: Request,
        to: Option<Peer>,
    ) -> Option<ClientKey> {
        let hop = proxy::next_hop(&mut copy).ok()?;
        let to = to.or_else(|| self.network.resolve(&hop))?;
        let context = self.relays.find(key)?;
        let original = context.request.clone();
        if !self.network.trusts(&to) {
            boundary::leave(&mut copy.headers);
        }
        self.own_name.depart(&mut self.front, &original, &mut copy, to).ok()?;
        let patience = Duration::from_secs(self.policy.next_hop_timeout.into());
        self.relays.send(now, &mut self.front, key, copy, to, patience)
    }

    pub(super) fn refuse(&mut self, now: Instant, key: ServerKey, refusal: &Refusal) {
        self.relays.refuse(now, &mut self.front, key, refusal);
    }

    pub(super) fn on_cancel(&mut self, now: Instant, key: ServerKey, invite: Option<ServerKey>, request: &Request) {
        let Some(invite) = invite else {
            return self.front.refuse(now, key, request, &Refusal::no_transaction());
        };
        self.front.respond(now, key, request.respond(StatusCode::OK));
        let turns = self.relays.cancel(now, &mut self.front, invite);
        self.take(now, turns);
    }

    pub(super) fn on_session_response(&mut self, now: Instant, branch: ClientKey, mut response: Response) {
        if let Some(what) = self.own.get(&branch).cloned() {
            return self.on_own_response(&what, &response);
        }
        if response.status == StatusCode::FLOW_FAILED && self.target_of(branch).is_some() {
            return self.on_flow_failed(now, branch);
        }
        if let Some(from) = self.relays.peer_of(branch).filter(|from| !self.network.trusts(from)) {
            boundary::enter(&mut response.headers, self.network.user_at(&from));
        }
        self.watch_call(now, branch, &response);
        if let Some(turns) = self.relays.on_response(now, &mut self.front, branch, response) {
            self.take(now, turns);
        }
    }

    /// What a response says of a call.
    fn watch_call(&mut self, now: Instant, branch: ClientKey, response: &Response) {
        let binding = self.target_of(branch).map(|target| target.binding);
        let Some(key) = self.relays.context_of(branch) else { return };
        let Some(context) = self.relays.find(key) else { return };
        if let Role::InDialog(within) = context.owner.role {
            if let Some(within) = within {
                self.calls.on_answer(now, within, response);
            }
            return;
        }
        // What rings on after the answer is about to be cancelled.
        let late = response.status.is_provisional() && self.relays.is_answered(key);
        let makes = context.request.method == Method::Invite && (101..300).contains(&response.status.code()) && !late;
        let party = context.owner.served.as_ref().filter(|_| makes).and_then(|served| Party::of(served, binding));
        if let Some(party) = party {
            self.calls.on_response(now, key, &context.request, response, party, self.own_name.own());
        }
    }

    /// The next hop said nothing, or nothing final (RFC 3261 §16.8, §16.9).
    pub(super) fn on_branch_failed(&mut self, now: Instant, branch: ClientKey) {
        if let Some(what) = self.own.get(&branch).cloned() {
            return self.on_own_failed(&what);
        }
        // A BYE that nobody answers ends the call as well (RFC 3261 §15.1.1).
        let context = self.relays.context_of(branch).and_then(|key| self.relays.find(key));
        if let Some(context) = context.filter(|context| context.request.method == Method::Bye)
            && let Role::InDialog(Some(within)) = context.owner.role
        {
            self.calls.end(now, within.key);
        }
        self.try_other_flow(now, branch);
        let why = Rejection::new(StatusCode::SERVER_TIME_OUT, "the next hop does not answer (RFC 3261 §16.8)");
        let turns = self.relays.fail(now, &mut self.front, branch, &why);
        self.take(now, turns);
    }

    pub(super) fn take(&mut self, now: Instant, turns: Vec<Turn>) {
        for turn in turns {
            match turn {
                Turn::Answer { key, response } => self.answer_caller(now, key, response),
                Turn::Next { key } => self.search_on(now, key),
            }
        }
    }

    fn answer_caller(&mut self, now: Instant, key: ServerKey, mut response: Response) {
        if response.status.is_final() {
            self.calls.end_early(key);
        }
        if let Some(context) = self.relays.find(key) {
            if let Some(asked) = &context.owner.charging {
                answer_charging(&mut response, asked, &self.home);
            }
            if !self.network.trusts(&context.from) {
                boundary::leave(&mut response.headers);
            }
        }
        self.front.transactions.respond(now, key, response);
    }

    /// What Record-Route and Contact name this S-CSCF by.
    pub(super) fn loose_route(&self) -> sip::SipUri {
        let mut uri = self.own_name.uri();
        uri.params.set_flag("lr");
        uri
    }
}

/// The entry of the profile that an identity falls under: that of its key, else its own.
pub(super) fn entry_of<'a>(served: &Served, profile: &'a ServiceProfile) -> Option<&'a PublicIdentity> {
    let is = |entry: &&PublicIdentity| match (&entry.identity, &served.key) {
        (Identity::Wildcard(range), Some(key)) => range == key,
        (Identity::Distinct(impu), None) => *impu == served.identity,
        _ => false,
    };
    profile.impus.iter().find(is)
}

/// Which contact of a set a request comes from, by its Contact; that may be a GRUU.
fn calling_from(set: &Registration, request: &Request) -> Option<BindingId> {
    let contact = request.headers.first::<sip::headers::Contact>().ok().flatten()?;
    let uri = contact.uri.as_sip()?;
    let same = |binding: &&super::registrar::Binding| {
        let gruu = binding.gruus.as_ref().is_some_and(|gruus| {
            let is = |gruu: &String| gruu.parse::<sip::SipUri>().is_ok_and(|gruu| gruu.equivalent(uri));
            is(&gruus.public) || gruus.temporary.iter().any(is)
        });
        // The parameters of a Contact may differ from one request to another.
        let address = |own: &sip::SipUri| own.user == uri.user && own.host.same(&uri.host) && own.port == uri.port;
        gruu || binding.contact.uri.as_sip().is_some_and(address)
    };
    let only = || set.bindings.first().filter(|binding| binding.is_static() && set.bindings.len() == 1);
    set.bindings.iter().find(same).or_else(only).map(|binding| binding.id())
}

fn profile_key(request: &Request) -> Result<Option<WildcardedImpu>, Refusal> {
    let Some(key) = request.headers.opt::<PProfileKey>()? else { return Ok(None) };
    // A key that is no range names the identity itself, which the request does anyway (RFC 5002 §5).
    Ok(key.uri.to_string().parse().ok())
}

/// Gives the answer the charging identity that its request had, and tells both networks of each
/// other (TS 24.229 §5.4.3.2, §5.4.3.3).
fn answer_charging(response: &mut Response, asked: &PChargingVector, own: &str) {
    let mut charging = asked.clone();
    let prefix = match charging.params.unquoted("orig-ioi") {
        Some(ioi) if ioi.starts_with("Type 1") => "Type 1",
        _ => "",
    };
    charging.params.set_quoted("term-ioi", &format!("{prefix}{own}"));
    response.headers.replace(&charging);
}
