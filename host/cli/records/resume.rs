//! Keeping the journal of a run, and going on with that of an earlier one.

use std::collections::BTreeMap;
use std::fs::File;

use anyhow::{Context, Result};
use wpool::place::{Dir, Found, Place};
use wpool::{Program, Status};

use crate::cli::errors::Usage;
use crate::cli::exit::Exit;
use crate::cli::guard::Guard;
pub use crate::cli::journal::Wanted;
use crate::cli::journal::error::at;
use crate::cli::journal::{
    Appender, Ended, Error, Facts, Folder, Heads, Historian, How, Notebook, Resume, index, is_of_a_run, is_running, now,
};
use crate::cli::plan::{Gone, JournalPlan, Plan, Resuming, differences};
use crate::cli::records::extra::push_place;
use crate::cli::records::gone::keep_gone;
use crate::cli::records::kept::{self, Kept, Sorter};
pub use crate::cli::records::making::forget;
use crate::cli::records::making::{cannot, create, free, look};
use crate::cli::records::torn;
use crate::cli::records::writer::{Handover, Writer};
use crate::cli::say;
use crate::cli::shard::InputFacts;
use crate::cli::terminal::warn;

/// A journal that can be kept, or gone on with: nothing has been changed yet, but for who may.
#[derive(Debug)]
pub struct Prepared {
    folder: Option<Folder>,
    facts: Facts,
    /// What there is to go on with, and how that ended.
    resume: Option<(Resume, Option<Ended>)>,
    /// Whether something is damaged, of which copies are to be kept.
    damaged: bool,
}

/// The journal of a run that goes on.
#[derive(Debug)]
pub struct Journal {
    folder: Folder,
    facts: Facts,
    /// FILE, which is locked as long as it is open.
    file: File,
    durable: bool,
    /// How the run ended before it was gone on with, and what tells whether anything has come of that.
    before: Option<(Ended, Kept)>,
    /// What knows the records of rows that are gone, and what is done with them.
    kept: Option<(Kept, Gone)>,
}

/// Records by status; only of those that there are.
#[derive(Debug)]
pub struct Counted(pub BTreeMap<String, u64>);

/// Where a run's records go, and what of them is there already.
#[derive(Debug)]
pub struct Records {
    pub writer: Writer,
    pub journal: Option<Journal>,
    pub sorter: Option<Sorter>,
    pub kept: Option<Kept>,
    /// Takes notes of rows, for the journal and for reports.
    pub notebook: Option<Notebook>,
    /// What reports of a run without a journal are made of: history and notes.
    pub traces: Option<(File, File)>,
}

impl Records {
    /// Makes FILE and its journal, or goes on with them.
    pub fn open(plan: &Plan, program: &Program, prepared: Option<Prepared>) -> Result<Records> {
        let (Some(journal), Some(prepared)) = (&plan.journal, prepared) else {
            return Records::without_journal(plan);
        };
        let handover = Handover::default();
        let (sorter, kept, journal_kept) = match prepared.begin(journal, program)? {
            Begun::Anew(journal, appender) => {
                handover.give(*appender);
                (None, None, journal)
            }
            Begun::Again(mut journal, resume, ended) => {
                let (sorter, kept) = kept::kept(*resume, handover.clone());
                journal.before = ended.map(|ended| (ended, kept.clone()));
                journal.kept = plan.journal.as_ref().and_then(|plan| Some((kept.clone(), plan.resume?.gone)));
                (Some(sorter), Some(kept), journal)
            }
        };
        let writer = Writer::journal(&journal.file.path(), handover)?;
        let notebook = Some(Notebook::open(journal_kept.dir()).map_err(cannot)?);
        Ok(Records { writer, journal: Some(journal_kept), sorter, kept, notebook, traces: None })
    }

