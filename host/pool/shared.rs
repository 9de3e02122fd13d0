//! State that the slots of a pool share with its callers.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::finder::Finder;
use super::inner::PoolState;
use super::queue::{News, Queue, RunId};
use super::worker::Spare;
use crate::config::PoolConfig;
use crate::image::Image;
use crate::model::error::Error;
use crate::model::event::Event;
use crate::model::lock::lock;
use crate::model::program::Program;
use crate::protocol::roles::Role;
use crate::spawn::handshake::Failed;
use crate::spawn::machine::explained;
use crate::spawn::process::Spawner;

/// A pool gives up when this many workers in a row fail before their first answer, within [`BREAKER_TIME`].
const BREAKER_FAILURES: u32 = 10;
const BREAKER_TIME: Duration = Duration::from_secs(10);

/// How long a pool waits for workers that are being started, when workers beside them have failed: many are started at a
/// time.
const BREAKER_PATIENCE: Duration = Duration::from_secs(2);

/// The number of missed workers at which people are warned.
const MISSED_WORKERS: u32 = 3;

/// How hard a pool must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    Go,
    /// Nothing new begins.
    Halt,
    /// The pool is closing: idle workers end.
    Close,
    /// Running tasks are killed.
    Kill,
}

pub(super) struct Shared {
    pub config: PoolConfig,
    pub image: Image,
    pub program_name: String,
    pub finder: Finder,
    pub spawner: Spawner,
    state: Mutex<PoolState>,
    /// The zero of the pool's clock.
    epoch: Instant,
    /// A slot without work may find some.
    pub work: Notify,
    /// The slot of this index has something to do.
    pub wakes: Vec<Notify>,
    pub stop: watch::Sender<Stop>,
    /// A task waits for a retry that the clock's task does not know of.
    pub sleepers: Notify,
    /// Notified of every change while somebody waits for a change.
    changed: Notify,
    waiting_for_change: AtomicUsize,
    /// The number of times that the workers were stopped together with the host, or resumed: odd while they are
    /// stopped.
    pub pauses: AtomicU64,
    /// A worker that is started before there is a task for it.
    pub first: Mutex<Option<Spare>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Shared {
    pub fn new(config: PoolConfig, image: Image, program: &Program, spawner: Spawner, queue: Queue) -> Self {
        let slots = config.workers;
        Shared {
            config,
            finder: Finder::new(&image, program),
            image,
            program_name: program.name().to_owned(),
            spawner,
            state: Mutex::new(PoolState::new(queue, slots)),
            epoch: Instant::now(),
            work: Notify::new(),
            wakes: std::iter::repeat_with(Notify::new).take(slots).collect(),
            stop: watch::Sender::new(Stop::Go),
            sleepers: Notify::new(),
            changed: Notify::new(),
            waiting_for_change: AtomicUsize::new(0),
            pauses: AtomicU64::new(0),
            first: Mutex::new(None),
        }
    }

    /// The time of the pool's clock, in nanoseconds.
    pub fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// The moment at which the pool's clock shows `nanos`.
    pub fn moment(&self, nanos: u64) -> Instant {
        self.epoch + Duration::from_nanos(nanos)
    }

    /// Stops the pool at least this hard.
    pub fn raise_stop(&self, stop: Stop) {
        self.stop.send_if_modified(|current| {
            let harder = stop > *current;
            *current = stop.max(*current);
            harder
        });
    }

    /// Locks the state. Dropping the guard also reports the news that came up under the lock.
    pub fn lock(&self) -> Locked<'_> {
        Locked { shared: self, state: Some(self.lock_quietly()) }
    }

