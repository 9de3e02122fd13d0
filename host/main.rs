//! The `wpool` command: a child of a pool, or the command line.

mod build;
mod cli;
#[expect(dead_code, reason = "the command line comes next")]
mod journal;

use std::process::ExitCode;

fn main() -> ExitCode {
    wpool::worker::enter();
    cli::main()
}
