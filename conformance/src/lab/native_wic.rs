//! The native WIC: its user agent, with the lab as its shell and clock.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use sip::digest::Algorithm;
use sip::{Instant, Now, SeededEntropy};
use trace::{Direction, Leg};
use wic::{
    Access, Agent, CallId, Config, DigestAccess, Event, InstanceId, Output, Sdp, TokenAccess, TokenGrant, TokenScenario,
};

use super::Setup;
use super::wic::{Account, WicAccess, WicUnderTest, cannot};
use crate::Boxed;
use crate::script::{Admission, Deed, Log};
use crate::tester::SDP;
use crate::verdict::{Outcome, Stop};

const INSTANCE: &str = "urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-2f5a6c1d8e90";
const URL: &str = "wss://epcscf1.ims.example:7443";
const UNIX: u64 = 1_700_000_000;

/// The native WIC. Its clock goes on when the script says so, so that hours take no time.
pub struct NativeWic {
    agent: Agent,
    account: Account,
    now: Now,
    log: Log,
    admission: Admission,
    deeds: VecDeque<Deed>,
    tokens: Vec<String>,
    token_lifetime: u64,
    call: Option<CallId>,
    /// What the script configured wrongly.
    wrong: Option<Stop>,
}

impl NativeWic {
    /// A WIC that registers by `access`. The one setting is `token_lifetime`, in seconds; `change` may
    /// change its configuration.
    ///
    /// # Errors
    /// When the configuration makes no sense.
    pub fn new(access: WicAccess, setup: &Setup, log: &Log, change: impl FnOnce(&mut Config)) -> Outcome<Self> {
        let account = Account {
            impi: "alice-wic@ims.example".into(),
            impu: "sip:alice@ims.example".into(),
            home: "ims.example".into(),
            password: if access == WicAccess::Digest { "correct horse battery".into() } else { String::new() },
            algorithm: Algorithm::Sha256,
            authz_server: (access == WicAccess::Token).then(|| "https://wwsf.ims.example/api/token".into()),
        };
        let access = match access {
            WicAccess::Digest => Access::Digest(DigestAccess::new(
                URL.parse().map_err(wrong)?,
                account.impi.parse().map_err(wrong)?,
                account.impu.parse().map_err(wrong)?,
                account.home.parse().map_err(wrong)?,
                account.password.clone().into(),
            )),
            WicAccess::Token => Access::Token(TokenAccess {
                authz_servers: account.authz_server.iter().cloned().collect(),
                ..TokenAccess::new(TokenScenario::WebAuth)
            }),
        };
        let instance: InstanceId = INSTANCE.parse().map_err(|_| wrong("its instance"))?;
        let mut config = Config::new(access, instance);
        change(&mut config);
        Ok(Self {
            agent: Agent::new(config, SeededEntropy::new(7)),
            account,
            now: Now { mono: Instant::from_millis(1000), unix: UNIX },
            log: log.clone(),
            admission: Admission::default(),
            deeds: VecDeque::new(),
            tokens: Vec::new(),
            token_lifetime: setup.value("token_lifetime").and_then(|text| text.parse().ok()).unwrap_or(3600),
            call: None,
            wrong: None,
        })
    }

