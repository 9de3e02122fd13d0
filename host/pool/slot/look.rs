//! A regular look at a worker: at the clock, its page and the kernel.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::attendant::Attendant;
use super::end::{Death, End};
use crate::config::settle::SHORTEST_KILL;

/// A task that runs this long gives up the unstarted tasks behind it.
const SLOW: Duration = Duration::from_millis(40);

/// How long before the kill of a worker another one is started in its place, so that it is ready by then: starting takes
/// some 5 ms, and a look comes in every [`super::health::KEEPER_TICK`]. If the task ends in time after all, the other one waits. Not in
/// the first half of a deadline, for then any task of a short one would have its slot keep two workers.
const HEAD_START: Duration = Duration::from_millis(20);

/// How often a worker's memory is looked at, which reads a file of /proc.
const MEMORY_CHECK: Duration = Duration::from_millis(500);

impl Attendant<'_> {
    /// A regular look at the worker. Gives why to part with it, if it is to go now.
    pub(super) fn look(&mut self) -> Option<End> {
        let passed = self.health.passed(self.shared.pauses.load(Ordering::Acquire));
        self.health.look_within(Duration::MAX);
        let passed = passed?;
        // From one that is stopped comes nothing.
        if !self.health.moved && self.is_stopped_process() {
            return self.stands(passed);
        }
        self.health.stood = Duration::ZERO;
        self.look_at_memory();
        let shared = self.shared;
        let next = self.worker.page.next();
        let mut state = shared.lock();
        let running = state.queue.running(self.slot, next);
        let running = running.map(|(index, task)| (index, task.key, task.deadline));
        let is_idle = state.queue.in_flight(self.slot) == 0;
        let owes = self.worker.decoder.is_partial() || (running.is_none() && !is_idle);
        // A long row or a long answer takes its time, as long as it gets on.
        let moved = std::mem::take(&mut self.health.moved);
        self.health.watch.look(running.map(|(index, ..)| index), owes && !moved, passed);
        let age = self.health.watch.age();
        state.places[self.slot].seen = running.map(|(index, ..)| (index, age, Instant::now()));
        if self.health.watch.owed() > shared.config.patience {
            let why = "stopped in the middle of a frame or a lease".into();
            return Some(End::Misbehaved { death: Death::Protocol, why });
        }
        if is_idle && !owes {
            self.health.rest();
        }
        let (index, key, own) = running?;
        self.tell_starts(&mut state, index);
        if let Some((deadline, grace)) = self.deadline(own) {
            let kill = if grace.is_zero() { SHORTEST_KILL } else { Duration::ZERO };
            let most = deadline.saturating_add(grace).max(kill);
            if age >= most {
                // Nothing else can have begun by the time the kill arrives.
                state.recall(self.slot);
                shared.work.notify_one();
                return Some(End::Backstop(key, deadline, grace));
            }
            if grace.is_zero() && most - age <= HEAD_START && age >= most / 2 {
                self.spare.get_or_insert_with(|| shared.start_spare(self.slot));
            }
            self.health.look_within(most - age);
        }
        let must_go = self.health.retires.is_some();
        if (age > SLOW || must_go) && state.queue.unstarted(self.slot, next) > 0 {
            state.recall(self.slot);
            // The first may take them all, and what comes next may be as slow.
            shared.work.notify_one();
            shared.work.notify_waiters();
        }
        None
    }

    /// Whoever stopped the worker gets time to continue it, and meanwhile its task does not age.
    fn stands(&mut self, passed: Duration) -> Option<End> {
        let shared = self.shared;
        self.health.stood += passed;
        if self.health.stood > shared.config.patience {
            return Some(End::Stood(shared.config.patience));
        }
        if let Some((_, _, when)) = &mut shared.lock().places[self.slot].seen {
            *when = Instant::now();
        }
        None
    }

    /// The deadline of a task that runs, the pool's or its own, and the grace after which the worker must be killed: none
    /// where nothing in the worker would stop the task before.
    fn deadline(&self, own: Option<Duration>) -> Option<(Duration, Duration)> {
        let config = &self.shared.config;
        let backstop = config.task.deterministic.as_ref().map(|how| how.backstop);
        let deadline = own.or(config.task.limits.deadline).or(backstop)?;
        let kept = config.worker_limits().deadline.is_some();
        Some((deadline, if kept { config.grace } else { Duration::ZERO }))
    }

    fn look_at_memory(&mut self) {
        if !self.useful || self.health.memory_looked.elapsed() < MEMORY_CHECK {
            return;
        }
        self.health.memory_looked = Instant::now();
        if let Some(resident) = resident(self.worker.pid) {
            self.health.note_memory(resident, self.shared.config.task.limits.memory);
        }
    }

    fn is_stopped_process(&self) -> bool {
        let Some(pid) = Pid::from_raw(self.worker.pid as i32) else { return false };
        // NOWAIT: the answer stays the same for as long as the process stands.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(pid), options), Ok(Some(status)) if status.stopped())
    }
}

/// Bytes of a process that are in memory. Not from `statm`: its unit is a page, and asking how large that is ends a host
/// whose instructions are counted (valgrind).
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}
