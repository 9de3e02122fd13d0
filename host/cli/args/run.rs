//! Options of `wpool run`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgGroup, ValueHint};

use wpool::{Isolation, SandboxMode};

use crate::cli::args::choices::choices;
use crate::cli::args::{
    Configuration, Expecting, Initializer, InputFormat, Journal, Messages, Policies, RecordFormat, Reports, RowFormat,
    Sharding, Starting, Stopping, TaskOptions, Verifying, member,
};
use crate::cli::units::{Jobs, at_least_one, jobs};

pub(super) const RUN_HELP: &str = "\
Each row is one task, which runs in a fresh instance of the program. Each task gives one line of
JSON, in input order:
  {\"id\":0,\"status\":\"ok\",\"output\":385}
  {\"id\":3,\"status\":\"timeout\",\"error\":{\"code\":\"timeout\",\"message\":\"ran longer than 1s\"}}

A row is a line of JSON; blank lines are not rows. The program gets the row as it is written, by
the first of these conventions that fits:
  task      a component's run: func(input: list<u8>) -> result<list<u8>, string>
  function  any other function of a component, chosen with --call when there are several: the row is
            an object by parameter names, an array by position, or a single parameter's value
  command   a WASI command: the row on standard input, the output from standard output
  raw       a core module's run(ptr, len) -> ptr << 32 | len
  script    the function run(row) of a script, which gets the parsed row

Arguments after -- are for commands: {} is the row and {.field} a member of it; a literal {} is
written {{}}. Where rows are files, {} is the file's path, and {name}, {stem}, {ext} and {dir} are
parts of it.

TIME is a number with ms, s, m or h; without a unit it is in seconds. SIZE is a number of bytes, or
has a unit, as in 64KiB or 1.5GiB.

Exit codes: 0 all ok, 2 usage, 4 no inputs, 70 internal error, 96 set-up failed, 100 some task not
ok, 101 program refused, 102 input refused, 103 stopped by --halt or --max-fail, 106 journal
unreadable, 110 cannot write output, 124 stopped by --deadline, 130 interrupted, 143 terminated.
A success that --halt waits for is 0.

The first Ctrl-C gives running tasks --grace to finish, the second kills them. Ctrl-Z stops the workers and
their deadlines as well. SIGUSR1 prints the running tasks.";

#[derive(Debug, clap::Args)]
pub struct Run {
    #[command(flatten)]
    pub source: Rows,
    /// Run the program once, without input
    #[arg(short = 'n', long, conflicts_with_all = ["inputs", "lines", "files", "files_order", "files_from", "files0_from"],
        help_heading = "Input")]
    pub once: bool,
    /// Check all rows before the first task, and reject the run if one is not JSON or does not fit
    #[arg(long, conflicts_with_all = ["lines", "once", "files", "files_from", "files0_from"],
        help_heading = "Input")]
    pub strict_input: bool,

    #[command(flatten)]
    pub initializer: Initializer,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub expecting: Expecting,
    #[command(flatten)]
    pub journal: Journal,
    #[command(flatten)]
    pub sharding: Sharding,
    #[command(flatten)]
    pub starting: Starting,
    #[command(flatten)]
    pub tasks: TaskOptions,
    #[command(flatten)]
    pub policies: Policies,
    #[command(flatten)]
    pub pool: Pool,
    #[command(flatten)]
    pub stopping: Stopping,
    #[command(flatten)]
    pub verifying: Verifying,
    #[command(flatten)]
    pub reports: Reports,
    #[command(flatten)]
    pub messages: Messages,
    #[command(flatten)]
    pub configuration: Configuration,

    /// What the run keeps as its arguments, where options came from files and variables.
    #[arg(skip)]
    pub arguments: Option<Vec<OsString>>,
    /// The folder in which files that are rows have to lie, where a configuration file names them that was only found.
    #[arg(skip)]
    pub rows_within: Option<PathBuf>,
}

/// The program and its rows.
#[derive(Debug, clap::Args)]
pub struct Rows {
    /// The program: a component, a core module, WebAssembly text, a script (.py, .js, .ts), or a folder to build first;
    /// @NAME is a task of a configuration file
    #[arg(value_hint = ValueHint::AnyPath)]
    pub task: PathBuf,
    /// Files of rows; - or none is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub inputs: Vec<PathBuf>,
    /// Arguments of a command
    #[arg(last = true)]
    pub args: Vec<String>,

