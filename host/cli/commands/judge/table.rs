//! The verdicts: a line for each program as it is judged, and all of them as JSON.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use wpool::inert;

use crate::cli::exit::Exit;
use crate::cli::guard::Guard;
use crate::cli::plan::Plan;
use crate::cli::report::{Marks, Verdict};
use crate::cli::say;
use crate::cli::units::{plural, show_size, show_time};

/// The widest column of names.
const WIDEST: usize = 40;

/// What was found about a program.
#[derive(Debug)]
pub struct Judgement {
    pub program: Arc<str>,
    pub marks: Marks,
    /// Why it cannot be run.
    pub refused: Option<String>,
}

/// The verdicts so far.
#[derive(Debug)]
pub struct Table {
    width: usize,
    quiet: bool,
    /// How many programs there are.
    programs: usize,
    rows: Vec<Judgement>,
}

impl Table {
    /// A table for programs with these names.
    pub fn new<'a>(names: impl Iterator<Item = &'a str>, quiet: bool) -> Table {
        let widths: Vec<usize> = names.map(|name| name.chars().count()).collect();
        let width = widths.iter().copied().max().unwrap_or_default().clamp("program".len(), WIDEST);
        Table { width, quiet, programs: widths.len(), rows: Vec::new() }
    }

    /// Adds a verdict, and prints its line.
    pub fn add(&mut self, judgement: Judgement) {
        if !self.quiet {
            if self.rows.is_empty() {
                let parts = ["verdict", "passed", "CPU time", "longest", "memory", "first"].map(str::to_owned);
                say(format_args!("{}", line("program", self.width, parts)));
            }
            say(format_args!("{}", line(&judgement.program, self.width, judgement.parts())));
        }
        self.rows.push(judgement);
    }
}

impl Judgement {
    /// The columns behind the name.
    fn parts(&self) -> [String; 6] {
        let Judgement { marks, refused, .. } = self;
        let verdict = self.verdict().map_or("no tests", Verdict::as_str);
        let first = match (refused, marks.first()) {
            (Some(why), _) => Marks::head(why),
            (None, Some(first)) => format!("test {}: {}", first.id, first.message),
            (None, None) => String::new(),
        };
        let passed = format!("{}/{}", marks.of(Verdict::Accepted), marks.tests());
        let memory = if marks.memory == 0 { "-".to_owned() } else { show_size(marks.memory) };
        [verdict.to_owned(), passed, show_time(marks.time), show_time(marks.longest), memory, first]
    }

    /// A program that cannot be run is refused, although it may have no tests.
    fn verdict(&self) -> Option<Verdict> {
        if self.refused.is_some() { Some(Verdict::Refused) } else { self.marks.verdict() }
    }
}

fn line(program: &str, width: usize, parts: [String; 6]) -> String {
    let [verdict, passed, time, longest, memory, first] = parts;
    let row = format!("{program:width$}  {verdict:13}  {passed:>7}  {time:>8}  {longest:>8}  {memory:>9}  {first}");
    row.trim_end().to_owned()
}

/// Prints the sum, and writes `--summary-json`. Gives the exit.
pub fn finish(plan: &Plan, table: Table, all: Marks, end: (Option<&str>, Duration, Exit)) -> Result<Exit> {
    let (stopped, wall, exit) = end;
    if !table.quiet {
        say(format_args!("{}", headline(&table, &all, stopped, wall)));
    }
    let Some(target) = &plan.messages.summary_json else { return Ok(exit) };
    let document = Document {
        version: env!("CARGO_PKG_VERSION"),
        exit_code: exit.into(),
        stopped,
        tests: &all,
        wall_us: wall.as_micros(),
        workers: plan.config.workers,
        programs: table.rows.iter().map(ProgramDocument::of).collect(),
    };
    let mut text = Vec::new();
    inert::push_pretty_json(&document, &mut text)?;
    text.push(b'\n');
    target.write(&target.guard(Guard::Json).apply(&text))?;
    Ok(exit)
}

fn headline(table: &Table, all: &Marks, stopped: Option<&str>, wall: Duration) -> String {
    if all.tests() == 0 && stopped.is_none() {
        return "nothing was judged: there are no tests (blank lines are not rows)".to_owned();
    }
    let (programs, tests) = (plural(table.rows.len() as u64, "program"), plural(all.tests(), "test"));
    let counts: Vec<_> = all.present().map(|(verdict, count)| format!("{count} {}", verdict.as_str())).collect();
    let mut text = format!("{programs}, {tests} in {:.3}s: {}", wall.as_secs_f64(), counts.join(", "));
    if let Some(why) = stopped {
        let left = table.programs - table.rows.len();
        text += &format!("; stopped early by {why}, {} not judged", plural(left as u64, "program"));
    }
    text
}

/// `--summary-json` of a judging: public format, described in docs/guide/judging.md. Members may be added.
#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    exit_code: i32,
    stopped: Option<&'a str>,
    tests: &'a Marks,
    wall_us: u128,
    workers: usize,
    programs: Vec<ProgramDocument<'a>>,
}

#[derive(Serialize)]
struct ProgramDocument<'a> {
    program: &'a str,
    verdict: Option<Verdict>,
    /// The id of the first test that is not accepted.
    first: Option<u64>,
    /// The beginning of its message.
    message: Option<&'a str>,
    refused: Option<&'a str>,
    tests: &'a Marks,
    cpu_us: u128,
    longest_cpu_us: u128,
    peak_memory: u64,
}

impl ProgramDocument<'_> {
    fn of(judgement: &Judgement) -> ProgramDocument<'_> {
        let Judgement { program, marks, refused } = judgement;
        ProgramDocument {
            program,
            verdict: judgement.verdict(),
            first: marks.first().map(|first| first.id),
            message: marks.first().map(|first| first.message.as_str()),
            refused: refused.as_deref(),
            tests: marks,
            cpu_us: marks.time.as_micros(),
            longest_cpu_us: marks.longest.as_micros(),
            peak_memory: marks.memory,
        }
    }
}
