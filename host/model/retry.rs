//! Retries of tasks that are not ok.

use std::time::Duration;

use crate::model::outcome::{Outcome, Status};

/// The tasks that run again, how often, and after which pause. [`crate::PoolConfig::crash_limit`] counts workers that
/// die under a task, apart from retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Most retries of a task. Default: 0.
    pub times: u32,
    /// The reasons for a retry.
    pub on: Vec<RetryOn>,
    /// The pause before the first retry. Each further pause is twice as long, up to `max_delay`. The real pause is
    /// between half of this and all of it, so that tasks that failed together do not return together.
    pub delay: Duration,
    pub max_delay: Duration,
}

/// A reason to run a task again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    Status(Status),
    /// A command's exit code.
    Exit(i32),
}

impl Default for Retry {
    fn default() -> Self {
        let on = [Status::Failed, Status::Trap, Status::Timeout, Status::OutOfMemory];
        Retry {
            times: 0,
            on: on.map(RetryOn::Status).to_vec(),
            delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(30),
        }
    }
}

impl Retry {
    /// Whether a task with this outcome runs again.
    pub(crate) fn is_for(&self, outcome: &Outcome) -> bool {
        let Outcome::NotOk(failure) = outcome else { return false };
        self.on.iter().any(|on| match on {
            RetryOn::Status(status) => *status == failure.status,
            RetryOn::Exit(code) => failure.error.exit_code == Some(*code),
        })
    }

    /// The pause before retry number `done + 1` of the task with this key.
    pub(crate) fn pause(&self, key: u64, done: u32) -> Duration {
        let doubled = self.delay.saturating_mul(1u32.checked_shl(done).unwrap_or(u32::MAX)).min(self.max_delay);
        // Fibonacci hashing spreads consecutive keys. The same run has the same pauses again.
        let spread = (key.wrapping_add(u64::from(done) << 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        doubled / 2 + doubled.mul_f64(spread as f64 / f64::from(1 << 24) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_keep_within_half_of_it() {
        let retry = Retry::default();
        for (done, most) in [(0, 100), (1, 200), (2, 400), (20, 30_000), (40, 30_000)] {
            for key in 0..100 {
                let pause = retry.pause(key, done).as_millis();
                assert!((most / 2..=most).contains(&pause), "{pause} of {most}");
            }
        }
        assert_ne!(retry.pause(1, 0), retry.pause(2, 0));
    }
}
