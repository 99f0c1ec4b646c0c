//! Records as the text of a Mermaid sequence diagram.

use std::borrow::Borrow;
use std::fmt::Write;

use crate::hops::{Hop, hops, nodes};
use crate::ladder::label;

/// The diagram of `records`, oldest first. Responses are dashed, failures end in a cross.
pub fn encode<R: Borrow<crate::Record>>(records: &[R]) -> String {
    let hops = hops(records);
    let nodes = nodes(&hops);
    let mut out = String::from("sequenceDiagram\n");
    for (at, node) in nodes.iter().enumerate() {
        let _ = writeln!(out, "    participant n{at} as {}", escape(&label(node)));
    }
    let number = |node: &str| nodes.iter().position(|known| *known == node).unwrap_or_default();
    for hop in &hops {
        let (from, to) = (number(hop.from), number(hop.to));
        let _ = writeln!(out, "    n{from}{}n{to}: {}{}", arrow(hop), step(hop), escape(&hop.record.summary));
    }
    out
}

fn arrow(hop: &Hop<'_>) -> &'static str {
    let answer = hop.record.summary.starts_with(|first: char| first.is_ascii_digit());
    match (hop.failed, answer) {
        (true, true) => "--x",
        (true, false) => "-x",
        (false, true) => "-->>",
        (false, false) => "->>",
    }
}

fn step(hop: &Hop<'_>) -> String {
    match (hop.record.step, hop.record.procedure) {
        (Some(step), _) => format!("{step} · "),
        (None, Some(procedure)) => format!("{} · ", procedure.short()),
        (None, None) => String::new(),
    }
}

/// What would end a statement or a diagram, as Mermaid's entities; the word `end` too.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '#' | ';' | '<' | '>' | '"' | '%' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            'e' | 'E' if is_word(text, at, "end") => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn is_word(text: &str, at: usize, word: &str) -> bool {
    let end = at + word.len();
    let (before, after) = (text.get(..at).unwrap_or_default(), text.get(end..).unwrap_or_default());
    text.get(at..end).is_some_and(|found| found.eq_ignore_ascii_case(word))
        && !before.ends_with(|c: char| c.is_alphanumeric())
        && !after.starts_with(|c: char| c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Direction, Leg, Procedure};
    use crate::sample::sip;

    #[test]
    fn a_diagram_names_nodes_and_steps() {
        let request = "REGISTER sip:ims.example;x SIP/2.0\r\nCall-ID: c\r\n\r\n";
        let mut records = vec![
            sip("epcscf", Direction::In, "wic bob", Leg::Wss, request),
            sip("epcscf", Direction::Out, "wic bob", Leg::Wss, "SIP/2.0 403 Forbidden\r\nCall-ID: c\r\n\r\n"),
        ];
        records[0].step = Some(3);
        records[1].procedure = Some(Procedure::Dialog);
        assert_eq!(
            encode(&records),
            "sequenceDiagram\n    participant n0 as WIC bob\n    participant n1 as eP-CSCF\n    \
             n0->>n1: 3 · REGISTER sip:ims.example#59;x\n    n1--xn0: dialog · 403 Forbidden\n"
        );
    }

    #[test]
    fn no_text_ends_the_diagram() {
        assert_eq!(escape("a;b#c\nend endless send End"), "a#59;b#35;c #101;nd endless send #69;nd");
    }
}
