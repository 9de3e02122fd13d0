//! What may end a run early.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use wpool::Stopper;

use crate::cli::exit::Exit;
use crate::cli::plan::Plan;
use crate::cli::report::Tally;
use crate::cli::run::Audience;
use crate::cli::run::signals::{Interruption, Pauses};
use crate::cli::run::stopping::{Asked, Halting, RunDeadline, exit_of_tasks};

/// What may end the run early.
pub struct Stops {
    interruption: Interruption,
    deadline: Option<RunDeadline>,
    asked: Asked,
    halting: Arc<Halting>,
}

impl Stops {
    /// Listens for the rest of the run, which began some time ago.
    pub fn listen(plan: &Plan, audience: &Audience, stopper: &Stopper, began: Instant) -> Result<Stops> {
        audience.halting.arm(stopper.clone());
        let asked = Asked::default();
        let pauses = Pauses::listen(stopper.clone())?;
        let deadline = plan.deadline.map(|time| {
            let left = time.saturating_sub(began.elapsed());
            RunDeadline::start(left, plan.config.grace, stopper.clone(), pauses, asked.clone())
        });
        let interruption = Interruption::listen(stopper, &asked)?;
        Ok(Stops { interruption, deadline, asked, halting: audience.halting.clone() })
    }

    /// Waits for what is done before the first task; `None` when the run is asked to end before it is done.
    pub async fn unless_asked<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.asked.notified() => None,
        }
    }

    /// The exit of what stopped the run from outside.
    pub fn exit(&self) -> Option<Exit> {
        self.interruption.exit().max(self.deadline.as_ref().and_then(RunDeadline::exit))
    }

    /// What stopped the run, in words. `closed` says that nobody reads its output any more.
    pub fn why(&self, closed: bool) -> Option<String> {
        match (self.exit(), self.halting.met()) {
            (Some(Exit::Deadline), _) => Some("--deadline".to_owned()),
            (Some(_), _) => Some(self.interruption.name().to_owned()),
            (None, Some(halt)) => Some(halt.option()),
            (None, None) => closed.then(|| "closed output".to_owned()),
        }
    }

    pub fn of_tasks(&self, tally: &Tally) -> Exit {
        exit_of_tasks(tally.counts.total(), tally.counts.not_ok(), self.halting.met())
    }
}
