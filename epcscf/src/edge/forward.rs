//! A REGISTER on its way to the core: what the network adds to it (TS 24.229 §5.2.2).

use super::register::{Attempt, Exchange, Stop};
use super::*;
use crate::trust_boundary::{self, Integrity, Outbound};
use ims::Token;
use sip::headers::{PAccessNetworkInfo, PVisitedNetworkId, Route};

impl Edge {
    /// Inserts what the network adds (TS 24.229 §5.2.2), asserts that nothing leaks, and sends.
    pub(super) fn forward(
        &mut self,
        now: Now,
        exchange: Exchange<'_>,
        mut request: Request,
        mut attempt: Attempt,
        integrity: Option<Integrity>,
        token: Option<&Token>,
    ) -> Result<(), Stop> {
        let Exchange { flow, key, .. } = exchange;
        let ob = if attempt.register.outbound { ";ob" } else { "" };
        let path = format!("<sip:{}@{};lr{ob}>", self.flow_tokens.mint(flow), self.config.name);
        attempt.icid = self.insert_network_headers(&mut request, &path, integrity, token)?;
        let impi = attempt.impi.clone();
        let client = self.transactions.request(now.mono, request, self.core);
        let answer_by = now.mono + Duration::from_secs(self.config.policy.registration.core_timeout);
        self.deadlines.set(Timer::Answer(client), answer_by);
        self.pending.insert(client, Pending::Wic { flow, server: key, attempt: Box::new(attempt) });
        if let Some(connection) = self.connections.get_mut(&flow) {
            connection.in_flight.push((client, impi));
        }
        Ok(())
    }

    /// Gives the charging identity that was made up.
    pub(super) fn insert_network_headers(
        &mut self,
        request: &mut Request,
        path: &str,
        integrity: Option<Integrity>,
        token: Option<&Token>,
    ) -> Result<String, Refusal> {
        let charging = self.new_charging();
        let icid = charging.icid().unwrap_or_default();
        let charging = charging.to_string();
        let network = &self.config.home_domain;
        let visited = PVisitedNetworkId::new(network).to_string();
        let access = PAccessNetworkInfo::network_provided(&self.config.policy.registration.access_network).to_string();
        let route = Route::new(self.core_route.clone());
        let via = self.own_via();
        let forgets_path = self.has(Defect::ForgetsPath);
        let headers = &mut request.headers;
        // Written anew, at the end.
        headers.remove(&HeaderName::ContentLength);
        headers.add_front(&via);
        headers.push(HeaderName::Route, route.to_string());
        if !forgets_path {
            headers.push(HeaderName::Path, path.to_owned());
        }
        if !headers.lists(&HeaderName::Require, "path") {
            headers.push(HeaderName::Require, "path");
        }
        if !headers.lists(&HeaderName::Supported, "path") {
            headers.push(HeaderName::Supported, "path");
        }
        headers.push(HeaderName::PVisitedNetworkId, visited.clone());
        headers.push(HeaderName::PAccessNetworkInfo, access.clone());
        headers.push(HeaderName::PChargingVector, charging.clone());
        let outbound = Outbound {
            path,
            charging_vector: &charging,
            visited_network: &visited,
            access_info: &access,
            integrity,
            token,
        };
        self.hold_back(trust_boundary::assert_register(request, &outbound))?;
        Ok(icid)
    }

    pub(super) fn new_icid(&mut self) -> String {
        if self.has(Defect::RepeatsIcid) {
            return "1".into();
        }
        self.icids += 1;
        let label = self.config.name.split('.').next().unwrap_or_default();
        format!("{}-{label}-{:06}", self.entropy.token(8), self.icids)
    }
}

/// A request without what only its way to the core needs: its token above all.
pub(super) fn answerable(request: &Request) -> Request {
    use HeaderName::{CSeq, CallId, From, To, Via};
    let headers = request.headers.iter().filter(|h| matches!(h.name, Via | From | To | CallId | CSeq)).cloned();
    Request { method: request.method.clone(), uri: request.uri.clone(), headers: headers.collect(), body: Bytes::new() }
}
