//! From what was typed to what it means. Everything that can be refused without starting anything is refused here.

mod determinism;
mod files;
mod grants;
mod initializer;
mod journal;
mod listed;
mod locator;
mod outputs;
mod overlap;
mod reach;
mod row_file;
mod shown;
mod state;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use wpool::output::OutputType;
use wpool::{CompileLimits, Limits, MAX_WORKERS, Observer, PoolConfig, Program, Retry, Template, WorkerCommand};

use self::files::{Matched, matching};
pub use self::listed::{QUOTED, push_path};
pub use self::locator::{LINE_BITS, Locator};
use self::overlap::Written;
pub use self::row_file::RowFile;
pub use self::shown::Shown;
use crate::cli::args;
use crate::cli::args::halt::{self, Halt};
use crate::cli::descriptor::is_stdout;
use crate::cli::exit::{CannotWrite, NoInputs, Usage};
use crate::cli::say;
use crate::cli::target::Target;
use crate::cli::tell::tell;
use grants::template;
pub use journal::{Gone, JournalPlan, Resuming, differences};

/// A run that makes sense.
#[derive(Debug)]
pub struct Plan {
    /// As typed: a folder that is to be built, too.
    pub task: PathBuf,
    pub source: Source,
    pub config: PoolConfig,
    pub style: Style,
    pub output_type: OutputType,
    pub out_dir: Option<OutDirPlan>,
    /// `None` is standard output.
    pub output: Option<Target>,
    pub failed: Option<Target>,
    /// There when `output` is a regular file.
    pub journal: Option<JournalPlan>,
    /// Where the shared state is written at the end.
    pub state_out: Option<Target>,
    pub only: Option<args::Only>,
    /// Results as they come.
    pub unordered: bool,
    /// What stops the run early; the first that is met does.
    pub halts: Vec<Halt>,
    /// For the whole run.
    pub deadline: Option<Duration>,
    /// Check all rows before the first task.
    pub strict: bool,
    pub messages: Messages,
    /// Files that were read when the plan was made.
    read: Vec<PathBuf>,
}

/// The standard streams, which a shell may have opened on any file.
const STREAMS: [&str; 3] = ["/dev/stdin", "/dev/stdout", "/dev/stderr"];

/// What people see beside the records.
#[derive(Debug)]
pub struct Messages {
    pub quiet: bool,
    pub verbose: bool,
    pub progress: Shown,
    /// Tasks that run as long as this are told of.
    pub slow: Duration,
    pub summary_json: Option<Target>,
}

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
    fn pin(&mut self) {
        if let Source::Lines(files) | Source::Files(files) = self {
            files.iter_mut().filter(|file| !is_stdin(file)).for_each(RowFile::pin);
        }
    }
}

/// Where outputs become files.
#[derive(Debug)]
pub struct OutDirPlan {
    pub path: PathBuf,
    pub name: Template,
    /// The rows that names are made of are JSON.
    pub json: bool,
    pub overwrite: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Records { receipts: bool },
    Values,
}

impl Plan {
    pub fn new(typed: args::Run) -> Result<Plan> {
        let mut source = source(&typed)?;
        let output = &typed.output;
        outputs::check_outputs(&typed, &source)?;
        let style = if output.values { Style::Values } else { Style::Records { receipts: output.receipts } };
        let limits = Limits {
            deadline: typed.limits.timeout,
            fuel: typed.limits.fuel.map(u64::from),
            memory: typed.limits.memory,
            output: typed.limits.max_output,
            ..Limits::default()
        };
        let mut config = base_config()?;
        config.workers = jobs(typed.pool.jobs.map(usize::from).unwrap_or(config.workers))?;
        config.limits = limits;
        config.interrupt = typed.limits.interrupt;
        config.compile_limits =
            CompileLimits { time: typed.limits.compile_timeout, memory: typed.limits.compile_memory };
        let files = matches!(source, Source::Files(_));
        config.grants = grants::grants(&typed, files)?;
        if config.grants.has_writable_dir() {
            source.pin();
        }
        config.init = initializer::init(&typed.initializer)?;
        config.success_codes = output.success_codes.clone();
        config.chunksize = typed.pool.chunksize;
        config.isolation = typed.pool.isolation;
        config.verify_isolation = typed.pool.verify_isolation;
        config.sandbox = typed.pool.sandbox;
        config.deterministic = determinism::determinism(&typed, &config)?;
        config.crash_limit = typed.stopping.crash_limit;
        config.max_tasks_per_worker = typed.stopping.max_tasks_per_worker;
        config.retry = retry(&typed.stopping);
        let records = output.output.clone().filter(|path| !is_stdout(path));
        let json = !typed.source.lines && !typed.once && !files;
        config.json_rows = json;
        config.call = typed.source.call.clone();
        let bytes = matches!(output.output_type, args::OutputType::Text | args::OutputType::Base64);
        config.bare_outputs = bytes || output.out_dir.is_some();
        config.receipts = output.receipts;
        config.state = state::state(&typed.state)?;
        if typed.pool.no_cache {
            config.cache = None;
        }
        let target = |path: &PathBuf| Target::of(path, output.overwrite);
        let output_file = records.as_ref().map(target).transpose()?;
        let journal = journal::journal(&typed, output_file.as_ref(), &source, &config)?;
        reach::check_own_files(&typed, &config, journal.as_ref())?;
        Ok(Plan {
            journal,
            source,
            config,
            style,
            output_type: output_type(output.output_type),
            out_dir: out_dir(output, files, json)?,
            failed: output.failed.as_deref().map(always).transpose()?,
            state_out: typed.state.state_out.as_ref().map(target).transpose()?,
            only: output.only,
            unordered: output.unordered,
            halts: halts(&typed.stopping),
            deadline: typed.stopping.deadline,
            strict: typed.strict_input,
            messages: messages(&typed.messages, output_file.is_some())?,
            output: output_file,
            read: overlap::read_beside(&typed).into_iter().map(|(path, _)| path).collect(),
            task: typed.source.task,
        })
    }

