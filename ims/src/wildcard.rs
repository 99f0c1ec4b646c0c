//! Wildcarded public user identities (TS 23.003 §13.4A).

mod ere;
mod impi_range;
mod overlap;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::impu::{canonical_digits, canonical_host, canonical_user, split_scheme};
use crate::{Impu, ImpuError, Scheme};

pub use impi_range::ImpiRange;

/// A range of public identities: a `sip:` or `tel:` URI whose user part holds
/// one POSIX extended regular expression between `!` (TS 23.003 §13.4A).
///
/// The first and the last `!` delimit the expression; it must match all that
/// lies between the literal prefix and the literal suffix, in time linear in
/// the length of the identity.
///
/// ```
/// # use ims::{Impu, WildcardedImpu};
/// let range: WildcardedImpu = "sip:guest-!.*!@partner.ims.example".parse()?;
/// assert!(range.matches(&Impu::parse("sip:guest-042@partner.ims.example").unwrap()));
/// assert!(!range.matches(&Impu::parse("sip:xguest-1@partner.ims.example").unwrap()));
/// # Ok::<(), ims::WildcardError>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WildcardedImpu {
    text: String,
    scheme: Scheme,
    prefix: String,
    suffix: String,
    ere: String,
    host: Option<String>,
    regex: Regex,
}

/// How a wildcarded identity matched a distinct one, for people to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The literal text before the expression.
    pub prefix: String,
    /// What the expression matched.
    pub matched: String,
    /// The literal text after the expression.
    pub suffix: String,
    /// The host, which compares without regard to case; none for `tel:`.
    pub host: Option<String>,
}

impl WildcardedImpu {
    /// Longest wildcarded identity that is accepted, in octets.
    pub const MAX_LEN: usize = 256;

    /// Reads a wildcarded identity as it is provisioned.
    pub fn parse(text: &str) -> Result<Self, WildcardError> {
        if text.len() > Self::MAX_LEN {
            return Err(WildcardError::TooLong);
        }
        if text.bytes().any(|b| !b.is_ascii_graphic()) {
            return Err(WildcardError::Uri(ImpuError::Character));
        }
        let (scheme, rest) = split_scheme(text)?;
        let (prefix, rest) = rest.split_once('!').ok_or(WildcardError::Delimiters)?;
        let (ere, rest) = rest.rsplit_once('!').ok_or(WildcardError::Delimiters)?;
        let (prefix, suffix, host) = match scheme {
            Scheme::Sip => {
                let (suffix, host) = rest.split_once('@').ok_or(WildcardError::Host)?;
                (canonical_user(prefix)?, canonical_user(suffix)?, Some(canonical_host(host)?))
            }
            Scheme::Tel => (canonical_digits(prefix)?, canonical_digits(rest)?, None),
        };
        if scheme == Scheme::Tel && !prefix.starts_with('+') {
            return Err(WildcardError::LocalNumber);
        }
        // Limits bound the memory that a hostile expression can ask for.
        let regex = RegexBuilder::new(&format!(r"\A(?:{})\z", ere::translate(ere, ere::Anchors::Kept)?))
            .dot_matches_new_line(true)
            .size_limit(1 << 18)
            .nest_limit(32)
            .build()
            .map_err(|_| WildcardError::TooComplex)?;
        Ok(Self { text: text.to_owned(), scheme, prefix, suffix, ere: ere.to_owned(), host, regex })
    }

    /// The identity as it was provisioned, with its `!`: the form that
    /// P-Profile-Key and Wildcarded-Public-Identity carry (RFC 5002 §5).
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The regular expression between the delimiters.
    pub fn expression(&self) -> &str {
        &self.ere
    }

    /// The literal text before the expression.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The literal text between the expression and the host.
    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    /// The host of a `sip:` range.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Whether a distinct identity lies in the range.
    pub fn matches(&self, impu: &Impu) -> bool {
        self.matched(impu).is_some()
    }

