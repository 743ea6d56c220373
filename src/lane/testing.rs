//! A handler for tests that does what the frames say, and remembers what happened.

use std::sync::Arc;
use std::time::Duration;

use postern_sdk::{Fault, Reply};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;

use super::{Frame, Handled, Handler, Handling, Receipt};
use crate::config::file::Limits;

/// How long a test waits for something that must happen.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// What a [`Toy`] has seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) frames: Vec<Frame>,
    pub(super) written: usize,
    pub(super) lost: usize,
    pub(super) closed: usize,
}

/// A handler that answers `x` with `re:x` and refuses with `!code`, except for frames that begin with an instruction:
///
/// * `panic` panics while it is being handled, `PANIC` before;
/// * `hold` is answered when the toy is released once;
/// * `none` has no reply, `two` has two, `lines` has one that no line can carry, `big` has one of a mebibyte;
/// * `close` closes the connection.
pub(super) struct Toy {
    seen: watch::Sender<Seen>,
    released: Arc<Semaphore>,
}

impl Toy {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { seen: watch::Sender::default(), released: Arc::new(Semaphore::new(0)) })
    }

    /// Lets so many held frames be answered.
    pub(super) fn release(&self, frames: usize) {
        self.released.add_permits(frames);
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until enough was seen.
    pub(super) async fn until(&self, enough: impl Fn(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.subscribe();
        let waited = tokio::time::timeout(SOON, seen.wait_for(|seen| enough(seen))).await;
        waited.expect("in time").unwrap().clone()
    }
}

fn reply(body: impl Into<Vec<u8>>) -> Reply {
    Reply::new(body, "application/json")
}

fn handled(bytes: &[u8]) -> Handled {
    let echo = reply([b"re:", bytes].concat());
    let replies = match bytes {
        b"none" => Vec::new(),
        b"two" => vec![echo.clone(), echo],
        b"lines" => vec![reply("one\ntwo")],
        b"big" => vec![reply(vec![b'x'; 1 << 20])],
        _ => vec![echo],
    };
    Handled { replies, receipt: Receipt::default(), close: bytes == b"close" }
}

impl Handler for Toy {
    fn handle(&self, frame: Frame) -> Handling {
        let bytes = frame.bytes.clone();
        self.seen.send_modify(|seen| seen.frames.push(frame));
        assert!(!bytes.starts_with(b"PANIC"), "told to");
        let released = Arc::clone(&self.released);
        Box::pin(async move {
            if bytes.starts_with(b"hold") {
                released.acquire().await.unwrap().forget();
            }
            assert!(!bytes.starts_with(b"panic"), "told to");
            handled(&bytes)
        })
    }

    fn sent(&self, _: Receipt, written: bool) {
        self.seen.send_modify(|seen| *(if written { &mut seen.written } else { &mut seen.lost }) += 1);
    }

    fn refuse(&self, fault: Fault, _: Option<&str>) -> Reply {
        Reply { http_status: 503, ..reply(format!("!{}", fault.code)) }
    }

    fn closed(&self, _: u64) {
        self.seen.send_modify(|seen| seen.closed += 1);
    }
}

/// Small limits with the times of production.
pub(super) fn limits() -> Limits {
    Limits { frame_bytes_max: 32, connections_max: 8, in_flight_max: 4, ..Limits::default() }
}

/// A lane that is being served on a port of its own.
pub(super) struct Running {
    pub(super) address: std::net::SocketAddr,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Binds a socket, and serves it as `run` does with it and the shutdown.
    pub(super) async fn start<F>(run: impl FnOnce(TcpListener, oneshot::Receiver<()>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, told) = oneshot::channel();
        Self { address, shutdown, task: tokio::spawn(run(listener, told)) }
    }

    /// Tells the lane to end; the result waits until it has.
    pub(super) fn shut_down(self) -> JoinHandle<()> {
        self.shutdown.send(()).unwrap();
        self.task
    }
}
