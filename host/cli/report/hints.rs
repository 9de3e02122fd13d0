//! Hints about what a run was meant to be, from its first failures.

use wpool::{Outcome, Status, TaskResult};

use crate::cli::plan::{Locator, Plan};
use crate::cli::say;
use crate::cli::shape::{Fate, FirstRows};

/// How programs of many languages say that there is no such file, in small letters.
const CANNOT_OPEN: [&str; 7] =
    ["no such file", "can't open", "cannot open", "could not open", "failed to open", "unable to open", "pre-opened"];

/// Looks at results, and says each hint once.
#[derive(Debug, Default)]
pub struct Hints {
    quiet: bool,
    rows: FirstRows,
    /// The program may open no file, and nobody was told so.
    walled: bool,
}

impl Hints {
    pub fn new(plan: &Plan) -> Hints {
        let walled = plan.config.task.grants.dirs.is_empty();
        // Failures of programs that are judged are not mistakes of whoever judges.
        let quiet = plan.messages.quiet || plan.extras.program.is_some();
        Hints { quiet, walled, ..Hints::default() }
    }

    /// Says that the program is a command, which takes arguments.
    pub fn of_command(&mut self) {
        self.rows.takes_arguments = true;
    }

    pub fn hear(&mut self, result: &TaskResult, locator: &Locator) {
        let Outcome::NotOk(failure) = &result.outcome else { return self.pass() };
        let fate = match failure.status {
            Status::InvalidInput => Fate::of(&failure.error.code),
            Status::Skipped | Status::Cancelled => return,
            _ => Fate::Unfit,
        };
        // The format names the content of a table or an array.
        if locator.are_lines() {
            let hint = self.rows.look(&result.input, locator.locate(&result.input), fate);
            self.tell(hint);
        }
        let stderr = failure.error.stderr.as_deref().unwrap_or_default();
        if self.walled && failure.status == Status::Failed && cannot_open(stderr) {
            self.walled = false;
            let hint = "hint: the program says that it cannot open a file, and it was granted no directory: --dir HOST, \
                        or --dir HOST::GUEST under another name, lets it read one (`wpool check --learn` finds which)";
            self.tell(Some(hint.to_owned()));
        }
    }

    /// Takes note of tasks that are ok.
    pub fn pass(&mut self) {
        let hint = self.rows.pass();
        self.tell(hint);
    }

    /// Says that there are no more results.
    pub fn end(&mut self) {
        let hint = self.rows.end();
        self.tell(hint);
    }

    fn tell(&self, hint: Option<String>) {
        if let Some(hint) = hint.filter(|_| !self.quiet) {
            say(format_args!("{hint}"));
        }
    }
}

fn cannot_open(stderr: &str) -> bool {
    let stderr = stderr.to_lowercase();
    CANNOT_OPEN.iter().any(|words| stderr.contains(words))
}
