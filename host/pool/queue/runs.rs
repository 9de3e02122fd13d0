//! The runs of a pool: the accounts of each, and its settled tasks on their way to the caller.

use std::task::Waker;

use super::outgoing::Outgoing;
use super::settled::Settled;
use crate::model::span::Span;
use crate::model::task::{Input, TaskId, TaskResult};

/// Most tasks of a run between input and caller. A slow task at the head of an ordered run lets this many others
/// overtake it before the run waits: at a million small tasks a second, 65 ms. A task that settled singly costs some
/// 250 bytes in the host, beside its input and output. A task in a span costs its row and the head of its answer.
pub(super) const WINDOW_TASKS: usize = 1 << 16;

/// Most tasks of a run for each slot, when there are many slots. With fewer, leases of small tasks would be so small
/// that sending them costs more than the tasks.
const WINDOW_PER_SLOT: usize = 2_048;

/// Bytes of a run's inputs and outputs that may wait in the host. A single task may exceed it.
pub(super) const WINDOW_BYTES: usize = 64 << 20;

/// Names a run within its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pool) struct RunId(u32);

/// Most tasks of one run, or of all handles, that may wait to be leased, for each slot. This is enough for a lease,
/// which is half of a slot's share, to be as large as a frame. More would only make the memory that every task passes
/// through larger than a processor's cache.
const WAITING_PER_SLOT: usize = 4_096;

/// The host's resources that one caller's tasks take.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Tasks accepted and not returned to the caller.
    pub tasks: usize,
    /// The part of `tasks` that waits to be leased.
    pub waiting: usize,
    pub input_bytes: usize,
    /// Bytes of settled tasks: outputs, and the details of failures.
    pub output_bytes: usize,
    /// Bytes of attempts whose tasks are retried.
    pub retried_bytes: usize,
}

impl Held {
    fn accept(&mut self, tasks: usize, bytes: usize) {
        self.tasks += tasks;
        self.input_bytes += bytes;
    }

    fn release(&mut self, tasks: usize, bytes: usize) {
        self.tasks -= tasks;
        self.input_bytes -= bytes;
    }

    fn has_room(&self, slots: usize) -> bool {
        let full = self.tasks >= WINDOW_TASKS.max(WINDOW_PER_SLOT * slots)
            || self.waiting >= WAITING_PER_SLOT * slots
            || self.input_bytes + self.output_bytes >= WINDOW_BYTES;
        self.tasks == 0 || !full
    }
}

#[derive(Debug)]
struct Run {
    held: Held,
    settled: Outgoing,
    next_id: u64,
    /// Most tasks of the run in a lease.
    chunksize: usize,
    /// The caller, when it waits for a result.
    waker: Option<Waker>,
    /// Nobody wants its results any more.
    abandoned: bool,
}

/// All runs, and the account of the handles together.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: Vec<Option<Run>>,
    handles: Held,
    submitted: u64,
}

impl Runs {
    pub fn begin(&mut self, ordered: bool, chunksize: usize, next_id: u64) -> RunId {
        let run = Run {
            held: Held::default(),
            settled: Outgoing::new(ordered),
            next_id,
            chunksize,
            waker: None,
            abandoned: false,
        };
        let at = self.runs.iter().position(Option::is_none).unwrap_or_else(|| {
            self.runs.push(None);
            self.runs.len() - 1
        });
        self.runs[at] = Some(run);
        RunId(at as u32)
    }

    fn run(&mut self, id: RunId) -> &mut Run {
        self.runs[id.0 as usize].as_mut().expect("a run is there until its caller has gone and it holds no task")
    }

    fn get(&self, id: RunId) -> &Run {
        self.runs[id.0 as usize].as_ref().expect("a run is there until its caller has gone and it holds no task")
    }

    /// Ends a run whose results nobody wants. It is removed with its last task.
    pub fn abandon(&mut self, id: RunId) {
        let run = self.run(id);
        run.abandoned = true;
        for item in run.settled.drain() {
            let Size { tasks, input, .. } = size(&item);
            run.held.release(tasks, input);
        }
        self.free(id);
    }

    fn free(&mut self, id: RunId) {
        let run = self.get(id);
        if run.abandoned && run.held.tasks == 0 {
            self.runs[id.0 as usize] = None;
        }
    }

    pub fn is_abandoned(&self, id: RunId) -> bool {
        self.get(id).abandoned
    }

    pub fn accept(&mut self, id: RunId, input: &Input) -> TaskId {
        let run = self.run(id);
        run.held.accept(1, input.size());
        run.next_id += 1;
        TaskId(run.next_id - 1)
    }

    /// Accepts a span. Returns the id of its first task.
    pub fn accept_span(&mut self, id: RunId, rows: &Span) -> u64 {
        let run = self.run(id);
        run.held.accept(rows.len(), rows.size());
        run.next_id += rows.len() as u64;
        run.next_id - rows.len() as u64
    }

    pub fn accept_handle(&mut self, input: &Input) -> TaskId {
        self.handles.accept(1, input.size());
        self.submitted += 1;
        TaskId(self.submitted - 1)
    }

