//! The JUnit report. CI systems read files of limited size and drop cases of the same name, so the report is bounded,
//! names differ, and what is left out is counted in cases that say so.
//!
//! The numbers of a suite stand before its cases. So the notes are read twice: to count the cases, and to write them.

mod case;
mod xml;

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use wpool::Status;

use crate::cli::journal::{MOST_OK, Note};
use crate::cli::reports::account::Account;
use crate::cli::reports::ending::ending;
use crate::cli::reports::places;
use crate::cli::texts::cut;
use case::{Case, Cases, Kind, shown};
use xml::attribute;

/// Rows that are not ok and have cases of their own.
const MOST_OTHERS: u64 = 100_000;
/// Bytes from which on cases are short, and from which on there are none. No report is longer than 25 MiB.
const SHORT_FROM: usize = 20 << 20;
const END: usize = 24 << 20;
/// Bytes of cases of rows that are ok.
const MOST_PASSED_BYTES: usize = 4 << 20;
/// Bytes of suites and properties.
const MOST_HEADS: usize = 512 << 10;

/// Writes the report.
pub fn write(account: &Account, out: &mut dyn Write) -> Result<()> {
    let (suites, left) = survey(account);
    let mut cases = Picker::new(account);
    let all = suites.iter().fold(Counts::default(), |all, suite| all.and(&suite.counts));
    let mut head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites".to_owned();
    attribute(&mut head, "name", shown(&account.program()));
    cases.push_counts(&all, &mut head);
    head.push_str(">\n");
    out.write_all(head.as_bytes())?;
    let mut notes = account.notes().peekable();
    for (suite, at) in suites.iter().zip(0..) {
        out.write_all(cases.head(suite, at == 0).as_bytes())?;
        if suite.is_run {
            for case in run_cases(account, &mut cases.cases, &left) {
                out.write_all(case.xml.as_bytes())?;
            }
        }
        let mut taken = 0;
        while taken < suite.counts.tests && !suite.is_run {
            let Some(note) = notes.next() else { break };
            if let Some(case) = cases.case(&note) {
                out.write_all(case.xml.as_bytes())?;
                taken += 1;
            }
        }
        out.write_all(b"  </testsuite>\n")?;
    }
    out.write_all(b"</testsuites>\n")?;
    Ok(())
}

/// A suite: the cases of a file of rows, or of the run.
#[derive(Debug)]
struct Suite {
    name: String,
    /// It has what is said of the run, and no rows.
    is_run: bool,
    counts: Counts,
}

/// The cases of a suite.
#[derive(Debug, Default)]
struct Counts {
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
    time: Duration,
}

impl Counts {
    fn add(&mut self, case: &Case) {
        self.tests += 1;
        self.time += case.wall;
        match case.kind {
            Kind::Passed => {}
            Kind::Failure => self.failures += 1,
            Kind::Error => self.errors += 1,
            Kind::Skipped => self.skipped += 1,
        }
    }

    fn and(self, other: &Counts) -> Counts {
        Counts {
            tests: self.tests + other.tests,
            failures: self.failures + other.failures,
            errors: self.errors + other.errors,
            skipped: self.skipped + other.skipped,
            time: self.time + other.time,
        }
    }
}

/// Rows without cases of their own, by status.
type Left = [u64; Status::ALL.len()];

/// Finds the suites, and what is left out of them.
fn survey(account: &Account) -> (Vec<Suite>, Left) {
    let mut picker = Picker::new(account);
    let mut suites: Vec<Suite> = Vec::new();
    let mut heads = 0;
    for note in account.notes() {
        let Some(case) = picker.case(&note) else { continue };
        let name = places::together(&note);
        // With very many files, the last suite has the rest.
        if suites.last().is_none_or(|suite| suite.name != name && heads < MOST_HEADS) {
            suites.push(Suite { name: name.to_owned(), is_run: false, counts: Counts::default() });
            // An escape has at most six characters for one.
            heads += 6 * shown(name).len() + 300;
        }
        suites.last_mut().expect("it was just added").counts.add(&case);
    }
    let left = Status::ALL.map(|status| account.count(status).saturating_sub(picker.listed[status as usize]));
    let mut counts = Counts::default();
    run_cases(account, &mut picker.cases, &left).iter().for_each(|case| counts.add(case));
    if counts.tests > 0 {
        suites.push(Suite { name: "run".to_owned(), is_run: true, counts });
    }
    (suites, left)
}

