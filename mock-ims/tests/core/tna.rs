//! Flow 2 at the core: trusted node authentication (TS 33.203 Annex U).

use crate::client::Client;
use crate::world::{EPCSCF, ICSCF, SCSCF, World, impi, impu};
use mock_ims::cx::{AuthorizationType, CxPushAnswer, CxRequest};
use mock_ims::hss::AdminRequest;
use mock_ims::icscf;
use mock_ims::policy::Policy;
use mock_ims::scscf::{Cause, Event};
use sip::{HeaderName, Response, StatusCode};

const PARTNER: &str = ", authorization-entity=\"waf.ims.example\", wwsf-entity=\"wwsf.ims.example\"";

fn deregistrations(world: &World) -> Vec<Cause> {
    let cause = |event: &Event| match event {
        Event::Deregistered { cause, .. } => Some(*cause),
        _ => None,
    };
    world.events.iter().filter_map(cause).collect()
}

/// TNA-02, TNA-07: no challenge, no MAR, one SAR; nobody named, nobody checked.
#[test]
fn a_trusted_nodes_word_registers_without_a_challenge() {
    let mut world = World::new();
    let response = world.send(&Client::of("alice").register_by_tna(600, ""));
    assert_eq!(response.status, StatusCode::OK);
    assert!(!response.headers.has(&HeaderName::AuthenticationInfo));
    assert_eq!(world.cx(), ["UAR REGISTRATION", "SAR REGISTRATION"]);
    assert!(world.is_registered("alice"));
}

/// TNA-03: at the I-CSCF, and at the S-CSCF for one who goes around it.
#[test]
fn auth_done_from_a_stranger_is_refused_before_the_hss_hears_of_it() {
    let stranger = 6666;
    for to in [ICSCF, SCSCF] {
        let mut world = World::new();
        let mut request = Client::of("alice").register_by_tna(600, "");
        request.headers.pop_first(&HeaderName::Via);
        request.headers.push_front(HeaderName::Via, "SIP/2.0/UDP 127.0.0.1:6666;branch=z9hG4bKx");
        let response = world.send_from(stranger, to, &request).unwrap();
        assert_eq!(response.status, StatusCode::FORBIDDEN);
        assert_eq!(world.cx(), [""; 0]);
        match to {
            ICSCF => assert!(matches!(world.icscf.poll_event(), Some(icscf::Event::Untrusted { .. }))),
            _ => assert!(matches!(world.events[..], [Event::Audit { .. }])),
        }
    }
}

/// The flag is not case-sensitive, so neither is the gate.
#[test]
fn auth_done_in_capitals_is_auth_done() {
    let mut world = World::new();
    let request = Client::of("alice").register_by_tna(600, "").to_string().replace("auth-done", "AUTH-Done");
    let request = crate::client::request(&request);
    let response = world.send_from(6666, SCSCF, &request).unwrap();
    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert_eq!(world.cx(), [""; 0]);
}

/// TNA-05, TNA-06: allowed, not allowed, barred.
#[test]
fn a_named_waf_or_wwsf_must_be_on_the_list_and_not_barred() {
    let barred = Policy { barred_entities: vec!["waf.ims.example".into()], ..Policy::default() };
    for (policy, extra, status) in [
        (Policy::default(), PARTNER, StatusCode::OK),
        (Policy::default(), ", authorization-entity=\"waf.rogue.example\"", StatusCode::FORBIDDEN),
        (Policy::default(), ", wwsf-entity=\"wwsf.rogue.example\"", StatusCode::FORBIDDEN),
        (barred, PARTNER, StatusCode::FORBIDDEN),
    ] {
        let mut world = World::with(policy);
        let response = world.send(&Client::of("alice").register_by_tna(600, extra));
        assert_eq!(response.status, status, "{extra}");
        if status == StatusCode::FORBIDDEN {
            let undone = ["UAR REGISTRATION", "SAR REGISTRATION", "SAR ADMINISTRATIVE_DEREGISTRATION"];
            assert_eq!(world.cx(), undone);
            assert!(!world.is_registered("alice"));
            assert!(world.is_idle_at_last());
        }
    }
}

/// A refresh that names an entity which lost its right ends the registration.
#[test]
fn a_refresh_is_checked_against_the_current_list() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    assert_eq!(world.send(&alice.register_by_tna(600, PARTNER)).status, StatusCode::OK);
    let rogue = ", authorization-entity=\"waf.rogue.example\"";
    assert_eq!(world.send(&alice.register_by_tna(600, rogue)).status, StatusCode::FORBIDDEN);
    assert_eq!(world.cx()[2..], ["UAR REGISTRATION", "SAR RE_REGISTRATION", "SAR ADMINISTRATIVE_DEREGISTRATION"]);
    assert!(!world.is_registered("alice"));
}

