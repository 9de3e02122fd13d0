//! Shared state at the end of a run.

use crate::cli::errors::CannotWrite;
use crate::cli::exit::Exit;
use crate::cli::plan::Plan;
use crate::cli::say;

/// Finds out before the first task whether the state could be written.
pub fn check(plan: &Plan) -> Result<(), CannotWrite> {
    plan.state_out.as_ref().map_or(Ok(()), |target| target.try_out())
}

/// Writes the state where that was asked for, and says how that went.
pub fn write(plan: &Plan) -> Exit {
    let (Some(state), Some(target)) = (&plan.config.state, &plan.state_out) else { return Exit::Ok };
    match target.write(&state.to_json()) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            say(format_args!("{:#}", anyhow::Error::from(error)));
            Exit::Output
        }
    }
}
