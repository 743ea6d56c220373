//! The addresses of a name.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use tokio::time::{Instant, timeout_at};

/// The addresses of a name, in the order in which they are to be tried.
pub(in crate::find) type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Tells the addresses of a name.
pub(in crate::find) trait Resolve: Send + Sync {
    /// The addresses of a host at a port.
    fn resolve(&self, host: &str, port: u16) -> Addresses;
}

/// The machine's own resolver.
pub(in crate::find) struct System;

impl Resolve for System {
    fn resolve(&self, host: &str, port: u16) -> Addresses {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
    }
}

/// A resolver that remembers what it was last told, for the time in which nobody answers it.
pub(super) struct Remembering {
    resolver: Box<dyn Resolve>,
    last: Mutex<Vec<SocketAddr>>,
}

impl Remembering {
    pub(super) fn new(resolver: Box<dyn Resolve>) -> Self {
        Self { resolver, last: Mutex::default() }
    }

    /// The addresses as they are now, or as they were last known if that can't be told by the deadline.
    pub(super) async fn addresses(&self, host: &str, port: u16, deadline: Instant) -> Vec<SocketAddr> {
        let told = timeout_at(deadline, self.resolver.resolve(host, port)).await;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match told {
            Ok(Ok(found)) if !found.is_empty() => last.clone_from(&found),
            _ => tracing::debug!(known = last.len(), "The addresses of INTERPOL's gateway can't be told."),
        }
        last.clone()
    }
}
