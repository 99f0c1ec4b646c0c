//! Cx on its way: what a CSCF asks whoever is the HSS, and what that tells it unasked, both traced.

use super::Taps;
use super::desk::Subject;
use crate::asks::{CxAsk, CxFailure, CxReply};
use crate::cx::{CxAnswer, CxPush, CxPushAnswer, CxRequest};
use sip_net::{Gate, Verdict};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use trace::{Direction, Tap};

/// An answer that will come, or `None` when none can be had.
pub type Answering = Pin<Box<dyn Future<Output = Option<CxAnswer>> + Send>>;

/// Whom the CSCFs ask: our HSS, a script in its place, or the client of a Diameter peer.
pub trait CxPeer: Send + Sync + 'static {
    /// Asks. The request is handed over before this returns, so that requests arrive in the order in
    /// which they were asked; only the answer is waited for.
    fn ask(&self, request: CxRequest) -> Answering;
}

/// One CSCF's side of Cx.
#[derive(Clone)]
pub(super) struct Cx {
    own: &'static str,
    hss: Arc<dyn CxPeer>,
    tap: Tap,
    hss_tap: Tap,
    gate: Gate,
}

impl Cx {
    pub(super) fn of_icscf(hss: Arc<dyn CxPeer>, taps: &Taps, gate: Gate) -> Self {
        Self { own: "icscf", hss, tap: taps.icscf.clone(), hss_tap: taps.hss.clone(), gate }
    }

    pub(super) fn of_scscf(hss: Arc<dyn CxPeer>, taps: &Taps, gate: Gate) -> Self {
        Self { own: "scscf", hss, tap: taps.scscf.clone(), hss_tap: taps.hss.clone(), gate }
    }

    /// Asks the HSS. The question is handed over before this returns, unless it is held at the gate.
    pub(super) fn ask(self, (id, request): CxAsk) -> impl Future<Output = CxReply> + Send + use<> {
        let subject = request.subject();
        let (summary, text) = (request.to_string(), format!("{request:#?}"));
        let verdict = self.gate.judge(|| self.tap.preview_cx("hss", &summary, subject.as_deref(), &text));
        let submit = {
            let (cx, subject) = (self.clone(), subject.clone());
            move |reaches: bool| {
                cx.tap.cx(Direction::Out, "hss", &summary, subject.as_deref(), &text);
                metrics::counter!("ims_cx_requests_total", "command" => request.command_code().to_string())
                    .increment(1);
                reaches.then(|| {
                    cx.hss_tap.cx(Direction::In, cx.own, &summary, subject.as_deref(), &text);
                    cx.hss.ask(request)
                })
            }
        };
        let submitted = match verdict {
            Verdict::Pass => Ok(submit(true)),
            Verdict::Fail => Ok(submit(false)),
            Verdict::Hold(ticket) => Err((ticket, submit)),
        };
        async move {
            let answer = match submitted {
                Ok(answer) => answer,
                Err((ticket, submit)) => {
                    ticket.redeemed().await;
                    submit(true)
                }
            };
            let answer = match answer {
                Some(answer) => answer.await,
                None => None,
            };
            let Some(answer) = answer else { return (id, Err(CxFailure::Unreachable)) };
            let (summary, text) = (answer.to_string(), format!("{answer:#?}"));
            self.gate.pass(|| self.hss_tap.preview_cx(self.own, &summary, subject.as_deref(), &text)).await;
            self.hss_tap.cx(Direction::Out, self.own, &summary, subject.as_deref(), &text);
            self.tap.cx(Direction::In, "hss", &summary, subject.as_deref(), &text);
            (id, Ok(answer))
        }
    }

    /// The HSS tells something.
    pub(super) fn pushed(&self, push: &CxPush) {
        let subject = push.subject();
        let (summary, text) = (push.to_string(), format!("{push:#?}"));
        self.hss_tap.cx(Direction::Out, self.own, &summary, subject.as_deref(), &text);
        self.tap.cx(Direction::In, "hss", &summary, subject.as_deref(), &text);
    }

    /// What the CSCF said to it.
    pub(super) fn push_answered(&self, push: &CxPush, answer: &CxPushAnswer) {
        let subject = push.subject();
        let (summary, text) = (answer.to_string(), format!("{answer:#?}"));
        self.tap.cx(Direction::Out, "hss", &summary, subject.as_deref(), &text);
        self.hss_tap.cx(Direction::In, self.own, &summary, subject.as_deref(), &text);
    }
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("own", &self.own).finish_non_exhaustive()
    }
}
