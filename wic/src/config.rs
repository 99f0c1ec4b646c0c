use std::time::Duration;

use ims::{Defects, Impi, Impu, Password, Scenario};
use sip::Host;
use sip::headers::BearerStyle;

use crate::{InstanceId, WssUrl};

/// What a WIC is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// How it proves who it is.
    pub access: Access,
    /// Which WIC it is, kept over restarts.
    pub instance: InstanceId,
    /// The expiry that it asks for.
    pub expires: Duration,
    /// Whether it subscribes to what happens to its registration (RFC 3680), as a UE must (TS 24.229
    /// §5.1.1.3). A network that grants none is left alone.
    pub reg_event: bool,
    /// Its timers.
    pub timers: Timers,
    /// How much it does at a time.
    pub limits: Limits,
    /// Rules that are broken on purpose, in tests.
    pub defects: Defects,
}

impl Config {
    /// A WIC with the default expiry (one hour), timers and limits.
    pub fn new(access: Access, instance: InstanceId) -> Self {
        Self {
            access,
            instance,
            expires: Duration::from_secs(3600),
            reg_event: true,
            timers: Timers::default(),
            limits: Limits::default(),
            defects: Defects::NONE,
        }
    }

    /// Which of the three flows this is.
    pub fn scenario(&self) -> Scenario {
        match &self.access {
            Access::Digest(_) => Scenario::ImsDigest,
            Access::Token(token) => token.scenario.into(),
        }
    }
}

/// The credentials of a flow.
#[derive(Clone, Debug)]
pub enum Access {
    /// Flow 1.
    Digest(DigestAccess),
    /// Flows 2 and 3: a token from the WWSF, which names the identities.
    Token(TokenAccess),
}

/// Flow 1: SIP Digest with an IMS password (TS 23.228 U.2.1.2, TS 33.203 Annex N).
#[derive(Clone, Debug)]
pub struct DigestAccess {
    /// The eP-CSCF.
    pub wss_url: WssUrl,
    /// The private identity.
    pub impi: Impi,
    /// The public identity to register.
    pub impu: Impu,
    /// The password.
    pub password: Password,
    /// The home domain, which REGISTER goes to.
    pub domain: Host,
    /// What the first REGISTER says.
    pub opening: Opening,
    /// Whether a 200 without `rspauth` is refused. A wrong one always is.
    pub require_rspauth: bool,
}

impl DigestAccess {
    /// The user `impi`, whose realm is the home domain.
    pub fn new(wss_url: WssUrl, impi: Impi, impu: Impu, domain: Host, password: Password) -> Self {
        Self { wss_url, impi, impu, password, domain, opening: Opening::default(), require_rspauth: true }
    }
}

/// The Authorization of the first REGISTER in flow 1; both are legal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    /// The IMPI with an empty response, from the start (TS 24.229 §5.1.1.2).
    #[default]
    Identified,
    /// None: the network derives the IMPI from To (TS 33.203 N.2.1.1 note 2a).
    Anonymous,
}

/// Flows 2 and 3: a security token (TS 23.228 U.2.1.3, U.2.1.4).
#[derive(Clone, Debug)]
pub struct TokenAccess {
    /// Flow 2 or flow 3.
    pub scenario: TokenScenario,
    /// The eP-CSCF, when it is not the one that comes with the token.
    pub wss_url: Option<WssUrl>,
    /// Which identity to register, when not the first that comes with the token. That the token
    /// holds it is for the eP-CSCF to check.
    pub impu: Option<Impu>,
    /// How the token is written in Authorization.
    pub bearer_style: BearerStyle,
    /// The authorisation servers that a challenge may name (RFC 8898 §2.1.1).
    pub authz_servers: Vec<String>,
}

impl TokenAccess {
    /// All from the token; no authorisation server is known.
    pub fn new(scenario: TokenScenario) -> Self {
        Self { scenario, wss_url: None, impu: None, bearer_style: BearerStyle::default(), authz_servers: Vec::new() }
    }
}

/// A flow that runs on a token. The WIC's part is the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenScenario {
    /// Flow 2.
    WebAuth,
    /// Flow 3.
    WildcardRange,
}

impl From<TokenScenario> for Scenario {
    fn from(scenario: TokenScenario) -> Self {
        match scenario {
            TokenScenario::WebAuth => Self::WebAuth,
            TokenScenario::WildcardRange => Self::WildcardRange,
        }
    }
}

/// The WIC's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// How long a connection may take to open.
    pub connect: Duration,
    /// How long the WWSF may take to give a token.
    pub token: Duration,
    /// Timer F, 64·T1 (RFC 3261 §17.1.2.2).
    pub transaction: Duration,
    /// How long the answer to a keep-alive may take (RFC 5626 §4.4.1).
    pub pong: Duration,
    /// The wait before the first try after a loss.
    pub first_retry: Duration,
    /// Base time of the back-off (RFC 5626 §4.5).
    pub retry_base: Duration,
    /// The longest wait (RFC 5626 §4.5).
    pub retry_max: Duration,
    /// How long a registration must have lasted before its loss counts as the first again
    /// (RFC 5626 §4.5, min-regtime).
    pub stable: Duration,
    /// How long we let it ring before we give a call up (CANCEL; counts as 408).
    pub give_up: Duration,
    /// How long it rings here before the caller is told 480.
    pub no_answer: Duration,
    /// How long a call waits for a lost connection to come back.
    pub grace: Duration,
    /// The session interval that we ask for (RFC 4028 §4).
    pub session: Duration,
    /// The shortest session interval that we take (RFC 4028 §5: 90 s at least).
    pub min_session: Duration,
    /// How long de-registering waits for calls to be ended in order.
    pub release: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            connect: secs(10),
            token: secs(15),
            transaction: secs(32),
            pong: secs(10),
            first_retry: secs(1),
            retry_base: secs(30),
            retry_max: secs(1800),
            stable: secs(120),
            give_up: secs(180),
            no_answer: secs(120),
            grace: secs(10),
            session: secs(1800),
            min_session: secs(90),
            release: secs(2),
        }
    }
}

/// How much a WIC does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls that have not ended. One more that comes in gets 486.
    pub calls: usize,
    /// The longest text of a message, either way. More than RFC 3428 §8 allows over paths without
    /// congestion control, of which this testbed has none.
    pub message_octets: usize,
    /// Messages and queries of ours that wait for their answer.
    pub pending: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls: 4, message_octets: 64 * 1024, pending: 32 }
    }
}
