//! Records: the public format of results, one JSON object a line.

use std::time::Duration;

use serde::Serialize;
use wpool::bulk::OkSpan;
use wpool::outcome::{ErrorDetail, Layer};
use wpool::output::{OutputType, push_as_json, push_string};
use wpool::{Failure, Input, Outcome, Receipt, Status, TaskResult, inert};

use crate::cli::plan::{Expect, Extras, Locator, Plan, Source, Style};
use crate::cli::records::columns::Columns;
use crate::cli::records::extra::{push_extras, push_place, push_program};
use crate::cli::records::places::Stretch;
use crate::cli::records::touched::TouchedRecord;
use crate::cli::say;
use crate::cli::texts::short;

/// Characters of a program's last words that stand behind a message.
const LAST_WORDS: usize = 300;

/// How a run's results are written.
#[derive(Debug)]
pub struct Format {
    pub style: Style,
    pub output_type: OutputType,
    pub expect: Option<Expect>,
    pub locator: Locator,
    pub extras: Extras,
    /// Records are a table of these columns.
    pub columns: Option<Columns>,
}

impl Format {
    /// The format of a run's records.
    pub fn of(plan: &Plan, locator: Locator) -> Format {
        let named = matches!(plan.source, Source::Files(_));
        let receipts = matches!(plan.style, Style::Records { receipts: true });
        let columns = plan.table.map(|table| Columns::new(table, &plan.extras, named, receipts));
        let (expect, extras) = (plan.expect.clone(), plan.extras.clone());
        Format { style: plan.style, output_type: plan.output_type, expect, locator, extras, columns }
    }

    /// The lines before the first record.
    pub fn header(&self) -> Vec<u8> {
        let mut header = Vec::new();
        self.columns.iter().for_each(|columns| columns.push_header(&mut header));
        header
    }

    /// An output that is not what all should be is a failure.
    pub fn check(&self, result: &mut TaskResult) {
        if let Outcome::Ok(output) = &result.outcome
            && let Some(error) = self.flaw(&result.input, output)
        {
            let output = Some(output.clone()).filter(|output| !output.is_empty());
            result.receipt.layer = Layer::Host;
            result.outcome =
                Outcome::NotOk(Box::new(Failure { status: Status::Failed, output, truncated: false, error }));
        }
    }

    fn flaw(&self, row: &Input, output: &[u8]) -> Option<ErrorDetail> {
        self.output_type.flaw(output).or_else(|| self.expect.as_ref()?.flaw(row, output))
    }

    /// Appends the line of a result. `file` is the file of its output, if it has one.
    pub fn push(&self, result: &TaskResult, file: Option<&str>, lines: &mut Vec<u8>) {
        if let Some(columns) = &self.columns {
            let mut record = Vec::new();
            self.push_line(result, file, &mut record);
            return columns.push(&record, lines);
        }
        self.push_line(result, file, lines);
        lines.push(b'\n');
    }

    fn push_line(&self, result: &TaskResult, file: Option<&str>, line: &mut Vec<u8>) {
        match self.style {
            Style::Records { receipts } => self.push_record(result, file, receipts, line),
            Style::Values if self.extras.is_empty() => self.push_value(result, file, line),
            Style::Values => self.push_joined(result, file, line),
        }
    }

    /// Whether the line of a task that is ok depends only on its output and its id.
    pub fn is_plain(&self) -> bool {
        let has_more = matches!(self.style, Style::Records { receipts: true }) || !self.extras.is_empty();
        self.output_type == OutputType::Auto && self.expect.is_none() && !has_more && self.columns.is_none()
    }

