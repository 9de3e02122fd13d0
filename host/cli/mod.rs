//! The command line: what was typed, what it means, doing it, and what people see. It uses the library's public names
//! and is the only part that prints or knows exit codes.

mod args;
mod bench;
mod build;
mod check;
mod doctor;
mod exit;
mod halt;
mod inspect;
mod journal;
mod kept;
mod new;
mod out_dir;
mod plan;
mod reaper;
mod record;
mod replay;
mod report;
mod rows;
mod run;
mod runs;
mod signals;
mod state;
mod stdout;
mod stopping;
mod stops;
mod summary_file;
mod target;
mod terminal;
mod torn;
mod units;
mod writer;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Action, Args};
use exit::Exit;
use terminal::say;

/// Parses the arguments, does what they say, and gives the exit code.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        terminal::say_at_once(format_args!("internal error: {panic}"));
        std::process::exit(Exit::Internal.into());
    }));
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are no errors and go to stdout; a closed pipe is not worth a word.
            let _ = error.print();
            return Exit::of_clap(&error).into();
        }
    };
    let result = match args.action {
        Action::Run(run) => plan::Plan::new(*run).and_then(|plan| run::run(plan, None)),
        Action::Runs(action) => runs::runs(&action),
        Action::Rerun(rerun) => runs::rerun(&rerun),
        Action::Replay(replay) => replay::replay(&replay),
        Action::Inspect(inspect) => inspect::inspect(&inspect),
        Action::Schema(schema) => inspect::schema(&schema),
        Action::Check(check) => check::check(&check),
        Action::Bench(bench) => bench::bench(*bench),
        Action::New(args) => new::new(&args),
        Action::Build(args) => build::build(&args),
        Action::Doctor(args) => doctor::doctor(&args),
        Action::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "wpool", &mut script);
            Ok(print(&script))
        }
        Action::Man => man().map(|page| print(&page)),
    };
    let exit = result.unwrap_or_else(|error| {
        say(format_args!("{error:#}"));
        Exit::of_error(&error)
    });
    exit.into()
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

/// Prints a text that was asked for. A reader that has seen enough is no error.
fn print(text: &[u8]) -> Exit {
    if stdout::was_closed() {
        say(format_args!("{:#}", anyhow::Error::from(stdout::closed())));
        return Exit::Output;
    }
    let mut stdout = std::io::stdout().lock();
    printed(stdout.write_all(text).and_then(|()| stdout.flush()))
}

/// A stranger's text without what a terminal would act on.
fn printable(text: &str) -> String {
    let plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
    text.chars().map(|c| if plain(c) { c.to_string() } else { c.escape_default().to_string() }).collect()
}

/// The exit for how printing to standard output went.
fn printed(result: std::io::Result<()>) -> Exit {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say(format_args!("cannot write standard output: {error}"));
            Exit::Output
        }
        _ => Exit::Ok,
    }
}
