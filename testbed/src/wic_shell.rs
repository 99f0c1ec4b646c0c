//! A headless WIC: [`Agent`](::wic::Agent) with tokio's sockets, for the command line and for tests.
//!
//! It does what the page does, in the same order: fetches the page (W1), logs in and fetches a
//! token where the flow wants that, opens the WebSocket with the page's Origin, registers. Then it
//! calls and is called, sends and gets messages; sound and picture it has none.

mod calls;
mod outcome;
mod recorder;
pub mod sdp;
mod shell;
mod socket;
pub(crate) mod tls;
mod wic;
mod wwsf;

pub use calls::Answering;
pub use outcome::Outcome;
pub use tls::TlsError;
pub use wic::Wic;
pub use wwsf::{Wwsf, WwsfError};

use std::path::PathBuf;
use std::time::Duration;

use ::wic::{
    Access, Config, DigestAccess, InstanceId, Timers, TokenAccess, TokenGrant, TokenScenario, WssUrl, WssUrlError,
};
use ims::{Impi, ImpiError, Impu, ImpuError, Password, Scenario};
use sip::headers::BearerStyle;
use sip_net::{OsEntropy, Pace};

/// What a headless WIC is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The origin of the WWSF that the page comes from, `https://host:port`: where the WIC logs in
    /// and what it puts into Origin.
    pub wwsf: String,
    /// A file of PEM certificates: the CAs that it trusts.
    pub ca: PathBuf,
    /// Who registers, and so by which flow.
    pub user: User,
    /// The eP-CSCF, when it is not the one that the token comes with. Flow 1 needs it.
    pub epcscf: Option<String>,
    /// The IMPU to register in flows 2 and 3, when it is not the first that comes with the token.
    pub impu: Option<Impu>,
    /// The token for the first REGISTER of flows 2 and 3, instead of one from the WWSF.
    pub grant: Option<TokenGrant>,
    /// How a token is written.
    pub bearer_style: BearerStyle,
    /// The expiry to ask for.
    pub expires: Duration,
    /// Which WIC it is; a new one each time when it is not said.
    pub instance: Option<InstanceId>,
    /// The agent's timers.
    pub timers: Timers,
    /// What it does when it is called.
    pub answering: Answering,
    /// Whether it subscribes to what happens to its registration. A page does; here it is off, so that
    /// a ladder shows the flow and no more.
    pub reg_event: bool,
    /// Whether to fetch the page first, as a browser would. Not needed of somebody else's WWSF.
    pub fetch_page: bool,
    /// Its clock, and the gate that what it sends passes; its own when it shares none.
    pub pace: Pace,
}

impl Options {
    /// `user`, at the WWSF whose page is at `wwsf`, all else by default.
    pub fn new(user: User, wwsf: impl Into<String>, ca: impl Into<PathBuf>) -> Self {
        Self {
            wwsf: wwsf.into(),
            ca: ca.into(),
            user,
            epcscf: None,
            impu: None,
            grant: None,
            bearer_style: BearerStyle::default(),
            expires: Duration::from_secs(3600),
            instance: None,
            timers: Timers::default(),
            answering: Answering::default(),
            reg_event: false,
            fetch_page: true,
            pace: Pace::start(),
        }
    }

    /// Which of the three flows this is.
    pub fn scenario(&self) -> Scenario {
        match self.user {
            User::Digest { .. } => Scenario::ImsDigest,
            User::Web { .. } => Scenario::WebAuth,
            User::Guest { .. } => Scenario::WildcardRange,
        }
    }

    fn config(&self) -> Result<Config, OptionsError> {
        let epcscf = self.epcscf.as_deref().map(str::parse::<WssUrl>).transpose()?;
        let access = match &self.user {
            User::Digest { impi, impu, password } => {
                let domain = impi.realm().parse().map_err(|_| OptionsError::Domain)?;
                let url = epcscf.ok_or(OptionsError::NoEpcscf)?;
                Access::Digest(DigestAccess::new(url, impi.clone(), impu.clone(), domain, password.clone()))
            }
            User::Web { .. } => Access::Token(self.token_access(TokenScenario::WebAuth, epcscf)),
            User::Guest { .. } => Access::Token(self.token_access(TokenScenario::WildcardRange, epcscf)),
        };
        let instance = self.instance.clone().unwrap_or_else(|| InstanceId::random(&mut OsEntropy));
        let (expires, timers, reg_event) = (self.expires, self.timers, self.reg_event);
        Ok(Config { expires, timers, reg_event, ..Config::new(access, instance) })
    }

