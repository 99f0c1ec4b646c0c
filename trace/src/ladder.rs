//! A sequence diagram for a terminal.

use crate::record::{Direction, Leg, Procedure, Record};
use std::borrow::Cow;
use std::fmt::Write;

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether to colour by leg.
    pub colour: bool,
    /// Whether to print the time since the first message.
    pub times: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 100, colour: false, times: true }
    }
}

const ORDER: [&str; 8] = ["wic", "wwsf", "partner-wwsf", "rogue-wwsf", "epcscf", "icscf", "scscf", "hss"];
const TIMES: usize = 10;
/// The margin for the step of a registration, or for the half of a call.
const STEP: usize = 3;
const HALF: usize = 7;
/// Below this many columns a lifeline, the drawing folds to one line of text a message.
const NARROW: usize = 13;

/// Draws `records`, oldest first. A message that both its ends recorded is drawn once. Where several
/// WICs take part they are the nodes `wic NAME`.
pub fn draw(records: &[Record], style: Style) -> String {
    let arrows = arrows(records);
    let nodes = columns(&arrows);
    let Some(first) = arrows.first().map(|a| a.time_us) else { return String::new() };
    let margin = if arrows.iter().any(|a| a.procedure.is_some()) { HALF } else { STEP };
    let gutter = margin + if style.times { TIMES } else { 0 };
    let pitch = style.width.saturating_sub(gutter) / nodes.len().max(1);
    let mut out = String::new();
    if pitch < NARROW {
        for arrow in &arrows {
            let start = start(arrow, first, margin, style);
            let _ = write!(out, "{start}{} → {}: ", label(arrow.from), label(arrow.to));
            paint(&mut out, arrow, arrow.summary, style);
            out.push('\n');
        }
        return out;
    }
    let pitch = pitch.min(30);
    let _ = write!(out, "{:gutter$}", "");
    for node in &nodes {
        let _ = write!(out, "{:^pitch$}", label(node));
    }
    trim_line(&mut out);
    for arrow in &arrows {
        out.push_str(&start(arrow, first, margin, style));
        line(&mut out, &nodes, arrow, pitch, style);
        trim_line(&mut out);
    }
    out
}

struct Arrow<'a> {
    from: &'a str,
    to: &'a str,
    summary: &'a str,
    leg: Leg,
    time_us: u64,
    step: Option<u8>,
    procedure: Option<Procedure>,
}

fn arrows(records: &[Record]) -> Vec<Arrow<'_>> {
    let tapped = |node: &str| records.iter().any(|r| r.node == node);
    records
        .iter()
        .filter(|r| r.direction == Direction::Out || !tapped(&r.peer))
        .map(|r| {
            let (from, to) = match r.direction {
                Direction::Out => (r.node.as_str(), r.peer.as_str()),
                Direction::In => (r.peer.as_str(), r.node.as_str()),
            };
            let (summary, leg, time_us) = (r.summary.as_str(), r.leg, r.time_us);
            Arrow { from, to, summary, leg, time_us, step: r.step, procedure: r.procedure }
        })
        .collect()
}

fn columns<'a>(arrows: &[Arrow<'a>]) -> Vec<&'a str> {
    let mut nodes: Vec<&str> = Vec::new();
    for node in arrows.iter().flat_map(|a| [a.from, a.to]) {
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    sort(&mut nodes);
    nodes
}

/// Puts nodes in the order in which their lifelines stand; those that are none of the testbed's last.
pub fn sort<S: AsRef<str>>(nodes: &mut [S]) {
    nodes.sort_by_key(|node| place(node.as_ref()));
}

/// Whether a node is one of the testbed's.
pub fn is_known(node: &str) -> bool {
    place(node) < ORDER.len()
}

fn place(node: &str) -> usize {
    let kind = node.split(' ').next().unwrap_or_default();
    ORDER.iter().position(|known| *known == kind).unwrap_or(ORDER.len())
}

/// What stands before the drawing: the step or half, and the time.
fn start(arrow: &Arrow<'_>, first: u64, margin: usize, style: Style) -> String {
    let step = match (arrow.step, arrow.procedure) {
        (Some(step), _) => step.to_string(),
        (None, procedure) => procedure.map_or("", Procedure::short).to_owned(),
    };
    let mut out = format!("{step:<margin$}");
    if style.times {
        let ms = arrow.time_us.saturating_sub(first) as f64 / 1000.0;
        let _ = write!(out, "{:<TIMES$}", format!("+{ms:.1} ms"));
    }
    out
}

fn line(out: &mut String, nodes: &[&str], arrow: &Arrow<'_>, pitch: usize, style: Style) {
    let position = |name: &str| nodes.iter().position(|n| *n == name).unwrap_or(0);
    let (from, to) = (position(arrow.from), position(arrow.to));
    let (left, right) = (from.min(to), from.max(to));
    let half = pitch / 2;
    let _ = write!(out, "{:half$}", "");
    for _ in 0..left {
        let _ = write!(out, "│{:1$}", "", pitch - 1);
    }
    if left == right {
        out.push('│');
        paint(out, arrow, &format!(" ↺ {}", arrow.summary), style);
    } else {
        out.push('│');
        paint(out, arrow, &shaft(arrow, (right - left) * pitch - 1, from < to), style);
        out.push('│');
    }
    for _ in right + 1..nodes.len() {
        let _ = write!(out, "{:1$}│", "", pitch - 1);
    }
}

