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

/// How many defects are tried at a time.
const AT_A_TIME: usize = 16;

/// `UPDATE_MUTANTS=1 cargo test -p testbed --test mutants` writes the list of them anew.
#[tokio::test(flavor = "multi_thread")]
async fn every_deliberate_defect_is_caught_and_it_is_known_by_what() {
    let mutants = mutants();
    let tried = mutants.iter().map(|mutant| (Some(mutant.clone()), purposes(mutant.tried)));
    let all: BTreeSet<&str> = mutants.iter().flat_map(|mutant| mutant.tried.iter().copied()).collect();
    let control = all.into_iter().map(|id| (None, purposes(&[id])));
    let mut caught = try_all(tried.chain(control).collect()).await;

    let control = caught.split_off(mutants.len());
    assert_eq!(control.concat(), Vec::<&str>::new(), "without a defect these should pass");
    let undetected: Vec<&str> =
        mutants.iter().zip(&caught).filter(|(_, by)| by.is_empty()).map(|(mutant, _)| &*mutant.name).collect();
    assert_eq!(undetected, Vec::<&str>::new());
    check_list(&mutants, &caught);
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
        let runs = all.map(|purpose| (Some(mutant.clone()), vec![purpose])).collect();
        let caught = try_all(runs).await.concat();
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
    let compiled = COMPILED.iter().map(|(defect, tried)| Mutant::of(*defect, tried));
    compiled.chain(WIRE.iter().cloned()).collect()
}

fn purposes(ids: &[&str]) -> Vec<&'static Purpose> {
    let of = |id: &&str| catalogue::all().find(|purpose| purpose.id == *id).unwrap_or_else(|| panic!("{id}"));
    ids.iter().map(of).collect()
}

/// The purposes that fail, for each mutant, or for nodes without a defect where there is none.
async fn try_all(runs: Vec<(Option<Mutant>, Vec<&'static Purpose>)>) -> Vec<Vec<&'static str>> {
    let limits = Limits { answer: Duration::from_secs(4), ..Limits::default() };
    let nodes = Arc::new(OwnNodes::new(limits).unwrap());
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let mut failed = vec![Vec::new(); runs.len()];
    let mut running = JoinSet::new();
    for (at, (mutant, purposes)) in runs.into_iter().enumerate() {
        let (nodes, permits) = (Arc::clone(&nodes), Arc::clone(&permits));
        running.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let name = mutant.as_ref().map_or_else(|| "no defect".into(), |mutant| mutant.name.clone());
            let lab: Arc<dyn Lab> = match mutant {
                Some(mutant) => Arc::new(Spoiled::new(nodes, mutant)),
                None => nodes,
            };
            let mut failed = Vec::new();
            for purpose in purposes {
                let result = engine::one(lab.clone(), purpose, limits).await;
                if result.verdict == Verdict::Fail {
                    failed.push(purpose.id);
                }
                if (result.verdict == Verdict::Fail) == (name == "no defect") {
                    eprintln!("{name}: {} {} {}\n{}", purpose.id, result.verdict, result.reason, result.ladder(100));
                }
            }
            (at, failed)
        });
    }
    while let Some(ended) = running.join_next().await {
        let (at, by) = ended.unwrap();
        failed[at] = by;
    }
    failed
}

fn check_list(mutants: &[Mutant], caught: &[Vec<&str>]) {
    let mut text = format!(
        "# Deliberate defects\n\n{} defects, and the test purposes that catch them: `cargo test -p testbed --test mutants`.\n\n\
         | defect | node | what it does | where | caught by |\n|---|---|---|---|---|\n",
        mutants.len()
    );
    for (mutant, by) in mutants.iter().zip(caught) {
        let Mutant { name, node, what, .. } = mutant;
        let _ = writeln!(text, "| `{name}` | {node} | {what} | {} | {} |", mutant.place(), by.join(", "));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mutants.md");
    if std::env::var_os("UPDATE_MUTANTS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "docs/mutants.md is stale; UPDATE_MUTANTS=1 writes it anew:\n{text}");
}
