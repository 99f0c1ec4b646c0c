//! Which step of the source text's flows (X.2.1.2 to X.2.1.4) a message is.
//!
//! | step | flow 1 | flow 2 | flow 3 |
//! |---|---|---|---|
//! | 1 | page | page, login, token | page, token |
//! | 2 | WSS upgrade | WSS upgrade | WSS upgrade |
//! | 3 | first REGISTER | REGISTER with token | REGISTER with token |
//! | 4 | to the core, and its 401 | to the core by TNA | 200 from the eP-CSCF |
//! | 5 | REGISTER with the answer | 200 | – |
//! | 6 | to the core, and the 200 | – | – |
//!
//! Calls and messages (X.2.2) have no numbers there; their halves are told instead
//! ([`Procedure`](crate::Procedure)).

use crate::calls::{self, Calls};
use crate::record::{Leg, Record};
use std::collections::HashMap;

/// How many dialogs are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 4096;

/// Follows the registrations and says where each message belongs.
#[derive(Debug, Default)]
pub struct Steps {
    range_domains: Vec<String>,
    by_call: HashMap<String, Progress>,
    by_subject: HashMap<String, Progress>,
    order: std::collections::VecDeque<String>,
    calls: Calls,
}

#[derive(Clone, Copy, Debug)]
struct Progress {
    scenario: u8,
    step: u8,
}

impl Steps {
    /// Names a domain whose identities come out of a wildcard range: its registrations are flow 3.
    pub fn range_domain(&mut self, domain: &str) {
        self.range_domains.push(domain.to_ascii_lowercase());
    }

    /// Fills in `scenario` and `step`, or `procedure`, where they can be told.
    pub fn classify(&mut self, record: &mut Record) {
        match record.leg {
            Leg::Https => record.step = Some(1),
            Leg::Upgrade => record.step = Some(2),
            Leg::Cx if calls::is_location_query(record) => {
                (record.call_id, record.procedure) = self.calls.of_location_query(record);
            }
            Leg::Cx => {
                let progress = record.subject.as_ref().and_then(|s| self.by_subject.get(s)).copied();
                (record.scenario, record.step) = (progress.map(|p| p.scenario), progress.map(|p| p.step));
            }
            Leg::Wss | Leg::Udp | Leg::Tcp if self.is_of_a_registration(record) => self.classify_register(record),
            Leg::Wss | Leg::Udp | Leg::Tcp => record.procedure = self.calls.procedure(record),
        }
    }

    fn is_of_a_registration(&self, record: &Record) -> bool {
        record.text.starts_with("REGISTER ")
            || (record.text.starts_with("SIP/2.0")
                && record.call_id.as_ref().is_some_and(|id| self.by_call.contains_key(id)))
    }

    fn classify_register(&mut self, record: &mut Record) {
        let Some(call_id) = record.call_id.clone() else { return };
        let response = record.text.starts_with("SIP/2.0");
        let known = self.by_call.get(&call_id).copied();
        let progress = if response {
            known.map(|p| self.after_response(p, record))
        } else {
            Some(self.after_register(known, record))
        };
        let Some(progress) = progress else { return };
        (record.scenario, record.step) = (Some(progress.scenario), Some(progress.step));
        if let Some(subject) = &record.subject {
            self.by_subject.insert(subject.clone(), progress);
            if let Some(impi) = header(&record.text, "authorization").and_then(username) {
                self.by_subject.insert(impi, progress);
            }
        }
        if self.by_call.insert(call_id.clone(), progress).is_none() {
            self.order.push_back(call_id);
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_call.remove(&oldest);
                // Identities are few where dialogs are many; a coarse bound is enough.
                if self.by_subject.len() > 4 * REMEMBERED {
                    self.by_subject.clear();
                }
            }
        }
    }

    fn after_register(&self, known: Option<Progress>, record: &Record) -> Progress {
        let on_w2 = record.leg == Leg::Wss;
        let credentials = header(&record.text, "authorization").unwrap_or_default();
        if !on_w2 {
            let known = known.unwrap_or(Progress { scenario: 1, step: 3 });
            let step = if known.step >= 5 && known.scenario == 1 { 6 } else { 4 };
            return Progress { step, ..known };
        }
        let to_domain = header(&record.text, "to").and_then(|to| domain(&to));
        let in_range = to_domain.is_some_and(|d| self.range_domains.contains(&d));
        let bearer = credentials.get(..6).is_some_and(|s| s.eq_ignore_ascii_case("bearer"));
        match () {
            () if in_range => Progress { scenario: 3, step: 3 },
            () if bearer => Progress { scenario: 2, step: 3 },
            () if credentials.contains("response=") && !credentials.contains("response=\"\"") => {
                Progress { scenario: 1, step: 5 }
            }
            () => Progress { scenario: known.map_or(1, |k| k.scenario), step: 3 },
        }
    }

    fn after_response(&self, known: Progress, record: &Record) -> Progress {
        let challenge = record.text.starts_with("SIP/2.0 401");
        let step = match known.scenario {
            1 if challenge => 4,
            1 => known.step.max(4),
            2 => 5,
            _ => 4,
        };
        Progress { step, ..known }
    }
}

