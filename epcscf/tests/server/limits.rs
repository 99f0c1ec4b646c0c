//! Slow, idle and many clients.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::client::Client;
use crate::rig::{OPERATOR, PARTNER, Rig};

/// A head that never ends.
#[tokio::test]
async fn a_slow_upgrade_is_cut_off() {
    let rig = Rig::with(|c| c.policy.connection.upgrade_timeout = 1).await;
    let mut client = Client::tls(&rig).await;
    client.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await;
    assert_eq!(client.rest().await, "");
}

/// A TLS handshake that never begins.
#[tokio::test]
async fn a_silent_client_is_cut_off() {
    let rig = Rig::with(|c| c.policy.connection.upgrade_timeout = 1).await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    let mut octets = Vec::new();
    let _ = stream.read_to_end(&mut octets).await;
    assert_eq!(octets, b"");
}

#[tokio::test]
async fn a_connection_that_does_not_register_closes_with_3008() {
    let rig = Rig::with(|c| c.policy.connection.idle_timeout = 1).await;
    let mut client = Client::open(&rig, PARTNER).await;
    assert_eq!(client.close_code().await, 3008);
}

#[tokio::test]
async fn one_connection_too_many_is_503_until_another_ends() {
    let rig = Rig::with(|c| c.policy.connection.max_per_origin = 1).await;
    let first = Client::open(&rig, OPERATOR).await;
    let mut second = Client::tls(&rig).await;
    let head = second.upgrade(&[("Origin", OPERATOR)]).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 503 ") && head.contains("retry-after: 30"), "{head}");
    Client::open(&rig, PARTNER).await;
    drop(first);
    loop {
        let mut third = Client::tls(&rig).await;
        if third.upgrade(&[("Origin", OPERATOR)]).await.starts_with("HTTP/1.1 101 ") {
            break;
        }
    }
}

#[tokio::test]
async fn there_is_room_for_so_many_handshakes_and_websockets_do_not_count() {
    let rig = Rig::with(|c| c.policy.connection.max_handshakes = 1).await;
    let open = Client::open(&rig, PARTNER).await;
    let _handshaking = Client::tls(&rig).await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    let mut octets = Vec::new();
    let _ = stream.read_to_end(&mut octets).await;
    assert_eq!(octets, b"");
    drop(open);
}
