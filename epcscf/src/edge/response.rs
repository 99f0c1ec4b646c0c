//! What the core answers to a REGISTER, on its way to the WIC (TS 24.229 §5.2.2).

use super::register::Attempt;
use super::*;
use crate::bindings::{Binding, BindingId, Registrar};
use crate::event::Cause;
use crate::register::Asks;
use crate::trust_boundary;
use ims::WildcardedImpu;
use sip::headers::{Challenge, Contact, Contacts, Expires, FlowTimer, NameAddr, WwwAuthenticate};
use sip::{Header, Text};

impl Edge {
    pub(super) fn on_core_response(&mut self, now: Now, key: ClientKey, response: Response) {
        if response.status.is_provisional() {
            // 100 is hop by hop (RFC 3261 §16.7 step 5).
            if response.status != StatusCode::TRYING
                && let Some(Pending::Wic { server, .. }) = self.pending.get(&key)
            {
                let server = *server;
                self.transactions.respond(now.mono, server, towards_wic(response));
            }
            return;
        }
        match self.pending.remove(&key) {
            Some(Pending::Wic { flow, server, attempt }) => {
                self.landed(flow, key);
                self.on_final(now, flow, server, *attempt, response);
            }
            Some(Pending::Watch(id)) => self.on_subscribed(now, id, &response),
            Some(Pending::Notify(id)) => self.on_notified(id, Some(response.status)),
            Some(Pending::Own | Pending::Bye) | None => {}
        }
    }

    /// No answer, or nobody to ask (RFC 3261 §16.8, §16.9).
    pub(super) fn on_core_silence(&mut self, now: Now, key: ClientKey) {
        match self.pending.remove(&key) {
            Some(Pending::Wic { flow, server, attempt }) => {
                self.landed(flow, key);
                self.events.push_back(Event::CoreUnreachable);
                let refusal = Refusal::core_unreachable(self.config.policy.connection.retry_after);
                let original = attempt.original;
                self.refuse(now, flow, server, &original, refusal);
            }
            Some(Pending::Own) => self.events.push_back(Event::CoreUnreachable),
            Some(Pending::Watch(id)) => self.watch_failed(now, id, "the core does not answer"),
            Some(Pending::Notify(id)) => self.on_notified(id, None),
            Some(Pending::Bye) | None => {}
        }
    }

    fn landed(&mut self, flow: FlowId, key: ClientKey) {
        self.deadlines.cancel(Timer::Answer(key));
        if let Some(connection) = self.connections.get_mut(&flow) {
            connection.in_flight.retain(|(client, _)| *client != key);
        }
    }

    fn on_final(&mut self, now: Now, flow: FlowId, server: ServerKey, attempt: Attempt, response: Response) {
        let status = response.status;
        let identities = take_identities(&response);
        let service_route = response.headers.elements(&HeaderName::ServiceRoute).map(Text::from).collect();
        let granted = granted(&response, &attempt);
        let rechallenged = is_rechallenge(&response);
        let mut answer = towards_wic(response);
        if !self.has(Defect::ShowsRanges) {
            remove_wildcards(&mut answer);
        }
        if granted > 0 && attempt.register.outbound && answer.headers.lists(&HeaderName::Require, "outbound") {
            answer.headers.replace(&FlowTimer(self.config.policy.connection.flow_timer));
        }
        self.transactions.respond(now.mono, server, answer);
        if status.is_success() {
            self.on_registered(now, flow, attempt, identities, service_route, granted);
            return;
        }
        self.events.push_back(Event::RefusedByCore { flow, status: status.code() });
        if attempt.scenario == Scenario::ImsDigest && attempt.answered {
            self.on_digest_failure(flow, status, rechallenged);
        }
    }

    /// TS 33.203 O.3.1.1: after a digest failure the TLS connection is closed. A new challenge is
    /// no failure yet, but there is an end to them.
    fn on_digest_failure(&mut self, flow: FlowId, status: StatusCode, rechallenged: Rechallenge) {
        let Some(connection) = self.connections.get_mut(&flow) else { return };
        let failed = match (status, rechallenged) {
            (StatusCode::UNAUTHORIZED, Rechallenge::Stale) => false,
            (StatusCode::UNAUTHORIZED, Rechallenge::Fresh) => {
                connection.digest_failures = connection.digest_failures.saturating_add(1);
                connection.digest_failures >= self.config.policy.digest.max_failures
            }
            (StatusCode::FORBIDDEN, _) => true,
            _ => false,
        };
        if failed && !self.has(Defect::ForgivesWrongPasswords) {
            self.close(flow, close::POLICY, "digest authentication failed (TS 33.203 O.3.1.1)");
        }
    }

