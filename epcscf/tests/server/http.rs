//! What HTTP gets that is no good upgrade.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::rig::{OPERATOR, Rig};

/// WS-01.
#[tokio::test]
async fn an_upgrade_is_answered_by_hash_and_protocol() {
    let rig = Rig::start().await;
    let mut client = Client::tls(&rig).await;
    let head = client.upgrade(&[("Origin", OPERATOR)]).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    for line in [
        "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=",
        "sec-websocket-protocol: sip",
        "upgrade: websocket",
        "connection: upgrade",
    ] {
        assert!(head.lines().any(|l| l == line), "{line} in {head}");
    }
}

/// ORI-02: no octet of a WebSocket, and the connection ends.
#[tokio::test]
async fn an_unknown_origin_is_refused_and_cut_off() {
    let rig = Rig::start().await;
    let mut client = Client::tls(&rig).await;
    let head = client.upgrade(&[("Origin", "https://localhost:9543")]).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    let rest = client.rest().await;
    assert_eq!(rest, "Origin is of no authorised WWSF (TS 33.203 REQ 1.1)\n");
}

/// Cookies know no ports: those of a WWSF on the same host come here too.
#[tokio::test]
async fn the_trace_has_both_heads_of_an_upgrade_and_no_cookie() {
    let rig = Rig::start().await;
    for (origin, note) in [(OPERATOR, "wwsf.ims.example from"), ("https://evil.example", "no authorised WWSF")] {
        let mut client = Client::tls(&rig).await;
        client.upgrade(&[("Origin", origin), ("Cookie", "session=s3cret")]).await;
        let records = rig.hub.since(rig.hub.last_seq() - 2);
        let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
        assert!(texts[0].starts_with("GET / HTTP/1.1\r\n"), "{texts:?}");
        assert!(texts[0].to_ascii_lowercase().contains(&format!("\r\norigin: {origin}\r\n")), "{texts:?}");
        assert!(texts[1].starts_with("HTTP/1.1 ") && texts[1].contains(note), "{texts:?}");
        assert!(!texts.concat().contains("s3cret"), "{texts:?}");
    }
}

/// ORI-08 on the wire.
#[tokio::test]
async fn two_origins_are_refused() {
    let rig = Rig::start().await;
    let mut client = Client::tls(&rig).await;
    let head = client.upgrade(&[("Origin", OPERATOR), ("Origin", OPERATOR)]).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
}

#[tokio::test]
async fn a_browser_that_just_looks_is_told_what_this_is() {
    let rig = Rig::start().await;
    let mut client = Client::tls(&rig).await;
    client.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let head = client.head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("content-security-policy: default-src 'none'; style-src 'sha256-"), "{head}");
    let page = client.rest().await;
    assert!(page.contains("This is the eP-CSCF") && page.contains("accepts this server's certificate"), "{page}");
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let rig = Rig::start().await;
    for (line, status) in [("GET /favicon.ico", "404"), ("POST /", "405"), ("PUT /x", "405")] {
        let mut client = Client::tls(&rig).await;
        client.write(format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {head}");
    }
}

/// WS-18.
#[tokio::test]
async fn plain_ws_finds_no_http() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

/// RFC 6455 needs HTTP/1.1, so nothing else is offered.
#[tokio::test]
async fn http_2_is_not_negotiated() {
    let rig = Rig::start().await;
    let mut config = rustls::ClientConfig::clone(rig.connector().config());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(rig.addr).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    assert!(connector.connect("localhost".try_into().unwrap(), stream).await.is_err());
}