    fn without_journal(plan: &Plan) -> Result<Records> {
        let (mut history, mut notebook, mut traces) = (None, None, None);
        if plan.reports.is_some() {
            let cannot = "cannot make a temporary file for the reports";
            let files = (tempfile::tempfile().context(cannot)?, tempfile::tempfile().context(cannot)?);
            history = Some(Historian::nameless(files.0.try_clone()?).context(cannot)?);
            notebook = Some(Notebook::of(files.1.try_clone()?));
            traces = Some(files);
        }
        Ok(Records { writer: writer(plan, history)?, journal: None, sorter: None, kept: None, notebook, traces })
    }
}

/// Where records go that have no journal, with the history that reports are made of, if there is one.
pub fn writer(plan: &Plan, history: Option<Historian>) -> Result<Writer> {
    let lines = if plan.table.is_some() { Guard::Text } else { Guard::Json };
    let Some(target) = &plan.output else { return Ok(Writer::stdout(lines, history)?) };
    forget(target)?;
    Ok(Writer::to(target, lines, history)?)
}

/// Finds out what there is of an earlier run, and refuses what cannot be.
pub fn prepare(plan: &JournalPlan, program: &Program) -> Result<Prepared> {
    let mut facts = plan.facts.clone();
    facts.program.name = program.name().to_owned();
    facts.program.hash = program.hash().to_hex().to_string();
    let mut prepared = Prepared { folder: None, facts, resume: None, damaged: false };
    let begun = look(&plan.file)?.is_some_and(|found| found.bytes > 0);
    if look(&plan.folder)?.is_some() {
        let folder = Folder::lock(plan.folder.clone()).map_err(cannot)?;
        if let Some(resuming) = &plan.resume {
            resume(plan, *resuming, &folder, &mut prepared)?;
        }
        prepared.folder = Some(folder);
    }
    if plan.resume.is_some() && prepared.resume.is_none() && begun && !prepared.damaged {
        return Err(without_journal(plan).into());
    }
    Ok(prepared)
}

fn without_journal(plan: &JournalPlan) -> Usage {
    let (file, folder) = (&plan.file, &plan.folder);
    Usage(format!("--resume: {file} is there without its journal, {folder}; replace it with --overwrite"))
}

/// Whether there is a run to go on with, without a change to anything. Refuses what the facts forbid, as [`prepare`].
pub fn foresee(plan: &JournalPlan, program: &Program) -> Result<bool> {
    let Some(resuming) = &plan.resume else { return Ok(false) };
    let begun = look(&plan.file)?.is_some_and(|found| found.bytes > 0);
    let dir = plan.folder.folder().ok().filter(is_of_a_run);
    let Some(dir) = dir else {
        return if begun { Err(without_journal(plan).into()) } else { Ok(false) };
    };
    if is_running(&dir) {
        return Err(Error::Busy { path: plan.folder.path(), pid: None }.into());
    }
    let mut facts = plan.facts.clone();
    facts.program.hash = program.hash().to_hex().to_string();
    check_same(&Facts::load(&dir)?, &facts, resuming.across)?;
    Ok(true)
}

/// Finds out what there is to go on with; nothing when the earlier run has come to nothing, or none of it is known to be
/// right.
fn resume(plan: &JournalPlan, resuming: Resuming, folder: &Folder, prepared: &mut Prepared) -> Result<()> {
    let is_empty = |found: Option<Found>| found.is_some_and(|found| found.bytes == 0);
    let journal = look(&folder.journal())?;
    // A power cut in its first moments leaves files without content.
    if journal.is_none() || is_empty(journal) && is_empty(look(&plan.file)?) {
        return Ok(());
    }
    let old = match Facts::load(folder.dir()) {
        Ok(old) => old,
        Err(error) => return give_up(error, 0, plan, prepared),
    };
    check_same(&old, &prepared.facts, resuming.across)?;
    let Resuming { done, damaged: salvage, .. } = resuming;
    let shard = plan.facts.shard.is_some();
    let how = How { done, ordered: plan.ordered, ids: plan.ids, shard, durable: plan.durable, salvage };
    match open(plan, folder, how) {
        Ok(resume) => {
            (prepared.facts.run, prepared.facts.started) = (old.run, old.started);
            let now = prepared.facts.program.hash.clone();
            let before = old.earlier.into_iter().filter(|program| program.hash != old.program.hash);
            let before = before.chain([old.program.clone()]).filter(|program| program.hash != now);
            prepared.facts.earlier = before.collect();
            if let Some((shard, old)) = prepared.facts.shard.as_mut().zip(old.shard) {
                shard.input = old.input;
            }
            torn::report(&resume, plan);
            prepared.damaged = resume.is_damaged();
            prepared.resume = Some((resume, old.ended));
            Ok(())
        }
        Err(error @ Error::Busy { .. }) => Err(error.into()),
        Err(error) => {
            let right = open(plan, folder, How { salvage: true, ..how });
            give_up(error, right.map_or(0, |resume| resume.records()), plan, prepared)
        }
    }
}

