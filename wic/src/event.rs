use std::fmt;

use bytes::Bytes;

use crate::{Binding, CallEvent, CallId, Failure, MessageId, OptionsId, Party, State, WssUrl};
use ims::Impu;

/// What the shell is to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Open a WebSocket to the eP-CSCF, subprotocol `sip` (RFC 7118 §4), and answer with
    /// `connected` or `connect_failed`.
    Connect {
        /// Where to.
        url: WssUrl,
    },
    /// Send one WebSocket message: text when it is UTF-8, else binary (RFC 7118 §4.2).
    Send(Bytes),
    /// Close the WebSocket, or give up opening it, once what was sent has gone out. The agent has
    /// forgotten it already: nothing more of it, its closing included, is told to the agent.
    Close {
        /// One of [`close`].
        code: u16,
        /// Why.
        reason: &'static str,
    },
    /// Ask the WWSF for a new token and answer with `token`.
    FetchToken {
        /// What for.
        reason: TokenReason,
    },
    /// Show this.
    Event(Event),
}

/// The WebSocket close codes that a WIC uses; a browser's script may use no others.
pub mod close {
    /// Done.
    pub const NORMAL: u16 = 1000;
    /// The server did not prove that it knows the password.
    pub const UNAUTHORIZED: u16 = 3000;
    /// The server does not answer.
    pub const TIMEOUT: u16 = 3008;
}

/// Why a token is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenReason {
    /// To begin with.
    First,
    /// The one at hand served another connection, or has expired.
    Reconnect,
    /// The one at hand nears its end.
    Refresh,
    /// The eP-CSCF refused the one at hand.
    Rejected,
}

/// What a person may want to know.
#[derive(Clone, Debug)]
pub enum Event {
    /// The state is another.
    StateChanged(State),
    /// A SIP message or keep-alive went out.
    MessageSent(Wire),
    /// One came in.
    MessageReceived(Wire),
    /// Something came in that is not for this WIC to act on; it was dropped.
    Discarded {
        /// Why.
        reason: String,
    },
    /// The WWSF gave another token.
    TokenRefreshed {
        /// Its lifetime in seconds.
        expires_in: u64,
    },
    /// A REGISTER was answered 200 OK: the first one, or a refresh.
    Registered(Box<Binding>),
    /// The registration was ended by this WIC.
    Deregistered {
        /// Whether the network said so; otherwise it will end by itself.
        confirmed: bool,
    },
    /// It failed; whether for good, the state tells.
    Failed(Failure),
    /// Something happened in a call.
    Call {
        /// Which.
        call: CallId,
        /// What.
        event: CallEvent,
    },
    /// A message came (RFC 3428).
    Message {
        /// Who sent it.
        from: Party,
        /// To which of our identities (P-Called-Party-ID).
        called: Option<Impu>,
        /// What it says.
        text: String,
    },
    /// The other side took a message.
    MessageDelivered {
        /// Which.
        id: MessageId,
    },
    /// A message did not arrive.
    MessageFailed {
        /// Which.
        id: MessageId,
        /// The status; 408 when nobody answered, 503 when the connection was lost.
        status: u16,
        /// Why.
        reason: String,
    },
    /// An OPTIONS was answered, or was not (408, 503).
    OptionsAnswered {
        /// Which.
        id: OptionsId,
        /// The status.
        status: u16,
        /// Its reason phrase.
        reason: String,
        /// The methods that the other side takes.
        allow: Vec<String>,
    },
}

/// A message as it was on the wire, credentials included. `Debug` shows only its first line.
#[derive(Clone, PartialEq, Eq)]
pub struct Wire(Bytes);

impl Wire {
    pub(crate) fn new(octets: Bytes) -> Self {
        Self(octets)
    }

    /// The octets. They hold tokens: show them to the user they belong to, and log them nowhere.
    pub fn octets(&self) -> &Bytes {
        &self.0
    }

    /// CRLF or CRLF CRLF (RFC 5626 §3.5.1).
    pub fn is_keepalive(&self) -> bool {
        self.0.iter().all(|b| matches!(b, b'\r' | b'\n'))
    }

    /// The request or status line.
    pub fn first_line(&self) -> String {
        let end = self.0.iter().position(|b| *b == b'\r').unwrap_or(self.0.len());
        String::from_utf8_lossy(&self.0[..end]).into_owned()
    }

    /// The message as text, with the token of a Bearer header left out.
    pub fn redacted(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let mut out = String::with_capacity(text.len().min(2048));
        for line in text.split_inclusive("\r\n") {
            let bearer = line.split_once(':').and_then(|(name, value)| {
                let scheme = value.trim_start().get(..6)?;
                (scheme.eq_ignore_ascii_case("bearer") && name.to_ascii_lowercase().ends_with("authorization"))
                    .then_some(name)
            });
            match bearer {
                Some(name) => {
                    out.push_str(name);
                    out.push_str(": Bearer …\r\n");
                }
                None => out.push_str(line),
            }
        }
        out
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({:?})", self.first_line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_in_neither_the_debug_nor_the_redacted_form() {
        let octets = "REGISTER sip:ims.example SIP/2.0\r\nAuthorization: Bearer a.b.c\r\nTo: <sip:a@b>\r\n\r\n";
        let wire = Wire::new(Bytes::from_static(octets.as_bytes()));
        assert_eq!(wire.redacted(), octets.replace("a.b.c", "…"));
        assert_eq!(format!("{wire:?}"), "Wire(\"REGISTER sip:ims.example SIP/2.0\")");
    }
}
