//! One registration: its REGISTER requests and what their answers mean. Who sends them, and when,
//! is the agent's affair.

mod bearer;
mod digest;
mod granted;
mod request;

pub(crate) use granted::{Granted, refresh_after};

use std::time::Duration;

use ims::{Defect, Defects, Impu, Scenario, Token};
use sip::headers::{MinExpires, RetryAfter};
use sip::{Entropy, Host, Method, Request, Response, StatusCode};

use crate::line::{Proof, User};
use crate::{Access, Binding, Config, Failure, InstanceId, TokenGrant, WssUrl};
use bearer::BearerClient;
use digest::DigestClient;

/// The longest Retry-After that is obeyed.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The state that all REGISTERs of one registration share (RFC 3261 §10.2).
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) url: WssUrl,
    pub(crate) impu: Impu,
    scenario: Scenario,
    domain: Host,
    instance: InstanceId,
    /// Asked for, in seconds.
    expires: u32,
    /// Whether this round asks for longer already, as a 423 wanted it.
    lengthened: bool,
    call_id: String,
    cseq: u32,
    tag: String,
    contact_user: String,
    /// The random host of Via and Contact; it resolves nowhere (RFC 7118 §5.3).
    host: String,
    auth: Auth,
    sent: Option<Sent>,
    defects: Defects,
}

#[derive(Debug)]
enum Auth {
    Digest(DigestClient),
    Bearer(BearerClient),
}

#[derive(Debug)]
struct Sent {
    purpose: Purpose,
    branch: String,
}

/// What a REGISTER is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To make or keep the binding.
    Bind,
    /// To end it.
    Unbind,
}

/// What an answer means.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Nothing yet: 1xx.
    Wait,
    /// 200 OK.
    Bound(Box<Granted>),
    /// The binding is gone; whether the network said so.
    Unbound { confirmed: bool },
    /// Send the next request now: it answers a challenge or asks for longer.
    Again,
    /// Get another token, then send again.
    RenewToken,
    /// Try again later.
    Later { failure: Failure, retry_after: Option<Duration> },
    /// Give up.
    Refused(Failure),
}

impl Registration {
    /// The registration that `config` describes. `grant` is there in flows 2 and 3.
    pub(crate) fn new(config: &Config, grant: Option<&TokenGrant>, entropy: &mut dyn Entropy) -> Option<Self> {
        let (url, impu, domain, auth) = match (&config.access, grant) {
            (Access::Digest(access), _) => (
                access.wss_url.clone(),
                access.impu.clone(),
                access.domain.clone(),
                Auth::Digest(DigestClient::new(access.clone(), config.defects)),
            ),
            (Access::Token(access), Some(grant)) => (
                access.wss_url.as_ref().unwrap_or(&grant.wss_url).clone(),
                access.impu.as_ref().or(grant.impus.first())?.clone(),
                grant.realm.clone(),
                Auth::Bearer(BearerClient::new(access, grant.token.clone(), config.defects)),
            ),
            (Access::Token(_), None) => return None,
        };
        let host = format!("{}.invalid", entropy.token(12));
        Some(Self {
            url,
            impu,
            scenario: config.scenario(),
            domain,
            instance: config.instance.clone(),
            expires: u32::try_from(config.expires.as_secs()).unwrap_or(u32::MAX),
            lengthened: false,
            call_id: format!("{}@{host}", entropy.token(20)),
            cseq: 0,
            tag: entropy.token(10),
            contact_user: entropy.token(8),
            host,
            auth,
            sent: None,
            defects: config.defects,
        })
    }

    /// Whether `grant` is for the same user at the same place, so that its token serves here.
    pub(crate) fn fits(&self, config: &Config, grant: &TokenGrant) -> bool {
        let Access::Token(access) = &config.access else { return false };
        access.wss_url.as_ref().unwrap_or(&grant.wss_url) == &self.url
            && grant.realm.same(&self.domain)
            && match &access.impu {
                Some(_) => true,
                None => grant.impus.contains(&self.impu),
            }
    }

    /// Registers with this token from now on.
    pub(crate) fn use_token(&mut self, token: Token) {
        if let Auth::Bearer(bearer) = &mut self.auth {
            bearer.token = token;
        }
    }

    /// Who other requests come from, while `binding` lasts.
    pub(crate) fn user(&self, binding: &Binding) -> Option<User> {
        let proof = match &self.auth {
            Auth::Bearer(bearer) => Proof::bearer(&bearer.token, bearer.style),
            Auth::Digest(digest) => Proof::digest(digest.access.clone()),
        };
        Some(User::new(binding, self.contact_uri(), self.host.parse().ok()?, proof))
    }

    /// Begins a round: one REGISTER, with what its challenges lead to.
    pub(crate) fn begin(&mut self, purpose: Purpose, entropy: &mut dyn Entropy) -> Result<Request, Failure> {
        self.lengthened = false;
        if let Auth::Digest(digest) = &mut self.auth {
            digest.begin();
        }
        self.request(purpose, entropy)
    }

