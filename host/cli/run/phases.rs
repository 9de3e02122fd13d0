//! A run in its phases: it is opened, looks ahead at its rows, drives them, and is finished.

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use wpool::report::Convention;
use wpool::{Pool, Program, Shutdown};

use crate::cli::exit::Exit;
use crate::cli::guard::Guard;
use crate::cli::plan::{Locator, Plan};
use crate::cli::program::Subject;
use crate::cli::records::journal::{Journal, tell_failure};
use crate::cli::records::kept::Kept;
use crate::cli::records::opening::Records;
use crate::cli::records::out_dir::{OutDir, OutNames};
use crate::cli::records::places::Places;
use crate::cli::records::recorder::Recorder;
use crate::cli::records::resume::Prepared;
use crate::cli::records::writer::Writer;
use crate::cli::report::state_file;
use crate::cli::report::summary_file::write_summary;
use crate::cli::report::{Front, Reported, Reporter, Telemetry, Verified};
use crate::cli::rows::spool::Spooled;
use crate::cli::rows::{Occurrences, Rows, RowsEnd, Sharder, Steps, Whole, check};
use crate::cli::run::asked::Asked;
use crate::cli::run::audience::Audience;
use crate::cli::run::early_end::EarlyEnd;
use crate::cli::run::gauge::Gauge;
use crate::cli::run::looking::{Looked, Looking};
use crate::cli::run::measured::{Clock, Measured};
use crate::cli::run::ready::start;
use crate::cli::run::reporting::{self, Material};
use crate::cli::run::signals::Questions;
use crate::cli::run::twice;
use crate::cli::runtime::beside;
use crate::cli::say;
use crate::cli::terminal::say_lines;

/// A run with its pool. Nothing of an earlier run is changed before it is driven.
pub(super) struct Run {
    plan: Plan,
    /// The program as it is kept.
    kept: Program,
    audience: Audience,
    asked: Asked,
    early_end: EarlyEnd,
    pool: Pool,
    gauge: Gauge,
    /// Where rows run a second time.
    second: Option<Pool>,
    out_dir: Option<Arc<OutDir>>,
    locator: Locator,
}

/// The result of looking at all rows before the first of them is run.
pub(super) enum Ahead {
    /// These rows are to be run.
    Ready(Looked),
    /// The run ends with that.
    Ended(Exit),
}

/// A run whose last record is made.
pub(super) struct Driven {
    reporter: Reporter,
    /// Why records were made no further, if that is an error.
    reported: Result<()>,
    rows: RowsEnd,
    /// The whole input of a shard.
    whole: Option<Whole>,
    journal: Option<Journal>,
    /// The files of which reports are made where there is no journal.
    traces: Option<(File, File)>,
    kept: Option<Kept>,
    measured: Measured,
    /// The result of the rows that ran twice, unless the run was asked to end before.
    verified: Result<Option<Verified>>,
}

impl Run {
    /// Starts the pool, and listens for all that may end the run early.
    pub(super) async fn open(
        mut plan: Plan,
        subject: Subject,
        asked: &Asked,
        telemetry: Arc<Telemetry>,
    ) -> Result<Run> {
        let began = Instant::now();
        // From here on SIGUSR1 ends nothing; what is asked before there is a pool is answered then.
        let questions = Questions::listen()?;
        let audience = Audience::new(&plan, subject.program.name(), telemetry);
        plan.config.observer = audience.observer(plan.messages.verbose);
        let second = twice::pool(&subject.program, &plan);
        let pool = start(subject.program, &plan).await?;
        let gauge = audience.gauge(pool.stopper());
        let second = twice::start(second).await?;
        // While the rows are opened and read.
        pool.warm_up();
        let out_dir = plan.out_dir.as_ref().map(OutDir::open).transpose()?;
        questions.answer(pool.stopper(), audience.positions.clone());
        let early_end = EarlyEnd::listen(&plan, audience.halting.clone(), &pool.stopper(), asked, began)?;
        let locator = Locator::new(&plan.source);
        let (kept, asked) = (subject.kept, asked.clone());
        Ok(Run { plan, kept, audience, asked, early_end, pool, gauge, second, out_dir, locator })
    }

