//! An operator's command reaches the HSS whether or not it runs.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use mock_ims::hss::{
    AdminAnswer, AdminError, AdminRequest, AdminSocket, AdministerError, Hss, RedbStore, SOCKET_FILE, STORE_FILE,
    StoreError, Subscriber, administer,
};

use crate::setup::*;

fn open(folder: &Path) -> Hss {
    Hss::open(config(), Box::new(RedbStore::open(&folder.join(STORE_FILE)).unwrap())).unwrap()
}

fn serve(folder: &Path) -> AdminSocket {
    let mut hss = open(folder);
    AdminSocket::serve(folder, move |request| hss.admin(request)).unwrap()
}

fn add(name: &str) -> AdminRequest {
    AdminRequest::AddUser(Subscriber {
        impi: impi(&format!("{name}@ims.example")),
        password: Some("secret".into()),
        impus: vec![impu(&format!("sip:{name}@ims.example"))],
        allowed_wafs: vec![],
        allowed_wwsfs: vec![],
    })
}

fn users(folder: &Path) -> Vec<String> {
    match administer(folder, config(), AdminRequest::ListUsers).unwrap() {
        AdminAnswer::Users(users) => users.into_iter().map(|user| user.impi.to_string()).collect(),
        AdminAnswer::Done => panic!("no list"),
    }
}

#[test]
fn a_command_works_before_while_and_after_the_hss_runs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    administer(folder, config(), add("before")).unwrap();
    let running = serve(folder);
    administer(folder, config(), add("while")).unwrap();
    assert_eq!(users(folder), ["before@ims.example", "while@ims.example"]);
    drop(running);
    administer(folder, config(), add("xafter")).unwrap();
    assert_eq!(users(folder), ["before@ims.example", "while@ims.example", "xafter@ims.example"]);
}

#[test]
fn a_refusal_comes_back_as_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let _running = serve(folder.path());
    administer(folder.path(), config(), add("alice")).unwrap();
    let refused = administer(folder.path(), config(), add("alice")).unwrap_err();
    let AdministerError::Refused(error) = refused else {
        panic!("{refused}");
    };
    assert_eq!(error, AdminError::Taken("alice@ims.example".into()));
}

#[test]
fn only_the_owner_may_open_the_socket_and_it_goes_with_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(SOCKET_FILE);
    let running = serve(folder.path());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let second = AdminSocket::serve(folder.path(), |_| Ok(AdminAnswer::Done));
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    drop(running);
    assert!(!path.exists());
}

#[test]
fn a_socket_that_a_killed_process_left_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(folder.path().join(SOCKET_FILE)).unwrap());
    assert_eq!(users(folder.path()), [""; 0], "nobody listens: straight on the store");
    let _running = serve(folder.path());
    assert_eq!(users(folder.path()), [""; 0]);
}

#[test]
fn a_store_in_use_without_a_socket_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let _held = open(folder.path());
    let refused = administer(folder.path(), config(), AdminRequest::ListUsers);
    assert!(matches!(refused, Err(AdministerError::Store(StoreError::InUse))), "{refused:?}");
}

#[test]
fn nonsense_gets_an_answer_or_a_close_and_the_next_command_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let _running = serve(folder.path());
    let send = |octets: &[u8]| {
        let mut stream = UnixStream::connect(folder.path().join(SOCKET_FILE)).unwrap();
        // The server may close before it has read all of it.
        let _ = stream.write_all(octets);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    assert!(send(b"{\"set-password\":{\"impi\":\"a@b\",\"passwort\":\"hunter2\"}}\n").contains("invalid"));
    assert!(!send(b"{\"set-password\":\"hunter2\"}\n").contains("hunter2"));
    assert_eq!(send(b"\"list-users\""), "", "no end of line");
    assert_eq!(send(&vec![b' '; 70_000]), "", "too long");
    assert_eq!(send(b"\xff\xfe\n"), "", "not UTF-8");
    assert!(send(b"\"list-users\"\n").contains("users"));
}
