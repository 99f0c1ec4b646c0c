//! What people do while they are there: they call each other and write to each other. Each call and
//! each message has a number of its own, which its description or text carries.

use crate::world::{Happening, World};
use std::collections::BTreeMap;
use std::time::Duration;
use wic::{CallEvent, CallId, CallOptions, Event, MessageId, Party, Sdp};

/// All calls and messages of a run, by number.
#[derive(Default)]
pub(crate) struct Talks {
    calls: BTreeMap<u64, Call>,
    messages: BTreeMap<u64, Written>,
    /// The number of each call that has not ended, by who is in it.
    live: BTreeMap<(usize, CallId), u64>,
    sent: BTreeMap<(usize, MessageId), u64>,
    next: u64,
}

struct Call {
    caller: usize,
    /// The caller's own name for it: people call themselves too.
    id: CallId,
    callee: usize,
    /// Those who took it.
    answered_by: Vec<usize>,
    established: bool,
    ended: bool,
}

struct Written {
    from: usize,
    to: usize,
    /// What the sender was told.
    delivered: Option<bool>,
    /// At which browsers it came up.
    read_by: Vec<usize>,
}

/// What came of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) begun: usize,
    pub(crate) established: usize,
    pub(crate) written: usize,
    pub(crate) delivered: usize,
}

impl World {
    /// `wic` calls `to`, and some time later hangs up, whatever has become of it.
    pub(crate) fn dial(&mut self, wic: usize, to: usize) {
        let number = self.talks.number();
        let (uri, now) = (self.wics[to].person.impu.parse().unwrap(), self.now);
        // A browser that is not registered just then can't call.
        let begun = self.wics[wic].agent.call(now, &uri, offer(number), CallOptions::default());
        let Ok(call) = begun else { return };
        self.talks.live.insert((wic, call), number);
        let record = Call { caller: wic, id: call, callee: to, answered_by: vec![], established: false, ended: false };
        self.talks.calls.insert(number, record);
        let patience = Duration::from_millis(500 + self.roll(60_000));
        let at = self.after(patience);
        self.agenda.put(at, Happening::HangUp { wic, call });
    }

    pub(crate) fn write(&mut self, wic: usize, to: usize) {
        let number = self.talks.number();
        let (uri, now) = (self.wics[to].person.impu.parse().unwrap(), self.now);
        let Ok(sent) = self.wics[wic].agent.message(now, &uri, &format!("message {number}")) else { return };
        self.talks.sent.insert((wic, sent), number);
        self.talks.messages.insert(number, Written { from: wic, to, delivered: None, read_by: vec![] });
    }

    pub(crate) fn answer(&mut self, wic: usize, call: CallId) {
        let Some(&number) = self.talks.live.get(&(wic, call)) else { return };
        self.talks.calls.get_mut(&number).unwrap().answered_by.push(wic);
        self.wics[wic].agent.answer(self.now, call, answer(number));
    }

    pub(crate) fn offer(&mut self, wic: usize, call: CallId) {
        let Some(&number) = self.talks.live.get(&(wic, call)) else { return };
        self.wics[wic].agent.offer(self.now, call, offer(number));
    }

