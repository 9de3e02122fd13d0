//! The observations of a slot about its worker, and when it looks again.

use std::time::{Duration, Instant};

use super::watch::Watch;
use crate::model::limits::in_words;

/// How often a slot looks at its worker's claim word and state where the worker keeps the deadlines itself, to a hundredth
/// of a second. This is for the backstop, for stopped processes, and for tasks stuck behind a slow one.
const TICK: Duration = Duration::from_millis(20);

/// The same where the host keeps deadlines, which count from the first look that sees a task.
pub(super) const KEEPER_TICK: Duration = Duration::from_millis(10);

/// How often a slot looks at a worker that has no task, which can only be stopped or grow: a pool that waits is to cost
/// next to nothing.
const IDLE_TICK: Duration = Duration::from_millis(100);

/// The most time that counts between two looks. After a gap, which the workers may have had as well, more looks are to
/// come before anything is held against one.
const MOST_BETWEEN_LOOKS: Duration = Duration::from_millis(40);

/// The same where the host keeps deadlines, as between two ticks of a worker's own clock: a host that is busy is not to
/// stretch them, and longer gaps are of one that was suspended.
const KEEPER_MOST: Duration = Duration::from_millis(100);

/// The observations of a slot about its worker.
#[derive(Debug)]
pub(super) struct Health {
    pub watch: Watch,
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
    /// The time for which the worker has stood, because somebody has stopped its process.
    pub stood: Duration,
    /// Bytes went one way or the other since the worker was last looked at.
    pub moved: bool,
    pub memory_looked: Instant,
    /// Resident bytes when it had answered its first tasks.
    warm: Option<u64>,
    /// Why it is to be replaced.
    pub retires: Option<String>,
}

impl Health {
    /// The health of a worker that came up, which keeps its tasks' deadlines itself or leaves that to its host.
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
    pub fn passed(&mut self, pauses: u64) -> Option<Duration> {
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
    pub fn look_within(&mut self, left: Duration) {
        self.due = self.looked + left.min(self.tick);
    }

    /// The worker has nothing to do.
    pub fn rest(&mut self) {
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
    pub fn note_memory(&mut self, resident: u64, limit: u64) {
        let warm = *self.warm.get_or_insert(resident);
        if resident > warm.saturating_mul(2).saturating_add(limit) {
            let (from, to) = (in_words(warm >> 20 << 20), in_words(resident >> 20 << 20));
            self.retires = Some(format!("has grown from {from} of memory to {to}"));
        }
    }
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
