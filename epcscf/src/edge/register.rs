//! REGISTER from a WIC: which scenario, who, and on to the core or to the registrar of the range
//! (TS 24.229 §5.2.2, TS 33.203 P.3, X.3.2.3, X.4.2.3).

use super::*;
use crate::carriage::{self, Presented};
use crate::keys::Lookup;
use crate::policy::Flow3Mode;
use crate::refusal::{carriage_refusal, token_refusal};
use crate::register::{Asks, Register, TooShort, count_hop, grant, unknown_tags};
use crate::tna::{self, Entities};
use crate::trust_boundary::{self, INTEGRITY_PROTECTED, Integrity, Outbound};
use ims::Token;
use ims::token::{Claims, Expectation, Jws, Reg, Requested, TokenError};
use sip::Text;
use sip::headers::{
    Authorization, Credentials, DigestCredentials, Expires, PAccessNetworkInfo, PChargingVector, PVisitedNetworkId,
    ProxyAuthorization, Route, TypedHeader,
};

/// A REGISTER on its way through the core: what its 200 will make of it.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// As much of the request as an answer to it copies.
    pub(super) original: Request,
    pub(super) scenario: Scenario,
    pub(super) impi: Impi,
    pub(super) register: Register,
    /// Whether it carried the answer to a digest challenge.
    pub(super) answered: bool,
    pub(super) token: Option<TokenStamp>,
    /// The longest registration that may follow, in seconds.
    pub(super) cap: u32,
    pub(super) icid: String,
}

