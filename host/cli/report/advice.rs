//! Whether the pool pays off, and advice if it does not.
//!
//! The cost of a task beside the guest's own work:
//!
//! - making its instance, which workers measure (`Stats::start`);
//! - moving its row and its output in the host, measured as the host's CPU time since the first row was read.
//!
//! Their share is relative to the time of workers on tasks plus the CPU time of the host. Neither includes waiting,
//! because slow input is not the pool's cost.

use std::time::Duration;

use crate::cli::units::show_time;

/// The pool's share from which advice is given.
const MUCH: f64 = 0.3;
/// With fewer tasks than this, or less time, advice gains nothing.
const FEW: u64 = 1_000;
const SHORT: Duration = Duration::from_secs(1);

/// The time that a run spent, summed over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Tasks that met a worker.
    pub tasks: u64,
    /// Time of workers on tasks, including making instances.
    pub busy: Duration,
    /// Time of workers making instances.
    pub start: Duration,
    /// CPU time of the host.
    pub host: Duration,
    pub wall: Duration,
}

impl Spent {
    /// Time of guests.
    pub fn own(&self) -> Duration {
        self.busy.saturating_sub(self.start)
    }

    /// The pool's cost.
    pub fn pool(&self) -> Duration {
        self.start + self.host
    }

    /// The pool's share of everything, from 0 to 1.
    pub fn pool_share(&self) -> f64 {
        self.pool().as_secs_f64() / (self.own() + self.pool()).as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Whether a faster run would be noticeable.
    pub fn is_noticeable(&self) -> bool {
        self.tasks >= FEW && self.wall >= SHORT
    }
}

/// A sentence of advice when the pool costs much compared to its tasks.
pub fn advice(spent: &Spent) -> Option<String> {
    if spent.tasks == 0 || spent.pool_share() <= MUCH {
        return None;
    }
    let each = |time: Duration| show_time(time.div_f64(spent.tasks as f64));
    let (own, pool) = (each(spent.own()), each(spent.pool()));
    Some(format!("mean task {own}; the pool costs {pool} each: give each row more work"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(own: u64, start: u64, host: u64) -> Spent {
        let time = |each| Duration::from_micros(each * 10);
        Spent { tasks: 10, busy: time(own + start), start: time(start), host: time(host), wall: time(own) }
    }

    #[test]
    fn a_pool_that_costs_over_thirty_percent_is_told_of() {
        let told = advice(&micros(4, 2, 1)).expect("3 of 7");
        assert_eq!(told, "mean task 4.0µs; the pool costs 3.0µs each: give each row more work");
        assert_eq!(advice(&micros(70, 20, 10)), None, "30 % is not over 30 %");
        assert!(advice(&micros(69, 20, 11)).is_some());
        assert_eq!(advice(&Spent::default()), None);
    }

    #[test]
    fn a_short_run_is_not_worth_a_word() {
        let long = Spent { tasks: 1_000, wall: SHORT, ..micros(1, 1, 1) };
        assert!(long.is_noticeable());
        assert!(!Spent { tasks: 999, ..long }.is_noticeable());
        assert!(!Spent { wall: SHORT / 2, ..long }.is_noticeable());
    }
}
