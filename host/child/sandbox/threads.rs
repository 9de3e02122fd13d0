//! The threads that wait for files. All of them start before the fence closes and stay until the process ends. So the
//! fence can forbid new threads, and a guest that has broken out cannot fill the machine with threads.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use tokio::runtime::{Builder, Runtime};

use crate::model::lock::lock;

/// Threads that wait for files. A guest has at most this many accesses at a time, and most guests have only one. Each
/// thread makes the start of a worker with directories 50 to 100 µs longer.
const MOST: usize = 4;

/// Time in which threads start on a machine that has room for them. The runtime does not report a thread that it failed
/// to start.
const PATIENCE: Duration = Duration::from_millis(200);

/// Makes a runtime whose time is paused if `paused`, and passes otherwise.
pub(super) fn runtime(paused: bool) -> io::Result<Runtime> {
    with_threads(MOST, paused)
}

/// A runtime that starts up to `most` threads, each when it is needed, and ends none of them.
fn with_threads(most: usize, paused: bool) -> io::Result<Runtime> {
    let mut runtime = Builder::new_current_thread();
    runtime.enable_time().start_paused(paused);
    runtime.max_blocking_threads(most).thread_keep_alive(Duration::MAX).build()
}

/// The runtime with all of its threads started. If the machine has no room for them, a runtime with one thread.
///
/// # Errors
/// When there is no room for that thread either, or the second runtime cannot be made.
pub(super) fn started(runtime: Runtime, paused: bool) -> io::Result<Runtime> {
    if start(&runtime, MOST, PATIENCE) == MOST {
        return Ok(runtime);
    }
    // Ends the threads that did start.
    drop(runtime);
    let one = with_threads(1, paused)?;
    // The runtime reports a first thread that it fails to start, so there is a thread to wait for.
    if start(&one, 1, Duration::MAX) == 0 {
        let why = io::Error::from(Errno::AGAIN);
        return Err(io::Error::other(format!("no thread can be started for files: {why}")));
    }
    Ok(one)
}

/// Does work that panics if the system has no thread for it. `None` if it does: a lack is not a fault of this program, and
/// is not printed as one.
fn unless_refused(work: impl FnOnce()) -> Option<()> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    done.ok()
}

/// The number of threads that have begun.
#[derive(Default)]
struct Begun {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Begun {
    fn lock(&self) -> MutexGuard<'_, usize> {
        lock(&self.count)
    }

    fn set(&self, count: impl FnOnce(usize) -> usize) {
        let mut begun = self.lock();
        *begun = count(*begun);
        self.changed.notify_all();
    }
}

/// Starts all `most` threads of a runtime and waits until the last one has begun, because the start of a thread makes
/// system calls that the fence forbids. Returns the number of threads that have begun in time.
fn start(runtime: &Runtime, most: usize, patience: Duration) -> usize {
    let begun = Arc::<Begun>::default();
    let spawned = unless_refused(|| {
        for _ in 0..most {
            let begun = begun.clone();
            // A thread that ended its work here could take the next thread's work, and the runtime would not start
            // that thread.
            runtime.spawn_blocking(move || {
                begun.set(|count| count.saturating_add(1));
                drop(begun.changed.wait_while(begun.lock(), |count| *count < most));
            });
        }
    });
    if spawned.is_none() {
        return 0;
    }
    let waited = begun.changed.wait_timeout_while(begun.lock(), patience, |count| *count < most);
    let (mut count, _) = waited.unwrap_or_else(PoisonError::into_inner);
    // Releases the threads in any case.
    let there = std::mem::replace(&mut *count, most);
    begun.changed.notify_all();
    there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_cannot_be_started_are_left_out_of_the_count() {
        let two = with_threads(2, false).expect("a runtime");
        assert_eq!(start(&two, 3, PATIENCE), 2);
        // Both threads must be free again, or this would wait.
        assert_eq!(start(&two, 2, Duration::MAX), 2);
    }

    #[test]
    fn where_too_few_threads_can_be_started_there_is_one() {
        let few = with_threads(MOST - 1, false).expect("a runtime");
        let one = started(few, false).expect("a runtime");
        assert_eq!(start(&one, 2, PATIENCE), 1);
    }
}
