//! Asking a running edge.

use sip::Now;
use sip_net::Actor;

use super::observed::Observed;
use crate::edge::Edge;

/// A way to a running edge, of use as long as that runs. Clones lead to the same one.
#[derive(Clone, Debug)]
pub struct Desk(pub(super) Actor<Observed>);

impl Desk {
    /// Runs `f` on the edge, in its task; `None` when that has ended.
    pub async fn edge<R: Send + 'static>(&self, f: impl FnOnce(&mut Edge, Now) -> R + Send + 'static) -> Option<R> {
        self.0.ask(move |node, now| f(node.edge(), now)).await
    }
}
