//! Files that a run would write while it reads them, or write twice, by whatever names and descriptors they are reached.

use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::descriptor::is_stdin;
use crate::cli::errors::usage;
use crate::cli::plan::row_file::RowFile;
use crate::cli::plan::source::Source;
use crate::cli::{args, descriptor, program};

/// The names of the files of `--state-in` and `--state-out`, for people.
const STATE_IN: &str = "the state to start with (--state-in)";
pub const STATE_OUT: &str = "the shared state";
/// The name of the messages on standard error.
pub const MESSAGES: &str = "messages (standard error)";

/// A regular file or a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    is_file: bool,
}

impl Identity {
    /// The identity of the file that a path leads to. Devices have none: a terminal is read and written by everybody.
    fn of_path(path: &Path) -> Option<Identity> {
        std::fs::metadata(path).ok().and_then(|found| Identity::of(&found))
    }

    fn of_descriptor(number: i32) -> Option<Identity> {
        descriptor::copy(number)?.metadata().ok().and_then(|found| Identity::of(&found))
    }

    fn of(found: &Metadata) -> Option<Identity> {
        let kind = found.file_type();
        let identity = Identity { device: found.dev(), inode: found.ino(), is_file: kind.is_file() };
        (kind.is_file() || kind.is_fifo()).then_some(identity)
    }
}

/// Something that a run writes.
#[derive(Debug)]
pub struct Written<'a> {
    /// The name of its content, for people.
    pub what: &'static str,
    /// `None` for a standard stream.
    path: Option<&'a Path>,
    shown: String,
    /// It is written to as it is, and nothing is cut off or replaced.
    stream: bool,
    identity: Option<Identity>,
}

impl<'a> Written<'a> {
    pub fn at(path: &'a Path, what: &'static str) -> Written<'a> {
        let number = descriptor::number(path);
        let identity = number.map_or_else(|| Identity::of_path(path), Identity::of_descriptor);
        Written { what, path: Some(path), shown: path.display().to_string(), stream: number.is_some(), identity }
    }

    pub fn stdout() -> Written<'static> {
        Written::stream("standard output", 1, "records")
    }

    /// Standard error, on which messages come whatever was typed.
    pub fn stderr() -> Written<'static> {
        Written::stream("standard error", 2, MESSAGES)
    }

    fn stream(name: &str, number: i32, what: &'static str) -> Written<'static> {
        let identity = Identity::of_descriptor(number);
        Written { what, path: None, shown: name.into(), stream: true, identity }
    }

    pub fn path(&self) -> Option<&Path> {
        self.path.filter(|_| !self.stream)
    }

    /// Whether both are one regular file.
    pub fn leads_to(&self, other: &Written<'_>) -> bool {
        self.identity.filter(|identity| identity.is_file).is_some_and(|own| other.identity == Some(own))
    }

    /// Whether what is written to both comes to one reader.
    pub fn mixes_with(&self, other: &Written<'_>) -> bool {
        self.identity.is_some() && self.identity == other.identity
    }

    /// Whether both lead to one file, and writing one of them would cut off what the other has written.
    pub fn collides(&self, other: &Written<'_>) -> bool {
        if self.stream && other.stream {
            return false;
        }
        let same_place = |(a, b)| is_same_place(a, b);
        self.leads_to(other) || self.path.zip(other.path).is_some_and(same_place)
    }

    /// Refuses what is read from the same file.
    fn check(&self, read: Option<Identity>, shown: &str, what: &str) -> Result<()> {
        let same = read.is_some() && read == self.identity;
        let output = &self.shown;
        match self.stream {
            _ if !same => Ok(()),
            true => usage(format!("{shown} is {what}, and {output} leads to it: the run would read what it writes")),
            false => usage(format!("{shown} is {what}; writing {output} would destroy it")),
        }
    }
}

/// Refuses to write to any file that is read. `files` are those of rows.
fn check_rows(written: &[Written<'_>], files: &[RowFile]) -> Result<()> {
    for file in files {
        if is_stdin(file) {
            check_stdin(written)?;
            continue;
        }
        let read = Identity::of_path(file);
        // A list can name what the run is to make.
        let missing = read.is_none() && std::fs::symlink_metadata(&**file).is_err();
        for it in written {
            if missing && it.path.is_some_and(|path| is_same_place(path, file)) {
                return usage(format!("{} is an input, and the run writes it", file.display()));
            }
            it.check(read, &file.display().to_string(), "an input")?;
        }
    }
    Ok(())
}

/// Refuses rows that standard output or standard error is written to while they are read.
pub fn check_streams(files: &[RowFile]) -> Result<()> {
    check_rows(&[Written::stdout(), Written::stderr()], files)
}

fn check_stdin(written: &[Written<'_>]) -> Result<()> {
    let read = Identity::of_descriptor(0);
    written.iter().try_for_each(|it| it.check(read, &it.shown, "where standard input comes from"))
}

/// Refuses to write to what a run reads.
pub fn check_reads(written: &[Written<'_>], typed: &args::Run, source: &Source) -> Result<()> {
    if let Source::Lines(files) | Source::Files(files) = source {
        check_rows(written, files)?;
    }
    if typed.source.list().is_some_and(|(list, _)| is_stdin(list)) {
        check_stdin(written)?;
    }
    for (path, what) in read_beside(typed) {
        let read = Identity::of_path(&path);
        // It was read by then, and is replaced as a whole, if at all.
        let continues = |it: &&Written<'_>| what == STATE_IN && it.what == STATE_OUT && !it.stream;
        let mut written = written.iter().filter(|it| !continues(it));
        written.try_for_each(|it| it.check(read, &path.display().to_string(), what))?;
    }
    Ok(())
}

/// Refuses to write to one of many programs.
pub fn check_programs<'a>(programs: impl Iterator<Item = &'a Path>, written: &[&Path]) -> Result<()> {
    let written: Vec<_> = written.iter().map(|path| Written::at(path, "")).collect();
    for program in programs {
        let read = Identity::of_path(program);
        written.iter().try_for_each(|it| it.check(read, &program.display().to_string(), "a program"))?;
    }
    Ok(())
}

/// The files that a run reads beside those of rows, and what each is.
pub fn read_beside(typed: &args::Run) -> Vec<(PathBuf, &'static str)> {
    let init = typed.initializer.init_arg.as_deref().and_then(|argument| argument.strip_prefix('@'));
    let state = typed.tasks.state.state_in.clone();
    let program = (program::file(&typed.source.task), "the program");
    let init = init.map(|path| (path.into(), "the argument of init (--init-arg)"));
    let state = state.map(|path| (path, STATE_IN));
    let list = typed.source.list().filter(|(path, _)| !is_stdin(path));
    let list = list.map(|(path, _)| (path.clone(), "the list of files"));
    [Some(program), init, state, list].into_iter().flatten().collect()
}

/// Whether two paths name the same place in a folder, where there may be nothing yet.
fn is_same_place(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        let absolute = std::path::absolute(path).ok()?;
        Some((std::fs::canonicalize(absolute.parent()?).ok()?, absolute.file_name()?.to_owned()))
    };
    place(a).is_some_and(|a| place(b) == Some(a))
}
