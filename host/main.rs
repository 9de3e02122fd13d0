//! The `wpool` command: a child of a pool, or the command line.

mod build;
mod cli;
mod journal;

use std::process::ExitCode;

fn main() -> ExitCode {
    wpool::worker::enter();
    cli::main()
}
