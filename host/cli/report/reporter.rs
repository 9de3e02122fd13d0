//! Reports results in the order of their rows, kept ones and those of the front among them, and hands their records over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_core::Stream;
use tokio::sync::watch;
use wpool::bulk::{OkSpan, Settled, Supply};
use wpool::{Results, Status, TaskResult};

use crate::cli::journal::MAX_ROWS;
use crate::cli::plan::{Locator, Plan};
use crate::cli::records::kept::{Kept, KeptRow};
use crate::cli::records::out_dir::OutDir;
use crate::cli::records::places::{FRONT, Places, Stretch};
use crate::cli::records::recorder::Recorder;
use crate::cli::records::writer::{Done, Writer};
use crate::cli::report::ending::{self, Reported};
use crate::cli::report::front::Front;
use crate::cli::report::maker::Maker;
use crate::cli::report::pieces::Pieces;

/// Reports results.
pub struct Reporter {
    pub maker: Maker,
    output: Writer,
    pub failed: Option<Writer>,
    /// The rows that an earlier run has left.
    pub kept: Option<Kept>,
    /// The positions of rows, where the pool does not have all rows of the input.
    pub places: Option<Places>,
    /// Tasks that were reported.
    reported: u64,
    ordered: bool,
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
            maker: Maker::new(plan, locator, out_dir, judged),
            output,
            failed: None,
            kept: None,
            places: None,
            reported: 0,
            ordered: !plan.unordered,
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
        let mut header = self.maker.header();
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
                self.take_settled(settled, &mut front, &mut pieces).await?;
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
            self.maker.tell();
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
        self.maker.turn_to(program);
        (self.reported, self.places) = (0, places);
    }

    /// Hands everything over, in pieces of a bounded number of rows.
    pub async fn write(&mut self, pieces: Pieces) {
        // A note is there before the record of its row.
        self.maker.recorder.iter_mut().for_each(Recorder::flush);
        self.unwanted |= !pieces.write(&self.output, self.failed.as_ref()).await;
        if let Some(chooser) = &mut self.maker.chooser {
            chooser.flush().await;
        }
    }

    /// Takes results, and before each of them the rows that stand before it.
    async fn take_settled(&mut self, settled: Settled, front: &mut Front<'_>, pieces: &mut Pieces) -> Result<()> {
        if let Settled::Many(span) = &settled
            && self.kept.is_none()
            && self.maker.is_plain()
            && front.is_done()
        {
            self.take_span(span, pieces);
            return Ok(());
        }
        for result in settled {
            while self.take_kept(pieces) {}
            self.take_front(front, Some(result.id.0), pieces).await?;
            self.take(result, pieces);
        }
        Ok(())
    }

    /// Takes the rows of the front that stand before a task; with `None`, all. Waits for their results.
    async fn take_front(&mut self, front: &mut Front<'_>, task: Option<u64>, pieces: &mut Pieces) -> Result<()> {
        if front.is_done() {
            return Ok(());
        }
        let limit = task.and_then(|task| self.places.as_ref()?.position(task));
        while let Some(position) = front.next_before(limit) {
            if !front.is_ready(position) {
                // Records that are there need not wait.
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
        self.maker.keep(Status::Ok, in_place);
        // In a run without order every task that comes is the next one.
        let next = self.ordered.then_some(self.reported);
        for _ in 0..MAX_ROWS {
            let Some(KeptRow { status, line, row, .. }) = kept.before(next) else { return false };
            self.maker.keep(status, 1);
            if let Some((record, line)) = line {
                let piece = pieces.next();
                piece.lines.extend_from_slice(&line);
                piece.add(Done::Before(record));
            }
            if let Some((failures, row)) = self.maker.failures.as_mut().zip(row) {
                failures.push(&row, &mut pieces.failed.lines);
            }
        }
        true
    }

    /// As [`Reporter::take`] for each of them, at a fraction of the cost.
    fn take_span(&mut self, span: &OkSpan, pieces: &mut Pieces) {
        self.reported += span.len() as u64;
        let places = match &self.places {
            Some(places) => places.stretches(span.first().0, span.len()),
            None => vec![Stretch { first: span.first().0, count: span.len() as u64 }],
        };
        self.maker.span(span, &places, pieces);
    }

    /// Makes the record of a result, at the position of its row.
    pub fn take(&mut self, mut result: TaskResult, pieces: &mut Pieces) {
        self.reported += u64::from(result.id.0 < FRONT);
        if let Some(places) = &self.places {
            result.id = places.of(result.id);
        }
        self.maker.result(result, pieces);
    }

    /// Hands the last rows over that run twice.
    pub async fn end_choice(&mut self) {
        if let Some(chooser) = self.maker.chooser.take() {
            chooser.end().await;
        }
    }

    /// Waits until the run is forced to end and nobody takes its records.
    pub fn stuck(&self, forced: watch::Receiver<bool>) -> impl Future<Output = ()> + use<> {
        let writers = [Some(&self.output), self.failed.as_ref()].into_iter().flatten();
        ending::stuck(writers.map(Writer::pace).cloned().collect(), forced)
    }

    /// Waits for the last line to be written, or until [`Reporter::stuck`].
    pub async fn finish(self, forced: &watch::Receiver<bool>) -> Reported {
        ending::finish(self.maker.end(), [Some(self.output), self.failed].into_iter().flatten(), forced).await
    }
}
