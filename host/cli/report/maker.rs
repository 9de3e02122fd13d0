//! Makes the records of results, and tells of each result all who note, count or show it.

use std::sync::Arc;

use wpool::bulk::OkSpan;
use wpool::{Status, TaskResult};

use crate::cli::args::Only;
use crate::cli::plan::{Locator, Plan};
use crate::cli::records::out_dir::OutDir;
use crate::cli::records::places::Stretch;
use crate::cli::records::record::Format;
use crate::cli::records::recorder::Recorder;
use crate::cli::records::writer::{Done, Line};
use crate::cli::report::failures::{self, Failures};
use crate::cli::report::hints::Hints;
use crate::cli::report::marks::Marks;
use crate::cli::report::pieces::{Pieces, push_file};
use crate::cli::report::printed;
use crate::cli::report::tally::Tally;
use crate::cli::report::telling::Telling;
use crate::cli::report::verify::Chooser;

/// Makes records.
pub struct Maker {
    format: Format,
    only: Option<Only>,
    out_dir: Option<Arc<OutDir>>,
    /// Makes the lines of `--failed`.
    pub failures: Option<Failures>,
    /// Hears of each task that answered, once its output is judged.
    judged: Box<dyn Fn(Status)>,
    /// Notes how rows ran, for the journal and for reports. `None` where nobody asks.
    pub recorder: Option<Recorder>,
    pub telling: Telling,
    show_output: bool,
    pub tally: Tally,
    /// Chooses the rows that run twice.
    pub chooser: Option<Chooser>,
    pub hints: Hints,
}

impl Maker {
    pub fn new(plan: &Plan, locator: Locator, out_dir: Option<Arc<OutDir>>, judged: Box<dyn Fn(Status)>) -> Maker {
        Maker {
            format: Format::of(plan, locator),
            only: plan.only,
            out_dir,
            failures: plan.failed.as_ref().map(|_| Failures::of(plan)),
            judged,
            recorder: None,
            telling: Telling::default(),
            show_output: plan.messages.show_output,
            tally: Tally::default(),
            chooser: None,
            hints: Hints::new(plan),
        }
    }

    /// The lines before the first record.
    pub fn header(&self) -> Vec<u8> {
        self.format.header()
    }

    /// From now on results are of another program.
    pub fn turn_to(&mut self, program: Arc<str>) {
        self.format.extras.program = Some(program);
        self.tally.marks = Some(Marks::default());
    }

    /// Counts rows whose records are kept.
    pub fn keep(&mut self, status: Status, rows: u64) {
        self.tally.keep(status, rows);
        self.telling.meter.keep(rows, if status == Status::Ok { 0 } else { rows });
    }

    /// Tells of all records up to now.
    pub fn tell(&mut self) {
        self.telling.tell(&self.tally);
    }

    /// Tells of the last records, and gives what was counted.
    pub fn end(mut self) -> Tally {
        self.hints.end();
        self.tell();
        self.tally
    }

    /// Whether records of tasks that are ok depend on nothing but their outputs and ids.
    pub fn is_plain(&self) -> bool {
        self.out_dir.is_none() && self.format.is_plain()
    }

    /// Makes the records of tasks that are ok, at the positions of their rows.
    pub fn span(&mut self, span: &OkSpan, places: &[Stretch], pieces: &mut Pieces) {
        self.tally.add_span(span, places);
        self.chooser.iter_mut().for_each(|chooser| chooser.look_at_span(span, places));
        self.telling.settled.iter_mut().for_each(|log| log.add_span(span, places));
        self.hints.pass();
        let ran = self.recorder.as_mut().map(|recorder| recorder.span(span, places, &self.format.locator));
        let mut lines = Vec::with_capacity(ran.as_ref().map_or(0, Vec::len));
        let mut each = ran.iter().flatten();
        let note = |length| lines.extend(each.next().map(|ran| Line { length, ran: *ran }));
        let piece = pieces.next();
        if self.only.is_none_or(|only| only == Only::Ok) {
            self.format.push_span(span, places, &mut piece.lines, note);
        } else {
            std::iter::repeat_n(0, span.len()).for_each(note);
        }
        if ran.is_some() {
            piece.add_span(span.rows().clone(), lines);
        }
    }

    /// Makes the record of a result.
    pub fn result(&mut self, mut result: TaskResult, pieces: &mut Pieces) {
        if let Some(chooser) = &mut self.chooser {
            chooser.look_at(result.id.0, &result.input, &result.outcome);
        }
        if result.outcome.status() == Status::Ok {
            self.format.check(&mut result);
            (self.judged)(result.outcome.status());
        }
        self.telling.settled.iter_mut().for_each(|log| log.add(&result));
        self.tally.add(&result);
        self.tally.firsts.add(&result, &self.format.locator);
        self.hints.hear(&result, &self.format.locator);
        if self.show_output {
            printed::show(&self.format.locator, &result);
        }
        let ok = result.outcome.status() == Status::Ok;
        if let Some(failures) = self.failures.as_mut().filter(|_| !ok)
            && !failures.push(&result.input, &mut pieces.failed.lines)
        {
            failures::lost(&self.format.locator, &result);
        }
        let piece = pieces.next();
        let file = push_file(self.out_dir.as_ref(), &result, piece);
        let begin = piece.lines.len();
        if self.only.is_none_or(|only| (only == Only::Ok) == ok) {
            self.format.push(&result, file.as_deref(), &mut piece.lines);
        }
        if let Some(recorder) = &mut self.recorder {
            let length = (piece.lines.len() - begin) as u64;
            let ran = recorder.result(&result, &self.format.locator);
            piece.add(Done::Now(result.input, result.outcome.status(), Line { length, ran }));
        }
    }
}
