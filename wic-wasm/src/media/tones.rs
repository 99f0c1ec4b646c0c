//! Ringing and ring-back, made by the browser's synthesiser.

use web_sys::{AudioContext, GainNode, OscillatorNode};

/// What is to be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Somebody calls.
    Ring,
    /// Somebody calls while we are in a call: short, to talk on.
    Waiting,
    /// It rings at the other side, whose network sends no sound of its own.
    RingBack,
}

impl Tone {
    /// Hertz; seconds of sound and of silence, over and over. Ring-back is ITU-T E.180's.
    fn pattern(self) -> (&'static [f32], &'static [(f64, f64)]) {
        match self {
            Self::Ring => (&[523.25, 659.25], &[(0.4, 0.2), (0.4, 2.0)]),
            Self::Waiting => (&[425.0], &[(0.2, 0.6), (0.2, 6.0)]),
            Self::RingBack => (&[425.0], &[(1.0, 4.0)]),
        }
    }
}

/// One tone at a time.
#[derive(Default)]
pub(crate) struct Tones {
    context: Option<AudioContext>,
    playing: Option<Playing>,
}

struct Playing {
    tone: Tone,
    oscillators: Vec<OscillatorNode>,
}

impl Tones {
    /// Nobody lets it ring for longer.
    const SECONDS: f64 = 180.0;
    const LOUDNESS: f32 = 0.08;

    /// Plays `tone`, or nothing. What plays already goes on.
    pub(crate) fn play(&mut self, tone: Option<Tone>) {
        if self.playing.as_ref().map(|playing| playing.tone) == tone {
            return;
        }
        if let Some(playing) = self.playing.take() {
            playing.oscillators.iter().for_each(|oscillator| drop(oscillator.stop()));
        }
        let Some(tone) = tone else { return };
        // A browser without sound, or one that forbids it, rings by the picture alone.
        let oscillators = self.start(tone).unwrap_or_default();
        self.playing = Some(Playing { tone, oscillators });
    }

    fn start(&mut self, tone: Tone) -> Option<Vec<OscillatorNode>> {
        let context = match &self.context {
            Some(context) => context,
            None => self.context.insert(AudioContext::new().ok()?),
        };
        // Suspended until the person has touched the page.
        let _ = context.resume();
        let (frequencies, cadence) = tone.pattern();
        let gain = context.create_gain().ok()?;
        gain.connect_with_audio_node(&context.destination()).ok()?;
        schedule(&gain, cadence, context.current_time())?;
        let oscillators = frequencies.iter().map(|hertz| {
            let oscillator = context.create_oscillator().ok()?;
            oscillator.frequency().set_value(*hertz);
            oscillator.connect_with_audio_node(&gain).ok()?;
            oscillator.start().ok()?;
            Some(oscillator)
        });
        oscillators.collect()
    }
}

impl Drop for Tones {
    fn drop(&mut self) {
        self.play(None);
        if let Some(context) = self.context.take() {
            let _ = context.close();
        }
    }
}

fn schedule(gain: &GainNode, cadence: &[(f64, f64)], from: f64) -> Option<()> {
    let level = gain.gain();
    level.set_value(0.0);
    let mut at = from + 0.05;
    for (on, off) in cadence.iter().cycle() {
        if at > from + Tones::SECONDS {
            break;
        }
        // Ramps, so that it does not click.
        level.set_target_at_time(Tones::LOUDNESS, at, 0.02).ok()?;
        level.set_target_at_time(0.0, at + on, 0.02).ok()?;
        at += on + off;
    }
    Some(())
}