    /// What the expression matched of a distinct identity.
    pub fn matched<'a>(&self, impu: &'a Impu) -> Option<&'a str> {
        // A local number has a context, which no range here covers.
        let local = impu.scheme() == Scheme::Tel && !impu.user().starts_with('+');
        let comparable = impu.scheme() == self.scheme && impu.host() == self.host.as_deref() && !local;
        if comparable { self.matched_user(impu.user()) } else { None }
    }

    /// The first part of a distinct identity that keeps it out of the range; `None` when nothing does.
    pub fn mismatch(&self, impu: &Impu) -> Option<Mismatch> {
        if self.matches(impu) {
            return None;
        }
        Some(match impu.user().strip_prefix(&self.prefix) {
            _ if impu.scheme() != self.scheme => Mismatch::Scheme,
            _ if impu.host() != self.host.as_deref() => Mismatch::Host,
            None => Mismatch::Prefix,
            Some(rest) if !rest.ends_with(&self.suffix) => Mismatch::Suffix,
            Some(_) => Mismatch::Expression,
        })
    }

    /// Whether some identity lies in both ranges, or that would take too long
    /// to find out. Such ranges must not be provisioned together.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.host == other.host
            && overlap::may_share(&self.whole_user(), &other.whole_user())
    }

    /// Which part of the range matched which part of the identity.
    pub fn explain(&self, impu: &Impu) -> Option<Match> {
        let matched = self.matched(impu)?.to_owned();
        Some(Match { prefix: self.prefix.clone(), matched, suffix: self.suffix.clone(), host: self.host.clone() })
    }

    /// The one range that an identity lies in.
    ///
    /// Two are a provisioning error: no rule says which profile would apply
    /// (TS 23.228 §4.3.3.2b ranks only distinct above wildcarded).
    pub fn find<'a>(ranges: impl IntoIterator<Item = &'a Self>, impu: &Impu) -> Result<Option<&'a Self>, Ambiguous> {
        let mut found: Option<&Self> = None;
        for range in ranges.into_iter().filter(|range| range.matches(impu)) {
            match found {
                Some(first) if first != range => {
                    return Err(Ambiguous { first: first.text.clone(), second: range.text.clone() });
                }
                _ => found = Some(range),
            }
        }
        Ok(found)
    }

    fn matched_user<'a>(&self, user: &'a str) -> Option<&'a str> {
        let middle = user.strip_prefix(&self.prefix)?.strip_suffix(&self.suffix)?;
        self.regex.is_match(middle).then_some(middle)
    }

    /// An expression for the user part from its first to its last octet.
    fn whole_user(&self) -> String {
        let (prefix, suffix) = (regex::escape(&self.prefix), regex::escape(&self.suffix));
        let middle = ere::translate(&self.ere, ere::Anchors::Dropped).unwrap_or_default();
        format!(r"\A{prefix}(?:{middle}){suffix}\z")
    }

    fn key(&self) -> (Scheme, Option<&str>, &str, &str, &str) {
        (self.scheme, self.host.as_deref(), &self.prefix, &self.ere, &self.suffix)
    }
}

/// The part that keeps an identity out of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// `sip` where the range is of `tel`, or the other way.
    #[error("the scheme is another")]
    Scheme,
    /// Another host.
    #[error("the host is another")]
    Host,
    /// The user part begins otherwise.
    #[error("it does not begin with what stands before the expression")]
    Prefix,
    /// The user part ends otherwise.
    #[error("it does not end with what stands after the expression")]
    Suffix,
    /// What is left does not match.
    #[error("what stands between does not match the expression")]
    Expression,
}

impl fmt::Debug for WildcardedImpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WildcardedImpu").field(&self.text).finish()
    }
}

