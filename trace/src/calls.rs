//! Which half of a call or a message a hop belongs to (TS 23.228 X.2.2: the procedures of any IMS,
//! with everything between WIC and S-CSCF passing the eP-CSCF).
//!
//! What opens a dialog, or stands alone, is origination until the I-CSCF has asked who serves the
//! callee, and termination after it; so are its responses, its CANCEL and the ACK of a refusal.
//! Everything else goes along the dialog. What the eP-CSCF asks on its own account, the SUBSCRIBE of
//! TS 24.229 §5.2.3, is neither half of anything.

use std::collections::{HashMap, VecDeque};

use crate::record::{Direction, Procedure, Record};
use crate::steps::{header, uri};

/// How many calls are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 4096;

/// Follows calls and messages.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    by_call: HashMap<String, Initial>,
    order: VecDeque<String>,
    /// The latest request at the I-CSCF for each identity, by Call-ID.
    located: HashMap<String, String>,
}

/// The request that opened a dialog or stands alone.
#[derive(Debug)]
struct Initial {
    key: Key,
    accepted: bool,
    /// Whether a node of the network began it.
    network: bool,
}

/// A transaction of one dialog: who started it, and its number there.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    from_tag: String,
    number: String,
    method: String,
}

impl Calls {
    /// The half that a SIP message other than REGISTER belongs to.
    pub(crate) fn procedure(&mut self, record: &Record) -> Option<Procedure> {
        let call_id = record.call_id.clone()?;
        let (key, method) = key(&record.text)?;
        if let Some(status) = record.text.strip_prefix("SIP/2.0 ") {
            let initial = self.by_call.get_mut(&call_id)?;
            if initial.network {
                return None;
            }
            if initial.key != key {
                return Some(Procedure::Dialog);
            }
            initial.accepted |= status.starts_with('2') && method == "INVITE";
            // A response goes back over the hop that its request came by.
            return Some(half(receiver(record), sender(record)));
        }
        self.note_location(record, &call_id);
        let known = self.by_call.get(&call_id);
        let along_the_dialog = match (method.as_str(), known) {
            ("ACK", Some(initial)) => initial.accepted || initial.key != key,
            _ => header(&record.text, "to").or_else(|| header(&record.text, "t")).is_some_and(|to| tag(&to).is_some()),
        };
        let (from, to) = (sender(record), receiver(record));
        let network = match known {
            Some(initial) => initial.network,
            None => method == "SUBSCRIBE" && (from, to) == ("epcscf", "icscf"),
        };
        if along_the_dialog {
            return (!network).then_some(Procedure::Dialog);
        }
        if known.is_none() {
            self.remember(call_id, key, network);
        }
        (!network).then(|| half(from, to))
    }

    /// The request that a location query is made for, and the half of it.
    pub(crate) fn of_location_query(&self, record: &Record) -> (Option<String>, Option<Procedure>) {
        let subject = record.subject.as_deref().map(str::to_ascii_lowercase);
        let Some(call_id) = subject.and_then(|subject| self.located.get(&subject)) else {
            return (None, Some(Procedure::Termination));
        };
        let network = self.by_call.get(call_id).is_some_and(|initial| initial.network);
        (Some(call_id.clone()), (!network).then_some(Procedure::Termination))
    }

    fn note_location(&mut self, record: &Record, call_id: &str) {
        if receiver(record) != "icscf" {
            return;
        }
        let Some(target) = record.text.split(' ').nth(1).and_then(uri) else { return };
        if self.located.len() >= REMEMBERED {
            self.located.clear();
        }
        self.located.insert(target.to_ascii_lowercase(), call_id.to_owned());
    }

    fn remember(&mut self, call_id: String, key: Key, network: bool) {
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_call.remove(&oldest);
        }
        self.order.push_back(call_id.clone());
        self.by_call.insert(call_id, Initial { key, accepted: false, network });
    }
}

