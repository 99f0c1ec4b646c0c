//! Requests on their way through a CSCF, and the way back of their answers (RFC 3261 §16.6 to §16.10).
//!
//! [`Relays`] keeps one response context for each server transaction, from the request's arrival
//! until nothing of it can come any more. Its owner says where copies go; what has to be done by
//! the owner comes back as [`Turn`]s.

use crate::front::Front;
use crate::refusal::Refusal;
use sip::proxy::{Fork, ForkAction, restarts_timer_c};
use sip::transaction::{ClientKey, ServerKey};
use sip::{Instant, Method, Peer, Rejection, Request, Response, StatusCode};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// All requests that are on their way through a node. `O` is what the node itself keeps of each.
#[derive(Debug)]
pub(crate) struct Relays<O> {
    contexts: BTreeMap<ServerKey, Context<O>>,
    branches: HashMap<ClientKey, Branch>,
    deadlines: BTreeSet<(Instant, ClientKey)>,
    timer_c: Duration,
}

/// One request on its way.
#[derive(Debug)]
pub(crate) struct Context<O> {
    /// As it came in.
    pub(crate) request: Request,
    /// Who sent it.
    pub(crate) from: Peer,
    /// The node's own.
    pub(crate) owner: O,
    fork: Fork<ClientKey>,
    live: usize,
    /// A refusal of the node's own ended it.
    refused: bool,
    /// Its server transaction is over.
    done: bool,
}

#[derive(Debug)]
struct Branch {
    context: ServerKey,
    to: Peer,
    deadline: Option<Instant>,
    /// Nothing has come from the next hop yet.
    silent: bool,
    /// What it counts as when it ends without success: it was given up.
    ends_as: Option<Rejection>,
}

/// What the owner has to do.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Send this response in the server transaction.
    Answer { key: ServerKey, response: Response },
    /// All copies so far have failed: send the next ones, or say that there are none.
    Next { key: ServerKey },
}

impl<O> Relays<O> {
    /// `timer_c` is how long an INVITE may ring (RFC 3261 §16.6 step 11).
    pub(crate) fn new(timer_c: Duration) -> Self {
        Self { contexts: BTreeMap::new(), branches: HashMap::new(), deadlines: BTreeSet::new(), timer_c }
    }

    /// Takes a request that is to be forwarded, soon or once the HSS has answered.
    pub(crate) fn open(&mut self, key: ServerKey, request: Request, from: Peer, owner: O, front: &mut Front) {
        let fork = Fork::new(&request, &front.entropy.token(16));
        self.contexts.insert(key, Context { request, from, owner, fork, live: 0, refused: false, done: false });
    }

    /// One request.
    pub(crate) fn find(&self, key: ServerKey) -> Option<&Context<O>> {
        self.contexts.get(&key)
    }

    /// What the node keeps of a request.
    pub(crate) fn owner(&mut self, key: ServerKey) -> Option<&mut O> {
        self.contexts.get_mut(&key).map(|context| &mut context.owner)
    }

    /// The request of a branch.
    pub(crate) fn context_of(&self, branch: ClientKey) -> Option<ServerKey> {
        self.branches.get(&branch).map(|branch| branch.context)
    }

    /// Where a branch was sent.
    pub(crate) fn peer_of(&self, branch: ClientKey) -> Option<Peer> {
        self.branches.get(&branch).map(|branch| branch.to)
    }

