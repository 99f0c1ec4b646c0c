//! What a fault works with: clients, tokens, the demo's nodes, and the trace.

use super::client::{Client, Person};
use super::evidence::Evidence;
use crate::lab::Demo;
use crate::lab::scope::Scope;
use crate::wic_shell::Wwsf;
use ::wic::TokenGrant;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conformance::script::{self, HttpAnswer, Log, ScriptError, SigningKey, Target, Token, Upgrade};
use sip_net::{Keeper, Verdict, Watched};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use trace::Record;
use wwsf::demo::DemoUser;

/// How long any one thing may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what was done may take to show in the trace, should it get where it must not.
const SETTLE: Duration = Duration::from_millis(100);
/// Whose identity faults use: the demo's least busy subscriber.
const SUBSCRIBER: &str = "carol";

/// What faults need of the nodes beside their sockets.
#[derive(Clone, Debug, Default)]
pub(in crate::lab) struct Props {
    /// The keys of the WWSFs, by the names of their nodes.
    pub(in crate::lab) keys: HashMap<&'static str, wwsf::Keys>,
    /// What the eP-CSCF knows of them.
    pub(in crate::lab) known: Option<epcscf::Known>,
}

/// A WWSF of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Operator,
    Partner,
    Rogue,
}

/// A token as its WWSF gave it, and what is needed to make others of it.
pub(super) struct Forge {
    /// As it was given.
    pub(super) grant: TokenGrant,
    /// Its header and claims.
    pub(super) token: Token,
    /// The key that signed it.
    pub(super) key: SigningKey,
}

impl Forge {
    /// Whom the WWSF gave it to.
    pub(super) fn holder(&self) -> Person {
        let impu = self.grant.impus.first().map(ToString::to_string).unwrap_or_default();
        Person { impi: self.grant.impi.to_string(), impu, password: String::new() }
    }
}

/// Everything that one fault uses. What it changes is mended when it is over, or dropped.
pub(in crate::lab) struct Bench {
    demo: Demo,
    props: Props,
    log: Log,
    scope: Arc<Mutex<Scope>>,
    /// The last record of before something went wrong.
    since: u64,
    /// Clients that only were there.
    bystanders: Vec<Client>,
    watched: Option<Watched>,
    provisioned: Option<Provisioned>,
}

impl Bench {
    pub(in crate::lab) fn new(demo: Demo, props: Props) -> Self {
        Self {
            since: demo.hub.last_seq(),
            demo,
            props,
            log: Log::new(),
            scope: Arc::default(),
            bystanders: Vec::new(),
            watched: None,
            provisioned: None,
        }
    }

    /// What comes now is what the fault is about. What went before has come to rest, also what nodes
    /// did by themselves after it.
    pub(super) async fn mark(&mut self) {
        self.demo.rests().await;
        self.since = self.demo.hub.last_seq();
    }

    pub(super) fn origin(&self, page: Page) -> &str {
        let ready = &self.demo.ready;
        match page {
            Page::Operator => &ready.wwsf,
            Page::Partner => &ready.partner_wwsf,
            Page::Rogue => &ready.rogue_wwsf,
        }
    }

    pub(super) fn domain(&self) -> &str {
        &self.demo.domain
    }

    /// The I-CSCF's and the eP-CSCF's address on Mw.
    pub(super) fn mw(&self, node: &str) -> Result<SocketAddr, ScriptError> {
        let ready = &self.demo.ready;
        let addr = if node == "icscf" { &ready.icscf } else { &ready.epcscf_mw };
        addr.parse().map_err(|_| ScriptError::Setup(format!("{node} has no address")))
    }

    /// The subscriber whose identity faults use.
    pub(super) fn subscriber(&self) -> Result<Person, ScriptError> {
        let user = DemoUser::find(SUBSCRIBER).ok_or_else(|| ScriptError::Setup("no demo subscriber".into()))?;
        Ok(Person { impi: user.impi.into(), impu: user.impu.into(), password: user.digest_password.into() })
    }

    /// A right upgrade from a page.
    pub(super) fn upgrade_from(&self, page: Page) -> Result<Upgrade, ScriptError> {
        Ok(Upgrade::from_page(&self.target()?, self.origin(page)))
    }

    /// Asks for an upgrade, whatever the answer.
    pub(super) async fn upgrade(&mut self, upgrade: &Upgrade) -> Result<HttpAnswer, ScriptError> {
        let (answer, wic) = script::Wic::upgrade(&self.target()?, "wic", upgrade, &self.log).await?;
        self.scope().comes_from(wic.local_addr());
        Ok(answer)
    }

    /// A client of the subscriber on a WebSocket from a page.
    pub(super) async fn connect(&mut self, page: Page) -> Result<Client, ScriptError> {
        let person = self.subscriber()?;
        self.connect_as(person, page).await
    }

    /// A client on a WebSocket from a page.
    pub(super) async fn connect_as(&mut self, person: Person, page: Page) -> Result<Client, ScriptError> {
        let wic = script::Wic::open(&self.target()?, "wic", &self.upgrade_from(page)?, &self.log).await?;
        Ok(Client::new(person, &self.demo.domain, wic, self.scope.clone()))
    }

    /// Has a client stay until the fault is over.
    pub(super) fn stays(&mut self, client: Client) {
        self.bystanders.push(client);
    }

