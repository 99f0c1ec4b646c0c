//! The conformance tool catches faults: each deliberate defect makes at least one purpose fail.
//!
//! Most defects are compiled into our nodes ([`ims::Defect`]), which this test alone does. A fault of
//! what is on the wire is put before a node that has none: a relay on its sockets changes what it is
//! asked or what it answers.

mod compiled;
mod mutant;
mod relay;
mod spoil;
mod spoiled;
mod wire;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use conformance::catalogue;
use conformance::engine;
use conformance::lab::Lab;
use conformance::purpose::{Purpose, Run};
use conformance::tester::Limits;
use conformance::verdict::Verdict;
use ims::Defect;
use testbed::bench::OwnNodes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::compiled::COMPILED;
use crate::mutant::Mutant;
use crate::spoiled::Spoiled;
use crate::wire::WIRE;

/// How many purposes run at a time, of each kind: most of them wait.
const AT_A_TIME: usize = 12;
/// How long an answer is waited for. A node with a defect often gives none; a sound one on a busy
/// machine may be slow.
const SPOILED: Duration = Duration::from_secs(5);
const SOUND: Duration = Duration::from_secs(20);

/// A purpose, on nodes with a defect or on sound ones.
type Trial = (Option<Mutant>, &'static Purpose);

/// Each defect makes the purposes fail that are said to catch it, and without a defect these pass.
///
/// `UPDATE_MUTANTS=1 cargo test -p testbed --test mutants` writes the list of them anew.
#[tokio::test(flavor = "multi_thread")]
async fn every_deliberate_defect_is_caught_and_it_is_known_by_what() {
    let mutants = mutants();
    let purpose = |id: &str| catalogue::all().find(|purpose| purpose.id == id).unwrap_or_else(|| panic!("{id}"));
    let of =
        |mutant: &Mutant| mutant.caught_by.iter().map(|id| (Some(mutant.clone()), purpose(id))).collect::<Vec<_>>();
    let used: BTreeSet<&str> = mutants.iter().flat_map(|mutant| mutant.caught_by.iter().copied()).collect();
    let sound: Vec<Trial> = used.into_iter().map(|id| (None, purpose(id))).collect();
    let (sound, spoiled) = tokio::join!(run(sound, SOUND), run(mutants.iter().flat_map(of).collect(), SPOILED));
    let unsound: Vec<&str> = sound.iter().filter(|trial| trial.2 != Verdict::Pass).map(|trial| trial.1.id).collect();
    let undetected: Vec<String> = spoiled
        .into_iter()
        .filter_map(|(mutant, purpose, verdict)| Some((mutant?, purpose.id)).filter(|_| verdict != Verdict::Fail))
        .map(|(mutant, id)| format!("{} by {id}", mutant.name))
        .collect();
    assert_eq!((undetected, unsound), Default::default());
    check_list(&mutants);
}

/// Which purposes catch a defect, of all there are: `DEFECT=ignores-nc cargo test -p testbed --test
/// mutants -- --ignored --nocapture`; without the name, of each compiled-in defect.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; for who adds a defect"]
async fn survey() {
    let wanted = std::env::var("DEFECT").unwrap_or_default();
    let is_wanted = |mutant: &Mutant| if wanted.is_empty() { mutant.is_compiled_in() } else { mutant.name == wanted };
    for mutant in mutants().into_iter().filter(is_wanted) {
        let all = catalogue::all().filter(|purpose| matches!(purpose.run, Run::Test(_)));
        let mut catch: Vec<Trial> = all.map(|purpose| (Some(mutant.clone()), purpose)).collect();
        // Those that fail get their time.
        for patience in [SPOILED, SOUND] {
            let ran = run(catch, patience).await;
            catch = ran.into_iter().filter(|trial| trial.2 == Verdict::Fail).map(|trial| (trial.0, trial.1)).collect();
        }
        let ids: Vec<&str> = catch.iter().map(|(_, purpose)| purpose.id).collect();
        println!("{}: {} catch it: {}", mutant.name, ids.len(), ids.join(", "));
    }
}

/// What people build has no defects in it, though the workspace's tests have.
#[test]
fn defects_are_compiled_into_tests_alone() {
    let features = |package: &str, edges: &str| {
        let cargo = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--offline", "-p", package, "-e", edges, "-i", "ims", "-f", "features: {f}"])
            .args(["--depth", "0"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        String::from_utf8(cargo.stdout).unwrap()
    };
    for package in ["testbed", "wic-wasm", "e2e"] {
        let compiled = features(package, "no-dev");
        assert!(compiled.starts_with("features:") && !compiled.contains("defects"), "{package}: {compiled}");
    }
    assert!(features("testbed", "all").contains("defects"));
}

/// All defects: those compiled in, then those on the wire.
fn mutants() -> Vec<Mutant> {
    let listed: Vec<Defect> =
        COMPILED.iter().filter(|(_, caught_by)| !caught_by.is_empty()).map(|(defect, _)| *defect).collect();
    let missing: Vec<&Defect> =
        Defect::ALL.iter().filter(|defect| **defect != Defect::SendsLeaks && !listed.contains(defect)).collect();
    assert!(missing.is_empty(), "no purposes are named for {missing:?}");
    let compiled = COMPILED.iter().map(|(defect, caught_by)| Mutant::of(*defect, caught_by));
    compiled.chain(WIRE.iter().cloned()).collect()
}

/// Runs purposes; each with its verdict, in their order.
async fn run(trials: Vec<Trial>, patience: Duration) -> Vec<(Option<Mutant>, &'static Purpose, Verdict)> {
    let limits = Limits { answer: patience, ..Limits::default() };
    let nodes = Arc::new(OwnNodes::new(limits).unwrap());
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let mut running = JoinSet::new();
    for (at, (mutant, purpose)) in trials.into_iter().enumerate() {
        let (nodes, permits) = (Arc::clone(&nodes), Arc::clone(&permits));
        running.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let lab: Arc<dyn Lab> = match mutant.clone() {
                Some(mutant) => Arc::new(Spoiled::new(nodes, mutant)),
                None => nodes,
            };
            let result = engine::one(lab, purpose, limits).await;
            if (result.verdict == Verdict::Fail) != mutant.is_some() {
                let name = mutant.as_ref().map_or("no defect", |mutant| &mutant.name);
                eprintln!("{name}: {} {} {}\n{}", purpose.id, result.verdict, result.reason, result.ladder(100));
            }
            (at, (mutant, purpose, result.verdict))
        });
    }
    let mut ran = running.join_all().await;
    ran.sort_by_key(|(at, _)| *at);
    ran.into_iter().map(|(_, trial)| trial).collect()
}

fn check_list(mutants: &[Mutant]) {
    let mut text = format!(
        "# Deliberate defects\n\n{} defects, and the test purposes that catch them: `cargo test -p testbed --test mutants`.\n\n\
         | defect | node | what it does | where | caught by |\n|---|---|---|---|---|\n",
        mutants.len()
    );
    for mutant in mutants {
        let Mutant { name, node, what, caught_by, .. } = mutant;
        let _ = writeln!(text, "| `{name}` | {node} | {what} | {} | {} |", mutant.place(), caught_by.join(", "));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mutants.md");
    if std::env::var_os("UPDATE_MUTANTS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "docs/mutants.md is stale; UPDATE_MUTANTS=1 writes it anew:\n{text}");
}
