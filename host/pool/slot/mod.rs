//! One actor for each slot: it starts a worker when there is work, feeds it, watches it, and replaces it.

mod answers;
mod attendant;
mod bury;
mod end;
mod health;
mod look;
mod sizer;
mod state_calls;
mod watch;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use self::attendant::Attendant;
use self::end::{Death, End};
use super::inner::PoolState;
use super::shared::{Shared, Stop};
use crate::protocol::wire::{Kind, Times};
use crate::spawn::process::Process;

/// Pause before a slot starts the next worker after one that did nothing.
const START_BACKOFF: Duration = Duration::from_millis(100);

/// How often that pause doubles while other slots do the work, up to 25 s: each try costs processor time.
const MOST_DOUBLED: u32 = 8;

/// Serves one slot until the pool closes.
pub(super) async fn run(shared: Arc<Shared>, slot: usize) {
    let mut generation = 0;
    let mut spare = None;
    // Workers in a row that did not come up while others did the work.
    let mut missed = 0;
    while shared.wait_for_work(slot).await {
        let started = tokio::select! {
            started = shared.start_worker(slot, generation, &mut spare) => started,
            () = shared.closing() => break,
        };
        let ended = match started {
            Ok(worker) => {
                missed = 0;
                let mut attendant = Attendant::new(&shared, slot, generation, worker);
                let end = attendant.serve().await;
                spare = attendant.spare.take();
                attendant.bury(end).await.map_err(|failed| (failed, true))
            }
            Err(failed) => Err((failed, false)),
        };
        if let Err((failed, came_up)) = ended {
            let others_work = shared.worker_failed(failed, came_up);
            missed = if others_work { MOST_DOUBLED.min(missed + 1) } else { 0 };
            tokio::select! {
                () = tokio::time::sleep(START_BACKOFF * (1 << missed)) => {}
                () = shared.closing() => {}
            }
        }
        generation += 1;
    }
    if let Some(spare) = spare {
        spare.end().await;
    }
}

/// The result of a look at the queue.
enum Fed {
    /// The worker has tasks.
    Busy,
    /// The worker has no tasks, and the queue has none for it.
    Idle,
    /// The worker is to end.
    Over(End),
}

impl Attendant<'_> {
    async fn serve(&mut self) -> End {
        let mut stop = self.shared.stop.subscribe();
        let mut look = pin!(tokio::time::sleep_until(self.health.due().into()));
        loop {
            let idle = match self.feed() {
                Fed::Over(end) => return end,
                Fed::Busy => false,
                Fed::Idle => true,
            };
            if look.deadline() != self.health.due().into() {
                look.as_mut().reset(self.health.due().into());
            }
            match *stop.borrow_and_update() {
                Stop::Close if idle => return End::Closed,
                Stop::Kill => return if idle { End::Closed } else { End::Cancelled(None) },
                _ => {}
            }
            let Process { stdin, stdout, .. } = &mut self.worker.process;
            // One frame at a time: a reply follows the lease that is being written.
            let is_lease = !self.unwritten.is_empty();
            let unwritten = if is_lease { self.frame.part(&self.unwritten) } else { self.calls.unwritten() };
            tokio::select! {
                read = stdout.read_buf(self.worker.decoder.space()) => match read {
                    Ok(0) | Err(_) => return End::Gone,
                    Ok(_) => {
                        self.health.moved();
                        if let Err(error) = self.receive() {
                            return End::Misbehaved { death: Death::Protocol, why: format!("sent {error}") };
                        }
                    }
                },
                written = stdin.write(unwritten), if !unwritten.is_empty() => match written {
                    // The end of the worker's output gives a better reason than the broken pipe.
                    Err(_) => {
                        self.unwritten = 0..0;
                        self.calls.forget();
                    }
                    Ok(count) => {
                        self.health.moved();
                        if is_lease { self.unwritten.start += count } else { self.calls.wrote(count) }
                    }
                },
                () = self.shared.work.notified(), if idle => {}
                () = self.shared.wakes[self.slot].notified() => {}
                () = &mut look => {
                    if let Some(end) = self.look() {
                        return end;
                    }
                }
                _ = stop.changed() => {}
            }
        }
    }

    /// Leases more tasks to the worker when it could run out of them.
    fn feed(&mut self) -> Fed {
        let mut state = self.shared.lock();
        let state = &mut *state;
        if let Some(key) = state.places[self.slot].kill.take()
            && state.running_key(self.slot) == Some(key)
        {
            return Fed::Over(End::Cancelled(Some(key)));
        }
        if state.gave_up {
            return Fed::Over(End::Closed);
        }
        let in_flight = state.queue.in_flight(self.slot);
        let retires = self.retires();
        let may_lease = retires.is_none();
        if let Some(why) = retires.filter(|_| in_flight == 0) {
            return Fed::Over(End::Retired(why));
        }
        let free = self.unwritten.is_empty() && self.calls.unwritten().is_empty();
        if free && may_lease && self.lease(state, in_flight) {
            return Fed::Busy;
        }
        if in_flight == 0 { Fed::Idle } else { Fed::Busy }
    }

    /// Leases tasks. Returns whether there were any.
    fn lease(&mut self, state: &mut PoolState, in_flight: usize) -> bool {
        if in_flight == 0 && state.queue.waiting() == 0 {
            state.steal(self.slot);
        }
        let rows = self.sizer.rows(state.queue.waiting(), self.shared.config.workers);
        if in_flight > rows {
            return false;
        }
        self.frame.clear();
        self.unwritten = 0..0;
        let Some(lease) = state.queue.lease(self.slot, rows.min(self.left), &mut self.frame) else { return false };
        self.health.works(Instant::now());
        self.left -= self.frame.count() as usize;
        if lease.fresh {
            self.worker.page.grant(lease.first, lease.end);
        } else {
            self.worker.page.extend(lease.end);
        }
        self.unwritten = 0..self.frame.finish(Kind::Lease, lease.first, Times::default()).len();
        if state.queue.waiting() > 0 {
            self.shared.work.notify_one();
        }
        true
    }

    /// Why the worker is to be replaced once it is idle.
    fn retires(&self) -> Option<String> {
        let most = self.shared.config.max_tasks_per_worker.map_or(0, u32::from);
        let ran = || format!("was given all that it may have: {most}");
        self.health.retires().map(str::to_owned).or_else(|| (self.left == 0).then(ran))
    }
}