/// Opens FILE and its journal.
fn open(plan: &JournalPlan, folder: &Folder, how: How) -> Result<Resume, Error> {
    let resume = Resume::open(folder, free(&plan.file, plan.file.edit())?, &plan.file, how)?;
    let Some((extras, locator)) = plan.places.clone() else { return Ok(resume) };
    Ok(resume.with_heads(Heads::with_places(move |row, line| push_place(&extras, &locator, row, line))))
}

/// Begins anew when nothing is known to be right and the user has asked for what is; refuses otherwise.
fn give_up(error: Error, right: u64, plan: &JournalPlan, prepared: &mut Prepared) -> Result<()> {
    if plan.resume.is_some_and(|resuming| resuming.damaged) && error.is_damage() {
        torn::report_lost(error);
        prepared.damaged = true;
        return Ok(());
    }
    Err(torn::advise(error, right, plan))
}

/// Refuses to mix records of programs, settings or versions.
fn check_same(old: &Facts, new: &Facts, across: bool) -> Result<(), Usage> {
    let refuse = |what: String| Err(Usage(format!("--resume: {what}")));
    if old.program.hash != new.program.hash && !across {
        let (old, new) = (&old.program, &new.program);
        return refuse(format!(
            "the program has changed: the run used {} ({}), and this is {} ({}); --resume-across-programs allows it",
            old.path,
            old.hash.chars().take(12).collect::<String>(),
            new.path,
            &new.hash[..12]
        ));
    }
    if old.version != new.version && !across {
        let (old, new) = (&old.version, &new.version);
        return refuse(format!(
            "wpool has changed: the run used version {old}, and this is {new}, whose records may differ; \
             --resume-across-programs allows it"
        ));
    }
    let differences = differences(old, new);
    if differences.is_empty() { Ok(()) } else { refuse(format!("settings differ: {}", differences.join(", "))) }
}

impl Prepared {
    /// Whether an earlier run is gone on with.
    pub fn resumes(&self) -> bool {
        self.resume.is_some()
    }

    /// Begins to keep the journal.
    fn begin(self, plan: &JournalPlan, program: &Program) -> Result<Begun> {
        self.try_begin(plan, program).map_err(cannot)
    }

    fn try_begin(self, plan: &JournalPlan, program: &Program) -> Result<Begun, Error> {
        let Prepared { folder, facts, resume, damaged } = self;
        let folder = claim(folder, plan)?;
        let (durable, place) = (plan.durable, &plan.file);
        let clone = |file: &File| file.try_clone().map_err(at(place));
        if damaged {
            torn::report_aside(place, &folder.keep_aside(place)?);
        }
        if let Some((resume, ended)) = resume {
            folder.begin(&facts, program.bytes(), durable)?;
            index::note(&facts, folder.dir().path());
            let journal = Journal { folder, facts, file: clone(resume.file())?, durable, before: None, kept: None };
            return Ok(Begun::Again(journal, Box::new(resume), ended));
        }
        // The run of which nothing is left then.
        let replaced = Facts::load(folder.dir()).ok().map(|old| old.run).filter(|run| *run != facts.run);
        let file = create(plan, &folder, damaged)?;
        // The index is told of the new run below, and told once where it cannot be written.
        replaced.iter().for_each(|run| drop(index::forget(run)));
        folder.begin(&facts, program.bytes(), durable)?;
        index::note(&facts, folder.dir().path());
        let appender = Appender::create(&folder.journal(), place, clone(&file)?, durable)?;
        Ok(Begun::Anew(Journal { folder, facts, file, durable, before: None, kept: None }, Box::new(appender)))
    }
}

