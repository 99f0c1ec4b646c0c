use wwsf::{Config, HttpDirection};

use crate::support::Wwsf;

#[tokio::test]
async fn the_observer_sees_both_ways_and_whom_a_token_is_for() {
    let wwsf = Wwsf::start(Config::operator()).await;
    let browser = wwsf.browser();
    browser.login("alice", "alice-web").await;
    browser.get("/?secret=query").send().await.unwrap();
    browser.granted().await;

    let events = wwsf.events();
    let seen: Vec<_> = events.iter().map(|e| (e.direction, e.method.as_str(), &*e.path, e.status)).collect();
    use HttpDirection::{Request, Response};
    assert_eq!(
        seen,
        [
            (Request, "POST", "/api/login", None),
            (Response, "POST", "/api/login", Some(200)),
            (Request, "GET", "/", None),
            (Response, "GET", "/", Some(200)),
            (Request, "POST", "/api/token", None),
            (Response, "POST", "/api/token", Some(200)),
        ]
    );
    for pair in events.chunks(2) {
        assert_eq!(pair[0].exchange, pair[1].exchange);
        assert!(pair[0].time <= pair[1].time);
        assert_eq!(pair[0].local, wwsf.addr());
        assert!(pair[0].peer.ip().is_loopback());
        assert_eq!(&*pair[0].wwsf_id, "wwsf.ims.example");
    }
    let identities = events.last().unwrap().identities.clone().unwrap();
    assert_eq!(identities.impi.as_str(), "alice-wic@ims.example");
    assert_eq!(identities.impus[0].as_str(), "sip:alice@ims.example");
    assert!(events.iter().rev().skip(1).all(|event| event.identities.is_none()));
}
