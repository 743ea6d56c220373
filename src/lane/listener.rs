//! Accepting connections, counting them, and letting them end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use postern_sdk::FaultCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::meter::Meter;

/// How long accepting rests after an error that is ours, such as too many open files.
const REST: Duration = Duration::from_millis(100);

/// How long a client has to close its side after we closed ours.
const LINGER: Duration = Duration::from_secs(1);

/// How many clients at once are told that there is no room. Beyond that they are dropped without a word.
const TURNED_AWAY_MAX: usize = 64;

/// A transport: what is done with a connection.
pub(super) trait Serve: Send + Sync + 'static {
    /// The lane's metrics.
    fn meter(&self) -> &Meter;

    /// How many connections are served at once.
    fn connections_max(&self) -> usize;

    /// Serves one connection until it ends. When `drain` is cancelled, it takes no new work and ends what it has.
    fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        drain: CancellationToken,
    ) -> impl Future<Output = ()> + Send;

    /// Tells a client that there is no room, if the transport can.
    fn turn_away(self: Arc<Self>, stream: TcpStream) -> impl Future<Output = ()> + Send;
}

/// Accepts and serves until `shutdown` ends, then lets what is in flight end for at most `drain_limit`.
pub(super) async fn run<S: Serve>(
    listener: TcpListener,
    lane: Arc<S>,
    shutdown: impl Future<Output = ()>,
    drain_limit: Duration,
) {
    let room = Arc::new(Semaphore::new(lane.connections_max()));
    let turning_away = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
    let drain = CancellationToken::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => tell_of_panic(&lane, &ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => admit(&lane, &room, &turning_away, &drain, &mut connections, stream, peer),
                Err(error) => rest_after(&lane, &error).await,
            },
        }
    }
    drop(listener);
    drain.cancel();
    let limit = Instant::now() + drain_limit;
    while let Ok(Some(ended)) = timeout_at(limit, connections.join_next()).await {
        tell_of_panic(&lane, &ended);
    }
    if !connections.is_empty() {
        tracing::warn!(
            lane = lane.meter().lane(),
            cut = connections.len(),
            "Connections outlived the drain limit."
        );
    }
}

/// A connection's task never panics by design; if it does, that costs the connection and is told.
fn tell_of_panic<S: Serve>(lane: &Arc<S>, ended: &Result<(), JoinError>) {
    if ended.is_err() {
        lane.meter().fault(&FaultCode::INTERNAL);
        tracing::error!(lane = lane.meter().lane(), "A connection's task panicked.");
    }
}

/// Gives a connection a task of its own if there is room.
fn admit<S: Serve>(
    lane: &Arc<S>,
    room: &Arc<Semaphore>,
    turning_away: &Arc<Semaphore>,
    drain: &CancellationToken,
    connections: &mut JoinSet<()>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let lane = Arc::clone(lane);
    if stream.set_nodelay(true).is_err() {
        return;
    }
    if let Ok(place) = Arc::clone(room).try_acquire_owned() {
        let drain = drain.clone();
        connections.spawn(async move {
            let _place = place;
            let _counted = lane.meter().connection();
            Arc::clone(&lane).serve(stream, peer, drain).await;
        });
        return;
    }
    lane.meter().connection_refused();
    if let Ok(place) = Arc::clone(turning_away).try_acquire_owned() {
        connections.spawn(async move {
            let _place = place;
            lane.turn_away(stream).await;
        });
    }
}

/// Errors of a connection that was gone before it was accepted cost nothing; others get a pause.
async fn rest_after<S: Serve>(lane: &Arc<S>, error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    tracing::error!(lane = lane.meter().lane(), %error, "Accepting a connection failed.");
    sleep(REST).await;
}

/// Closes a connection so that the client still gets what was written: our side first, and then what it still sends
/// is read and dropped for a moment, because closing over unread input would reset the connection.
pub(super) async fn part(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let parting = async {
        stream.shutdown().await?;
        let mut dropped = [0; 1024];
        while stream.read(&mut dropped).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(LINGER, parting).await;
}
