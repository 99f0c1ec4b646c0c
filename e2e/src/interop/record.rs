//! The verdicts that are kept in `docs/interop`, read back.

use conformance::report::Report;
use std::collections::BTreeMap;
use std::fmt;

/// A report's system and verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The product and its version.
    pub system: String,
    /// The verdict of each purpose, by id, and its reason.
    pub verdicts: BTreeMap<String, (String, String)>,
}

/// How a run differs from what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same system with other verdicts; none is as it should be.
    Changes(Vec<Change>),
    /// Another version, of which nothing is kept.
    OtherSystem {
        /// The one that is kept.
        kept: String,
        /// The one that ran.
        found: String,
    },
}

/// A purpose whose verdict is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub id: String,
    /// What is kept; nothing for a new purpose.
    pub kept: Option<String>,
    /// What was found; nothing for one that is no more.
    pub found: Option<String>,
    /// Why that was found.
    pub reason: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |verdict: &Option<String>| verdict.clone().unwrap_or_else(|| "nothing".into());
        write!(f, "{}: {} instead of {}", self.id, word(&self.found), word(&self.kept))?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, " ({})", self.reason) }
    }
}

impl Record {
    /// The record that a report makes.
    pub fn of(report: &Report) -> Self {
        Self::parse(&report.to_markdown())
    }

    /// Reads a report in Markdown.
    pub fn parse(markdown: &str) -> Self {
        let system = markdown
            .lines()
            .find_map(|line| line.strip_prefix("System: "))
            // What follows is how many purposes there are.
            .and_then(|line| line.rsplit_once(" purposes: ")?.0.rsplit_once(". "))
            .map_or_else(String::new, |(system, _)| system.to_owned());
        let verdicts = markdown.lines().filter_map(row).collect();
        Self { system, verdicts }
    }

    /// How `found` differs from this. Reasons are not compared: they name times and ports.
    pub fn compare(&self, found: &Self) -> Comparison {
        if self.system != found.system {
            return Comparison::OtherSystem { kept: self.system.clone(), found: found.system.clone() };
        }
        let mut ids: Vec<&String> = self.verdicts.keys().chain(found.verdicts.keys()).collect();
        ids.sort();
        ids.dedup();
        let changes = ids.into_iter().filter_map(|id| {
            let kept = self.verdicts.get(id).map(|(verdict, _)| verdict.clone());
            let (found, reason) = found.verdicts.get(id).cloned().unzip();
            (kept != found).then(|| Change { id: id.clone(), kept, found, reason: reason.unwrap_or_default() })
        });
        Comparison::Changes(changes.collect())
    }
}

/// Id, verdict and reason of a table's row.
fn row(line: &str) -> Option<(String, (String, String))> {
    let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
    let (id, last) = (cells.next()?, cells.last()?);
    let (verdict, reason) = last.split_once(": ").unwrap_or((last, ""));
    (id != "id").then(|| (id.to_owned(), (verdict.to_owned(), reason.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: &str = "# Conformance\n\nSystem: A. Product 5.6 as edge. 3 purposes: 1 pass, 2 fail.\n\n\
        | id | purpose | verdict |\n|---|---|---|\n| A-01 | One | pass |\n| A-02 | Two | fail: no answer \\| within 2 s |\n\
        | A-03 | Three | fail: x |\n";

    #[test]
    fn a_record_has_the_system_and_the_verdicts() {
        let record = Record::parse(KEPT);
        assert_eq!(record.system, "A. Product 5.6 as edge");
        let verdicts: Vec<_> =
            record.verdicts.iter().map(|(id, (verdict, _))| (id.as_str(), verdict.as_str())).collect();
        assert_eq!(verdicts, [("A-01", "pass"), ("A-02", "fail"), ("A-03", "fail")]);
    }

    #[test]
    fn verdicts_are_compared_and_reasons_are_not() {
        let kept = Record::parse(KEPT);
        let found = Record::parse(&KEPT.replace("within 2 s", "within 3 s"));
        assert_eq!(kept.compare(&found), Comparison::Changes(Vec::new()));

        let found = Record::parse(&KEPT.replace("| One | pass |", "| One | fail: y |").replace("A-03", "A-04"));
        let Comparison::Changes(changes) = kept.compare(&found) else { panic!("the same system") };
        let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["A-01: fail instead of pass (y)", "A-03: nothing instead of fail", "A-04: fail instead of nothing (x)"]
        );
    }

    #[test]
    fn another_version_is_not_compared() {
        let found = Record::parse(&KEPT.replace("5.6", "5.8").replace("pass", "fail"));
        assert!(matches!(Record::parse(KEPT).compare(&found), Comparison::OtherSystem { .. }));
    }
}
