//! An HSS that a script moves: what a CSCF asks waits for the script's answer, and the script tells an
//! S-CSCF what it likes.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use trace::{Direction, Leg};

use super::{Log, ScriptError};
use crate::cx::{CxAsk, CxPush, CxReply};

/// How many questions, or pushes, may wait.
const MAX_WAITING: usize = 256;

/// An HSS.
#[derive(Debug)]
pub struct Hss {
    asks: mpsc::Receiver<Question>,
    waiting: VecDeque<Question>,
    pushes: mpsc::Sender<Pushed>,
    asked: Vec<String>,
    line: Line,
    within: Duration,
}

/// A question that waits for its answer: [`Question::answer`]. One that is kept is not answered; one
/// that is dropped cannot be, as if the HSS were out of reach.
#[derive(Debug)]
pub struct Question {
    /// What is asked.
    pub ask: CxAsk,
    reply: oneshot::Sender<CxReply>,
    line: Line,
}

/// What the HSS tells, and the way back.
#[derive(Debug)]
pub struct Pushed {
    /// What it tells.
    pub push: CxPush,
    /// Where the answer goes.
    pub reply: oneshot::Sender<CxReply>,
}

/// The system's end of Cx.
#[derive(Debug)]
pub struct CxEnd {
    /// Takes its questions.
    pub asker: Asker,
    /// Has what the HSS tells.
    pub pushes: mpsc::Receiver<Pushed>,
}

/// Takes a CSCF's questions to the script. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Asker {
    asks: mpsc::Sender<Question>,
    line: Line,
}

/// Between whom, for the log.
#[derive(Clone, Debug)]
struct Line {
    system: String,
    log: Log,
}

impl Line {
    fn note(&self, direction: Direction, summary: &str, text: &str) {
        self.log.note("hss", &self.system, direction, Leg::Cx, summary, text);
    }
}

impl Hss {
    /// An HSS that `system` asks, and the system's end.
    pub fn new(system: &str, within: Duration, log: &Log) -> (Self, CxEnd) {
        let line = Line { system: system.to_owned(), log: log.clone() };
        let (asks_tx, asks) = mpsc::channel(MAX_WAITING);
        let (pushes, pushes_rx) = mpsc::channel(MAX_WAITING);
        let end = CxEnd { asker: Asker { asks: asks_tx, line: line.clone() }, pushes: pushes_rx };
        (Self { asks, waiting: VecDeque::new(), pushes, asked: Vec::new(), line, within }, end)
    }

    /// The next question by a command (`MAR`); others are kept.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn question(&mut self, command: &str) -> Result<Question, ScriptError> {
        let within = self.within;
        self.question_that(&format!("{command} on Cx"), within, |ask| ask.command() == command).await
    }

    /// That no question comes.
    ///
    /// # Errors
    /// [`ScriptError::Unexpected`] with the one that came.
    pub async fn silent(&mut self, within: Duration) -> Result<(), ScriptError> {
        match self.question_that("", within, |_| true).await {
            Err(ScriptError::Timeout { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(question) => {
                Err(ScriptError::Unexpected { wanted: "no question on Cx".into(), got: question.ask.to_string() })
            }
        }
    }

    /// All that was asked so far, in short and in order: `UAR REGISTRATION`, `MAR`, `SAR REGISTRATION`.
    pub fn asked(&mut self) -> &[String] {
        while let Ok(question) = self.asks.try_recv() {
            self.take_in(question);
        }
        &self.asked
    }

    /// Tells the S-CSCF something; its answer.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn push(&mut self, push: CxPush) -> Result<CxReply, ScriptError> {
        let (reply, answer) = oneshot::channel();
        let answer_name = push.answer();
        let what = format!("{answer_name} on Cx");
        self.line.note(Direction::Out, &push.to_string(), &format!("{push:#?}"));
        let gone = || ScriptError::Closed { what: what.clone(), code: None };
        self.pushes.send(Pushed { push, reply }).await.map_err(|_| gone())?;
        let late = |_| ScriptError::Timeout { what: what.clone(), within: self.within };
        let reply = timeout(self.within, answer).await.map_err(late)?.map_err(|_| gone())?;
        self.line.note(Direction::In, &format!("{answer_name} {}", reply.text), &format!("{reply:#?}"));
        Ok(reply)
    }

    async fn question_that(
        &mut self,
        what: &str,
        within: Duration,
        is: impl Fn(&CxAsk) -> bool,
    ) -> Result<Question, ScriptError> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(at) = self.waiting.iter().position(|question| is(&question.ask))
                && let Some(question) = self.waiting.remove(at)
            {
                return Ok(question);
            }
            match timeout_at(deadline, self.asks.recv()).await {
                Ok(Some(question)) => self.take_in(question),
                Ok(None) => return Err(ScriptError::Closed { what: what.to_owned(), code: None }),
                Err(_) => return Err(ScriptError::Timeout { what: what.to_owned(), within }),
            }
        }
    }

    fn take_in(&mut self, question: Question) {
        self.asked.push(question.ask.short());
        self.waiting.push_back(question);
    }
}

impl Question {
    /// Answers.
    pub fn answer(self, reply: CxReply) {
        let summary = format!("{} {}", self.ask.answer(), reply.text);
        self.line.note(Direction::Out, &summary, &format!("{reply:#?}"));
        // Who asked may have given up.
        let _ = self.reply.send(reply);
    }
}

impl Asker {
    /// Hands a question over before it returns; the answer comes later, or never. `None` when the
    /// script cannot be reached.
    pub fn ask(&self, ask: CxAsk) -> impl Future<Output = Option<CxReply>> + Send + use<> {
        self.line.note(Direction::In, &ask.to_string(), &format!("{ask:#?}"));
        let (reply, answer) = oneshot::channel();
        let handed_over = self.asks.try_send(Question { ask, reply, line: self.line.clone() }).is_ok();
        async move {
            match handed_over {
                true => answer.await.ok(),
                false => None,
            }
        }
    }
}