    /// Something happened in a browser.
    pub(crate) fn notice(&mut self, wic: usize, event: Event) {
        match event {
            Event::Call { call, event: CallEvent::Incoming { from, called, offer, .. } } => {
                let number = number_of(offer.as_ref().unwrap().as_str());
                let record = &self.talks.calls[&number];
                self.check_parties(record.caller, record.callee, wic, &from, called.as_ref().map(ims::Impu::as_str));
                self.talks.live.insert((wic, call), number);
                self.decide(wic, call);
            }
            Event::Call { call, event: CallEvent::Established { sdp } } => {
                let number = self.talks.live[&(wic, call)];
                // Each side wants to change the session, sometimes both at the same time.
                let delay = Duration::from_millis(self.roll(3) * self.roll(2_000));
                let at = self.after(delay);
                self.agenda.put(at, Happening::Offer { wic, call });
                let record = self.talks.calls.get_mut(&number).unwrap();
                if (record.caller, record.id) == (wic, call) {
                    record.established = true;
                    assert!(!record.answered_by.is_empty(), "call {number} is established, and nobody answered");
                    assert_eq!(sdp.map(|sdp| number_of(sdp.as_str())), Some(number));
                }
            }
            Event::Call { call, event: CallEvent::Ended { .. } } => {
                if let Some(number) = self.talks.live.remove(&(wic, call)) {
                    let record = self.talks.calls.get_mut(&number).unwrap();
                    record.ended |= (record.caller, record.id) == (wic, call);
                }
            }
            Event::Call { call, event: CallEvent::Offer { .. } } => {
                let number = self.talks.live[&(wic, call)];
                self.wics[wic].agent.answer_offer(self.now, call, answer(number));
            }
            Event::Call { call, event: CallEvent::OfferAnswered { answer } } => {
                assert_eq!(number_of(answer.as_str()), self.talks.live[&(wic, call)]);
            }
            Event::Call { call, event: CallEvent::Resumed } => self.offer(wic, call),
            Event::Message { from, called, text } => {
                let number = number_of(&text);
                let record = &self.talks.messages[&number];
                self.check_parties(record.from, record.to, wic, &from, called.as_ref().map(ims::Impu::as_str));
                let read_by = &mut self.talks.messages.get_mut(&number).unwrap().read_by;
                assert!(!read_by.contains(&wic), "message {number} came twice to the same browser");
                read_by.push(wic);
            }
            Event::MessageDelivered { id } => self.told(wic, id, true),
            Event::MessageFailed { id, .. } => self.told(wic, id, false),
            _ => {}
        }
    }

    fn decide(&mut self, wic: usize, call: CallId) {
        let (now, agent) = (self.now, &mut self.wics[wic].agent);
        agent.ringing(now, call);
        let later = |world: &mut Self, within: u64, happening| {
            let delay = Duration::from_millis(1 + world.roll(within));
            let at = world.after(delay);
            world.agenda.put(at, happening);
        };
        match self.roll(10) {
            0..6 => {
                later(self, 4_000, Happening::Answer { wic, call });
                if self.roll(2) == 0 {
                    later(self, 60_000, Happening::HangUp { wic, call });
                }
            }
            6..8 => later(self, 4_000, Happening::HangUp { wic, call }),
            // Nobody is there to hear it ring.
            _ => {}
        }
    }

    /// It is for this browser's user, and the network says who it is from.
    fn check_parties(&self, from: usize, to: usize, at: usize, party: &Party, called: Option<&str>) {
        let impu = |wic: usize| self.wics[wic].person.impu.as_str();
        assert_eq!((party.uri.to_string().as_str(), party.asserted), (impu(from), true), "who it is from");
        assert_eq!((impu(at), called), (impu(to), Some(impu(to))), "who it is for");
    }

    fn told(&mut self, wic: usize, id: MessageId, delivered: bool) {
        let number = self.talks.sent[&(wic, id)];
        let record = self.talks.messages.get_mut(&number).unwrap();
        assert_eq!(record.delivered.replace(delivered), None, "message {number} ended twice");
        assert!(!delivered || !record.read_by.is_empty(), "message {number} is said to be delivered, and is not");
    }
}

impl Talks {
    /// Nothing is left over, on any side.
    pub(crate) fn check_over(&self, seed: u64) -> Sum {
        assert!(self.live.is_empty(), "seed {seed}: calls that have not ended: {:?}", self.live);
        let unanswered = self.messages.iter().find(|(_, written)| written.delivered.is_none());
        assert!(unanswered.is_none(), "seed {seed}: message {:?} has no end", unanswered.map(|(number, _)| number));
        let open = self.calls.iter().find(|(_, call)| !call.ended);
        assert!(open.is_none(), "seed {seed}: call {:?} has no end", open.map(|(number, _)| number));
        Sum {
            begun: self.calls.len(),
            established: self.calls.values().filter(|call| call.established).count(),
            written: self.messages.len(),
            delivered: self.messages.values().filter(|written| written.delivered == Some(true)).count(),
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn offer(number: u64) -> Sdp {
    Sdp::new(format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=call {number}\r\n"))
}

fn answer(number: u64) -> Sdp {
    Sdp::new(format!("v=0\r\no=- 2 1 IN IP4 0.0.0.0\r\ns=call {number}\r\n"))
}

/// The number behind `call ` or `message `.
fn number_of(text: &str) -> u64 {
    text.trim_end().rsplit(' ').next().unwrap().parse().unwrap()
}
