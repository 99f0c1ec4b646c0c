//! One layer on a test bench: a clock that is set by hand, and what came out since the last look.

use sip::transaction::{ClientKey, Event, Incoming, ServerKey, Timers, Transactions};
use sip::{FlowId, Framing, Instant, Message, Peer, Request, Response, StatusCode, Transport};

pub(crate) struct Bench {
    pub(crate) layer: Transactions,
    now: Instant,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Transactions::new(Timers::default()))
    }

    pub(crate) fn with(layer: Transactions) -> Self {
        Self { layer, now: Instant::from_millis(1_000_000) }
    }

    pub(crate) fn request(&mut self, request: &Request, to: Peer) -> ClientKey {
        self.layer.request(self.now, request.clone(), to)
    }

    pub(crate) fn receive(&mut self, message: impl Into<Message>, from: Peer) -> Option<Incoming> {
        self.layer.receive(self.now, message.into(), from)
    }

    /// Receives a request that starts a server transaction.
    pub(crate) fn serve(&mut self, request: &Request, from: Peer) -> (ServerKey, Request) {
        match self.receive(request.clone(), from) {
            Some(Incoming::Request { key, request, .. }) => (key, request),
            other => panic!("{other:?}"),
        }
    }

    /// Receives a response; its status if the user is shown it.
    pub(crate) fn answer(&mut self, request: &Request, status: u16, from: Peer) -> Option<(ClientKey, u16)> {
        match self.receive(response(request, status), from) {
            Some(Incoming::Response { key, response }) => Some((key, response.status.code())),
            None => None,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn respond(&mut self, key: ServerKey, request: &Request, status: u16) {
        self.layer.respond(self.now, key, response(request, status));
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Lets time pass, timer by timer; when, in milliseconds from the start of this, what was sent.
    pub(crate) fn pass(&mut self, millis: u64) -> Vec<(u64, String)> {
        let start = self.now.as_millis();
        let end = Instant::from_millis(start + millis);
        let mut sent = Vec::new();
        while let Some(next) = self.layer.poll_timeout().filter(|next| *next <= end) {
            assert!(next > self.now, "a timer in the past");
            self.now = next;
            self.layer.handle_timeout(next);
            sent.extend(self.sent().into_iter().map(|line| (next.as_millis() - start, line)));
        }
        self.now = end;
        sent
    }

    /// The start-lines of what waits to be sent.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        self.sent_to().into_iter().map(|(_, message)| start_line(&message)).collect()
    }

    /// What waits to be sent, and where.
    pub(crate) fn sent_to(&mut self) -> Vec<(Peer, Message)> {
        std::iter::from_fn(|| self.layer.poll_transmit())
            .map(|(to, octets)| (to, Message::parse(octets, Framing::Datagram).unwrap()))
            .collect()
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.layer.poll_event()).collect()
    }
}

pub(crate) fn start_line(message: &Message) -> String {
    match message {
        Message::Request(r) => r.method.to_string(),
        Message::Response(r) => r.status.to_string(),
    }
}

pub(crate) fn udp() -> Peer {
    Peer::new(Transport::Udp, "192.0.2.7:5060".parse().unwrap())
}

pub(crate) fn tcp() -> Peer {
    Peer::on_flow(Transport::Tcp, "192.0.2.7:40000".parse().unwrap(), FlowId(3))
}

pub(crate) fn wss(flow: u64) -> Peer {
    Peer::on_flow(Transport::Wss, "192.0.2.7:50000".parse().unwrap(), FlowId(flow))
}

pub(crate) fn request(method: &str, branch: &str) -> Request {
    let text = format!(
        "{method} sip:bob@ims.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.7:5060;branch={branch}\r\n\
         Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKbelow\r\n\
         Max-Forwards: 69\r\n\
         Route: <sip:one.example;lr>, <sip:two.example;lr>\r\n\
         From: <sip:alice@ims.example>;tag=a\r\n\
         To: <sip:bob@ims.example>\r\n\
         Call-ID: c1@192.0.2.1\r\n\
         CSeq: 4 {method}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    match Message::parse(text, Framing::Datagram).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => unreachable!(),
    }
}

pub(crate) fn response(request: &Request, status: u16) -> Response {
    let mut response = request.respond(StatusCode::new(status).unwrap());
    if status > 100 {
        response.ensure_to_tag(|| "b".into());
    }
    response
}