    /// The next request of the round.
    pub(crate) fn again(&mut self, entropy: &mut dyn Entropy) -> Result<Request, Failure> {
        self.request(self.purpose().unwrap_or(Purpose::Bind), entropy)
    }

    /// What the request that is out is for.
    pub(crate) fn purpose(&self) -> Option<Purpose> {
        self.sent.as_ref().map(|sent| sent.purpose)
    }

    /// The connection is gone: what was asked on it will not be answered, and the next REGISTER
    /// opens anew (TS 33.203 P.3: a new session is not bound).
    pub(crate) fn disconnected(&mut self) {
        self.sent = None;
        if let Auth::Digest(digest) = &mut self.auth {
            digest.forget();
        }
    }

    /// Whether `response` answers the request that is out (RFC 3261 §17.1.3, §8.1.3.3);
    /// an error says why not.
    pub(crate) fn check(&self, response: &Response) -> Result<(), &'static str> {
        let Some(sent) = &self.sent else { return Err("a response, and no request is out") };
        if response.headers.elements(&sip::HeaderName::Via).count() != 1 {
            return Err("a response with more than one Via (RFC 3261 §8.1.3.3)");
        }
        if !response.via().is_ok_and(|via| via.branch() == Some(&sent.branch)) {
            return Err("a response to another transaction (RFC 3261 §17.1.3)");
        }
        if !response.cseq().is_ok_and(|c| c.number == self.cseq && c.method == Method::Register) {
            return Err("a response with another CSeq (RFC 3261 §17.1.3)");
        }
        if response.headers.value(&sip::HeaderName::CallId) != Some(&self.call_id) {
            return Err("a response with another Call-ID (RFC 3261 §8.1.3)");
        }
        Ok(())
    }

    /// What a response that [`Self::check`] let through means.
    pub(crate) fn judge(&mut self, response: &Response) -> Verdict {
        if response.status.is_provisional() {
            return Verdict::Wait;
        }
        match self.purpose() {
            Some(Purpose::Unbind) => self.judge_unbind(response),
            _ => self.judge_bind(response),
        }
    }

    fn judge_bind(&mut self, response: &Response) -> Verdict {
        let (status, reason) = (response.status, &*response.reason);
        match status.code() {
            200..=299 => self.bound(response),
            401 => self.challenged(response),
            423 if !self.defects.has(Defect::GivesUpWhenTooBrief) => self.too_brief(response),
            // What a server says of itself, not of this request.
            408 | 430 | 480 | 500 | 502..=504 | 600 => {
                let retry_after = response.headers.opt::<RetryAfter>().ok().flatten();
                let retry_after = retry_after.map(|r| Duration::from_secs(r.0.into()).min(LONGEST_WAIT));
                Verdict::Later { failure: Failure::busy(status, reason), retry_after }
            }
            _ => Verdict::Refused(Failure::refused(self.scenario, status, reason)),
        }
    }

    fn judge_unbind(&mut self, response: &Response) -> Verdict {
        match response.status {
            status if status.is_success() => Verdict::Unbound { confirmed: true },
            StatusCode::UNAUTHORIZED => match self.challenged(response) {
                Verdict::Again => Verdict::Again,
                _ => Verdict::Unbound { confirmed: false },
            },
            // There is nothing to end any more (TS 24.229 §5.4.1.4).
            StatusCode::NOT_FOUND | StatusCode::CALL_DOES_NOT_EXIST => Verdict::Unbound { confirmed: true },
            _ => Verdict::Unbound { confirmed: false },
        }
    }

    fn bound(&mut self, response: &Response) -> Verdict {
        let proven = match &mut self.auth {
            Auth::Digest(digest) => digest.confirmed(response),
            Auth::Bearer(bearer) => {
                bearer.renewed = false;
                Ok(())
            }
        };
        match proven.and_then(|()| Granted::read(response, &self.contact_uri(), &self.impu)) {
            Ok(granted) => Verdict::Bound(Box::new(granted)),
            Err(failure) => Verdict::Refused(failure),
        }
    }

    fn challenged(&mut self, response: &Response) -> Verdict {
        match &mut self.auth {
            Auth::Digest(digest) => digest.challenged(response),
            Auth::Bearer(bearer) => bearer.challenged(response),
        }
    }

    /// RFC 3261 §10.2.8: asks again with what the registrar calls its shortest expiry.
    fn too_brief(&mut self, response: &Response) -> Verdict {
        match response.headers.opt::<MinExpires>() {
            Ok(Some(MinExpires(min))) if min > self.expires && !self.lengthened => {
                self.expires = min;
                self.lengthened = true;
                if let Auth::Digest(digest) = &mut self.auth {
                    digest.begin();
                }
                Verdict::Again
            }
            _ => Verdict::Refused(Failure::refused(self.scenario, response.status, &response.reason)),
        }
    }
}
