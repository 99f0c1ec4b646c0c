//! Every choice that no specification makes, with its default: one table.
//!
//! A switch is named as the conformance statement names it (`token.strict_close` is the field
//! `strict_close` of [`TokenTable`]). The answers to a refused token are
//! [`ims::policy::TokenPolicy::answer`].

use ims::Defects;
use ims::policy::TokenPolicy;
use serde::{Deserialize, Serialize};

/// The switches of the eP-CSCF.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The upgrade to WebSocket and what a connection may do.
    pub connection: ConnectionTable,
    /// The security token.
    pub token: TokenTable,
    /// The scope value.
    pub scope: ScopeTable,
    /// The Bearer header on requests other than REGISTER.
    pub bearer: BearerTable,
    /// The parameters that name a foreign WAF and WWSF.
    pub entity: EntityTable,
    /// Registration.
    pub registration: RegistrationTable,
    /// Digest (flow 1).
    pub digest: DigestTable,
    /// The wildcard range or pool (flow 3).
    pub flow3: Flow3Table,
    /// The keys of the WAFs.
    pub keys: KeysTable,
    /// The way of requests into the core.
    pub route: RouteTable,
    /// Calls and messages.
    pub call: CallTable,
    /// The registration event package.
    pub reg_event: RegEventTable,
    /// Rules that are broken on purpose, in tests.
    #[serde(skip_serializing_if = "Defects::is_empty")]
    pub defects: Defects,
}

/// The upgrade to WebSocket and what a connection may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionTable {
    /// Lets pages from `http://` on this machine in. RFC 6454 leaves trust in schemes to policy.
    pub dev_insecure_origins: bool,
    /// What happens to an upgrade without Origin, which no browser sends (RFC 6455 §10.2).
    pub native_clients: NativeClients,
    /// The WWSF that a client without Origin is taken to belong to.
    pub native_wwsf: Option<String>,
    /// The paths that lead to the WebSocket; others are 404.
    pub paths: Vec<String>,
    /// The names this listener answers to (Host, without port); none given is any.
    pub hosts: Vec<String>,
    /// Connections of one origin at a time; one more is 503.
    pub max_per_origin: usize,
    /// Connections from one address at a time; one more is 503.
    pub max_per_ip: usize,
    /// Connections that are not WebSockets yet, at a time; one more is dropped.
    pub max_handshakes: usize,
    /// Retry-After of a 503, in seconds.
    pub retry_after: u32,
    /// Longest SIP message, in octets; a longer one closes with 1009.
    pub max_message: usize,
    /// Seconds from the first octet to the end of the upgrade.
    pub upgrade_timeout: u64,
    /// Seconds that a connection may live without a registration.
    pub idle_timeout: u64,
    /// Seconds between WebSocket pings; two without an answer and the flow is dead.
    pub ping_interval: u64,
    /// Flow-Timer in the 200 to an outbound REGISTER, in seconds (RFC 5626 §4.4.1).
    pub flow_timer: u32,
    /// REGISTERs of one connection under way at a time.
    pub max_in_flight: usize,
    /// Registrations (AORs) on one connection; all have the same IMPI.
    pub max_bindings: usize,
    /// What happens to a Via that names another transport than WS or WSS (RFC 7118 §5.2).
    pub via_mismatch: ViaMismatch,
}

impl Default for ConnectionTable {
    fn default() -> Self {
        Self {
            dev_insecure_origins: false,
            native_clients: NativeClients::Deny,
            native_wwsf: None,
            paths: vec!["/".into()],
            hosts: Vec::new(),
            max_per_origin: 10_000,
            max_per_ip: 1_000,
            max_handshakes: 4_000,
            retry_after: 30,
            max_message: 64 * 1024,
            upgrade_timeout: 10,
            idle_timeout: 30,
            ping_interval: 25,
            flow_timer: 120,
            max_in_flight: 4,
            max_bindings: 8,
            via_mismatch: ViaMismatch::Reject,
        }
    }
}

/// An upgrade without Origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NativeClients {
    /// 403.
    Deny,
    /// Let in as a client of [`ConnectionTable::native_wwsf`].
    Allow,
}

