//! The deadline of a whole run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use wpool::{Shutdown, Stopper};

use crate::cli::exit::Exit;
use crate::cli::run::asked::Asked;
use crate::cli::run::pauses::Pauses;
use crate::cli::say;

/// The deadline of a whole run: running tasks then have a grace to finish, and are killed.
#[derive(Debug)]
pub struct RunDeadline(Arc<AtomicBool>);

impl RunDeadline {
    /// Counts from now on, but for the time that the run is stopped.
    pub fn start(time: Duration, grace: Duration, stopper: Stopper, pauses: Pauses, asked: Asked) -> RunDeadline {
        let passed = Arc::new(AtomicBool::new(false));
        let flag = passed.clone();
        let start = Instant::now();
        tokio::spawn(async move {
            while Instant::now() < start + time + pauses.total() {
                sleep_until(start + time + pauses.total()).await;
            }
            flag.store(true, Ordering::Release);
            asked.ask();
            say(format_args!("the deadline of the run has passed; running tasks have {grace:?} to finish"));
            stopper.stop(Shutdown::Cancel);
            sleep(grace).await;
            stopper.stop(Shutdown::Kill);
            asked.force();
        });
        RunDeadline(passed)
    }

    pub fn exit(&self) -> Option<Exit> {
        self.0.load(Ordering::Acquire).then_some(Exit::Deadline)
    }
}
