//! The meaning of the options about progress.

use std::io::IsTerminal;

use crate::cli::args;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Bar,
    Counter,
    /// One line for each step that takes long, and none for rows.
    Steps,
    Nothing,
}

impl Shown {
    /// How the steps before the first row are shown, which no record interrupts.
    pub fn of_steps(typed: args::Progress, quiet: bool) -> Shown {
        match Shown::new(typed, quiet, true) {
            // A log has no other sign of life before the first record.
            Shown::Nothing if typed == args::Progress::Auto && !quiet => Shown::Steps,
            shown => shown,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_step_is_told_wherever_a_command_runs_unless_nobody_wants_it() {
        let shown = |typed, quiet| Shown::of_steps(typed, quiet) != Shown::Nothing;
        assert!(shown(args::Progress::Auto, false));
        assert!(!shown(args::Progress::Auto, true) && !shown(args::Progress::None, false));
    }
}
