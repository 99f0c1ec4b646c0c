//! What the clients of a lesson do.

use super::Demo;
use crate::wic_shell::{Answering, Options, Wic};
use ::wic::{CallEvent, Event};
use sip::Uri;
use std::time::Duration;

/// How long each act may take, on the clock that a halt stops.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long leaving may take.
const LEAVING: Duration = Duration::from_secs(5);

/// What happens in a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// One client registers.
    Register(Client),
    /// The first calls the second, who answers, and hangs up.
    Call(Client, Client),
    /// The first sends the second a message.
    Message(Client, Client),
}

/// A client of a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// A demo subscriber who registers by IMS password.
    Digest(&'static str),
    /// A demo subscriber who registers by web login.
    Web(&'static str),
    /// A guest of the partner.
    Guest,
}

/// The clients of one run.
pub(super) struct Cast {
    demo: Demo,
    wics: Vec<Wic>,
}

impl Cast {
    pub(super) fn new(demo: Demo) -> Self {
        Self { demo, wics: Vec::new() }
    }

    /// Does what the lesson is about; on failure, what went wrong.
    pub(super) async fn play(&mut self, course: Course) -> Result<(), String> {
        match course {
            Course::Register(client) => self.register(&[client]).await.map(drop),
            Course::Call(caller, callee) => {
                let to = self.register(&[caller, callee]).await?;
                self.demo.rests().await;
                self.call(&to).await
            }
            Course::Message(sender, recipient) => {
                let to = self.register(&[sender, recipient]).await?;
                self.demo.rests().await;
                self.message(&to).await
            }
        }
    }

    /// De-registers whoever is registered; the others just go.
    pub(super) async fn leave(&mut self) {
        let leaving = self.wics.drain(..).map(|mut wic| async move {
            if wic.state().binding().is_some() {
                let _ = tokio::time::timeout(LEAVING, wic.deregister()).await;
            }
        });
        futures_util::future::join_all(leaving).await;
    }

    /// Registers all; the address of the last.
    async fn register(&mut self, clients: &[Client]) -> Result<Uri, String> {
        let mut to = None;
        for client in clients {
            let options = self.options(*client).map_err(|error| error.to_string())?;
            let mut wic = Wic::start(&options).map_err(|error| error.to_string())?;
            let outcome = self.demo.pace.clock.timeout(PATIENCE, wic.outcome()).await;
            self.wics.push(wic);
            let outcome = outcome.ok_or("the client is not registered in time")?;
            let binding = outcome.result.map_err(|failure| failure.text)?;
            to = binding.impu.as_str().parse().ok();
        }
        to.ok_or_else(|| "an identity that can't be called".to_owned())
    }

    fn options(&self, client: Client) -> Result<Options, console::LabError> {
        let options = match client {
            Client::Digest(name) => self.demo.digest(name)?,
            Client::Web(name) => self.demo.web(name)?,
            Client::Guest => self.demo.guest(),
        };
        Ok(Options { answering: Answering::Ring, ..options })
    }

    async fn call(&mut self, to: &Uri) -> Result<(), String> {
        let clock = self.demo.pace.clock.clone();
        let [caller, callee] = self.wics.as_mut_slice() else { return Err("a call needs two".into()) };
        let call = caller.call(to, false).await.map_err(|error| error.to_string())?;
        let ringing = async {
            heard(caller, |event| matches!(event, CallEvent::Ringing)).await?;
            let incoming = callee.event(|event| match event {
                Event::Call { call, event: CallEvent::Incoming { .. } } => Some(call),
                _ => None,
            });
            incoming.await.ok_or_else(|| "the callee stopped".to_owned())
        };
        let called = clock.timeout(PATIENCE, ringing).await.ok_or("it does not ring in time")??;
        callee.answer(called).await;
        let talking = async { tokio::try_join!(talks(caller), talks(callee)) };
        clock.timeout(PATIENCE, talking).await.ok_or("the call is not set up in time")??;
        caller.hang_up(call).await;
        let over = async { tokio::try_join!(ends(caller), ends(callee)) };
        clock.timeout(PATIENCE, over).await.ok_or("the call does not end in time")??;
        Ok(())
    }

    async fn message(&mut self, to: &Uri) -> Result<(), String> {
        let clock = self.demo.pace.clock.clone();
        let Some(sender) = self.wics.first_mut() else { return Err("a message needs a sender".into()) };
        let sent = sender.message(to, "Hello from the lesson").await.map_err(|error| error.to_string())?;
        let answered = sender.event(|event| match event {
            Event::MessageDelivered { id } if id == sent => Some(Ok(())),
            Event::MessageFailed { id, status, reason } if id == sent => Some(Err(format!("{status} {reason}"))),
            _ => None,
        });
        let answer = clock.timeout(PATIENCE, answered).await.ok_or("the message is not answered in time")?;
        answer.unwrap_or_else(|| Err("the client stopped".into()))
    }
}

async fn talks(wic: &mut Wic) -> Result<(), String> {
    heard(wic, |event| matches!(event, CallEvent::Established { .. })).await
}

async fn ends(wic: &mut Wic) -> Result<(), String> {
    let ended = wic.event(|event| matches!(event, Event::Call { event: CallEvent::Ended { .. }, .. }).then_some(()));
    ended.await.ok_or_else(|| "a client stopped".to_owned())
}

/// Waits for something in a call that does not end before it.
async fn heard(wic: &mut Wic, wanted: impl Fn(&CallEvent) -> bool) -> Result<(), String> {
    let come = wic.event(|event| match event {
        Event::Call { event: CallEvent::Ended { reason, .. }, .. } => Some(Err(reason)),
        Event::Call { event, .. } if wanted(&event) => Some(Ok(())),
        _ => None,
    });
    come.await.unwrap_or_else(|| Err("a client stopped".into()))
}
