//! The conformance tool catches faults: each deliberate defect makes at least one purpose fail.
//!
//! A defect is put before a node of ours that has none: a relay on its sockets changes what it is asked
//! or what it answers, or a setting takes a check away. From outside that is a node with the defect, and
//! nothing of it is in the node.

mod mutants;
mod relay;
mod spoil;
mod spoiled;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use conformance::catalogue;
use conformance::engine;
use conformance::tester::Limits;
use conformance::verdict::Verdict;
use testbed::bench::OwnNodes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::mutants::MUTANTS;
use crate::spoiled::Spoiled;

/// How many defects are tried at a time.
const AT_A_TIME: usize = 4;

/// `UPDATE_MUTANTS=1 cargo test -p testbed --test mutants` writes the list of them anew.
#[tokio::test(flavor = "multi_thread")]
async fn every_deliberate_defect_is_caught_and_it_is_known_by_what() {
    assert!(MUTANTS.len() >= 40);
    let limits = Limits { answer: std::time::Duration::from_secs(4), ..Limits::default() };
    let nodes = Arc::new(OwnNodes::new(limits).unwrap());
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let mut running = JoinSet::new();
    for (at, mutant) in MUTANTS.iter().enumerate() {
        let (nodes, permits) = (Arc::clone(&nodes), Arc::clone(&permits));
        running.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let lab = Arc::new(Spoiled::new(nodes, mutant));
            let mut caught = Vec::new();
            for id in mutant.tried {
                let purpose = catalogue::all().find(|purpose| purpose.id == *id).unwrap_or_else(|| panic!("{id}"));
                let result = engine::one(lab.clone(), purpose, limits).await;
                match result.verdict {
                    Verdict::Fail => caught.push(*id),
                    verdict => eprintln!("{}: {id} {verdict} {}\n{}", mutant.name, result.reason, result.ladder(100)),
                }
            }
            (at, caught)
        });
    }
    let mut caught = vec![Vec::new(); MUTANTS.len()];
    while let Some(ended) = running.join_next().await {
        let (at, by) = ended.unwrap();
        caught[at] = by;
    }
    let undetected: Vec<&str> =
        MUTANTS.iter().zip(&caught).filter(|(_, by)| by.is_empty()).map(|(mutant, _)| mutant.name).collect();
    assert_eq!(undetected, Vec::<&str>::new());
    check_list(&caught);
}

fn check_list(caught: &[Vec<&str>]) {
    let mut text = format!(
        "# Deliberate defects\n\n{} defects, and the test purposes that catch them: `cargo test -p testbed --test mutants`.\n\n\
         | defect | the node | caught by |\n|---|---|---|\n",
        MUTANTS.len()
    );
    for (mutant, by) in MUTANTS.iter().zip(caught) {
        let _ = writeln!(text, "| `{}` | {} | {} |", mutant.name, mutant.what, by.join(", "));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mutants.md");
    if std::env::var_os("UPDATE_MUTANTS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "docs/mutants.md is stale; UPDATE_MUTANTS=1 writes it anew:\n{text}");
}