/// Why a REGISTER is not acted on now.
enum Stop {
    Refuse(Refusal),
    /// It waits for keys.
    Wait,
    /// The token fails.
    Token(TokenError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<TokenError> for Stop {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl Edge {
    pub(super) fn on_register(&mut self, now: Now, flow: FlowId, key: ServerKey, request: Request) {
        match self.register(now, flow, key, &request) {
            Ok(()) | Err(Stop::Wait) => {}
            Err(Stop::Refuse(refusal)) => self.refuse(now, flow, key, &request, refusal),
            Err(Stop::Token(error)) => {
                let Some(record) = self.connections.get(&flow).map(|c| c.record.clone()) else { return };
                let refusal = token_refusal(error, &self.checks, self.challenge_text(&record));
                self.refuse(now, flow, key, &request, refusal);
            }
        }
    }

    fn register(&mut self, now: Now, flow: FlowId, key: ServerKey, original: &Request) -> Result<(), Stop> {
        let mut request = original.clone();
        let entity = &self.config.policy.entity;
        trust_boundary::strip_from_wic(&mut request.headers, [&entity.param_name, &entity.wwsf_param_name]);
        count_hop(&mut request.headers)?;
        if let Some(tags) = unknown_tags(&request.headers, &HeaderName::ProxyRequire, &[]) {
            return Err(Refusal::bad_extension(&tags).into());
        }
        let Some(connection) = self.connections.get(&flow) else { return Err(Stop::Wait) };
        let record = connection.record.clone();
        let carriage = self.config.policy.token.carriage;
        let presented = carriage::take(&mut request, carriage)
            .map_err(|error| carriage_refusal(error, carriage.in_body(), &self.checks, self.challenge_text(&record)))?;
        let domains: Vec<&str> =
            std::iter::once(&self.config.home_domain).chain(&self.config.domains).map(String::as_str).collect();
        let register = Register::parse(&request, &domains)?;
        if connection.in_flight.len() + connection.waiting >= self.config.policy.connection.max_in_flight {
            let retry_after = self.config.policy.connection.retry_after;
            return Err(Refusal::busy("too many REGISTERs under way on this connection", retry_after).into());
        }
        match presented {
            Presented::Token(token) => self.register_by_token(now, flow, key, original, request, register, &token),
            Presented::Digest(digest) => {
                self.register_by_digest(now, flow, key, original, request, register, Some(digest))
            }
            Presented::Nothing => self.register_by_digest(now, flow, key, original, request, register, None),
        }
    }

    // Flow 1.

    #[expect(clippy::too_many_arguments, reason = "one request in its parts")]
    fn register_by_digest(
        &mut self,
        now: Now,
        flow: FlowId,
        key: ServerKey,
        original: &Request,
        mut request: Request,
        register: Register,
        digest: Option<DigestCredentials>,
    ) -> Result<(), Stop> {
        let Some(connection) = self.connections.get(&flow) else { return Err(Stop::Wait) };
        let token_owner = connection.owner.as_ref().is_some_and(|owner| owner.scenario != Scenario::ImsDigest);
        if !connection.record.allows(Scenario::ImsDigest) || token_owner {
            return Err(match digest {
                // TS 33.203 REQ 2.1, P.3: neither a foreign scheme nor a change of scheme.
                Some(_) => Refusal::forbidden("Digest is not for this WWSF or registration (TS 33.203 P.3)").into(),
                None => TokenError::Missing.into(),
            });
        }
        if register.from != register.to {
            return Err(Refusal::forbidden("third-party registration is not offered (TS 33.203 REQ 2.4)").into());
        }
        if digest.is_none() {
            self.check_uncredited(flow, &register)?;
        }
        let impi = self.digest_impi(flow, &register, digest.as_ref())?;
        self.check_owner(flow, &impi, Scenario::ImsDigest, &register)?;
        let bound = self.connections.get(&flow).is_some_and(|c| c.owner.is_some());
        let answered = digest.as_ref().is_some_and(|d| d.text("response").is_some_and(|r| !r.is_empty()));
        // TS 33.203 P.3, O.1.4: a session bound to the IMPI vouches for it; an answer to a
        // challenge on one that is not bound yet is pending; a first REGISTER has no flag.
        let integrity = match (&digest, bound) {
            (None, _) => None,
            (Some(_), true) => Some(Integrity::TlsYes),
            (Some(_), false) if answered => Some(Integrity::TlsPending),
            (Some(_), false) => None,
        };
        if let (Some(mut digest), Some(integrity)) = (digest, integrity) {
            digest.params.set_quoted(INTEGRITY_PROTECTED, integrity.as_str());
            request.headers.replace(&Authorization(Credentials::Digest(digest)));
        }
        let attempt = Attempt {
            original: answerable(original),
            scenario: Scenario::ImsDigest,
            impi,
            register,
            answered,
            token: None,
            cap: u32::MAX,
            icid: String::new(),
        };
        self.forward(now, flow, key, request, attempt, integrity, None)
    }

    /// Who registers: the username, or else whom the connection is bound to, or else the IMPU
    /// without its scheme (TS 33.203 N.2.1.1).
    fn digest_impi(
        &self,
        flow: FlowId,
        register: &Register,
        digest: Option<&DigestCredentials>,
    ) -> Result<Impi, Refusal> {
        if let Some(digest) = digest {
            let username = digest.text("username").unwrap_or_default();
            return Impi::parse(&username)
                .map_err(|e| Refusal::bad_request(format!("username: {e} (TS 23.003 §13.3)")));
        }
        let owner = self.connections.get(&flow).and_then(|c| c.owner.as_ref());
        match owner {
            Some(owner) => Ok(owner.impi.clone()),
            None => register
                .to
                .to_impi_default()
                .map_err(|_| Refusal::forbidden("no IMPI can be derived from this identity (TS 33.203 N.2.1.1)")),
        }
    }

    /// From the first 200 on, a connection is one user's by one scheme (TS 33.203 O.2.3, X.3.2.3
    /// step 7, P.3); before it, one user's at a time.
    fn check_owner(&self, flow: FlowId, impi: &Impi, scenario: Scenario, register: &Register) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get(&flow) else { return Ok(()) };
        if connection.in_flight.iter().any(|(_, other)| other != impi) {
            return Err(Refusal::forbidden("another user is registering on this connection (TS 33.203 O.2.3)"));
        }
        let Some(owner) = &connection.owner else { return Ok(()) };
        if owner.impi != *impi {
            return Err(Refusal::forbidden("this connection is another user's (TS 33.203 O.2.3)"));
        }
        if owner.scenario != scenario {
            return Err(Refusal::forbidden("a registration keeps its authentication scheme (TS 33.203 P.3)"));
        }
        let known = self.bindings.of_flow(flow).any(|(_, b)| b.impu == register.to || b.impus.contains(&register.to));
        if !known && self.bindings.of_flow(flow).count() >= self.config.policy.connection.max_bindings {
            return Err(Refusal::forbidden("too many registrations on this connection"));
        }
        Ok(())
    }

    /// Without credentials nothing ties To to the user of the connection but that it is registered
    /// there (DER-05).
    fn check_uncredited(&self, flow: FlowId, register: &Register) -> Result<(), Refusal> {
        let bound = self.connections.get(&flow).is_some_and(|c| c.owner.is_some());
        let known = self.bindings.of_flow(flow).any(|(_, b)| b.impu == register.to || b.impus.contains(&register.to));
        if bound && !known {
            return Err(Refusal::forbidden("this connection is another user's (TS 33.203 O.2.3)"));
        }
        Ok(())
    }

    // Flows 2 and 3.

    #[expect(clippy::too_many_arguments, reason = "one request in its parts")]
    fn register_by_token(
        &mut self,
        now: Now,
        flow: FlowId,
        key: ServerKey,
        original: &Request,
        mut request: Request,
        register: Register,
        token: &Token,
    ) -> Result<(), Stop> {
        let Some(connection) = self.connections.get(&flow) else { return Err(Stop::Wait) };
        let record = connection.record.clone();
        let digest_owner = connection.owner.as_ref().is_some_and(|o| o.scenario == Scenario::ImsDigest);
        if digest_owner {
            return Err(Refusal::forbidden("a registration keeps its authentication scheme (TS 33.203 P.3)").into());
        }
        if !record.allows(Scenario::WebAuth) && !record.allows(Scenario::WildcardRange) {
            return Err(Refusal::forbidden("this WWSF may not use tokens (TS 33.203 REQ 2.1)").into());
        }
        let claims = self.verified_claims(now, flow, key, original, token)?;
        let scenario = self.check_claims(now, flow, &request, &register, &claims)?;
        self.check_owner(flow, &claims.impi, scenario, &register)?;
        self.check_replay(now, flow, &register, &claims)?;
        let cap = self.cap(now, &register, &record, &claims)?;
        let stamp = TokenStamp { issuer: claims.iss.clone(), jti: claims.jti.clone(), exp: claims.exp };
        let attempt = Attempt {
            original: answerable(original),
            scenario,
            impi: claims.impi.clone(),
            register,
            answered: false,
            token: Some(stamp),
            cap,
            icid: String::new(),
        };
        if scenario == Scenario::WildcardRange && self.config.policy.flow3.mode == Flow3Mode::StaticWildcard {
            return self.register_in_range(now, flow, key, &request, attempt).map_err(Stop::Refuse);
        }
        let entities = self.entities(scenario, &record, &claims);
        request.headers.remove(&HeaderName::ProxyAuthorization);
        let realm = &self.config.home_domain;
        let tna = tna::authorization(&claims.impi, realm, &entities, &self.config.policy.entity);
        request.headers.replace(&tna);
        cap_expires(&mut request, &attempt);
        self.forward(now, flow, key, request, attempt, Some(Integrity::AuthDone), Some(token))
    }

    /// The claims of a token whose signature is right (T2). A token seen on this connection is not
    /// verified again; one whose key is not at hand makes the REGISTER wait.
    fn verified_claims(
        &mut self,
        now: Now,
        flow: FlowId,
        key: ServerKey,
        original: &Request,
        token: &Token,
    ) -> Result<Arc<Claims>, Stop> {
        let Some(connection) = self.connections.get_mut(&flow) else { return Err(Stop::Wait) };
        if let Some(claims) = connection.verdicts.of(token) {
            return Ok(claims);
        }
        let jws = Jws::parse(token.expose())?;
        // Keys are only ever asked of issuers that this WWSF may use (T3, RFC 8725 §3.10).
        let issuer = connection.record.issuer(jws.unverified_issuer()).ok_or(TokenError::Issuer)?.clone();
        match self.keys.lookup(now.mono, &issuer.issuer, jws.key_id(), &self.config.policy.keys) {
            Lookup::Found(keys) => {
                let claims = Arc::new(jws.verify(|jws| keys.verify(jws))?);
                connection.verdicts.remember(token, claims.clone(), now.unix);
                return Ok(claims);
            }
            Lookup::Unknown => return Err(TokenError::UnknownKey.into()),
            Lookup::Unavailable => return Err(TokenError::WafUnreachable.into()),
            Lookup::Ask => self
                .outputs
                .push_back(Output::Ask(KeysAsk { issuer: issuer.issuer.clone(), jwks_url: issuer.jwks_url.clone() })),
            Lookup::Wait => {}
        }
        self.wait_for_keys(now, flow, key, original.clone(), issuer.issuer)?;
        Err(Stop::Wait)
    }

    fn wait_for_keys(
        &mut self,
        now: Now,
        flow: FlowId,
        key: ServerKey,
        request: Request,
        issuer: String,
    ) -> Result<(), TokenError> {
        let table = &self.config.policy.keys;
        if self.waiting.iter().filter(|w| w.issuer == issuer).count() >= table.max_waiting {
            return Err(TokenError::WafUnreachable);
        }
        let until = now.mono + Duration::from_secs(table.wait);
        if self.waiting.is_empty() {
            self.deadlines.set(Timer::KeysWait, until);
        }
        self.waiting.push_back(Waiting { issuer, flow, key, request, until });
        if let Some(connection) = self.connections.get_mut(&flow) {
            connection.waiting += 1;
        }
        Ok(())
    }

    pub(super) fn on_keys(&mut self, now: Now, answer: KeysAnswer) {
        let KeysAnswer { issuer, keys } = answer;
        let failed = keys.as_ref().err().map(|e| e.0.clone());
        self.keys.answered(now.mono, &issuer, keys);
        let (ready, waiting): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|w| w.issuer == issuer);
        self.waiting = waiting;
        self.arm_keys_wait();
        for waiting in ready {
            if failed.is_some() {
                self.give_up_waiting(now, waiting);
            } else {
                self.no_longer_waiting(waiting.flow);
                self.on_register(now, waiting.flow, waiting.key, waiting.request);
            }
        }
        if let Some(reason) = failed {
            self.events.push_back(Event::KeysUnavailable { issuer, reason });
        }
    }

    /// T9: the keys did not come in time.
    pub(super) fn on_keys_wait(&mut self, now: Now) {
        while let Some(waiting) = self.waiting.pop_front_if(|w| w.until <= now.mono) {
            self.give_up_waiting(now, waiting);
        }
        self.arm_keys_wait();
    }

    fn give_up_waiting(&mut self, now: Now, waiting: Waiting) {
        self.no_longer_waiting(waiting.flow);
        let Some(record) = self.connections.get(&waiting.flow).map(|c| c.record.clone()) else { return };
        let refusal = token_refusal(TokenError::WafUnreachable, &self.checks, self.challenge_text(&record));
        self.refuse(now, waiting.flow, waiting.key, &waiting.request, refusal);
    }

    fn no_longer_waiting(&mut self, flow: FlowId) {
        if let Some(connection) = self.connections.get_mut(&flow) {
            connection.waiting = connection.waiting.saturating_sub(1);
        }
    }

    fn arm_keys_wait(&mut self) {
        match self.waiting.front() {
            Some(first) => self.deadlines.set(Timer::KeysWait, first.until),
            None => self.deadlines.cancel(Timer::KeysWait),
        }
    }

    /// T3 to T7.
    fn check_claims(
        &self,
        now: Now,
        flow: FlowId,
        request: &Request,
        register: &Register,
        claims: &Claims,
    ) -> Result<Scenario, TokenError> {
        let Some(connection) = self.connections.get(&flow) else { return Err(TokenError::Client) };
        let record = &connection.record;
        let pool = self.config.policy.flow3.mode == Flow3Mode::PoolTna;
        let (web, range) = (record.allows(Scenario::WebAuth), record.allows(Scenario::WildcardRange));
        let mut regs = Vec::with_capacity(2);
        regs.extend((web || (range && pool)).then_some(Reg::Tna));
        regs.extend(range.then_some(Reg::Range));
        let other_impi = other_impi(request)?;
        let bound = connection.owner.as_ref().is_some_and(|owner| owner.impi == claims.impi);
        // Who is bound may leave with the token that let them in, even if it is over by now.
        let at = if bound && register.removes() { now.unix.min(claims.exp.saturating_sub(1)) } else { now.unix };
        claims.check(
            &Expectation {
                policy: &self.checks,
                issuers: record.issuers(),
                audience: &format!("sip:{}", self.config.name),
                client_id: record.id(),
                regs: &regs,
                requested: Requested { to: &register.to, from: &register.from, impi: other_impi.as_ref() },
            },
            at,
        )?;
        let scenario = match (claims.reg, web, range) {
            (Some(Reg::Tna) | None, true, false) | (Some(Reg::Tna), true, true) => Scenario::WebAuth,
            (None, true, true) if record.range_of(&register.to).is_none() => Scenario::WebAuth,
            (_, _, true) => Scenario::WildcardRange,
            _ => return Err(TokenError::Reg),
        };
        self.check_allocation(scenario, record, register, claims)?;
        Ok(scenario)
    }

    /// T7: whether the WWSF may give this identity away (TS 23.228 U.1.3.3).
    fn check_allocation(
        &self,
        scenario: Scenario,
        record: &WwsfRecord,
        register: &Register,
        claims: &Claims,
    ) -> Result<(), TokenError> {
        if scenario == Scenario::WebAuth {
            return if record.vouches_for(&register.to) { Ok(()) } else { Err(TokenError::NotAllocated) };
        }
        if self.records.is_distinct(&register.to) {
            return Err(TokenError::Shadowed);
        }
        let pool = self.config.policy.flow3.mode == Flow3Mode::PoolTna;
        if record.range_of(&register.to).is_none() || (pool && record.in_pool(&claims.impi) == Some(false)) {
            return Err(TokenError::NotAllocated);
        }
        Ok(())
    }

    /// T8: a token serves one instance on one live connection.
    fn check_replay(&mut self, now: Now, flow: FlowId, register: &Register, claims: &Claims) -> Result<(), TokenError> {
        let jti = (claims.iss.clone(), claims.jti.clone());
        if self.revoked.contains_key(&jti) {
            return Err(TokenError::Revoked);
        }
        let instance = match &register.asks {
            Asks::Bind { contact, .. } => contact.instance(),
            Asks::Fetch | Asks::RemoveAll => None,
        };
        if let Some(holder) = self.jtis.get(&jti) {
            let live = self.connections.get(&holder.flow).is_some_and(|c| !c.closing);
            let same = holder.instance.is_some() && holder.instance == instance;
            if holder.flow != flow && live && !same {
                return Err(TokenError::Replayed);
            }
            // A fetch or removal says no instance; the holder's stays.
            if holder.flow == flow && instance.is_none() {
                return Ok(());
            }
        }
        self.jtis.retain(|_, holder| holder.exp.saturating_add(60) > now.unix || holder.flow == flow);
        self.jtis.insert(jti, JtiHolder { flow, instance, exp: claims.exp });
        Ok(())
    }

    /// The longest registration that the node, the WWSF and the token allow.
    fn cap(&self, now: Now, register: &Register, record: &WwsfRecord, claims: &Claims) -> Result<u32, Stop> {
        let Asks::Bind { expires, .. } = &register.asks else { return Ok(0) };
        if register.removes() {
            return Ok(0);
        }
        let table = &self.config.policy.registration;
        grant(*expires, table, record.max_expires(), claims.remaining(now.unix)).map_err(|short| match short {
            TooShort::Request => Refusal::too_brief(table.min_expires).into(),
            TooShort::Token => TokenError::Expired.into(),
        })
    }

    /// Whom the S-CSCF is to check: with web authentication a foreign WAF and WWSF always, out of a
    /// pool only if membership could not be checked here (TS 33.203 X.3.2.3 and X.4.2.3 step 5).
    fn entities(&self, scenario: Scenario, record: &WwsfRecord, claims: &Claims) -> Entities {
        let checked_here = scenario == Scenario::WildcardRange && record.in_pool(&claims.impi) == Some(true);
        if checked_here {
            return Entities::default();
        }
        let foreign = record.is_third_party();
        Entities {
            waf: foreign.then(|| record.entity_of(&claims.iss)),
            wwsf: (foreign || scenario == Scenario::WildcardRange).then(|| record.id().to_owned()),
        }
    }

    // To the core.

    /// Inserts what the network adds (TS 24.229 §5.2.2), asserts that nothing leaks, and sends.
    #[expect(clippy::too_many_arguments, reason = "one request in its parts")]
    fn forward(
        &mut self,
        now: Now,
        flow: FlowId,
        key: ServerKey,
        mut request: Request,
        mut attempt: Attempt,
        integrity: Option<Integrity>,
        token: Option<&Token>,
    ) -> Result<(), Stop> {
        let ob = if attempt.register.outbound { ";ob" } else { "" };
        let path = format!("<sip:{}@{};lr{ob}>", self.flow_tokens.mint(flow), self.config.name);
        attempt.icid = self.insert_network_headers(&mut request, &path, integrity, token)?;
        let impi = attempt.impi.clone();
        let client = self.transactions.request(now.mono, request, self.core);
        let answer_by = now.mono + Duration::from_secs(self.config.policy.registration.core_timeout);
        self.deadlines.set(Timer::Core(client), answer_by);
        self.pending.insert(client, Pending::Wic { flow, server: key, attempt: Box::new(attempt) });
        if let Some(connection) = self.connections.get_mut(&flow) {
            connection.in_flight.push((client, impi));
        }
        Ok(())
    }

    /// Gives the charging identity that was made up.
    pub(super) fn insert_network_headers(
        &mut self,
        request: &mut Request,
        path: &str,
        integrity: Option<Integrity>,
        token: Option<&Token>,
    ) -> Result<String, Refusal> {
        let icid = self.new_icid();
        let network = &self.config.home_domain;
        let mut charging = PChargingVector::new(&icid, &self.config.name);
        charging.params.set_quoted("orig-ioi", &format!("Type 1{network}"));
        let charging = charging.to_string();
        let visited = PVisitedNetworkId::new(network).to_string();
        let access = PAccessNetworkInfo::network_provided(&self.config.policy.registration.access_network).to_string();
        let route = Route::new(self.core_route.clone());
        let via = self.own_via();
        let headers = &mut request.headers;
        // Written anew, at the end.
        headers.remove(&HeaderName::ContentLength);
        headers.add_front(&via);
        headers.push(HeaderName::Route, route.to_string());
        headers.push(HeaderName::Path, path.to_owned());
        if !headers.lists(&HeaderName::Require, "path") {
            headers.push(HeaderName::Require, "path");
        }
        if !headers.lists(&HeaderName::Supported, "path") {
            headers.push(HeaderName::Supported, "path");
        }
        headers.push(HeaderName::PVisitedNetworkId, visited.clone());
        headers.push(HeaderName::PAccessNetworkInfo, access.clone());
        headers.push(HeaderName::PChargingVector, charging.clone());
        let outbound = Outbound {
            path,
            charging_vector: &charging,
            visited_network: &visited,
            access_info: &access,
            integrity,
            token,
        };
        trust_boundary::assert_register(request, &outbound).map_err(|leak| {
            self.events.push_back(Event::Leak { leak });
            Refusal::new(StatusCode::SERVER_INTERNAL_ERROR, "the request was held back at the trust boundary")
        })?;
        Ok(icid)
    }

    fn new_icid(&mut self) -> String {
        self.icids += 1;
        let label = self.config.name.split('.').next().unwrap_or_default();
        format!("{}-{label}-{:06}", self.entropy.token(8), self.icids)
    }
}

/// A request without what only its way to the core needs: its token above all.
fn answerable(request: &Request) -> Request {
    use HeaderName::{CSeq, CallId, From, To, Via};
    let headers = request.headers.iter().filter(|h| matches!(h.name, Via | From | To | CallId | CSeq)).cloned();
    Request { method: request.method.clone(), uri: request.uri.clone(), headers: headers.collect(), body: Bytes::new() }
}

/// An IMPI that stands in another header than the token (TS 23.228 U.2.1.3 step 3).
fn other_impi(request: &Request) -> Result<Option<Impi>, TokenError> {
    let Some(value) = request.headers.value(&HeaderName::ProxyAuthorization) else { return Ok(None) };
    match ProxyAuthorization::parse(value) {
        Ok(ProxyAuthorization(Credentials::Digest(digest))) => match digest.text("username") {
            Some(username) => Impi::parse(&username).map(Some).map_err(|_| TokenError::Impi),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Writes into Contact or Expires the longest registration that may be granted, where the request
/// asks for more or leaves it open.
fn cap_expires(request: &mut Request, attempt: &Attempt) {
    let Asks::Bind { contact, expires } = &attempt.register.asks else { return };
    if attempt.register.removes() || *expires == Some(attempt.cap) {
        return;
    }
    if contact.params.has("expires") {
        let mut contact = contact.clone();
        contact.params.set("expires", attempt.cap.to_string());
        let value: Text = contact.to_string().into();
        request.headers.set(HeaderName::Contact, value);
    } else {
        request.headers.replace(&Expires(attempt.cap));
    }
}
