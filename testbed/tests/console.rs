//! The console on the operator's WWSF, with real tokens, and nodes of several processes in one trace.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use testbed::config::{Ports, Trace};
use testbed::up::Nodes;
use testbed::wic_shell::{Options, User, register};
use testbed::{Config, Testbed};
use trace::hep::{Packet, encode, protocol, transport};
use trace::{Direction, Hub, Leg, Record};

struct Browser {
    http: reqwest::Client,
    origin: String,
}

impl Browser {
    fn at(origin: &str, testbed: &Testbed) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        let pem = testbed.pki().ca_pem.as_bytes();
        for certificate in
            <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::pem_slice_iter(pem)
        {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http =
            reqwest::Client::builder().tls_backend_preconfigured(tls).cookie_store(true).no_proxy().build().unwrap();
        Self { http, origin: origin.to_owned() }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.origin)).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.origin)).header("origin", &self.origin).json(&body);
        request.send().await.unwrap().json().await.unwrap()
    }
}

async fn testbed(state: &std::path::Path) -> Testbed {
    let config = Config { ports: Ports::any(), ..Config::default() };
    Testbed::start(config, state).await.unwrap()
}

fn verdicts(token: &Value) -> String {
    let checks = token["checks"].as_array().unwrap();
    checks.iter().map(|check| check["verdict"].as_str().unwrap().chars().next().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_served_and_linked_from_all_pages() {
    let state = tempfile::tempdir().unwrap();
    let testbed = testbed(state.path()).await;
    let ready = testbed.ready().clone();
    let link = format!("{}/console", ready.wwsf);
    for origin in [&ready.wwsf, &ready.partner_wwsf, &ready.rogue_wwsf] {
        let page = Browser::at(origin, &testbed).get("/").await.text().await.unwrap();
        assert!(page.contains(&link), "{origin}");
    }
    let operator = Browser::at(&ready.wwsf, &testbed);
    let page = operator.get("/console").await;
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("img-src 'self' blob: data:"));
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert_eq!(Browser::at(&ready.partner_wwsf, &testbed).get("/console").await.status(), 404);
    let nodes: Value = operator.get("/console/api/nodes").await.json().await.unwrap();
    let ids: Vec<_> = nodes.as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["wic", "wwsf", "partner-wwsf", "rogue-wwsf", "epcscf", "icscf", "scscf", "hss"]);
    // Who watches is not part of what is watched.
    assert!(!testbed.hub().since(0).iter().any(|record| record.summary.contains("console")));
    testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_token_passes_all_checks_and_a_changed_one_fails_where_it_should() {
    let state = tempfile::tempdir().unwrap();
    let testbed = testbed(state.path()).await;
    let operator = Browser::at(&testbed.ready().wwsf, &testbed);
    operator.post("/api/login", json!({"username": "alice", "password": "alice-web"})).await;
    let token = operator.post("/api/token", json!({})).await["token"].as_str().unwrap().to_owned();
    let judge = async |body: Value| operator.post("/console/api/compute/token", body).await;

    let good = judge(json!({"token": token})).await;
    assert_eq!(verdicts(&good), "pppppppppp", "{good}");
    assert_eq!((&good["flow"], &good["signature"]["valid"]), (&2.into(), &true.into()));
    assert_eq!(good["claims"]["impu"][0], "sip:alice@ims.example");

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = judge(json!({"token": format!("{signed}.{other}{}", &signature[1..])})).await;
    assert_eq!((verdicts(&forged).as_str(), &forged["signature"]["valid"]), ("ppfssssssp", &false.into()), "{forged}");
    for (body, expected) in [
        (json!({"token": token, "now": 4_000_000_000u64}), "ppppfssssp"),
        (json!({"token": token, "to": "sip:bob@ims.example"}), "ppppppfssp"),
        (json!({"token": token, "from": "sip:bob@ims.example"}), "ppppppfssp"),
        (json!({"token": token, "impi": "bob-wic@ims.example"}), "ppppppfssp"),
        (json!({"token": token, "wwsf": "wwsf.partner.example"}), "ppsfssssss"),
    ] {
        let judged = judge(body.clone()).await;
        assert_eq!(verdicts(&judged), expected, "{body} {judged}");
    }

    let partner = Browser::at(&testbed.ready().partner_wwsf, &testbed);
    let guest = partner.post("/api/token", json!({})).await["token"].as_str().unwrap().to_owned();
    let range = judge(json!({"token": guest})).await;
    assert_eq!((verdicts(&range).as_str(), &range["flow"]), ("pppppppppp", &3.into()), "{range}");

    // A flow token of the running eP-CSCF.
    let user = User::Web { username: "alice".into(), password: "alice-web".into() };
    let options = Options::new(user, testbed.ready().wwsf.clone(), testbed.ready().ca.clone());
    assert!(register(&options).await.unwrap().is_registered());
    let records = testbed.hub().since(0);
    let path = records.iter().find_map(|record| record.text.lines().find_map(|line| line.strip_prefix("Path: ")));
    let found = operator.post("/console/api/compute/flow-token", json!({"token": path.unwrap()})).await;
    assert_eq!((&found["valid"], &found["parts"]["epoch_is_current"]), (&true.into(), &true.into()), "{found}");
    testbed.shutdown().await;
}

fn free_port() -> u16 {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until `wanted` finds what it looks for among the records.
async fn seen<T>(hub: &Hub, wanted: impl Fn(&[Arc<Record>]) -> Option<T>) -> T {
    let mut watch = hub.watch();
    let found = async {
        loop {
            if let Some(found) = wanted(&hub.since(0)) {
                return found;
            }
            let _ = watch.recv().await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(20), found).await;
    found.unwrap_or_else(|_| {
        panic!("not seen: {:#?}", hub.since(0).iter().map(|r| (&r.node, &r.summary)).collect::<Vec<_>>())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_other_processes_report_to_the_console() {
    let state = tempfile::tempdir().unwrap();
    let mut ports = Ports::any();
    for port in [&mut ports.wwsf, &mut ports.partner_wwsf, &mut ports.rogue_wwsf, &mut ports.epcscf] {
        *port = free_port();
    }
    for port in [&mut ports.epcscf_mw, &mut ports.icscf, &mut ports.scscf, &mut ports.hep] {
        *port = free_port();
    }
    let trace = Trace {
        hep_auth_key: Some("between us".into()),
        hep_nodes: [("2001".to_owned(), "sbc".to_owned())].into(),
        ..Trace::default()
    };
    let config = Config { ports, trace, ..Config::default() };
    let start = async |nodes| Testbed::start_nodes(config.clone(), state.path(), nodes).await.unwrap();
    let none = Nodes { wwsf: false, epcscf: false, ims: false };
    let web = start(Nodes { wwsf: true, ..none }).await;
    let core = start(Nodes { ims: true, ..none }).await;
    let edge = start(Nodes { epcscf: true, ..none }).await;

    let user = User::Web { username: "alice".into(), password: "alice-web".into() };
    let outcome = register(&Options::new(user, web.ready().wwsf.clone(), web.ready().ca.clone())).await.unwrap();
    assert!(outcome.is_registered(), "{:?}", outcome.result);

    let call_id = outcome.call_id().unwrap().to_owned();
    let records = seen(web.hub(), |records| {
        let nodes: BTreeSet<_> = records.iter().map(|record| record.node.as_str()).collect();
        let all = ["wwsf", "epcscf", "icscf", "scscf", "hss"].iter().all(|node| nodes.contains(node));
        let answered = |r: &Record| {
            (r.node.as_str(), r.leg, r.direction) == ("epcscf", Leg::Wss, Direction::Out) && r.summary == "200 OK"
        };
        (all && records.iter().any(|record| answered(record))).then(|| records.to_vec())
    })
    .await;
    let register = |node: &str| {
        let own =
            |r: &&Arc<Record>| r.node == node && r.call_id.as_deref() == Some(&call_id) && r.direction == Direction::In;
        records.iter().find(own).unwrap_or_else(|| panic!("{node} saw no REGISTER"))
    };
    assert_eq!((register("icscf").peer.as_str(), register("icscf").scenario), ("epcscf", Some(2)));
    assert_eq!((register("scscf").peer.as_str(), register("scscf").step), ("icscf", Some(4)));
    assert!(!records.iter().any(|record| record.text.contains("eyJ")), "a token crossed to the collector");

    // Somebody else's server, and one that does not know the key.
    let say = |agent: u32, key: &[u8]| {
        let invite = b"INVITE sip:b@x SIP/2.0\r\nCall-ID: foreign\r\n\r\n".to_vec();
        let packet = Packet {
            transport: transport::UDP,
            source: "192.0.2.1:5060".parse().unwrap(),
            destination: "192.0.2.9:5060".parse().unwrap(),
            time_us: 1,
            protocol: protocol::SIP,
            agent,
            auth_key: Some(key.to_vec()),
            correlation: None,
            node: None,
            own: None,
            payload: invite,
        };
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.send_to(&encode(&packet).unwrap(), web.ready().hep.unwrap()).unwrap();
    };
    say(666, b"guessed");
    say(2001, b"between us");
    let foreign = |records: &[Arc<Record>]| records.iter().find(|r| r.call_id.as_deref() == Some("foreign")).cloned();
    assert_eq!(seen(web.hub(), foreign).await.node, "sbc");
    let nodes: Value = Browser::at(&web.ready().wwsf, &web).get("/console/api/nodes").await.json().await.unwrap();
    let last = nodes.as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["foreign"], web.hub().nodes().contains(&"agent-666".into())), (&true.into(), false), "{nodes}");
    edge.shutdown().await;
    core.shutdown().await;
    web.shutdown().await;
}
