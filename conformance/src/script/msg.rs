//! SIP messages as lines of text, right ones and others.

use std::fmt;

use bytes::Bytes;

/// A message as it will be written: nothing in it is checked, and nothing is added but a
/// Content-Length, and that only if the lines have none and there is a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msg {
    /// The first line.
    pub start: String,
    /// The header lines: name and value.
    pub lines: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Msg {
    /// A message without headers.
    pub fn new(start: impl Into<String>) -> Self {
        Self { start: start.into(), lines: Vec::new(), body: Vec::new() }
    }

    /// A request.
    pub fn request(method: &str, uri: &str) -> Self {
        Self::new(format!("{method} {uri} SIP/2.0"))
    }

    /// Adds a line at the end.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.lines.push((name.to_owned(), value.to_string()));
        self
    }

    /// Puts a value in the place of the first line of that name, or adds one.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl fmt::Display) -> Self {
        match self.lines.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value.to_string(),
            None => return self.with(name, value),
        }
        self
    }

    /// Removes all lines of that name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.lines.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    /// Adds a line before all others.
    #[must_use]
    pub fn first(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.lines.insert(0, (name.to_owned(), value.to_string()));
        self
    }

    /// Sets the first line.
    #[must_use]
    pub fn start(mut self, start: impl Into<String>) -> Self {
        self.start = start.into();
        self
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.set("Content-Type", content_type)
    }

    /// The value of the first line of that name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The octets.
    pub fn bytes(&self) -> Bytes {
        let mut out = format!("{}\r\n", self.start);
        for (name, value) in &self.lines {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() && self.value("Content-Length").is_none() {
            out.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        out.push_str("\r\n");
        let mut octets = out.into_bytes();
        octets.extend(&self.body);
        octets.into()
    }
}

impl From<&sip::Request> for Msg {
    fn from(request: &sip::Request) -> Self {
        let lines = request.headers.iter().map(|h| (h.spelling().to_owned(), h.value.to_string())).collect();
        let start = format!("{} {} SIP/2.0", request.method, request.uri);
        Self { start, lines, body: request.body.to_vec() }
    }
}
