//! The meaning of the options about progress.

use std::io::IsTerminal;

use crate::cli::args;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Bar,
    Counter,
    Nothing,
}

impl Shown {
    /// How the steps before the first row are shown, which no record interrupts.
    pub fn of_steps(typed: args::Progress, quiet: bool) -> Shown {
        Shown::new(typed, quiet, true)
    }

    /// The progress that the options ask for, where it can be shown. `to_file` says that records go to a file.
    pub fn new(typed: args::Progress, quiet: bool, to_file: bool) -> Shown {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = std::io::stderr().is_terminal() && !dumb;
        let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
        match typed {
            _ if quiet => Shown::Nothing,
            args::Progress::None => Shown::Nothing,
            args::Progress::Counter => Shown::Counter,
            args::Progress::Bar => {
                if terminal {
                    Shown::Bar
                } else {
                    Shown::Counter
                }
            }
            args::Progress::Auto if ci => Shown::Counter,
            // Records that scroll by are progress enough.
            args::Progress::Auto if terminal && (to_file || !std::io::stdout().is_terminal()) => Shown::Bar,
            args::Progress::Auto => Shown::Nothing,
        }
    }
}
