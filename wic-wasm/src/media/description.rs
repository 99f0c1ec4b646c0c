//! What is read in a session description, and changed in it before it is sent.

/// The description without the ICE option `trickle`: it is complete, and nothing follows it
/// (RFC 8840 §4.1.1).
pub(crate) fn without_trickle(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    for line in sdp.split_inclusive('\n') {
        let text = line.trim_end_matches(['\r', '\n']);
        let Some(options) = text.strip_prefix("a=ice-options:") else {
            out.push_str(line);
            continue;
        };
        let mut kept = options.split(' ').filter(|option| !option.is_empty() && *option != "trickle").peekable();
        if kept.peek().is_none() {
            continue;
        }
        out.push_str("a=ice-options:");
        for (at, option) in kept.enumerate() {
            if at > 0 {
                out.push(' ');
            }
            out.push_str(option);
        }
        out.push_str(&line[text.len()..]);
    }
    out
}

/// Whether pictures are to be seen: an m-line of video that is neither refused nor silent.
pub(crate) fn offers_video(sdp: &str) -> bool {
    let mut sends = false;
    let mut video = false;
    for line in sdp.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            if video && sends {
                return true;
            }
            let mut words = media.split(' ');
            video = words.next() == Some("video") && words.next().is_some_and(|port| port != "0");
            sends = true;
        } else if matches!(line, "a=recvonly" | "a=inactive") {
            sends = false;
        }
    }
    video && sends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_option_trickle_is_taken_out() {
        let table = [
            ("v=0\r\na=ice-options:trickle\r\na=mid:0\r\n", "v=0\r\na=mid:0\r\n"),
            ("a=ice-options:trickle renomination\r\n", "a=ice-options:renomination\r\n"),
            ("a=ice-options:ice2 trickle rtp+ecn\r\n", "a=ice-options:ice2 rtp+ecn\r\n"),
            ("a=ice-options:ice2\n", "a=ice-options:ice2\n"),
            ("a=fmtp:96 x=trickle\r\n", "a=fmtp:96 x=trickle\r\n"),
            ("", ""),
        ];
        for (given, sent) in table {
            assert_eq!(without_trickle(given), sent);
        }
    }

    #[test]
    fn video_is_offered_by_a_line_that_sends_some() {
        let table = [
            ("m=audio 9 RTP/AVP 0\r\n", false),
            ("m=audio 9 RTP/AVP 0\r\nm=video 9 RTP/AVP 96\r\n", true),
            ("m=video 9 RTP/AVP 96\r\na=sendonly\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n", true),
            ("m=video 0 RTP/AVP 96\r\n", false),
            ("m=video 9 RTP/AVP 96\r\na=recvonly\r\nm=audio 9 RTP/AVP 0\r\n", false),
            ("m=audio 9 RTP/AVP 0\r\nm=video 9 RTP/AVP 96\r\na=inactive\r\n", false),
            ("a=inactive\r\nm=video 9 RTP/AVP 96\r\n", true),
        ];
        for (sdp, video) in table {
            assert_eq!(offers_video(sdp), video, "{sdp}");
        }
    }
}