    /// Sends a datagram from a host that is none of the demo's: 127.0.0.2, because all of 127.0.0.1 may
    /// be trusted.
    pub(super) async fn intrude(&mut self, to: SocketAddr, octets: &[u8]) -> Result<(), ScriptError> {
        let io = |source| ScriptError::Io { what: "a datagram from outside".into(), source };
        let socket = tokio::net::UdpSocket::bind("127.0.0.2:0").await.map_err(io)?;
        let text = String::from_utf8_lossy(octets).replace("{here}", &socket.local_addr().map_err(io)?.to_string());
        self.scope().sends(&text);
        socket.send_to(text.as_bytes(), to).await.map_err(io)?;
        let mut answer = vec![0; 64 * 1024];
        match tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await {
            Ok(received) => received.map(drop).map_err(io),
            Err(_) => Err(ScriptError::Timeout { what: "answer to a datagram".into(), within: PATIENCE }),
        }
    }

    /// A token as a WWSF gives it, with the key that signs there.
    pub(super) async fn forge(&self, page: Page) -> Result<Forge, ScriptError> {
        let setup = |error: &dyn std::fmt::Display| ScriptError::Setup(error.to_string());
        let wwsf = Wwsf::new(self.origin(page), &self.demo.ca).map_err(|e| setup(&e))?;
        if page == Page::Operator {
            let user = DemoUser::find(SUBSCRIBER).ok_or_else(|| setup(&"no demo subscriber"))?;
            wwsf.login(user.username, user.web_password).await.map_err(|e| setup(&e))?;
        }
        let grant = wwsf.token().await.map_err(|e| setup(&e))?;
        let node = if page == Page::Operator { "wwsf" } else { "partner-wwsf" };
        let keys = self.props.keys.get(node).ok_or_else(|| setup(&"the WWSF runs elsewhere: its key is not here"))?;
        let (kid, der) = keys.active().map_err(|e| setup(&e))?;
        let key = SigningKey::from_pkcs8(kid.as_str(), der.expose())?;
        let claims = claims(grant.token.expose()).ok_or_else(|| setup(&"the token holds no claims"))?;
        Ok(Forge { token: Token::new(&key, claims), grant, key })
    }

    /// Has the eP-CSCF take an identity for one that is provisioned one by one.
    pub(super) async fn provision(&mut self, impu: &str) -> Result<(), ScriptError> {
        let setup = |text: &str| ScriptError::Setup(text.into());
        let known = self.props.known.clone().ok_or_else(|| setup("the eP-CSCF runs elsewhere"))?;
        let before = known.records();
        let impu = impu.parse().map_err(|_| setup("no IMPU"))?;
        known.replace(before.with_distinct(impu)).await;
        self.provisioned = Some(Provisioned { known, before: Some((*before).clone()) });
        Ok(())
    }

    /// Has nothing of the fault arrive at a node, as if it were down.
    pub(super) fn lose(&mut self, node: &'static str) -> Result<(), ScriptError> {
        let down = Arc::new(Down { node, scope: self.scope.clone() });
        let watched = self.demo.pace.gate.watch(down);
        self.watched = Some(watched.ok_or_else(|| ScriptError::Setup("somebody else is at the gate".into()))?);
        Ok(())
    }

    /// What the trace shows by now.
    pub(super) async fn evidence(&self, closed: Option<u16>) -> Evidence {
        tokio::time::sleep(SETTLE).await;
        Evidence::new(self.demo.hub.since(self.since), &self.scope(), closed)
    }

    /// Undoes what was changed, and has all clients leave.
    pub(super) async fn mend(mut self, client: Option<Client>) {
        self.watched = None;
        if let Some(provisioned) = self.provisioned.take() {
            provisioned.undo().await;
        }
        for client in self.bystanders.drain(..).chain(client) {
            let _ = tokio::time::timeout(PATIENCE, client.leave()).await;
        }
    }

    fn target(&self) -> Result<Target, ScriptError> {
        let setup = |text: String| ScriptError::Setup(text);
        let url = self.demo.ready.epcscf.trim_end_matches('/');
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
        let port: u16 = port.ok_or_else(|| setup(format!("{url} has no port")))?;
        let ca = std::fs::read_to_string(&self.demo.ca).map_err(|e| setup(format!("the CA: {e}")))?;
        Ok(Target {
            addr: (std::net::Ipv4Addr::LOCALHOST, port).into(),
            host: "localhost".into(),
            path: "/".into(),
            tls: Some(script::connector(&ca)?),
            node: "epcscf".into(),
            within: PATIENCE,
        })
    }

    fn scope(&self) -> MutexGuard<'_, Scope> {
        self.scope.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A node that nothing of the fault reaches.
struct Down {
    node: &'static str,
    scope: Arc<Mutex<Scope>>,
}

impl Keeper for Down {
    fn judge(&self, message: Record) -> Verdict {
        let ours = self.scope.lock().unwrap_or_else(PoisonError::into_inner).takes(&message);
        if message.peer == self.node && ours { Verdict::Fail } else { Verdict::Pass }
    }
}

/// What the eP-CSCF knew before; known again when this is dropped.
struct Provisioned {
    known: epcscf::Known,
    before: Option<epcscf::Records>,
}

impl Provisioned {
    async fn undo(mut self) {
        if let Some(before) = self.before.take() {
            self.known.replace(before).await;
        }
    }
}

impl Drop for Provisioned {
    fn drop(&mut self) {
        if let (Some(before), Ok(runtime)) = (self.before.take(), tokio::runtime::Handle::try_current()) {
            let known = self.known.clone();
            runtime.spawn(async move { known.replace(before).await });
        }
    }
}

fn claims(token: &str) -> Option<serde_json::Value> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}
