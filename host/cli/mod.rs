//! The command line: what was typed, what it means, doing it, and what people see. It uses the library's public names
//! and is the only part that prints or knows exit codes.

mod args;
mod balance;
mod commands;
mod compare;
mod config;
mod descriptor;
mod dirs;
mod errors;
mod exit;
mod frames;
mod groups;
mod guard;
mod guarded;
mod journal;
mod lines;
mod options;
mod plan;
mod policy;
mod print;
mod program;
mod projects;
mod records;
mod report;
mod reports;
mod rows;
mod run;
mod runtime;
mod scripts;
mod shape;
mod shard;
mod shell;
mod stdout;
mod streams;
mod table;
mod target;
mod tell;
mod terminal;
mod texts;
mod trial;
mod units;
mod within;

use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use wpool::inert;

use args::{Action, Args};
use config::{Failure, Parsed};
use exit::Exit;
use print::{print_bytes, print_clap};
use terminal::say;

/// Parses the arguments, does what they say, and gives the exit code.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        if guarded::is_guarded() {
            return;
        }
        terminal::say_at_once(format_args!("internal error: {panic}"));
        std::process::exit(Exit::Internal.into());
    }));
    let words: Vec<_> = std::env::args_os().collect();
    let Parsed { args, sources } = match config::parse(&words) {
        Ok(parsed) => parsed,
        Err(Failure::Clap(error)) => {
            let exit = Exit::of_clap(&error);
            return print_clap(&advised(readable(error))).unwrap_or(exit).into();
        }
        Err(Failure::Other(error)) => return fail(&error).into(),
    };
    policy::begin(args.action.policies());
    if let (Some(sources), Action::Run(run)) = (&sources, &args.action)
        && run.messages.verbose
    {
        say(format_args!("options come from {sources}"));
    }
    let exit = act(args.action).unwrap_or_else(|error| {
        let exit = fail(&error);
        if let Some(sources) = sources.filter(|_| exit == Exit::Usage) {
            say(format_args!(
                "options of this run come from {sources}; `wpool config show` prints each with its origin, and --no-config \
                 leaves the files out"
            ));
        }
        exit
    });
    exit.into()
}

/// Says what went wrong.
fn fail(error: &anyhow::Error) -> Exit {
    say(format_args!("{}", options::in_words(error)));
    Exit::of_error(error)
}

/// Does what was typed.
fn act(action: Action) -> anyhow::Result<Exit> {
    match action {
        Action::Run(run) => run::typed(*run),
        Action::Runs(action) => commands::runs::runs(&action),
        Action::Rerun(rerun) => commands::runs::rerun(&rerun),
        Action::Replay(replay) => commands::replay::replay(&replay),
        Action::Report(report) => commands::report::report(&report),
        Action::Plan(engines) => commands::engines::plan(&engines),
        Action::Diff(diff) => commands::diff::diff(&diff),
        Action::Reduce(reduce) => commands::reduce::reduce(&reduce),
        Action::Merge(merge) => commands::merge::merge(&merge),
        Action::Judge(judge) => commands::judge::judge(*judge),
        Action::Inspect(inspect) => commands::inspect::inspect(&inspect),
        Action::Schema(schema) => commands::inspect::schema(&schema),
        Action::Check(check) => commands::check::check(*check),
        Action::Bench(bench) => commands::bench::bench(*bench),
        Action::Serve(_) => commands::serve::serve(),
        Action::New(args) => commands::new::new(&args),
        Action::Build(args) => commands::build::build(&args),
        Action::Config(action) => commands::config::config(&action),
        Action::Runtime(action) => commands::runtime::runtime(&action),
        Action::Doctor(args) => commands::doctor::doctor(&args),
        Action::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "wpool", &mut script);
            Ok(print_bytes(&script))
        }
        Action::Man => man().map(|page| print_bytes(&page)),
    }
}

fn man() -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for sub in command.get_subcommands() {
        clap_mangen::Man::new(sub.clone()).render(&mut page)?;
    }
    Ok(page)
}

/// Says what to type instead of an argument that looks like an option. The tip of clap is about `--` alone, behind which
/// stand arguments of the program here.
fn advised(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidSubcommand) {
        let is_first = std::env::args_os().nth(1).is_some_and(|first| first.to_str() == Some(unknown));
        // A file of a program, or a task of a configuration file.
        if is_first && unknown.contains(['.', '/', '@']) {
            let tip = format!("a program is run by `wpool run {} …`", shell::path(&inert::text(unknown)));
            error.remove(ContextKind::SuggestedSubcommand);
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        }
        return error;
    }
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else { return error };
    if error.kind() != ErrorKind::UnknownArgument || error.get(ContextKind::SuggestedArg).is_some() {
        return error;
    }
    let shown = |argument: std::ffi::OsString| inert::text(&argument.to_string_lossy()).into_owned();
    let typed: Vec<_> = std::env::args_os().skip(1).map(shown).collect();
    // Only the first unknown letter behind a single dash is named.
    let whole = typed.iter().find(|argument| argument.starts_with(unknown)).unwrap_or(unknown).clone();
    let mut tips = vec![format!("a file of this name is given as {}", shell::path(&whole))];
    if typed.first().is_some_and(|action| ["run", "bench"].contains(&action.as_str())) {
        tips.push(format!("arguments of the program stand after all others, behind --, as in `-- {whole}`"));
    }
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips.into_iter().map(StyledStr::from).collect()));
    error
}

/// The fault of the arguments, which it quotes as they were typed: a shell may have made them of names of files.
fn readable(error: clap::Error) -> clap::Error {
    let typed: Vec<_> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if !error.use_stderr() || !typed.iter().flat_map(|argument| argument.chars()).any(inert::is_active) {
        return error;
    }
    let shown = typed.iter().map(|argument| inert::text(argument).into_owned());
    let unreadable = || Args::command().error(error.kind(), "an argument holds characters that cannot be shown");
    Args::try_parse_from(shown).err().unwrap_or_else(unreadable)
}
