//! Records as JSON.

use std::borrow::Borrow;

use crate::record::Record;

/// An array of `records`, one a line.
pub fn encode<R: Borrow<Record>>(records: &[R]) -> String {
    let mut out = String::from("[");
    for (at, record) in records.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        // Strings, numbers and enumerations have no failure.
        out.push_str(&serde_json::to_string(record.borrow()).unwrap_or_default());
    }
    out.push_str("\n]\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Direction;
    use crate::sample::http;

    #[test]
    fn what_is_written_is_read_back() {
        let records = [http("wwsf", Direction::In, "GET /"), http("wwsf", Direction::Out, "200 /")];
        for records in [&records[..], &records[..1], &[]] {
            let read: Vec<Record> = serde_json::from_str(&encode(records)).unwrap();
            assert_eq!(read, records);
        }
    }
}
