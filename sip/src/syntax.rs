//! The lexical rules that header values share (RFC 3261 §25.1).

use crate::{HeaderError, Param, Params, Text};
use std::borrow::Cow;

/// Where the first CRLF CRLF begins: the end of the headers.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn find_empty_line(octets: &[u8]) -> Option<usize> {
    use memchr::memmem::Finder;
    use std::sync::LazyLock;
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));
    FINDER.find(octets)
}

/// Where the first CR or LF is.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn find_line_break(octets: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\r', b'\n', octets)
}

/// Where the first CRLF CRLF begins: the end of the headers. A page reads a message now and then,
/// and downloads this each time: memchr's searchers would be 3 % of it.
#[cfg(target_arch = "wasm32")]
pub(crate) fn find_empty_line(octets: &[u8]) -> Option<usize> {
    octets.windows(4).position(|window| window == b"\r\n\r\n")
}

/// Where the first CR or LF is.
#[cfg(target_arch = "wasm32")]
pub(crate) fn find_line_break(octets: &[u8]) -> Option<usize> {
    octets.iter().position(|c| matches!(c, b'\r' | b'\n'))
}

/// Whether `c` may stand in a token.
pub const fn is_token_char(c: u8) -> bool {
    matches!(c, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
        | b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Whether `s` is a token: not empty, token characters alone.
pub fn is_token(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(is_token_char)
}

/// `s` as a quoted string, with `"` and `\` escaped.
pub fn quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// The text of a quoted string; anything else as it stands.
pub fn unquote(s: &str) -> Cow<'_, str> {
    let Some(inner) = s.strip_prefix('"').and_then(|s| s.strip_suffix('"')) else {
        return Cow::Borrowed(s);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Cow::Owned(out)
}

/// `text` with every control character but the tab made a space, unless all of them stand where
/// they may (escaped, in a quoted string): safe to put on a header line.
pub fn one_line(text: Text) -> Text {
    if !has_stray_control(&text) {
        return text;
    }
    text.chars().map(|c| if c.is_ascii() && is_control(c as u8) { ' ' } else { c }).collect::<String>().into()
}

/// Whether an octet may not stand in a header value as it is.
pub(crate) const fn is_control(c: u8) -> bool {
    (c < b' ' && c != b'\t') || c == 0x7f
}

/// `text` without spaces and tabs at its ends.
#[inline]
pub(crate) fn trim(text: &str) -> &str {
    let mut text = text;
    while let Some(rest) = text.strip_prefix(' ').or_else(|| text.strip_prefix('\t')) {
        text = rest;
    }
    trim_end(text)
}

/// `text` without spaces and tabs at its end.
#[inline]
pub(crate) fn trim_end(text: &str) -> &str {
    let mut text = text;
    while let Some(rest) = text.strip_suffix(' ').or_else(|| text.strip_suffix('\t')) {
        text = rest;
    }
    text
}

/// Whether a control character stands where none may: anywhere but after a backslash in a quoted
/// string (RFC 3261 §25.1, quoted-pair). Carriage return and line feed may not even there.
pub(crate) fn has_stray_control(text: &str) -> bool {
    // The common case has to be quick: a loop without branches.
    if !text.bytes().fold(false, |any, c| any | is_control(c)) {
        return false;
    }
    let (mut quoted, mut escaped) = (false, false);
    for c in text.bytes() {
        if is_control(c) && (!escaped || matches!(c, b'\r' | b'\n')) {
            return true;
        }
        match c {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    false
}

/// The elements of a comma-separated header value, trimmed. Commas inside quotes or `<>` do not
/// separate.
pub fn split_list(value: &str) -> impl Iterator<Item = &str> {
    Split { rest: Some(value), separator: b',' }
}

/// Splits at the first `separator` that is outside quotes and `<>`.
pub fn split_once_outside(value: &str, separator: u8) -> Option<(&str, &str)> {
    let at = find_outside(value, separator)?;
    Some((&value[..at], &value[at + 1..]))
}

/// Reads `;name=value;flag…`. `text` starts with `;` or is empty; white space around `;` and `=`
/// is allowed. Values are tokens, hosts or quoted strings, kept as written.
pub fn parse_params(text: &str) -> Result<Params, HeaderError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Params::new());
    }
    let Some(body) = text.strip_prefix(';') else {
        return Err(HeaderError::new("unexpected text before the parameters (RFC 3261 §25.1)"));
    };
    Split { rest: Some(body), separator: b';' }.map(parse_param).collect()
}

/// Reads one `name`, `name=token` or `name="quoted"`.
pub fn parse_param(text: &str) -> Result<Param, HeaderError> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (text.trim(), None),
    };
    if !is_token(name) {
        return Err(HeaderError::new("a parameter has no proper name (RFC 3261 §25.1)"));
    }
    if let Some(value) = value
        && !is_param_value(value)
    {
        return Err(HeaderError::new("a parameter has a malformed value (RFC 3261 §25.1)"));
    }
    Ok(Param { name: name.into(), value: value.map(Into::into) })
}

/// Whether `s` is one whole quoted string.
pub fn is_quoted(s: &str) -> bool {
    let Some(rest) = s.strip_prefix('"') else { return false };
    let mut escaped = false;
    for (at, c) in rest.bytes().enumerate() {
        match c {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1 == rest.len(),
            _ => {}
        }
    }
    false
}

fn is_param_value(value: &str) -> bool {
    if value.starts_with('"') {
        return is_quoted(value);
    }
    // gen-value is token / host / quoted-string; IPv6 references and the odd characters that
    // deployed stacks write unquoted (`/`, `=`, `@`, `:`) are let through.
    !value.is_empty()
        && value.bytes().all(|c| {
            is_token_char(c)
                || matches!(c, b'[' | b']' | b':' | b'/' | b'=' | b'@' | b'$' | b'&' | b'?' | b'#' | b'|')
                || c >= 0x80
        })
}

struct Split<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let item = match find_outside(rest, self.separator) {
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                &rest[..at]
            }
            None => {
                self.rest = None;
                rest
            }
        };
        Some(item.trim())
    }
}

fn find_outside(value: &str, separator: u8) -> Option<usize> {
    // Mostly there is none at all, or none of the marks before it.
    let first = value.bytes().position(|c| c == separator)?;
    if !value.bytes().take(first).any(|c| matches!(c, b'"' | b'<')) {
        return Some(first);
    }
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (at, c) in value.bytes().enumerate() {
        match c {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'<' => angle = true,
            b'>' => angle = false,
            _ if c == separator && !angle => return Some(at),
            _ => {}
        }
    }
    None
}
