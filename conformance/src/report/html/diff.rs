//! What a hop changed in a message.

use trace::{Direction, Leg, Record};

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Same,
    Added,
    Removed,
}

/// The message that this one was before the system passed it on: sent by the script earlier, with the
/// same Call-ID, CSeq and kind.
pub(super) fn previous(records: &[Record], at: usize) -> Option<&Record> {
    let record = records.get(at)?;
    let is_sip = matches!(record.leg, Leg::Wss | Leg::Udp | Leg::Tcp);
    if record.direction != Direction::In || !is_sip || record.call_id.is_none() {
        return None;
    }
    let key = key(record);
    records
        .iter()
        .take(at)
        .rev()
        .find(|other| other.direction == Direction::Out && other.node != record.node && self::key(other) == key)
}

/// The lines of both, in the order of the new one; what went stands before what follows it.
pub(super) fn lines<'a>(old: &'a str, new: &'a str) -> Vec<(Mark, &'a str)> {
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    let mut marked = Vec::with_capacity(old.len() + new.len());
    let mut rest = &old[..];
    for line in &new {
        match rest.iter().position(|other| other == line) {
            Some(at) => {
                let (gone, after) = rest.split_at(at);
                marked.extend(gone.iter().filter(|l| !new.contains(l)).map(|l| (Mark::Removed, *l)));
                marked.push((Mark::Same, *line));
                rest = &after[1..];
            }
            // A line that only moved is the same.
            None if old.contains(line) => marked.push((Mark::Same, *line)),
            None => marked.push((Mark::Added, *line)),
        }
    }
    marked.extend(rest.iter().filter(|l| !new.contains(l)).map(|l| (Mark::Removed, *l)));
    marked
}

fn key(record: &Record) -> (Option<&str>, Option<&str>, &str) {
    let cseq = record.text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("cseq").then(|| value.trim())
    });
    let first = record.text.lines().next().unwrap_or_default();
    let kind = match first.strip_prefix("SIP/2.0 ") {
        Some(status) => status.split(' ').next().unwrap_or_default(),
        None => first.split(' ').next().unwrap_or_default(),
    };
    (record.call_id.as_deref(), cseq, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_removed_and_kept_lines_are_told_apart() {
        let old = "REGISTER sip:a SIP/2.0\nVia: wic\nAuthorization: Bearer t\nTo: a";
        let new = "REGISTER sip:a SIP/2.0\nVia: edge\nVia: wic\nTo: a\nPath: edge";
        let expected = [
            (Mark::Same, "REGISTER sip:a SIP/2.0"),
            (Mark::Added, "Via: edge"),
            (Mark::Same, "Via: wic"),
            (Mark::Removed, "Authorization: Bearer t"),
            (Mark::Same, "To: a"),
            (Mark::Added, "Path: edge"),
        ];
        assert_eq!(lines(old, new), expected);
    }
}
