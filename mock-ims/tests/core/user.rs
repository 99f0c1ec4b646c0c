//! Requests of users as the eP-CSCF sends them on Mw, and its answers for them.

use crate::client::{Client, request};
use crate::world::{Arrived, EPCSCF, SCSCF, World};
use sip::dialog;
use sip::headers::Contact;
use sip::{HeaderName, Request, Response, StatusCode};

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
        if status.is_success() {
            // The eP-CSCF asserts who answers.
            response.headers.push(HeaderName::PAssertedIdentity, format!("<{}>", self.impu));
        }
        response
    }
}

impl World {
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
