//! One actor per slot: it starts a worker when there is work, feeds it, watches it, and replaces it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::MissedTickBehavior;

use super::end::End;
use super::queue::Verdict;
use super::shared::{Shared, Stop};
use super::sizer::Sizer;
use super::state_calls::StateCalls;
use super::watch::Watch;
use crate::event::Event;
use crate::handshake::{END_PATIENCE, Failed};
use crate::outcome::{Failure, Measured, Outcome, Receipt, Status};
use crate::page::SharedPage;
use crate::process::Process;
use crate::setup::{AnswerDetail, timeout_detail};
use crate::wire::{self, Answer, Decoder, Encoder, Frame, Kind, WireError};

/// How often a slot looks at its worker's claim word and state. Deadlines are kept by the worker to a hundredth of
/// a second; this is for the backstop, for stopped processes, and for tasks stuck behind a slow one.
const TICK: Duration = Duration::from_millis(20);

/// A task that runs this long gives up the unstarted tasks behind it.
const SLOW: Duration = Duration::from_millis(40);

/// Pause before a slot starts a worker after one that did nothing.
const START_BACKOFF: Duration = Duration::from_millis(100);

/// A worker that came up.
pub(super) struct Worker {
    pub process: Process,
    pub page: Arc<SharedPage>,
    pub decoder: Decoder,
    pub pid: u32,
    pub generation: u32,
}

/// Serves one slot until the pool closes.
pub(super) async fn run(shared: Arc<Shared>, slot: usize) {
    let mut generation = 0;
    while shared.wait_for_work(slot).await {
        let started = tokio::select! {
            started = shared.start_worker(slot, generation) => started,
            () = shared.closing() => return,
        };
        let ended = match started {
            Ok(worker) => {
                shared.worker_started(slot, &worker);
                let mut attendant = Attendant::new(&shared, slot, worker);
                let end = attendant.serve().await;
                attendant.bury(end).await
            }
            Err(failed) => Err(failed),
        };
        if let Err(failed) = ended {
            shared.worker_failed(failed);
            tokio::time::sleep(START_BACKOFF).await;
        }
        generation += 1;
    }
}

struct Attendant<'a> {
    shared: &'a Shared,
    slot: usize,
    worker: Worker,
    sizer: Sizer,
    frame: Encoder,
    /// Bytes of `frame` that are still to be written.
    unwritten: std::ops::Range<usize>,
    calls: StateCalls,
    watch: Watch,
    /// When the worker was last looked at.
    looked: Instant,
    /// Bytes went one way or the other since the worker was last looked at.
    moved: bool,
    /// The worker has answered a task.
    useful: bool,
}

impl<'a> Attendant<'a> {
    fn new(shared: &'a Shared, slot: usize, worker: Worker) -> Self {
        Attendant {
            shared,
            slot,
            worker,
            sizer: Sizer::new(shared.config.chunksize),
            frame: Encoder::default(),
            unwritten: 0..0,
            calls: StateCalls::new(shared.config.state.clone()),
            watch: Watch::default(),
            looked: Instant::now(),
            moved: false,
            useful: false,
        }
    }