    /// Looks at all rows where that is to be done before the first of them is run.
    pub(super) async fn look_ahead(&self, prepared: Option<&Prepared>) -> Result<Ahead> {
        Ok(match self.early_end.before(self.fitting_rows(prepared)).await.transpose()? {
            Some(Some(looked)) => Ahead::Ready(looked),
            Some(None) => Ahead::Ended(Exit::InputRefused),
            None => Ahead::Ended(self.early_end.exit().unwrap_or(Exit::Ok)),
        })
    }

    /// The rows, if all of them fit where that matters. They are counted. Rows that have to be there are looked for.
    async fn fitting_rows(&self, prepared: Option<&Prepared>) -> Result<Option<Looked>> {
        let Run { plan, audience, .. } = self;
        let wanted = plan.journal.as_ref().zip(prepared);
        let wanted = wanted.map(|(journal, prepared)| prepared.wanted(journal)).transpose()?.flatten();
        let source = plan.source.clone();
        let looking = Looking { plan, audience };
        let rows = if looking.is_needed() || plan.strict || audience.halting.needs_total() || wanted.is_some() {
            beside(move || Spooled::twice(source)).await?
        } else {
            Spooled::once(source)
        };
        if plan.strict {
            let steps = Steps { expect: plan.expect.clone(), names: self.names(), ..Steps::default() };
            let row_check =
                self.pool.report().row_check(&plan.config.task.grants).of_texts(plan.config.task.text_values);
            if !check::all_fit(Rows::read(rows.source().clone(), steps)?, &self.locator, &row_check).await? {
                return Ok(None);
            }
        }
        let Looked { rows, cut, front } = looking.look(rows, prepared.is_some_and(Prepared::resumes)).await?;
        if let Some(wanted) = wanted {
            let shard = cut.clone().map(|cut| Sharder::new(cut, None));
            let steps = Steps { occurrences: self.occurrences(), shard, ..Steps::default() };
            check::all_there(Rows::read(rows.source().clone(), steps)?, wanted).await?;
        }
        audience.count_rows(rows.source(), cut.as_ref()).await?;
        Ok(Some(Looked { rows, cut, front }))
    }

    /// Runs the rows, and makes their records.
    pub(super) async fn drive(&self, looked: Looked, prepared: Option<Prepared>) -> Result<Driven> {
        let Run { plan, audience, pool, .. } = self;
        let Looked { rows, cut, front } = looked;
        // First, for the records of an earlier run are replaced next.
        let failed = plan.failed.as_ref().map(|target| Writer::to(target, Guard::Text, None)).transpose()?;
        let Records { writer, journal, sorter, kept, notebook, traces } = Records::open(plan, &self.kept, prepared)?;
        let mut reporter = audience.reporter(plan, self.locator.clone(), self.out_dir.clone(), writer);
        (reporter.failed, reporter.kept) = (failed, kept.clone());
        reporter.maker.recorder = notebook.map(|notebook| Recorder::new(notebook, pool.stats().uptime));
        if pool.report().convention == Convention::Command {
            reporter.maker.hints.of_command();
        }
        // In a run that is resumed, the sorter tells the places.
        let own = cut.is_some().then(Places::default).filter(|_| kept.is_none());
        let shard = cut.map(|cut| Sharder::new(cut, own.clone()));
        let whole = shard.as_ref().map(Sharder::whole).filter(|_| plan.shard.is_some());
        reporter.places = kept.as_ref().map(|kept| kept.places().clone()).or(own);
        if let Some(places) = &reporter.places {
            places.lead(front.iter().map(|(position, _)| *position).collect());
            audience.positions.follow(places);
        }
        let (expect, names, occurrences) = (plan.expect.clone(), self.names(), self.occurrences());
        let steps = Steps { expect, names, occurrences, shard, sorter, ..Steps::default() };
        let stream = Rows::read(rows.source().clone(), steps)?;
        let end = stream.end();
        let clock = Clock::start();
        let stuck = reporter.stuck(self.asked.forced());
        let (chooser, verified) = twice::verifying(plan, self.second.as_ref(), &self.locator, &self.asked);
        reporter.maker.chooser = chooser;
        let (reported, verified) = {
            let _showing = audience.show(plan, pool.stopper());
            let front = Front::start(pool, front);
            let results = pool.map_stream(stream);
            let results = if plan.unordered { results.unordered() } else { results };
            let reporting = async {
                let reported = reporter.report(results, front).await;
                reporter.end_choice().await;
                reported
            };
            tokio::select! {
                biased;
                both = async { tokio::join!(reporting, verified) } => both,
                () = stuck => (Ok(()), Ok(None)),
            }
        };
        let measured = Measured::new(&clock, pool.stats(), reporter.spent);
        Ok(Driven { reporter, reported, rows: end, whole, journal, traces, kept, measured, verified })
    }

