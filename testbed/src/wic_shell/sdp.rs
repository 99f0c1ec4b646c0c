//! The session descriptions of a headless WIC: what a browser offers and answers (RFC 8829), with no
//! media behind them.

use std::fmt::Write;

use ::wic::Sdp;
use sip::Entropy;

const AUDIO: &[Codec] = &[
    Codec { payload: 111, map: "opus/48000/2", parameters: "minptime=10;useinbandfec=1" },
    Codec { payload: 8, map: "PCMA/8000", parameters: "" },
    Codec { payload: 0, map: "PCMU/8000", parameters: "" },
    Codec { payload: 101, map: "telephone-event/8000", parameters: "0-16" },
];
const VIDEO: &[Codec] = &[
    Codec { payload: 96, map: "VP8/90000", parameters: "" },
    Codec { payload: 102, map: "H264/90000", parameters: "packetization-mode=1;profile-level-id=42e01f" },
];
const PORT: u16 = 51_814;

#[derive(Clone, Copy)]
struct Codec {
    payload: u8,
    map: &'static str,
    parameters: &'static str,
}

/// Which way media flows, from the side of who writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The other side is on hold (RFC 3264 §8.4).
    SendOnly,
    /// This side is on hold.
    RecvOnly,
    /// Both are.
    Inactive,
}

impl Direction {
    /// The name of the attribute.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The direction of the first m-line of `sdp`.
    pub fn of(sdp: &str) -> Self {
        Section::all(sdp).first().map_or_else(Self::default, |section| section.direction)
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive].into_iter().find(|d| d.name() == name)
    }

    /// What the other side may answer at most (RFC 3264 §6.1).
    fn answered(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same => same,
        }
    }
}

/// One call's media, as far as it is described.
#[derive(Clone, Debug)]
pub struct Media {
    session: u32,
    version: u32,
    ufrag: String,
    pwd: String,
    fingerprint: String,
}

impl Media {
    /// With an ICE user, a password and a certificate of its own.
    pub fn new(entropy: &mut dyn Entropy) -> Self {
        let mut octets = [0; 36];
        entropy.fill(&mut octets);
        let (session, digest) = octets.split_at(4);
        let session = session.iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet));
        let fingerprint = digest.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":");
        Self { session, version: 0, ufrag: entropy.token(4), pwd: entropy.token(24), fingerprint }
    }

    /// An offer of audio, and of video too if wanted.
    pub fn offer(&mut self, video: bool, direction: Direction) -> Sdp {
        let mut sections = vec![(Section::new("audio", "0", direction), AUDIO.to_vec())];
        if video {
            sections.push((Section::new("video", "1", direction), VIDEO.to_vec()));
        }
        self.describe(&sections, "actpass")
    }

    /// An offer with new ICE credentials: a restart (RFC 8839 §4.4.1.1.1).
    pub fn restart(&mut self, video: bool, entropy: &mut dyn Entropy) -> Sdp {
        (self.ufrag, self.pwd) = (entropy.token(4), entropy.token(24));
        self.offer(video, Direction::SendRecv)
    }

    /// The answer to `offer`: each m-line in its place, those that are no audio or video refused
    /// with port 0 (RFC 3264 §6). `None` when nothing is left.
    pub fn answer(&mut self, offer: &str) -> Option<Sdp> {
        let sections: Vec<_> = Section::all(offer)
            .into_iter()
            .map(|section| {
                let known = match section.kind {
                    "audio" if section.is_secure => AUDIO,
                    "video" if section.is_secure => VIDEO,
                    _ => &[],
                };
                let common = known.iter().filter(|codec| section.offers(codec)).copied().collect::<Vec<_>>();
                (Section { direction: section.direction.answered(), ..section }, common)
            })
            .collect();
        let any = sections.iter().any(|(_, codecs)| !codecs.is_empty());
        any.then(|| self.describe(&sections, "active"))
    }

    fn describe(&mut self, sections: &[(Section<'_>, Vec<Codec>)], setup: &str) -> Sdp {
        self.version += 1;
        let mut out = format!("v=0\r\no=- {} {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", self.session, self.version);
        let bundled = sections.iter().filter(|(_, codecs)| !codecs.is_empty()).map(|(section, _)| section.mid);
        let _ = write!(out, "a=group:BUNDLE {}\r\n", bundled.collect::<Vec<_>>().join(" "));
        for (section, codecs) in sections {
            self.section(&mut out, section, codecs, setup);
        }
        Sdp::new(out)
    }

    fn section(&self, out: &mut String, section: &Section<'_>, codecs: &[Codec], setup: &str) {
        let Section { kind, protocol, mid, direction, .. } = section;
        if codecs.is_empty() {
            let _ = write!(out, "m={kind} 0 {protocol} {}\r\nc=IN IP4 0.0.0.0\r\n", section.payloads.join(" "));
            return;
        }
        let payloads = codecs.iter().map(|codec| codec.payload.to_string()).collect::<Vec<_>>().join(" ");
        let Self { ufrag, pwd, fingerprint, .. } = self;
        let _ = write!(
            out,
            "m={kind} {PORT} {protocol} {payloads}\r\nc=IN IP4 127.0.0.1\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
             a=candidate:1 1 udp 2122260223 127.0.0.1 {PORT} typ host\r\na=end-of-candidates\r\n\
             a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:{setup}\r\n\
             a=mid:{mid}\r\na={}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
            direction.name()
        );
        for Codec { payload, map, parameters } in codecs {
            let _ = write!(out, "a=rtpmap:{payload} {map}\r\n");
            if !parameters.is_empty() {
                let _ = write!(out, "a=fmtp:{payload} {parameters}\r\n");
            }
        }
    }
}

/// An m-line and what belongs to it.
struct Section<'a> {
    kind: &'a str,
    protocol: &'a str,
    payloads: Vec<&'a str>,
    mid: &'a str,
    direction: Direction,
    /// DTLS-SRTP, keyed.
    is_secure: bool,
    maps: Vec<&'a str>,
}

