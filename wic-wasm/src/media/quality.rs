//! Figures of a call, out of `getStats` (W3C webrtc-stats).

use js_sys::Map;
use wasm_bindgen::{JsCast, JsValue};

use crate::settings::{member, string};

/// The counters at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// When, in milliseconds.
    pub(crate) at: f64,
    pub(crate) audio: Counters,
    pub(crate) video: Counters,
    /// Round trip of the ICE pair in use, in seconds.
    pub(crate) round_trip: Option<f64>,
}

/// The counters of one medium.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    pub(crate) codec: String,
    pub(crate) packets_in: f64,
    pub(crate) packets_out: f64,
    pub(crate) octets_in: f64,
    pub(crate) octets_out: f64,
    pub(crate) lost: f64,
    /// Seconds.
    pub(crate) jitter: f64,
    pub(crate) frames_decoded: f64,
    pub(crate) frames_sent: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Sample {
    /// Reads an `RTCStatsReport`.
    pub(crate) fn of(report: &JsValue, at: f64) -> Self {
        let mut sample = Self { at, ..Self::default() };
        let mut codecs: Vec<(String, String)> = Vec::new();
        // It is a map to scripts, though not by its prototype.
        report.unchecked_ref::<Map>().for_each(&mut |stats, _| {
            if string(&stats, "type").as_deref() == Some("codec") {
                codecs.push((string(&stats, "id").unwrap_or_default(), string(&stats, "mimeType").unwrap_or_default()));
            }
        });
        report.unchecked_ref::<Map>().for_each(&mut |stats, _| sample.add(&stats, &codecs));
        sample
    }

    fn add(&mut self, stats: &JsValue, codecs: &[(String, String)]) {
        let number = |name| member(stats, name).as_f64();
        let count = |name| number(name).unwrap_or_default();
        let kind = string(stats, "type").unwrap_or_default();
        if kind == "candidate-pair" {
            if member(stats, "nominated").as_bool() == Some(true)
                && string(stats, "state").as_deref() == Some("succeeded")
            {
                self.round_trip = number("currentRoundTripTime").or(self.round_trip);
            }
            return;
        }
        let counters = match string(stats, "kind").as_deref() {
            Some("audio") => &mut self.audio,
            Some("video") => &mut self.video,
            _ => return,
        };
        match kind.as_str() {
            // Sums: after a change of m-lines there may be several.
            "inbound-rtp" => {
                counters.packets_in += count("packetsReceived");
                counters.octets_in += count("bytesReceived");
                counters.lost += count("packetsLost");
                counters.jitter = counters.jitter.max(count("jitter"));
                counters.frames_decoded += count("framesDecoded");
                counters.width = counters.width.max(count("frameWidth"));
                counters.height = counters.height.max(count("frameHeight"));
            }
            "outbound-rtp" => {
                counters.packets_out += count("packetsSent");
                counters.octets_out += count("bytesSent");
                counters.frames_sent += count("framesEncoded");
            }
            _ => return,
        }
        let codec = string(stats, "codecId");
        if let Some((_, name)) = codecs.iter().find(|(id, _)| Some(id) == codec.as_ref()) {
            counters.codec = name.rsplit('/').next().unwrap_or_default().to_owned();
        }
    }
}

/// What a person may want to know of the last second.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Quality {
    pub(crate) audio: Stream,
    pub(crate) video: Stream,
    /// Milliseconds.
    pub(crate) round_trip: Option<u32>,
}

/// One medium of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stream {
    /// kbit/s.
    pub(crate) rate_in: u32,
    pub(crate) rate_out: u32,
    /// In tenths of a percent of what was sent to us.
    pub(crate) loss: u32,
    /// Milliseconds.
    pub(crate) jitter: u32,
    /// Frames a second.
    pub(crate) frame_rate: u32,
}

impl Quality {
    /// From two samples, one after the other.
    pub(crate) fn between(before: &Sample, after: &Sample) -> Self {
        let seconds = (after.at - before.at) / 1000.0;
        Self {
            audio: Stream::between(&before.audio, &after.audio, seconds),
            video: Stream::between(&before.video, &after.video, seconds),
            round_trip: after.round_trip.map(|seconds| rounded(seconds * 1000.0)),
        }
    }
}

impl Stream {
    fn between(before: &Counters, after: &Counters, seconds: f64) -> Self {
        // Counters begin anew with a new stream.
        let grown = |before: f64, after: f64| (after - before).max(0.0);
        let rate = |before, after| if seconds > 0.0 { grown(before, after) / seconds } else { 0.0 };
        let lost = grown(before.lost, after.lost);
        let sent = lost + grown(before.packets_in, after.packets_in);
        Self {
            rate_in: rounded(rate(before.octets_in, after.octets_in) * 8.0 / 1000.0),
            rate_out: rounded(rate(before.octets_out, after.octets_out) * 8.0 / 1000.0),
            loss: if sent > 0.0 { rounded(lost / sent * 1000.0) } else { 0 },
            jitter: rounded(after.jitter * 1000.0),
            frame_rate: rounded(rate(before.frames_decoded, after.frames_decoded)),
        }
    }
}

fn rounded(number: f64) -> u32 {
    number.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_time_between_two_samples() {
        let before = Sample { at: 1000.0, ..Sample::default() };
        let audio = Counters {
            packets_in: 99.0,
            octets_in: 8_000.0,
            octets_out: 4_000.0,
            lost: 1.0,
            jitter: 0.0125,
            ..Counters::default()
        };
        let video = Counters { frames_decoded: 48.0, ..Counters::default() };
        let after = Sample { at: 3000.0, audio, video, round_trip: Some(0.0304) };
        let quality = Quality::between(&before, &after);
        assert_eq!(quality.audio, Stream { rate_in: 32, rate_out: 16, loss: 10, jitter: 13, frame_rate: 0 });
        assert_eq!((quality.video.frame_rate, quality.round_trip), (24, Some(30)));
    }

    #[test]
    fn counters_that_begin_anew_and_samples_of_one_time_give_no_nonsense() {
        let full = Counters { packets_in: 500.0, octets_in: 1e6, lost: 3.0, ..Counters::default() };
        let before = Sample { at: 5.0, audio: full.clone(), ..Sample::default() };
        let quality = Quality::between(&before, &Sample { at: 1005.0, ..Sample::default() });
        assert_eq!(quality, Quality::default());
        let same = Quality::between(&Sample::default(), &Sample { audio: full, ..Sample::default() });
        assert_eq!(same.audio.rate_in, 0);
    }
}
