//! TP-WS 06 to 18 on the wire.

use crate::client::{BINARY, Client, Frame, TEXT, register};
use crate::rig::{PARTNER, Rig};

/// WS-06.
#[tokio::test]
async fn an_unmasked_frame_closes_with_1002() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, PARTNER).await;
    client.unmasked("\r\n\r\n").await;
    assert_eq!(client.close_code().await, 1002);
}

/// WS-07.
#[tokio::test]
async fn text_that_is_no_utf8_closes_with_1007() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, PARTNER).await;
    client.frame(TEXT, b"\xff\xfe").await;
    assert_eq!(client.close_code().await, 1007);
}

/// WS-08, WS-12: a REGISTER without Content-Length, as text and as binary.
#[tokio::test]
async fn text_and_binary_are_read_alike() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, PARTNER).await;
    client.text(&register(1, "")).await;
    assert_eq!(client.status().await, 401);
    client.frame(BINARY, register(2, "").as_bytes()).await;
    assert_eq!(client.status().await, 401);
}

/// WS-09.
#[tokio::test]
async fn two_messages_in_one_are_refused() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, PARTNER).await;
    let first = register(1, "Content-Length: 0\r\n");
    client.text(&format!("{first}{}", register(2, ""))).await;
    assert_eq!(client.status().await, 400);
    client.text("\r\n\r\n").await;
    assert_eq!(client.message().await, "\r\n", "the second was not executed");
}

/// WS-11.
#[tokio::test]
async fn fragments_with_a_ping_between_make_one_message() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, PARTNER).await;
    let message = register(1, "");
    let (head, rest) = message.split_at(40);
    let (middle, tail) = rest.split_at(100);
    client.fragments(&[head, middle, tail]).await;
    assert_eq!(client.next().await, Frame::Pong(b"still there?".to_vec()));
    assert_eq!(client.status().await, 401);
}

/// WS-15.
#[tokio::test]
async fn a_client_that_answers_no_ping_is_dead() {
    let rig = Rig::with(|c| c.policy.connection.ping_interval = 1).await;
    let mut client = Client::open(&rig, PARTNER).await;
    assert_eq!(client.next().await, Frame::Ping);
    assert_eq!(client.next().await, Frame::Ping);
    assert_eq!(client.next().await, Frame::Eof);
    let left = rig.running.edge(|edge, _| edge.size()).await;
    assert_eq!(left, Some((0, 0)));
}

/// WS-16.
#[tokio::test]
async fn a_keep_alive_is_answered() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, PARTNER).await;
    client.text("\r\n\r\n").await;
    assert_eq!(client.message().await, "\r\n");
}

/// WS-17.
#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, PARTNER).await;
    client.frame(BINARY, &vec![b'x'; 64 * 1024 + 1]).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test]
async fn what_is_not_sip_closes_with_1003() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, PARTNER).await;
    client.text("hello").await;
    assert_eq!(client.close_code().await, 1003);
}

/// The answer comes before the close that it causes.
#[tokio::test]
async fn a_refused_token_is_answered_and_then_closed() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, PARTNER).await;
    client.text(&register(1, "Authorization: Bearer abc\r\n")).await;
    assert_eq!(client.status().await, 401);
    assert_eq!(client.close_code().await, 1008);
    assert_eq!(client.next().await, Frame::Eof);
}

#[tokio::test]
async fn when_the_server_stops_it_says_1001() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, PARTNER).await;
    client.text("\r\n\r\n").await;
    client.message().await;
    let stop = tokio::spawn(rig.running.shutdown());
    assert_eq!(client.close_code().await, 1001);
    drop(client);
    stop.await.unwrap();
}

#[tokio::test]
async fn a_client_that_closes_is_forgotten() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, PARTNER).await;
    client.frame(8, &1000u16.to_be_bytes()).await;
    assert_eq!(client.close_code().await, 1000);
    assert_eq!(client.next().await, Frame::Eof);
    while rig.running.edge(|edge, _| edge.size()).await != Some((0, 0)) {
        tokio::task::yield_now().await;
    }
}
