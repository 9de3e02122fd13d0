//! Exit codes: categories, never counts.

use std::process::ExitCode;

use wpool::Error;

use crate::cli::errors::{
    CannotWrite, DeadlinePassed, Incomplete, InputRefused, Interrupted, NoInputs, Refused, Usage,
};
use crate::cli::journal;

/// How the command ended. The order is the precedence where several apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Every task is ok.
    Ok,
    /// At least one task is not ok.
    NotOk,
    /// There were no inputs.
    NoInputs,
    /// The run was stopped early by `--halt` or `--max-fail`.
    Stopped,
    /// The program is refused.
    Refused,
    /// Rows do not fit, and nothing was run; or a file holds something else than rows.
    InputRefused,
    /// Shards, or records of them, are missing.
    Incomplete,
    /// The set-up failed: an unreadable file, a bad grant, no workers.
    SetUp,
    /// The command line makes no sense.
    Usage,
    /// The deadline of the whole run has passed.
    Deadline,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// The journal of an earlier run is damaged, or cannot be read.
    Journal,
    /// The output cannot be written.
    Output,
    /// A panic of ours.
    Internal,
}

impl From<Exit> for i32 {
    fn from(exit: Exit) -> i32 {
        match exit {
            Exit::Ok => 0,
            Exit::Usage => 2,
            Exit::NoInputs => 4,
            Exit::Internal => 70,
            Exit::SetUp => 96,
            Exit::NotOk => 100,
            Exit::Refused => 101,
            Exit::InputRefused => 102,
            Exit::Stopped => 103,
            Exit::Journal => 106,
            Exit::Incomplete => 107,
            Exit::Output => 110,
            Exit::Deadline => 124,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        // Every code is below 256.
        ExitCode::from(i32::from(exit) as u8)
    }
}

impl Exit {
    pub fn of_clap(error: &clap::Error) -> Exit {
        if error.use_stderr() { Exit::Usage } else { Exit::Ok }
    }

    /// How a command with this result ends.
    pub fn of_result(result: &anyhow::Result<Exit>) -> Exit {
        result.as_ref().map_or_else(Exit::of_error, |exit| *exit)
    }

    /// The category of an error that ended the command.
    pub fn of_error(error: &anyhow::Error) -> Exit {
        if error.is::<Usage>() {
            return Exit::Usage;
        }
        if error.is::<Refused>() {
            return Exit::Refused;
        }
        if error.is::<InputRefused>() {
            return Exit::InputRefused;
        }
        if error.is::<Incomplete>() {
            return Exit::Incomplete;
        }
        if error.is::<NoInputs>() {
            return Exit::NoInputs;
        }
        if let Some(Interrupted { by_keyboard, .. }) = error.downcast_ref() {
            return if *by_keyboard { Exit::Interrupted } else { Exit::Terminated };
        }
        if let Some(error) = error.downcast_ref::<journal::Error>() {
            return match error {
                journal::Error::Busy { .. } | journal::Error::Overtaken { .. } => Exit::Usage,
                _ => Exit::Journal,
            };
        }
        if error.is::<CannotWrite>() {
            return Exit::Output;
        }
        if error.is::<DeadlinePassed>() {
            return Exit::Deadline;
        }
        match error.downcast_ref::<Error>() {
            Some(Error::ProgramRefused { .. }) => Exit::Refused,
            Some(Error::Setting(_)) => Exit::Usage,
            _ => Exit::SetUp,
        }
    }
}
