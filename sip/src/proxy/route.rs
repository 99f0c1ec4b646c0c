//! Route headers, loose and strict (RFC 3261 §16.4, §16.6 step 6).

use crate::headers::Route;
use crate::{HeaderError, HeaderName, Host, Request, SipUri, Uri};

/// The names and addresses that a node goes by.
#[derive(Clone, Debug, Default)]
pub struct Own(Vec<(Host, Option<u16>)>);

impl Own {
    /// A node of these hosts; without a port, whatever port a URI names.
    pub fn new(hosts: impl IntoIterator<Item = (Host, Option<u16>)>) -> Self {
        Self(hosts.into_iter().collect())
    }

    /// Whether `host[:port]` is one of them. Without a port it is, whatever our port.
    pub fn is(&self, host: &Host, port: Option<u16>) -> bool {
        self.0
            .iter()
            .any(|(own, own_port)| own.same(host) && (port.is_none() || own_port.is_none() || port == *own_port))
    }

    /// Whether `uri` names this node.
    pub fn is_uri(&self, uri: &SipUri) -> bool {
        self.is(&uri.host, uri.port)
    }
}

/// Takes off what routed a request here (RFC 3261 §16.4): our entries at the head of Route, which
/// are returned, topmost first, with the flow tokens and parameters that we once put in them. They
/// are several when we recorded one for each side (RFC 5658).
///
/// When a strict router sent it, the Request-URI is the one that we recorded; it is made right
/// first, and counts as an entry taken off.
///
/// # Errors
/// When an entry of Route is malformed, or is no SIP URI though the Request-URI hangs on it.
pub fn preprocess_route(request: &mut Request, own: &Own) -> Result<Vec<SipUri>, HeaderError> {
    let mut taken = Vec::new();
    let recorded = request.uri.as_sip().is_some_and(|uri| uri.is_loose() && own.is_uri(uri));
    if recorded {
        let mut routes = request.headers.all::<Route>()?;
        if let Some(last) = routes.pop() {
            if let Uri::Sip(uri) = std::mem::replace(&mut request.uri, last.0.uri) {
                taken.push(uri);
            }
            set_routes(request, &routes);
        }
    }
    while let Some(route) = request.headers.first::<Route>()? {
        let Uri::Sip(uri) = route.0.uri else { break };
        if !own.is_uri(&uri) {
            break;
        }
        request.headers.pop_first(&HeaderName::Route);
        taken.push(uri);
    }
    Ok(taken)
}

/// The URI by which the request that goes out is sent (RFC 3261 §16.6 steps 6 and 7): the topmost
/// Route, else the Request-URI. If that Route is a strict router's, Request-URI and Route are
/// rearranged as it expects them.
///
/// # Errors
/// When the topmost Route is malformed.
pub fn next_hop(request: &mut Request) -> Result<Uri, HeaderError> {
    let Some(top) = request.headers.first::<Route>()? else {
        return Ok(request.uri.clone());
    };
    let Uri::Sip(uri) = &top.uri else {
        return Err(HeaderError::new("the topmost Route is no SIP URI (RFC 3261 §16.6 step 6)"));
    };
    if uri.is_loose() {
        return Ok(top.0.uri);
    }
    let mut routes = request.headers.all::<Route>()?;
    routes.remove(0);
    let hop = top.0.uri;
    routes.push(Route::new(std::mem::replace(&mut request.uri, hop.clone())));
    set_routes(request, &routes);
    Ok(hop)
}

/// Puts `routes` in the place of all Route headers.
pub fn set_routes<'a>(request: &mut Request, routes: impl IntoIterator<Item = &'a Route>) {
    let values: Vec<String> = routes.into_iter().map(Route::to_string).collect();
    if values.is_empty() {
        request.headers.remove(&HeaderName::Route);
    } else {
        request.headers.set(HeaderName::Route, values.join(", "));
    }
}
