use super::WildcardError;

/// Largest repetition count: RE_DUP_MAX of POSIX.
const DUP_MAX: u16 = 255;

/// Turns a POSIX extended regular expression (IEEE 1003.1 §9.4) into the
/// syntax of the `regex` crate.
///
/// Only what POSIX defines goes through, so that nothing means something else
/// in the richer syntax: no back-references, no lazy or doubled repetition, no
/// Perl classes, no flags.
pub(super) fn translate(ere: &str, anchors: Anchors) -> Result<String, WildcardError> {
    if ere.is_empty() {
        return Err(WildcardError::Expression { offset: 0, what: "empty expression" });
    }
    let mut reader = Reader { ere: ere.as_bytes(), at: 0, out: String::new(), anchors };
    reader.expression()?;
    Ok(reader.out)
}

/// What becomes of `^` and `$`.
#[derive(Clone, Copy)]
pub(super) enum Anchors {
    /// They anchor, at the ends of what the expression is matched against.
    Kept,
    /// They match everywhere: the expression then matches more, never less.
    Dropped,
}

struct Reader<'a> {
    ere: &'a [u8],
    at: usize,
    out: String,
    anchors: Anchors,
}

impl Reader<'_> {
    fn expression(&mut self) -> Result<(), WildcardError> {
        let mut depth = 0_usize;
        // What a repetition would apply to: nothing after an opening or another one.
        let mut repeatable = false;
        let mut branch_empty = true;
        while let Some(octet) = self.next() {
            match octet {
                b'(' => {
                    depth += 1;
                    self.out.push_str("(?:");
                    (repeatable, branch_empty) = (false, true);
                    continue;
                }
                b'|' | b')' if branch_empty => return self.fail("empty alternative"),
                b'|' => {
                    self.out.push('|');
                    (repeatable, branch_empty) = (false, true);
                    continue;
                }
                b')' => {
                    depth = match depth.checked_sub(1) {
                        Some(depth) => depth,
                        None => return self.fail("unmatched )"),
                    };
                    self.out.push(')');
                    repeatable = true;
                }
                b'*' | b'+' | b'?' | b'{' if !repeatable => return self.fail("nothing to repeat"),
                b'*' | b'+' | b'?' => {
                    self.out.push(char::from(octet));
                    repeatable = false;
                }
                b'{' => {
                    self.interval()?;
                    repeatable = false;
                }
                b'^' | b'$' => {
                    match (self.anchors, octet) {
                        (Anchors::Kept, b'^') => self.out.push_str(r"\A"),
                        (Anchors::Kept, _) => self.out.push_str(r"\z"),
                        (Anchors::Dropped, _) => self.out.push_str("(?:)"),
                    }
                    repeatable = false;
                }
                b'.' => {
                    self.out.push('.');
                    repeatable = true;
                }
                b'[' => {
                    self.bracket()?;
                    repeatable = true;
                }
                b'\\' => {
                    self.escape()?;
                    repeatable = true;
                }
                _ => {
                    self.literal(octet);
                    repeatable = true;
                }
            }
            branch_empty = false;
        }
        if branch_empty {
            return self.fail("empty alternative");
        }
        if depth > 0 {
            return self.fail("unmatched (");
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), WildcardError> {
        match self.next() {
            Some(octet) if br"^.[$()|*+?{\]}".contains(&octet) => {
                self.literal(octet);
                Ok(())
            }
            Some(b'0'..=b'9') => self.fail("back-reference"),
            _ => self.fail("escape of an ordinary character"),
        }
    }

    fn interval(&mut self) -> Result<(), WildcardError> {
        let low = self.count()?;
        let high = match self.next() {
            Some(b'}') => Some(low),
            Some(b',') if self.peek() == Some(b'}') => {
                self.at += 1;
                None
            }
            Some(b',') => {
                let high = self.count()?;
                match self.next() {
                    Some(b'}') => Some(high),
                    _ => return self.fail("malformed interval"),
                }
            }
            _ => return self.fail("malformed interval"),
        };
        match high {
            Some(high) if high < low => return self.fail("interval runs backwards"),
            Some(high) => self.out.push_str(&format!("{{{low},{high}}}")),
            None => self.out.push_str(&format!("{{{low},}}")),
        }
        Ok(())
    }

    fn count(&mut self) -> Result<u16, WildcardError> {
        let mut count: Option<u16> = None;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.at += 1;
            let value = count.unwrap_or(0) * 10 + u16::from(digit - b'0');
            if value > DUP_MAX {
                return self.fail("more than 255 repetitions");
            }
            count = Some(value);
        }
        match count {
            Some(count) => Ok(count),
            None => self.fail("malformed interval"),
        }
    }

    /// A bracket expression (IEEE 1003.1 §9.3.5), the opening `[` already read.
    fn bracket(&mut self) -> Result<(), WildcardError> {
        self.out.push('[');
        if self.peek() == Some(b'^') {
            self.at += 1;
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(low) = self.next() else {
                return self.fail("unmatched [");
            };
            match (low, self.peek()) {
                (b']', _) if !first => break,
                (b'[', Some(b':')) => self.class()?,
                (b'[', Some(b'.' | b'=')) => return self.fail("collating element"),
                _ => self.range(low)?,
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// One character of a bracket expression, or a range that begins with it.
    fn range(&mut self, low: u8) -> Result<(), WildcardError> {
        self.literal(low);
        let dash = self.peek() == Some(b'-') && self.ere.get(self.at + 1) != Some(&b']');
        if !dash {
            return Ok(());
        }
        self.at += 1;
        match self.next() {
            None => self.fail("unmatched ["),
            Some(b'[') if matches!(self.peek(), Some(b':' | b'.' | b'=')) => self.fail("class as the end of a range"),
            Some(high) if high < low => self.fail("range runs backwards"),
            Some(high) => {
                self.out.push('-');
                self.literal(high);
                Ok(())
            }
        }
    }

    fn class(&mut self) -> Result<(), WildcardError> {
        const CLASSES: [&str; 12] = [
            "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit",
        ];
        let rest = self.ere.get(self.at + 1..).unwrap_or_default();
        let class = CLASSES
            .into_iter()
            .find(|name| rest.strip_prefix(name.as_bytes()).is_some_and(|after| after.starts_with(b":]")));
        let Some(name) = class else {
            return self.fail("unknown character class");
        };
        self.out.push_str(&format!("[:{name}:]"));
        self.at += name.len() + 3;
        Ok(())
    }

    /// A character that stands for itself, spelt so that it cannot mean more.
    fn literal(&mut self, octet: u8) {
        if octet.is_ascii_alphanumeric() {
            self.out.push(char::from(octet));
        } else {
            self.out.push_str(&format!(r"\x{octet:02X}"));
        }
    }

    fn next(&mut self) -> Option<u8> {
        let octet = self.peek()?;
        self.at += 1;
        Some(octet)
    }

    fn peek(&self) -> Option<u8> {
        self.ere.get(self.at).copied()
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, WildcardError> {
        Err(WildcardError::Expression { offset: self.at.saturating_sub(1), what })
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn matches(ere: &str, text: &str) -> bool {
        Regex::new(&format!(r"\A(?:{})\z", translate(ere, Anchors::Kept).unwrap())).unwrap().is_match(text)
    }

    #[test]
    fn expressions_mean_what_posix_says() {
        for (ere, text, expected) in [
            ("a.c", "abc", true),
            ("a\\.c", "abc", false),
            ("a\\.c", "a.c", true),
            ("^ab?$", "a", true),
            ("(ab)+|c", "abab", true),
            ("a{2}", "aaa", false),
            ("a{2,}", "aaa", true),
            ("a{0,1}", "", true),
            ("[]a]", "]", true),
            ("[^]a]", "]", false),
            ("[a-c-]", "-", true),
            ("[\\d]", "\\", true),
            ("[\\d]", "7", false),
            ("[a&&b]", "&", true),
            ("[[:alpha:]_]", "_", true),
            ("[[]", "[", true),
            ("a]", "a]", true),
            ("}", "}", true),
            ("a b", "a b", true),
            ("a#", "a#", true),
        ] {
            assert_eq!(matches(ere, text), expected, "{ere} on {text}");
        }
    }

    #[test]
    fn what_posix_leaves_undefined_is_refused_with_its_place() {
        for (ere, offset, what) in [
            ("", 0, "empty expression"),
            ("a\\1", 2, "back-reference"),
            ("\\d", 1, "escape of an ordinary character"),
            ("a\\", 1, "escape of an ordinary character"),
            ("a*?", 2, "nothing to repeat"),
            ("a**", 2, "nothing to repeat"),
            ("*a", 0, "nothing to repeat"),
            ("(?i)a", 1, "nothing to repeat"),
            ("^*", 1, "nothing to repeat"),
            ("a||b", 2, "empty alternative"),
            ("()", 1, "empty alternative"),
            ("a|", 1, "empty alternative"),
            ("(a", 1, "unmatched ("),
            ("a)", 1, "unmatched )"),
            ("a{", 1, "malformed interval"),
            ("a{,2}", 1, "malformed interval"),
            ("a{2,1}", 5, "interval runs backwards"),
            ("a{256}", 4, "more than 255 repetitions"),
            ("[a", 1, "unmatched ["),
            ("[b-a]", 3, "range runs backwards"),
            ("[[.a.]]", 1, "collating element"),
            ("[[:word:]]", 1, "unknown character class"),
        ] {
            assert_eq!(translate(ere, Anchors::Kept), Err(WildcardError::Expression { offset, what }), "{ere}");
        }
    }
}
