//! Two headless WICs that call each other, or write to each other.

mod outcome;

pub use outcome::{Course, Side, Talk, TalkError};

use std::time::{Duration, Instant};

use ::wic::{CallError, CallEvent, CallId, EndedBy, Event};
use sip::Uri;

use crate::wic_shell::sdp::Direction;
use crate::wic_shell::{Answering, Options, OptionsError, Wic};

/// How long any one step may take. The network's own timers are shorter (64·T1 is 32 s).
const PATIENCE: Duration = Duration::from_secs(40);

/// One of the two.
#[derive(Clone, Debug)]
pub struct Person {
    /// What the ladder calls it.
    pub name: String,
    /// The WIC that it uses.
    pub options: Options,
}

/// The course of a call.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// With video, or with audio alone.
    pub video: bool,
    /// Whether the caller holds and resumes it.
    pub hold: bool,
    /// Who hangs up.
    pub ends: Side,
}

impl Default for Plan {
    fn default() -> Self {
        Self { video: false, hold: false, ends: Side::Caller }
    }
}

/// Registers both, calls, answers when it rings, hangs up, and de-registers both.
///
/// # Errors
/// [`OptionsError`] when nothing could be tried; what the network said is in the [`Talk`].
pub async fn call(caller: &Person, callee: &Person, plan: Plan) -> Result<Talk, OptionsError> {
    let mut pair = Pair::start(caller, callee)?;
    let course = pair.call(plan).await;
    Ok(pair.finish(course).await)
}

/// Registers both, sends `text`, and de-registers both.
///
/// # Errors
/// As [`call`].
pub async fn message(sender: &Person, recipient: &Person, text: &str) -> Result<Talk, OptionsError> {
    let mut pair = Pair::start(sender, recipient)?;
    let course = pair.message(text).await;
    Ok(pair.finish(course).await)
}

struct Pair<'a> {
    people: [&'a Person; 2],
    caller: Wic,
    callee: Wic,
}

impl<'a> Pair<'a> {
    fn start(caller: &'a Person, callee: &'a Person) -> Result<Self, OptionsError> {
        let wic = |person: &Person| Wic::start(&Options { answering: Answering::Ring, ..person.options.clone() });
        Ok(Self { people: [caller, callee], caller: wic(caller)?, callee: wic(callee)? })
    }

    /// Registers both; the address of the callee.
    async fn register(&mut self) -> Result<Uri, TalkError> {
        let (caller, callee) = tokio::join!(self.caller.outcome(), self.callee.outcome());
        let mut addresses = Vec::new();
        for (person, outcome) in self.people.iter().zip([caller, callee]) {
            let refused = |failure| TalkError::NotRegistered { who: person.name.clone(), failure };
            addresses.push(outcome.result.map_err(refused)?.impu);
        }
        let address = addresses.pop().and_then(|impu| impu.as_str().parse().ok());
        address.ok_or(TalkError::NotBegun(CallError::Address))
    }

    async fn call(&mut self, plan: Plan) -> Result<Course, TalkError> {
        let to = self.register().await?;
        let begun = Instant::now();
        let mine = self.caller.call(&to, plan.video).await.map_err(TalkError::NotBegun)?;
        let ringing = |event: &CallEvent| matches!(event, CallEvent::Ringing).then_some(());
        within("the caller hears it ring", progress(&mut self.caller, mine, ringing)).await?;
        let called = async { self.callee.event(incoming).await.ok_or(TalkError::Stopped) };
        let (theirs, from) = within("the callee rings", called).await?;
        self.callee.answer(theirs).await;
        let established = |event: &CallEvent| matches!(event, CallEvent::Established { .. }).then_some(());
        within("the caller is answered", progress(&mut self.caller, mine, established)).await?;
        within("the callee gets the ACK", progress(&mut self.callee, theirs, established)).await?;
        let (set_up, answered) = (begun.elapsed(), Instant::now());
        if plan.hold {
            self.redirect(mine, Direction::SendOnly, Direction::RecvOnly).await?;
            self.redirect(mine, Direction::SendRecv, Direction::SendRecv).await?;
        }
        match plan.ends {
            Side::Caller => self.caller.hang_up(mine).await,
            Side::Callee => self.callee.hang_up(theirs).await,
        }
        let ended = async { tokio::try_join!(end(&mut self.caller, mine), end(&mut self.callee, theirs)) };
        let (by_caller, by_callee) = within("both see the end", ended).await?;
        let duration = answered.elapsed();
        let expected = match plan.ends {
            Side::Caller => (EndedBy::Local, EndedBy::Peer),
            Side::Callee => (EndedBy::Peer, EndedBy::Local),
        };
        for (person, (by, reason), expected) in
            [(self.people[0], by_caller, expected.0), (self.people[1], by_callee, expected.1)]
        {
            if by != expected {
                return Err(TalkError::Unclean { who: person.name.clone(), reason });
            }
        }
        Ok(Course::Called { from, set_up, duration, ended_by: plan.ends })
    }

