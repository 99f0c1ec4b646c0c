//! The defects.

use serde_json::json;

use crate::spoil::{Memory, add, answers, change, header, is, remove, set};

/// What a defect makes of a message; nothing drops it.
pub(crate) type Hook = fn(&Memory, &str) -> Option<String>;

/// A deliberate defect.
#[derive(Debug)]
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    /// What the node does.
    pub(crate) what: &'static str,
    /// The purposes that are tried on it.
    pub(crate) tried: &'static [&'static str],
    /// Settings that take a check away.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// Of an upgrade request, and of its answer.
    pub(crate) upgrade: Option<Hook>,
    pub(crate) upgraded: Option<Hook>,
    /// On W2.
    pub(crate) from_wic: Option<Hook>,
    pub(crate) to_wic: Option<Hook>,
    /// On Mw, with the script as core.
    pub(crate) from_epcscf: Option<Hook>,
    pub(crate) to_epcscf: Option<Hook>,
    /// On Mw, with the script as eP-CSCF.
    pub(crate) to_core: Option<Hook>,
    pub(crate) from_core: Option<Hook>,
}

impl Mutant {
    pub(crate) fn is_on_w2(&self) -> bool {
        self.upgrade.is_some()
            || self.upgraded.is_some()
            || self.from_wic.is_some()
            || self.to_wic.is_some()
            // What a WIC asked is remembered there.
            || self.from_epcscf.is_some()
    }

    pub(crate) fn is_on_mw(&self) -> bool {
        self.from_epcscf.is_some() || self.to_epcscf.is_some()
    }
}

const NONE: Mutant = Mutant {
    name: "",
    what: "",
    tried: &[],
    settings: &[],
    upgrade: None,
    upgraded: None,
    from_wic: None,
    to_wic: None,
    from_epcscf: None,
    to_epcscf: None,
    to_core: None,
    from_core: None,
};

/// A defect at one place.
macro_rules! mutants {
    ($($name:literal $what:literal [$($id:literal),+] $place:ident = $value:expr;)+) => {
        pub(crate) const MUTANTS: &[Mutant] = &[$(Mutant {
            name: $name,
            what: $what,
            tried: &[$($id),+],
            $place: mutants!(@value $place $value),
            ..NONE
        }),+];
    };
    (@value settings $value:expr) => { $value };
    (@value $place:ident $value:expr) => { Some($value) };
}

const LISTED: &str = "https://wwsf.ims.example";

