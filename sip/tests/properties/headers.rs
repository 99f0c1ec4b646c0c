//! Reading what was printed gives back the value that was printed.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use sip::headers::{
    Allow, AuthenticationInfo, Authorization, BearerChallenge, BearerStyle, BearerToken, CSeq, CallId, Challenge,
    Contact, ContentType, Credentials, DigestChallenge, DigestCredentials, Event, Expires, From, MaxForwards,
    MinExpires, NameAddr, PAccessNetworkInfo, PAssertedIdentity, PAssociatedUri, PChargingVector, PServedUser,
    PVisitedNetworkId, Path, ProxyAuthenticate, ProxyAuthorization, ProxyRequire, RAck, Require, Route, ServiceRoute,
    SubscriptionState, Supported, To, TypedHeader, Unsupported, Via, WwwAuthenticate,
};
use sip::{Framing, Headers, Host, Message, Method, OtherUri, Param, Params, SipUri, TelUri, Uri, syntax};
use std::fmt::Debug;

const TOKEN: &str = "[a-zA-Z0-9.!%*_+`'~-]{1,10}";

fn same<H: TypedHeader + PartialEq + Debug>(header: H) -> Result<(), TestCaseError> {
    let printed = header.to_string();
    match H::parse(&printed) {
        Ok(read) => prop_assert_eq!(read, header, "{}", printed),
        Err(error) => prop_assert!(false, "{}: {}", printed, error),
    }
    Ok(())
}

fn boxed(text: impl Strategy<Value = String>) -> impl Strategy<Value = Box<str>> {
    text.prop_map(String::into_boxed_str)
}

/// A quoted string of any text that a header line may hold.
fn quoted() -> impl Strategy<Value = String> {
    "[^\\x00-\\x1f\\x7f]{0,12}".prop_map(|text| syntax::quote(&text))
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,8}(\\.[a-z]{2,5}){0,2}".prop_map(|name| name.parse().unwrap()),
        any::<std::net::Ipv4Addr>().prop_map(|ip| Host::from(std::net::IpAddr::V4(ip))),
        any::<std::net::Ipv6Addr>().prop_map(|ip| Host::from(std::net::IpAddr::V6(ip))),
    ]
}

fn param() -> impl Strategy<Value = Param> {
    let value = prop_oneof![TOKEN.prop_map(|t| t), quoted(), host().prop_map(|h| h.to_string())];
    (boxed(TOKEN), option::of(boxed(value))).prop_map(|(name, value)| Param { name, value })
}

fn params() -> impl Strategy<Value = Params> {
    vec(param(), 0..4).prop_map(|params| params.into_iter().collect())
}

fn uri_params() -> impl Strategy<Value = Params> {
    let text = || boxed("([a-zA-Z0-9_.!~*'()&+$/:\\[\\]-]|%[0-9A-F]{2}){1,8}");
    let param = (text(), option::of(text())).prop_map(|(name, value)| Param { name, value });
    vec(param, 0..4).prop_map(|params| params.into_iter().collect())
}

fn sip_uri() -> impl Strategy<Value = SipUri> {
    let user = boxed("([a-zA-Z0-9_.!~*'()&=+$,;?/-]|%[0-9A-F]{2}){1,10}");
    let password = boxed("([a-zA-Z0-9_.!~*'()&=+$,-]|%[0-9A-F]{2}){0,6}");
    let headers = boxed("[a-z]{1,4}=[a-z%]{0,4}");
    let userinfo = option::of((user, option::of(password)));
    (any::<bool>(), userinfo, host(), option::of(any::<u16>()), uri_params(), option::of(headers)).prop_map(
        |(secure, userinfo, host, port, params, headers)| {
            let (user, password) = userinfo.map_or((None, None), |(user, password)| (Some(user), password));
            SipUri { secure, user, password, host, port, params, headers }
        },
    )
}

fn uri() -> impl Strategy<Value = Uri> {
    let tel = (boxed("\\+?[0-9][0-9.()-]{0,12}"), uri_params())
        .prop_map(|(number, params)| Uri::Tel(TelUri { number, params }));
    let other = (boxed("(urn|http|soap\\.beep)"), boxed("[a-z0-9:/;?,@]{1,12}"))
        .prop_map(|(scheme, rest)| Uri::Other(OtherUri { scheme, rest }));
    prop_oneof![4 => sip_uri().prop_map(Uri::Sip), 1 => tel, 1 => other]
}

fn name_addr() -> impl Strategy<Value = NameAddr> {
    let display = prop_oneof![boxed(quoted()), boxed("[a-zA-Z0-9.!%*_+`'~-]{1,6}( [a-zA-Z]{1,6}){0,2}")];
    (option::of(display), uri(), params()).prop_map(|(display, uri, params)| NameAddr { display, uri, params })
}

/// Parameters of an authentication header: each once, each with a value.
fn auth_params() -> impl Strategy<Value = Params> {
    let value = prop_oneof![boxed(TOKEN), boxed(quoted())];
    btree_map("[a-z]{1,8}", value, 0..6).prop_map(|params| {
        params.into_iter().map(|(name, value)| Param { name: name.into(), value: Some(value) }).collect()
    })
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        TOKEN.prop_map(|token| token.parse().unwrap()),
        Just(Method::Register),
        Just(Method::Invite),
        Just(Method::Prack),
    ]
}

fn cseq() -> impl Strategy<Value = CSeq> {
    (0..1_u32 << 31, method()).prop_map(|(number, method)| CSeq { number, method })
}

