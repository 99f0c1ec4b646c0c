//! Requests of users as the eP-CSCF sends them on Mw, and its answers for them.

use crate::client::{Client, request};
use crate::world::{Arrived, EPCSCF, SCSCF, World};
use sip::dialog::{self, Dialog};
use sip::headers::{Contact, Route};
use sip::{HeaderName, Method, Request, Response, StatusCode};

/// A user behind the eP-CSCF.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) impu: String,
    /// The Contact's address.
    pub(crate) contact: String,
    /// The user part of the eP-CSCF's flow towards it.
    pub(crate) flow: String,
    /// P-Profile-Key, for one out of a range.
    pub(crate) key: Option<String>,
    pub(crate) requests: u32,
}

impl User {
    /// A user of the home domain, as [`Client::of`] registers it.
    pub(crate) fn of(name: &str) -> Self {
        Self {
            impu: format!("sip:{name}@ims.example"),
            contact: format!("sip:{name}@k3f9q2.invalid;transport=ws"),
            flow: format!("flow-{name}"),
            key: None,
            requests: 0,
        }
    }

    /// One out of the partner's range, whose registrar is the eP-CSCF.
    pub(crate) fn guest(name: &str) -> Self {
        let key = Some("sip:guest-!.*!@partner.ims.example".to_owned());
        Self { impu: format!("sip:{name}@partner.ims.example"), key, ..Self::of(name) }
    }

    /// An initial request, to be sent to the S-CSCF.
    pub(crate) fn request(&mut self, method: &str, to: &str) -> Request {
        self.request_with(method, to, "")
    }

    /// An initial request with more header lines.
    pub(crate) fn request_with(&mut self, method: &str, to: &str, lines: &str) -> Request {
        self.requests += 1;
        let Self { impu, contact, flow, key, requests } = self;
        let name = flow.trim_start_matches("flow-");
        let key = key.as_ref().map(|key| format!("P-Profile-Key: <{key}>\r\n")).unwrap_or_default();
        let dialog = format!(
            "Record-Route: <sip:epcscf1.ims.example;lr>, <sip:{flow}@epcscf1.ims.example:443;transport=ws;lr>\r\n\
             Contact: <{contact};ob>\r\n"
        );
        let dialog = if matches!(method, "INVITE" | "SUBSCRIBE" | "REFER") { dialog } else { String::new() };
        request(&format!(
            "{method} {to} SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKe{name}{requests};rport\r\n\
             Via: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bKw{name}{requests}\r\n\
             Max-Forwards: 69\r\n\
             Route: <sip:orig@scscf1.ims.example;lr>\r\n\
             {dialog}\
             From: <{impu}>;tag=from-{name}\r\n\
             To: <{to}>\r\n\
             Call-ID: dialog-{name}-{requests}\r\n\
             CSeq: 1 {method}\r\n\
             P-Asserted-Identity: <{impu}>\r\n\
             {key}\
             P-Charging-Vector: icid-value=\"9b1f-21\";icid-generated-at=192.0.2.11;orig-ioi=\"Type 1ims.example\"\r\n\
             P-Access-Network-Info: IEEE-802.11;network-provided\r\n\
             {lines}\r\n"
        ))
    }

    /// What the eP-CSCF answers for this user: 1xx and 2xx to INVITE and SUBSCRIBE make a dialog.
    pub(crate) fn answer(&self, arrived: &Arrived, status: u16) -> Response {
        let status = StatusCode::new(status).unwrap();
        let tag = format!("to-{}", self.flow.trim_start_matches("flow-"));
        let mut response = match status.code() {
            101..=299 => {
                let contact = Contact::new(self.contact.parse().unwrap());
                dialog::respond(&arrived.request, status, &tag, &contact)
            }
            _ => arrived.request.respond(status),
        };
        if status != StatusCode::TRYING {
            response.ensure_to_tag(|| tag);
        }
        if (101..300).contains(&status.code()) && response.headers.has(&HeaderName::RecordRoute) {
            // The eP-CSCF recorded itself twice.
            let own =
                format!("<sip:{}@epcscf1.ims.example:443;transport=ws;lr>, <sip:epcscf1.ims.example;lr>", self.flow);
            response.headers.push_front(HeaderName::RecordRoute, own);
        }
        if status.is_success() {
            // The eP-CSCF asserts who answers.
            response.headers.push(HeaderName::PAssertedIdentity, format!("<{}>", self.impu));
        }
        response
    }
}

/// One end of a dialog, as its eP-CSCF speaks for it on Mw.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) dialog: Dialog,
    requests: u32,
}

impl End {
    pub(crate) fn caller(invite: &Request, response: &Response) -> Self {
        // What the answer says of the eP-CSCF's hops on the callee's side stays in the route set.
        Self { dialog: Dialog::uac(invite, response).unwrap(), requests: 0 }
    }

    pub(crate) fn callee(arrived: &Arrived, user: &User) -> Self {
        let tag = format!("to-{}", user.flow.trim_start_matches("flow-"));
        let mut dialog = Dialog::uas(&arrived.request, &tag).unwrap();
        dialog.confirm(&user.answer(arrived, 200)).unwrap();
        Self { dialog, requests: 0 }
    }

    /// The next request, with the eP-CSCF's own hops taken off.
    pub(crate) fn request(&mut self, method: Method) -> Request {
        let request = self.dialog.request(method);
        self.on_mw(request)
    }

    pub(crate) fn ack(&mut self, invite_cseq: u32) -> Request {
        let ack = self.dialog.ack(invite_cseq);
        self.on_mw(ack)
    }

    fn on_mw(&mut self, mut request: Request) -> Request {
        self.requests += 1;
        let is_edge = |route: &Route| route.uri.to_string().contains("epcscf1");
        let routes: Vec<Route> = request.headers.all::<Route>().unwrap().into_iter().skip_while(is_edge).collect();
        sip::proxy::set_routes(&mut request, &routes);
        let id = self.dialog.id();
        let branch = format!("{}-{}{}", id.call_id, id.local_tag, self.requests);
        let via = format!("SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKd{branch};rport");
        request.headers.push_front(HeaderName::Via, via);
        request
    }
}

impl World {
    /// A call that stands: the two ends, and the INVITE's way out of the core.
    pub(crate) fn establish(&mut self, caller: &mut User, callee: &User) -> (End, End) {
        let invite = caller.request("INVITE", &callee.impu);
        self.originate(&invite);
        let arrived = self.one_arrived();
        self.reply(&arrived, &callee.answer(&arrived, 200));
        let ok = self.responses().pop().expect("an answer");
        assert_eq!(ok.status, StatusCode::OK, "{ok}");
        let mut end = End::caller(&invite, &ok);
        let ack = end.ack(1);
        self.originate(&ack);
        assert_eq!(self.one_arrived().request.method, Method::Ack);
        (end, End::callee(&arrived, callee))
    }

    /// Registers a user of the home domain by TNA.
    pub(crate) fn register(&mut self, name: &str) -> User {
        let response = self.send(&Client::of(name).register_by_tna(600, ""));
        assert_eq!(response.status, StatusCode::OK, "{response}");
        self.log.clear();
        self.events.clear();
        User::of(name)
    }

    /// A request of a user who is behind the eP-CSCF.
    pub(crate) fn originate(&mut self, request: &Request) {
        self.start(EPCSCF, SCSCF, request);
    }
}