/// TNA-08: those whom the removed WAF vouched for go, the others stay.
#[test]
fn taking_a_waf_off_the_list_ends_its_registrations() {
    let mut world = World::new();
    assert_eq!(world.send(&Client::of("alice").register_by_tna(600, PARTNER)).status, StatusCode::OK);
    assert_eq!(world.send(&Client::of("bob").register_by_tna(600, PARTNER)).status, StatusCode::OK);
    let mut home = Client { call_id: "home".into(), ..Client::of("alice") };
    home.contact = home.contact.replace("reg-id=1", "reg-id=2");
    assert_eq!(world.send(&home.register_by_tna(600, "")).status, StatusCode::OK);

    let wwsfs = vec!["wwsf.ims.example".to_owned()];
    world.admin(AdminRequest::SetAllowed { impu: impu("alice"), wafs: vec![], wwsfs });
    assert_eq!(deregistrations(&world), [Cause::EntityRefused]);
    assert_eq!(world.scscf.registration(&impu("alice")).unwrap().bindings.len(), 1, "the one that named nobody");
    assert!(world.is_registered("bob"));
    assert!(!world.cx().iter().any(|sar| sar == "SAR ADMINISTRATIVE_DEREGISTRATION"), "alice is still registered");
}

/// TNA-09, by the knob.
#[test]
fn auth_done_beside_a_response_is_refused_unless_policy_says_otherwise() {
    for (refuse, status) in [(true, StatusCode::FORBIDDEN), (false, StatusCode::OK)] {
        let mut world = World::with(Policy { refuse_auth_done_with_response: refuse, ..Policy::default() });
        let text = Client::of("alice").register_by_tna(600, "").to_string();
        let request = crate::client::request(&text.replace("response=\"\"", "response=\"00\""));
        assert_eq!(world.send(&request).status, status);
    }
}

/// TNA-10: the same header again, SAR RE_REGISTRATION and USER_DEREGISTRATION.
#[test]
fn refresh_and_leaving_tell_the_hss() {
    let mut world = World::new();
    let mut alice = Client::of("alice");
    for expires in [600, 600, 0] {
        assert_eq!(world.send(&alice.register_by_tna(expires, "")).status, StatusCode::OK);
    }
    assert_eq!(
        world.cx(),
        [
            "UAR REGISTRATION",
            "SAR REGISTRATION",
            "UAR REGISTRATION",
            "SAR RE_REGISTRATION",
            "UAR DE_REGISTRATION",
            "SAR USER_DEREGISTRATION"
        ]
    );
    assert!(world.is_idle_at_last());
}

/// TNA-11: a pair that the HSS does not know as one.
#[test]
fn a_pair_that_does_not_match_is_refused() {
    let mut world = World::new();
    let mut client = Client { impi: "bob-wic@ims.example".into(), ..Client::of("alice") };
    assert_eq!(world.send(&client.register_by_tna(600, "")).status, StatusCode::FORBIDDEN);
    assert_eq!(world.cx(), ["UAR REGISTRATION"]);
}

/// WLD-13: an identity of the partner's pool, which is nobody's in the directory.
#[test]
fn a_pool_identity_registers_by_tna() {
    let mut world = World::new();
    let mut guest = Client {
        impu: "sip:guest-7@partner.ims.example".into(),
        impi: "guest-7@partner.ims.example".into(),
        ..Client::of("guest")
    };
    let wwsf = ", wwsf-entity=\"wwsf.partner.example\"";
    let response = world.send(&guest.register_by_tna(600, wwsf));
    assert_eq!(response.status, StatusCode::OK, "{response}");
    let foreign = ", wwsf-entity=\"wwsf.ims.example\"";
    let mut other = Client {
        impu: "sip:guest-8@partner.ims.example".into(),
        impi: "guest-8@partner.ims.example".into(),
        ..Client::of("guest8")
    };
    assert_eq!(world.send(&other.register_by_tna(600, foreign)).status, StatusCode::FORBIDDEN, "WLD-14");
}

/// The I-CSCF asks as whom the trusted node says, and from where.
#[test]
fn the_uar_carries_what_the_trusted_node_said() {
    let mut world = World::new();
    let request = Client::of("alice").register_by_tna(600, "");
    let _: Option<Response> = world.send_from(EPCSCF, ICSCF, &request);
    let uar = world.log.iter().find_map(|hop| match hop {
        crate::world::Hop::Cx { request: CxRequest::Uar(uar), .. } => Some(uar.clone()),
        _ => None,
    });
    let uar = uar.unwrap();
    assert_eq!((uar.user_name, uar.public_identity), (impi("alice"), impu("alice")));
    assert_eq!(uar.visited_network, "ims.example");
    assert_eq!(uar.authorization_type, AuthorizationType::Registration);
    assert!(!world.log.iter().any(|hop| matches!(hop, crate::world::Hop::Push { answer: CxPushAnswer::Rta(_) })));
}
