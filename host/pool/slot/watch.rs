//! The host's view of a running worker over time: for how long the same task has been running, and for how long the
//! worker has owed a move.

use std::time::Duration;

/// The sum of the looks at one worker.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The running index, and for how long the host has seen it.
    running: Option<(u32, Duration)>,
    owed: Duration,
}

impl Watch {
    /// Adds a look, `passed` after the last one. A task's time starts at the first look that saw it, not at its lease
    /// or at the last frame. So a quick series of tasks never counts as one long task.
    pub fn look(&mut self, running: Option<u32>, owes: bool, passed: Duration) {
        self.running = match (running, self.running) {
            (Some(now), Some((before, age))) if now == before => Some((now, age + passed)),
            (now, _) => now.map(|now| (now, Duration::ZERO)),
        };
        self.owed = if owes { self.owed + passed } else { Duration::ZERO };
    }

    /// The index that was running at the last look.
    pub fn running(&self) -> Option<u32> {
        self.running.map(|(index, _)| index)
    }

    /// The time for which the running task was seen to run; zero when the worker is idle.
    pub fn age(&self) -> Duration {
        self.running.map_or(Duration::ZERO, |(_, age)| age)
    }

    /// The time for which the worker has owed a move without interruption.
    pub fn owed(&self) -> Duration {
        self.owed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(20);

    #[test]
    fn a_task_counts_from_the_first_look_that_saw_it() {
        let mut watch = Watch::default();
        (0..5).for_each(|_| watch.look(Some(7), false, TICK));
        assert_eq!(watch.age(), TICK * 4);
        (8..100).for_each(|index| watch.look(Some(index), false, TICK));
        assert_eq!(watch.age(), Duration::ZERO);
        watch.look(None, false, TICK);
        watch.look(Some(99), false, TICK);
        assert_eq!(watch.age(), Duration::ZERO);
    }

    #[test]
    fn a_debt_that_is_paid_counts_from_nothing_again() {
        let mut watch = Watch::default();
        (0..5).for_each(|_| watch.look(None, true, TICK));
        assert_eq!(watch.owed(), TICK * 5);
        watch.look(None, false, TICK);
        watch.look(None, true, TICK);
        assert_eq!(watch.owed(), TICK);
    }
}