    fn on_registered(
        &mut self,
        now: Now,
        flow: FlowId,
        attempt: Attempt,
        identities: Identities,
        service_route: Vec<Text>,
        granted: u32,
    ) {
        match attempt.register.asks.clone() {
            Asks::Fetch => {}
            Asks::RemoveAll => self.remove_all(now, &attempt.impi, &attempt.register.to),
            Asks::Bind { contact, .. } if granted == 0 => {
                if let Some(id) = self.bindings.find(&attempt.impi, &attempt.register.to, &contact) {
                    self.unbind(now, id, Cause::User);
                }
            }
            Asks::Bind { contact, .. } => {
                let impi = attempt.impi.clone();
                let mut impus = identities.impus;
                // An empty list says that all are barred; none says nothing.
                if !identities.told {
                    impus.push(attempt.register.to.clone());
                }
                self.bind(
                    now,
                    granted,
                    Binding {
                        flow,
                        alive: self.connections.contains_key(&flow),
                        scenario: attempt.scenario,
                        registrar: Registrar::Core,
                        wwsf: attempt.wwsf,
                        impi: attempt.impi,
                        impu: attempt.register.to,
                        impus,
                        wildcards: identities.wildcards,
                        contact,
                        domain: attempt.register.domain,
                        service_route,
                        call_id: attempt.register.call_id,
                        cseq: attempt.register.cseq,
                        expires_at: now.mono + Duration::from_secs(granted.into()),
                        token: attempt.token,
                        icid: attempt.icid,
                    },
                );
                self.watch_user(now, &impi);
            }
        }
    }

    pub(super) fn remove_all(&mut self, now: Now, impi: &Impi, impu: &Impu) {
        let ids: Vec<BindingId> =
            self.bindings.of_impu(impu).filter(|(_, b)| b.impi == *impi).map(|(id, _)| id).collect();
        for id in ids {
            self.unbind(now, id, Cause::User);
        }
    }
}

/// Whether a 401 asks again with a nonce grown old, or for a right answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rechallenge {
    Fresh,
    Stale,
}

fn is_rechallenge(response: &Response) -> Rechallenge {
    let stale = response.headers.each::<WwwAuthenticate>().is_ok_and(|challenges| {
        challenges.iter().any(|challenge| match &challenge.0 {
            Challenge::Digest(digest) => digest.text("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
            _ => false,
        })
    });
    if stale { Rechallenge::Stale } else { Rechallenge::Fresh }
}

/// What is in P-Associated-URI (RFC 7315 §4.1): the default identity first.
#[derive(Debug, Default)]
struct Identities {
    /// Whether the header is there.
    told: bool,
    impus: Vec<Impu>,
    wildcards: Vec<WildcardedImpu>,
}

fn take_identities(response: &Response) -> Identities {
    let told = response.headers.has(&HeaderName::PAssociatedUri);
    let mut identities = Identities { told, ..Identities::default() };
    for element in response.headers.elements(&HeaderName::PAssociatedUri) {
        let Ok(address) = NameAddr::parse(element) else { continue };
        let text = address.uri.to_string();
        match (Impu::parse(&text), WildcardedImpu::parse(&text)) {
            (Ok(impu), _) => identities.impus.push(impu),
            (Err(_), Ok(wildcard)) => identities.wildcards.push(wildcard),
            (Err(_), Err(_)) => {}
        }
    }
    identities
}

/// A WIC gets to see distinct identities alone; the ranges are for this node (TS 24.229 §7.2A.14).
fn remove_wildcards(answer: &mut Response) {
    let is_wildcard = |element: &str| {
        NameAddr::parse(element).is_ok_and(|address| WildcardedImpu::parse(&address.uri.to_string()).is_ok())
    };
    let rewritten = std::mem::take(&mut answer.headers)
        .iter()
        .filter_map(|line| {
            if line.name != HeaderName::PAssociatedUri {
                return Some(line.clone());
            }
            let kept: Vec<&str> = sip::syntax::split_list(&line.value).filter(|e| !is_wildcard(e)).collect();
            (!kept.is_empty()).then(|| Header::new(HeaderName::PAssociatedUri, kept.join(", ")))
        })
        .collect();
    answer.headers = rewritten;
}

/// Our Via off, and what is not for a WIC.
fn towards_wic(mut response: Response) -> Response {
    response.headers.pop_first(&HeaderName::Via);
    response.headers.remove(&HeaderName::ContentLength);
    trust_boundary::strip_from_core(&mut response);
    response
}

/// For how long the contact of this REGISTER is bound, in seconds; 0 when it is not
/// (RFC 3261 §10.2.4).
fn granted(response: &Response, attempt: &Attempt) -> u32 {
    let Asks::Bind { contact, expires } = &attempt.register.asks else { return 0 };
    if *expires == Some(0) {
        return 0;
    }
    if !response.status.is_success() {
        return 0;
    }
    let Ok(Contacts::List(list)) = response.headers.contacts() else { return 0 };
    let header = response.headers.opt::<Expires>().ok().flatten().map(|e| e.0);
    let ours = |c: &&Contact| {
        c.uri.equivalent(&contact.uri)
            || (c.instance().is_some() && c.instance() == contact.instance() && c.reg_id() == contact.reg_id())
    };
    list.iter().find(ours).map_or(0, |c| c.expires().or(header).or(*expires).unwrap_or(3600)).min(attempt.cap)
}
