//! Where systems under test come from: started by the testbed, or found where a profile says.

mod control;
mod native_wic;
mod setup;
mod wic;

use std::sync::Arc;

use crate::Boxed;
use crate::script::{Hss, Log, Node, SigningKey, Source, Target, Waf};
use crate::verdict::{Outcome, Stop};

pub use control::{Authentication, Controlled, CoreControl, EdgeControl, NewSubscriber, Operation, WwsfControl};
pub use native_wic::NativeWic;
pub use setup::Setup;
pub use wic::{Account, WicAccess, WicUnderTest, cannot};

/// Gives systems under test to purposes.
pub trait Lab: Send + Sync {
    /// What is tested, for the report.
    fn system(&self) -> String;

    /// How many purposes may run at a time.
    fn parallel(&self) -> usize;

    /// Whether a claim of the conformance statement is made: `digest`, `web-auth`, `range`, `pool`.
    fn claims(&self, claim: &str) -> bool;

    /// An eP-CSCF, with the script in the core's place.
    fn edge<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<EdgeUnderTest>>;

    /// A core or a registrar, with the script in the eP-CSCF's place.
    fn core<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<CoreUnderTest>>;

    /// An I-CSCF alone, with the script in the place of all its neighbours. Cx is no wire that a script
    /// could stand on, so only a lab that starts the node itself has one.
    fn icscf<'a>(&'a self, _setup: &'a Setup, _log: &'a Log) -> Boxed<'a, Outcome<IcscfUnderTest>> {
        Box::pin(async { Err(no_cx("I-CSCF")) })
    }

    /// An S-CSCF alone, as [`Lab::icscf`].
    fn scscf<'a>(&'a self, _setup: &'a Setup, _log: &'a Log) -> Boxed<'a, Outcome<ScscfUnderTest>> {
        Box::pin(async { Err(no_cx("S-CSCF")) })
    }

    /// A WWSF.
    fn wwsf<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<WwsfUnderTest>>;

    /// A WIC that has not begun, with the script as its eP-CSCF.
    fn wic<'a>(
        &'a self,
        _access: WicAccess,
        _setup: &'a Setup,
        _log: &'a Log,
    ) -> Boxed<'a, Outcome<Box<dyn WicUnderTest>>> {
        Box::pin(async { Err(Stop::NotApplicable("no WIC is under test".into())) })
    }
}

/// An eP-CSCF, and the script around it.
pub struct EdgeUnderTest {
    /// W2.
    pub wss: Target,
    /// The script in the place of I-CSCF and S-CSCF.
    pub core: Node,
    /// The system's own Mw, where the core sends requests.
    pub mw: Option<Source>,
    /// The home domain.
    pub home: String,
    /// The system's name: the host of its URIs; `sip:{name}` is the audience of tokens.
    pub name: String,
    /// The WWSF whose pages may use flows 1 and 2.
    pub operator: WwsfParty,
    /// The WWSF whose pages may use flow 3.
    pub partner: WwsfParty,
    /// What else can be asked of the system.
    pub control: Arc<dyn EdgeControl>,
}

/// A WWSF with its WAF, played by the script.
#[derive(Clone, Debug)]
pub struct WwsfParty {
    /// Its name: `client_id` of its tokens.
    pub id: String,
    /// The origin of its pages.
    pub origin: String,
    /// `iss` of its tokens.
    pub issuer: String,
    /// The name that the TNA header gives its WAF.
    pub entity: String,
    /// Where a challenge sends a WIC for a token; none when that is not known.
    pub authz_server: Option<String>,
    /// The domain of its identities.
    pub domain: String,
    /// The wildcarded identity of its range.
    pub range: Option<String>,
    /// The key that its WAF signs with.
    pub key: Arc<SigningKey>,
    /// The server of that key, when the script runs it.
    pub waf: Option<Arc<Waf>>,
}

/// A core, or only a registrar, and the script before it.
pub struct CoreUnderTest {
    /// Where requests go first: the I-CSCF, or the registrar.
    pub entry: Source,
    /// The S-CSCF, where it can be reached by itself.
    pub scscf: Option<Source>,
    /// The script in the eP-CSCF's place, which the core trusts.
    pub edge: Node,
    /// The home domain.
    pub home: String,
    /// Who is provisioned.
    pub users: Vec<Subscriber>,
    /// What else can be asked of the system.
    pub control: Arc<dyn CoreControl>,
}

/// An I-CSCF, and the script around it.
pub struct IcscfUnderTest {
    /// Where requests go.
    pub entry: Source,
    /// The script in the eP-CSCF's place, which the I-CSCF trusts.
    pub edge: Node,
    /// The script in the place of each S-CSCF that it knows, in the order of its configuration.
    pub scscfs: Vec<ScriptedScscf>,
    /// The script in the HSS's place.
    pub hss: Hss,
    /// The home domain.
    pub home: String,
    /// What else can be asked of the system.
    pub control: Arc<dyn CoreControl>,
}

/// An S-CSCF's place.
pub struct ScriptedScscf {
    /// Its name: a SIP URI.
    pub name: String,
    /// What the I-CSCF takes it to be capable of.
    pub capabilities: Vec<u32>,
    /// Its Mw.
    pub node: Node,
}

/// An S-CSCF, and the script around it.
pub struct ScscfUnderTest {
    /// Where requests go.
    pub entry: Source,
    /// The script in the I-CSCF's place, whose word on `auth-done` counts.
    pub icscf: Node,
    /// The script in the eP-CSCF's place, which Path and Route lead to.
    pub edge: Node,
    /// The script in the HSS's place.
    pub hss: Hss,
    /// Its name: a SIP URI.
    pub name: String,
    /// The home domain.
    pub home: String,
    /// What else can be asked of the system.
    pub control: Arc<dyn CoreControl>,
}

fn no_cx(node: &str) -> Stop {
    Stop::NotApplicable(format!("the {node} cannot be had alone: its Cx is not reached from here"))
}

/// A provisioned subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// The private identity.
    pub impi: String,
    /// The public identities, the default one first.
    pub impus: Vec<String>,
    /// The digest password.
    pub password: String,
}

/// A WWSF.
pub struct WwsfUnderTest {
    /// W1.
    pub https: Target,
    /// Its own origin.
    pub origin: String,
    /// Its name.
    pub id: String,
    /// Somebody who can log in: name and password; none where nobody needs to.
    pub login: Option<(String, String)>,
    /// The audience that its tokens must have.
    pub audience: String,
    /// The range that it gives guests identities of.
    pub range: Option<String>,
    /// What else can be asked of the system.
    pub control: Arc<dyn WwsfControl>,
}
