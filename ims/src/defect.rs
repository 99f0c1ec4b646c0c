//! Deliberate defects: each breaks one rule of one node, so that the conformance tool can be seen to
//! catch it (`testbed/tests/mutants`).
//!
//! Only the feature `defects` compiles them in, and only that test turns it on. Without it [`Defects`]
//! has no size, [`Defects::has`] is a constant, and a configuration that names a defect is refused.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The rules that can be broken, by the node that has them: what each node then does is the doc comment.
macro_rules! defects {
    ($($node:literal { $($(#[doc = $what:literal])+ $name:ident)+ })+) => {
        /// A rule of a node that is broken on purpose; the doc comment says what the node does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defects", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
        #[non_exhaustive]
        pub enum Defect {
            $($($(#[doc = $what])+ $name,)+)+
        }

        #[cfg(feature = "defects")]
        impl Defect {
            /// All of them.
            pub const ALL: &[Self] = &[$($(Self::$name,)+)+];

            /// The node that has it.
            pub fn node(self) -> &'static str {
                match self {
                    $($(Self::$name)|+ => $node,)+
                }
            }

            /// What that node does.
            pub fn what(self) -> &'static str {
                match self {
                    $($(Self::$name => concat!($($what),+),)+)+
                }
            }
        }
    };
}

defects! {
    "eP-CSCF" {
        /// lets any page in
        SkipsOriginCheck
        /// takes alg none
        AcceptsAlgNone
        /// takes any signature
        SkipsSignature
        /// ignores exp
        IgnoresExp
        /// ignores aud
        IgnoresAudience
        /// lets a token register any identity
        IgnoresTokenImpu
        /// lets a token serve two browsers
        AllowsReplay
        /// forgets which tokens were revoked
        ForgetsRevocation
        /// grants more than the token lasts
        GrantsBeyondToken
        /// keeps a registration whose token has ended
        OutlivesToken
        /// lets a WIC vouch for itself
        KeepsIntegrityProtected
        /// passes on what the WIC asserts
        KeepsForgedIdentity
        /// passes on what the WIC asserts in a response
        BelievesResponses
        /// passes the token on to the core
        LeaksBearer
        /// does not look at a message once more before it leaves; what leaks would be held back there
        SendsLeaks
        /// calls every session bound
        VouchesUnbound
        /// adds no Path
        ForgetsPath
        /// gives every request one icid
        RepeatsIcid
        /// shows the WIC the ranges of its set
        ShowsRanges
        /// asserts whoever From names
        AssertsFrom
        /// does not name a guest's range
        ForgetsProfileKey
        /// answers 200 to identities outside of the range
        AnswersOutOfRange
        /// gives away distinct identities that lie in the range
        GivesDistinctAway
        /// gives an identity to a second holder
        SharesIdentities
        /// gives away more identities than it may
        OverfillsRange
        /// takes a REGISTER that comes too late
        TakesLateRegister
        /// keeps guests whose range was taken away
        KeepsWithdrawn
        /// lets a second user register on a connection
        SharesConnection
        /// keeps the connection after wrong passwords
        ForgivesWrongPasswords
        /// takes any Route for the Service-Route
        FollowsAnyRoute
        /// passes on orig in the Request-URI
        KeepsOrig
        /// takes requests of strangers for the core's
        TrustsEveryPeer
        /// lets a WIC into the dialogs of others
        OpensEveryDialog
        /// ends no call of its own accord
        ReleasesNothing
        /// ends a call as soon as its connection is lost
        EndsCallsAtOnce
        /// tells the core of no de-registration of its own
        LeavesCoreRegistered
        /// does not act on what the core tells of a registration
        IgnoresRegEvent
        /// lets a guest watch another
        LetsGuestsWatch
        /// waits for the core as long as it takes
        WaitsForCore
        /// waits for who does nothing
        WaitsForIdle
        /// takes any number of connections from an address
        TakesManyConnections
        /// takes any number of REGISTERs at a time
        TakesManyRegisters
        /// takes messages of any length
        TakesLongMessages
    }
    "S-CSCF" {
        /// takes an nc again
        IgnoresNc
        /// calls every failure a wrong password
        NeverStale
        /// proves itself by what the client has sent
        WrongRspauth
        /// challenges with one nonce for ever
        RepeatsNonce
        /// offers MD5 first
        OffersWeakestFirst
        /// takes a digest for any registrar
        TakesAnyDigestUri
        /// lets an old password serve for ever
        KeepsOldPassword
        /// keeps a challenge that a new one has replaced
        KeepsOldChallenge
        /// never gives a challenge up
        KeepsChallengesForEver
        /// does not tell the HSS of a wrong password
        HidesFailures
        /// tells the HSS of a wrong password of who is registered
        TellsEveryFailure
        /// makes a profile up where the HSS gives none
        MakesProfilesUp
        /// takes auth-done from anybody
        ScscfTrustsAnybody
        /// takes the word of any WAF
        TakesAnyEntity
        /// lets a registration change its scheme
        SwitchesScheme
        /// takes a REGISTER that is older than the binding
        TakesOldCseq
        /// registers for a moment if asked to
        GrantsAnyMoment
        /// registers for as long as is asked
        GrantsAnyLength
        /// ignores Require
        IgnoresRequire
        /// does not look for ob
        TakesObForGranted
        /// takes two flows of a browser for one
        MergesFlows
        /// gives GRUUs to who asks for none
        GivesGruusToAll
        /// does not tell the HSS who leaves
        HidesLeaving
        /// does not tell the HSS whose registration lapses
        HidesLapse
        /// keeps a registration that the HSS ends
        IgnoresRtr
        /// keeps a profile that the HSS changes
        IgnoresPpr
        /// keeps a password that the HSS changes
        IgnoresNewPassword
        /// tells the HSS of a new registration at each refresh
        RegistersEachTime
        /// waits for the HSS as long as it takes
        ScscfWaitsForHss
        /// keeps a contact whose flow is dead
        KeepsDeadFlows
        /// calls a barred identity
        CallsBarred
        /// rings one contact of several
        RingsOne
        /// does not record-route
        LeavesDialogs
        /// lets anybody watch a registration
        LetsStrangersWatch
        /// gives all documents one version
        RepeatsVersion
        /// ends a subscription without a word
        EndsWatchesSilently
    }
    "I-CSCF" {
        /// takes a REGISTER from anybody
        IcscfTrustsAnybody
        /// does not name a guest's range to the S-CSCF
        ForgetsWildcard
        /// passes on the key of the one who calls for that of the one who is called
        KeepsCallersKey
        /// asks the HSS for who leaves as for who comes
        AsksAsForRegistration
        /// does not tell the HSS where a user roams
        ForgetsVisitedNetwork
        /// takes any S-CSCF for able
        IgnoresCapabilities
        /// tries no other S-CSCF
        TriesNoOtherScscf
        /// passes on that an S-CSCF cannot serve
        PassesBusyOn
        /// waits for the HSS as long as it takes
        IcscfWaitsForHss
        /// passes on what a stranger asserts
        BelievesStrangers
    }
    "HSS" {
        /// lets an IMPI register an IMPU of somebody else
        PairsStrangers
        /// lets a barred identity register
        RegistersBarred
        /// lets everybody roam
        IgnoresRoaming
        /// registers a wildcard
        RegistersWildcards
        /// does not tell the range of a guest
        HidesWildcard
        /// gives a user to a second S-CSCF
        AssignsTwice
        /// ends the registration at a wrong password
        FailureUnregisters
        /// has unregistered users served who have no such service
        ServesUnregistered
        /// ends the registrations of all who share an identity
        EndsShared
        /// forgets the S-CSCF that challenges
        ForgetsChallenger
        /// gives authentication data for any pair
        AuthenticatesAnyPair
        /// gives digest data for any scheme
        TakesAnyScheme
        /// takes several identities where one is allowed
        TakesManyIdentities
        /// does not tell unknown from unregistered
        CallsUnknownUnregistered
    }
    "WWSF" {
        /// calls its tokens no access tokens
        NamesNoTokenType
        /// gives its tokens another scope
        NamesNoScope
        /// gives all tokens one jti
        RepeatsJti
        /// says that tokens last shorter than they do
        OutlastsItsWord
        /// lets tokens be cached
        LetsTokensBeCached
        /// tells in the token by which name the person logs in
        TellsLoginName
        /// publishes the newest key alone
        UnpublishesOldKeys
        /// goes on with a session that was planted
        TakesPlantedSession
        /// keeps a session over the logout
        KeepsSessionOverLogout
        /// keeps sessions for ever
        KeepsSessionsForEver
        /// shows the session cookie to scripts
        ShowsCookieToScripts
        /// lets passwords be guessed
        LetsPasswordsBeGuessed
        /// lets pages of every origin ask
        AllowsEveryOrigin
        /// takes what a form can send
        TakesForms
        /// gives all guests one identity
        GivesGuestsOneIdentity
        /// does not say what its page may do
        SendsNoPagePolicy
    }
    "WIC" {
        /// answers the first challenge, not the strongest
        AnswersFirstChallenge
        /// answers with one nc each time
        RepeatsNc
        /// believes any server that lets it in
        BelievesAnyServer
        /// takes stale for a wrong password
        IgnoresStale
        /// tries a refused password again
        TriesPasswordAgain
        /// gives up where a longer time is wanted
        GivesUpWhenTooBrief
        /// counts no CSeq
        RepeatsCseq
        /// refreshes a registration at its end
        RefreshesLate
        /// comes back before it is wanted
        IgnoresRetryAfter
        /// tries again after a second each time
        NeverBacksOff
        /// sends no keep-alive
        SendsNoKeepAlive
        /// keeps a flow that answers no keep-alive
        OutlivesSilence
        /// does not get a new token before the old one ends
        IgnoresTokenEnd
        /// renews a refused token for ever
        RenewsTokenForEver
        /// takes the word of a challenge for where tokens are given
        AsksAnyAuthzServer
        /// leaves without a word
        LeavesUnsaid
        /// comes back after a close for policy
        ComesBackAfterPolicyClose
        /// overlooks gaps in what it is told
        OverlooksGaps
        /// ignores that its registration is shortened
        IgnoresShortening
        /// takes an offer that crosses its own
        TakesCrossingOffers
        /// takes sessions of any length
        TakesShortSessions
    }
}

/// The defects of a node: none, but in tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defects {
    #[cfg(feature = "defects")]
    set: [bool; Defect::ALL.len()],
}

#[cfg(feature = "defects")]
impl Defects {
    /// Whether the node has this one.
    pub const fn has(self, defect: Defect) -> bool {
        self.set[defect as usize]
    }
}

#[cfg(not(feature = "defects"))]
impl Defects {
    /// Whether the node has this one: never.
    #[inline(always)]
    pub const fn has(self, _: Defect) -> bool {
        false
    }
}

impl Defects {
    /// None.
    pub const NONE: Self = Self {
        #[cfg(feature = "defects")]
        set: [false; Defect::ALL.len()],
    };

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }
}

impl Default for Defects {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(feature = "defects")]
impl FromIterator<Defect> for Defects {
    fn from_iter<I: IntoIterator<Item = Defect>>(defects: I) -> Self {
        let mut all = Self::NONE;
        defects.into_iter().for_each(|defect| all.set[defect as usize] = true);
        all
    }
}

impl Serialize for Defects {
    #[cfg(feature = "defects")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(Defect::ALL.iter().filter(|defect| self.has(**defect)))
    }

    #[cfg(not(feature = "defects"))]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(None::<()>)
    }
}

impl<'de> Deserialize<'de> for Defects {
    #[cfg(feature = "defects")]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Defect>::deserialize(deserializer)?.into_iter().collect())
    }

    #[cfg(not(feature = "defects"))]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Vec::<serde::de::IgnoredAny>::deserialize(deserializer)?.is_empty() {
            true => Ok(Self::default()),
            false => Err(serde::de::Error::custom("no deliberate defect is compiled in")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(feature = "defects"))]
    #[test]
    fn a_node_as_it_is_run_has_no_defects_and_takes_none() {
        assert_eq!(size_of::<Defects>(), 0);
        assert_eq!(serde_json::from_str::<Defects>("[]").unwrap(), Defects::default());
        let refused = serde_json::from_str::<Defects>(r#"["skips-origin-check"]"#).unwrap_err();
        assert!(refused.to_string().starts_with("no deliberate defect is compiled in"));
    }

    #[cfg(feature = "defects")]
    #[test]
    fn a_defect_is_named_in_configuration() {
        let defects: Defects = serde_json::from_str(r#"["ignores-nc","never-stale"]"#).unwrap();
        let has: Vec<Defect> = Defect::ALL.iter().copied().filter(|defect| defects.has(*defect)).collect();
        assert_eq!(has, [Defect::IgnoresNc, Defect::NeverStale]);
        assert_eq!(serde_json::to_string(&defects).unwrap(), r#"["ignores-nc","never-stale"]"#);
    }
}
