//! Which authentication a REGISTER claims (TS 33.203 P.4).

use crate::refusal::Refusal;
use ims::{Impi, Impu};
use sip::Request;
use sip::headers::{Authorization, Credentials, DigestCredentials};

/// What the Authorization header of a REGISTER claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// SIP Digest. Without credentials it is an initial REGISTER, as it is with another scheme
    /// (Basic is never accepted, RFC 8760 §2.6).
    Digest(Option<DigestCredentials>),
    /// Trusted node authentication (TS 33.203 Annex U).
    Tna(Entities),
}

/// How a registration was authenticated. It can't change in its lifetime (TS 33.203 P.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// SIP Digest.
    Digest,
    /// A trusted node vouched for it.
    Tna,
}

/// The third-party functions that a trusted node names beside `auth-done`
/// (TS 33.203 X.3.2.3 step 5.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entities {
    /// `authorization-entity`: the WAF that authenticated the user.
    pub waf: Option<String>,
    /// `wwsf-entity`: the WWSF that assigned the identities.
    pub wwsf: Option<String>,
}

impl Claim {
    pub(crate) fn scheme(&self) -> Scheme {
        match self {
            Self::Digest(_) => Scheme::Digest,
            Self::Tna(_) => Scheme::Tna,
        }
    }

    /// Reads the claim and the private identity that makes it: the username, or the one that the
    /// public identity stands for (TS 33.203 N.2.1.1).
    pub(crate) fn of(request: &Request, impu: &Impu, refuse_with_response: bool) -> Result<(Self, Impi), Refusal> {
        let Some(credentials) = digest_credentials(request)? else {
            let impi = impu.to_impi_default().map_err(|e| Refusal::forbidden(format!("{e}, and no username")))?;
            return Ok((Self::Digest(None), impi));
        };
        let username = credentials.text("username").unwrap_or_default();
        let impi = Impi::parse(&username).map_err(|e| Refusal::bad_request(e.to_string()))?;
        let responds = credentials.text("response").is_some_and(|response| !response.is_empty());
        let integrity = credentials.text("integrity-protected").map(|value| value.to_ascii_lowercase());
        let claim = match integrity.as_deref() {
            Some("yes" | "no") => {
                return Err(Refusal::forbidden("IMS AKA is not supported (TS 33.203 P.4)"));
            }
            Some("tls-connected") => {
                return Err(Refusal::forbidden("IMS AKA over TLS is not supported (TS 33.203 P.4)"));
            }
            Some("auth-done") if responds && refuse_with_response => {
                return Err(Refusal::forbidden("auth-done stands beside a response (TS 33.203 Annex U)"));
            }
            Some("auth-done") => Self::Tna(Entities {
                waf: credentials.text("authorization-entity"),
                wwsf: credentials.text("wwsf-entity"),
            }),
            Some("tls-pending") if !responds => {
                return Err(Refusal::forbidden("tls-pending without a digest response (TS 33.203 O.2.3)"));
            }
            _ => Self::Digest(Some(credentials)),
        };
        Ok((claim, impi))
    }
}

/// Whether a REGISTER claims that a trusted node authenticated it. Only such a node may say so.
pub(crate) fn claims_auth_done(request: &Request) -> bool {
    request.headers.each::<Authorization>().unwrap_or_default().iter().any(|authorization| match &**authorization {
        Credentials::Digest(digest) => {
            digest.text("integrity-protected").is_some_and(|value| value.eq_ignore_ascii_case("auth-done"))
        }
        _ => false,
    })
}

/// The one set of Digest credentials; two would let two nodes act on two different ones.
pub(crate) fn digest_credentials(request: &Request) -> Result<Option<DigestCredentials>, Refusal> {
    let mut found = None;
    for authorization in request.headers.each::<Authorization>()? {
        let Credentials::Digest(digest) = authorization.0 else { continue };
        if found.replace(digest).is_some() {
            return Err(Refusal::bad_request("Digest credentials are there more than once"));
        }
    }
    Ok(found)
}
