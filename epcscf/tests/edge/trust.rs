//! TP-REG 01, 10, 11: what leaves for the core is the network's word, and what comes back is not
//! all for the WIC.

use sip::HeaderName;

use crate::world::{OPERATOR, Register, World, ok};

fn alice() -> Register {
    Register::new("sip:alice@ims.example")
}

const CLAIMS: [&str; 15] = [
    "P-Asserted-Identity: <sip:eve@ims.example>",
    "P-Preferred-Identity: <sip:eve@ims.example>",
    "P-Asserted-Service: urn:urn-7:eve",
    "P-Associated-URI: <sip:eve@ims.example>",
    "P-Called-Party-ID: <sip:eve@ims.example>",
    "P-Charging-Function-Addresses: ccf=eve",
    "P-Charging-Vector: icid-value=eve",
    "P-Profile-Key: <sip:eve@ims.example>",
    "P-Served-User: <sip:eve@ims.example>",
    "P-Visited-Network-ID: eve",
    "Path: <sip:eve.example;lr>",
    "Service-Route: <sip:eve.example;lr>",
    "Feature-Caps: *;+g.eve",
    "Route: <sip:eve.example;lr>",
    "P-Access-Network-Info: 3GPP-E-UTRAN;utran-cell-id-3gpp=eve;network-provided",
];

/// REG-01, REG-10, REG-11.
#[test]
fn the_network_headers_are_ours_alone() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    let register = CLAIMS.iter().fold(alice(), |register, line| register.line(line));
    world.wic(flow, register.text());
    let request = world.at_core();
    assert!(!request.to_string().contains("eve"), "{request}");
    let values = |name: HeaderName| request.headers.values(&name).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(values(HeaderName::PVisitedNetworkId), ["\"ims.example\""]);
    assert_eq!(values(HeaderName::PAccessNetworkInfo), ["IEEE-802.11;network-provided"]);
    assert_eq!(values(HeaderName::Route), ["<sip:icscf.ims.example;lr>"]);
    assert_eq!(values(HeaderName::Require), ["path"]);
    assert_eq!(values(HeaderName::Supported), ["path, outbound, gruu"]);
    assert_eq!(values(HeaderName::MaxForwards), ["69"]);
    assert_eq!(values(HeaderName::Path).len(), 1);
    assert!(values(HeaderName::Path)[0].ends_with("@epcscf1.ims.example;lr;ob>"));
    let charging = values(HeaderName::PChargingVector).concat();
    assert!(charging.contains("-epcscf1-000001\""), "{charging}");
    assert!(charging.contains("icid-generated-at=epcscf1.ims.example"), "{charging}");
    assert!(charging.contains("orig-ioi=\"Type 1ims.example\""), "{charging}");
    let vias = values(HeaderName::Via);
    assert_eq!(vias.len(), 2);
    assert!(vias[0].starts_with("SIP/2.0/TCP epcscf1.ims.example;branch=z9hG4bK"), "{vias:?}");
}

#[test]
fn ob_is_only_for_a_client_of_outbound() {
    let path = |register: &Register| {
        let mut world = World::new();
        let flow = world.connect(OPERATOR);
        world.wic(flow, register.text());
        world.at_core().headers.value(&HeaderName::Path).unwrap().to_owned()
    };
    assert!(path(&alice()).contains(";ob"));
    let mut without_support = alice();
    without_support.supported = "path".into();
    assert!(!path(&without_support).contains(";ob"));
    assert!(!path(&alice().contact("<sip:u8c2@k3f9q2.invalid;transport=ws>;expires=3600")).contains(";ob"));
}

#[test]
fn hops_and_extensions_are_counted_as_a_proxy_must() {
    let status = |text: String| {
        let mut world = World::new();
        let flow = world.connect(OPERATOR);
        world.wic(flow, text);
        let answer = world.try_answer(flow);
        (answer.as_ref().map_or(0, |a| a.status.code()), answer, world.mw.len())
    };
    let hops = |n: &str| alice().text().replace("Max-Forwards: 70", &format!("Max-Forwards: {n}"));
    assert_eq!(status(hops("0")).0, 483);
    assert_eq!(status(hops("x")).0, 400);
    let (code, answer, sent) = status(alice().line("Proxy-Require: sec-agree, foo").text());
    assert_eq!((code, sent), (420, 0));
    assert_eq!(answer.unwrap().headers.value(&HeaderName::Unsupported), Some("sec-agree, foo"));
    let (code, _, sent) = status(alice().text().replace("Max-Forwards: 70\r\n", ""));
    assert_eq!((code, sent), (0, 1));
}

#[test]
fn charging_is_not_for_the_wic() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.wic(flow, alice().text());
    let request = world.at_core();
    let answer = ok(&request)
        .with_raw(HeaderName::PVisitedNetworkId, "ims.example")
        .with_raw(HeaderName::PAccessNetworkInfo, "IEEE-802.11;network-provided");
    world.core_answers(answer);
    let answer = world.answer(flow);
    for name in [
        HeaderName::PChargingVector,
        HeaderName::PChargingFunctionAddresses,
        HeaderName::PVisitedNetworkId,
        HeaderName::PAccessNetworkInfo,
    ] {
        assert!(!answer.headers.has(&name), "{name}");
    }
    assert!(answer.headers.has(&HeaderName::Path));
    assert_eq!(answer.headers.values(&HeaderName::Via).count(), 1);
    assert_eq!(answer.headers.value(&HeaderName::FlowTimer), Some("120"));
}

/// TOK-28, as far as it is the edge's: over a whole run with every kind of answer.
#[test]
fn no_token_is_ever_on_mw_or_in_what_the_edge_tells() {
    let mut world = World::new();
    let flow = world.connect(OPERATOR);
    world.register_alice(flow);
    let refused = alice().bearer(&crate::world::sign(&crate::world::with(crate::world::claims(), "scope", "x")));
    let other = world.connect(OPERATOR);
    world.status(other, &refused);
    world.sleep(4000);
    let told = format!("{:?} {:?}", world.events(), world.edge.registrations(world.now));
    assert!(!told.contains("eyJ"), "{told}");
    assert!(world.mw.len() >= 2 && world.mw.iter().all(|sent| !String::from_utf8_lossy(sent).contains("eyJ")));
}
