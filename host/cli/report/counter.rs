//! When a counter says something, so that logs of long runs stay short.

use std::time::Duration;

/// When the counter first says something, and the most it waits then; it doubles, so that logs of long runs stay short.
const FIRST_COUNT: Duration = Duration::from_secs(2);
const LONGEST_COUNT: Duration = Duration::from_secs(30);

/// When the counter says something: after times that do not depend on when it is looked at.
#[derive(Debug)]
pub struct Counts {
    next: Duration,
    pause: Duration,
}

impl Default for Counts {
    fn default() -> Self {
        Counts { next: FIRST_COUNT, pause: FIRST_COUNT }
    }
}

impl Counts {
    /// Whether something is to be said, so long after the start. What was missed meanwhile is not made up for.
    pub fn are_due(&mut self, elapsed: Duration) -> bool {
        let are_due = elapsed >= self.next;
        while elapsed >= self.next {
            self.pause = (self.pause * 2).min(LONGEST_COUNT);
            self.next += self.pause;
        }
        are_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_keeps_its_times_however_late_it_is_looked_at() {
        let told = |step: u64| {
            let mut counts = Counts::default();
            let looks = (0..100_000).step_by(step as usize).map(Duration::from_millis);
            looks.filter(|look| counts.are_due(*look)).map(|look| look.as_secs()).collect::<Vec<_>>()
        };
        assert_eq!(told(1_000), [2, 6, 14, 30, 60, 90]);
        assert_eq!(told(1_001), [2, 6, 14, 30, 60, 90], "no look is on time");
        let mut counts = Counts::default();
        let late = [3_600, 3_601, 3_602].map(|late| counts.are_due(Duration::from_secs(late)));
        assert_eq!(late, [true, false, false], "after a pause it says one thing");
    }
}
