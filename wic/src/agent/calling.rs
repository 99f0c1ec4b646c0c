//! Calls and messages: what a shell asks for.

use sip::{Now, StatusCode, Uri};

use super::Agent;
use crate::{CallError, CallId, CallOptions, CallState, MessageId, OptionsId, Sdp};

impl Agent {
    /// Calls `to` with `offer`.
    ///
    /// # Errors
    /// [`CallError`] when it was not begun; later failures are a [`crate::CallEvent::Ended`].
    pub fn call(&mut self, _now: Now, _to: &Uri, _offer: Sdp, _options: CallOptions) -> Result<CallId, CallError> {
        Err(CallError::NotRegistered)
    }

    /// Tells the caller that it rings here (180).
    pub fn ringing(&mut self, _now: Now, _call: CallId) {}

    /// Gives the caller early media (183), reliably if it can (RFC 3262).
    pub fn early_media(&mut self, _now: Now, _call: CallId, _answer: Sdp) {}

    /// Takes an incoming call (200). `sdp` is the answer, or the offer when the caller made none.
    pub fn answer(&mut self, _now: Now, _call: CallId, _sdp: Sdp) {}

    /// Refuses an incoming call: 486, 603, 480, 488, ….
    pub fn reject(&mut self, _now: Now, _call: CallId, _status: StatusCode) {}

    /// Ends a call by whatever ends it where it stands: CANCEL, BYE or 603.
    pub fn hang_up(&mut self, _now: Now, _call: CallId) {}

    /// Offers the other side another session. Waits its turn while another offer is under way; of
    /// several that wait only the last is made.
    pub fn offer(&mut self, _now: Now, _call: CallId, _sdp: Sdp) {}

    /// Answers [`crate::CallEvent::Offer`].
    pub fn answer_offer(&mut self, _now: Now, _call: CallId, _sdp: Sdp) {}

    /// Refuses [`crate::CallEvent::Offer`], by 488 for instance: the session stays as it was.
    pub fn refuse_offer(&mut self, _now: Now, _call: CallId, _status: StatusCode) {}

    /// Sends `text` to `to` (RFC 3428).
    ///
    /// # Errors
    /// [`CallError`] when it was not sent; later failures are an [`crate::Event::MessageFailed`].
    pub fn message(&mut self, _now: Now, _to: &Uri, _text: &str) -> Result<MessageId, CallError> {
        Err(CallError::NotRegistered)
    }

    /// Asks `to` what it can (RFC 3261 §11).
    ///
    /// # Errors
    /// [`CallError`] when it was not sent.
    pub fn options(&mut self, _now: Now, _to: &Uri) -> Result<OptionsId, CallError> {
        Err(CallError::NotRegistered)
    }

    /// The calls that have not ended.
    pub fn calls(&self) -> impl Iterator<Item = (CallId, CallState)> {
        std::iter::empty()
    }
}
