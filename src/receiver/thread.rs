//! A thread with a runtime of its own.

use std::future::Future;
use std::io;
use std::sync::mpsc::sync_channel;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;

use super::StartError;

/// Threads beside each runtime that verify large bodies, read files and look up names.
const BLOCKING_THREADS: usize = 4;

/// Starts a thread and waits until `prepare` has run in its runtime; then `serve` runs there to its end, which the returned
/// channel tells.
pub(super) fn start<T, P, S>(
    name: String,
    prepare: impl FnOnce() -> P + Send + 'static,
    serve: impl FnOnce(T) -> S + Send + 'static,
) -> Result<oneshot::Receiver<()>, StartError>
where
    P: Future<Output = Result<T, StartError>>,
    S: Future<Output = ()>,
{
    let (ended, ending) = oneshot::channel::<()>();
    let (started, starting) = sync_channel(1);
    let run = move || {
        // Dropped when the thread ends, also by a panic.
        let _ended = ended;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build_local(LocalOptions::default());
        let prepared = runtime.map_err(StartError::Thread).and_then(|runtime| {
            let prepared = runtime.block_on(async { prepare().await })?;
            Ok((runtime, prepared))
        });
        // Whoever starts the thread waits for this.
        match prepared {
            Ok((runtime, prepared)) => {
                let _ = started.send(Ok(()));
                runtime.block_on(serve(prepared));
                // A blocking task that is still at work holds nothing that anybody waits for.
                runtime.shutdown_background();
            }
            Err(error) => drop(started.send(Err(error))),
        }
    };
    std::thread::Builder::new().name(name).spawn(run).map_err(StartError::Thread)?;
    starting.recv().unwrap_or_else(|_| Err(StartError::Thread(io::Error::other("it panicked"))))?;
    Ok(ending)
}
