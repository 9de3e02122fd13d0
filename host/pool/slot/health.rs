//! What the clock, a worker's page and the kernel say about it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::Attendant;
use super::end::End;
use super::watch::Watch;
use crate::config::SHORTEST_KILL;
use crate::model::limits::in_words;

/// A task that runs this long gives up the unstarted tasks behind it.
const SLOW: Duration = Duration::from_millis(40);

/// How often a slot looks at its worker's claim word and state where the worker keeps the deadlines itself, to a hundredth
/// of a second. This is for the backstop, for stopped processes, and for tasks stuck behind a slow one.
const TICK: Duration = Duration::from_millis(20);

/// The same where the host keeps deadlines, which count from the first look that sees a task.
const KEEPER_TICK: Duration = Duration::from_millis(10);

/// How often a slot looks at a worker that has no task, which can only be stopped or grow: a pool that waits is to cost
/// next to nothing.
const IDLE_TICK: Duration = Duration::from_millis(100);

/// The most time that counts between two looks. After a gap, which the workers may have had as well, more looks are to
/// come before anything is held against one.
const MOST_BETWEEN_LOOKS: Duration = Duration::from_millis(40);

/// The same where the host keeps deadlines, as between two ticks of a worker's own clock: a host that is busy is not to
/// stretch them, and longer gaps are of one that was suspended.
const KEEPER_MOST: Duration = Duration::from_millis(100);

/// How long before the kill of a worker another one is started in its place, so that it is ready by then: starting takes
/// some 5 ms, and a look comes in every [`KEEPER_TICK`]. If the task ends in time after all, the other one waits. Not in
/// the first half of a deadline, for then any task of a short one would have its slot keep two workers.
const HEAD_START: Duration = Duration::from_millis(20);

/// How often a worker's memory is looked at, which reads a file of /proc.
const MEMORY_CHECK: Duration = Duration::from_millis(500);

/// What a slot has seen of its worker.
#[derive(Debug)]
pub(super) struct Health {
    watch: Watch,
    /// When the worker was last looked at.
    looked: Instant,
    /// When it is to be looked at next.
    due: Instant,
    /// How often it is looked at.
    tick: Duration,
    /// The most time that counts between two looks.
    most: Duration,
    /// The pool's count of pauses then.
    pauses: u64,
    /// For how long the worker has stood, because somebody has stopped its process.
    stood: Duration,
    /// Bytes went one way or the other since the worker was last looked at.
    moved: bool,
    memory_looked: Instant,
    /// Resident bytes when it had answered its first tasks.
    warm: Option<u64>,
    /// Why it is to be replaced.
    retires: Option<String>,
}

impl Health {
    /// Of a worker that came up, which keeps its tasks' deadlines itself or leaves that to its host.
    pub fn new(now: Instant, keeps_deadlines: bool) -> Self {
        let (tick, most) = if keeps_deadlines { (TICK, MOST_BETWEEN_LOOKS) } else { (KEEPER_TICK, KEEPER_MOST) };
        Health {
            watch: Watch::default(),
            looked: now,
            due: now + tick,
            tick,
            most,
            pauses: 0,
            stood: Duration::ZERO,
            moved: false,
            memory_looked: now,
            warm: None,
            retires: None,
        }
    }

    /// When the worker is to be looked at next.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// For how long the worker has run since the last look. Of time in which this process did not run, such as that of a
    /// suspended machine, little counts, and in a pause none, for neither did the worker. `None` in a pause.
    fn passed(&mut self, pauses: u64) -> Option<Duration> {
        let passed = std::mem::replace(&mut self.looked, Instant::now()).elapsed().min(self.most);
        let same = std::mem::replace(&mut self.pauses, pauses) == pauses;
        pauses.is_multiple_of(2).then_some(if same { passed } else { Duration::ZERO })
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

    /// A task that runs has so much time left until its worker is to be killed.
    fn look_within(&mut self, left: Duration) {
        self.due = self.looked + left.min(self.tick);
    }

    /// The worker has nothing to do.
    fn rest(&mut self) {
        self.due = self.looked + IDLE_TICK;
    }

    /// The worker has got tasks. If it had none at the last look, time counts from now on.
    pub fn works(&mut self, now: Instant) {
        if self.due > self.looked + self.tick {
            self.looked = now;
            self.due = now + self.tick;
        }
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
            return Some(End::Misbehaved { code: "worker-protocol", why });
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

    /// Whoever stopped the worker gets time to continue it, and meanwhile its task ages no further.
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
        let backstop = config.deterministic.as_ref().map(|how| how.backstop);
        let deadline = own.or(config.limits.deadline).or(backstop)?;
        let kept = config.worker_limits().deadline.is_some();
        Some((deadline, if kept { config.grace } else { Duration::ZERO }))
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
        // The answer stays the same for as long as it stands.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_without_tasks_is_looked_at_less_often_until_it_has_some() {
        for keeps_deadlines in [true, false] {
            let start = Instant::now();
            let mut health = Health::new(start, keeps_deadlines);
            let busy = health.due();
            health.works(start + Duration::from_millis(1));
            assert_eq!(health.due(), busy, "a worker that gets more is looked at no later");
            health.rest();
            assert_eq!(health.due(), start + IDLE_TICK);
            let leased = start + Duration::from_millis(50);
            health.works(leased);
            assert_eq!((health.looked, health.due() - leased), (leased, busy - start));
        }
    }

    #[test]
    fn time_between_two_looks_counts_up_to_a_limit_and_not_in_a_pause() {
        for (keeps_deadlines, most) in [(true, MOST_BETWEEN_LOOKS), (false, KEEPER_MOST)] {
            let before = Instant::now() - Duration::from_secs(1);
            let mut health = Health::new(before, keeps_deadlines);
            assert_eq!(health.passed(0), Some(most));
            health.looked = before;
            assert_eq!(health.passed(1), None);
            health.looked = before;
            assert_eq!(health.passed(2), Some(Duration::ZERO));
        }
    }

    #[test]
    fn a_worker_retires_when_it_has_more_than_twice_what_it_had_when_warm_and_the_limit() {
        let mut health = Health::new(Instant::now(), true);
        health.note_memory(10 << 20, 64 << 20);
        health.note_memory(84 << 20, 64 << 20);
        assert_eq!(health.retires(), None);
        health.note_memory(85 << 20, 64 << 20);
        assert_eq!(health.retires(), Some("has grown from 10 MiB of memory to 85 MiB"));
    }
}
