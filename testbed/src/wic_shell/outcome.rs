use std::time::Duration;

use ::wic::{Binding, Failure};
use ims::Scenario;
use serde_json::{Value, json};
use trace::Record;

/// What came of an attempt to register.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which flow it was.
    pub scenario: Scenario,
    /// The registration, or what went wrong first.
    pub result: Result<Box<Binding>, Failure>,
    /// What the WIC sent and received until then, in the shape of the trace, node `wic`.
    pub records: Vec<Record>,
    /// How long it took, from the request for the page on.
    pub elapsed: Duration,
}

impl Outcome {
    /// Whether the WIC got its 200 OK.
    pub fn is_registered(&self) -> bool {
        self.result.is_ok()
    }

    /// The Call-ID of its REGISTERs, if it came so far.
    pub fn call_id(&self) -> Option<&str> {
        self.records.iter().find_map(|record| record.call_id.as_deref())
    }

    /// The outcome for a script, without the messages.
    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "registered": self.is_registered(),
            "flow": self.scenario.name(),
            "call_id": self.call_id(),
            "elapsed_ms": u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
        });
        let more = match &self.result {
            Ok(binding) => json!({
                "status": 200,
                "impu": binding.impu,
                "impus": binding.impus,
                "expires": binding.granted.as_secs(),
                "service_route": binding.service_route.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "outbound": binding.outbound,
            }),
            Err(failure) => json!({
                "cause": failure.cause.name(),
                "status": failure.cause.status().map(|status| status.code()),
                "error": failure.text,
                "advice": failure.advice,
                "link": failure.link,
            }),
        };
        if let (Value::Object(json), Value::Object(more)) = (&mut json, more) {
            json.extend(more);
        }
        json
    }
}
