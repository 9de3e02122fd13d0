//! The listeners that hear of records as they are made.

use std::sync::Arc;

use crate::cli::report::live::Live;
use crate::cli::report::progress::Meter;
use crate::cli::report::tally::Tally;
use crate::cli::report::telemetry::SettledLog;

/// The listeners that hear of records.
#[derive(Debug, Default)]
pub struct Telling {
    pub meter: Arc<Meter>,
    pub live: Live,
    /// The log of each task, for other programs.
    pub settled: Option<SettledLog>,
}

impl Telling {
    /// Tells of all records up to now.
    pub fn tell(&mut self, tally: &Tally) {
        self.meter.record(tally.counts.total() - tally.kept, tally.counts.not_ok());
        self.live.set(tally);
        self.settled.iter_mut().for_each(SettledLog::flush);
    }
}
