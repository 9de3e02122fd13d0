//! What the slots of a pool and its consumer share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::queue::Queue;
use super::slot::Worker;
use crate::config::PoolConfig;
use crate::error::Error;
use crate::event::Event;
use crate::handshake::{Failed, set_up};
use crate::image::Image;
use crate::page::SharedPage;
use crate::process::{Role, Spawner};
use crate::setup::{START_DEADLINE, WorkerSetup};
use crate::wire::{Decoder, FRAME_TARGET, Kind, MAX_TEXT};

/// A pool gives up when this many workers in a row fail before they have answered anything, within [`BREAKER_TIME`].
const BREAKER_FAILURES: u32 = 10;
const BREAKER_TIME: Duration = Duration::from_secs(10);

/// How far a run has been told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    Go,
    /// Nothing new begins.
    Drain,
    /// The pool is being dropped: idle workers go.
    Close,
    /// Running tasks are killed.
    Cancel,
}

/// The mutable part, behind one lock that is held for a lease or a frame of answers at a time and never across an
/// await.
pub(super) struct State {
    pub queue: Queue,
    /// The claim words of living workers.
    pub pages: Vec<Option<Arc<SharedPage>>>,
    pub consumer: Option<Waker>,
    /// Slots that have been woken for work and are starting a worker.
    pub starting: usize,
    /// Workers that failed since one last answered, and when the first of them did.
    pub failures: Option<(u32, Instant)>,
    /// The pool cannot go on.
    pub gave_up: bool,
    /// Why, until somebody was told.
    pub cause: Option<Error>,
    pub busy: Duration,
    pub deaths: u64,
}

impl State {
    pub fn wake_consumer(&mut self) {
        if let Some(waker) = self.consumer.take() {
            waker.wake();
        }
    }

    /// Takes the unstarted tasks of a slot back into the queue.
    pub fn recall(&mut self, slot: usize) {
        if let Some(page) = &self.pages[slot] {
            let from = page.recall();
            self.queue.take_back(slot, from);
        }
    }

    /// Takes back the unstarted tasks of the slot that has most of them, for one that has none.
    pub fn steal(&mut self, thief: usize) {
        let unstarted = |slot: &usize| {
            let next = self.pages[*slot].as_ref().map(|page| page.next());
            next.map_or(0, |next| self.queue.unstarted(*slot, next))
        };
        let victim = (0..self.pages.len()).filter(|&slot| slot != thief).max_by_key(unstarted);
        if let Some(victim) = victim.filter(|slot| unstarted(slot) > 0) {
            self.recall(victim);
        }
    }
}

pub(super) struct Shared {
    pub config: PoolConfig,
    pub image: Image,
    pub program_name: String,
    pub spawner: Spawner,
    pub state: Mutex<State>,
    /// A slot without work may find some.
    pub work: Notify,
    pub stop: watch::Sender<Stop>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Shared {
    /// Stops the pool at least this hard.
    pub fn raise_stop(&self, stop: Stop) {
        self.stop.send_if_modified(|current| {
            let harder = stop > *current;
            *current = stop.max(*current);
            harder
        });
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of ours under the lock leaves counters that may be off, and a queue that still loses nothing.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until a slot without a worker should start one. False when the pool has closed.
    pub async fn wait_for_work(&self, slot: usize) -> bool {
        let mut stop = self.stop.subscribe();
        loop {
            {
                let mut state = self.lock();
                if *stop.borrow_and_update() >= Stop::Close || state.gave_up {
                    return false;
                }
                if state.queue.waiting() == 0 {
                    state.steal(slot);
                }
                if state.queue.waiting() > state.starting {
                    state.starting += 1;
                    if state.queue.waiting() > state.starting {
                        self.work.notify_one();
                    }
                    return true;
                }
            }
            tokio::select! {
                () = self.work.notified() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Waits until no worker is wanted any more.
    pub async fn closing(&self) {
        // The sender is in self, so this cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop >= Stop::Close).await;
    }

    /// Starts a worker and sets it up.
    pub async fn start_worker(&self, slot: usize, generation: u32) -> Result<Worker, Failed> {
        let started = tokio::time::timeout(START_DEADLINE, self.try_start(generation)).await;
        let result = started.unwrap_or_else(|_| Err(Failed::Died(format!("not ready within {START_DEADLINE:?}"))));
        let mut state = self.lock();
        state.starting -= 1;
        if let Ok(worker) = &result {
            state.pages[slot] = Some(worker.page.clone());
        }
        result
    }

    async fn try_start(&self, generation: u32) -> Result<Worker, Failed> {
        let os = |error: std::io::Error| Failed::Died(error.to_string());
        let (page, page_file) = SharedPage::create().map_err(os)?;
        let fds = vec![self.image.descriptor().map_err(os)?, page_file];
        let mut process = self.spawner.spawn(&self.config.worker, Role::Worker, fds).await.map_err(os)?;
        let mut decoder = Decoder::new(self.frame_limit());
        let frames = set_up(&mut process, self.setup(), &[], &mut decoder, Kind::Ready).await?;
        if frames.len() != 1 {
            return Err(Failed::Died("it sent frames before it was ready".into()));
        }
        let pid = process.child.id().unwrap_or_default();
        Ok(Worker { process, page: Arc::new(page), decoder, pid, generation })
    }

    /// An honest frame of answers is full before its last answer, which may be as large as the limits allow.
    fn frame_limit(&self) -> usize {
        2 * FRAME_TARGET + MAX_TEXT + self.config.limits.output as usize
    }

    fn setup(&self) -> WorkerSetup {
        WorkerSetup {
            program_name: self.program_name.clone(),
            report: self.image.report().clone(),
            limits: self.config.limits.clone(),
            grants: self.config.grants.clone(),
            json_rows: self.config.json_rows,
            bare_outputs: self.config.bare_outputs,
            success_codes: self.config.success_codes.clone(),
            receipts: self.config.receipts,
            flush_each: self.config.grants.has_writable_dir() || self.config.state.is_some(),
            state: self.config.state.is_some(),
        }
    }

    pub fn worker_started(&self, slot: usize, worker: &Worker) {
        let event = Event::WorkerStarted { slot: slot as u32, generation: worker.generation, pid: worker.pid };
        self.config.observer.tell(event);
    }

    /// A worker left with nothing in its hands.
    pub fn worker_gone(&self, slot: usize) {
        self.lock().pages[slot] = None;
    }

    /// Counts a worker that did nothing. The pool gives up when they do not stop, or at once when trying again cannot
    /// help.
    pub fn worker_failed(&self, failed: Failed) {
        let mut state = self.lock();
        let (failures, since) = state.failures.unwrap_or((0, Instant::now()));
        // A failure long ago and one now are no series.
        let (failures, since) = if since.elapsed() > BREAKER_TIME { (0, Instant::now()) } else { (failures, since) };
        state.failures = Some((failures + 1, since));
        let broken = match failed {
            Failed::Died(why) if failures + 1 >= BREAKER_FAILURES => {
                Error::TooManyFailures { failures: failures + 1, why }
            }
            Failed::Died(_) => return self.work.notify_one(),
            other => other.into_error(&self.program_name, Role::Worker),
        };
        state.gave_up = true;
        state.cause = Some(broken);
        state.wake_consumer();
        self.work.notify_waiters();
    }
}
