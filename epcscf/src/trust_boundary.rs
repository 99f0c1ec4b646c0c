//! What may cross between a WIC and the core, and what may not (TS 24.229 §4.4).
//!
//! Strip, then insert, then assert: [`strip_from_wic`] runs before anything reads the request,
//! [`assert_register`] and [`assert_request`] look at the finished one just before it is sent. A hole
//! in the code between the two becomes a 500 and a log entry, never a leak.

use ims::{Defect, Defects, Token};
use sip::headers::{Authorization, Credentials, PAccessNetworkInfo, Privacy, TypedHeader};
use sip::{HeaderName, Headers, Request, Response};

/// The parameter of Authorization that says what the network vouches for.
pub(crate) const INTEGRITY_PROTECTED: &str = "integrity-protected";

/// Headers that only the network may write; none is taken from a WIC.
pub(crate) const NETWORK_HEADERS: [HeaderName; 14] = [
    HeaderName::PAssertedIdentity,
    HeaderName::PPreferredIdentity,
    HeaderName::PAssertedService,
    HeaderName::PAssociatedUri,
    HeaderName::PCalledPartyId,
    HeaderName::PChargingFunctionAddresses,
    HeaderName::PChargingVector,
    HeaderName::PProfileKey,
    HeaderName::PServedUser,
    HeaderName::PVisitedNetworkId,
    HeaderName::Path,
    HeaderName::ServiceRoute,
    HeaderName::FeatureCaps,
    HeaderName::RecordRoute,
];

/// The same, for headers without a name of their own in `sip`: TS 24.229 §4.4, RFC 4457.
const OTHER_NETWORK_HEADERS: [&str; 11] = [
    "attestation-info",
    "cellular-network-info",
    "origination-id",
    "p-private-network-indication",
    "p-user-database",
    "priority-share",
    "relayed-charge",
    "resource-share",
    "response-source",
    "restoration-info",
    "service-interact-info",
];

/// Parameters of Digest credentials that only a node of the network writes.
const NETWORK_PARAMS: [&str; 3] = [INTEGRITY_PROTECTED, "auts", "ik"];

/// Removes from a WIC's request what only the network may say: `integrity-protected` first of all
/// (TS 33.203 P.3), then the headers of [`NETWORK_HEADERS`], `network-provided` access information,
/// and Route: the way into the core is ours to choose.
///
/// `entities` names the further credential parameters that vouch for a WAF or WWSF.
pub(crate) fn strip_from_wic(headers: &mut Headers, entities: [&str; 2], defects: Defects) {
    if !defects.has(Defect::KeepsIntegrityProtected) {
        strip_credentials(headers, entities);
    }
    let kept = |name: &HeaderName| *name == HeaderName::PAssertedIdentity && defects.has(Defect::KeepsForgedIdentity);
    headers.retain(|h| kept(&h.name) || (!is_network_header(&h.name) && h.name != HeaderName::Route));
    keep_access_info_of_wic(headers);
    // Security agreement has no place over TLS (TS 33.203 P.3).
    for name in [HeaderName::SecurityClient, HeaderName::SecurityVerify, HeaderName::SecurityServer] {
        headers.remove(&name);
    }
}

fn is_network_header(name: &HeaderName) -> bool {
    match name {
        HeaderName::Other(name) => OTHER_NETWORK_HEADERS.contains(&&**name),
        name => NETWORK_HEADERS.contains(name),
    }
}

fn strip_credentials(headers: &mut Headers, entities: [&str; 2]) {
    let rewritten: Headers = headers
        .iter()
        .map(|line| {
            if !is_credentials(&line.name) {
                return line.clone();
            }
            let Ok(Authorization(Credentials::Digest(mut digest))) = Authorization::parse(&line.value) else {
                return line.clone();
            };
            let mut changed = false;
            for name in NETWORK_PARAMS.into_iter().chain(entities) {
                changed |= digest.params.remove(name);
            }
            if changed {
                sip::Header::new(line.name.clone(), Credentials::Digest(digest).to_string())
            } else {
                line.clone()
            }
        })
        .collect();
    *headers = rewritten;
}

/// Removes what is no digest from the credentials: the network takes no other scheme.
pub(crate) fn keep_digest(headers: &mut Headers) {
    headers.retain(|line| {
        !is_credentials(&line.name)
            || matches!(Authorization::parse(&line.value), Ok(Authorization(Credentials::Digest(_))))
    });
}

