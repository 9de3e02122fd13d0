//! The differences as they are printed.

use anyhow::Result;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use wpool::Status;

use crate::cli::args::{Diff, RowsBy};
use crate::cli::commands::diff::rows::member;
use crate::cli::commands::diff::side::{Record, Side};
use crate::cli::commands::diff::verdict::{Class, Parts};
use crate::cli::exit::Exit;
use crate::cli::journal::Facts;
use crate::cli::plan::differences;
use crate::cli::print::Printer;
use crate::cli::texts::{short, short_hash};
use crate::cli::units::plural;

/// Characters of an output or a message that are shown.
const SHOWN: usize = 60;

/// Counts the differences, and prints them or the first of them.
pub struct Told {
    by: RowsBy,
    json: bool,
    /// How many may still be printed.
    left: u64,
    printed: u64,
    counts: [u64; Class::ALL.len()],
    out: Printer,
    /// Whether the last record of A, and of B, is cut off.
    pub torn: [bool; 2],
}

/// A difference as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    class: Class,
    a: Option<&'a RawValue>,
    b: Option<&'a RawValue>,
}

impl Told {
    pub fn new(args: &Diff, by: RowsBy) -> Told {
        let left = if args.json { u64::MAX } else { args.show };
        Told {
            by,
            json: args.json,
            left,
            printed: 0,
            counts: Default::default(),
            out: Printer::start(),
            torn: [false; 2],
        }
    }

    pub fn tell(&mut self, class: Class, a: Option<&Record>, b: Option<&Record>) -> Result<()> {
        self.counts[class as usize] += 1;
        if class == Class::Same || self.left == 0 {
            return Ok(());
        }
        (self.left, self.printed) = (self.left - 1, self.printed + 1);
        if self.json {
            return self.out.json(&Line { class, a: a.and_then(raw), b: b.and_then(raw) });
        }
        let (parts_a, parts_b) = (a.map(Record::parts), b.map(Record::parts));
        let place = place(parts_a.as_ref(), parts_b.as_ref());
        let became = [a.zip(parts_a.as_ref()), b.zip(parts_b.as_ref())];
        let became: Vec<_> = became.into_iter().flatten().map(|(record, parts)| shown(record, parts)).collect();
        self.out.line(format_args!("{:<9}  {place}{}", class.as_str(), became.join(" -> ")));
        Ok(())
    }

    /// Prints the counts.
    pub fn end(mut self, a: &Side, b: &Side) -> Result<Exit> {
        let differ = self.counts.iter().sum::<u64>() - self.counts[Class::Same as usize];
        if self.json {
            let counts: Map<String, Value> =
                Class::ALL.iter().map(|class| (word(*class), self.counts[*class as usize].into())).collect();
            self.out.json(&json!({"by": member(self.by), "a": side(a), "b": side(b), "counts": counts}))?;
        } else {
            self.summary(a, b, differ);
        }
        Ok(self.out.end().max(if differ > 0 { Exit::NotOk } else { Exit::Ok }))
    }

    fn summary(&mut self, a: &Side, b: &Side, differ: u64) {
        let more = differ - self.printed;
        if more > 0 {
            self.out.line(format_args!("… and {more} more; --json prints all"));
        }
        for (name, side, torn) in [("A", a, self.torn[0]), ("B", b, self.torn[1])] {
            let program = side.facts.as_ref().map(program).unwrap_or_default();
            let torn = if torn { "; its last record is cut off, or is being written" } else { "" };
            let records = plural(side.read, "record");
            self.out.line(format_args!("{name}: {}, {records}{program}{torn}", side.path.display()));
        }
        if let Some((old, new)) = a.facts.as_ref().zip(b.facts.as_ref()) {
            let differences = differences(old, new);
            if !differences.is_empty() {
                self.out.line(format_args!("settings differ: {}", differences.join(", ")));
            }
        }
        let counts = Class::ALL.iter().map(|class| format!("{} {}", self.counts[*class as usize], class.as_str()));
        let counts: Vec<_> = counts.collect();
        self.out.line(format_args!("by {}: {}", member(self.by), counts.join(", ")));
    }
}

/// A record as it stands in its file, if one was written.
fn raw(record: &Record) -> Option<&RawValue> {
    serde_json::from_str(&record.line).ok()
}

/// The name of a class in JSON.
fn word(class: Class) -> String {
    class.as_str().replace(" in ", "-").to_lowercase()
}

fn side(side: &Side) -> Value {
    let program = side.facts.as_ref().map(|facts| facts.program.hash.clone());
    json!({"path": side.path.to_string_lossy(), "records": side.read, "program": program})
}

fn program(facts: &Facts) -> String {
    format!(" of {} ({})", facts.program.name, short_hash(&facts.program.hash))
}

/// Where the row stands: in both inputs, if the places differ.
fn place(a: Option<&Parts<'_>>, b: Option<&Parts<'_>>) -> String {
    let ids = [a, b].map(|parts| parts.and_then(|parts| parts.id));
    let file = [a, b].into_iter().flatten().find_map(|parts| parts.file.clone());
    let file = file.map(|file| format!(" ({file})")).unwrap_or_default();
    match ids {
        [Some(a), Some(b)] if a != b => format!("row {a}, now {b}{file}: "),
        [Some(id), _] | [_, Some(id)] => format!("row {id}{file}: "),
        _ => String::new(),
    }
}

/// The end of a task, in few words.
fn shown(record: &Record, parts: &Parts<'_>) -> String {
    let output = parts.output.map(|output| short(output.get(), SHOWN)).unwrap_or_default();
    match &parts.error {
        Some(error) => format!("{} {}", record.status, short(&error.message, SHOWN)).trim_end().to_owned(),
        None if record.status == Status::Ok && !output.is_empty() => output,
        None => record.status.to_string(),
    }
}
