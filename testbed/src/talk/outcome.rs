use std::time::Duration;

use ::wic::{CallError, Failure, Party};
use serde_json::{Value, json};
use trace::Record;

use crate::wic_shell::sdp::Direction;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who calls or sends.
    Caller,
    /// Who is called.
    Callee,
}

/// What came of a call or message.
#[derive(Clone, Debug)]
pub struct Talk {
    /// What the ladder calls the two, who calls first.
    pub names: [String; 2],
    /// What the two sent and received, registration and de-registration included.
    pub records: [Vec<Record>; 2],
    /// How it went.
    pub result: Result<Course, TalkError>,
}

/// A call or message that went well.
#[derive(Clone, Debug)]
pub enum Course {
    /// A call, answered and ended in order.
    Called {
        /// Who called, as the callee was told.
        from: Party,
        /// From the call to the ACK.
        set_up: Duration,
        /// From there to the end on both sides.
        duration: Duration,
        /// Who hung up.
        ended_by: Side,
    },
    /// A message, delivered.
    Written {
        /// Who wrote, as the recipient was told.
        from: Party,
        /// From sending to the confirmation.
        taken: Duration,
    },
}

impl Course {
    /// Who called or wrote, as the other side was told.
    pub fn from(&self) -> &Party {
        match self {
            Self::Called { from, .. } | Self::Written { from, .. } => from,
        }
    }
}

/// Why it did not go well.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TalkError {
    /// One of the two could not register.
    #[error("{who} is not registered: {failure}")]
    NotRegistered {
        /// Which.
        who: String,
        /// Why.
        failure: Failure,
    },
    /// The WIC did not even try.
    #[error("not begun: {0}")]
    NotBegun(CallError),
    /// Somebody refused it, or ended it.
    #[error("{}{reason}", status.map_or_else(String::new, |status| format!("{status} ")))]
    Refused {
        /// The status.
        status: Option<u16>,
        /// Why.
        reason: String,
    },
    /// It ended, and not because it was hung up.
    #[error("the call of {who} did not end by hanging up: {reason}")]
    Unclean {
        /// On which side.
        who: String,
        /// What it was told.
        reason: String,
    },
    /// Hold or resume was answered by another direction.
    #[error("the offer {} was answered {}", offered.name(), answered.name())]
    Direction {
        /// The offered one.
        offered: Direction,
        /// The answered one.
        answered: Direction,
    },
    /// The message changed on its way.
    #[error("another text arrived: {0:?}")]
    OtherText(String),
    /// Nothing came.
    #[error("waited in vain until {0}")]
    TimedOut(&'static str),
    /// A WIC's task is gone.
    #[error("a WIC stopped")]
    Stopped,
}

impl Talk {
    /// Whether all went well.
    pub fn is_good(&self) -> bool {
        self.result.is_ok()
    }

    /// The outcome for a script, without the messages.
    pub fn to_json(&self) -> Value {
        let ms = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let [from, to] = &self.names;
        let mut json = json!({ "ok": self.is_good(), "from": from, "to": to });
        let more = match &self.result {
            Ok(Course::Called { from, set_up, duration, ended_by }) => json!({
                "answered": true,
                "caller": from.uri.to_string(),
                "set_up_ms": ms(set_up),
                "duration_ms": ms(duration),
                "ended_by": self.name(*ended_by),
            }),
            Ok(Course::Written { from, taken }) => {
                json!({ "delivered": true, "sender": from.uri.to_string(), "elapsed_ms": ms(taken) })
            }
            Err(error) => {
                let status = match error {
                    TalkError::Refused { status, .. } => *status,
                    TalkError::NotRegistered { failure, .. } => failure.cause.status().map(|status| status.code()),
                    _ => None,
                };
                json!({ "status": status, "error": error.to_string() })
            }
        };
        if let (Value::Object(json), Value::Object(more)) = (&mut json, more) {
            json.extend(more);
        }
        json
    }

    /// What the ladder calls one of the two.
    pub fn name(&self, side: Side) -> &str {
        let [caller, callee] = &self.names;
        match side {
            Side::Caller => caller,
            Side::Callee => callee,
        }
    }
}
