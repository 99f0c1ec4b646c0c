//! The calls and subscriptions that pass between a WIC and the core: what is kept of each dialog, so
//! that nobody else speaks in it and nobody takes another way (TS 24.229 §5.2.6, §5.2.8).

use std::collections::HashMap;

use ims::{Impi, Impu};
use sip::dialog::{Dialog, DialogId};
use sip::headers::PChargingVector;
use sip::transaction::ClientKey;
use sip::{FlowId, HeaderError, Method, Request, Response, Text};

use crate::bindings::{Binding, ContactKey};
use crate::event::End;
use crate::media::{Context, Side};

/// The number of a call; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallKey(u64);

/// Most dialogs that one INVITE may make (RFC 3261 §13.2.2.4, forked).
const MAX_LEGS: usize = 16;

/// What one dialog-creating request of or to a WIC has led to.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) usage: Usage,
    /// Who sent the request.
    pub(crate) caller: Side,
    /// The WIC's connection, and whether it is gone.
    pub(crate) flow: FlowId,
    pub(crate) lost: bool,
    pub(crate) owner: Owner,
    pub(crate) charging: PChargingVector,
    /// The request as it was sent on, without its body.
    pub(crate) request: Request,
    /// Reserved for the first dialog.
    pub(crate) context: Option<Context>,
    pub(crate) legs: Vec<Leg>,
    /// The request's transaction, until its final answer.
    pub(crate) pending: Option<ClientKey>,
    /// Why it is to end as soon as that has come.
    pub(crate) released: Option<End>,
}

/// What a dialog is for (RFC 5057 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// INVITE.
    Session,
    /// SUBSCRIBE or REFER.
    Subscription,
}

impl Usage {
    /// What a request creates a dialog for.
    pub(crate) fn of(method: &Method) -> Option<Self> {
        match method {
            Method::Invite => Some(Self::Session),
            Method::Subscribe | Method::Refer => Some(Self::Subscription),
            _ => None,
        }
    }
}

/// The registered contact that a call is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) impi: Impi,
    /// The identity in To of the registration.
    pub(crate) registered: Impu,
    pub(crate) contact: ContactKey,
}

impl Owner {
    pub(crate) fn of(binding: &Binding) -> Self {
        Self { impi: binding.impi.clone(), registered: binding.impu.clone(), contact: ContactKey::of(&binding.contact) }
    }
}

/// One dialog: as the WIC sees it, and as its peer does.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) wic: Dialog,
    pub(crate) peer: Dialog,
    pub(crate) context: Option<Context>,
}

impl Leg {
    /// The dialog that a response from 101 to 299 to `request` creates (RFC 3261 §12.1).
    pub(crate) fn new(caller: Side, request: &Request, response: &Response) -> Result<Self, HeaderError> {
        let to = response.to()?;
        let uac = Dialog::uac(request, response)?;
        let mut uas = Dialog::uas(request, to.tag().unwrap_or_default())?;
        if response.status.is_success() {
            uas.confirm(response)?;
        }
        let (wic, peer) = if caller == Side::Wic { (uac, uas) } else { (uas, uac) };
        Ok(Self { wic, peer, context: None })
    }

    /// The dialog that a NOTIFY creates for the WIC that sent `subscribe` (RFC 6665 §4.4.1).
    pub(crate) fn notified(subscribe: &Request, notify: &Request) -> Result<Self, HeaderError> {
        let wic = Dialog::subscriber(subscribe, notify)?;
        let from = notify.from()?;
        let mut peer = Dialog::uas(subscribe, from.tag().unwrap_or_default())?;
        peer.sent(notify);
        Ok(Self { wic, peer, context: None })
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.wic.is_confirmed()
    }

    /// The final answer that confirms it.
    pub(crate) fn confirm(&mut self, response: &Response) -> Result<(), HeaderError> {
        self.wic.confirm(response)?;
        self.peer.confirm(response)
    }

    /// A request of `from` passes: the other end's Contact and both sequence numbers move on.
    pub(crate) fn passes(&mut self, from: Side, request: &Request) {
        let (sender, receiver) = match from {
            Side::Wic => (&mut self.wic, &mut self.peer),
            Side::Core => (&mut self.peer, &mut self.wic),
        };
        sender.sent(request);
        // One out of order is for the receiver to refuse.
        let _ = receiver.receive(request);
    }