    fn waiting(&mut self, run: Option<RunId>) -> &mut usize {
        match run {
            Some(run) => &mut self.run(run).held.waiting,
            None => &mut self.handles.waiting,
        }
    }

    /// Counts tasks that begin to wait for a lease.
    pub fn waits(&mut self, run: Option<RunId>, tasks: usize) {
        *self.waiting(run) += tasks;
    }

    /// Counts tasks that no longer wait.
    pub fn waits_no_more(&mut self, run: Option<RunId>, tasks: usize) {
        *self.waiting(run) -= tasks;
    }

    pub fn settle(&mut self, id: RunId, item: Settled) {
        let run = self.run(id);
        let Size { tasks, input, output } = size(&item);
        if run.abandoned {
            run.held.release(tasks, input);
            return self.free(id);
        }
        run.held.output_bytes += output;
        run.settled.push(item);
        if let Some(waker) = run.waker.take() {
            waker.wake();
        }
    }

    /// Counts the bytes of a task that has ended and is not handed over yet.
    pub fn withhold(&mut self, id: RunId, result: &TaskResult) {
        self.run(id).held.output_bytes += size_of_result(result);
    }

    /// Counts such bytes no longer.
    pub fn release(&mut self, id: RunId, result: &TaskResult) {
        self.run(id).held.output_bytes -= size_of_result(result);
    }

    /// Whether there is room for so many bytes of an attempt while its task is retried.
    pub fn may_keep(&mut self, run: Option<RunId>, bytes: usize) -> bool {
        *self.retried_bytes(run) + bytes <= WINDOW_BYTES
    }

    /// Counts the bytes of an attempt that is kept while its task is retried.
    pub fn keep(&mut self, run: Option<RunId>, bytes: usize) {
        *self.retried_bytes(run) += bytes;
    }

    /// Counts the bytes of an attempt that is no longer kept.
    pub fn forget(&mut self, run: Option<RunId>, bytes: usize) {
        *self.retried_bytes(run) -= bytes;
    }

    fn retried_bytes(&mut self, run: Option<RunId>) -> &mut usize {
        match run {
            Some(run) => &mut self.run(run).held.retried_bytes,
            None => &mut self.handles.retried_bytes,
        }
    }

    pub fn settle_handle(&mut self, result: &TaskResult) {
        self.handles.release(1, result.input.size());
    }

    pub fn pop(&mut self, id: RunId) -> Option<Settled> {
        let run = self.run(id);
        let item = run.settled.pop()?;
        let Size { tasks, input, output } = size(&item);
        run.held.release(tasks, input);
        run.held.output_bytes -= output;
        Some(item)
    }

    /// Whether another input of the run, or of a handle, may be accepted.
    pub fn has_room(&self, run: Option<RunId>, slots: usize) -> bool {
        run.map_or(&self.handles, |run| &self.get(run).held).has_room(slots)
    }

    /// Whether every accepted task of the run was returned to the caller.
    pub fn is_empty(&self, id: RunId) -> bool {
        self.get(id).held.tasks == 0
    }

    /// The number of a run's tasks that may be leased, from this one on. While nobody takes the run's outputs, only the
    /// task that the caller waits for may be leased.
    pub fn may_go(&self, id: RunId, task: TaskId) -> usize {
        let run = self.get(id);
        if run.held.output_bytes < WINDOW_BYTES { usize::MAX } else { usize::from(run.settled.awaits(task.0)) }
    }

    pub fn chunksize(&self, id: RunId) -> usize {
        self.get(id).chunksize
    }

    pub fn set_waker(&mut self, id: RunId, waker: Waker) {
        self.run(id).waker = Some(waker);
    }

    pub fn wake_all(&mut self) {
        self.runs.iter_mut().flatten().filter_map(|run| run.waker.take()).for_each(Waker::wake);
    }

    #[cfg(test)]
    pub fn settled(&self) -> impl Iterator<Item = &Settled> {
        self.runs.iter().flatten().flat_map(|run| run.settled.iter())
    }

    /// Tasks held for any caller, and bytes of their inputs and outputs.
    #[cfg(test)]
    pub fn held(&self) -> (usize, usize) {
        let all = self.runs.iter().flatten().map(|run| &run.held).chain([&self.handles]);
        all.fold((0, 0), |(tasks, bytes), held| {
            (tasks + held.tasks, bytes + held.input_bytes + held.output_bytes + held.retried_bytes + held.waiting)
        })
    }
}

/// The bytes that settled tasks take in the host.
struct Size {
    tasks: usize,
    input: usize,
    output: usize,
}

fn size_of_result(result: &TaskResult) -> usize {
    result.outcome.size() + result.receipt.size()
}

fn size(item: &Settled) -> Size {
    match item {
        Settled::One(result) => Size { tasks: 1, input: result.input.size(), output: size_of_result(result) },
        Settled::Many(span) => Size { tasks: span.len(), input: span.rows().size(), output: span.output_bytes() },
    }
}