/// An arrow of exactly `length` characters with the label in its middle.
fn shaft(arrow: &Arrow<'_>, length: usize, rightwards: bool) -> String {
    let label = fit(arrow, length.saturating_sub(3));
    let dashes = length - 1 - label.chars().count();
    let (before, after) = ("─".repeat(dashes / 2), "─".repeat(dashes - dashes / 2));
    if rightwards { format!("{before}{label}{after}▶") } else { format!("◀{before}{label}{after}") }
}

/// The summary, or as many of its first words as there is room for. A path says more than a method,
/// so HTTP is cut within words.
fn fit(arrow: &Arrow<'_>, room: usize) -> String {
    let (summary, count) = (arrow.summary, |s: &str| s.chars().count());
    if count(summary) <= room {
        return summary.to_owned();
    }
    let words =
        summary.match_indices(' ').map(|(at, _)| &summary[..at]).take_while(|words| count(words) <= room).last();
    match words {
        Some(words) if arrow.leg != Leg::Https => words.to_owned(),
        _ => summary.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn paint(out: &mut String, arrow: &Arrow<'_>, text: &str, style: Style) {
    if !style.colour {
        out.push_str(text);
        return;
    }
    let failed = matches!(arrow.summary.as_bytes(), [b'4'..=b'6', b'0'..=b'9', b'0'..=b'9', b' ', ..])
        && !arrow.summary.starts_with("401");
    let colour = match arrow.leg {
        _ if failed => "31",
        Leg::Https | Leg::Upgrade => "35",
        Leg::Wss => "36",
        Leg::Udp | Leg::Tcp => "34",
        Leg::Cx => "33",
    };
    let _ = write!(out, "\x1b[{colour}m{text}\x1b[0m");
}

fn trim_line(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

/// The name people read.
pub fn label(node: &str) -> Cow<'_, str> {
    if let Some(name) = node.strip_prefix("wic ") {
        return format!("WIC {name}").into();
    }
    Cow::Borrowed(match node {
        "wic" => "WIC",
        "wwsf" => "WWSF",
        "partner-wwsf" => "Partner WWSF",
        "rogue-wwsf" => "Rogue WWSF",
        "epcscf" => "eP-CSCF",
        "icscf" => "I-CSCF",
        "scscf" => "S-CSCF",
        "hss" => "HSS",
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(node: &str, peer: &str, direction: Direction, leg: Leg, summary: &str) -> Record {
        Record {
            seq: 1,
            time_us: 1_000,
            node: node.into(),
            peer: peer.into(),
            direction,
            leg,
            local: None,
            remote: None,
            summary: summary.into(),
            call_id: None,
            subject: None,
            scenario: Some(2),
            step: Some(3),
            procedure: None,
            trace_id: None,
            text: String::new(),
        }
    }

    fn sample() -> Vec<Record> {
        vec![
            record("epcscf", "wic", Direction::In, Leg::Wss, "REGISTER sip:ims.example"),
            record("epcscf", "icscf", Direction::Out, Leg::Tcp, "REGISTER sip:ims.example"),
            record("icscf", "epcscf", Direction::In, Leg::Tcp, "REGISTER sip:ims.example"),
            record("icscf", "hss", Direction::Out, Leg::Cx, "UAR"),
            record("epcscf", "wic", Direction::Out, Leg::Wss, "403 Forbidden"),
        ]
    }

    #[test]
    fn each_message_is_drawn_once_between_its_nodes() {
        let drawn = draw(&sample(), Style { width: 100, colour: false, times: false });
        assert_eq!(drawn.lines().count(), 5, "{drawn}");
        let arrows: Vec<_> = drawn.lines().skip(1).collect();
        assert!(arrows[0].contains("REGISTER"), "{drawn}");
        assert!(arrows[2].contains("UAR"), "{drawn}");
        assert!(arrows[3].contains("│◀") && arrows[3].contains("403 Forbidden"), "{drawn}");
    }

    #[test]
    fn a_narrow_terminal_gets_a_list() {
        let drawn = draw(&sample(), Style { width: 40, colour: false, times: false });
        assert_eq!(drawn.lines().next(), Some("3  WIC → eP-CSCF: REGISTER sip:ims.example"));
    }

    #[test]
    fn several_wics_stand_side_by_side_in_the_order_in_which_they_speak() {
        let orig = |r| Record { step: None, procedure: Some(Procedure::Origination), ..r };
        let records = [
            orig(record("wic bob", "epcscf", Direction::Out, Leg::Wss, "INVITE sip:alice@ims.example")),
            orig(record("epcscf", "scscf", Direction::Out, Leg::Udp, "INVITE sip:alice@ims.example")),
            orig(record("epcscf", "wic alice", Direction::Out, Leg::Wss, "INVITE sip:alice@ims.example")),
        ];
        let drawn = draw(&records, Style { width: 120, colour: false, times: false });
        let lines: Vec<_> = drawn.lines().collect();
        let heads: Vec<_> = lines[0].split("  ").map(str::trim).filter(|head| !head.is_empty()).collect();
        assert_eq!(heads, ["WIC bob", "WIC alice", "eP-CSCF", "S-CSCF"], "{drawn}");
        assert!(lines.iter().skip(1).all(|line| line.starts_with("orig")), "{drawn}");
    }

    #[test]
    fn failures_are_red() {
        let drawn = draw(&sample(), Style { width: 100, colour: true, times: false });
        assert!(drawn.lines().last().unwrap().contains("\x1b[31m◀"), "{drawn}");
    }
}
