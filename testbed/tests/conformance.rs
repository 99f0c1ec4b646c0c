//! Our own nodes pass the catalogue, and the statement that is checked in says what was found.

use std::path::Path;
use std::sync::Arc;

use conformance::engine::{self, Progress, Selection};
use conformance::tester::Limits;
use conformance::verdict::Verdict;
use testbed::bench::OwnNodes;

/// `UPDATE_CONFORMANCE=1 cargo test -p testbed --test conformance` writes the statement anew.
#[tokio::test(flavor = "multi_thread")]
async fn our_nodes_pass_and_the_statement_is_not_stale() {
    let limits = Limits { answer: std::time::Duration::from_secs(20), ..Limits::default() };
    let nodes = Arc::new(OwnNodes::new(limits).unwrap());
    let report = engine::run(nodes, &Selection::default(), limits, |progress| {
        if let Progress::Ended(result) = progress
            && matches!(result.verdict, Verdict::Fail | Verdict::Inconclusive)
        {
            eprintln!("{} {}: {}\n{}", result.purpose.id, result.verdict, result.reason, result.ladder(100));
        }
    })
    .await;
    assert_eq!((report.count(Verdict::Fail), report.count(Verdict::Inconclusive)), (0, 0));

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../CONFORMANCE.md");
    let found = report.to_markdown();
    if std::env::var_os("UPDATE_CONFORMANCE").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(found.lines()).find(|(kept, found)| kept != found);
    assert!(
        kept == found,
        "CONFORMANCE.md is stale; UPDATE_CONFORMANCE=1 writes it anew. First difference: {differs:?}"
    );
}