/// Whether it is the I-CSCF's question who serves the callee, or the answer.
pub(crate) fn is_location_query(record: &Record) -> bool {
    ["LIR", "LIA"].iter().any(|command| record.summary.starts_with(command))
}

fn half(from: &str, to: &str) -> Procedure {
    match (from, to) {
        ("icscf", _) | ("epcscf", "wic") => Procedure::Termination,
        ("scscf", to) if to != "icscf" => Procedure::Termination,
        _ => Procedure::Origination,
    }
}

fn sender(record: &Record) -> &str {
    match record.direction {
        Direction::Out => &record.node,
        Direction::In => &record.peer,
    }
}

fn receiver(record: &Record) -> &str {
    match record.direction {
        Direction::Out => &record.peer,
        Direction::In => &record.node,
    }
}

/// The transaction that a message belongs to, and its own method. CANCEL and ACK have the number of
/// their INVITE (RFC 3261 §§9.1, 17.1.1.3).
fn key(text: &str) -> Option<(Key, String)> {
    let cseq = header(text, "cseq")?;
    let (number, method) = cseq.split_once(' ')?;
    let method = method.trim();
    let of = if matches!(method, "CANCEL" | "ACK") { "INVITE" } else { method };
    let from = header(text, "from").or_else(|| header(text, "f"))?;
    let key = Key { from_tag: tag(&from).unwrap_or_default().to_owned(), number: number.to_owned(), method: of.into() };
    Some((key, method.to_owned()))
}