/// `record` with what can be read off a SIP message.
pub(crate) fn sip(record: Record, text: String) -> Record {
    let first = text.split("\r\n").next().unwrap_or_default();
    let summary = first.strip_prefix("SIP/2.0 ").or_else(|| first.strip_suffix(" SIP/2.0")).unwrap_or(first);
    Record {
        summary: summary.to_owned(),
        call_id: header(&text, "call-id").or_else(|| header(&text, "i")),
        subject: header(&text, "to").or_else(|| header(&text, "t")).and_then(|to| uri(&to)),
        text,
        ..record
    }
}

/// The value of the first header `name` (lower case), compact form not considered.
pub(crate) fn header(text: &str, name: &str) -> Option<String> {
    text.split("\r\n")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.split_once(':').filter(|(n, _)| n.trim().eq_ignore_ascii_case(name)))
        .map(|(_, value)| value.trim().to_owned())
}

/// The URI of a name-addr without parameters.
pub(crate) fn uri(value: &str) -> Option<String> {
    let uri = match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next()?,
        None => value,
    };
    Some(uri.split(';').next()?.trim().to_owned())
}

fn domain(value: &str) -> Option<String> {
    let uri = uri(value)?;
    let host = uri.rsplit('@').next()?;
    Some(host.trim_start_matches("sip:").split(':').next()?.to_ascii_lowercase())
}

fn username(credentials: String) -> Option<String> {
    let (_, rest) = credentials.split_once("username=\"")?;
    Some(rest.split('"').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Direction;

    fn record(leg: Leg, text: &str) -> Record {
        Record {
            seq: 0,
            time_us: 0,
            node: "epcscf".into(),
            peer: "wic".into(),
            direction: Direction::In,
            leg,
            local: None,
            remote: None,
            summary: String::new(),
            call_id: header(text, "call-id"),
            subject: header(text, "to").and_then(|to| uri(&to)),
            scenario: None,
            step: None,
            procedure: None,
            trace_id: None,
            text: text.replace('\n', "\r\n"),
        }
        .with_headers()
    }

    impl Record {
        fn with_headers(mut self) -> Self {
            self.call_id = header(&self.text, "call-id");
            self.subject = header(&self.text, "to").and_then(|to| uri(&to));
            self
        }
    }

    fn run(messages: &[(Leg, &str)]) -> Vec<(Option<u8>, Option<u8>)> {
        let mut steps = Steps::default();
        steps.range_domain("partner.ims.example");
        messages
            .iter()
            .map(|(leg, text)| {
                let mut record = record(*leg, text);
                steps.classify(&mut record);
                (record.scenario, record.step)
            })
            .collect()
    }

    #[test]
    fn digest_goes_through_steps_three_to_six() {
        let first = "REGISTER sip:ims.example SIP/2.0\nTo: <sip:alice@ims.example>\nCall-ID: c\n\n";
        let challenge = "SIP/2.0 401 Unauthorized\nTo: <sip:alice@ims.example>\nCall-ID: c\n\n";
        let answer = "REGISTER sip:ims.example SIP/2.0\nTo: <sip:alice@ims.example>\nCall-ID: c\n\
            Authorization: Digest username=\"alice-wic@ims.example\", response=\"ab\"\n\n";
        let ok = "SIP/2.0 200 OK\nTo: <sip:alice@ims.example>;tag=1\nCall-ID: c\n\n";
        let seen = run(&[
            (Leg::Wss, first),
            (Leg::Udp, first),
            (Leg::Udp, challenge),
            (Leg::Wss, challenge),
            (Leg::Wss, answer),
            (Leg::Udp, answer),
            (Leg::Wss, ok),
        ]);
        let steps: Vec<_> = seen.iter().map(|(_, step)| step.unwrap()).collect();
        assert_eq!(steps, [3, 4, 4, 4, 5, 6, 6]);
        assert!(seen.iter().all(|(scenario, _)| *scenario == Some(1)));
    }

    #[test]
    fn a_token_is_flow_two_at_home_and_flow_three_in_the_range() {
        let home =
            "REGISTER sip:ims.example SIP/2.0\nTo: <sip:alice@ims.example>\nCall-ID: a\nAuthorization: Bearer x\n\n";
        let range = "REGISTER sip:ims.example SIP/2.0\nTo: <sip:guest-1@Partner.ims.example>\nCall-ID: b\nAuthorization: Bearer x\n\n";
        let ok = "SIP/2.0 200 OK\nCall-ID: b\n\n";
        let seen = run(&[(Leg::Wss, home), (Leg::Wss, range), (Leg::Wss, ok), (Leg::Https, ""), (Leg::Upgrade, "")]);
        assert_eq!(
            seen,
            [(Some(2), Some(3)), (Some(3), Some(3)), (Some(3), Some(4)), (None, Some(1)), (None, Some(2)),]
        );
    }
}
