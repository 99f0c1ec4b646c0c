//! Every fault has the outcome that it announces, told from the trace, and the demo is well after it.

use crate::rig::Rig;
use console::LabError;

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_has_its_outcome_and_leaves_the_demo_well() {
    let rig = Rig::start().await;
    let mut otherwise = Vec::new();
    for fault in rig.lab().faults() {
        let outcome = rig.lab().run_fault(&fault.id).await.unwrap();
        if !outcome.as_expected {
            otherwise.push(format!("{}: {}", fault.id, outcome.observed));
        }
        println!("{}: {}", fault.id, outcome.observed);
        assert!(!outcome.records.is_empty(), "{}: the trace shows nothing", fault.id);
        assert!(!rig.testbed.pace().clock.is_halted());
        // The subscriber whose identity the fault used.
        rig.registers("carol").await;
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
    rig.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_and_a_lesson_do_not_run_at_once() {
    let mut rig = Rig::start().await;
    let run = rig.lab().run("digest", true).await.unwrap();
    rig.until_it_waits(&run).await;
    assert_eq!(rig.lab().run_fault("hss-down").await, Err(LabError::Busy));
    rig.lab().cancel(&run).await.unwrap();
    rig.until_it_waits(&run).await;
    assert!(rig.lab().run_fault("hss-down").await.unwrap().as_expected);
    assert_eq!(rig.lab().run_fault("nothing").await, Err(LabError::Unknown("fault")));
    rig.testbed.shutdown().await;
}
