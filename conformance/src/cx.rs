//! Cx as a script says it and sees it (TS 29.228, TS 29.229): text where a type is a text on the wire,
//! numbers as they are there, so that wrong ones can be said too.

use std::fmt;

use ims::profile::ServiceProfile;
use sip::digest::{Algorithm, Ha1};

/// User-Authorization-Type (TS 29.229 §6.3.24).
pub mod authorization {
    /// The user registers.
    pub const REGISTRATION: u32 = 0;
    /// The user leaves.
    pub const DE_REGISTRATION: u32 = 1;
    /// Another S-CSCF is sought.
    pub const REGISTRATION_AND_CAPABILITIES: u32 = 2;
}

/// Server-Assignment-Type (TS 29.229 §6.3.15), as far as purposes name it.
pub mod assignment {
    /// A profile, without a change of state.
    pub const NO_ASSIGNMENT: u32 = 0;
    /// The user is registered.
    pub const REGISTRATION: u32 = 1;
    /// The user is registered still.
    pub const RE_REGISTRATION: u32 = 2;
    /// A request is for a user who is not registered.
    pub const UNREGISTERED_USER: u32 = 3;
    /// The registration ran out.
    pub const TIMEOUT_DEREGISTRATION: u32 = 4;
    /// The user left.
    pub const USER_DEREGISTRATION: u32 = 5;
    /// The network ended the registration.
    pub const ADMINISTRATIVE_DEREGISTRATION: u32 = 8;
    /// The answer to a challenge was wrong.
    pub const AUTHENTICATION_FAILURE: u32 = 9;
    /// A challenge had no answer.
    pub const AUTHENTICATION_TIMEOUT: u32 = 10;
}

/// Reason-Code of an RTR (TS 29.229 §6.3.17).
pub mod reason {
    /// The user is served no more.
    pub const PERMANENT_TERMINATION: u32 = 0;
    /// Another S-CSCF took over.
    pub const NEW_SERVER_ASSIGNED: u32 = 1;
    /// Another S-CSCF is needed.
    pub const SERVER_CHANGE: u32 = 2;
}

/// What a CSCF asks the HSS (TS 29.228 §6.1, §6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CxAsk {
    /// User-Authorization-Request.
    Uar {
        /// User-Name.
        impi: String,
        /// Public-Identity.
        impu: String,
        /// User-Authorization-Type.
        kind: u32,
        /// Visited-Network-Identifier.
        visited: String,
    },
    /// Multimedia-Auth-Request.
    Mar {
        /// User-Name.
        impi: String,
        /// Public-Identity.
        impu: String,
        /// SIP-Authentication-Scheme.
        scheme: String,
        /// Server-Name.
        server: String,
    },
    /// Server-Assignment-Request.
    Sar {
        /// User-Name.
        impi: Option<String>,
        /// Public-Identity, wildcarded too.
        impus: Vec<String>,
        /// Wildcarded-Public-Identity.
        wildcard: Option<String>,
        /// Server-Assignment-Type.
        kind: u32,
        /// Server-Name.
        server: String,
        /// User-Data-Already-Available.
        has_data: bool,
    },
    /// Location-Info-Request.
    Lir {
        /// Public-Identity.
        impu: String,
        /// Originating-Request.
        originating: bool,
    },
}

/// What the HSS answers; what an S-CSCF answers to a push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CxReply {
    /// The result code.
    pub code: u32,
    /// Whether it is an Experimental-Result-Code.
    pub experimental: bool,
    /// Server-Name.
    pub server: Option<String>,
    /// Server-Capabilities.
    pub capabilities: Option<CxCapabilities>,
    /// Wildcarded-Public-Identity.
    pub wildcard: Option<String>,
    /// SIP-Digest-Authenticate.
    pub digest: Option<CxDigest>,
    /// User-Data, with Loose-Route-Indication and Allowed-WAF-WWSF-Identities.
    pub profile: Option<ServiceProfile>,
    /// The whole answer, for people.
    pub text: String,
}

/// Server-Capabilities (TS 29.229 §6.3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CxCapabilities {
    /// Those that the S-CSCF must have.
    pub mandatory: Vec<u32>,
    /// Those that it should have.
    pub optional: Vec<u32>,
    /// The S-CSCFs to prefer.
    pub servers: Vec<String>,
}

/// SIP-Digest-Authenticate (TS 29.229 §6.3.36).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CxDigest {
    /// Digest-Realm.
    pub realm: String,
    /// Digest-HA1 and Alternate-Digest-HA1.
    pub ha1: Vec<Ha1>,
}

/// What the HSS tells an S-CSCF unasked (TS 29.228 §6.1.3, §6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CxPush {
    /// Registration-Termination-Request.
    Rtr {
        /// User-Name.
        impi: String,
        /// Public-Identity; none are all of the user.
        impus: Vec<String>,
        /// Reason-Code.
        reason: u32,
    },
    /// Push-Profile-Request.
    Ppr {
        /// User-Name.
        impi: String,
        /// User-Data.
        profile: Option<ServiceProfile>,
        /// SIP-Auth-Data-Item.
        digest: Option<CxDigest>,
        /// Allowed-WAF-WWSF-Identities: the WAFs, the WWSFs.
        allowed: Option<(Vec<String>, Vec<String>)>,
    },
}

impl CxReply {
    /// An answer with a Result-Code of the base protocol.
    pub fn base(code: u32) -> Self {
        Self { code, text: code.to_string(), ..Self::default() }
    }

    /// An answer with an Experimental-Result-Code.
    pub fn experimental(code: u32) -> Self {
        Self { experimental: true, text: format!("{code} (experimental)"), ..Self::base(code) }
    }

