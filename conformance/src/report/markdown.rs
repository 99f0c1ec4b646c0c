//! Markdown: the catalogue, and a statement of what was found.

use std::fmt::Write;

use super::{Described, Report, Result};
use crate::verdict::Verdict;

/// What each family is about.
const FAMILIES: [(&str, &str); 26] = [
    ("WS", "Upgrade and framing"),
    ("ORI", "Origin"),
    ("TOK", "Security token"),
    ("DIG", "SIP Digest"),
    ("TNA", "Trusted node authentication"),
    ("WLD", "Wildcard ranges and pools"),
    ("REG", "Registrar"),
    ("DER", "De-registration"),
    ("NET", "Network-initiated procedures"),
    ("EVT", "Registration event package"),
    ("ORG", "Origination"),
    ("TRM", "Termination"),
    ("DLG", "Dialogs and methods"),
    ("SDP", "Session descriptions"),
    ("MED", "Media"),
    ("CX", "Cx"),
    ("ICS", "I-CSCF: registration"),
    ("LOC", "I-CSCF: other requests"),
    ("SCS", "S-CSCF: registration"),
    ("PRF", "S-CSCF: profiles"),
    ("PAR", "Parser"),
    ("SEC", "Robustness and security"),
    ("WEB", "Web server"),
    ("WIC", "Client"),
    ("PRX", "Proxy rules"),
    ("KEY", "Keys"),
];

/// What a family is about.
pub(super) fn family_title(family: &str) -> &str {
    FAMILIES.iter().find(|(name, _)| *name == family).map_or(family, |(_, title)| title)
}

/// The purposes of a report with their verdicts; nothing in it depends on when or how fast it ran.
pub(super) fn write(report: &Report) -> String {
    let [pass, fail, inconclusive, not] = Verdict::ALL.map(|verdict| report.count(verdict));
    let mut out = format!(
        "# Conformance\n\nSystem: {}. {} purposes: {pass} pass, {fail} fail, {inconclusive} inconclusive, \
         {not} not applicable.\n\n",
        report.system,
        report.results.len()
    );
    out.push_str(
        "Made by `testbed conformance run --markdown FILE`. The basis of an expectation is a *requirement* \
         of a specification, an *option* that it allows, or a *policy* of this testbed where no specification \
         decides. Run `testbed conformance run --html report.html` for the stimulus, the messages and the ladder of \
         each.\n",
    );
    for family in families(&report.results) {
        let _ = write!(out, "\n## TP-{family}: {}\n\n", family_title(family));
        out.push_str("| id | purpose | clause | node | flow | basis | verdict |\n|---|---|---|---|---|---|---|\n");
        for result in report.results.iter().filter(|r| r.purpose.family() == family) {
            let Described { id, title, clause, role, flow, basis, .. } = &result.purpose;
            let verdict = match result.verdict {
                Verdict::Pass => "pass".to_owned(),
                verdict => format!("{verdict}: {}", short(&result.reason)),
            };
            let row = [id, title, clause, role.as_str(), flow.as_str(), basis.as_str(), &verdict].map(cell);
            let _ = writeln!(out, "| {} |", row.join(" | "));
        }
    }
    out
}

/// The catalogue itself, as Markdown.
pub fn statement<'a>(purposes: impl Iterator<Item = &'a crate::purpose::Purpose>) -> String {
    let mut out = String::from(
        "| id | purpose | clause | node | flow | basis | stimulus | expected |\n|---|---|---|---|---|---|---|---|\n",
    );
    for p in purposes {
        let when = if p.given.is_empty() { p.when.to_owned() } else { format!("given {}: {}", p.given, p.when) };
        let then = p.waits_for().map_or_else(|| p.then.to_owned(), |reason| format!("{} (waits: {reason})", p.then));
        let row = [p.id, p.title, p.clause, p.role.as_str(), p.flow.as_str(), p.basis.as_str(), &when, &then].map(cell);
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    out
}

fn families(results: &[Result]) -> Vec<&str> {
    let mut families: Vec<&str> = Vec::new();
    for result in results {
        if !families.contains(&result.purpose.family()) {
            families.push(result.purpose.family());
        }
    }
    families
}

fn cell(text: impl AsRef<str>) -> String {
    text.as_ref().replace('|', "\\|").replace(['\r', '\n'], " ")
}

/// As much of a reason as is read in a table; a token in it would be longer.
fn short(reason: &str) -> String {
    const LONGEST: usize = 140;
    match reason.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} …", &reason[..at]),
        None => reason.to_owned(),
    }
}
