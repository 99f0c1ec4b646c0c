//! The lessons: what each shows, its steps, and how a step is told from the trace.

mod call;
mod flows;

use super::course::Course;
use console::api;
use trace::{Direction, Record};

/// All lessons, in the order in which they are to be taken.
pub(super) const ALL: &[Lesson] =
    &[flows::DIGEST, flows::WEB_AUTH, flows::WILDCARD, call::ORIGINATION, call::TERMINATION, call::MESSAGE];

/// The lesson called `id`.
pub(super) fn find(id: &str) -> Option<&'static Lesson> {
    ALL.iter().find(|lesson| lesson.id == id)
}

/// A flow of the source text, or a half of a call.
#[derive(Debug)]
pub(super) struct Lesson {
    pub(super) id: &'static str,
    title: &'static str,
    about: &'static str,
    clause: &'static str,
    /// What its clients do.
    pub(super) course: Course,
    pub(super) steps: &'static [Step],
}

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    number: &'static str,
    title: &'static str,
    text: &'static str,
    clause: &'static str,
    /// Whether a message of the run, classified, belongs to it.
    shows: fn(&Record) -> bool,
}

impl Lesson {
    /// The index of the step that a message of the run belongs to.
    pub(super) fn step_of(&self, record: &Record) -> Option<usize> {
        self.steps.iter().position(|step| (step.shows)(record))
    }

    /// The lesson as the console gives it.
    pub(super) fn described(&self) -> api::Lesson {
        let steps = self.steps.iter().map(|step| api::LessonStep {
            number: step.number.into(),
            title: step.title.into(),
            text: step.text.into(),
            clause: step.clause.into(),
        });
        api::Lesson {
            id: self.id.into(),
            title: self.title.into(),
            about: self.about.into(),
            clause: self.clause.into(),
            steps: steps.collect(),
        }
    }
}

/// The method of a SIP message; of a response, that of its request.
fn method(record: &Record) -> Option<&str> {
    if !record.text.starts_with("SIP/2.0 ") {
        return record.text.split(' ').next();
    }
    let cseq = record.text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("cseq").then_some(value)
    })?;
    cseq.split_whitespace().nth(1)
}

/// Whether it is a response with this status to this method.
fn is_answer(record: &Record, to: &str, status: u16) -> bool {
    let of = record.text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok());
    of == Some(status) && method(record) == Some(to)
}

/// Whether a message goes from one node to another.
fn goes(record: &Record, from: &str, to: &str) -> bool {
    let (sender, receiver) = match record.direction {
        Direction::Out => (&record.node, &record.peer),
        Direction::In => (&record.peer, &record.node),
    };
    sender == from && receiver == to
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_lesson_can_be_read() {
        let ids: HashSet<_> = ALL.iter().map(|lesson| lesson.id).collect();
        assert_eq!(ids.len(), ALL.len(), "two lessons of one name");
        for lesson in ALL {
            assert!(!lesson.title.is_empty() && lesson.clause.contains("23.228"), "{}", lesson.id);
            for (at, step) in lesson.steps.iter().enumerate() {
                let place = format!("{} {}", lesson.id, step.number);
                assert_eq!(step.number, (at + 1).to_string(), "{place}");
                assert!(!step.title.is_empty() && !step.clause.is_empty(), "{place}");
                let sentences = step.text.matches(". ").count() + 1;
                assert!(sentences == 2 && step.text.ends_with('.'), "{place} has {sentences} sentences");
            }
        }
    }
}
