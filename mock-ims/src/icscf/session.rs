//! Requests other than REGISTER at the I-CSCF (TS 24.229 §5.3.2): the HSS says by LIR which S-CSCF
//! serves the one who is called, or in the `orig` variant the one who calls.

use super::{Event, Icscf, Waiting, selection};
use crate::asks::CxFailure;
use crate::boundary;
use crate::cx::{CxAnswer, Lia, Lir, ResultCode, ServerName};
use crate::hop;
use crate::policy;
use crate::refusal::Refusal;
use crate::relay::Turn;
use ims::{Defect, Impu};
use sip::headers::{MaxForwards, PAssertedIdentity, PProfileKey, PServedUser, Route};
use sip::proxy;
use sip::transaction::{ClientKey, ServerKey};
use sip::{HeaderName, Instant, Method, Peer, Rejection, Request, Response, StatusCode, Uri};
use std::time::Duration;

/// What is kept of a request on its way.
#[derive(Debug)]
pub(super) struct Session {
    /// As it goes on: our Route taken off, what a stranger may not say taken out.
    copy: Request,
    /// Whether the served user is the one who calls.
    originating: bool,
    /// The S-CSCF that has it.
    server: Option<ServerName>,
}

/// What becomes of a request.
enum Plan {
    /// The HSS is asked where this identity is served.
    Ask(Impu),
    /// It goes to a place that is known.
    Send(Peer),
    /// It is for an S-CSCF, whichever is the first: only that one knows a temporary GRUU.
    Any,
}

impl Icscf {
    pub(super) fn on_session(&mut self, now: Instant, key: ServerKey, request: Request, from: Peer) {
        let to_network = |uri: &sip::SipUri| uri.user.is_none() && self.config.network.is_home(uri);
        if request.method == Method::Options && request.uri.as_sip().is_some_and(to_network) {
            return self.front.respond(now, key, hop::options(&request));
        }
        if let Some(response) = self.own_answer(&request) {
            return self.front.respond(now, key, response);
        }
        let (session, plan) = match self.plan(&request, &from) {
            Ok(planned) => planned,
            Err(refusal) => return self.front.refuse(now, key, &request, &refusal),
        };
        let originating = session.originating;
        self.relays.open(key, request, from, session, &mut self.front);
        match plan {
            Plan::Ask(public_identity) => {
                let lir = Lir { public_identity, originating, capabilities_only: false };
                self.asks.ask(now, lir, Waiting::Session(key));
            }
            Plan::Send(to) => self.send_on(now, key, to),
            Plan::Any => match self.config.scscfs.first().cloned() {
                Some(candidate) => self.send_to_scscf(now, key, &candidate, None),
                None => self.relays.refuse(now, &mut self.front, key, &policy::no_scscf(false).into()),
            },
        }
    }

    /// An ACK to a 2xx that a strict or lazy user agent sent this way: it goes where Route says.
    pub(super) fn on_ack(&mut self, request: Request, from: Peer) {
        let mut copy = request.clone();
        if proxy::preprocess_route(&mut copy, self.name.own()).is_err() {
            return;
        }
        let trusted = self.enter(&mut copy, &from);
        let Some(to) = self.next_peer(&mut copy).filter(|to| trusted || self.is_scscf(to)) else { return };
        if self.name.depart(&mut self.front, &request, &mut copy, to).is_ok() {
            self.front.transactions.send(copy.into(), to);
        }
    }

    pub(super) fn on_cancel(&mut self, now: Instant, key: ServerKey, invite: Option<ServerKey>, request: &Request) {
        let Some(invite) = invite else {
            return self.front.refuse(now, key, request, &Refusal::no_transaction());
        };
        self.front.respond(now, key, request.respond(StatusCode::OK));
        let turns = self.relays.cancel(now, &mut self.front, invite);
        self.take(now, turns);
    }

