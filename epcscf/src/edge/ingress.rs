//! What comes in, on either side, up to who acts on it.

use super::*;
use crate::policy::ViaMismatch;
use sip::transaction::{Event as TransactionEvent, Incoming};
use sip::{Framing, Malformed, Message, Rejection};

impl Edge {
    pub(super) fn on_wic_message(&mut self, now: Now, flow: FlowId, from: Peer, octets: Bytes) {
        let Some(connection) = self.connections.get_mut(&flow) else { return };
        if connection.closing {
            return;
        }
        connection.peer = from;
        // RFC 5626 §3.5.1: a double CRLF is a ping, a single one a pong.
        match &*octets {
            b"\r\n\r\n" => return self.send(from, Bytes::from_static(b"\r\n")),
            b"\r\n" => return,
            _ => {}
        }
        let is_response = octets.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/2.0 "));
        match Message::parse(octets, Framing::WebSocket) {
            Ok(Message::Request(request)) => {
                let refused = request.validate().and_then(|()| self.check_via(&request));
                match refused {
                    Ok(()) => self.on_transaction(now, Message::Request(request), from),
                    Err(rejection) => self.reject(flow, &request, &rejection, from),
                }
            }
            Ok(Message::Response(response)) => {
                if response.validate().is_ok() {
                    self.on_transaction(now, Message::Response(response), from);
                }
            }
            Err(Malformed { error, request: Some(request) }) => {
                self.reject(flow, &request, &Rejection::new(error.status, error.reason), from);
            }
            Err(_) if is_response => {}
            // RFC 7118 §4.1: nothing but SIP on this connection.
            Err(malformed) => self.close(flow, close::UNSUPPORTED_DATA, malformed.error.reason),
        }
    }

    /// RFC 7118 §5.2: over a WebSocket, Via says WS or WSS.
    fn check_via(&self, request: &Request) -> Result<(), Rejection> {
        let transport = request.via().ok().and_then(|via| via.transport());
        let matches = matches!(transport, Some(Transport::Ws | Transport::Wss));
        if matches || self.config.policy.connection.via_mismatch == ViaMismatch::Accept {
            return Ok(());
        }
        Err(Rejection::new(StatusCode::BAD_REQUEST, "Via names another transport than WebSocket (RFC 7118 §5.2)"))
    }

    fn reject(&mut self, flow: FlowId, request: &Request, rejection: &Rejection, from: Peer) {
        self.transactions.reject(request, rejection, from);
        let status = rejection.status.code();
        let label = status.to_string().into();
        self.events.push_back(Event::Refused { flow, status, label, reason: rejection.reason.clone() });
    }

    pub(super) fn on_mw_message(&mut self, now: Now, from: Peer, octets: Bytes) {
        let framing = if from.transport == Transport::Udp { Framing::Datagram } else { Framing::Stream };
        match Message::parse(octets, framing) {
            Ok(Message::Request(request)) => match request.validate() {
                Ok(()) => self.on_transaction(now, Message::Request(request), from),
                Err(rejection) => self.transactions.reject(&request, &rejection, from),
            },
            Ok(Message::Response(response)) => {
                if response.validate().is_ok() {
                    self.on_transaction(now, Message::Response(response), from);
                }
            }
            Err(Malformed { error, request: Some(request) }) => {
                self.transactions.reject(&request, &Rejection::new(error.status, error.reason), from);
            }
            Err(_) => {}
        }
    }

    fn on_transaction(&mut self, now: Now, message: Message, from: Peer) {
        match self.transactions.receive(now.mono, message, from) {
            Some(Incoming::Request { key, request, from }) => match wic_flow(from) {
                Some(flow) if request.method == Method::Register => self.on_register(now, flow, key, request),
                Some(flow) => self.on_wic_request(now, flow, key, &request),
                None => self.on_core_request(now, key, &request, from),
            },
            Some(Incoming::Cancel { key, invite, request, from }) => self.on_cancel(now, key, invite, &request, from),
            Some(Incoming::Response { key, response }) => self.on_response(now, key, response),
            Some(Incoming::Ack { request, from }) => match wic_flow(from) {
                Some(flow) => self.on_wic_ack(now, flow, &request),
                None => self.on_core_ack(&request, from),
            },
            Some(Incoming::Stray { .. }) | None => {}
        }
        self.after_transactions(now);
    }

    pub(super) fn after_transactions(&mut self, now: Now) {
        while let Some(event) = self.transactions.poll_event() {
            match event {
                TransactionEvent::Timeout { key } => self.on_silence(now, key, true),
                TransactionEvent::Failed { key } => self.on_silence(now, key, false),
                TransactionEvent::ClientDone { key } => self.on_client_done(key),
                TransactionEvent::ServerDone { key } => self.on_server_done(now, key),
                TransactionEvent::AckMissing { .. } => {}
            }
        }
    }

    fn on_response(&mut self, now: Now, key: ClientKey, response: Response) {
        if !self.on_relayed(now, key, &response) {
            self.on_core_response(now, key, response);
        }
    }

    fn on_silence(&mut self, now: Now, key: ClientKey, timed_out: bool) {
        if self.on_relay_failed(now, key, timed_out) {
            self.on_client_done(key);
        } else {
            self.on_core_silence(now, key);
        }
    }
}
