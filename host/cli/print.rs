//! Standard output of the commands that print a text or JSON. Records have a writer of their own.
//!
//! A text for people is made of [`Lines`]: no content can leave its line, or affect a terminal. [`wpool::inert`] makes
//! all JSON. So a command need not know which part of its output comes from elsewhere.

use std::fmt;
use std::io::{self, BufWriter, Write};

use anyhow::Result;
use serde::Serialize;
use wpool::inert;

use crate::cli::exit::Exit;
use crate::cli::guard::{self, Guard};
use crate::cli::lines::Lines;
use crate::cli::streams::Stream;
use crate::cli::{say, stdout, streams};

/// The layout of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Line,
    Pretty,
}

/// Prints a requested text. A reader that closes the pipe early is not an error.
pub fn print(text: &Lines) -> Exit {
    print_bytes(&Guard::of_stdout(Guard::Text).apply(text.as_str().as_bytes()))
}

/// Prints a value as JSON.
pub fn print_json(value: &impl Serialize, layout: Layout) -> Result<Exit> {
    let mut text = Vec::new();
    match layout {
        Layout::Line => inert::push_json(value, &mut text)?,
        Layout::Pretty => inert::push_pretty_json(value, &mut text)?,
    }
    text.push(b'\n');
    Ok(print_record(&text))
}

/// Prints a line of JSON that is inert already.
pub fn print_record(line: &[u8]) -> Exit {
    print_bytes(&Guard::of_stdout(Guard::Json).apply(line))
}

/// Prints help, a version or an error of the command line, and gives the exit if that is impossible. A closed pipe is not
/// worth a word.
pub fn print_clap(error: &clap::Error) -> Option<Exit> {
    // It quotes names of files, which a shell may have put there.
    let printed = match error.use_stderr() {
        true if guard::is_on() => streams::stderr().write_all(guard::text(&error.render().to_string()).as_bytes()),
        _ => error.print(),
    };
    match printed.and_then(|()| io::stdout().flush()) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            say(format_args!("cannot write standard output: {why}"));
            Some(Exit::Output)
        }
        _ => None,
    }
}

/// Prints bytes that are all wpool's own, or guarded already.
pub fn print_bytes(text: &[u8]) -> Exit {
    let mut printer = Printer::start();
    printer.write(|out| out.write_all(text));
    printer.end()
}

/// Prints line by line, until the reader closes the pipe.
#[derive(Debug)]
pub struct Printer {
    out: BufWriter<Stream>,
    written: io::Result<()>,
}

impl Printer {
    pub fn start() -> Printer {
        let written = if stdout::was_closed() { Err(stdout::closed().source) } else { Ok(()) };
        Printer { out: BufWriter::new(streams::stdout()), written }
    }

    /// Whether there is still a reader.
    pub fn is_open(&self) -> bool {
        self.written.is_ok()
    }

    /// Prints one line, with any content.
    pub fn line(&mut self, line: fmt::Arguments<'_>) {
        let line = format!("{}\n", inert::text(&line.to_string()));
        self.write(|out| out.write_all(&Guard::of_stdout(Guard::Text).apply(line.as_bytes())));
    }

    /// Prints a value as a line of JSON.
    pub fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let mut line = Vec::new();
        inert::push_json(value, &mut line)?;
        line.push(b'\n');
        self.write(|out| out.write_all(&Guard::of_stdout(Guard::Json).apply(&line)));
        Ok(())
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<Stream>) -> io::Result<()>) {
        if self.written.is_ok() {
            self.written = write(&mut self.out);
        }
    }

    /// The exit code for the success of printing.
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
