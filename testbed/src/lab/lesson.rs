//! The lessons: what each shows, its steps, and how a step is told from the trace.

mod flows;

use super::course::Course;
use console::api;
use trace::Record;

/// All lessons, in the order in which they are to be taken.
pub(super) const ALL: &[Lesson] = &[flows::DIGEST, flows::WEB_AUTH, flows::WILDCARD];

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
