//! The journal of a run, from its first record to its end.

use std::collections::BTreeMap;
use std::fs::File;

use wpool::Status;
use wpool::place::Dir;

use crate::cli::exit::Exit;
use crate::cli::journal::{Ended, Error, Facts, Folder, index, now};
use crate::cli::plan::Gone;
use crate::cli::records::gone::keep_gone;
use crate::cli::records::kept::Kept;
use crate::cli::records::making::cannot;
use crate::cli::say;
use crate::cli::shard::InputFacts;
use crate::cli::terminal::warn;

/// The journal of a run that is running.
#[derive(Debug)]
pub struct Journal {
    folder: Folder,
    facts: Facts,
    /// FILE, which is locked as long as it is open.
    file: File,
    durable: bool,
    /// How the run ended before it was resumed, and what tells whether anything has come of that.
    before: Option<(Ended, Kept)>,
    /// The records of rows that are gone, and how they are treated.
    kept: Option<(Kept, Gone)>,
}

/// Records by status; only of those that there are.
#[derive(Debug)]
pub struct Counted(pub BTreeMap<String, u64>);

impl Journal {
    pub(super) fn new(folder: Folder, facts: Facts, file: File, durable: bool) -> Journal {
        Journal { folder, facts, file, durable, before: None, kept: None }
    }

    /// The journal of a run that ended before and is resumed, with its records and what is done with those of rows that are
    /// gone.
    pub(super) fn resumed(self, ended: Option<Ended>, kept: &Kept, gone: Option<Gone>) -> Journal {
        let before = ended.map(|ended| (ended, kept.clone()));
        Journal { before, kept: gone.map(|gone| (kept.clone(), gone)), ..self }
    }

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

/// Tells why what an earlier run has left could not be used, and gives the exit for it.
pub fn tell_failure(error: Error) -> Exit {
    let error = cannot(error);
    say(format_args!("{error:#}"));
    Exit::of_error(&error)
}
