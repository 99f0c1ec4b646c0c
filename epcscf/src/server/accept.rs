//! How many TCP connections there may be that have not become WebSockets yet.

use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Layer;

/// Takes a connection while there is room, and drops it at once otherwise: those that shake hands
/// slowly cost memory before any origin is known.
#[derive(Clone, Debug)]
pub(super) struct Bounded<A> {
    inner: A,
    room: Arc<Semaphore>,
}

/// A place taken; free again when the HTTP connection ends or becomes a WebSocket.
#[derive(Clone, Debug)]
pub(super) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl<A> Bounded<A> {
    pub(super) fn new(inner: A, room: Arc<Semaphore>) -> Self {
        Self { inner, room }
    }
}

impl<A, I, S> Accept<I, S> for Bounded<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Service: Send,
{
    type Stream = A::Stream;
    type Service = AddExtension<A::Service, Place>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let Ok(permit) = self.room.clone().try_acquire_owned() else {
            metrics::counter!("epcscf_connections_dropped_total").increment(1);
            return async { Err(io::ErrorKind::ConnectionRefused.into()) }.boxed();
        };
        let place = Place { _permit: Arc::new(permit) };
        let accepted = self.inner.accept(stream, service);
        async move {
            let (stream, service) = accepted.await?;
            Ok((stream, Extension(place).layer(service)))
        }
        .boxed()
    }
}
