//! Where rows come from.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cli::args::{self, InputFormat};
use crate::cli::descriptor::{is_stdin, is_stdout};
use crate::cli::errors::{NoInputs, usage};
use crate::cli::plan::files::{Matched, matching};
use crate::cli::plan::formats::lay_out;
use crate::cli::plan::layout::Table;
use crate::cli::plan::listed;
use crate::cli::plan::row_file::RowFile;
use crate::cli::terminal::warn;
use crate::cli::within::{Stray, stray};

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Lines of files, or of standard input for `-`.
    Lines(Vec<RowFile>),
    /// Files, each of them a row.
    Files(Vec<RowFile>),
    /// One run without input.
    Once,
}

impl Source {
    /// The tables whose records are rows; all files are of one format.
    pub fn table(&self) -> Option<&Table> {
        match self {
            Source::Lines(files) => files.first()?.layout.table(),
            Source::Files(_) | Source::Once => None,
        }
    }

    /// Has files that a task could replace be the ones that stand there now.
    pub fn pin(&mut self) {
        if let Source::Lines(files) | Source::Files(files) = self {
            files.iter_mut().filter(|file| !is_stdin(file)).for_each(RowFile::pin);
        }
    }
}

/// The rows that were typed.
pub fn source(typed: &args::Run) -> Result<Source> {
    let is_of_lines = !typed.once && !typed.source.are_files();
    if !is_of_lines && (typed.source.format().is_some() || !typed.source.format.header.is_empty()) {
        return usage("formats are for files of rows, and not for --files, --files-from and --once".into());
    }
    if typed.once {
        return Ok(Source::Once);
    }
    let files = if let Some((list, nul)) = typed.source.list() {
        listed::read(list, nul, if nul { "--files0-from" } else { "--files-from" })?
    } else if typed.source.are_files() {
        matched(typed)?
    } else {
        return lines(typed);
    };
    if let Some(folder) = &typed.rows_within {
        files.iter().try_for_each(|file| check_within(file, folder))?;
    }
    Ok(Source::Files(files.into_iter().map(RowFile::from).collect()))
}

/// Refuses a file elsewhere, which a link or a line of a list may name.
fn check_within(file: &Path, folder: &Path) -> Result<()> {
    let Some(stray) = std::path::absolute(file).map_or(Some(Stray::Out), |path| stray(&path, folder)) else {
        return Ok(());
    };
    usage(format!(
        "{} {stray}, and a configuration file that was only found names no such rows: name them yourself, or name the \
         configuration file (--config)",
        file.display()
    ))
}

/// The files of rows. Records of tables keep their text where it may be needed.
fn lines(typed: &args::Run) -> Result<Source> {
    let mut files = files(&typed.source.inputs, &typed.source.format, typed.source.lines)?;
    for file in &mut files {
        file.layout.keep(typed.output.failed.is_some());
    }
    Ok(Source::Lines(files))
}

/// The files of `--files`. Whatever is left out is reported.
fn matched(typed: &args::Run) -> Result<Vec<PathBuf>> {
    let patterns = &typed.source.files;
    let own = typed.output.output.as_deref().filter(|path| !is_stdout(path));
    let Matched { files, left_out, unmatched } = matching(patterns, typed.source.files_order, own)?;
    if !typed.messages.quiet {
        left_out.iter().for_each(|what| warn(format_args!("{what}")));
        for pattern in unmatched.iter().filter(|_| !files.is_empty()) {
            warn(format_args!("no regular file matches --files {pattern}"));
        }
    }
    if files.is_empty() {
        return Err(NoInputs(format!("no regular file matches --files {}", patterns.join(" or "))).into());
    }
    Ok(files)
}

/// Input files that can be opened, with `-` for standard input.
pub fn files(inputs: &[PathBuf], format: &InputFormat, lines: bool) -> Result<Vec<RowFile>> {
    let mut files = inputs.to_vec();
    if files.is_empty() {
        files.push("-".into());
    }
    if files.iter().filter(|file| is_stdin(file)).count() > 1 {
        return usage("standard input can be read only once".into());
    }
    let terminal = files.iter().any(|file| is_stdin(file)) && std::io::stdin().is_terminal();
    if terminal && inputs.is_empty() {
        return usage(
            "no inputs: name a file of rows, or pipe rows in (- reads them from the terminal, -n runs once)".into(),
        );
    }
    for file in files.iter().filter(|file| !is_stdin(file)) {
        let cannot = || format!("cannot read {}", file.display());
        let metadata = std::fs::metadata(file).with_context(cannot)?;
        anyhow::ensure!(!metadata.is_dir(), "cannot read {}: it is a directory", file.display());
        // A file that is not regular may wait for its writer, and gives its rows only once.
        if metadata.is_file() {
            std::fs::File::open(file).with_context(cannot)?;
        }
    }
    let mut files: Vec<_> = files.into_iter().map(RowFile::from).collect();
    lay_out(&mut files, format, lines)?;
    Ok(files)
}