/// A Via with another transport than the connection's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ViaMismatch {
    /// 400.
    Reject,
    /// Taken as it is.
    Accept,
}

/// The security token (TS 33.203 X.3.2.3 leaves its form and transport open).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenTable {
    /// Where the token stands.
    pub carriage: Carriage,
    /// Clock difference that is forgiven, in seconds.
    pub leeway: u64,
    /// Longest `exp − iat`, in seconds.
    pub max_lifetime: u64,
    /// Whether an expired token closes the connection.
    pub strict_close: bool,
}

impl Default for TokenTable {
    fn default() -> Self {
        let checks = TokenPolicy::default();
        Self {
            carriage: Carriage::Header,
            leeway: checks.leeway,
            max_lifetime: checks.max_lifetime,
            strict_close: checks.strict_close,
        }
    }
}

/// Where the token stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carriage {
    /// In Authorization (TS 24.371 §7.2.1).
    Header,
    /// In a body part `application/jwt` (the attachment of the stage 2 draft).
    Body,
    /// In either, or the same in both.
    Both,
}

impl Carriage {
    /// Whether a token may stand in Authorization.
    pub fn in_header(self) -> bool {
        self != Self::Body
    }

    /// Whether a token may stand in the body.
    pub fn in_body(self) -> bool {
        self != Self::Header
    }
}

/// The scope value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeTable {
    /// What `scope` must contain; the default is TS 33.203 X.3.2.3's own placeholder.
    pub value: String,
}

impl Default for ScopeTable {
    fn default() -> Self {
        Self { value: TokenPolicy::default().scope }
    }
}

/// The Bearer header on requests other than REGISTER (TS 24.371 §7.2.1 puts it on all).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BearerTable {
    /// What is asked of a registered WIC.
    pub on_requests: OnRequests,
}

impl Default for BearerTable {
    fn default() -> Self {
        Self { on_requests: OnRequests::Optional }
    }
}

/// Whether requests other than REGISTER need a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnRequests {
    /// 401 without one.
    Require,
    /// Checked when there.
    Optional,
    /// Removed unread.
    Ignore,
}

/// The parameters that name a foreign WAF and WWSF in the TNA header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EntityTable {
    /// The WAF: named by draft-holmberg-sipcore-auth-id.
    pub param_name: String,
    /// The WWSF: no text names it.
    pub wwsf_param_name: String,
}

impl Default for EntityTable {
    fn default() -> Self {
        Self { param_name: "authorization-entity".into(), wwsf_param_name: "wwsf-entity".into() }
    }
}

/// Registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrationTable {
    /// Shortest registration, in seconds; less is 423 (RFC 3261 §10.3 step 7).
    pub min_expires: u32,
    /// Longest registration, in seconds.
    pub max_expires: u32,
    /// What is granted when nothing is asked for (RFC 3261 §10.2.1.1).
    pub default_expires: u32,
    /// Seconds that the core has to answer; then the WIC gets 504. Less than 64·T1, after which the
    /// WIC would take no answer any more (RFC 4320 §4.2).
    pub core_timeout: u64,
    /// Access type in the P-Access-Network-Info that this node inserts.
    pub access_network: String,
}

impl Default for RegistrationTable {
    fn default() -> Self {
        Self {
            min_expires: 60,
            max_expires: 7200,
            default_expires: 3600,
            core_timeout: 15,
            access_network: "IEEE-802.11".into(),
        }
    }
}

/// Digest (flow 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DigestTable {
    /// Wrong answers on one connection, re-challenges included, after which it closes. A failure
    /// that the core answers with another 4xx than 401 closes at once (TS 33.203 O.3.1.1).
    pub max_failures: u8,
}

impl Default for DigestTable {
    fn default() -> Self {
        Self { max_failures: 3 }
    }
}

/// The wildcard range or pool (flow 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Flow3Table {
    /// Which of the two.
    pub mode: Flow3Mode,
    /// Seconds that an identity of a lost connection is kept for its holder.
    pub grace: u64,
    /// Whether several instances of one IMPI may hold an identity at a time.
    pub shared: bool,
    /// How requests of an identity that is registered here get into the core.
    pub origination: Origination,
}

