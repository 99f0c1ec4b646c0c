//! P-Access-Network-Info, P-Charging-Vector, P-Visited-Network-ID (RFC 7315).

use super::{ListHeader, TypedHeader};
use crate::{HeaderError, HeaderName, Params, syntax};
use std::fmt;

/// P-Access-Network-Info (RFC 7315 §4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PAccessNetworkInfo {
    /// The access type, e.g. `IEEE-802.11`.
    pub access: Box<str>,
    /// `network-provided`, `i-wlan-node-id`, ….
    pub params: Params,
}

impl PAccessNetworkInfo {
    /// What a proxy of the network inserts.
    pub fn network_provided(access: &str) -> Self {
        let mut params = Params::new();
        params.set_flag("network-provided");
        Self { access: access.into(), params }
    }

    /// Whether the network, not the UE, vouches for it.
    pub fn is_network_provided(&self) -> bool {
        self.params.has("network-provided")
    }
}

impl TypedHeader for PAccessNetworkInfo {
    const NAME: HeaderName = HeaderName::PAccessNetworkInfo;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        let (access, params) = split(value)?;
        if !syntax::is_token(access) {
            return Err(HeaderError::new("malformed access type (RFC 7315 §5.4)"));
        }
        Ok(Self { access: access.into(), params })
    }
}

impl ListHeader for PAccessNetworkInfo {}

impl fmt::Display for PAccessNetworkInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.access, self.params)
    }
}

/// P-Charging-Vector (RFC 7315 §4.6): parameters alone, the first being `icid-value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PChargingVector {
    /// `icid-value`, `icid-generated-at`, `orig-ioi`, `term-ioi`, ….
    pub params: Params,
}

impl PChargingVector {
    /// A vector with an IMS charging identity of one's own.
    pub fn new(icid: &str, generated_at: &str) -> Self {
        let mut params = Params::new();
        params.set_quoted("icid-value", icid);
        params.set("icid-generated-at", generated_at);
        Self { params }
    }

    /// The IMS charging identity.
    pub fn icid(&self) -> Option<String> {
        self.params.unquoted("icid-value").map(|icid| icid.into_owned())
    }
}

impl TypedHeader for PChargingVector {
    const NAME: HeaderName = HeaderName::PChargingVector;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        let params = syntax::parse_params(&format!(";{value}"))?;
        if !params.has("icid-value") {
            return Err(HeaderError::new("icid-value is missing (RFC 7315 §5.6)"));
        }
        Ok(Self { params })
    }
}

impl fmt::Display for PChargingVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.params.to_string().trim_start_matches(';'))
    }
}

/// P-Visited-Network-ID (RFC 7315 §4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PVisitedNetworkId {
    /// The network's name, without quotes.
    pub network: String,
    /// The parameters.
    pub params: Params,
}

impl PVisitedNetworkId {
    /// The header that names `network`.
    pub fn new(network: &str) -> Self {
        Self { network: network.to_owned(), params: Params::new() }
    }
}

impl TypedHeader for PVisitedNetworkId {
    const NAME: HeaderName = HeaderName::PVisitedNetworkId;

    fn parse(value: &str) -> Result<Self, HeaderError> {
        let (network, params) = split(value)?;
        if !syntax::is_token(network) && !syntax::is_quoted(network) {
            return Err(HeaderError::new("malformed network name (RFC 7315 §5.3)"));
        }
        Ok(Self { network: syntax::unquote(network).into_owned(), params })
    }
}

impl ListHeader for PVisitedNetworkId {}

impl fmt::Display for PVisitedNetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", syntax::quote(&self.network), self.params)
    }
}

fn split(value: &str) -> Result<(&str, Params), HeaderError> {
    match syntax::split_once_outside(value, b';') {
        Some((head, params)) => Ok((head.trim(), syntax::parse_params(&format!(";{params}"))?)),
        None => Ok((value.trim(), Params::new())),
    }
}
