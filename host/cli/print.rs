//! Standard output of the commands that print a text or JSON; records have a writer of their own.
//!
//! A text for people is made of [`Lines`]: what a line is made of stays in it and does nothing to a terminal. JSON is made
//! by [`wpool::inert`] alone. So no command has to know what of its output somebody else has written.

use std::fmt::{self, Display};
use std::io::{self, BufWriter, StdoutLock, Write};

use anyhow::Result;
use serde::Serialize;
use wpool::inert;

use crate::cli::exit::Exit;
use crate::cli::{say, stdout};

/// A text of lines.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// Adds one line, whatever is in it.
    pub fn add(&mut self, line: impl Display) {
        self.0 += &inert::text(&line.to_string());
        self.0.push('\n');
    }

    /// Adds a text of several lines: the first stands behind the head, and the others below it.
    pub fn add_block(&mut self, head: &str, text: &str) {
        let mut lines = text.lines();
        self.add(format_args!("{head}{}", lines.next().unwrap_or_default()));
        let indent = head.chars().count();
        lines.for_each(|line| self.add(format_args!("{:indent$}{line}", "")));
    }

    /// Adds the title of a part, below an empty line.
    pub fn add_title(&mut self, title: impl Display) {
        self.add("");
        self.add(title);
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Display> FromIterator<T> for Lines {
    fn from_iter<I: IntoIterator<Item = T>>(lines: I) -> Lines {
        let mut text = Lines::default();
        lines.into_iter().for_each(|line| text.add(line));
        text
    }
}

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Line,
    Pretty,
}

/// Prints a text that was asked for. A reader that has seen enough is no error.
pub fn print(text: &Lines) -> Exit {
    print_bytes(text.as_str().as_bytes())
}

/// Prints a value as JSON.
pub fn print_json(value: &impl Serialize, layout: Layout) -> Result<Exit> {
    let mut text = Vec::new();
    match layout {
        Layout::Line => inert::push_json(value, &mut text)?,
        Layout::Pretty => inert::push_pretty_json(value, &mut text)?,
    }
    text.push(b'\n');
    Ok(print_bytes(&text))
}

/// Prints what is all wpool's own, or is inert already.
pub fn print_bytes(text: &[u8]) -> Exit {
    let mut printer = Printer::start();
    printer.write(|out| out.write_all(text));
    printer.end()
}

/// Prints line by line, until the reader has seen enough.
#[derive(Debug)]
pub struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    written: io::Result<()>,
}

impl Printer {
    pub fn start() -> Printer {
        let written = if stdout::was_closed() { Err(stdout::closed().source) } else { Ok(()) };
        Printer { out: BufWriter::new(io::stdout().lock()), written }
    }

    /// Whether somebody reads.
    pub fn is_open(&self) -> bool {
        self.written.is_ok()
    }

    /// Prints one line, whatever is in it.
    pub fn line(&mut self, line: fmt::Arguments<'_>) {
        self.write(|out| writeln!(out, "{}", inert::text(&line.to_string())));
    }

    /// Prints a value as a line of JSON.
    pub fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let mut line = Vec::new();
        inert::push_json(value, &mut line)?;
        line.push(b'\n');
        self.write(|out| out.write_all(&line));
        Ok(())
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<StdoutLock<'static>>) -> io::Result<()>) {
        if self.written.is_ok() {
            self.written = write(&mut self.out);
        }
    }

    /// The exit for how printing went.
    pub fn end(mut self) -> Exit {
        self.write(BufWriter::flush);
        match self.written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                say(format_args!("cannot write standard output: {error}"));
                Exit::Output
            }
            _ => Exit::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_a_block_stands_behind_its_head() {
        let mut lines = Lines::default();
        lines.add("name  a\nname  b\r");
        lines.add_block("output   ", "1\nname  2\u{9b}\n");
        lines.add_block("stderr   ", "");
        assert_eq!(lines.as_str(), "name  a\\nname  b\\r\noutput   1\n         name  2\\u{9b}\nstderr   \n");
    }
}
