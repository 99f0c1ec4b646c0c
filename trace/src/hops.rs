//! Messages as they are drawn: each once, from its sender to its receiver.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};

use crate::ladder;
use crate::record::{Direction, Leg, Record};
use crate::steps::header;

/// One message between two nodes.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// Who sent it.
    pub from: &'a str,
    /// Who received it.
    pub to: &'a str,
    /// Whether it says that something failed.
    pub failed: bool,
    /// The record that it is drawn from: the sender's, where there is one.
    pub record: &'a Record,
}

/// The messages that `records` tell of, in their order. One that both its ends recorded is there once.
pub fn hops<R: Borrow<Record>>(records: &[R]) -> Vec<Hop<'_>> {
    let records = || records.iter().map(Borrow::borrow);
    let tapped: HashSet<&str> = records().map(|record| record.node.as_str()).collect();
    let mut failures = Failures::default();
    let mut hops = Vec::new();
    for record in records() {
        let failed = failures.is_failure(record);
        let (from, to) = match record.direction {
            Direction::Out => (record.node.as_str(), record.peer.as_str()),
            Direction::In if tapped.contains(record.peer.as_str()) => continue,
            Direction::In => (record.peer.as_str(), record.node.as_str()),
        };
        hops.push(Hop { from, to, failed, record });
    }
    hops
}

/// The nodes of some hops, in the order in which their lifelines stand.
pub fn nodes<'a>(hops: &[Hop<'a>]) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    let mut nodes: Vec<&str> =
        hops.iter().flat_map(|hop| [hop.from, hop.to]).filter(|node| seen.insert(*node)).collect();
    ladder::sort(&mut nodes);
    nodes
}

/// Tells failures from challenges: a 401 or 407 is what flow 1 expects, unless the request that it
/// answers had brought credentials already (RFC 3261 §22.1, TS 24.229 §5.4.1.2).
#[derive(Default)]
struct Failures<'a> {
    /// Requests with credentials, by Call-ID and CSeq.
    presented: HashMap<&'a str, Vec<String>>,
}

impl<'a> Failures<'a> {
    fn is_failure(&mut self, record: &'a Record) -> bool {
        match record.leg {
            Leg::Cx => ["_ERROR_", "UNABLE_TO"].iter().any(|part| record.summary.contains(part)),
            Leg::Https | Leg::Upgrade => is_refusal(&record.summary),
            Leg::Wss | Leg::Udp | Leg::Tcp => self.is_sip_failure(record),
        }
    }

    fn is_sip_failure(&mut self, record: &'a Record) -> bool {
        let Some(call_id) = record.call_id.as_deref() else { return is_refusal(&record.summary) };
        if !record.text.starts_with("SIP/2.0 ") {
            if has_credentials(&record.text)
                && let Some(cseq) = header(&record.text, "cseq")
            {
                self.presented.entry(call_id).or_default().push(cseq);
            }
            return false;
        }
        if !["401 ", "407 "].iter().any(|status| record.summary.starts_with(status)) {
            return is_refusal(&record.summary);
        }
        let cseq = header(&record.text, "cseq");
        self.presented.get(call_id).zip(cseq).is_some_and(|(presented, cseq)| presented.contains(&cseq))
    }
}

fn is_refusal(summary: &str) -> bool {
    matches!(summary.as_bytes(), [b'4'..=b'6', b'0'..=b'9', b'0'..=b'9', b' ', ..])
}

/// A token, or a digest that answers a challenge; an empty `response` only identifies.
fn has_credentials(text: &str) -> bool {
    let value = header(text, "authorization").or_else(|| header(text, "proxy-authorization"));
    value.is_some_and(|value| {
        let digest = value.contains("response=\"") && !value.contains("response=\"\"");
        digest || value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{cx, sip};

    #[test]
    fn a_message_of_two_tapped_nodes_is_there_once_as_its_sender_saw_it() {
        let request = "REGISTER sip:ims.example SIP/2.0\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n\r\n";
        let records = [
            sip("epcscf", Direction::In, "wic", Leg::Wss, request),
            sip("epcscf", Direction::Out, "icscf", Leg::Udp, request),
            sip("icscf", Direction::In, "epcscf", Leg::Udp, request),
        ];
        let hops = hops(&records);
        let ends: Vec<_> = hops.iter().map(|hop| (hop.from, hop.to)).collect();
        assert_eq!(ends, [("wic", "epcscf"), ("epcscf", "icscf")]);
        assert_eq!(nodes(&hops), ["wic", "epcscf", "icscf"]);
    }

    #[test]
    fn a_challenge_is_no_failure_and_a_refusal_of_credentials_is() {
        let request = |cseq: u8, credentials: &str| {
            format!("REGISTER sip:x SIP/2.0\r\nCall-ID: c\r\nCSeq: {cseq} REGISTER\r\n{credentials}\r\n")
        };
        let challenge = |cseq: u8| format!("SIP/2.0 401 Unauthorized\r\nCall-ID: c\r\nCSeq: {cseq} REGISTER\r\n\r\n");
        let identified = "Authorization: Digest username=\"a\", response=\"\"\r\n";
        let digest = "Authorization: Digest username=\"a\", response=\"ab\"\r\n";
        let bearer = "Authorization: Bearer [token]\r\n";
        let records = [
            request(1, identified),
            challenge(1),
            request(2, digest),
            challenge(2),
            request(3, bearer),
            challenge(3),
            request(4, ""),
            "SIP/2.0 403 Forbidden\r\nCall-ID: c\r\nCSeq: 4 REGISTER\r\n\r\n".into(),
        ]
        .map(|text| sip("epcscf", Direction::In, "wic", Leg::Wss, &text));
        let failed: Vec<_> = hops(&records).iter().map(|hop| hop.failed).collect();
        assert_eq!(failed, [false, false, false, true, false, true, false, true]);
    }

    #[test]
    fn the_hss_fails_in_its_own_words() {
        let failed = |summary| hops(&[cx("hss", Direction::Out, "icscf", summary)])[0].failed;
        assert!(failed("UAA DIAMETER_ERROR_USER_UNKNOWN (5001)"));
        assert!(failed("SAA DIAMETER_UNABLE_TO_COMPLY (5012)"));
        assert!(!failed("UAA DIAMETER_FIRST_REGISTRATION (2001)"));
    }
}