    /// The program that was typed. A folder is built first, which may take minutes.
    pub fn program(&mut self) -> Result<Program> {
        reach::check_program(&self.task, &self.config)?;
        self.task = crate::cli::program::program(std::mem::take(&mut self.task), self.messages.quiet)?;
        Ok(Program::read(&self.task)?)
    }

    /// The files that the run reads or writes records to.
    pub fn own_files(&self) -> impl Iterator<Item = &Path> {
        let rows = match &self.source {
            Source::Lines(files) | Source::Files(files) => files.as_slice(),
            Source::Once => &[],
        };
        let written = [&self.output, &self.failed, &self.state_out, &self.messages.summary_json];
        let written = written.into_iter().flatten().map(Target::path);
        let named = self.read.iter().map(PathBuf::as_path).chain(rows.iter().map(|file| &**file));
        named.chain(written).chain(STREAMS.iter().map(Path::new))
    }
}

fn retry(typed: &args::Stopping) -> Retry {
    let args::Stopping { retries, retry_on, retry_delay, .. } = typed;
    Retry { times: *retries, on: retry_on.clone(), delay: retry_delay.first, max_delay: retry_delay.longest }
}

fn halts(typed: &args::Stopping) -> Vec<Halt> {
    let halt = match typed.halt {
        halt::Typed::When(halt) => Some(halt),
        halt::Typed::Never => None,
    };
    halt.into_iter().chain(typed.max_fail.map(Halt::after_failures)).collect()
}

/// A file that is replaced without being asked.
fn always(path: &Path) -> Result<Target, CannotWrite> {
    Target::of(path, true)
}

fn messages(typed: &args::Messages, to_file: bool) -> Result<Messages> {
    Ok(Messages {
        quiet: typed.quiet,
        verbose: typed.verbose,
        progress: Shown::new(typed.progress, typed.quiet, to_file),
        slow: typed.slow,
        summary_json: typed.summary_json.as_deref().map(always).transpose()?,
    })
}

fn output_type(typed: args::OutputType) -> OutputType {
    match typed {
        args::OutputType::Auto => OutputType::Auto,
        args::OutputType::Json => OutputType::Json,
        args::OutputType::Text => OutputType::Text,
        args::OutputType::Base64 => OutputType::Base64,
    }
}

/// The configuration of every pool of this command: its own children, the user's cache, and an observer that warns.
pub fn base_config() -> Result<PoolConfig> {
    let mut config = PoolConfig {
        worker: Some(WorkerCommand::this_program()),
        cache: crate::cli::dirs::cache_dir(),
        ..PoolConfig::default()
    };
    config.observer = Observer::new(|event| tell(event, false)).without_tasks();
    Ok(config)
}

fn jobs(jobs: usize) -> Result<usize> {
    if jobs > MAX_WORKERS {
        return usage(format!("-j {jobs} is more than the {MAX_WORKERS} workers that a pool may have"));
    }
    Ok(jobs)
}

fn source(typed: &args::Run) -> Result<Source> {
    if typed.once {
        return Ok(Source::Once);
    }
    let files = if let Some((list, nul)) = typed.source.list() {
        listed::read(list, nul)?
    } else if typed.source.are_files() {
        matched(typed)?
    } else {
        return files(&typed.source.inputs).map(Source::Lines);
    };
    Ok(Source::Files(files.into_iter().map(RowFile::from).collect()))
}

/// The files of `--files`. Whatever is left out is reported.
fn matched(typed: &args::Run) -> Result<Vec<PathBuf>> {
    let patterns = &typed.source.files;
    let own = typed.output.output.as_deref().filter(|path| !is_stdout(path));
    let Matched { files, left_out, unmatched } = matching(patterns, typed.source.files_order, own)?;
    if !typed.messages.quiet {
        left_out.iter().for_each(|what| say(format_args!("warning: {what}")));
        for pattern in unmatched.iter().filter(|_| !files.is_empty()) {
            say(format_args!("warning: no regular file matches --files {pattern}"));
        }
    }
    if files.is_empty() {
        return Err(NoInputs(format!("no regular file matches --files {}", patterns.join(" or "))).into());
    }
    Ok(files)
}

/// Input files that can be opened, with `-` for standard input.
pub fn files(inputs: &[PathBuf]) -> Result<Vec<RowFile>> {
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
        // What is no regular file may wait for somebody who writes, and gives its rows only once.
        if metadata.is_file() {
            std::fs::File::open(file).with_context(cannot)?;
        }
    }
    Ok(files.into_iter().map(RowFile::from).collect())
}

/// Refuses rows that standard output or standard error is written to while they are read.
pub fn check_streams(files: &[RowFile]) -> Result<()> {
    overlap::check_rows(&[Written::stdout(), Written::stderr()], files)
}

pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn out_dir(output: &args::Output, files: bool, json: bool) -> Result<Option<OutDirPlan>> {
    let Some(path) = output.out_dir.clone() else { return Ok(None) };
    let name = output.out_name.as_deref().unwrap_or(if files { "{name}" } else { "{id}" });
    Ok(Some(OutDirPlan { path, name: template(name, files, true)?, json, overwrite: output.overwrite }))
}

fn usage<T>(what: String) -> Result<T> {
    Err(Usage(what).into())
}
