//! A proxy passes requests and responses on as RFC 3261 §16 says.

use sip::headers::{MaxForwards, Via};
use sip::proxy::{self, Own};
use sip::{Framing, HeaderName, Message, Request, StatusCode, Transport, Uri};

fn request(method: &str, uri: &str, lines: &str) -> Request {
    let text = format!(
        "{method} {uri} SIP/2.0\n\
         Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKin\n\
         From: <sip:alice@ims.example>;tag=a\n\
         To: <sip:bob@ims.example>\n\
         Call-ID: c1\n\
         CSeq: 1 {method}\n\
         {lines}\
         Content-Length: 0\n\n"
    );
    match Message::parse(text.replace('\n', "\r\n"), Framing::Datagram).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => unreachable!(),
    }
}

fn own() -> Own {
    Own::new([("edge.example".parse().unwrap(), None), ("192.0.2.5".parse().unwrap(), Some(5060))])
}

fn routes(request: &Request) -> Vec<String> {
    request.headers.elements(&HeaderName::Route).map(str::to_owned).collect()
}

#[test]
fn a_hop_is_taken_until_none_is_left() {
    let hops = |lines: &str| {
        let mut headers = request("MESSAGE", "sip:bob@ims.example", lines).headers;
        proxy::take_hop(&mut headers).map(|()| headers.one::<MaxForwards>().unwrap().0).map_err(|e| e.status.code())
    };
    assert_eq!(hops("Max-Forwards: 70\n"), Ok(69));
    assert_eq!(hops("Max-Forwards: 1\n"), Ok(0));
    assert_eq!(hops("Max-Forwards: 0\n"), Err(483));
    assert_eq!(hops(""), Ok(70));
    assert_eq!(hops("Max-Forwards: x\n"), Err(400));
}

#[test]
fn an_extension_that_is_not_supported_is_named_in_a_420() {
    let lines = "Proxy-Require: sec-agree, nothing-that-exists\nProxy-Require: neither-this\nRequire: PATH\n";
    let register = request("REGISTER", "sip:ims.example", lines);
    let refusal = proxy::refuse_extensions(&register, &HeaderName::ProxyRequire, &["Sec-Agree"]).unwrap_err();
    assert_eq!(refusal.status, StatusCode::BAD_EXTENSION);
    assert_eq!(refusal.headers.value(&HeaderName::Unsupported), Some("nothing-that-exists, neither-this"));
    refusal.validate().unwrap();
    assert_eq!(proxy::refuse_extensions(&register, &HeaderName::Require, &["path"]), Ok(()));
    for method in ["ACK", "CANCEL"] {
        let request = request(method, "sip:bob@ims.example", lines);
        assert_eq!(proxy::refuse_extensions(&request, &HeaderName::ProxyRequire, &[]), Ok(()));
    }
}

#[test]
fn our_entries_are_taken_off_route_and_given_back() {
    let lines = "Route: <sip:tok@edge.example:7443;transport=ws;lr>, <sip:192.0.2.5;lr>\nRoute: <sip:next.example;lr>, <sip:edge.example;lr>\n";
    let mut invite = request("INVITE", "sip:bob@ims.example", lines);
    let taken = proxy::preprocess_route(&mut invite, &own()).unwrap();
    assert_eq!(taken.iter().map(|uri| uri.user.as_deref()).collect::<Vec<_>>(), [Some("tok"), None]);
    assert_eq!(routes(&invite), ["<sip:next.example;lr>", "<sip:edge.example;lr>"]);
    assert_eq!(proxy::next_hop(&mut invite).unwrap(), "sip:next.example;lr".parse().unwrap());
    assert_eq!(invite.uri, "sip:bob@ims.example".parse().unwrap());
}

#[test]
fn somebody_elses_port_is_not_ours() {
    let mut invite = request("INVITE", "sip:bob@ims.example", "Route: <sip:192.0.2.5:5099;lr>\n");
    assert_eq!(proxy::preprocess_route(&mut invite, &own()).unwrap(), []);
    assert_eq!(routes(&invite).len(), 1);
}

#[test]
fn what_a_strict_router_sent_is_put_right() {
    let lines = "Route: <sip:next.example;lr>, <sip:bob@192.0.2.77;transport=tcp>\n";
    let mut bye = request("BYE", "sip:tok@edge.example;lr", lines);
    let taken = proxy::preprocess_route(&mut bye, &own()).unwrap();
    assert_eq!(taken[0].user.as_deref(), Some("tok"));
    assert_eq!(bye.uri, "sip:bob@192.0.2.77;transport=tcp".parse().unwrap());
    assert_eq!(routes(&bye), ["<sip:next.example;lr>"]);
}

