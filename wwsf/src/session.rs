//! Who is logged in, by session cookie.

use std::collections::HashMap;
use std::fmt;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ims::{Defect, Defects, Secret};

use crate::entropy::{self, NoEntropy};
use crate::origin::Origin;

/// The random value of a session cookie: 256 bits.
#[derive(Clone, Debug)]
pub(crate) struct SessionId(Secret<String>);

impl SessionId {
    pub(crate) fn random() -> Result<Self, NoEntropy> {
        Ok(Self(Secret::new(URL_SAFE_NO_PAD.encode(entropy::random::<32>()?))))
    }

    /// What the server keeps; the cookie cannot be made from it.
    pub(crate) fn key(&self) -> SessionKey {
        SessionKey(entropy::fingerprint(self.0.expose().as_bytes()))
    }
}

/// A session as the server knows it: SHA-256 of the cookie.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey(String);

impl SessionKey {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey")
    }
}

/// The session cookie of one WWSF.
///
/// Cookies know no ports (RFC 6265 §8.5), and the testbed's WWSFs differ by
/// port alone, so the port is in the name.
#[derive(Clone, Debug)]
pub(crate) struct Cookie {
    name: String,
    defects: Defects,
}

impl Cookie {
    pub(crate) fn of(origin: &Origin, defects: Defects) -> Self {
        let name = match origin.port() {
            Some(port) => format!("__Host-session-{port}"),
            None => "__Host-session".into(),
        };
        Self { name, defects }
    }

    /// The session that a request comes with.
    pub(crate) fn read(&self, headers: &HeaderMap) -> Option<SessionId> {
        let values = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let (_, value) = values
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name)?;
        // Anything else was not made here.
        let made_here = value.len() == 43 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        made_here.then(|| SessionId(Secret::new(value.to_owned())))
    }

    /// Gives the session to the browser; `__Host-` holds it to this host,
    /// HTTPS and the root path.
    pub(crate) fn set(&self, id: &SessionId, max_age: u64) -> Option<HeaderValue> {
        self.header(id.0.expose(), max_age)
    }

    /// Takes the session from the browser.
    pub(crate) fn clear(&self) -> Option<HeaderValue> {
        self.header("", 0)
    }

    fn header(&self, value: &str, max_age: u64) -> Option<HeaderValue> {
        let http_only = if self.defects.has(Defect::ShowsCookieToScripts) { "" } else { "HttpOnly; " };
        let text = format!("{}={value}; Path=/; Max-Age={max_age}; Secure; {http_only}SameSite=Strict", self.name);
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// The logins that are open.
#[derive(Debug)]
pub(crate) struct Sessions {
    lifetime: u64,
    open: HashMap<SessionKey, Session>,
}

#[derive(Debug)]
struct Session {
    username: String,
    expires: u64,
}

impl Sessions {
    /// Sessions in all, and of one user; the oldest goes.
    const CAPACITY: usize = 100_000;
    const PER_USER: usize = 16;

    pub(crate) fn new(lifetime: u64) -> Self {
        Self { lifetime, open: HashMap::new() }
    }

    /// Seconds that a session lasts.
    pub(crate) fn lifetime(&self) -> u64 {
        self.lifetime
    }

    pub(crate) fn open(&mut self, key: SessionKey, username: &str, now: u64) {
        if self.open.len() >= Self::CAPACITY {
            self.open.retain(|_, session| now < session.expires);
        }
        let of_user = self.open.values().filter(|session| session.username == username).count();
        if of_user >= Self::PER_USER {
            self.drop_oldest(|session| session.username == username);
        }
        if self.open.len() >= Self::CAPACITY {
            self.drop_oldest(|_| true);
        }
        let expires = now.saturating_add(self.lifetime);
        self.open.insert(key, Session { username: username.to_owned(), expires });
    }

    /// The user whose session it is.
    pub(crate) fn find(&self, key: &SessionKey, now: u64) -> Option<&str> {
        let session = self.open.get(key).filter(|session| now < session.expires)?;
        Some(&session.username)
    }

    pub(crate) fn close(&mut self, key: &SessionKey) {
        self.open.remove(key);
    }

    fn drop_oldest(&mut self, choose: impl Fn(&Session) -> bool) {
        let chosen = self.open.iter().filter(|(_, session)| choose(session));
        if let Some(key) = chosen.min_by_key(|(_, session)| session.expires).map(|(key, _)| key.clone()) {
            self.open.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> SessionKey {
        SessionKey(n.to_string())
    }

    #[test]
    fn a_session_ends_with_its_time_or_a_logout() {
        let mut sessions = Sessions::new(100);
        sessions.open(key(1), "alice", 1000);
        sessions.open(key(2), "bob", 1000);
        assert_eq!(sessions.find(&key(1), 1099), Some("alice"));
        assert_eq!(sessions.find(&key(1), 1100), None);
        sessions.close(&key(2));
        assert_eq!(sessions.find(&key(2), 1000), None);
    }

    #[test]
    fn one_user_cannot_hold_sessions_without_end() {
        let mut sessions = Sessions::new(100);
        sessions.open(key(999), "bob", 0);
        for n in 0..100 {
            sessions.open(key(n), "alice", n as u64);
        }
        assert_eq!(sessions.open.len(), Sessions::PER_USER + 1);
        assert_eq!(sessions.find(&key(0), 99), None, "the oldest went");
        assert_eq!(sessions.find(&key(99), 99), Some("alice"));
        assert_eq!(sessions.find(&key(999), 99), Some("bob"), "another user's stays");
    }

    #[test]
    fn a_cookie_comes_back_as_it_was_set() {
        let cookie = Cookie::of(&Origin::parse("https://localhost:8443").unwrap(), Defects::NONE);
        let id = SessionId::random().unwrap();
        let set = cookie.set(&id, 60).unwrap();
        let set = set.to_str().unwrap();
        let (pair, attributes) = set.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Strict");

        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("other=1; {pair}; x=y").parse().unwrap());
        assert_eq!(cookie.read(&headers).unwrap().key(), id.key());
    }

    #[test]
    fn cookies_of_two_ports_have_two_names_and_the_default_port_none() {
        let name = |origin| Cookie::of(&Origin::parse(origin).unwrap(), Defects::NONE).name;
        assert_eq!(name("https://localhost:8443"), "__Host-session-8443");
        assert_eq!(name("https://localhost:9443"), "__Host-session-9443");
        assert_eq!(name("https://wwsf.ims.example"), "__Host-session");
    }

    #[test]
    fn what_was_not_made_here_is_no_session() {
        let cookie = Cookie::of(&Origin::parse("https://localhost").unwrap(), Defects::NONE);
        for value in ["", "__Host-session=", "__Host-session=short", "session=x", "__Host-session=\"é\""] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            assert!(cookie.read(&headers).is_none(), "{value}");
        }
    }
}
