//! Notes how rows ran, for reports and later runs.

use std::time::Duration;

use wpool::bulk::OkSpan;
use wpool::{Input, Outcome, Status, TaskResult};

use crate::cli::journal::{Fault, Key, Note, Notebook, Ran, RowPlace, Timing, micros_of, session, since_session};
use crate::cli::plan::Locator;
use crate::cli::records::places::Stretch;

/// Notes how rows ran.
#[derive(Debug)]
pub struct Recorder {
    book: Notebook,
    /// From the start of the session to that of the pool.
    lead: Duration,
}

impl Recorder {
    /// For a pool that started so long ago.
    pub fn new(book: Notebook, uptime: Duration) -> Recorder {
        Recorder { book, lead: since_session().saturating_sub(uptime) }
    }

    /// Notes a result, and gives what its history has of it.
    pub fn result(&mut self, result: &TaskResult, locator: &Locator) -> Ran {
        let receipt = &result.receipt;
        let row = Row {
            id: result.id.0,
            status: result.outcome.status(),
            began: self.lead + receipt.began,
            wall: receipt.wall,
            slot: receipt.slot,
            attempts: receipt.attempts.try_into().unwrap_or(u8::MAX),
        };
        let retried = receipt.retried();
        if row.status != Status::Ok || !retried.is_empty() || self.book.takes_ok() {
            let note = row.note(&result.input, locator);
            self.book.add(Note { retried: retried.to_vec(), fault: fault(&result.outcome), ..note });
        }
        row.ran()
    }

    /// The same for each task of a span, at the positions of their rows.
    pub fn span(&mut self, span: &OkSpan, places: &[Stretch], locator: &Locator) -> Vec<Ran> {
        let ids = places.iter().flat_map(|place| place.first..place.first + place.count);
        let mut all = Vec::with_capacity(span.len());
        for ((at, task), id) in span.iter().enumerate().zip(ids) {
            let row = Row {
                id,
                status: Status::Ok,
                began: self.lead + Duration::from_nanos(task.began),
                wall: Duration::from_nanos(task.wall),
                slot: Some(span.slot()),
                attempts: 1,
            };
            if self.book.takes_ok() {
                self.book.add(row.note(&span.rows().input(at), locator));
            }
            all.push(row.ran());
        }
        all
    }

    /// Writes what was noted.
    pub fn flush(&mut self) {
        self.book.flush();
    }
}

/// How a row ran, for its note and for the history.
struct Row {
    id: u64,
    status: Status,
    began: Duration,
    wall: Duration,
    slot: Option<u32>,
    attempts: u8,
}

impl Row {
    /// The note of a row that was ok at once.
    fn note(&self, input: &Input, locator: &Locator) -> Note {
        let &Row { id, status, began, wall, slot, .. } = self;
        let (began_us, wall_us) = (since_1970(began), micros(wall));
        let (key, place) = (Key::of(input).short(), place(locator, input));
        Note { id, key, place, status, retried: Vec::new(), began_us, wall_us, worker: slot, fault: None }
    }

    fn ran(&self) -> Ran {
        let &Row { id, status, began, wall, slot, attempts } = self;
        let worker = slot.and_then(|slot| u8::try_from(slot).ok());
        Ran::new(&Timing { id: Some(id), began, wall, worker, status, attempts })
    }
}

fn place(locator: &Locator, row: &Input) -> Option<RowPlace> {
    if let Some(name) = &row.name {
        return Some(RowPlace { file: name.to_string(), line: None, is_index: false });
    }
    let (file, line) = locator.place(row)?;
    Some(RowPlace { file: file.to_owned(), line: Some(line), is_index: locator.is_of_array(row) })
}

fn fault(outcome: &Outcome) -> Option<Fault> {
    let Outcome::NotOk(failure) = outcome else { return None };
    let error = &failure.error;
    Some(Fault {
        code: error.code.clone(),
        message: error.message.clone(),
        backtrace: error.backtrace.clone(),
        traceback: error.traceback.clone(),
        stderr: error.stderr.clone(),
    })
}

/// The microseconds since 1970 of a time since the start of the session.
fn since_1970(began: Duration) -> u64 {
    micros_of(session()).saturating_add(micros(began))
}

fn micros(time: Duration) -> u64 {
    time.as_micros().try_into().unwrap_or(u64::MAX)
}
