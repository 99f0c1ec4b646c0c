//! The defects that relays put before a node: what is changed in the messages on its sockets; and those
//! that are a setting.

use std::borrow::Cow;

use serde_json::json;

use crate::mutant::{Mutant, NONE};
use crate::spoil::{add, answers, change, header, is, remove, set};

/// Each is at one place.
macro_rules! mutants {
    ($($node:literal {
        $($name:literal $what:literal [$($id:literal),+] $place:ident = $value:expr;)+
    })+) => {
        pub(crate) const WIRE: &[Mutant] = &[$($(Mutant {
            name: Cow::Borrowed($name),
            node: $node,
            what: $what,
            caught_by: &[$($id),+],
            $place: mutants!(@value $place $value),
            ..NONE
        },)+)+];
    };
    (@value settings $value:expr) => { $value };
    (@value $place:ident $value:expr) => { Some($value) };
}

const LISTED: &str = "https://wwsf.ims.example";

mutants! {
    "eP-CSCF" {
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
        "alg-confused" "takes HS256 with the public key" ["TOK-06"]
            from_wic = |m, t| Some(m.resigned(t, |head, _| head["alg"] = json!("ES256")));
        "crit-ignored" "ignores crit" ["TOK-07"]
            from_wic = |m, t| Some(m.resigned(t, |head, _| drop(head.as_object_mut().map(|h| (h.remove("crit"), h.remove("exp-2"))))));
        "embedded-key" "trusts the key in the token" ["TOK-08"]
            from_wic = |m, t| Some(m.resigned(t, |head, _| {
                drop(head.as_object_mut().map(|h| ["jwk", "jku", "x5u", "x5c"].map(|name| h.remove(name))));
            }));
        "nbf-ignored" "ignores nbf" ["TOK-11"]
            from_wic = |m, t| Some(m.resigned(t, |_, claims| drop(claims.as_object_mut().map(|c| c.remove("nbf")))));
        "issuer-ignored" "takes a token of any WAF that it knows" ["TOK-13"] from_wic = |m, t| Some(m.resigned(t, |head, claims| {
            head["kid"] = json!("operator-1");
            head["alg"] = json!("ES256");
            claims["iss"] = json!("https://waf.ims.example");
        }));
        "client-ignored" "ignores client_id" ["TOK-14"]
            from_wic = |m, t| Some(m.resigned(t, |_, claims| claims["client_id"] = json!("wwsf.ims.example")));
        "scope-ignored" "ignores scope" ["TOK-15"]
            from_wic = |m, t| Some(m.resigned(t, |_, claims| claims["scope"] = json!("webrtc-ims-client-access-to-ims")));
        "from-ignored" "does not compare From and To" ["TOK-18"]
            from_wic = |_, t| Some(if is(t, "REGISTER") { set(t, "From", &(header(t, "To").unwrap_or_default() + ";tag=w1")) } else { t.into() });
        "stays-open" "keeps the connection after an expired token" ["TOK-10"] settings = &[("token.strict_close", "false")];
        "challenge-without-server" "does not say where tokens are given" ["TOK-03"]
            to_wic = |_, t| Some(change(t, "WWW-Authenticate", |v| v.replace("authz_server=", "x-server=")));
        "challenge-with-error" "calls a missing token invalid" ["TOK-03"]
            to_wic = |_, t| Some(change(t, "WWW-Authenticate", |v| format!("{v}, error=\"invalid_token\"")));
        "response-not-empty" "answers in the WIC's place" ["TNA-01"]
            from_epcscf = |_, t| Some(change(t, "Authorization", |v| v.replace("response=\"\"", "response=\"00\"")));
        "names-no-entity" "does not name a foreign WAF" ["TNA-04"]
            from_epcscf = |_, t| Some(change(t, "Authorization", |v| v.split(", authorization-entity").next().unwrap_or(v).into()));
        "forgets-require-path" "does not require path" ["REG-01"] from_epcscf = |_, t| Some(remove(t, "Require"));
        "forgets-ob" "does not say that it supports outbound" ["REG-01"]
            from_epcscf = |_, t| Some(change(t, "Path", |v| v.replace(";ob", "")));
        "no-access-info" "does not say how the WIC is connected" ["REG-11", "DIG-28"]
            from_epcscf = |_, t| Some(remove(t, "P-Access-Network-Info"));
        "hops-not-counted" "leaves Max-Forwards as it is" ["REG-19"] from_epcscf = |_, t| Some(set(t, "Max-Forwards", "70"));
        "charging-to-the-wic" "shows the WIC what the core is charged by" ["REG-22"]
            to_wic = |_, t| Some(if answers(t, 200) { add(t, "P-Charging-Function-Addresses", "ccf=192.0.2.9") } else { t.into() });
        "no-flow-timer" "does not say when keep-alives are due" ["REG-24"] to_wic = |_, t| Some(remove(t, "Flow-Timer"));
        "no-outbound" "does not say that it honours outbound" ["WLD-25"] to_wic = |_, t| Some(remove(t, "Require"));
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
        "bye-without-reason" "does not say why it ends a call" ["DLG-07"] from_epcscf = |_, t| Some(remove(t, "Reason"));
        "cancel-lost" "keeps CANCEL to itself" ["DLG-03"] from_epcscf = |_, t| (!is(t, "CANCEL")).then(|| t.to_owned());
        "ack-lost" "keeps ACK to itself" ["DLG-19"] from_epcscf = |_, t| (!is(t, "ACK")).then(|| t.to_owned());
    }
    "S-CSCF" {
        "no-rspauth" "does not prove itself" ["DIG-01"] from_core = |_, t| Some(remove(t, "Authentication-Info"));
        "auth-done-with-response" "takes auth-done beside a response" ["TNA-09"]
            settings = &[("refuse_auth_done_with_response", "false")];
        "no-service-route" "gives no Service-Route" ["REG-15"] from_core = |_, t| Some(remove(t, "Service-Route"));
        "path-not-returned" "does not return Path" ["REG-15"] from_core = |_, t| Some(remove(t, "Path"));
        "barred-listed" "lists a barred identity" ["REG-03"]
            from_core = |_, t| Some(change(t, "P-Associated-URI", |v| format!("{v}, <sip:frank-barred@ims.example>")));
        "half-a-gruu" "gives one GRUU of the two" ["REG-14"]
            from_core = |_, t| Some(change(t, "Contact", |v| v.split(";temp-gruu").next().unwrap_or(v).into()));
        "expires-not-told" "does not say what it granted" ["REG-05", "REG-15"]
            from_core = |_, t| Some(change(t, "Contact", |v| v.replace("expires=", "x-expires=")));
        "no-min-expires" "refuses without saying what it takes" ["REG-04"] from_core = |_, t| Some(remove(t, "Min-Expires"));
    }
}
