//! What WICs and the core say to each other in calls.

use sip::dialog::Dialog;
use sip::headers::{Route, TypedHeader};
use sip::{FlowId, HeaderName, Message, Method, Request, Response, StatusCode};

use crate::world::{OPERATOR, PARTNER, Register, World, claims, guest, sign, with};

pub(crate) const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
pub(crate) const SERVICE_ROUTE: &str = "<sip:orig@scscf1.ims.example;lr>";

/// A registered WIC.
#[derive(Clone, Debug)]
pub(crate) struct Wic {
    pub(crate) flow: FlowId,
    pub(crate) impu: String,
    /// Its Contact's URI.
    pub(crate) contact: String,
    /// Its Route for initial requests.
    pub(crate) route: String,
    /// Path, as the core knows it.
    pub(crate) path: String,
}

/// The kinds of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Digest,
    Token,
    Pool,
    Range,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Digest, Kind::Token, Kind::Pool, Kind::Range];

/// A world in which users of a kind can register.
pub(crate) fn world_for(kind: Kind) -> World {
    world_with(kind, |_| {})
}

pub(crate) fn world_with(kind: Kind, change: impl FnOnce(&mut epcscf::Config)) -> World {
    World::with(|config| {
        if kind == Kind::Pool {
            config.policy.flow3.mode = epcscf::policy::Flow3Mode::PoolTna;
        }
        change(config);
    })
}

/// Registers the user number `n` of a kind.
pub(crate) fn register(world: &mut World, kind: Kind, n: u32) -> Wic {
    let flow = world.connect(if matches!(kind, Kind::Digest | Kind::Token) { OPERATOR } else { PARTNER });
    let register = register_of(kind, n);
    let answer = match kind {
        Kind::Range => {
            world.wic(flow, register.text());
            world.answer(flow)
        }
        _ => world.register_at_core(flow, &register),
    };
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let value = |name: HeaderName| answer.headers.value(&name).unwrap_or_default().to_owned();
    let contact = answer.headers.first::<sip::headers::Contact>().unwrap().unwrap();
    Wic {
        flow,
        impu: register.to.trim_matches(['<', '>']).to_owned(),
        contact: contact.uri.to_string(),
        route: value(HeaderName::ServiceRoute),
        path: value(HeaderName::Path),
    }
}

pub(crate) fn register_of(kind: Kind, n: u32) -> Register {
    let user = format!("sip:user-{n}@ims.example");
    match kind {
        Kind::Digest => Register::new(&user)
            .instance(n)
            .line(&format!("Authorization: Digest username=\"user-{n}-wic@ims.example\", nonce=\"n\", response=\"r\"")),
        Kind::Token => {
            let claims = with(claims(), "impi", format!("user-{n}-wic@ims.example"));
            let claims = with(with(claims, "impu", vec![user.clone()]), "jti", format!("u-{n}"));
            Register::new(&user).instance(n).bearer(&sign(&claims))
        }
        Kind::Pool | Kind::Range => guest(n),
    }
}

