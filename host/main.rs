//! The `wpool` command: a child of a pool, or the command line.

mod build;
#[cfg(test)]
mod cases;
mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    wpool::worker::enter();
    cli::main()
}
