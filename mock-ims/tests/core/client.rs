//! REGISTERs as the eP-CSCF sends them on Mw.

use sip::digest::{self, Algorithm};
use sip::headers::{Authorization, Challenge, Credentials, DigestChallenge, WwwAuthenticate};
use sip::{Framing, HeaderName, Message, Request, Response};

/// One browser behind one eP-CSCF.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) impu: String,
    pub(crate) impi: String,
    pub(crate) password: String,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) contact: String,
    pub(crate) path: String,
    /// The eP-CSCF's address on Mw.
    pub(crate) edge: String,
    pub(crate) branch: u32,
}

impl Client {
    pub(crate) fn of(name: &str) -> Self {
        Self {
            impu: format!("sip:{name}@ims.example"),
            impi: format!("{name}-wic@ims.example"),
            password: format!("{name}-secret"),
            call_id: format!("call-{name}"),
            cseq: 0,
            contact: format!(
                "<sip:{name}@k3f9q2.invalid;transport=ws>;reg-id=1;\
                 +sip.instance=\"<urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-{name}>\""
            ),
            path: format!("<sip:flow-{name}@epcscf1.ims.example;lr;ob>"),
            edge: "127.0.0.1:5060".into(),
            branch: 0,
        }
    }

    /// A REGISTER without Authorization.
    pub(crate) fn register(&mut self, expires: u32) -> Request {
        let contact = format!("{};expires={expires}", self.contact);
        self.register_with(&format!("Contact: {contact}\r\n"))
    }

    /// A REGISTER that says who asks to be challenged.
    pub(crate) fn initial(&mut self, expires: u32) -> Request {
        let register = self.register(expires);
        self.identify(register)
    }

    /// Adds Authorization with the IMPI alone.
    pub(crate) fn identify(&self, register: Request) -> Request {
        let value = format!(
            "Digest username=\"{}\", realm=\"ims.example\", nonce=\"\", uri=\"sip:ims.example\", response=\"\"",
            self.impi
        );
        register.with_raw(HeaderName::Authorization, value)
    }

    /// A REGISTER with header lines of the test's own in place of Contact.
    pub(crate) fn register_with(&mut self, lines: &str) -> Request {
        self.cseq += 1;
        self.branch += 1;
        let Self { impu, call_id, cseq, path, edge, branch, .. } = self;
        let text = format!(
            "REGISTER sip:ims.example SIP/2.0\r\n\
             Via: SIP/2.0/UDP {edge};branch=z9hG4bKe{call_id}{branch}\r\n\
             Via: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bKw{branch}\r\n\
             Max-Forwards: 69\r\n\
             Route: <sip:icscf.ims.example;lr>\r\n\
             Path: {path}\r\n\
             Require: path\r\n\
             Supported: path, outbound, gruu\r\n\
             From: <{impu}>;tag=w1\r\n\
             To: <{impu}>\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {cseq} REGISTER\r\n\
             {lines}\
             P-Visited-Network-ID: \"ims.example\"\r\n\
             P-Access-Network-Info: IEEE-802.11;network-provided\r\n\
             P-Charging-Vector: icid-value=\"9b1f-17\";icid-generated-at=192.0.2.11;orig-ioi=\"Type 1ims.example\"\r\n\r\n"
        );
        request(&text)
    }

    /// The REGISTER of a trusted node that vouches for the user.
    pub(crate) fn register_by_tna(&mut self, expires: u32, extra: &str) -> Request {
        let register = self.register(expires);
        self.vouch(register, extra)
    }

    /// Adds the header of trusted node authentication.
    pub(crate) fn vouch(&self, register: Request, extra: &str) -> Request {
        let value = format!(
            "Digest username=\"{}\", realm=\"ims.example\", uri=\"sip:ims.example\", nonce=\"\", response=\"\", \
             integrity-protected=\"auth-done\"{extra}",
            self.impi
        );
        register.with_raw(HeaderName::Authorization, value)
    }

    /// Adds the answer to a challenge.
    pub(crate) fn answer(&self, register: Request, challenge: &DigestChallenge, nc: u32) -> Request {
        let cnonce = "0a4f113b5e6d";
        let credentials =
            digest::answer(challenge, &self.impi, &self.password, "REGISTER", "sip:ims.example", cnonce, nc).unwrap();
        register.with(&Authorization(Credentials::Digest(credentials)))
    }

    /// The answer to a challenge with one parameter changed; an empty value removes it.
    pub(crate) fn answer_but(
        &self,
        register: Request,
        challenge: &DigestChallenge,
        (param, value): (&str, &str),
    ) -> Request {
        let mut request = self.answer(register, challenge, 1);
        let Authorization(Credentials::Digest(mut credentials)) = request.headers.one().unwrap() else {
            unreachable!("it was just made")
        };
        match value {
            "" => drop(credentials.params.remove(param)),
            value => credentials.params.set(param, value),
        }
        request.headers.replace(&Authorization(Credentials::Digest(credentials)));
        request
    }
}

pub(crate) fn request(text: &str) -> Request {
    match Message::parse(text.as_bytes().to_vec(), Framing::Datagram) {
        Ok(Message::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

/// The Digest challenges of a 401, in order.
pub(crate) fn challenges(response: &Response) -> Vec<DigestChallenge> {
    let of = |header: WwwAuthenticate| match header.0 {
        Challenge::Digest(challenge) => challenge,
        other => panic!("not Digest: {other}"),
    };
    response.headers.each::<WwwAuthenticate>().unwrap().into_iter().map(of).collect()
}

/// The challenge for one algorithm.
pub(crate) fn challenge(response: &Response, algorithm: Algorithm) -> DigestChallenge {
    challenges(response).into_iter().find(|c| c.text("algorithm").as_deref() == Some(algorithm.as_str())).unwrap()
}
