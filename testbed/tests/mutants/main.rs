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

/// How many purposes run at a time: most of them wait.
const AT_A_TIME: usize = 16;

/// Each defect makes the purposes fail that are said to catch it, and without a defect these pass.
///
/// `UPDATE_MUTANTS=1 cargo test -p testbed --test mutants` writes the list of them anew.
#[tokio::test(flavor = "multi_thread")]
async fn every_deliberate_defect_is_caught_and_it_is_known_by_what() {
    let mutants = mutants();
    let spoiled = mutants.iter().flat_map(|mutant| mutant.caught_by.iter().map(move |id| (Some(mutant.clone()), *id)));
    let all: BTreeSet<&str> = mutants.iter().flat_map(|mutant| mutant.caught_by.iter().copied()).collect();
    let runs = spoiled.chain(all.into_iter().map(|id| (None, id)));
    let runs =
        runs.map(|(mutant, id)| (mutant, catalogue::all().find(|p| p.id == id).unwrap_or_else(|| panic!("{id}"))));
    let (mut undetected, mut unsound) = (Vec::new(), Vec::new());
    for (mutant, id, verdict) in run(runs.collect()).await {
        match (mutant, verdict) {
            (Some(_), Verdict::Fail) | (None, Verdict::Pass) => {}
            (Some(mutant), _) => undetected.push(format!("{mutant} by {id}")),
            (None, _) => unsound.push(id),
        }
    }
    assert_eq!((undetected, unsound), Default::default());
    check_list(&mutants);
}

/// Which purposes catch a defect, of all there are: `DEFECT=ignores-nc cargo test -p testbed --test
/// mutants -- --ignored --nocapture`; without the name, of each compiled-in defect.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; for who adds a defect"]
async fn survey() {
    let wanted = std::env::var("DEFECT").unwrap_or_default();
    for mutant in
        mutants().into_iter().filter(|m| if wanted.is_empty() { m.is_compiled_in() } else { m.name == wanted })
    {
        let all = catalogue::all().filter(|purpose| matches!(purpose.run, Run::Test(_)));
        let ran = run(all.map(|purpose| (Some(mutant.clone()), purpose)).collect()).await;
        let caught: Vec<&str> = ran.iter().filter(|(.., v)| *v == Verdict::Fail).map(|(_, id, _)| *id).collect();
        println!("{}: {} catch it: {}", mutant.name, caught.len(), caught.join(", "));
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
    let listed: Vec<Defect> = COMPILED.iter().map(|(defect, _)| *defect).collect();
    let missing: Vec<&Defect> =
        Defect::ALL.iter().filter(|defect| **defect != Defect::SendsLeaks && !listed.contains(defect)).collect();
    assert!(missing.is_empty(), "no purposes are named for {missing:?}");
    let compiled = COMPILED.iter().map(|(defect, caught_by)| Mutant::of(*defect, caught_by));
    compiled.chain(WIRE.iter().cloned()).collect()
}

/// Runs purposes, each on a node with the defect, or on one without where there is none; what the defect
/// is called, the purpose, and its verdict.
async fn run(runs: Vec<(Option<Mutant>, &'static Purpose)>) -> Vec<(Option<String>, &'static str, Verdict)> {
    let lab = |seconds| {
        let limits = Limits { answer: Duration::from_secs(seconds), ..Limits::default() };
        (Arc::new(OwnNodes::new(limits).unwrap()), limits)
    };
    // A spoiled node often says nothing; one that is not may be slow on a busy machine.
    let (sound, spoiled) = (lab(20), lab(5));
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let mut running = JoinSet::new();
    for (mutant, purpose) in runs {
        let (nodes, limits) = if mutant.is_some() { spoiled.clone() } else { sound.clone() };
        let permits = Arc::clone(&permits);
        running.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let name = mutant.as_ref().map(|mutant| mutant.name.to_string());
            let lab: Arc<dyn Lab> = match mutant {
                Some(mutant) => Arc::new(Spoiled::new(nodes, mutant)),
                None => nodes,
            };
            let result = engine::one(lab, purpose, limits).await;
            if (result.verdict == Verdict::Fail) != name.is_some() {
                let name = name.as_deref().unwrap_or("no defect");
                eprintln!("{name}: {} {} {}\n{}", purpose.id, result.verdict, result.reason, result.ladder(100));
            }
            (name, purpose.id, result.verdict)
        });
    }
    let mut ran = running.join_all().await;
    ran.sort_by_key(|(name, id, _)| (name.clone(), *id));
    ran
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
