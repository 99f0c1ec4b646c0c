//! A REGISTER at its S-CSCF, and the way back of the answer (RFC 3261 §16.6, §16.7).

use super::{Candidate, Icscf, Routing};
use crate::cx::ServerName;
use ims::Defect;
use sip::headers::{MaxForwards, Route, Via};
use sip::transaction::ClientKey;
use sip::{HeaderName, Instant, Request, Response, StatusCode, Uri};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// What waits for an S-CSCF.
#[derive(Debug, Default)]
pub(super) struct Forwards {
    waiting: HashMap<ClientKey, (Instant, Forward)>,
    deadlines: BTreeSet<(Instant, ClientKey)>,
}

#[derive(Debug)]
pub(super) struct Forward {
    pub(super) routing: Routing,
    pub(super) server: ServerName,
}

impl Forwards {
    fn insert(&mut self, key: ClientKey, deadline: Instant, forward: Forward) {
        self.deadlines.insert((deadline, key));
        self.waiting.insert(key, (deadline, forward));
    }

    pub(super) fn take(&mut self, key: ClientKey) -> Option<Forward> {
        let (deadline, forward) = self.waiting.remove(&key)?;
        self.deadlines.remove(&(deadline, key));
        Some(forward)
    }

    fn peek(&self, key: ClientKey) -> Option<&Forward> {
        self.waiting.get(&key).map(|(_, forward)| forward)
    }

    /// One whose S-CSCF did not answer until `now`.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Forward> {
        let (_, key) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now).copied()?;
        self.take(key)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Icscf {
    pub(super) fn forward(&mut self, now: Instant, routing: Routing, to: &Candidate) {
        let Ok(uri) = to.name.as_str().parse::<Uri>() else {
            return self.on_unreachable(now, routing, to.name.clone());
        };
        let mut request = Request { uri, ..routing.request.clone() };
        let hops = request.headers.opt::<MaxForwards>().ok().flatten().map_or(70, |hops| hops.0.saturating_sub(1));
        request.headers.replace(&MaxForwards(hops));
        self.pop_own_route(&mut request);
        let branch = self.front.entropy.token(24);
        let mut via = Via::new(to.peer.transport, self.config.host.clone(), self.config.port, &branch);
        via.params.set_flag("rport");
        request.headers.add_front(&via);
        let key = self.front.transactions.request(now, request, to.peer);
        let deadline = now + Duration::from_secs(self.config.policy.forward_timeout.into());
        self.forwards.insert(key, deadline, Forward { routing, server: to.name.clone() });
    }

    pub(super) fn on_response(&mut self, now: Instant, key: ClientKey, mut response: Response) {
        // 100 goes one hop (RFC 3261 §16.7 step 5).
        if response.status == StatusCode::TRYING {
            return;
        }
        response.headers.pop_first(&HeaderName::Via);
        if response.status.is_provisional() {
            if let Some(forward) = self.forwards.peek(key) {
                self.front.transactions.respond(now, forward.routing.key, response);
            }
            return;
        }
        let Some(forward) = self.forwards.take(key) else { return };
        if serves_not(response.status) && !self.has(Defect::PassesBusyOn) {
            return self.on_unreachable(now, forward.routing, forward.server);
        }
        self.front.transactions.respond(now, forward.routing.key, response);
    }

    /// Removes the topmost Route when it names this node (RFC 3261 §16.4).
    fn pop_own_route(&self, request: &mut Request) {
        let topmost = request.headers.first::<Route>().ok().flatten();
        let host = topmost.as_ref().and_then(|route| route.uri.as_sip()).map(|uri| &uri.host);
        if host.is_some_and(|host| host.same(&self.config.host)) {
            request.headers.pop_first(&HeaderName::Route);
        }
    }
}

/// Whether another S-CSCF may serve: one that sends elsewhere or is not available (TS 24.229 §5.3.1.3),
/// or one that is overloaded or going down (RFC 3261 §16.7 step 6).
fn serves_not(status: StatusCode) -> bool {
    let unavailable = [StatusCode::TEMPORARILY_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE];
    (300..400).contains(&status.code()) || unavailable.contains(&status)
}
