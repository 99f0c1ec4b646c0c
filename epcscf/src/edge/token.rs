//! Flows 2 and 3: a token, judged here step by step (T3 to T8), and trusted-node authentication
//! towards the core (TS 33.203 X.3.2.3, X.4.2.3).

use super::forward::answerable;
use super::register::{Attempt, Exchange, Stop};
use super::*;
use crate::judge::Judge;
use crate::policy::Flow3Mode;
use crate::register::{Asks, Register, TooShort, grant};
use crate::tna::{self, Entities};
use crate::trust_boundary::Integrity;
use ims::Token;
use ims::token::{Claims, Requested, TokenError};
use sip::Text;
use sip::headers::{Credentials, Expires, ProxyAuthorization, TypedHeader};

impl Edge {
    pub(super) fn register_by_token(
        &mut self,
        now: Now,
        exchange: Exchange<'_>,
        mut request: Request,
        register: Register,
        token: &Token,
    ) -> Result<(), Stop> {
        let flow = exchange.flow;
        let Some(connection) = self.connections.get(&flow) else { return Err(Stop::Wait) };
        let record = connection.record.clone();
        let digest_owner = connection.owner.as_ref().is_some_and(|o| o.scenario == Scenario::ImsDigest);
        if digest_owner {
            return Err(Refusal::forbidden("a registration keeps its authentication scheme (TS 33.203 P.3)").into());
        }
        if !record.allows(Scenario::WebAuth) && !record.allows(Scenario::WildcardRange) {
            return Err(Refusal::forbidden("this WWSF may not use tokens (TS 33.203 REQ 2.1)").into());
        }
        let claims = self.verified_claims(now, exchange, token)?;
        let scenario = self.check_claims(now, flow, &request, &register, &claims)?;
        self.check_owner(flow, &claims.impi, scenario, &register)?;
        self.check_replay(flow, &register, &claims)?;
        let cap = self.cap(now, &register, &record, &claims)?;
        let stamp = TokenStamp { issuer: claims.iss.clone(), jti: claims.jti.clone(), exp: claims.exp };
        let attempt = Attempt {
            original: answerable(exchange.original),
            scenario,
            wwsf: record.id().to_owned(),
            impi: claims.impi.clone(),
            register,
            answered: false,
            token: Some(stamp),
            cap,
            icid: String::new(),
        };
        if scenario == Scenario::WildcardRange && self.config.policy.flow3.mode == Flow3Mode::StaticWildcard {
            return self.register_in_range(now, exchange, &request, attempt).map_err(Stop::Refuse);
        }
        let entities = self.entities(scenario, &record, &claims);
        request.headers.remove(&HeaderName::ProxyAuthorization);
        let realm = &self.config.home_domain;
        let tna = tna::authorization(&claims.impi, realm, &entities, &self.config.policy.entity);
        request.headers.replace(&tna);
        if self.has(Defect::LeaksBearer) {
            request.headers.push(HeaderName::Authorization, format!("Bearer {}", token.expose()));
        }
        cap_expires(&mut request, &attempt);
        self.forward(now, exchange, request, attempt, Some(Integrity::AuthDone), Some(token))
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
        let other_impi = other_impi(request)?;
        let bound = connection.owner.as_ref().is_some_and(|owner| owner.impi == claims.impi);
        // Who is bound may leave with the token that let them in, even if it is over by now.
        let at = if bound && register.removes() { now.unix.min(claims.exp.saturating_sub(1)) } else { now.unix };
        let requested = Requested { to: &register.to, from: &register.from, impi: other_impi.as_ref() };
        self.judge().registration(record, claims, requested, at)
    }

    /// The judge of claims, for what needs no connection.
    pub(super) fn judge(&self) -> Judge<'_> {
        Judge { config: &self.config, checks: &self.checks, records: &self.records }
    }

    /// What a token is to other tokens and connections now (T8).
    pub fn token_use(&self, issuer: &str, jti: &str) -> TokenUse {
        let jti = (issuer.to_owned(), jti.to_owned());
        match self.jtis.get(&jti) {
            _ if self.revoked.contains_key(&jti) => TokenUse::Revoked,
            Some(holder) if self.connections.get(&holder.flow).is_some_and(|c| !c.closing) => TokenUse::Held,
            _ => TokenUse::Free,
        }
    }

    /// T8: a token serves one instance on one live connection.
    fn check_replay(&mut self, flow: FlowId, register: &Register, claims: &Claims) -> Result<(), TokenError> {
        let jti = (claims.iss.clone(), claims.jti.clone());
        if self.revoked.contains_key(&jti) && !self.has(Defect::ForgetsRevocation) {
            return Err(TokenError::Revoked);
        }
        let instance = match &register.asks {
            Asks::Bind { contact, .. } => contact.instance(),
            Asks::Fetch | Asks::RemoveAll => None,
        };
        if let Some(holder) = self.jtis.get(&jti) {
            let live = self.connections.get(&holder.flow).is_some_and(|c| !c.closing);
            let same = holder.instance.is_some() && holder.instance == instance;
            if holder.flow != flow && live && !same && !self.has(Defect::AllowsReplay) {
                return Err(TokenError::Replayed);
            }
            // A fetch or removal says no instance; the holder's stays.
            if holder.flow == flow && instance.is_none() {
                return Ok(());
            }
        }
        self.hold_jti(flow, jti, instance);
        Ok(())
    }

    /// The connection holds the token until it ends, or has presented so many others.
    fn hold_jti(&mut self, flow: FlowId, jti: (String, String), instance: Option<String>) {
        let Some(connection) = self.connections.get_mut(&flow) else { return };
        if !connection.jtis.contains(&jti) {
            if connection.jtis.len() == MAX_JTIS {
                let oldest = connection.jtis.remove(0);
                release_jti(&mut self.jtis, &oldest, flow);
            }
            connection.jtis.push(jti.clone());
        }
        self.jtis.insert(jti, JtiHolder { flow, instance });
    }

    /// The longest registration that the node, the WWSF and the token allow.
    fn cap(&self, now: Now, register: &Register, record: &WwsfRecord, claims: &Claims) -> Result<u32, Stop> {
        let Asks::Bind { expires, .. } = &register.asks else { return Ok(0) };
        if register.removes() {
            return Ok(0);
        }
        let table = &self.config.policy.registration;
        let endless = self.has(Defect::GrantsBeyondToken) || self.has(Defect::IgnoresExp);
        let left = if endless { u64::MAX } else { claims.remaining(now.unix) };
        grant(*expires, table, record.max_expires(), left).map_err(|short| match short {
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
}

/// Whether a token is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// Nobody presented it, or who did is gone.
    Free,
    /// A live connection holds it.
    Held,
    /// It was revoked.
    Revoked,
}

/// Frees a token that a connection holds, unless another one has taken it over.
pub(super) fn release_jti(jtis: &mut HashMap<(String, String), JtiHolder>, jti: &(String, String), flow: FlowId) {
    if jtis.get(jti).is_some_and(|holder| holder.flow == flow) {
        jtis.remove(jti);
    }
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