    /// Ends what the run has made, and reports on it.
    pub(super) async fn finish(self, driven: Driven) -> Result<Exit> {
        let Run { plan, kept: program, audience, asked, early_end, pool, gauge, second, .. } = self;
        let Driven { reporter, reported, rows, whole, journal, traces, kept, measured, verified } = driven;
        let whole = whole.and_then(|whole| whole.get().cloned());
        pool.shutdown(Shutdown::Kill).await;
        if let Some(second) = second {
            second.shutdown(Shutdown::Kill).await;
        }
        let (verified, twice_exit) = twice::settle(&plan, verified);
        // Whatever ended the run, what it had to say is written first.
        let unwanted = reporter.unwanted;
        let Reported { tally, exit: written, closed } = reporter.finish(&asked.forced()).await;
        gauge.set();
        let state_written = state_file::write(&plan);
        let exit = match reported {
            // Told to end before it could begin.
            Err(error) if early_end.exit().is_none() => Err(error),
            _ => Ok([
                written,
                Some(state_written),
                early_end.exit(),
                rows.failure().map(|failure| failure.exit()),
                kept.and_then(|kept| kept.failure()).map(tell_failure),
                Some(early_end.of_tasks(&tally, whole.as_ref())),
                twice_exit,
            ]),
        };
        let exit = exit.map(|exits| exits.into_iter().flatten().max().unwrap_or(Exit::Ok));
        let material = match journal {
            Some(journal) => {
                let read = rows.is_reached() && rows.failure().is_none() && written.is_none();
                let dir = journal.dir().clone();
                // Of a run that has not come to its end, FILE has more records than were counted, or fewer.
                let counted = if read { tally.counted() } else { journal.counted() };
                let (facts, as_before) = journal.end(Exit::of_result(&exit), counted, read, whole.clone());
                Material::Journal { facts: Box::new(facts), dir, as_before }
            }
            None => Material::Files(traces, tally.counted()),
        };
        let mut summary = measured.summary(&plan, tally, &audience.ledger, early_end.why(closed), &rows);
        summary.verified = verified;
        summary.none_of = whole.map(|whole| whole.rows);
        summary.failure = rows.failure().map(|failure| failure.to_string());
        if !plan.messages.quiet && !unwanted && !closed {
            say_lines(&summary.text(plan.messages.verbose));
        }
        rows.failure().iter().for_each(|why| say(format_args!("{why}")));
        let exit = reporting::make(&plan, &program, material, &summary, exit);
        let exit = write_summary(&plan, &summary, exit);
        audience.telemetry.sum_up(Exit::of_result(&exit).into(), &summary);
        exit
    }

    /// The check of the names of output files, if there are any.
    fn names(&self) -> Option<OutNames> {
        let journal = self.plan.journal.as_ref().map(|journal| &journal.folder);
        self.out_dir.as_ref().map(|dir| OutNames::new(dir.clone(), self.plan.own_files(), journal))
    }

    /// The counter of equal rows, where their seeds depend on it.
    fn occurrences(&self) -> Option<Occurrences> {
        self.plan.config.task.deterministic.is_some().then(Occurrences::default)
    }
}
