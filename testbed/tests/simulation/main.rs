//! A whole network in one process and without a socket: WICs, eP-CSCF, I-CSCF, S-CSCF and HSS as
//! state machines under a scheduler that draws loss, duplication and reordering on Mw, delays
//! everywhere, and mishaps of nodes from one seed. A run is its seed: what fails once fails again.
//!
//! `SIMULATION_RUNS=1000` runs that many seeds where the default is a few.

mod agenda;
mod browser;
mod machines;
mod people;
mod scenario;
mod talk;
mod tokens;
mod world;

use people::Person;
use scenario::{Mishap, Plan};
use std::time::Duration;
use world::Faults;

/// The seeds of one test: so many, or as many as the environment says.
fn seeds(first: u64, runs: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("SIMULATION_RUNS").ok().and_then(|runs| runs.parse().ok());
    first..first + asked.unwrap_or(runs)
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

/// Something befalls every node in turn.
fn mishaps() -> Vec<(Duration, Mishap)> {
    vec![
        (minutes(3), Mishap::HssSilent(Duration::from_secs(20))),
        (minutes(10), Mishap::ConnectionsBreak),
        (minutes(25), Mishap::ScscfRestarts),
        (minutes(40), Mishap::EpcscfRestarts),
        (minutes(60), Mishap::IcscfRestarts),
    ]
}

/// Everybody who may is registered in the end, everybody who may not is told so for good, and
/// nobody ever sees another's identity.
#[test]
fn everyone_ends_registered_or_refused_on_a_bad_network() {
    for seed in seeds(0, 12) {
        let plan =
            Plan { people: Person::crowd(24), faults: Faults::bad(), mishaps: vec![], talks: 0, stay: minutes(90) };
        assert!(scenario::run(seed, plan).lost > 0);
    }
}

/// The same on a network that loses nothing: no one needs a second try.
#[test]
fn a_good_network_registers_everyone_at_the_first_try() {
    let plan = Plan { people: Person::crowd(24), faults: Faults::none(), mishaps: vec![], talks: 0, stay: minutes(5) };
    let report = scenario::run(99, plan);
    assert_eq!((report.retries, report.lost), (0, 0));
}

/// Connections break, nodes die and come back, the HSS is silent for a while.
#[test]
fn everyone_recovers_from_mishaps() {
    for seed in seeds(10_000, 8) {
        let plan =
            Plan { people: Person::crowd(18), faults: Faults::bad(), mishaps: mishaps(), talks: 0, stay: minutes(240) };
        scenario::run(seed, plan);
    }
}

/// On a good network every call that is answered is established, and every message to somebody who is
/// there is delivered.
#[test]
fn a_good_network_connects_every_call_and_delivers_every_message() {
    let people = Person::crowd(18).into_iter().filter(|person| person.welcome).collect();
    let plan = Plan { people, faults: Faults::none(), mishaps: vec![], talks: 150, stay: minutes(120) };
    let report = scenario::run(5, plan);
    assert!(report.talks.begun > 140 && report.talks.established > 60, "{:?}", report.talks);
    assert_eq!(report.talks.delivered, report.talks.written, "{:?}", report.talks);
}

/// Whatever is lost, doubled or overtaken: nothing reaches another than it is for, nothing is said to
/// be delivered that is not, each call ends on both sides, and no node keeps anything of it.
#[test]
fn calls_and_messages_end_well_on_a_bad_network() {
    for seed in seeds(20_000, 4) {
        let plan =
            Plan { people: Person::crowd(18), faults: Faults::bad(), mishaps: vec![], talks: 60, stay: minutes(90) };
        let report = scenario::run(seed, plan);
        assert!(report.talks.established > 0 && report.talks.delivered > 0, "seed {seed}: {:?}", report.talks);
    }
}

/// The same while connections break and nodes die in the midst of calls.
#[test]
fn calls_and_messages_end_well_through_mishaps() {
    for seed in seeds(30_000, 3) {
        let plan = Plan {
            people: Person::crowd(18),
            faults: Faults::bad(),
            mishaps: mishaps(),
            talks: 100,
            stay: minutes(120),
        };
        scenario::run(seed, plan);
    }
}

/// A run is its seed.
#[test]
fn the_same_seed_gives_the_same_run() {
    let plan =
        || Plan { people: Person::crowd(8), faults: Faults::bad(), mishaps: vec![], talks: 0, stay: minutes(20) };
    assert_eq!(scenario::run(7, plan()).trace, scenario::run(7, plan()).trace);
    assert_ne!(scenario::run(7, plan()).trace, scenario::run(8, plan()).trace);
}
