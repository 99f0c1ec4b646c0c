//! Many calls through the core on a network that loses, repeats and reorders, while registrations
//! end under them: everything that began ends, and nothing is held afterwards. A run is its seed.

use crate::client::Client;
use crate::user::{End, User};
use crate::world::{Arrived, EPCSCF, ICSCF, SCSCF, World, impu, peer};
use bytes::Bytes;
use mock_ims::CxAsk;
use mock_ims::cx::DeregistrationReason;
use mock_ims::hss::AdminRequest;
use mock_ims::scscf::Event;
use sip::node::{Node, Output};
use sip::transaction::{self, ClientKey, Incoming, ServerKey, Timers, Transactions};
use sip::{Framing, Instant, Message, Method, Now, Request, Response, SeededEntropy, StatusCode};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// The core, the eP-CSCF's place as one user agent for all, and what is on its way.
struct Storm {
    world: World,
    dice: SeededEntropy,
    agenda: BTreeMap<(Instant, u64), Step>,
    serial: u64,
    edge: Transactions,
    users: HashMap<&'static str, User>,
    clients: HashMap<&'static str, Client>,
    /// INVITEs under way, and how each ended.
    invites: HashMap<ClientKey, Request>,
    begun: usize,
    ended: usize,
    released: usize,
    left: Option<(usize, usize)>,
    /// The ends of dialogs that were made; each sends one BYE.
    known: HashSet<String>,
    unacknowledged: HashMap<String, (Arrived, Response, ServerKey)>,
}

enum Step {
    Deliver {
        from: u16,
        to: u16,
        octets: Bytes,
    },
    Asked {
        by: u16,
        ask: Box<CxAsk>,
    },
    Call {
        caller: &'static str,
        callee: &'static str,
    },
    Cancel {
        invite: ClientKey,
    },
    Answer {
        arrived: Box<Arrived>,
        key: ServerKey,
        status: u16,
    },
    Repeat {
        dialog: String,
        after: Duration,
    },
    Bye {
        end: Box<End>,
    },
    Deregister {
        who: &'static str,
    },
    Register {
        who: &'static str,
        expires: u32,
    },
    /// All calls have ended, all users are still registered.
    Look,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let user = |name: &'static str| (name, User::of(name));
        Self {
            world: World::new(),
            dice: SeededEntropy::new(seed),
            agenda: BTreeMap::new(),
            serial: 0,
            edge: Transactions::new(Timers::default()),
            users: USERS.into_iter().map(user).collect(),
            clients: USERS.into_iter().map(|name| (name, Client::of(name))).collect(),
            invites: HashMap::new(),
            begun: 0,
            ended: 0,
            released: 0,
            left: None,
            known: HashSet::new(),
            unacknowledged: HashMap::new(),
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.dice.next_u64() % below
    }

    fn put(&mut self, after: Duration, step: Step) {
        self.serial += 1;
        self.agenda.insert((self.world.now.mono + after, self.serial), step);
    }

    /// A datagram: lost, late, or twice.
    fn send(&mut self, from: u16, to: u16, octets: &Bytes) {
        for _ in 0..if self.draw(20) == 0 { 2 } else { 1 } {
            if self.draw(10) > 0 {
                let late = Duration::from_millis(1 + self.draw(120));
                self.put(late, Step::Deliver { from, to, octets: octets.clone() });
            }
        }
    }

    fn run(&mut self, calls: u64) {
        for who in USERS {
            let at = Duration::from_secs(60 + self.draw(1200));
            self.put(Duration::ZERO, Step::Register { who, expires: 3600 });
            self.put(at, Step::Deregister { who });
            self.put(at + Duration::from_secs(20), Step::Register { who, expires: 3600 });
        }
        self.put(Duration::from_secs(1700), Step::Look);
        for _ in 0..calls {
            let (caller, callee) = (USERS[self.draw(3) as usize], USERS[self.draw(3) as usize]);
            let at = Duration::from_secs(10 + self.draw(1300));
            self.put(at, Step::Call { caller, callee });
        }
        while let Some(at) = self.next() {
            self.world.now = Now { mono: at, unix: 1_700_000_000 + at.as_millis() / 1000 };
            self.timers();
            while self.agenda.first_key_value().is_some_and(|((due, _), _)| *due <= at) {
                let Some((_, step)) = self.agenda.pop_first() else { break };
                self.happen(step);
                self.pump();
            }
            self.pump();
        }
    }

    fn next(&self) -> Option<Instant> {
        let nodes = [self.world.icscf.poll_timeout(), self.world.scscf.poll_timeout(), self.edge.poll_timeout()];
        let agenda = self.agenda.first_key_value().map(|((at, _), _)| *at);
        nodes.into_iter().chain([agenda]).flatten().min().map(|at| at.max(self.world.now.mono))
    }

