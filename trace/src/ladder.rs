//! A sequence diagram for a terminal.

use crate::hops::{Hop, hops, nodes};
use crate::record::{Leg, Procedure, Record};
use std::borrow::{Borrow, Cow};
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
/// Columns for a lifeline: at best, before times are left out, before names and methods are
/// shortened, and before the drawing becomes a list.
const WIDEST: usize = 30;
const NARROW: usize = 13;
const NARROWEST: usize = 8;

/// Draws `records`, oldest first. A message that both its ends recorded is drawn once. Where several
/// WICs take part they are the nodes `wic NAME`.
///
/// The drawing folds to the width: it first gives up the times, then the length of names, and at last
/// becomes a list with one message an entry.
pub fn draw<R: Borrow<Record>>(records: &[R], style: Style) -> String {
    let hops = hops(records);
    let nodes = nodes(&hops);
    let Some(first) = hops.first().map(|hop| hop.record.time_us) else { return String::new() };
    let margin = if hops.iter().any(|hop| hop.record.procedure.is_some()) { HALF } else { STEP };
    let sheet = Sheet::of(nodes, margin, first, style);
    match sheet.pitch {
        Some(pitch) => sheet.diagram(&hops, pitch),
        None => sheet.list(&hops),
    }
}

/// How the drawing is laid out.
struct Sheet<'a> {
    nodes: Vec<&'a str>,
    /// Columns for a lifeline; none when there is no room for any.
    pitch: Option<usize>,
    /// Whether names and methods are shortened.
    short: bool,
    margin: usize,
    first: u64,
    style: Style,
}

impl<'a> Sheet<'a> {
    fn of(nodes: Vec<&'a str>, margin: usize, first: u64, style: Style) -> Self {
        let pitch = |gutter: usize| style.width.saturating_sub(gutter) / nodes.len().max(1);
        let timed = pitch(margin + TIMES);
        let (pitch, short, times) = match pitch(margin) {
            _ if style.times && timed >= NARROW => (Some(timed.min(WIDEST)), false, true),
            untimed if untimed >= NARROW => (Some(untimed.min(WIDEST)), false, false),
            untimed if untimed >= NARROWEST => (Some(untimed), true, false),
            _ => (None, true, style.times && style.width >= 50),
        };
        Self { nodes, pitch, short, margin, first, style: Style { times, ..style } }
    }

