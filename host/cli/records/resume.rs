//! Finds what an earlier run has left, and whether this one may resume or replace it.

use std::fs::File;

use anyhow::Result;
use wpool::Program;
use wpool::place::{Found, Place};

use crate::cli::errors::Usage;
pub use crate::cli::journal::Wanted;
use crate::cli::journal::error::at;
use crate::cli::journal::{Appender, Ended, Error, Facts, Folder, Heads, How, Resume, index, is_of_a_run, is_running};
use crate::cli::plan::{Gone, JournalPlan, Resuming, differences};
use crate::cli::records::extra::push_place;
use crate::cli::records::journal::Journal;
pub use crate::cli::records::making::forget;
use crate::cli::records::making::{cannot, create, free, look};
use crate::cli::records::torn;
use crate::cli::texts::short_hash;

/// A journal that can be begun or resumed. Nothing is changed yet, but its folder is locked.
#[derive(Debug)]
pub struct Prepared {
    folder: Option<Folder>,
    facts: Facts,
    /// The run to resume, and how it ended.
    resume: Option<(Resume, Option<Ended>)>,
    /// Whether something is damaged, of which copies are to be kept.
    damaged: bool,
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

/// Whether there is a run to resume, without a change to anything. Refuses what the facts forbid, as [`prepare`].
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

/// Finds the run to resume: nothing if the earlier run has come to nothing, or if none of it is known to be right.
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
            short_hash(&old.hash),
            new.path,
            short_hash(&new.hash)
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
    /// Whether an earlier run is resumed.
    pub fn resumes(&self) -> bool {
        self.resume.is_some()
    }

    /// The rows whose records have to stay, where the run is refused without them.
    pub fn wanted(&self, plan: &JournalPlan) -> Result<Option<Wanted>> {
        let refuse = plan.resume.is_some_and(|resuming| resuming.gone == Gone::Refuse);
        let resume = self.resume.as_ref().filter(|_| refuse);
        resume.map(|(resume, _)| resume.wanted().map_err(cannot)).transpose()
    }

    /// Begins to keep the journal.
    pub(super) fn begin(self, plan: &JournalPlan, program: &Program) -> Result<Begun> {
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
            let journal = Journal::new(folder, facts, clone(resume.file())?, durable);
            return Ok(Begun::Again(journal, Box::new(resume), ended));
        }
        // The run of which nothing is left then.
        let replaced = Facts::load(folder.dir()).ok().map(|old| old.run).filter(|run| *run != facts.run);
        let file = create(plan, &folder, damaged)?;
        // The new run is noted in the index below. An index that cannot be written is reported there, once.
        replaced.iter().for_each(|run| drop(index::forget(run)));
        folder.begin(&facts, program.bytes(), durable)?;
        index::note(&facts, folder.dir().path());
        let appender = Appender::create(&folder.journal(), place, clone(&file)?, durable)?;
        Ok(Begun::Anew(Journal::new(folder, facts, file, durable), Box::new(appender)))
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
pub(super) enum Begun {
    Anew(Journal, Box<Appender>),
    /// The writer of FILE comes with the first row that is not in its place.
    Again(Journal, Box<Resume>, Option<Ended>),
}
