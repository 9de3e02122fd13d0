//! Which records stay when a run is resumed.

use wpool::Status;

/// Statuses whose records stay when a run is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stays(u32);

impl Stays {
    pub fn of(stays: impl Fn(Status) -> bool) -> Stays {
        let bits = Status::ALL.into_iter().filter(|status| stays(*status)).map(|status| 1 << status as u32);
        Stays(bits.fold(0, |all, bit| all | bit))
    }

    pub fn has(self, status: Status) -> bool {
        self.0 >> status as u32 & 1 == 1
    }
}

/// Whether a record stays when its run is resumed. A task that was stopped with the run is not done. What was not fit to
/// run costs nothing to find out again, and its message tells where the row stands, which may be elsewhere now.
pub fn is_final(status: Status) -> bool {
    !matches!(status, Status::Skipped | Status::Cancelled | Status::InvalidInput)
}
