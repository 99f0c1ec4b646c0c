use std::fmt;

use ims::profile::{Identity, ServiceProfile};
use ims::{Impi, Impu, WildcardedImpu};
use serde::{Deserialize, Serialize};

use super::{DigestAuthenticate, ResultCode, ServerName, field, list};

/// User-Authorization-Request: may this user register, and at which S-CSCF
/// (TS 29.228 §6.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Uar {
    /// User-Name.
    pub user_name: Impi,
    /// Public-Identity: To of the REGISTER.
    pub public_identity: Impu,
    /// Visited-Network-Identifier.
    pub visited_network: String,
    /// User-Authorization-Type.
    pub authorization_type: AuthorizationType,
}

/// User-Authorization-Type (TS 29.229 §6.3.24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorizationType {
    /// 0
    Registration,
    /// 1: expiry zero.
    DeRegistration,
    /// 2: another S-CSCF is to be chosen.
    RegistrationAndCapabilities,
}

/// User-Authorization-Answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Uaa {
    /// How it ended.
    pub result: ResultCode,
    /// The S-CSCF that is assigned.
    pub server_name: Option<ServerName>,
    /// What an S-CSCF must be able to do, when one is to be chosen.
    pub capabilities: Option<ServerCapabilities>,
}

/// Server-Capabilities (TS 29.229 §6.3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerCapabilities {
    /// Capabilities that the S-CSCF must have.
    pub mandatory: Vec<u32>,
    /// Capabilities that it should have.
    pub optional: Vec<u32>,
    /// S-CSCFs to prefer.
    pub server_names: Vec<ServerName>,
}

/// Multimedia-Auth-Request: authentication data (TS 29.228 §6.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mar {
    /// User-Name.
    pub user_name: Impi,
    /// Public-Identity.
    pub public_identity: Impu,
    /// SIP-Authentication-Scheme.
    pub scheme: AuthScheme,
    /// The S-CSCF that asks.
    pub server_name: ServerName,
}

/// SIP-Authentication-Scheme (TS 29.228 §6.3, TS 29.229 §6.3.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum AuthScheme {
    /// The S-CSCF leaves it to the HSS.
    #[serde(rename = "Unknown")]
    Unknown,
    /// SIP Digest.
    #[serde(rename = "SIP Digest")]
    SipDigest,
    /// IMS AKA.
    #[serde(rename = "Digest-AKAv1-MD5")]
    DigestAka,
    /// NASS bundled.
    #[serde(rename = "NASS-Bundled")]
    NassBundled,
    /// GIBA.
    #[serde(rename = "Early-IMS-Security")]
    EarlyIms,
}

impl AuthScheme {
    /// The string of the AVP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::SipDigest => "SIP Digest",
            Self::DigestAka => "Digest-AKAv1-MD5",
            Self::NassBundled => "NASS-Bundled",
            Self::EarlyIms => "Early-IMS-Security",
        }
    }
}

/// Multimedia-Auth-Answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Maa {
    /// How it ended.
    pub result: ResultCode,
    /// The one SIP-Auth-Data-Item.
    pub auth: Option<DigestAuthenticate>,
}

/// Server-Assignment-Request: an S-CSCF tells what became of a registration,
/// or fetches a profile (TS 29.228 §6.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sar {
    /// User-Name; may be absent when a public identity is there.
    pub user_name: Option<Impi>,
    /// Public-Identity: one, or several where the type allows it.
    pub public_identities: Vec<Identity>,
    /// Wildcarded-Public-Identity, from P-Profile-Key.
    pub wildcarded: Option<WildcardedImpu>,
    /// The S-CSCF that asks.
    pub server_name: ServerName,
    /// Server-Assignment-Type.
    pub assignment_type: AssignmentType,
    /// User-Data-Already-Available: the profile need not be sent again.
    pub user_data_already_available: bool,
}

