//! Records for tests.

use crate::record::{Direction, Leg, Record};
use crate::steps::{header, uri};

/// A record of nothing yet.
pub(crate) fn blank(node: &str, direction: Direction, peer: &str, leg: Leg) -> Record {
    Record { seq: 1, ..Record::blank(1_764_050_400_000_000, node, direction, peer, leg) }
}

pub(crate) fn sip(node: &str, direction: Direction, peer: &str, leg: Leg, text: &str) -> Record {
    let first = text.split("\r\n").next().unwrap_or_default();
    let summary = first.strip_prefix("SIP/2.0 ").or_else(|| first.strip_suffix(" SIP/2.0")).unwrap_or(first);
    Record {
        summary: summary.into(),
        call_id: header(text, "call-id"),
        subject: header(text, "to").and_then(|to| uri(&to)),
        text: text.into(),
        ..blank(node, direction, peer, leg)
    }
}

pub(crate) fn http(node: &str, direction: Direction, summary: &str) -> Record {
    Record { summary: summary.into(), text: summary.into(), ..blank(node, direction, "wic", Leg::Https) }
}

pub(crate) fn cx(node: &str, direction: Direction, peer: &str, summary: &str) -> Record {
    Record { summary: summary.into(), text: format!("{summary} {{\n}}"), ..blank(node, direction, peer, Leg::Cx) }
}
