//! Microphone and camera.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{MediaStream, MediaStreamConstraints, MediaStreamTrack};

use crate::browser::window;
use crate::settings::string;

/// Why there is no media, or no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MediaError {
    /// The person, or the browser in their name, said no.
    Denied,
    /// No such device.
    Missing,
    /// Another program has it, or it broke.
    Busy,
    /// The browser can't, or not on this page.
    Unsupported,
    /// Anything else, in the browser's words.
    Other(String),
}

impl MediaError {
    /// What an exception of the browser means.
    pub(crate) fn of(error: &JsValue) -> Self {
        let text = |name| string(error, name).unwrap_or_default();
        match text("name").as_str() {
            "NotAllowedError" | "SecurityError" => Self::Denied,
            "NotFoundError" | "OverconstrainedError" => Self::Missing,
            "NotReadableError" | "AbortError" => Self::Busy,
            _ => Self::Other(text("message")),
        }
    }

    /// What went wrong with microphone and camera, in a sentence.
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Denied => {
                "This browser does not let the page use the microphone. Allow it beside the address, and try again."
            }
            Self::Missing => "There is no microphone, and without one no call.",
            Self::Busy => "The microphone or camera is in use elsewhere, or does not work.",
            Self::Unsupported => "This browser does no calls here: they need WebRTC and a page over https.",
            Self::Other(text) => text,
        }
    }

    /// A word for a page and a test.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Missing => "missing",
            Self::Busy => "busy",
            Self::Unsupported => "unsupported",
            Self::Other(_) => "other",
        }
    }
}

/// Opens the microphone, and the camera when `video`; without a camera that works, the microphone
/// alone: a call needs no picture.
pub(crate) async fn open(video: bool) -> Result<Vec<MediaStreamTrack>, MediaError> {
    match capture(true, video).await {
        Err(MediaError::Missing | MediaError::Busy) if video => capture(true, false).await,
        captured => captured,
    }
}

/// Opens the camera.
pub(crate) async fn open_camera() -> Result<MediaStreamTrack, MediaError> {
    capture(false, true).await?.pop().ok_or(MediaError::Missing)
}

async fn capture(audio: bool, video: bool) -> Result<Vec<MediaStreamTrack>, MediaError> {
    let devices = window().and_then(|window| window.navigator().media_devices().ok());
    // Undefined where the page is no secure context.
    let devices = devices.filter(|devices| devices.is_object()).ok_or(MediaError::Unsupported)?;
    let constraints = MediaStreamConstraints::new();
    constraints.set_audio(&audio.into());
    constraints.set_video(&if video { picture() } else { JsValue::FALSE });
    let promise = devices.get_user_media_with_constraints(&constraints).map_err(|error| MediaError::of(&error))?;
    let stream = JsFuture::from(promise).await.map_err(|error| MediaError::of(&error))?;
    let stream: MediaStream = stream.dyn_into().map_err(|_| MediaError::Unsupported)?;
    Ok(stream.get_tracks().iter().filter_map(|track| track.dyn_into().ok()).collect())
}

/// Enough for a face, and little for a processor.
fn picture() -> JsValue {
    let wishes = js_sys::Object::new();
    for (name, ideal) in [("width", 640), ("height", 480), ("frameRate", 24)] {
        let _ = Reflect::set(&wishes, &name.into(), &ideal.into());
    }
    wishes.into()
}