fn tag(value: &str) -> Option<&str> {
    let parameters = value.rsplit('>').next()?;
    parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("tag="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Leg;
    use crate::steps::Steps;

    /// What each of these messages is: who sent it to whom, its first line, its CSeq, whose
    /// transaction it is, and whether To has a tag.
    fn run(messages: &[(&str, &str, &str, &str, &str, bool)]) -> Vec<&'static str> {
        let mut steps = Steps::default();
        messages
            .iter()
            .map(|&(from, to, first, cseq, tag, tagged)| {
                let to_tag = if tagged { ";tag=b" } else { "" };
                let text = format!(
                    "{first}\r\nFrom: <sip:a@x>;tag={tag}\r\nTo: <sip:b@x>{to_tag}\r\nCall-ID: c\r\nCSeq: {cseq}\r\n\r\n"
                );
                let mut record = Record {
                    seq: 0,
                    time_us: 0,
                    node: from.into(),
                    peer: to.into(),
                    direction: Direction::Out,
                    leg: Leg::Udp,
                    local: None,
                    remote: None,
                    summary: first.into(),
                    call_id: Some("c".into()),
                    subject: None,
                    scenario: None,
                    step: None,
                    procedure: None,
                    trace_id: None,
                    text,
                };
                steps.classify(&mut record);
                record.procedure.map_or("", Procedure::short)
            })
            .collect()
    }

    #[test]
    fn a_call_is_origination_then_termination_then_a_dialog() {
        let invite = "INVITE sip:b@x SIP/2.0";
        let seen = run(&[
            ("wic", "epcscf", invite, "1 INVITE", "a", false),
            ("epcscf", "scscf", invite, "1 INVITE", "a", false),
            ("scscf", "icscf", invite, "1 INVITE", "a", false),
            ("icscf", "scscf", invite, "1 INVITE", "a", false),
            ("scscf", "epcscf", invite, "1 INVITE", "a", false),
            ("epcscf", "wic", invite, "1 INVITE", "a", false),
            ("wic", "epcscf", "SIP/2.0 200 OK", "1 INVITE", "a", true),
            ("icscf", "scscf", "SIP/2.0 200 OK", "1 INVITE", "a", true),
            ("epcscf", "wic", "SIP/2.0 200 OK", "1 INVITE", "a", true),
            ("wic", "epcscf", "ACK sip:b@x SIP/2.0", "1 ACK", "a", true),
            ("wic", "epcscf", "BYE sip:a@x SIP/2.0", "1 BYE", "b", true),
            ("epcscf", "wic", "SIP/2.0 200 OK", "1 BYE", "b", true),
        ]);
        let expected =
            ["orig", "orig", "orig", "term", "term", "term", "term", "orig", "orig", "dialog", "dialog", "dialog"];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_cancel_and_the_ack_of_a_refusal_go_the_way_of_the_invite() {
        let seen = run(&[
            ("epcscf", "wic", "INVITE sip:b@x SIP/2.0", "1 INVITE", "a", false),
            ("epcscf", "wic", "CANCEL sip:b@x SIP/2.0", "1 CANCEL", "a", false),
            ("wic", "epcscf", "SIP/2.0 200 OK", "1 CANCEL", "a", true),
            ("wic", "epcscf", "SIP/2.0 487 Request Terminated", "1 INVITE", "a", true),
            ("epcscf", "wic", "ACK sip:b@x SIP/2.0", "1 ACK", "a", true),
        ]);
        assert_eq!(seen, ["term"; 5]);
    }

    fn record(node: &str, peer: &str, direction: Direction, leg: Leg, text: &str) -> Record {
        let cx = leg == Leg::Cx;
        Record {
            seq: 0,
            time_us: 0,
            node: node.into(),
            peer: peer.into(),
            direction,
            leg,
            local: None,
            remote: None,
            summary: text.lines().next().unwrap_or_default().into(),
            call_id: header(text, "call-id"),
            subject: cx.then(|| "sip:b@x".into()),
            scenario: None,
            step: None,
            procedure: None,
            trace_id: None,
            text: text.into(),
        }
    }

    /// The eP-CSCF watches the callee's registration while somebody calls it.
    #[test]
    fn a_location_query_belongs_to_the_request_it_is_made_for() {
        let sip = |method: &str, call: &str| {
            format!(
                "{method} sip:b@x;p=1 SIP/2.0\r\nFrom: <sip:a@x>;tag=a\r\nTo: <sip:b@x>\r\nCall-ID: {call}\r\n\
                 CSeq: 1 {method}\r\n\r\n"
            )
        };
        let (invite, watch) = (sip("INVITE", "c1"), sip("SUBSCRIBE", "w1"));
        let notify = "NOTIFY sip:e SIP/2.0\r\nFrom: <sip:b@x>;tag=s\r\nTo: <sip:e>;tag=a\r\nCall-ID: w1\r\nCSeq: 1 NOTIFY\r\n\r\n";
        let ok = "SIP/2.0 200 OK\r\nFrom: <sip:a@x>;tag=a\r\nTo: <sip:b@x>;tag=s\r\nCall-ID: w1\r\nCSeq: 1 SUBSCRIBE\r\n\r\n";
        let mut steps = Steps::default();
        let mut seen = Vec::new();
        for (node, peer, direction, leg, text) in [
            ("epcscf", "icscf", Direction::Out, Leg::Udp, watch.as_str()),
            ("icscf", "epcscf", Direction::In, Leg::Udp, &watch),
            ("icscf", "hss", Direction::Out, Leg::Cx, "LIR impu=sip:b@x"),
            ("hss", "icscf", Direction::Out, Leg::Cx, "LIA DIAMETER_SUCCESS"),
            ("scscf", "epcscf", Direction::Out, Leg::Udp, notify),
            ("icscf", "epcscf", Direction::Out, Leg::Udp, ok),
            ("icscf", "scscf", Direction::In, Leg::Udp, &invite),
            ("icscf", "hss", Direction::Out, Leg::Cx, "LIR impu=sip:b@x"),
        ] {
            let mut record = record(node, peer, direction, leg, text);
            steps.classify(&mut record);
            seen.push((record.call_id, record.procedure.map_or("", Procedure::short)));
        }
        let seen: Vec<_> = seen.iter().map(|(call, half)| (call.as_deref().unwrap_or_default(), *half)).collect();
        let watched = [("w1", ""); 6];
        assert_eq!(seen[..6], watched);
        assert_eq!(seen[6..], [("c1", "orig"), ("c1", "term")]);
    }
}