    /// The response to a request of `from` passes back.
    pub(crate) fn answered(&mut self, from: Side, response: &Response) {
        match from {
            Side::Wic => self.wic.refreshed_by(response),
            Side::Core => self.peer.refreshed_by(response),
        }
    }
}

/// All calls of a shard.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    all: HashMap<CallKey, Call>,
    /// By the dialog as the WIC sees it.
    by_dialog: HashMap<DialogId, CallKey>,
    /// By Call-ID and the WIC's tag, for what a WIC has begun.
    by_request: HashMap<(Text, Text), CallKey>,
    by_impi: HashMap<Impi, Vec<CallKey>>,
    last: u64,
}

impl Calls {
    /// How many calls and dialogs there are.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.all.len(), self.by_dialog.len())
    }

    pub(crate) fn get(&self, key: CallKey) -> Option<&Call> {
        self.all.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: CallKey) -> Option<&mut Call> {
        self.all.get_mut(&key)
    }

    /// The calls of a user, oldest first.
    pub(crate) fn of_impi(&self, impi: &Impi) -> impl Iterator<Item = (CallKey, &Call)> {
        let keys = self.by_impi.get(impi);
        keys.into_iter().flatten().filter_map(|key| self.all.get(key).map(|call| (*key, call)))
    }

    /// The call that a dialog is part of.
    pub(crate) fn of_dialog(&self, id: &DialogId) -> Option<CallKey> {
        self.by_dialog.get(id).copied()
    }

    /// The call that a WIC began with this Call-ID and tag.
    pub(crate) fn of_request(&self, call_id: &Text, tag: &Text) -> Option<CallKey> {
        self.by_request.get(&(call_id.clone(), tag.clone())).copied()
    }

    pub(crate) fn leg(&self, id: &DialogId) -> Option<&Leg> {
        self.get(self.of_dialog(id)?)?.legs.iter().find(|leg| leg.wic.id() == id)
    }

    pub(crate) fn leg_mut(&mut self, id: &DialogId) -> Option<&mut Leg> {
        let key = self.of_dialog(id)?;
        self.get_mut(key)?.legs.iter_mut().find(|leg| leg.wic.id() == id)
    }

    pub(crate) fn open(&mut self, call: Call) -> CallKey {
        self.last += 1;
        let key = CallKey(self.last);
        self.by_impi.entry(call.owner.impi.clone()).or_default().push(key);
        if let Some(id) = request_id(&call) {
            self.by_request.insert(id, key);
        }
        self.all.insert(key, call);
        key
    }

    /// Adds a dialog, unless it is another call's or there are too many.
    pub(crate) fn add(&mut self, key: CallKey, leg: Leg) -> bool {
        let id = leg.wic.id().clone();
        let Some(call) = self.all.get_mut(&key) else { return false };
        if self.by_dialog.contains_key(&id) || call.legs.len() >= MAX_LEGS {
            return false;
        }
        call.legs.push(leg);
        self.by_dialog.insert(id, key);
        true
    }

    /// Ends one dialog.
    pub(crate) fn remove_leg(&mut self, id: &DialogId) -> Option<Leg> {
        let key = self.by_dialog.remove(id)?;
        let call = self.all.get_mut(&key)?;
        let at = call.legs.iter().position(|leg| leg.wic.id() == id)?;
        Some(call.legs.remove(at))
    }

    /// Ends a call with all its dialogs.
    pub(crate) fn close(&mut self, key: CallKey) -> Option<Call> {
        let call = self.all.remove(&key)?;
        for leg in &call.legs {
            self.by_dialog.remove(leg.wic.id());
        }
        if let Some(id) = request_id(&call)
            && self.by_request.get(&id) == Some(&key)
        {
            self.by_request.remove(&id);
        }
        if let Some(keys) = self.by_impi.get_mut(&call.owner.impi) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.by_impi.remove(&call.owner.impi);
            }
        }
        Some(call)
    }
}

fn request_id(call: &Call) -> Option<(Text, Text)> {
    if call.caller != Side::Wic {
        return None;
    }
    let from = call.request.from().ok()?;
    Some((text(&call.request.call_id().ok()?.0), text(from.tag()?)))
}

fn text(text: &str) -> Text {
    Text::from(text.to_owned())
}
