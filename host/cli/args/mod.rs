//! The command line.

mod bench;
mod beside;
mod check;
mod choices;
mod config;
mod diff;
mod engines;
mod expecting;
mod formats;
pub mod halt;
mod journal;
mod judge;
mod merge;
mod messages;
mod order;
mod plain;
mod policies;
mod reduce;
mod reports;
mod run;
mod runs;
mod shards;
mod stopping;
mod task;
mod verify;

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::PossibleValuesParser;
use clap::builder::styling::Styles;
use clap::{Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use wpool::BUILD;
use wpool::worker::ENGINE_VERSION;

use crate::cli::projects::LANGUAGES;
use crate::cli::scripts::SCRIPT_LANGUAGES;
pub use bench::*;
pub use beside::*;
pub use check::*;
pub use config::*;
pub use diff::*;
pub use engines::*;
pub use expecting::*;
pub use formats::*;
pub use journal::*;
pub use judge::*;
pub use merge::*;
pub use messages::*;
pub use order::*;
pub use plain::plain;
pub use policies::*;
pub use reduce::*;
pub use reports::*;
pub use run::*;
pub use runs::*;
pub use shards::*;
pub use stopping::*;
pub use task::*;
pub use verify::*;

/// Map an untrusted WebAssembly program over rows of input, on every core.
#[derive(Debug, Parser)]
#[command(name = "wpool", version, long_version = LONG_VERSION.as_str(), max_term_width = 100, styles = Styles::plain())]
pub struct Args {
    #[command(subcommand)]
    pub action: Action,
}

#[derive(Debug, Subcommand)]
pub enum Action {
    /// Run a program over rows of input
    #[command(after_help = run::RUN_HELP)]
    Run(Box<Run>),
    /// List, show, export and prune kept runs
    #[command(subcommand)]
    Runs(Runs),
    /// Run the rows of a kept run again whose records are not ok, and replace these records
    Rerun(Rerun),
    /// Run one task of a kept run again, and print all about it
    #[command(after_help = "Exit codes: 0 the task is ok, 100 the task is not ok, 2 there is no such run or row.")]
    Replay(Replay),
    /// Make reports of a kept run, also of one that was killed
    Report(Report),
    /// Merge the records of shards into the file that one run would have written
    #[command(after_help = merge::MERGE_HELP)]
    Merge(Merge),
    /// Compare the records of two runs, row by row
    #[command(after_help = diff::DIFF_HELP)]
    Diff(Diff),
    /// Make one value of all outputs of a file of records, in the same order for any number of workers and shards
    #[command(after_help = reduce::REDUCE_HELP)]
    Reduce(Reduce),
    /// Print a script or a manifest that runs shards on an engine, and merges them
    Plan(Engines),
    /// Run many programs over the same tests, compare their outputs, and give each program a verdict
    #[command(after_help = judge::JUDGE_HELP)]
    Judge(Box<Judge>),
    /// Report what a program is, what it imports, and how it would be called
    Inspect(Inspect),
    /// Print the JSON Schema of a program's rows and outputs
    Schema(Schema),
    /// Check rows against the types that a program takes, without running it, or learn what it needs
    #[command(after_help = check::CHECK_HELP, mut_args(check::only_with_learn))]
    Check(Box<Check>),
    /// Measure how fast a program's tasks are and where their time goes, and advise on it
    #[command(after_help = bench::BENCH_HELP)]
    Bench(Box<Bench>),
    /// Run tasks for another program, which speaks binary frames on the standard streams
    #[command(after_help = SERVE_HELP)]
    Serve(Serve),
    /// Write a project to start from, in one of ten languages
    New(New),
    /// Build a program with its language's own tools
    Build(Build),
    /// Show the options that configuration files and variables give a run
    #[command(subcommand)]
    Config(Config),
    /// Make, list and remove the runtimes of scripts
    #[command(subcommand)]
    Runtime(Runtime),
    /// Report which languages can be built here, and what this machine offers
    Doctor(Doctor),
    /// Print a completion script for a shell
    Completions { shell: Shell },
    /// Print the manual page, in roff
    Man,
}

const SERVE_HELP: &str = "\
The frames stand in docs/design/serve.md. The Python package wasmpool is such a program.
Exit codes: 0 ended by the client, 2 wrong settings or frames, 96 set-up failed, 101 program refused,
130 interrupted, 143 terminated.";

#[derive(Debug, clap::Args)]
pub struct Serve {
    #[command(flatten)]
    pub policies: Policies,
}

impl Action {
    /// The policies that were typed for this command itself. A run reads its own when it is planned, since a run that is kept
    /// has them, too.
    pub fn policies(&self) -> &[PathBuf] {
        match self {
            Action::Rerun(Rerun { policies, .. })
            | Action::Replay(Replay { policies, .. })
            | Action::Reduce(Reduce { policies, .. })
            | Action::Serve(Serve { policies }) => &policies.policy,
            _ => &[],
        }
    }
}

/// The function that would be called.
#[derive(Debug, clap::Args)]
pub struct Called {
    /// Function that is called, as for run
    #[arg(long, value_name = "FUNCTION")]
    pub call: Option<String>,
    /// Allocator of a raw function, as for run
    #[arg(long, value_name = "FUNCTION")]
    pub alloc: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// The program: a component, a core module, WebAssembly text, or a folder to build first
    #[arg(value_hint = ValueHint::AnyPath)]
    pub task: PathBuf,
    #[command(flatten)]
    pub called: Called,
    /// Print the report as JSON; of a script also the insides of its runtime
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Schema {
    /// The program: a component, a core module, WebAssembly text, or a folder to build first
    #[arg(value_hint = ValueHint::AnyPath)]
    pub task: PathBuf,
    #[command(flatten)]
    pub called: Called,
}

#[derive(Debug, clap::Args)]
pub struct New {
    /// Language of the project
    #[arg(short, long, value_parser = PossibleValuesParser::new(LANGUAGES.iter().map(|language| language.name)))]
    pub lang: String,
    /// Folder of the project, which does not exist yet or is empty
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct Build {
    /// Folder of the project, or one source file
    #[arg(value_hint = ValueHint::AnyPath, default_value = ".")]
    pub path: PathBuf,
    /// Write the program to OUT [default: task.wasm in the folder, or the source file with the extension .wasm]
    #[arg(short, long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Runtime {
    /// Make the runtime of each language whose tools are here, anew if it exists
    Build {
        /// Make only these
        #[arg(value_parser = PossibleValuesParser::new(SCRIPT_LANGUAGES.iter().map(|language| language.name)))]
        languages: Vec<String>,
    },
    /// List the runtimes, those that were used last first
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Remove runtimes that this wpool does not use with the tools that are here
    Prune {
        /// Remove all of them
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
    /// Print the system calls that each child of a run has, and what for
    #[arg(long)]
    pub fence: bool,
}

/// What `--version` prints behind the name; `-V` prints the first line alone.
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    format!("{}\nengine: wasmtime {ENGINE_VERSION}\nworkers: build {BUILD}", env!("CARGO_PKG_VERSION"))
});

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use clap::{Command, CommandFactory, FromArgMatches};
    use proptest::prelude::*;

    use super::*;

    thread_local! {
        /// Made only once, because this is most of the work of parsing.
        static COMMAND: RefCell<Command> = RefCell::new(Args::command());
    }

    const VALUES: &[&str] = &[
        "task.wasm",
        "-",
        "--",
        "-j",
        "0",
        "-1",
        "1e9",
        "64KiB",
        "1.5s",
        "reuse=0",
        "now,fail=1",
        "exit=1",
        "a=b",
        "{}",
        "",
    ];

    /// Known options, values that some of them take, and arbitrary text.
    fn argument() -> impl Strategy<Value = OsString> {
        let known = Args::command();
        let of_run = known.find_subcommand("run").expect("it is there");
        let options: Vec<String> =
            of_run.get_arguments().filter_map(|one| Some(format!("--{}", one.get_long()?))).collect();
        let known = prop::sample::select(options);
        prop_oneof![
            4 => known.clone().prop_map(OsString::from),
            4 => prop::sample::select(VALUES).prop_map(OsString::from),
            1 => (known, "=?\\PC{0,4}").prop_map(|(option, rest)| OsString::from(option + &rest)),
            1 => prop::collection::vec(any::<u8>(), 0..6).prop_map(OsString::from_vec),
        ]
    }

    #[test]
    fn a_default_that_stands_in_a_help_text_is_the_default() {
        let mut seen = 0;
        for command in Args::command().get_subcommands() {
            for option in command.get_arguments().filter(|option| option.is_hide_default_value_set()) {
                let help = option.get_help().expect("a text").to_string();
                let value = option.get_default_values()[0].to_str().expect("UTF-8");
                assert!(help.contains(&format!("[default: {value}]")), "{help}");
                seen += 1;
            }
        }
        assert!(seen > 4, "only {seen} were found");
    }

    /// An option takes one or two lines, and each of its values one more.
    #[test]
    fn help_fits_its_options_in_few_lines() {
        let typed = Args::command().term_width(100).try_get_matches_from(["wpool", "run", "--help"]);
        let help = typed.expect_err("the help is shown instead").to_string();
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        let (options, _) = help.split_once("Each row is").expect("what follows the options");
        let (_, options) = options.split_once("Options:").expect("the options");
        let is_head = |line: &str| line.trim_start().starts_with('-') && !line.starts_with("         ");
        let is_value = |line: &str| line.trim_start().split_once("  ").is_some_and(|(name, _)| !name.starts_with('-'));
        let mut taken = 0;
        for line in options.lines().filter(|line| line.starts_with(' ')) {
            taken = match line {
                line if is_head(line) => 1,
                line if is_value(line) => 2,
                _ => taken + 1,
            };
            assert!(taken <= 2, "{line}");
        }
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn any_arguments_are_taken_or_refused_with_a_sentence(
            action in prop::sample::select(&["run", "run", "bench", "judge", "inspect", "check", "new", "build", "completions", "x"][..]),
            rest in prop::collection::vec(argument(), 0..5),
        ) {
            let typed = [OsString::from("wpool"), action.into()].into_iter().chain(rest);
            let parsed = COMMAND.with(|command| command.borrow_mut().try_get_matches_from_mut(typed));
            match parsed.and_then(|matches| Args::from_arg_matches(&matches)) {
                Ok(args) => drop(format!("{args:?}")),
                Err(error) => prop_assert!([0, 2].contains(&error.exit_code())),
            }
        }
    }
}