fn is_credentials(name: &HeaderName) -> bool {
    matches!(name, HeaderName::Authorization | HeaderName::ProxyAuthorization)
}

/// A WIC's own P-Access-Network-Info may pass, but not one that claims to be the network's; one that
/// cannot be read is none.
fn keep_access_info_of_wic(headers: &mut Headers) {
    headers.retain(|line| {
        line.name != HeaderName::PAccessNetworkInfo
            || sip::syntax::split_list(&line.value)
                .all(|info| PAccessNetworkInfo::parse(info).is_ok_and(|info| !info.is_network_provided()))
    });
}

/// Removes from a response of the core what a WIC is not to see (TS 24.229 §5.2.2). Path stays
/// (RFC 3327 lets a UA see it).
pub(crate) fn strip_from_core(response: &mut Response) {
    response.headers.retain(|header| !CORE_HEADERS.contains(&header.name));
}

/// What the nodes of the network say to each other alone.
const CORE_HEADERS: [HeaderName; 6] = [
    HeaderName::PChargingVector,
    HeaderName::PChargingFunctionAddresses,
    HeaderName::PVisitedNetworkId,
    HeaderName::PAccessNetworkInfo,
    HeaderName::PServedUser,
    HeaderName::PProfileKey,
];

/// Removes from a request to a WIC, or from a response to its request, what it is not to see (T-5),
/// the asserted identity too where its owner wants that (T-6, RFC 3325 §7).
pub(crate) fn strip_towards_wic(headers: &mut Headers) {
    let private = match headers.opt::<Privacy>() {
        Ok(privacy) => privacy.is_some_and(|privacy| privacy.has("id")),
        // What can't be read may ask for it.
        Err(_) => true,
    };
    headers.retain(|header| match &header.name {
        HeaderName::Path | HeaderName::ServiceRoute | HeaderName::PAssociatedUri => false,
        HeaderName::PAssertedIdentity => !private,
        HeaderName::Other(name) => !OTHER_NETWORK_HEADERS.contains(&&**name),
        name => !CORE_HEADERS.contains(name),
    });
}

/// Removes from a WIC's response what only the network may say (T-9). Via and Record-Route are
/// written anew beside it.
pub(crate) fn strip_response_of_wic(headers: &mut Headers) {
    headers.retain(|header| !is_network_header(&header.name));
    keep_access_info_of_wic(headers);
}

/// What a REGISTER that leaves for the core must look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outbound<'a> {
    /// The Path that we wrote.
    pub(crate) path: &'a str,
    /// The P-Charging-Vector that we wrote.
    pub(crate) charging_vector: &'a str,
    /// The P-Visited-Network-ID that we wrote.
    pub(crate) visited_network: &'a str,
    /// The P-Access-Network-Info that we wrote.
    pub(crate) access_info: &'a str,
    /// The `integrity-protected` that the scheme calls for.
    pub(crate) integrity: Option<Integrity>,
    /// The token that came in, which must be nowhere.
    pub(crate) token: Option<&'a Token>,
}

/// The values of `integrity-protected` that this node sets (TS 24.229 §7.2A.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Integrity {
    /// Digest over a TLS connection not yet bound to the IMPI.
    TlsPending,
    /// Digest over a TLS connection bound to the IMPI.
    TlsYes,
    /// The identities are authenticated already: TNA.
    AuthDone,
}

impl Integrity {
    /// The value on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TlsPending => "tls-pending",
            Self::TlsYes => "tls-yes",
            Self::AuthDone => "auth-done",
        }
    }
}

/// Why a request must not leave: a bug of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Leak {
    /// A header of the network that we did not write, or not as we did.
    #[error("{0} is not the one that this node wrote")]
    Foreign(HeaderName),
    /// `integrity-protected` is not what the scheme calls for.
    #[error("integrity-protected is not what the scheme calls for")]
    Integrity,
    /// A Bearer header.
    #[error("a Bearer header is left")]
    Bearer,
    /// The token's text.
    #[error("the token is left in {0}")]
    Token(&'static str),
}