/// Server-Assignment-Type (TS 29.229 §6.3.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AssignmentType {
    /// 0: profile fetch without a change of state.
    NoAssignment,
    /// 1: authenticated, or vouched for by a trusted node.
    Registration,
    /// 2: refresh.
    ReRegistration,
    /// 3: a request for a user who is not registered.
    UnregisteredUser,
    /// 4: the registration timer ran out.
    TimeoutDeregistration,
    /// 5: the user left.
    UserDeregistration,
    /// 6: as 4, and keep the S-CSCF name.
    TimeoutDeregistrationStoreServerName,
    /// 7: as 5, and keep the S-CSCF name.
    UserDeregistrationStoreServerName,
    /// 8: the network ended it.
    AdministrativeDeregistration,
    /// 9: the response to a challenge was wrong.
    AuthenticationFailure,
    /// 10: no response to a challenge came.
    AuthenticationTimeout,
    /// 11: the S-CSCF cannot hold the profile.
    DeregistrationTooMuchData,
}

impl AssignmentType {
    /// All twelve, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::NoAssignment,
        Self::Registration,
        Self::ReRegistration,
        Self::UnregisteredUser,
        Self::TimeoutDeregistration,
        Self::UserDeregistration,
        Self::TimeoutDeregistrationStoreServerName,
        Self::UserDeregistrationStoreServerName,
        Self::AdministrativeDeregistration,
        Self::AuthenticationFailure,
        Self::AuthenticationTimeout,
        Self::DeregistrationTooMuchData,
    ];

    /// The number on the wire.
    pub fn code(self) -> u32 {
        match self {
            Self::NoAssignment => 0,
            Self::Registration => 1,
            Self::ReRegistration => 2,
            Self::UnregisteredUser => 3,
            Self::TimeoutDeregistration => 4,
            Self::UserDeregistration => 5,
            Self::TimeoutDeregistrationStoreServerName => 6,
            Self::UserDeregistrationStoreServerName => 7,
            Self::AdministrativeDeregistration => 8,
            Self::AuthenticationFailure => 9,
            Self::AuthenticationTimeout => 10,
            Self::DeregistrationTooMuchData => 11,
        }
    }

    /// Whether it ends a registration.
    pub fn is_deregistration(self) -> bool {
        matches!(self.code(), 4..=8 | 11)
    }

    /// Whether it may name several public identities, or only a private one.
    pub fn takes_many(self) -> bool {
        self.is_deregistration()
    }

    fn name(self) -> &'static str {
        match self {
            Self::NoAssignment => "NO_ASSIGNMENT",
            Self::Registration => "REGISTRATION",
            Self::ReRegistration => "RE_REGISTRATION",
            Self::UnregisteredUser => "UNREGISTERED_USER",
            Self::TimeoutDeregistration => "TIMEOUT_DEREGISTRATION",
            Self::UserDeregistration => "USER_DEREGISTRATION",
            Self::TimeoutDeregistrationStoreServerName => "TIMEOUT_DEREGISTRATION_STORE_SERVER_NAME",
            Self::UserDeregistrationStoreServerName => "USER_DEREGISTRATION_STORE_SERVER_NAME",
            Self::AdministrativeDeregistration => "ADMINISTRATIVE_DEREGISTRATION",
            Self::AuthenticationFailure => "AUTHENTICATION_FAILURE",
            Self::AuthenticationTimeout => "AUTHENTICATION_TIMEOUT",
            Self::DeregistrationTooMuchData => "DEREGISTRATION_TOO_MUCH_DATA",
        }
    }
}

/// Server-Assignment-Answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Saa {
    /// How it ended.
    pub result: ResultCode,
    /// The other S-CSCF that serves the user, with `IdentityAlreadyRegistered`.
    pub server_name: Option<ServerName>,
    /// The profile; with it Loose-Route-Indication and Allowed-WAF-WWSF-Identities.
    pub user_data: Option<UserData>,
    /// The other private identities of the subscription (Associated-Identities).
    pub associated: Vec<Impi>,
    /// The range that the identity lies in.
    pub wildcarded: Option<WildcardedImpu>,
}

