//! Calls and messages: what the handle asks for, and what the WIC does by itself.

use std::collections::HashMap;

use ::wic::{Agent, CallError, CallEvent, CallId, CallOptions, Event, MessageId, Sdp};
use sip::{Now, StatusCode, Uri};
use sip_net::OsEntropy;
use tokio::sync::{mpsc, oneshot};

use super::sdp::{Direction, Media};
use super::wic::{Command, Wic};

/// What a headless WIC does when it is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answering {
    /// Nothing: [`Wic::answer`] and the like do.
    #[default]
    ByHand,
    /// It rings until [`Wic::answer`].
    Ring,
    /// It rings and answers.
    Accept,
    /// It refuses.
    Refuse(StatusCode),
}

/// Each does nothing for a call that has ended.
impl Wic {
    /// Calls `to`, with audio and perhaps video.
    ///
    /// # Errors
    /// [`CallError`] when it was not begun. What becomes of it is told by [`Self::event`].
    pub async fn call(&self, to: &Uri, video: bool) -> Result<CallId, CallError> {
        self.call_as(to, video, CallOptions::default()).await
    }

    /// Calls `to` as [`CallOptions`] say.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_as(&self, to: &Uri, video: bool, options: CallOptions) -> Result<CallId, CallError> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::Call(CallCommand::Call { to: to.clone(), video, options, reply })).await;
        answer.await.unwrap_or(Err(CallError::NotRegistered))
    }

    /// Lets an incoming call ring.
    pub async fn ring(&self, call: CallId) {
        self.command(Command::Call(CallCommand::Ring(call))).await;
    }

    /// Takes an incoming call.
    pub async fn answer(&self, call: CallId) {
        self.command(Command::Call(CallCommand::Answer(call))).await;
    }

    /// Refuses an incoming call.
    pub async fn reject(&self, call: CallId, status: StatusCode) {
        self.command(Command::Call(CallCommand::Reject(call, status))).await;
    }

    /// Ends a call, whatever its state.
    pub async fn hang_up(&self, call: CallId) {
        self.command(Command::Call(CallCommand::HangUp(call))).await;
    }

    /// Puts the other side on hold, or resumes.
    pub async fn direct(&self, call: CallId, direction: Direction) {
        self.command(Command::Call(CallCommand::Offer(call, direction))).await;
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`CallError`] when it was not sent. Whether it arrived is told by [`Self::event`].
    pub async fn message(&self, to: &Uri, text: &str) -> Result<MessageId, CallError> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::Call(CallCommand::Message { to: to.clone(), text: text.to_owned(), reply })).await;
        answer.await.unwrap_or(Err(CallError::NotRegistered))
    }

    /// Waits for the next event of a call or message of which `wanted` makes something; those before
    /// it are passed over. `None` when the WIC has stopped.
    pub async fn event<T>(&mut self, mut wanted: impl FnMut(Event) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = wanted(self.events.recv().await?) {
                return Some(found);
            }
        }
    }
}

#[derive(Debug)]
pub(super) enum CallCommand {
    Call { to: Uri, video: bool, options: CallOptions, reply: oneshot::Sender<Result<CallId, CallError>> },
    Ring(CallId),
    Answer(CallId),
    Reject(CallId, StatusCode),
    HangUp(CallId),
    Offer(CallId, Direction),
    Message { to: Uri, text: String, reply: oneshot::Sender<Result<MessageId, CallError>> },
}

/// The calls of one WIC, as its shell sees them.
pub(super) struct Calls {
    answering: Answering,
    /// As many as the agent allows.
    live: HashMap<CallId, Live>,
    events: mpsc::Sender<Event>,
}

struct Live {
    media: Media,
    video: bool,
    /// The caller's, until it is answered.
    offer: Option<Sdp>,
}

impl Calls {
    pub(super) fn new(answering: Answering, events: mpsc::Sender<Event>) -> Self {
        Self { answering, live: HashMap::new(), events }
    }

    pub(super) fn obey(&mut self, agent: &mut Agent, now: Now, command: CallCommand) {
        match command {
            CallCommand::Call { to, video, options, reply } => {
                let mut media = Media::new(&mut OsEntropy);
                let begun = agent.call(now, &to, media.offer(video, Direction::SendRecv), options);
                if let Ok(call) = begun {
                    self.live.insert(call, Live { media, video, offer: None });
                }
                let _ = reply.send(begun);
            }
            CallCommand::Ring(call) => agent.ringing(now, call),
            CallCommand::Answer(call) => self.answer(agent, now, call),
            CallCommand::Reject(call, status) => agent.reject(now, call, status),
            CallCommand::HangUp(call) => agent.hang_up(now, call),
            CallCommand::Offer(call, direction) => {
                if let Some(live) = self.live.get_mut(&call) {
                    agent.offer(now, call, live.media.offer(live.video, direction));
                }
            }
            CallCommand::Message { to, text, reply } => {
                let _ = reply.send(agent.message(now, &to, &text));
            }
        }
    }

    /// Does what a page would do without asking anybody, and tells the handle.
    pub(super) fn happened(&mut self, agent: &mut Agent, now: Now, event: Event) {
        if let Event::Call { call, event } = &event {
            self.react(agent, now, *call, event);
        }
        if self.events.try_send(event).is_err() {
            tracing::warn!("nobody looks at the events of this WIC: one was dropped");
        }
    }

    fn react(&mut self, agent: &mut Agent, now: Now, call: CallId, event: &CallEvent) {
        match event {
            CallEvent::Incoming { offer, .. } => {
                let video = offer.as_ref().is_some_and(|offer| offer.as_str().contains("\r\nm=video "));
                self.live.insert(call, Live { media: Media::new(&mut OsEntropy), video, offer: offer.clone() });
                match self.answering {
                    Answering::ByHand => {}
                    Answering::Ring => agent.ringing(now, call),
                    Answering::Accept => {
                        agent.ringing(now, call);
                        self.answer(agent, now, call);
                    }
                    Answering::Refuse(status) => agent.reject(now, call, status),
                }
            }
            CallEvent::Offer { offer } => {
                match self.live.get_mut(&call).and_then(|live| live.media.answer(offer.as_str())) {
                    Some(answer) => agent.answer_offer(now, call, answer),
                    None => agent.refuse_offer(now, call, StatusCode::NOT_ACCEPTABLE_HERE),
                }
            }
            CallEvent::Resumed => {
                if let Some(live) = self.live.get_mut(&call) {
                    agent.offer(now, call, live.media.restart(live.video, &mut OsEntropy));
                }
            }
            CallEvent::Ended { .. } => {
                self.live.remove(&call);
            }
            _ => {}
        }
    }

    fn answer(&mut self, agent: &mut Agent, now: Now, call: CallId) {
        let Some(live) = self.live.get_mut(&call) else { return };
        let sdp = match live.offer.take() {
            Some(offer) => live.media.answer(offer.as_str()),
            None => Some(live.media.offer(live.video, Direction::SendRecv)),
        };
        match sdp {
            Some(sdp) => agent.answer(now, call, sdp),
            None => agent.reject(now, call, StatusCode::NOT_ACCEPTABLE_HERE),
        }
    }
}
