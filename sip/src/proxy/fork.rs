//! The response context (RFC 3261 §16.7): what becomes of the responses to the copies of one request.

use super::forward;
use crate::{HeaderName, Method, Rejection, Request, Response, StatusCode};

/// What the owner of a [`Fork`] has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForkAction<K> {
    /// Send this response in the server transaction; our Via is off it.
    Forward(Response),
    /// Cancel this branch.
    Cancel(K),
    /// Every branch so far has failed and more may follow: add the next ones, or say by
    /// [`Fork::expect_more`] that there are none.
    Next,
}

/// The response context of one server transaction, forked or not. `K` names a branch.
///
/// Each branch has to end, in a final response ([`Fork::on_response`]) or without one
/// ([`Fork::timed_out`], [`Fork::failed`]). In return there is exactly one final answer, but for
/// the 2xx to an INVITE, which are all forwarded, and never another final answer after one of them.
#[derive(Debug)]
pub struct Fork<K> {
    /// A response of our own, but for status and reason.
    own: Response,
    invite: bool,
    branches: Vec<Branch<K>>,
    more: bool,
    /// A 2xx, a 6xx or a CANCEL has come: no new branches (§16.7 step 5).
    closed: bool,
    cancelled: bool,
    answered: bool,
}

#[derive(Debug)]
struct Branch<K> {
    key: K,
    state: State,
}

#[derive(Debug)]
enum State {
    Pending,
    /// To end soon; as what it then counts.
    Cancelled(StatusCode),
    Ended(Response),
    /// Ended by a 2xx.
    Succeeded,
}

impl<K: Copy + PartialEq> Fork<K> {
    /// How many branches there may be.
    pub const MAX_BRANCHES: usize = 32;

    /// The context of `request` as it came in. `to_tag` goes into the answers that are made here.
    pub fn new(request: &Request, to_tag: &str) -> Self {
        let mut own = request.respond(StatusCode::SERVER_INTERNAL_ERROR);
        own.ensure_to_tag(|| to_tag.to_owned());
        Self {
            own,
            invite: request.method == Method::Invite,
            branches: Vec::new(),
            more: false,
            closed: false,
            cancelled: false,
            answered: false,
        }
    }

    /// Whether a branch may be added. To be asked before its copy is sent.
    pub fn is_open(&self) -> bool {
        !self.closed && !self.answered && self.branches.len() < Self::MAX_BRANCHES
    }

    /// Adds a branch, unless the fork is not open.
    pub fn add(&mut self, key: K) {
        if self.is_open() {
            self.branches.push(Branch { key, state: State::Pending });
        }
    }

    /// Says whether more branches may follow when those there are have failed (a search in
    /// sequence, §16.6), and what follows from that now. Without it none are expected.
    pub fn expect_more(&mut self, more: bool) -> Vec<ForkAction<K>> {
        self.more = more;
        if more { Vec::new() } else { self.settle() }
    }

    /// Takes a response on branch `key`, our own Via still on top.
    pub fn on_response(&mut self, key: K, response: Response) -> Vec<ForkAction<K>> {
        let status = response.status;
        match forward(response) {
            Some(response) if status.is_provisional() => match self.answered || self.branch(key).is_none() {
                true => Vec::new(),
                false => vec![ForkAction::Forward(response)],
            },
            Some(response) if status.is_success() => self.succeeded(key, response),
            Some(response) => self.ended(key, response),
            None if status.is_provisional() => Vec::new(),
            None => {
                let reason = "the next hop's response has no Via but ours (RFC 3261 §16.7 step 3)";
                self.failed(key, &Rejection::new(StatusCode::BAD_GATEWAY, reason))
            }
        }
    }

    /// No final response came in time; counts as 408 (§16.7 step 2, §16.8), or as what a branch
    /// ends as that was cancelled.
    pub fn timed_out(&mut self, key: K) -> Vec<ForkAction<K>> {
        let reason = "no final response from the next hop (RFC 3261 §16.8)";
        self.failed(key, &Rejection::new(StatusCode::REQUEST_TIMEOUT, reason))
    }

    /// The branch ended without a response, and counts as answered with `why`: 503 when it could
    /// not be sent (§16.9), or whatever says more.
    pub fn failed(&mut self, key: K, why: &Rejection) -> Vec<ForkAction<K>> {
        let response = self.own(why.status, &why.reason);
        self.ended(key, response)
    }

    /// Timer C has fired for this branch (§16.8), or its owner has waited long enough: it is
    /// cancelled, and counts as 408 when it ends for that.
    pub fn give_up(&mut self, key: K) -> Option<ForkAction<K>> {
        if !self.invite {
            return None;
        }
        let branch = self.branch(key).filter(|branch| matches!(branch.state, State::Pending))?;
        branch.state = State::Cancelled(StatusCode::REQUEST_TIMEOUT);
        Some(ForkAction::Cancel(key))
    }

    /// The caller has cancelled its INVITE (§16.10). Without effect on another request, and after
    /// the final answer.
    pub fn cancel(&mut self) -> Vec<ForkAction<K>> {
        if !self.invite || self.answered {
            return Vec::new();
        }
        self.cancelled = true;
        self.closed = true;
        let mut actions = self.cancel_pending();
        actions.extend(self.settle());
        actions
    }

