//! Iq: what the media gateway is asked (TS 23.334). Every choice about media is behind [`Iq`].
//!
//! A *context* belongs to one leg of a call, that is one dialog between a WIC and its peer: reserved
//! when an INVITE passes (O11, T-8), modified by each further description, released with the leg.
//! What the gateway makes of a description goes on in its place.

use std::collections::HashSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sip::StatusCode;

/// Who carries media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Media {
    /// Nobody: WICs send to each other, descriptions pass unchanged.
    #[default]
    Direct,
}

impl Media {
    /// The gateway for this choice.
    pub(crate) fn gateway(self) -> Box<dyn Iq> {
        match self {
            Self::Direct => Box::<Direct>::default(),
        }
    }
}

/// The side of the edge that something comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// W2.
    Wic,
    /// Mw.
    Core,
}

/// A context at the gateway; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Context(pub u64);

/// The gateway as the edge sees it, sans-IO.
pub trait Iq: std::fmt::Debug + Send {
    /// Reserves a context for a leg that `from` begins, with its offer unless that comes later, and
    /// gives the offer for the other side.
    ///
    /// # Errors
    /// What the INVITE is answered.
    fn reserve(&mut self, from: Side, offer: Option<&Bytes>) -> Result<(Context, Option<Bytes>), IqError>;

    /// Takes a description of one side and gives the one for the other.
    ///
    /// # Errors
    /// What the message that carried it is answered, or the leg ends by.
    fn modify(&mut self, context: Context, from: Side, description: &Bytes) -> Result<Bytes, IqError>;

    /// Releases a context. One that is not there is released already.
    fn release(&mut self, context: Context);

    /// How many contexts there are.
    fn contexts(&self) -> usize;
}

/// Why the gateway refuses (O11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IqError {
    /// The description is none that the gateway can serve.
    #[error("the media cannot be served (TS 23.334 §5.20)")]
    NotAcceptable,
    /// The gateway has failed.
    #[error("the media gateway failed (TS 23.334)")]
    Failed,
    /// No more can be reserved now.
    #[error("the media gateway is full (TS 23.334)")]
    Full,
}

impl IqError {
    /// The status that says it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE_HERE,
            Self::Failed => StatusCode::SERVER_INTERNAL_ERROR,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// No gateway: descriptions pass unchanged, contexts are only counted.
#[derive(Debug, Default)]
pub struct Direct {
    open: HashSet<Context>,
    last: u64,
}

impl Iq for Direct {
    fn reserve(&mut self, _: Side, offer: Option<&Bytes>) -> Result<(Context, Option<Bytes>), IqError> {
        self.last += 1;
        let context = Context(self.last);
        self.open.insert(context);
        Ok((context, offer.cloned()))
    }

    fn modify(&mut self, _: Context, _: Side, description: &Bytes) -> Result<Bytes, IqError> {
        Ok(description.clone())
    }

    fn release(&mut self, context: Context) {
        self.open.remove(&context);
    }

    fn contexts(&self) -> usize {
        self.open.len()
    }
}
