//! `wpool run`: rows in, records out.

mod asked;
mod audience;
mod deadline;
mod dry;
mod early_end;
mod halting;
mod looking;
pub mod measured;
mod pauses;
pub mod reaper;
pub mod signals;
mod twice;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use wpool::report::Convention;
use wpool::{Pool, Program, Shutdown};

use crate::cli::errors::DeadlinePassed;
use crate::cli::exit::Exit;
use crate::cli::plan::{Locator, Plan};
use crate::cli::program::Subject;
use crate::cli::records::kept::Kept;
use crate::cli::records::out_dir::{OutDir, OutNames};
use crate::cli::records::places::Places;
use crate::cli::records::resume::{self, Journal, Prepared, Records};
use crate::cli::records::writer::Writer;
use crate::cli::report::state_file;
use crate::cli::report::summary_file::{clear_summary, write_summary};
use crate::cli::report::{Front, Reported, Reporter, Verified};
use crate::cli::rows::spool::Spooled;
use crate::cli::rows::{Occurrences, Rows, RowsEnd, Sharder, Steps, Whole, check};
use crate::cli::runtime::{beside, runtime};
use crate::cli::terminal::say_lines;
use crate::cli::{say, terminal};
use asked::Asked;
use audience::Audience;
use early_end::EarlyEnd;
use looking::{Looked, Looking};
use measured::{Clock, Measured};
use signals::Questions;

/// Carries a plan out, with its program or, where one is given, with that.
pub fn run(mut plan: Plan, subject: Option<Subject>) -> Result<Exit> {
    if plan.dry {
        return dry::dry_run(plan);
    }
    let subject = match subject {
        Some(subject) => subject,
        None => plan.program()?,
    };
    state_file::check(&plan)?;
    clear_summary(&plan)?;
    reaper::start()?;
    let prepared = plan.journal.as_ref().map(|journal| resume::prepare(journal, &subject.kept)).transpose()?;
    runtime()?.block_on(async {
        let asked = Asked::default();
        terminal::go_live();
        let exit = carry_out(plan, subject, prepared, &asked).await;
        asked.unless_forced(terminal::settle()).await;
        exit
    })
}

async fn carry_out(plan: Plan, subject: Subject, prepared: Option<Prepared>, asked: &Asked) -> Result<Exit> {
    let run = Run::open(plan, subject, asked).await?;
    match run.look_ahead(prepared.as_ref()).await? {
        Ahead::Ready(looked) => {
            let driven = run.drive(looked, prepared).await?;
            run.finish(driven).await
        }
        Ahead::Ended(exit) => Ok(exit),
    }
}

/// A run with its pool. Nothing of an earlier run is changed before it is driven.
struct Run {
    plan: Plan,
    /// What is kept of the program.
    kept: Program,
    audience: Audience,
    asked: Asked,
    early_end: EarlyEnd,
    pool: Pool,
    /// Where rows run a second time.
    second: Option<Pool>,
    out_dir: Option<Arc<OutDir>>,
    locator: Locator,
}

/// What looking at all rows before the first of them is run has come to.
enum Ahead {
    /// These rows are to be run.
    Ready(Looked),
    /// The run ends with that.
    Ended(Exit),
}

/// A run whose last record is made.
struct Driven {
    reporter: Reporter,
    /// Why records were made no further, if that is an error.
    reported: Result<()>,
    rows: RowsEnd,
    /// The whole input of a shard.
    whole: Option<Whole>,
    journal: Option<Journal>,
    kept: Option<Kept>,
    measured: Measured,
    /// What came of the rows that ran twice, unless the run was asked to end before.
    verified: Result<Option<Verified>>,
}

impl Run {
    /// Starts the pool, and listens for all that may end the run early.
    async fn open(mut plan: Plan, subject: Subject, asked: &Asked) -> Result<Run> {
        let began = Instant::now();
        // From here on SIGUSR1 ends nothing; what is asked before there is a pool is answered then.
        let questions = Questions::listen()?;
        let audience = Audience::new(&plan, subject.program.name());
        plan.config.observer = audience.observer(plan.messages.verbose);
        let second = twice::pool(&subject.program, &plan);
        let pool = start(subject.program, &plan).await?;
        let second = twice::start(second).await?;
        // While the rows are opened and read.
        pool.warm_up();
        let out_dir = plan.out_dir.as_ref().map(OutDir::open).transpose()?;
        questions.answer(pool.stopper(), audience.positions.clone());
        let early_end = EarlyEnd::listen(&plan, audience.halting.clone(), &pool.stopper(), asked, began)?;
        let locator = Locator::new(&plan.source);
        Ok(Run { plan, kept: subject.kept, audience, asked: asked.clone(), early_end, pool, second, out_dir, locator })
    }

