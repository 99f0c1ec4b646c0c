use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::TokenError;
use crate::policy::{MAX_CLAIM_ITEMS, MAX_CLAIM_LEN};
use crate::{Impi, Impu};

/// What a token says, in types.
///
/// Serialises to the claim set that an issuer signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The WAF that issued it.
    pub iss: String,
    /// The eP-CSCFs that it is for.
    pub aud: Vec<String>,
    /// The web user or an opaque handle; never an IMS identity.
    pub sub: String,
    /// The WWSF that it was given to.
    pub client_id: String,
    /// Issued at, Unix seconds.
    pub iat: u64,
    /// Valid from, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// Valid until, Unix seconds, itself excluded.
    pub exp: u64,
    /// The token's own name.
    pub jti: String,
    /// Space-separated scope values.
    pub scope: String,
    /// The private identity that it authorises.
    pub impi: Impi,
    /// The public identities that it authorises, at least one.
    pub impu: Vec<Impu>,
    /// The kind of registration that it is limited to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reg: Option<Reg>,
}

/// The kind of registration that a token is limited to (`reg`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reg {
    /// At the S-CSCF by trusted-node authentication: flow 2 and pool mode.
    Tna,
    /// At the eP-CSCF, out of a wildcard range: flow 3.
    Range,
}

impl Claims {
    /// Gives claims their types. Unknown ones are ignored (RFC 7519 §4).
    pub(super) fn decode(claims: &Map<String, Value>) -> Result<Self, TokenError> {
        let claims = Members(claims);
        Ok(Self {
            iss: claims.text("iss")?,
            aud: claims.texts("aud")?,
            sub: claims.text("sub")?,
            client_id: claims.text("client_id")?,
            iat: claims.date("iat")?.ok_or(TokenError::MissingClaim("iat"))?,
            nbf: claims.date("nbf")?,
            exp: claims.date("exp")?.ok_or(TokenError::MissingClaim("exp"))?,
            jti: claims.text("jti")?,
            scope: claims.text("scope")?,
            reg: claims.reg()?,
            impi: Impi::parse(&claims.text("impi")?).map_err(TokenError::BadImpi)?,
            impu: claims.impus()?,
        })
    }

    /// Whether `scope` contains a value (RFC 6749 §3.3).
    pub fn has_scope(&self, value: &str) -> bool {
        self.scope.split(' ').any(|scope| scope == value)
    }

    /// Whether the token authorises a public identity.
    pub fn authorises(&self, impu: &Impu) -> bool {
        self.impu.contains(impu)
    }

    /// Seconds until the token ends, by the clock alone, without leeway.
    pub fn remaining(&self, now_unix: u64) -> u64 {
        self.exp.saturating_sub(now_unix)
    }
}

struct Members<'a>(&'a Map<String, Value>);

impl Members<'_> {
    fn value(&self, name: &'static str) -> Result<&Value, TokenError> {
        self.0.get(name).ok_or(TokenError::MissingClaim(name))
    }

    fn text(&self, name: &'static str) -> Result<String, TokenError> {
        match self.value(name)? {
            Value::String(text) if (1..=MAX_CLAIM_LEN).contains(&text.len()) => Ok(text.clone()),
            _ => Err(TokenError::BadClaim(name)),
        }
    }

    /// A text or an array of texts, at least one.
    fn texts(&self, name: &'static str) -> Result<Vec<String>, TokenError> {
        match self.value(name)? {
            Value::Array(items) if (1..=MAX_CLAIM_ITEMS).contains(&items.len()) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) if text.len() <= MAX_CLAIM_LEN => Ok(text.clone()),
                    _ => Err(TokenError::BadClaim(name)),
                })
                .collect(),
            Value::String(_) => Ok(vec![self.text(name)?]),
            _ => Err(TokenError::BadClaim(name)),
        }
    }

    /// A whole number of seconds that a double can hold (RFC 7519 §2 NumericDate).
    fn date(&self, name: &'static str) -> Result<Option<u64>, TokenError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(seconds) if seconds <= 1 << 53 => Ok(Some(seconds)),
                _ => Err(TokenError::BadClaim(name)),
            },
        }
    }

    fn impus(&self) -> Result<Vec<Impu>, TokenError> {
        if !self.value("impu")?.is_array() {
            return Err(TokenError::BadClaim("impu"));
        }
        let texts = self.texts("impu")?;
        texts.iter().map(|text| Impu::parse(text).map_err(TokenError::BadImpu)).collect()
    }

    fn reg(&self) -> Result<Option<Reg>, TokenError> {
        match self.0.get("reg") {
            None => Ok(None),
            Some(Value::String(reg)) if reg == "tna" => Ok(Some(Reg::Tna)),
            Some(Value::String(reg)) if reg == "range" => Ok(Some(Reg::Range)),
            Some(_) => Err(TokenError::BadClaim("reg")),
        }
    }
}
