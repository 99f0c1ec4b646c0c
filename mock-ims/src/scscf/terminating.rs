//! The user who is called (TS 24.229 §5.4.3.3): which of its contacts, in which order, and how each
//! is reached.

use super::Scscf;
use super::event::Cause;
use super::registrar::{Binding, BindingId, SetId};
use super::session::Role;
use crate::policy;
use ims::Defect;
use ims::profile::ServiceProfile;
use sip::headers::{PCalledPartyId, PChargingVector, Route};
use sip::proxy;
use sip::transaction::{ClientKey, ServerKey};
use sip::{Instant, Request, Uri};

mod preferences;

/// The search for the one who is called.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The contacts to try yet, in groups that ring together; the next one last.
    groups: Vec<Vec<Target>>,
    /// Who was tried, and by which branch.
    tried: Vec<(ClientKey, Target)>,
    loose_route: bool,
}

/// One contact, with the other flows by which the same user agent is reached (RFC 5626 §5.3).
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) set: SetId,
    pub(super) binding: BindingId,
    contact: Uri,
    routes: Vec<Route>,
    other_flows: Vec<Target>,
}

impl Scscf {
    /// Takes a request to the contacts of a user who may be called.
    pub(super) fn terminate(&mut self, now: Instant, key: ServerKey, profile: &ServiceProfile) {
        let Some(context) = self.relays.find(key) else { return };
        let Some(served) = context.owner.served.clone() else { return };
        let Some((set_id, set)) = served.set.and_then(|id| Some((id, self.registrar.set(id)?))) else {
            return self.refuse(now, key, &policy::not_registered().into());
        };
        let bindings: Vec<&Binding> = match served.binding {
            Some(only) => set.binding(only).into_iter().collect(),
            None => preferences::choose(&context.request, set.bindings.iter().collect()),
        };
        let sequential = preferences::is_sequential(&context.request);
        let mut groups = groups(set_id, &bindings, sequential);
        if preferences::forks(&context.request) && !self.has(Defect::RingsOne) {
            groups.reverse();
        } else {
            groups = groups.into_iter().take(1).map(|group| group.into_iter().take(1).collect()).collect();
        }
        if groups.is_empty() {
            return self.refuse(now, key, &policy::not_registered().into());
        }
        let Some(session) = self.relays.owner(key) else { return };
        session.role = Role::Terminating(Search { groups, tried: Vec::new(), loose_route: profile.loose_route });
        set_charging(&mut session.copy, session.charging.as_ref());
        let turns = self.relays.expect_more(key, true);
        self.take(now, turns);
        self.search_on(now, key);
    }

    /// Rings the next contacts, or says that there are none.
    pub(super) fn search_on(&mut self, now: Instant, key: ServerKey) {
        while let Some(group) = self.search(key).and_then(|search| search.groups.pop()) {
            let mut sent = false;
            for target in group {
                sent |= self.ring(now, key, target);
            }
            if sent {
                return;
            }
        }
        let turns = self.relays.expect_more(key, false);
        self.take(now, turns);
    }

    /// 430: the flow is gone, and with it the binding (RFC 5626 §5.3, §11).
    pub(super) fn on_flow_failed(&mut self, now: Instant, branch: ClientKey) {
        if let Some(target) = self.target_of(branch) {
            self.forget_flow(now, &target);
        }
        self.try_other_flow(now, branch);
        let turns = self.relays.fail(now, &mut self.front, branch, &policy::not_registered());
        self.take(now, turns);
    }

    /// Tries another flow of the same user agent, before the branch counts as failed.
    pub(super) fn try_other_flow(&mut self, now: Instant, branch: ClientKey) {
        let Some(mut target) = self.target_of(branch) else { return };
        let Some(key) = self.relays.context_of(branch) else { return };
        while !target.other_flows.is_empty() {
            let mut next = target.other_flows.remove(0);
            next.other_flows = std::mem::take(&mut target.other_flows);
            if self.ring(now, key, next.clone()) {
                return;
            }
            target = next;
        }
    }

    /// The contact that a branch rings.
    pub(super) fn target_of(&mut self, branch: ClientKey) -> Option<Target> {
        let key = self.relays.context_of(branch)?;
        let search = self.search(key)?;
        search.tried.iter().find(|(tried, _)| *tried == branch).map(|(_, target)| target.clone())
    }

