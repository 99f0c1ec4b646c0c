//! Two WICs, registered, with a stateless proxy between them that does as the network would:
//! asserts identities, tells who was called, record-routes.

use std::time::Duration;

use bytes::Bytes;
use sip::headers::{Contact, PAssertedIdentity, PCalledPartyId, PPreferredIdentity, RecordRoute, Route, Via};
use sip::{Framing, HeaderName, Message, Request, Response, Transport, Uri};
use wic::{Agent, CallEvent, CallId, CallOptions, CallState, Config, Event, Sdp, TokenGrant, TokenScenario};

use crate::script::{self, Wic};

pub(crate) const ALICE: &str = "sip:alice@ims.example";
pub(crate) const BOB: &str = "sip:bob@ims.example";
const PROXY: &str = "<sip:epcscf1.ims.example;lr>";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Alice,
    Bob,
}

use Side::{Alice, Bob};

pub(crate) struct Pair {
    wics: [Wic; 2],
    contacts: [Uri; 2],
    /// Up to where each side's events were read.
    read: [usize; 2],
    /// What the proxy let through, by its first line.
    pub(crate) passed: Vec<(Side, Message)>,
    /// What is not let through.
    pub(crate) drops: fn(Side, &Message) -> bool,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl Fn(&mut Config)) -> Self {
        Self::seeded(7, change)
    }

    pub(crate) fn seeded(seed: u64, change: impl Fn(&mut Config)) -> Self {
        let mut pair = [("alice", seed), ("bob", seed + 1)].map(|(name, seed)| {
            let mut config = script::token_config(TokenScenario::WebAuth);
            change(&mut config);
            let mut wic = Wic::seeded(config, seed);
            let contact = register(&mut wic, name);
            (wic, contact)
        });
        let contacts = [pair[0].1.clone(), pair[1].1.clone()];
        pair.iter_mut().for_each(|(wic, _)| wic.wire.clear());
        let read = [pair[0].0.events.len(), pair[1].0.events.len()];
        let wics = pair.map(|(wic, _)| wic);
        Self { wics, contacts, read, passed: Vec::new(), drops: |_, _| false }
    }

    pub(crate) fn wic(&mut self, side: Side) -> &mut Wic {
        &mut self.wics[side as usize]
    }

    /// Gives one of them an input, and carries what follows.
    pub(crate) fn tell<T>(&mut self, side: Side, input: impl FnOnce(&mut Agent, sip::Now) -> T) -> T {
        let told = self.wic(side).tell(input);
        self.carry();
        told
    }

    /// As [`Self::tell`], but what is sent waits for [`Self::carry`].
    pub(crate) fn tell_only<T>(&mut self, side: Side, input: impl FnOnce(&mut Agent, sip::Now) -> T) -> T {
        self.wic(side).tell(input)
    }

    /// Carries messages until there are none.
    pub(crate) fn carry(&mut self) {
        while self.carry_one() {}
    }

    /// Lets time pass for both.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.wics[0].now.mono + time;
        loop {
            self.carry();
            let next = self.wics.iter().filter_map(|wic| wic.agent.poll_timeout()).min().filter(|at| *at <= end);
            let until = next.unwrap_or(end);
            for wic in &mut self.wics {
                let span = until.since(wic.now.mono);
                wic.pass(span);
            }
            self.carry();
            if next.is_none() {
                return;
            }
        }
    }

    pub(crate) fn secs(&mut self, secs: u64) {
        self.pass(Duration::from_secs(secs));
    }

    /// The connection of one side breaks, and it registers anew on another.
    pub(crate) fn break_link(&mut self, side: Side) {
        self.wic(side).closed(1006);
        self.wic(side).sent.clear();
    }

    pub(crate) fn come_back(&mut self, side: Side) {
        let name = if side == Alice { "alice" } else { "bob" };
        let wic = self.wic(side);
        while wic.connects.len() < 2 {
            match wic.state().name() {
                "fetching-token" => wic.token(Ok(grant(name))),
                _ => drop(wic.pass_to_timer()),
            }
        }
        wic.connects.pop();
        wic.connected();
        let request = wic.register();
        wic.answer(accept(&request, name));
        let now = self.wic(side).now.mono;
        let other = if side == Alice { Bob } else { Alice };
        let behind = now.since(self.wic(other).now.mono);
        self.wic(other).pass(behind);
        self.carry();
    }

    /// The events of calls and messages since the last look.
    pub(crate) fn events(&mut self, side: Side) -> Vec<Event> {
        let from = std::mem::replace(&mut self.read[side as usize], self.wics[side as usize].events.len());
        let events = self.wics[side as usize].events[from..].iter();
        events
            .filter(|event| {
                matches!(
                    event,
                    Event::Call { .. }
                        | Event::Message { .. }
                        | Event::MessageDelivered { .. }
                        | Event::MessageFailed { .. }
                        | Event::OptionsAnswered { .. }
                )
            })
            .cloned()
            .collect()
    }

    pub(crate) fn call_events(&mut self, side: Side) -> Vec<CallEvent> {
        let events = self.events(side).into_iter();
        events.filter_map(|event| if let Event::Call { event, .. } = event { Some(event) } else { None }).collect()
    }

    /// Alice calls Bob; the call on both sides.
    pub(crate) fn call(&mut self) -> (CallId, CallId) {
        self.call_with(CallOptions::default())
    }

    pub(crate) fn call_with(&mut self, options: CallOptions) -> (CallId, CallId) {
        let to = BOB.parse().unwrap();
        let mine = self.tell(Alice, |agent, now| agent.call(now, &to, sdp("offer"), options)).unwrap();
        let theirs = self.calls(Bob).last().expect("Bob is called").0;
        (mine, theirs)
    }

    /// A call, answered.
    pub(crate) fn talk(&mut self) -> (CallId, CallId) {
        let (mine, theirs) = self.call();
        self.tell(Bob, |agent, now| agent.answer(now, theirs, sdp("answer")));
        self.events(Alice);
        self.events(Bob);
        assert_eq!(self.calls(Alice), [(mine, CallState::Established)]);
        (mine, theirs)
    }

    pub(crate) fn calls(&mut self, side: Side) -> Vec<(CallId, CallState)> {
        self.wic(side).agent.calls().collect()
    }

    /// Asserts that nothing is left once every transaction had its time.
    #[track_caller]
    pub(crate) fn assert_clean(&mut self) {
        self.secs(65);
        for side in [Alice, Bob] {
            assert_eq!(self.calls(side), [], "{side:?}");
            assert_eq!(self.wic(side).agent.pending(), 0, "{side:?}");
        }
    }

    /// What the proxy let through, as `> METHOD` and `< status METHOD` as Alice sees it.
    pub(crate) fn ladder(&self) -> Vec<String> {
        let line = |(from, message): &(Side, Message)| {
            let arrow = if *from == Alice { '>' } else { '<' };
            match message {
                Message::Request(request) => format!("{arrow} {}", request.method),
                Message::Response(response) => {
                    format!("{arrow} {} {}", response.status, response.cseq().unwrap().method)
                }
            }
        };
        self.passed.iter().map(line).collect()
    }

    /// The last request of a method that the proxy let through.
    #[track_caller]
    pub(crate) fn request(&self, method: &str) -> Request {
        let found = self.passed.iter().rev().find_map(|(_, message)| match message {
            Message::Request(request) if request.method.as_str() == method => Some(request.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no {method} in {:?}", self.ladder()))
    }

    /// The last response of a status.
    #[track_caller]
    pub(crate) fn response(&self, status: u16) -> Response {
        let found = self.passed.iter().rev().find_map(|(_, message)| match message {
            Message::Response(response) if response.status.code() == status => Some(response.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no {status} in {:?}", self.ladder()))
    }

    fn carry_one(&mut self) -> bool {
        for side in [Alice, Bob] {
            if let Some(octets) = self.wic(side).sent.pop_front() {
                self.forward(side, octets);
                return true;
            }
        }
        false
    }

    fn forward(&mut self, from: Side, octets: Bytes) {
        if octets.iter().all(|c| matches!(c, b'\r' | b'\n')) {
            return;
        }
        let message = Message::parse(octets, Framing::WebSocket).expect("a SIP message");
        if let Message::Request(request) = &message {
            request.validate().expect("a valid request");
        }
        if (self.drops)(from, &message) {
            return;
        }
        self.passed.push((from, message.clone()));
        let (to, message) = match message {
            Message::Request(request) => {
                let (to, request) = self.route(request);
                (to, Message::Request(request))
            }
            Message::Response(mut response) => {
                response.headers.pop_first(&HeaderName::Via);
                response.headers.remove(&HeaderName::PPreferredIdentity);
                // The answer to something damaged has no way back.
                let Some(to) = response.via().ok().and_then(|via| self.side_of(via.host.as_str())) else { return };
                (to, Message::Response(response))
            }
        };
        self.wic(to).receive(message.to_bytes());
    }

    fn route(&self, mut request: Request) -> (Side, Request) {
        let host = request.uri.as_sip().expect("a SIP URI").host.to_string();
        let in_dialog = self.side_of(&host);
        let to = in_dialog.unwrap_or(if request.uri.to_string().contains("bob") { Bob } else { Alice });
        let via = request.via().unwrap();
        let branch = format!("{}p", via.branch().unwrap().trim_start_matches(Via::MAGIC_COOKIE));
        let asserted = match request.headers.first::<PPreferredIdentity>().unwrap() {
            Some(preferred) => preferred.0,
            None => request.from().unwrap().0,
        };
        let asserted = PAssertedIdentity::new(asserted.uri);
        let headers = &mut request.headers;
        for name in [HeaderName::PPreferredIdentity, HeaderName::Authorization, HeaderName::Route] {
            headers.remove(&name);
        }
        headers.add_front(&Via::new(Transport::Wss, "epcscf1.ims.example".parse().unwrap(), None, &branch));
        if in_dialog.is_none() {
            if !headers.lists(&HeaderName::Privacy, "id") {
                headers.add(&asserted);
            }
            headers.add(&PCalledPartyId::new(request.uri.clone()));
            headers.push_front(HeaderName::RecordRoute, PROXY);
            request.uri = self.contacts[to as usize].clone();
        }
        (to, request)
    }

    fn side_of(&self, host: &str) -> Option<Side> {
        let is = |side: Side| self.contacts[side as usize].as_sip().unwrap().host.as_str() == host;
        [Alice, Bob].into_iter().find(|side| is(*side))
    }
}

/// A description that tells which it is.
pub(crate) fn sdp(name: &str) -> Sdp {
    Sdp::new(format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns={name}\r\nt=0 0\r\n"))
}

/// The route set that the proxy gives.
pub(crate) fn proxy_route() -> Route {
    Route(RecordRoute::new("sip:epcscf1.ims.example;lr".parse().unwrap()).0)
}

fn register(wic: &mut Wic, name: &str) -> Uri {
    wic.start();
    wic.token(Ok(grant(name)));
    wic.connected();
    let request = wic.register();
    let contact: Contact = request.headers.first().unwrap().unwrap();
    wic.answer(accept(&request, name));
    wic.assert_state("registered");
    contact.0.uri
}

fn grant(name: &str) -> TokenGrant {
    let (impi, impu) = (format!("{name}-wic@ims.example"), format!("sip:{name}@ims.example"));
    TokenGrant::parse(&format!("token-of-{name}"), 36_000, &impi, [&*impu], script::URL, script::REALM).unwrap()
}

fn accept(request: &Request, name: &str) -> Response {
    let mut response = script::accept(request, 18_000);
    response.headers.set(HeaderName::PAssociatedUri, format!("<sip:{name}@ims.example>"));
    response
}
