//! A call's media: what the browser gives, and no signalling.

mod description;
mod devices;
mod peer;
mod quality;
mod tones;

pub(crate) use description::offers_video;
pub(crate) use devices::MediaError;
pub(crate) use peer::{Job, Peer, Report};
pub(crate) use quality::{Quality, Sample};
pub(crate) use tones::{Tone, Tones};
