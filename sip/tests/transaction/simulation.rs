//! Two layers over a link that loses, duplicates and reorders: every request has one outcome, and
//! nothing is left behind.

use crate::bench::request;
use bytes::Bytes;
use proptest::prelude::*;
use sip::headers::{CSeq, CallId, Via};
use sip::transaction::{ClientKey, Event, Incoming, ServerKey, Timers, Transactions};
use sip::{
    FlowId, Framing, HeaderName, Instant, Message, Method, Peer, Request, Response, SeededEntropy, StatusCode,
    Transport,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the link does, in percent and milliseconds. `Tcp` does none of it.
#[derive(Clone, Copy, Debug)]
struct Link {
    transport: Transport,
    loss: u64,
    duplication: u64,
    delay: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Client,
    Server,
}

enum Action {
    /// The client's user sends its nth request.
    Send(u64),
    /// The server's user answers.
    Respond(ServerKey, Request, u16),
    /// The server's user sends its 2xx again, unless acknowledged (RFC 3261 §13.3.1.4).
    Repeat(ServerKey, Response, u64),
    /// The client's user gives up on an INVITE.
    Cancel(ClientKey),
    Deliver(Side, Bytes),
}

#[derive(Debug, Default)]
struct Outcome {
    finals: Vec<u16>,
    ended: Option<Event>,
}

struct World {
    link: Link,
    random: SeededEntropy,
    now: Instant,
    client: Transactions,
    server: Transactions,
    agenda: BTreeMap<(Instant, u64), Action>,
    entries: u64,
    sent: BTreeMap<ClientKey, (u64, Request)>,
    outcomes: BTreeMap<ClientKey, Outcome>,
    /// What the server's user saw, and what it answered, by Call-ID.
    served: BTreeMap<String, Option<u16>>,
    acknowledged: BTreeSet<String>,
    open: BTreeSet<ServerKey>,
}

impl World {
    fn new(seed: u64, link: Link, requests: u64) -> Self {
        let mut world = Self {
            link,
            random: SeededEntropy::new(seed),
            now: Instant::from_millis(0),
            client: Transactions::new(Timers::default()),
            server: Transactions::new(Timers::default()),
            agenda: BTreeMap::new(),
            entries: 0,
            sent: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            served: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            open: BTreeSet::new(),
        };
        for n in 0..requests {
            let after = world.below(10_000);
            world.plan(after, Action::Send(n));
        }
        world
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.next_u64() % bound
    }

    fn plan(&mut self, after: u64, action: Action) {
        self.entries += 1;
        self.agenda.insert((self.now + Duration::from_millis(after), self.entries), action);
    }

    fn run(&mut self) {
        loop {
            let planned = self.agenda.keys().next().map(|(at, _)| *at);
            let timers = [self.client.poll_timeout(), self.server.poll_timeout()];
            let Some(next) = timers.into_iter().flatten().chain(planned).min() else { return };
            assert!(next >= self.now);
            assert!(next < Instant::from_millis(3_600_000), "something never ends");
            self.now = next;
            self.client.handle_timeout(next);
            self.server.handle_timeout(next);
            while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= next) {
                let action = entry.remove();
                self.act(action);
            }
            self.settle();
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Send(n) => self.send(n),
            Action::Respond(key, request, status) => self.respond(key, &request, status),
            Action::Repeat(key, response, after) => {
                let call = call_id(&response.headers);
                if !self.acknowledged.contains(&call) && after < 32_000 {
                    self.server.respond(self.now, key, response.clone());
                    self.plan((after * 2).min(4000), Action::Repeat(key, response, after * 2));
                }
            }
            Action::Cancel(key) => self.client.cancel(self.now, key),
            Action::Deliver(Side::Client, octets) => self.client_receives(octets),
            Action::Deliver(Side::Server, octets) => self.server_receives(octets),
        }
        self.settle();
    }

    fn send(&mut self, n: u64) {
        let method = if self.below(2) == 0 { "INVITE" } else { "MESSAGE" };
        let mut request = request(method, &format!("z9hG4bK{n}"));
        request.headers.replace(&CallId(format!("call-{n}").into()));
        let key = self.client.request(self.now, request.clone(), self.peer(Side::Server));
        self.sent.insert(key, (n, request));
        self.outcomes.insert(key, Outcome::default());
        if method == "INVITE" {
            let patience = if self.below(4) == 0 { self.below(5000) } else { 180_000 };
            self.plan(patience, Action::Cancel(key));
        }
    }

    fn respond(&mut self, key: ServerKey, request: &Request, status: u16) {
        let mut response = request.respond(StatusCode::new(status).unwrap());
        response.ensure_to_tag(|| "b".into());
        if status >= 200 && request.method != Method::Cancel {
            let answered = self.served.get_mut(&call_id(&request.headers)).unwrap();
            if answered.is_some() {
                return;
            }
            *answered = Some(status);
        }
        self.server.respond(self.now, key, response.clone());
        if request.method == Method::Invite && response.status.is_success() {
            self.plan(500, Action::Repeat(key, response, 500));
        }
    }

    fn client_receives(&mut self, octets: Bytes) {
        let message = Message::parse(octets, Framing::Datagram).unwrap();
        let from = self.peer(Side::Server);
        match self.client.receive(self.now, message, from) {
            Some(Incoming::Response { key, response }) => {
                let outcome = self.outcomes.get_mut(&key).unwrap();
                assert_eq!(outcome.ended, None, "an answer after the end");
                if response.status.is_final() {
                    outcome.finals.push(response.status.code());
                }
                let (n, request) = &self.sent[&key];
                if response.status.is_success() && request.method == Method::Invite {
                    let ack = ack_to_2xx(request, *n);
                    self.client.send(ack.into(), from);
                }
            }
            Some(Incoming::Stray { .. }) | None => {}
            other => panic!("{other:?}"),
        }
    }

    fn server_receives(&mut self, octets: Bytes) {
        let message = Message::parse(octets, Framing::Datagram).unwrap();
        let from = self.peer(Side::Client);
        match self.server.receive(self.now, message, from) {
            Some(Incoming::Request { key, request, .. }) => {
                let seen = self.served.insert(call_id(&request.headers), None);
                assert_eq!(seen, None, "the user sees a request twice");
                self.open.insert(key);
                if self.below(2) == 0 {
                    let after = self.below(1000);
                    self.plan(after, Action::Respond(key, request.clone(), 180));
                }
                let status = [200, 202, 302, 404, 486, 500, 603][self.below(7) as usize];
                let after = self.below(20_000);
                self.plan(after, Action::Respond(key, request, status));
            }
            Some(Incoming::Cancel { key, invite, request, .. }) => {
                self.open.insert(key);
                let status = if invite.is_some() { 200 } else { 481 };
                self.respond(key, &request, status);
                if let Some(invite) = invite {
                    let mut cancelled = request.clone();
                    cancelled.method = Method::Invite;
                    let number = request.cseq().unwrap().number;
                    cancelled.headers.replace(&CSeq { number, method: Method::Invite });
                    self.respond(invite, &cancelled, 487);
                }
            }
            Some(Incoming::Ack { request, .. }) => {
                self.acknowledged.insert(call_id(&request.headers));
            }
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }

    /// Puts what the layers send on the link, and takes down what they report.
    fn settle(&mut self) {
        while let Some((_, octets)) = self.client.poll_transmit() {
            self.carry(Side::Server, octets);
        }
        while let Some((_, octets)) = self.server.poll_transmit() {
            self.carry(Side::Client, octets);
        }
        while let Some(event) = self.client.poll_event() {
            let (Event::Timeout { key } | Event::Failed { key } | Event::ClientDone { key }) = event else {
                panic!("{event:?}");
            };
            assert_eq!(self.outcomes.get_mut(&key).unwrap().ended.replace(event), None, "ended twice");
        }
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::ServerDone { key } => assert!(self.open.remove(&key), "ended twice"),
                Event::AckMissing { key } => assert!(self.open.contains(&key)),
                other => panic!("{other:?}"),
            }
        }
    }

    fn carry(&mut self, to: Side, octets: Bytes) {
        if self.link.transport.is_reliable() {
            return self.plan(5, Action::Deliver(to, octets));
        }
        let copies = 1 + u64::from(self.below(100) < self.link.duplication);
        for _ in 0..copies {
            if self.below(100) >= self.link.loss {
                let delay = 1 + self.below(self.link.delay);
                self.plan(delay, Action::Deliver(to, octets.clone()));
            }
        }
    }

    fn peer(&self, side: Side) -> Peer {
        let addr = match side {
            Side::Client => "192.0.2.7:5060",
            Side::Server => "192.0.2.2:5060",
        };
        let flow = self.link.transport.is_reliable().then_some(FlowId(1));
        Peer { transport: self.link.transport, addr: addr.parse().unwrap(), flow }
    }

    fn check(&self) {
        assert!(self.client.is_empty() && self.server.is_empty(), "transactions are left");
        assert!(self.open.is_empty(), "the user is not told of every end");
        for (key, outcome) in &self.outcomes {
            let (_, request) = &self.sent[key];
            let seen = format!("{} {outcome:?}", request.method);
            match (outcome.ended, &outcome.finals[..]) {
                (Some(Event::Timeout { .. }), []) => {}
                (Some(Event::ClientDone { .. }), [one]) => assert_eq!(self.answered(request), Some(*one), "{seen}"),
                (Some(Event::ClientDone { .. }), [first, rest @ ..]) if request.method == Method::Invite => {
                    assert!(*first < 300 && rest.iter().all(|status| status == first), "{seen}");
                }
                _ => panic!("{seen}"),
            }
        }
    }

    fn answered(&self, request: &Request) -> Option<u16> {
        self.served.get(&call_id(&request.headers)).copied().flatten()
    }
}