/// Looks at a REGISTER just before it is sent to the core: nothing trusted in it came from the WIC,
/// and nothing of the token is left.
pub(crate) fn assert_register(request: &Request, ours: &Outbound<'_>) -> Result<(), Leak> {
    let headers = &request.headers;
    for name in &NETWORK_HEADERS {
        let expected = match name {
            HeaderName::Path => Some(ours.path),
            HeaderName::PChargingVector => Some(ours.charging_vector),
            HeaderName::PVisitedNetworkId => Some(ours.visited_network),
            _ => None,
        };
        if !headers.values(name).eq(expected) {
            return Err(Leak::Foreign(name.clone()));
        }
    }
    if let Some(line) = headers.iter().find(|h| matches!(h.name, HeaderName::Other(_)) && is_network_header(&h.name)) {
        return Err(Leak::Foreign(line.name.clone()));
    }
    let vouched = |value: &&str| value.contains("network-provided");
    if !headers.values(&HeaderName::PAccessNetworkInfo).filter(vouched).eq([ours.access_info]) {
        return Err(Leak::Foreign(HeaderName::PAccessNetworkInfo));
    }
    let mut integrity = None;
    for value in headers.values(&HeaderName::Authorization) {
        match Authorization::parse(value) {
            Ok(Authorization(Credentials::Digest(digest))) => integrity = digest.text(INTEGRITY_PROTECTED),
            _ => return Err(Leak::Bearer),
        }
    }
    if integrity.as_deref() != ours.integrity.map(Integrity::as_str) {
        return Err(Leak::Integrity);
    }
    match ours.token {
        Some(token) => assert_no_token(request, token),
        None => Ok(()),
    }
}

/// What this node wrote into a request or response of a WIC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    /// The headers of the network, all of them.
    pub(crate) network: &'a Headers,
    /// P-Access-Network-Info.
    pub(crate) access_info: &'a str,
    /// The token that came in, which must be nowhere.
    pub(crate) token: Option<&'a Token>,
}

/// As [`assert_register`], for any other request.
pub(crate) fn assert_request(request: &Request, ours: &Written<'_>) -> Result<(), Leak> {
    assert_network(&request.headers, ours.network, ours.access_info)?;
    for line in request.headers.iter().filter(|line| is_credentials(&line.name)) {
        match Authorization::parse(&line.value) {
            Ok(Authorization(Credentials::Digest(digest))) if digest.params.has(INTEGRITY_PROTECTED) => {
                return Err(Leak::Integrity);
            }
            Ok(Authorization(Credentials::Digest(_))) => {}
            _ => return Err(Leak::Bearer),
        }
    }
    match ours.token {
        Some(token) => assert_no_token(request, token),
        None => Ok(()),
    }
}

/// As [`assert_request`], for a response of a WIC (T-9).
pub(crate) fn assert_response(response: &Response, network: &Headers, access_info: &str) -> Result<(), Leak> {
    assert_network(&response.headers, network, access_info)
}

fn assert_network(headers: &Headers, ours: &Headers, access_info: &str) -> Result<(), Leak> {
    for name in &NETWORK_HEADERS {
        if !headers.values(name).eq(ours.values(name)) {
            return Err(Leak::Foreign(name.clone()));
        }
    }
    if let Some(line) = headers.iter().find(|h| matches!(h.name, HeaderName::Other(_)) && is_network_header(&h.name)) {
        return Err(Leak::Foreign(line.name.clone()));
    }
    let vouched = |value: &&str| value.contains("network-provided");
    if !headers.values(&HeaderName::PAccessNetworkInfo).filter(vouched).eq([access_info]) {
        return Err(Leak::Foreign(HeaderName::PAccessNetworkInfo));
    }
    Ok(())
}

