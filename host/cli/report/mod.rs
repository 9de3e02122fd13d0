//! What comes of results: lines, files, counts, and a summary in the end. Progress beside it.

mod advice;
mod bar;
mod compiling;
mod counter;
mod ending;
mod expected;
mod failures;
mod firsts;
mod front;
mod hints;
mod ledger;
mod live;
mod marks;
mod pieces;
mod printed;
mod progress;
mod standing;
pub mod state_file;
mod summary;
pub mod summary_file;
mod tally;
mod telemetry;
mod telling;
mod times;
mod verify;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_core::Stream;
use tokio::sync::watch;
use wpool::bulk::{OkSpan, Settled, Supply};
use wpool::{Results, Status, TaskResult};

use crate::cli::args::Only;
use crate::cli::journal::MAX_ROWS;
use crate::cli::plan::{Locator, Plan};
use crate::cli::records::kept::{Kept, KeptRow};
use crate::cli::records::out_dir::OutDir;
use crate::cli::records::places::{FRONT, Places, Stretch};
use crate::cli::records::record::Format;
use crate::cli::records::recorder::Recorder;
use crate::cli::records::writer::{Done, Line, Writer};
pub use compiling::Compiling;
pub use ending::Reported;
pub use expected::Expected;
use failures::Failures;
pub use firsts::Replay;
pub use front::Front;
use hints::Hints;
pub use ledger::Ledger;
pub use live::Live;
pub use marks::{Marks, Verdict};
pub use pieces::Pieces;
use pieces::push_file;
pub use progress::{Meter, Monitor, Showing};
pub use summary::Summary;
pub use tally::Tally;
pub use telemetry::{Sample, SettledLog, Telemetry};
pub use telling::Telling;
pub use verify::{Chooser, Verified, verifying};

/// Turns results into lines.
pub struct Reporter {
    format: Format,
    only: Option<Only>,
    out_dir: Option<Arc<OutDir>>,
    output: Writer,
    pub failed: Option<Writer>,
    failures: Failures,
    /// Hears of each task that answered, once its output is judged.
    judged: Box<dyn Fn(Status)>,
    /// Notes how rows ran, for the journal and for reports. `None` where nobody asks.
    pub recorder: Option<Recorder>,
    /// What there is of an earlier run.
    pub kept: Option<Kept>,
    /// The positions of rows, where the pool does not have all rows of the input.
    pub places: Option<Places>,
    pub telling: Telling,
    /// Tasks that were reported.
    reported: u64,
    ordered: bool,
    show_output: bool,
    pub tally: Tally,
    /// Chooses the rows that run twice.
    pub chooser: Option<Chooser>,
    pub hints: Hints,
    /// Time spent on making records, and on waiting for who reads them.
    pub spent: Duration,
    /// The output takes no more.
    pub unwanted: bool,
}

impl Reporter {
    pub fn new(
        plan: &Plan,
        locator: Locator,
        out_dir: Option<Arc<OutDir>>,
        judged: Box<dyn Fn(Status)>,
        output: Writer,
    ) -> Reporter {
        Reporter {
            format: Format::of(plan, locator),
            only: plan.only,
            out_dir,
            output,
            failed: None,
            failures: Failures::of(plan),
            judged,
            recorder: None,
            kept: None,
            places: None,
            telling: Telling::default(),
            reported: 0,
            ordered: !plan.unordered,
            show_output: plan.messages.show_output,
            tally: Tally::default(),
            chooser: None,
            hints: Hints::new(plan),
            spent: Duration::ZERO,
            unwanted: false,
        }
    }

    /// Reports every result, or as many as somebody wants to read. `front` are the rows that are started before the others.
    pub async fn report<S>(&mut self, mut results: Results<'_, S>, mut front: Front<'_>) -> Result<()>
    where
        S: Stream<Item: Into<Supply>>,
    {
        let kept = self.kept.clone();
        let changed = async || match &kept {
            Some(kept) => kept.changed().await,
            None => std::future::pending().await,
        };
        let mut header = self.format.header();
        loop {
            let mut pieces = Pieces::default();
            pieces.last.lines.append(&mut header);
            let mut any = false;
            let chunk = tokio::select! {
                biased;
                heard = front.hear() => {
                    heard?;
                    None
                }
                chunk = results.next_settled() => Some(chunk?),
                () = changed() => None,
            };
            let waiting = chunk.is_none();
            let began = Instant::now();
            for settled in chunk.into_iter().flatten() {
                any = true;
                match settled {
                    Settled::Many(span) if self.are_plain() && front.is_done() => self.take_span(&span, &mut pieces),
                    settled => {
                        for result in settled {
                            while self.take_kept(&mut pieces) {}
                            self.take_front(&mut front, Some(result.id.0), &mut pieces).await?;
                            self.take(result, &mut pieces);
                        }
                    }
                }
            }
            if !any && !waiting {
                self.take_front(&mut front, None, &mut pieces).await?;
            } else if !self.ordered {
                self.take_ready(&mut front, &mut pieces).await?;
            }
            let more = self.take_kept(&mut pieces);
            if let Some(places) = self.places.as_ref().filter(|_| self.ordered) {
                places.pass(self.reported);
            }
            self.telling.tell(&self.tally);
            self.write(pieces).await;
            self.spent += began.elapsed();
            if self.unwanted || !(any || waiting || more) {
                return Ok(());
            }
            if more {
                kept.iter().for_each(Kept::change);
            }
        }
    }

