//! A REGISTER, read once: what it claims and what it wants changed (RFC 3261 §10.3, RFC 5626 §6).

use super::claim::Claim;
use crate::policy::Policy;
use crate::refusal::Refusal;
use ims::{Defect, Impi, Impu};
use sip::headers::{CallId, Contact, Contacts, Expires, PChargingVector, Path};
use sip::{HeaderName, Request, StatusCode, Text, Uri};

/// The extensions that the registrar supports (`Require`).
const SUPPORTED: [&str; 3] = ["path", "outbound", "gruu"];

/// A REGISTER whose every part is well-formed.
#[derive(Clone, Debug)]
pub(crate) struct Register {
    /// The request as it came, for its answer.
    pub(crate) request: Request,
    /// To.
    pub(crate) impu: Impu,
    /// Who authenticates.
    pub(crate) impi: Impi,
    /// How.
    pub(crate) claim: Claim,
    pub(crate) call_id: CallId,
    pub(crate) cseq: u32,
    pub(crate) change: Change,
    /// Path lines as they came (RFC 3327 §5.3).
    pub(crate) path: Vec<Text>,
    /// Whether GRUUs are asked for (RFC 5627 §4.2).
    pub(crate) gruu: bool,
    pub(crate) charging: Option<PChargingVector>,
}

/// What becomes of the bindings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// Nothing: the bindings are asked for.
    Fetch,
    /// `Contact: *`.
    RemoveAll,
    /// These are added, refreshed or, with lifetime 0, removed.
    Update(Vec<Update>),
}

/// One Contact of a REGISTER.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Update {
    pub(crate) contact: Contact,
    pub(crate) key: BindingKey,
    /// The lifetime granted, in seconds; 0 removes.
    pub(crate) expires: u32,
    /// `+sip.instance`.
    pub(crate) instance: Option<String>,
}

/// What tells one binding of an implicit set from another.
#[derive(Clone, Debug)]
pub enum BindingKey {
    /// A flow of a user agent (RFC 5626 §6).
    Flow {
        /// `+sip.instance`.
        instance: String,
        /// `reg-id`.
        reg_id: u32,
    },
    /// A contact address.
    Contact(Uri),
}

impl PartialEq for BindingKey {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Flow { instance: a, reg_id: x }, Self::Flow { instance: b, reg_id: y }) => {
                x == y && a.eq_ignore_ascii_case(b)
            }
            (Self::Contact(a), Self::Contact(b)) => a.equivalent(b),
            _ => false,
        }
    }
}

impl Register {
    pub(crate) fn parse(request: Request, policy: &Policy) -> Result<Self, Refusal> {
        let unknown: Vec<&str> = request
            .headers
            .elements(&HeaderName::Require)
            .filter(|tag| !SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(tag)))
            .collect();
        if !unknown.is_empty() && !policy.defects.has(Defect::IgnoresRequire) {
            return Err(Refusal::unsupported(&unknown));
        }
        let impu = public_identity(&request)?;
        let (claim, impi) = Claim::of(&request, &impu, policy.refuse_auth_done_with_response)?;
        let change = Change::of(&request, policy)?;
        Ok(Self {
            impu,
            impi,
            claim,
            call_id: request.call_id()?,
            cseq: request.cseq()?.number,
            change,
            path: request.headers.values(&HeaderName::Path).map(Text::from).collect(),
            gruu: (policy.gruu && request.headers.lists(&HeaderName::Supported, "gruu"))
                || policy.defects.has(Defect::GivesGruusToAll),
            charging: request.headers.opt()?,
            request,
        })
    }
}

impl Change {
    fn of(request: &Request, policy: &Policy) -> Result<Self, Refusal> {
        let header = request.headers.opt::<Expires>()?.map(|expires| expires.0);
        let contacts = match request.headers.contacts()? {
            Contacts::Star if header == Some(0) => return Ok(Self::RemoveAll),
            Contacts::Star => {
                return Err(Refusal::bad_request("Contact: * needs Expires: 0 (RFC 3261 10.2.2)"));
            }
            Contacts::List(contacts) if contacts.is_empty() => return Ok(Self::Fetch),
            Contacts::List(contacts) => contacts,
        };
        let outbound = Outbound::of(request)?;
        if contacts.len() > policy.max_bindings {
            return Err(Refusal::bad_request("too many Contacts"));
        }
        let mut updates: Vec<Update> = Vec::with_capacity(contacts.len());
        for contact in contacts {
            let update = Update::of(contact, header, outbound, policy)?;
            if updates.iter().any(|other| other.key == update.key) {
                return Err(Refusal::bad_request("one Contact stands twice (RFC 3261 10.3)"));
            }
            updates.push(update);
        }
        let flows = updates.iter().filter(|update| update.is_flow() && update.expires > 0).count();
        if flows > 1 {
            return Err(Refusal::bad_request("more than one Contact has a reg-id (RFC 5626 6)"));
        }
        Ok(Self::Update(updates))
    }

