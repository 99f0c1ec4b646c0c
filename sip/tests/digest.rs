//! Digest gives the published and composed hashes, and refuses what is not an answer.

use sip::digest::{self, Algorithm, DigestError, Ha1, Presented};
use sip::headers::{
    AuthenticationInfo, Authorization, Challenge, Credentials, DigestCredentials, ProxyAuthenticate, TypedHeader,
    WwwAuthenticate,
};

const USER: &str = "alice-wic@ims.example";
const REALM: &str = "ims.example";
const PASSWORD: &str = "correct horse battery";
const URI: &str = "sip:ims.example";
const NONCE: &str = "4d0f2c9b7a1e4f6f8a3b5c7d9e0f1a2b";
const CNONCE: &str = "0a4f113b5e6d";

struct Vector {
    algorithm: Algorithm,
    ha1: &'static str,
    ha2: &'static str,
    first: &'static str,
    rspauth: &'static str,
    second: &'static str,
}

const VECTORS: [Vector; 2] = [
    Vector {
        algorithm: Algorithm::Md5,
        ha1: "5edf8ae38d86bc1c0bc5323d077845cc",
        ha2: "08f2edaca4e4c12ad6152f832d2826a6",
        first: "fea8fb1809a8cf387270223509755d28",
        rspauth: "80339508340532d302a61b765b217933",
        second: "ee2801fe0e35e47e680fd2e7c36e6b4c",
    },
    Vector {
        algorithm: Algorithm::Sha256,
        ha1: "a54089f7a68f97e7657fea5c6553c9c14643aba36cd839751e7136a40d424dea",
        ha2: "923846ef996232e7572a9f49694687e351952ee4e935cfeb6868ccc1af8f2a34",
        first: "89c9ce4f5342b949f0bb4d7051643ced1e7cecfe016a064f60f0b71cb86f9c14",
        rspauth: "377a15e32723e8b435a277261f0ff8d6bf5e839260e1409aa746ac5eff1cdf91",
        second: "c7b7b42375edcbef3e8829a339c4b20b1c458bb8284a7b2a73d0ef81e8906e67",
    },
];