    /// The branches that ring a contact.
    pub(super) fn branches_to(&self, set: SetId, binding: BindingId) -> Vec<ClientKey> {
        let of = |role: &Role| match role {
            Role::Terminating(search) => {
                let to = search.tried.iter().filter(|(_, t)| t.set == set && t.binding == binding);
                to.map(|(branch, _)| *branch).collect()
            }
            Role::Originating | Role::InDialog(_) => Vec::new(),
        };
        self.relays.iter().flat_map(|(_, context)| of(&context.owner.role)).collect()
    }

    /// A contact went: it is not rung any more by what still searches.
    pub(super) fn drop_targets(&mut self, set: SetId, binding: BindingId) {
        let keys: Vec<ServerKey> = self.relays.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(search) = self.search(key) else { continue };
            for group in &mut search.groups {
                group.retain(|target| target.set != set || target.binding != binding);
            }
        }
    }

    fn forget_flow(&mut self, now: Instant, target: &Target) {
        let bound = self.registrar.set(target.set).and_then(|set| set.binding(target.binding));
        // A binding that has moved to a new flow in the meantime stays, as does one by configuration.
        let same = bound.is_some_and(|bound| !bound.is_static() && bound.routes() == target.routes);
        if !same || self.has(Defect::KeepsDeadFlows) {
            return;
        }
        let gone = self.registrar.remove_bindings(target.set, &[target.binding]);
        self.end(now, &gone, Cause::FlowFailed);
    }

    fn ring(&mut self, now: Instant, key: ServerKey, target: Target) -> bool {
        let Some(session) = self.relays.owner(key) else { return false };
        let Role::Terminating(search) = &session.role else { return false };
        let copy = copy_for(&session.copy, &target, search.loose_route);
        let Some(branch) = self.send_on(now, key, copy, None) else { return false };
        if let Some(search) = self.search(key) {
            search.tried.push((branch, target));
        }
        true
    }

    fn search(&mut self, key: ServerKey) -> Option<&mut Search> {
        match &mut self.relays.owner(key)?.role {
            Role::Terminating(search) => Some(search),
            Role::Originating | Role::InDialog(_) => None,
        }
    }
}

/// The contacts in the order of their `q`, those of the same one together; one user agent is rung
/// by one of its flows, the newest first (RFC 5626 §5.3).
fn groups(set: SetId, bindings: &[&Binding], sequential: bool) -> Vec<Vec<Target>> {
    let mut targets: Vec<(u16, Option<String>, Target)> = Vec::new();
    // The order of bindings is that of their last refresh.
    for binding in bindings.iter().rev() {
        let target = Target {
            set,
            binding: binding.id(),
            contact: binding.contact.uri.clone(),
            routes: binding.routes(),
            other_flows: Vec::new(),
        };
        let instance = binding.contact.instance().filter(|_| binding.contact.reg_id().is_some());
        let same = targets.iter_mut().find(|(_, other, _)| instance.is_some() && *other == instance);
        match same {
            Some((_, _, first)) => first.other_flows.push(target),
            None => targets.push((binding.contact.q(), instance, target)),
        }
    }
    targets.sort_by_key(|(q, _, _)| std::cmp::Reverse(*q));
    let mut groups: Vec<(u16, Vec<Target>)> = Vec::new();
    for (q, _, target) in targets {
        match groups.last_mut() {
            Some((last, group)) if *last == q && !sequential => group.push(target),
            _ => groups.push((q, vec![target])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The copy for one contact: the Request-URI becomes the contact and P-Called-Party-ID says who was
/// called; or, with Loose-Route-Indication, the Request-URI stays (TS 29.229 §6.3.45).
fn copy_for(request: &Request, target: &Target, loose_route: bool) -> Request {
    let mut copy = request.clone();
    let mut routes = target.routes.clone();
    if loose_route {
        let router = target.contact.as_sip().filter(|uri| uri.is_loose());
        if let Some(uri) = router.filter(|_| routes.last().is_none_or(|last| !last.uri.equivalent(&target.contact))) {
            routes.push(Route::new(uri.clone().into()));
        }
    } else {
        copy.headers.replace(&PCalledPartyId::new(request.uri.clone()));
        copy.uri = target.contact.clone();
    }
    proxy::set_routes(&mut copy, &routes);
    copy
}

/// The access side gets identifiers of type 1 again (TS 24.229 §5.4.3.3).
fn set_charging(copy: &mut Request, came: Option<&PChargingVector>) {
    let Some(mut charging) = came.cloned() else { return };
    charging.params.remove("term-ioi");
    if let Some(orig) = charging.params.unquoted("orig-ioi").map(|ioi| ioi.into_owned())
        && !orig.starts_with("Type ")
    {
        charging.params.set_quoted("orig-ioi", &format!("Type 1{orig}"));
    }
    copy.headers.replace(&charging);
}
