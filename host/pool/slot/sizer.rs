//! How many tasks a lease has: by time, because a lease by size alone gives all slow tasks to one worker.

use std::num::NonZeroUsize;

/// Work in a lease. A wake-up costs some 30 µs, so 2 ms loses 1.5 % to it at worst, and a task waits in a lease no
/// longer than a person or a deadline would notice.
const TARGET_NANOS: u64 = 2_000_000;

/// Work that is handed out as one lease, however many workers there are: one has done it before others have woken up. Many
/// workers that share what waits would otherwise get leases that take longer to hand over than to do.
const SHARED_NANOS: u64 = 250_000;

/// A lease is at most this many times its predecessor, so that one fast task does not invite a long queue behind a
/// slow one.
const GROWTH: usize = 4;

/// Most that one lease counts for, as a multiple of what its tasks were to take. A worker that had to leave its processor
/// in the middle of one, among many others, would otherwise be given little for the next twenty.
const JUMP: u64 = 8;

/// Learns how long tasks take and says how many to lease.
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

    /// Learns that a worker took `busy` nanoseconds for `count` tasks.
    pub fn learn(&mut self, count: u32, busy: u64) {
        let Some(sample) = busy.checked_div(u64::from(count)) else { return };
        // Tasks of which each takes a lease's time are slow. An interruption seldom makes many fast ones look like it.
        let most = |old: u64| if sample < TARGET_NANOS { old.saturating_mul(JUMP) } else { sample };
        let average = self.nanos.map_or(sample, |old| old / 4 * 3 + sample.min(most(old)) / 4).max(1);
        self.nanos = Some(average);
        let fitting = (TARGET_NANOS / average).max(1) as usize;
        self.rows = fitting.min(self.rows.saturating_mul(GROWTH)).min(self.cap).max(1);
    }

    /// Tasks for the next lease when `waiting` tasks wait for `slots` slots: near the end everybody gets a share.
    pub fn rows(&self, waiting: usize, slots: usize) -> usize {
        self.rows.min(waiting.div_ceil(2 * slots).max(self.few())).max(1)
    }

    /// So many tasks are not worth sharing before they are handed out. Who has nothing to do may still take them back.
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
