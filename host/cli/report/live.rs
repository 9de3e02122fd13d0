//! How many rows have their record, for who asks while a run is running.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::cli::report::tally::{Counts, Tally};

/// Rows that have their record.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    pub counts: Counts,
    /// Rows that were kept from an earlier run.
    pub kept: u64,
    pub retries: u64,
}

/// The latest counts.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<Mutex<Recorded>>);

impl Live {
    pub fn set(&self, tally: &Tally) {
        *self.lock() = Recorded { counts: tally.counts.clone(), kept: tally.kept, retries: tally.retries };
    }

    pub fn get(&self) -> Recorded {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