    /// Rows are lines of any text, not JSON
    #[arg(long, group = "format", help_heading = "Input")]
    pub lines: bool,
    #[command(flatten)]
    pub format: InputFormat,
    /// Take each file that matches as a row: its content is the input, {} is its path (repeatable)
    #[arg(long, value_name = "GLOB", conflicts_with_all = ["inputs", "lines"], help_heading = "Input")]
    pub files: Vec<String>,
    #[arg(long, value_name = "HOW", default_value = "natural", hide_default_value = true, hide_possible_values = true,
        requires = "files", conflicts_with_all = ["inputs", "lines", "files_from", "files0_from"],
        help = choices::<FilesOrder>("Order of the files of --files [default: natural]"),
        help_heading = "Input")]
    pub files_order: FilesOrder,
    /// Take each file that FILE lists as a row: a path a line, in this order; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["inputs", "lines", "files"], value_hint = ValueHint::FilePath,
        help_heading = "Input")]
    pub files_from: Option<PathBuf>,
    /// As --files-from, with a NUL behind each path, as find -print0 writes them
    #[arg(long = "files0-from", value_name = "FILE", conflicts_with_all = ["inputs", "lines", "files", "files_from"],
        value_hint = ValueHint::FilePath, help_heading = "Input")]
    pub files0_from: Option<PathBuf>,
    /// Make the standard input of a command from the row; none leaves it empty [default: the row]
    #[arg(long, value_name = "TEMPLATE", help_heading = "Input")]
    pub stdin: Option<String>,
    /// Call this function: FUNCTION or INTERFACE.FUNCTION of a component, or an export of a core module
    #[arg(long, value_name = "FUNCTION", help_heading = "Input")]
    pub call: Option<String>,
    /// Allocator of a raw function [default: alloc, malloc, cabi_realloc, allocate, or a name that ends in _alloc]
    #[arg(long, value_name = "FUNCTION", help_heading = "Input")]
    pub alloc: Option<String>,
    /// Let a Python script import modules and packages of DIR; venv is the active virtual environment (repeatable)
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Input")]
    pub python_path: Vec<PathBuf>,
}

/// The order of the files that patterns name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FilesOrder {
    /// 2 before 10
    Natural,
    /// By the bytes of their names
    Byte,
}

impl Rows {
    /// The format that was typed for rows.
    pub fn format(&self) -> Option<RowFormat> {
        self.format.typed(self.lines)
    }

    /// Whether rows are lines of any text.
    pub fn are_text(&self) -> bool {
        self.format() == Some(RowFormat::Lines)
    }

    /// Whether each row is a file.
    pub fn are_files(&self) -> bool {
        !self.files.is_empty() || self.list().is_some()
    }

    /// The list of files, and whether each of its paths ends in a NUL.
    pub fn list(&self) -> Option<(&PathBuf, bool)> {
        let lines = self.files_from.as_ref().map(|list| (list, false));
        lines.or(self.files0_from.as_ref().map(|list| (list, true)))
    }
}

/// Which records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    /// Records of tasks that are ok
    Ok,
    /// Records of tasks that are not ok
    Failed,
}

/// The type that every output must have.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum OutputType {
    /// Whatever the bytes are: a JSON value, text, or else base64
    Auto,
    /// A JSON value
    Json,
    /// UTF-8, always as a JSON string
    Text,
    /// Any bytes, always as base64
    Base64,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output", group = ArgGroup::new("written").args(["output", "out_dir", "state_out"]).multiple(true))]
