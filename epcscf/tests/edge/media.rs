//! Iq: what the gateway is asked, when, and that all of it is released (O11, T-8).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use epcscf::media::{Context, Iq, IqError, Side};
use sip::{Method, StatusCode};

use crate::talk::{Kind, SDP, call_in, call_out, core_request, core_says, nothing_under_way, register, respond};
use crate::world::World;

/// A gateway that marks what passes, and refuses on demand.
#[derive(Clone, Debug, Default)]
struct Gateway(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    open: HashMap<Context, u32>,
    reserved: u64,
    refuse_offer: Option<IqError>,
    refuse_answer: Option<IqError>,
}

impl Iq for Gateway {
    fn reserve(&mut self, from: Side, offer: Option<&Bytes>) -> Result<(Context, Option<Bytes>), IqError> {
        let mut state = self.0.lock().unwrap();
        if let Some(error) = state.refuse_offer {
            return Err(error);
        }
        state.reserved += 1;
        let context = Context(state.reserved);
        state.open.insert(context, 0);
        Ok((context, offer.map(|offer| marked(from, offer))))
    }

    fn modify(&mut self, context: Context, from: Side, description: &Bytes) -> Result<Bytes, IqError> {
        let mut state = self.0.lock().unwrap();
        if let Some(error) = state.refuse_answer {
            return Err(error);
        }
        *state.open.get_mut(&context).expect("what is modified is reserved") += 1;
        Ok(marked(from, description))
    }

    fn release(&mut self, context: Context) {
        assert!(self.0.lock().unwrap().open.remove(&context).is_some(), "released once");
    }

    fn contexts(&self) -> usize {
        self.0.lock().unwrap().open.len()
    }
}

fn marked(from: Side, description: &Bytes) -> Bytes {
    [&**description, format!("a=from-{from:?}\r\n").as_bytes()].concat().into()
}

fn world() -> (World, Gateway) {
    let gateway = Gateway::default();
    let mut world = World::new();
    world.change_edge(|edge| edge.with_gateway(Box::new(gateway.clone())));
    (world, gateway)
}

#[test]
fn descriptions_pass_the_gateway_in_both_directions() {
    let (mut world, gateway) = world();
    let wic = register(&mut world, Kind::Token, 1);
    let text = wic.invite(&mut world, "sip:bob@ims.example", "");
    world.wic(wic.flow, &text);
    let invite = world.at_core();
    assert!(invite.to_string().ends_with("a=from-Wic\r\n"), "{invite}");
    world.core_answers(core_says(&invite, 183, "bob").with_body("application/sdp", SDP));
    assert!(world.answer(wic.flow).to_string().ends_with("a=from-Core\r\n"));
    world.core_answers(core_says(&invite, 200, "bob").with_body("application/sdp", SDP));
    assert!(world.answer(wic.flow).to_string().ends_with("a=from-Core\r\n"));
    assert_eq!(gateway.0.lock().unwrap().open.values().copied().collect::<Vec<_>>(), [2]);
    let text = core_request(&mut world, &wic, "INVITE", "");
    world.core_asks_for(&text);
    assert!(world.at_wic(wic.flow).to_string().ends_with("a=from-Core\r\n"));
    assert_eq!(gateway.contexts(), 2);
}

/// A body that is no description is none of the gateway's.
#[test]
fn other_bodies_pass_unchanged() {
    let (mut world, gateway) = world();
    let wic = register(&mut world, Kind::Token, 1);
    let text = wic.request(&mut world, "INVITE", "sip:bob@ims.example", "Content-Type: text/plain\r\n", "hello");
    world.wic(wic.flow, &text);
    assert!(world.at_core().to_string().ends_with("\r\n\r\nhello"));
    assert_eq!(gateway.contexts(), 1);
}

/// O11: 488, 500, 503.
#[test]
fn a_call_that_the_gateway_does_not_take_is_refused() {
    for (error, status) in [(IqError::NotAcceptable, 488), (IqError::Failed, 500), (IqError::Full, 503)] {
        let (mut world, gateway) = world();
        let wic = register(&mut world, Kind::Range, 1);
        gateway.0.lock().unwrap().refuse_offer = Some(error);
        let text = wic.invite(&mut world, "sip:bob@ims.example", "");
        world.wic(wic.flow, &text);
        assert_eq!(world.answer(wic.flow).status.code(), status);
        let text = core_request(&mut world, &wic, "INVITE", "");
        world.core_asks_for(&text);
        assert_eq!(world.answer_to_core().status.code(), status);
        assert!(world.try_at_core().is_none() && world.try_at_wic(wic.flow).is_none());
        assert!(nothing_under_way(&world));
    }
}

/// An answer that the gateway does not take ends the call at the one who gave it.
#[test]
fn an_answer_that_the_gateway_does_not_take_ends_the_call() {
    let (mut world, gateway) = world();
    let wic = register(&mut world, Kind::Token, 1);
    gateway.0.lock().unwrap().refuse_answer = Some(IqError::NotAcceptable);
    let text = wic.invite(&mut world, "sip:bob@ims.example", "");
    world.wic(wic.flow, &text);
    let invite = world.at_core();
    world.core_answers(core_says(&invite, 200, "bob").with_body("application/sdp", SDP));
    assert_eq!(world.answer(wic.flow).status.code(), 488);
    assert_eq!((world.at_core().method, world.at_core().method), (Method::Ack, Method::Bye));
    assert!(nothing_under_way(&world));

    let text = core_request(&mut world, &wic, "INVITE", "");
    world.core_asks_for(&text);
    let invite = world.at_wic(wic.flow);
    world.wic(wic.flow, respond(&invite, 200, "wic", &wic.contact).with_body("application/sdp", SDP).to_bytes());
    assert_eq!(world.answer_to_core().status.code(), 488);
    assert_eq!((world.at_wic(wic.flow).method, world.at_wic(wic.flow).method), (Method::Ack, Method::Bye));
    assert!(nothing_under_way(&world));
}

/// A re-INVITE that is refused leaves the context as it is; the end releases it, once.
#[test]
fn every_context_is_released_once() {
    let (mut world, gateway) = world();
    let wic = register(&mut world, Kind::Token, 1);
    let (mut end, _) = call_out(&mut world, &wic);
    call_in(&mut world, &wic);
    gateway.0.lock().unwrap().refuse_answer = Some(IqError::NotAcceptable);
    let invite = end.says(&mut world, Method::Invite, SDP);
    world.wic(wic.flow, invite.to_bytes());
    assert_eq!(world.answer(wic.flow).status.code(), 488);
    assert_eq!(gateway.contexts(), 2);
    gateway.0.lock().unwrap().refuse_answer = None;
    let bye = end.says(&mut world, Method::Bye, "");
    world.wic(wic.flow, bye.to_bytes());
    let bye = world.at_core();
    assert_eq!(gateway.contexts(), 2, "until it is answered");
    world.core_answers(bye.respond(StatusCode::OK));
    assert_eq!(gateway.contexts(), 1);
    world.lose(wic.flow);
    world.sleep(10);
    assert_eq!(gateway.contexts(), 0);
}