impl Default for Flow3Table {
    fn default() -> Self {
        Self { mode: Flow3Mode::StaticWildcard, grace: 30, shared: false, origination: Origination::StaticRegistration }
    }
}

/// How an identity out of a range is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow3Mode {
    /// The range is registered by configuration and this node is the registrar.
    StaticWildcard,
    /// Each identity of a pool is registered at the S-CSCF by TNA (TS 33.203 X.4.2.3).
    PoolTna,
}

/// How requests of an identity out of a range get into the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origination {
    /// To the S-CSCF where the range is registered by configuration.
    StaticRegistration,
    /// To the I-CSCF with `orig` and P-Served-User, as of an unregistered user: static business
    /// trunking (TS 23.228 Annex S).
    #[serde(rename = "annexS")]
    AnnexS,
}

/// The keys of the WAFs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysTable {
    /// Seconds that a fetched key set is used.
    pub max_age: u64,
    /// Seconds between two fetches from one issuer because of an unknown `kid`.
    pub refresh_interval: u64,
    /// Seconds that a REGISTER waits for keys before it is answered 504.
    pub wait: u64,
    /// REGISTERs that wait for the keys of one issuer at a time; one more is 504.
    pub max_waiting: usize,
}

impl Default for KeysTable {
    fn default() -> Self {
        Self { max_age: 300, refresh_interval: 5, wait: 5, max_waiting: 1_000 }
    }
}

/// The way of requests into the core (TS 24.229 §5.2.6.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteTable {
    /// What happens to a Route that is not the Service-Route, or not the dialog's route set.
    pub mismatch: RouteMismatch,
    /// What happens to an initial request without Route: clients outside IMS know no Service-Route.
    pub missing: RouteMismatch,
}

impl Default for RouteTable {
    fn default() -> Self {
        Self { mismatch: RouteMismatch::Reject, missing: RouteMismatch::Replace }
    }
}

/// A Route that is not what it should be; TS 24.229 §5.2.6.3.3 allows both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteMismatch {
    /// 400; an ACK is dropped.
    Reject,
    /// Overwritten with what it should be.
    Replace,
}

/// Calls and messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallTable {
    /// Seconds that a call is kept for a WIC that has lost its connection.
    pub ws_grace: u64,
    /// Seconds that the next hop has for a first response to an INVITE, and for the final one to
    /// any other request; then it is 504 from the core, and 480 from a WIC. Less than 64·T1, after
    /// which nobody would take the answer any more (RFC 4320 §4.2).
    pub answer_timeout: u64,
    /// Requests of one connection under way at a time; one more is 503.
    pub max_in_flight: usize,
    /// Calls and subscriptions of one user at a time; one more is 503.
    pub max_calls: usize,
    /// Longest body of a MESSAGE, in octets; a longer one is 513 (RFC 3428 §8).
    pub max_message_body: usize,
    /// Seconds that a subscription is kept which nobody says the end of.
    pub subscription: u32,
}

impl Default for CallTable {
    fn default() -> Self {
        Self {
            ws_grace: 10,
            answer_timeout: 15,
            max_in_flight: 64,
            max_calls: 64,
            max_message_body: 64 * 1024,
            subscription: 600,
        }
    }
}

/// The registration event package (RFC 3680, TS 24.229 §5.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegEventTable {
    /// Whether this node subscribes to the registration of each user that registers by it.
    pub subscribe: bool,
    /// Whether it subscribes to the registrations that stand for the ranges, so that it learns when
    /// the network ends one.
    pub anchors: bool,
    /// Whether it serves the package for the identities that it registers itself; otherwise 489.
    pub serve: bool,
    /// Seconds that its subscriptions outlast the registrations.
    pub margin: u32,
    /// Seconds to the next attempt after one that failed.
    pub retry: u64,
}

impl Default for RegEventTable {
    fn default() -> Self {
        Self { subscribe: true, anchors: true, serve: true, margin: 600, retry: 30 }
    }
}

impl Policy {
    /// The switches of the token checks.
    pub fn token_checks(&self) -> TokenPolicy {
        TokenPolicy {
            leeway: self.token.leeway,
            max_lifetime: self.token.max_lifetime,
            scope: self.scope.value.clone(),
            strict_close: self.token.strict_close,
            defects: self.defects,
        }
    }
}
