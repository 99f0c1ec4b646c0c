//! The signature of a token, and REGISTERs that wait for the keys to verify it with (T2, T9).

use super::register::{Exchange, Stop};
use super::*;
use crate::config::IssuerConfig;
use crate::keys::Lookup;
use crate::refusal::token_refusal;
use ims::Token;
use ims::token::{Claims, Jws, TokenError};

/// What is known of a token without waiting.
pub(super) enum AtHand {
    /// Its claims: the signature is right.
    Claims(Arc<Claims>),
    /// The keys of this issuer are asked for.
    KeysAsked(String),
}

impl Edge {
    /// The claims of a token whose signature is right (T2); a REGISTER waits when the key is not at
    /// hand.
    pub(super) fn verified_claims(
        &mut self,
        now: Now,
        exchange: Exchange<'_>,
        token: &Token,
    ) -> Result<Arc<Claims>, Stop> {
        match self.claims_at_hand(now, exchange.flow, token)? {
            AtHand::Claims(claims) => Ok(claims),
            AtHand::KeysAsked(issuer) => {
                self.wait_for_keys(now, exchange, issuer)?;
                Err(Stop::Wait)
            }
        }
    }

    /// As far as can be told now; asks for keys where that helps. A token seen on this connection is
    /// not verified again.
    pub(super) fn claims_at_hand(&mut self, now: Now, flow: FlowId, token: &Token) -> Result<AtHand, TokenError> {
        let connection = self.connections.get_mut(&flow).ok_or(TokenError::Client)?;
        if let Some(claims) = connection.verdicts.of(token) {
            return Ok(AtHand::Claims(claims));
        }
        let defects = self.config.policy.defects;
        let jws = Jws::parse_with(token.expose(), defects)?;
        // Keys are only ever asked of issuers that this WWSF may use (T3, RFC 8725 §3.10).
        let IssuerConfig { issuer, jwks_url, .. } =
            connection.record.issuer(jws.unverified_issuer()).ok_or(TokenError::Issuer)?.clone();
        match self.keys.lookup(now.mono, &issuer, jws.key_id(), &self.config.policy.keys) {
            Lookup::Found(keys) => {
                let unsigned = defects.has(Defect::AcceptsAlgNone) && jws.signature().is_empty();
                let any = unsigned || defects.has(Defect::SkipsSignature);
                let claims = Arc::new(jws.verify(|jws| if any { Ok(()) } else { keys.verify(jws) })?);
                connection.verdicts.remember(token, claims.clone(), now.unix);
                Ok(AtHand::Claims(claims))
            }
            Lookup::Unknown => Err(TokenError::UnknownKey),
            Lookup::Unavailable => Err(TokenError::WafUnreachable),
            Lookup::Wait => Ok(AtHand::KeysAsked(issuer)),
            Lookup::Ask => {
                self.outputs.push_back(Output::Ask(KeysAsk { issuer: issuer.clone(), jwks_url }));
                Ok(AtHand::KeysAsked(issuer))
            }
        }
    }

    fn wait_for_keys(&mut self, now: Now, exchange: Exchange<'_>, issuer: String) -> Result<(), TokenError> {
        let Exchange { flow, key, original } = exchange;
        let table = &self.config.policy.keys;
        if self.waiting.iter().filter(|w| w.issuer == issuer).count() >= table.max_waiting {
            return Err(TokenError::WafUnreachable);
        }
        let until = now.mono + Duration::from_secs(table.wait);
        if self.waiting.is_empty() {
            self.deadlines.set(Timer::KeysWait, until);
        }
        self.waiting.push_back(Waiting { issuer, flow, key, request: original.clone(), until });
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
}