pub struct Output {
    /// Write records to FILE [default: standard output, which is -]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Write the output of each task that is ok to its own file in DIR; the record names the file
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out_dir: Option<PathBuf>,
    /// Make the names of these files from the row; {id} is the row's position
    /// [default: {name} where rows are files, else {id}]
    #[arg(long, value_name = "TEMPLATE", requires = "out_dir")]
    pub out_name: Option<String>,
    /// Replace existing files of -o, --out-dir and --state-out
    #[arg(long, requires = "written")]
    pub overwrite: bool,
    #[arg(long, value_name = "TYPE", default_value = "auto", hide_default_value = true, hide_possible_values = true,
        help = choices::<OutputType>("Require every output to be of this type; a task whose output is not fails [default: auto]"))]
    pub output_type: OutputType,
    /// Exit codes of a command that count as ok
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "0",
        value_parser = clap::value_parser!(i32).range(0..=255), allow_negative_numbers = true)]
    pub success_codes: Vec<i32>,
    /// Write results as tasks end, not in input order
    #[arg(long)]
    pub unordered: bool,
    /// Print bare outputs, one a line, and null for a failure; report failures on standard error
    #[arg(long, conflicts_with = "receipts")]
    pub values: bool,
    /// Add to each record how its task went: layer, attempts, worker, times, memory, bytes
    #[arg(long)]
    pub receipts: bool,
    /// Add to each record its row, as `input`; of several inputs also `file` and `line`
    #[arg(long)]
    pub with_input: bool,
    /// Add to each record a member of its row, as `key`; of several inputs also `file` and `line`
    #[arg(long, value_name = ".NAME", value_parser = member)]
    pub key: Option<String>,
    #[arg(long, value_name = "FORMAT", default_value = "jsonl", hide_default_value = true, hide_possible_values = true,
        help = choices::<RecordFormat>("Format of the records; tables have no journal [default: jsonl]"))]
    pub output_format: RecordFormat,
    /// Keep the rows whose records are not ok in FILE, as they were, to run them again; of files, the
    /// paths for --files-from
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub failed: Option<PathBuf>,
    #[arg(long, value_name = "WHICH", hide_possible_values = true,
        help = choices::<Only>("Write only these records; all records are counted [default: all]"))]
    pub only: Option<Only>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Pool")]
pub struct Pool {
    /// Number of workers, or a percentage of the cores that affinity and cgroup quota allow; auto is
    /// all of them [default: WPOOL_WORKERS, or auto]
    #[arg(short, long, value_name = "N|N%|auto", value_parser = jobs, allow_negative_numbers = true)]
    pub jobs: Option<Jobs>,
    /// Instances that tasks run in [default: auto]
    ///   auto           reset where it is proven to equal fresh, else fresh
    ///   fresh          A new instance for each task
    ///   reset          A kept instance, put back after each task
    ///   reuse[=N]      A kept instance as tasks leave it [for up to N tasks]
    ///   reuse=checked  As reuse, with a sample of tasks compared to fresh ones
    #[arg(long, value_name = "HOW", value_parser = isolation, default_value = "auto", hide_default_value = true,
        verbatim_doc_comment)]
    pub isolation: Isolation,
    /// Compare each instance that was put back with a fresh one, byte for byte; warn of a difference
    #[arg(long)]
    pub verify_isolation: bool,
    /// Largest number of rows handed to a worker at a time [default: about 2 ms of work]
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroUsize>, allow_negative_numbers = true)]
    pub chunksize: Option<NonZeroUsize>,
    /// Fence around workers and the compiler; wpool doctor lists its layers
    /// [default: auto]
    ///   auto    All layers that this machine offers
    ///   strict  All layers; exit code 96 if one is missing
    ///   off     None of these layers
    #[arg(long, value_name = "HOW", value_parser = sandbox, default_value = "auto", hide_default_value = true,
        verbatim_doc_comment)]
    pub sandbox: SandboxMode,
    /// Compile the program anew, and cache nothing
    #[arg(long)]
    pub no_cache: bool,
}

pub(super) fn sandbox(text: &str) -> Result<SandboxMode, String> {
    match text {
        "strict" => Ok(SandboxMode::Strict),
        "auto" => Ok(SandboxMode::Auto),
        "off" => Ok(SandboxMode::Off),
        _ => Err("expected strict, auto or off".to_owned()),
    }
}

/// How tasks are isolated, such as `reuse=7`.
pub fn isolation(text: &str) -> Result<Isolation, String> {
    let wrong = || "expected auto, reset, fresh, reuse, reuse=N with an N of 1 or more, or reuse=checked".to_owned();
    match text.split_once('=') {
        None if text == "auto" => Ok(Isolation::Auto),
        None if text == "reset" => Ok(Isolation::Reset),
        None if text == "fresh" => Ok(Isolation::Fresh),
        None if text == "reuse" => Ok(Isolation::Reuse(None)),
        Some(("reuse", "checked")) => Ok(Isolation::Checked),
        Some(("reuse", tasks)) => tasks.parse().map(|tasks| Isolation::Reuse(Some(tasks))).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}
