//! A case of a JUnit report: a row, or rows that are only counted.

use std::collections::HashMap;
use std::time::Duration;

use humantime::format_rfc3339_millis;
use wpool::{Status, inert};

use crate::cli::journal::{Fault, Note};
use crate::cli::reports::account::Account;
use crate::cli::reports::junit::xml::{attribute, text};
use crate::cli::reports::places;
use crate::cli::texts::head;

/// Bytes of a name, and of the message of an attribute.
const NAME: usize = 500;
const MESSAGE: usize = 1_000;
/// Bytes of the details of a failure.
const DETAILS: usize = 32 << 10;
/// Attempts that are listed.
const ATTEMPTS: usize = 16;

/// What readers of JUnit take a case for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Passed,
    Failure,
    Error,
    Skipped,
}

impl Kind {
    pub fn of(status: Status) -> Kind {
        match status {
            Status::Ok => Kind::Passed,
            Status::Cancelled | Status::Skipped => Kind::Skipped,
            // The row did not come to an end by itself, or never began.
            Status::Crash | Status::InvalidInput => Kind::Error,
            _ => Kind::Failure,
        }
    }
}

/// A case, as XML.
#[derive(Debug)]
pub struct Case {
    pub kind: Kind,
    pub wall: Duration,
    pub xml: String,
}

/// Makes cases of one report, whose names all differ: readers drop one of two cases with the same name.
#[derive(Debug)]
pub struct Cases<'a> {
    account: &'a Account,
    /// The class of all cases.
    class: String,
    deterministic: bool,
    /// With how many cases were to have this name.
    names: HashMap<String, u64>,
}

impl<'a> Cases<'a> {
    pub fn new(account: &'a Account) -> Cases<'a> {
        let call = account.facts.settings.get("--call").filter(|call| *call != "none");
        let program = account.program();
        let class = call.map_or_else(|| program.clone(), |call| format!("{program}.{call}"));
        let deterministic = account.is_deterministic();
        Cases { account, class: shown(&class), deterministic, names: HashMap::new() }
    }

    /// The case of a row. A short one has its message alone.
    pub fn of_row(&mut self, note: &Note, short: bool) -> Case {
        let kind = Kind::of(note.status);
        let wall = if self.deterministic { Duration::ZERO } else { Duration::from_micros(note.wall_us) };
        let mut xml = self.head(&places::name(note));
        if let Some(file) = places::file(note) {
            attribute(&mut xml, "file", inert::text(file));
        }
        if let Some(line) = places::line(note) {
            attribute(&mut xml, "line", line);
        }
        attribute(&mut xml, "time", self.seconds(wall));
        if let Some(began) = self.account.began(note).filter(|_| !self.deterministic) {
            attribute(&mut xml, "timestamp", format_rfc3339_millis(began));
        }
        if kind == Kind::Passed && note.retried.is_empty() {
            xml.push_str("/>\n");
            return Case { kind, wall, xml };
        }
        xml.push_str(">\n");
        if kind != Kind::Passed {
            self.push_fault(note, kind, short, &mut xml);
        }
        let again = if kind == Kind::Passed { "flakyFailure" } else { "rerunFailure" };
        for (status, attempt) in note.retried.iter().take(ATTEMPTS).zip(1..) {
            xml += &format!("      <{again}");
            attribute(&mut xml, "type", status);
            attribute(&mut xml, "message", format_args!("attempt {attempt} ended with the status {status}"));
            xml.push_str("/>\n");
        }
        xml.push_str("    </testcase>\n");
        Case { kind, wall, xml }
    }

    /// A case that stands for rows, or for the run.
    pub fn of_all(&mut self, name: &str, kind: Kind, why: &str, message: &str) -> Case {
        let mut xml = self.head(name);
        attribute(&mut xml, "time", self.seconds(Duration::ZERO));
        match element(kind) {
            None => xml.push_str("/>\n"),
            Some(element) => {
                xml += &format!(">\n      <{element}");
                attribute(&mut xml, "type", why);
                attribute(&mut xml, "message", head(message, MESSAGE));
                xml.push('>');
                text(&mut xml, message);
                xml += &format!("</{element}>\n    </testcase>\n");
            }
        }
        Case { kind, wall: Duration::ZERO, xml }
    }

    /// Seconds of a time; 0 where reports of equal runs are to be equal.
    pub fn seconds(&self, time: Duration) -> String {
        if self.deterministic { "0".to_owned() } else { format!("{:.6}", time.as_secs_f64()) }
    }

    fn head(&mut self, name: &str) -> String {
        let name = self.named(shown(name));
        let mut xml = "    <testcase".to_owned();
        attribute(&mut xml, "classname", &self.class);
        attribute(&mut xml, "name", name);
        xml
    }

    /// The name, or, if another case has it, the name with a number.
    fn named(&mut self, name: String) -> String {
        let mut free = name.clone();
        while self.names.contains_key(&free) {
            free = format!("{name} #{}", self.next(&name));
        }
        self.names.insert(free.clone(), 1);
        free
    }

    /// The number of another case of a name.
    fn next(&mut self, name: &str) -> u64 {
        let count = self.names.entry(name.to_owned()).or_default();
        *count += 1;
        *count
    }

    fn push_fault(&self, note: &Note, kind: Kind, short: bool, xml: &mut String) {
        let none = Fault::default();
        let fault = note.fault.as_ref().unwrap_or(&none);
        let element = element(kind).unwrap_or("failure");
        *xml += &format!("      <{element}");
        attribute(xml, "type", note.status);
        attribute(xml, "message", head(&fault.message, if short { 200 } else { MESSAGE }));
        xml.push('>');
        if !short {
            text(xml, head(&self.details(note, fault), DETAILS));
        }
        *xml += &format!("</{element}>\n");
    }

    /// All that is known of a failure.
    fn details(&self, note: &Note, fault: &Fault) -> String {
        let mut details = format!("{}\n", fault.message);
        let mut add = |title: &str, text: &str| {
            if !text.is_empty() {
                details += &format!("\n{title}:\n{}\n", text.trim_end_matches('\n'));
            }
        };
        add("code", &fault.code);
        add("backtrace, innermost first", &fault.backtrace.join("\n"));
        add("traceback", fault.traceback.as_deref().unwrap_or_default());
        add("standard error", fault.stderr.as_deref().unwrap_or_default());
        add("to run it again", &self.account.replay(note.id).unwrap_or_default());
        details
    }
}

fn element(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Passed => None,
        Kind::Failure => Some("failure"),
        Kind::Error => Some("error"),
        Kind::Skipped => Some("skipped"),
    }
}

/// A name as it is shown, on one line.
pub fn shown(name: &str) -> String {
    head(&inert::text(name), NAME).to_owned()
}
