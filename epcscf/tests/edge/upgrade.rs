//! TP-WS 01 to 05 and TP-ORI: who may open a WebSocket.

use epcscf::policy::NativeClients;
use epcscf::upgrade::{Accepted, Load, Refusal, check};
use epcscf::{Config, Records};

use crate::world::{OPERATOR, config};

type Headers = Vec<(&'static str, String)>;

fn good() -> Headers {
    [
        ("host", "localhost:7443"),
        ("upgrade", "websocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "sip"),
        ("origin", OPERATOR),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

fn with(name: &'static str, value: &str) -> Headers {
    let mut headers = without(name);
    headers.push((name, value.to_owned()));
    headers
}

fn without(name: &str) -> Headers {
    good().into_iter().filter(|(n, _)| *n != name).collect()
}

fn ask(config: &Config, method: &str, uri: &str, headers: &Headers, load: Load) -> Result<Accepted, Refusal> {
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let parts = request.body(()).unwrap().into_parts().0;
    check(&parts, &config.policy, &Records::from_config(config).unwrap(), |_| load)
}

fn status(headers: &Headers) -> u16 {
    match ask(&config(), "GET", "/", headers, Load::default()) {
        Ok(_) => 101,
        Err(refusal) => refusal.status.as_u16(),
    }
}

/// WS-01, with the key and accept hash of RFC 6455 §1.3.
#[test]
fn a_right_upgrade_is_answered_by_hash_and_protocol() {
    let accepted = ask(&config(), "GET", "/", &good(), Load::default()).unwrap();
    let headers = accepted.headers().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    assert_eq!(
        headers,
        [
            ("sec-websocket-accept".into(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into()),
            ("sec-websocket-protocol".into(), "sip".into())
        ]
    );
    assert_eq!(accepted.record.id(), "wwsf.ims.example");
}

#[test]
fn each_check_has_its_answer() {
    for (what, headers, expected) in [
        ("WS-02: no protocol", without("sec-websocket-protocol"), 400),
        ("WS-02: another protocol", with("sec-websocket-protocol", "xmpp"), 400),
        ("WS-03: several protocols", with("sec-websocket-protocol", "xmpp, sip"), 101),
        ("WS-04: version 8", with("sec-websocket-version", "8"), 426),
        ("WS-04: no version", without("sec-websocket-version"), 426),
        ("WS-05: key of 15 octets", with("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAA"), 400),
        ("WS-05: no key", without("sec-websocket-key"), 400),
        ("WS-05: key not base64", with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ"), 400),
        ("no Host", without("host"), 400),
        ("no Upgrade", without("upgrade"), 400),
        ("another Upgrade", with("upgrade", "h2c"), 400),
        ("no Connection", without("connection"), 400),
        ("ORI-01: listed", good(), 101),
        ("ORI-02: unlisted", with("origin", "https://evil.example"), 403),
        ("ORI-03: suffix", with("origin", "https://wwsf.ims.example.evil.example"), 403),
        ("ORI-03: prefix", with("origin", "https://evilwwsf.ims.example"), 403),
        ("ORI-04: case", with("origin", "HTTPS://WWSF.IMS.EXAMPLE"), 101),
        ("ORI-04: default port", with("origin", "https://wwsf.ims.example:443"), 101),
        ("another port", with("origin", "https://wwsf.ims.example:8443"), 403),
        ("ORI-05: http", with("origin", "http://wwsf.ims.example"), 403),
        ("ORI-06: null", with("origin", "null"), 403),
        ("ORI-07: absent", without("origin"), 403),
        ("ORI-08: twice", [good(), good()].concat().into_iter().skip(6).take(8).collect(), 403),
        ("ORI-08: path", with("origin", "https://wwsf.ims.example/"), 403),
        ("list", with("origin", "https://wwsf.ims.example https://wwsf.partner.example"), 403),
        ("userinfo", with("origin", "https://a@wwsf.ims.example"), 403),
    ] {
        assert_eq!(status(&headers), expected, "{what}");
    }
}

#[test]
fn an_origin_given_twice_is_told_from_one_given_once() {
    let mut headers = good();
    headers.push(("origin", OPERATOR.to_owned()));
    assert_eq!(status(&headers), 403);
}

/// The order of the table: what comes first decides the answer.
#[test]
fn the_first_failing_check_decides() {
    let version_and_origin = with("sec-websocket-version", "8").into_iter().filter(|(n, _)| *n != "origin").collect();
    assert_eq!(status(&version_and_origin), 426);
    let origin_and_protocol: Headers =
        without("origin").into_iter().filter(|(n, _)| !n.ends_with("protocol")).collect();
    assert_eq!(status(&origin_and_protocol), 403);
    let full = Load { of_origin: usize::MAX, of_address: usize::MAX };
    let at = |uri: &str| ask(&config(), "GET", uri, &good(), full).unwrap_err().status.as_u16();
    assert_eq!(at("/other"), 404);
    assert_eq!(at("/"), 503);
    let post = ask(&config(), "POST", "/", &good(), Load::default()).unwrap_err();
    assert_eq!(post.status, 405);
}

#[test]
fn an_answer_says_what_would_be_right() {
    let header = |headers: &Headers, load| {
        let refusal = ask(&config(), "GET", "/", headers, load).unwrap_err();
        refusal.header.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
    };
    let version = header(&with("sec-websocket-version", "8"), Load::default());
    assert_eq!(version.as_deref(), Some("sec-websocket-version: 13"));
    for busy in [Load { of_origin: 10_000, of_address: 0 }, Load { of_origin: 0, of_address: 1_000 }] {
        assert_eq!(header(&good(), busy).as_deref(), Some("retry-after: 30"));
    }
}

#[test]
fn host_and_path_must_be_those_of_the_listener() {
    let mut config = config();
    config.policy.connection.hosts = vec!["localhost".into(), "[::1]".into()];
    let status = |host: &str| match ask(&config, "GET", "/", &with("host", host), Load::default()) {
        Ok(_) => 101,
        Err(refusal) => refusal.status.as_u16(),
    };
    assert_eq!(status("LOCALHOST:7443"), 101);
    assert_eq!(status("[::1]:7443"), 101);
    assert_eq!(status("[::1]"), 101);
    assert_eq!(status("epcscf1.ims.example"), 404);
}

#[test]
fn http_origins_pass_only_by_switch_and_from_this_machine() {
    let mut config = config();
    config.wwsf[0].origins = vec!["http://localhost:3000".into(), "http://wwsf.ims.example".into()];
    let status = |config: &Config, origin: &str| match ask(config, "GET", "/", &with("origin", origin), Load::default())
    {
        Ok(_) => 101,
        Err(refusal) => refusal.status.as_u16(),
    };
    assert_eq!(status(&config, "http://localhost:3000"), 403);
    config.policy.connection.dev_insecure_origins = true;
    assert_eq!(status(&config, "http://localhost:3000"), 101);
    assert_eq!(status(&config, "http://wwsf.ims.example"), 403);
}

/// ORI-07.
#[test]
fn a_client_without_origin_is_let_in_only_by_switch() {
    let mut config = config();
    config.policy.connection.native_clients = NativeClients::Allow;
    assert!(Records::from_config(&config).is_err(), "the WWSF must be named");
    config.policy.connection.native_wwsf = Some("wwsf.ims.example".into());
    let accepted = ask(&config, "GET", "/", &without("origin"), Load::default()).unwrap();
    assert_eq!((accepted.record.id(), accepted.origin), ("wwsf.ims.example", None));
    let null = ask(&config, "GET", "/", &with("origin", "null"), Load::default());
    assert_eq!(null.unwrap_err().status, 403);
}