fn assert_no_token(request: &Request, token: &Token) -> Result<(), Leak> {
    let needle = token.expose();
    if request.headers.iter().any(|line| line.value.contains(needle)) {
        return Err(Leak::Token("a header"));
    }
    if memchr::memmem::find(&request.body, needle.as_bytes()).is_some() {
        return Err(Leak::Token("the body"));
    }
    if request.uri.to_string().contains(needle) {
        return Err(Leak::Token("the Request-URI"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::{Framing, Message};

    const ENTITIES: [&str; 2] = ["authorization-entity", "wwsf-entity"];

    fn register(extra: &str) -> Request {
        let text = format!(
            "REGISTER sip:ims.example SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\n\
             From: <sip:alice@ims.example>;tag=1\r\nTo: <sip:alice@ims.example>\r\nCall-ID: 1\r\n\
             CSeq: 1 REGISTER\r\n{extra}\r\n"
        );
        match Message::parse(text.into_bytes(), Framing::WebSocket).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => unreachable!(),
        }
    }

    /// REG-10.
    #[test]
    fn nothing_that_only_the_network_may_say_is_taken_from_a_wic() {
        let mut request = register(
            "P-Asserted-Identity: <sip:eve@ims.example>\r\nP-Preferred-Identity: <sip:eve@ims.example>\r\n\
             P-Asserted-Service: urn:urn-7:x\r\nP-Associated-URI: <sip:eve@ims.example>\r\n\
             P-Called-Party-ID: <sip:eve@ims.example>\r\nP-Charging-Function-Addresses: ccf=eve\r\n\
             P-Charging-Vector: icid-value=eve\r\nP-Profile-Key: <sip:eve@ims.example>\r\n\
             P-Served-User: <sip:eve@ims.example>\r\nP-Visited-Network-ID: eve\r\npAtH: <sip:eve.example;lr>\r\n\
             Service-Route: <sip:eve.example;lr>\r\nFeature-Caps: *;+g.eve\r\nRoute: <sip:eve.example;lr>\r\n\
             Record-Route: <sip:eve.example;lr>\r\nP-User-Database: <aaa://eve>\r\nSecurity-Client: eve\r\n\
             P-Access-Network-Info: IEEE-802.11, 3GPP-E-UTRAN;network-provided\r\n\
             P-Access-Network-Info: 3GPP-E-UTRAN;eve=\"\r\n",
        );
        strip_from_wic(&mut request.headers, ENTITIES, Defects::default());
        let left: Vec<&str> = request.headers.iter().map(|h| h.name.as_str()).collect();
        assert_eq!(left, ["Via", "From", "To", "Call-ID", "CSeq"]);
    }

    #[test]
    fn a_wics_own_access_information_may_pass() {
        let mut request = register("P-Access-Network-Info: IEEE-802.11;i-wlan-node-id=00112233\r\n");
        strip_from_wic(&mut request.headers, ENTITIES, Defects::default());
        assert!(request.headers.value(&HeaderName::PAccessNetworkInfo).is_some());
    }

    /// DIG-10.
    #[test]
    fn a_wic_cannot_vouch_for_itself() {
        for line in [
            "Authorization: Digest username=\"a@h\", integrity-protected=\"auth-done\", response=\"\"",
            "authorization: DIGEST username=\"a@h\" , Integrity-Protected = auth-done, response=\"\"",
            "Authorization: Digest username=\"a@h\", response=\"\", authorization-entity=\"waf\", wwsf-entity=w",
        ] {
            let mut request = register(&format!("{line}\r\n"));
            strip_from_wic(&mut request.headers, ENTITIES, Defects::default());
            let value = request.headers.value(&HeaderName::Authorization).unwrap().to_ascii_lowercase();
            assert!(value.contains("username=\"a@h\"") && value.contains("response=\"\""), "{value}");
            assert!(!value.contains("integrity") && !value.contains("entity"), "{value}");
        }
    }

    fn outbound<'a>(token: Option<&'a Token>) -> Outbound<'a> {
        Outbound {
            path: "<sip:t@epcscf1.ims.example;lr>",
            charging_vector: "icid-value=\"1\"",
            visited_network: "\"ims.example\"",
            access_info: "IEEE-802.11;network-provided",
            integrity: Some(Integrity::AuthDone),
            token,
        }
    }

    #[test]
    fn a_request_that_leaks_does_not_leave() {
        let clean = "Path: <sip:t@epcscf1.ims.example;lr>\r\nP-Charging-Vector: icid-value=\"1\"\r\n\
             P-Visited-Network-ID: \"ims.example\"\r\nP-Access-Network-Info: IEEE-802.11;network-provided\r\n";
        let tna = "Authorization: Digest username=\"a@h\", response=\"\", integrity-protected=\"auth-done\"\r\n";
        let token = Token::new("eyJ.e30.c2ln");
        let check = |text: String| assert_register(&register(&text), &outbound(Some(&token)));
        assert_eq!(check(format!("{clean}{tna}")), Ok(()));
        assert_eq!(check(clean.into()), Err(Leak::Integrity));
        assert_eq!(check(tna.into()), Err(Leak::Foreign(HeaderName::PChargingVector)));
        for (extra, leak) in [
            ("Path: <sip:eve.example;lr>", Leak::Foreign(HeaderName::Path)),
            ("P-Asserted-Identity: <sip:eve@h>", Leak::Foreign(HeaderName::PAssertedIdentity)),
            ("P-Access-Network-Info: x;network-provided", Leak::Foreign(HeaderName::PAccessNetworkInfo)),
            ("P-User-Database: <aaa://eve>", Leak::Foreign("p-user-database".parse().unwrap())),
            ("Authorization: Bearer eyJ.e30.c2ln", Leak::Bearer),
            ("Authorization: Basic YTpi", Leak::Bearer),
            ("User-Agent: x eyJ.e30.c2ln", Leak::Token("a header")),
            ("Content-Type: application/jwt\r\n\r\neyJ.e30.c2ln", Leak::Token("the body")),
        ] {
            assert_eq!(check(format!("{clean}{tna}{extra}\r\n")), Err(leak), "{extra}");
        }
    }

    /// ORG-01, ORG-05: whatever goes wrong between stripping and sending is found.
    #[test]
    fn any_other_request_that_leaks_does_not_leave() {
        let token = Token::new("eyJ.e30.c2ln");
        let mut network = Headers::new();
        network.push(HeaderName::PAssertedIdentity, "<sip:alice@h>");
        network.push(HeaderName::PChargingVector, "icid-value=\"1\"");
        network.push(HeaderName::RecordRoute, "<sip:e;lr>");
        let written = Written { network: &network, access_info: "x;network-provided", token: Some(&token) };
        let check = |text: String| assert_request(&register(&text), &written);
        let clean = "P-Asserted-Identity: <sip:alice@h>\r\nP-Charging-Vector: icid-value=\"1\"\r\n\
             Record-Route: <sip:e;lr>\r\nP-Access-Network-Info: x;network-provided\r\n\
             Proxy-Authorization: Digest username=\"a@h\", response=\"r\"\r\n";
        assert_eq!(check(clean.into()), Ok(()));
        for name in ["P-Asserted-Identity", "P-Charging-Vector", "Record-Route", "P-Access-Network-Info"] {
            let without: String =
                clean.split_inclusive("\r\n").filter(|line| !line.starts_with(&format!("{name}:"))).collect();
            assert_eq!(check(without), Err(Leak::Foreign(name.parse().unwrap())), "{name}");
        }
        for (extra, leak) in [
            ("P-Asserted-Identity: <sip:eve@h>", Leak::Foreign(HeaderName::PAssertedIdentity)),
            ("P-Preferred-Identity: <sip:eve@h>", Leak::Foreign(HeaderName::PPreferredIdentity)),
            ("P-Profile-Key: <sip:eve-!.*!@h>", Leak::Foreign(HeaderName::PProfileKey)),
            ("P-Served-User: <sip:eve@h>", Leak::Foreign(HeaderName::PServedUser)),
            ("Record-Route: <sip:eve;lr>", Leak::Foreign(HeaderName::RecordRoute)),
            ("P-User-Database: <aaa://eve>", Leak::Foreign("p-user-database".parse().unwrap())),
            ("P-Access-Network-Info: y;network-provided", Leak::Foreign(HeaderName::PAccessNetworkInfo)),
            ("Authorization: Digest username=\"a\", integrity-protected=\"auth-done\"", Leak::Integrity),
            ("Proxy-Authorization: Digest username=\"a\", integrity-protected=\"auth-done\"", Leak::Integrity),
            ("Proxy-Authorization: Bearer x", Leak::Bearer),
            ("Authorization: Bearer x", Leak::Bearer),
            ("Subject: eyJ.e30.c2ln", Leak::Token("a header")),
            ("Content-Type: text/plain\r\n\r\neyJ.e30.c2ln", Leak::Token("the body")),
        ] {
            assert_eq!(check(format!("{clean}{extra}\r\n")), Err(leak), "{extra}");
        }
    }
}