impl<'a> Section<'a> {
    fn new(kind: &'a str, mid: &'a str, direction: Direction) -> Self {
        let protocol = "UDP/TLS/RTP/SAVPF";
        Self { kind, protocol, payloads: Vec::new(), mid, direction, is_secure: true, maps: Vec::new() }
    }

    fn all(sdp: &'a str) -> Vec<Self> {
        let mut parts = sdp.split("\r\nm=");
        let session = parts.next().unwrap_or_default();
        parts.filter_map(|part| Self::parse(session, part)).collect()
    }

    fn parse(session: &'a str, part: &'a str) -> Option<Self> {
        let mut lines = part.lines();
        let mut words = lines.next()?.split(' ');
        let (kind, _port, protocol) = (words.next()?, words.next()?, words.next()?);
        let attributes: Vec<&str> = lines.filter_map(|line| line.strip_prefix("a=")).collect();
        let value = |name: &str| attributes.iter().find_map(|a| a.strip_prefix(name)?.strip_prefix(':'));
        let keyed = value("fingerprint").is_some() || session.contains("\r\na=fingerprint:");
        Some(Self {
            kind,
            protocol,
            payloads: words.collect(),
            mid: value("mid").unwrap_or_default(),
            direction: attributes.iter().find_map(|a| Direction::parse(a)).unwrap_or_default(),
            is_secure: keyed && protocol.starts_with("UDP/TLS/RTP/SAVP"),
            maps: attributes.iter().filter_map(|a| a.strip_prefix("rtpmap:")).collect(),
        })
    }

    fn offers(&self, codec: &Codec) -> bool {
        self.maps.iter().any(|map| {
            map.split_once(' ').is_some_and(|(payload, name)| payload == codec.payload.to_string() && name == codec.map)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::SeededEntropy;

    fn media(seed: u64) -> Media {
        Media::new(&mut SeededEntropy::new(seed))
    }

    fn lines<'a>(sdp: &'a str, start: &str) -> Vec<&'a str> {
        sdp.lines().filter(|line| line.starts_with(start)).collect()
    }

    #[test]
    fn an_offer_is_complete_and_counts_its_versions() {
        let mut caller = media(1);
        let (first, second) = (caller.offer(true, Direction::SendRecv), caller.offer(true, Direction::SendOnly));
        for needed in
            ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:sha-256 ", "a=setup:actpass", "a=rtcp-mux", "a=mid:"]
        {
            assert_eq!(lines(first.as_str(), needed).len(), 2, "{needed} in {}", first.as_str());
        }
        assert_eq!(lines(first.as_str(), "a=group")[0], "a=group:BUNDLE 0 1");
        assert!(
            lines(first.as_str(), "o=")[0].contains(" 1 IN ") && lines(second.as_str(), "o=")[0].contains(" 2 IN ")
        );
        assert_eq!(Direction::of(second.as_str()), Direction::SendOnly);
    }

    #[test]
    fn an_answer_mirrors_the_offer_and_refuses_what_it_does_not_know() {
        let offer = media(1).offer(true, Direction::SendOnly);
        let more = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";
        let answer = media(2).answer(&format!("{}{more}", offer.as_str())).unwrap();
        let answer = answer.as_str();
        let media_lines = lines(answer, "m=");
        assert_eq!(media_lines.len(), 3, "{answer}");
        assert!(media_lines[2].starts_with("m=application 0 UDP/DTLS/SCTP webrtc-datachannel"), "{answer}");
        assert_eq!(lines(answer, "a=setup"), ["a=setup:active"; 2]);
        assert_eq!(lines(answer, "a=mid"), ["a=mid:0", "a=mid:1"]);
        assert_eq!(lines(answer, "a=group"), ["a=group:BUNDLE 0 1"]);
        assert_eq!(Direction::of(answer), Direction::RecvOnly, "on hold it only receives");
    }

    #[test]
    fn plain_rtp_is_not_answered() {
        let plain =
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";
        assert!(media(1).answer(plain).is_none());
    }

    #[test]
    fn a_restart_changes_ice_and_keeps_the_certificate() {
        let mut caller = media(1);
        let before = caller.offer(false, Direction::SendRecv);
        let after = caller.restart(false, &mut SeededEntropy::new(9));
        assert_ne!(lines(before.as_str(), "a=ice-ufrag"), lines(after.as_str(), "a=ice-ufrag"));
        assert_eq!(lines(before.as_str(), "a=fingerprint"), lines(after.as_str(), "a=fingerprint"));
    }
}