/// The cases that stand for the run, and for rows that have none.
fn run_cases(account: &Account, cases: &mut Cases<'_>, left: &Left) -> Vec<Case> {
    let mut all = Vec::new();
    for (status, count) in Status::ALL.into_iter().zip(left).filter(|(_, count)| **count > 0) {
        let message = format!("{count} more rows have the status {status}; the records have them");
        all.push(cases.of_all(&format!("{count} more rows: {status}"), Kind::of(status), status.as_str(), &message));
    }
    if let Some(ending) = ending(account) {
        let kind = if ending.is_error { Kind::Error } else { Kind::Skipped };
        all.push(cases.of_all("the run", kind, "run", &ending.words));
    }
    all
}

/// Makes the cases of rows, as many as there is room for. Two of the same account give the same.
struct Picker<'a> {
    account: &'a Account,
    cases: Cases<'a>,
    /// All rows that are ok have cases.
    with_passed: bool,
    passed_bytes: usize,
    bytes: usize,
    others: u64,
    listed: Left,
}

impl<'a> Picker<'a> {
    fn new(account: &'a Account) -> Picker<'a> {
        let with_passed = account.count(Status::Ok) <= MOST_OK;
        let (passed_bytes, bytes, others, listed) = (0, 0, 0, Left::default());
        Picker { account, cases: Cases::new(account), with_passed, passed_bytes, bytes, others, listed }
    }

    /// The case of a row, if it has one.
    fn case(&mut self, note: &Note) -> Option<Case> {
        let is_plain = note.status == Status::Ok && note.retried.is_empty();
        let has_room = match is_plain {
            true => self.with_passed && self.passed_bytes < MOST_PASSED_BYTES,
            false => self.others < MOST_OTHERS,
        };
        if !has_room || self.bytes >= END {
            return None;
        }
        let case = self.cases.of_row(note, self.bytes >= SHORT_FROM);
        self.bytes += case.xml.len();
        if is_plain {
            self.passed_bytes += case.xml.len();
        } else {
            self.others += 1;
        }
        self.listed[note.status as usize] += 1;
        Some(case)
    }

    fn push_counts(&self, counts: &Counts, xml: &mut String) {
        let Counts { tests, failures, errors, skipped, time } = counts;
        for (name, count) in [("tests", tests), ("failures", failures), ("errors", errors), ("skipped", skipped)] {
            attribute(xml, name, count);
        }
        attribute(xml, "time", self.cases.seconds(*time));
        if !self.account.is_deterministic() {
            attribute(xml, "timestamp", &self.account.facts.started);
        }
    }

    /// The beginning of a suite. The first one has the properties of the run.
    fn head(&self, suite: &Suite, is_first: bool) -> String {
        let mut xml = "  <testsuite".to_owned();
        attribute(&mut xml, "name", shown(&suite.name));
        self.push_counts(&suite.counts, &mut xml);
        xml.push_str(">\n");
        if is_first {
            xml.push_str("    <properties>\n");
            for (name, value) in properties(self.account) {
                xml.push_str("      <property");
                attribute(&mut xml, "name", name);
                attribute(&mut xml, "value", value);
                xml.push_str("/>\n");
            }
            xml.push_str("    </properties>\n");
        }
        xml
    }
}

/// What is known of the run, for whoever looks at the report later.
fn properties(account: &Account) -> Vec<(String, String)> {
    let facts = &account.facts;
    let mut all = vec![
        ("wpool.version".to_owned(), facts.version.clone()),
        ("program".to_owned(), account.program()),
        ("command".to_owned(), command(&facts.typed())),
    ];
    let mut add = |name: &str, value: String| all.push((name.to_owned(), value));
    if !facts.program.hash.is_empty() {
        add("program.blake3", facts.program.hash.clone());
    }
    if let Some(shard) = &facts.shard {
        let numbers: Vec<_> = shard.numbers.iter().map(u32::to_string).collect();
        add("shard", format!("{}/{}", numbers.join(","), shard.of));
    }
    if let Some(code) = account.exit_code() {
        add("exit-code", code.to_string());
    }
    for (status, count) in account.present() {
        add(&format!("rows.{status}"), count.to_string());
    }
    all
}

/// What was typed, cut if it is very long.
fn command(typed: &str) -> String {
    cut(&format!("wpool run {typed}"), 8 << 10)
}
