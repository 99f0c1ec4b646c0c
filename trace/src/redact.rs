//! What never gets into a record: tokens.

use std::borrow::Cow;

/// The text with each token left out: the credentials of a Bearer header as `…`, so that the scheme
/// still shows, and a token anywhere else (a body, a parameter) as so many `x`, so that lengths stay right.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(text);
    if text.split("\r\n").any(is_bearer) {
        let lines = text.split_inclusive("\r\n").map(|line| match line.split_once(':') {
            Some((name, _)) if is_bearer(line) => Cow::Owned(format!("{name}: Bearer …\r\n")),
            _ => Cow::Borrowed(line),
        });
        out = Cow::Owned(lines.collect());
    }
    while let Some((start, end)) = token(&out) {
        let length = end - start;
        out.to_mut().replace_range(start..end, &"x".repeat(length));
    }
    out
}

fn is_bearer(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, value)| {
        let scheme = value.trim_start().get(..6).unwrap_or_default();
        scheme.eq_ignore_ascii_case("bearer") && name.trim_end().to_ascii_lowercase().ends_with("authorization")
    })
}

/// Where something stands that has the form of a JWS: `{"` in base64url, and two dots after it.
fn token(text: &str) -> Option<(usize, usize)> {
    text.match_indices("eyJ").find_map(|(start, _)| {
        let rest = text.get(start..)?;
        let length = rest.bytes().take_while(|c| c.is_ascii_alphanumeric() || b"-_.".contains(c)).count();
        (rest.get(..length)?.bytes().filter(|c| *c == b'.').count() >= 2).then_some((start, start + length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln-_0";

    #[test]
    fn no_token_is_left_in_header_body_or_parameter() {
        for (text, expected) in [
            ("REGISTER sip:x SIP/2.0\r\nAuthorization: Bearer {}\r\nTo: y\r\n\r\n", "…"),
            ("REGISTER sip:x SIP/2.0\r\nproxy-authorization:bearer  {}\r\n\r\n", "…"),
            ("SIP/2.0 200 OK\r\n\r\n{}", "x"),
            ("REGISTER sip:x SIP/2.0\r\nX: a;token={};b\r\n\r\n--b\r\n\r\n{}\r\n--b--", "x"),
        ] {
            let redacted = redact(&text.replace("{}", TOKEN)).into_owned();
            assert!(!redacted.contains("eyJ") && !redacted.contains("c2ln"), "{redacted}");
            assert!(redacted.contains(expected), "{redacted}");
        }
        let body = format!("MESSAGE sip:x SIP/2.0\r\n\r\n{TOKEN}");
        assert_eq!(redact(&body).len(), body.len());
    }

    #[test]
    fn what_is_no_token_stays_as_it_is() {
        for text in ["", "a eyJ.b", "Authorization: Digest username=\"Bearer\"\r\n", "X: Bearer a.b\r\n"] {
            assert!(matches!(redact(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