    /// All requests.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ServerKey, &Context<O>)> {
        self.contexts.iter().map(|(key, context)| (*key, context))
    }

    /// Whether a copy may still be sent: the caller has not cancelled, nobody has answered.
    pub(crate) fn is_open(&self, key: ServerKey) -> bool {
        self.contexts.get(&key).is_some_and(|context| !context.refused && context.fork.is_open())
    }

    /// Whether the caller has had its final answer.
    pub(crate) fn is_answered(&self, key: ServerKey) -> bool {
        self.contexts.get(&key).is_none_or(|context| context.refused || context.fork.is_answered())
    }

    /// Sends a copy, its Via on top. The next hop has to say something within `patience`.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        front: &mut Front,
        key: ServerKey,
        request: Request,
        to: Peer,
        patience: Duration,
    ) -> Option<ClientKey> {
        let context = self.contexts.get_mut(&key).filter(|context| !context.refused && context.fork.is_open())?;
        let branch = front.transactions.request(now, request, to);
        context.fork.add(branch);
        context.live += 1;
        let deadline = now + patience;
        self.deadlines.insert((deadline, branch));
        self.branches
            .insert(branch, Branch { context: key, to, deadline: Some(deadline), silent: true, ends_as: None });
        Some(branch)
    }

    /// Says whether more copies may follow when those that were sent have failed.
    pub(crate) fn expect_more(&mut self, key: ServerKey, more: bool) -> Vec<Turn> {
        let Some(context) = self.contexts.get_mut(&key).filter(|context| !context.refused) else { return Vec::new() };
        let actions = context.fork.expect_more(more);
        // Nothing is cancelled by this.
        actions.into_iter().filter_map(|action| turn(key, action)).collect()
    }

    /// Ends a request with a refusal of the node's own, unless it has had its answer.
    pub(crate) fn refuse(&mut self, now: Instant, front: &mut Front, key: ServerKey, refusal: &Refusal) {
        let Some(context) = self.contexts.get_mut(&key) else { return };
        if context.refused || context.fork.is_answered() {
            return;
        }
        context.refused = true;
        front.refuse(now, key, &context.request, refusal);
    }

    /// Ends a request with a response of the node's own, unless it has had its answer.
    pub(crate) fn respond(&mut self, now: Instant, front: &mut Front, key: ServerKey, response: Response) {
        let Some(context) = self.contexts.get_mut(&key) else { return };
        if context.refused || context.fork.is_answered() {
            return;
        }
        context.refused = true;
        front.respond(now, key, response);
    }

    /// A response on a branch. `None` when it is on none.
    pub(crate) fn on_response(
        &mut self,
        now: Instant,
        front: &mut Front,
        key: ClientKey,
        response: Response,
    ) -> Option<Vec<Turn>> {
        let branch = self.branches.get_mut(&key)?;
        let context = self.contexts.get_mut(&branch.context)?;
        if let Some(deadline) = branch.deadline
            && (branch.silent || response.status.is_final() || restarts_timer_c(response.status))
        {
            self.deadlines.remove(&(deadline, key));
            let rings = response.status.is_provisional() && context.request.method == Method::Invite;
            branch.deadline = rings.then(|| now + self.timer_c);
            self.deadlines.extend(branch.deadline.map(|deadline| (deadline, key)));
        }
        branch.silent = false;
        let server = branch.context;
        let given_up = branch.ends_as.as_ref().filter(|_| response.status.code() >= 300);
        let actions = match given_up {
            Some(why) => context.fork.failed(key, why),
            None => context.fork.on_response(key, response),
        };
        Some(act(now, front, server, actions))
    }

    /// A branch has failed, in the owner's view; its request may still be answered by others.
    pub(crate) fn fail(&mut self, now: Instant, front: &mut Front, key: ClientKey, why: &Rejection) -> Vec<Turn> {
        let Some(branch) = self.branches.get_mut(&key) else { return Vec::new() };
        if let Some(deadline) = branch.deadline.take() {
            self.deadlines.remove(&(deadline, key));
        }
        let Some(context) = self.contexts.get_mut(&branch.context) else { return Vec::new() };
        let why = branch.ends_as.as_ref().unwrap_or(why);
        let actions = context.fork.failed(key, why);
        act(now, front, branch.context, actions)
    }

    /// Cancels a branch that still rings; it counts as `why`.
    pub(crate) fn give_up(&mut self, now: Instant, front: &mut Front, key: ClientKey, why: Rejection) {
        let Some(branch) = self.branches.get_mut(&key) else { return };
        if let Some(deadline) = branch.deadline.take() {
            self.deadlines.remove(&(deadline, key));
        }
        let Some(context) = self.contexts.get_mut(&branch.context) else { return };
        if let Some(ForkAction::Cancel(key)) = context.fork.give_up(key) {
            branch.ends_as = Some(why);
            front.transactions.cancel(now, key);
        }
    }

    /// The caller has cancelled.
    pub(crate) fn cancel(&mut self, now: Instant, front: &mut Front, key: ServerKey) -> Vec<Turn> {
        let Some(context) = self.contexts.get_mut(&key).filter(|context| !context.refused) else { return Vec::new() };
        let actions = context.fork.cancel();
        act(now, front, key, actions)
    }

    /// A branch's transaction is over.
    pub(crate) fn on_client_done(&mut self, key: ClientKey) {
        let Some(branch) = self.branches.remove(&key) else { return };
        if let Some(deadline) = branch.deadline {
            self.deadlines.remove(&(deadline, key));
        }
        if let Some(context) = self.contexts.get_mut(&branch.context) {
            context.live = context.live.saturating_sub(1);
        }
        self.drop_if_over(branch.context);
    }

    /// A server transaction is over.
    pub(crate) fn on_server_done(&mut self, key: ServerKey) {
        if let Some(context) = self.contexts.get_mut(&key) {
            context.done = true;
        }
        self.drop_if_over(key);
    }

    /// Branches whose next hop was silent for too long; and gives up those that rang for too long.
    pub(crate) fn expire(&mut self, now: Instant, front: &mut Front) -> Vec<ClientKey> {
        let mut silent = Vec::new();
        while let Some((deadline, key)) = self.deadlines.first().filter(|(at, _)| *at <= now).copied() {
            self.deadlines.remove(&(deadline, key));
            let Some(branch) = self.branches.get_mut(&key) else { continue };
            branch.deadline = None;
            if branch.silent {
                // Should it wake up after all, it gets a CANCEL.
                front.transactions.cancel(now, key);
                silent.push(key);
            } else {
                let reason = "nobody answered in time (RFC 3261 §16.8)";
                self.give_up(now, front, key, Rejection::new(StatusCode::REQUEST_TIMEOUT, reason));
            }
        }
        silent
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// How many requests there are.
    pub(crate) fn len(&self) -> usize {
        self.contexts.len()
    }

    fn drop_if_over(&mut self, key: ServerKey) {
        if self.contexts.get(&key).is_some_and(|context| context.done && context.live == 0) {
            self.contexts.remove(&key);
        }
    }
}

/// Sends what is to be cancelled, and gives what is left to the owner.
fn act(now: Instant, front: &mut Front, key: ServerKey, actions: Vec<ForkAction<ClientKey>>) -> Vec<Turn> {
    let mut turns = Vec::new();
    for action in actions {
        match action {
            ForkAction::Cancel(branch) => front.transactions.cancel(now, branch),
            other => turns.extend(turn(key, other)),
        }
    }
    turns
}

fn turn(key: ServerKey, action: ForkAction<ClientKey>) -> Option<Turn> {
    match action {
        ForkAction::Forward(response) => Some(Turn::Answer { key, response }),
        ForkAction::Next => Some(Turn::Next { key }),
        ForkAction::Cancel(_) => None,
    }
}
