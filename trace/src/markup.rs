//! Text as XML and HTML take it.

/// Text for an element or a quoted attribute: what has a meaning as an entity (XML 1.0 §2.4), what can't
/// be written (§2.2) as a replacement character, no carriage returns.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => {}
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_over_the_wire_cannot_become_markup() {
        assert_eq!(escape("<script>\"&\u{1}\u{ffff}\r\n\té"), "&lt;script&gt;&quot;&amp;\u{fffd}\u{fffd}\n\té");
    }
}
