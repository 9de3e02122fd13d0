//! The early end of a run: asked for from outside, or by what became of its tasks.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use wpool::Stopper;

use crate::cli::exit::Exit;
use crate::cli::plan::Plan;
use crate::cli::report::Tally;
use crate::cli::run::asked::Asked;
use crate::cli::run::deadline::RunDeadline;
use crate::cli::run::halting::{Halting, exit_of_tasks};
use crate::cli::run::pauses::Pauses;
use crate::cli::run::signals::Interruption;
use crate::cli::shard::InputFacts;

/// Everything that may end a run early.
pub struct EarlyEnd {
    interruption: Interruption,
    deadline: Option<RunDeadline>,
    asked: Asked,
    halting: Arc<Halting>,
}

impl EarlyEnd {
    /// Listens for the rest of the run, which began some time ago.
    pub fn listen(
        plan: &Plan,
        halting: Arc<Halting>,
        stopper: &Stopper,
        asked: &Asked,
        began: Instant,
    ) -> Result<EarlyEnd> {
        halting.arm(stopper.clone());
        let pauses = Pauses::listen(stopper.clone())?;
        let deadline = plan.deadline.map(|time| {
            let left = time.saturating_sub(began.elapsed());
            RunDeadline::start(left, plan.config.grace, stopper.clone(), pauses, asked.clone())
        });
        let stopper = stopper.clone();
        let interruption = Interruption::listen(move |how| stopper.stop(how), asked, plan.grace)?;
        Ok(EarlyEnd { interruption, deadline, asked: asked.clone(), halting })
    }

    /// Waits for work that is done before the first task; `None` when the run is asked to end before it is done.
    pub async fn before<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.asked.before(work).await
    }

    /// The exit of what stopped the run from outside.
    pub fn exit(&self) -> Option<Exit> {
        self.interruption.exit().max(self.deadline.as_ref().and_then(RunDeadline::exit))
    }

    /// The reason for which the run stopped, in words. `closed` says that nobody reads its output any more.
    pub fn why(&self, closed: bool) -> Option<String> {
        match (self.exit(), self.halting.met()) {
            (Some(Exit::Deadline), _) => Some("--deadline".to_owned()),
            (Some(_), _) => Some(self.interruption.name().to_owned()),
            (None, Some(halt)) => Some(halt.option()),
            (None, None) => closed.then(|| "closed output".to_owned()),
        }
    }

    /// `whole` is the whole input of a shard, which may have no row although there are some.
    pub fn of_tasks(&self, tally: &Tally, whole: Option<&InputFacts>) -> Exit {
        let rows = tally.counts.total().max(whole.map_or(0, |whole| whole.rows));
        exit_of_tasks(rows, tally.counts.not_ok(), self.halting.met())
    }
}
