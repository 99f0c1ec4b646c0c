//! A WWSF as a WIC sees it: page, login, token (W1).

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::wic::{GrantError, TokenFailure, TokenGrant};
use ims::{Password, Scenario, Token};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use rustls::ClientConfig;
use serde::Deserialize;
use serde_json::{Value, json};
use sip_net::Gate;
use trace::Direction;

use super::recorder::Recorder;
use super::tls::{self, TlsError};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A WWSF, with the session that this client has there.
#[derive(Clone, Debug)]
pub struct Wwsf {
    origin: String,
    http: Client,
    logged_in: Arc<AtomicBool>,
    recorder: Recorder,
    gate: Gate,
}

impl Wwsf {
    /// The WWSF at `origin`, trusted by the CAs in the file `ca`.
    ///
    /// # Errors
    /// When the CA file can't be used.
    pub fn new(origin: &str, ca: &Path) -> Result<Self, WwsfError> {
        let tls = tls::client_config(ca)?;
        Self::with(origin, &tls, Recorder::new(Scenario::WebAuth), Gate::default())
    }

    pub(super) fn with(
        origin: &str,
        tls: &Arc<ClientConfig>,
        recorder: Recorder,
        gate: Gate,
    ) -> Result<Self, WwsfError> {
        let http = Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(tls))
            .cookie_store(true)
            .timeout(PATIENCE)
            // A redirect would show the session to whoever is named in it.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| WwsfError::Client(cause(&error)))?;
        Ok(Self { origin: origin.trim_end_matches('/').to_owned(), http, logged_in: Arc::default(), recorder, gate })
    }

    /// The origin of its pages.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Fetches the page (step 1 of every flow).
    ///
    /// # Errors
    /// When there is none.
    pub async fn page(&self) -> Result<(), WwsfError> {
        self.send(Method::GET, "/", None).await.map(drop)
    }

    /// Logs in; the session stays with this value.
    ///
    /// # Errors
    /// [`WwsfError::Refused`] for a wrong name or password.
    pub async fn login(&self, username: &str, password: impl Into<Password>) -> Result<(), WwsfError> {
        let password = password.into();
        let body = json!({ "username": username, "password": password.expose() });
        self.send(Method::POST, "/api/login", Some(&body)).await?;
        self.logged_in.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether a login succeeded. The session may have ended since.
    pub fn is_logged_in(&self) -> bool {
        self.logged_in.load(Ordering::Relaxed)
    }

    /// Fetches a token: the logged-in user's, or a guest's.
    ///
    /// # Errors
    /// [`WwsfError::Refused`] when the WWSF wants a login or has nothing to give.
    pub async fn token(&self) -> Result<TokenGrant, WwsfError> {
        let response = self.send(Method::POST, "/api/token", Some(&json!({}))).await?;
        // What the parser says could repeat the token.
        let body: TokenBody = response.json().await.map_err(|_| WwsfError::Nonsense)?;
        let impus = body.impu.iter().map(String::as_str);
        let token = body.token.expose();
        Ok(TokenGrant::parse(token, body.expires_in, &body.impi, impus, &body.wss_url, &body.realm)?)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response, WwsfError> {
        let asked = format!("{method} {path}");
        if !self.gate.pass(|| Some(self.recorder.preview_http(&asked))).await {
            return Err(WwsfError::Unreachable {
                origin: self.origin.clone(),
                cause: "the network is not there".into(),
            });
        }
        self.recorder.http(Direction::Out, asked);
        let request = self.http.request(method.clone(), format!("{}{path}", self.origin));
        let request = match body {
            // A page of this origin is what this client claims to be.
            Some(body) => request.header("origin", &self.origin).json(body),
            None => request,
        };
        let request = request.header("traceparent", self.recorder.traceparent());
        let response = self.perform(request).await?;
        self.recorder.http(Direction::In, format!("{} {path}", response.status().as_u16()));
        if response.status().is_success() {
            return Ok(response);
        }
        let (path, status) = (path.to_owned(), response.status());
        let problem: Problem = response.json().await.unwrap_or_default();
        let title = problem.title.unwrap_or_else(|| status.canonical_reason().unwrap_or("an error").to_owned());
        Err(WwsfError::Refused { path, status, title, detail: problem.detail.unwrap_or_default() })
    }

    async fn perform(&self, request: RequestBuilder) -> Result<Response, WwsfError> {
        request
            .send()
            .await
            .map_err(|error| WwsfError::Unreachable { origin: self.origin.clone(), cause: cause(&error) })
    }
}

#[derive(Deserialize)]
struct TokenBody {
    token: Token,
    expires_in: u64,
    impi: String,
    impu: Vec<String>,
    wss_url: String,
    realm: String,
}

/// RFC 9457.
#[derive(Default, Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

/// Why a WWSF did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum WwsfError {
    /// No connection, no answer.
    #[error("the WWSF {origin} can't be reached: {cause}")]
    Unreachable {
        /// Where it should be.
        origin: String,
        /// Why.
        cause: String,
    },
    /// An answer that is an error.
    #[error("the WWSF answered {status} to {path}: {title} {detail}", status = status.as_u16())]
    Refused {
        /// What was asked for.
        path: String,
        /// The HTTP status.
        status: StatusCode,
        /// The problem's title.
        title: String,
        /// The problem's detail.
        detail: String,
    },
    /// A success that holds no token.
    #[error("the WWSF's answer holds no token")]
    Nonsense,
    /// A token response that a WIC can't use.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The CA.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client could not be made.
    #[error("no HTTP client: {0}")]
    Client(String),
}

impl WwsfError {
    /// Whether the WWSF wants a login, first or again.
    pub fn wants_login(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::UNAUTHORIZED, .. })
    }
}

impl From<WwsfError> for TokenFailure {
    fn from(error: WwsfError) -> Self {
        let text = error.to_string();
        match error {
            WwsfError::Refused { status: StatusCode::UNAUTHORIZED, .. } => Self::LoginRequired(text),
            WwsfError::Refused { status, .. } if !status.is_server_error() && status.as_u16() != 429 => {
                Self::Refused(text)
            }
            WwsfError::Unreachable { .. } | WwsfError::Refused { .. } => Self::Unavailable(text),
            _ => Self::Refused(text),
        }
    }
}

/// The innermost cause says it: "invalid peer certificate: UnknownIssuer", "Connection refused".
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
