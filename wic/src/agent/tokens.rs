//! The token of flows 2 and 3: when one is wanted, what comes of the WWSF's answer.

use std::time::Duration;

use ims::Defect;
use sip::Now;

use super::Agent;
use crate::event::close;
use crate::registration::Purpose;
use crate::{Access, Cause, Event, Failure, Output, State, TokenFailure, TokenGrant, TokenReason};

/// A token at hand.
#[derive(Debug)]
pub(super) struct HeldToken {
    pub(super) grant: TokenGrant,
    /// When it ends, by the wall clock.
    expires: u64,
    /// Whether a REGISTER carried it. Then it belongs to that connection: on another one the
    /// eP-CSCF may take it for a replay.
    used: bool,
    /// Whether the eP-CSCF refused it.
    rejected: bool,
    /// Whether the one before was refused on this connection, so that its closing is still to come.
    pub(super) replaces_rejected: bool,
}

impl HeldToken {
    fn left(&self, now: Now) -> u64 {
        self.expires.saturating_sub(now.unix)
    }
}

impl Agent {
    /// The WWSF's answer to [`Output::FetchToken`].
    pub fn token(&mut self, now: Now, answer: Result<TokenGrant, TokenFailure>) {
        if self.token_by.take().is_none() {
            return;
        }
        match answer {
            Ok(grant) => self.granted(now, grant),
            Err(failure) => self.no_token(now, failure),
        }
    }

    /// A token at hand before the start: the page's first token came with the login.
    pub fn give_token(&mut self, now: Now, grant: TokenGrant) {
        self.hold(now, grant);
    }

    pub(super) fn fetch_token(&mut self, now: Now, reason: TokenReason, state: State) {
        self.token_by = Some(now.mono + self.config.timers.token);
        self.set_state(state);
        self.outputs.push_back(Output::FetchToken { reason });
    }

    pub(super) fn token_timed_out(&mut self, now: Now) {
        let patience = self.config.timers.token.as_secs();
        self.token(now, Err(TokenFailure::Unavailable(format!("no answer within {patience} s"))));
    }

    /// Why a token must be fetched before a registration on this connection, if it must.
    pub(super) fn wanted_token(&self, now: Now) -> Option<TokenReason> {
        if !self.on_token() {
            return None;
        }
        match &self.held {
            None => Some(TokenReason::First),
            Some(held) if held.rejected => Some(TokenReason::Rejected),
            Some(held) if held.left(now) == 0 => Some(TokenReason::Reconnect),
            Some(held) if held.used && !self.link.is_up() => Some(TokenReason::Reconnect),
            Some(_) => None,
        }
    }

    /// Whether the token is past half of its life: a refresh with it would be granted less and less.
    pub(super) fn token_grows_old(&self, now: Now) -> bool {
        let old = |held: &HeldToken| held.left(now) <= held.grant.expires_in / 2 && !self.has(Defect::IgnoresTokenEnd);
        self.on_token() && self.held.as_ref().is_none_or(old)
    }

    pub(super) fn token_has_expired(&self, now: Now) -> bool {
        self.on_token() && self.held.as_ref().is_none_or(|held| held.left(now) == 0)
    }

    pub(super) fn token_left(&self, now: Now) -> Option<Duration> {
        let ends = self.on_token() && !self.has(Defect::IgnoresTokenEnd);
        self.held.as_ref().filter(|_| ends).map(|held| Duration::from_secs(held.left(now)))
    }

    /// A REGISTER carries it. Other requests do so from now on, no sooner: the eP-CSCF takes no
    /// token on them that it does not know of.
    pub(super) fn mark_token_used(&mut self) {
        let Some(held) = &mut self.held else { return };
        held.used = true;
        if let Some(user) = &mut self.line.user {
            user.use_token(&held.grant.token);
        }
    }

    /// A challenge refused the token; a new one gets one chance.
    pub(super) fn token_rejected(&mut self, now: Now) {
        if let Some(held) = &mut self.held {
            held.rejected = true;
        }
        let state = match &self.state {
            State::Refreshing(binding) => State::Refreshing(binding.clone()),
            _ => State::FetchingToken,
        };
        self.fetch_token(now, TokenReason::Rejected, state);
    }

    fn granted(&mut self, now: Now, grant: TokenGrant) {
        if self.held.is_some() {
            self.event(Event::TokenRefreshed { expires_in: grant.expires_in });
        }
        let fits = self.registration.as_ref().is_none_or(|r| r.fits(&self.config, &grant));
        self.hold(now, grant);
        if !fits {
            // The WWSF gave another identity: another registration, on another connection, since
            // the eP-CSCF has bound this one to the identity of before.
            self.abandon(now, "another identity");
            self.drop_link(now, close::NORMAL, "another identity");
            self.registration = None;
        }
        match &self.state {
            State::FetchingToken => self.proceed(now),
            State::Refreshing(_) if !fits => self.proceed(now),
            State::Refreshing(_) => self.send_register(now, Purpose::Bind),
            // Kept for when its time comes.
            _ => {}
        }
    }

    fn no_token(&mut self, now: Now, failure: TokenFailure) {
        let text = failure.to_string();
        let failure = match failure {
            TokenFailure::LoginRequired(_) => {
                return self.fail(now, Failure::new(Cause::LoginRequired, text).advise("Log in at the WWSF again."));
            }
            TokenFailure::Refused(_) => return self.fail(now, Failure::new(Cause::TokenRefused, text)),
            TokenFailure::Unavailable(_) => Failure::new(Cause::TokenUnavailable, text).advise("Is the WWSF running?"),
        };
        match &self.state {
            State::FetchingToken => self.back_off(now, failure, None),
            State::Refreshing(binding) => {
                let binding = binding.clone();
                let after = self.refresh_retry();
                self.event(Event::Failed(failure));
                self.refresh_later(now, binding, after);
                self.unpark(now, false);
            }
            _ => {}
        }
    }

    fn hold(&mut self, now: Now, grant: TokenGrant) {
        if let Some(registration) = &mut self.registration {
            registration.use_token(grant.token.clone());
        }
        let expires = now.unix.saturating_add(grant.expires_in);
        let replaces_rejected = self.link.is_up() && self.held.as_ref().is_some_and(|held| held.rejected);
        self.held = Some(HeldToken { grant, expires, used: false, rejected: false, replaces_rejected });
    }

    fn on_token(&self) -> bool {
        matches!(self.config.access, Access::Token(_))
    }
}
