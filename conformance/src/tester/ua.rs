//! The native WIC under test: its user agent, with the script as shell, eP-CSCF, WWSF and clock.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use sip::{Framing, Instant, Message, Now, Request, Response, SeededEntropy};
use trace::{Direction, Leg};
use wic::{
    Access, Agent, CallId, Config, DigestAccess, Event, InstanceId, Output, State, TokenAccess, TokenGrant,
    TokenReason, TokenScenario,
};

use crate::script::Log;
use crate::verdict::{Outcome, Stop};

/// The home domain of these WICs.
pub const HOME: &str = "ims.example";
/// The password of the digest WIC.
pub const PASSWORD: &str = "correct horse battery";
/// Its IMPI.
pub const IMPI: &str = "alice-wic@ims.example";
/// The one authorisation server that the token WIC knows.
pub const AUTHZ_SERVER: &str = "https://wwsf.ims.example/api/token";

const IMPU: &str = "sip:alice@ims.example";
const URL: &str = "wss://epcscf1.ims.example:7443";
const UNIX: u64 = 1_700_000_000;

/// A WIC under test. Its clock goes on when the script says so.
pub struct Ua {
    agent: Agent,
    now: Now,
    log: Log,
    sent: VecDeque<Bytes>,
    /// How often it asked for a connection.
    pub connects: usize,
    /// The codes that it closed connections with.
    pub closes: Vec<u16>,
    /// What it asked tokens for.
    pub fetches: Vec<TokenReason>,
    /// The calls that it told of.
    pub calls: Vec<CallId>,
}

impl Ua {
    /// A WIC of flow 1.
    ///
    /// # Errors
    /// When the script's own identities are wrong.
    pub fn digest(log: &Log) -> Outcome<Self> {
        let wrong = |e: &dyn std::fmt::Display| Stop::Inconclusive(format!("configuring the WIC: {e}"));
        let access = DigestAccess::new(
            URL.parse().map_err(|e| wrong(&e))?,
            IMPI.parse().map_err(|e| wrong(&e))?,
            IMPU.parse().map_err(|e| wrong(&e))?,
            HOME.parse().map_err(|e| wrong(&e))?,
            PASSWORD.into(),
        );
        Self::new(Access::Digest(access), false, log)
    }

    /// A WIC of flow 2.
    ///
    /// # Errors
    /// When the script's own identities are wrong.
    pub fn token(log: &Log) -> Outcome<Self> {
        let mut access = TokenAccess::new(TokenScenario::WebAuth);
        access.authz_servers.push(AUTHZ_SERVER.to_owned());
        Self::new(Access::Token(access), false, log)
    }

    /// A WIC of flow 2 that watches its registration.
    ///
    /// # Errors
    /// When the script's own identities are wrong.
    pub fn watching(log: &Log) -> Outcome<Self> {
        Self::new(Access::Token(TokenAccess::new(TokenScenario::WebAuth)), true, log)
    }

    fn new(access: Access, reg_event: bool, log: &Log) -> Outcome<Self> {
        let instance: InstanceId = "urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-2f5a6c1d8e90"
            .parse()
            .map_err(|_| Stop::Inconclusive("configuring the WIC: its instance".into()))?;
        Ok(Self {
            agent: Agent::new(Config { reg_event, ..Config::new(access, instance) }, SeededEntropy::new(7)),
            now: Now { mono: Instant::from_millis(1000), unix: UNIX },
            log: log.clone(),
            sent: VecDeque::new(),
            connects: 0,
            closes: Vec::new(),
            fetches: Vec::new(),
            calls: Vec::new(),
        })
    }

