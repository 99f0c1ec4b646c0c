use ims::{Impi, ImpiError, Impu, ImpuError, Token};
use sip::Host;

use crate::{WssUrl, WssUrlError};

/// What a WWSF gives for a web login: a token, and in clear what is in it.
#[derive(Clone, Debug)]
pub struct TokenGrant {
    /// The token.
    pub token: Token,
    /// Its lifetime from now, in seconds.
    pub expires_in: u64,
    /// The private identity.
    pub impi: Impi,
    /// The public identities, at least one.
    pub impus: Vec<Impu>,
    /// The eP-CSCF to go to.
    pub wss_url: WssUrl,
    /// The home domain, which REGISTER goes to.
    pub realm: Host,
}

impl TokenGrant {
    /// Reads the members of a token response.
    ///
    /// # Errors
    /// [`GrantError`] names the member that can't be used.
    pub fn parse<'a>(
        token: &str,
        expires_in: u64,
        impi: &str,
        impus: impl IntoIterator<Item = &'a str>,
        wss_url: &str,
        realm: &str,
    ) -> Result<Self, GrantError> {
        let impus = impus.into_iter().map(Impu::parse).collect::<Result<Vec<_>, _>>()?;
        if impus.is_empty() {
            return Err(GrantError::NoImpu);
        }
        if token.is_empty() {
            return Err(GrantError::NoToken);
        }
        Ok(Self {
            token: token.into(),
            expires_in,
            impi: Impi::parse(impi)?,
            impus,
            wss_url: wss_url.parse()?,
            realm: realm.parse().map_err(|_| GrantError::Realm)?,
        })
    }
}

/// Why a token response can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The token is empty.
    #[error("the WWSF gave an empty token")]
    NoToken,
    /// No identity came with the token.
    #[error("the WWSF named no IMPU beside the token")]
    NoImpu,
    /// A malformed IMPI.
    #[error("the WWSF gave a bad IMPI: {0}")]
    Impi(#[from] ImpiError),
    /// A malformed IMPU.
    #[error("the WWSF gave a bad IMPU: {0}")]
    Impu(#[from] ImpuError),
    /// A malformed address.
    #[error("the WWSF gave a bad wss_url: {0}")]
    WssUrl(#[from] WssUrlError),
    /// A malformed domain.
    #[error("the WWSF gave a bad realm: not a host name")]
    Realm,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    /// The WWSF could not be reached, or failed for now: worth another try.
    #[error("the WWSF gave no token: {0}")]
    Unavailable(String),
    /// There is no web session, or no more.
    #[error("the WWSF wants a login: {0}")]
    LoginRequired(String),
    /// The WWSF will not give one.
    #[error("the WWSF refused a token: {0}")]
    Refused(String),
}
