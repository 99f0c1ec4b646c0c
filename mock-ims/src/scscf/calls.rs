//! The calls of the users that are served here: what has to be known of them so that they can be
//! released when a user is no longer registered (TS 23.228 §5.10.3, TS 24.229 §5.4.5.1).
//!
//! A call is a dialog that an INVITE began, early or confirmed; one INVITE that forks makes several.
//! When both sides are served here, both passes of the INVITE find the same call.

use super::registrar::{BindingId, SetId};
use super::session::Served;
use ims::{Impu, WildcardedImpu};
use sip::dialog::{Dialog, DialogId};
use sip::headers::{CSeq, RecordRoute, SessionExpires};
use sip::proxy::Own;
use sip::transaction::ServerKey;
use sip::{HeaderName, Headers, Instant, Method, Request, Response};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

/// All calls.
#[derive(Debug)]
pub(super) struct Calls {
    all: BTreeMap<CallKey, Call>,
    by_dialog: HashMap<DialogId, CallKey>,
    by_set: HashMap<SetId, BTreeSet<CallKey>>,
    /// The early ones of each INVITE.
    by_invite: HashMap<ServerKey, Vec<CallKey>>,
    /// Calls that ended so short a time ago that an old 2xx could bring them back.
    ended: HashSet<DialogId>,
    endings: VecDeque<(Instant, DialogId)>,
    deadlines: BTreeSet<(Instant, CallKey)>,
    next: u64,
    /// When a call without session timer is given up for lost.
    lifetime: Duration,
    limit: usize,
}

/// For how long a 2xx may still come that was sent before its call ended: 64·T1 (RFC 6026).
const AFTERLIFE: Duration = Duration::from_secs(32);

/// A call, as long as it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CallKey(u64);

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    /// As the one who calls sees it.
    pub(super) id: DialogId,
    caller: End,
    callee: End,
    parties: Vec<Party>,
    deadline: Instant,
}

/// How one end is reached in the name of the other.
#[derive(Debug)]
struct End {
    dialog: Dialog,
    /// The last sequence number of what this end itself sent.
    cseq: u32,
}

/// A served user in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) set: SetId,
    pub(super) binding: Option<BindingId>,
    pub(super) identity: Impu,
    pub(super) key: Option<WildcardedImpu>,
}

/// A call as a request in it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InCall {
    pub(super) key: CallKey,
    /// Whether the request is from the one who called.
    pub(super) from_caller: bool,
}

impl Party {
    pub(super) fn of(served: &Served, binding: Option<BindingId>) -> Option<Self> {
        let Served { identity, key, set, .. } = served.clone();
        Some(Self { set: set?, binding: binding.or(served.binding), identity, key })
    }
}

