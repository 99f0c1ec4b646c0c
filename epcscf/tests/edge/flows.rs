//! Flow tokens and the requests of the core that follow them (TS 24.229 §5.2.6.4, RFC 5626 §5.3).

use epcscf::{Event, FlowTokens};
use sip::{FlowId, HeaderName, Peer, Transport};

use crate::world::{OPERATOR, PARTNER, World, core_peer, guest};

fn invite(route: &str, uri: &str, extra: &str) -> String {
    format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/TCP scscf1.ims.example;branch=z9hG4bK{:x}\r\nMax-Forwards: 70\r\n{route}\
         From: <sip:bob@ims.example>;tag=1\r\nTo: <{uri}>\r\nCall-ID: t-1\r\nCSeq: 1 INVITE\r\n{extra}\
         Content-Length: 0\r\n\r\n",
        route.len() * 31 + uri.len() * 7 + extra.len(),
    )
}

fn by_route(world: &mut World, path: &str) -> u16 {
    world.core_asks(core_peer(), &invite(&format!("Route: {path}\r\n"), "sip:u8c2@k3f9q2.invalid;transport=ws", ""))
}

fn registered_path(world: &mut World) -> (FlowId, String) {
    let flow = world.connect(OPERATOR);
    let path = world.register_alice(flow).headers.value(&HeaderName::Path).unwrap().to_owned();
    (flow, path)
}

#[test]
fn a_flow_token_leads_to_its_connection_or_to_430() {
    let mut world = World::new();
    let (flow, path) = registered_path(&mut world);
    world.core_asks_for(&invite(&format!("Route: {path}\r\n"), "sip:u8c2@k3f9q2.invalid;transport=ws", ""));
    assert_eq!(world.at_wic(flow).uri.to_string(), "sip:u8c2@k3f9q2.invalid;transport=ws");
    world.lose(flow);
    world.answer_to_core();
    assert_eq!(by_route(&mut world, &format!("{path}, <sip:x.example;lr>")), 430);
    assert_eq!(world.edge.registrations(world.now).len(), 1, "the registration stays until it expires");
}

#[test]
fn a_forged_flow_token_is_403() {
    let mut world = World::new();
    let (_, path) = registered_path(&mut world);
    let (user, host) = path.trim_start_matches("<sip:").split_once('@').unwrap();
    let mut forged = user.as_bytes().to_vec();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    assert_eq!(by_route(&mut world, &format!("<sip:{forged}@{host}")), 403);
    assert_eq!(by_route(&mut world, &format!("<sip:alice@{host}")), 403);
}

#[test]
fn a_flow_token_from_before_a_restart_is_430_where_the_key_is_kept() {
    let key = [9; 32];
    let mut world = World::with(|c| c.flow_token_key = Some(epcscf::config::FlowTokenKey::new(key)));
    let old = FlowTokens::new(&key, 1).mint(FlowId(1));
    assert_eq!(by_route(&mut world, &format!("<sip:{old}@epcscf1.ims.example;lr>")), 430);
}

/// TNA-03's twin at the edge.
#[test]
fn only_trusted_nodes_are_heard_on_mw() {
    let mut world = World::new();
    let (_, path) = registered_path(&mut world);
    world.events();
    let stranger = Peer::on_flow(Transport::Tcp, "192.0.2.66:5060".parse().unwrap(), FlowId((1 << 63) | 2));
    let status = world.core_asks(stranger, &invite(&format!("Route: {path}\r\n"), "sip:a@b.invalid", ""));
    assert_eq!(status, 403);
    assert!(world.events().iter().any(|event| matches!(event, Event::UntrustedPeer { .. })));
}

#[test]
fn the_core_registers_nobody_at_the_edge() {
    let mut world = World::new();
    let text = invite("", "sip:ims.example", "").replace("INVITE", "REGISTER");
    assert_eq!(world.core_asks(core_peer(), &text), 405);
}

/// T-3: an identity out of a range is found by itself.
#[test]
fn a_called_guest_is_found_by_identity() {
    let mut world = World::new();
    let flow = world.connect(PARTNER);
    let called = "P-Called-Party-ID: <sip:guest-1@partner.ims.example>\r\n";
    let ask = |world: &mut World, uri: &str, extra: &str| world.core_asks(core_peer(), &invite("", uri, extra));
    assert_eq!(ask(&mut world, "sip:guest-1@partner.ims.example", ""), 480);
    assert_eq!(ask(&mut world, "sip:alice@ims.example", ""), 404);
    assert_eq!(ask(&mut world, "sip:trunk@partner.ims.example", ""), 404);
    assert_eq!(world.status(flow, &guest(1)), 200);
    for (uri, extra) in [("sip:guest-1@PARTNER.ims.example;user=phone", ""), ("sip:epcscf1.ims.example;lr", called)] {
        world.core_asks_for(&invite("", uri, extra));
        assert_eq!(world.at_wic(flow).uri.to_string(), "sip:u8c2@i1.invalid;transport=ws");
    }
    world.lose(flow);
    world.sleep(0);
    while let Some(answer) = world.try_answer_to_core() {
        assert_eq!(answer.status.code(), 480, "not 430: there is no flow that the core could forget");
    }
    assert_eq!(ask(&mut world, "sip:guest-1@partner.ims.example;x=1", ""), 480);
}
