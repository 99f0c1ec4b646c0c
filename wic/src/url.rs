use std::fmt;
use std::str::FromStr;

use sip::{Host, Transport};

/// The address of an eP-CSCF: `wss://host[:port][/path]`.
///
/// `ws://` is taken for a loopback host alone: W2 runs over TLS (TS 33.203 X.2.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WssUrl {
    text: String,
    transport: Transport,
}

impl WssUrl {
    /// The URL as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// WSS, or WS: what the Via header says (RFC 7118 §5.2).
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The eP-CSCF's own page, where a person can look at its certificate and accept it.
    pub fn page(&self) -> String {
        let scheme = if self.transport == Transport::Wss { "https" } else { "http" };
        format!("{scheme}://{}/", self.authority())
    }

    fn authority(&self) -> &str {
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }
}

impl FromStr for WssUrl {
    type Err = WssUrlError;

    fn from_str(text: &str) -> Result<Self, WssUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(WssUrlError::Scheme)?;
        let transport = match scheme.to_ascii_lowercase().as_str() {
            "wss" => Transport::Wss,
            "ws" => Transport::Ws,
            _ => return Err(WssUrlError::Scheme),
        };
        if !rest.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\".contains(&b)) {
            return Err(WssUrlError::Character);
        }
        let authority = rest.split('/').next().unwrap_or_default();
        let host = host(authority).ok_or(WssUrlError::Authority)?;
        if transport == Transport::Ws && !is_loopback(&host) {
            return Err(WssUrlError::Insecure);
        }
        Ok(Self { text: text.to_owned(), transport })
    }
}

impl fmt::Display for WssUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not the address of an eP-CSCF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WssUrlError {
    /// Not `wss:` (nor `ws:`).
    #[error("the eP-CSCF's address is not a wss:// URL (RFC 6455 §3)")]
    Scheme,
    /// A space, a control, a quote.
    #[error("the eP-CSCF's address holds a character that no URL holds")]
    Character,
    /// No host, or a malformed host or port.
    #[error("the eP-CSCF's address has no proper host and port")]
    Authority,
    /// `ws:` to another machine.
    #[error("the eP-CSCF's address is ws://, without TLS (TS 33.203 X.2.2.3)")]
    Insecure,
}

fn host(authority: &str) -> Option<Host> {
    if authority.contains(['@', '?', '#']) {
        return None;
    }
    let v6_end = authority.find(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[v6_end..].find(':') {
        Some(at) => (&authority[..v6_end + at], Some(&authority[v6_end + at + 1..])),
        None => (authority, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return None;
    }
    host.parse().ok()
}

fn is_loopback(host: &Host) -> bool {
    host.as_str().eq_ignore_ascii_case("localhost") || host.ip().is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_transport_and_its_page() {
        for (text, transport, page) in [
            ("wss://localhost:7443", Transport::Wss, "https://localhost:7443/"),
            ("wss://epcscf1.ims.example/sip", Transport::Wss, "https://epcscf1.ims.example/"),
            ("WSS://[::1]:7443/", Transport::Wss, "https://[::1]:7443/"),
            ("ws://127.0.0.1:80/", Transport::Ws, "http://127.0.0.1:80/"),
        ] {
            let url: WssUrl = text.parse().unwrap();
            assert_eq!((url.transport(), url.page().as_str()), (transport, page));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        for (text, error) in [
            ("localhost:7443", WssUrlError::Scheme),
            ("https://localhost", WssUrlError::Scheme),
            ("ws://epcscf1.ims.example", WssUrlError::Insecure),
            ("wss://", WssUrlError::Authority),
            ("wss://:7443", WssUrlError::Authority),
            ("wss://host:70000", WssUrlError::Authority),
            ("wss://user@host", WssUrlError::Authority),
            ("wss://ho st", WssUrlError::Character),
        ] {
            assert_eq!(text.parse::<WssUrl>(), Err(error), "{text}");
        }
    }
}
