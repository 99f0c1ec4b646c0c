//! The machines and the wires between them.

use crate::agenda::Agenda;
use crate::browser::{Link, Wic};
use crate::machines::{EPCSCF, ICSCF, SCSCF, accept, core_peer, new_edge, new_icscf, new_scscf, server, wic_peer};
use crate::people::{Lie, Person};
use crate::talk::Talks;
use crate::tokens::{Grant, Waf};
use bytes::Bytes;
use epcscf::{Edge, FlowIds, KeysAnswer, KeysAsk};
use mock_ims::cx::ServerCapabilities;
use mock_ims::hss::{AdminRequest, Hss, HssConfig, MemoryStore};
use mock_ims::{CxAsk, CxReply, Icscf, Scscf};
use sip::node::{Node, Output};
use sip::{FlowId, Instant, Now, Peer, SeededEntropy, Transport};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use wic::{CallId, State, TokenGrant};

const UNIX_START: u64 = 1_700_000_000;
/// How long a token is good: shorter than the stay, so that tokens are refreshed too.
const TOKEN_LIFETIME: u64 = 1800;

/// What goes wrong on Mw, in thousandths of the datagrams, and how long they take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) overtaken: u64,
    pub(crate) max_delay: u64,
}

impl Faults {
    pub(crate) fn none() -> Self {
        Self { lost: 0, doubled: 0, overtaken: 0, max_delay: 5 }
    }

    pub(crate) fn bad() -> Self {
        Self { lost: 200, doubled: 100, overtaken: 100, max_delay: 60 }
    }
}

/// What is under way between two machines.
pub(crate) enum Happening {
    Datagram { from: u16, to: u16, octets: Bytes },
    CxAsked { by: u16, ask: CxAsk },
    CxAnswered { by: u16, reply: CxReply },
    KeysAsked(KeysAsk),
    Opened { wic: usize, link: u64 },
    Uplink { flow: FlowId, octets: Bytes },
    HungUp { flow: FlowId },
    Downlink { wic: usize, link: u64, octets: Bytes },
    Closed { wic: usize, link: u64, code: u16, reason: String },
    Token { wic: usize },
    Start { wic: usize },
    Leave { wic: usize },
    Dial { wic: usize, to: usize },
    Write { wic: usize, to: usize },
    Answer { wic: usize, call: CallId },
    Offer { wic: usize, call: CallId },
    HangUp { wic: usize, call: CallId },
}

pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) edge: Edge,
    pub(crate) icscf: Icscf,
    pub(crate) scscf: Scscf,
    pub(crate) hss: Hss,
    pub(crate) wics: Vec<Wic>,
    pub(crate) agenda: Agenda<Happening>,
    pub(crate) talks: Talks,
    pub(crate) faults: Faults,
    /// While the HSS is silent.
    pub(crate) hss_silent_until: Instant,
    /// All that was delivered, hashed.
    pub(crate) trace: u64,
    /// How many datagrams were lost.
    pub(crate) lost: usize,
    dice: SeededEntropy,
    waf: Waf,
    flows: FlowIds,
    wic_of: HashMap<FlowId, (usize, u64)>,
    epochs: u64,
    serial: u64,
}

impl World {
    pub(crate) fn new(seed: u64, people: Vec<Person>, faults: Faults) -> Self {
        let now = Now { mono: Instant::from_millis(0), unix: UNIX_START };
        let mut dice = SeededEntropy::new(seed);
        let capabilities = ServerCapabilities { server_names: vec![server()], ..Default::default() };
        let config = HssConfig { home_network: "ims.example".into(), capabilities, defects: Default::default() };
        let mut hss = Hss::open(config, Box::new(MemoryStore::default())).unwrap();
        hss.provision_demo().unwrap();
        for subscriber in people.iter().filter_map(Person::subscriber) {
            // Two browsers of one user are one subscriber.
            let _ = hss.admin(AdminRequest::AddUser(subscriber));
        }
        let wics = people.into_iter().map(|person| Wic::new(person, &mut dice)).collect();
        Self {
            edge: new_edge(now, dice.next_u64()),
            icscf: new_icscf(dice.next_u64()),
            scscf: new_scscf(dice.next_u64()),
            hss,
            wics,
            agenda: Agenda::new(),
            talks: Talks::default(),
            faults,
            hss_silent_until: now.mono,
            trace: 0,
            lost: 0,
            dice,
            waf: Waf::new(),
            flows: FlowIds::new(0),
            wic_of: HashMap::new(),
            now,
            epochs: 0,
            serial: 0,
        }
    }