    /// From now on results are of another program, whose pool counts its tasks from 0 again.
    pub fn turn_to(&mut self, program: Arc<str>, places: Option<Places>) {
        self.format.extras.program = Some(program);
        (self.reported, self.places, self.tally.marks) = (0, places, Some(Marks::default()));
    }

    /// Hands everything over, in pieces of a bounded number of rows.
    pub async fn write(&mut self, pieces: Pieces) {
        // A note is there before the record of its row.
        self.recorder.iter_mut().for_each(Recorder::flush);
        self.unwanted |= !pieces.write(&self.output, self.failed.as_ref()).await;
        if let Some(chooser) = &mut self.chooser {
            chooser.flush().await;
        }
    }

    /// Takes the rows of the front that stand before a task; with `None`, all. Waits for their results.
    async fn take_front(&mut self, front: &mut Front<'_>, task: Option<u64>, pieces: &mut Pieces) -> Result<()> {
        if front.is_done() {
            return Ok(());
        }
        let limit = task.and_then(|task| self.places.as_ref()?.position(task));
        while let Some(position) = front.next_before(limit) {
            if !front.is_ready(position) {
                // What is there need not wait.
                self.write(std::mem::take(pieces)).await;
            }
            if let Some(result) = front.take(position).await? {
                self.take(result, pieces);
            }
        }
        Ok(())
    }

    /// Takes the rows of the front whose results are there.
    async fn take_ready(&mut self, front: &mut Front<'_>, pieces: &mut Pieces) -> Result<()> {
        while let Some(position) = front.any_ready() {
            if let Some(result) = front.take(position).await? {
                self.take(result, pieces);
            }
        }
        Ok(())
    }

    /// Takes kept rows that stand before the next task, as many as are written at a time. Says whether there may be more.
    fn take_kept(&mut self, pieces: &mut Pieces) -> bool {
        let Some(kept) = &self.kept else { return false };
        let in_place = kept.in_place();
        self.tally.keep(Status::Ok, in_place);
        self.telling.meter.keep(in_place, 0);
        // In a run without order every task that comes is the next one.
        let next = self.ordered.then_some(self.reported);
        for _ in 0..MAX_ROWS {
            let Some(KeptRow { status, line, row, .. }) = kept.before(next) else { return false };
            self.tally.keep(status, 1);
            self.telling.meter.keep(1, u64::from(status != Status::Ok));
            if let Some((record, line)) = line {
                let piece = pieces.next();
                piece.lines.extend_from_slice(&line);
                piece.add(Done::Before(record));
            }
            if let Some(row) = row.filter(|_| self.failed.is_some()) {
                self.failures.push(&row, &mut pieces.failed.lines);
            }
        }
        true
    }

    /// Whether records of tasks that are ok depend on nothing but their outputs and ids.
    fn are_plain(&self) -> bool {
        self.kept.is_none() && self.out_dir.is_none() && self.format.is_plain()
    }

    /// As [`Reporter::take`] for each of them, at a fraction of the cost.
    fn take_span(&mut self, span: &OkSpan, pieces: &mut Pieces) {
        self.reported += span.len() as u64;
        let places = match &self.places {
            Some(places) => places.stretches(span.first().0, span.len()),
            None => vec![Stretch { first: span.first().0, count: span.len() as u64 }],
        };
        self.tally.add_span(span, &places);
        self.chooser.iter_mut().for_each(|chooser| chooser.look_at_span(span, &places));
        self.telling.settled.iter_mut().for_each(|log| log.add_span(span, &places));
        self.hints.pass();
        let ran = self.recorder.as_mut().map(|recorder| recorder.span(span, &places, &self.format.locator));
        let mut lines = Vec::with_capacity(ran.as_ref().map_or(0, Vec::len));
        let mut each = ran.iter().flatten();
        let note = |length| lines.extend(each.next().map(|ran| Line { length, ran: *ran }));
        let piece = pieces.next();
        if self.only.is_none_or(|only| only == Only::Ok) {
            self.format.push_span(span, &places, &mut piece.lines, note);
        } else {
            std::iter::repeat_n(0, span.len()).for_each(note);
        }
        if ran.is_some() {
            piece.add_span(span.rows().clone(), lines);
        }
    }

    /// Makes the record of a result.
    pub fn take(&mut self, mut result: TaskResult, pieces: &mut Pieces) {
        self.reported += u64::from(result.id.0 < FRONT);
        if let Some(places) = &self.places {
            result.id = places.of(result.id);
        }
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
        if !ok && self.failed.is_some() && !self.failures.push(&result.input, &mut pieces.failed.lines) {
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

    /// Hands the last rows over that run twice.
    pub async fn end_choice(&mut self) {
        if let Some(chooser) = self.chooser.take() {
            chooser.end().await;
        }
    }

    /// Waits until the run is forced to end and nobody takes its records.
    pub fn stuck(&self, forced: watch::Receiver<bool>) -> impl Future<Output = ()> + use<> {
        let writers = [Some(&self.output), self.failed.as_ref()].into_iter().flatten();
        ending::stuck(writers.map(Writer::pace).cloned().collect(), forced)
    }

    /// Waits for the last line to be written, or until [`Reporter::stuck`].
    pub async fn finish(mut self, forced: &watch::Receiver<bool>) -> Reported {
        self.hints.end();
        self.telling.tell(&self.tally);
        ending::finish(self.tally, [Some(self.output), self.failed].into_iter().flatten(), forced).await
    }
}
