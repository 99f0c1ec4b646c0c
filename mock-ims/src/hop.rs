//! What a CSCF does to each request that passes through it (RFC 3261 §16.3, §16.6).

use crate::front::Front;
use crate::refusal::Refusal;
use sip::headers::Via;
use sip::proxy::{self, Own};
use sip::{HeaderName, Host, Method, Peer, Request, Response, SipUri, StatusCode, Transport};

/// The methods that a CSCF passes on or answers; for Allow.
const METHODS: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, REFER, PRACK, UPDATE, INFO, \
                       PUBLISH, REGISTER";

/// A node by its name in SIP.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    host: Host,
    port: Option<u16>,
    own: Own,
}

impl Name {
    pub(crate) fn new(host: Host, port: Option<u16>) -> Self {
        // A name is a name at any port: there is one node of it.
        Self { own: Own::new([(host.clone(), None)]), host, port }
    }

    /// What Route headers name it by.
    pub(crate) fn own(&self) -> &Own {
        &self.own
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn is_via(&self, via: &Via) -> bool {
        self.host.same(&via.host) && self.port == via.port
    }

    pub(crate) fn via(&self, transport: Transport, branch: &str) -> Via {
        let mut via = Via::new(transport, self.host.clone(), self.port, branch);
        via.params.set_flag("rport");
        via
    }

    /// The checks on a request that is to be passed on (RFC 3261 §16.3), and its answer when it may not be.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Response> {
        proxy::check_loop(request, |via| self.is_via(via)).map_err(|r| Refusal::from(r).answer(request))?;
        proxy::refuse_extensions(request, &HeaderName::ProxyRequire, &[])
    }

    /// Makes `copy` of a request ready to be sent: one hop less, our Via on top.
    pub(crate) fn depart(
        &self,
        front: &mut Front,
        original: &Request,
        copy: &mut Request,
        to: Peer,
    ) -> Result<(), Refusal> {
        proxy::take_hop(&mut copy.headers)?;
        let branch = proxy::branch(&front.entropy.token(24), original);
        proxy::push_via(&mut copy.headers, &self.via(to.transport, &branch));
        Ok(())
    }

    /// The answer to a request that is for this node itself, not for somebody behind it.
    pub(crate) fn answer_own(&self, request: &Request) -> Response {
        match &request.method {
            Method::Options => options(request),
            Method::Bye | Method::Cancel | Method::Prack | Method::Update | Method::Info | Method::Notify => {
                request.respond_with(StatusCode::CALL_DOES_NOT_EXIST, "this node has no such dialog (RFC 3261 §12.2.2)")
            }
            _ => Refusal::new(StatusCode::NOT_FOUND, "there is no user in the Request-URI").answer(request),
        }
    }

    /// Whether a request is for this node itself: nothing routes it any further.
    pub(crate) fn is_for_us(&self, request: &Request) -> bool {
        !request.headers.has(&HeaderName::Route)
            && request.uri.as_sip().is_some_and(|uri| uri.user.is_none() && self.own.is_uri(uri))
    }

    /// The URI of this node.
    pub(crate) fn uri(&self) -> SipUri {
        SipUri {
            secure: false,
            user: None,
            password: None,
            host: self.host.clone(),
            port: self.port,
            params: sip::Params::new(),
            headers: None,
        }
    }
}

/// 200 to OPTIONS (RFC 3261 §11.2), also to one that has no hops left (§16.3 step 3).
pub(crate) fn options(request: &Request) -> Response {
    let response = request.respond(StatusCode::OK);
    let response = response.with_raw(HeaderName::Allow, METHODS).with_raw(HeaderName::Accept, "*/*");
    response.with_raw(HeaderName::Supported, "path, outbound, gruu").with_raw(HeaderName::AllowEvents, "reg")
}
