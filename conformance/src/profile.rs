//! Somebody else's system: where it is, and what it claims.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use sip::Transport;

use crate::Boxed;
use crate::lab::{
    CoreControl, CoreUnderTest, EdgeControl, EdgeUnderTest, Lab, Setup, Subscriber, WwsfControl, WwsfParty,
    WwsfUnderTest,
};
use crate::script::{Log, Node, Pki, ScriptError, SigningKey, Source, Target, Waf, connector};
use crate::tester::{Core, Limits};
use crate::verdict::{Outcome, Stop};

/// A profile: one TOML file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The product and its version.
    pub system: String,
    /// The home domain.
    pub home: String,
    /// What it claims: `digest`, `web-auth`, `range`, `pool`.
    #[serde(default)]
    pub claims: Vec<String>,
    /// Settings in force beside the defaults, as purposes name them (`given` says which).
    #[serde(default)]
    pub settings: BTreeMap<String, toml::Value>,
    /// An eP-CSCF.
    #[serde(default)]
    pub epcscf: Option<EdgeProfile>,
    /// A core, or a registrar.
    #[serde(default)]
    pub core: Option<CoreProfile>,
    /// A WWSF.
    #[serde(default)]
    pub wwsf: Option<WebProfile>,
    /// Where the file is: paths in it are relative to that.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// An eP-CSCF that somebody runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeProfile {
    /// `wss://host:port/path`; `ws://` for a lab without TLS.
    pub url: String,
    /// The authority that its certificate is trusted by, a PEM file.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// The host of its own SIP URIs; `sip:{name}` is the audience of tokens.
    pub name: String,
    /// Where the tester is its core: the next hop that it is configured with.
    pub core: SocketAddr,
    /// Where it takes requests of the core.
    #[serde(default)]
    pub mw: Option<SocketAddr>,
    /// The WWSF whose pages may use flows 1 and 2.
    pub operator: PartyProfile,
    /// The WWSF whose pages may use flow 3.
    #[serde(default)]
    pub partner: Option<PartyProfile>,
}

/// A WWSF that an eP-CSCF is configured with, which the tester plays.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyProfile {
    /// `client_id` of its tokens.
    #[serde(default)]
    pub id: String,
    /// The origin of its pages.
    pub origin: String,
    /// `iss` of its tokens.
    #[serde(default)]
    pub issuer: String,
    /// The key that its tokens are signed with: PKCS #8, PEM. Without one, a new key is made, which
    /// only helps when the eP-CSCF fetches it from `keys_at`.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// `kid` of that key.
    #[serde(default)]
    pub kid: Option<String>,
    /// Where the tester gives out the public key over HTTPS, as the eP-CSCF is configured.
    #[serde(default)]
    pub keys_at: Option<SocketAddr>,
    /// The domain of its identities; the home domain when left out.
    #[serde(default)]
    pub domain: Option<String>,
    /// The wildcarded identity of its range.
    #[serde(default)]
    pub range: Option<String>,
}

/// A core or registrar that somebody runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoreProfile {
    /// Where REGISTER goes: the I-CSCF, or the registrar.
    pub address: SocketAddr,
    /// `udp` or `tcp`.
    #[serde(default)]
    pub transport: Transports,
    /// The S-CSCF, where it can be reached by itself.
    #[serde(default)]
    pub scscf: Option<SocketAddr>,
    /// Where the tester is: an address that the core takes for an eP-CSCF's.
    #[serde(default = "any_port")]
    pub edge: SocketAddr,
    /// Who is provisioned.
    pub users: Vec<UserProfile>,
}

/// A transport on Mw.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transports {
    /// UDP.
    #[default]
    Udp,
    /// TCP.
    Tcp,
}

/// A provisioned subscriber.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserProfile {
    /// The private identity: the digest username.
    pub impi: String,
    /// The public identities, the default one first.
    pub impus: Vec<String>,
    /// The digest password.
    #[serde(default)]
    pub password: String,
}

/// A WWSF that somebody runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebProfile {
    /// Its origin.
    pub origin: String,
    /// The authority that its certificate is trusted by, a PEM file.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// `client_id` of its tokens.
    pub id: String,
    /// The audience of its tokens.
    pub audience: String,
    /// Who can log in, if anybody must.
    #[serde(default)]
    pub user: Option<String>,
    /// With which password.
    #[serde(default)]
    pub password: Option<String>,
    /// The range that it gives guests identities of, if it does.
    #[serde(default)]
    pub range: Option<String>,
}

/// Why a profile is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("reading {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no profile.
    #[error("{path}: {source}")]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong where.
        source: Box<toml::de::Error>,
    },
    /// Something in it cannot be used.
    #[error("{0}")]
    Unusable(String),
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

