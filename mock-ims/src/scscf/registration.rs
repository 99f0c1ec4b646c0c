//! REGISTER at the S-CSCF, from its arrival to its answer (TS 24.229 §5.4.1.2).

use super::claim::{Claim, Scheme, claims_auth_done};
use super::digest::Verdict;
use super::event::{Cause, Event, Subject};
use super::register::{Change, Register};
use super::registrar::{Binding, Changes, Gone, Registration};
use super::{Scscf, Waiting};
use crate::cx::{AssignmentType, AuthScheme, Maa, Mar, ResultCode, Saa, Sar};
use crate::policy;
use crate::refusal::Refusal;
use ims::profile::{Identity, ServiceProfile};
use ims::{Defect, Impi, Impu};
use sip::headers::AuthenticationInfo;
use sip::transaction::ServerKey;
use sip::{Instant, Peer, Rejection, Request, Response, StatusCode};

impl Scscf {
    pub(super) fn on_register(&mut self, now: Instant, key: ServerKey, request: Request, from: Peer) {
        let trusted = self.trusted.iter().any(|node| node.is(&from)) || self.has(Defect::ScscfTrustsAnybody);
        if claims_auth_done(&request) && !trusted {
            let refusal = Refusal::forbidden("auth-done from a node that is not trusted (TS 33.203 U.1)");
            self.front.refuse(now, key, &request, &refusal);
            self.tell(Event::Audit { impi: None, what: format!("auth-done from {from}") });
            return;
        }
        if !request.uri.as_sip().is_some_and(|uri| self.serves(uri)) {
            let refusal = Refusal::new(StatusCode::NOT_FOUND, "the registrar of another domain (RFC 3261 10.3)");
            return self.front.refuse(now, key, &request, &refusal);
        }
        let register = match Register::parse(request.clone(), &self.policy) {
            Ok(register) => register,
            Err(refusal) => return self.front.refuse(now, key, &request, &refusal),
        };
        if let Err(refusal) = self.registrar.check(&register, self.policy.defects) {
            return self.front.refuse(now, key, &request, &refusal);
        }
        match &register.claim {
            Claim::Tna(_) => self.admit(now, key, register, None),
            Claim::Digest(_) => {
                let verdict = self.verify(now, &register);
                match verdict {
                    // A user who starts anew is challenged with what the HSS has now.
                    Verdict::Challenge { stale: false } | Verdict::Unknown => self.ask_vector(now, key, register),
                    verdict => self.act_on(now, key, register, verdict),
                }
            }
        }
    }

    pub(super) fn on_maa(&mut self, now: Instant, key: ServerKey, register: Register, maa: Maa) {
        let vector = match maa.auth {
            Some(vector) if maa.result.is_success() => vector,
            _ => {
                self.forget_unless_registered(&register.impi);
                return self.front.refuse(now, key, &register.request, &policy::maa(maa.result).into());
            }
        };
        self.authenticator.learn(&register.impi, vector);
        let verdict = self.verify(now, &register);
        self.act_on(now, key, register, verdict);
    }

    pub(super) fn on_saa(
        &mut self,
        now: Instant,
        key: ServerKey,
        register: Register,
        info: Option<AuthenticationInfo>,
        saa: Saa,
    ) {
        if !saa.result.is_success() {
            self.forget_unless_registered(&register.impi);
            return self.front.refuse(now, key, &register.request, &served_elsewhere(&saa).into());
        }
        let known = || self.registrar.find(&register.impu).map(|set| set.profile.clone());
        let made_up = || self.has(Defect::MakesProfilesUp).then(|| ServiceProfile::of(register.impu.clone()));
        let Some(profile) = saa.user_data.map(|data| data.profile).or_else(known).or_else(made_up) else {
            self.forget_unless_registered(&register.impi);
            let refusal = policy::saa(ResultCode::UnableToComply).into();
            return self.front.refuse(now, key, &register.request, &refusal);
        };
        if let Claim::Tna(entities) = &register.claim
            && let Some(rejection) = self.refused_entity(entities, &profile)
        {
            return self.expel(now, key, register, rejection);
        }
        // Another REGISTER of the same user may have overtaken this one while the HSS was asked.
        if let Err(refusal) = self.registrar.check(&register, self.policy.defects) {
            return self.front.refuse(now, key, &register.request, &refusal);
        }
        self.registrar.put_profile(&register.impu, profile);
        self.bind(now, key, &register, info.as_ref());
    }

