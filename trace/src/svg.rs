//! Records as a drawing: an SVG that needs nothing else.
//!
//! Legs differ in colour and in dash, for those who see no colours; the colours are those of Okabe
//! and Ito. Failures are red and have a cross.

use std::borrow::Borrow;
use std::fmt::Write;

use crate::hops::{Hop, hops, nodes};
use crate::ladder::label;
use crate::markup::escape;
use crate::record::{Leg, Procedure, Record};

const LEFT: usize = 150;
const RIGHT: usize = 24;
const PITCH: usize = 168;
const HEAD: usize = 56;
const ROW: usize = 28;
const LEGEND: usize = 44;
/// A pause longer than this is shown, in microseconds.
const PAUSE: u64 = 500_000;

/// How a leg is drawn.
struct Look {
    leg: Leg,
    name: &'static str,
    colour: &'static str,
    dash: &'static str,
}

const LOOKS: [Look; 6] = [
    Look { leg: Leg::Https, name: "HTTPS (W1)", colour: "#a8397f", dash: "7 3" },
    Look { leg: Leg::Upgrade, name: "WebSocket upgrade (W2)", colour: "#b36b00", dash: "2 3" },
    Look { leg: Leg::Wss, name: "SIP over WSS (W2)", colour: "#0072b2", dash: "none" },
    Look { leg: Leg::Udp, name: "SIP over UDP (Mw)", colour: "#007a5a", dash: "none" },
    Look { leg: Leg::Tcp, name: "SIP over TCP (Mw)", colour: "#2f7f9e", dash: "10 3 2 3" },
    Look { leg: Leg::Cx, name: "Cx", colour: "#6b5b00", dash: "1 3" },
];
const FAILED: &str = "#c1121f";

impl Look {
    fn of(leg: Leg) -> &'static Self {
        let [first, ..] = &LOOKS;
        LOOKS.iter().find(|look| look.leg == leg).unwrap_or(first)
    }
}

/// The drawing of `records`, oldest first.
pub fn encode<R: Borrow<Record>>(records: &[R]) -> String {
    let hops = hops(records);
    let nodes = nodes(&hops);
    let rows = rows(&hops);
    let width = LEFT + nodes.len().max(1) * PITCH + RIGHT;
    let height = HEAD + rows.len() * ROW + ROW + LEGEND;
    let mut out = String::with_capacity(1024 + rows.len() * 512);
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" font-family=\"ui-sans-serif,system-ui,'Segoe UI',sans-serif\" font-size=\"12\">\n\
         <title>Sequence diagram of {} messages</title>\n\
         <defs>\n<style>.l{{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round;text-anchor:middle}}\
         .t{{fill:#555;font-variant-numeric:tabular-nums}}</style>\n",
        hops.len()
    );
    for (id, colour) in LOOKS.iter().map(|look| (look.leg.as_str(), look.colour)).chain([("failed", FAILED)]) {
        let _ = writeln!(
            out,
            "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\">\
             <path d=\"M0 0L8 4L0 8z\" fill=\"{colour}\"/></marker>"
        );
    }
    let _ = writeln!(out, "</defs>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>");
    let _ = writeln!(
        out,
        "<text class=\"t\" x=\"16\" y=\"29\">step</text><text class=\"t\" x=\"{}\" y=\"29\" text-anchor=\"end\">time</text>",
        LEFT - 12
    );
    lifelines(&mut out, &nodes, HEAD + rows.len() * ROW + ROW / 2);
    let first = hops.first().map_or(0, |hop| hop.record.time_us);
    for (at, row) in rows.iter().enumerate() {
        let y = HEAD + at * ROW + ROW / 2;
        match row {
            Row::Pause(us) => pause(&mut out, *us, width, y),
            Row::Message(hop) => message(&mut out, hop, &nodes, first, y),
        }
    }
    legend(&mut out, &hops, height - LEGEND / 2);
    out.push_str("</svg>\n");
    out
}

enum Row<'a> {
    Message(&'a Hop<'a>),
    Pause(u64),
}

fn rows<'a>(hops: &'a [Hop<'a>]) -> Vec<Row<'a>> {
    let mut rows = Vec::with_capacity(hops.len());
    let mut before = None;
    for hop in hops {
        let now = hop.record.time_us;
        let gap = before.map_or(0, |before| now.saturating_sub(before));
        if gap > PAUSE {
            rows.push(Row::Pause(gap));
        }
        before = Some(now);
        rows.push(Row::Message(hop));
    }
    rows
}

fn lifelines(out: &mut String, nodes: &[&str], bottom: usize) {
    for (at, node) in nodes.iter().enumerate() {
        let x = lifeline(at);
        let (left, width) = (x - PITCH / 2 + 12, PITCH - 24);
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"12\" width=\"{width}\" height=\"26\" rx=\"5\" fill=\"#f2f4f7\" stroke=\"#8a94a6\"/>\
             <text x=\"{x}\" y=\"29\" text-anchor=\"middle\" font-weight=\"600\" fill=\"#1b2430\">{}</text>\
             <path d=\"M{x} 38V{bottom}\" stroke=\"#c3cad5\"/>",
            escape(&shorten(&label(node), 22))
        );
    }
}

