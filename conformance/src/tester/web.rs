//! A WWSF under test: the script is a browser with its cookies.

use std::ops::Deref;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::lab::WwsfUnderTest;
use crate::script::{HttpAnswer, Log, Upgrade, http};
use crate::verdict::{Outcome, Stop};

/// A WWSF under test.
pub struct Web {
    it: WwsfUnderTest,
    log: Log,
}

impl Deref for Web {
    type Target = WwsfUnderTest;

    fn deref(&self) -> &WwsfUnderTest {
        &self.it
    }
}

/// A browser: what it keeps is one session cookie.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// `name=value`, once the WWSF has set one.
    pub cookie: Option<String>,
}

impl Web {
    pub(super) fn new(it: WwsfUnderTest, log: Log) -> Self {
        Self { it, log }
    }

    /// A request as it stands, on a connection of its own.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub async fn send(&self, request: &Upgrade, body: &str) -> Outcome<HttpAnswer> {
        Ok(http(&self.it.https, request, body, &self.log).await?)
    }

    /// A request with no more than Host.
    pub fn request(&self, method: &str, path: &str) -> Upgrade {
        Upgrade { start: format!("{method} {path} HTTP/1.1"), lines: Vec::new() }
            .with("Host", &self.it.https.authority())
    }

    /// A POST of JSON from the WWSF's own page.
    pub fn from_page(&self, path: &str) -> Upgrade {
        self.request("POST", path).with("Origin", &self.it.origin).with("Content-Type", "application/json")
    }

    /// GET, without a session.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub async fn get(&self, path: &str) -> Outcome<HttpAnswer> {
        self.send(&self.request("GET", path), "").await
    }

    /// POST from the page in this browser, which keeps the cookie that comes.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub async fn post(&self, browser: &mut Browser, path: &str, body: &Value) -> Outcome<HttpAnswer> {
        let request = self.from_page(path);
        let request = match &browser.cookie {
            Some(cookie) => request.with("Cookie", cookie),
            None => request,
        };
        let answer = self.send(&request, &body.to_string()).await?;
        if let Some(pair) = answer.value("set-cookie").and_then(|set| set.split(';').next()) {
            browser.cookie = Some(pair.trim().to_owned()).filter(|pair| !pair.ends_with('='));
        }
        Ok(answer)
    }

    /// Logs in with this password, or the right one.
    ///
    /// # Errors
    /// Not applicable where nobody can log in.
    pub async fn log_in(&self, browser: &mut Browser, password: Option<&str>) -> Outcome<HttpAnswer> {
        let (name, right) = self.login()?;
        let body = json!({"username": name, "password": password.unwrap_or(right)});
        self.post(browser, "/api/login", &body).await
    }

    /// Who can log in: name and password.
    ///
    /// # Errors
    /// Not applicable where nobody can.
    pub fn login(&self) -> Outcome<(&str, &str)> {
        let missing = || Stop::NotApplicable("nobody is known to log in as".into());
        self.it.login.as_ref().map(|(name, password)| (&**name, &**password)).ok_or_else(missing)
    }

    /// A browser with a session.
    ///
    /// # Errors
    /// When the login is refused.
    pub async fn logged_in(&self) -> Outcome<Browser> {
        let mut browser = Browser::default();
        let answer = self.log_in(&mut browser, None).await?;
        match (answer.status, &browser.cookie) {
            (200, Some(_)) => Ok(browser),
            (200, None) => Err(Stop::fail("a login sets no cookie")),
            (status, _) => Err(Stop::Inconclusive(format!("the login is answered {status}"))),
        }
    }

    /// Asks for a token in this browser.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub async fn ask_token(&self, browser: &mut Browser) -> Outcome<HttpAnswer> {
        self.post(browser, "/api/token", &json!({})).await
    }

    /// A token, read and verified by the keys that the WWSF publishes.
    ///
    /// # Errors
    /// When there is none, or it is none.
    pub async fn token(&self, browser: &mut Browser) -> Outcome<Granted> {
        let answer = self.ask_token(browser).await?;
        let body = answer.json().filter(|_| answer.status == 200);
        let body = body.ok_or_else(|| Stop::Fail(format!("the token request is answered {}", answer.status)))?;
        let token = body.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (header, claims) = read(&token)?;
        let granted = Granted { answer, body, token, header, claims };
        granted.verify(&self.keys().await?)?;
        Ok(granted)
    }

    /// The keys that the WWSF publishes (RFC 7517 §5).
    ///
    /// # Errors
    /// When there are none.
    pub async fn keys(&self) -> Outcome<Vec<Value>> {
        let answer = self.get("/.well-known/jwks.json").await?;
        let keys = answer.json().and_then(|set| set.get("keys").and_then(Value::as_array).cloned());
        keys.filter(|_| answer.status == 200)
            .ok_or_else(|| Stop::Fail(format!("no key set is published: {}", answer.status)))
    }
}

/// What a token request got.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The answer as a whole.
    pub answer: HttpAnswer,
    /// Its body.
    pub body: Value,
    /// The token.
    pub token: String,
    /// Its JOSE header.
    pub header: Value,
    /// Its claims.
    pub claims: Value,
}

impl Granted {
    /// The text of a claim; empty when there is none.
    pub fn text(&self, claim: &str) -> &str {
        self.claims.get(claim).and_then(Value::as_str).unwrap_or_default()
    }

    /// The number of a claim.
    ///
    /// # Errors
    /// A fail when it is not there or no whole number.
    pub fn number(&self, claim: &str) -> Outcome<u64> {
        let value = self.claims.get(claim);
        value.and_then(Value::as_u64).ok_or_else(|| Stop::Fail(format!("{claim} is {value:?}")))
    }

    /// The identities of `impu`.
    pub fn impus(&self) -> Vec<&str> {
        self.claims.get("impu").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// That the key which its `kid` names has signed it (RFC 7515 §5.2).
    fn verify(&self, keys: &[Value]) -> Outcome {
        let kid = self.header.get("kid");
        let key = keys.iter().find(|key| kid.is_some() && key.get("kid") == kid);
        let key = key.ok_or_else(|| Stop::Fail(format!("no published key is named {kid:?}")))?;
        let member = |name: &str| {
            let text = key.get(name).and_then(Value::as_str).unwrap_or_default();
            URL_SAFE_NO_PAD.decode(text).map_err(|_| Stop::Fail(format!("{name} of the key is no base64url")))
        };
        let (input, signature) = self.token.rsplit_once('.').unwrap_or_default();
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Stop::fail("the signature is no base64url"))?;
        let alg = self.header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let (algorithm, public): (&dyn aws_lc_rs::signature::VerificationAlgorithm, _) = match alg {
            "ES256" => (&ECDSA_P256_SHA256_FIXED, [vec![4], member("x")?, member("y")?].concat()),
            "EdDSA" => (&ED25519, member("x")?),
            other => return Err(Stop::Fail(format!("alg is {other:?}"))),
        };
        UnparsedPublicKey::new(algorithm, public)
            .verify(input.as_bytes(), &signature)
            .map_err(|_| Stop::fail("the published key did not sign the token"))
    }
}

/// Header and claims of a JWS in compact form.
pub(crate) fn read(token: &str) -> Outcome<(Value, Value)> {
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().and_then(|octets| serde_json::from_slice(&octets).ok());
    let mut parts = token.split('.');
    match (parts.next().and_then(part), parts.next().and_then(part), parts.next(), parts.next()) {
        (Some(header), Some(claims), Some(_), None) => Ok((header, claims)),
        _ => Err(Stop::fail("the token is no signed JWT")),
    }
}
