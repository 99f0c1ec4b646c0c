//! The core as one value: three machines and the wires between them.

use bytes::Bytes;
use ims::{Impi, Impu};
use mock_ims::cx::{CxAnswer, CxPushAnswer, CxRequest, ServerCapabilities, ServerName};
use mock_ims::hss::{AdminRequest, Hss, HssConfig, MemoryStore};
use mock_ims::icscf::Candidate;
use mock_ims::policy::Policy;
use mock_ims::scscf::{Event, StaticBinding};
use mock_ims::{CxAsk, Icscf, Network, Scscf, StaticRoute, TrustedNode, icscf, scscf};
use sip::node::{Node, Output};
use sip::transaction::Timers;
use sip::{Framing, Instant, Message, Now, Peer, Request, Resolver, Response, SeededEntropy, StatusCode, Transport};
use std::collections::HashSet;
use std::fmt::Write;
use std::time::Duration;

pub(crate) const EPCSCF: u16 = 5060;
pub(crate) const SECOND_EPCSCF: u16 = 5061;
pub(crate) const ICSCF: u16 = 5070;
pub(crate) const SCSCF: u16 = 5080;
pub(crate) const SECOND_SCSCF: u16 = 5081;
/// A plain user agent outside the trust domain, which configuration knows.
pub(crate) const PLAIN: u16 = 5090;
/// Somebody whom nobody knows.
pub(crate) const STRANGER: u16 = 5099;

/// I-CSCF, S-CSCF and HSS, and an eP-CSCF's place that a test speaks from.
pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) icscf: Icscf,
    pub(crate) scscf: Scscf,
    pub(crate) second_scscf: Scscf,
    pub(crate) hss: Hss,
    /// A silent HSS answers nothing.
    pub(crate) hss_answers: bool,
    /// Ports that nothing reaches.
    pub(crate) dead: Vec<u16>,
    /// What a silent HSS was asked.
    pub(crate) asked: Vec<CxAsk>,
    pub(crate) log: Vec<Hop>,
    pub(crate) events: Vec<Event>,
    inbox: Vec<Response>,
    /// What came out of the core so far: what comes again is a retransmission.
    seen: HashSet<(u16, Bytes)>,
    /// What came to a port where no node of the core is.
    requests: Vec<Arrived>,
}

/// A request that came out of the core.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// Which node sent it.
    pub(crate) by: u16,
    /// Where it went.
    pub(crate) at: u16,
    pub(crate) request: Request,
}

/// One message between two nodes.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a test holds few of them")]
pub(crate) enum Hop {
    Sip { from: u16, to: u16, message: Message },
    Cx { by: u16, request: CxRequest, answer: Option<CxAnswer> },
    Push { answer: CxPushAnswer },
}

pub(crate) fn peer(port: u16) -> Peer {
    Peer::new(Transport::Udp, ([127, 0, 0, 1], port).into())
}

pub(crate) fn impu(name: &str) -> Impu {
    format!("sip:{name}@ims.example").parse().unwrap()
}

pub(crate) fn impi(name: &str) -> Impi {
    format!("{name}-wic@ims.example").parse().unwrap()
}

fn server(name: &str) -> ServerName {
    ServerName::parse(&format!("sip:{name}.ims.example")).unwrap()
}

fn network() -> Network {
    let mut resolver = Resolver::new();
    for (host, port) in
        [("epcscf1", EPCSCF), ("epcscf2", SECOND_EPCSCF), ("icscf", ICSCF), ("scscf1", SCSCF), ("scscf2", SECOND_SCSCF)]
    {
        resolver.insert(&format!("{host}.ims.example"), peer(port));
    }
    let route = |to: &str| StaticRoute { to: to.into(), address: peer(PLAIN).addr, tcp: false };
    Network {
        domains: vec!["ims.example".parse().unwrap(), "partner.ims.example".parse().unwrap()],
        resolver,
        trusted: [EPCSCF, ICSCF, SCSCF, SECOND_SCSCF].map(|port| peer(port).addr.into()).to_vec(),
        routes: vec![route("sip:sipp@ims.example"), route("sip.example")],
    }
}