fn message(out: &mut String, hop: &Hop<'_>, nodes: &[&str], first: u64, y: usize) {
    let place = |node: &str| lifeline(nodes.iter().position(|known| *known == node).unwrap_or_default());
    let (from, to) = (place(hop.from), place(hop.to));
    let look = Look::of(hop.record.leg);
    let (colour, marker) = if hop.failed { (FAILED, "failed") } else { (look.colour, look.leg.as_str()) };
    let ms = hop.record.time_us.saturating_sub(first) as f64 / 1000.0;
    let _ = write!(
        out,
        "<g><title>{}</title><text x=\"16\" y=\"{}\" fill=\"#1b2430\">{}</text>\
         <text class=\"t\" x=\"{}\" y=\"{}\" text-anchor=\"end\">+{ms:.1} ms</text>",
        escape(&format!("{} → {}: {}", label(hop.from), label(hop.to), hop.record.summary)),
        y + 4,
        escape(&step(hop.record)),
        LEFT - 12,
        y + 4,
    );
    let middle = from.midpoint(to);
    // Wide letters take up to 8 units; the arrow's head needs its place too.
    let room = if from == to { PITCH } else { from.abs_diff(to) - 16 } / 8;
    let cross = if hop.failed { "✕ " } else { "" };
    let text = escape(&shorten(&format!("{cross}{}", hop.record.summary), room));
    let line = match from == to {
        true => format!("M{from} {0}h22v10h-18", y - 5),
        false => format!("M{from} {y}H{}", if from < to { to - 1 } else { to + 1 }),
    };
    let _ = writeln!(
        out,
        "<path d=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" stroke-dasharray=\"{}\" \
         marker-end=\"url(#{marker})\"/><text class=\"l\" x=\"{middle}\" y=\"{}\" fill=\"{colour}\">{text}</text></g>",
        look.dash,
        y - 6,
    );
}

fn pause(out: &mut String, us: u64, width: usize, y: usize) {
    let _ = writeln!(
        out,
        "<path d=\"M{LEFT} {y}H{}\" stroke=\"#c3cad5\" stroke-dasharray=\"2 6\"/>\
         <text class=\"l t\" x=\"{}\" y=\"{}\" font-style=\"italic\">{:.1} s later</text>",
        width - RIGHT,
        (LEFT + width) / 2,
        y + 4,
        us as f64 / 1e6,
    );
}

fn legend(out: &mut String, hops: &[Hop<'_>], y: usize) {
    let used = LOOKS.iter().filter(|look| hops.iter().any(|hop| hop.record.leg == look.leg));
    let used = used.map(|look| (look.name, look.colour, look.dash));
    let failed = hops.iter().any(|hop| hop.failed).then_some(("✕ failed", FAILED, "none"));
    let mut x = 16;
    for (name, colour, dash) in used.chain(failed) {
        let _ = writeln!(
            out,
            "<path d=\"M{x} {y}h28\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>\
             <text x=\"{}\" y=\"{}\" font-size=\"11\" fill=\"#1b2430\">{name}</text>",
            x + 34,
            y + 4
        );
        x += 34 + name.chars().count() * 7 + 18;
    }
}

fn lifeline(at: usize) -> usize {
    LEFT + at * PITCH + PITCH / 2
}

fn step(record: &Record) -> String {
    match (record.scenario, record.step, record.procedure) {
        (Some(flow), Some(step), _) => format!("{flow}.{step}"),
        (None, Some(step), _) => step.to_string(),
        (_, None, procedure) => procedure.map_or("", Procedure::short).to_owned(),
    }
}

fn shorten(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Direction;
    use crate::sample::{http, sip};

    #[test]
    fn what_a_message_says_can_not_break_out_of_the_drawing() {
        let hostile = "</text><script>alert(1)</script>\u{1}&\"";
        let drawn = encode(&[http("wwsf", Direction::In, hostile), http(hostile, Direction::Out, "200 /")]);
        assert!(!drawn.contains("<script") && !drawn.contains('\u{1}'), "{drawn}");
        assert!(drawn.contains("&lt;/text&gt;"), "{drawn}");
    }

    #[test]
    fn failures_are_red_and_pauses_shown() {
        let refusal = sip("epcscf", Direction::Out, "wic", Leg::Wss, "SIP/2.0 403 Forbidden\r\nCall-ID: c\r\n\r\n");
        let late = Record { time_us: refusal.time_us + 3_200_000, ..refusal.clone() };
        let drawn = encode(&[refusal, late]);
        assert_eq!(drawn.matches("url(#failed)").count(), 2, "{drawn}");
        assert!(drawn.contains("✕ 403 Forbidden") && drawn.contains(">3.2 s later<"), "{drawn}");
        assert!(drawn.contains("✕ failed") && drawn.contains("SIP over WSS") && !drawn.contains(">Cx<"), "{drawn}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert!(encode::<Record>(&[]).ends_with("</svg>\n"));
    }
}