impl Wic {
    /// A request of this WIC outside of dialogs.
    pub(crate) fn request(&self, world: &mut World, method: &str, to: &str, lines: &str, body: &str) -> String {
        let Self { impu, contact, route, .. } = self;
        let branch = world.branch();
        let number = branch.trim_start_matches("z9hG4bKt");
        let route = if route.is_empty() { String::new() } else { format!("Route: {route}\r\n") };
        let contact = match method {
            "MESSAGE" => String::new(),
            _ => format!("Contact: <{contact}>\r\n"),
        };
        let content = if body.is_empty() || lines.contains("Content-Type") {
            String::new()
        } else if method == "MESSAGE" {
            "Content-Type: text/plain\r\n".into()
        } else {
            "Content-Type: application/sdp\r\n".into()
        };
        format!(
            "{method} {to} SIP/2.0\r\nVia: SIP/2.0/WSS w.invalid;branch={branch}\r\nMax-Forwards: 70\r\n{route}\
             From: <{impu}>;tag=w{number}\r\nTo: <{to}>\r\nCall-ID: c{number}@w.invalid\r\nCSeq: 1 {method}\r\n\
             {contact}{lines}{content}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    pub(crate) fn invite(&self, world: &mut World, to: &str, lines: &str) -> String {
        self.request(world, "INVITE", to, lines, SDP)
    }
}

/// A request of the core for a WIC, outside of dialogs, as the S-CSCF sends it: by Path and contact, or
/// for an identity out of a range by identity.
pub(crate) fn core_request(world: &mut World, wic: &Wic, method: &str, lines: &str) -> String {
    let branch = world.branch();
    let number = branch.trim_start_matches("z9hG4bKt");
    let (route, uri, called) = match wic.path.is_empty() {
        true => ("<sip:epcscf1.ims.example;lr>".to_owned(), wic.impu.clone(), String::new()),
        false => (wic.path.clone(), wic.contact.clone(), format!("P-Called-Party-ID: <{}>\r\n", wic.impu)),
    };
    let (dialog, body, content) = match method {
        "MESSAGE" => ("", "hello", "Content-Type: text/plain\r\n"),
        _ => (
            "Record-Route: <sip:scscf1.ims.example;lr>\r\nContact: <sip:bob@192.0.2.7>\r\n",
            SDP,
            "Content-Type: application/sdp\r\n",
        ),
    };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TCP scscf1.ims.example;branch={branch}\r\n\
         Via: SIP/2.0/UDP 192.0.2.7;branch={branch}b\r\nMax-Forwards: 60\r\nRoute: {route}\r\n\
         From: <sip:bob@ims.example>;tag=b{number}\r\nTo: <{}>\r\nCall-ID: d{number}@192.0.2.7\r\n\
         CSeq: 1 {method}\r\n{dialog}{called}P-Asserted-Identity: <sip:bob@ims.example>\r\n\
         P-Charging-Vector: icid-value=\"bob-1\";orig-ioi=\"ims.example\"\r\n{lines}{content}\
         Content-Length: {}\r\n\r\n{body}",
        wic.impu,
        body.len()
    )
}

/// A response as a UAS makes it: Record-Route copied, a Contact, a body where there is SDP to answer.
pub(crate) fn respond(request: &Request, status: u16, tag: &str, contact: &str) -> Response {
    let status = StatusCode::new(status).unwrap();
    let mut response = request.respond(status);
    response.ensure_to_tag(|| tag.to_owned());
    for value in request.headers.values(&HeaderName::RecordRoute) {
        response.headers.push(HeaderName::RecordRoute, value.to_owned());
    }
    if status.code() < 300 && !contact.is_empty() {
        response.headers.push(HeaderName::Contact, format!("<{contact}>"));
    }
    response
}

/// What a UAS in the core says: the S-CSCF has put its Record-Route on top.
pub(crate) fn core_says(request: &Request, status: u16, tag: &str) -> Response {
    let mut response = respond(request, status, tag, "sip:bob@192.0.2.7");
    if response.headers.has(&HeaderName::RecordRoute) {
        response.headers.push_front(HeaderName::RecordRoute, "<sip:scscf1.ims.example;lr>");
    }
    response
}

/// The end of a dialog that sends requests, and by what Via.
pub(crate) struct End {
    pub(crate) dialog: Dialog,
    via: &'static str,
}

impl End {
    pub(crate) fn wic(dialog: Dialog) -> Self {
        Self { dialog, via: "SIP/2.0/WSS w.invalid" }
    }

    /// The S-CSCF has taken itself off Route.
    pub(crate) fn core(dialog: Dialog) -> Self {
        Self { dialog, via: "SIP/2.0/TCP scscf1.ims.example" }
    }

    pub(crate) fn says(&mut self, world: &mut World, method: Method, body: &str) -> Request {
        let request = match method {
            Method::Ack => self.dialog.ack(1),
            method => self.dialog.request(method),
        };
        self.finish(world, request, body)
    }