    /// Gives the WIC an input, and does what it then wants done.
    fn tell(&mut self, input: impl FnOnce(&mut Agent, Now)) -> Outcome {
        input(&mut self.agent, self.now);
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Connect { .. } => {
                    self.deeds.push_back(Deed::Connect(None));
                    match self.admission {
                        Admission::Open => self.agent.connected(self.now),
                        Admission::Refused => self.agent.connect_failed(self.now, "refused"),
                        Admission::WithoutSubprotocol => self.agent.connect_failed(self.now, "without subprotocol"),
                    }
                }
                Output::Send(octets) => {
                    self.log.sip("wic", "epcscf", Direction::Out, Leg::Wss, Default::default(), &octets);
                    self.deeds.push_back(Deed::Send(octets));
                }
                Output::Close { code, reason } => {
                    self.log.note("wic", "epcscf", Direction::Out, Leg::Wss, &format!("Close {code} {reason}"), reason);
                    self.deeds.push_back(Deed::Close(Some(code)));
                }
                Output::FetchToken { reason } => {
                    let summary = format!("wants a token: {reason:?}");
                    self.log.note("wic", "wwsf", Direction::Out, Leg::Https, &summary, "");
                    self.give_token();
                }
                Output::Event(Event::Call { call, .. }) => self.call = Some(call),
                Output::Event(_) => {}
            }
        }
        self.wrong.take().map_or(Ok(()), Err)
    }

    fn give_token(&mut self) {
        let token = format!("eyJ0.eyJ9.{}", self.tokens.len());
        let Account { impi, impu, home, .. } = &self.account;
        match TokenGrant::parse(&token, self.token_lifetime, impi, [&**impu], URL, home) {
            Ok(grant) => self.agent.token(self.now, Ok(grant)),
            Err(error) => self.wrong = Some(wrong(error)),
        }
        self.tokens.push(token);
    }

    fn in_call(&mut self, act: impl FnOnce(&mut Agent, Now, CallId)) -> Outcome {
        let call = self.call.ok_or_else(|| Stop::fail("the WIC tells of no call"))?;
        self.tell(|agent, now| act(agent, now, call))
    }

    /// As [`WicUnderTest::pass`]. Tokens that it asks for are something that it does.
    fn pass_time(&mut self, limit: Duration) -> Outcome<Duration> {
        let (begin, end) = (self.now.mono, self.now.mono + limit);
        let tokens = self.tokens.len();
        while let Some(at) = self.agent.poll_timeout().filter(|at| *at <= end) {
            self.set_clock(at.max(self.now.mono));
            self.tell(|agent, now| agent.handle_timeout(now))?;
            if !self.deeds.is_empty() || self.tokens.len() > tokens {
                return Ok(self.now.mono.since(begin));
            }
        }
        self.set_clock(end);
        Ok(limit)
    }

    fn set_clock(&mut self, to: Instant) {
        self.now = Now { mono: to, unix: UNIX + (to.as_millis() - 1000) / 1000 };
    }
}

impl WicUnderTest for NativeWic {
    fn account(&self) -> &Account {
        &self.account
    }

    fn start(&mut self) -> Boxed<'_, Outcome> {
        done(self.tell(|agent, now| agent.start(now)))
    }

    fn leave(&mut self) -> Boxed<'_, Outcome> {
        done(self.tell(|agent, now| agent.deregister(now)))
    }

    fn answer_call(&mut self) -> Boxed<'_, Outcome> {
        done(self.in_call(|agent, now, call| agent.answer(now, call, Sdp::new(SDP))))
    }

    fn offer_again(&mut self) -> Boxed<'_, Outcome> {
        done(self.in_call(|agent, now, call| agent.offer(now, call, Sdp::new(SDP))))
    }

    fn registered(&mut self) -> Boxed<'_, Outcome<bool>> {
        done(Ok(self.agent.state().binding().is_some()))
    }

    fn tokens(&mut self) -> Boxed<'_, Outcome<Vec<String>>> {
        done(Ok(self.tokens.clone()))
    }

    fn pass(&mut self, limit: Duration) -> Boxed<'_, Outcome<Duration>> {
        done(self.pass_time(limit))
    }

    fn admit(&mut self, admission: Admission) {
        self.admission = admission;
    }

    fn send(&mut self, octets: Bytes) -> Boxed<'_, Outcome> {
        self.log.sip("wic", "epcscf", Direction::In, Leg::Wss, Default::default(), &octets);
        done(self.tell(|agent, now| agent.received(now, octets)))
    }

    fn ping(&mut self, _octets: Bytes) -> Boxed<'_, Outcome> {
        done(Err(cannot("leaves the WebSocket to its shell")))
    }

    fn close(&mut self, code: u16) -> Boxed<'_, Outcome> {
        self.log.note("wic", "epcscf", Direction::In, Leg::Wss, &format!("Close {code}"), "");
        done(self.tell(|agent, now| agent.closed(now, code, "")))
    }

    fn deed(&mut self) -> Option<Deed> {
        self.deeds.pop_front()
    }
}

fn done<T: Send + 'static>(value: T) -> Boxed<'static, T> {
    Box::pin(std::future::ready(value))
}

fn wrong(error: impl std::fmt::Display) -> Stop {
    Stop::Inconclusive(format!("configuring the WIC: {error}"))
}
