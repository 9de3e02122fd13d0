//! From what was typed to what it means. Everything that can be refused without starting anything is refused here.

mod determinism;
mod expect;
mod extras;
mod files;
mod formats;
mod grants;
mod initializer;
mod journal;
mod layout;
mod listed;
mod locator;
mod monitoring;
mod outputs;
mod overlap;
mod pool;
mod reach;
mod reports;
mod row_file;
mod sharding;
mod shown;
mod source;
mod state;
mod times;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use wpool::PoolConfig;
use wpool::output::OutputType;
use wpool::template::Template;

pub use self::determinism::determinism;
pub use self::expect::{Expect, WRONG_OUTPUT};
pub use self::extras::{Extras, Place};
pub use self::files::natural;
pub use self::layout::{Header, Layout, Table, TableFormat};
pub use self::listed::{QUOTED, push_path, read as read_list};
pub use self::locator::{LINE_BITS, Locator};
pub use self::monitoring::Monitoring;
pub use self::overlap::{check_programs, check_streams};
pub use self::pool::{base_config, unbound_config};
pub use self::reports::{ReportsPlan, is_github};
pub use self::row_file::RowFile;
pub use self::sharding::filled;
pub use self::shown::Shown;
pub use self::source::{Source, files};
pub use self::times::Times;
use crate::cli::args;
use crate::cli::args::halt::{self, Halt};
use crate::cli::descriptor::is_stdout;
use crate::cli::errors::{CannotWrite, usage};
use crate::cli::policy::{self, PolicyFacts};
use crate::cli::program::{self, Subject};
use crate::cli::scripts::RowsAs;
use crate::cli::shard::Shard;
use crate::cli::target::Target;
use crate::cli::terminal;
use grants::template;
pub use journal::{Gone, JournalPlan, Resuming, SHARD, defaults, differences};

/// A run that makes sense.
#[derive(Debug)]
pub struct Plan {
    /// As typed: a folder that is to be built, too.
    pub task: PathBuf,
    /// Folders that a script imports from, as typed.
    pub python_path: Vec<PathBuf>,
    pub source: Source,
    /// The part of the rows that is run.
    pub shard: Option<Shard>,
    /// How long rows took before.
    pub times: Option<Times>,
    pub config: PoolConfig,
    pub style: Style,
    /// The members that records have of their rows.
    pub extras: Extras,
    /// Records are a table.
    pub table: Option<TableFormat>,
    pub output_type: OutputType,
    /// The texts that outputs are compared with.
    pub expect: Option<Expect>,
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
    /// The conditions that stop the run early; the first that is met does.
    pub halts: Vec<Halt>,
    /// For the whole run.
    pub deadline: Option<Duration>,
    /// From the first signal to the kill of running tasks.
    pub grace: Duration,
    /// The rows that run twice, and whether a difference is an exit code.
    pub verify: Option<Verify>,
    /// Check all rows before the first task.
    pub strict: bool,
    pub messages: Messages,
    pub reports: Option<ReportsPlan>,
    pub monitoring: Monitoring,
    /// The policies, and what they have changed.
    pub policy: Option<PolicyFacts>,
    /// Only say what would run.
    pub dry: bool,
    /// Files that were read when the plan was made.
    read: Vec<PathBuf>,
}

/// Which rows run twice.
#[derive(Clone, Copy, Debug)]
pub struct Verify {
    pub which: args::Twice,
    /// A difference is an exit code.
    pub fails: bool,
}

/// The standard streams, which a shell may have opened on any file.
const STREAMS: [&str; 3] = ["/dev/stdin", "/dev/stdout", "/dev/stderr"];

/// The messages beside the records.
#[derive(Debug)]
pub struct Messages {
    pub quiet: bool,
    pub verbose: bool,
    pub progress: Shown,
    /// The prints of tasks are shown.
    pub show_output: bool,
    /// How the steps before the first row are shown.
    pub steps: Shown,
    /// Tasks that run as long as this are reported.
    pub slow: Duration,
    pub summary_json: Option<Target>,
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
    pub fn new(mut typed: args::Run) -> Result<Plan> {
        let shard = sharding::shard(&mut typed)?;
        let times = times::times(&typed)?;
        let mut source = source::source(&typed)?;
        let output = &typed.output;
        outputs::check_outputs(&typed, &source)?;
        let style = if output.values { Style::Values } else { Style::Records { receipts: output.receipts } };
        let extras = extras::extras(&typed, &source)?;
        let policies =
            typed.policies.policy.iter().try_fold(policy::current()?, |all, path| policy::with(all, path))?;
        let (mut config, bounds) = pool::config(&typed, &mut source, policies)?;
        let policy = PolicyFacts::of(&config.policy, bounds);
        // The command line keeps it, with the time for compiling in it. Without a policy the pool need not keep it as well.
        let deadline = config.lifetime.take();
        let verify = verify(&typed.verifying, &mut config)?;
        let records = output.output.clone().filter(|path| !is_stdout(path));
        let target = |path: &PathBuf| Target::of(path, output.overwrite);
        let output_file = records.as_ref().map(target).transpose()?;
        let journal = journal::journal(&typed, output_file.as_ref(), &source, &config)?
            .map(|journal| journal.of(shard, times.as_ref(), &typed).under(policy.clone()));
        let journal = journal.map(|journal| journal.with(&extras, &source)).transpose()?;
        reach::check_own_files(&typed, &config, journal.as_ref())?;
        let kept = journal.as_ref().map(|journal| journal.facts.clone());
        let reports =
            ReportsPlan::of(&typed.reports, || kept.unwrap_or_else(|| journal::facts(&typed, &source, &config)))?;
        Ok(Plan {
            shard,
            times,
            journal,
            style,
            extras,
            table: TableFormat::of(output.output_format),
            output_type: output_type(output.output_type),
            expect: Expect::new(&typed.expecting, &source, config.task.json_rows)?,
            out_dir: out_dir(output, &source, config.task.json_rows)?,
            failed: output.failed.as_deref().map(always).transpose()?,
            state_out: typed.tasks.state.state_out.as_ref().map(target).transpose()?,
            only: output.only,
            unordered: output.unordered,
            halts: halts(&typed.stopping),
            deadline,
            policy: policy.inspect(|policy| policy.say(typed.messages.quiet, typed.messages.verbose)),
            grace: typed.stopping.grace,
            verify,
            strict: typed.strict_input,
            dry: typed.messages.dry_run,
            messages: messages(&typed.messages, output_file.is_some())?,
            monitoring: monitoring::monitoring(&typed.messages)?,
            output: output_file,
            read: overlap::read_beside(&typed).into_iter().map(|(path, _)| path).collect(),
            task: typed.source.task,
            python_path: typed.source.python_path,
            source,
            config,
            reports,
        })
    }

