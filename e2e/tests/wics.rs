//! Our WIC in a browser passes what the native one passes, over a real WebSocket.

use anyhow::{Result, ensure};
use conformance::engine::Progress;
use conformance::verdict::Verdict;
use e2e::interop::{Comparison, System};
use e2e::wics;

#[tokio::test(flavor = "multi_thread")]
async fn our_wic_in_the_browser_passes_and_its_record_is_not_stale() -> Result<()> {
    let report = wics::own(|progress| {
        if let Progress::Ended(result) = progress
            && matches!(result.verdict, Verdict::Fail | Verdict::Inconclusive)
        {
            eprintln!("{} {}: {}\n{}", result.purpose.id, result.verdict, result.reason, result.ladder(100));
        }
    })
    .await?;
    ensure!(report.count(Verdict::Fail) + report.count(Verdict::Inconclusive) == 0, "not all pass");
    let compared = System::WicInTheBrowser.compare(&report)?;
    ensure!(compared == Comparison::Changes(Vec::new()), "cargo xtask interop --update writes it anew: {compared:?}");
    Ok(())
}