    /// Appends the lines of tasks whose lines are plain, like [`Format::push`], and passes the length of each to
    /// `tell`. `places` are the positions of their rows.
    pub fn push_span(&self, span: &OkSpan, places: &[Stretch], lines: &mut Vec<u8>, mut tell: impl FnMut(u64)) {
        let (before, after): (&[u8], &[u8]) = match self.style {
            Style::Records { .. } => (b"{\"id\":", b"}\n"),
            Style::Values => (b"", b"\n"),
        };
        lines.reserve(span.output_bytes());
        let mut tasks = span.iter();
        for place in places {
            let mut head = Head::new(before, place.first);
            lines.reserve(place.count as usize * (head.bytes().len() + after.len() + 2));
            for task in tasks.by_ref().take(place.count as usize) {
                let begin = lines.len();
                if !before.is_empty() {
                    lines.extend_from_slice(head.bytes());
                }
                push_as_json(task.output, lines);
                lines.extend_from_slice(after);
                head.count();
                tell((lines.len() - begin) as u64);
            }
        }
    }

    fn push_record(&self, result: &TaskResult, file: Option<&str>, receipts: bool, line: &mut Vec<u8>) {
        line.extend_from_slice(b"{\"id\":");
        push_number(result.id.0, line);
        push_program(&self.extras, line);
        if let Some(name) = &result.input.name {
            line.extend_from_slice(b",\"file\":");
            push_string(name, line);
        }
        push_place(&self.extras, &self.locator, &result.input, line);
        line.extend_from_slice(b",\"status\":\"");
        line.extend_from_slice(result.outcome.status().as_str().as_bytes());
        line.push(b'"');
        if let Some(output) = result.outcome.output() {
            line.extend_from_slice(b",\"output\":");
            match &result.outcome {
                // The beginning of a number would be another number.
                Outcome::NotOk(failure) if failure.truncated => self.cut_type().push(output, line),
                _ => self.push_output(output, file, line),
            }
        }
        if let Outcome::NotOk(failure) = &result.outcome {
            if failure.truncated {
                line.extend_from_slice(b",\"truncated\":true");
            }
            line.extend_from_slice(b",\"error\":");
            push_error(failure, self.locator.locate(&result.input), line);
        }
        push_extras(&self.extras, &result.input, line);
        if receipts {
            line.extend_from_slice(b",\"receipt\":");
            push_json(&ReceiptRecord::from(result), line);
        }
        line.push(b'}');
    }

    /// The type of outputs of which a part is missing: they are not JSON, whatever they look like.
    fn cut_type(&self) -> OutputType {
        if self.output_type == OutputType::Base64 { OutputType::Base64 } else { OutputType::Text }
    }

    fn push_output(&self, output: &[u8], file: Option<&str>, line: &mut Vec<u8>) {
        let Some(file) = file else { return self.output_type.push(output, line) };
        line.extend_from_slice(b"{\"file\":");
        push_string(file, line);
        line.extend_from_slice(b",\"bytes\":");
        push_number(output.len() as u64, line);
        line.push(b'}');
    }

    fn push_value(&self, result: &TaskResult, file: Option<&str>, line: &mut Vec<u8>) {
        match &result.outcome {
            Outcome::Ok(output) => self.push_output(output, file, line),
            Outcome::NotOk(failure) => {
                line.extend_from_slice(b"null");
                let place = self.locator.locate(&result.input).map(|place| format!(" ({place})")).unwrap_or_default();
                let mut message = Vec::new();
                // As a JSON string, so that nothing in a guest's message reaches a terminal as it is.
                push_string(&reason(&failure.error), &mut message);
                let message = String::from_utf8_lossy(&message);
                say(format_args!("task {}{place}: {}: {message}", result.id.0, failure.status));
            }
        }
    }
}

impl Format {
    /// Appends a value with what joins it with its row, as an object.
    fn push_joined(&self, result: &TaskResult, file: Option<&str>, line: &mut Vec<u8>) {
        line.extend_from_slice(b"{\"output\":");
        self.push_value(result, file, line);
        push_place(&self.extras, &self.locator, &result.input, line);
        push_extras(&self.extras, &result.input, line);
        line.push(b'}');
    }
}

