//! The measures of a run while it is running.

use std::sync::Arc;
use std::time::Duration;

use wpool::Stopper;

use crate::cli::report::{Ledger, Live, Meter, Sample, Telemetry};
use crate::cli::run::measured::cpu_time;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Measures a run for those who look at it from outside.
#[derive(Clone)]
pub struct Gauge {
    pub telemetry: Arc<Telemetry>,
    pub live: Live,
    pub meter: Arc<Meter>,
    pub ledger: Arc<Ledger>,
    pub stopper: Stopper,
}

impl Gauge {
    /// Measures from now on, where somebody looks.
    pub fn start(self) -> Gauge {
        if self.telemetry.has_metrics() {
            let gauge = self.clone();
            tokio::spawn(async move {
                loop {
                    gauge.set();
                    tokio::time::sleep(LOOK).await;
                }
            });
        }
        self
    }

    /// Hands on what is measured now.
    pub fn set(&self) {
        self.telemetry.set(Sample {
            recorded: self.live.get(),
            rows: self.meter.total(),
            stats: self.stopper.stats(),
            running: self.stopper.running().len(),
            compiling: self.ledger.workers().compiling,
            host_cpu: cpu_time(),
        });
    }
}
