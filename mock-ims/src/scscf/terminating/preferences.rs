//! What a caller wants of the contacts (RFC 3841), as far as it decides who is rung: Reject-Contact,
//! Accept-Contact with `require`, and Request-Disposition. The scores of §7.2.4 are not computed;
//! the order is that of `q`.

use crate::scscf::registrar::Binding;
use sip::{HeaderName, Param, Params, Request, syntax};

/// The contacts that the caller does not rule out.
pub(super) fn choose<'a>(request: &Request, bindings: Vec<&'a Binding>) -> Vec<&'a Binding> {
    let wants = |name: HeaderName| -> Vec<Params> { request.headers.elements(&name).filter_map(predicate).collect() };
    let (rejected, accepted) = (wants(HeaderName::RejectContact), wants(HeaderName::AcceptContact));
    let fits = |binding: &&Binding| {
        let has = |param: &Param| {
            let value = binding.contact.params.value(&param.name);
            binding.contact.params.has(&param.name) && param.value.as_deref().is_none_or(|want| matches(want, value))
        };
        let features = |params: &Params| -> Vec<Param> {
            let knob = |p: &&Param| !["require", "explicit"].iter().any(|knob| p.name.eq_ignore_ascii_case(knob));
            params.iter().filter(knob).cloned().collect()
        };
        // A contact that says nothing of a feature is not rejected for it, nor does it have it.
        let is_rejected = rejected.iter().map(features).any(|want| !want.is_empty() && want.iter().all(has));
        let required = accepted.iter().filter(|params| params.has("require"));
        !is_rejected && required.map(features).all(|want| want.iter().all(has))
    };
    bindings.into_iter().filter(fits).collect()
}

/// Whether contacts may ring at the same time (`no-fork`, RFC 3841 §9.1).
pub(super) fn forks(request: &Request) -> bool {
    !request.headers.lists(&HeaderName::RequestDisposition, "no-fork")
}

/// Whether they are to ring one after the other.
pub(super) fn is_sequential(request: &Request) -> bool {
    request.headers.lists(&HeaderName::RequestDisposition, "sequential")
}

fn predicate(element: &str) -> Option<Params> {
    let params = element.strip_prefix('*')?;
    syntax::parse_params(params).ok()
}

fn matches(want: &str, have: Option<&str>) -> bool {
    let want = syntax::unquote(want);
    have.is_some_and(|have| syntax::unquote(have).split(',').any(|value| value.trim().eq_ignore_ascii_case(&want)))
}