    fn timers(&mut self) {
        let now = self.world.now;
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now.mono);
        if due(self.world.icscf.poll_timeout()) {
            self.world.icscf.handle_timeout(now);
        }
        if due(self.world.scscf.poll_timeout()) {
            self.world.scscf.handle_timeout(now);
        }
        self.edge.handle_timeout(now.mono);
        self.pump();
    }

    fn pump(&mut self) {
        loop {
            let mut quiet = true;
            while let Some((to, octets)) = self.edge.poll_transmit() {
                self.send(EPCSCF, to.addr.port(), &octets);
                quiet = false;
            }
            while let Some(event) = self.edge.poll_event() {
                let (transaction::Event::Timeout { key } | transaction::Event::Failed { key }) = event else {
                    continue;
                };
                self.ended += usize::from(self.invites.remove(&key).is_some());
            }
            let icscf = self.world.icscf.poll_output().map(|output| (ICSCF, output));
            let scscf = self.world.scscf.poll_output().map(|output| (SCSCF, output));
            for (by, output) in [icscf, scscf].into_iter().flatten() {
                quiet = false;
                match output {
                    Output::Send { to, octets } => self.send(by, to.addr.port(), &octets),
                    Output::Ask(ask) => self.put(Duration::from_millis(3), Step::Asked { by, ask: Box::new(ask) }),
                    Output::Close { .. } => unreachable!("there are no connections"),
                }
            }
            while let Some(event) = self.world.scscf.poll_event() {
                self.released += usize::from(matches!(event, Event::CallReleased { .. }));
            }
            if quiet {
                return;
            }
        }
    }

    fn happen(&mut self, step: Step) {
        let now = self.world.now;
        match step {
            Step::Deliver { from, to: ICSCF, octets } => self.world.icscf.receive(now, peer(from), octets),
            Step::Deliver { from, to: SCSCF, octets } => self.world.scscf.receive(now, peer(from), octets),
            Step::Deliver { from, octets, .. } => {
                let message = Message::parse(octets, Framing::Datagram).unwrap();
                if let Some(incoming) = self.edge.receive(now.mono, message, peer(from)) {
                    self.on_incoming(incoming);
                }
            }
            Step::Asked { by, ask } => {
                let (id, request) = *ask;
                let answer = (id, Ok(self.world.hss.handle(&request)));
                match by {
                    ICSCF => self.world.icscf.answer(now, answer),
                    _ => self.world.scscf.answer(now, answer),
                }
            }
            Step::Look => self.left = Some((self.world.scscf.calls(), self.world.scscf.bindings())),
            Step::Register { who, expires } => {
                let register = self.clients.get_mut(who).unwrap().register_by_tna(expires, "");
                self.edge.request(now.mono, register, peer(ICSCF));
            }
            Step::Deregister { who } => {
                let reason = DeregistrationReason::PermanentTermination;
                // It may have gone by itself.
                let _ = self.world.hss.admin(AdminRequest::Deregister { impu: impu(who), reason });
                while let Some(push) = self.world.hss.poll_push() {
                    self.world.scscf.push(now, push.message);
                }
            }
            Step::Call { caller, callee } => {
                let invite =
                    self.users.get_mut(caller).unwrap().request("INVITE", &format!("sip:{callee}@ims.example"));
                let key = self.edge.request(now.mono, invite.clone(), peer(SCSCF));
                self.invites.insert(key, invite);
                self.begun += 1;
                if self.draw(4) == 0 {
                    let after = Duration::from_millis(100 + self.draw(4000));
                    self.put(after, Step::Cancel { invite: key });
                }
            }
            Step::Cancel { invite } => self.edge.cancel(now.mono, invite),
            Step::Answer { arrived, key, status } => self.answer(*arrived, key, status),
            Step::Repeat { dialog, after } => {
                if let Some((_, ok, key)) = self.unacknowledged.get(&dialog) {
                    self.edge.respond(now.mono, *key, ok.clone());
                    if after < Duration::from_secs(32) {
                        self.put(after, Step::Repeat { dialog, after: after * 2 });
                    }
                }
            }
            Step::Bye { mut end } => {
                let bye = end.request(Method::Bye);
                self.edge.request(now.mono, bye, peer(SCSCF));
            }
        }
    }

    fn on_incoming(&mut self, incoming: Incoming) {
        let now = self.world.now.mono;
        match incoming {
            Incoming::Request { key, request, from } if request.method == Method::Invite => {
                let arrived = Arrived { by: from.addr.port(), at: EPCSCF, request };
                let after = |storm: &mut Self, most| Duration::from_millis(50 + storm.draw(most));
                let ring = after(self, 500);
                let statuses = [200, 200, 200, 486, 603, 430, 480];
                let last = statuses[self.draw(7) as usize];
                let end = ring + after(self, 6000);
                self.put(ring, Step::Answer { arrived: Box::new(arrived.clone()), key, status: 180 });
                self.put(end, Step::Answer { arrived: Box::new(arrived), key, status: last });
            }
            Incoming::Request { key, request, .. } => {
                let mut ok = request.respond(StatusCode::OK);
                ok.ensure_to_tag(|| "tag".into());
                self.edge.respond(now, key, ok);
            }
            Incoming::Cancel { key, invite, request, .. } => {
                self.edge.respond(now, key, request.respond(StatusCode::OK));
                if let Some(invite) = invite {
                    let mut over = Request { method: Method::Invite, ..request };
                    over.headers.set(sip::HeaderName::CSeq, "1 INVITE");
                    let mut response = over.respond(StatusCode::REQUEST_TERMINATED);
                    response.ensure_to_tag(|| "gone".into());
                    self.edge.respond(now, invite, response);
                }
            }
            Incoming::Ack { request, .. } => {
                self.unacknowledged.remove(&dialog_name(&Message::Request(request)));
            }
            Incoming::Response { key, response } => self.on_response(key, response),
            Incoming::Stray { .. } => {}
        }
    }

    fn on_response(&mut self, key: ClientKey, response: Response) {
        let Some(invite) = self.invites.get(&key).cloned() else {
            if response.cseq().is_ok_and(|cseq| cseq.method == Method::Invite) && response.status.is_success() {
                self.acknowledge(None, response);
            }
            return;
        };
        if response.status.is_final() {
            self.ended += 1;
            self.invites.remove(&key);
        }
        if response.status.is_success() {
            self.acknowledge(Some(&invite), response);
        }
    }

    /// ACK to a 2xx, each time that it comes; the first time a BYE follows, from either end.
    fn acknowledge(&mut self, invite: Option<&Request>, response: Response) {
        let name = dialog_name(&Message::Response(response.clone()));
        let Some(invite) = invite.cloned().or_else(|| invite_of(&response)) else { return };
        let mut end = End::caller(&invite, &response);
        let ack = end.ack(1);
        self.edge.send(ack.into(), peer(SCSCF));
        if self.known.insert(name) && self.draw(2) == 0 {
            let after = Duration::from_secs(1 + self.draw(60));
            self.put(after, Step::Bye { end: Box::new(end) });
        }
    }

    fn answer(&mut self, arrived: Arrived, key: ServerKey, status: u16) {
        let name = arrived.request.uri.as_sip().and_then(|uri| uri.user.as_deref()).unwrap_or_default().to_owned();
        let Some(user) = self.users.values().find(|user| user.contact.contains(&format!(":{name}@"))) else { return };
        let response = user.answer(&arrived, status);
        let end = (status == 200).then(|| End::callee(&arrived, user));
        self.edge.respond(self.world.now.mono, key, response.clone());
        if let Some(end) = end {
            let dialog = dialog_name(&Message::Response(response.clone()));
            self.unacknowledged.insert(dialog.clone(), (arrived, response, key));
            self.put(Duration::from_millis(500), Step::Repeat { dialog, after: Duration::from_secs(1) });
            // Whether or not the caller hangs up, the callee does in the end.
            let after = Duration::from_secs(40 + self.draw(60));
            self.put(after, Step::Bye { end: Box::new(end) });
        }
    }
}

