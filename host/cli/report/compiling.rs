//! How long the compiler has been at work.

use std::sync::Mutex;
use std::time::Duration;

use wpool::{Event, Setting};

use crate::cli::options::listed;
use crate::cli::plan::Shown;
use crate::cli::report::bar::Line;
use crate::cli::report::counter::Counts;
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
    /// The one line has been printed.
    is_told: bool,
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
            *state = State::default();
            return;
        }
        let text = text(&self.program, again_for);
        let so_long = show_time(Duration::from_secs(elapsed.as_secs()));
        match self.shown {
            Shown::Bar => state.line.get_or_insert_with(Line::draw).set(format!("{text}: {so_long}")),
            Shown::Counter if state.counts.are_due(*elapsed) => say(format_args!("{text}: {so_long}")),
            Shown::Steps if !state.is_told && state.counts.are_due(*elapsed) => {
                state.is_told = true;
                say(format_args!("{text}"));
            }
            Shown::Counter | Shown::Steps | Shown::Nothing => {}
        }
    }
}

fn text(program: &str, again_for: &[Setting]) -> String {
    let again = match listed(again_for) {
        options if options.is_empty() => options,
        options => format!(" again, because of {options}"),
    };
    format!("compiling {program}{again}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_program_and_the_options() {
        assert_eq!(text("a.wasm", &[]), "compiling a.wasm");
        let again = text("a.wasm", &[Setting::Deadline, Setting::Fuel]);
        assert_eq!(again, "compiling a.wasm again, because of --timeout, --fuel");
    }
}