    /// The program that was typed. A folder is built first, which may take minutes.
    pub fn program(&mut self) -> Result<Subject> {
        reach::check_stdin(&self.task, &self.source)?;
        reach::check_program(&self.task, &self.config)?;
        let subject = program::load(&self.task, &self.python_path, &self.config.policy, self.messages.quiet)?;
        self.start_with(&subject)?;
        Ok(subject)
    }

    /// The same, where nothing may be written: a folder that has to be built first has none.
    pub fn program_as_it_is(&mut self) -> Result<Option<Subject>> {
        reach::check_stdin(&self.task, &self.source)?;
        reach::check_program(&self.task, &self.config)?;
        let Some(subject) = program::load_as_it_is(&self.task, &self.python_path, &self.config.policy)? else {
            return Ok(None);
        };
        self.start_with(&subject)?;
        Ok(Some(subject))
    }

    /// Has the runtime of a script be given the script, with the argument that was typed for the script's own `init`.
    pub fn start_with(&mut self, subject: &Subject) -> Result<()> {
        let Some((script, _)) = &subject.script else {
            if self.python_path.is_empty() {
                return Ok(());
            }
            return usage(format!("--python-path is for scripts, and {} is not a script", subject.program.name()));
        };
        reach::check_runtimes(&self.config)?;
        if self.config.call.is_some() || self.config.alloc.is_some() {
            return usage(format!("--call and --alloc are for programs: tasks of the script {} call run", script.main));
        }
        let rows = match &self.source {
            Source::Files(_) => RowsAs::Bytes,
            Source::Lines(_) if !self.config.task.json_rows => RowsAs::Text,
            Source::Lines(_) | Source::Once => RowsAs::Json,
        };
        subject.start_with(rows, &mut self.config);
        Ok(())
    }

    /// Whether a task that settles as ok may yet fail by its output.
    pub fn judges_outputs(&self) -> bool {
        self.output_type != OutputType::Auto || self.expect.is_some()
    }

    /// The files that the run reads or writes records to.
    pub fn own_files(&self) -> impl Iterator<Item = &Path> {
        let rows = match &self.source {
            Source::Lines(files) | Source::Files(files) => files.as_slice(),
            Source::Once => &[],
        };
        let written = [&self.output, &self.failed, &self.state_out, &self.messages.summary_json];
        let reports = self.reports.iter().flat_map(|reports| reports.files.iter().map(|(_, target)| target));
        let monitoring = [&self.monitoring.events, &self.monitoring.metrics];
        let written = written.into_iter().chain(monitoring).flatten().chain(reports).map(Target::path);
        let named = self.read.iter().map(PathBuf::as_path).chain(rows.iter().map(|file| &**file));
        named.chain(written).chain(STREAMS.iter().map(Path::new))
    }
}

/// At least one of the workers that a policy allows is for running rows twice.
fn verify(typed: &args::Verifying, config: &mut PoolConfig) -> Result<Option<Verify>> {
    let Some(which) = typed.verify else { return Ok(None) };
    if config.task.grants.has_writable_dir() {
        return usage("--verify cannot be used with a :rw directory: tasks would change it twice".into());
    }
    if let Some(most) = config.policy.most_workers() {
        anyhow::ensure!(most > 1, "policy: --verify runs rows in two workers, and 1 is allowed");
        config.workers = config.workers.min(most - 1);
    }
    Ok(Some(Verify { which, fails: typed.verify_fail }))
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
    if typed.quiet {
        terminal::be_quiet();
    }
    Ok(Messages {
        quiet: typed.quiet,
        verbose: typed.verbose,
        progress: Shown::new(typed.progress, typed.quiet, to_file),
        show_output: typed.show_output,
        steps: Shown::of_steps(typed.progress, typed.quiet),
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

fn out_dir(output: &args::Output, source: &Source, json: bool) -> Result<Option<OutDirPlan>> {
    let Some(path) = output.out_dir.clone() else { return Ok(None) };
    let files = matches!(source, Source::Files(_));
    let name = output.out_name.as_deref().unwrap_or(if files { "{name}" } else { "{id}" });
    Ok(Some(OutDirPlan { path, name: template(name, files, true)?, json, overwrite: output.overwrite }))
}
