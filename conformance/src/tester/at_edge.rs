//! What the script sends on in an eP-CSCF's place.

use std::net::SocketAddr;

use sip::Transport;

use super::Person;
use crate::script::{Msg, digest};

/// An eP-CSCF's place, for one request.
#[derive(Clone, Copy, Debug)]
pub struct AtEdge<'a> {
    /// The home domain.
    pub home: &'a str,
    /// The script's address.
    pub addr: SocketAddr,
    /// How it reaches the core.
    pub transport: Transport,
    /// What tells this purpose's names from another's.
    pub salt: &'a str,
    /// Which request of the purpose it is.
    pub count: u32,
}

impl AtEdge<'_> {
    /// A REGISTER as an eP-CSCF passes it on: its Via, Path and P-headers are added.
    pub fn register(&self, register: &Msg) -> Msg {
        let Self { home, addr, transport, salt, count } = self;
        register
            .clone()
            .first("Via", format!("SIP/2.0/{transport} {addr};branch=z9hG4bKe{salt}x{count};rport"))
            .set("Max-Forwards", 69)
            .with("Path", format!("<sip:flow{salt}@{addr};lr;ob>"))
            .with("Require", "path")
            .with("P-Visited-Network-ID", format!("\"{home}\""))
            .with("P-Access-Network-Info", "IEEE-802.11;network-provided")
            .with("P-Charging-Vector", format!("icid-value=\"{salt}-{count}\";orig-ioi=\"Type 1{home}\""))
            .set("Content-Length", 0)
    }

    /// A request of a registered user, as the eP-CSCF passes it on to the S-CSCF of that host name.
    pub fn originating(&self, request: &Msg, scscf: &str, caller: &Person, lines: &[(&str, &str)]) -> Msg {
        let Self { home, addr, salt, count, .. } = self;
        let message = request
            .clone()
            .first("Route", format!("<sip:orig@{scscf};lr>"))
            .first("Via", format!("SIP/2.0/UDP {addr};branch=z9hG4bKo{salt}x{count};rport"))
            .set("Max-Forwards", 69)
            .with("Record-Route", format!("<sip:{addr};lr>"))
            .with("P-Asserted-Identity", format!("<{}>", caller.impu))
            .with("P-Charging-Vector", format!("icid-value=\"{salt}-{count}\";orig-ioi=\"Type 1{home}\""))
            .with("P-Access-Network-Info", "IEEE-802.11;network-provided");
        lines.iter().fold(message, |message, (name, value)| message.with(name, value))
    }
}

/// The header of trusted node authentication.
pub(super) fn vouch(home: &str, person: &Person, extra: &str) -> String {
    format!(
        "Digest username=\"{}\", realm=\"{home}\", uri=\"sip:{home}\", nonce=\"\", response=\"\", \
         integrity-protected=\"auth-done\"{extra}",
        person.impi
    )
}

/// Credentials as an eP-CSCF passes them on, with its word for the TLS session.
pub fn tls(credentials: &sip::headers::DigestCredentials, integrity: &str) -> String {
    let mut credentials = credentials.clone();
    credentials.params.set_quoted("integrity-protected", integrity);
    digest::authorization(credentials)
}