    /// What tells its first Contact from other bindings.
    pub(crate) fn first_key(&self) -> Option<&BindingKey> {
        match self {
            Self::Update(updates) => updates.first().map(|update| &update.key),
            Self::Fetch | Self::RemoveAll => None,
        }
    }

    /// Whether nothing but removals is asked for.
    pub(crate) fn only_removes(&self) -> bool {
        match self {
            Self::Fetch => false,
            Self::RemoveAll => true,
            Self::Update(updates) => updates.iter().all(|update| update.expires == 0),
        }
    }

    /// Whether a Contact is registered by outbound rules; the answer then says so
    /// (`Require: outbound`, RFC 5626 §6).
    pub(crate) fn uses_outbound(&self) -> bool {
        matches!(self, Self::Update(updates) if updates.iter().any(|update| update.is_flow() && update.expires > 0))
    }
}

impl Update {
    fn of(contact: Contact, header: Option<u32>, outbound: Outbound, policy: &Policy) -> Result<Self, Refusal> {
        if !matches!(contact.uri, Uri::Sip(_)) {
            return Err(Refusal::bad_request("a Contact is no SIP URI"));
        }
        let asked = contact.expires().or(header).unwrap_or(policy.default_expires);
        if asked > 0 && asked < policy.min_expires && !policy.defects.has(Defect::GrantsAnyMoment) {
            return Err(Refusal::too_brief(policy.min_expires));
        }
        let instance = contact.instance();
        let key = match (&instance, contact.reg_id()) {
            (Some(instance), Some(reg_id)) if outbound != Outbound::NotAsked => {
                let lacks = outbound == Outbound::FirstHopLacksIt && !policy.defects.has(Defect::TakesObForGranted);
                if lacks && asked > 0 {
                    return Err(Refusal::new(
                        StatusCode::FIRST_HOP_LACKS_OUTBOUND_SUPPORT,
                        "reg-id, but no ob in the first hop's Path (RFC 5626 6)",
                    ));
                }
                let reg_id = if policy.defects.has(Defect::MergesFlows) { 1 } else { reg_id };
                BindingKey::Flow { instance: instance.clone(), reg_id }
            }
            _ => BindingKey::Contact(contact.uri.clone()),
        };
        let longest = if policy.defects.has(Defect::GrantsAnyLength) { u32::MAX } else { policy.max_expires };
        Ok(Self { contact, key, expires: asked.min(longest), instance })
    }

    fn is_flow(&self) -> bool {
        matches!(self.key, BindingKey::Flow { .. })
    }
}

/// How far outbound goes for a REGISTER (RFC 5626 §6).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outbound {
    /// The client does not support it: a reg-id means nothing.
    NotAsked,
    /// The client does, the first proxy does not: 439.
    FirstHopLacksIt,
    Usable,
}

impl Outbound {
    fn of(request: &Request) -> Result<Self, Refusal> {
        if !request.headers.lists(&HeaderName::Supported, "outbound") {
            return Ok(Self::NotAsked);
        }
        if request.headers.elements(&HeaderName::Via).count() < 2 {
            return Ok(Self::Usable);
        }
        // The first hop's Path value is the last one (RFC 3327 §5.2).
        let path = request.headers.all::<Path>()?;
        let has_ob = path.last().and_then(|path| path.uri.as_sip()).is_some_and(|uri| uri.params.has("ob"));
        Ok(if has_ob { Self::Usable } else { Self::FirstHopLacksIt })
    }
}

/// The public identity of To: distinct and canonical.
pub(crate) fn public_identity(request: &Request) -> Result<Impu, Refusal> {
    let to = request.to()?;
    match Impu::parse(&to.uri.to_string()) {
        Ok(impu) => Ok(impu),
        Err(e @ ims::ImpuError::Wildcard) => Err(Refusal::forbidden(e.to_string())),
        Err(e) => Err(Refusal::bad_request(e.to_string())),
    }
}
