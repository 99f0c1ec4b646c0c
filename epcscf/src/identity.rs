//! Which identity a request of a WIC is asserted to be from (TS 24.229 §5.2.6.3): one that is
//! registered on its connection, never what From says.

use ims::{Impu, Scenario, Scheme, WildcardedImpu};
use sip::Headers;
use sip::headers::PPreferredIdentity;

use crate::bindings::{Binding, Registrar};

/// What is asserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asserted {
    /// One identity, or a `sip:` and a `tel:` one.
    pub(crate) impus: Vec<Impu>,
    /// The range that the first one is known to the S-CSCF by (RFC 5002).
    pub(crate) profile_key: Option<WildcardedImpu>,
    /// Whether a preferred identity was passed over.
    pub(crate) passed_over: bool,
}

/// The identities that the WIC would like; those that are none are not looked at.
pub(crate) fn preferred(headers: &Headers) -> Vec<Impu> {
    let values = headers.elements(&sip::HeaderName::PPreferredIdentity);
    let parsed = values.map(|value| <PPreferredIdentity as sip::headers::TypedHeader>::parse(value).ok());
    parsed.map(|value| value.and_then(|id| Impu::parse(&id.uri.to_string()).ok())).take(2).flatten().collect()
}

/// Chooses among the identities of `bindings`, which are those of one connection: what is preferred
/// where it is registered and not barred, else the default one (O7, O8). `None` when all are barred.
///
/// `is_distinct` tells identities that are provisioned one by one and so in no range.
pub(crate) fn choose(
    bindings: &[&Binding],
    asked: bool,
    preferred: &[Impu],
    is_distinct: impl Fn(&Impu) -> bool,
) -> Option<Asserted> {
    let mut chosen: Vec<(Impu, Option<WildcardedImpu>)> = Vec::with_capacity(2);
    for impu in preferred {
        let same_scheme = chosen.iter().any(|(other, _)| other.scheme() == impu.scheme());
        if !same_scheme && let Some(profile_key) = registered(bindings, impu, &is_distinct) {
            chosen.push((impu.clone(), profile_key));
        }
    }
    chosen.sort_by_key(|(impu, _)| impu.scheme() != Scheme::Sip);
    let passed_over = asked && chosen.is_empty();
    if chosen.is_empty() {
        let default = bindings.iter().find_map(|binding| binding.impus.first())?;
        let profile_key = registered(bindings, default, &is_distinct)?;
        chosen.push((default.clone(), profile_key));
    }
    let profile_key = chosen.first().and_then(|(_, key)| key.clone());
    Some(Asserted { impus: chosen.into_iter().map(|(impu, _)| impu).collect(), profile_key, passed_over })
}

/// Whether an identity is registered and may be used, and if so the range that it is registered by.
pub(crate) fn registered(
    bindings: &[&Binding],
    impu: &Impu,
    is_distinct: impl Fn(&Impu) -> bool,
) -> Option<Option<WildcardedImpu>> {
    for binding in bindings {
        if binding.impus.contains(impu) {
            // The range is what is registered, of what this node keeps itself.
            let local = binding.registrar == Registrar::Edge;
            return Some(if local { binding.wildcards.first().cloned() } else { None });
        }
    }
    let of_set = |binding: &&&Binding| {
        binding.registrar == Registrar::Core && binding.scenario != Scenario::WildcardRange && !is_distinct(impu)
    };
    let ranges = bindings.iter().filter(of_set).flat_map(|binding| &binding.wildcards);
    ranges.into_iter().find(|range| range.matches(impu)).cloned().map(Some)
}
