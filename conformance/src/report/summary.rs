//! For a terminal.

use std::fmt::Write;

use super::Report;
use crate::verdict::Verdict;

pub(super) fn write(report: &Report, colour: bool) -> String {
    let mut out = String::new();
    for verdict in [Verdict::Fail, Verdict::Inconclusive] {
        for result in report.ended(verdict) {
            let word = paint(verdict, &verdict.as_str().to_uppercase(), colour);
            let _ = writeln!(out, "{word} {} {} ({})", result.purpose.id, result.purpose.title, result.purpose.clause);
            let _ = writeln!(out, "     expected: {}", result.purpose.then);
            let _ = writeln!(out, "     observed: {}", result.reason);
            let ladder = result.ladder(if colour { 100 } else { 80 });
            for line in ladder.lines().take(40) {
                let _ = writeln!(out, "     {line}");
            }
            out.push('\n');
        }
    }
    let mut families: Vec<&str> = Vec::new();
    for result in &report.results {
        if !families.contains(&result.purpose.family()) {
            families.push(result.purpose.family());
        }
    }
    let _ = writeln!(out, "{:<8}{:>6}{:>6}{:>14}{:>16}", "", "pass", "fail", "inconclusive", "not applicable");
    for family in families {
        let of = |verdict| report.ended(verdict).filter(|r| r.purpose.family() == family).count();
        let [pass, fail, inconclusive, not] = Verdict::ALL.map(of);
        let _ = writeln!(out, "{family:<8}{pass:>6}{fail:>6}{inconclusive:>14}{not:>16}");
    }
    let [pass, fail, inconclusive, not] = Verdict::ALL.map(|verdict| report.count(verdict));
    let _ = writeln!(out, "{:<8}{pass:>6}{fail:>6}{inconclusive:>14}{not:>16}", "all");
    let end = if report.is_clean() { Verdict::Pass } else { Verdict::Fail };
    let words = if report.is_clean() { "nothing fails" } else { "there are failures" };
    let _ = writeln!(out, "{} in {:.1} s: {}", report.system, report.seconds, paint(end, words, colour));
    out
}

/// The word for a verdict, coloured where wanted.
fn paint(verdict: Verdict, text: &str, colour: bool) -> String {
    let code = match verdict {
        _ if !colour => return text.to_owned(),
        Verdict::Pass => "32",
        Verdict::Fail => "31",
        Verdict::Inconclusive => "33",
        Verdict::NotApplicable => "90",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
