//! Nothing secret reaches a log or the observer.

#[expect(dead_code, reason = "the other tests use the rest of it")]
#[path = "https/support.rs"]
mod support;

use std::io;
use std::sync::{Arc, Mutex};

use support::{Wwsf, header};
use tracing_subscriber::fmt::MakeWriter;
use wwsf::Config;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}

#[tokio::test]
async fn passwords_cookies_tokens_and_keys_stay_out_of_the_log() {
    let log = Log::default();
    // All of ours; of the libraries below, what one would ever switch on.
    let filter = tracing_subscriber::EnvFilter::new("debug,wwsf=trace,tower_http=trace,axum=trace");
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(log.clone()).init();

    let operator = Wwsf::start(Config::operator()).await;
    let partner = Wwsf::start(Config::partner()).await;
    let (alice, guest) = (operator.browser(), partner.browser());
    alice.login("hunter2-typed-as-name", "hunter3-wrong").await;
    let login = alice.login("alice", "alice-web").await;
    alice.post("/api/login").body("{\"password\":\"hunter4-unparsable").send().await.unwrap();
    alice.get("/?token=hunter5-query").send().await.unwrap();
    let hello = guest.token().await;
    let (cookie, guest_cookie) = (cookie(&login), cookie(&hello));
    let token = alice.granted().await["token"].as_str().unwrap().to_owned();
    let hello: serde_json::Value = hello.json().await.unwrap();
    let keys = std::fs::read_to_string(operator.state_dir().join("keys.json")).unwrap();
    let keys: serde_json::Value = serde_json::from_str(&keys).unwrap();

    let events = format!("{:?} {:?}", operator.events(), partner.events());
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("logged in") && log.contains("token issued"), "the log is being written:\n{log}");
    let signature = |token: &str| token.rsplit_once('.').unwrap().1.to_owned();
    for secret in [
        "hunter2-typed-as-name",
        "hunter3-wrong",
        "hunter4-unparsable",
        "hunter5-query",
        "alice-web",
        "$argon2id$",
        &cookie,
        &guest_cookie,
        &signature(&token),
        &signature(hello["token"].as_str().unwrap()),
        keys["keys"][0]["pkcs8"].as_str().unwrap(),
        keys["subject_secret"].as_str().unwrap(),
    ] {
        assert!(secret.len() > 5);
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
        assert!(!events.contains(secret), "{secret}");
    }
}

fn cookie(response: &reqwest::Response) -> String {
    let cookie = header(response, "set-cookie");
    cookie.split([';', '=']).nth(1).unwrap().to_owned()
}