    fn diagram(&self, hops: &[Hop<'_>], pitch: usize) -> String {
        let gutter = self.margin + if self.style.times { TIMES } else { 0 };
        let mut out = format!("{:gutter$}", "");
        for node in &self.nodes {
            let name = if self.short { short_label(node) } else { label(node) };
            let _ = write!(out, "{:^pitch$}", cut(&name, pitch - 1));
        }
        trim_line(&mut out);
        for hop in hops {
            out.push_str(&self.start(hop));
            self.line(&mut out, hop, pitch);
            trim_line(&mut out);
        }
        out
    }

    /// An entry longer than the terminal is wide goes on below its text.
    fn list(&self, hops: &[Hop<'_>]) -> String {
        let mut out = String::new();
        for hop in hops {
            let start = self.start(hop);
            let indent = start.chars().count() + 2;
            let text = format!("{} → {}: {}", short_label(hop.from), short_label(hop.to), hop.record.summary);
            for (at, line) in wrap(&text, self.style.width.saturating_sub(indent).max(8)).iter().enumerate() {
                match at {
                    0 => out.push_str(&start),
                    _ => out.extend(std::iter::repeat_n(' ', indent)),
                }
                paint(&mut out, hop, line, self.style);
                out.push('\n');
            }
        }
        out
    }

    /// What stands before the drawing: the step or half, and the time.
    fn start(&self, hop: &Hop<'_>) -> String {
        let step = match (hop.record.step, hop.record.procedure) {
            (Some(step), _) => step.to_string(),
            (None, procedure) => procedure.map_or("", Procedure::short).to_owned(),
        };
        let mut out = format!("{step:<0$}", self.margin);
        if self.style.times {
            let ms = hop.record.time_us.saturating_sub(self.first) as f64 / 1000.0;
            let _ = write!(out, "{:<TIMES$}", format!("+{ms:.1} ms"));
        }
        out
    }

    fn line(&self, out: &mut String, hop: &Hop<'_>, pitch: usize) {
        let position = |name: &str| self.nodes.iter().position(|n| *n == name).unwrap_or(0);
        let (from, to) = (position(hop.from), position(hop.to));
        let (left, right) = (from.min(to), from.max(to));
        let half = pitch / 2;
        let _ = write!(out, "{:half$}", "");
        for _ in 0..left {
            let _ = write!(out, "│{:1$}", "", pitch - 1);
        }
        out.push('│');
        if left == right {
            let room = (self.nodes.len() - right) * pitch - half;
            paint(out, hop, &format!(" ↺ {}", self.fit(hop, room.saturating_sub(4))), self.style);
            return;
        }
        paint(out, hop, &self.shaft(hop, (right - left) * pitch - 1, from < to), self.style);
        out.push('│');
        for _ in right + 1..self.nodes.len() {
            let _ = write!(out, "{:1$}│", "", pitch - 1);
        }
    }

    /// An arrow of exactly `length` characters with the label in its middle.
    fn shaft(&self, hop: &Hop<'_>, length: usize, rightwards: bool) -> String {
        let label = self.fit(hop, length.saturating_sub(if self.short { 2 } else { 3 }));
        let dashes = length - 1 - label.chars().count();
        let (before, after) = ("─".repeat(dashes / 2), "─".repeat(dashes - dashes / 2));
        if rightwards { format!("{before}{label}{after}▶") } else { format!("◀{before}{label}{after}") }
    }

    /// The summary, or as many of its first words as there is room for. A path says more than a method,
    /// so HTTP is cut within words.
    fn fit(&self, hop: &Hop<'_>, room: usize) -> String {
        let (summary, count) = (hop.record.summary.as_str(), |s: &str| s.chars().count());
        if count(summary) <= room {
            return summary.to_owned();
        }
        let words =
            summary.match_indices(' ').map(|(at, _)| &summary[..at]).take_while(|words| count(words) <= room).last();
        match words {
            Some(words) if hop.record.leg != Leg::Https => words.to_owned(),
            _ if self.short => {
                let first = summary.split(' ').next().unwrap_or_default();
                cut(METHODS.iter().find(|(method, _)| *method == first).map_or(summary, |(_, short)| short), room)
            }
            _ => cut(summary, room),
        }
    }
}

/// Methods where there is room for four letters.
const METHODS: [(&str, &str); 10] = [
    ("REGISTER", "REG"),
    ("INVITE", "INV"),
    ("MESSAGE", "MSG"),
    ("SUBSCRIBE", "SUB"),
    ("NOTIFY", "NTFY"),
    ("CANCEL", "CANC"),
    ("OPTIONS", "OPT"),
    ("UPDATE", "UPD"),
    ("PRACK", "PRCK"),
    ("PUBLISH", "PUB"),
];

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// Lines of at most `room` characters, broken at spaces where that is possible.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        while let Some(line) = lines.last_mut() {
            let used = line.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= room {
                line.extend(std::iter::repeat_n(' ', gap).chain(word));
                break;
            }
            if used == 0 {
                line.extend(word.drain(..room));
            }
            lines.push(String::new());
        }
    }
    lines
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

fn paint(out: &mut String, hop: &Hop<'_>, text: &str, style: Style) {
    if !style.colour {
        out.push_str(text);
        return;
    }
    let colour = match hop.record.leg {
        _ if hop.failed => "31",
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

/// The name where room is scarce.
fn short_label(node: &str) -> Cow<'_, str> {
    match node {
        "partner-wwsf" => "Partner".into(),
        "rogue-wwsf" => "Rogue".into(),
        "epcscf" => "eP-CSCF".into(),
        other => label(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Direction;

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
    fn a_narrow_terminal_gets_short_names_and_then_a_list() {
        let drawn = draw(&sample(), Style { width: 40, colour: false, times: true });
        let lines: Vec<_> = drawn.lines().collect();
        assert_eq!(lines[0], "      WIC    eP-CSCF  I-CSCF     HSS", "{drawn}");
        assert_eq!(lines[2], "3      │        │──REG──▶│        │", "{drawn}");
        let drawn = draw(&sample(), Style { width: 30, colour: false, times: true });
        let lines: Vec<_> = drawn.lines().collect();
        assert_eq!(lines[..2], ["3  WIC → eP-CSCF: REGISTER", "     sip:ims.example"], "{drawn}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut records = sample();
        let long = "OPTIONS sip:a-name-without-any-space-that-is-wider-than-the-terminal@ims.example";
        records.push(record("sbc.elsewhere.example", "scscf", Direction::Out, Leg::Udp, long));
        records.push(record("wwsf", "wic", Direction::In, Leg::Https, "POST /api/token"));
        records.push(record("scscf", "scscf", Direction::Out, Leg::Udp, long));
        for width in 24..200 {
            for times in [false, true] {
                let drawn = draw(&records, Style { width, colour: false, times });
                let widest = drawn.lines().map(|line| line.chars().count()).max().unwrap();
                assert!(widest <= width, "{widest} > {width}\n{drawn}");
            }
        }
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
