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

    /// The microseconds since 1970 of a time since the start of the session.
    fn since_1970(began: Duration) -> u64 {
        micros_of(session()).saturating_add(micros(began))
    }

    /// Notes a result, and gives what its history has of it.
    pub fn result(&mut self, result: &TaskResult, locator: &Locator) -> Ran {
        let status = result.outcome.status();
        let receipt = &result.receipt;
        let began = self.lead + receipt.began;
        if status != Status::Ok || !receipt.retried().is_empty() || self.book.takes_ok() {
            self.book.add(Note {
                id: result.id.0,
                key: Key::of(&result.input).short(),
                place: place(locator, &result.input),
                status,
                retried: receipt.retried().to_vec(),
                began_us: Recorder::since_1970(began),
                wall_us: micros(receipt.wall),
                worker: receipt.slot,
                fault: fault(&result.outcome),
            });
        }
        Ran::new(&Timing {
            id: Some(result.id.0),
            began,
            wall: receipt.wall,
            worker: receipt.slot.and_then(|slot| u8::try_from(slot).ok()),
            status,
            attempts: receipt.attempts.try_into().unwrap_or(u8::MAX),
        })
    }

    /// The same for each task of a span, at the positions of their rows.
    pub fn span(&mut self, span: &OkSpan, places: &[Stretch], locator: &Locator) -> Vec<Ran> {
        let worker = u8::try_from(span.slot()).ok();
        let ids = places.iter().flat_map(|place| place.first..place.first + place.count);
        let mut all = Vec::with_capacity(span.len());
        for ((at, task), id) in span.iter().enumerate().zip(ids) {
            let (began, wall) = (self.lead + Duration::from_nanos(task.began), Duration::from_nanos(task.wall));
            if self.book.takes_ok() {
                let row = span.rows().input(at);
                self.book.add(Note {
                    id,
                    key: Key::of(&row).short(),
                    place: place(locator, &row),
                    status: Status::Ok,
                    retried: Vec::new(),
                    began_us: Recorder::since_1970(began),
                    wall_us: micros(wall),
                    worker: Some(span.slot()),
                    fault: None,
                });
            }
            all.push(Ran::new(&Timing { id: Some(id), began, wall, worker, status: Status::Ok, attempts: 1 }));
        }
        all
    }

    /// Writes what was noted.
    pub fn flush(&mut self) {
        self.book.flush();
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

fn micros(time: Duration) -> u64 {
    time.as_micros().try_into().unwrap_or(u64::MAX)
}