    fn finish(&self, world: &mut World, mut request: Request, body: &str) -> Request {
        let via = format!("{};branch={}", self.via, world.branch());
        request.headers.push_front(HeaderName::Via, via);
        if self.via.contains("TCP") {
            request.headers.pop_first(&HeaderName::Route);
        }
        if matches!(request.method, Method::Invite | Method::Update) {
            let contact =
                if self.via.contains("TCP") { "<sip:bob@192.0.2.7>" } else { "<sip:w@w.invalid;transport=ws>" };
            request.headers.push(HeaderName::Contact, contact);
        }
        if body.is_empty() { request } else { request.with_body("application/sdp", body.to_owned()) }
    }
}

/// A call from a WIC that the core has answered, up to the ACK.
pub(crate) fn call_out(world: &mut World, wic: &Wic) -> (End, End) {
    let text = wic.invite(world, "sip:bob@ims.example", "");
    let invite = parse(&text);
    world.wic(wic.flow, &text);
    let at_core = world.at_core();
    let ok = core_says(&at_core, 200, "bob").with_body("application/sdp", SDP);
    // A UAS behind the S-CSCF sees that one's Record-Route on top.
    let mut beyond = at_core.clone();
    beyond.headers.push_front(HeaderName::RecordRoute, "<sip:scscf1.ims.example;lr>");
    let core = Dialog::uas(&beyond, "bob").map(confirmed(&ok)).unwrap();
    world.core_answers(ok);
    let ok = world.answer(wic.flow);
    let mut end = End::wic(Dialog::uac(&invite, &ok).unwrap());
    let ack = end.says(world, Method::Ack, "");
    world.wic(wic.flow, ack.to_bytes());
    assert_eq!(world.at_core().method, Method::Ack);
    (end, End::core(core))
}

/// A call to a WIC that it has answered, up to the ACK.
pub(crate) fn call_in(world: &mut World, wic: &Wic) -> (End, End) {
    let text = core_request(world, wic, "INVITE", "");
    world.core_asks_for(&text);
    let at_wic = world.at_wic(wic.flow);
    let ok = respond(&at_wic, 200, "wic", &wic.contact).with_body("application/sdp", SDP);
    let end = End::wic(Dialog::uas(&at_wic, "wic").map(confirmed(&ok)).unwrap());
    world.wic(wic.flow, ok.to_bytes());
    let ok = world.answer_to_core();
    let mut core = End::core(Dialog::uac(&parse(&text), &ok).unwrap());
    let ack = core.says(world, Method::Ack, "");
    world.core_asks_for(&ack.to_string());
    assert_eq!(world.at_wic(wic.flow).method, Method::Ack);
    (end, core)
}

fn confirmed(ok: &Response) -> impl FnOnce(Dialog) -> Dialog {
    let ok = ok.clone();
    move |mut dialog| {
        dialog.confirm(&ok).unwrap();
        dialog
    }
}

pub(crate) fn parse(text: &str) -> Request {
    match Message::parse(text.as_bytes().to_vec(), sip::Framing::WebSocket).unwrap() {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{response}"),
    }
}

pub(crate) fn routes(request: &Request) -> Vec<String> {
    request.headers.elements(&HeaderName::Route).map(|e| Route::parse(e).unwrap().uri.to_string()).collect()
}

/// All of these counters are zero but for connections and bindings.
pub(crate) fn nothing_under_way(world: &World) -> bool {
    let load = world.edge.load();
    (load.calls, load.dialogs, load.contexts) == (0, 0, 0)
}

/// The CANCEL of an INVITE (RFC 3261 §9.1).
pub(crate) fn cancel(invite: &str) -> Request {
    use HeaderName::{CSeq, CallId, From, MaxForwards, Route, To, Via};
    let invite = parse(invite);
    let kept =
        invite.headers.iter().filter(|h| matches!(h.name, Via | MaxForwards | Route | From | To | CallId | CSeq));
    let mut cancel = Request {
        method: Method::Cancel,
        headers: kept.cloned().collect(),
        body: Default::default(),
        ..invite.clone()
    };
    cancel.headers.set(CSeq, format!("{} CANCEL", invite.cseq().unwrap().number));
    cancel
}