    pub(super) fn on_lia(&mut self, now: Instant, key: ServerKey, answer: Result<CxAnswer, CxFailure>) {
        let rejection = match answer {
            Ok(CxAnswer::Lia(lia)) if lia.result.is_success() => match self.serving(&lia) {
                Some(candidate) => return self.send_to_scscf(now, key, &candidate, lia.wildcarded.as_ref()),
                None => policy::no_scscf(false),
            },
            Ok(CxAnswer::Lia(lia)) => policy::lia(lia.result),
            _ => policy::hss_silent(),
        };
        self.relays.refuse(now, &mut self.front, key, &rejection.into());
    }

    /// A response to what was forwarded.
    pub(super) fn on_session_response(&mut self, now: Instant, key: ClientKey, mut response: Response) {
        if let Some(from) = self.relays.peer_of(key).filter(|from| !self.config.network.trusts(from)) {
            boundary::enter(&mut response.headers, self.config.network.user_at(&from));
        }
        if let Some(turns) = self.relays.on_response(now, &mut self.front, key, response) {
            self.take(now, turns);
        }
    }

    /// The S-CSCF said nothing, or nothing final: 504, so that nobody hangs.
    pub(super) fn on_session_failed(&mut self, now: Instant, key: ClientKey) {
        let Some(server_key) = self.relays.context_of(key) else { return };
        let server = self.relays.owner(server_key).and_then(|session| session.server.clone());
        let why = match server {
            Some(server) => {
                self.tell(Event::Unreachable { server });
                policy::no_scscf(true)
            }
            None => Rejection::new(StatusCode::SERVER_TIME_OUT, "the next hop does not answer"),
        };
        let turns = self.relays.fail(now, &mut self.front, key, &why);
        self.take(now, turns);
    }

    fn take(&mut self, now: Instant, turns: Vec<Turn>) {
        for turn in turns {
            match turn {
                Turn::Answer { key, response } => self.front.transactions.respond(now, key, response),
                Turn::Next { key } => {
                    let turns = self.relays.expect_more(key, false);
                    self.take(now, turns);
                }
            }
        }
    }

    /// The answer to what ends here in any case.
    fn own_answer(&self, request: &Request) -> Option<Response> {
        if request.headers.opt::<MaxForwards>().ok().flatten() == Some(MaxForwards(0)) {
            let too_many = Refusal::new(StatusCode::TOO_MANY_HOPS, "Max-Forwards is 0 (RFC 3261 §16.3 step 3)");
            let options = request.method == Method::Options;
            return Some(if options { hop::options(request) } else { too_many.answer(request) });
        }
        self.name.check(request).err()
    }

    fn plan(&self, request: &Request, from: &Peer) -> Result<(Session, Plan), Refusal> {
        let mut copy = request.clone();
        let taken = proxy::preprocess_route(&mut copy, self.name.own())?;
        let trusted = self.enter(&mut copy, from);
        let originating = taken.iter().any(|uri| uri.params.has("orig"));
        let session = |copy, originating| Session { copy, originating, server: None };
        let routed = copy.headers.has(&HeaderName::Route);
        if request.to()?.tag().is_some() || (routed && trusted) {
            let to = self.next_peer(&mut copy).ok_or_else(policy::unreachable_hop)?;
            // Which dialogs a stranger is in, an S-CSCF knows.
            if !trusted && !self.is_scscf(&to) {
                return Err(Refusal::forbidden("a Route past the S-CSCF, from outside the trust domain"));
            }
            return Ok((session(copy, false), Plan::Send(to)));
        }
        if routed {
            return Err(Refusal::forbidden("a Route beyond this node, from outside the trust domain"));
        }
        if self.asks.is_full() {
            return Err(Refusal::from(policy::overloaded()).retry_after(10));
        }
        if originating {
            // TS 23.228 Annex S: a node without registration has its user served here.
            let served = served_user(&copy).filter(|_| trusted);
            let served =
                served.ok_or_else(|| Refusal::forbidden("no trusted node says who calls (TS 23.228 Annex S)"))?;
            return Ok((session(copy, true), Plan::Ask(served)));
        }
        // The key of the one who calls says nothing of the one who is called.
        if !self.has(Defect::KeepsCallersKey) {
            copy.headers.remove(&HeaderName::PProfileKey);
        }
        if let Some(to) = self.config.network.static_peer(&copy.uri) {
            self.leave(&mut copy, &to);
            return Ok((session(copy, false), Plan::Send(to)));
        }
        let plan = match &copy.uri {
            Uri::Sip(uri) if !self.config.network.is_home(uri) => return Err(policy::foreign().into()),
            Uri::Sip(uri) if is_temp_gruu(uri) => Plan::Any,
            uri => Plan::Ask(Impu::parse(&uri.to_string()).map_err(|e| policy::no_identity(&e))?),
        };
        Ok((session(copy, false), plan))
    }