#[test]
fn hashes_are_those_of_the_rfcs() {
    let ha1 = Ha1::new(Algorithm::Md5, "Mufasa", "testrealm@host.com", "Circle Of Life");
    assert_eq!(ha1.expose(), "939e7578ed9e3c518a452acee763bce9");
    let ha2 = digest::ha2(Algorithm::Md5, "GET", "/dir/index.html");
    assert_eq!(ha2, "39aff3a2bab6126f332b942af96d3366");
    let response = digest::response(Algorithm::Md5, &ha1, "dcd98b7102dd2f0e8b11d0f600bfb0c093", 1, "0a4f113b", &ha2);
    assert_eq!(response, "6629fae49393a05397450978507c4ef1");

    let expected = [
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ];
    for (algorithm, expected) in expected {
        let ha1 = Ha1::new(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
        let ha2 = digest::ha2(algorithm, "GET", "/dir/index.html");
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        assert_eq!(digest::response(algorithm, &ha1, nonce, 1, cnonce, &ha2), expected);
    }
}

#[test]
fn hashes_are_those_composed_for_sip() {
    for v in &VECTORS {
        let ha1 = Ha1::new(v.algorithm, USER, REALM, PASSWORD);
        assert_eq!(ha1.expose(), v.ha1);
        let ha2 = digest::ha2(v.algorithm, "REGISTER", URI);
        assert_eq!(ha2, v.ha2);
        assert_eq!(digest::response(v.algorithm, &ha1, NONCE, 1, CNONCE, &ha2), v.first);
        assert_eq!(digest::response(v.algorithm, &ha1, NONCE, 2, CNONCE, &ha2), v.second);
        assert_eq!(digest::rspauth(v.algorithm, &ha1, NONCE, 1, CNONCE, URI), v.rspauth);
    }
}

#[test]
fn a_proxys_challenge_to_an_invite_is_answered() {
    let value =
        "Digest realm=\"ims.example\", nonce=\"9a8b7c6d5e4f\", algorithm=SHA-256, qop=\"auth,auth-int\", opaque=\"o\"";
    let challenges = [ProxyAuthenticate::parse(value).unwrap()];
    let challenge = digest::pick(&challenges).unwrap();
    let answer = digest::answer(challenge, USER, PASSWORD, "INVITE", "sip:bob@ims.example", CNONCE, 1).unwrap();
    let expected = "9f67746e7c47230610edca57355fd20a7065000b616a0be4b20128d91e1d9709";
    assert_eq!(answer.text("response").unwrap(), expected);
    assert_eq!(answer.text("opaque").unwrap(), "o");
    assert_eq!(
        digest::ha2(Algorithm::Sha256, "INVITE", "sip:bob@ims.example"),
        "ab128ac917876961ad96ea7cb19da0f488aea6451326d50ea8b66c67a46e31ba"
    );
    assert!(Presented::parse(&answer).unwrap().verify(&Ha1::new(Algorithm::Sha256, USER, REALM, PASSWORD), "INVITE"));
}

#[test]
fn the_strongest_challenge_that_can_be_answered_is_picked() {
    let challenges = [
        "Digest realm=\"r\", nonce=\"n0\", algorithm=SHA-512-256, qop=\"auth\"",
        "Bearer realm=\"r\", authz_server=\"https://as.example\"",
        "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"n2\", algorithm=sha-256, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"n3\", algorithm=SHA-256, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"n4\", algorithm=SHA-256, qop=\"auth-int\"",
        "Digest realm=\"r\", nonce=\"n5\", algorithm=SHA-256",
    ]
    .map(|value| WwwAuthenticate::parse(value).unwrap());
    assert_eq!(digest::pick(&challenges).unwrap().nonce().unwrap(), "n2");
    assert_eq!(digest::pick(&challenges[..3]).unwrap().nonce().unwrap(), "n1");
    assert_eq!(digest::pick(&challenges[..2]), None);
    assert_eq!(digest::pick(&challenges[5..]), None);
}

#[test]
fn client_and_server_agree_and_each_proves_itself() {
    for v in &VECTORS {
        let challenge = digest::challenge(v.algorithm, REALM, NONCE, true);
        let text = WwwAuthenticate(Challenge::Digest(challenge)).to_string();
        let Challenge::Digest(challenge) = WwwAuthenticate::parse(&text).unwrap().0 else { panic!("{text}") };
        assert!(challenge.is_stale());
        let sent = digest::answer(&challenge, USER, PASSWORD, "REGISTER", URI, CNONCE, 1).unwrap();
        let text = Authorization(Credentials::Digest(sent.clone())).to_string();
        let Credentials::Digest(arrived) = Authorization::parse(&text).unwrap().0 else { panic!("{text}") };
        let presented = Presented::parse(&arrived).unwrap();
        assert_eq!((&*presented.response, presented.nc), (v.first, 1));

        let ha1 = Ha1::new(v.algorithm, USER, REALM, PASSWORD);
        assert!(presented.verify(&ha1, "REGISTER"));
        assert!(!presented.verify(&ha1, "INVITE"));
        assert!(!presented.verify(&Ha1::new(v.algorithm, USER, REALM, "wrong"), "REGISTER"));

        let info = digest::authentication_info(&presented, &ha1, Some("next"));
        let info = AuthenticationInfo::parse(&info.to_string()).unwrap();
        assert_eq!(info.text("rspauth").unwrap(), v.rspauth);
        assert_eq!(info.text("nextnonce").unwrap(), "next");
        assert_eq!(digest::verify_rspauth(&info, &sent, PASSWORD), Ok(()));
        assert_eq!(digest::verify_rspauth(&info, &sent, "other"), Err(DigestError::Rspauth));
        let empty = AuthenticationInfo::default();
        assert_eq!(digest::verify_rspauth(&empty, &sent, PASSWORD), Err(DigestError::Missing("rspauth")));
    }
}

#[test]
fn an_echo_of_another_exchange_proves_nothing() {
    let challenge = digest::challenge(Algorithm::Md5, REALM, NONCE, false);
    let sent = digest::answer(&challenge, USER, PASSWORD, "REGISTER", URI, CNONCE, 1).unwrap();
    let ha1 = Ha1::new(Algorithm::Md5, USER, REALM, PASSWORD);
    for (name, value) in [("nc", "00000002"), ("cnonce", "\"other\""), ("qop", "auth-int")] {
        let mut info = digest::authentication_info(&Presented::parse(&sent).unwrap(), &ha1, None);
        info.params.set(name, value);
        assert_eq!(digest::verify_rspauth(&info, &sent, PASSWORD), Err(DigestError::Rspauth), "{name}");
    }
}

#[test]
fn a_hash_of_another_algorithm_never_verifies() {
    let challenge = digest::challenge(Algorithm::Sha256, REALM, NONCE, false);
    let sent = digest::answer(&challenge, USER, PASSWORD, "REGISTER", URI, CNONCE, 1).unwrap();
    let presented = Presented::parse(&sent).unwrap();
    assert!(!presented.verify(&Ha1::new(Algorithm::Md5, USER, REALM, PASSWORD), "REGISTER"));
}

#[test]
fn what_is_not_an_answer_is_told_apart() {
    let good = answer_params();
    assert!(Presented::parse(&good).is_ok());
    let with = |name: &str, value: Option<&str>| {
        let mut credentials = good.clone();
        credentials.params.remove(name);
        if let Some(value) = value {
            credentials.params.set(name, value);
        }
        Presented::parse(&credentials).unwrap_err()
    };
    for name in ["username", "realm", "nonce", "uri", "response", "cnonce", "nc"] {
        assert_eq!(with(name, None), DigestError::Missing(name));
    }
    assert_eq!(with("response", Some("\"\"")), DigestError::EmptyResponse);
    assert_eq!(with("response", Some("\"89c9\"")), DigestError::Malformed("response"));
    assert_eq!(with("response", Some(&"A".repeat(64))), DigestError::Malformed("response"));
    assert_eq!(with("algorithm", None), DigestError::Malformed("response"));
    assert_eq!(with("algorithm", Some("MD5-sess")), DigestError::Algorithm);
    assert_eq!(with("qop", None), DigestError::Qop);
    assert_eq!(with("qop", Some("auth-int")), DigestError::Qop);
    assert_eq!(with("cnonce", Some("\"\"")), DigestError::Malformed("cnonce"));
    for nc in ["1", "000000001", "0000000g", "+0000001"] {
        assert_eq!(with("nc", Some(nc)), DigestError::Malformed("nc"), "{nc}");
    }
}

#[test]
fn secrets_do_not_show_in_debug() {
    let ha1 = Ha1::new(Algorithm::Md5, USER, REALM, PASSWORD);
    assert!(!format!("{ha1:?}").contains(ha1.expose()));
    let presented = Presented::parse(&answer_params()).unwrap();
    assert!(!format!("{presented:?}").contains(&presented.response));
}

#[test]
fn a_stored_ha1_is_hexadecimal_of_a_known_length() {
    assert_eq!(
        Ha1::from_hex(&VECTORS[1].ha1.to_uppercase()).unwrap(),
        Ha1::new(Algorithm::Sha256, USER, REALM, PASSWORD)
    );
    for bad in ["", "5edf", &"g".repeat(32), &"é".repeat(16)] {
        assert_eq!(Ha1::from_hex(bad), Err(DigestError::Malformed("HA1")));
    }
}

fn answer_params() -> DigestCredentials {
    let challenge = digest::challenge(Algorithm::Sha256, REALM, NONCE, false);
    digest::answer(&challenge, USER, PASSWORD, "REGISTER", URI, CNONCE, 1).unwrap()
}
