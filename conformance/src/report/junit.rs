//! JUnit XML: a suite for each family.

use std::fmt::Write;

use trace::markup::escape;

use super::{Report, Result};
use crate::verdict::Verdict;

pub(super) fn write(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let [_, fail, inconclusive, not] = Verdict::ALL.map(|verdict| report.count(verdict));
    let _ = writeln!(
        out,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{fail}\" errors=\"{inconclusive}\" skipped=\"{not}\" time=\"{:.3}\">",
        escape(&report.system),
        report.results.len(),
        report.seconds
    );
    let mut rest = &report.results[..];
    while let Some(first) = rest.first() {
        let family = first.purpose.family();
        let length = rest.iter().take_while(|result| result.purpose.family() == family).count();
        let (suite, after) = rest.split_at(length);
        write_suite(&mut out, family, suite);
        rest = after;
    }
    out + "</testsuites>\n"
}

fn write_suite(out: &mut String, family: &str, suite: &[Result]) {
    let count = |verdict| suite.iter().filter(|result| result.verdict == verdict).count();
    let [_, fail, inconclusive, not] = Verdict::ALL.map(count);
    let millis: u64 = suite.iter().map(|result| result.millis).sum();
    let _ = writeln!(
        out,
        "  <testsuite name=\"TP-{family}\" tests=\"{}\" failures=\"{fail}\" errors=\"{inconclusive}\" skipped=\"{not}\" time=\"{:.3}\">",
        suite.len(),
        millis as f64 / 1000.0
    );
    for result in suite {
        write_case(out, result);
    }
    out.push_str("  </testsuite>\n");
}

fn write_case(out: &mut String, result: &Result) {
    let purpose = &result.purpose;
    let _ = write!(
        out,
        "    <testcase classname=\"{}.{}\" name=\"{} {}\" time=\"{:.3}\"",
        escape(purpose.role.as_str()),
        purpose.family(),
        purpose.id,
        escape(&purpose.title),
        result.millis as f64 / 1000.0
    );
    let element = match result.verdict {
        Verdict::Pass => return out.push_str("/>\n"),
        Verdict::Fail => "failure",
        Verdict::Inconclusive => "error",
        Verdict::NotApplicable => "skipped",
    };
    let _ = write!(out, ">\n      <{element} message=\"{}\"", escape(&result.reason));
    if result.verdict == Verdict::NotApplicable {
        out.push_str("/>\n");
    } else {
        let text = format!("{}\nexpected: {}\n\n{}", purpose.clause, purpose.then, result.ladder(100));
        let _ = writeln!(out, ">{}</{element}>", escape(&text));
    }
    out.push_str("    </testcase>\n");
}