fn dialog_name(message: &Message) -> String {
    message.call_id().unwrap_or_default().to_owned()
}

/// What an ACK needs of the INVITE, out of its answer.
fn invite_of(response: &Response) -> Option<Request> {
    let mut invite = Request::new(Method::Invite, response.to().ok()?.uri.clone());
    for header in response.headers.iter() {
        invite.headers.push(header.name.clone(), header.value.clone());
    }
    Some(invite)
}

/// DLG-03, DLG-08, DER-04 on a bad network: every call has one end, and the core forgets them all.
#[test]
fn whatever_began_ends_and_nothing_is_held() {
    let runs = std::env::var("SIMULATION_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(5);
    let (mut stood, mut released, mut bound) = (0, 0, 0);
    for seed in 0..runs {
        let mut storm = Storm::new(seed);
        storm.run(60);
        stood += storm.known.len();
        released += storm.released;
        assert_eq!(storm.ended, storm.begun, "seed {seed}: every INVITE has one final answer");
        let (calls, bindings) = storm.left.unwrap();
        assert_eq!(calls, 0, "seed {seed}: calls that nobody knows of any more");
        bound += bindings;
        assert!(storm.world.scscf.is_idle() && storm.world.icscf.is_idle(), "seed {seed}: {:?}", storm.world.scscf);
    }
    assert!(stood > 0 && released > 0 && bound > 0, "{stood} stood, {released} released, {bound} bound");
}