mutants! {
    "origin-not-checked" "lets any page in" ["ORI-02", "ORI-05", "SEC-05"] upgrade = |_, t| Some(set(t, "Origin", LISTED));
    "origin-by-part" "compares a part of the Origin" ["ORI-03"]
        upgrade = |_, t| Some(change(t, "Origin", |o| if o.contains("wwsf.ims.example") { LISTED.into() } else { o.into() }));
    "origin-null" "takes an opaque origin for its own" ["ORI-06"]
        upgrade = |_, t| Some(change(t, "Origin", |o| if o == "null" { LISTED.into() } else { o.into() }));
    "origin-missing" "lets native clients in" ["ORI-07"]
        upgrade = |_, t| Some(if header(t, "Origin").is_none() { add(t, "Origin", LISTED) } else { t.into() });
    "origin-twice" "takes the first of two Origins" ["ORI-08"]
        upgrade = |_, t| Some(change(t, "Origin", str::to_owned));
    "no-subprotocol" "asks for no subprotocol" ["WS-02"] upgrade = |_, t| Some(set(t, "Sec-WebSocket-Protocol", "sip"));
    "any-version" "takes any WebSocket version" ["WS-04"] upgrade = |_, t| Some(set(t, "Sec-WebSocket-Version", "13"));
    "any-key" "takes any Sec-WebSocket-Key" ["WS-05"]
        upgrade = |_, t| Some(set(t, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="));
    "wrong-accept" "computes Sec-WebSocket-Accept wrongly" ["WS-01"]
        upgraded = |_, t| Some(change(t, "Sec-WebSocket-Accept", |a| a.to_ascii_lowercase()));
    "chooses-the-first-protocol" "answers with the first subprotocol offered" ["WS-03"]
        upgraded = |_, t| Some(set(t, "Sec-WebSocket-Protocol", "xmpp"));
    "any-via" "takes any transport in Via" ["WS-14"] settings = &[("connection.via_mismatch", "accept")];
    "no-keep-alive" "does not answer CRLF" ["WS-16"] to_wic = |_, t| (t != "\r\n").then(|| t.to_owned());

    "signature-not-checked" "takes any signature" ["TOK-04"] from_wic = |m, t| Some(m.resigned(t, |_, _| {}));
    "alg-none" "takes alg none" ["TOK-05"] from_wic = |m, t| Some(m.resigned(t, |head, _| head["alg"] = json!("ES256")));
    "alg-confused" "takes HS256 with the public key" ["TOK-06"]
        from_wic = |m, t| Some(m.resigned(t, |head, _| head["alg"] = json!("ES256")));
    "crit-ignored" "ignores crit" ["TOK-07"]
        from_wic = |m, t| Some(m.resigned(t, |head, _| drop(head.as_object_mut().map(|h| (h.remove("crit"), h.remove("exp-2"))))));
    "embedded-key" "trusts the key in the token" ["TOK-08"]
        from_wic = |m, t| Some(m.resigned(t, |head, _| {
            drop(head.as_object_mut().map(|h| ["jwk", "jku", "x5u", "x5c"].map(|name| h.remove(name))));
        }));
    "exp-ignored" "ignores exp" ["TOK-10"] from_wic = |m, t| Some(m.resigned(t, |_, claims| {
        let now = conformance::script::Token::now();
        claims["iat"] = json!(now - 10);
        claims["exp"] = json!(now + 600);
    }));
    "nbf-ignored" "ignores nbf" ["TOK-11"]
        from_wic = |m, t| Some(m.resigned(t, |_, claims| drop(claims.as_object_mut().map(|c| c.remove("nbf")))));
    "aud-ignored" "ignores aud" ["TOK-12"]
        from_wic = |m, t| Some(m.resigned(t, |_, claims| claims["aud"] = json!("sip:epcscf1.ims.example")));
    "issuer-ignored" "takes a token of any WAF that it knows" ["TOK-13"] from_wic = |m, t| Some(m.resigned(t, |head, claims| {
        head["kid"] = json!("operator-1");
        head["alg"] = json!("ES256");
        claims["iss"] = json!("https://waf.ims.example");
    }));
    "client-ignored" "ignores client_id" ["TOK-14"]
        from_wic = |m, t| Some(m.resigned(t, |_, claims| claims["client_id"] = json!("wwsf.ims.example")));
    "scope-ignored" "ignores scope" ["TOK-15"]
        from_wic = |m, t| Some(m.resigned(t, |_, claims| claims["scope"] = json!("webrtc-ims-client-access-to-ims")));
    "impu-ignored" "lets a token register any identity" ["TOK-16"] from_wic = |m, t| {
        let to = header(t, "To").unwrap_or_default().trim_matches(['<', '>']).to_owned();
        Some(m.resigned(t, |_, claims| claims["impu"] = json!([to])))
    };
    "replay-allowed" "lets a token serve two browsers" ["TOK-24"] from_wic = |m, t| {
        let jti = header(t, "Contact").unwrap_or_default();
        Some(m.resigned(t, |_, claims| claims["jti"] = json!(jti.chars().filter(char::is_ascii_alphanumeric).take(60).collect::<String>())))
    };
    "from-ignored" "does not compare From and To" ["TOK-18"]
        from_wic = |_, t| Some(if is(t, "REGISTER") { set(t, "From", &(header(t, "To").unwrap_or_default() + ";tag=w1")) } else { t.into() });
    "stays-open" "keeps the connection after an expired token" ["TOK-10"] settings = &[("token.strict_close", "false")];
    "challenge-without-server" "does not say where tokens are given" ["TOK-03"]
        to_wic = |_, t| Some(change(t, "WWW-Authenticate", |v| v.replace("authz_server=", "x-server=")));
    "challenge-with-error" "calls a missing token invalid" ["TOK-03"]
        to_wic = |_, t| Some(change(t, "WWW-Authenticate", |v| format!("{v}, error=\"invalid_token\"")));

    "bearer-leaks" "passes the token on to the core" ["TNA-01", "TOK-28"] from_epcscf = |m, t| {
        let bearer = header(&m.asked(), "Authorization").filter(|v| is(t, "REGISTER") && v.starts_with("Bearer"));
        Some(bearer.map_or_else(|| t.to_owned(), |bearer| add(t, "Authorization", &bearer)))
    };
    "keeps-integrity-protected" "lets a WIC vouch for itself" ["DIG-10"] from_epcscf = |m, t| {
        let own = header(&m.asked(), "Authorization").filter(|v| is(t, "REGISTER") && v.starts_with("Digest"));
        Some(own.map_or_else(|| t.to_owned(), |own| set(t, "Authorization", &own)))
    };
    "response-not-empty" "answers in the WIC's place" ["TNA-01"]
        from_epcscf = |_, t| Some(change(t, "Authorization", |v| v.replace("response=\"\"", "response=\"00\"")));
    "names-no-entity" "does not name a foreign WAF" ["TNA-04"]
        from_epcscf = |_, t| Some(change(t, "Authorization", |v| v.split(", authorization-entity").next().unwrap_or(v).into()));
    "forgets-path" "adds no Path" ["REG-01"] from_epcscf = |_, t| Some(remove(t, "Path"));
    "forgets-require-path" "does not require path" ["REG-01"] from_epcscf = |_, t| Some(remove(t, "Require"));
    "forgets-ob" "does not say that it supports outbound" ["REG-01"]
        from_epcscf = |_, t| Some(change(t, "Path", |v| v.replace(";ob", "")));
    "keeps-forged-identity" "passes on what the WIC asserts" ["REG-10", "ORG-05", "ORG-12"] from_epcscf = |m, t| {
        let forged = header(&m.asked(), "P-Asserted-Identity");
        Some(forged.map_or_else(|| t.to_owned(), |forged| add(t, "P-Asserted-Identity", &forged)))
    };
    "always-tls-yes" "calls every session bound" ["DIG-11"]
        from_epcscf = |_, t| Some(change(t, "Authorization", |v| v.replace("tls-pending", "tls-yes")));
    "no-access-info" "does not say how the WIC is connected" ["REG-11", "DIG-28"]
        from_epcscf = |_, t| Some(remove(t, "P-Access-Network-Info"));
    "one-charging-vector" "gives every request one icid" ["REG-21"]
        from_epcscf = |_, t| Some(change(t, "P-Charging-Vector", |_| "icid-value=1;orig-ioi=x".into()));
    "hops-not-counted" "leaves Max-Forwards as it is" ["REG-19"] from_epcscf = |_, t| Some(set(t, "Max-Forwards", "70"));
    "token-outlived" "asks for longer than the token lasts" ["TOK-32"]
        from_epcscf = |_, t| Some(change(t, "Contact", |v| v.replace("expires=", "expires=9")));
    "charging-to-the-wic" "shows the WIC what the core is charged by" ["REG-22"]
        to_wic = |_, t| Some(if answers(t, 200) { add(t, "P-Charging-Function-Addresses", "ccf=192.0.2.9") } else { t.into() });
    "wildcards-to-the-wic" "shows the WIC the ranges of its set" ["REG-23"]
        to_wic = |_, t| Some(change(t, "P-Associated-URI", |v| format!("{v}, <sip:alice-!.*!@ims.example>")));
    "no-flow-timer" "does not say when keep-alives are due" ["REG-24"] to_wic = |_, t| Some(remove(t, "Flow-Timer"));
    "out-of-range-accepted" "answers 200 to identities outside of the range" ["WLD-03", "WLD-06", "WLD-08"]
        to_wic = |_, t| Some(t.replacen("SIP/2.0 403 ", "SIP/2.0 200 ", 1));
    "late-register-accepted" "takes a REGISTER that comes too late" ["WLD-11"]
        to_wic = |_, t| Some(t.replacen("SIP/2.0 500 ", "SIP/2.0 200 ", 1));
    "no-outbound" "does not say that it honours outbound" ["WLD-25"] to_wic = |_, t| Some(remove(t, "Require"));

    "forgets-profile-key" "does not name a guest's range" ["ORG-10"] from_epcscf = |_, t| Some(remove(t, "P-Profile-Key"));
    "asserts-from" "asserts whoever From names" ["ORG-04"] from_epcscf = |_, t| {
        let from = header(t, "From").unwrap_or_default();
        let uri = from.split('<').nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default().to_owned();
        Some(change(t, "P-Asserted-Identity", |_| format!("<{uri}>")))
    };
    "asserts-any-preference" "asserts whoever the WIC prefers" ["ORG-03", "ORG-13"] from_epcscf = |m, t| {
        let preferred = header(&m.asked(), "P-Preferred-Identity");
        Some(preferred.map_or_else(|| t.to_owned(), |preferred| change(t, "P-Asserted-Identity", |_| preferred)))
    };
    "preference-leaks" "passes P-Preferred-Identity on" ["ORG-01"]
        from_epcscf = |_, t| Some(if is(t, "INVITE") { add(t, "P-Preferred-Identity", "<sip:a@ims.example>") } else { t.into() });
    "leaves-the-path" "does not record-route" ["ORG-15", "ORG-01"] from_epcscf = |_, t| Some(remove(t, "Record-Route"));
    "records-messages" "record-routes MESSAGE" ["ORG-16"]
        from_epcscf = |_, t| Some(if is(t, "MESSAGE") { add(t, "Record-Route", "<sip:epcscf1.ims.example;lr>") } else { t.into() });
    "own-route" "does not follow the Service-Route" ["REG-02"]
        from_epcscf = |_, t| Some(change(t, "Route", |_| "<sip:elsewhere.example;lr>".into()));
    "privacy-ignored" "names a caller who wants privacy" ["ORG-14"]
        to_wic = |_, t| Some(if is(t, "INVITE") { add(t, "P-Asserted-Identity", "<sip:bob@ims.example>") } else { t.into() });
    "core-headers-to-the-wic" "shows the WIC what the core's nodes say to each other" ["TRM-12"]
        to_wic = |_, t| Some(if is(t, "INVITE") { add(t, "P-Profile-Key", "<sip:a-!.*!@ims.example>") } else { t.into() });
    "called-party-lost" "does not say who is called" ["TRM-11", "TRM-12"] to_wic = |_, t| Some(remove(t, "P-Called-Party-ID"));
    "dead-flow-not-found" "says 404 of a dead flow" ["TRM-07", "DER-06"]
        from_epcscf = |_, t| Some(t.replacen("SIP/2.0 430 ", "SIP/2.0 404 ", 1));
    "forged-flow-is-dead" "takes a forged flow token for an old one" ["TRM-06", "SEC-13"]
        from_epcscf = |_, t| Some(t.replacen("SIP/2.0 403 ", "SIP/2.0 430 ", 1));
    "believes-the-wic" "passes on what the WIC asserts in a response" ["TRM-09"]
        from_epcscf = |_, t| Some(change(t, "P-Asserted-Identity", |_| "<sip:ceo@ims.example>".into()));
    "bye-without-reason" "does not say why it ends a call" ["DLG-07"] from_epcscf = |_, t| Some(remove(t, "Reason"));
    "cancel-lost" "keeps CANCEL to itself" ["DLG-03"] from_epcscf = |_, t| (!is(t, "CANCEL")).then(|| t.to_owned());
    "ack-lost" "keeps ACK to itself" ["DLG-19"] from_epcscf = |_, t| (!is(t, "ACK")).then(|| t.to_owned());

    "wrong-rspauth" "proves itself wrongly" ["DIG-01"]
        from_core = |_, t| Some(change(t, "Authentication-Info", |v| v.replace("rspauth=\"", "rspauth=\"0")));
    "no-rspauth" "does not prove itself" ["DIG-01"] from_core = |_, t| Some(remove(t, "Authentication-Info"));
    "no-stale" "calls every failure a wrong password" ["DIG-05", "DIG-06", "DIG-25"]
        from_core = |_, t| Some(t.replace(", stale=true", "").replace("stale=true", "x=y"));
    "weakest-first" "offers MD5 first" ["DIG-02"]
        from_core = |_, t| Some(t.replace("algorithm=SHA-256", "algorithm=X").replace("algorithm=MD5", "algorithm=SHA-256").replace("algorithm=X", "algorithm=MD5"));
    "one-nonce" "challenges with one nonce for ever" ["DIG-24", "DIG-09"] from_core = |_, t| {
        let nonce = t.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned();
        Some(if answers(t, 401) && !nonce.is_empty() { t.replace(&nonce, "0123456789abcdef0123456789abcdef") } else { t.into() })
    };
    "trusts-everybody" "takes auth-done from anybody" ["TNA-03"] to_core = |_, t| Some(t.to_owned());
    "entity-not-checked" "takes the word of any WAF" ["TNA-05"]
        to_core = |_, t| Some(change(t, "Authorization", |v| v.split(", authorization-entity").next().unwrap_or(v).into()));
    "auth-done-with-response" "takes auth-done beside a response" ["TNA-09"]
        settings = &[("refuse_auth_done_with_response", "false")];
    "any-lifetime" "grants any lifetime" ["REG-04"] settings = &[("min_expires", "1")];
    "no-service-route" "gives no Service-Route" ["REG-15"] from_core = |_, t| Some(remove(t, "Service-Route"));
    "path-not-returned" "does not return Path" ["REG-15"] from_core = |_, t| Some(remove(t, "Path"));
    "barred-listed" "lists a barred identity" ["REG-03"]
        from_core = |_, t| Some(change(t, "P-Associated-URI", |v| format!("{v}, <sip:frank-barred@ims.example>")));
    "unknown-extension-ignored" "ignores Require" ["REG-06"]
        to_core = |_, t| Some(change(t, "Require", |_| "path".into()));
    "outbound-taken-for-granted" "does not look for ob" ["REG-08"]
        to_core = |_, t| Some(change(t, "Path", |v| if v.contains(";ob") { v.into() } else { v.replace(";lr", ";lr;ob") }));
    "half-a-gruu" "gives one GRUU of the two" ["REG-14"]
        from_core = |_, t| Some(change(t, "Contact", |v| v.split(";temp-gruu").next().unwrap_or(v).into()));
    "expires-not-told" "does not say what it granted" ["REG-05", "REG-15"]
        from_core = |_, t| Some(change(t, "Contact", |v| v.replace("expires=", "x-expires=")));
    "no-min-expires" "refuses without saying what it takes" ["REG-04"] from_core = |_, t| Some(remove(t, "Min-Expires"));
}