    async fn serve(&mut self) -> End {
        let mut stop = self.shared.stop.subscribe();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let idle = self.feed();
            match *stop.borrow_and_update() {
                Stop::Close if idle => return End::Closed,
                Stop::Cancel => return if idle { End::Closed } else { End::Cancelled },
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
                        self.moved = true;
                        if let Err(error) = self.receive() {
                            return End::Misbehaved { code: "worker-protocol", why: format!("sent {error}") };
                        }
                    }
                },
                written = stdin.write(unwritten), if !unwritten.is_empty() => match written {
                    // The end of its output will say more than the broken pipe does.
                    Err(_) => {
                        self.unwritten = 0..0;
                        self.calls.wrote(self.calls.unwritten().len());
                    }
                    Ok(count) => {
                        self.moved = true;
                        if is_lease { self.unwritten.start += count } else { self.calls.wrote(count) }
                    }
                },
                () = self.shared.work.notified(), if idle => {}
                _ = ticks.tick() => if let Some(end) = self.look() {
                    return end;
                },
                _ = stop.changed() => {}
            }
        }
    }

    /// Leases more to the worker when it could run dry. Says whether it has nothing at all.
    fn feed(&mut self) -> bool {
        let mut state = self.shared.lock();
        let in_flight = state.queue.in_flight(self.slot);
        if self.unwritten.is_empty() && self.calls.unwritten().is_empty() {
            if in_flight == 0 && state.queue.waiting() == 0 {
                state.steal(self.slot);
            }
            let rows = self.sizer.rows(state.queue.waiting(), self.shared.config.workers);
            if in_flight <= rows {
                self.frame.clear();
                self.unwritten = 0..0;
                if let Some(lease) = state.queue.lease(self.slot, rows, &mut self.frame) {
                    if lease.fresh {
                        self.worker.page.grant(lease.first, lease.end);
                    } else {
                        self.worker.page.extend(lease.end);
                    }
                    self.unwritten = 0..self.frame.finish(Kind::Lease, lease.first, 0).len();
                    if state.queue.waiting() > 0 {
                        self.shared.work.notify_one();
                    }
                    return false;
                }
            }
        }
        in_flight == 0
    }

    fn receive(&mut self) -> Result<(), WireError> {
        while let Some(frame) = self.worker.decoder.pop()? {
            match frame.kind {
                Kind::Answers => {
                    self.sizer.learn(frame.count, frame.busy);
                    self.settle(frame)?;
                }
                Kind::StateCall => {
                    let next = self.worker.page.next();
                    self.calls.carry_out(&mut self.shared.lock().queue, self.slot, next, frame)?;
                }
                other => return Err(WireError::Unexpected(other)),
            }
        }
        Ok(())
    }

    fn settle(&mut self, frame: Frame) -> Result<(), WireError> {
        let mut state = self.shared.lock();
        state.busy += Duration::from_nanos(frame.busy);
        let mut index = frame.first;
        for answer in wire::answers(frame.payload, frame.count) {
            let (outcome, receipt) = self.outcome(answer?)?;
            state.queue.answer(self.slot, index, outcome, receipt)?;
            index = index.wrapping_add(1);
            self.useful = true;
            state.failures = None;
        }
        state.wake_consumer();
        Ok(())
    }

    /// An answer as an outcome; the worker's claims about it are checked against the limits.
    fn outcome(&self, answer: Answer) -> Result<(Outcome, Receipt), WireError> {
        let limit = self.shared.config.limits.output;
        if answer.output.len() as u64 > limit {
            return Err(WireError::Output { length: answer.output.len(), limit });
        }
        let head = answer.head;
        let wall = Duration::from_micros(u64::from(head.wall_us));
        let mut receipt = Receipt { layer: head.layer, slot: Some(self.slot as u32), wall, ..Receipt::host() };
        if answer.detail.is_empty() && head.status == Status::Ok {
            return Ok((Outcome::Ok(answer.output), receipt));
        }
        let detail: AnswerDetail =
            serde_json::from_slice(&answer.detail).map_err(|error| WireError::Text(error.to_string()))?;
        if self.shared.config.receipts {
            receipt.measured = Some(Box::new(Measured { peak_memory: detail.peak_memory, stderr: detail.stderr }));
        }
        if head.status == Status::Ok {
            return Ok((Outcome::Ok(answer.output), receipt));
        }
        let output = (!answer.output.is_empty()).then_some(answer.output);
        let failure = Failure { status: head.status, output, error: detail.error.unwrap_or_default() };
        Ok((Outcome::NotOk(Box::new(failure)), receipt))
    }

    /// What the clock and the worker's page say.
    fn look(&mut self) -> Option<End> {
        // Time in which this process did not run, such as a suspended machine, is nobody's fault.
        let passed = std::mem::replace(&mut self.looked, Instant::now()).elapsed().min(TICK * 2);
        if self.is_stopped_process() {
            return Some(End::Misbehaved { code: "worker-stopped", why: "was stopped by a signal".into() });
        }
        let config = &self.shared.config;
        let next = self.worker.page.next();
        let mut state = self.shared.lock();
        let running = state.queue.running(self.slot, next);
        let owes = self.worker.decoder.is_partial() || (running.is_none() && state.queue.in_flight(self.slot) > 0);
        // A long row or a long answer takes its time, as long as it gets on.
        let moved = std::mem::take(&mut self.moved);
        self.watch.look(running, owes && !moved, passed);
        if self.watch.owed() > config.patience {
            let why = "stopped in the middle of a frame or a lease".into();
            return Some(End::Misbehaved { code: "worker-protocol", why });
        }
        if config.limits.deadline.is_some_and(|deadline| self.watch.age() > deadline + config.grace) {
            return Some(End::Backstop);
        }
        if self.watch.age() > SLOW && state.queue.unstarted(self.slot, next) > 0 {
            state.recall(self.slot);
            self.shared.work.notify_one();
        }
        None
    }

    fn is_stopped_process(&self) -> bool {
        let Some(pid) = Pid::from_raw(self.worker.pid as i32) else { return false };
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        matches!(waitid(WaitId::Pid(pid), options), Ok(Some(status)) if status.stopped())
    }

    /// Ends the worker's life and decides what that means for its tasks. An error is a worker that did nothing at all
    /// before it died: unlike the others, it cannot go on for ever.
    async fn bury(mut self, end: End) -> Result<(), Failed> {
        let child = &mut self.worker.process.child;
        let by_itself = match end {
            End::Gone => tokio::time::timeout(END_PATIENCE, child.wait()).await.ok().and_then(Result::ok),
            _ => None,
        };
        if by_itself.is_none() {
            let _ = child.kill().await;
            self.receive_the_rest().await;
        }
        if matches!(end, End::Closed) {
            self.shared.worker_gone(self.slot);
            return Ok(());
        }
        let why = end.describe(by_itself);
        let verdict = match &end {
            End::Backstop => Verdict::Timeout(timeout_detail(self.shared.config.limits.deadline.unwrap_or_default())),
            End::Cancelled => Verdict::Cancelled,
            _ => Verdict::Died(end.detail(&why, by_itself, self.worker.page.cause(), &self.worker.process)),
        };
        let mut state = self.shared.lock();
        let suspect = state.queue.lost(self.slot, self.worker.page.next(), verdict);
        state.pages[self.slot] = None;
        state.deaths += u64::from(!matches!(end, End::Cancelled));
        state.wake_consumer();
        drop(state);
        self.shared.work.notify_one();
        let (slot, generation) = (self.slot as u32, self.worker.generation);
        let useless = suspect.is_none() && !self.useful && !matches!(end, End::Cancelled);
        self.shared.config.observer.tell(Event::WorkerDied { slot, generation, why: why.clone(), suspect });
        if useless { Err(Failed::Died(why)) } else { Ok(()) }
    }

    /// Takes the answers that a killed worker had sent before, so that no task is blamed or run again that was done.
    async fn receive_the_rest(&mut self) {
        let rest = async {
            while let Ok(1..) = self.worker.process.stdout.read_buf(self.worker.decoder.space()).await {
                if self.receive().is_err() {
                    return;
                }
            }
        };
        // The pipe ends with its only writer, unless that has found a way to give it to somebody else.
        let _ = tokio::time::timeout(END_PATIENCE, rest).await;
    }
}