    /// Offers the other side `offered`, which must be answered by `answered`.
    async fn redirect(&mut self, call: CallId, offered: Direction, answered: Direction) -> Result<(), TalkError> {
        self.caller.direct(call, offered).await;
        let result = |event: &CallEvent| match event {
            CallEvent::OfferAnswered { answer } => Some(Ok(Direction::of(answer.as_str()))),
            CallEvent::OfferRefused { status, reason } => {
                Some(Err(TalkError::Refused { status: Some(*status), reason: reason.clone() }))
            }
            _ => None,
        };
        let got = within("a new offer is answered", progress(&mut self.caller, call, result)).await??;
        if got == answered { Ok(()) } else { Err(TalkError::Direction { offered, answered: got }) }
    }

    async fn message(&mut self, text: &str) -> Result<Course, TalkError> {
        let to = self.register().await?;
        let begun = Instant::now();
        let sent = self.caller.message(&to, text).await.map_err(TalkError::NotBegun)?;
        let answer = |event| match event {
            Event::MessageDelivered { id } if id == sent => Some(Ok(())),
            Event::MessageFailed { id, status, reason } if id == sent => {
                Some(Err(TalkError::Refused { status: Some(status), reason }))
            }
            _ => None,
        };
        let delivered = async { self.caller.event(answer).await.ok_or(TalkError::Stopped)? };
        within("the message is answered", delivered).await?;
        let taken = begun.elapsed();
        let received = |event| match event {
            Event::Message { from, text, .. } => Some((from, text)),
            _ => None,
        };
        let got = async { self.callee.event(received).await.ok_or(TalkError::Stopped) };
        let (from, got) = within("the message is there", got).await?;
        if got != text {
            return Err(TalkError::OtherText(got));
        }
        Ok(Course::Written { from, taken })
    }

    async fn finish(mut self, result: Result<Course, TalkError>) -> Talk {
        tokio::join!(self.caller.deregister(), self.callee.deregister());
        let records = [self.caller.records(), self.callee.records()];
        let names = self.people.map(|person| person.name.clone());
        Talk { names, records, result }
    }
}

fn incoming(event: Event) -> Option<(CallId, ::wic::Party)> {
    match event {
        Event::Call { call, event: CallEvent::Incoming { from, .. } } => Some((call, from)),
        _ => None,
    }
}

/// Waits for an event of `call` of which `wanted` makes something; the end of the call is an error.
async fn progress<T>(wic: &mut Wic, call: CallId, wanted: impl Fn(&CallEvent) -> Option<T>) -> Result<T, TalkError> {
    let found = wic.event(|event| match event {
        Event::Call { call: of, event: CallEvent::Ended { status, reason, .. } } if of == call => {
            Some(Err(TalkError::Refused { status, reason }))
        }
        Event::Call { call: of, event } if of == call => wanted(&event).map(Ok),
        _ => None,
    });
    found.await.ok_or(TalkError::Stopped)?
}

async fn end(wic: &mut Wic, call: CallId) -> Result<(EndedBy, String), TalkError> {
    let found = wic.event(|event| match event {
        Event::Call { call: of, event: CallEvent::Ended { by, reason, .. } } if of == call => Some((by, reason)),
        _ => None,
    });
    found.await.ok_or(TalkError::Stopped)
}

async fn within<T>(what: &'static str, step: impl Future<Output = Result<T, TalkError>>) -> Result<T, TalkError> {
    tokio::time::timeout(PATIENCE, step).await.unwrap_or(Err(TalkError::TimedOut(what)))
}
