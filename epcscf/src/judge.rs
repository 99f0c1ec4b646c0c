//! What a token is judged by, apart from any connection: T3 to T7.

use ims::policy::TokenPolicy;
use ims::token::{Claims, Expectation, Reg, Requested, TokenError};
use ims::{Defect, Scenario};

use crate::config::Config;
use crate::policy::Flow3Mode;
use crate::wwsf::{Records, WwsfRecord};

/// Judges claims whose signature is right.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// The node's name and policy.
    pub config: &'a Config,
    /// The switches of the checks.
    pub checks: &'a TokenPolicy,
    /// The WWSFs and the identities provisioned one by one.
    pub records: &'a Records,
}

impl Judge<'_> {
    /// Whether a REGISTER over a connection of `record` may use a token, T3 to T7, and which flow it is.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn registration(
        &self,
        record: &WwsfRecord,
        claims: &Claims,
        requested: Requested<'_>,
        at: u64,
    ) -> Result<Scenario, TokenError> {
        let (web, range) = (record.allows(Scenario::WebAuth), record.allows(Scenario::WildcardRange));
        self.request(record, claims, requested, at)?;
        let scenario = match (claims.reg, web, range) {
            (Some(Reg::Tna) | None, true, false) | (Some(Reg::Tna), true, true) => Scenario::WebAuth,
            (None, true, true) if record.range_of(requested.to).is_none() => Scenario::WebAuth,
            (_, _, true) => Scenario::WildcardRange,
            _ => return Err(TokenError::Reg),
        };
        self.allocation(scenario, record, requested, claims)?;
        Ok(scenario)
    }

    /// T3 to T6, and the kind of registration that the WWSF may ask for.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn request(
        &self,
        record: &WwsfRecord,
        claims: &Claims,
        requested: Requested<'_>,
        at: u64,
    ) -> Result<(), TokenError> {
        let range = record.allows(Scenario::WildcardRange);
        let mut regs = Vec::with_capacity(2);
        regs.extend((record.allows(Scenario::WebAuth) || (range && self.pool())).then_some(Reg::Tna));
        regs.extend(range.then_some(Reg::Range));
        let expected = Expectation {
            policy: self.checks,
            issuers: record.issuers(),
            audience: &format!("sip:{}", self.config.name),
            client_id: record.id(),
            regs: &regs,
            requested,
        };
        claims.check(&expected, at)
    }

    /// T7: whether the WWSF may give this identity away (TS 23.228 U.1.3.3).
    fn allocation(
        &self,
        scenario: Scenario,
        record: &WwsfRecord,
        requested: Requested<'_>,
        claims: &Claims,
    ) -> Result<(), TokenError> {
        if scenario == Scenario::WebAuth {
            return if record.vouches_for(requested.to) { Ok(()) } else { Err(TokenError::NotAllocated) };
        }
        let defects = self.config.policy.defects;
        if self.records.is_distinct(requested.to) && !defects.has(Defect::GivesDistinctAway) {
            return Err(TokenError::Shadowed);
        }
        let not_in_pool = self.pool() && record.in_pool(&claims.impi) == Some(false);
        let outside = record.range_of(requested.to).is_none() && !defects.has(Defect::AnswersOutOfRange);
        if outside || not_in_pool {
            return Err(TokenError::NotAllocated);
        }
        Ok(())
    }

    fn pool(&self) -> bool {
        self.config.policy.flow3.mode == Flow3Mode::PoolTna
    }
}
