//! A REGISTER is read, viewed and written back.

use sip::headers::{Authorization, CSeq, Credentials, TypedHeader, Via};
use sip::{Framing, HeaderName, Message, Method};

const REGISTER: &str = "REGISTER sip:ims.example SIP/2.0\r\n\
v: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK7d1a\r\n\
Max-Forwards: 70\r\n\
From: <sip:alice@ims.example>;tag=w1\r\n\
To: <sip:alice@ims.example>\r\n\
Call-ID: r-5d0e7c@k3f9q2.invalid\r\n\
CSeq: 1 REGISTER\r\n\
Contact: <sip:u8c2@k3f9q2.invalid;transport=ws>;reg-id=1;\r\n \
+sip.instance=\"<urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-2f5a6c1d8e90>\";expires=3600\r\n\
Supported: path, outbound, gruu\r\n\
Authorization: Bearer eyJhbGciOiJFZERTQSJ9.e30.c2ln\r\n\
Content-Length: 0\r\n\r\n";

#[test]
fn a_register_is_read_and_written_back() {
    let message = Message::parse(REGISTER, Framing::WebSocket).unwrap();
    let Message::Request(request) = &message else { panic!("not a request") };
    request.validate().unwrap();
    assert_eq!(request.method, Method::Register);
    assert_eq!(request.cseq().unwrap(), CSeq { number: 1, method: Method::Register });
    assert_eq!(request.via().unwrap().rfc3261_branch(), Some("z9hG4bK7d1a"));
    assert!(request.headers.lists(&HeaderName::Supported, "GRUU"));
    let contacts = request.headers.all::<sip::headers::Contact>().unwrap();
    assert_eq!(contacts[0].instance().unwrap(), "urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-2f5a6c1d8e90");
    let auth: Authorization = request.headers.one().unwrap();
    let Credentials::Bearer(token) = &*auth else { panic!("not Bearer") };
    assert_eq!(token.expose(), "eyJhbGciOiJFZERTQSJ9.e30.c2ln");
    assert!(!format!("{auth:?}").contains("eyJ"));

    let again = Message::parse(message.to_bytes(), Framing::WebSocket).unwrap();
    assert_eq!(again, message);
    assert!(again.to_bytes().starts_with(b"REGISTER sip:ims.example SIP/2.0\r\nv: SIP/2.0/WSS"));
}

#[test]
fn a_response_copies_what_it_must() {
    let Ok(Message::Request(request)) = Message::parse(REGISTER, Framing::WebSocket) else { panic!() };
    let mut response = request.respond_with(sip::StatusCode::FORBIDDEN, "no\r\nway");
    response.ensure_to_tag(|| "t1".into());
    let text = response.to_string();
    assert!(text.starts_with("SIP/2.0 403 no  way\r\nv: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK7d1a\r\n"), "{text}");
    assert!(text.contains("To: <sip:alice@ims.example>;tag=t1\r\n"));
    assert_eq!(Via::parse(request.headers.value(&HeaderName::Via).unwrap()).unwrap(), response.via().unwrap());
}