/// User-Data (TS 29.228 Annex B).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserData {
    /// PrivateID.
    pub impi: Impi,
    /// The service profile.
    pub profile: ServiceProfile,
}

/// Location-Info-Request: where is this user served (TS 29.228 §6.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lir {
    /// Public-Identity: the Request-URI, or the served user of an originating request.
    pub public_identity: Impu,
    /// Originating-Request.
    pub originating: bool,
    /// User-Authorization-Type REGISTRATION_AND_CAPABILITIES: another S-CSCF is to be chosen.
    pub capabilities_only: bool,
}

/// Location-Info-Answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lia {
    /// How it ended.
    pub result: ResultCode,
    /// The S-CSCF that serves the user.
    pub server_name: Option<ServerName>,
    /// What an S-CSCF must be able to do, when one is to be chosen.
    pub capabilities: Option<ServerCapabilities>,
    /// The range that the identity lies in; becomes P-Profile-Key.
    pub wildcarded: Option<WildcardedImpu>,
}

macro_rules! of {
    ($($name:ident { $($field:ident),+ }),+) => {
        $(impl $name {
            /// An answer that says only how it ended.
            pub fn of(result: ResultCode) -> Self {
                Self { result, $($field: Default::default()),+ }
            }
        })+
    };
}

of!(
    Uaa { server_name, capabilities },
    Maa { auth },
    Saa { server_name, user_data, associated, wildcarded },
    Lia { server_name, capabilities, wildcarded }
);

impl fmt::Display for AuthorizationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Registration => "REGISTRATION",
            Self::DeRegistration => "DE_REGISTRATION",
            Self::RegistrationAndCapabilities => "REGISTRATION_AND_CAPABILITIES",
        })
    }
}

impl fmt::Display for AssignmentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Uar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UAR {} impi={} impu={}", self.authorization_type, self.user_name, self.public_identity)?;
        field(f, "visited", Some(&self.visited_network))
    }
}

impl fmt::Display for Uaa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UAA {}", self.result)?;
        field(f, "server", self.server_name.as_ref())
    }
}

impl fmt::Display for Mar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MAR \"{}\" impi={} impu={}", self.scheme.as_str(), self.user_name, self.public_identity)?;
        field(f, "server", Some(&self.server_name))
    }
}

impl fmt::Display for Maa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MAA {}", self.result)?;
        match &self.auth {
            Some(auth) => write!(f, " {auth}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Sar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SAR {}", self.assignment_type)?;
        field(f, "impi", self.user_name.as_ref())?;
        list(f, "impu", &self.public_identities)?;
        field(f, "wildcard", self.wildcarded.as_ref())?;
        field(f, "server", Some(&self.server_name))
    }
}

impl fmt::Display for Saa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SAA {}", self.result)?;
        field(f, "server", self.server_name.as_ref())?;
        if let Some(data) = &self.user_data {
            list(f, "impus", &data.profile.associated())?;
        }
        field(f, "wildcard", self.wildcarded.as_ref())
    }
}

impl fmt::Display for Lir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LIR impu={}", self.public_identity)?;
        field(f, "originating", self.originating.then_some("yes"))
    }
}

impl fmt::Display for Lia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LIA {}", self.result)?;
        field(f, "server", self.server_name.as_ref())?;
        field(f, "wildcard", self.wildcarded.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignment_types_carry_the_numbers_of_29_229() {
        for (number, kind) in (0..).zip(AssignmentType::ALL) {
            assert_eq!(kind.code(), number, "{kind}");
        }
        let ends: Vec<u32> =
            AssignmentType::ALL.into_iter().filter(|t| t.is_deregistration()).map(AssignmentType::code).collect();
        assert_eq!(ends, [4, 5, 6, 7, 8, 11]);
    }
}
