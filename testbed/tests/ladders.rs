//! What every node sends in each of the three flows, as a snapshot.

use testbed::config::Ports;
use testbed::wic_shell::{Options, User, register};
use testbed::{Config, Testbed, whole_ladder};
use trace::ladder::{Style, draw};

async fn ladder(user: impl FnOnce(&Testbed) -> Options) -> String {
    let state = tempfile::tempdir().unwrap();
    let config = Config { ports: Ports::any(), ..Config::default() };
    let testbed = Testbed::start(config, state.path()).await.unwrap();
    let outcome = register(&user(&testbed)).await.unwrap();
    assert!(outcome.is_registered(), "{:?}", outcome.result);
    let core = testbed.hub().since(0).iter().map(|record| (**record).clone()).collect();
    let mut records = whole_ladder(&outcome, core);
    // The de-registration that follows is not part of the flow.
    let end = outcome.records.last().map_or(u64::MAX, |last| last.time_us);
    records.retain(|record| record.time_us <= end);
    testbed.shutdown().await;
    draw(&records, Style { width: 180, colour: false, times: false })
}

#[tokio::test(flavor = "multi_thread")]
async fn ims_digest() {
    let ladder = ladder(|testbed| {
        let user = User::digest("alice", "ims.example", "alice-secret").unwrap();
        let ready = testbed.ready();
        Options { epcscf: Some(ready.epcscf.clone()), ..Options::new(user, ready.wwsf.clone(), ready.ca.clone()) }
    });
    insta::assert_snapshot!(ladder.await);
}

#[tokio::test(flavor = "multi_thread")]
async fn web_auth() {
    let ladder = ladder(|testbed| {
        let user = User::Web { username: "alice".into(), password: "alice-web".into() };
        Options::new(user, testbed.ready().wwsf.clone(), testbed.ready().ca.clone())
    });
    insta::assert_snapshot!(ladder.await);
}

#[tokio::test(flavor = "multi_thread")]
async fn wildcard_range() {
    let ladder = ladder(|testbed| {
        let user = User::Guest { login: None };
        Options::new(user, testbed.ready().partner_wwsf.clone(), testbed.ready().ca.clone())
    });
    insta::assert_snapshot!(ladder.await);
}
