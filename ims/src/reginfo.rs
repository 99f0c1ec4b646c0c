//! Registration information documents (RFC 3680 §5): what a registrar tells those who watch a
//! registration, with GRUUs (RFC 5628) and wildcarded identities (TS 24.229 §7.10.2).
//!
//! ```
//! # use ims::reginfo::{RegInfo, Registration, View};
//! let told = RegInfo { version: 0, full: true, registrations: vec![Registration::active("sip:a@ims.example", "r1")] };
//! let read = RegInfo::parse(&told.to_xml())?;
//! assert_eq!(read, told);
//! let mut view = View::default();
//! view.apply(read)?;
//! assert!(view.registration("sip:a@ims.example").is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod read;
mod view;
mod write;

pub use read::RegInfoError;
pub use view::{Applied, Gap, View};

/// The media type of such a document (RFC 3680 §4.2).
pub const MEDIA_TYPE: &str = "application/reginfo+xml";

const NAMESPACE: &str = "urn:ietf:params:xml:ns:reginfo";
const GRUU_NAMESPACE: &str = "urn:ietf:params:xml:ns:gruuinfo";
const WILDCARD_NAMESPACE: &str = "urn:3gpp:ns:extRegExp:1.0";

/// One document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegInfo {
    /// Counts up by one with each document of a subscription, from 0.
    pub version: u32,
    /// Whether it says all there is; otherwise what changed.
    pub full: bool,
    /// What it says of each address of record.
    pub registrations: Vec<Registration>,
}

/// The registration of one address of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The address of record: a public identity as a URI.
    pub aor: String,
    /// Names the registration among those of its subscription.
    pub id: String,
    /// Where it stands.
    pub state: RegState,
    /// The range that the identity stands for, with its `!` (TS 24.229 §7.10.2).
    pub wildcarded: Option<String>,
    /// Its contacts.
    pub contacts: Vec<RegContact>,
}

impl Registration {
    /// An active registration, still without contacts.
    pub fn active(aor: impl Into<String>, id: impl Into<String>) -> Self {
        Self { aor: aor.into(), id: id.into(), state: RegState::Active, wildcarded: None, contacts: Vec::new() }
    }
}

/// The state of a registration (RFC 3680 §3.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegState {
    /// Nothing is bound, and nothing ever was.
    Init,
    /// At least one contact is bound.
    Active,
    /// Nothing is bound any more.
    Terminated,
}

/// One contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegContact {
    /// Names the contact among those of its registration.
    pub id: String,
    /// Whether it is bound; otherwise it was, and is no more.
    pub active: bool,
    /// What brought it into this state.
    pub event: ContactEvent,
    /// Its URI.
    pub uri: String,
    /// For how many more seconds it is bound.
    pub expires: Option<u32>,
    /// After how many seconds to register again, with [`ContactEvent::Probation`].
    pub retry_after: Option<u32>,
    /// The Call-ID of the REGISTER that it is there by.
    pub call_id: Option<String>,
    /// The CSeq number of the last such REGISTER.
    pub cseq: Option<u32>,
    /// Its preference, as it was registered: `0.7`.
    pub q: Option<String>,
    /// Other parameters of the Contact, unquoted: `+sip.instance`, `reg-id`, ….
    pub params: Vec<(String, String)>,
    /// Its public GRUU (RFC 5627).
    pub pub_gruu: Option<String>,
    /// Its newest temporary GRUU.
    pub temp_gruu: Option<String>,
}

impl RegContact {
    /// A bound contact with no more than these.
    pub fn active(id: impl Into<String>, event: ContactEvent, uri: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            active: true,
            event,
            uri: uri.into(),
            expires: None,
            retry_after: None,
            call_id: None,
            cseq: None,
            q: None,
            params: Vec::new(),
            pub_gruu: None,
            temp_gruu: None,
        }
    }

    /// The value of a parameter; its name compares without regard to case.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }
        impl $name {
            /// The word in a document.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            fn of(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// What happened to a contact (RFC 3680 §3.7.2, §5.1).
    ContactEvent {
        /// Bound by a REGISTER.
        Registered = "registered",
        /// Bound by configuration.
        Created = "created",
        /// Bound anew before it ran out.
        Refreshed = "refreshed",
        /// Bound for less time than before by the network: register again (TS 24.229 §5.4.1.6).
        Shortened = "shortened",
        /// It ran out.
        Expired = "expired",
        /// Ended by the network, which takes a new registration at once.
        Deactivated = "deactivated",
        /// Ended by the network, which takes a new registration after a while.
        Probation = "probation",
        /// Ended by the client.
        Unregistered = "unregistered",
        /// Ended by the network, for good.
        Rejected = "rejected",
    }
}

impl RegState {
    /// The word in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Active => "active",
            Self::Terminated => "terminated",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Init, Self::Active, Self::Terminated].into_iter().find(|state| state.as_str() == word)
    }
}