    pub(super) fn on_challenges_expired(&mut self, now: Instant) {
        while let Some((impi, impu)) = self.authenticator.expire(now) {
            if self.has(Defect::KeepsChallengesForEver) {
                continue;
            }
            if !self.registrar.is_registered(&impi, &impu) {
                self.report(now, AssignmentType::AuthenticationTimeout, &impi, &impu);
            }
            self.forget_unless_registered(&impi);
            self.tell(Event::AuthenticationTimedOut { impi, impu });
        }
    }

    pub(super) fn on_bindings_expired(&mut self, now: Instant) {
        for gone in self.registrar.expire(now) {
            self.tell_gone(now, &gone, Cause::Expired);
            if gone.last && !self.has(Defect::HidesLapse) {
                self.report(now, AssignmentType::TimeoutDeregistration, &gone.binding.impi, &gone.binding.impu);
            }
        }
    }

    /// Tells of a contact that went, and forgets what only its registration needed.
    pub(super) fn tell_gone(&mut self, now: Instant, gone: &Gone, cause: Cause) {
        if gone.binding.is_static() {
            self.retry_statics(now);
        }
        let (event, retry_after) = cause.contact_event();
        self.watchers_lose(now, gone, event, retry_after);
        self.release_calls_of(now, gone);
        self.forget_unless_registered(&gone.binding.impi);
        let subject = Subject::of(&gone.binding, &gone.impus);
        self.tell(Event::Deregistered { subject, cause, last: gone.last });
    }

    /// Watchers are told of what a REGISTER added and refreshed.
    fn watchers_see_all(&mut self, changes: &Changes, impu: &Impu) {
        let Some(set) = self.registrar.set_of(impu) else { return };
        let bindings = self.registrar.set(set).map(|set| set.bindings.as_slice()).unwrap_or_default();
        let changed = |b: &&Binding| changes.added.contains(&b.contact) || changes.refreshed.contains(&b.contact);
        let ids: Vec<_> = bindings.iter().filter(changed).map(Binding::id).collect();
        ids.into_iter().for_each(|id| self.watchers_see(set, id));
    }

    /// Tells the HSS of something that no request waits for.
    pub(super) fn report(&mut self, now: Instant, what: AssignmentType, impi: &Impi, impu: &Impu) {
        let sar = self.sar(what, impi, impu);
        self.asks.ask(now, sar, Waiting::Report);
    }

    pub(super) fn forget_unless_registered(&mut self, impi: &Impi) {
        if !self.registrar.knows(impi) {
            self.authenticator.forget(impi);
        }
    }

    /// Why the WAF or WWSF of a registration by TNA may not vouch for it (TS 33.203 X.3.2.3 step 7).
    /// Who is not named is not checked: then the trusted node did.
    pub(super) fn refused_entity(&self, entities: &super::Entities, profile: &ServiceProfile) -> Option<Rejection> {
        let named = [("WAF", &entities.waf, &profile.allowed_wafs), ("WWSF", &entities.wwsf, &profile.allowed_wwsfs)];
        for (what, entity, allowed) in named {
            let Some(entity) = entity else { continue };
            if self.policy.barred_entities.contains(entity) {
                return Some(policy::forbidden(format!("the {what} is barred (TS 33.203 X.3.2.3 step 7)")));
            }
            if !allowed.contains(entity) && !self.has(Defect::TakesAnyEntity) {
                let reason = format!("the {what} may not vouch for this user (TS 33.203 X.3.2.3 step 7)");
                return Some(policy::forbidden(reason));
            }
        }
        None
    }

    fn verify(&mut self, now: Instant, register: &Register) -> Verdict {
        let Claim::Digest(credentials) = &register.claim else { return Verdict::Wrong };
        let (name, network) = (&self.own_name, &self.network);
        let serves = |uri: &sip::SipUri| name.host().same(&uri.host) || network.is_home(uri);
        self.authenticator.verify(now, &register.impi, credentials.as_ref(), &self.policy, serves)
    }

