//! Whatever comes, in whatever order: nothing panics, and nothing is left behind.

use std::time::Duration;

use sip::{SeededEntropy, StatusCode};
use wic::{CallOptions, Event};

use crate::pair::Side::{Alice, Bob};
use crate::pair::{ALICE, BOB, Pair, Side, sdp};

struct Dice(SeededEntropy);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.next_u64() % limit
    }
}

fn act(pair: &mut Pair, side: Side, dice: &mut Dice) {
    let to = if side == Alice { BOB } else { ALICE }.parse().unwrap();
    let calls: Vec<_> = pair.calls(side).into_iter().map(|(id, _)| id).collect();
    let call = calls.get(dice.below(8) as usize % calls.len().max(1)).copied();
    let options = CallOptions { privacy: dice.below(2) == 0, preferred_identity: None };
    let status = [486, 603, 480, 302, 180, 200][dice.below(6) as usize];
    let status = StatusCode::new(status).unwrap();
    let choice = dice.below(15);
    pair.tell_only(side, |agent, now| match (choice, call) {
        (0 | 1, _) => drop(agent.call(now, &to, sdp("offer"), options)),
        (2, _) => drop(agent.message(now, &to, "text")),
        (3, _) => drop(agent.options(now, &to)),
        (4, Some(call)) => agent.ringing(now, call),
        (5, Some(call)) => agent.early_media(now, call, sdp("early")),
        (6 | 7, Some(call)) => agent.answer(now, call, sdp("answer")),
        (8, Some(call)) => agent.reject(now, call, status),
        (9, Some(call)) => agent.hang_up(now, call),
        (10, Some(call)) => agent.offer(now, call, sdp("again")),
        (11 | 12, Some(call)) => agent.answer_offer(now, call, sdp("answered")),
        (13, Some(call)) => agent.refuse_offer(now, call, status),
        _ => {}
    });
}

/// One run: two WICs that do anything, over a network that loses, repeats and damages messages, and
/// whose connections break.
fn run(seed: u64) {
    let mut dice = Dice(SeededEntropy::new(seed));
    let mut pair = Pair::seeded(seed, |config| config.timers.session = Duration::from_secs(90));
    for _ in 0..120 {
        let side = if dice.below(2) == 0 { Alice } else { Bob };
        match dice.below(20) {
            0..=11 => act(&mut pair, side, &mut dice),
            12 => pair.pass(Duration::from_millis(dice.below(3000))),
            13 => pair.secs(dice.below(40)),
            14 => drop(pair.wic(side).sent.pop_front()),
            15 => {
                if let Some(octets) = pair.wic(side).sent.front().cloned() {
                    pair.wic(side).sent.push_back(octets);
                }
            }
            16 => {
                let heard = pair.wic(side).wire.len().max(1) as u64;
                let old = pair.wic(side).wire.get(dice.below(heard) as usize).map(|(_, wire)| wire.octets().clone());
                if let Some(old) = old {
                    let mut octets = old.to_vec();
                    let at = dice.below(octets.len() as u64) as usize;
                    octets[at] = dice.below(256) as u8;
                    pair.wic(side).receive(octets);
                }
            }
            17 if dice.below(6) == 0 => {
                pair.break_link(side);
                if dice.below(4) == 0 {
                    pair.wic(side).pass_to_timer();
                }
                pair.come_back(side);
            }
            _ => pair.carry(),
        }
        let calls = pair.calls(side).len();
        assert!(calls <= pair.wic(side).agent.config().limits.calls, "seed {seed}: {calls} calls");
    }
    for side in [Alice, Bob] {
        for (call, _) in pair.calls(side) {
            pair.tell(side, |agent, now| agent.hang_up(now, call));
        }
    }
    pair.carry();
    pair.secs(400);
    for side in [Alice, Bob] {
        assert_eq!(pair.calls(side), [], "seed {seed}, {side:?}");
        assert_eq!(pair.wic(side).agent.pending(), 0, "seed {seed}, {side:?}: {:?}", pair.wic(side).agent);
        let ended = |event: &&Event| matches!(event, Event::Call { event: wic::CallEvent::Ended { .. }, .. });
        let mut over: Vec<_> = pair.wic(side).events.iter().filter(ended).map(call_of).collect();
        let before = over.len();
        over.dedup();
        over.sort_unstable();
        over.dedup();
        assert_eq!(over.len(), before, "seed {seed}: a call ended twice");
    }
}

fn call_of(event: &Event) -> Option<wic::CallId> {
    match event {
        Event::Call { call, .. } => Some(*call),
        _ => None,
    }
}

#[test]
fn nothing_is_left_of_calls_and_messages_whatever_happens() {
    for seed in 0..150 {
        run(seed * 2 + 1000);
    }
}

/// The network drops us for good: all is released at once.
#[test]
fn nothing_is_left_when_the_registration_ends() {
    for seed in 0..50 {
        let mut dice = Dice(SeededEntropy::new(seed));
        let mut pair = Pair::seeded(seed * 2 + 5000, |_| {});
        for _ in 0..60 {
            let side = if dice.below(2) == 0 { Alice } else { Bob };
            act(&mut pair, side, &mut dice);
            if dice.below(3) == 0 {
                pair.carry();
            }
        }
        pair.wic(Bob).closed(1008);
        pair.wic(Bob).assert_state("failed");
        assert_eq!(pair.calls(Bob), [], "seed {seed}");
        assert_eq!(pair.wic(Bob).agent.pending(), 0, "seed {seed}");
        assert_eq!(pair.wic(Bob).agent.poll_timeout(), None, "seed {seed}");
    }
}