impl fmt::Display for WildcardedImpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for WildcardedImpu {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for WildcardedImpu {}

impl Hash for WildcardedImpu {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialOrd for WildcardedImpu {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for WildcardedImpu {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl FromStr for WildcardedImpu {
    type Err = WildcardError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for WildcardedImpu {
    type Error = WildcardError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<WildcardedImpu> for String {
    fn from(range: WildcardedImpu) -> Self {
        range.text
    }
}

/// Why a text is not a wildcarded identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WildcardError {
    /// Longer than [`WildcardedImpu::MAX_LEN`].
    #[error("wildcarded IMPU is longer than 256 octets")]
    TooLong,
    /// Fewer than two `!`.
    #[error("wildcarded IMPU has no expression between two ! (TS 23.003 §13.4A)")]
    Delimiters,
    /// No host after the expression.
    #[error("wildcarded IMPU has no host after its expression (TS 23.003 §13.4A)")]
    Host,
    /// A `tel:` range of local numbers.
    #[error("a wildcarded tel IMPU begins with + (RFC 3966 §5.1.4)")]
    LocalNumber,
    /// The parts around the expression are no URI.
    #[error(transparent)]
    Uri(#[from] ImpuError),
    /// The expression is not one that POSIX defines.
    #[error("not a POSIX extended regular expression at offset {offset}: {what} (IEEE 1003.1 §9.4)")]
    Expression {
        /// Octets from the start of the expression.
        offset: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The compiled expression would be too large.
    #[error("expression of the wildcarded IMPU is too large to compile")]
    TooComplex,
}

/// An identity lies in two ranges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two wildcarded IMPUs match one identity: {first} and {second}")]
pub struct Ambiguous {
    /// The range found first.
    pub first: String,
    /// The range found after it.
    pub second: String,
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn range(text: &str) -> WildcardedImpu {
        WildcardedImpu::parse(text).unwrap()
    }

    fn impu(text: &str) -> Impu {
        Impu::parse(text).unwrap()
    }

    #[test]
    fn a_range_matches_its_identities_and_no_others() {
        for (wildcard, identity, expected) in [
            ("sip:guest-!.*!@partner.ims.example", "sip:guest-042@partner.ims.example", true),
            ("sip:guest-!.*!@partner.ims.example", "sip:guest-!1@partner.ims.example", true),
            ("sip:guest-!.*!@partner.ims.example", "sip:guest-@partner.ims.example", true),
            ("sip:guest-!.*!@Partner.IMS.example", "sip:%67uest-1@PARTNER.ims.example;user=phone", true),
            ("sip:guest-!.*!@partner.ims.example", "sip:xguest-1@partner.ims.example", false),
            ("sip:guest-!.*!@partner.ims.example", "sip:Guest-1@partner.ims.example", false),
            ("sip:guest-!.*!@partner.ims.example", "sip:guest-1@partner.ims.example.evil", false),
            ("sip:guest-!.*!@partner.ims.example", "sip:guest-1@xpartner.ims.example", false),
            ("sip:guest-!.*!@partner.ims.example", "tel:+1234", false),
            ("sip:!a|b!@h.example", "sip:a@h.example", true),
            ("sip:!a|b!@h.example", "sip:ax@h.example", false),
            ("sip:!a|b!@h.example", "sip:xb@h.example", false),
            ("sip:a!(b)*!b@h.example", "sip:abb@h.example", true),
            ("sip:a!b*!a@h.example", "sip:a@h.example", false),
            ("sip:a!!!b@h.example", "sip:a!b@h.example", true),
            ("sip:x![[:digit:]]{2,3}!-y@h.example", "sip:x123-y@h.example", true),
            ("sip:x![[:digit:]]{2,3}!-y@h.example", "sip:x1-y@h.example", false),
            ("sip:x!(@|1)!@h.example", "sip:x1@h.example", true),
            ("tel:+1-201-!555[0-9]{4}!", "tel:+1-201-555-0123", true),
            ("tel:+1201!555[0-9]{4}!", "tel:+120155501234", false),
            ("tel:+1201!.*!", "tel:+1202555", false),
        ] {
            assert_eq!(range(wildcard).matches(&impu(identity)), expected, "{wildcard} {identity}");
        }
    }

    #[test]
    fn what_is_not_a_range_is_named() {
        let long = format!("sip:!{}!@h.example", "a".repeat(256));
        for (text, error) in [
            ("sip:guest@h.example", WildcardError::Delimiters),
            ("sip:guest-!1@h.example", WildcardError::Delimiters),
            ("sip:guest-!.*!", WildcardError::Host),
            ("sip:guest-!.*!@", WildcardError::Uri(ImpuError::Host)),
            ("sip:guest-!.*!@h.example:5060", WildcardError::Uri(ImpuError::Host)),
            ("sip:guest-!.*!@h.example;x=1", WildcardError::Uri(ImpuError::Host)),
            ("sip:g[!.*!@h.example", WildcardError::Uri(ImpuError::User)),
            ("mailto:!.*!@h.example", WildcardError::Uri(ImpuError::Scheme)),
            ("tel:!.*!", WildcardError::LocalNumber),
            ("tel:+1!.*!x", WildcardError::Uri(ImpuError::Number)),
            ("sip:!((a{255}){255}){255}!@h.example", WildcardError::TooComplex),
            (long.as_str(), WildcardError::TooLong),
        ] {
            assert_eq!(WildcardedImpu::parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn the_stored_spelling_is_shown_and_the_meaning_compared() {
        let stored = range("sip:guest-!.*!@Partner.IMS.example");
        assert_eq!(stored.to_string(), "sip:guest-!.*!@Partner.IMS.example");
        assert_eq!(stored, range("sip:%67uest-!.*!@partner.ims.example"));
    }

    #[test]
    fn an_explanation_takes_the_identity_apart() {
        let explained = range("sip:guest-!.*!-x@h.example").explain(&impu("sip:guest-042-x@H.example"));
        assert_eq!(
            explained,
            Some(Match {
                prefix: "guest-".into(),
                matched: "042".into(),
                suffix: "-x".into(),
                host: Some("h.example".into()),
            })
        );
        assert_eq!(range("sip:guest-!.*!@h.example").explain(&impu("sip:bob@h.example")), None);
    }

    #[test]
    fn what_keeps_an_identity_out_of_a_range_is_named() {
        let range = range("sip:guest-![0-9]+!-x@h.example");
        for (identity, expected) in [
            ("sip:guest-1-x@h.example", None),
            ("tel:+1234", Some(Mismatch::Scheme)),
            ("sip:guest-1-x@other.example", Some(Mismatch::Host)),
            ("sip:visitor-1-x@h.example", Some(Mismatch::Prefix)),
            ("sip:guest-1@h.example", Some(Mismatch::Suffix)),
            ("sip:guest-a-x@h.example", Some(Mismatch::Expression)),
        ] {
            assert_eq!(range.mismatch(&impu(identity)), expected, "{identity}");
        }
    }

    #[test]
    fn two_ranges_for_one_identity_are_an_error() {
        let ranges = [range("sip:!a.*!@h.example"), range("sip:!.*b!@h.example")];
        assert_eq!(WildcardedImpu::find(&ranges, &impu("sip:ac@h.example")), Ok(Some(&ranges[0])));
        assert_eq!(WildcardedImpu::find(&ranges, &impu("sip:c@h.example")), Ok(None));
        assert!(WildcardedImpu::find(&ranges, &impu("sip:ab@h.example")).is_err());
        let twice = [range("sip:!a!@h.example"), range("sip:!a!@h.example")];
        assert!(WildcardedImpu::find(&twice, &impu("sip:a@h.example")).is_ok());
    }

    #[test]
    fn ranges_that_share_an_identity_are_found_before_it_turns_up() {
        for (one, other, expected) in [
            ("sip:!a.*!@h.example", "sip:!.*b!@h.example", true),
            ("sip:guest-!.*!@h.example", "sip:guest-!.*!@H.example", true),
            ("sip:guest-!.*!@h.example", "sip:guest-!.*!@other.example", false),
            ("sip:guest-!.*!@h.example", "sip:visitor-!.*!@h.example", false),
            ("sip:guest-!.*!@h.example", "sip:!.*!-x@h.example", true),
            ("sip:guest-![0-4][0-9]!@h.example", "sip:guest-![5-9][0-9]!@h.example", false),
            ("sip:guest-![0-5][0-9]!@h.example", "sip:guest-![5-9][0-9]!@h.example", true),
            ("sip:!a+!@h.example", "sip:!(aa)+!@h.example", true),
            ("sip:!a|b!@h.example", "sip:!c|d!@h.example", false),
            ("sip:!a!@h.example", "sip:!A!@h.example", false),
            ("sip:x!^a$!@h.example", "sip:!xa!@h.example", true),
            ("tel:+1!.*!", "tel:+1201!.*!", true),
            ("tel:+1!.*!", "tel:+49!.*!", false),
            ("tel:+1!.*!", "sip:+1!.*!@h.example", false),
        ] {
            assert_eq!(range(one).overlaps(&range(other)), expected, "{one} {other}");
            assert_eq!(range(other).overlaps(&range(one)), expected, "{other} {one}");
        }
    }

    #[test]
    fn a_private_range_pairs_with_a_public_one_by_what_varies() {
        let private = ImpiRange::parse("guest-!.*!@partner.ims.example").unwrap();
        let public = range("sip:guest-!.*!@partner.ims.example");
        let impi = crate::Impi::parse("guest-042@Partner.ims.example").unwrap();
        assert_eq!(private.matched(&impi), Some("042"));
        assert_eq!(private.matched(&impi), public.matched(&impu("sip:guest-042@partner.ims.example")));
        assert_eq!(private.matched(&crate::Impi::parse("bob@partner.ims.example").unwrap()), None);
        assert_eq!(private.to_string(), "guest-!.*!@partner.ims.example");
        assert_eq!(ImpiRange::parse("guest@h.example"), Err(WildcardError::Delimiters));
    }

    /// WLD-17: an expression that makes a backtracking matcher explode.
    #[test]
    fn a_hostile_expression_is_matched_in_linear_time() {
        let hostile = range("sip:!(a+)+$!@h.example");
        let victim = impu(&format!("sip:{}b@h.example", "a".repeat(480)));
        let begin = Instant::now();
        assert!(!hostile.matches(&victim));
        assert!(begin.elapsed().as_secs() < 1, "{:?}", begin.elapsed());
        assert!(hostile.matches(&impu("sip:aaaa@h.example")));
    }
}
