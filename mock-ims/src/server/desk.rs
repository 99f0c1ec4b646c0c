//! The HSS's thread. A commit waits for the disk, which no task of the runtime may.

use super::cx::{Answering, CxPeer};
use crate::cx::{CxAnswer, CxPush, CxRequest, ResultCode};
use crate::hss::{AdminAnswer, AdminError, AdminRequest, Hss, Push};
use ims::profile::Identity;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};
use std::thread::{self, JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// How many jobs may wait for the HSS.
const QUEUE: usize = 4096;

/// How many Cx requests one commit may cover.
const MAX_BATCH: usize = 256;

/// What the HSS is to do.
enum Job {
    /// Answer a Cx request.
    Cx(Box<CxRequest>, Box<dyn FnOnce(CxAnswer) + Send>),
    /// Anything else.
    Run(Box<dyn FnOnce(&mut Hss) + Send>),
}

/// Hands jobs to the HSS, one at a time. Cheap to clone.
#[derive(Clone)]
pub(super) struct Desk {
    jobs: Arc<Mutex<Option<std_mpsc::SyncSender<Job>>>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Desk {
    /// Starts the thread; what the HSS says unasked goes to `pushes`.
    pub(super) fn open(mut hss: Hss, pushes: mpsc::UnboundedSender<Push>) -> Self {
        let (jobs, queue) = std_mpsc::sync_channel::<Job>(QUEUE);
        let thread = thread::spawn(move || {
            while let Ok(first) = queue.recv() {
                // What came in while the disk was written shares the next write.
                work_off(&mut hss, [first].into_iter().chain(queue.try_iter().take(MAX_BATCH - 1)));
                while let Some(push) = hss.poll_push() {
                    let _ = pushes.send(push);
                }
            }
        });
        Self { jobs: Arc::new(Mutex::new(Some(jobs))), thread: Arc::new(Mutex::new(Some(thread))) }
    }

    /// Has `f` run on the HSS, after what was handed over before; what it gives is waited for
    /// later. `None` when the HSS is gone or has too much to do.
    pub(super) fn run<R, F>(&self, f: F) -> impl Future<Output = Option<R>> + Send + use<R, F>
    where
        R: Send + 'static,
        F: FnOnce(&mut Hss) -> R + Send + 'static,
    {
        let (tx, rx) = oneshot::channel();
        let submitted = self.submit(Job::Run(Box::new(move |hss| {
            let _ = tx.send(f(hss));
        })));
        async move {
            submitted?;
            rx.await.ok()
        }
    }

    /// Does what an operator asks. Blocks.
    pub(super) fn administer(&self, request: AdminRequest) -> Result<AdminAnswer, AdminError> {
        let gone = || AdminError::Store("the HSS is stopping".into());
        let (tx, rx) = std_mpsc::sync_channel(1);
        self.submit(Job::Run(Box::new(move |hss| {
            let _ = tx.send(hss.admin(request));
        })))
        .ok_or_else(gone)?;
        rx.recv().unwrap_or_else(|_| Err(gone()))
    }

    /// Takes no more jobs; the thread ends after the last one.
    pub(super) fn retire(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// As [`Desk::retire`], and waits until the store is closed. Blocks.
    pub(super) fn close(&self) {
        self.retire();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn submit(&self, job: Job) -> Option<()> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.try_send(job).ok()
    }
}

impl CxPeer for Desk {
    /// Has the HSS answer, after what was handed over before; `None` when it is gone or has too much
    /// to do.
    fn ask(&self, request: CxRequest) -> Answering {
        let (tx, rx) = oneshot::channel();
        let reply = Box::new(move |answer| drop(tx.send(answer)));
        let submitted = self.submit(Job::Cx(Box::new(request), reply));
        Box::pin(async move {
            submitted?;
            rx.await.ok()
        })
    }
}

/// Does jobs in their order; Cx requests that follow each other share one commit.
fn work_off(hss: &mut Hss, jobs: impl Iterator<Item = Job>) {
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    for job in jobs {
        match job {
            Job::Cx(request, reply) => {
                requests.push(*request);
                replies.push(reply);
            }
            Job::Run(f) => {
                answer(hss, &mut requests, &mut replies);
                f(hss);
            }
        }
    }
    answer(hss, &mut requests, &mut replies);
}

fn answer(hss: &mut Hss, requests: &mut Vec<CxRequest>, replies: &mut Vec<Box<dyn FnOnce(CxAnswer) + Send>>) {
    let answers = hss.handle_batch(requests).unwrap_or_else(|error| {
        tracing::error!(%error, "the subscriber store failed");
        requests.iter().map(|request| request.failed(ResultCode::UnableToComply)).collect()
    });
    requests.clear();
    replies.drain(..).zip(answers).for_each(|(reply, answer)| reply(answer));
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}

/// Whom a Cx message is about, for the trace.
pub(super) trait Subject {
    /// A public identity, or else a private one.
    fn subject(&self) -> Option<String>;
}

impl Subject for CxRequest {
    fn subject(&self) -> Option<String> {
        Some(match self {
            Self::Uar(uar) => uar.public_identity.to_string(),
            Self::Mar(mar) => mar.public_identity.to_string(),
            Self::Lir(lir) => lir.public_identity.to_string(),
            Self::Sar(sar) => match (sar.public_identities.first(), &sar.user_name) {
                (Some(identity), _) => name(identity),
                (None, impi) => impi.as_ref()?.to_string(),
            },
        })
    }
}

impl Subject for CxPush {
    fn subject(&self) -> Option<String> {
        Some(match self {
            Self::Rtr(rtr) => rtr.user_name.to_string(),
            Self::Ppr(ppr) => ppr.user_name.to_string(),
        })
    }
}

fn name(identity: &Identity) -> String {
    match identity {
        Identity::Distinct(impu) => impu.to_string(),
        Identity::Wildcard(range) => range.to_string(),
    }
}