    /// DIAMETER_SUCCESS.
    pub fn success() -> Self {
        Self::base(2001)
    }

    /// With a Server-Name.
    #[must_use]
    pub fn server(self, name: &str) -> Self {
        Self { server: Some(name.to_owned()), ..self }
    }

    /// With Server-Capabilities.
    #[must_use]
    pub fn capabilities(self, mandatory: &[u32], optional: &[u32], servers: &[&str]) -> Self {
        let servers = servers.iter().map(|&name| name.to_owned()).collect();
        let capabilities = CxCapabilities { mandatory: mandatory.to_vec(), optional: optional.to_vec(), servers };
        Self { capabilities: Some(capabilities), ..self }
    }

    /// With a Wildcarded-Public-Identity.
    #[must_use]
    pub fn wildcard(self, range: &str) -> Self {
        Self { wildcard: Some(range.to_owned()), ..self }
    }

    /// With authentication data.
    #[must_use]
    pub fn digest(self, digest: CxDigest) -> Self {
        Self { digest: Some(digest), ..self }
    }

    /// With a profile.
    #[must_use]
    pub fn profile(self, profile: ServiceProfile) -> Self {
        Self { profile: Some(profile), ..self }
    }
}

impl CxDigest {
    /// The HA1s of a password, of MD5 and of SHA-256.
    pub fn of(impi: &str, realm: &str, password: &str) -> Self {
        let ha1 = |algorithm| Ha1::new(algorithm, impi, realm, password);
        Self { realm: realm.to_owned(), ha1: vec![ha1(Algorithm::Md5), ha1(Algorithm::Sha256)] }
    }
}

impl CxAsk {
    /// The command: `UAR`.
    pub fn command(&self) -> &'static str {
        match self {
            Self::Uar { .. } => "UAR",
            Self::Mar { .. } => "MAR",
            Self::Sar { .. } => "SAR",
            Self::Lir { .. } => "LIR",
        }
    }

    /// Its answer's: `UAA`.
    pub fn answer(&self) -> &'static str {
        match self {
            Self::Uar { .. } => "UAA",
            Self::Mar { .. } => "MAA",
            Self::Sar { .. } => "SAA",
            Self::Lir { .. } => "LIA",
        }
    }

    /// The command, and its type where it has one: `SAR REGISTRATION`.
    pub fn short(&self) -> String {
        let name = match self {
            Self::Uar { kind, .. } => {
                name(&["REGISTRATION", "DE_REGISTRATION", "REGISTRATION_AND_CAPABILITIES"], *kind)
            }
            Self::Sar { kind, .. } => name(&ASSIGNMENTS, *kind),
            Self::Mar { .. } | Self::Lir { .. } => return self.command().to_owned(),
        };
        format!("{} {name}", self.command())
    }
}

impl fmt::Display for CxAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())?;
        match self {
            Self::Uar { impi, impu, visited, .. } => write!(f, " impi={impi} impu={impu} visited={visited}"),
            Self::Mar { impi, impu, scheme, server } => {
                write!(f, " \"{scheme}\" impi={impi} impu={impu} server={server}")
            }
            Self::Sar { impi, impus, wildcard, server, .. } => {
                for (name, value) in [("impi", impi), ("wildcard", wildcard)] {
                    if let Some(value) = value {
                        write!(f, " {name}={value}")?;
                    }
                }
                write!(f, " impu={} server={server}", impus.join(","))
            }
            Self::Lir { impu, originating } => {
                write!(f, " impu={impu}{}", if *originating { " originating=yes" } else { "" })
            }
        }
    }
}

impl CxPush {
    /// The command: `RTR`.
    pub fn command(&self) -> &'static str {
        match self {
            Self::Rtr { .. } => "RTR",
            Self::Ppr { .. } => "PPR",
        }
    }

    /// Its answer's: `RTA`.
    pub fn answer(&self) -> &'static str {
        match self {
            Self::Rtr { .. } => "RTA",
            Self::Ppr { .. } => "PPA",
        }
    }
}

impl fmt::Display for CxPush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtr { impi, impus, reason } => {
                write!(f, "RTR {} impi={impi} impu={}", name(&REASONS, *reason), impus.join(","))
            }
            Self::Ppr { impi, profile, digest, allowed } => {
                write!(f, "PPR impi={impi}")?;
                let parts =
                    [("profile", profile.is_some()), ("digest", digest.is_some()), ("allowed", allowed.is_some())];
                parts.iter().filter(|(_, there)| *there).try_for_each(|(part, _)| write!(f, " +{part}"))
            }
        }
    }
}

const ASSIGNMENTS: [&str; 12] = [
    "NO_ASSIGNMENT",
    "REGISTRATION",
    "RE_REGISTRATION",
    "UNREGISTERED_USER",
    "TIMEOUT_DEREGISTRATION",
    "USER_DEREGISTRATION",
    "TIMEOUT_DEREGISTRATION_STORE_SERVER_NAME",
    "USER_DEREGISTRATION_STORE_SERVER_NAME",
    "ADMINISTRATIVE_DEREGISTRATION",
    "AUTHENTICATION_FAILURE",
    "AUTHENTICATION_TIMEOUT",
    "DEREGISTRATION_TOO_MUCH_DATA",
];

const REASONS: [&str; 4] = ["PERMANENT_TERMINATION", "NEW_SERVER_ASSIGNED", "SERVER_CHANGE", "REMOVE_S-CSCF"];

/// The name of a number; one that has none is shown as it is.
fn name(names: &[&'static str], number: u32) -> String {
    let known = usize::try_from(number).ok().and_then(|at| names.get(at));
    known.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}
