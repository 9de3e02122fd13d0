//! What can be typed after `wpool run`.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, ValueHint};

use wpool::{Interrupt, Isolation, SandboxMode};

use crate::cli::args::{Journal, Messages, Stopping};
use crate::cli::units::{at_least_one, size, time};

pub(super) const RUN_HELP: &str = "\
Each row is one task, run in a fresh instance of the program. Each gives one line of JSON, in
input order:
  {\"id\":0,\"status\":\"ok\",\"output\":385}
  {\"id\":3,\"status\":\"timeout\",\"error\":{\"code\":\"timeout\",\"message\":\"ran longer than 1s\"}}

A row is a line of JSON; blank lines are no rows. The program gets it as it is written, by the
first of these that fits:
  task      a component's run: func(input: list<u8>) -> result<list<u8>, string>
  function  any other function of a component, chosen with --call when there are several: the row is
            an object by parameter names, an array by position, or a single parameter's value
  command   a WASI command: the row on standard input, the output from standard output
  raw       a core module's run(ptr, len) -> ptr << 32 | len

Arguments after -- are for commands: {} is the row and {.field} a member of it; a literal {} is
written {{}}. With --files, {} is the file's path, and {name}, {stem}, {ext} and {dir} are parts of it.

Exit codes: 0 all ok, 2 usage, 4 no inputs, 70 internal error, 96 set-up failed, 100 some task not
ok, 101 program refused, 102 input refused, 103 stopped by --halt or --max-fail, 106 journal unreadable,
110 cannot write output, 124 stopped by --deadline, 130 interrupted, 143 terminated. A success that --halt
waits for is 0.

Ctrl-C lets running tasks finish; a second one kills them. Ctrl-Z stops workers and their deadlines,
too. SIGUSR1 has the running tasks printed.";

#[derive(Debug, clap::Args)]
pub struct Run {
    #[command(flatten)]
    pub source: Rows,
    /// Run once, without input
    #[arg(short = 'n', long, conflicts_with_all = ["inputs", "lines", "files"], help_heading = "Input")]
    pub once: bool,
    /// Refuse the whole run when a row is not JSON or does not fit, before the first task
    #[arg(long, conflicts_with_all = ["lines", "once", "files"], help_heading = "Input")]
    pub strict_input: bool,

    #[command(flatten)]
    pub initializer: Initializer,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub journal: Journal,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub determinism: Determinism,
    #[command(flatten)]
    pub grants: Grants,
    #[command(flatten)]
    pub state: State,
    #[command(flatten)]
    pub pool: Pool,
    #[command(flatten)]
    pub stopping: Stopping,
    #[command(flatten)]
    pub messages: Messages,
}

/// What is run, and on what.
#[derive(Debug, clap::Args)]
pub struct Rows {
    /// The program: a component, a core module, WebAssembly text, or a folder to build first
    #[arg(value_hint = ValueHint::AnyPath)]
    pub task: PathBuf,
    /// Files of rows; - or none is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub inputs: Vec<PathBuf>,
    /// Arguments for a command
    #[arg(last = true)]
    pub args: Vec<String>,

    /// Rows are lines of any text, not JSON
    #[arg(long, help_heading = "Input")]
    pub lines: bool,
    /// Each file that matches is a row: its content is the input and its path is {}; repeatable
    #[arg(long, value_name = "GLOB", conflicts_with_all = ["inputs", "lines"], help_heading = "Input")]
    pub files: Vec<String>,
    /// Standard input of a command, made from the row, or none [default: the row]
    #[arg(long, value_name = "TEMPLATE", help_heading = "Input")]
    pub stdin: Option<String>,
    /// Call this function of a component, as FUNCTION or INTERFACE.FUNCTION
    #[arg(long, value_name = "FUNCTION", help_heading = "Input")]
    pub call: Option<String>,
}

/// Which records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    /// Those that are ok
    Ok,
    /// Those that are not ok
    Failed,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Preparation")]
pub struct Initializer {
    /// Argument of the program's init, as JSON or as @FILE, whose bytes it gets
    #[arg(long, value_name = "JSON|@FILE")]
    pub init_arg: Option<String>,
    /// Wall time of init [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "init_each", allow_negative_numbers = true)]
    pub init_timeout: Option<Duration>,
    /// Run init in each instance, before its task, instead of once for all
    #[arg(long)]
    pub init_each: bool,
}

/// What outputs are taken for.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum OutputType {
    /// What their bytes say
    Auto,
    /// JSON values
    Json,
    /// Text, always as JSON strings
    Text,
    /// Bytes, always as base64
    Base64,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output", group = ArgGroup::new("written").args(["output", "out_dir", "state_out"]).multiple(true))]
pub struct Output {
    /// Write records to FILE instead of standard output, which is -
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Write each output that is ok to a file of its own in DIR; its record names the file
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out_dir: Option<PathBuf>,
    /// Names of these files, made from the row; {id} is its position [default: {name} with --files, else {id}]
    #[arg(long, value_name = "TEMPLATE", requires = "out_dir")]
    pub out_name: Option<String>,
    /// Replace files that exist
    #[arg(long, requires = "written")]
    pub overwrite: bool,
    /// What outputs are; one that is not has failed
    #[arg(long, value_name = "TYPE", default_value = "auto")]
    pub output_type: OutputType,
    /// Exit codes of a command that count as ok
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "0",
        value_parser = clap::value_parser!(i32).range(0..=255), allow_negative_numbers = true)]
    pub success_codes: Vec<i32>,
    /// Give results as they come, not in input order
    #[arg(long)]
    pub unordered: bool,
    /// Print bare outputs, one a line, null for a failure; failures go to standard error
    #[arg(long, conflicts_with = "receipts")]
    pub values: bool,
    /// Add to each record how the task went: layer, attempts, worker, times, memory, bytes
    #[arg(long)]
    pub receipts: bool,
    /// Keep the rows whose records are not ok in FILE, as they were, ready to run again; with --files,
    /// their paths
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub failed: Option<PathBuf>,
    /// Write only these records; all are counted
    #[arg(long, value_name = "WHICH")]
    pub only: Option<Only>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits of a task")]
pub struct Limits {
    /// Wall time of a task, such as 1.5s [default: none]
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true)]
    pub timeout: Option<Duration>,
    /// What stops a task at its timeout. epoch: checks in the program's code, which keep the worker; right when timeouts
    /// happen often or tasks are short. kill: a kill of its worker within some 10 ms (later where wpool itself waits for
    /// a processor), and another worker; right when tight loops matter, which run up to 3.7 times faster without checks
    /// (1.26 times in the mean), and timeouts are rare and of 30ms at least. A kill may cut off a write to a directory
    #[arg(long, value_name = "HOW", value_parser = interrupt, default_value = "epoch", requires = "timeout")]
    pub interrupt: Interrupt,
    /// Work of a task, in units of which most instructions take one [default: no limit, or 10000000000 with
    /// --deterministic]
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroU64>, allow_negative_numbers = true)]
    pub fuel: Option<NonZeroU64>,
    /// Memory of a task
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "512MiB")]
    pub memory: u64,
    /// Output of a task
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "16MiB")]
    pub max_output: u64,
    /// CPU time for compiling the program
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "120s")]
    pub compile_timeout: Duration,
    /// Memory for compiling the program
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "4GiB")]
    pub compile_memory: u64,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Determinism")]