impl Calls {
    pub(super) fn new(lifetime: Duration, limit: usize) -> Self {
        Self {
            all: BTreeMap::new(),
            by_dialog: HashMap::new(),
            by_set: HashMap::new(),
            by_invite: HashMap::new(),
            ended: HashSet::new(),
            endings: VecDeque::new(),
            deadlines: BTreeSet::new(),
            next: 0,
            lifetime,
            limit,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// A response from 101 to 299 to `invite`, as both stand at this node: it makes a call, tells of
    /// one more party of it, or confirms it.
    pub(super) fn on_response(
        &mut self,
        now: Instant,
        context: ServerKey,
        invite: &Request,
        response: &Response,
        party: Party,
        own: &Own,
    ) {
        let Ok(id) = DialogId::of_response(response) else { return };
        if id.remote_tag.is_empty() {
            return;
        }
        let key = match self.by_dialog.get(&id) {
            Some(key) => *key,
            None => match self.make(now, id, invite, response, own) {
                Some(key) => key,
                None => return,
            },
        };
        let Some(call) = self.all.get_mut(&key) else { return };
        if !call.parties.contains(&party) {
            self.by_set.entry(party.set).or_default().insert(key);
            call.parties.push(party);
        }
        if !response.status.is_success() {
            let early = self.by_invite.entry(context).or_default();
            if !early.contains(&key) {
                early.push(key);
            }
            return;
        }
        let _ = call.callee.dialog.confirm(&downstream(response, own));
        let _ = call.caller.dialog.confirm(response);
        self.settle_deadline(now, key, response);
    }

    /// A final answer went to the caller: early calls of that INVITE are over.
    pub(super) fn end_early(&mut self, context: ServerKey) {
        for key in self.by_invite.remove(&context).unwrap_or_default() {
            if self.all.get(&key).is_some_and(|call| !call.callee.dialog.is_confirmed()) {
                self.remove(key);
            }
        }
    }

    /// The call that a request is in.
    pub(super) fn find(&self, request: &Request) -> Option<InCall> {
        // What comes from the callee names the caller's tag in To.
        let as_callee = DialogId::of_request(request).ok()??;
        let as_caller = as_callee.clone().reversed();
        let by = |id: &DialogId, from_caller| self.by_dialog.get(id).map(|key| InCall { key: *key, from_caller });
        by(&as_caller, true).or_else(|| by(&as_callee, false))
    }

    /// A request in a call passes: it counts, and may move its sender's Contact.
    pub(super) fn on_request(&mut self, within: InCall, request: &Request) {
        let Some(call) = self.all.get_mut(&within.key) else { return };
        let sender = if within.from_caller { &mut call.caller } else { &mut call.callee };
        if let Ok(cseq) = request.cseq() {
            sender.cseq = sender.cseq.max(cseq.number);
        }
        let _ = sender.dialog.receive(request);
    }

    /// The answer to a request in a call passes.
    pub(super) fn on_answer(&mut self, now: Instant, within: InCall, response: &Response) {
        let Some(call) = self.all.get_mut(&within.key) else { return };
        let Ok(CSeq { method, .. }) = response.cseq() else { return };
        let status = response.status;
        let over = match status.code() {
            401 | 407 => false,
            408 | 481 => true,
            _ => method == Method::Bye && status.is_final(),
        };
        if over {
            self.end(now, within.key);
            return;
        }
        let answerer = if within.from_caller { &mut call.callee } else { &mut call.caller };
        answerer.dialog.refreshed_by(response);
        if status.is_success() && matches!(method, Method::Invite | Method::Update) {
            self.settle_deadline(now, within.key, response);
        }
    }

    /// Calls whose session timer ran out without a refresh (RFC 4028 §8.1), now forgotten.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Call> {
        let mut gone = Vec::new();
        while let Some((_, key)) = self.deadlines.first().filter(|(at, _)| *at <= now).copied() {
            gone.extend(self.end(now, key));
        }
        gone
    }

    /// Takes out a call that is over.
    pub(super) fn end(&mut self, now: Instant, key: CallKey) -> Option<Call> {
        let call = self.remove(key)?;
        while let Some((_, id)) = self.endings.pop_front_if(|(until, _)| *until <= now) {
            self.ended.remove(&id);
        }
        if self.endings.len() < self.limit && self.ended.insert(call.id.clone()) {
            self.endings.push_back((now + AFTERLIFE, call.id.clone()));
        }
        Some(call)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Takes out the confirmed calls of a set that `doomed` says true of a party of.
    pub(super) fn take(&mut self, now: Instant, set: SetId, doomed: impl Fn(&Party) -> bool) -> Vec<Call> {
        let is_doomed = |call: &Call| call.callee.dialog.is_confirmed() && call.parties.iter().any(&doomed);
        let of_set = self.by_set.get(&set).into_iter().flatten();
        let keys: Vec<CallKey> = of_set.filter(|key| self.all.get(key).is_some_and(is_doomed)).copied().collect();
        keys.into_iter().filter_map(|key| self.end(now, key)).collect()
    }

    fn make(
        &mut self,
        now: Instant,
        id: DialogId,
        invite: &Request,
        response: &Response,
        own: &Own,
    ) -> Option<CallKey> {
        if self.all.len() >= self.limit || self.ended.contains(&id) {
            return None;
        }
        let mut upstream = invite.clone();
        let routes = hops(&invite.headers).filter(|hop| !is_own(hop, own));
        let routes: Vec<RecordRoute> = routes.collect();
        set_hops(&mut upstream.headers, &routes);
        let callee = Dialog::uac(invite, &downstream(response, own)).ok()?;
        let caller = Dialog::uas(&upstream, &id.remote_tag).ok()?;
        let cseq = invite.cseq().ok()?.number;
        self.next += 1;
        let key = CallKey(self.next);
        let deadline = now + self.lifetime;
        let call = Call {
            id: id.clone(),
            caller: End { dialog: caller, cseq },
            callee: End { dialog: callee, cseq: 0 },
            parties: Vec::new(),
            deadline,
        };
        self.all.insert(key, call);
        self.by_dialog.insert(id, key);
        self.deadlines.insert((deadline, key));
        Some(key)
    }

    fn settle_deadline(&mut self, now: Instant, key: CallKey, response: &Response) {
        let Some(call) = self.all.get_mut(&key) else { return };
        let session = response.headers.opt::<SessionExpires>().ok().flatten();
        let interval = session.map_or(self.lifetime, |session| Duration::from_secs(session.interval().into()));
        self.deadlines.remove(&(call.deadline, key));
        call.deadline = now + interval;
        self.deadlines.insert((call.deadline, key));
    }

    fn remove(&mut self, key: CallKey) -> Option<Call> {
        let call = self.all.remove(&key)?;
        for party in &call.parties {
            if let Some(calls) = self.by_set.get_mut(&party.set) {
                calls.remove(&key);
                if calls.is_empty() {
                    self.by_set.remove(&party.set);
                }
            }
        }
        self.by_dialog.remove(&call.id);
        self.deadlines.remove(&(call.deadline, key));
        Some(call)
    }
}

impl Call {
    /// The BYEs that end it: to the caller in the name of the callee, and the other way round.
    pub(super) fn byes(mut self) -> [Request; 2] {
        let bye = |end: &mut End, last: u32| {
            let mut bye = end.dialog.request(Method::Bye);
            bye.headers.replace(&CSeq { number: last.saturating_add(1), method: Method::Bye });
            bye
        };
        [bye(&mut self.caller, self.callee.cseq), bye(&mut self.callee, self.caller.cseq)]
    }
}

/// A response with nothing in Record-Route but what is between us and the one who sent it.
fn downstream(response: &Response, own: &Own) -> Response {
    let mut response = response.clone();
    let hops: Vec<RecordRoute> = hops(&response.headers).take_while(|hop| !is_own(hop, own)).collect();
    set_hops(&mut response.headers, &hops);
    response
}

/// What is recorded, as far as it can be read.
pub(super) fn hops(headers: &Headers) -> impl Iterator<Item = RecordRoute> + use<> {
    headers.all::<RecordRoute>().unwrap_or_default().into_iter()
}

pub(super) fn set_hops(headers: &mut Headers, hops: &[RecordRoute]) {
    headers.remove(&HeaderName::RecordRoute);
    hops.iter().for_each(|hop| headers.add(hop));
}

pub(super) fn is_own(hop: &RecordRoute, own: &Own) -> bool {
    hop.uri.as_sip().is_some_and(|uri| own.is_uri(uri))
}
