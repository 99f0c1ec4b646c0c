//! The course of a run: people come, stay through what happens, and leave; and what must be true
//! while they do.

use crate::people::Person;
use crate::talk::Sum;
use crate::world::{Faults, Happening, World};
use ims::{Impu, Scenario};
use mock_ims::hss::{AdminAnswer, AdminRequest};
use sip::node::Node;
use std::time::Duration;
use wic::State;

/// A run.
pub(crate) struct Plan {
    pub(crate) people: Vec<Person>,
    pub(crate) faults: Faults,
    /// What befalls the network, and when.
    pub(crate) mishaps: Vec<(Duration, Mishap)>,
    /// How many calls and how many messages are begun in that time.
    pub(crate) talks: usize,
    /// How long after the start all leave.
    pub(crate) stay: Duration,
}

/// Something that befalls the network.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mishap {
    HssSilent(Duration),
    ConnectionsBreak,
    EpcscfRestarts,
    IcscfRestarts,
    ScscfRestarts,
}

/// What came of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// How often anybody had to wait and try again.
    pub(crate) retries: usize,
    /// How many datagrams were lost.
    pub(crate) lost: usize,
    /// What came of the calls and messages.
    pub(crate) talks: Sum,
    /// A hash of every message that was delivered, with its time.
    pub(crate) trace: u64,
}

/// How long it may take until all is well again: RFC 5626 §4.5 waits up to half an hour.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);

pub(crate) fn run(seed: u64, plan: Plan) -> Report {
    let Plan { people, faults, mishaps, talks, stay } = plan;
    let mut world = World::new(seed, people, faults);
    let start = world.now.mono;
    for wic in 0..world.wics.len() {
        let at = world.after(Duration::from_millis(0));
        let delay = Duration::from_millis(world.roll(10_000));
        world.agenda.put(at + delay, Happening::Start { wic });
    }
    for _ in 0..talks {
        schedule_talk(&mut world, stay);
    }
    for (when, mishap) in mishaps {
        world.run_until(start + when, |_| false);
        befall(&mut world, mishap);
    }
    world.run_until(start + stay, |_| false);
    let deadline = world.after(PATIENCE);
    world.run_until(deadline, is_settled);
    check_settled(seed, &world);

    for wic in 0..world.wics.len() {
        let delay = Duration::from_millis(world.roll(10_000));
        let at = world.after(delay);
        world.agenda.put(at, Happening::Leave { wic });
    }
    let retries = world.wics.iter().map(|wic| wic.retries).sum();
    // What nobody could be told of ends with its lifetime, at most an hour.
    let end = world.after(Duration::from_secs(3 * 3600));
    world.run_until(end, |_| false);
    check_empty(seed, &mut world);
    Report { retries, lost: world.lost, talks: world.talks.check_over(seed), trace: world.trace }
}

/// Somebody calls somebody and somebody writes to somebody, any time until all leave.
fn schedule_talk(world: &mut World, stay: Duration) {
    let people = world.wics.len() as u64;
    let within = u64::try_from(stay.as_millis()).unwrap_or(u64::MAX);
    for call in [true, false] {
        let delay = Duration::from_millis(world.roll(within));
        let at = world.after(delay);
        let (wic, to) = (world.roll(people) as usize, world.roll(people) as usize);
        let happening = if call { Happening::Dial { wic, to } } else { Happening::Write { wic, to } };
        world.agenda.put(at, happening);
    }
}

fn befall(world: &mut World, mishap: Mishap) {
    match mishap {
        Mishap::HssSilent(how_long) => world.hss_silent_until = world.after(how_long),
        Mishap::ConnectionsBreak => world.break_connections(),
        Mishap::EpcscfRestarts => world.restart_edge(),
        Mishap::IcscfRestarts => world.restart_icscf(),
        Mishap::ScscfRestarts => world.restart_scscf(),
    }
}

fn is_settled(world: &World) -> bool {
    world.wics.iter().all(|wic| matches!(wic.agent.state(), State::Registered(_) | State::Failed(_)))
}