pub struct Determinism {
    /// The same outputs every time: random numbers from a seed and the row, clocks of the task's own, fuel
    /// instead of time
    #[arg(long, conflicts_with_all = ["timeout", "interrupt", "state", "state_in", "state_out"])]
    pub deterministic: bool,
    /// The seed [default: 0]
    #[arg(long, value_name = "N", requires = "deterministic", allow_negative_numbers = true)]
    pub seed: Option<u64>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Grants")]
pub struct Grants {
    /// Let the program use a directory: HOST[::GUEST][:ro|:rw], read-only unless :rw
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Vec<String>,
    /// Give the program an environment variable; without a value, the caller's
    #[arg(long, value_name = "K[=V]")]
    pub env: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shared state")]
pub struct State {
    /// Let tasks share state: wasi:keyvalue of a component is one store for the whole run
    #[arg(long)]
    pub state: bool,
    /// Begin with the keys and values of FILE, a JSON object; implies --state
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub state_in: Option<PathBuf>,
    /// Write the keys and values to FILE at the end, whatever became of the tasks; implies --state
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub state_out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Pool")]
pub struct Pool {
    /// Worker processes [default: the cores that affinity and cgroup quota allow]
    #[arg(short, long, value_name = "N", value_parser = at_least_one::<NonZeroUsize>, allow_negative_numbers = true)]
    pub jobs: Option<NonZeroUsize>,
    /// Instances: fresh for each task; put back after each task to what a fresh one is (reset), or that where it is
    /// proven to be the same (auto); kept as tasks leave them, without end or for up to N (reuse, reuse=N), or
    /// with a sample of the tasks compared to fresh ones (reuse=checked)
    #[arg(long, value_name = "HOW", value_parser = isolation, default_value = "auto")]
    pub isolation: Isolation,
    /// Compare each instance that was put back with a fresh one, byte for byte, and warn of a difference
    #[arg(long)]
    pub verify_isolation: bool,
    /// Most rows handed to a worker at a time [default: about 2 ms of work]
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroUsize>, allow_negative_numbers = true)]
    pub chunksize: Option<NonZeroUsize>,
    /// The fence around workers and the compiler: all layers that this machine offers; all there are, or none of the
    /// run (strict, exit 96); or none (off). `wpool doctor` lists them
    #[arg(long, value_name = "HOW", value_parser = sandbox, default_value = "auto")]
    pub sandbox: SandboxMode,
    /// Compile anew, and keep nothing
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

fn interrupt(text: &str) -> Result<Interrupt, String> {
    match text {
        "epoch" => Ok(Interrupt::Epoch),
        "kill" => Ok(Interrupt::Kill),
        _ => Err("expected epoch or kill".to_owned()),
    }
}

fn isolation(text: &str) -> Result<Isolation, String> {
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
