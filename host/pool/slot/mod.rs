//! One actor per slot: it starts a worker when there is work, feeds it, watches it, and replaces it.

mod answers;
mod bury;
mod end;
mod health;
mod sizer;
mod state_calls;
mod watch;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use self::end::End;
use self::health::Health;
use self::sizer::Sizer;
use self::state_calls::StateCalls;
use super::inner::State;
use super::shared::{Shared, Stop};
use super::start::Spare;
use crate::protocol::page::SharedPage;
use crate::protocol::wire::{Decoder, Encoder, Kind, Times};
use crate::spawn::process::Process;

/// Pause before a slot starts a worker after one that did nothing.
const START_BACKOFF: Duration = Duration::from_millis(100);

/// How often that pause doubles while other slots do the work, which is up to 25 s: trying costs processor time.
const MOST_DOUBLED: u32 = 8;

/// A worker that came up.
pub(super) struct Worker {
    pub process: Process,
    pub page: Arc<SharedPage>,
    pub decoder: Decoder,
    pub pid: u32,
}

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

struct Attendant<'a> {
    shared: &'a Arc<Shared>,
    slot: usize,
    /// How many workers the slot had before this one.
    generation: u32,
    worker: Worker,
    sizer: Sizer,
    frame: Encoder,
    /// Bytes of `frame` that are still to be written.
    unwritten: std::ops::Range<usize>,
    calls: StateCalls,
    health: Health,
    /// Tasks that may still be leased before the worker is to be replaced.
    left: usize,
    /// The index after the last task whose start was told.
    told: u32,
    /// The worker has answered a task.
    useful: bool,
    /// What is to replace it.
    spare: Option<Spare>,
    /// What came before the answer that it belongs to.
    core_dump: Option<Bytes>,
}

/// What a look at the queue came to.
enum Fed {
    /// The worker has tasks.
    Busy,
    /// It has none, and there is none for it.
    Idle,
    /// It is to go.
    Over(End),
}

impl<'a> Attendant<'a> {
    fn new(shared: &'a Arc<Shared>, slot: usize, generation: u32, worker: Worker) -> Self {
        Attendant {
            shared,
            slot,
            generation,
            worker,
            sizer: Sizer::new(shared.config.chunksize),
            frame: Encoder::default(),
            unwritten: 0..0,
            calls: StateCalls::new(shared.config.state.clone()),
            health: Health::new(Instant::now(), !shared.config.kills_at_deadline()),
            left: shared.config.max_tasks_per_worker.map_or(usize::MAX, |most| most.get() as usize),
            told: shared.lock().queue.next_index(slot),
            useful: false,
            spare: None,
            core_dump: None,
        }
    }

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
                            return End::Misbehaved { code: "worker-protocol", why: format!("sent {error}") };
                        }
                    }
                },
                written = stdin.write(unwritten), if !unwritten.is_empty() => match written {
                    // The end of its output will say more than the broken pipe does.
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

    /// Leases more to the worker when it could run dry.
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

    /// Whether tasks were leased.
    fn lease(&mut self, state: &mut State, in_flight: usize) -> bool {
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

    /// Why the worker is to be replaced once it has nothing to do.
    fn retires(&self) -> Option<String> {
        let most = self.shared.config.max_tasks_per_worker.map_or(0, u32::from);
        let ran = || format!("was given all that it may have: {most}");
        self.health.retires().map(str::to_owned).or_else(|| (self.left == 0).then(ran))
    }
}
