//! The one place from which messages reach people. Progress is drawn on the same terminal, so whatever else is written
//! there is written aside of it.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard};

use indicatif::{MultiProgress, ProgressDrawTarget};

use crate::cli::lines::Lines;

/// What is being drawn, if anything is. One for the process, as the terminal is.
static SCREEN: Mutex<Option<MultiProgress>> = Mutex::new(None);

fn screen() -> MutexGuard<'static, Option<MultiProgress>> {
    SCREEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// From now on this is drawn; `None` for nothing. What was drawn before is wiped, and never drawn again.
pub fn draw(bars: Option<MultiProgress>) {
    let mut screen = screen();
    if let Some(before) = std::mem::replace(&mut *screen, bars) {
        wipe(Some(&before));
        // Bars draw once more when they are dropped.
        before.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// Wipes what is drawn, until it is drawn again.
pub fn clear() {
    wipe(screen().as_ref());
}

fn wipe(bars: Option<&MultiProgress>) {
    if let Some(bars) = bars {
        // Nobody looking is no reason to stop.
        let _ = bars.clear();
    }
}

/// Does something to the terminal while nothing is drawn there.
pub fn aside<T>(work: impl FnOnce() -> T) -> T {
    // Locked all the time, or what is drawn could be wiped meanwhile, and come back after it.
    let screen = screen();
    match &*screen {
        Some(bars) => bars.suspend(work),
        None => work(),
    }
}

/// Prints one message for people. Nobody listening is no reason to stop.
pub fn say(message: fmt::Arguments<'_>) {
    let lines = told(&message.to_string());
    aside(|| write(&lines));
}

/// Prints a message that has several lines by itself, such as a summary.
pub fn say_lines(message: &Lines) {
    aside(|| {
        let _ = io::stderr().write_all(format!("wpool: {}", message.as_str()).as_bytes());
    });
}

/// Prints what a panic has to say, which may have come up under any lock of this module.
pub fn say_at_once(message: fmt::Arguments<'_>) {
    write(&told(&message.to_string()));
}

fn write(lines: &Lines) {
    let _ = io::stderr().write_all(lines.as_str().as_bytes());
}

/// The lines of a message. Those behind the first were written by somebody else, as names of files, texts of programs and
/// what children print have them; behind a bar, none can pass for a message, nor for a line of a summary.
fn told(message: &str) -> Lines {
    let mut lines = message.trim_end().lines();
    let first = format!("wpool: {}", lines.next().unwrap_or_default());
    std::iter::once(first).chain(lines.map(|line| format!("  | {line}"))).collect()
}

/// A sink that is the terminal that progress is drawn on.
#[derive(Debug)]
pub struct Aside<W>(pub W);

impl<W: Write> Write for Aside<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        aside(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        aside(|| self.0.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_message_passes_for_another_message() {
        let lines = told("cannot read a\r\nwpool: done\u{1b}[A\n\n  advice   b\u{2028}c\n");
        let expected = "wpool: cannot read a\n  | wpool: done\\u{1b}[A\n  | \n  |   advice   b\\u{2028}c\n";
        assert_eq!(lines.as_str(), expected);
        assert_eq!(told("").as_str(), "wpool: \n");
    }
}