    fn token_access(&self, scenario: TokenScenario, wss_url: Option<WssUrl>) -> TokenAccess {
        TokenAccess {
            scenario,
            wss_url,
            impu: self.impu.clone(),
            bearer_style: self.bearer_style,
            authz_servers: vec![format!("{}/api/token", self.wwsf.trim_end_matches('/'))],
        }
    }
}

/// Who registers.
#[derive(Clone, Debug)]
pub enum User {
    /// Flow 1: a subscriber, by IMS password.
    Digest {
        /// The private identity.
        impi: Impi,
        /// The public identity.
        impu: Impu,
        /// The IMS password.
        password: Password,
    },
    /// Flow 2: a subscriber, by web login.
    Web {
        /// The name at the WWSF.
        username: String,
        /// The web password.
        password: Password,
    },
    /// Flow 3: a user of a WWSF with a range of its own.
    Guest {
        /// Name and password at that WWSF; without them it is an anonymous user.
        login: Option<(String, Password)>,
    },
}

impl User {
    /// The flow-1 user that `name` means in `domain`: `alice` has the IMPI `alice-wic@domain` and the
    /// IMPU `sip:alice@domain`; a name with `@` is the IMPI itself.
    ///
    /// # Errors
    /// [`OptionsError`] when the name makes no identity.
    pub fn digest(name: &str, domain: &str, password: impl Into<Password>) -> Result<Self, OptionsError> {
        let impi = if name.contains('@') { Impi::parse(name)? } else { Impi::parse(&format!("{name}-wic@{domain}"))? };
        let user = impi.user().strip_suffix("-wic").unwrap_or(impi.user());
        let impu = Impu::parse(&format!("sip:{user}@{}", impi.realm()))?;
        Ok(Self::Digest { impi, impu, password: password.into() })
    }
}

/// Why the options make no WIC.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Flow 1 without an address.
    #[error("flow 1 needs the eP-CSCF's address: no token comes that names it")]
    NoEpcscf,
    /// The address is no address.
    #[error(transparent)]
    Epcscf(#[from] WssUrlError),
    /// The user's name makes no IMPI.
    #[error(transparent)]
    Impi(#[from] ImpiError),
    /// The user's name makes no IMPU.
    #[error(transparent)]
    Impu(#[from] ImpuError),
    /// The realm of the IMPI can't be addressed.
    #[error("the realm of the IMPI is no domain name")]
    Domain,
    /// The CA.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The WWSF.
    #[error(transparent)]
    Wwsf(#[from] WwsfError),
}

/// Registers, and de-registers again: what `testbed register` does without `--stay`.
///
/// # Errors
/// [`OptionsError`] when nothing could be tried; what the network said is in the [`Outcome`].
pub async fn register(options: &Options) -> Result<Outcome, OptionsError> {
    let mut wic = Wic::start(options)?;
    let outcome = wic.outcome().await;
    if outcome.is_registered() {
        wic.deregister().await;
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_the_demo_subscriber_of_that_name() {
        for (name, impi, impu) in [
            ("alice", "alice-wic@ims.example", "sip:alice@ims.example"),
            ("bob-wic@other.example", "bob-wic@other.example", "sip:bob@other.example"),
            ("carol@other.example", "carol@other.example", "sip:carol@other.example"),
        ] {
            let User::Digest { impi: i, impu: u, .. } = User::digest(name, "ims.example", "x").unwrap() else {
                panic!("not flow 1");
            };
            assert_eq!((i.as_str(), u.as_str()), (impi, impu));
        }
        assert!(User::digest("al ice", "ims.example", "x").is_err());
    }

    #[test]
    fn flow_1_without_an_address_is_refused_before_anything_is_tried() {
        let user = User::digest("alice", "ims.example", "x").unwrap();
        let options = Options::new(user, "https://localhost:8443", "ca.pem");
        assert!(matches!(options.config(), Err(OptionsError::NoEpcscf)));
    }
}