/// Each is registered who may be, under his own name, at his own browser, and nobody else.
fn check_settled(seed: u64, world: &World) {
    for wic in &world.wics {
        let (person, state) = (&wic.person, wic.agent.state());
        let own: Impu = person.impu.parse().unwrap();
        match state {
            State::Registered(binding) => {
                assert!(person.welcome, "seed {seed}: {} is registered", person.impu);
                assert_eq!((&binding.impu, &binding.impus), (&own, &vec![own.clone()]), "seed {seed}");
            }
            State::Failed(failure) => {
                assert!(!person.welcome, "seed {seed}: {} failed: {failure}", person.impu);
            }
            other => panic!("seed {seed}: {} is {} in the end", person.impu, other.name()),
        }
    }
    let at_edge = world.edge.registrations(world.now);
    for registration in at_edge.iter().filter(|registration| registration.alive) {
        let holder = world.holder(registration.flow).map(|wic| wic.person.impu.as_str());
        let identities: Vec<&str> = registration.impus.iter().map(Impu::as_str).collect();
        assert_eq!(holder.as_slice(), identities, "seed {seed}: a connection has another's identities");
    }
    let welcome = world.wics.iter().filter(|wic| wic.person.welcome);
    for wic in welcome {
        let own: Impu = wic.person.impu.parse().unwrap();
        let there = at_edge.iter().filter(|r| r.impus.contains(&own)).count();
        assert!(there > 0, "seed {seed}: the eP-CSCF does not know {own}");
        if wic.person.scenario == Scenario::WildcardRange {
            assert!(world.scscf.registration(&own).is_none(), "seed {seed}: flow 3 stays at the eP-CSCF");
            continue;
        }
        let set = world.scscf.registration(&own);
        let bindings = set.map(|set| set.bindings.as_slice()).unwrap_or_default();
        let at_home = bindings.iter().filter(|b| b.contact.instance().as_deref() == Some(&wic.instance));
        let contacts: Vec<String> = at_home.map(|binding| binding.contact.uri.to_string()).collect();
        assert_eq!(contacts.len(), 1, "seed {seed}: {own} at {} is bound once", wic.instance);
        let same = at_edge.iter().any(|r| r.alive && contacts.contains(&r.contact) && r.impus.contains(&own));
        assert!(same, "seed {seed}: eP-CSCF and S-CSCF disagree on where {own} is");
        assert!(bindings.iter().all(|b| b.impi.as_str() == wic.person.impi && b.impu == own), "seed {seed}");
    }
    let strangers =
        world.wics.iter().filter(|wic| !wic.person.welcome && wic.person.scenario != Scenario::WildcardRange);
    for wic in strangers {
        let own: Impu = wic.person.impu.parse().unwrap();
        assert!(world.scscf.registration(&own).is_none(), "seed {seed}: {own} is registered");
    }
}

/// Nobody is there any more, and nothing of anybody.
fn check_empty(seed: u64, world: &mut World) {
    for wic in &world.wics {
        let state = wic.agent.state();
        assert!(matches!(state, State::Idle | State::Failed(_)), "seed {seed}: {} {state:?}", wic.person.impu);
        assert_eq!(wic.agent.poll_timeout(), None, "seed {seed}: a timer of {}", wic.person.impu);
    }
    assert_eq!(world.edge.load(), epcscf::Load::default(), "seed {seed}: what the eP-CSCF holds");
    assert_eq!(world.edge.poll_timeout(), None, "seed {seed}: a timer of the eP-CSCF");
    assert!(world.icscf.is_idle(), "seed {seed}: {:?}", world.icscf);
    assert!(world.scscf.is_idle(), "seed {seed}: {:?}", world.scscf);
    assert_eq!(world.scscf.poll_timeout(), None, "seed {seed}");
    let Ok(AdminAnswer::Users(users)) = world.hss.admin(AdminRequest::ListUsers) else { panic!("no list") };
    // The anchor of the range is registered by configuration.
    for user in users.iter().filter(|user| user.impi.as_str() != "trunk@partner.ims.example") {
        assert!(!user.registered && user.server.is_none(), "seed {seed}: the HSS has {user:?}");
    }
    for subscription in world.hss.subscriptions() {
        assert!(subscription.sets.iter().all(|set| set.pending.is_empty()), "seed {seed}: {subscription:?}");
    }
}
