//! What the page says of calls.

use wic::{CallError, EndedBy};

/// Where a call stands, as the page sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// We want to call; the devices open.
    Preparing,
    /// We call, and nothing has come back.
    Calling,
    /// It rings there.
    Ringing,
    /// We are called.
    Incoming,
    /// We take the call.
    Answering,
    /// We talk.
    Established,
    /// We talked, and the connection to the network is lost.
    Suspended,
}

impl Stage {
    /// A word for scripts: that of [`wic::CallState`] where there is one.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Calling => "calling",
            Self::Ringing => "ringing",
            Self::Incoming => "incoming",
            Self::Answering => "answering",
            Self::Established => "established",
            Self::Suspended => "suspended",
        }
    }

    /// Whether it was accepted.
    pub(crate) fn is_established(self) -> bool {
        matches!(self, Self::Established | Self::Suspended)
    }
}

/// Who holds whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) by_us: bool,
    pub(crate) by_them: bool,
}

impl Hold {
    /// A word for scripts.
    pub(crate) fn name(self) -> &'static str {
        match (self.by_us, self.by_them) {
            (false, false) => "none",
            (true, false) => "local",
            (false, true) => "remote",
            (true, true) => "both",
        }
    }
}

/// Where a call stands, in words.
pub(crate) fn standing(stage: Stage, hold: Hold, media: &str, early: bool) -> &'static str {
    match stage {
        Stage::Preparing => "Opening the microphone",
        Stage::Calling if early => "Calling, with sound from the other side",
        Stage::Calling => "Calling",
        Stage::Ringing if early => "Ringing, with sound from the other side",
        Stage::Ringing => "Ringing",
        Stage::Incoming => "Calls you",
        Stage::Answering => "Answering",
        Stage::Suspended => "The connection is lost; waiting for it to come back",
        Stage::Established => match (hold.by_us, hold.by_them) {
            (true, true) => "On hold at both sides",
            (true, false) => "On hold",
            (false, true) => "The other side put you on hold",
            (false, false) => match media {
                "connected" => "In call",
                "disconnected" | "failed" => "In call, but no sound gets through",
                _ => "Connecting sound and picture",
            },
        },
    }
}

/// How a call ended, in words.
pub(crate) fn ending(by: EndedBy, status: Option<u16>, reason: &str, talked: bool, outgoing: bool) -> String {
    let known = match (by, status) {
        (EndedBy::Local, _) if talked => "You hung up",
        (EndedBy::Local, Some(486)) => "You were busy",
        (EndedBy::Local, Some(480 | 408)) => "You did not answer",
        (EndedBy::Local, _) if outgoing => "You gave up",
        (EndedBy::Local, _) => "You declined",
        (EndedBy::Peer, None | Some(200)) if talked => "They hung up",
        (EndedBy::Peer, _) if !outgoing && !talked => "They gave up",
        (_, Some(486 | 600)) => "Busy",
        (_, Some(603)) => "Declined",
        (_, Some(404 | 604)) => "Nobody has this address",
        (_, Some(408)) => "No answer",
        (_, Some(480)) => "Not available",
        (_, Some(488 | 606)) => "No media that both sides have",
        _ => "",
    };
    let mut words = known.to_owned();
    let mut add = |text: &str| {
        if !text.is_empty() {
            if !words.is_empty() {
                words.push_str(" · ");
            }
            words.push_str(text);
        }
    };
    if by != EndedBy::Local
        && let Some(status) = status.filter(|status| *status >= 300)
    {
        add(&[&status.to_string(), " ", reason].concat());
    } else if known.is_empty() || by == EndedBy::Network {
        add(reason);
    }
    if words.is_empty() { "Ended".to_owned() } else { words }
}

/// Why nothing was sent, in a sentence.
pub(crate) fn refusal(error: CallError) -> &'static str {
    match error {
        CallError::NotRegistered => "Not registered, or the connection is lost: nothing can be sent now.",
        CallError::TooMany => "Too many are under way. End one first.",
        CallError::Address => "This is no address that can be called.",
        CallError::TooLong => "The message is too long.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_says_who_and_why() {
        let (local, peer, network) = (EndedBy::Local, EndedBy::Peer, EndedBy::Network);
        let table = [
            (local, None, "", true, true, "You hung up"),
            (local, Some(487), "Request Terminated", false, true, "You gave up"),
            (local, Some(603), "Decline", false, false, "You declined"),
            (local, Some(486), "Busy Here", false, false, "You were busy"),
            (local, Some(480), "no answer", false, false, "You did not answer"),
            (peer, None, "", true, false, "They hung up"),
            (peer, Some(487), "", false, false, "They gave up · 487 "),
            (peer, Some(603), "Decline", false, true, "Declined · 603 Decline"),
            (peer, Some(486), "Busy Here", false, true, "Busy · 486 Busy Here"),
            (network, Some(404), "Not Found", false, true, "Nobody has this address · 404 Not Found"),
            (network, Some(503), "HSS down", false, true, "503 HSS down"),
            (network, None, "the session timer ran out", true, true, "the session timer ran out"),
            (network, None, "", false, true, "Ended"),
        ];
        for (by, status, reason, talked, outgoing, words) in table {
            assert_eq!(ending(by, status, reason, talked, outgoing), words);
        }
    }

    #[test]
    fn a_hold_is_seen_from_each_side() {
        let standing = |by_us, by_them| standing(Stage::Established, Hold { by_us, by_them }, "connected", false);
        assert_eq!(standing(false, false), "In call");
        assert_eq!(standing(true, false), "On hold");
        assert_eq!(standing(false, true), "The other side put you on hold");
        assert_eq!(standing(true, true), "On hold at both sides");
    }
}