/// Why a task is not ok, in one line: where the message is wpool's own, the program's last words stand behind it.
pub fn reason(error: &ErrorDetail) -> String {
    let has_own = error.code == "err" || error.traceback.is_some();
    let stderr = error.stderr.as_deref().filter(|_| !has_own).unwrap_or_default();
    // Rust's panics end with a note about backtraces.
    let says = |line: &&str| !line.is_empty() && !line.starts_with("note: ");
    match stderr.lines().rev().map(str::trim).find(says) {
        Some(last) => format!("{}: {}", error.message, short(last, LAST_WORDS)),
        None => error.message.clone(),
    }
}

fn push_error(failure: &Failure, place: Option<String>, line: &mut Vec<u8>) {
    match place.filter(|_| failure.status == Status::InvalidInput) {
        Some(place) => {
            let message = format!("{place}: {}", failure.error.message);
            push_json(&ErrorDetail { message, ..failure.error.clone() }, line);
        }
        None => push_json(&failure.error, line),
    }
}

/// The beginning of the records of tasks that are ok. Its id counts up in place.
struct Head {
    bytes: Vec<u8>,
    /// The place of the id.
    id: std::ops::Range<usize>,
}

impl Head {
    fn new(before: &[u8], id: u64) -> Head {
        let mut bytes = before.to_vec();
        push_number(id, &mut bytes);
        let id = before.len()..bytes.len();
        bytes.extend_from_slice(b",\"status\":\"ok\",\"output\":");
        Head { bytes, id }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn count(&mut self) {
        for at in self.id.clone().rev() {
            if self.bytes[at] < b'9' {
                self.bytes[at] += 1;
                return;
            }
            self.bytes[at] = b'0';
        }
        self.bytes.insert(self.id.start, b'1');
        self.id.end += 1;
    }
}

/// Appends a number, as there are several in each line.
pub fn push_number(mut number: u64, line: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[at..]);
}

fn push_json(value: &impl Serialize, line: &mut Vec<u8>) {
    inert::push_json(value, line).expect("plain data serializes, and a Vec takes every byte");
}

/// The measurements of a task's last attempt, as far as there are any. Times are in microseconds, sizes in bytes.
#[derive(Default, PartialEq, Serialize)]
pub struct MeasuredRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_us: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_us: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
}

impl MeasuredRecord {
    pub fn of(receipt: &Receipt) -> MeasuredRecord {
        let measured = receipt.measured.as_deref();
        let micros = |time: Duration| time.as_micros();
        MeasuredRecord {
            start_us: measured.and_then(|measured| measured.start).map(micros),
            cpu_us: measured.and_then(|measured| measured.cpu).map(micros),
            peak_memory: measured.and_then(|measured| measured.peak_memory),
            fuel: measured.and_then(|measured| measured.fuel),
        }
    }
}

/// Times are in microseconds, sizes in bytes.
#[derive(Serialize)]
struct ReceiptRecord<'a> {
    layer: Layer,
    attempts: u32,
    /// The statuses of earlier attempts.
    #[serde(skip_serializing_if = "<[Status]>::is_empty")]
    retried: &'a [Status],
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<u32>,
    wait_us: u128,
    wall_us: u128,
    #[serde(flatten)]
    measured: MeasuredRecord,
    bytes_in: usize,
    bytes_out: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<&'a str>,
    #[serde(flatten)]
    touched: TouchedRecord<'a>,
}

impl<'a> From<&'a TaskResult> for ReceiptRecord<'a> {
    fn from(result: &'a TaskResult) -> Self {
        let receipt = &result.receipt;
        let measured = receipt.measured.as_deref();
        let micros = |time: Duration| time.as_micros();
        ReceiptRecord {
            layer: receipt.layer,
            attempts: receipt.attempts,
            retried: receipt.retried(),
            worker: receipt.slot,
            wait_us: micros(receipt.wait),
            wall_us: micros(receipt.wall),
            measured: MeasuredRecord::of(receipt),
            bytes_in: result.input.bytes.len(),
            bytes_out: result.outcome.output().map_or(0, |output| output.len()),
            stderr: measured.and_then(|measured| measured.stderr.as_deref()),
            touched: TouchedRecord::of(measured.and_then(|measured| measured.touched.as_ref())),
        }
    }
}
