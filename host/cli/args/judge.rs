//! Options of `wpool judge`.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueHint;

use crate::cli::args::{
    Determinism, Expecting, Grants, InputFormat, Limits, Output, Pool, Rows, Run, TaskOptions, member, plain,
};

pub(super) const JUDGE_HELP: &str = "\
Each program runs each test, with the same limits and the same number of workers, one program after
the other. A record is that of `wpool run`, with `program` behind the id:
  {\"id\":0,\"program\":\"a.wasm\",\"status\":\"ok\",\"output\":4}
  {\"id\":1,\"program\":\"a.wasm\",\"status\":\"failed\",\"output\":5,\"error\":{\"code\":\"wrong-output\",\"message\":\"…\"}}

A verdict is that of the first test that is not accepted: wrong-output, time-limit, memory-limit,
output-limit, runtime-error, bad-test, not-run; or refused, where the program cannot be run at all.

Exit codes: 0 all accepted, 2 usage, 4 no tests or no programs, 96 set-up failed, 100 some test not
accepted, 102 input refused, 110 cannot write output, 130 interrupted, 143 terminated.";

#[derive(Debug, clap::Args)]
pub struct Judge {
    /// The programs: a folder of them, or a file that lists them, a path a line
    #[arg(value_hint = ValueHint::AnyPath)]
    pub programs: PathBuf,
    /// Files of tests, each row a test; - or none is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub inputs: Vec<PathBuf>,
    /// Arguments of the programs
    #[arg(last = true)]
    pub args: Vec<String>,

    /// Give a test only to the program with this name, made from the row [default: give it to each program]
    #[arg(long, value_name = "TEMPLATE", help_heading = "Input")]
    pub task_from: Option<String>,
    #[command(flatten)]
    pub format: InputFormat,
    /// Make the standard input of a program from the row, as in '{.input}'; none leaves it empty [default: the row]
    #[arg(long, value_name = "TEMPLATE", help_heading = "Input")]
    pub stdin: Option<String>,
    /// Call this function of each program
    #[arg(long, value_name = "FUNCTION", help_heading = "Input")]
    pub call: Option<String>,

    #[command(flatten)]
    pub judged: Judged,
    #[command(flatten)]
    pub expecting: Expecting,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub same: Same,
    #[command(flatten)]
    pub grants: Grants,
    #[command(flatten)]
    pub pool: Pool,

    /// Print no warnings and no table
    #[arg(short, long, help_heading = "Messages")]
    pub quiet: bool,
}

/// Where records and verdicts go.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct Judged {
    /// Write records to FILE, without a journal [default: standard output, which is -]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Replace an existing file of -o
    #[arg(long, requires = "output")]
    pub overwrite: bool,
    /// Write the verdicts to FILE, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub summary_json: Option<PathBuf>,
    /// Add to each record how its task went: layer, attempts, worker, times, memory, bytes
    #[arg(long)]
    pub receipts: bool,
    /// Add to each record its row, as `input`
    #[arg(long)]
    pub with_input: bool,
    /// Add to each record a member of its row, as `key`
    #[arg(long, value_name = ".NAME", value_parser = member)]
    pub key: Option<String>,
    /// Exit codes that count as ok
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "0",
        value_parser = clap::value_parser!(i32).range(0..=255), allow_negative_numbers = true)]
    pub success_codes: Vec<i32>,
}

/// As [`Determinism`], where there is no shared state that it could conflict with.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Determinism")]
pub struct Same {
    /// Give the same verdicts on every machine: random numbers from a seed and the row, clocks of the task's own,
    /// fuel instead of time
    #[arg(long, conflicts_with_all = ["timeout", "cpu_time", "interrupt"])]
    pub deterministic: bool,
    /// Seed of the random numbers [default: 0]
    #[arg(long, value_name = "N", requires = "deterministic", allow_negative_numbers = true)]
    pub seed: Option<u64>,
}

impl Judge {
    /// The run of each program. Its program is the folder, or the list.
    pub fn run(self) -> Result<Run> {
        let run = plain()?;
        let Judged { output, overwrite, summary_json, receipts, with_input, key, success_codes } = self.judged;
        let (task, inputs, args) = (self.programs, self.inputs, self.args);
        let (format, stdin, call) = (self.format, self.stdin, self.call);
        let mut messages = run.messages;
        (messages.quiet, messages.summary_json) = (self.quiet, summary_json);
        let mut journal = run.journal;
        journal.no_journal = true;
        Ok(Run {
            source: Rows { task, inputs, args, format, stdin, call, ..run.source },
            output: Output { output, overwrite, receipts, with_input, key, success_codes, ..run.output },
            expecting: self.expecting,
            tasks: TaskOptions {
                limits: self.limits,
                determinism: Determinism { deterministic: self.same.deterministic, seed: self.same.seed },
                grants: self.grants,
                ..run.tasks
            },
            pool: self.pool,
            journal,
            messages,
            ..run
        })
    }
}
