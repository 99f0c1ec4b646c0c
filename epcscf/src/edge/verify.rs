//! The signature of a token, and REGISTERs that wait for the keys to verify it with (T2, T9).

use super::register::{Exchange, Stop};
use super::*;
use crate::keys::Lookup;
use crate::refusal::token_refusal;
use ims::Token;
use ims::token::{Claims, Jws, TokenError};

impl Edge {
    /// The claims of a token whose signature is right (T2). A token seen on this connection is not
    /// verified again; one whose key is not at hand makes the REGISTER wait.
    pub(super) fn verified_claims(
        &mut self,
        now: Now,
        exchange: Exchange<'_>,
        token: &Token,
    ) -> Result<Arc<Claims>, Stop> {
        let Some(connection) = self.connections.get_mut(&exchange.flow) else { return Err(Stop::Wait) };
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
        self.wait_for_keys(now, exchange, issuer.issuer)?;
        Err(Stop::Wait)
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