    /// The S-CSCF that is assigned, or one that can serve the unregistered user.
    fn serving(&self, lia: &Lia) -> Option<super::Candidate> {
        match (&lia.server_name, &lia.capabilities) {
            (Some(name), _) => selection::named(&self.config.scscfs, name).cloned(),
            (None, Some(capabilities)) => selection::capable(&self.config.scscfs, capabilities, &[]).cloned(),
            (None, None) if lia.result == ResultCode::UnregisteredService => self.config.scscfs.first().cloned(),
            (None, None) => None,
        }
    }

    fn send_to_scscf(
        &mut self,
        now: Instant,
        key: ServerKey,
        to: &super::Candidate,
        range: Option<&ims::WildcardedImpu>,
    ) {
        let Ok(mut route) = to.name.as_str().parse::<sip::SipUri>() else {
            return self.relays.refuse(now, &mut self.front, key, &policy::no_scscf(true).into());
        };
        let range = range.filter(|_| !self.has(Defect::ForgetsWildcard));
        let Some(session) = self.relays.owner(key) else { return };
        route.params.set_flag("lr");
        if session.originating {
            route.user = Some("orig".into());
        }
        session.server = Some(to.name.clone());
        let headers = &mut session.copy.headers;
        headers.add_front(&Route::new(route.into()));
        // RFC 5002 §5: the key of the profile that the identity falls under.
        if let Some(key) = range.and_then(|range| range.as_str().parse().ok()) {
            headers.replace(&PProfileKey::new(key));
        }
        self.send_on(now, key, to.peer);
    }

    fn send_on(&mut self, now: Instant, key: ServerKey, to: Peer) {
        let Some(context) = self.relays.find(key).filter(|_| self.relays.is_open(key)) else { return };
        let mut copy = context.owner.copy.clone();
        let original = context.request.clone();
        match self.name.depart(&mut self.front, &original, &mut copy, to) {
            Ok(()) => {
                let patience = Duration::from_secs(self.config.policy.forward_timeout.into());
                self.relays.send(now, &mut self.front, key, copy, to, patience);
            }
            Err(refusal) => self.relays.refuse(now, &mut self.front, key, &refusal),
        }
    }

    fn next_peer(&self, copy: &mut Request) -> Option<Peer> {
        let hop = proxy::next_hop(copy).ok()?;
        self.config.network.resolve(&hop)
    }

    fn is_scscf(&self, to: &Peer) -> bool {
        self.config.scscfs.iter().any(|candidate| candidate.peer.addr == to.addr)
    }

    /// Takes out what a peer may not say; whether it may say anything.
    fn enter(&self, copy: &mut Request, from: &Peer) -> bool {
        let trusted = self.config.network.trusts(from);
        if !trusted && !self.has(Defect::BelievesStrangers) {
            boundary::enter(&mut copy.headers, self.config.network.user_at(from));
        }
        trusted
    }

    fn leave(&self, copy: &mut Request, to: &Peer) {
        if !self.config.network.trusts(to) {
            boundary::leave(&mut copy.headers);
        }
    }
}

/// Who calls, in the word of a trusted node.
fn served_user(request: &Request) -> Option<Impu> {
    let served = request.headers.opt::<PServedUser>().ok().flatten().map(|served| served.0.uri);
    let asserted = || request.headers.first::<PAssertedIdentity>().ok().flatten().map(|asserted| asserted.0.uri);
    Impu::parse(&served.or_else(asserted)?.to_string()).ok()
}

/// Whether the URI is a temporary GRUU: `gr` without a value (RFC 5627 §3.1.2).
fn is_temp_gruu(uri: &sip::SipUri) -> bool {
    uri.params.has("gr") && uri.params.value("gr").is_none()
}