    /// Gives the WIC an input, and does what it then wants done.
    pub fn tell<T>(&mut self, input: impl FnOnce(&mut Agent, Now) -> T) -> T {
        let told = input(&mut self.agent, self.now);
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Connect { .. } => self.connects += 1,
                Output::Send(octets) => {
                    self.log.sip("wic", "epcscf", Direction::Out, Leg::Wss, Default::default(), &octets);
                    self.sent.push_back(octets);
                }
                Output::Close { code, reason } => {
                    self.log.note("wic", "epcscf", Direction::Out, Leg::Wss, &format!("Close {code} {reason}"), reason);
                    self.closes.push(code);
                }
                Output::FetchToken { reason } => {
                    let summary = format!("wants a token: {reason:?}");
                    self.log.note("wic", "wwsf", Direction::Out, Leg::Https, &summary, "");
                    self.fetches.push(reason);
                }
                Output::Event(Event::Call { call, .. }) => {
                    if !self.calls.contains(&call) {
                        self.calls.push(call);
                    }
                }
                Output::Event(_) => {}
            }
        }
        told
    }

    /// Starts it, gives it a token if it wants one, and opens its connection.
    pub fn open(&mut self, lifetime: u64) -> Outcome {
        self.tell(|agent, now| agent.start(now));
        if !self.fetches.is_empty() {
            self.give_token(lifetime)?;
        }
        self.tell(|agent, now| agent.connected(now));
        Ok(())
    }

    /// Answers what it asked of the WWSF.
    ///
    /// # Errors
    /// When the script's own identities are wrong.
    pub fn give_token(&mut self, lifetime: u64) -> Outcome {
        let grant = TokenGrant::parse("eyJ0.eyJ9.c2ln", lifetime, IMPI, [IMPU], URL, HOME)
            .map_err(|e| Stop::Inconclusive(format!("configuring the WIC: {e}")))?;
        self.tell(|agent, now| agent.token(now, Ok(grant)));
        Ok(())
    }

    /// The next request that it sent.
    ///
    /// # Errors
    /// When it sent none, or something else.
    pub fn request(&mut self) -> Outcome<Request> {
        let state = self.state().name();
        let octets =
            self.sent.pop_front().ok_or_else(|| Stop::Fail(format!("nothing was sent; the WIC is {state}")))?;
        match Message::parse(octets, Framing::WebSocket) {
            Ok(Message::Request(request)) => match request.validate() {
                Ok(()) => Ok(request),
                Err(e) => Err(Stop::Fail(format!("the WIC's request is not valid: {}", e.reason))),
            },
            Ok(Message::Response(response)) => Err(Stop::Fail(format!("the WIC sent {}", response.status))),
            Err(e) => Err(Stop::Fail(format!("what the WIC sent cannot be read: {}", e.error))),
        }
    }

    /// The next message that it sent, whatever it is.
    ///
    /// # Errors
    /// When it sent none, or it cannot be read.
    pub fn message(&mut self) -> Outcome<Message> {
        let octets = self.sent.pop_front().ok_or_else(|| Stop::Fail("nothing was sent".into()))?;
        Message::parse(octets, Framing::WebSocket)
            .map_err(|e| Stop::Fail(format!("what the WIC sent cannot be read: {}", e.error)))
    }

    /// The next octets that it sent.
    pub fn octets(&mut self) -> Option<Bytes> {
        self.sent.pop_front()
    }

    /// Gives it octets.
    pub fn receive(&mut self, octets: Bytes) {
        self.log.sip("wic", "epcscf", Direction::In, Leg::Wss, Default::default(), &octets);
        self.tell(|agent, now| agent.received(now, octets));
    }

    /// Gives it a response.
    pub fn answer(&mut self, response: &Response) {
        self.receive(response.to_bytes());
    }

    /// Closes its connection from the other side.
    pub fn close(&mut self, code: u16) {
        self.log.note("wic", "epcscf", Direction::In, Leg::Wss, &format!("Close {code}"), "");
        self.tell(|agent, now| agent.closed(now, code, ""));
    }

    /// Lets its connection open.
    pub fn connected(&mut self) {
        self.tell(|agent, now| agent.connected(now));
    }

    /// Lets time pass, waking it whenever it asked for that.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while let Some(at) = self.agent.poll_timeout().filter(|at| *at <= end) {
            self.set_clock(at.max(self.now.mono));
            self.tell(|agent, now| agent.handle_timeout(now));
        }
        self.set_clock(end);
    }

    /// How long until its next timer.
    pub fn next_timer(&self) -> Option<Duration> {
        self.agent.poll_timeout().map(|at| at.since(self.now.mono))
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        self.agent.state()
    }

    fn set_clock(&mut self, to: Instant) {
        self.now = Now { mono: to, unix: UNIX + (to.as_millis() - 1000) / 1000 };
    }
}