    /// Looks at all rows where that is to be done before the first of them is run.
    async fn look_ahead(&self, prepared: Option<&Prepared>) -> Result<Ahead> {
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
            let steps = Steps { names: self.names(), ..Steps::default() };
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
    async fn drive(&self, looked: Looked, prepared: Option<Prepared>) -> Result<Driven> {
        let Run { plan, audience, pool, .. } = self;
        let Looked { rows, cut, front } = looked;
        // First, for the records of an earlier run are replaced next.
        let failed = plan.failed.as_ref().map(Writer::to).transpose()?;
        let Records { writer, journal, sorter, kept } = Records::open(plan, &self.kept, prepared)?;
        let mut reporter = audience.reporter(plan, self.locator.clone(), self.out_dir.clone(), writer);
        (reporter.failed, reporter.kept) = (failed, kept.clone());
        if pool.report().convention == Convention::Command {
            reporter.hints.of_command();
        }
        // Of a run that is gone on with, the sorter tells the places.
        let own = cut.is_some().then(Places::default).filter(|_| kept.is_none());
        let shard = cut.map(|cut| Sharder::new(cut, own.clone()));
        let whole = shard.as_ref().map(Sharder::whole).filter(|_| plan.shard.is_some());
        reporter.places = kept.as_ref().map(|kept| kept.places().clone()).or(own);
        if let Some(places) = &reporter.places {
            places.lead(front.iter().map(|(position, _)| *position).collect());
            audience.positions.follow(places);
        }
        let steps = Steps { names: self.names(), occurrences: self.occurrences(), shard, sorter, ..Steps::default() };
        let stream = Rows::read(rows.source().clone(), steps)?;
        let end = stream.end();
        let clock = Clock::start();
        let stuck = reporter.stuck(self.asked.forced());
        let (chooser, verified) = twice::verifying(plan, self.second.as_ref(), &self.locator, &self.asked);
        reporter.chooser = chooser;
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
        Ok(Driven { reporter, reported, rows: end, whole, journal, kept, measured, verified })
    }

    /// Ends what the run has made, and reports on it.
    async fn finish(self, driven: Driven) -> Result<Exit> {
        let Run { plan, audience, asked, early_end, pool, second, .. } = self;
        let Driven { reporter, reported, rows, whole, journal, kept, measured, verified } = driven;
        let whole = whole.and_then(|whole| whole.get().cloned());
        pool.shutdown(Shutdown::Kill).await;
        if let Some(second) = second {
            second.shutdown(Shutdown::Kill).await;
        }
        let (verified, twice_exit) = twice::settle(&plan, verified);
        // Whatever ended the run, what it had to say is written first.
        let unwanted = reporter.unwanted;
        let Reported { tally, exit: written, closed } = reporter.finish(&asked.forced()).await;
        let state_written = state_file::write(&plan);
        let exit = match reported {
            // Told to end before it could begin.
            Err(error) if early_end.exit().is_none() => Err(error),
            _ => Ok([
                written,
                Some(state_written),
                early_end.exit(),
                rows.failure().map(|failure| failure.exit()),
                kept.and_then(|kept| kept.failure()).map(resume::tell_failure),
                Some(early_end.of_tasks(&tally, whole.as_ref())),
                twice_exit,
            ]),
        };
        let exit = exit.map(|exits| exits.into_iter().flatten().max().unwrap_or(Exit::Ok));
        if let Some(journal) = journal {
            let read = rows.is_reached() && rows.failure().is_none();
            journal.end(Exit::of_result(&exit), tally.counted(), read && written.is_none(), whole.clone());
        }
        let mut summary = measured.summary(&plan, tally, &audience.ledger, early_end.why(closed), &rows);
        summary.verified = verified;
        summary.none_of = whole.map(|whole| whole.rows);
        if !plan.messages.quiet && !unwanted && !closed {
            say_lines(&summary.text(plan.messages.verbose));
        }
        rows.failure().iter().for_each(|why| say(format_args!("{why}")));
        write_summary(&plan, &summary, exit)
    }

    /// Who looks at the names of output files, if there are any.
    fn names(&self) -> Option<OutNames> {
        let journal = self.plan.journal.as_ref().map(|journal| &journal.folder);
        self.out_dir.as_ref().map(|dir| OutNames::new(dir.clone(), self.plan.own_files(), journal))
    }

    /// What numbers equal rows, where their seeds depend on it.
    fn occurrences(&self) -> Option<Occurrences> {
        self.plan.config.task.deterministic.is_some().then(Occurrences::default)
    }
}

/// Said when the time of the run was over too soon.
const TOO_LATE: &str = "the deadline of the run has passed before its first task: compiling the program, or its init, took \
                        longer than --deadline";

/// Starts the pool, which has to compile the program first, within the time of the run.
async fn start(program: Program, plan: &Plan) -> Result<Pool> {
    let starting = Pool::builder(program).config(plan.config.clone()).build();
    match plan.deadline {
        Some(time) => Ok(tokio::time::timeout(time, starting).await.map_err(|_| DeadlinePassed(TOO_LATE))??),
        None => Ok(starting.await?),
    }
}
