//! One HTML file that needs no other.

mod diff;

use std::collections::BTreeMap;
use std::fmt::Write;

use time::OffsetDateTime;
use time::macros::format_description;
use trace::markup::escape;
use trace::{Direction, Record};

use super::markdown::family_title;
use super::{Report, Result};
use crate::purpose::{Basis, Flow, Role};
use crate::verdict::Verdict;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) fn write(report: &Report) -> String {
    let mut out = String::with_capacity(1 << 20);
    let title = escape(&format!("Conformance of {}", report.system));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    write_head(&mut out, report, &title);
    write_matrix(&mut out, report);
    write_filter(&mut out, report);
    out.push_str("<main id=\"purposes\">\n");
    let mut family = "";
    for result in &report.results {
        if result.purpose.family() != family {
            family = result.purpose.family();
            let _ =
                writeln!(out, "<h2 data-family=\"{family}\">TP-{family} <small>{}</small></h2>", family_title(family));
        }
        write_purpose(&mut out, result);
    }
    let _ = write!(
        out,
        "</main>\n<p id=\"none\" hidden>No purpose matches.</p>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    );
    out
}

fn write_head(out: &mut String, report: &Report, title: &str) {
    let began = i64::try_from(report.started).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let began = began.and_then(|began| began.format(format).ok()).unwrap_or_default();
    let _ = write!(
        out,
        "<header>\n<h1>{title}</h1>\n<p class=\"quiet\">{} test purposes, {began}, {:.1} s, webrtc-ims {}</p>\n<ul class=\"counts\">",
        report.results.len(),
        report.seconds,
        escape(&report.version)
    );
    for verdict in Verdict::ALL {
        let _ = write!(out, "<li class=\"{}\"><b>{}</b> {verdict}</li>", class(verdict), report.count(verdict));
    }
    out.push_str("</ul>\n");
    out.push_str("<div class=\"bar\" aria-hidden=\"true\">");
    for verdict in Verdict::ALL {
        let _ = write!(out, "<i class=\"{}\" style=\"flex:{}\"></i>", class(verdict), report.count(verdict));
    }
    out.push_str("</div>\n</header>\n");
}

/// Specification by node, each cell with its verdicts; a click filters.
fn write_matrix(out: &mut String, report: &Report) {
    let mut cells: BTreeMap<String, BTreeMap<Role, [usize; 4]>> = BTreeMap::new();
    for result in &report.results {
        for document in documents(&result.purpose.clause) {
            let cell = cells.entry(document).or_default().entry(result.purpose.role).or_default();
            if let Some(at) = Verdict::ALL.iter().position(|verdict| *verdict == result.verdict) {
                cell[at] += 1;
            }
        }
    }
    let roles: Vec<Role> =
        Role::ALL.into_iter().filter(|role| report.results.iter().any(|r| r.purpose.role == *role)).collect();
    out.push_str("<section>\n<h2>By specification and node</h2>\n<div class=\"scroll\"><table class=\"matrix\">\n<thead><tr><th></th>");
    for role in &roles {
        let _ = write!(out, "<th scope=\"col\">{role}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (document, row) in &cells {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(document));
        for role in &roles {
            match row.get(role) {
                None => out.push_str("<td></td>"),
                Some(counts) => write_cell(out, document, *role, *counts),
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n</section>\n");
}

fn write_cell(out: &mut String, document: &str, role: Role, counts: [usize; 4]) {
    let [pass, fail, inconclusive, not] = counts;
    let worst = match (fail, inconclusive, pass) {
        (1.., ..) => Verdict::Fail,
        (_, 1.., _) => Verdict::Inconclusive,
        (.., 1..) => Verdict::Pass,
        _ => Verdict::NotApplicable,
    };
    let words = format!("{pass} pass, {fail} fail, {inconclusive} inconclusive, {not} not applicable");
    let shown = if fail + inconclusive > 0 {
        format!("{pass}/{}", pass + fail + inconclusive)
    } else if pass > 0 {
        pass.to_string()
    } else {
        "–".to_owned()
    };
    let _ = write!(
        out,
        "<td><button class=\"{}\" data-clause=\"{}\" data-role=\"{role}\" title=\"{words}\" aria-label=\"{}, {role}: {words}\">{shown}</button></td>",
        class(worst),
        escape(document),
        escape(document),
    );
}

fn write_filter(out: &mut String, report: &Report) {
    out.push_str("<form id=\"filter\" role=\"search\">\n<input type=\"search\" name=\"text\" placeholder=\"id, title, clause, message …\" aria-label=\"Text\">\n");
    let select = |out: &mut String, name: &str, all: &str, options: Vec<&str>| {
        let _ = write!(out, "<select name=\"{name}\" aria-label=\"{name}\"><option value=\"\">{all}</option>");
        for option in options {
            let _ = write!(out, "<option>{option}</option>");
        }
        out.push_str("</select>\n");
    };
    let has = |role: &Role| report.results.iter().any(|r| r.purpose.role == *role);
    select(out, "role", "every node", Role::ALL.into_iter().filter(has).map(Role::as_str).collect());
    select(out, "flow", "every flow", Flow::ALL.map(Flow::as_str).to_vec());
    let bases = [Basis::Requirement, Basis::Option, Basis::Policy];
    select(out, "basis", "every basis", bases.map(Basis::as_str).to_vec());
    select(out, "verdict", "every verdict", Verdict::ALL.map(Verdict::as_str).to_vec());
    out.push_str("<input type=\"hidden\" name=\"clause\">\n<button type=\"reset\">Show all</button>\n<output id=\"shown\"></output>\n</form>\n");
}

fn write_purpose(out: &mut String, result: &Result) {
    let p = &result.purpose;
    let _ = write!(
        out,
        "<details class=\"purpose {}\" id=\"{}\" data-role=\"{}\" data-flow=\"{}\" data-basis=\"{}\" data-verdict=\"{}\" data-clause=\"{}\">\n\
         <summary><code>{}</code><span>{}</span><small>{}</small><b>{}</b></summary>\n<dl>",
        class(result.verdict),
        p.id,
        p.role,
        p.flow,
        p.basis,
        result.verdict,
        escape(&documents(&p.clause).join("|")),
        p.id,
        escape(&p.title),
        escape(&p.clause),
        result.verdict,
    );
    let mut row = |name: &str, text: &str| {
        if !text.is_empty() {
            let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", escape(text));
        }
    };
    row("Clause", &p.clause);
    row("Node, flow", &format!("{}, {}", p.role, p.flow));
    row("Basis", p.basis.as_str());
    row("Given", &p.given);
    row("Stimulus", &p.when);
    row("Expected", &p.then);
    row("Reason", &result.reason);
    row("Observed", &result.observed.join("\n"));
    row("Took", &format!("{} ms", result.millis));
    out.push_str("</dl>\n");
    if !result.records.is_empty() {
        let _ = writeln!(out, "<pre class=\"ladder\">{}</pre>", escape(&result.ladder(112)));
        out.push_str("<ol class=\"messages\">\n");
        for (at, record) in result.records.iter().enumerate() {
            write_message(out, record, diff::previous(&result.records, at));
        }
        out.push_str("</ol>\n");
    }
    out.push_str("</details>\n");
}

fn write_message(out: &mut String, record: &Record, previous: Option<&Record>) {
    let (from, to) = match record.direction {
        Direction::Out => (&record.node, &record.peer),
        Direction::In => (&record.peer, &record.node),
    };
    let label = trace::ladder::label;
    let _ = write!(
        out,
        "<li><details><summary>{} → {} <span>{}</span> <small>{}</small></summary>",
        escape(&label(from)),
        escape(&label(to)),
        escape(&record.summary),
        record.leg
    );
    match previous {
        None => {
            let _ = write!(out, "<pre>{}</pre>", escape(record.text.trim_end()));
        }
        Some(previous) => {
            out.push_str("<pre>");
            for (mark, line) in diff::lines(previous.text.trim_end(), record.text.trim_end()) {
                let _ = match mark {
                    diff::Mark::Same => writeln!(out, "{}", escape(line)),
                    diff::Mark::Added => writeln!(out, "<ins>{}</ins>", escape(line)),
                    diff::Mark::Removed => writeln!(out, "<del>{}</del>", escape(line)),
                };
            }
            out.push_str("</pre>");
        }
    }
    out.push_str("</details></li>\n");
}

/// The specifications that a clause names, without their sections: `RFC 7118 §4.1, 33.203 X.1` are
/// `RFC 7118` and `TS 33.203`.
fn documents(clause: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in clause.split(", ") {
        let part = part.trim().trim_start_matches("TS ");
        let mut words = part.split(' ');
        let first = words.next().unwrap_or_default();
        let document = match first {
            "RFC" => format!("RFC {}", words.next().unwrap_or_default()),
            "SEED" => "TS 23.228 draft".to_owned(),
            "Fetch" | "CSP" => first.to_owned(),
            number if number.contains('.') && number.starts_with(|c: char| c.is_ascii_digit()) => {
                format!("TS {number}")
            }
            // `§4.2.2` alone belongs to the document before it.
            _ => continue,
        };
        if !found.contains(&document) {
            found.push(document);
        }
    }
    found
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
        Verdict::NotApplicable => "not",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_belongs_to_every_document_that_it_names() {
        assert_eq!(documents("RFC 7118 §4.1"), ["RFC 7118"]);
        assert_eq!(documents("CSP Level 3 §6"), ["CSP"]);
        assert_eq!(documents("33.203 X.3.2.3, 24.371 A.3.2"), ["TS 33.203", "TS 24.371"]);
        assert_eq!(documents("TS 23.228 U.1.1, RFC 3261 §10.2, §10.3"), ["TS 23.228", "RFC 3261"]);
    }
}