#[test]
fn a_request_to_ourselves_without_route_stays_as_it_is() {
    for uri in ["sip:edge.example", "sip:edge.example;lr"] {
        let mut options = request("OPTIONS", uri, "");
        assert_eq!(proxy::preprocess_route(&mut options, &own()).unwrap(), []);
        assert_eq!(options.uri, uri.parse::<Uri>().unwrap());
        assert_eq!(proxy::next_hop(&mut options).unwrap(), uri.parse().unwrap());
    }
}

#[test]
fn a_strict_router_ahead_gets_what_it_expects() {
    let mut invite = request("INVITE", "sip:bob@ims.example", "Route: <sip:old.example>, <sip:next.example;lr>\n");
    assert_eq!(proxy::next_hop(&mut invite).unwrap(), "sip:old.example".parse().unwrap());
    assert_eq!(invite.uri, "sip:old.example".parse().unwrap());
    assert_eq!(routes(&invite), ["<sip:next.example;lr>", "<sip:bob@ims.example>"]);
    let mut invite = request("INVITE", "sip:bob@ims.example", "Route: <sip:old.example>\n");
    proxy::next_hop(&mut invite).unwrap();
    assert_eq!(routes(&invite), ["<sip:bob@ims.example>"]);
}

#[test]
fn a_malformed_route_is_an_error_and_no_panic() {
    for route in ["<sip:a.example", "<tel:+1>", ",", "\"x"] {
        let mut invite = request("INVITE", "sip:bob@ims.example", &format!("Route: {route}\n"));
        assert!(
            proxy::preprocess_route(&mut invite, &own()).is_err() || proxy::next_hop(&mut invite).is_err(),
            "{route}"
        );
    }
}

/// What `incoming` looks like when it has passed through us and comes back by another proxy.
fn pass_through(incoming: &Request, token: &str) -> Request {
    let mut back = incoming.clone();
    let host = "edge.example".parse().unwrap();
    let via = Via::new(Transport::Udp, host, None, &proxy::branch(token, incoming));
    proxy::push_via(&mut back.headers, &via);
    let via = Via::new(Transport::Udp, "next.example".parse().unwrap(), None, "theirs");
    proxy::push_via(&mut back.headers, &via);
    back
}

#[test]
fn a_request_that_comes_back_unchanged_is_a_loop_and_a_changed_one_a_spiral() {
    let is_own = |via: &Via| own().is(&via.host, via.port);
    let invite = request("INVITE", "sip:bob@ims.example", "Max-Forwards: 70\n");
    assert_eq!(proxy::check_loop(&invite, is_own), Ok(()));
    let mut back = pass_through(&invite, "t1");
    proxy::take_hop(&mut back.headers).unwrap();
    assert_eq!(proxy::check_loop(&back, is_own).unwrap_err().status, StatusCode::LOOP_DETECTED);

    let mut spiral = back.clone();
    spiral.uri = "sip:bob@192.0.2.77".parse().unwrap();
    assert_eq!(proxy::check_loop(&spiral, is_own), Ok(()));
    let again = pass_through(&spiral, "t2");
    assert_eq!(proxy::check_loop(&again, is_own).unwrap_err().status, StatusCode::LOOP_DETECTED);
    assert_eq!(proxy::check_loop(&back, |_| false), Ok(()), "another node's mark is its own");
}

#[test]
fn each_copy_has_a_branch_of_its_own() {
    let invite = request("INVITE", "sip:bob@ims.example", "");
    assert_ne!(proxy::branch("one", &invite), proxy::branch("two", &invite));
    let via = Via::new(Transport::Udp, "edge.example".parse().unwrap(), None, &proxy::branch("one", &invite));
    assert!(via.rfc3261_branch().is_some());
}

#[test]
fn a_response_goes_on_without_our_via_unless_it_ends_here() {
    let mut invite = request("INVITE", "sip:bob@ims.example", "");
    let via = Via::new(Transport::Udp, "edge.example".parse().unwrap(), None, "b");
    proxy::push_via(&mut invite.headers, &via);
    let ringing = proxy::forward(invite.respond(StatusCode::RINGING)).unwrap();
    assert_eq!(ringing.via().unwrap().branch(), Some("z9hG4bKin"));
    assert_eq!(proxy::forward(invite.respond(StatusCode::TRYING)), None);
    assert_eq!(proxy::forward(ringing), None, "the last Via was ours");
}
