//! However a stream is cut, the same messages come out of it.

use proptest::collection::vec;
use proptest::prelude::*;
use sip::{Frame, StreamDecoder};

/// What one stream carries, keep-alives between the messages.
fn stream() -> (Vec<u8>, usize) {
    let message = |body: &str| {
        format!(
            "MESSAGE sip:b@ims.example SIP/2.0\r\nCall-ID: 1\r\nContent-Length : {}\r\nSubject: x\r\n\r\n{body}",
            body.len()
        )
    };
    let parts = [
        message("hello"),
        "\r\n\r\n".into(),
        message(""),
        message("\r\n\r\nSIP/2.0 "),
        "\r\n\r\n".into(),
        message("x"),
    ];
    (parts.concat().into_bytes(), parts.len())
}

fn frames(decoder: &mut StreamDecoder) -> Vec<Frame> {
    std::iter::from_fn(|| decoder.next_frame().unwrap()).collect()
}

proptest! {
    #[test]
    fn the_cuts_do_not_matter(cuts in vec(1..60_usize, 1..60)) {
        let (octets, count) = stream();
        let mut whole = StreamDecoder::new(10_000);
        whole.push(&octets);
        let expected = frames(&mut whole);
        prop_assert_eq!(expected.len(), count);

        let mut decoder = StreamDecoder::new(10_000);
        let mut got = Vec::new();
        let mut rest = &octets[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            decoder.push(now);
            got.extend(frames(&mut decoder));
            rest = later;
        }
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn no_octets_make_it_panic_or_grow_beyond_its_limit(chunks in vec(vec(any::<u8>(), 0..50), 0..40)) {
        let mut decoder = StreamDecoder::new(500);
        for chunk in chunks {
            decoder.push(&chunk);
            while let Ok(Some(_)) = decoder.next_frame() {}
        }
    }
}
