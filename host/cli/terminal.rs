//! The one place from which messages reach people. Progress is drawn on the same terminal, so whatever else is written
//! there is written aside of it.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard};

use indicatif::{MultiProgress, ProgressDrawTarget};

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
    let line = tame(&format!("wpool: {message}\n"));
    aside(|| {
        let _ = io::stderr().write_all(line.as_bytes());
    });
}

/// Prints what a panic has to say, which may have come up under any lock of this module.
pub fn say_at_once(message: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "wpool: {message}");
}

/// Writes out what would make a terminal do something: messages quote file names and what guests said.
pub fn tame(text: &str) -> String {
    let is_command = |c: char| c.is_control() && c != '\n' && c != '\t';
    let mut tamed = String::with_capacity(text.len());
    for c in text.chars() {
        if is_command(c) { tamed.extend(c.escape_default()) } else { tamed.push(c) }
    }
    tamed
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
    fn what_commands_a_terminal_is_written_out() {
        assert_eq!(tame("a\u{1b}[31m\r\u{9b}2J\n\tb"), "a\\u{1b}[31m\\r\\u{9b}2J\n\tb");
    }
}
