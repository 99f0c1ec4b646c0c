use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Layer;

/// Takes so many connections at a time and drops the rest at once.
#[derive(Clone)]
pub(super) struct Bounded<A> {
    inner: A,
    permits: Arc<Semaphore>,
}

/// Lives as long as the connection's service.
#[derive(Clone)]
pub(super) struct Permit {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl<A> Bounded<A> {
    pub(super) fn new(inner: A, permits: Arc<Semaphore>) -> Self {
        Self { inner, permits }
    }
}

impl<A, I, S> Accept<I, S> for Bounded<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Service: Send,
{
    type Stream = A::Stream;
    type Service = AddExtension<A::Service, Permit>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            tracing::warn!("too many connections; one is dropped");
            return async { Err(io::Error::from(io::ErrorKind::ConnectionRefused)) }.boxed();
        };
        let permit = Permit { _permit: Arc::new(permit) };
        let accepted = self.inner.accept(stream, service);
        async move {
            let (stream, service) = accepted.await?;
            Ok((stream, Extension(permit).layer(service)))
        }
        .boxed()
    }
}