    fn lock_quietly(&self) -> MutexGuard<'_, PoolState> {
        // After a panic of ours under the lock, counters may be off, but the queue still loses nothing.
        lock(&self.state)
    }

    /// Reports the news in their order, without the lock, so that an observer or a callback may use the pool.
    fn tell<'a>(&'a self, mut state: MutexGuard<'a, PoolState>) {
        let full = state.queue.outbox.is_full();
        while !state.queue.outbox.news.is_empty() && !state.queue.outbox.telling {
            state.queue.outbox.telling = true;
            let news = std::mem::take(&mut state.queue.outbox.news);
            drop(state);
            for one in news {
                // A panic of an observer or a callback must not harm the pool.
                let _ = catch_unwind(AssertUnwindSafe(|| match one {
                    News::Event(event) => self.config.observer.tell(&event),
                    News::Settled(ticket, result) => ticket.settle(*result),
                }));
            }
            state = self.lock_quietly();
            state.queue.outbox.telling = false;
        }
        drop(state);
        if full {
            self.work.notify_one();
        }
    }

    /// Waits until `check` returns a value for the state.
    pub async fn until<T>(&self, mut check: impl FnMut(&mut PoolState) -> Option<T>) -> T {
        let _waiting = Waiting::new(&self.waiting_for_change);
        loop {
            let changed = self.changed.notified();
            let found = self.look(&mut check);
            match found {
                Some(found) => return found,
                None => changed.await,
            }
        }
    }

    /// Uses `lock_quietly`: releasing `lock()` announces a change, and looking is not a change.
    fn look<T>(&self, check: &mut impl FnMut(&mut PoolState) -> Option<T>) -> Option<T> {
        let mut state = self.lock_quietly();
        let found = check(&mut state);
        self.tell(state);
        found
    }

    /// Cancels a task that has not settled, wherever it is.
    pub fn cancel(&self, key: u64) {
        let mut state = self.lock();
        if !state.queue.withdraw(key) {
            self.cancel_in_flight(&mut state, key);
        }
    }

    /// Cancels a task that no worker runs. A task that waits in a worker's lease is taken back first.
    pub fn withdraw(&self, key: u64) -> bool {
        let mut state = self.lock();
        if state.queue.withdraw(key) {
            return true;
        }
        let Some(slot) = state.queue.slot_of(key).filter(|&slot| state.running_key(slot) != Some(key)) else {
            return false;
        };
        state.recall(slot);
        self.work.notify_one();
        state.queue.withdraw(key)
    }

    /// Ends a run whose results nobody takes any more.
    pub fn abandon(&self, run: RunId) {
        let mut state = self.lock();
        for key in state.queue.abandon(run) {
            self.cancel_in_flight(&mut state, key);
        }
    }

    /// Takes back the unstarted tasks of the worker first, so that only this task can be running when the worker is
    /// killed.
    fn cancel_in_flight(&self, state: &mut PoolState, key: u64) {
        let Some(slot) = state.queue.slot_of(key) else { return };
        state.recall(slot);
        self.work.notify_one();
        state.queue.cancel_in_flight(slot, key);
        if !state.queue.withdraw(key) && state.running_key(slot) == Some(key) {
            state.places[slot].kill = Some(key);
            self.wakes[slot].notify_one();
        }
    }

    /// Waits until a slot without a worker should start one. Returns false when the pool has closed.
    pub async fn wait_for_work(&self, slot: usize) -> bool {
        let mut stop = self.stop.subscribe();
        loop {
            {
                let mut state = self.lock();
                state.places[slot].waits = true;
                if *stop.borrow_and_update() >= Stop::Close || state.gave_up {
                    return false;
                }
                if state.queue.waiting() == 0 {
                    state.steal(slot);
                }
                if state.queue.waiting() > state.starting && slot != 0 && state.places[0].waits && self.has_first() {
                    // The first slot has a worker already.
                    self.wakes[0].notify_one();
                } else if state.queue.waiting() > state.starting {
                    state.places[slot].waits = false;
                    state.starting += 1;
                    if state.queue.waiting() > state.starting {
                        self.work.notify_one();
                    }
                    return true;
                }
            }
            tokio::select! {
                () = self.work.notified() => {}
                () = self.wakes[slot].notified() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Whether a worker was started before there was a task for it, and still has no task.
    fn has_first(&self) -> bool {
        lock(&self.first).is_some()
    }

    /// Waits until the pool closes and needs no more workers.
    pub async fn closing(&self) {
        // The sender is in `self`, so this cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop >= Stop::Close).await;
    }

    /// Counts a worker that did nothing. The pool gives up when such failures do not stop, or at once when another try
    /// cannot help. A worker that did not even come up is only missed while other slots have workers: returns true then.
    pub fn worker_failed(&self, failed: Failed, came_up: bool) -> bool {
        let mut state = self.lock();
        // Reported already.
        if state.gave_up {
            return false;
        }
        let others_work = state.places.iter().any(|place| place.pid.is_some());
        if let (Failed::Died(why), true, false) = (&failed, others_work, came_up) {
            state.missed += 1;
            if state.missed == MISSED_WORKERS {
                let what = format!("workers do not come up, and the others do their work: {}", explained(why.clone()));
                state.queue.outbox.event(Event::Warning(what));
            }
            // The work that woke this slot is for another slot.
            self.work.notify_one();
            return true;
        }
        let (failures, since) = state.failures.unwrap_or((0, Instant::now()));
        // A failure long ago and a failure now are not a series.
        let (failures, since) = if since.elapsed() > BREAKER_TIME { (0, Instant::now()) } else { (failures, since) };
        state.failures = Some((failures + 1, since));
        let may_come = !came_up && state.starting > 0 && since.elapsed() < BREAKER_PATIENCE;
        let broken = match failed {
            Failed::Died(why) | Failed::Violated(why) if failures + 1 >= BREAKER_FAILURES && !may_come => {
                Error::TooManyFailures { failures: failures + 1, why: explained(why) }
            }
            Failed::Died(_) | Failed::Violated(_) => {
                self.work.notify_one();
                return false;
            }
            other => other.into_error(&self.program_name, Role::Worker),
        };
        state.give_up(broken);
        self.work.notify_waiters();
        false
    }

    /// Wakes tasks whose pause is over. Returns the end of the next pause.
    fn wake_sleepers(&self) -> Option<u64> {
        let mut state = self.lock();
        let before = state.queue.waiting();
        let next = state.queue.wake_sleepers(self.now());
        if state.queue.waiting() > before {
            self.work.notify_one();
        }
        next
    }

    /// Runs the pool's clock: a task that waits for another attempt gets it when its pause is over.
    pub async fn keep_time(&self) {
        loop {
            let next = self.wake_sleepers();
            let due = async {
                match next {
                    Some(nanos) => tokio::time::sleep_until(self.moment(nanos).into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.sleepers.notified() => {}
                () = self.closing() => return,
            }
        }
    }
}

/// The state, under the lock.
pub(super) struct Locked<'a> {
    shared: &'a Shared,
    state: Option<MutexGuard<'a, PoolState>>,
}

impl Deref for Locked<'_> {
    type Target = PoolState;

    fn deref(&self) -> &PoolState {
        self.state.as_deref().expect("taken only by drop")
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut PoolState {
        self.state.as_deref_mut().expect("taken only by drop")
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            self.shared.finder.wake(&state.queue);
            self.shared.tell(state);
            if self.shared.waiting_for_change.load(Ordering::Acquire) > 0 {
                self.shared.changed.notify_waiters();
            }
        }
    }
}

/// Counts a waiter for changes, and stops counting it on drop.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