    /// Acts on a verdict, the authentication data being known.
    fn act_on(&mut self, now: Instant, key: ServerKey, register: Register, verdict: Verdict) {
        match verdict {
            Verdict::Accepted(info) => {
                self.settle(&register);
                self.admit(now, key, register, Some(info));
            }
            Verdict::Challenge { stale } => self.challenge(now, key, &register, stale),
            Verdict::Wrong => self.refuse_wrong(now, key, &register),
            Verdict::Unfit(reason) => {
                self.forget_unless_registered(&register.impi);
                self.front.refuse(now, key, &register.request, &Refusal::bad_request(reason));
            }
            Verdict::Unknown => self.front.refuse(now, key, &register.request, &policy::hss_silent().into()),
        }
    }

    /// The challenge that a REGISTER answered has served.
    fn settle(&mut self, register: &Register) {
        if let Claim::Digest(Some(credentials)) = &register.claim {
            self.authenticator.settle(&register.impi, &credentials.nonce().unwrap_or_default());
        }
    }

    fn ask_vector(&mut self, now: Instant, key: ServerKey, register: Register) {
        let mar = Mar {
            user_name: register.impi.clone(),
            public_identity: register.impu.clone(),
            scheme: AuthScheme::SipDigest,
            server_name: self.name.clone(),
        };
        self.asks.ask(now, mar, Waiting::Vector { key, register: Box::new(register) });
    }

    /// 401 with a fresh nonce; starts reg-await-auth (TS 24.229 §5.4.1.2.1).
    fn challenge(&mut self, now: Instant, key: ServerKey, register: &Register, stale: bool) {
        let challenges = self.authenticator.challenge(now, register, stale, &self.policy, &mut *self.front.entropy);
        if challenges.is_empty() {
            let refusal = Refusal::forbidden("no digest algorithm suits both this user and this S-CSCF");
            return self.front.refuse(now, key, &register.request, &refusal);
        }
        let mut response = register.request.respond(StatusCode::UNAUTHORIZED);
        challenges.iter().for_each(|challenge| response.headers.add(challenge));
        self.front.respond(now, key, response);
        self.tell(Event::Challenged { impi: register.impi.clone(), stale });
    }

    /// 403; the HSS is told unless the user is registered, which a stranger's wrong guess must not
    /// change (TS 33.203 N.2.2.1).
    fn refuse_wrong(&mut self, now: Instant, key: ServerKey, register: &Register) {
        let Register { impi, impu, .. } = register;
        self.settle(register);
        self.forget_unless_registered(impi);
        let refusal = Refusal::forbidden("the digest response is wrong (TS 33.203 N.2.2.1)");
        let registered = self.registrar.is_registered(impi, impu) && !self.has(Defect::TellsEveryFailure);
        if registered || self.has(Defect::HidesFailures) {
            self.front.refuse(now, key, &register.request, &refusal);
        } else {
            self.tell_hss(now, key, AssignmentType::AuthenticationFailure, register, refusal.answer(&register.request));
        }
        self.tell(Event::AuthenticationFailed { impi: impi.clone(), impu: impu.clone() });
    }

    /// A REGISTER whose user is authenticated.
    fn admit(&mut self, now: Instant, key: ServerKey, register: Register, info: Option<AuthenticationInfo>) {
        let registered = self.registrar.is_registered(&register.impi, &register.impu);
        if register.change == Change::Fetch || register.change.only_removes() {
            return self.bind(now, key, &register, info.as_ref());
        }
        let digest = register.claim.scheme() == Scheme::Digest;
        if registered && digest && self.registrar.only_refreshes(&register) && !self.policy.sar_on_refresh {
            return self.bind(now, key, &register, info.as_ref());
        }
        let again = registered && !self.has(Defect::RegistersEachTime);
        let what = if again { AssignmentType::ReRegistration } else { AssignmentType::Registration };
        let mut sar = self.sar(what, &register.impi, &register.impu);
        // A registration by TNA needs the current list of allowed WAFs and WWSFs.
        sar.user_data_already_available = registered && digest;
        self.asks.ask(now, sar, Waiting::Profile { key, register: Box::new(register), info });
    }