fn bearer() -> impl Strategy<Value = BearerToken> {
    let style = prop_oneof![Just(BearerStyle::Rfc6750), Just(BearerStyle::Ts24371)];
    ("[a-zA-Z0-9._~+/-]{1,30}={0,2}", style).prop_map(|(token, style)| BearerToken::new(&token, style).unwrap())
}

fn credentials() -> impl Strategy<Value = Credentials> {
    prop_oneof![
        auth_params().prop_map(|params| Credentials::Digest(DigestCredentials { params })),
        bearer().prop_map(Credentials::Bearer),
    ]
}

fn challenge() -> impl Strategy<Value = Challenge> {
    prop_oneof![
        auth_params().prop_map(|params| Challenge::Digest(DigestChallenge { params })),
        auth_params().prop_map(|params| Challenge::Bearer(BearerChallenge { params })),
    ]
}

proptest! {
    #[test]
    fn uris(uri in uri()) {
        prop_assert_eq!(&uri.to_string().parse::<Uri>().unwrap(), &uri);
        prop_assert!(uri.equivalent(&uri));
    }

    #[test]
    fn name_addrs(addr in name_addr()) {
        same(From(addr.clone()))?;
        same(To(addr.clone()))?;
        same(Contact(addr.clone()))?;
        same(Route(addr.clone()))?;
        same(Path(addr.clone()))?;
        same(ServiceRoute(addr.clone()))?;
        same(PAssertedIdentity(addr.clone()))?;
        same(PServedUser(addr))?;
    }

    #[test]
    fn lists_of_addresses_on_one_line_or_many(addrs in vec(name_addr(), 1..4), one_line: bool) {
        let values: Vec<String> = addrs.iter().map(ToString::to_string).collect();
        let mut headers = Headers::new();
        if one_line {
            headers.push(PAssociatedUri::NAME, values.join(" ,"));
        } else {
            values.iter().for_each(|value| headers.push(PAssociatedUri::NAME, value.clone()));
        }
        let read: Vec<NameAddr> = headers.all::<PAssociatedUri>().unwrap().into_iter().map(|p| p.0).collect();
        prop_assert_eq!(&read, &addrs);
        let first = headers.pop_first(&PAssociatedUri::NAME).unwrap();
        prop_assert_eq!(&*first, &*values[0]);
        prop_assert_eq!(headers.all::<PAssociatedUri>().unwrap().len(), addrs.len() - 1);
    }

    #[test]
    fn vias(transport in boxed(TOKEN), host in host(), port in option::of(any::<u16>()), params in params()) {
        same(Via { transport, host, port, params })?;
    }

    #[test]
    fn sequence_numbers_and_call_ids(cseq in cseq(), rseq: u32, call_id in "[a-zA-Z0-9<>?/{}.!%*-]{1,12}(@[a-z.]{1,8})?") {
        same(RAck { rseq, cseq: cseq.clone() })?;
        same(cseq)?;
        same(CallId(call_id.into()))?;
    }

    #[test]
    fn numbers(hops: u8, seconds: u32) {
        same(MaxForwards(hops))?;
        same(Expires(seconds))?;
        same(MinExpires(seconds))?;
    }

    #[test]
    fn tokens_with_parameters(token in boxed(TOKEN), media in boxed("[a-z]{1,6}/[a-z+]{1,8}"), params in params()) {
        same(Event { package: token.clone(), params: params.clone() })?;
        same(SubscriptionState { state: token.clone(), params: params.clone() })?;
        same(PAccessNetworkInfo { access: token, params: params.clone() })?;
        same(ContentType { media_type: media, params })?;
    }

    #[test]
    fn option_tags_and_methods(tag in boxed(TOKEN), method in method()) {
        prop_assert!(Supported(tag.clone()).is(&tag.to_ascii_uppercase()));
        same(Require(tag.clone()))?;
        same(ProxyRequire(tag.clone()))?;
        same(Supported(tag.clone()))?;
        same(Unsupported(tag))?;
        same(Allow(method))?;
    }

    #[test]
    fn private_headers(icid in "[^\\x00-\\x1f\\x7f]{1,12}", network in "[^\\x00-\\x1f\\x7f]{0,12}", params in params()) {
        let vector = PChargingVector::new(&icid, "192.0.2.1");
        prop_assert_eq!(vector.icid().unwrap(), icid);
        same(vector)?;
        same(PVisitedNetworkId { network, params })?;
    }

    #[test]
    fn credentials_and_challenges(credentials in credentials(), challenge in challenge(), params in auth_params()) {
        same(Authorization(credentials.clone()))?;
        same(ProxyAuthorization(credentials))?;
        same(WwwAuthenticate(challenge.clone()))?;
        same(ProxyAuthenticate(challenge))?;
        same(AuthenticationInfo { params })?;
    }

    #[test]
    fn typed_headers_survive_a_message(addr in name_addr(), cseq in cseq(), credentials in credentials()) {
        let mut request = sip::Request::new(cseq.method.clone(), "sip:ims.example".parse().unwrap());
        request.headers.add(&To(addr.clone()));
        request.headers.add(&cseq);
        request.headers.add(&Authorization(credentials.clone()));
        let Message::Request(read) = Message::parse(request.to_bytes(), Framing::Stream).unwrap() else { panic!() };
        prop_assert_eq!(read.to().unwrap().0, addr);
        prop_assert_eq!(read.cseq().unwrap(), cseq);
        prop_assert_eq!(read.headers.one::<Authorization>().unwrap().0, credentials);
    }
}
