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
        let text = text(&self.program, again_for, *elapsed);
        match self.shown {
            Shown::Bar => state.line.get_or_insert_with(Line::draw).set(text),
            Shown::Counter if state.counts.are_due(*elapsed) => say(format_args!("{text}")),
            Shown::Counter | Shown::Nothing => {}
        }
    }
}

fn text(program: &str, again_for: &[Setting], elapsed: Duration) -> String {
    let again = match listed(again_for) {
        options if options.is_empty() => options,
        options => format!(" again, because of {options}"),
    };
    format!("compiling {program}{again}: {}", show_time(Duration::from_secs(elapsed.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_program_the_options_and_whole_seconds() {
        let elapsed = Duration::from_millis(12_700);
        assert_eq!(text("a.wasm", &[], elapsed), format!("compiling a.wasm: {}", show_time(Duration::from_secs(12))));
        let again = text("a.wasm", &[Setting::Deadline, Setting::Fuel], elapsed);
        assert!(again.starts_with("compiling a.wasm again, because of --timeout, --fuel: "), "{again}");
    }
}