fn anchor() -> StaticBinding {
    let edge = "<sip:epcscf1.ims.example;lr>";
    StaticBinding {
        impi: "trunk@partner.ims.example".parse().unwrap(),
        impu: "sip:trunk@partner.ims.example".parse().unwrap(),
        contact: sip::headers::TypedHeader::parse(edge).unwrap(),
        path: vec![edge.into()],
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Policy::default())
    }

    pub(crate) fn with(policy: Policy) -> Self {
        Self::build(policy, false)
    }

    /// With the anchor of the wildcard range bound to the eP-CSCF by configuration.
    pub(crate) fn with_anchor() -> Self {
        let mut world = Self::build(Policy::default(), true);
        world.advance(Duration::from_millis(1));
        world.log.clear();
        world.events.clear();
        world
    }

    pub(crate) fn build(policy: Policy, statics: bool) -> Self {
        let capabilities = ServerCapabilities { server_names: vec![server("scscf1")], ..Default::default() };
        let config = HssConfig { home_network: "ims.example".into(), capabilities, defects: Default::default() };
        let mut hss = Hss::open(config, Box::new(MemoryStore::default())).unwrap();
        hss.provision_demo().unwrap();
        let candidate = |name, port| Candidate { name: server(name), peer: peer(port), capabilities: vec![] };
        let icscf = icscf::Config {
            host: "icscf.ims.example".parse().unwrap(),
            port: None,
            home_network: "ims.example".into(),
            trusted: vec![TrustedNode::from(peer(EPCSCF).addr)],
            scscfs: vec![candidate("scscf1", SCSCF), candidate("scscf2", SECOND_SCSCF)],
            network: network(),
            policy: policy.clone(),
            timers: Timers::default(),
        };
        let scscf = |name, seed| {
            let config = scscf::Config {
                name: server(name),
                icscf: peer(ICSCF),
                network: network(),
                statics: if statics { vec![anchor()] } else { vec![] },
                trusted: vec![TrustedNode::from(peer(ICSCF).addr)],
                policy: policy.clone(),
                timers: Timers::default(),
            };
            Scscf::new(config, Box::new(SeededEntropy::new(seed))).unwrap()
        };
        Self {
            now: Now { mono: Instant::from_millis(1_000), unix: 1_700_000_000 },
            icscf: Icscf::new(icscf, Box::new(SeededEntropy::new(1))),
            scscf: scscf("scscf1", 2),
            second_scscf: scscf("scscf2", 3),
            hss,
            hss_answers: true,
            dead: Vec::new(),
            asked: Vec::new(),
            log: Vec::new(),
            events: Vec::new(),
            inbox: Vec::new(),
            requests: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// Sends a request to the I-CSCF from the eP-CSCF's place; what comes back, finally.
    pub(crate) fn send(&mut self, request: &Request) -> Response {
        self.send_from(EPCSCF, ICSCF, request).expect("a final response")
    }

    /// Sends from any port to any other; the final response that is there when all is quiet.
    pub(crate) fn send_from(&mut self, from: u16, to: u16, request: &Request) -> Option<Response> {
        self.inbox.clear();
        self.deliver(from, to, request.to_bytes());
        self.run();
        self.final_response()
    }

    /// Sends from any port to any other, and waits for nothing.
    pub(crate) fn start(&mut self, from: u16, to: u16, request: &Request) {
        self.deliver(from, to, request.to_bytes());
        self.run();
    }

    /// Answers a request that came out of the core.
    pub(crate) fn reply(&mut self, arrived: &Arrived, response: &Response) {
        self.deliver(arrived.at, arrived.by, response.to_bytes());
        self.run();
    }

    /// The requests that came out of the core since this was asked last.
    pub(crate) fn arrived(&mut self) -> Vec<Arrived> {
        std::mem::take(&mut self.requests)
    }

    /// The one request that came out of the core.
    pub(crate) fn one_arrived(&mut self) -> Arrived {
        let mut arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:#?}");
        arrived.remove(0)
    }

    /// The statuses that came out of the core since this was asked last, 100 aside.
    pub(crate) fn statuses(&mut self) -> Vec<u16> {
        self.responses().iter().map(|response| response.status.code()).collect()
    }

    /// The responses that came out of the core since this was asked last, 100 aside.
    pub(crate) fn responses(&mut self) -> Vec<Response> {
        let all = std::mem::take(&mut self.inbox);
        all.into_iter().filter(|response| response.status != StatusCode::TRYING).collect()
    }

    /// The final response that came to the eP-CSCF last.
    pub(crate) fn final_response(&mut self) -> Option<Response> {
        std::mem::take(&mut self.inbox).into_iter().rfind(|response| response.status.is_final())
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now.mono + by;
        loop {
            let nodes = [self.icscf.poll_timeout(), self.scscf.poll_timeout(), self.second_scscf.poll_timeout()];
            let next = nodes.into_iter().flatten().min().filter(|next| *next <= end);
            let at = next.unwrap_or(end).max(self.now.mono);
            self.now.unix += at.since(self.now.mono).as_secs();
            self.now.mono = at;
            if next.is_none() {
                return;
            }
            self.icscf.handle_timeout(self.now);
            self.scscf.handle_timeout(self.now);
            self.second_scscf.handle_timeout(self.now);
            self.run();
        }
    }

    /// Does what an operator asks of the HSS, and delivers the pushes that follow.
    pub(crate) fn admin(&mut self, request: AdminRequest) {
        self.hss.admin(request).unwrap();
        while let Some(push) = self.hss.poll_push() {
            let answer = match push.to.as_str() {
                "sip:scscf1.ims.example" => self.scscf.push(self.now, push.message),
                _ => self.second_scscf.push(self.now, push.message),
            };
            self.log.push(Hop::Push { answer });
        }
        self.run();
    }

    /// Delivers until nobody has anything more to say.
    pub(crate) fn run(&mut self) {
        loop {
            let outputs = [
                (ICSCF, self.icscf.poll_output()),
                (SCSCF, self.scscf.poll_output()),
                (SECOND_SCSCF, self.second_scscf.poll_output()),
            ];
            let mut quiet = true;
            for (by, output) in outputs {
                let Some(output) = output else { continue };
                quiet = false;
                match output {
                    Output::Send { to, octets } => self.deliver(by, to.addr.port(), octets),
                    Output::Ask(ask) => self.ask(by, ask),
                    Output::Close { .. } => unreachable!("there are no connections"),
                }
            }
            while let Some(event) = self.scscf.poll_event().or_else(|| self.second_scscf.poll_event()) {
                self.events.push(event);
            }
            if quiet {
                return;
            }
        }
    }

    fn deliver(&mut self, from: u16, to: u16, octets: Bytes) {
        let message = Message::parse(octets.clone(), Framing::Datagram).unwrap();
        self.log.push(Hop::Sip { from, to, message: message.clone() });
        let (now, sender) = (self.now, peer(from));
        match to {
            _ if self.dead.contains(&to) => {}
            ICSCF => self.icscf.receive(now, sender, octets),
            SCSCF => self.scscf.receive(now, sender, octets),
            SECOND_SCSCF => self.second_scscf.receive(now, sender, octets),
            _ if !self.seen.insert((to, octets)) => {}
            _ => match message {
                Message::Response(response) => self.inbox.push(response),
                Message::Request(request) => self.requests.push(Arrived { by: from, at: to, request }),
            },
        }
    }

    fn ask(&mut self, by: u16, (id, request): CxAsk) {
        let answer = self.hss_answers.then(|| self.hss.handle(&request));
        self.log.push(Hop::Cx { by, request: request.clone(), answer: answer.clone() });
        let Some(answer) = answer else { return self.asked.push((id, request)) };
        match by {
            ICSCF => self.icscf.answer(self.now, (id, Ok(answer))),
            SCSCF => self.scscf.answer(self.now, (id, Ok(answer))),
            _ => self.second_scscf.answer(self.now, (id, Ok(answer))),
        }
    }

    /// The Cx commands since the log was last cleared, in short: `UAR REGISTRATION`, `MAR`, ….
    pub(crate) fn cx(&self) -> Vec<String> {
        let short = |hop: &Hop| match hop {
            Hop::Cx { request: CxRequest::Uar(uar), .. } => Some(format!("UAR {}", uar.authorization_type)),
            Hop::Cx { request: CxRequest::Mar(_), .. } => Some("MAR".to_owned()),
            Hop::Cx { request: CxRequest::Sar(sar), .. } => Some(format!("SAR {}", sar.assignment_type)),
            Hop::Cx { request: CxRequest::Lir(lir), .. } => Some(format!("LIR {}", lir.public_identity)),
            _ => None,
        };
        self.log.iter().filter_map(short).collect()
    }

    /// The final statuses that a node sent, in order.
    pub(crate) fn final_statuses_of(&self, node: u16) -> Vec<StatusCode> {
        let of = |hop: &Hop| match hop {
            Hop::Sip { from, message: Message::Response(response), .. } if *from == node => Some(response.status),
            _ => None,
        };
        self.log.iter().filter_map(of).filter(|status| status.is_final()).collect()
    }

    /// The requests that a node was sent, in order.
    pub(crate) fn requests_to(&self, node: u16) -> Vec<Request> {
        let of = |hop: &Hop| match hop {
            Hop::Sip { to, message: Message::Request(request), .. } if *to == node => Some(request.clone()),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }

    pub(crate) fn is_registered(&self, name: &str) -> bool {
        self.scscf.registration(&impu(name)).is_some()
    }

    /// Lets the transactions end, and says whether anything is held by the CSCFs then.
    pub(crate) fn is_idle_at_last(&mut self) -> bool {
        self.advance(Duration::from_secs(60));
        self.icscf.is_idle() && self.scscf.is_idle() && self.second_scscf.is_idle()
    }

    /// The log as a ladder: one line a message, and of SIP the headers that tell.
    pub(crate) fn ladder(&self) -> String {
        let mut out = String::new();
        for hop in &self.log {
            match hop {
                Hop::Sip { from, to, message } => sip_hop(&mut out, name(*from), name(*to), message),
                Hop::Cx { by, request, answer } => {
                    let _ = writeln!(out, "{} -> hss: {request}", name(*by));
                    if let Some(answer) = answer {
                        let _ = writeln!(out, "hss -> {}: {answer}", name(*by));
                    }
                }
                Hop::Push { answer } => drop(writeln!(out, "scscf -> hss: {answer}")),
            }
        }
        out
    }
}

fn name(port: u16) -> &'static str {
    match port {
        EPCSCF => "epcscf",
        ICSCF => "icscf",
        SCSCF => "scscf",
        SECOND_SCSCF => "scscf2",
        PLAIN => "plain",
        _ => "stranger",
    }
}

fn sip_hop(out: &mut String, from: &str, to: &str, message: &Message) {
    let text = message.to_bytes();
    let text = String::from_utf8_lossy(&text).into_owned();
    let _ = writeln!(out, "{from} -> {to}:");
    for line in text.lines().take_while(|line| !line.is_empty()) {
        let _ = writeln!(out, "    {line}");
    }
}