fn call_id(headers: &sip::Headers) -> String {
    headers.value(&HeaderName::CallId).unwrap().to_owned()
}

fn ack_to_2xx(invite: &Request, n: u64) -> Request {
    let mut ack = Request { method: Method::Ack, ..invite.clone() };
    ack.headers.replace(&CSeq { number: 4, method: Method::Ack });
    let via = Via::new(Transport::Udp, "192.0.2.7".parse().unwrap(), None, &format!("ack{n}"));
    ack.headers.replace(&via);
    ack
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_request_has_one_outcome_and_nothing_is_left(
        seed: u64,
        loss in 0_u64..60,
        duplication in 0_u64..50,
        delay in 1_u64..2500,
    ) {
        let mut world = World::new(seed, Link { transport: Transport::Udp, loss, duplication, delay }, 20);
        world.run();
        world.check();
    }

    #[test]
    fn on_a_reliable_link_every_request_is_answered(seed: u64) {
        let link = Link { transport: Transport::Tcp, loss: 0, duplication: 0, delay: 5 };
        let mut world = World::new(seed, link, 20);
        world.run();
        world.check();
        for outcome in world.outcomes.values() {
            assert!(!outcome.finals.is_empty(), "{outcome:?}");
        }
    }
}

#[test]
fn a_perfect_link_and_a_dead_one_do_what_they_must() {
    let perfect = Link { transport: Transport::Udp, loss: 0, duplication: 0, delay: 1 };
    let mut world = World::new(7, perfect, 40);
    world.run();
    world.check();
    assert!(world.outcomes.values().all(|outcome| !outcome.finals.is_empty()));
    assert_eq!(world.served.len(), 40);

    let mut world = World::new(7, Link { loss: 100, ..perfect }, 40);
    world.run();
    world.check();
    assert!(world.outcomes.values().all(|outcome| matches!(outcome.ended, Some(Event::Timeout { .. }))));
    assert!(world.served.is_empty());
}
