//! A client that sends what it is told, on a WebSocket to the demo's eP-CSCF.

use crate::lab::scope::Scope;
use conformance::script::{self, Msg, ScriptError, digest};
use sip::headers::DigestChallenge;
use sip::{Entropy, Response};
use sip_net::OsEntropy;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a connection that should be closed may stay open.
const CLOSING: Duration = Duration::from_secs(3);
/// How long one that should stay open is looked at.
const LINGER: Duration = Duration::from_millis(150);

/// Who a client says it is.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) impi: String,
    pub(super) impu: String,
    pub(super) password: String,
}

/// The challenge at hand, and its next use.
#[derive(Clone, Debug)]
struct Challenged {
    challenge: DigestChallenge,
    nc: u32,
}

/// A client with an open WebSocket.
pub(super) struct Client {
    pub(super) person: Person,
    domain: String,
    wic: script::Wic,
    scope: Arc<Mutex<Scope>>,
    host: String,
    call_id: String,
    tag: String,
    instance: String,
    cseq: u32,
    challenged: Option<Challenged>,
    registered: bool,
}

impl Client {
    pub(super) fn new(person: Person, domain: &str, wic: script::Wic, scope: Arc<Mutex<Scope>>) -> Self {
        let mut entropy = OsEntropy;
        let host = format!("{}.invalid", entropy.token(10));
        Self {
            person,
            domain: domain.to_owned(),
            wic,
            scope,
            call_id: format!("{}@{host}", entropy.token(16)),
            tag: entropy.token(8),
            instance: ::wic::InstanceId::random(&mut entropy).to_string(),
            host,
            cseq: 0,
            challenged: None,
            registered: false,
        }
    }

    /// The next REGISTER, without credentials.
    pub(super) fn register(&mut self) -> Msg {
        self.cseq += 1;
        let (impu, host) = (&self.person.impu, &self.host);
        Msg::request("REGISTER", &format!("sip:{}", self.domain))
            .with("Via", format!("SIP/2.0/WSS {host};branch=z9hG4bK{}", OsEntropy.token(12)))
            .with("Max-Forwards", 70)
            .with("From", format!("<{impu}>;tag={}", self.tag))
            .with("To", format!("<{impu}>"))
            .with("Call-ID", &self.call_id)
            .with("CSeq", format!("{} REGISTER", self.cseq))
            .with("Contact", self.contact(600))
            .with("Supported", "path, outbound")
            .with("Content-Length", 0)
    }

    /// The next REGISTER, as one who has not been challenged yet sends it.
    pub(super) fn first_register(&mut self) -> Msg {
        let identity = digest::identity(&self.person.impi, &self.domain);
        self.register().with("Authorization", identity)
    }

    /// The next REGISTER with a token.
    pub(super) fn register_with(&mut self, token: &str) -> Msg {
        self.register().with("Authorization", format!("Bearer {token}"))
    }

    /// Sends octets as they stand.
    async fn send(&mut self, octets: impl AsRef<[u8]>) -> Result<(), ScriptError> {
        let octets = octets.as_ref();
        let text = String::from_utf8_lossy(octets);
        {
            let mut scope = self.scope.lock().unwrap_or_else(PoisonError::into_inner);
            scope.sends(&text);
            scope.speaks_for(&self.person.impi);
        }
        self.wic.send(octets).await
    }

    /// A request outside dialogs.
    pub(super) fn request(&self, method: &str, uri: &str) -> Msg {
        let (impu, host) = (&self.person.impu, &self.host);
        let mut entropy = OsEntropy;
        Msg::request(method, uri)
            .with("Via", format!("SIP/2.0/WSS {host};branch=z9hG4bK{}", entropy.token(12)))
            .with("Max-Forwards", 70)
            .with("From", format!("<{impu}>;tag={}", entropy.token(8)))
            .with("To", format!("<{uri}>"))
            .with("Call-ID", format!("{}@{host}", entropy.token(16)))
            .with("CSeq", format!("1 {method}"))
    }

    /// Sends octets and waits for a final answer.
    pub(super) async fn say(&mut self, octets: impl AsRef<[u8]>) -> Result<Response, ScriptError> {
        self.send(octets).await?;
        self.wic.answer().await
    }

    /// Sends a message and waits for the final answer.
    pub(super) async fn ask(&mut self, msg: &Msg) -> Result<Response, ScriptError> {
        self.say(msg.bytes()).await
    }

    /// Asks for a challenge; the REGISTER that answers it, for the `nc`th time and with a password.
    pub(super) async fn challenged(&mut self, password: &str) -> Result<Msg, ScriptError> {
        let first = self.first_register();
        let response = self.ask(&first).await?;
        let challenge = digest::challenges(&response).into_iter().next();
        let challenge = challenge.ok_or_else(|| unexpected("a challenge", &response))?;
        self.challenged = Some(Challenged { challenge, nc: 1 });
        self.answering(password, 1)
    }

    /// The next REGISTER, answering the challenge at hand with this `nc`.
    pub(super) fn answering(&mut self, password: &str, nc: u32) -> Result<Msg, ScriptError> {
        let Some(Challenged { challenge, .. }) = &self.challenged else {
            return Err(ScriptError::Setup("nothing was challenged".into()));
        };
        let answerer = digest::Answerer::register(&self.person.impi, password, &self.domain).nc(nc);
        let credentials = answerer.credentials(challenge)?;
        Ok(self.register().with("Authorization", digest::authorization(credentials)))
    }

    /// Registers by digest; the REGISTER that was accepted.
    pub(super) async fn registered(&mut self) -> Result<(Msg, Response), ScriptError> {
        let password = self.person.password.clone();
        let register = self.challenged(&password).await?;
        let response = self.ask(&register).await?;
        self.accepted(&response)?;
        Ok((register, response))
    }

    /// That a REGISTER was accepted, and its `nc` used.
    pub(super) fn accepted(&mut self, response: &Response) -> Result<(), ScriptError> {
        if response.status.code() != 200 {
            return Err(unexpected("200 OK", response));
        }
        self.registered = true;
        if let Some(challenged) = &mut self.challenged {
            challenged.nc += 1;
        }
        Ok(())
    }

    /// How the connection was closed, if it was; looks for longer when it `should` be.
    pub(super) async fn closed(&mut self, should: bool) -> Option<u16> {
        let within = if should { CLOSING } else { LINGER };
        match self.wic.closed_within(within).await {
            // A stream that ends without a Close: 1006 of RFC 6455 §7.4.1.
            Ok(code) => Some(code.unwrap_or(1006)),
            Err(_) => None,
        }
    }

    /// De-registers if it is registered, and closes.
    pub(super) async fn leave(mut self) {
        if self.removed().await.is_err() {
            tracing::debug!("a client of the lab could not de-register");
        }
        let _ = self.wic.close(1000).await;
    }

    async fn removed(&mut self) -> Result<(), ScriptError> {
        let password = self.person.password.clone();
        let Some(Challenged { nc, .. }) = self.challenged.clone().filter(|_| self.registered) else { return Ok(()) };
        let goodbye = self.answering(&password, nc)?;
        let goodbye = goodbye.set("Contact", self.contact(0));
        self.ask(&goodbye).await.map(drop)
    }

    fn contact(&self, expires: u32) -> String {
        let Self { host, instance, .. } = self;
        format!("<sip:lab@{host};transport=ws>;reg-id=1;+sip.instance=\"<{instance}>\";expires={expires}")
    }
}

fn unexpected(wanted: &str, response: &Response) -> ScriptError {
    ScriptError::Unexpected { wanted: wanted.to_owned(), got: format!("{} {}", response.status, response.reason) }
}
