//! Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3).

use crate::headers::Via;
use crate::{FlowId, HeaderName, Method, Peer, Request, Response, Transport};

/// What a response is matched by: the branch that we made, and the method in CSeq.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClientId {
    branch: Box<str>,
    method: Method,
}

impl ClientId {
    pub(super) fn of_request(request: &Request) -> Option<Self> {
        let via = request.via().ok()?;
        Some(Self { branch: via.branch()?.into(), method: request.method.clone() })
    }

    pub(super) fn of_response(response: &Response) -> Option<Self> {
        let via = response.via().ok()?;
        Some(Self { branch: via.branch()?.into(), method: response.cseq().ok()?.method })
    }
}

/// What a request is matched by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum ServerId {
    /// A branch that is unique in itself.
    Branch {
        branch: Box<str>,
        /// Another client may have chosen the same branch.
        sent_by: Box<str>,
        method: Method,
        /// A WebSocket client's requests belong to its connection: sent-by is a name it made up,
        /// and nobody else may cancel what it asked for.
        flow: Option<FlowId>,
    },
    /// RFC 2543's rules, for a branch that is missing or without the magic cookie.
    Legacy(Box<LegacyId>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LegacyId {
    method: Method,
    uri: String,
    to_tag: Option<String>,
    from_tag: Option<String>,
    call_id: String,
    cseq: u32,
    via: String,
}

impl ServerId {
    /// The transaction that `request` would retransmit, or for an ACK acknowledge.
    pub(super) fn of_request(request: &Request, via: &Via, from: Peer) -> Option<Self> {
        let method = match request.method {
            Method::Ack => Method::Invite,
            ref method => method.clone(),
        };
        Self::new(method, request, via, from)
    }

    /// The INVITE that a CANCEL is about (§9.2).
    pub(super) fn of_cancelled(cancel: &Request, via: &Via, from: Peer) -> Option<Self> {
        Self::new(Method::Invite, cancel, via, from)
    }

    /// By RFC 2543's rules the ACK carries the To tag of the response; what it will be matched by.
    /// `None` when the branch says it all.
    pub(super) fn of_ack(&self, response: &Response) -> Option<Self> {
        let Self::Legacy(legacy) = self else { return None };
        let to_tag = response.to().ok()?.tag().map(str::to_owned);
        Some(Self::Legacy(Box::new(LegacyId { to_tag, ..(**legacy).clone() })))
    }

    fn new(method: Method, request: &Request, via: &Via, from: Peer) -> Option<Self> {
        if let Some(branch) = via.rfc3261_branch() {
            let websocket = matches!(from.transport, Transport::Ws | Transport::Wss);
            return Some(Self::Branch {
                branch: branch.into(),
                sent_by: via.sent_by().to_ascii_lowercase().into(),
                method,
                flow: from.flow.filter(|_| websocket),
            });
        }
        Some(Self::Legacy(Box::new(LegacyId {
            method,
            uri: request.uri.to_string(),
            to_tag: request.to().ok()?.tag().map(str::to_owned),
            from_tag: request.from().ok()?.tag().map(str::to_owned),
            call_id: request.headers.value(&HeaderName::CallId)?.to_owned(),
            cseq: request.cseq().ok()?.number,
            via: via.to_string(),
        })))
    }
}
