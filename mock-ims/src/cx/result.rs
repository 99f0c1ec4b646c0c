use std::fmt;

use serde::Serialize;

/// Result-Code of the Diameter base protocol or Experimental-Result-Code of
/// Cx (TS 29.229 §6.2).
///
/// The two number spaces overlap: 5003 is AUTHORIZATION_REJECTED in one and
/// IDENTITY_NOT_REGISTERED in the other. [`ResultCode::is_experimental`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ResultCode {
    /// Base 2001.
    Success,
    /// Base 5003: barred, or not allowed to register.
    AuthorizationRejected,
    /// Base 5005: an element that this command needs is absent.
    MissingAvp,
    /// Base 5009: several identities where one is allowed.
    AvpOccursTooManyTimes,
    /// Base 5012.
    UnableToComply,
    /// Experimental 2001: no S-CSCF assigned yet.
    FirstRegistration,
    /// Experimental 2002: an S-CSCF is assigned.
    SubsequentRegistration,
    /// Experimental 2003: not registered, but served in the unregistered state.
    UnregisteredService,
    /// Experimental 2004: de-registered, and the S-CSCF name was not kept.
    SuccessServerNameNotStored,
    /// Experimental 5001.
    UserUnknown,
    /// Experimental 5002: private and public identity do not belong together.
    IdentitiesDontMatch,
    /// Experimental 5003.
    IdentityNotRegistered,
    /// Experimental 5004.
    RoamingNotAllowed,
    /// Experimental 5005: another S-CSCF serves the user.
    IdentityAlreadyRegistered,
    /// Experimental 5006.
    AuthSchemeNotSupported,
    /// Experimental 5007: the assignment type does not fit the identity.
    InAssignmentType,
    /// Experimental 5008: more data than the receiver can hold.
    TooMuchData,
    /// Experimental 5009: data that the receiver does not understand.
    NotSupportedUserData,
    /// Experimental 5011.
    FeatureUnsupported,
    /// Experimental 5012.
    ServingNodeFeatureUnsupported,
}

impl ResultCode {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Success,
        Self::AuthorizationRejected,
        Self::MissingAvp,
        Self::AvpOccursTooManyTimes,
        Self::UnableToComply,
        Self::FirstRegistration,
        Self::SubsequentRegistration,
        Self::UnregisteredService,
        Self::SuccessServerNameNotStored,
        Self::UserUnknown,
        Self::IdentitiesDontMatch,
        Self::IdentityNotRegistered,
        Self::RoamingNotAllowed,
        Self::IdentityAlreadyRegistered,
        Self::AuthSchemeNotSupported,
        Self::InAssignmentType,
        Self::TooMuchData,
        Self::NotSupportedUserData,
        Self::FeatureUnsupported,
        Self::ServingNodeFeatureUnsupported,
    ];

    /// The code of a number on the wire.
    pub fn of(code: u32, experimental: bool) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.code() == code && result.is_experimental() == experimental)
    }

    /// The number on the wire.
    pub fn code(self) -> u32 {
        match self {
            Self::Success | Self::FirstRegistration => 2001,
            Self::SubsequentRegistration => 2002,
            Self::UnregisteredService => 2003,
            Self::SuccessServerNameNotStored => 2004,
            Self::UserUnknown => 5001,
            Self::IdentitiesDontMatch => 5002,
            Self::AuthorizationRejected | Self::IdentityNotRegistered => 5003,
            Self::RoamingNotAllowed => 5004,
            Self::MissingAvp | Self::IdentityAlreadyRegistered => 5005,
            Self::AuthSchemeNotSupported => 5006,
            Self::InAssignmentType => 5007,
            Self::TooMuchData => 5008,
            Self::AvpOccursTooManyTimes | Self::NotSupportedUserData => 5009,
            Self::FeatureUnsupported => 5011,
            Self::UnableToComply | Self::ServingNodeFeatureUnsupported => 5012,
        }
    }

    /// Whether the number is an Experimental-Result-Code of vendor 10415.
    pub fn is_experimental(self) -> bool {
        !matches!(
            self,
            Self::Success
                | Self::AuthorizationRejected
                | Self::MissingAvp
                | Self::AvpOccursTooManyTimes
                | Self::UnableToComply
        )
    }

    /// Whether the command did what it was asked.
    pub fn is_success(self) -> bool {
        self.code() < 3000
    }

    /// The name that the specifications use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "DIAMETER_SUCCESS",
            Self::AuthorizationRejected => "DIAMETER_AUTHORIZATION_REJECTED",
            Self::MissingAvp => "DIAMETER_MISSING_AVP",
            Self::AvpOccursTooManyTimes => "DIAMETER_AVP_OCCURS_TOO_MANY_TIMES",
            Self::UnableToComply => "DIAMETER_UNABLE_TO_COMPLY",
            Self::FirstRegistration => "DIAMETER_FIRST_REGISTRATION",
            Self::SubsequentRegistration => "DIAMETER_SUBSEQUENT_REGISTRATION",
            Self::UnregisteredService => "DIAMETER_UNREGISTERED_SERVICE",
            Self::SuccessServerNameNotStored => "DIAMETER_SUCCESS_SERVER_NAME_NOT_STORED",
            Self::UserUnknown => "DIAMETER_ERROR_USER_UNKNOWN",
            Self::IdentitiesDontMatch => "DIAMETER_ERROR_IDENTITIES_DONT_MATCH",
            Self::IdentityNotRegistered => "DIAMETER_ERROR_IDENTITY_NOT_REGISTERED",
            Self::RoamingNotAllowed => "DIAMETER_ERROR_ROAMING_NOT_ALLOWED",
            Self::IdentityAlreadyRegistered => "DIAMETER_ERROR_IDENTITY_ALREADY_REGISTERED",
            Self::AuthSchemeNotSupported => "DIAMETER_ERROR_AUTH_SCHEME_NOT_SUPPORTED",
            Self::InAssignmentType => "DIAMETER_ERROR_IN_ASSIGNMENT_TYPE",
            Self::TooMuchData => "DIAMETER_ERROR_TOO_MUCH_DATA",
            Self::NotSupportedUserData => "DIAMETER_ERROR_NOT_SUPPORTED_USER_DATA",
            Self::FeatureUnsupported => "DIAMETER_ERROR_FEATURE_UNSUPPORTED",
            Self::ServingNodeFeatureUnsupported => "DIAMETER_ERROR_SERVING_NODE_FEATURE_UNSUPPORTED",
        }
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_and_experimental_codes_that_share_a_number_stay_apart() {
        for (base, experimental) in [
            (ResultCode::Success, ResultCode::FirstRegistration),
            (ResultCode::AuthorizationRejected, ResultCode::IdentityNotRegistered),
            (ResultCode::MissingAvp, ResultCode::IdentityAlreadyRegistered),
            (ResultCode::AvpOccursTooManyTimes, ResultCode::NotSupportedUserData),
            (ResultCode::UnableToComply, ResultCode::ServingNodeFeatureUnsupported),
        ] {
            assert_eq!(base.code(), experimental.code());
            assert!(!base.is_experimental() && experimental.is_experimental());
            assert_eq!(ResultCode::of(base.code(), false), Some(base));
            assert_eq!(ResultCode::of(base.code(), true), Some(experimental));
        }
    }
}