    /// Lets time pass until `end`, or until `done` says so.
    pub(crate) fn run_until(&mut self, end: Instant, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let timers = [self.edge.poll_timeout(), self.icscf.poll_timeout(), self.scscf.poll_timeout()];
            let wics = self.wics.iter().filter_map(|wic| wic.agent.poll_timeout());
            let next = timers.into_iter().flatten().chain(wics).chain(self.agenda.next_time()).min();
            let Some(at) = next.filter(|at| *at <= end) else {
                return self.set_clock(end);
            };
            self.set_clock(at);
            match self.agenda.take(self.now.mono) {
                Some(happening) => self.happen(happening),
                None => self.run_timers(),
            }
            self.pump();
        }
    }

    /// A number below `limit`.
    pub(crate) fn roll(&mut self, limit: u64) -> u64 {
        self.dice.next_u64() % limit.max(1)
    }

    pub(crate) fn after(&self, delay: Duration) -> Instant {
        self.now.mono + delay
    }

    /// Whose connection it is, as long as it is open.
    pub(crate) fn holder(&self, flow: FlowId) -> Option<&Wic> {
        self.wic_of.get(&flow).map(|(index, _)| &self.wics[*index])
    }

    /// All connections break, as when a cable is pulled.
    pub(crate) fn break_connections(&mut self) {
        for index in 0..self.wics.len() {
            self.break_connection(index);
        }
        self.pump();
    }

    pub(crate) fn restart_edge(&mut self) {
        self.break_connections();
        self.epochs += 1;
        let now = Now { unix: self.now.unix + self.epochs, ..self.now };
        self.edge = new_edge(now, self.dice.next_u64());
    }

    pub(crate) fn restart_icscf(&mut self) {
        self.icscf = new_icscf(self.dice.next_u64());
    }

    pub(crate) fn restart_scscf(&mut self) {
        self.scscf = new_scscf(self.dice.next_u64());
    }

    fn set_clock(&mut self, at: Instant) {
        let mono = at.max(self.now.mono);
        self.now = Now { mono, unix: UNIX_START + mono.as_millis() / 1000 };
    }

    fn run_timers(&mut self) {
        let now = self.now;
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now.mono);
        run_timer(&mut self.edge, now);
        run_timer(&mut self.icscf, now);
        run_timer(&mut self.scscf, now);
        for wic in self.wics.iter_mut().filter(|wic| due(wic.agent.poll_timeout())) {
            wic.agent.handle_timeout(now);
        }
    }

    fn happen(&mut self, happening: Happening) {
        let now = self.now;
        match happening {
            Happening::Datagram { from, to, octets } => self.deliver(from, to, octets),
            Happening::CxAsked { by, ask: (id, request) } => {
                if now.mono >= self.hss_silent_until {
                    let reply = (id, Ok(self.hss.handle(&request)));
                    let at = self.soon(4);
                    self.agenda.put(at, Happening::CxAnswered { by, reply });
                }
            }
            Happening::CxAnswered { by: ICSCF, reply } => self.icscf.answer(now, reply),
            Happening::CxAnswered { reply, .. } => self.scscf.answer(now, reply),
            Happening::KeysAsked(ask) => {
                self.edge.answer(now, KeysAnswer { issuer: ask.issuer, keys: Ok(self.waf.keys()) });
            }
            Happening::Opened { wic, link } => self.open(wic, link),
            Happening::Uplink { flow, octets } => {
                self.mark(&octets);
                self.edge.receive(now, wic_peer(flow), octets);
            }
            Happening::HungUp { flow } => {
                self.wic_of.remove(&flow);
                self.edge.flow_closed(now, flow);
            }
            Happening::Downlink { wic, link, octets } => {
                self.mark(&octets);
                self.wics[wic].look_at(&octets);
                if self.wics[wic].is_on(link) {
                    self.wics[wic].agent.received(now, octets);
                }
            }
            Happening::Closed { wic, link, code, reason } => {
                if self.wics[wic].is_on(link) {
                    self.wics[wic].link = None;
                    self.wics[wic].agent.closed(now, code, &reason);
                }
            }
            Happening::Token { wic } => self.give_token(wic),
            Happening::Start { wic } => self.wics[wic].agent.start(now),
            Happening::Leave { wic } => self.wics[wic].agent.deregister(now),
            Happening::Dial { wic, to } => self.dial(wic, to),
            Happening::Write { wic, to } => self.write(wic, to),
            Happening::Answer { wic, call } => self.answer(wic, call),
            Happening::Offer { wic, call } => self.offer(wic, call),
            Happening::HangUp { wic, call } => self.wics[wic].agent.hang_up(now, call),
        }
    }

    fn deliver(&mut self, from: u16, to: u16, octets: Bytes) {
        self.mark(&octets);
        let (now, sender) = (self.now, core_peer(from));
        match to {
            EPCSCF => self.edge.receive(now, sender, octets),
            ICSCF => self.icscf.receive(now, sender, octets),
            SCSCF => self.scscf.receive(now, sender, octets),
            other => panic!("nobody is at port {other}"),
        }
    }

    /// Carries out what the machines want done until none wants anything.
    fn pump(&mut self) {
        loop {
            let edge = self.edge.poll_output().map(|output| self.edge_does(output)).is_some();
            let icscf = self.icscf.poll_output().map(|output| self.core_does(ICSCF, output)).is_some();
            let scscf = self.scscf.poll_output().map(|output| self.core_does(SCSCF, output)).is_some();
            let mut wics = false;
            for index in 0..self.wics.len() {
                while let Some(output) = self.wics[index].agent.poll_output() {
                    self.wic_does(index, output);
                    wics = true;
                }
            }
            while self.edge.poll_event().is_some() {}
            while self.icscf.poll_event().is_some() {}
            while self.scscf.poll_event().is_some() {}
            if !(edge || icscf || scscf || wics) {
                return;
            }
        }
    }

    fn edge_does(&mut self, output: Output<KeysAsk>) {
        match output {
            Output::Send { to: Peer { flow: Some(flow), .. }, octets } => {
                let Some(&(wic, link)) = self.wic_of.get(&flow) else { return };
                let at = self.downlink_time(wic);
                self.agenda.put(at, Happening::Downlink { wic, link, octets });
            }
            Output::Send { to, octets } => self.send_datagram(EPCSCF, to, octets),
            Output::Close { flow, code, reason } => {
                let Some(&(wic, link)) = self.wic_of.get(&flow) else { return };
                let at = self.downlink_time(wic);
                self.agenda.put(at, Happening::Closed { wic, link, code, reason: reason.into_owned() });
                self.agenda.put(at, Happening::HungUp { flow });
            }
            Output::Ask(ask) => {
                let at = self.soon(50);
                self.agenda.put(at, Happening::KeysAsked(ask));
            }
        }
    }

    fn core_does(&mut self, by: u16, output: Output<CxAsk>) {
        match output {
            Output::Send { to, octets } => self.send_datagram(by, to, octets),
            // Cx runs over a stream: in order, nothing lost.
            Output::Ask(ask) => {
                let at = self.after(Duration::from_millis(3));
                self.agenda.put(at, Happening::CxAsked { by, ask });
            }
            Output::Close { .. } => panic!("there are no connections in the core"),
        }
    }

    fn wic_does(&mut self, index: usize, output: wic::Output) {
        let now = self.now;
        match output {
            wic::Output::Connect { .. } => {
                let at = self.soon(100);
                let wic = &mut self.wics[index];
                wic.links += 1;
                let id = wic.links;
                wic.link = Some(Link { id, flow: None, up_until: now.mono, down_until: now.mono });
                self.agenda.put(at, Happening::Opened { wic: index, link: id });
            }
            wic::Output::Send(octets) => {
                let at = self.uplink_time(index);
                if let Some(flow) = self.wics[index].link.as_ref().and_then(|link| link.flow) {
                    self.agenda.put(at, Happening::Uplink { flow, octets });
                }
            }
            wic::Output::Close { .. } => {
                let at = self.uplink_time(index);
                if let Some(flow) = self.wics[index].link.take().and_then(|link| link.flow) {
                    self.agenda.put(at, Happening::HungUp { flow });
                }
            }
            wic::Output::FetchToken { .. } => {
                let at = self.soon(80);
                self.agenda.put(at, Happening::Token { wic: index });
            }
            wic::Output::Event(wic::Event::StateChanged(State::BackingOff { .. })) => self.wics[index].retries += 1,
            wic::Output::Event(event) => self.notice(index, event),
        }
    }

    fn open(&mut self, index: usize, id: u64) {
        if !self.wics[index].is_on(id) {
            return;
        }
        let accepted = accept(&self.edge, self.wics[index].person.origin());
        let flow = self.flows.next();
        if let Some(link) = &mut self.wics[index].link {
            link.flow = Some(flow);
        }
        self.wic_of.insert(flow, (index, id));
        self.edge.open(self.now, flow, accepted);
        self.wics[index].agent.connected(self.now);
    }

    fn break_connection(&mut self, index: usize) {
        let Some(link) = self.wics[index].link.take() else { return };
        self.wics[index].agent.closed(self.now, 1006, "");
        if let Some(flow) = link.flow {
            self.wic_of.remove(&flow);
            self.edge.flow_closed(self.now, flow);
        }
    }

    fn give_token(&mut self, index: usize) {
        self.serial += 1;
        let person = &self.wics[index].person;
        let (mut impi, mut impu) = (person.impi.as_str(), person.impu.as_str());
        match person.lie {
            Some(Lie::OtherImpu) => impu = "sip:user1@ims.example",
            Some(Lie::OtherImpi) => impi = "user0-wic@ims.example",
            None => {}
        }
        let token = self.waf.sign(&Grant {
            origin: person.origin(),
            wwsf: person.wwsf(),
            impi,
            impu,
            serial: self.serial,
            now: self.now.unix,
            lifetime: TOKEN_LIFETIME,
        });
        let url = "wss://localhost:7443/";
        let grant = TokenGrant::parse(&token, TOKEN_LIFETIME, impi, [impu], url, "ims.example").unwrap();
        self.wics[index].agent.token(self.now, Ok(grant));
    }

    fn send_datagram(&mut self, from: u16, to: Peer, octets: Bytes) {
        assert_eq!(to.transport, Transport::Udp);
        let to = to.addr.port();
        if self.roll(1000) < self.faults.lost {
            self.lost += 1;
            return;
        }
        let copies = if self.roll(1000) < self.faults.doubled { 2 } else { 1 };
        for _ in 0..copies {
            let mut delay = 1 + self.roll(self.faults.max_delay);
            if self.roll(1000) < self.faults.overtaken {
                delay += self.roll(2000);
            }
            let at = self.after(Duration::from_millis(delay));
            self.agenda.put(at, Happening::Datagram { from, to, octets: octets.clone() });
        }
    }

    fn soon(&mut self, within: u64) -> Instant {
        let delay = 1 + self.roll(within);
        self.after(Duration::from_millis(delay))
    }

    fn uplink_time(&mut self, index: usize) -> Instant {
        let at = self.soon(30);
        match &mut self.wics[index].link {
            Some(link) => {
                link.up_until = link.up_until.max(at);
                link.up_until
            }
            None => at,
        }
    }

    fn downlink_time(&mut self, index: usize) -> Instant {
        let at = self.soon(30);
        match &mut self.wics[index].link {
            Some(link) => {
                link.down_until = link.down_until.max(at);
                link.down_until
            }
            None => at,
        }
    }

    fn mark(&mut self, octets: &[u8]) {
        let mut hasher = DefaultHasher::new();
        (self.trace, self.now.mono, octets).hash(&mut hasher);
        self.trace = hasher.finish();
    }
}

fn run_timer<N: Node>(node: &mut N, now: Now) {
    if node.poll_timeout().is_some_and(|at| at <= now.mono) {
        node.handle_timeout(now);
    }
}