impl Profile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is no profile.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ProfileError::Read { path: path.to_owned(), source })?;
        let mut profile: Self = toml::from_str(&text)
            .map_err(|source| ProfileError::Format { path: path.to_owned(), source: Box::new(source) })?;
        profile.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(profile)
    }

    fn text(&self, path: &Path) -> Outcome<String> {
        let path = self.folder.join(path);
        std::fs::read_to_string(&path).map_err(|e| Stop::Inconclusive(format!("reading {}: {e}", path.display())))
    }

    /// A purpose that needs a setting which is not in force is not for this system.
    fn check(&self, setup: &Setup) -> Outcome {
        for (name, value) in setup.iter() {
            let plain = |value: &toml::Value| match value {
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let in_force = self.settings.get(name).map(plain);
            if in_force.as_deref() != Some(value.trim_matches('"')) {
                return Err(Stop::NotApplicable(format!("the profile does not claim {name} = {value}")));
            }
        }
        Ok(())
    }
}

/// Finds systems where a profile says.
#[derive(Debug)]
pub struct ProfileLab {
    profile: Profile,
    limits: Limits,
    pki: Pki,
}

impl ProfileLab {
    /// A lab for this profile.
    ///
    /// # Errors
    /// When it names no system, or the tester's own certificates cannot be made.
    pub fn new(profile: Profile, limits: Limits) -> Result<Self, ProfileError> {
        if profile.epcscf.is_none() && profile.core.is_none() && profile.wwsf.is_none() {
            return Err(ProfileError::Unusable("the profile names neither epcscf, core nor wwsf".into()));
        }
        let pki = Pki::new(&["localhost"]).map_err(|e| ProfileError::Unusable(e.to_string()))?;
        Ok(Self { profile, limits, pki })
    }

    async fn start_edge(&self, setup: &Setup, log: &Log) -> Outcome<EdgeUnderTest> {
        let Some(it) = &self.profile.epcscf else { return Err(absent("eP-CSCF")) };
        self.profile.check(setup)?;
        let wss = self.target(&it.url, it.ca.as_deref(), "epcscf")?;
        let core = Node::bind(it.core, "core", "epcscf", self.limits.answer, log).await.map_err(own)?;
        let operator = self.party(&it.operator, log).await?;
        let partner = match &it.partner {
            Some(partner) => self.party(partner, log).await?,
            None => operator.clone(),
        };
        let addr = wss.addr;
        Ok(EdgeUnderTest {
            wss,
            core,
            mw: it.mw.map(|addr| Source { transport: Transport::Udp, addr }),
            home: self.profile.home.clone(),
            name: it.name.clone(),
            operator,
            partner,
            control: Arc::new(Remote(addr)),
        })
    }

    async fn start_core(&self, setup: &Setup, log: &Log) -> Outcome<CoreUnderTest> {
        let Some(it) = &self.profile.core else { return Err(absent("core")) };
        self.profile.check(setup)?;
        // What is done to begin from nothing is not part of the purpose.
        let aside = Log::new();
        let edge = Node::bind(it.edge, "epcscf", "scscf", self.limits.answer, &aside).await.map_err(own)?;
        let transport = match it.transport {
            Transports::Udp => Transport::Udp,
            Transports::Tcp => Transport::Tcp,
        };
        let users = it.users.iter().cloned().map(|u| Subscriber { impi: u.impi, impus: u.impus, password: u.password });
        let core = CoreUnderTest {
            entry: Source { transport, addr: it.address },
            scscf: it.scscf.map(|addr| Source { transport, addr }),
            edge,
            home: self.profile.home.clone(),
            users: users.collect(),
            control: Arc::new(Unseen),
        };
        let mut core = Core::cleared(core, self.limits).await;
        core.edge.renew(log);
        Ok(core)
    }

    fn start_wwsf(&self, setup: &Setup) -> Outcome<WwsfUnderTest> {
        let Some(it) = &self.profile.wwsf else { return Err(absent("WWSF")) };
        self.profile.check(setup)?;
        let https = self.target(&it.origin, it.ca.as_deref(), "wwsf")?;
        let addr = https.addr;
        Ok(WwsfUnderTest {
            https,
            origin: it.origin.clone(),
            id: it.id.clone(),
            login: it.user.clone().zip(it.password.clone()),
            audience: it.audience.clone(),
            range: it.range.clone(),
            control: Arc::new(Remote(addr)),
        })
    }

    async fn party(&self, it: &PartyProfile, log: &Log) -> Outcome<WwsfParty> {
        let kid = it.kid.clone().unwrap_or_else(|| "conformance-1".into());
        let key = match &it.key {
            Some(path) => SigningKey::from_pem(&kid, &self.profile.text(path)?).map_err(own)?,
            None => SigningKey::es256(&kid).map_err(own)?,
        };
        let waf = match it.keys_at {
            Some(addr) => Some(Arc::new(Waf::start(addr, &self.pki, &[&key], log.clone()).await.map_err(own)?)),
            None => None,
        };
        Ok(WwsfParty {
            id: it.id.clone(),
            origin: it.origin.clone(),
            issuer: it.issuer.clone(),
            entity: it.issuer.trim_start_matches("https://").to_owned(),
            authz_server: None,
            domain: it.domain.clone().unwrap_or_else(|| self.profile.home.clone()),
            range: it.range.clone(),
            key: Arc::new(key),
            waf,
        })
    }

