//! What the clock, a worker's page and the kernel say about it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::end::End;
use super::watch::Watch;
use super::{Attendant, TICK};
use crate::limits::in_words;

/// A task that runs this long gives up the unstarted tasks behind it.
const SLOW: Duration = Duration::from_millis(40);

/// How often a worker's memory is looked at, which reads a file of /proc.
const MEMORY_CHECK: Duration = Duration::from_millis(500);

/// What a slot has seen of its worker.
#[derive(Debug)]
pub(super) struct Health {
    watch: Watch,
    /// When the worker was last looked at.
    looked: Instant,
    /// Bytes went one way or the other since the worker was last looked at.
    moved: bool,
    memory_looked: Instant,
    /// Resident bytes when it had answered its first tasks.
    warm: Option<u64>,
    /// Why it is to be replaced.
    retires: Option<String>,
}

impl Health {
    pub fn new(now: Instant) -> Self {
        Health { watch: Watch::default(), looked: now, moved: false, memory_looked: now, warm: None, retires: None }
    }

    /// Bytes went one way or the other.
    pub fn moved(&mut self) {
        self.moved = true;
    }

    /// For how long the task at this index has been seen to run.
    pub fn age_of(&self, index: u32) -> Duration {
        if self.watch.running() == Some(index) { self.watch.age() } else { Duration::ZERO }
    }

    pub fn retires(&self) -> Option<&str> {
        self.retires.as_deref()
    }

    /// Notes a worker's resident memory. It may grow to twice what it had when it was warm, and what a task may use.
    fn note_memory(&mut self, resident: u64, limit: u64) {
        let warm = *self.warm.get_or_insert(resident);
        if resident > warm.saturating_mul(2).saturating_add(limit) {
            let (from, to) = (in_words(warm >> 20 << 20), in_words(resident >> 20 << 20));
            self.retires = Some(format!("has grown from {from} of memory to {to}"));
        }
    }
}

impl Attendant<'_> {
    /// A regular look at the worker. Gives why to part with it, if it is to go now.
    pub(super) fn look(&mut self) -> Option<End> {
        // Time in which this process did not run, such as a suspended machine, is nobody's fault.
        let passed = std::mem::replace(&mut self.health.looked, Instant::now()).elapsed().min(TICK * 2);
        if self.shared.paused.load(Ordering::Acquire) {
            return None;
        }
        if self.is_stopped_process() {
            return Some(End::Misbehaved { code: "worker-stopped", why: "was stopped by a signal".into() });
        }
        self.look_at_memory();
        let shared = self.shared;
        let next = self.worker.page.next();
        let mut state = shared.lock();
        let running = state.queue.running(self.slot, next);
        let running = running.map(|(index, task)| (index, task.key, task.input.deadline()));
        let owes = self.worker.decoder.is_partial() || (running.is_none() && state.queue.in_flight(self.slot) > 0);
        // A long row or a long answer takes its time, as long as it gets on.
        let moved = std::mem::take(&mut self.health.moved);
        self.health.watch.look(running.map(|(index, ..)| index), owes && !moved, passed);
        let age = self.health.watch.age();
        state.places[self.slot].seen = running.map(|(index, ..)| (index, age, Instant::now()));
        if self.health.watch.owed() > shared.config.patience {
            let why = "stopped in the middle of a frame or a lease".into();
            return Some(End::Misbehaved { code: "worker-protocol", why });
        }
        let (index, key, own) = running?;
        self.tell_starts(&mut state, index);
        if let Some(deadline) = self.overdue(own, age) {
            // Nothing else can have begun by the time the kill arrives.
            state.recall(self.slot);
            shared.work.notify_one();
            return Some(End::Backstop(key, deadline));
        }
        let must_go = self.health.retires.is_some();
        if (age > SLOW || must_go) && state.queue.unstarted(self.slot, next) > 0 {
            state.recall(self.slot);
            shared.work.notify_one();
        }
        None
    }

    /// The deadline that a task of this age has outrun so far that the worker must be killed: the pool's, or its own.
    fn overdue(&self, own: Option<Duration>, age: Duration) -> Option<Duration> {
        let config = &self.shared.config;
        let backstop = config.deterministic.as_ref().map(|how| how.backstop);
        let deadline = own.or(config.limits.deadline).or(backstop)?;
        // Without a deadline for all, the program has no checks that would stop it before.
        let grace = if config.limits.deadline.is_some() { config.grace } else { Duration::ZERO };
        (age > deadline.saturating_add(grace)).then_some(deadline)
    }

    fn look_at_memory(&mut self) {
        if !self.useful || self.health.memory_looked.elapsed() < MEMORY_CHECK {
            return;
        }
        self.health.memory_looked = Instant::now();
        if let Some(resident) = resident(self.worker.pid) {
            self.health.note_memory(resident, self.shared.config.limits.memory);
        }
    }

    fn is_stopped_process(&self) -> bool {
        let Some(pid) = Pid::from_raw(self.worker.pid as i32) else { return false };
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_retires_when_it_has_more_than_twice_what_it_had_when_warm_and_the_limit() {
        let mut health = Health::new(Instant::now());
        health.note_memory(10 << 20, 64 << 20);
        health.note_memory(84 << 20, 64 << 20);
        assert_eq!(health.retires(), None);
        health.note_memory(85 << 20, 64 << 20);
        assert_eq!(health.retires(), Some("has grown from 10 MiB of memory to 85 MiB"));
    }
}
