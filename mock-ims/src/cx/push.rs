use std::fmt;

use ims::profile::{Identity, ServiceProfile};
use ims::{Impi, Impu};
use serde::{Deserialize, Serialize};

use super::{DigestAuthenticate, ResultCode, UserData, field, list};

/// Registration-Termination-Request: the HSS ends registrations (TS 29.228 §6.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rtr {
    /// User-Name, always there.
    pub user_name: Impi,
    /// Other private identities that it ends for (Associated-Identities).
    pub associated: Vec<Impi>,
    /// The identities that it ends, distinct ones only: a wildcarded one goes
    /// down with a distinct one of its implicit set (TS 29.228 §6.5.2.2).
    pub public_identities: Vec<Impu>,
    /// Reason-Code.
    pub reason: DeregistrationReason,
    /// Reason-Info: a text for people.
    pub info: String,
}

/// Reason-Code of a Deregistration-Reason (TS 29.229 §6.3.17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeregistrationReason {
    /// 0: the user is not served any more.
    PermanentTermination,
    /// 1: another S-CSCF took over.
    NewServerAssigned,
    /// 2: another S-CSCF is needed; the user may register again at once.
    ServerChange,
    /// 3: the S-CSCF forgets a user that it serves unregistered.
    #[serde(rename = "REMOVE_S-CSCF")]
    RemoveScscf,
}

impl DeregistrationReason {
    /// All four, in the order of their numbers.
    pub const ALL: [Self; 4] =
        [Self::PermanentTermination, Self::NewServerAssigned, Self::ServerChange, Self::RemoveScscf];

    /// The number on the wire.
    pub fn code(self) -> u32 {
        match self {
            Self::PermanentTermination => 0,
            Self::NewServerAssigned => 1,
            Self::ServerChange => 2,
            Self::RemoveScscf => 3,
        }
    }
}

/// Registration-Termination-Answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rta {
    /// How it ended.
    pub result: ResultCode,
}

/// Push-Profile-Request: the HSS changes what an S-CSCF holds (TS 29.228 §6.2.1).
///
/// At least one of the three optional parts is there; a part that is there
/// replaces the old one whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ppr {
    /// User-Name.
    pub user_name: Impi,
    /// User-Data: the new profile of one implicit set.
    pub user_data: Option<UserData>,
    /// SIP-Auth-Data-Item: new credentials.
    pub auth: Option<DigestAuthenticate>,
    /// Allowed-WAF-WWSF-Identities.
    pub allowed: Option<AllowedIdentities>,
}

/// Allowed-WAF-WWSF-Identities (TS 29.229 §6.3.64).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowedIdentities {
    /// WebRTC-Authentication-Function-Name.
    pub wafs: Vec<String>,
    /// WebRTC-Web-Server-Function-Name.
    pub wwsfs: Vec<String>,
}

/// Push-Profile-Answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ppa {
    /// How it ended.
    pub result: ResultCode,
}

/// How much user data a receiver can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Octets of a serialised profile.
    pub octets: usize,
    /// Public identities of one implicit set.
    pub identities: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { octets: 64 * 1024, identities: 256 }
    }
}

impl UserData {
    /// The document that goes over the wire.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a document: 5008 when it holds more than the receiver can, 5009
    /// when it cannot be understood (TS 29.228 §6.2.1).
    pub fn decode(document: &str, capacity: &Capacity) -> Result<Self, ResultCode> {
        if document.len() > capacity.octets {
            return Err(ResultCode::TooMuchData);
        }
        let data: Self = serde_json::from_str(document).map_err(|_| ResultCode::NotSupportedUserData)?;
        data.check(capacity)?;
        Ok(data)
    }

    /// Whether a receiver can hold and use it: 5008 or 5009 otherwise.
    pub fn check(&self, capacity: &Capacity) -> Result<(), ResultCode> {
        if self.profile.impus.len() > capacity.identities {
            return Err(ResultCode::TooMuchData);
        }
        match self.profile.distinct_impus().any(|impu| *impu == self.profile.default) {
            true => Ok(()),
            // The default public identity is a distinct one of its set (TS 29.228 §6.5.1.1).
            false => Err(ResultCode::NotSupportedUserData),
        }
    }
}

impl AllowedIdentities {
    /// The lists that a profile holds.
    pub fn of(profile: &ServiceProfile) -> Self {
        Self { wafs: profile.allowed_wafs.clone(), wwsfs: profile.allowed_wwsfs.clone() }
    }
}

impl fmt::Display for DeregistrationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PermanentTermination => "PERMANENT_TERMINATION",
            Self::NewServerAssigned => "NEW_SERVER_ASSIGNED",
            Self::ServerChange => "SERVER_CHANGE",
            Self::RemoveScscf => "REMOVE_S-CSCF",
        })
    }
}

impl fmt::Display for Rtr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RTR {} impi={}", self.reason, self.user_name)?;
        list(f, "associated", &self.associated)?;
        list(f, "impu", &self.public_identities)
    }
}

impl fmt::Display for Rta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RTA {}", self.result)
    }
}

impl fmt::Display for Ppr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PPR impi={}", self.user_name)?;
        if let Some(data) = &self.user_data {
            let identities: Vec<&Identity> = data.profile.associated();
            list(f, "impus", &identities)?;
        }
        field(f, "auth", self.auth.as_ref().map(|_| "[redacted]"))?;
        if let Some(allowed) = &self.allowed {
            list(f, "wafs", &allowed.wafs)?;
            list(f, "wwsfs", &allowed.wwsfs)?;
        }
        Ok(())
    }
}

impl fmt::Display for Ppa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PPA {}", self.result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(identities: usize) -> UserData {
        let impu = |n| Impu::parse(&format!("sip:user{n}@ims.example")).unwrap();
        let mut profile = ServiceProfile::of(impu(0));
        profile.impus.extend((1..identities).map(|n| ims::profile::PublicIdentity::distinct(impu(n))));
        UserData { impi: Impi::parse("user@ims.example").unwrap(), profile }
    }

    /// CX-11: more than fits is 5008, what is not understood 5009.
    #[test]
    fn user_data_that_does_not_fit_and_that_is_not_understood_are_told_apart() {
        let capacity = Capacity { octets: 4096, identities: 3 };
        let decode = |document: &str| UserData::decode(document, &capacity);
        assert_eq!(decode(&data(3).encode()), Ok(data(3)));
        assert_eq!(decode(&data(4).encode()), Err(ResultCode::TooMuchData));
        assert_eq!(decode(&" ".repeat(4097)), Err(ResultCode::TooMuchData));
        assert_eq!(decode("<IMSSubscription/>"), Err(ResultCode::NotSupportedUserData));
        let unknown_member = data(1).encode().replacen('{', "{\"extension\":1,", 1);
        assert_eq!(decode(&unknown_member), Err(ResultCode::NotSupportedUserData));
        let mut stray = data(2);
        stray.profile.default = Impu::parse("sip:stranger@ims.example").unwrap();
        assert_eq!(decode(&stray.encode()), Err(ResultCode::NotSupportedUserData));
    }
}
