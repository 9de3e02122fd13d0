//! The pool in which rows run a second time (`--verify`).

use anyhow::Result;
use wpool::{Builder, Pool, Program};

use crate::cli::args::Twice;
use crate::cli::exit::Exit;
use crate::cli::plan::{Locator, Plan, unbound_config};
use crate::cli::report::{self, Chooser, Verified};
use crate::cli::run::asked::Asked;
use crate::cli::say;

/// The builder of a second pool with the settings of the first: its workers are other processes. Nobody hears of its
/// tasks, so they count for no halt.
pub fn pool(program: &Program, plan: &Plan) -> Option<Builder> {
    let workers = plan.config.workers;
    let workers = match plan.verify?.which {
        Twice::Share(share) => ((workers as f64 * share).ceil() as usize).clamp(1, workers),
        Twice::Rows(_) => workers,
    };
    let mut config = plan.config.clone();
    let most = config.policy.most_workers().map_or(usize::MAX, |most| most - config.workers);
    config.workers = workers.min(most);
    config.observer = unbound_config().ok()?.observer;
    Some(Pool::builder(program.clone()).config(config))
}

/// Starts it. The program is compiled already, so the cache has its image.
pub async fn start(second: Option<Builder>) -> Result<Option<Pool>> {
    Ok(match second {
        Some(second) => Some(second.build().await?),
        None => None,
    })
}

/// The chooser of rows, and the work of running them a second time until the run is asked to end.
pub fn verifying(
    plan: &Plan,
    second: Option<&Pool>,
    locator: &Locator,
    asked: &Asked,
) -> (Option<Chooser>, impl Future<Output = Result<Option<Verified>>>) {
    let both = plan.verify.zip(second).map(|(verify, second)| {
        let (chooser, verifier) = report::verifying(verify.which, locator.clone());
        (chooser, verifier.run(second))
    });
    let (chooser, running) = both.unzip();
    let verified = async {
        let Some(running) = running else { return Ok(None) };
        Ok(asked.before(running).await.transpose()?)
    };
    (chooser, verified)
}

/// The result of running rows twice, and the exit for it. Where the second pool broke, the records of the first stand.
pub fn settle(plan: &Plan, verified: Result<Option<Verified>>) -> (Option<Verified>, Option<Exit>) {
    let fails = plan.verify.is_some_and(|verify| verify.fails);
    match verified {
        Ok(verified) => {
            let differs = verified.as_ref().is_some_and(|verified| verified.differ > 0);
            (verified, (fails && differs).then_some(Exit::NotOk))
        }
        Err(error) => {
            say(format_args!("--verify: {error:#}"));
            (None, Some(Exit::SetUp))
        }
    }
}
