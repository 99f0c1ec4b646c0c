//! Calls and messages: what a shell asks for.

use sip::{Now, StatusCode, Uri};

use super::Agent;
use crate::line::Io;
use crate::session::Session;
use crate::{CallError, CallId, CallOptions, CallState, MessageId, OptionsId, Sdp};

impl Agent {
    /// Calls `to` with `offer`.
    ///
    /// # Errors
    /// [`CallError`] when it was not begun; later failures are a [`crate::CallEvent::Ended`].
    pub fn call(&mut self, now: Now, to: &Uri, offer: Sdp, options: CallOptions) -> Result<CallId, CallError> {
        let to = self.ready(to)?;
        if self.calls().count() >= self.config.limits.calls {
            return Err(CallError::TooMany);
        }
        let id = self.next_call();
        let session = Session::call(&mut self.io(now), id, &to, offer, &options).ok_or(CallError::NotRegistered)?;
        self.sessions.insert(id, session);
        self.flush(now);
        Ok(id)
    }

    /// Tells the caller that it rings here (180).
    pub fn ringing(&mut self, now: Now, call: CallId) {
        self.in_call(now, call, |session, io| session.ringing(io));
    }

    /// Gives the caller early media (183), reliably if it can (RFC 3262). Without an offer there is
    /// nothing to answer yet, and the 183 goes out without.
    pub fn early_media(&mut self, now: Now, call: CallId, answer: Sdp) {
        self.in_call(now, call, |session, io| session.early_media(io, answer));
    }

    /// Takes an incoming call (200). `sdp` is the answer, or the offer when the caller made none.
    pub fn answer(&mut self, now: Now, call: CallId, sdp: Sdp) {
        let mut taken = false;
        self.in_call(now, call, |session, io| taken = session.answer(io, sdp));
        if let Some(replaced) = self.replacing.remove(call).filter(|_| taken) {
            self.in_call(now, replaced, |session, io| session.replaced(io));
        }
    }

    /// Refuses an incoming call: 486, 603, 480, 488, ….
    pub fn reject(&mut self, now: Now, call: CallId, status: StatusCode) {
        self.in_call(now, call, |session, io| session.reject(io, status));
    }

    /// Ends a call by whatever ends it where it stands: CANCEL, BYE or 603.
    pub fn hang_up(&mut self, now: Now, call: CallId) {
        self.in_call(now, call, |session, io| session.hang_up(io));
    }

    /// Offers the other side another session. Waits its turn while another offer is under way; of
    /// several that wait only the last is made.
    pub fn offer(&mut self, now: Now, call: CallId, sdp: Sdp) {
        self.in_call(now, call, |session, io| session.offer(io, sdp));
    }

    /// Answers [`crate::CallEvent::Offer`].
    pub fn answer_offer(&mut self, now: Now, call: CallId, sdp: Sdp) {
        self.in_call(now, call, |session, io| session.answer_offer(io, Ok(sdp)));
    }

    /// Refuses [`crate::CallEvent::Offer`], by 488 for instance: the session stays as it was.
    pub fn refuse_offer(&mut self, now: Now, call: CallId, status: StatusCode) {
        let status = if status.code() < 300 { StatusCode::NOT_ACCEPTABLE_HERE } else { status };
        self.in_call(now, call, |session, io| session.answer_offer(io, Err(status)));
    }

    /// Sends `text` to `to` (RFC 3428).
    ///
    /// # Errors
    /// [`CallError`] when it was not sent; later failures are an [`crate::Event::MessageFailed`].
    pub fn message(&mut self, now: Now, to: &Uri, text: &str) -> Result<MessageId, CallError> {
        let to = self.ready(to)?;
        if text.len() > self.config.limits.message_octets {
            return Err(CallError::TooLong);
        }
        self.page(now, |pager, io| pager.message(io, &to, text))
    }

    /// Asks `to` what it can (RFC 3261 §11).
    ///
    /// # Errors
    /// [`CallError`] when it was not sent.
    pub fn options(&mut self, now: Now, to: &Uri) -> Result<OptionsId, CallError> {
        let to = self.ready(to)?;
        self.page(now, |pager, io| pager.options(io, &to))
    }

    /// The calls that have not ended.
    pub fn calls(&self) -> impl Iterator<Item = (CallId, CallState)> {
        self.sessions.iter().filter_map(|(id, session)| Some((id, session.state()?)))
    }

    /// How many transactions, dialogs and answers are kept or waited for: nothing is left of what
    /// is over.
    pub fn pending(&self) -> usize {
        self.line.len() + self.sessions.len() + self.pager.len() + self.replacing.len()
    }

    pub(super) fn next_call(&mut self) -> CallId {
        self.last_call += 1;
        CallId(self.last_call)
    }

    pub(super) fn in_call(&mut self, now: Now, call: CallId, act: impl FnOnce(&mut Session, &mut Io<'_>)) {
        let Self { sessions, line, entropy, config, outputs, .. } = self;
        if let Some(session) = sessions.get_mut(call) {
            let mut io = Io { now: now.mono, entropy: &mut **entropy, timers: &config.timers, line, outputs };
            act(session, &mut io);
        }
        self.flush(now);
    }

    pub(super) fn each_call(&mut self, now: Now, mut act: impl FnMut(&mut Session, &mut Io<'_>)) {
        let Self { sessions, line, entropy, config, outputs, .. } = self;
        let mut io = Io { now: now.mono, entropy: &mut **entropy, timers: &config.timers, line, outputs };
        for session in sessions.values_mut() {
            act(session, &mut io);
        }
    }

    pub(super) fn io(&mut self, now: Now) -> Io<'_> {
        let Self { line, entropy, config, outputs, .. } = self;
        Io { now: now.mono, entropy: &mut **entropy, timers: &config.timers, line, outputs }
    }

    fn page<T>(
        &mut self,
        now: Now,
        send: impl FnOnce(&mut crate::pager::Pager, &mut Io<'_>) -> Option<T>,
    ) -> Result<T, CallError> {
        if self.pager.len() >= self.config.limits.pending {
            return Err(CallError::TooMany);
        }
        let Self { pager, line, entropy, config, outputs, .. } = self;
        let mut io = Io { now: now.mono, entropy: &mut **entropy, timers: &config.timers, line, outputs };
        let id = send(pager, &mut io).ok_or(CallError::NotRegistered)?;
        self.flush(now);
        Ok(id)
    }

    /// Whether a request can be made to `to`; the Request-URI for it (RFC 3261 §19.1.5).
    fn ready(&self, to: &Uri) -> Result<Uri, CallError> {
        let mut to = to.clone();
        match &mut to {
            Uri::Sip(sip) => sip.headers = None,
            Uri::Tel(_) => {}
            Uri::Other(_) => return Err(CallError::Address),
        }
        if self.state.binding().is_none() || !self.line.is_up() {
            return Err(CallError::NotRegistered);
        }
        Ok(to)
    }
}
