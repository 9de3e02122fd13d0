//! How long the compiler has been at work.

use std::sync::Mutex;
use std::time::Duration;

use wpool::Event;

use crate::cli::options::listed;
use crate::cli::plan::Shown;
use crate::cli::report::bar::Line;
use crate::cli::report::progress::Counts;
use crate::cli::say;
use crate::cli::units::show_time;

/// The time from which compiling is worth a word.
pub const NOTICEABLE: Duration = Duration::from_secs(1);

/// Shows that a program is being compiled.
#[derive(Debug)]
pub struct Compiling {
    program: String,
    shown: Shown,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    line: Option<Line>,
    counts: Counts,
}

impl Compiling {
    pub fn new(program: String, shown: Shown) -> Compiling {
        Compiling { program, shown, state: Mutex::default() }
    }

    pub fn hear(&self, event: &Event) {
        let Event::Compiling { elapsed, again_for, ended } = event else { return };
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if *ended {
            // The line is wiped with it.
            state.line = None;
            return;
        }
        let again = match listed(again_for) {
            options if options.is_empty() => String::new(),
            options => format!(" again, because of {options}"),
        };
        let text = format!("compiling {}{again}: {}", self.program, show_time(Duration::from_secs(elapsed.as_secs())));
        match self.shown {
            Shown::Bar => state.line.get_or_insert_with(Line::draw).set(text),
            Shown::Counter if state.counts.are_due(*elapsed) => say(format_args!("{text}")),
            Shown::Counter | Shown::Nothing => {}
        }
    }
}
