//! Messages as text, to be spoiled.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conformance::script::{SigningKey, Token};
use serde_json::Value;

/// What a defect may remember.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The last message of a WIC.
    pub(crate) asked: Mutex<String>,
    /// The key of the operator's WAF.
    pub(crate) key: Mutex<Option<Arc<SigningKey>>>,
}

impl Memory {
    pub(crate) fn asked(&self) -> String {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token of a message made good: its header's algorithm and key are the WAF's, its claims what
    /// `mend` makes of them.
    pub(crate) fn resigned(&self, text: &str, mend: impl FnOnce(&mut Value, &mut Value)) -> String {
        let Some(key) = self.key.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return text.to_owned() };
        let Some(value) = header(text, "Authorization").and_then(|v| v.strip_prefix("Bearer ").map(str::to_owned))
        else {
            return text.to_owned();
        };
        let mut parts = value.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
        let read = |octets: Option<Vec<u8>>| serde_json::from_slice::<Value>(&octets.unwrap_or_default()).ok();
        let (Some(mut head), Some(mut claims)) = (read(parts.next()), read(parts.next())) else {
            return text.to_owned();
        };
        mend(&mut head, &mut claims);
        let token = Token { header: head, claims }.sign(&key);
        set(text, "Authorization", &format!("Bearer {token}"))
    }
}

/// The value of the first header of that name.
pub(crate) fn header(text: &str, name: &str) -> Option<String> {
    lines(text).find_map(|line| {
        let (n, value) = line.split_once(':')?;
        n.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split("\r\n").take_while(|line| !line.is_empty())
}

/// The text without headers of that name.
pub(crate) fn remove(text: &str, name: &str) -> String {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let kept: Vec<&str> = head
        .split("\r\n")
        .filter(|line| !line.split_once(':').is_some_and(|(n, _)| n.trim().eq_ignore_ascii_case(name)))
        .collect();
    format!("{}\r\n\r\n{body}", kept.join("\r\n"))
}

/// The text with a header more.
pub(crate) fn add(text: &str, name: &str, value: &str) -> String {
    text.replacen("\r\n\r\n", &format!("\r\n{name}: {value}\r\n\r\n"), 1)
}

/// The text with one header of that name.
pub(crate) fn set(text: &str, name: &str, value: &str) -> String {
    add(&remove(text, name), name, value)
}

/// The text with a header changed, where it is there.
pub(crate) fn change(text: &str, name: &str, with: impl FnOnce(&str) -> String) -> String {
    match header(text, name) {
        Some(value) => set(text, name, &with(&value)),
        None => text.to_owned(),
    }
}

/// Whether it is a request of a method.
pub(crate) fn is(text: &str, method: &str) -> bool {
    text.starts_with(method) && text[method.len()..].starts_with(' ')
}

/// Whether it is a response with a status.
pub(crate) fn answers(text: &str, status: u16) -> bool {
    text.starts_with(&format!("SIP/2.0 {status} "))
}
