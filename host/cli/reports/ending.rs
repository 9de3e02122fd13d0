//! What a report says of a run beside its rows, so that no report of a run that has not done its work looks like success.

use crate::cli::reports::account::{Account, End};

/// What is said of the end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub words: String,
    /// The run has not done what it had to.
    pub is_error: bool,
}

/// What is said of the end of a run. `None` where its rows say all.
pub fn ending(account: &Account) -> Option<Ending> {
    let code = account.exit_code();
    let (words, is_error) = match &account.end {
        End::Error(why) => (why.clone(), true),
        End::Stopped(why) => (format!("stopped early by {why}: not all rows were run"), code != Some(0)),
        End::Running => ("the run has not ended".to_owned(), true),
        End::Killed => {
            let total = account.total();
            (format!("the host was killed after {total} records: rows without a record are not in this report"), true)
        }
        End::Complete => match code {
            Some(code) if !matches!(code, 0 | 100) => (format!("exit code {code}: {}", meaning(code)), true),
            _ if account.total() == 0 => ("there were no rows".to_owned(), false),
            _ => return None,
        },
    };
    Some(Ending { words, is_error })
}

/// What an exit code says of a run that has made its records.
fn meaning(code: i32) -> &'static str {
    match code {
        4 => "there were no inputs",
        102 => "a file holds something else than rows",
        106 => "the journal cannot be read",
        110 => "an output cannot be written",
        _ => "the messages of the run say why",
    }
}
