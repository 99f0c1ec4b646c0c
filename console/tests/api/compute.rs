use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{self, Rig};

async fn ask(rig: &Rig, what: &str, body: Value) -> (StatusCode, Value) {
    let response = rig.change(Method::POST, &format!("/console/api/compute/{what}"), body.to_string()).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    (response.status(), support::json(response).await)
}

#[tokio::test]
async fn an_identity_falls_into_the_pieces_of_its_range() {
    let rig = Rig::new();
    let (_, found) = ask(&rig, "wildcard", json!({"impu": "sip:guest-042@Partner.ims.example;user=phone"})).await;
    assert_eq!(found["winner"], "sip:guest-!.*!@partner.ims.example");
    assert_eq!(found["ranges"][0]["wwsf"], "wwsf.partner.example");
    let pieces = json!({"prefix": "guest-", "expression": "042", "suffix": "", "host": "partner.ims.example"});
    assert_eq!(found["ranges"][0]["pieces"], pieces);

    let (_, out) = ask(&rig, "wildcard", json!({"impu": "sip:alice@partner.ims.example"})).await;
    assert_eq!((&out["winner"], &out["ranges"][0]["matched"]), (&Value::Null, &Value::Bool(false)));
    assert!(out["ranges"][0]["why"].as_str().unwrap().contains("before the expression"), "{out}");

    let ranges = json!(["sip:!a.*!@h.example", "sip:!.*b!@h.example"]);
    let (_, two) = ask(&rig, "wildcard", json!({"impu": "sip:ab@h.example", "ranges": ranges})).await;
    assert!(two["why"].as_str().unwrap().contains("two wildcarded"), "{two}");

    for body in [json!({"impu": "nonsense"}), json!({"impu": "sip:a@x", "ranges": ["x"]}), json!({})] {
        assert_eq!(ask(&rig, "wildcard", body).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

/// TS 23.228 §4.3.3.2b: the anchor of the range is provisioned one by one.
#[tokio::test]
async fn a_distinct_identity_shadows_any_range() {
    let ranges = json!(["sip:!.*!@partner.ims.example"]);
    let body = json!({"impu": "sip:trunk@partner.ims.example", "ranges": ranges});
    let (_, found) = ask(&Rig::new(), "wildcard", body).await;
    assert_eq!((&found["distinct"], &found["winner"]), (&Value::Bool(true), &Value::Null));
    assert_eq!(found["ranges"][0]["matched"], true);
}

#[tokio::test]
async fn origins_are_compared_as_tuples() {
    let rig = Rig::new();
    let (_, own) = ask(&rig, "origin", json!({"origin": "HTTPS://LOCALHOST:8443"})).await;
    assert_eq!(
        (&own["accepted"], &own["wwsf"], &own["status"]),
        (&true.into(), &"wwsf.ims.example".into(), &101.into())
    );
    let (_, rogue) = ask(&rig, "origin", json!({"origin": "https://localhost:9543"})).await;
    assert_eq!((&rogue["accepted"], &rogue["status"]), (&false.into(), &403.into()));
    let compared = &rogue["compared"][0];
    assert_eq!(
        (&compared["same_host"], &compared["same_port"], &compared["same"]),
        (&true.into(), &false.into(), &false.into())
    );
    for (origin, clause) in [("null", "RFC 6454 §7.3"), ("", "RFC 6455 §10.2"), ("http://localhost:8443", "REQ 1.1")]
    {
        let (_, refused) = ask(&rig, "origin", json!({"origin": origin})).await;
        assert_eq!(refused["status"], 403, "{origin}");
        assert!(refused["why"].as_str().unwrap().contains(clause), "{refused}");
    }
    let (_, one) = ask(&rig, "origin", json!({"origin": "null", "wwsf": "wwsf.partner.example"})).await;
    assert_eq!(one["compared"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_flow_token_is_taken_apart() {
    let rig = Rig::new();
    let token = epcscf::FlowTokens::new(&[7; 32], 1_764_000_000).mint(sip::FlowId((3 << 48) | 9));
    let (_, found) = ask(&rig, "flow-token", json!({"token": format!("<sip:{token}@epcscf1.ims.example;lr>")})).await;
    assert_eq!((&found["token"], &found["valid"]), (&token.as_str().into(), &true.into()));
    assert_eq!((&found["parts"]["shard"], &found["parts"]["epoch"]), (&3.into(), &1_764_000_000.into()));
    let (_, forged) = ask(&rig, "flow-token", json!({"token": token.replace(&token[..1], "_")})).await;
    assert_eq!(
        (&forged["valid"], &forged["status"], &forged["parts"]["mac_is_right"]),
        (&false.into(), &403.into(), &false.into())
    );
}

fn verdicts(token: &Value) -> String {
    let checks = token["checks"].as_array().unwrap();
    assert!(checks.iter().enumerate().all(|(at, check)| check["id"] == format!("T{at}")), "{token}");
    checks.iter().map(|check| check["verdict"].as_str().unwrap().chars().next().unwrap()).collect()
}

/// What needs no key; the whole way is in the testbed's tests.
#[tokio::test]
async fn a_token_fails_where_the_edge_would_stop() {
    use base64::Engine as _;
    let b64 = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let made = |header: Value, claims: Value| format!("{}.{}.c2ln", b64(header), b64(claims));
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"});
    let rig = Rig::new();
    for (token, verdicts_are, at, status) in [
        (String::new(), "fsssssssss", 0, 401),
        ("a b".into(), "pfssssssss", 1, 400),
        ("abc".into(), "ppfsssssss", 2, 401),
        (made(json!({"alg": "none"}), json!({})), "ppfsssssss", 2, 401),
        (made(header.clone(), json!({"iss": "https://evil.example"})), "ppsfssssss", 3, 403),
        (made(header.clone(), json!({"iss": "https://localhost:8443"})), "ppsssssssf", 9, 504),
    ] {
        let (_, found) = ask(&rig, "token", json!({"token": token})).await;
        assert_eq!(verdicts(&found), verdicts_are, "{found}");
        assert_eq!(found["checks"][at]["status"], status, "{found}");
        assert_eq!(found["signature"]["valid"], Value::Null, "{found}");
    }
    let (_, shown) = ask(&rig, "token", json!({"token": made(json!({"alg": "none"}), json!({"sub": "x"}))})).await;
    assert_eq!((&shown["header"]["alg"], &shown["claims"]["sub"]), (&"none".into(), &"x".into()));
    assert_eq!(ask(&rig, "token", json!({"token": "x", "wwsf": "none"})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_digest_is_shown_step_by_step() {
    let body = json!({"algorithm": "SHA-256", "username": "alice-wic@ims.example", "realm": "ims.example",
        "password": "alice-secret", "method": "REGISTER", "uri": "sip:ims.example", "nonce": "n", "nc": "00000001",
        "cnonce": "c", "qop": "auth"});
    let (status, digest) = ask(&Rig::new(), "digest", body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(digest["ha1_input"], "alice-wic@ims.example:ims.example:alice-secret");
    assert_eq!(digest["response"].as_str().unwrap().len(), 64);
}