    /// Whether a final answer has been forwarded.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// Whether the final answer has been forwarded and no branch is pending.
    pub fn is_over(&self) -> bool {
        self.answered && !self.is_pending()
    }

    fn succeeded(&mut self, key: K, response: Response) -> Vec<ForkAction<K>> {
        let Some(branch) = self.branch(key) else { return Vec::new() };
        branch.state = State::Succeeded;
        self.closed = true;
        // Any 2xx to an INVITE goes on, also after a final response (§16.7 step 5).
        if self.answered && !self.invite {
            return Vec::new();
        }
        self.answered = true;
        let mut actions = vec![ForkAction::Forward(response)];
        actions.extend(self.cancel_pending());
        actions
    }

    fn ended(&mut self, key: K, response: Response) -> Vec<ForkAction<K>> {
        let counts_as = match self.branch(key).map(|branch| &branch.state) {
            Some(State::Pending) => None,
            Some(State::Cancelled(status)) => Some(*status),
            Some(State::Ended(_) | State::Succeeded) | None => return Vec::new(),
        };
        let told_to_end = matches!(response.status, StatusCode::REQUEST_TERMINATED | StatusCode::REQUEST_TIMEOUT);
        let response = match counts_as {
            Some(status) if told_to_end && status != response.status => {
                self.own(status, "no final answer before the call was given up (RFC 3261 §16.7)")
            }
            _ => response,
        };
        let everywhere = response.status.code() >= 600;
        if let Some(branch) = self.branch(key) {
            branch.state = State::Ended(response);
        }
        let mut actions = Vec::new();
        if everywhere {
            self.closed = true;
            actions = self.cancel_pending();
        }
        actions.extend(self.settle());
        actions
    }

    /// §16.7 step 10.
    fn cancel_pending(&mut self) -> Vec<ForkAction<K>> {
        if !self.invite {
            return Vec::new();
        }
        let mut actions = Vec::new();
        for branch in &mut self.branches {
            match branch.state {
                State::Pending => actions.push(ForkAction::Cancel(branch.key)),
                State::Cancelled(_) => {}
                State::Ended(_) | State::Succeeded => continue,
            }
            branch.state = State::Cancelled(StatusCode::REQUEST_TERMINATED);
        }
        actions
    }

    /// The final answer once every branch has ended, or a call for more branches.
    fn settle(&mut self) -> Vec<ForkAction<K>> {
        if self.answered || self.is_pending() {
            return Vec::new();
        }
        if self.more && self.is_open() {
            return vec![ForkAction::Next];
        }
        self.answered = true;
        vec![ForkAction::Forward(self.best())]
    }

    /// §16.7 steps 6 and 7.
    fn best(&self) -> Response {
        let finals = || {
            self.branches.iter().filter_map(|branch| match &branch.state {
                State::Ended(response) => Some(response),
                _ => None,
            })
        };
        let Some(best) = finals().min_by_key(|response| rank(response.status, self.cancelled)) else {
            return match self.cancelled {
                true => self.own(StatusCode::REQUEST_TERMINATED, StatusCode::REQUEST_TERMINATED.reason()),
                false => self.own(StatusCode::TEMPORARILY_UNAVAILABLE, "there is no target (RFC 3261 §16.5)"),
            };
        };
        if best.status == StatusCode::SERVICE_UNAVAILABLE {
            // 503 would say that we are out of service, to each of our callers.
            let reason = format!("the next hop said: {}", best.reason);
            return self.own(StatusCode::SERVER_INTERNAL_ERROR, &reason);
        }
        let mut answer = best.clone();
        if is_challenge(best.status) {
            for other in finals().filter(|other| is_challenge(other.status) && !std::ptr::eq(*other, best)) {
                for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
                    other.headers.values(&name).for_each(|value| answer.headers.push(name.clone(), value.to_owned()));
                }
            }
        }
        answer
    }

    fn own(&self, status: StatusCode, reason: &str) -> Response {
        let status = if status.code() < 300 { StatusCode::SERVER_INTERNAL_ERROR } else { status };
        let reason = crate::syntax::one_line(reason.to_owned().into());
        Response { status, reason, ..self.own.clone() }
    }

    fn is_pending(&self) -> bool {
        self.branches.iter().any(|branch| matches!(branch.state, State::Pending | State::Cancelled(_)))
    }

    fn branch(&mut self, key: K) -> Option<&mut Branch<K>> {
        self.branches.iter_mut().find(|branch| branch.key == key)
    }
}

/// Whether a response to an INVITE (re)starts Timer C of its branch (RFC 3261 §16.7 step 2).
pub fn restarts_timer_c(status: StatusCode) -> bool {
    status.is_provisional() && status != StatusCode::TRYING
}

fn is_challenge(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED)
}

/// What is better to forward is lower: 6xx, else the lowest class; in it, what helps the caller to
/// try again before what says little of the callee (§16.7 step 6).
fn rank(status: StatusCode, cancelled: bool) -> (u16, u8) {
    let class = if status.code() >= 600 { 0 } else { status.code() / 100 };
    let within = match status.code() {
        487 if cancelled => 0,
        401 | 407 | 415 | 420 | 484 => 1,
        408 | 430 | 481 | 487 | 503 => 3,
        _ => 2,
    };
    (class, within)
}
