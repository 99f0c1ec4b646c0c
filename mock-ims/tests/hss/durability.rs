//! What the store keeps, from whom, and through what.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use mock_ims::cx::AssignmentType;
use mock_ims::hss::{AdminRequest, Hss, MemoryStore, RedbStore, Registration, Store, StoreError, Subscriber};

use crate::setup::*;

/// Set for the process that is going to be killed: its store.
const VICTIM: &str = "HSS_DURABILITY_STORE";

fn open(path: &Path) -> Result<Hss, StoreError> {
    Hss::open(config(), Box::new(RedbStore::open(path)?))
}

fn subscriber(n: u32) -> Subscriber {
    Subscriber {
        impi: impi(&format!("user{n}@ims.example")),
        password: None,
        impus: vec![impu(&format!("sip:user{n}@ims.example"))],
        allowed_wafs: vec![],
        allowed_wwsfs: vec![],
    }
}

/// Adds and registers users for ever, and says so after each answer.
fn be_the_victim(path: &Path) -> ! {
    let mut asked = Asked { hss: open(path).unwrap(), store: MemoryStore::default() };
    let begin = asked.hss.subscriptions().count() as u32;
    for n in begin.. {
        asked.hss.admin(AdminRequest::AddUser(subscriber(n))).unwrap();
        let (user, public) = (format!("user{n}@ims.example"), format!("sip:user{n}@ims.example"));
        let answer = asked.sar((&user, &public), AssignmentType::Registration, S1);
        assert!(answer.result.is_success());
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nacknowledged {n}").and_then(|()| out.flush()).unwrap();
    }
    std::process::exit(1);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    if let Some(path) = std::env::var_os(VICTIM) {
        be_the_victim(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hss.redb");
    let mut acknowledged = BTreeSet::new();
    for round in 1..=3 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "durability::nothing_acknowledged_is_lost_when_the_process_is_killed", "--nocapture"])
            .env(VICTIM, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
        let number = |line: String| line.strip_prefix("acknowledged ").map(|n| n.parse::<u32>().unwrap());
        acknowledged.extend(lines.by_ref().filter_map(number).take(5 * round));
        // SIGKILL, in the middle of whatever it is writing.
        victim.kill().unwrap();
        victim.wait().unwrap();
        acknowledged.extend(lines.filter_map(number));

        let asked = Asked { hss: open(&path).unwrap(), store: MemoryStore::default() };
        assert!(acknowledged.len() >= 5 * round);
        for n in &acknowledged {
            let public = format!("sip:user{n}@ims.example");
            assert_eq!(asked.state(&public), registered(&format!("user{n}@ims.example"), S1), "{public}");
        }
    }
}

#[test]
fn a_store_in_use_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hss.redb");
    let held = open(&path).unwrap();
    assert!(matches!(open(&path), Err(StoreError::InUse)));
    drop(held);
    assert!(open(&path).is_ok());
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_store() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hss.redb");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    drop(open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_store_that_cannot_be_read_is_an_error_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(open(&folder.path().join("none/hss.redb")), Err(StoreError::Open { .. })));
    let garbage = folder.path().join("garbage.redb");
    std::fs::write(&garbage, vec![7; 8192]).unwrap();
    assert!(matches!(open(&garbage), Err(StoreError::Database(_))));
}

#[test]
fn a_file_holds_all_that_a_subscription_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hss.redb");
    let mut hss = open(&path).unwrap();
    hss.provision_demo().unwrap();
    let mut odd = subscription("odd@ims.example", digest("odd@ims.example"), &["tel:+12015550123"]);
    odd.sets[0].registration = Registration::Unregistered { server: server(S2) };
    odd.sets[0].pending.insert(impi("odd@ims.example"), server(S2));
    hss.provision(odd).unwrap();
    let before: Vec<_> = hss.subscriptions().cloned().collect();
    drop(hss);
    assert!(open(&path).unwrap().subscriptions().eq(&before));
    let snapshot = RedbStore::open(&path).unwrap().load().unwrap();
    assert_eq!(snapshot.pools.len(), 1);
}
