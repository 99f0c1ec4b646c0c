//! However a stream is cut, the same frames come out of it. The first octet says where to cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::{Frame, ParseError, StreamDecoder};

fn frames(chunks: &[&[u8]]) -> (Vec<Frame>, Option<ParseError>) {
    let mut decoder = StreamDecoder::new(4096);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fuzz_target!(|octets: &[u8]| {
    let Some((cut, octets)) = octets.split_first() else { return };
    let (head, tail) = octets.split_at(usize::from(*cut).min(octets.len()));
    assert_eq!(frames(&[head, tail]), frames(&[octets]));
});