/// Locks the folder, if it was not there when it was looked for. Since then another run may have made it and ended: its
/// journal is nobody's to replace who has not been asked.
fn claim(folder: Option<Folder>, plan: &JournalPlan) -> Result<Folder, Error> {
    let was_there = folder.is_some();
    let folder = folder.map_or_else(|| Folder::lock(plan.folder.clone()), Ok)?;
    let stands = |place: &Place| place.look().map(|found| found.is_some()).map_err(at(place));
    let replaces = was_there && (plan.overwrite || plan.resume.is_some() || !stands(&plan.file)?);
    if stands(&folder.journal())? && !replaces {
        return Err(Error::Overtaken { path: plan.folder.path() });
    }
    Ok(folder)
}

/// A journal that is kept, and what comes first.
enum Begun {
    Anew(Journal, Box<Appender>),
    /// What writes FILE comes with the first row that is not in its place.
    Again(Journal, Box<Resume>, Option<Ended>),
}

/// Tells why what an earlier run has left could not be used, and gives the exit for it.
pub fn tell_failure(error: Error) -> Exit {
    let error = cannot(error);
    say(format_args!("{error:#}"));
    Exit::of_error(&error)
}

impl Journal {
    /// `FILE.wpool`.
    pub fn dir(&self) -> &Dir {
        self.folder.dir()
    }

    /// Records of the journal, by status: not those that could not be written, and those of rows that were not read again.
    pub fn counted(&self) -> Counted {
        Counted(index::count(self.folder.dir()))
    }

    /// Notes how the run has ended. When all rows were read and none was stopped, what was kept of records beside FILE
    /// is removed. `whole` is the whole input of a shard. Gives the facts that were stored, and whether they are those of
    /// before.
    pub fn end(mut self, exit: Exit, counted: Counted, read: bool, whole: Option<InputFacts>) -> (Facts, bool) {
        let stopped = [Status::Skipped, Status::Cancelled].map(Status::as_str);
        let Counted(counts) = counted;
        let complete = read
            && (whole.is_some() || !counts.is_empty())
            && !stopped.iter().any(|status| counts.contains_key(*status));
        // Without a row the run is as it was.
        let others = whole.as_ref().is_some_and(|whole| whole.rows > 0);
        let before = self.before.take().filter(|(_, kept)| !others && kept.is_untouched());
        let as_before = before.is_some();
        if let Some(shard) = self.facts.shard.as_mut().filter(|_| !as_before) {
            shard.input = whole.filter(|_| complete);
        }
        let ended = || Ended { time: now(), exit_code: exit.into(), counts, complete };
        self.facts.ended = Some(before.map_or_else(ended, |(ended, _)| ended));
        let stored = self.facts.store(self.folder.dir(), self.durable);
        index::note(&self.facts, self.folder.dir().path());
        // Only then is nothing left of them in tails.
        let removed = if complete {
            keep_gone(self.kept.as_ref(), &self.folder).and_then(|()| self.folder.remove_tails(&self.file))
        } else {
            Ok(())
        };
        // The records are all there, and the journal of them.
        if let Err(error) = stored.and(removed) {
            warn(format_args!("{:#}", cannot(error)));
        }
        (self.facts, as_before)
    }
}

impl Prepared {
    /// The rows whose records have to stay, where the run is refused without them.
    pub fn wanted(&self, plan: &JournalPlan) -> Result<Option<Wanted>> {
        let refuse = plan.resume.is_some_and(|resuming| resuming.gone == Gone::Refuse);
        let resume = self.resume.as_ref().filter(|_| refuse);
        resume.map(|(resume, _)| resume.wanted().map_err(cannot)).transpose()
    }
}
