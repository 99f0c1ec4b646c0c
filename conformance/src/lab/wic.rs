//! A WIC under test, in the script's hands: the script is its eP-CSCF, and moves its clock on.

use std::time::Duration;

use bytes::Bytes;
use sip::digest::Algorithm;

use crate::Boxed;
use crate::script::{Admission, Deed};
use crate::verdict::{Outcome, Stop};

/// How a WIC is to register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WicAccess {
    /// Flow 1: SIP Digest.
    Digest,
    /// Flow 2: a token.
    Token,
}

/// Whom a WIC registers, and what it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The private identity.
    pub impi: String,
    /// The public identity.
    pub impu: String,
    /// The home domain, which is the realm too.
    pub home: String,
    /// The digest password; empty with a token.
    pub password: String,
    /// The algorithm that it is challenged with, unless the purpose is about that.
    pub algorithm: Algorithm,
    /// The one authorisation server that it knows; none where it cannot ask for tokens.
    pub authz_server: Option<String>,
}

/// A WIC under test. When a method returns, the WIC has done what it does at once; what it did is
/// taken with [`Self::deed`]. Its clock stands still but for [`Self::pass`].
pub trait WicUnderTest: Send {
    /// Whom it registers.
    fn account(&self) -> &Account;

    /// Begins to register.
    fn start(&mut self) -> Boxed<'_, Outcome>;

    /// The user leaves.
    fn leave(&mut self) -> Boxed<'_, Outcome>;

    /// The user takes the call that rings.
    fn answer_call(&mut self) -> Boxed<'_, Outcome>;

    /// The user does what needs a new offer in the call, such as to hold it.
    fn offer_again(&mut self) -> Boxed<'_, Outcome>;

    /// Whether it takes itself for registered.
    fn registered(&mut self) -> Boxed<'_, Outcome<bool>>;

    /// The tokens that it was given so far, the last one last.
    fn tokens(&mut self) -> Boxed<'_, Outcome<Vec<String>>>;

    /// Lets time pass until the WIC does something, no longer than `limit`; gives how long that was.
    fn pass(&mut self, limit: Duration) -> Boxed<'_, Outcome<Duration>>;

    /// What becomes of connections from now on.
    fn admit(&mut self, admission: Admission);

    /// Sends it one WebSocket message.
    fn send(&mut self, octets: Bytes) -> Boxed<'_, Outcome>;

    /// Sends it a WebSocket Ping.
    fn ping(&mut self, octets: Bytes) -> Boxed<'_, Outcome>;

    /// Closes the connection from the other side; 1006 without a word.
    fn close(&mut self, code: u16) -> Boxed<'_, Outcome>;

    /// The next thing that it did, if there is one.
    fn deed(&mut self) -> Option<Deed>;

    /// Waits until it does something that takes real time, such as to open a microphone; its own clock
    /// stands still. Whether it did anything.
    fn wait(&mut self) -> Boxed<'_, bool> {
        Box::pin(async { false })
    }
}

/// What a WIC cannot be made to do, or does not show.
pub fn cannot(what: &str) -> Stop {
    Stop::NotApplicable(format!("this WIC {what}"))
}
