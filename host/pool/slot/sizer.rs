//! The number of tasks in a lease: by time, because leases of equal size would give all slow tasks to one worker.

use std::num::NonZeroUsize;

/// Work in a lease. A wake-up costs some 30 µs, so 2 ms loses 1.5 % to it at worst, and a task's wait in a lease is too
/// short for a person or a deadline to notice.
const TARGET_NANOS: u64 = 2_000_000;

/// Work that becomes one lease however many workers there are: one worker does it before others have woken up.
/// Otherwise many workers that share the waiting tasks would get leases that take longer to hand over than to run.
const SHARED_NANOS: u64 = 250_000;

/// The most growth from one lease to the next, so that one fast task does not cause a long queue behind a slow one.
const GROWTH: usize = 4;

/// The most that one lease changes the average, as a multiple of its tasks' expected time. Otherwise one interruption
/// of a worker by others on its processor would make the next twenty leases small.
const JUMP: u64 = 8;

/// Learns how long tasks take, and returns how many to lease.
#[derive(Debug)]
pub(super) struct Sizer {
    rows: usize,
    cap: usize,
    /// Moving average of nanoseconds per task.
    nanos: Option<u64>,
}

impl Sizer {
    pub fn new(chunksize: Option<NonZeroUsize>) -> Self {
        Sizer { rows: 1, cap: chunksize.map_or(usize::MAX, NonZeroUsize::get), nanos: None }
    }

    /// Records that a worker took `busy` nanoseconds for `count` tasks.
    pub fn learn(&mut self, count: u32, busy: u64) {
        let Some(sample) = busy.checked_div(u64::from(count)) else { return };
        // Tasks that each take a lease's time are slow. An interruption seldom makes many fast tasks look slow.
        let most = |old: u64| if sample < TARGET_NANOS { old.saturating_mul(JUMP) } else { sample };
        let average = self.nanos.map_or(sample, |old| old / 4 * 3 + sample.min(most(old)) / 4).max(1);
        self.nanos = Some(average);
        let fitting = (TARGET_NANOS / average).max(1) as usize;
        self.rows = fitting.min(self.rows.saturating_mul(GROWTH)).min(self.cap).max(1);
    }

    /// The number of tasks for the next lease when `waiting` tasks wait for `slots` slots. Near the end every slot gets
    /// a share.
    pub fn rows(&self, waiting: usize, slots: usize) -> usize {
        self.rows.min(waiting.div_ceil(2 * slots).max(self.few())).max(1)
    }

    /// The number of tasks that is not worth sharing before the lease. An idle slot may still take them back.
    fn few(&self) -> usize {
        self.nanos.map_or(0, |nanos| SHARED_NANOS / nanos) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_start_at_one_grow_with_fast_tasks_and_shrink_at_the_tail() {
        let mut sizer = Sizer::new(None);
        assert_eq!(sizer.rows(1_000_000, 2), 1);
        (0..10).for_each(|_| sizer.learn(100, 200_000));
        assert_eq!(sizer.rows(1_000_000, 2), 1_000);
        assert_eq!(sizer.rows(1_000, 2), 250);
        assert_eq!(sizer.rows(40, 2), 125, "less is not worth sharing");
        sizer.learn(1, u64::MAX);
        assert_eq!(sizer.rows(1_000_000, 2), 1);
        sizer.learn(0, 5);
    }

    #[test]
    fn one_lease_that_was_interrupted_says_little_of_the_next() {
        let mut sizer = Sizer::new(None);
        (0..10).for_each(|_| sizer.learn(100, 200_000));
        sizer.learn(100, 100_000_000);
        assert!(sizer.rows(1_000_000, 2) > 300, "{sizer:?}");
        (0..20).for_each(|_| sizer.learn(100, 100_000_000));
        assert!(sizer.rows(1_000_000, 2) < 4, "{sizer:?}");
    }

    #[test]
    fn chunksize_caps_a_lease() {
        let mut sizer = Sizer::new(NonZeroUsize::new(7));
        (0..10).for_each(|_| sizer.learn(100, 100));
        assert_eq!(sizer.rows(1_000_000, 2), 7);
    }
}