    fn target(&self, url: &str, ca: Option<&Path>, node: &str) -> Outcome<Target> {
        let wrong = || Stop::Inconclusive(format!("{url} is no address of a server"));
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let secure = matches!(scheme, "wss" | "https");
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
            None => (authority, if secure { 443 } else { 80 }),
        };
        let addr = (host, port).to_socket_addrs().ok().and_then(|mut addrs| addrs.next()).ok_or_else(wrong)?;
        let tls = match (secure, ca) {
            (false, _) => None,
            (true, Some(ca)) => Some(connector(&self.profile.text(ca)?).map_err(own)?),
            (true, None) => {
                return Err(Stop::Inconclusive(format!("{url} needs `ca`, the authority of its certificate")));
            }
        };
        Ok(Target {
            addr,
            host: host.to_owned(),
            path: format!("/{path}"),
            tls,
            node: node.to_owned(),
            within: self.limits.answer,
        })
    }
}

impl Lab for ProfileLab {
    fn system(&self) -> String {
        self.profile.system.clone()
    }

    /// The system knows one address of the tester.
    fn parallel(&self) -> usize {
        1
    }

    fn claims(&self, claim: &str) -> bool {
        self.profile.claims.iter().any(|claimed| claimed == claim)
    }

    fn edge<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<EdgeUnderTest>> {
        Box::pin(self.start_edge(setup, log))
    }

    fn core<'a>(&'a self, setup: &'a Setup, log: &'a Log) -> Boxed<'a, Outcome<CoreUnderTest>> {
        Box::pin(self.start_core(setup, log))
    }

    fn wwsf<'a>(&'a self, setup: &'a Setup, _log: &'a Log) -> Boxed<'a, Outcome<WwsfUnderTest>> {
        Box::pin(async move { self.start_wwsf(setup) })
    }
}

fn absent(what: &str) -> Stop {
    Stop::NotApplicable(format!("the profile names no {what}"))
}

fn own(error: ScriptError) -> Stop {
    Stop::Inconclusive(error.to_string())
}

/// A system of which no more is known than where it takes connections.
struct Remote(SocketAddr);

impl Remote {
    async fn answers(&self) -> bool {
        tokio::net::TcpStream::connect(self.0).await.is_ok()
    }
}

impl EdgeControl for Remote {
    fn alive(&self) -> Boxed<'_, bool> {
        Box::pin(self.answers())
    }
}

impl WwsfControl for Remote {
    fn alive(&self) -> Boxed<'_, bool> {
        Box::pin(self.answers())
    }
}

/// A system over datagrams, whose silence is judged by the purposes.
struct Unseen;

impl CoreControl for Unseen {
    fn alive(&self) -> Boxed<'_, bool> {
        Box::pin(async { true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        system = "an edge"
        home = "ims.example"
        claims = ["web-auth"]
        settings = { "bearer.on_requests" = "require", "connection.max_per_ip" = 3 }

        [epcscf]
        url = "ws://127.0.0.1:7080/sip"
        name = "epcscf1.ims.example"
        core = "127.0.0.1:5070"
        operator = { origin = "https://wwsf.ims.example", id = "wwsf.ims.example" }
    "#;

    fn lab() -> ProfileLab {
        ProfileLab::new(toml::from_str(TEXT).unwrap(), Limits::default()).unwrap()
    }

    #[test]
    fn what_is_not_claimed_is_not_applicable() {
        let lab = lab();
        assert!(lab.claims("web-auth") && !lab.claims("digest"));
        let check = |setup: Setup| lab.profile.check(&setup);
        assert_eq!(check(Setup::new()), Ok(()));
        assert_eq!(check(Setup::new().with("bearer.on_requests", "require").with("connection.max_per_ip", 3)), Ok(()));
        assert!(matches!(check(Setup::new().with("bearer.on_requests", "ignore")), Err(Stop::NotApplicable(_))));
        assert!(matches!(check(Setup::new().with("flow3.mode", "pool-tna")), Err(Stop::NotApplicable(_))));
    }

    #[test]
    fn a_url_says_where_the_system_is_and_whether_it_speaks_tls() {
        let target = lab().target("ws://127.0.0.1:7080/sip", None, "epcscf").unwrap();
        assert_eq!((target.addr.port(), &*target.path, target.tls.is_some()), (7080, "/sip", false));
        assert!(lab().target("wss://127.0.0.1:7443", None, "epcscf").is_err(), "TLS needs an authority");
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(toml::from_str::<Profile>(&format!("{TEXT}\nnonsense = 1")).is_err());
    }
}