    /// Changes the bindings and answers 200; first tells the HSS when the user has none left.
    fn bind(&mut self, now: Instant, key: ServerKey, register: &Register, info: Option<&AuthenticationInfo>) {
        let changes = self.registrar.apply(now, register, self.policy.max_bindings, &mut *self.front.entropy);
        for gone in &changes.gone {
            self.tell_gone(now, gone, Cause::User);
        }
        for gone in &changes.evicted {
            self.tell_gone(now, gone, Cause::Evicted);
            if gone.last {
                let Binding { impi, impu, .. } = &gone.binding;
                self.report(now, AssignmentType::AdministrativeDeregistration, impi, impu);
            }
        }
        let set = self.registrar.find(&register.impu);
        let own: Vec<&Binding> = set.into_iter().flat_map(|set| &set.bindings).collect();
        let subjects = |contacts: &[sip::headers::Contact]| -> Vec<Subject> {
            let of = |contact: &sip::headers::Contact| own.iter().find(|b| b.contact == *contact);
            let impus: Vec<Impu> = set.map(|set| set.profile.distinct_impus().cloned().collect()).unwrap_or_default();
            contacts.iter().filter_map(of).map(|binding| Subject::of(binding, &impus)).collect()
        };
        let (added, refreshed) = (subjects(&changes.added), subjects(&changes.refreshed));
        let registered = self.registrar.is_registered(&register.impi, &register.impu);
        let response = self.answers.ok(now, register, set.filter(|_| registered), info);
        self.watchers_see_all(&changes, &register.impu);
        added.into_iter().for_each(|subject| self.tell(Event::Registered(subject)));
        refreshed.into_iter().for_each(|subject| self.tell(Event::Refreshed(subject)));
        self.forget_unless_registered(&register.impi);

        // The HSS took one for registered, or for being challenged, who has nothing bound here: he
        // asked and registered nothing, or this S-CSCF lost its memory since.
        let unbound = !registered && (info.is_some() || register.change.only_removes());
        let told = (unbound || changes.gone.iter().any(|gone| gone.last)) && !self.has(Defect::HidesLeaving);
        if told {
            self.tell_hss(now, key, AssignmentType::UserDeregistration, register, response);
        } else {
            self.front.respond(now, key, response);
        }
    }

    /// 403 to a registration whose WAF or WWSF is not allowed, and its undoing at the HSS.
    fn expel(&mut self, now: Instant, key: ServerKey, register: Register, rejection: Rejection) {
        let Register { impi, impu, request, .. } = &register;
        let touched = |_: &Registration, binding: &Binding| match &register.change {
            Change::Update(updates) => updates.iter().any(|update| update.key == binding.key),
            Change::Fetch | Change::RemoveAll => false,
        };
        let gone = self.registrar.remove(impi, std::slice::from_ref(impu), touched);
        gone.iter().for_each(|gone| self.tell_gone(now, gone, Cause::EntityRefused));
        self.tell(Event::Audit { impi: Some(impi.clone()), what: rejection.to_string() });
        let response = Refusal::from(rejection).answer(request);
        if self.registrar.is_registered(impi, impu) {
            self.front.respond(now, key, response);
        } else {
            self.tell_hss(now, key, AssignmentType::AdministrativeDeregistration, &register, response);
        }
    }

    /// Tells the HSS, and answers when it has heard, or has not answered in time.
    fn tell_hss(
        &mut self,
        now: Instant,
        key: ServerKey,
        what: AssignmentType,
        register: &Register,
        response: Response,
    ) {
        let sar = self.sar(what, &register.impi, &register.impu);
        self.asks.ask(now, sar, Waiting::Told { key, response: Box::new(response) });
    }

    pub(super) fn sar(&self, what: AssignmentType, impi: &Impi, impu: &Impu) -> Sar {
        Sar {
            user_name: Some(impi.clone()),
            public_identities: vec![Identity::Distinct(impu.clone())],
            wildcarded: None,
            server_name: self.name.clone(),
            assignment_type: what,
            user_data_already_available: false,
        }
    }
}

/// The answer to a SAA that failed; 5005 names the S-CSCF that has the user.
fn served_elsewhere(saa: &Saa) -> Rejection {
    let mut rejection = policy::saa(saa.result);
    if let Some(server) = &saa.server_name {
        rejection.reason = format!("{}; {server} has the user", rejection.reason).into();
    }
    rejection
}
